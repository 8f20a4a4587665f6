"""Sentences of the docs are short, and the README takes two minutes to read."""

from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tools import sentences
from tools.sentences import (
    Sentence,
    count_hand_written_words,
    find_long_sentences,
    read_docstring_sentences,
    read_page_sentences,
    split_markdown,
    split_sentences,
)

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_sentence_has_more_than_30_words(page):
    found = read_page_sentences(page)
    assert found
    assert not find_long_sentences(found)


def test_readme_has_at_most_700_hand_written_words():
    assert 300 < count_hand_written_words(ROOT / "README.md") <= 700


def test_a_sentence_of_31_words_is_found():
    of_length = [Sentence(Path("page.md"), 1, "word " * n) for n in (30, 31)]
    assert find_long_sentences(of_length) == of_length[1:]


@pytest.mark.parametrize(
    ("paragraph", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("By Y. LeCun and C. J. C. Burges. Next", ["By Y. LeCun and C. J. C. Burges.", "Next"]),
        ("Python 3.11, e.g. here.", ["Python 3.11, e.g. here."]),
        ('He said "yes." Then (so it is.) he left.', ["He said", "Then", "he left."]),
    ],
)
def test_sentences_end_at_full_stops(paragraph, expected):
    found = split_sentences(paragraph)
    assert len(found) == len(expected)
    for sentence, beginning in zip(found, expected, strict=True):
        assert sentence.startswith(beginning.split(".")[0])


PAGE = """# A heading does not count

One paragraph
on two lines. `dvc repro --dry`, [a link](there.md) count.

| a | table |
|---|---|
| does | not |

<!-- numbers -->
Generated text does not.
<!-- /numbers -->

```sh
nor does code
```

* An item - counts
"""


def test_paragraphs_and_lists_count_with_their_lines(tmp_path):
    (tmp_path / "page.md").write_text(PAGE)
    found = [(item.line, item.text) for item in read_page_sentences(tmp_path / "page.md")]
    assert found == [
        (3, "One paragraph on two lines."),
        (3, "dvc_repro_--dry, a link count."),
        (18, "An item - counts"),
    ]
    assert [item.count_words() for item in read_page_sentences(tmp_path / "page.md")] == [5, 4, 3]
    assert count_hand_written_words(tmp_path / "page.md") == len(PAGE.split()) - 10


def test_docstrings_of_modules_classes_and_functions_are_read(tmp_path):
    (tmp_path / "module.py").write_text(
        '"""Module.\n\n    an = example\n"""\nclass A:\n    """Class."""\n    def f(self):\n'
        '        """Function. Twice."""\n'
    )
    found = [item.text for item in read_docstring_sentences(tmp_path)]
    assert found == ["Module.", "Class.", "Function.", "Twice."]


def test_main_prints_lengths_and_long_sentences(tmp_path, monkeypatch, capsys):
    (tmp_path / "digits").mkdir()
    (tmp_path / "docs").mkdir()
    (tmp_path / "digits/module.py").write_text('"""Two words."""\n')
    (tmp_path / "docs/page.md").write_text("word " * 40)
    (tmp_path / "README.md").write_text("One two three.\n")
    monkeypatch.chdir(tmp_path)
    sentences.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        "README.md: 1 sentences, median 3 words, 95 % up to 3",
        "docs/: 1 sentences, median 40 words, 95 % up to 40",
        "docstrings of digits/: 1 sentences, median 2 words, 95 % up to 2",
        "hand-written words of README.md: 3",
    ]
    assert lines[4].startswith("docs/page.md:1: 40 words: word")


def test_text_outside_paragraphs_has_no_sentence():
    assert not list(split_markdown("# Heading\n\n    code\n\n![image](a.png)\n"))
