"""digits refetch asks for MNIST only if synthetic digits replaced it.

That it replaces them is tested with the stage, in tests/stages/test_download.py.
"""

import json

import pytest

from digits.commands import refetch
from digits.datasets.source import Unreachable


@pytest.fixture
def downloads(tmp_path, monkeypatch):
    """A folder with params.yaml; a list of the data sets that were asked for. Nothing is there."""
    asked = []

    def fetch(dataset, mirror, folder):
        asked.append(dataset)
        raise Unreachable("could not download mnist")

    monkeypatch.setattr("digits.datasets.fetch.fetch", fetch)
    monkeypatch.chdir(tmp_path)
    return asked


def write_state(folder, wanted: str, found: str | None):
    """Write params.yaml and, unless nothing was downloaded yet, what data/raw/ holds."""
    options = {"dataset": wanted, "mirror": None, "when_unreachable": "synthetic"}
    (folder / "params.yaml").write_text(json.dumps({"download": options}))
    if found:
        (folder / "data/raw").mkdir(parents=True)
        (folder / "data/raw/dataset.json").write_text(json.dumps({"dataset": found}))


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("mnist", "mnist"), ("mnist", None), ("synthetic", "synthetic"), ("kmnist", "synthetic")],
)
def test_nothing_is_downloaded_unless_the_digits_are_synthetic(tmp_path, downloads, wanted, found):
    write_state(tmp_path, wanted, found)
    refetch.replace_synthetic_digits()
    assert downloads == []


def test_synthetic_digits_stay_if_mnist_still_cannot_be_downloaded(tmp_path, downloads, capsys):
    write_state(tmp_path, "mnist", "synthetic")
    refetch.replace_synthetic_digits()
    assert downloads == ["mnist"]
    first, second = capsys.readouterr().err.splitlines()
    assert first == "data/raw has synthetic digits instead of mnist: downloading mnist again"
    assert second == "keeping the synthetic digits: could not download mnist"
