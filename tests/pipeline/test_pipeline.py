"""The pipeline used as its users would, on 1,797 small digits in a temporary clone."""

import hashlib
import io
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dvc.repo import Repo
from ruamel.yaml import YAML

from digits.backends.scratch.network import predict
from digits.base.files import read_array, read_json, read_split
from digits.base.params import FRAMEWORKS
from digits.model.model_file import load_model
from digits.training.run import load_run, load_runs
from tests.support.clone import Clone
from tests.support.paths import SMALL_PARAMS

RUNS = load_runs(path=SMALL_PARAMS)
TRAIN = {f"train_{run.framework}@{run.name}" for run in RUNS}
EVALUATE = {f"evaluate@{framework}" for framework in FRAMEWORKS}
FIGURES = {
    "accuracy.png",
    "accuracy_per_class.png",
    "comparisons.png",
    "confusion_matrices.png",
    "first_layer_filters.png",
    "learning_curves.png",
    "pruned_pixels.png",
    "reliability.png",
    "sample_predictions.png",
    "shared_mistakes.png",
}
MLP = load_run("scratch", "mlp", SMALL_PARAMS)


def test_second_repro_runs_nothing(finished):
    assert finished.repro() == set()


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.title)
def test_every_run_has_its_metrics_model_history_and_times(finished, run):
    metrics = read_json(finished.path / f"metrics/{run.title}.json")
    assert metrics["dataset"] == "uci_digits"
    assert metrics["accuracy"] == (300 - metrics["errors"]) / 300
    assert 0 <= metrics["accuracy_low"] <= metrics["accuracy"] <= metrics["accuracy_high"] <= 1
    history = pd.read_csv(finished.path / f"models/{run.title}/history.csv")
    assert set(history["split"]) == {"train", "validation"}
    times = read_json(finished.path / f"timings/{run.title}.json")
    assert times["train_seconds"] > 0
    assert times["peak_memory_bytes"] > 2**20
    assert len(times["data_sha256"]) == 64
    packages = times["packages"]
    assert packages["numpy"] == np.__version__
    assert ("torch" in packages, "keras" in packages) == (
        run.framework == "torch",
        run.framework == "tf",
    )


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.title)
def test_every_run_has_predictions_that_agree_with_its_metrics(finished, run):
    folder = finished.path / f"data/evaluation/{run.title}"
    arrays = {path.stem: read_array(path) for path in folder.glob("*.npy")}
    errors = read_json(finished.path / f"metrics/{run.title}.json")["errors"]
    assert (arrays["predictions"] != arrays["labels"]).sum() == errors
    assert np.array_equal(arrays["probabilities"].argmax(axis=1), arrays["predictions"])
    assert arrays["confusion_matrix"].sum() == 300
    model = (finished.path / f"models/{run.title}/model.safetensors").read_bytes()
    assert (folder / "model.sha256").read_text() == f"{hashlib.sha256(model).hexdigest()}\n"


def test_training_learns_small_digits(finished):
    """Even three epochs do far better than the 10 % of guessing."""
    assert read_json(finished.path / "metrics/scratch/mlp.json")["accuracy"] > 0.5


@pytest.mark.parametrize("title", ["torch/cnn_small", "tf/cnn_small", "scratch/mlp_sigmoid"])
def test_a_models_file_is_all_one_needs_to_classify_raw_images(finished, title):
    images, _ = read_split(finished.path / "data/raw/test")
    model = load_model(finished.path / "models" / title)
    layers, x = model.description.architecture, model.inputs(images)
    expected = read_array(finished.path / f"data/evaluation/{title}/probabilities.npy")
    # float32, another framework
    found = predict(layers, model.weights, x, threads=1)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


def test_figures_and_tables_are_written(finished):
    plots = finished.path / "plots"
    assert {path.name for path in (plots / "figures").iterdir()} == FIGURES
    assert (plots / "timing/accuracy_against_time.png").stat().st_size > 10_000
    assert len(pd.read_csv(plots / "timing/results.csv")) == len(TRAIN)
    assert len((plots / "timing/results.md").read_text().splitlines()) == 2 + len(TRAIN)


def test_metrics_show_is_a_leaderboard(finished):
    shown = json.loads(finished.run("dvc", "metrics", "show", "--json"))[""]["data"]
    assert set(shown) == {f"metrics/{run.title}.json" for run in RUNS}
    for row in shown.values():
        assert set(row["data"]) >= {"dataset", "accuracy", "errors", "log_loss"}


def test_plots_show_writes_its_page(finished):
    finished.run("dvc", "plots", "show", "--out", "page")
    page = (finished.path / "page/index.html").read_text()
    for name in (
        "learning_curves",
        "confusion_matrices",
        "accuracy_per_class",
        "comparisons",
        "reliability",
        "mistakes",
        "results",
    ):
        assert f"{name}.csv" in page or f"{name}_csv" in page, name
    assert "#D55E00" in page  # our own templates, a colour a framework
    assert len(list((finished.path / "page/static").glob("*.png"))) == 11
    shutil.rmtree(finished.path / "page")


def leaves(values: object, path: tuple = ()) -> list[tuple]:
    if isinstance(values, dict):
        return [leaf for key, value in values.items() for leaf in leaves(value, (*path, key))]
    if isinstance(values, list):
        return [leaf for key, value in enumerate(values) for leaf in leaves(value, (*path, key))]
    return [path]


def stages_reading(path: tuple) -> set[str]:
    """Return the stages that read a leaf of params.yaml. dvc.yaml must agree with this table."""
    match path:
        case ("seed",):
            return {"preprocess"} | TRAIN
        case ("threads" | "portable",):
            return TRAIN | EVALUATE
        case ("processes" | "device",):
            return {stage for stage in TRAIN if not stage.startswith("train_scratch@")}
        case ("download" | "preprocess" as stage, *_):
            return {stage}
        case ("architectures", name, *_):
            users = [run for run in RUNS if run.architecture == name]
            return {f"train_{run.framework}@{run.name}" for run in users}
        case (section, run, *_):
            framework = section.removeprefix("train_")
            return {f"{section}@{run}", f"evaluate@{framework}", "visualize"}
    raise AssertionError(path)


def test_every_leaf_of_params_is_read_by_the_stages_that_it_concerns_and_no_others(project):
    read = {}
    for stage in Repo(os.fspath(project.path)).index.stages:
        names = [name for dep in stage.params for name in dep.params]
        read[stage.name] = [tuple(name.split(".")) for name in names]
    paths = leaves(YAML(typ="safe").load(SMALL_PARAMS))
    assert len(paths) > 100
    for path in paths:
        readers = {
            stage for stage, names in read.items() for name in names if path[: len(name)] == name
        }
        assert readers == stages_reading(path), path


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", 1),
        ("threads", 1),
        ("processes", 2),
        ("portable", True),
        ("download.mirror", "elsewhere"),
        ("preprocess.prune_threshold", 0.1),
        ("architectures.cnn_small", ["flatten", {"dense": {"units": 10}}]),
        ("train_torch.mlp.l2", 0.5),
        ("train_scratch.mlp_sigmoid.epochs", 7),
    ],
)
def test_edit_makes_stale_what_reads_it_and_nothing_else(finished, name, value):
    before = (finished.path / "params.yaml").read_text()
    finished.edit_params({name: value})
    stale = finished.stale_stages()
    (finished.path / "params.yaml").write_text(before)
    assert stale == stages_reading(tuple(name.split(".")))


LEARNING_RATE = "train_scratch.mlp.learning_rate"


def test_editing_one_learning_rate_reruns_that_run_and_its_evaluation(clone):
    clone.edit_params({LEARNING_RATE: 0.01})
    assert clone.stale_stages() == {"train_scratch@mlp", "evaluate@scratch", "visualize"}
    assert clone.repro("evaluate@scratch") == {"train_scratch@mlp", "evaluate@scratch"}
    clone.edit_params({LEARNING_RATE: MLP.recipe.learning_rate})
    assert clone.repro() == set()  # DVC remembers


@pytest.mark.slow
def test_editing_one_learning_rate_draws_the_plots_again(clone):
    clone.edit_params({LEARNING_RATE: 0.01})
    assert clone.repro() == {"train_scratch@mlp", "evaluate@scratch", "visualize"}


@pytest.mark.slow
def test_metrics_diff_compares_branches_without_cache_or_remote(clone, tmp_path):
    clone.run("git", "switch", "-qc", "slower")
    clone.edit_params({LEARNING_RATE: 0.001})
    clone.repro("evaluate@scratch")
    clone.commit("A lower learning rate")
    clone.run("git", "clone", "-q", ".", str(tmp_path / "elsewhere"))
    elsewhere = Clone(tmp_path / "elsewhere")
    diff = json.loads(
        elsewhere.run("dvc", "metrics", "diff", "origin/main", "origin/slower", "--json")
    )
    assert set(diff) == {"metrics/scratch/mlp.json"}
    assert diff["metrics/scratch/mlp.json"]["accuracy"]["diff"] < 0


LINEAR = """architectures:
  linear:
    - flatten
    - dense: {units: 10}
"""
LINEAR_RUN = """train_scratch:
  linear:
    architecture: linear
    initializer: he
    optimizer: adam
    epochs: 1
    batch_size: 50
    learning_rate: 0.01
    schedule: cosine
"""


@pytest.mark.slow
def test_a_new_architecture_and_run_are_an_edit_of_params_alone(clone):
    text = (clone.path / "params.yaml").read_text()
    text = text.replace("architectures:\n", LINEAR).replace("train_scratch:\n", LINEAR_RUN)
    (clone.path / "params.yaml").write_text(text)
    assert clone.stale_stages() == {"train_scratch@linear", "evaluate@scratch", "visualize"}
    assert clone.repro("evaluate@scratch") == {"train_scratch@linear", "evaluate@scratch"}
    assert read_json(clone.path / "metrics/scratch/linear.json")["parameters"] == 7850


@pytest.mark.slow
def test_a_removed_run_is_forgotten_and_pruned(clone):
    yaml = YAML()
    params = yaml.load(clone.path / "params.yaml")
    del params["train_scratch"]["mlp_sigmoid"]
    yaml.dump(params, clone.path / "params.yaml")
    assert "models/scratch/mlp_sigmoid" in clone.run("python", "-m", "digits", "prune")
    assert clone.stale_stages() == {"evaluate@scratch", "visualize"}
    clone.repro("evaluate@scratch")
    assert not (clone.path / "metrics/scratch/mlp_sigmoid.json").exists()
    assert not (clone.path / "models/scratch/mlp_sigmoid").exists()
    assert "train_scratch@mlp_sigmoid" not in (clone.path / "dvc.lock").read_text()


@pytest.mark.slow
def test_experiments_run_over_a_grid(clone):
    rates = ["0.01", "0.02"]
    grid = f"train_scratch.mlp.learning_rate={','.join(rates)}"
    clone.run("dvc", "exp", "run", "--queue", "-S", grid, "evaluate@scratch")
    clone.run("dvc", "exp", "run", "--run-all")
    rows = pd.read_csv(io.StringIO(clone.run("dvc", "exp", "show", "--csv", "--only-changed")))
    done = rows[rows["State"] == "Success"]
    assert sorted(done["train_scratch.mlp.learning_rate"]) == [float(rate) for rate in rates]
    assert done["metrics/scratch/mlp.json:accuracy"].notna().all()


FAULTS = {
    "train_scratch.mlp.learning_rate": (
        -1,
        "error: params.yaml: train_scratch.mlp.learning_rate is -1; expected greater than 0",
    ),
    "train_scratch.mlp.architecture": (
        "resnet",
        "Parameters 'architectures.resnet' are missing from 'params.yaml'",
    ),
    "train_scratch.fast.learning_rate": (
        1e30,
        "error: scratch/fast: the loss is nan after epoch 1; lower its learning_rate",
    ),
    "preprocess.validation_size": (
        2000,
        "validation_size is 2000; expected splits that fit in 1497 training images",
    ),
}


QUICK = "train_scratch.fast.learning_rate"  # the training fails, and its stage's outputs return
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in FAULTS if name != QUICK]


@pytest.mark.parametrize("name", [QUICK, *SLOW])
def test_bad_parameter_is_one_line_and_loses_nothing(clone, name):
    value, message = FAULTS[name]
    before = (clone.path / "params.yaml").read_text()
    clone.edit_params({name: value})
    printed = clone.run("dvc", "repro", status=255)
    assert message in printed
    assert "Traceback" not in printed
    (clone.path / "params.yaml").write_text(before)
    assert clone.repro() == set()
    assert clone.stale_stages() == set()


@pytest.mark.usefixtures("published_nowhere")
def test_corrupt_download_is_one_line_and_leaves_no_raw_data(project, tmp_path, run_in_process):
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror/train-images-idx3-ubyte.gz").write_bytes(b"<html>")
    project.edit_params(
        {
            "download.dataset": "mnist",
            "download.mirror": str(tmp_path / "mirror"),
            "download.when_unreachable": "fail",
        }
    )
    printed = run_in_process(project.path, "stages.download", status=1)
    assert len(printed.splitlines()) == 1
    assert printed.startswith("error: could not download mnist: ")
    assert "train-images-idx3-ubyte.gz is corrupt or truncated" in printed
    assert not (project.path / "data/raw").exists()


def test_foreign_model_file_is_one_line(clone, run_in_process):
    path = clone.path / "models/scratch/mlp/model.safetensors"
    path.unlink()
    path.write_bytes(b"PK\x03\x04")
    printed = run_in_process(clone.path, "stages.evaluate", "scratch", status=1)
    fault = "error: models/scratch/mlp/model.safetensors: is not a model file of this project"
    assert [line for line in printed.splitlines() if line.startswith(fault)]
    assert "Traceback" not in printed


def test_a_runs_name_is_no_shell_command(clone):
    params = (clone.path / "params.yaml").read_text()
    run = json.dumps(MLP.recipe.model_dump(exclude_none=True))
    (clone.path / "params.yaml").write_text(
        params.replace("train_scratch:\n", f'train_scratch:\n  "mlp; touch evil; #": {run}\n')
    )
    printed = clone.run("dvc", "repro", "train_scratch@mlp; touch evil; #", status=255)
    assert not (clone.path / "evil").exists()
    assert (
        "error: params.yaml: train_scratch.mlp; touch evil; # is 'mlp; touch evil; #'; expected"
        in printed
    )


def test_unknown_run_on_the_command_line_is_one_line(project, run_in_process):
    names = ", ".join(run.name for run in RUNS if run.framework == "scratch")
    fault = f"train_scratch has no run 'resnet'; expected one of: {names}"
    printed = run_in_process(project.path, "stages.train_scratch", "resnet", status=1)
    assert printed == f"error: params.yaml: {fault}\n"


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of the files in a folder by their paths in it."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != ".gitignore"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.slow
def test_every_stage_again_in_one_process_gives_the_same_bytes(finished, clone, run_in_process):
    """`finished` was made in another folder, each stage in a process of its own."""
    folders = ("data/raw", "data/processed", "data/evaluation", "models", "metrics")
    for folder in folders:
        shutil.rmtree(clone.path / folder)
    run_in_process(clone.path, "stages.download")
    run_in_process(clone.path, "stages.preprocess")
    for run in RUNS:
        run_in_process(clone.path, f"stages.train_{run.framework}", run.name)
    for framework in FRAMEWORKS:
        run_in_process(clone.path, "stages.evaluate", framework)
    for folder in folders:
        found, expected = contents(clone.path / folder), contents(finished.path / folder)
        assert found.keys() == expected.keys()
        assert [name for name in expected if found[name] != expected[name]] == []
