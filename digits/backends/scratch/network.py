"""The engine in digits/scratch: the architecture as a Network of its layers. Contract:
digits/training/loop.py.

Images and weights have our layout there as they are.
"""

import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import Any

import numpy as np
import scipy
from threadpoolctl import threadpool_limits

from digits.model.architecture import (
    STATE,
    Architecture,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    MaxPool,
    Relu,
    Sigmoid,
    Weights,
)
from digits.scratch import layers
from digits.scratch.fast.conv_block import fuse
from digits.scratch.fast.workers import Workers, shared_array
from digits.scratch.losses import softmax_cross_entropy
from digits.scratch.network import Network
from digits.scratch.optimizers import SGD, Adam, conjugate_gradient, l_bfgs
from digits.training.params import ADAM, BATCH_NORM, MINIMIZERS, Recipe
from digits.training.team import ALONE

LIBRARY = f"NumPy {np.__version__}, SciPy {scipy.__version__}"
FORKS = True

PREDICT_BATCH = 500
OPTIMIZER_STATE = ("velocity", "m", "v", "t")  # what SGD and Adam remember

# Layer type to layer of the engine, from the layer and the arrays of it that no gradient moves.
LAYERS = {
    Conv: lambda layer, state: layers.Conv(layer.stride, layer.padding),
    MaxPool: lambda layer, state: layers.MaxPool(layer.size),
    Dense: lambda layer, state: layers.Dense(),
    Relu: lambda layer, state: layers.Relu(),
    Sigmoid: lambda layer, state: layers.Sigmoid(),
    Flatten: lambda layer, state: layers.Flatten(),
    Dropout: lambda layer, state: layers.Dropout(layer.rate),
    BatchNorm: lambda layer, state: layers.BatchNorm(
        **state, momentum=BATCH_NORM.momentum, epsilon=BATCH_NORM.epsilon
    ),
}


def fit(
    architecture: Architecture,
    weights: Weights,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    recipe: Recipe,
    epochs,
    seed: int,
    threads: int,
    recorder,
    state: dict[str, np.ndarray] | None = None,
    team=ALONE,
) -> None:
    network = build(architecture, weights, recipe.label_smoothing)
    if recipe.augmentation:  # what an epoch sees is written where all workers see it
        shared = shared_array(images.shape, images.dtype)
        shared[:] = images
        images = shared
    with (
        threadpool_limits(1, user_api="blas"),
        closing(Workers(network, images, labels, threads, fork=is_fork_safe())) as workers,
    ):
        if recipe.optimizer in MINIMIZERS:
            fit_whole(workers, weights, recipe, recorder)
        else:
            fit_batches(workers, weights, recipe, epochs, seed, recorder, state or {})


def fit_batches(
    workers: Workers,
    weights: Weights,
    recipe: Recipe,
    epochs,
    seed: int,
    recorder,
    state: dict[str, np.ndarray],
) -> None:
    """Train by mini-batch descent."""
    network = workers.network
    optimizer = (
        Adam(*ADAM) if recipe.optimizer == "adam" else SGD(recipe.momentum or 0.0, recipe.nesterov)
    )
    for name in state.keys() & vars(optimizer).keys():
        setattr(optimizer, name, state[name].copy() if state[name].ndim else state[name].item())
    for epoch, (steps, seen) in enumerate(epochs, start=int(state.get("n_epochs", 0))):
        if seen is not None:
            workers.x[:] = seen
        for number, (samples, learning_rate) in enumerate(steps):
            result = workers.loss_and_gradient(samples, recipe.l2, seed=(seed, epoch, number))
            optimizer.step(network.parameters, result.gradient, learning_rate)
            recorder.step(len(samples), result.loss, result.n_correct)
        remembered = {
            name: np.array(value)
            for name, value in vars(optimizer).items()
            if name in OPTIMIZER_STATE and value is not None
        }
        recorder.epoch(
            read_weights(network, weights), remembered | {"n_epochs": np.array(epoch + 1)}
        )


def fit_whole(workers: Workers, weights: Weights, recipe: Recipe, recorder) -> None:
    """Train on all samples at once by one of SciPy's minimizers; an epoch is an iteration."""
    network = workers.network
    latest: dict[str, Any] = {}

    def objective(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        network.parameters[:] = parameters
        result = workers.loss_and_gradient(l2=recipe.l2)
        latest.update(parameters=parameters.copy(), loss=result.loss, n_correct=result.n_correct)
        return result.loss + network.penalty(recipe.l2), result.gradient.astype(np.float64)

    def after_iteration(parameters: np.ndarray) -> None:
        # The line search tried others after the one it took.
        if not np.array_equal(parameters, latest["parameters"]):
            objective(parameters)
        recorder.step(len(workers.x), latest["loss"], latest["n_correct"])
        recorder.epoch(read_weights(network, weights))

    minimize = {"conjugate_gradient": conjugate_gradient, "l_bfgs": l_bfgs}[recipe.optimizer]
    minimize(objective, network.parameters, recipe.epochs, after_iteration)


def predict(
    architecture: Architecture, weights: Weights, images: np.ndarray, *, threads: int
) -> np.ndarray:
    network = build(architecture, weights)
    batches = [
        images[start : start + PREDICT_BATCH] for start in range(0, len(images), PREDICT_BATCH)
    ]
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        return np.concatenate(list(pool.map(network.predict, batches)))


def name_device(device: str) -> str:
    """Return "cpu": the engine knows no other."""
    return "cpu"


def is_fork_safe() -> bool:
    """Return whether a process may fork: on Linux, and with no framework loaded, whose threads
    would not survive it.
    """
    return sys.platform == "linux" and not {"torch", "tensorflow"} & set(sys.modules)


def build(architecture: Architecture, weights: Weights, label_smoothing: float = 0.0) -> Network:
    """Return the network with a copy of the given weights."""
    trained: list[dict[str, np.ndarray]] = [{} for _ in architecture]
    state: list[dict[str, np.ndarray]] = [{} for _ in architecture]
    for name, array in weights.items():
        layer, role = name.split(".")
        (state if role in STATE else trained)[int(layer.split("_")[0])][role] = array
    plain = [
        LAYERS[type(layer)](layer, of_layer)
        for layer, of_layer in zip(architecture, state, strict=True)
    ]
    return Network(*fuse(plain, trained), partial(softmax_cross_entropy, smoothing=label_smoothing))


def read_weights(network: Network, names: Iterable[str]) -> Weights:
    """Return a copy of the network's weights in the common layout."""
    arrays = []
    for layer, trained in zip(network.layers, network.views(network.parameters), strict=True):
        arrays += [
            *trained.values(),
            *(getattr(layer, role) for role in STATE if hasattr(layer, role)),
        ]
    return {name: array.copy() for name, array in zip(names, arrays, strict=True)}
