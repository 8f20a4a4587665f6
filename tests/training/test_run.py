"""A run is read from params.yaml strictly, and of the file only what the run reads."""

import pytest

from digits.base.params import FRAMEWORKS, read_params
from digits.errors import InputError
from digits.training.params import ScratchRecipe
from digits.training.run import load_run, load_runs
from tests.support.faulty_params import FAULTS, fault_name, first_fault, write_params
from tests.support.paths import ROOT, SMALL_PARAMS


def test_a_run_has_all_that_its_training_needs():
    run = load_run("scratch", "mlp", SMALL_PARAMS)
    assert (run.title, run.framework, run.name) == ("scratch/mlp", "scratch", "mlp")
    assert isinstance(run.recipe, ScratchRecipe)
    assert (run.recipe.momentum, run.architecture) == (0.9, "mlp")
    assert [layer.type for layer in run.layers] == [
        "flatten", "dense", "relu", "dense", "relu", "dense",
    ]  # fmt: skip
    assert (run.seed, run.threads, run.processes, run.device) == (0, 2, 1, "cpu")


def test_a_run_describes_itself_with_its_layers():
    described = load_run("scratch", "mlp_sigmoid", SMALL_PARAMS).describe()
    assert described["architecture"] == [
        {"dense": {"units": 100}}, "sigmoid", {"dense": {"units": 10}},
    ]  # fmt: skip
    assert (described["epochs"], described["pixels"]) == (5, "kept")


def test_runs_are_in_the_order_of_the_file():
    assert [run.name for run in load_runs("torch", SMALL_PARAMS)] == ["cnn_small", "mlp", "best"]
    frameworks = [run.framework for run in load_runs(path=SMALL_PARAMS)]
    assert frameworks == ["torch"] * 3 + ["tf"] + ["scratch"] * 4


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_every_run_of_the_project_is_valid(framework):
    data = read_params(ROOT / "params.yaml")
    titles = [run.title for run in load_runs(framework, ROOT / "params.yaml")]
    assert titles == [f"{framework}/{name}" for name in data[f"train_{framework}"]]


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.run], ids=fault_name)
def test_fault_that_a_run_reads_is_named(tmp_path, fault):
    write_params(tmp_path / "params.yaml", fault.changes)
    found = first_fault(lambda path: load_run(*fault.run, path), tmp_path / "params.yaml")
    assert found.startswith(fault.message)


@pytest.mark.parametrize(
    "changes",
    [
        {"download dataset": "cifar"},
        {"preprocess validation_size": -1},
        {"train_torch cnn_small optimizer": "adm"},
        {"train_scratch mlp_sigmoid epochs": "many"},
        {"architectures cnn_small 0 conv filters": 0},
    ],
)
def test_fault_elsewhere_does_not_disturb_a_run(tmp_path, changes):
    write_params(tmp_path / "params.yaml", changes)
    found = load_run("scratch", "mlp", tmp_path / "params.yaml")
    assert found == load_run("scratch", "mlp", SMALL_PARAMS)


def test_exponent_without_point_is_a_number(tmp_path):
    """YAML 1.2 as DVC reads it; in YAML 1.1 it is a string."""
    text = SMALL_PARAMS.read_text()
    assert "learning_rate: 0.1" in text
    path = tmp_path / "params.yaml"
    path.write_text(text.replace("learning_rate: 0.1", "learning_rate: 1e-4"))
    assert load_run("scratch", "mlp", path).recipe.learning_rate == 1e-4


def test_unknown_run_is_answered_with_the_known_ones():
    with pytest.raises(InputError, match="train_tf has no run 'mlp'; expected one of: cnn_small"):
        load_run("tf", "mlp", SMALL_PARAMS)


def test_missing_section_is_named(tmp_path):
    (tmp_path / "params.yaml").write_text("seed: 0\n")
    with pytest.raises(InputError, match=r"params\.yaml: train_tf is missing"):
        load_run("tf", "cnn_small", tmp_path / "params.yaml")
