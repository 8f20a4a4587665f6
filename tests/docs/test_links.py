"""Links of README.md, CONTRIBUTING.md, CHANGELOG.md and docs/ lead to files and headings."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.support.paths import ROOT
from tests.support.snippets import PAGES

MARKDOWN = MarkdownIt("commonmark").enable("table")


def tokens(page: Path) -> Iterator[Token]:
    """Yield the tokens inside a page's paragraphs, lists and tables."""
    for token in MARKDOWN.parse(page.read_text()):
        yield from token.children or []


def links(page: Path) -> list[str]:
    """Return the targets of a page's links and images, except addresses on the network."""
    found = [str(token.attrs.get("href") or token.attrs.get("src") or "") for token in tokens(page)]
    return [target for target in found if target and "://" not in target]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    parsed = MARKDOWN.parse(page.read_text())
    headings = [
        inline.content for opening, inline in pairwise(parsed) if opening.type == "heading_open"
    ]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_links_lead_to_files_and_headings_of_the_project(page):
    for target in links(page):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert not path.startswith("/"), target
        assert file.is_relative_to(ROOT), target
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


def test_readme_links_to_every_page():
    found = {(ROOT / target).resolve() for target in links(ROOT / "README.md")}
    assert set(PAGES) - {ROOT / "README.md"} <= found


def test_anchors_are_those_of_github(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Race to 99 %\n\ntext\n\n## `params.yaml`, and what_reruns\n")
    assert anchors(page) == {"race-to-99-", "paramsyaml-and-what_reruns"}
