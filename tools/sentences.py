"""How long the sentences of the docs are, in words.

python -m tools.sentences

Prints the median and the 95th percentile for README.md, docs/ and the docstrings of digits/. Then
lists the sentences of README.md and docs/ above 30 words. Code blocks, tables, headings and
generated parts do not count. Inline code is one word.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from markdown_it import MarkdownIt
from markdown_it.token import Token

from digits.errors import one_line_errors
from tools.markdown import hide_generated, read_text

MAX_WORDS = 30
# A full stop ends a sentence, except after an initial or an abbreviation.
SENTENCE_END = re.compile(r"(?<!\b[A-Z]\.)(?<!\be\.g\.)(?<!\bi\.e\.)(?<=[.!?])[”\")]*\s+")
MARKDOWN = MarkdownIt("commonmark").enable("table")


class Sentence(NamedTuple):
    """A sentence, and where its paragraph begins."""

    path: Path
    line: int
    text: str

    def count_words(self) -> int:
        """Return the number of words; signs that stand alone do not count."""
        return len([word for word in self.text.split() if re.search(r"\w", word)])


def main() -> None:
    readme, docs = Path("README.md"), sorted(Path("docs").glob("*.md"))
    pages = [sentence for page in (readme, *docs) for sentence in read_page_sentences(page)]
    print_lengths("README.md", [sentence for sentence in pages if sentence.path == readme])
    print_lengths("docs/", [sentence for sentence in pages if sentence.path != readme])
    print_lengths("docstrings of digits/", list(read_docstring_sentences(Path("digits"))))
    print(f"hand-written words of README.md: {count_hand_written_words(readme)}")
    for sentence in find_long_sentences(pages):
        print(f"{sentence.path}:{sentence.line}: {sentence.count_words()} words: {sentence.text}")


def print_lengths(title: str, sentences: list[Sentence]) -> None:
    """Print the number of sentences, and the median and 95th percentile of their words."""
    if not sentences:
        print(f"{title}: no sentences")
        return
    lengths = [sentence.count_words() for sentence in sentences]
    median, high = np.percentile(lengths, [50, 95])
    print(f"{title}: {len(lengths)} sentences, median {median:.0f} words, 95 % up to {high:.0f}")


def find_long_sentences(sentences: list[Sentence]) -> list[Sentence]:
    """Return the sentences above MAX_WORDS."""
    return [sentence for sentence in sentences if sentence.count_words() > MAX_WORDS]


def count_hand_written_words(page: Path) -> int:
    """Return the number of words of a page: all except its generated parts."""
    return len(hide_generated(read_text(page)).split())


def read_page_sentences(page: Path) -> list[Sentence]:
    """Return the sentences of a Markdown page outside its generated parts."""
    text = hide_generated(read_text(page))
    return [Sentence(page, line, sentence) for line, sentence in split_markdown(text)]


def read_docstring_sentences(folder: Path) -> Iterator[Sentence]:
    """Yield the sentences of the docstrings in a folder's modules."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, documented):
                continue
            # The indentation in a module's docstring is that of its code blocks.
            docstring = ast.get_docstring(node, clean=not isinstance(node, ast.Module))
            for _, sentence in split_markdown(docstring or ""):
                yield Sentence(path, getattr(node, "lineno", 1), sentence)


def split_markdown(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line, sentence) for each sentence in the paragraphs and lists of a Markdown text."""
    n_tables = 0
    previous = ""
    for token in MARKDOWN.parse(text):
        n_tables += {"table_open": 1, "table_close": -1}.get(token.type, 0)
        if token.type == "inline" and not n_tables and previous != "heading_open":
            line = token.map[0] + 1 if token.map else 0
            for sentence in split_sentences(plain_text(token.children or [])):
                yield line, sentence
        previous = token.type


def plain_text(tokens: list[Token]) -> str:
    """Return the text of a paragraph; inline code is one word, with _ for its spaces."""
    texts = []
    for token in tokens:
        if token.type == "text":
            texts.append(token.content)
        elif token.type == "code_inline":
            texts.append(token.content.replace(" ", "_"))
        elif token.type in ("softbreak", "hardbreak"):
            texts.append(" ")
    return "".join(texts)


def split_sentences(paragraph: str) -> list[str]:
    """Return the sentences of a paragraph."""
    return [sentence for sentence in SENTENCE_END.split(paragraph.strip()) if sentence]


if __name__ == "__main__":
    with one_line_errors():
        main()
