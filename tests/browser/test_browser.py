"""The report and the pages of `dvc plots show` and `dvc plots diff`, opened in a browser as a user
would, without a network.
"""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import Clone
from ruamel.yaml import YAML

from digits.training.params import FRAMEWORKS, load_params

MEBIBYTE = 2**20
# Attributes whose value a browser may fetch without being asked to. That of <a href> it does not,
# but there is none to need.
ADDRESSES = {
    "src",
    "srcset",
    "href",
    "xlink:href",
    "data",
    "poster",
    "background",
    "action",
    "formaction",
    "manifest",
    "ping",
}
# Addresses that scripts may have in them: names of namespaces and schemas, which nobody fetches, a
# message, and the target of a menu's link that the page leaves out. Those of licences are in a
# comment.
NAMES = re.compile(
    r"http://www\.w3\.org/|https://vega\.github\.io/(schema|editor)/|https://github\.com/vega/vega-lite/issues/2415"
)


class Loads(HTMLParser):
    """What a page's elements, styles and scripts may load: `addresses` of attributes, `styles` and
    `scripts` as text.
    """

    def __init__(self, page: str):
        super().__init__()
        self.addresses: list[str] = []
        self.styles: list[str] = []
        self.scripts: list[str] = []
        self.inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag
        for name, value in attrs:
            if name in ADDRESSES:
                self.addresses.append(value or "")
            if name == "style":
                self.styles.append(value or "")
            assert not name.startswith("on"), f"<{tag} {name}>: a script in an attribute"
        assert tag not in ("base", "iframe", "link", "object", "embed"), (
            f"<{tag}>: an element that is there to load something"
        )
        assert (tag, "http-equiv") not in [(tag, name) for name, _ in attrs], (
            "<meta http-equiv>: may send the browser elsewhere"
        )

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "style":
            self.styles.append(data)
        if self.inside == "script":
            self.scripts.append(data)


def check_loads_nothing_from_elsewhere(page: str) -> None:
    """Assert that no attribute, style or script of a page has an address outside it and its folder,
    but for names that are not fetched.
    """
    loads = Loads(page)
    assert loads.scripts
    for address in loads.addresses:
        assert address.startswith(("static/", "data:", "#")), address
    for style in loads.styles:
        assert "@import" not in style
        assert all(
            target.startswith("data:") for target in re.findall(r"url\(\s*['\"]?([^)]*)", style)
        ), style
    for script in loads.scripts:
        for address in re.findall(r"https?://[^\s\"'`<>)]*", script):
            assert NAMES.match(address), address
        # An address without a scheme, where one would stand to be fetched.
        assert not re.search(
            r"(\b(fetch|import|importScripts|Worker|open|sendBeacon)\(|\bfrom|\.(src|href)\s*=)\s*[\"'`]//",
            script,
        )


@pytest.mark.parametrize(
    "element",
    [
        '<script src="https://cdn.jsdelivr.net/npm/vega@5"></script>',
        '<link rel="stylesheet" href="https://example.org/a.css">',
        '<img src="//example.org/a.png">',
        '<style>@import "https://example.org/a.css"</style>',
        '<p style="background: url(https://example.org/a.png)">',
        '<script>fetch("https://example.org/a.json")</script>',
        '<script>import("//example.org/a.js")</script>',
        '<meta http-equiv="refresh" content="0; url=https://example.org">',
        '<body onload="f()">',
    ],
)
def test_a_load_from_elsewhere_is_found(element):
    with pytest.raises(AssertionError):
        check_loads_nothing_from_elsewhere(f"<script>a = 1</script>{element}")


class Page(NamedTuple):
    clone: Clone
    folder: Path

    @property
    def charts(self) -> set[str]:
        """Return the ids that DVC gives the charts of dvc.yaml's tables: their paths with _ for
        what is neither letter nor digit.
        """
        plots = YAML(typ="safe").load(self.clone.path / "dvc.yaml")["stages"]["visualize"]["plots"]
        paths = [path for plot in plots for path in plot]
        return {re.sub(r"\W", "_", path) for path in paths if path.endswith(".csv")}

    @property
    def runs(self) -> list[str]:
        params = load_params(self.clone.path / "params.yaml")
        return [f"{framework} {run}" for framework in FRAMEWORKS for run in params.runs(framework)]


@pytest.fixture(scope="module")
def shown(finished, tmp_path_factory) -> Page:
    """The page of `dvc plots show`, of nine runs."""
    folder = tmp_path_factory.mktemp("shown")
    finished.run("dvc", "plots", "show", "--out", str(folder))
    return Page(finished, folder)


@pytest.fixture
def compared(clone, tmp_path) -> Page:
    """The page of `dvc plots diff main` in a branch whose scratch mlp learns more slowly."""
    clone.run("git", "switch", "-qc", "slower")
    clone.edit_params({"train_scratch.mlp.learning_rate": 0.001})
    clone.repro()
    clone.commit("A lower learning rate")
    clone.run("dvc", "plots", "diff", "main", "--out", str(tmp_path / "compared"))
    return Page(clone, tmp_path / "compared")


def check_draws_everything_by_itself(browser, page: Page) -> None:
    opened = browser.open(page.folder / "index.html")
    assert opened.logged == []
    assert all(address.startswith(("file://", "data:")) for address in opened.requested), (
        opened.requested
    )
    charts = browser.charts()
    assert set(charts) == page.charts
    for name, chart in charts.items():
        assert len(chart.marks) >= len(page.runs), name
    images = browser.run("return [...document.images].map(image => image.naturalWidth)")
    assert len(images) == len(list((page.folder / "static").glob("*.png")))
    assert all(images)


def test_page_of_show_loads_nothing_from_elsewhere(shown):
    check_loads_nothing_from_elsewhere((shown.folder / "index.html").read_text())


def test_page_of_show_is_below_3_mebibytes_with_its_images(shown):
    assert (
        sum(path.stat().st_size for path in shown.folder.rglob("*") if path.is_file())
        < 3 * MEBIBYTE
    )


def test_page_of_show_draws_every_chart_and_asks_for_nothing(browser, shown):
    check_draws_everything_by_itself(browser, shown)
    for name, chart in browser.charts().items():
        # There is but one revision: nothing to tell apart.
        assert not any("workspace" in text for text in chart.texts), name


@pytest.mark.parametrize("width", [900, 500])
def test_page_of_show_fits_the_window(browser, shown, width):
    """What is wider scrolls in its own place; 500 pixels is as narrow as this browser's window can
    be.
    """
    browser.open(shown.folder / "index.html", width=width)
    assert browser.run("return document.documentElement.scrollWidth <= window.innerWidth")
    if width == 900:
        assert browser.run(
            "return [...document.querySelectorAll('main > div')].every(div => div.scrollWidth <= div.clientWidth)"
        )


def test_click_in_the_legend_of_the_learning_curves_isolates_a_run(browser, shown):
    browser.open(shown.folder / "index.html")
    (name,) = {name for name in browser.charts() if "learning_curves" in name}
    assert {mark.opacity for mark in browser.charts()[name].marks} == {1}
    for run in shown.runs:
        browser.click(name, run)
        marks = browser.charts()[name].marks
        assert {mark.opacity for mark in marks if mark.name == run} == {1}
        others = [mark for mark in marks if mark.name != run and mark.kind in ("line", "symbol")]
        assert len({mark.name for mark in others}) == len(shown.runs) - 1
        assert all(mark.opacity < 0.1 for mark in others)


def test_page_of_diff_draws_every_chart_and_tells_both_revisions_apart(browser, compared):
    check_loads_nothing_from_elsewhere((compared.folder / "index.html").read_text())
    check_draws_everything_by_itself(browser, compared)
    for name, chart in browser.charts().items():
        for revision in ("main", "workspace"):
            assert any(revision in text for text in chart.texts), f"{name}: {revision}"


def test_report_opens_by_itself_with_every_figure_drawn(browser, finished):
    path = finished.path / "plots/report.html"
    check_loads_nothing_from_elsewhere(path.read_text())
    opened = browser.open(path)
    assert opened.logged == []
    assert all(address.startswith(("file://", "data:")) for address in opened.requested), (
        opened.requested
    )
    assert (
        len(
            browser.run(
                "return [...document.querySelectorAll('figure img')].filter(image => image.naturalWidth > 1000)"
            )
        )
        == 11
    )


@pytest.mark.parametrize("width", [900, 500])
def test_report_fits_the_window(browser, finished, width):
    browser.open(finished.path / "plots/report.html", width=width)
    assert browser.run("return document.documentElement.scrollWidth <= window.innerWidth")


def test_click_on_a_heading_of_the_leaderboard_sorts_by_it(browser, finished):
    browser.open(finished.path / "plots/report.html")

    def column(heading: str) -> list[str]:
        script = """const cell = [...document.querySelectorAll('#board th')].find(cell => cell.textContent.trim().startsWith(arguments[0]));
            return [...document.querySelectorAll('#board tbody tr')].map(row => row.children[cell.cellIndex].textContent)"""
        return browser.run(script, heading)

    def click(heading: str) -> None:
        script = "[...document.querySelectorAll('#board button')].find(button => button.textContent.startsWith(arguments[0])).click()"
        browser.run(script, heading)

    errors = [int(cell.replace(",", "")) for cell in column("errors")]
    assert errors == sorted(errors)
    assert len(errors) == sum(
        len(load_params(finished.path / "params.yaml").runs(framework)) for framework in FRAMEWORKS
    )
    click("parameters")
    ascending = [int(cell.replace(",", "")) for cell in column("parameters")]
    assert ascending == sorted(ascending)
    assert column("errors") != [f"{count:,}" for count in errors]  # whole rows have moved
    click("parameters")
    assert [int(cell.replace(",", "")) for cell in column("parameters")] == ascending[::-1]
    click("run")
    assert column("run") == sorted(column("run"))


def test_mistakes_of_the_report_can_be_chosen_by_how_many_runs_made_them(browser, finished):
    browser.open(finished.path / "plots/report.html")
    script = """const least = document.getElementById('least'); least.value = arguments[0]; least.dispatchEvent(new Event('change'));
        return [...document.querySelectorAll('.mistake')].filter(card => card.getBoundingClientRect().height > 0).map(card => +card.dataset.wrong)"""
    every, shared = browser.run(script, "1"), browser.run(script, "5")
    assert len(every) == browser.run("return document.querySelectorAll('.mistake').length")
    assert shared
    assert shared == [number for number in every if number >= 5]
