"""One training: what it learns from, what it measures and what it hands on."""

import multiprocessing

import numpy as np
import pytest

from digits.base.files import write_json
from digits.errors import InputError
from digits.evaluation.loss_and_accuracy import accuracy, log_loss
from digits.training.backend import load_backend
from digits.training.initial_weights import initial_weights
from digits.training.loop import Split, TrainingData, load_data, train
from digits.training.params import Augmentation, Recipe, ScratchRecipe
from digits.training.run import IMAGE_SHAPE
from tests.support.models import PREPROCESSING
from tests.support.networks import parse
from tests.support.trainings import SGD, THREADS, make_run

SCRATCH = load_backend("scratch")
MLP = parse("flatten", {"dense": {"units": 16}}, "relu", {"dense": {"units": 10}})
CONJUGATE_GRADIENT = ScratchRecipe(
    architecture="-", initializer="xavier", optimizer="conjugate_gradient", epochs=2, pixels="kept"
)


def changed(**values) -> Recipe:
    return SGD.model_copy(update=values)


def make_split(generator: np.random.Generator, n: int) -> Split:
    return generator.random((n, 28, 28), dtype=np.float32), generator.integers(0, 10, n)


@pytest.fixture
def data(generator) -> TrainingData:
    return TrainingData(PREPROCESSING, make_split(generator, 64), make_split(generator, 20))


@pytest.mark.parametrize("recipe", [changed(epochs=2), CONJUGATE_GRADIENT], ids=["sgd", "whole"])
def test_validation_split_is_measured_but_not_learnt_from(recipe, data):
    run = make_run(recipe, MLP)
    model, recorder = train(SCRATCH, run, data)
    images, labels = data.validation
    elsewhere, _ = train(SCRATCH, run, data._replace(validation=(images * 0.5, labels)))
    for name, array in model.weights.items():
        assert np.array_equal(elsewhere.weights[name], array)
    inputs = model.inputs_from_normalized(images)
    probabilities = SCRATCH.predict(MLP, model.weights, inputs, threads=THREADS)
    last = recorder.history[-1]
    assert last["loss"] == log_loss(probabilities, labels)
    assert last["accuracy"] == accuracy(probabilities, labels)


class Stopping:
    """A logger that counts the worker processes after each epoch, and raises after the second."""

    def __init__(self):
        self.seen = []
        self.n_closed = 0

    def log(self, row):
        if row["split"] == "validation":
            self.seen.append((row["epoch"], len(multiprocessing.active_children())))
            if row["epoch"] == 2:
                raise KeyError("enough")

    def close(self):
        self.n_closed += 1


def test_what_a_logger_raises_ends_the_training_and_its_workers(data, monkeypatch):
    monkeypatch.setattr("digits.backends.scratch.fit.is_fork_safe", lambda: True)
    logger = Stopping()
    with pytest.raises(KeyError, match="enough"):
        train(SCRATCH, make_run(changed(epochs=9), MLP), data, loggers=[logger])
    assert logger.seen == [(1, THREADS - 1), (2, THREADS - 1)]
    assert logger.n_closed == 1
    assert multiprocessing.active_children() == []


def test_training_starts_from_the_weights_of_the_seed(data):
    run = make_run(changed(learning_rate=1e-20), MLP, seed=7)
    model, _ = train(SCRATCH, run, data)
    expected = initial_weights(MLP, IMAGE_SHAPE, "xavier", 7)
    for name, array in expected.items():
        np.testing.assert_allclose(model.weights[name], array, rtol=0, atol=1e-15)


def test_augmentation_changes_what_is_learnt(data):
    plain = changed(batch_size=64)
    augmented = plain.model_copy(update={"augmentation": Augmentation(shift=2.0)})
    expected, found, again = (
        train(SCRATCH, make_run(recipe, MLP), data)[0].weights["1_dense.W"]
        for recipe in (plain, augmented, augmented)
    )
    assert np.array_equal(again, found)
    assert not np.array_equal(found, expected)


def test_missing_data_says_what_to_run(tmp_path):
    with pytest.raises(InputError, match=r"has no data; run `dvc repro preprocess` first"):
        load_data(tmp_path)


def test_damaged_preprocessing_is_one_line(tmp_path):
    write_json(tmp_path / "preprocessing.json", PREPROCESSING.model_dump() | {"std": "thick"})
    with pytest.raises(InputError, match=r"preprocessing\.json: std: .*; run `dvc repro`$"):
        load_data(tmp_path)
