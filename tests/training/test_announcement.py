"""The line before a training."""

import pytest

from digits.training.announcement import announce
from digits.training.run import load_run
from tests.support.paths import SMALL_PARAMS

HEAD = "framework,run,train_seconds\n"


@pytest.fixture
def run(tmp_path, monkeypatch):
    (tmp_path / "params.yaml").write_text(SMALL_PARAMS.read_text())
    monkeypatch.chdir(tmp_path)
    return load_run("torch", "mlp")


def test_it_says_which_run_and_how_long_it_took(run, tmp_path):
    (tmp_path / "results.csv").write_text(HEAD + "tf,mlp,1.0\ntorch,mlp,27.6\n")
    expected = "torch/mlp: run 2 of 8; it took 28 s in the last results"
    assert announce(run, tmp_path / "results.csv") == expected


@pytest.mark.parametrize("table", [None, "", HEAD, "framework\ntorch\n", HEAD + "torch,mlp,?\n"])
def test_without_an_earlier_time_it_says_which_run(run, tmp_path, table):
    if table is not None:
        (tmp_path / "results.csv").write_text(table)
    assert announce(run, tmp_path / "results.csv") == "torch/mlp: run 2 of 8"
