"""The clones of the benchmarks have valid parameters, and known rows are kept."""

import shutil
import sys

import numpy as np
import pytest

from benchmarks.cost import measure_cost
from benchmarks.growth import (
    STAGES,
    edit_params,
    keep_linear_runs,
    keep_one_run_of_each_kind,
    repeat,
    set_validation_size,
    with_known_rows,
)
from benchmarks.side_by_side import shorten
from digits.base.files import read_split, write_json, write_split
from digits.base.params import read_params
from digits.commands.check import check_params
from digits.errors import InputError
from digits.training.run import load_runs
from tests.support.environment import ENVIRONMENT
from tests.support.paths import ROOT


@pytest.fixture
def clone(tmp_path):
    """A folder with the project's params.yaml."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    return tmp_path


def titles(clone) -> list[str]:
    check_params(clone / "params.yaml")
    return [f"train_{run.framework} {run.name}" for run in load_runs(path=clone / "params.yaml")]


def test_one_run_of_each_kind_is_left(clone):
    edit_params(clone, keep_one_run_of_each_kind)
    set_validation_size(clone, 20_000)
    assert sorted(titles(clone)) == sorted(stage for stage in STAGES if stage.startswith("train_"))
    epochs = {run.name: run.recipe.epochs for run in load_runs(path=clone / "params.yaml")}
    assert epochs == {"cnn": 1, "mlp_sigmoid": 5}
    assert read_params(clone / "params.yaml")["preprocess"]["validation_size"] == 20_000


def test_linear_runs_are_as_many_as_asked_for_and_all_differ(clone):
    edit_params(clone, lambda params: keep_linear_runs(params, 10))
    assert len(titles(clone)) == 10
    rates = [run.recipe.learning_rate for run in load_runs("scratch", clone / "params.yaml")]
    assert len(set(rates)) == 8


@pytest.mark.parametrize("small", [False, True])
def test_side_by_side_leaves_out_the_longest_run(clone, small):
    shorten(clone / "params.yaml", small)
    assert "train_torch best" not in titles(clone)
    epochs = {run.recipe.epochs for run in load_runs(path=clone / "params.yaml")}
    assert (epochs == {1}) == small


def test_images_are_repeated(tmp_path, generator):
    images = generator.integers(0, 256, (3, 28, 28), dtype=np.uint8)
    for split in ("train", "test"):
        write_split(tmp_path / "once" / split, images, np.array([1, 2, 3]))
    write_json(tmp_path / "once/dataset.json", {})
    repeat(tmp_path / "once", tmp_path / "twice", 2)
    found, labels = read_split(tmp_path / "twice/train")
    assert np.array_equal(found, np.concatenate([images, images]))
    assert labels.tolist() == [1, 2, 3, 1, 2, 3]
    assert (tmp_path / "twice/dataset.json").exists()


def test_rows_of_other_numbers_of_runs_are_kept():
    known = {"runs": [{"n_runs": 10, "was": 1}, {"n_runs": 200, "was": 1}], "threads": 2}
    part = {"runs": [{"n_runs": 50, "was": 2}, {"n_runs": 10, "was": 2}]}
    rows = with_known_rows(part, known)["runs"]
    assert [(row["n_runs"], row["was"]) for row in rows] == [(10, 2), (50, 2), (200, 1)]
    assert with_known_rows({"images": {}}, known) == {"images": {}}


linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


@linux
def test_cost_covers_the_processes_that_a_command_starts(tmp_path):
    hold = "held = bytearray(60_000_000); import time; time.sleep(1)"
    start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}])"
    code = f"held = bytearray(60_000_000); {start}"
    cost = measure_cost([sys.executable, "-c", code], tmp_path, ENVIRONMENT)
    assert cost.peak_memory_bytes > 120e6
    assert cost.seconds > 1 > cost.own_seconds


@linux
def test_a_command_that_fails_is_shown_with_its_output(tmp_path):
    with pytest.raises(InputError, match=r"exited 1: out of luck"):
        command = [sys.executable, "-c", "import sys; sys.exit('out of luck')"]
        measure_cost(command, tmp_path, ENVIRONMENT)
