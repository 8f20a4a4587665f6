"""A checkpoint goes on with the training that made it and with no other, and a damaged one is as
good as none.
"""

import numpy as np
import pytest
from conftest import ROOT
from test_training import PREPROCESSING

from digits.backends.scratch import network as backend_scratch
from digits.training.checkpoint import Checkpoint, Progress, digest_arrays, training_key
from digits.training.loop import describe_run, train
from digits.training.params import load_params

PARAMS = load_params(ROOT / "params.yaml")
PROGRESS = Progress(
    [{"epoch": 1, "split": "train", "loss": 0.1 + 0.2, "accuracy": 1 / 3}],
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
    assert (loaded.history, loaded.train_seconds) == (PROGRESS.history, 1.25)
    assert list(loaded.weights) == ["9_dense.W", "0_dense.W"]  # in the order of the layers
    assert np.array_equal(loaded.weights["9_dense.W"], np.eye(3, dtype=np.float32))
    assert loaded.state["t"].shape == ()
    assert loaded.state["t"] == 7
    assert [path.name for path in checkpoint.path.parent.iterdir()] == ["cnn.safetensors"]


def test_another_training_starts_anew(checkpoint):
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
def test_damaged_file_starts_anew(checkpoint, damage):
    checkpoint.path.write_bytes(damage(checkpoint.path.read_bytes()))
    assert checkpoint.load() is None


def test_no_file_starts_anew(tmp_path):
    assert Checkpoint(tmp_path / "none.safetensors", "a key").load() is None


def test_key_depends_on_settings_and_code(monkeypatch, tmp_path):
    key = training_key({"seed": 0})
    assert training_key({"seed": 0}) == key
    changed = [training_key({"seed": 1})]
    (tmp_path / "layers.py").write_text("# changed")
    monkeypatch.setattr("digits.scratch.layers.__file__", str(tmp_path / "layers.py"))
    changed.append(training_key({"seed": 0}))
    assert len({key, *changed}) == 3


def test_data_digest_depends_on_values_types_and_shapes():
    x = np.arange(6.0)
    assert digest_arrays(x) == digest_arrays(np.arange(6.0))
    others = [digest_arrays(array) for array in (x + 1, x.astype(np.float32), x.reshape(2, 3))]
    assert len({digest_arrays(x), digest_arrays(x, x), *others}) == 5


class Killed(Exception):
    """Stands for a kill."""


@pytest.fixture
def splits(generator):
    return [
        (generator.random((n, 28, 28), dtype=np.float32), generator.integers(0, 10, n))
        for n in (64, 20)
    ]


def run_training(splits, path, params=None):
    mlp = PARAMS.recipe("scratch", "mlp").model_copy(update={"epochs": 4, "batch_size": 16})
    params = params or PARAMS.model_copy(update={"train_scratch": {"mlp": mlp}})
    checkpoint = (
        Checkpoint(path, training_key(describe_run(params, "scratch", "mlp"))) if path else None
    )
    return train(backend_scratch, "scratch", "mlp", params, PREPROCESSING, *splits, checkpoint)


def test_killed_training_goes_on_after_its_last_epoch_and_ends_with_the_same_bytes(
    splits, tmp_path, monkeypatch, capsys
):
    whole, record = run_training(splits, None)
    path = tmp_path / "mlp.safetensors"
    save = Checkpoint.save

    def save_twice_then_die(self, progress):
        save(self, progress)
        if len(progress.history) == 2 * 2:
            raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Checkpoint, "save", save_twice_then_die)
        run_training(splits, path)
    capsys.readouterr()
    model, again = run_training(splits, path)
    printed = capsys.readouterr().err
    assert "scratch/mlp: goes on after epoch 2 of 4" in printed
    assert "epoch 2/4" not in printed
    assert "epoch 3/4" in printed
    assert again.history == record.history
    assert all(
        model.weights[name].tobytes() == whole.weights[name].tobytes() for name in whole.weights
    )


def test_training_killed_after_its_last_epoch_trains_no_more(splits, tmp_path, monkeypatch):
    path = tmp_path / "mlp.safetensors"
    model, record = run_training(splits, path)
    assert path.exists()  # until the stage has written its outputs
    monkeypatch.setattr(backend_scratch, "fit", None)
    again, same = run_training(splits, path)
    assert same.history == record.history
    assert all(
        again.weights[name].tobytes() == model.weights[name].tobytes() for name in model.weights
    )


def test_edited_recipe_does_not_go_on(splits, tmp_path, capsys):
    run_training(splits, tmp_path / "mlp.safetensors")
    mlp = PARAMS.recipe("scratch", "mlp").model_copy(
        update={"epochs": 4, "batch_size": 16, "learning_rate": 0.001}
    )
    capsys.readouterr()
    run_training(
        splits,
        tmp_path / "mlp.safetensors",
        PARAMS.model_copy(update={"train_scratch": {"mlp": mlp}}),
    )
    printed = capsys.readouterr().err
    assert "goes on" not in printed
    assert "epoch 1/4" in printed
