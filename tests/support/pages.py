"""What a page on disk may load, read from its source."""

import re
from html.parser import HTMLParser

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
