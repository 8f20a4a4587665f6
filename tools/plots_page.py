"""The page that `dvc plots show` fills: one file, with the drawing library in it.

python -m tools.plots_page

DVC's own page loads Vega from a content delivery network. This one needs no network: vl-convert's
bundle of Vega, Vega-Lite and Vega-Embed is inlined. DVC replaces {plot_divs} by its plots. The page
has no {scripts}, which DVC would replace by the network's addresses.
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
    """Return a script that sets window.vegaEmbed and needs no other script."""
    code = "window.vegaEmbed = vegaEmbed;"
    bundle: str = vl_convert.javascript_bundle(code, vl_version=VEGA_LITE)
    return bundle


def render(source: str, script: str) -> str:
    """Return the page's source with the script in place of {bundle}.

    `</script` and `<!--` would end or hide the script's element. They can only be in its strings
    and regular expressions, where a backslash before / and ! changes nothing. Raises InputError if
    the script has a placeholder that DVC would replace.
    """
    if source.count(BUNDLE) != 1:
        raise InputError(f"{SOURCE}: expected {BUNDLE} once, found {source.count(BUNDLE)} times")
    for placeholder in DVC_PLACEHOLDERS:
        if placeholder in script:
            raise InputError(
                f"the bundle contains {placeholder}, which DVC would replace; "
                "try another version of vl-convert-python"
            )
    escaped = script.replace("</script", r"<\/script").replace("<!--", r"<\!--")
    return source.replace(BUNDLE, escaped)


if __name__ == "__main__":
    with one_line_errors():
        main()
