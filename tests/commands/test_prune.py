"""digits prune removes what removed runs left, and nothing else."""

import pytest
from ruamel.yaml import YAML

from digits.commands.prune import leftover_files, leftover_stages

RUNS = {"torch": ["cnn"], "tf": [], "scratch": ["cnn", "mlp"]}


@pytest.mark.parametrize(
    "path",
    [
        "models/torch/mlp/model.safetensors",
        "timings/torch/mlp.json",
        "checkpoints/torch/mlp.safetensors",
        "metrics/torch/mlp.json",
        "data/evaluation/torch/mlp/labels.npy",
        "models/tf/cnn/model.safetensors",
    ],
)
def test_what_a_removed_run_left_is_found(tmp_path, path):
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).touch()
    (found,) = leftover_files(tmp_path, RUNS)
    assert (tmp_path / path).is_relative_to(found)
    assert found.stem in ("mlp", "cnn")


@pytest.mark.parametrize(
    "path",
    [
        "models/torch/cnn/model.safetensors",
        "models/torch/.gitignore",
        "timings/torch/cnn.json",
        "timings/torch/notes.txt",
        "checkpoints/torch/.mlp.safetensors.partial",
        "metrics/scratch/mlp.json",
        "data/evaluation/scratch/mlp/labels.npy",
        "data/fingerprints/train_torch.txt",
        "data/raw/dataset.json",
    ],
)
def test_everything_else_stays(tmp_path, path):
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).touch()
    assert leftover_files(tmp_path, RUNS) == []


def test_stages_of_removed_runs_are_found():
    stages = ["fingerprint", "train_torch@cnn", "train_torch@mlp", "train_tf@mlp", "evaluate@tf"]
    assert leftover_stages(stages, RUNS) == ["train_torch@mlp", "train_tf@mlp"]


def test_a_removed_run_is_pruned_and_a_second_time_there_is_nothing(clone):
    yaml = YAML()
    params = yaml.load(clone.path / "params.yaml")
    del params["train_scratch"]["mlp_sigmoid"]
    yaml.dump(params, clone.path / "params.yaml")
    before = (clone.path / "dvc.lock").read_text()
    printed = clone.run("python", "-m", "digits", "prune").splitlines()
    assert printed == [
        "removing models/scratch/mlp_sigmoid",
        "removing timings/scratch/mlp_sigmoid.json",
        "removing metrics/scratch/mlp_sigmoid.json",
        "removing data/evaluation/scratch/mlp_sigmoid",
        "removing train_scratch@mlp_sigmoid from dvc.lock",
    ]
    for line in printed[:-1]:
        assert not (clone.path / line.removeprefix("removing ")).exists()
    # Every other line of the lock is as it was.
    lines = iter(before.splitlines())
    assert all(line in lines for line in (clone.path / "dvc.lock").read_text().splitlines())
    assert clone.run("python", "-m", "digits", "prune") == ""


def test_damaged_params_remove_nothing(clone):
    (clone.path / "params.yaml").write_text("train_torch: {}\n")
    printed = clone.run("python", "-m", "digits", "prune", status=1)
    assert printed == "error: params.yaml: train_tf is missing\n"
    assert (clone.path / "models/torch/mlp").exists()
