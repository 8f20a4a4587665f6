"""The section `download` of params.yaml."""

import pytest

from digits.datasets.params import load_download
from digits.errors import InputError

SECTION = {"dataset": "mnist", "mirror": None, "when_unreachable": "fail"}


@pytest.mark.parametrize("key", ["dataset", "when_unreachable"])
def test_the_former_name_of_a_value_works_and_the_present_one_is_named(key, capsys):
    found = load_download(data={"download": SECTION | {key: "stand_in"}})
    assert getattr(found, key) == "synthetic"
    expected = f"download.{key} is 'stand_in', which is now called 'synthetic'"
    assert capsys.readouterr().err == f"warning: params.yaml: {expected}\n"


def test_present_names_cause_no_warning(capsys):
    load_download(data={"download": SECTION | {"dataset": "synthetic"}})
    assert capsys.readouterr().err == ""


def test_another_value_is_one_line_without_the_former_name():
    with pytest.raises(InputError) as error:
        load_download(data={"download": SECTION | {"when_unreachable": "draw"}})
    assert str(error.value) == (
        "params.yaml: download.when_unreachable is 'draw'; expected one of: synthetic, fail"
    )
