"""What a back end is given cannot be changed, and a run neither."""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from digits.training.backend import load_backend, load_predict
from tests.support.trainings import make_run, make_training

SAMPLES = np.zeros((2, 12), np.float32), np.array([0, 1])


def test_training_is_frozen():
    training = make_training([], {}, SAMPLES)
    with pytest.raises(FrozenInstanceError):
        training.threads = 3  # type: ignore[misc]
    assert replace(training, threads=3).threads == 3


def test_run_is_frozen_and_so_is_its_recipe():
    run = make_run()
    with pytest.raises(FrozenInstanceError):
        run.seed = 3  # type: ignore[misc]
    with pytest.raises(ValueError, match="frozen"):
        run.recipe.epochs = 3
    assert replace(run, seed=3).seed == 3


def test_back_ends_are_loaded_by_name():
    assert load_backend("scratch").LIBRARY.startswith("NumPy ")
    assert load_predict("scratch") is load_backend("scratch").predict
