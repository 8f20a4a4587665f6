"""The engine in digits/scratch: an architecture as a Network, its weights, and its predictions.

The engine uses images and weights in the common layout.
"""

import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from digits.model.architecture import (
    BATCH_NORM,
    STATE,
    Architecture,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPool,
    Relu,
    Sigmoid,
    Weights,
)
from digits.scratch import layers as engine
from digits.scratch.fast.conv_block import fuse
from digits.scratch.losses import softmax_cross_entropy
from digits.scratch.network import Network

PREDICT_BATCH = 500

# Makes the engine's layer from a layer of the type and its state: arrays without a gradient.
LAYERS: dict[type[Layer], Callable[[Any, Weights], engine.Layer]] = {
    Conv: lambda layer, state: engine.Conv(layer.stride, layer.padding),
    MaxPool: lambda layer, state: engine.MaxPool(layer.size),
    Dense: lambda layer, state: engine.Dense(),
    Relu: lambda layer, state: engine.Relu(),
    Sigmoid: lambda layer, state: engine.Sigmoid(),
    Flatten: lambda layer, state: engine.Flatten(),
    Dropout: lambda layer, state: engine.Dropout(layer.rate),
    BatchNorm: lambda layer, state: engine.BatchNorm(
        **state, momentum=BATCH_NORM.momentum, epsilon=BATCH_NORM.epsilon
    ),
}


def build(layers: Architecture, weights: Weights, label_smoothing: float = 0.0) -> Network:
    """Return the network with a copy of the given weights."""
    trained: list[Weights] = [{} for _ in layers]
    state: list[Weights] = [{} for _ in layers]
    for name, array in weights.items():
        layer_name, role = name.split(".")
        index = int(layer_name.split("_")[0])
        (state if role in STATE else trained)[index][role] = array
    plain = [LAYERS[type(layer)](layer, state[index]) for index, layer in enumerate(layers)]
    return Network(*fuse(plain, trained), partial(softmax_cross_entropy, smoothing=label_smoothing))


def predict(
    layers: Architecture, weights: Weights, images: np.ndarray, *, threads: int
) -> np.ndarray:
    """Return the classes' probabilities, float32 (n, n_classes)."""
    network = build(layers, weights)
    starts = range(0, len(images), PREDICT_BATCH)
    batches = [images[start : start + PREDICT_BATCH] for start in starts]
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        return np.concatenate(list(pool.map(network.predict, batches)))


def name_device(device: str) -> str:
    """Return "cpu"."""
    return "cpu"


def is_fork_safe() -> bool:
    """Return whether this process may fork: on Linux, and if no framework is loaded.

    A fork copies the memory of a framework but not its threads.
    """
    return sys.platform == "linux" and not {"torch", "tensorflow"} & set(sys.modules)


def read_weights(network: Network, names: Iterable[str]) -> Weights:
    """Return a copy of the network's weights in the common layout."""
    arrays: list[np.ndarray] = []
    for layer, trained in zip(network.layers, network.views(network.parameters), strict=True):
        arrays += trained.values()
        arrays += [getattr(layer, role) for role in STATE if hasattr(layer, role)]
    return {name: array.copy() for name, array in zip(names, arrays, strict=True)}
