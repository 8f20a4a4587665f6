"""What is committed belongs together: dvc.lock, metrics and plots are those of the committed code
and params, on real MNIST.
"""

import hashlib
import json
from pathlib import Path
from statistics import mean

import pytest
from conftest import ROOT
from dvc.repo import Repo
from ruamel.yaml import YAML

from digits.training.params import load_params

LOCK = YAML(typ="safe").load(ROOT / "dvc.lock")["stages"]
STAGES = {stage.addressing: stage for stage in Repo(str(ROOT)).index.stages}

# What each run must reach on the 10,000 test digits of MNIST: the best that was claimed for its
# architecture elsewhere, or more.
BARS = {
    "torch/cnn": 0.991, "tf/cnn": 0.991, "scratch/cnn": 0.991, "torch/cnn_5x5": 0.990, "torch/cnn_small": 0.989, "tf/cnn_small": 0.989,
    "torch/mlp": 0.981, "scratch/mlp": 0.980, "scratch/mlp_sigmoid": 0.965, "torch/best": 0.997,
    "torch/fast": 0.989, "tf/fast": 0.989, "scratch/fast": 0.989,
}  # fmt: skip


def md5(path: Path) -> str:
    """Return DVC's hash of a file, or of a folder: that of a JSON list of its files' hashes, and
    then ".dir".
    """
    if path.is_file():
        return hashlib.md5(path.read_bytes()).hexdigest()
    files = sorted(
        file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts
    )
    listed = [{"md5": md5(file), "relpath": file.relative_to(path).as_posix()} for file in files]
    return (
        hashlib.md5(
            json.dumps(sorted(listed, key=lambda entry: entry["relpath"])).encode()
        ).hexdigest()
        + ".dir"
    )


def test_lock_has_the_stages_of_params_and_no_others():
    assert set(LOCK) == set(STAGES)


@pytest.mark.parametrize("stage", STAGES)
def test_lock_has_the_hashes_of_the_committed_code_and_outputs(stage):
    entries = LOCK[stage]["deps"] + LOCK[stage]["outs"]
    kept = [
        entry
        for entry in entries
        if entry["path"].split("/")[0] in ("digits", "stages", "requirements", "plots")
    ]
    kept += [entry for entry in LOCK[stage]["outs"] if entry["path"].startswith("metrics")]
    for entry in kept:
        # In DVC's cache, not in git.
        if entry["path"] not in ("plots/report.html", "plots/with_times/results.md"):
            assert entry["md5"] == md5(ROOT / entry["path"]), entry["path"]


@pytest.mark.parametrize("stage", STAGES)
def test_lock_has_the_committed_params(stage):
    committed = YAML(typ="safe").load(ROOT / "params.yaml")
    for name, value in LOCK[stage].get("params", {}).get("params.yaml", {}).items():
        found = committed
        for key in name.split("."):
            found = found[key]
        assert found == value, name


@pytest.mark.parametrize("stage", STAGES)
def test_lock_has_the_command_and_every_dependency_of_the_stage(stage):
    assert LOCK[stage]["cmd"] == STAGES[stage].cmd
    assert {entry["path"] for entry in LOCK[stage]["deps"]} == {
        dep.def_path for dep in STAGES[stage].deps if not hasattr(dep, "params")
    }


def test_outputs_are_dependencies_with_the_same_hash():
    made = {entry["path"]: entry["md5"] for stage in LOCK.values() for entry in stage["outs"]}
    for stage in LOCK.values():
        for entry in stage["deps"]:
            assert made.get(entry["path"], entry["md5"]) == entry["md5"], entry["path"]


def test_results_are_of_real_mnist_and_every_run_reaches_its_bar():
    params = load_params(ROOT / "params.yaml")
    assert {
        f"{framework}/{run}"
        for framework in ("torch", "tf", "scratch")
        for run in params.runs(framework)
    } >= set(BARS)
    for run, bar in BARS.items():
        metrics = json.loads((ROOT / f"metrics/{run}.json").read_text())
        assert (metrics["dataset"], metrics["n_samples"]) == ("mnist", 10_000)
        assert metrics["accuracy"] >= bar, run


def test_fast_run_is_what_it_is_named_for():
    race = json.loads((ROOT / "benchmarks/results/race.json").read_text())
    rows, params = race["rows"], load_params(ROOT / "params.yaml")
    for framework in ("torch", "tf", "scratch"):
        assert race["recipes"][framework] == params.recipe(framework, "fast").model_dump()
        assert rows[framework]["n"] >= 5
        assert rows[framework]["accuracy"]["mean"] >= 0.99
    fast = rows["torch"]["seconds"]["median"]
    assert fast <= rows["pytorch/examples mnist"]["seconds"]["median"] / 40
    assert fast <= rows["keras mnist_convnet"]["seconds"]["median"] / 15


def test_best_run_is_what_it_is_named_for():
    rows = json.loads((ROOT / "benchmarks/results/seeds.json").read_text())
    (row,) = (
        row
        for row in rows
        if (row["dataset"], row["run"], row["changes"]) == ("mnist", "torch/best", {})
    )
    recipe = load_params(ROOT / "params.yaml").recipe("torch", "best")
    assert type(recipe).model_validate(row["recipe"]) == recipe
    assert row["threads"] == row["cores"] == 2
    assert len(row["seeds"]) >= 3
    assert mean(seed["accuracy"] for seed in row["seeds"]) >= 0.997
    assert max(seed["train_seconds"] for seed in row["seeds"]) < 15 * 60


@pytest.mark.parametrize(("augmented", "bar"), [(False, 0.91), (True, 0.93)])
def test_torch_cnn_reaches_its_bars_on_fashion_mnist(augmented, bar):
    recipe = load_params(ROOT / "params.yaml").recipe("torch", "cnn")
    rows = json.loads((ROOT / "benchmarks/results/seeds.json").read_text())
    found = [
        row
        for row in rows
        if (row["dataset"], row["run"]) == ("fashion_mnist", "torch/cnn")
        and ("augmentation" in row["changes"]) == augmented
    ]
    (row,) = found
    assert (
        type(recipe).model_validate(
            row["recipe"] | {key: getattr(recipe, key) for key in row["changes"]}
        )
        == recipe
    )
    assert len(row["seeds"]) >= 3
    assert mean(seed["accuracy"] for seed in row["seeds"]) >= bar
