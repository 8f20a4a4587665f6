"""A checkpoint resumes the training that made it and no other. A damaged one is ignored."""

from dataclasses import replace

import numpy as np
import pytest

from digits.training.backend import load_backend
from digits.training.checkpoint import Checkpoint, Progress, digest_arrays, training_key
from digits.training.loop import TrainingData, train
from digits.training.run import Run
from tests.support.models import PREPROCESSING
from tests.support.networks import parse
from tests.support.trainings import SGD, make_run

SCRATCH = load_backend("scratch")
RUN = make_run(
    SGD.model_copy(update={"epochs": 4, "momentum": 0.9, "learning_rate": 0.1}),
    parse("flatten", {"dense": {"units": 16}}, "relu", {"dense": {"units": 10}}),
)
PROGRESS = Progress(
    1,
    [{"images_seen": 9, "epoch": 1, "split": "train", "loss": 0.1 + 0.2, "accuracy": 1 / 3}],
    1.25,
    {"9_dense.W": np.eye(3, dtype=np.float32), "0_dense.W": np.ones(2, np.float32)},
    {"t": np.array(7)},
)


@pytest.fixture
def checkpoint(tmp_path) -> Checkpoint:
    checkpoint = Checkpoint(tmp_path / "torch/cnn.safetensors", "a key")
    checkpoint.save(PROGRESS)
    return checkpoint


def test_what_is_saved_is_loaded(checkpoint):
    loaded = checkpoint.load()
    assert (loaded.n_epochs, loaded.history, loaded.train_seconds) == (1, PROGRESS.history, 1.25)
    assert list(loaded.weights) == ["9_dense.W", "0_dense.W"]  # in the order of the layers
    assert np.array_equal(loaded.weights["9_dense.W"], np.eye(3, dtype=np.float32))
    assert loaded.state["t"].shape == ()
    assert loaded.state["t"] == 7
    assert [path.name for path in checkpoint.path.parent.iterdir()] == ["cnn.safetensors"]


def test_another_training_starts_from_scratch(checkpoint):
    assert Checkpoint(checkpoint.path, "another key").load() is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: b"",
        lambda data: b"nonsense" * 50,
        lambda data: data[:20],
    ],
)
def test_damaged_file_is_ignored(checkpoint, damage):
    checkpoint.path.write_bytes(damage(checkpoint.path.read_bytes()))
    assert checkpoint.load() is None


def test_missing_file_is_ignored(tmp_path):
    assert Checkpoint(tmp_path / "none.safetensors", "a key").load() is None


def test_key_depends_on_the_settings():
    assert training_key({"seed": 0}) == training_key({"seed": 0})
    assert training_key({"seed": 0}) != training_key({"seed": 1})


def test_data_digest_depends_on_values_types_and_shapes():
    x = np.arange(6.0)
    assert digest_arrays(x) == digest_arrays(np.arange(6.0))
    others = [digest_arrays(array) for array in (x + 1, x.astype(np.float32), x.reshape(2, 3))]
    assert len({digest_arrays(x), digest_arrays(x, x), *others}) == 5


class Killed(Exception):
    """Stands for a kill."""


class KilledAfterTwoEpochs(Checkpoint):
    """Saves two epochs; then the training is killed."""

    def save(self, progress: Progress) -> None:
        super().save(progress)
        if progress.n_epochs == 2:
            raise Killed


@pytest.fixture
def data(generator) -> TrainingData:
    splits = [
        (generator.random((n, 28, 28), dtype=np.float32), generator.integers(0, 10, n))
        for n in (64, 20)
    ]
    return TrainingData(PREPROCESSING, *splits)


def own_checkpoint(run: Run, path) -> Checkpoint:
    return Checkpoint(path, training_key(run.describe()))


def assert_same_training(found, expected):
    assert found[1].history == expected[1].history
    for name, array in expected[0].weights.items():
        assert found[0].weights[name].tobytes() == array.tobytes()


def test_killed_training_resumes_after_its_last_epoch_and_ends_in_the_same_bytes(
    data, tmp_path, capsys
):
    whole = train(SCRATCH, RUN, data)
    checkpoint = own_checkpoint(RUN, tmp_path / "mlp.safetensors")
    with pytest.raises(Killed):
        train(SCRATCH, RUN, data, KilledAfterTwoEpochs(checkpoint.path, checkpoint.key))
    capsys.readouterr()
    again = train(SCRATCH, RUN, data, checkpoint)
    printed = capsys.readouterr().err
    assert "scratch/test: resumes after epoch 2 of 4" in printed
    assert "epoch 2/4" not in printed
    assert "epoch 3/4" in printed
    assert_same_training(again, whole)


def test_training_killed_after_its_last_epoch_trains_no_more(data, tmp_path, monkeypatch):
    checkpoint = own_checkpoint(RUN, tmp_path / "mlp.safetensors")
    whole = train(SCRATCH, RUN, data, checkpoint)
    assert checkpoint.path.exists()  # until the stage has written its outputs
    monkeypatch.setattr(SCRATCH, "fit", None)
    assert_same_training(train(SCRATCH, RUN, data, checkpoint), whole)


def test_edited_recipe_does_not_resume(data, tmp_path, capsys):
    path = tmp_path / "mlp.safetensors"
    train(SCRATCH, RUN, data, own_checkpoint(RUN, path))
    edited = replace(RUN, recipe=RUN.recipe.model_copy(update={"learning_rate": 0.001}))
    capsys.readouterr()
    train(SCRATCH, edited, data, own_checkpoint(edited, path))
    printed = capsys.readouterr().err
    assert "resumes" not in printed
    assert "epoch 1/4" in printed
