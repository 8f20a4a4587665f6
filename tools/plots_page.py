"""The page that `dvc plots show` fills: one file, with the drawing library in it, that needs no
network.

python -m tools.plots_page

DVC's own page loads Vega from a content delivery network. This one has vl-convert's bundle of Vega,
Vega-Lite and Vega-Embed inlined. DVC puts its plots in place of {plot_divs}; {scripts}, in whose
place it would put the network's addresses, is left out.
"""

from pathlib import Path

import vl_convert

from digits.base.files import write_text
from digits.errors import InputError, one_line_errors

SOURCE = Path(".dvc/plots_page_source.html")
PAGE = Path(".dvc/plots_page.html")
VEGA_LITE = "6.4"  # the version that the templates in .dvc/plots name in $schema
BUNDLE = "{bundle}"
DVC_PLACEHOLDERS = ("{plot_divs}", "{refresh_tag}", "{scripts}")


def main() -> None:
    write_text(PAGE, render(SOURCE.read_text(encoding="utf-8"), make_bundle()))


def make_bundle() -> str:
    """Return a script that needs no other and sets window.vegaEmbed."""
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE)


def render(source: str, script: str) -> str:
    """Return the page's source with the script in place of {bundle}; raise InputError where DVC
    would replace a part of the script.

    What would end or hide the script's element, `</script` and `<!--`, can only be in its strings
    and regular expressions, where a backslash before / and ! changes nothing.
    """
    if source.count(BUNDLE) != 1:
        raise InputError(f"{SOURCE}: expected {BUNDLE} once, found {source.count(BUNDLE)} times")
    for placeholder in DVC_PLACEHOLDERS:
        if placeholder in script:
            raise InputError(
                f"the bundle has {placeholder} in it, which DVC would replace; try another version of vl-convert-python"
            )
    return source.replace(
        BUNDLE, script.replace("</script", r"<\/script").replace("<!--", r"<\!--")
    )


if __name__ == "__main__":
    with one_line_errors():
        main()
