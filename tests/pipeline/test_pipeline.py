"""The pipeline used as its users would, on 1,797 small digits in a temporary clone."""

import io
import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, Clone
from dvc.repo import Repo
from ruamel.yaml import YAML

from digits.backends.scratch import network as backend_scratch
from digits.base.files import read_array, read_split
from digits.model.model_file import read_model
from digits.training.params import FRAMEWORKS, load_params

PARAMS = load_params(ROOT / "params.yaml")
TRAIN = {f"train_{framework}@{run}" for framework in FRAMEWORKS for run in PARAMS.runs(framework)}
EVALUATE = {f"evaluate@{framework}" for framework in FRAMEWORKS}
STAGES = {"download", "preprocess", "visualize"} | TRAIN | EVALUATE


def test_second_repro_runs_nothing(finished):
    assert finished.repro() == set()


def test_every_run_has_its_metrics_model_history_times_and_predictions(finished):
    for framework in FRAMEWORKS:
        for run in PARAMS.runs(framework):
            metrics = json.loads((finished.path / f"metrics/{framework}/{run}.json").read_text())
            assert metrics["dataset"] == "uci_digits"
            assert (
                0
                <= metrics["accuracy_low"]
                <= metrics["accuracy"]
                == (300 - metrics["errors"]) / 300
                <= metrics["accuracy_high"]
                <= 1
            )
            history = pd.read_csv(finished.path / f"models/{framework}/{run}/history.csv")
            assert set(history["split"]) == {"train", "validation"}
            times = json.loads((finished.path / f"models/times/{framework}/{run}.json").read_text())
            assert times["train_seconds"] > 0
            assert times["packages"]["numpy"] == np.__version__
            assert ("torch" in times["packages"], "keras" in times["packages"]) == (
                framework == "torch",
                framework == "tf",
            )
            assert len(times["data_sha256"]) == 64
            assert times["peak_memory_bytes"] > 2**20
            arrays = {
                path.stem: read_array(path)
                for path in (finished.path / f"data/evaluation/{framework}/{run}").iterdir()
            }
            assert (arrays["predictions"] != arrays["labels"]).sum() == metrics["errors"]
            assert np.array_equal(arrays["probabilities"].argmax(axis=1), arrays["predictions"])
            assert arrays["confusion_matrix"].sum() == 300


def test_training_learns_small_digits(finished):
    """Even an epoch or three do far better than the 10 % of guessing."""
    assert json.loads((finished.path / "metrics/scratch/mlp.json").read_text())["accuracy"] > 0.5


def test_a_models_file_is_all_one_needs_to_classify_raw_images(finished):
    images, _ = read_split(finished.path / "data/raw/test")
    for framework, run in (("torch", "cnn"), ("tf", "cnn_small"), ("scratch", "mlp_sigmoid")):
        model = read_model(finished.path / f"models/{framework}/{run}/model.safetensors")
        probabilities = backend_scratch.predict(
            model.description.architecture, model.weights, model.inputs(images), threads=1
        )
        expected = read_array(
            finished.path / f"data/evaluation/{framework}/{run}/probabilities.npy"
        )
        # Float32, another framework.
        np.testing.assert_allclose(probabilities, expected, rtol=1e-3, atol=1e-5)


def test_figures_and_tables_are_written(finished):
    plots = finished.path / "plots"
    assert {path.name for path in (plots / "figures").iterdir()} == {
        "accuracy.png", "accuracy_per_class.png", "comparisons.png", "confusion_matrices.png", "first_layer_filters.png", "learning_curves.png",
        "pruned_pixels.png", "reliability.png", "sample_predictions.png", "shared_mistakes.png",
    }  # fmt: skip
    assert (plots / "with_times/accuracy_against_time.png").stat().st_size > 10_000
    assert len(pd.read_csv(plots / "with_times/results.csv")) == len(TRAIN)
    assert len((plots / "with_times/results.md").read_text().splitlines()) == 2 + len(TRAIN)


def test_metrics_show_is_a_leaderboard(finished):
    shown = json.loads(finished.run("dvc", "metrics", "show", "--json"))[""]["data"]
    assert set(shown) == {
        f"metrics/{framework}/{run}.json"
        for framework in FRAMEWORKS
        for run in PARAMS.runs(framework)
    }
    assert all(
        set(row["data"]) >= {"dataset", "accuracy", "errors", "log_loss"} for row in shown.values()
    )


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
    """Return the stages that read a leaf of params.yaml: the table that dvc.yaml must agree with."""
    match path:
        case ("seed",):
            return {"preprocess"} | TRAIN
        case ("threads",):
            return TRAIN | EVALUATE
        case ("processes" | "device",):
            return {stage for stage in TRAIN if not stage.startswith("train_scratch@")}
        case ("download" | "preprocess" as stage, *_):
            return {stage}
        case ("architectures", name, *_):
            users = {
                (framework, run)
                for framework in FRAMEWORKS
                for run, recipe in PARAMS.runs(framework).items()
                if recipe.architecture == name
            }
            return {f"train_{framework}@{run}" for framework, run in users}
        case (section, run, *_):
            framework = section.removeprefix("train_")
            return {f"{section}@{run}", f"evaluate@{framework}", "visualize"}
    raise AssertionError(path)


def test_every_leaf_of_params_is_read_by_the_stages_that_it_concerns_and_no_others():
    stages = Repo(os.fspath(ROOT)).index.stages
    read = {
        stage.addressing: [
            tuple(name.split(".")) for dep in stage.deps for name in getattr(dep, "params", ())
        ]
        for stage in stages
    }
    paths = leaves(YAML(typ="safe").load(ROOT / "params.yaml"))
    assert len(paths) > 100
    for path in paths:
        assert {
            stage
            for stage, names in read.items()
            if any(path[: len(name)] == name for name in names)
        } == stages_reading(path), path


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", 1),
        ("threads", 1),
        ("processes", 2),
        ("download.mirror", "elsewhere"),
        ("preprocess.prune_threshold", 0.1),
        ("architectures.cnn", ["flatten", {"dense": {"units": 10}}]),
        ("train_torch.mlp.l2", 0.5),
        ("train_scratch.mlp_sigmoid.epochs", 7),
    ],
)
def test_edit_makes_stale_what_reads_it_and_nothing_else(finished, name, value):
    before = (finished.path / "params.yaml").read_text()
    finished.edit_params({name: value})
    status = json.loads(finished.run("dvc", "status", "--json"))
    (finished.path / "params.yaml").write_text(before)
    assert set(status) == stages_reading(tuple(name.split(".")))


def test_editing_one_learning_rate_reruns_that_run_its_evaluation_and_the_plots(clone):
    clone.edit_params({"train_scratch.mlp.learning_rate": 0.01})
    assert clone.repro() == {"train_scratch@mlp", "evaluate@scratch", "visualize"}
    clone.edit_params(
        {"train_scratch.mlp.learning_rate": PARAMS.recipe("scratch", "mlp").learning_rate}
    )
    assert clone.repro() == set()  # DVC remembers


def test_metrics_diff_compares_branches_without_cache_or_remote(clone, tmp_path):
    clone.run("git", "switch", "-qc", "slower")
    clone.edit_params({"train_scratch.mlp.learning_rate": 0.001})
    clone.repro()
    clone.commit("A lower learning rate")
    clone.run("git", "clone", "-q", ".", str(tmp_path / "elsewhere"))
    elsewhere = Clone(tmp_path / "elsewhere")
    diff = json.loads(
        elsewhere.run("dvc", "metrics", "diff", "origin/main", "origin/slower", "--json")
    )
    assert set(diff) == {"metrics/scratch/mlp.json"}
    assert diff["metrics/scratch/mlp.json"]["accuracy"]["diff"] < 0


def test_a_new_architecture_and_run_are_an_edit_of_params_alone(clone):
    text = (clone.path / "params.yaml").read_text()
    text = text.replace(
        "architectures:\n", "architectures:\n  linear:\n  - flatten\n  - dense: {units: 10}\n"
    )
    run = "  linear: {architecture: linear, initializer: he, optimizer: adam, epochs: 1, batch_size: 50, learning_rate: 0.01, schedule: cosine}"
    (clone.path / "params.yaml").write_text(
        text.replace("train_scratch:\n", f"train_scratch:\n{run}\n")
    )
    assert clone.repro() == {"train_scratch@linear", "evaluate@scratch", "visualize"}
    assert (
        json.loads((clone.path / "metrics/scratch/linear.json").read_text())["parameters"] == 7850
    )


def test_a_removed_run_is_forgotten_and_pruned(clone):
    yaml = YAML()
    params = yaml.load(clone.path / "params.yaml")
    del params["train_torch"]["mlp"]
    yaml.dump(params, clone.path / "params.yaml")
    assert "models/torch/mlp" in clone.run("python", "-m", "digits.commands.prune")
    assert clone.repro() == {"evaluate@torch", "visualize"}
    assert not (clone.path / "metrics/torch/mlp.json").exists()
    assert not (clone.path / "models/torch/mlp").exists()
    assert "mlp" not in YAML(typ="safe").load(clone.path / "dvc.lock")["stages"]
    assert "train_torch@mlp" not in (clone.path / "dvc.lock").read_text()
    assert clone.run("python", "-m", "digits.commands.prune") == ""


def test_experiments_run_over_a_grid(clone):
    rates = ["0.01", "0.02"]
    clone.run(
        "dvc", "exp", "run", "--queue", "-S", f"train_scratch.mlp.learning_rate={','.join(rates)}"
    )
    clone.run("dvc", "exp", "run", "--run-all")
    rows = pd.read_csv(io.StringIO(clone.run("dvc", "exp", "show", "--csv", "--only-changed")))
    done = rows[rows["State"] == "Success"]
    assert sorted(done["train_scratch.mlp.learning_rate"]) == [float(rate) for rate in rates]
    assert done["metrics/scratch/mlp.json:accuracy"].notna().all()


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            {"train_scratch.mlp.learning_rate": -1},
            "error: params.yaml: train_scratch.mlp.learning_rate is -1; expected greater than 0",
        ),
        (
            {"train_scratch.mlp.architecture": "resnet"},
            "Parameters 'architectures.resnet' are missing from 'params.yaml'",
        ),
        (
            {"train_scratch.mlp.learning_rate": 1e30},
            "error: scratch/mlp: the loss is nan after epoch 1; lower its learning_rate in params.yaml",
        ),
        (
            {"preprocess.validation_size": 2000},
            "validation_size 2000 do not fit in 1497 training images",
        ),
    ],
)
def test_bad_parameter_is_one_line_and_loses_nothing(clone, edit, message):
    before = (clone.path / "params.yaml").read_text()
    clone.edit_params(edit)
    printed = clone.run("dvc", "repro", status=255)
    assert message in printed
    assert "Traceback" not in printed
    (clone.path / "params.yaml").write_text(before)
    assert clone.repro() == set()
    assert "up to date" in clone.run("dvc", "status")


def test_corrupt_download_is_one_line_and_leaves_no_raw_data(clone, tmp_path):
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror/train-images-idx3-ubyte.gz").write_bytes(b"<html>")
    clone.edit_params(
        {
            "download.dataset": "mnist",
            "download.mirror": str(tmp_path / "mirror"),
            "download.when_unreachable": "fail",
        }
    )
    printed = clone.run(
        "python",
        "-m",
        "stages.download",
        status=1,
        http_proxy="http://localhost:9",
        https_proxy="http://localhost:9",
    )
    assert len(printed.splitlines()) == 1
    assert printed.startswith("error: mnist could not be had (")
    assert "train-images-idx3-ubyte.gz is corrupt or truncated" in printed


def test_foreign_model_file_is_one_line(clone):
    path = clone.path / "models/scratch/mlp/model.safetensors"
    path.unlink()
    path.write_bytes(b"PK\x03\x04")
    printed = clone.run("python", "-m", "stages.evaluate", "scratch", status=1)
    assert [
        line
        for line in printed.splitlines()
        if line.startswith(
            "error: models/scratch/mlp/model.safetensors: is no model file of this project"
        )
    ]
    assert "Traceback" not in printed


def test_a_runs_name_is_no_shell_command(clone):
    params = (clone.path / "params.yaml").read_text()
    run = json.dumps(PARAMS.recipe("scratch", "mlp").model_dump(exclude_none=True))
    (clone.path / "params.yaml").write_text(
        params.replace("train_scratch:\n", f'train_scratch:\n  "mlp; touch evil; #": {run}\n')
    )
    printed = clone.run("dvc", "repro", "train_scratch@mlp; touch evil; #", status=255)
    assert not (clone.path / "evil").exists()
    assert (
        "error: params.yaml: train_scratch.mlp; touch evil; # is 'mlp; touch evil; #'; expected"
        in printed
    )


def test_unknown_run_on_the_command_line_is_one_line(clone):
    printed = clone.run("python", "-m", "stages.train_scratch", "resnet", status=1)
    assert (
        printed
        == "error: params.yaml: train_scratch has no run 'resnet'; expected one of: cnn, fast, mlp, mlp_sigmoid\n"
    )


def test_everything_again_in_another_folder_gives_the_same_bytes_but_for_times(finished, clone):
    assert clone.repro("--force", "--no-run-cache") == STAGES
    assert "the same bytes in every output" in clone.run(
        "python", "-m", "digits.commands.verify", str(finished.path)
    )
    times = "models/times/scratch/mlp.json"
    # It did run again.
    assert (clone.path / times).read_text() != (finished.path / times).read_text()
