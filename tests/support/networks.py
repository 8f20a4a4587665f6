"""Architectures that have every layer type, and weights for them."""

from typing import Any

import numpy as np

from digits.base.params import Section
from digits.model.architecture import Architecture, Shape, Weights
from digits.training.initial_weights import initial_weights

IMAGE_SHAPE = (12, 16, 1)  # another height than width


class Layers(Section):
    """Layers as params.yaml writes them."""

    layers: Architecture


def parse(*layers: Any) -> Architecture:
    """Return an architecture from what params.yaml has: "relu", {"dense": {"units": 10}}."""
    return Layers(layers=list(layers)).layers


# Every layer type, both paddings, a stride and an even kernel, on images that are not square.
ALL_LAYERS = parse(
    {"conv": {"filters": 4, "kernel_size": 3}},
    "relu",
    {"max_pool": {"size": 2}},
    "batch_norm",
    {"conv": {"filters": 5, "kernel_size": 2}},
    "sigmoid",
    {"conv": {"filters": 6, "kernel_size": 3, "stride": 2, "padding": "valid"}},
    "relu",
    "flatten",
    {"dense": {"units": 12}},
    "sigmoid",
    "batch_norm",
    {"dropout": {"rate": 0.5}},
    {"dense": {"units": 10}},
)
ALIKE_IN_TRAINING = [layer for layer in ALL_LAYERS if layer.type not in ("dropout", "batch_norm")]
WITHOUT_DROPOUT = [layer for layer in ALL_LAYERS if layer.type != "dropout"]


def weights_of(architecture: Architecture, input_shape: Shape = IMAGE_SHAPE) -> Weights:
    """Return weights whose vectors are neither zero nor one, and each other than the next.

    A vector that is lost or exchanged then shows.
    """
    weights = initial_weights(architecture, input_shape, "xavier", seed=0)
    shift = {"b": 0.1, "gamma": 0.2, "beta": -0.1, "mean": 0.05, "variance": 0.3, "W": 0.0}
    return {name: array + np.float32(shift[name.split(".")[1]]) for name, array in weights.items()}


def assert_weights_match(found: Weights, expected: Weights, rtol: float, atol: float) -> None:
    """Assert the same names in the same order, and nearly the same values."""
    assert list(found) == list(expected)
    for name, array in expected.items():
        # PyTorch's running variance is n / (n - 1) times the batch's, here with n from 40 on, and
        # moves a tenth of the way.
        slack = 0.1 / 39 if name.endswith(".variance") else 0
        np.testing.assert_allclose(found[name], array, rtol=rtol + slack, atol=atol, err_msg=name)
