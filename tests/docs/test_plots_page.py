"""The page that `dvc plots show` fills is what its generator writes, and needs no network."""

import re

import pytest

from digits.errors import InputError
from tests.support.paths import ROOT
from tools.plots_page import DVC_PLACEHOLDERS, PAGE, SOURCE, make_bundle, render

SMALL = "<script>{bundle}</script>{plot_divs}"


def test_committed_page_is_as_generated():
    assert render((ROOT / SOURCE).read_text(), make_bundle()) == (ROOT / PAGE).read_text()


def test_dvc_is_told_of_the_page():
    assert f"html_template = {PAGE.name}" in (ROOT / ".dvc/config").read_text()


def test_page_has_a_place_for_the_plots_and_none_for_dvcs_scripts():
    page = (ROOT / PAGE).read_text()
    assert [page.count(placeholder) for placeholder in DVC_PLACEHOLDERS] == [1, 1, 0]
    assert page.index("window.vegaEmbed =") < page.index("{plot_divs}")


def test_page_has_the_licences_of_what_is_in_it():
    comment = re.search(r"<!--(.*?)-->", (ROOT / PAGE).read_text(), re.DOTALL)[1]
    for phrase in (
        "University of Washington Interactive Data Lab",
        "Mike Bostock",
        "BSD 3-Clause",
        "ISC License",
        "MIT License",
        "Redistributions",
    ):
        assert phrase in comment


def test_what_would_end_the_scripts_element_is_escaped():
    assert (
        render(SMALL, 'a = "</script><!--"') == r'<script>a = "<\/script><\!--"</script>{plot_divs}'
    )


@pytest.mark.parametrize("placeholder", DVC_PLACEHOLDERS)
def test_script_that_dvc_would_change_is_an_error(placeholder):
    with pytest.raises(InputError, match=placeholder):
        render(SMALL, f'a = "{placeholder}"')


def test_source_without_a_place_for_the_script_is_an_error():
    with pytest.raises(InputError, match=r"expected \{bundle\} once, found 0 times"):
        render("{plot_divs}", "a = 1")
