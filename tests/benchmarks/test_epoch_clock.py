"""The clock has an entry for each epoch, and leaves the training as it is."""

import numpy as np
import pytest

from benchmarks.epoch_clock import EpochClock
from digits.training.backend import load_backend
from digits.training.checkpoint import Progress
from digits.training.loop import TrainingData, train
from tests.support.models import PREPROCESSING
from tests.support.networks import parse
from tests.support.trainings import SGD, make_run

RUN = make_run(SGD.model_copy(update={"epochs": 3}), parse("flatten", {"dense": {"units": 10}}))


def test_seconds_are_those_of_each_epoch():
    clock = EpochClock()
    for n_epochs, seconds in enumerate((1.5, 2.0, 4.0), start=1):
        clock.save(Progress(n_epochs, [], seconds, {}, {}))
    assert clock.epoch_seconds() == [1.5, 0.5, 2.0]


def test_a_timed_training_gives_the_same_model_and_all_its_seconds(generator):
    split = generator.random((32, 28, 28), dtype=np.float32), generator.integers(0, 10, 32)
    data, clock = TrainingData(PREPROCESSING, split, split), EpochClock()
    expected, _ = train(load_backend("scratch"), RUN, data)
    model, recorder = train(load_backend("scratch"), RUN, data, clock)
    assert np.array_equal(model.weights["1_dense.W"], expected.weights["1_dense.W"])
    assert len(clock.epoch_seconds()) == 3
    assert sum(clock.epoch_seconds()) == pytest.approx(recorder.train_seconds)
