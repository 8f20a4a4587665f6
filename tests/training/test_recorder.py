"""A recorder weighs steps by their samples, and ends a training that diverges."""

import numpy as np
import pytest

from digits.training.recorder import DivergedError
from tests.support.trainings import SGD, make_recorder


def test_recorder_weighs_steps_by_their_samples():
    recorder = make_recorder(SGD, 4, lambda weights: (0.25, 0.75))
    recorder.step(3, 1.0, 3)
    recorder.step(1, 5.0, 0)
    recorder.epoch({})
    assert recorder.history == [
        {"images_seen": 4, "epoch": 1, "split": "train", "loss": 2.0, "accuracy": 0.75},
        {"images_seen": 4, "epoch": 1, "split": "validation", "loss": 0.25, "accuracy": 0.75},
    ]


def test_history_has_a_row_every_fifty_steps_and_one_for_the_rest():
    """120 steps of 2 samples; the loss of a step is its number, from 0."""
    recorder = make_recorder(SGD.model_copy(update={"epochs": 2, "batch_size": 2}), 240)
    for _ in range(2):
        for number in range(120):
            recorder.step(2, float(number), 1)
        recorder.epoch({})
    rows = [row for row in recorder.history if row["split"] == "train"]
    assert [row["images_seen"] for row in rows] == [100, 200, 240, 340, 440, 480]
    assert [row["epoch"] for row in rows] == [1, 1, 1, 2, 2, 2]
    # The means of 0 to 49, 50 to 99 and 100 to 119.
    assert [row["loss"] for row in rows] == [24.5, 74.5, 109.5] * 2
    assert {row["accuracy"] for row in rows} == {0.5}
    ends = [row["images_seen"] for row in recorder.history if row["split"] == "validation"]
    assert ends == [240, 480]


def test_steps_reported_together_give_the_same_rows():
    """TensorFlow reports 50 steps in one call; the other frameworks report each step."""
    recipe = SGD.model_copy(update={"batch_size": 2})
    alone, together = (make_recorder(recipe, 120) for _ in range(2))
    for number in range(60):
        alone.step(2, float(number), 1)
    alone.epoch({})
    together.step(100, 24.5, 50)  # 24.5 is the mean of 0 to 49, and 54.5 that of 50 to 59
    together.step(20, 54.5, 10)
    together.epoch({})
    assert together.history == alone.history


def test_a_minimizer_has_one_row_of_the_training_split_for_each_epoch():
    recorder = make_recorder(SGD.model_copy(update={"batch_size": None, "epochs": 60}), 2)
    for _ in range(60):
        recorder.step(2, 1.0, 1)
        recorder.epoch({})
    assert sum(row["split"] == "train" for row in recorder.history) == 60


def test_recorder_resets_the_means_and_keeps_the_last_weights():
    recorder = make_recorder(SGD.model_copy(update={"epochs": 2}), 1)
    for loss in (3.0, 1.0):
        recorder.step(1, loss, 1)
        recorder.epoch({"W": np.array(loss)})
    assert [row["loss"] for row in recorder.history if row["split"] == "train"] == [3.0, 1.0]
    assert recorder.weights["W"] == 1.0


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_ends_the_training_in_one_line(loss):
    recorder = make_recorder(SGD, 1)
    recorder.step(1, loss, 0)
    expected = f"scratch/test: the loss is {loss} after epoch 1; lower its learning_rate in params"
    with pytest.raises(DivergedError, match=expected):
        recorder.epoch({})


def test_recorder_reports_each_epoch_in_one_line(capsys):
    recorder = make_recorder(SGD, 1, lambda weights: (0.5, 0.9))
    recorder.step(1, 1.0, 1)
    recorder.epoch({})
    expected = (
        "scratch/test epoch 1/1: loss 1.0000 accuracy 1.0000, "
        "validation loss 0.5000 accuracy 0.9000, "
    )
    assert expected in capsys.readouterr().err
