"""The findings are read for the runs that they are asked for, and titled by what they show."""

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from digits.base.files import write_array, write_json, write_split, write_table
from digits.errors import InputError
from digits.model.model_file import write_model
from digits.reporting.findings import load_findings
from digits.reporting.results import MAX_RUNS
from tests.support.findings import SMALL_LAYERS, make_findings
from tests.support.models import CLASS_NAMES, make_model, make_preprocessing
from tests.support.results import make_result


class FakeRecipe(NamedTuple):
    epochs: int = 2

    def model_dump(self, *, exclude_none: bool) -> dict[str, Any]:
        assert exclude_none
        return {"epochs": self.epochs}


class FakeRun(NamedTuple):
    framework: str
    name: str
    architecture: str = "small"
    recipe: FakeRecipe = FakeRecipe()


RUNS = [FakeRun("torch", "cnn"), FakeRun("tf", "mlp")]


@pytest.fixture
def project(tmp_path) -> Path:
    """A folder with what the pipeline measured of three runs, one of them no longer in params."""
    for framework, name in (("torch", "cnn"), ("torch", "removed"), ("tf", "mlp")):
        result = make_result(framework, name, 9)
        write_json(tmp_path / f"metrics/{framework}/{name}.json", result.metrics)
        models = tmp_path / "models"
        write_json(tmp_path / f"timings/{framework}/{name}.json", result.times)
        write_table(models / framework / name / "history.csv", result.history.to_dict("records"))
        write_model(models / framework / name / "model.safetensors", make_model(SMALL_LAYERS))
        for array in ("probabilities", "labels", "confusion_matrix", "accuracy_per_class"):
            path = tmp_path / f"data/evaluation/{framework}/{name}/{array}.npy"
            write_array(path, getattr(result, array))
    preprocessing = make_preprocessing(range(784), CLASS_NAMES)
    write_json(tmp_path / "data/processed/preprocessing.json", preprocessing.model_dump())
    labels = np.arange(12) % 3
    write_split(tmp_path / "data/raw/test", np.zeros((12, 28, 28), np.uint8), labels)
    write_split(tmp_path / "data/processed/train", np.zeros((12, 28, 28), np.float32), labels)
    return tmp_path


def test_only_the_given_runs_are_read_in_their_order(project):
    findings = load_findings(RUNS, project)
    assert [result.name for result in findings.results] == ["torch cnn", "tf mlp"]
    assert findings.models.keys() == {"torch cnn", "tf mlp"}
    assert findings.recipes == {"torch cnn": {"epochs": 2}, "tf mlp": {"epochs": 2}}
    assert findings.results[0].history.columns.tolist() == [
        "images_seen",
        "epoch",
        "split",
        "loss",
        "accuracy",
    ]


@pytest.mark.parametrize(
    "missing",
    [
        "metrics/torch/cnn.json",
        "models/torch/cnn/history.csv",
        "models/torch/cnn/model.safetensors",
        "timings/torch/cnn.json",
        "data/evaluation/torch/cnn/labels.npy",
        "data/processed/preprocessing.json",
        "data/raw/test/images.npy",
    ],
)
def test_a_missing_file_is_named_in_one_line(project, missing):
    (project / missing).unlink()
    with pytest.raises(InputError, match=f"{missing}: cannot be read") as error:
        load_findings(RUNS, project)
    assert "\n" not in str(error.value)


def test_an_empty_history_is_named(project):
    (project / "models/torch/cnn/history.csv").write_text("")
    with pytest.raises(InputError, match=r"history\.csv: cannot be read"):
        load_findings(RUNS, project)


def test_a_removed_folder_is_not_needed(project):
    shutil.rmtree(project / "models/torch/removed")
    assert len(load_findings(RUNS, project).results) == 2


def test_titles_say_how_many_of_the_runs_are_drawn():
    few = make_findings([("torch", "cnn", 9)])
    assert few.title == few.drawn_title == "MNIST, 12 test images"
    assert few.train_title == few.drawn_train_title == "MNIST, 20 training images"
    many = make_findings([("torch", f"run_{number}", 9) for number in range(MAX_RUNS + 1)])
    assert many.drawn_title == "MNIST, 12 test images, the best 50 of 51 runs"
    assert many.drawn_models.keys() == {result.name for result in many.drawn}
