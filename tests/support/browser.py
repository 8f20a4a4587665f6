"""A headless Chromium that opens a page, from disk or from this machine.

It tells what the page asked for, what it logged, and what it drew.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from selenium.webdriver import ActionChains, Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.remote.webelement import WebElement

SECONDS = 60  # for a page to load and to draw; it takes two on an idle machine
OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=900,1200",
    # A page that asks for an address outside gets none, and the request is in the log.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]

# Everything that Vega draws from data is in a group of the class role-mark; axes, legends and
# titles are in others. A mark without extent is invisible. An item's datum is the row of the table
# that it shows, or for a line the first of its rows.
CHARTS = """
const is_visible = mark => {
    const box = mark.getBoundingClientRect();
    return box.width + box.height > 0;
};
const describe = mark => {
    const item = mark.__data__;
    const name = item.datum?.name ?? item.datum?.datum?.name ?? null;
    return [item.mark.marktype, name, Number(getComputedStyle(mark).opacity)];
};
const charts = [...document.querySelectorAll('main > div')].filter(div => div.querySelector('svg'));
return charts.map(div => [div.id, {
    texts: [...div.querySelectorAll('svg text')].map(text => text.textContent),
    marks: [...div.querySelectorAll('svg g.role-mark > *')].filter(is_visible).map(describe),
}])
"""
WAIT_FOR_DRAWINGS = """
const promises = typeof drawings === 'undefined' ? [] : drawings;
return Promise.allSettled(promises).then(() => null)
"""
FIND_TEXT = """
const texts = document.getElementById(arguments[0]).querySelectorAll('text');
return [...texts].find(text => text.textContent === arguments[1])
"""


class Mark(NamedTuple):
    kind: str  # symbol, line, rect, rule, text, image
    name: str | None  # the run's name, where the mark's row has one
    opacity: float


class Chart(NamedTuple):
    texts: list[str]  # every text in it: titles, labels, cells
    marks: list[Mark]  # what stands for data

    def count(self, kind: str) -> int:
        return sum(mark.kind == kind for mark in self.marks)


class Opened(NamedTuple):
    requested: list[str]  # every address that the page asked for, its own first
    logged: list[str]  # every message and error of its console, and every error that nothing caught


class Browser:
    """One Chromium; a page opened in it takes the place of the last."""

    def __init__(self, profile: Path):
        options = ChromeOptions()
        found = find_chromium()
        assert found, "the fixture `browser` has looked for it"
        chromium, driver = found
        options.binary_location = chromium
        for option in [*OPTIONS, f"--user-data-dir={profile}"]:
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        with patch.dict(os.environ, {"no_proxy": "*"}):  # the driver is on this machine
            self.driver = Chrome(options=options, service=Service(driver))
        self.driver.set_page_load_timeout(SECONDS)
        self.driver.set_script_timeout(SECONDS)

    def open(self, page: Path | str, width: int = 900) -> Opened:
        """Open a file or an address; return what the page asked for and logged.

        Waits until the page has loaded and its charts are drawn or have failed.
        """
        self.driver.get("about:blank")
        self.driver.set_window_size(width, 1200)
        for log in ("performance", "browser"):  # of the page before
            self.driver.get_log(log)
        self.driver.get(page.resolve().as_uri() if isinstance(page, Path) else page)
        self.run(WAIT_FOR_DRAWINGS)
        messages = [
            json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")
        ]
        requests = [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]
        return Opened(
            requests,
            [f"{entry['level']} {entry['message']}" for entry in self.driver.get_log("browser")],
        )

    def run(self, script: str, *arguments: object) -> Any:
        """Run JavaScript in the page and return its value, or that of the promise it returns."""
        return self.driver.execute_script(script, *arguments)

    def charts(self) -> dict[str, Chart]:
        """Return the charts of the page by the id that DVC gave their place."""
        return {
            name: Chart(drawn["texts"], [Mark(*mark) for mark in drawn["marks"]])
            for name, drawn in self.run(CHARTS)
        }

    def click(self, chart: str, text: str) -> None:
        """Click on a text in a chart, with the mouse."""
        self.find_text(chart, text).click()

    def double_click(self, chart: str, text: str) -> None:
        ActionChains(self.driver).double_click(self.find_text(chart, text)).perform()

    def find_text(self, chart: str, text: str) -> WebElement:
        element = self.run(FIND_TEXT, chart, text)
        assert isinstance(element, WebElement), f"{chart} has no text {text!r}"
        return element

    def quit(self) -> None:
        self.driver.quit()


def set_font(page: Path, font: str) -> None:
    """Change a page of `dvc plots show` so that its charts are written in this font."""
    options = "actions: false"
    text = page.read_text(encoding="utf-8")
    assert text.count(options) == 1
    text = text.replace(options, f'{options}, config: {{font: "{font}"}}')
    page.write_text(text, encoding="utf-8")


def find_chromium() -> tuple[str, str] | None:
    """Return the paths of Chromium and of its driver, or None if one of them is missing."""
    browser, driver = (shutil.which(name) for name in ("chromium", "chromedriver"))
    return (browser, driver) if browser and driver else None
