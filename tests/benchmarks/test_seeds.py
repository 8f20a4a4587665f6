"""A run with other values in its recipe, and the rows of the result."""

import json
import shutil

import numpy as np
import pytest

from benchmarks import seeds
from benchmarks.seeds import load_changed_run, parse_changes, prepare, write_row
from digits.datasets.source import DIGIT_NAMES, Source
from digits.errors import InputError
from digits.training.run import load_run
from tests.support.paths import SMALL_PARAMS


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with the tests' params.yaml, in which the benchmark works."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(SMALL_PARAMS, "params.yaml")
    monkeypatch.setattr(seeds, "RESULT", tmp_path / "seeds.json")
    return tmp_path


def test_changes_are_yaml():
    found = parse_changes(["epochs=10", "l2=1e-4", "augmentation={shift: 1, flip: true}"])
    assert found == {"epochs": 10, "l2": 1e-4, "augmentation": {"shift": 1, "flip": True}}


def test_a_dot_leads_into_a_nested_mapping():
    run = load_changed_run("torch/best", {"epochs": 3, "augmentation.shift": 2.5})
    assert (run.recipe.epochs, run.recipe.augmentation.shift) == (3, 2.5)
    assert run.recipe.augmentation.rotation == 10  # as it was
    run = load_changed_run("torch/mlp", {"augmentation.flip": True})
    assert run.recipe.augmentation.flip


def test_without_changes_it_is_the_run_itself():
    assert load_changed_run("scratch/mlp", {}) == load_run("scratch", "mlp", SMALL_PARAMS)


@pytest.mark.parametrize(
    ("title", "changes", "message"),
    [
        ("jax/cnn", {}, "the run is 'jax/cnn'; expected framework/run, with one of: torch, tf"),
        ("torch/resnet", {}, r"params\.yaml: train_torch has no run 'resnet'; expected one of"),
        ("torch/mlp", {"epochs": 0}, "--set: train_torch.mlp.epochs is 0; expected greater than"),
        ("torch/mlp", {"epoch": 1}, "--set: train_torch.mlp has the unknown key 'epoch'"),
        ("torch/mlp", {"momentum": 0.5}, "--set: train_torch.mlp has momentum, which adam does"),
    ],
)
def test_faults_name_where_they_come_from(title, changes, message):
    with pytest.raises(InputError, match=message):
        load_changed_run(title, changes)


def test_a_change_without_a_value_is_refused():
    with pytest.raises(InputError, match="--set is 'epochs'; expected KEY=VALUE"):
        parse_changes(["epochs"])


def test_a_row_takes_the_place_of_its_predecessor(folder):
    what = {"dataset": "mnist", "run": "torch/cnn", "changes": {}}
    write_row(what, {"seeds": 1})
    write_row(what | {"run": "torch/mlp"}, {"seeds": 2})
    write_row(what, {"seeds": 3})
    rows = json.loads((folder / "seeds.json").read_text())
    assert [(row["run"], row["seeds"]) for row in rows] == [("torch/cnn", 3), ("torch/mlp", 2)]


def test_data_are_prepared_as_the_stage_does_it(generator):
    images = generator.integers(0, 256, (400, 28, 28), dtype=np.uint8)
    labels = (np.arange(400) % 10).astype(np.uint8)
    source = Source(DIGIT_NAMES, {"train": (images, labels), "test": (images, labels)})
    data = prepare("uci_digits", source, seed=0)
    assert (len(data.train[1]), len(data.validation[1])) == (200, 200)
    assert data.train[0].dtype == np.float32
    assert 0 <= data.train[0].min() < data.train[0].max() <= 1
    assert np.bincount(data.validation[1]).tolist() == [20] * 10
    other = prepare("uci_digits", source, seed=1)
    assert not np.array_equal(other.train[1], data.train[1])
