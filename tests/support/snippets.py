"""The code in README.md, docs/ and CONTRIBUTING.md, as tests run and check it."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt

from tests.support.paths import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PROGRAMS = {
    "dvc", "digits", "docker", "git", "gto", "make", "pip", "pre-commit", "pytest", "python",
    "ssh", "torchrun",
}  # fmt: skip
# NAME, LOW..HIGH, <run> and … stand for something else.
PLACEHOLDER = re.compile(r"\b[A-Z]{3,}\b(?![=_])|[<…]")


class Snippet(NamedTuple):
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def read_snippets() -> list[Snippet]:
    """Return the fenced blocks of all pages."""
    return [
        Snippet(page, token.map[0] + 1 if token.map else 0, token.info, token.content)
        for page in PAGES
        for token in MarkdownIt("commonmark").parse(page.read_text())
        if token.type in ("fence", "code_block")
    ]


def read_commands() -> list[str]:
    """Return the command lines of all shell snippets, without their comments, each once."""
    lines = [
        shlex.join(words)
        for snippet in read_snippets()
        if snippet.language == "sh"
        for line in snippet.code.splitlines()
        if (words := shlex.split(line, comments=True))
    ]
    return list(dict.fromkeys(lines))


def read_inline_commands() -> list[str]:
    """Return the command lines that stand in the text of all pages, each once."""
    found = [code for page in PAGES for code in inline_code(page) if is_command(code)]
    return list(dict.fromkeys(found))


def inline_code(page: Path) -> Iterator[str]:
    """Yield the inline code of a page."""
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text()):
        for child in token.children or []:
            if child.type == "code_inline":
                yield child.content


def is_command(code: str) -> bool:
    """Return whether inline code is a whole command line."""
    program, _, rest = code.partition(" ")
    return program in PROGRAMS and bool(rest) and not PLACEHOLDER.search(code)
