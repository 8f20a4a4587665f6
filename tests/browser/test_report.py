"""The report that the pipeline writes, opened as a user would, without a network."""

from pathlib import Path

import pytest

from digits.training.run import load_runs
from tests.support.pages import check_loads_nothing_from_elsewhere

pytestmark = pytest.mark.slow

WIDE_IMAGES = """
const images = [...document.querySelectorAll('figure img')];
return images.filter(image => image.naturalWidth > 1000).length
"""
COLUMN = """
const is_heading = cell => cell.textContent.trim().startsWith(arguments[0]);
const cell = [...document.querySelectorAll('#board th')].find(is_heading);
const rows = [...document.querySelectorAll('#board tbody tr')];
return rows.map(row => row.children[cell.cellIndex].textContent)
"""
CLICK = """
const is_heading = button => button.textContent.startsWith(arguments[0]);
[...document.querySelectorAll('#board button')].find(is_heading).click()
"""
CHOOSE_LEAST = """
const least = document.getElementById('least');
least.value = arguments[0];
least.dispatchEvent(new Event('change'));
const is_visible = card => card.getBoundingClientRect().height > 0;
const cards = [...document.querySelectorAll('.mistake')].filter(is_visible);
return cards.map(card => +card.dataset.wrong)
"""


@pytest.fixture
def report(finished) -> Path:
    return finished.path / "plots/report.html"


def test_report_draws_every_figure_by_itself(browser, report):
    check_loads_nothing_from_elsewhere(report.read_text())
    opened = browser.open(report)
    assert opened.logged == []
    elsewhere = [name for name in opened.requested if not name.startswith(("file://", "data:"))]
    assert elsewhere == []
    assert browser.run(WIDE_IMAGES) == len(list(report.parent.rglob("*.png")))


@pytest.mark.parametrize("width", [900, 500])
def test_report_fits_the_window(browser, report, width):
    browser.open(report, width=width)
    assert browser.run("return document.documentElement.scrollWidth <= window.innerWidth")


def test_leaderboard_begins_with_the_fewest_errors(browser, report, finished):
    browser.open(report)
    errors = to_numbers(browser.run(COLUMN, "errors"))
    assert errors == sorted(errors)
    assert len(errors) == len(load_runs(path=finished.path / "params.yaml"))


def test_click_on_a_heading_sorts_whole_rows(browser, report):
    browser.open(report)
    errors = browser.run(COLUMN, "errors")
    browser.run(CLICK, "parameters")
    ascending = to_numbers(browser.run(COLUMN, "parameters"))
    assert ascending == sorted(ascending)
    assert browser.run(COLUMN, "errors") != errors
    browser.run(CLICK, "parameters")
    assert to_numbers(browser.run(COLUMN, "parameters")) == ascending[::-1]
    browser.run(CLICK, "run")
    names = browser.run(COLUMN, "run")
    assert names == sorted(names)


def to_numbers(cells: list[str]) -> list[int]:
    return [int(cell.replace(",", "")) for cell in cells]


def test_mistakes_can_be_chosen_by_how_many_runs_made_them(browser, report):
    browser.open(report)
    every = browser.run(CHOOSE_LEAST, "1")
    assert len(every) == browser.run("return document.querySelectorAll('.mistake').length")
    shared = browser.run(CHOOSE_LEAST, "3")
    assert shared
    assert shared == [number for number in every if number >= 3]
