"""A page that loads anything from elsewhere is found, in its source and in the browser."""

import pytest

from tests.support.pages import check_loads_nothing_from_elsewhere


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
def test_load_from_elsewhere_is_found(element):
    with pytest.raises(AssertionError):
        check_loads_nothing_from_elsewhere(f"<script>a = 1</script>{element}")


@pytest.mark.slow
def test_request_that_leaves_the_machine_is_seen(browser, tmp_path):
    image = '<img src="https://example.org/digit.png">'
    (tmp_path / "page.html").write_text(f'{image}<script>throw Error("thrown")</script>')
    opened = browser.open(tmp_path / "page.html")
    assert opened.requested[1:] == ["https://example.org/digit.png"]
    assert any("thrown" in line for line in opened.logged)
