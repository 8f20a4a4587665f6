"""The pages of `dvc plots show` and `dvc plots diff`, opened as a user would, without a network.

They show the project's own tables and figures, with all its runs.
"""

import re
import shutil
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from tests.support.browser import set_font
from tests.support.clone import Clone, copy_project
from tests.support.pages import check_loads_nothing_from_elsewhere

pytestmark = pytest.mark.slow

MEBIBYTE = 2**20
FITS = (
    "return [...document.querySelectorAll('main > div')].map(d => d.scrollWidth <= d.clientWidth)"
)


class Page(NamedTuple):
    clone: Clone
    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / "index.html"

    @property
    def charts(self) -> set[str]:
        """The ids that DVC gives to the charts: the tables' paths, with _ for what is no letter."""
        tables = (self.clone.path / "plots").rglob("*.csv")
        paths = [path.relative_to(self.clone.path).as_posix() for path in tables]
        return {re.sub(r"\W", "_", path) for path in paths}

    @property
    def runs(self) -> list[str]:
        """The names of the runs, as in the legends."""
        table = pd.read_csv(self.clone.path / "plots/timing/results.csv")
        return (table["framework"] + " " + table["run"]).tolist()


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Clone:
    """A copy of the project, committed."""
    clone = copy_project(tmp_path_factory.mktemp("published") / "clone")
    clone.commit("The project")
    return clone


@pytest.fixture(scope="module")
def shown(published, tmp_path_factory) -> Page:
    """The page of `dvc plots show`."""
    folder = tmp_path_factory.mktemp("shown")
    published.run("dvc", "plots", "show", "--out", str(folder))
    return Page(published, folder)


@pytest.fixture(scope="module")
def compared(published, tmp_path_factory) -> Page:
    """The page of `dvc plots diff main` in a branch with other numbers."""
    clone = published.copy(tmp_path_factory.mktemp("compared") / "clone")
    clone.run("git", "switch", "-qc", "less-accurate")
    for name in ("accuracy_per_class", "reliability", "timing/results"):
        path = clone.path / f"plots/{name}.csv"
        table = pd.read_csv(path)
        table["accuracy"] *= 0.99
        table.to_csv(path, index=False)
    clone.commit("Other numbers")
    folder = tmp_path_factory.mktemp("page")
    clone.run("dvc", "plots", "diff", "main", "--out", str(folder))
    return Page(clone, folder)


@pytest.fixture(params=["sans-serif", "monospace"])
def page_in_a_font(request, shown, tmp_path) -> Path:
    """The page of `dvc plots show` with charts in the usual font, and in a wider one."""
    shutil.copytree(shown.folder, tmp_path / "page")
    set_font(tmp_path / "page/index.html", request.param)
    return tmp_path / "page/index.html"


def check_draws_everything_by_itself(browser, page: Page) -> None:
    opened = browser.open(page.path)
    assert opened.logged == []
    elsewhere = [name for name in opened.requested if not name.startswith(("file://", "data:"))]
    assert elsewhere == []
    charts = browser.charts()
    assert set(charts) == page.charts
    for name, chart in charts.items():
        assert len(chart.marks) >= len(page.runs), name
    images = browser.run("return [...document.images].map(image => image.naturalWidth)")
    assert len(images) == len(list((page.folder / "static").glob("*.png")))
    assert all(images)


def test_page_of_show_loads_nothing_from_elsewhere(shown):
    check_loads_nothing_from_elsewhere(shown.path.read_text())


def test_page_of_show_is_below_3_mebibytes(shown):
    sizes = [path.stat().st_size for path in shown.folder.rglob("*") if path.is_file()]
    assert sum(sizes) < 3 * MEBIBYTE


def test_page_of_show_draws_every_chart_by_itself(browser, shown):
    check_draws_everything_by_itself(browser, shown)


def test_page_of_show_does_not_name_its_only_revision(browser, shown):
    browser.open(shown.path)
    for name, chart in browser.charts().items():
        assert not any("workspace" in text for text in chart.texts), name


def test_page_fits_its_window_in_every_font(browser, page_in_a_font):
    browser.open(page_in_a_font, width=900)
    assert browser.run("return document.documentElement.scrollWidth <= window.innerWidth")
    assert all(browser.run(FITS))


def test_wide_charts_scroll_in_their_own_place(browser, page_in_a_font):
    # 500 pixels: this browser's window cannot be narrower.
    browser.open(page_in_a_font, width=500)
    assert browser.run("return document.documentElement.scrollWidth <= window.innerWidth")
    assert not all(browser.run(FITS))


def test_no_text_is_cut_in_any_font(browser, page_in_a_font):
    browser.open(page_in_a_font)
    for name, chart in browser.charts().items():
        assert not [text for text in chart.texts if "…" in text], name


def test_click_in_the_legend_isolates_a_run(browser, shown):
    browser.open(shown.path)
    (name,) = [name for name in browser.charts() if "learning_curves" in name]
    assert {mark.opacity for mark in browser.charts()[name].marks} == {1}
    for run in shown.runs:
        browser.click(name, run)
        marks = browser.charts()[name].marks
        assert {mark.opacity for mark in marks if mark.name == run} == {1}
        others = [mark for mark in marks if mark.name != run and mark.kind in ("line", "symbol")]
        assert len({mark.name for mark in others}) == len(shown.runs) - 1
        assert all(mark.opacity < 0.1 for mark in others)


def test_page_of_diff_draws_every_chart_by_itself(browser, compared):
    check_loads_nothing_from_elsewhere(compared.path.read_text())
    check_draws_everything_by_itself(browser, compared)


def test_page_of_diff_tells_both_revisions_apart(browser, compared):
    browser.open(compared.path)
    for name, chart in browser.charts().items():
        for revision in ("main", "workspace"):
            assert any(revision in text for text in chart.texts), f"{name}: {revision}"
    assert all(browser.run(FITS))
