"""The shared body of the train stages: what it measures and what it hands on."""

import multiprocessing

import numpy as np
import pytest
from conftest import ROOT

from digits.backends.scratch import network as backend_scratch
from digits.errors import InputError
from digits.preprocessing.apply import Preprocessing
from digits.training.initial_weights import initial_weights
from digits.training.loop import Recorder, loss_and_accuracy, train
from digits.training.params import load_params

PARAMS = load_params(ROOT / "params.yaml")
PREPROCESSING = Preprocessing(
    dataset="mnist",
    class_names=list("0123456789"),
    normalization="zero_one",
    mean=0.0,
    std=255.0,
    kept_pixels=list(range(100, 700)),
)


def test_loss_is_the_mean_log_loss_and_survives_a_zero():
    probabilities = np.array([[0.5, 0.5], [1, 0]], np.float32)
    loss, accuracy = loss_and_accuracy(probabilities, np.array([0, 1]))
    assert loss == pytest.approx((np.log(2) - np.log(np.finfo(np.float32).tiny)) / 2)
    assert accuracy == 0.5


def test_recorder_weighs_steps_by_their_samples():
    recorder = Recorder("test", 1, 4, lambda weights: (0.25, 0.75))
    recorder.step(3, 1.0, 3)
    recorder.step(1, 5.0, 0)
    recorder.epoch({})
    assert recorder.history == [
        {"epoch": 1, "split": "train", "loss": 2.0, "accuracy": 0.75},
        {"epoch": 1, "split": "validation", "loss": 0.25, "accuracy": 0.75},
    ]


def test_recorder_starts_each_epoch_anew_and_keeps_the_last_weights():
    recorder = Recorder("test", 2, 1, lambda weights: (0.0, 0.0))
    for loss in (3.0, 1.0):
        recorder.step(1, loss, 1)
        recorder.epoch({"W": np.array(loss)})
    assert [row["loss"] for row in recorder.history if row["split"] == "train"] == [3.0, 1.0]
    assert recorder.weights["W"] == 1.0


def test_a_loss_that_is_no_number_ends_the_training_in_one_line():
    recorder = Recorder("scratch/mlp", 1, 1, lambda weights: (0.0, 0.0))
    recorder.step(1, float("nan"), 0)
    with pytest.raises(
        InputError, match="scratch/mlp: the loss is nan after epoch 1; lower its learning_rate"
    ):
        recorder.epoch({})


def test_recorder_reports_each_epoch_in_one_line(capsys):
    recorder = Recorder("scratch/mlp", 1, 1, lambda weights: (0.5, 0.9))
    recorder.step(1, 1.0, 1)
    recorder.epoch({})
    assert (
        "scratch/mlp epoch 1/1: loss 1.0000 accuracy 1.0000, validation loss 0.5000 accuracy 0.9000"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize("run", ["mlp", "mlp_sigmoid"])
def test_validation_split_is_measured_but_not_learnt_from(run, generator):
    runs = {
        "mlp": PARAMS.recipe("scratch", "mlp"),
        "mlp_sigmoid": PARAMS.recipe("scratch", "mlp_sigmoid"),
    }
    params = PARAMS.model_copy(
        update={"train_scratch": {run: runs[run].model_copy(update={"epochs": 2})}}
    )
    train_split = generator.random((64, 28, 28), dtype=np.float32), generator.integers(0, 10, 64)
    validation = generator.random((20, 28, 28), dtype=np.float32), generator.integers(0, 10, 20)
    model, recorder = train(
        backend_scratch, "scratch", run, params, PREPROCESSING, train_split, validation
    )
    elsewhere, _ = train(
        backend_scratch,
        "scratch",
        run,
        params,
        PREPROCESSING,
        train_split,
        (validation[0] * 0.5, validation[1]),
    )
    assert all(
        np.array_equal(model.weights[name], elsewhere.weights[name]) for name in model.weights
    )
    inputs = model.inputs_from_normalized(validation[0])
    expected = loss_and_accuracy(
        backend_scratch.predict(model.description.architecture, model.weights, inputs, threads=2),
        validation[1],
    )
    assert (recorder.history[-1]["loss"], recorder.history[-1]["accuracy"]) == expected


def test_what_after_epoch_raises_ends_the_training_and_its_helpers(generator, monkeypatch):
    monkeypatch.setattr(backend_scratch, "is_fork_safe", lambda: True)
    split = generator.random((64, 28, 28), dtype=np.float32), generator.integers(0, 10, 64)
    seen = []

    def after_epoch(number: int, accuracy: float) -> None:
        seen.append((number, accuracy, len(multiprocessing.active_children())))
        if number == 2:
            raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        train(
            backend_scratch,
            "scratch",
            "mlp",
            PARAMS,
            PREPROCESSING,
            split,
            split,
            after_epoch=after_epoch,
        )
    assert [(number, n_helpers) for number, _, n_helpers in seen] == [
        (1, PARAMS.threads - 1),
        (2, PARAMS.threads - 1),
    ]
    assert all(0 <= accuracy <= 1 for _, accuracy, _ in seen)
    assert multiprocessing.active_children() == []


def test_training_starts_from_the_weights_of_the_seed(generator):
    mlp = PARAMS.recipe("scratch", "mlp").model_copy(update={"epochs": 1, "learning_rate": 1e-20})
    params = PARAMS.model_copy(update={"seed": 7, "train_scratch": {"mlp": mlp}})
    split = generator.random((10, 28, 28), dtype=np.float32), generator.integers(0, 10, 10)
    model, _ = train(backend_scratch, "scratch", "mlp", params, PREPROCESSING, split, split)
    expected = initial_weights(PARAMS.architectures["mlp_128_64"], (28, 28, 1), "xavier", 7)
    assert all(
        np.allclose(model.weights[name], expected[name], rtol=0, atol=1e-15) for name in expected
    )
