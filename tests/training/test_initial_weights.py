"""Initial weights come from architecture and seed alone, with the spread of their initializer."""

import numpy as np
import pytest

from digits.model.architecture import BatchNorm
from digits.scratch import initializers
from digits.training.initial_weights import initial_weights
from tests.support.networks import ALL_LAYERS, IMAGE_SHAPE


@pytest.mark.parametrize(
    ("draw", "variance"),
    [(initializers.he, 2 / (25 * 30)), (initializers.xavier, 2 / (25 * 30 + 25 * 40))],
)
def test_variance_is_that_of_the_initializer(draw, variance, generator):
    W = draw((5, 5, 30, 40), generator)
    # With 30,000 draws the standard deviation of the sample variance is below 1 % of it.
    assert W.var() == pytest.approx(variance, rel=0.04)
    assert abs(W.mean()) < 4 * np.sqrt(variance / W.size)


def test_xavier_is_uniform_within_its_limit(generator):
    limit = np.sqrt(6 / (300 + 200))
    W = initializers.xavier((300, 200), generator)
    assert np.abs(W).max() <= limit
    assert np.abs(W).max() > 0.999 * limit


def test_same_seed_same_bytes_other_seed_other_weights():
    first, again, other = (
        initial_weights(ALL_LAYERS, IMAGE_SHAPE, "he", seed) for seed in (1, 1, 2)
    )
    assert all(first[name].tobytes() == again[name].tobytes() for name in first)
    assert not np.array_equal(first["0_conv.W"], other["0_conv.W"])


def test_batch_norm_starts_as_the_identity():
    weights = initial_weights([BatchNorm()], (2, 2, 3), "he", 0)
    assert {name: array.tolist() for name, array in weights.items()} == {
        "0_batch_norm.gamma": [1, 1, 1],
        "0_batch_norm.beta": [0, 0, 0],
        "0_batch_norm.mean": [0, 0, 0],
        "0_batch_norm.variance": [1, 1, 1],
    }


def test_biases_are_zero_and_all_is_float32():
    weights = initial_weights(ALL_LAYERS, IMAGE_SHAPE, "xavier", 0)
    assert not weights["0_conv.b"].any()
    assert {array.dtype for array in weights.values()} == {np.dtype(np.float32)}
