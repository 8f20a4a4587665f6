"""The report holds all that it shows, and its numbers are those of the metrics."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from digits.reporting.captions import CAPTIONS
from digits.reporting.report import DATA_FILES, on_device, render_report
from digits.training.run import load_run
from tests.support.findings import make_findings
from tests.support.paths import ROOT, SMALL_PARAMS

RUNS = [("torch", "cnn", 9), ("tf", "cnn", 11), ("scratch", "mlp", 6)]


def render(tmp_path, runs=RUNS, **changes) -> str:
    """Return the page of made-up runs; `changes` replace some of the findings."""
    picture = tmp_path / "a.png"
    picture.write_bytes(b"\x89PNG")
    findings = replace(make_findings(runs), **changes)
    return render_report(findings, dict.fromkeys(CAPTIONS, picture))


class Page(HTMLParser):
    """What a page loads, and the texts of its table cells and of its cards, in their order."""

    def __init__(self, page: str):
        super().__init__()
        self.addresses: list[str] = []
        self.cells: list[str] = []
        self.cards: list[str] = []
        self.within: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.addresses += [
            value for name, value in attrs if name in ("src", "href", "action", "srcset", "data")
        ]
        if tag in ("td", "article"):
            self.within.append(tag)
            (self.cells if tag == "td" else self.cards).append("")

    def handle_endtag(self, tag):
        if tag in ("td", "article"):
            self.within.pop()

    def handle_data(self, data):
        if self.within:
            (self.cells if self.within[-1] == "td" else self.cards)[-1] += data


def test_page_loads_nothing_from_elsewhere(tmp_path):
    text = render(tmp_path)
    page = Page(text)
    assert len(page.addresses) > len(CAPTIONS)
    assert all(address.startswith(("data:", "#")) for address in page.addresses)
    assert not re.search(r"https?://|@import|url\(", text)


def test_leaderboard_has_the_measured_numbers_best_first(tmp_path):
    cells = Page(render(tmp_path)).cells
    assert cells[:10] == [
        "tf",
        "cnn",
        "91.67 (81.67 to 101.67)",
        "1",
        "a",
        "0.5000",
        "1.23",
        "12,345",
        "3.2",
        "1,024",
    ]
    assert cells[10:12] == ["torch", "cnn"]


def test_same_architecture_is_compared(tmp_path):
    cells = Page(render(tmp_path)).cells
    place = next(number for number, cell in enumerate(cells) if cell == "torch cnn")
    assert cells[place : place + 7] == [
        "torch cnn",
        "tf cnn",
        "83.33 %",
        "0",
        "2",
        "p = 0.50",
        "no",
    ]


def test_every_mistake_has_truth_and_each_runs_answer(tmp_path):
    cards = [" ".join(card.split()) for card in Page(render(tmp_path)).cards]
    assert len(cards) == 6  # the worst run's six; the other runs' are among them
    assert (
        cards[0]
        == "is c, test image 11 torch cnn a ✗ 86.7 % tf cnn a ✗ 86.7 % scratch mlp a ✗ 86.7 %"
    )
    assert "6 of 12 test images were misclassified by at least one of 3 runs" in render(tmp_path)
    assert any("torch cnn a ✓" in card and "scratch mlp b ✗" in card for card in cards)


def test_thousands_of_mistakes_are_cut_and_said_so(tmp_path, monkeypatch):
    monkeypatch.setattr("digits.reporting.report.N_MISTAKES_SHOWN", 4)
    text = render(tmp_path)
    assert len(Page(text).cards) == 4
    assert "The 4 that most runs misclassified are shown." in text


def test_one_run_without_mistakes_makes_a_report(tmp_path):
    text = render(tmp_path, [("torch", "cnn", 12)])
    assert "Each architecture was trained in one framework only." in text
    assert Page(text).cards == []


def test_the_template_is_declared_for_the_fingerprint():
    folder = ROOT / "digits/reporting"
    assert {path.name for path in folder.iterdir() if path.suffix == ".jinja"} == set(DATA_FILES)


def test_names_cannot_break_the_page(tmp_path):
    text = render(tmp_path, [("torch", "<script>alert(1)</script>", 9)])
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_a_gpu_is_named_beside_the_library(tmp_path):
    assert on_device("cpu") == ""
    assert on_device("NVIDIA H200") == " on NVIDIA H200"


def test_parameters_versions_and_data_are_told(tmp_path):
    recipe = load_run("torch", "cnn_small", SMALL_PARAMS).recipe
    text = render(tmp_path, recipes={"torch cnn": recipe.model_dump(exclude_none=True)})
    for expected in (
        "scratch 1.0; tf 1.0; torch 1.0",
        "2 cores (a processor), 2 threads, Python 3.11",
        "numpy 2.0, scratch-package 1.5, tf-package 1.5, torch-package 1.5",
        "validation splits 0a1b",
        "300 pixels kept",
        "flatten, {dense: {units: 3}}",
    ):
        assert expected in text.replace("\n", " "), expected
    assert f"learning_rate {recipe.learning_rate}" in text


@pytest.mark.parametrize("name", CAPTIONS)
def test_every_figure_has_a_caption_and_a_text_for_who_cannot_see_it(tmp_path, name):
    assert f'<figure id="{name}"><img src="data:image/png;base64,iVBORw==" alt="' in render(
        tmp_path
    )
