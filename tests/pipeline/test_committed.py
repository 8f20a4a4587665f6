"""What is committed belongs together: dvc.lock, metrics and plots are those of the committed code
and params, on real MNIST.
"""

from statistics import mean

import pytest

from digits.base.files import read_json
from digits.pipeline.lock import stale_entries
from digits.training.run import load_run, load_runs

# What each run must reach on the 10,000 test digits of MNIST: the best that was claimed for its
# architecture elsewhere, or more.
BARS = {
    "torch/cnn": 0.991,
    "tf/cnn": 0.991,
    "scratch/cnn": 0.991,
    "torch/cnn_5x5": 0.990,
    "torch/cnn_small": 0.989,
    "tf/cnn_small": 0.989,
    "torch/mlp": 0.981,
    "scratch/mlp": 0.980,
    "scratch/mlp_sigmoid": 0.965,
    "torch/best": 0.996,
    "torch/fast": 0.989,
    "tf/fast": 0.989,
    "scratch/fast": 0.989,
}


@pytest.mark.filterwarnings("ignore:_NoneStep:DeprecationWarning")  # DVC's use of pygtrie
def test_lock_is_that_of_the_committed_code_params_and_outputs(committed, monkeypatch):
    """Stages, commands, dependencies, parameters, fingerprints and the hashes of the outputs."""
    monkeypatch.chdir(committed.path)
    assert stale_entries(committed.path) == []


def test_every_bar_is_that_of_a_run(committed):
    titles = {run.title for run in load_runs(path=committed.path / "params.yaml")}
    assert titles >= set(BARS)


@pytest.mark.parametrize("run", BARS)
def test_results_are_of_real_mnist_and_reach_their_bar(committed, run):
    metrics = read_json(committed.path / f"metrics/{run}.json")
    assert (metrics["dataset"], metrics["n_samples"]) == ("mnist", 10_000)
    assert metrics["accuracy"] >= BARS[run]


@pytest.mark.parametrize("framework", ["torch", "tf", "scratch"])
def test_fast_run_was_measured_with_its_recipe(committed, framework):
    race = read_json(committed.path / "benchmarks/results/race.json")
    run = load_run(framework, "fast", committed.path / "params.yaml")
    assert race["recipes"][framework] == run.recipe.model_dump()
    assert race["rows"][framework]["n"] >= 5
    assert race["rows"][framework]["accuracy"]["mean"] >= 0.99


def test_fast_run_is_what_it_is_named_for(committed):
    rows = read_json(committed.path / "benchmarks/results/race.json")["rows"]
    fast = rows["torch"]["seconds"]["median"]
    assert fast <= rows["pytorch/examples mnist"]["seconds"]["median"] / 40
    assert fast <= rows["keras mnist_convnet"]["seconds"]["median"] / 15


def seeds_of(committed, dataset: str, run: str, changes: set[str]) -> dict:
    """Return the one row of the benchmark of seeds, whose recipe is that of params.yaml.

    The recipe's keys in `changes` are other ones.
    """
    rows = read_json(committed.path / "benchmarks/results/seeds.json")
    (row,) = (
        row
        for row in rows
        if (row["dataset"], row["run"], set(row["changes"])) == (dataset, run, changes)
    )
    recipe = load_run(*run.split("/"), committed.path / "params.yaml").recipe
    measured = row["recipe"] | {key: getattr(recipe, key) for key in changes}
    assert type(recipe).model_validate(measured) == recipe
    assert len(row["seeds"]) >= 3
    return row


def test_best_run_is_what_it_is_named_for(committed):
    row = seeds_of(committed, "mnist", "torch/best", set())
    assert row["threads"] == row["cores"] == 2
    assert mean(seed["accuracy"] for seed in row["seeds"]) >= 0.996
    # Without AVX-512, training takes up to four times as long.
    limit = 90 if "avx512" in row["instructions"] else 360
    assert max(seed["train_seconds"] for seed in row["seeds"]) < limit


@pytest.mark.parametrize(("augmented", "bar"), [(False, 0.91), (True, 0.93)])
def test_torch_cnn_reaches_its_bars_on_fashion_mnist(committed, augmented, bar):
    rows = read_json(committed.path / "benchmarks/results/seeds.json")
    (changes,) = (
        set(row["changes"])
        for row in rows
        if (row["dataset"], row["run"]) == ("fashion_mnist", "torch/cnn")
        and ("augmentation" in row["changes"]) == augmented
    )
    row = seeds_of(committed, "fashion_mnist", "torch/cnn", changes)
    assert mean(seed["accuracy"] for seed in row["seeds"]) >= bar
