"""A train stage: the key of its checkpoint, and what it writes."""

import json
import shutil
import sys

import numpy as np
import pytest

from digits.base.files import write_json, write_split
from digits.errors import InputError
from digits.model.model_file import load_model
from digits.training import stage
from digits.training.backend import load_backend
from digits.training.team import Team
from tests.support.models import PREPROCESSING
from tests.support.paths import ROOT, SMALL_PARAMS

SCRATCH = load_backend("scratch")


@pytest.fixture
def folder(tmp_path, monkeypatch, generator):
    """A folder with data for the tests' scratch run mlp, in which the stage works."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["train_scratch", "mlp"])
    shutil.copy(SMALL_PARAMS, "params.yaml")
    write_json(tmp_path / "data/processed/preprocessing.json", PREPROCESSING.model_dump())
    for split, n in (("train", 40), ("validation", 20)):
        images = generator.random((n, 28, 28), dtype=np.float32)
        write_split(tmp_path / "data/processed" / split, images, generator.integers(0, 10, n))
    return tmp_path


class KeyFound(Exception):
    """Ends a stage at the moment when it makes its checkpoint."""


def checkpoint_key() -> str:
    """Return the key of the checkpoint that the stage of the scratch mlp would use."""

    def find_key(path, key):
        raise KeyFound(key)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyFound) as caught:
        patch.setattr(stage, "Checkpoint", find_key)
        stage.train_stage(SCRATCH, "scratch")
    return str(caught.value)


@pytest.fixture
def code(tmp_path_factory, monkeypatch):
    """A copy of the code that the stage hashes in the place of its own."""
    copy = tmp_path_factory.mktemp("code")
    for name in ("digits", "stages", "requirements"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(stage, "CODE", copy)
    return copy


def append(path, text: str) -> None:
    path.write_text(path.read_text() + text)


def test_key_depends_on_the_code_of_the_stage_alone(folder, code, monkeypatch):
    key = checkpoint_key()
    append(code / "digits/scratch/layers.py", "# A comment.\n")
    append(code / "digits/backends/torch/fit.py", "OTHER = 1\n")
    append(code / "digits/reporting/report.py", "OTHER = 1\n")
    # Imported, and no part of the stage.
    monkeypatch.setitem(sys.modules, "digits.unrelated", sys)
    assert checkpoint_key() == key
    append(code / "digits/scratch/layers.py", "OTHER = 1\n")
    assert checkpoint_key() != key


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("seed: 0", "seed: 1"),
        ("threads: 2", "threads: 1"),
        ("l2: 0.0003", "l2: 0.0004"),
        ("portable: false", "portable: true"),
    ],
)
def test_key_depends_on_what_the_run_reads(folder, old, new):
    key, params = checkpoint_key(), folder / "params.yaml"
    text = params.read_text()
    assert old in text
    params.write_text(text.replace(old, new))
    assert checkpoint_key() != key


def test_key_depends_on_data_and_packages(folder, monkeypatch):
    key = checkpoint_key()
    write_split(
        folder / "data/processed/train", np.zeros((40, 28, 28), np.float32), np.zeros(40, int)
    )
    other_data = checkpoint_key()
    monkeypatch.setattr(stage, "package_versions", lambda code: {"numpy": "9.9"})
    assert len({key, other_data, checkpoint_key()}) == 3


def test_stage_writes_model_history_and_times_and_leaves_no_checkpoint(folder):
    stage.train_stage(SCRATCH, "scratch")
    model = load_model(folder / "models/scratch/mlp")
    assert (model.description.framework, model.description.run) == ("scratch", "mlp")
    history = (folder / "models/scratch/mlp/history.csv").read_text().splitlines()
    assert history[0] == "images_seen,epoch,split,loss,accuracy"
    assert len(history) == 1 + 2 * 3
    times = json.loads((folder / "timings/scratch/mlp.json").read_text())
    assert list(times) == [
        "train_seconds", "peak_memory_bytes", "seed", "threads", "processes", "device", "portable",
        "library", "processor", "processor_vendor", "processor_family", "processor_model",
        "instructions", "vector_flags", "cores", "python", "packages", "data_sha256",
    ]  # fmt: skip
    assert "numpy" in times["packages"]
    assert "torch" not in times["packages"]
    assert not list((folder / "checkpoints").rglob("*.safetensors"))


def test_stage_takes_the_run_of_dvcs_stage(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["train_scratch"])
    monkeypatch.setenv("DVC_STAGE", "train_scratch@mlp_sigmoid")
    assert stage.run_name("scratch") == "mlp_sigmoid"


def test_unknown_run_is_answered_with_the_known_ones(folder, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["train_scratch", "resnet"])
    expected = r"train_scratch has no run 'resnet'; expected one of: cnn_small, fast, mlp"
    with pytest.raises(InputError, match=expected):
        stage.train_stage(SCRATCH, "scratch")


def test_machines_with_other_data_are_refused():
    class Others(Team):
        def gather(self, array):
            return np.stack([array, array + 1])

    stage.check_same(Team(), "ab" * 32)
    expected = "rank 1 of 2 has other parameters, data or code than rank 0"
    with pytest.raises(InputError, match=expected):
        stage.check_same(Others(0, 2), "ab" * 32)
