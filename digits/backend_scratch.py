"""The engine in digits/scratch: the architecture as a Network of its layers. Contract: digits/training.py.

Images and weights have our layout there as they are.
"""

from typing import Any

import numpy as np
import scipy
from threadpoolctl import threadpool_limits

from digits.architecture import Architecture, Conv, Dense, Dropout, Flatten, MaxPool, Relu, Sigmoid
from digits.params import ADAM, Recipe
from digits.scratch import layers
from digits.scratch.network import Network
from digits.scratch.optimizers import SGD, Adam, conjugate_gradient
from digits.weights import Weights

LIBRARY = f"NumPy {np.__version__}, SciPy {scipy.__version__}"

# Layer type to layer of the engine.
LAYERS = {
    Conv: lambda layer: layers.Conv(layer.stride, layer.padding),
    MaxPool: lambda layer: layers.MaxPool(layer.size),
    Dense: lambda layer: layers.Dense(),
    Relu: lambda layer: layers.Relu(),
    Sigmoid: lambda layer: layers.Sigmoid(),
    Flatten: lambda layer: layers.Flatten(),
    Dropout: lambda layer: layers.Dropout(layer.rate),
}


def fit(
    architecture: Architecture, weights: Weights, images: np.ndarray, labels: np.ndarray, *, recipe: Recipe, epochs, seed: int, threads: int, recorder
) -> None:
    network = build(architecture, weights, threads)
    with threadpool_limits(1, user_api="blas"):
        if recipe.optimizer == "conjugate_gradient":
            fit_whole(network, weights, images, labels, recipe, recorder)
        else:
            fit_batches(network, weights, images, labels, recipe, epochs, seed, recorder)


def fit_batches(network: Network, weights: Weights, images: np.ndarray, labels: np.ndarray, recipe: Recipe, epochs, seed: int, recorder) -> None:
    """Train by mini-batch descent."""
    optimizer = Adam(*ADAM) if recipe.optimizer == "adam" else SGD(recipe.momentum or 0.0)
    for epoch, steps in enumerate(epochs):
        for number, (samples, learning_rate) in enumerate(steps):
            result = network.loss_and_gradient(images[samples], labels[samples], recipe.l2, seed=[seed, epoch, number])
            optimizer.step(network.parameters, result.gradient, learning_rate)
            recorder.step(len(samples), result.loss, result.n_correct)
        recorder.epoch(read_weights(network, weights))


def fit_whole(network: Network, weights: Weights, images: np.ndarray, labels: np.ndarray, recipe: Recipe, recorder) -> None:
    """Train on all samples at once by conjugate gradient; an epoch is an iteration."""
    latest: dict[str, Any] = {}

    def objective(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        network.parameters[:] = parameters
        result = network.loss_and_gradient(images, labels, recipe.l2)
        latest.update(parameters=parameters.copy(), result=result)
        return result.loss + network.penalty(recipe.l2), result.gradient.astype(np.float64)

    def after_iteration(parameters: np.ndarray) -> None:
        if not np.array_equal(parameters, latest["parameters"]):  # the line search tried others after the one it took
            objective(parameters)
        recorder.step(len(images), latest["result"].loss, latest["result"].n_correct)
        recorder.epoch(read_weights(network, weights))

    conjugate_gradient(objective, network.parameters, recipe.epochs, after_iteration)


def predict(architecture: Architecture, weights: Weights, images: np.ndarray, *, threads: int) -> np.ndarray:
    with threadpool_limits(1, user_api="blas"):
        return build(architecture, weights, threads).predict(images)


def build(architecture: Architecture, weights: Weights, threads: int) -> Network:
    """Return the network with a copy of the given weights."""
    arrays: list[dict[str, np.ndarray]] = [{} for _ in architecture]
    for name, array in weights.items():
        layer, role = name.split(".")
        arrays[int(layer.split("_")[0])][role] = array
    return Network([LAYERS[type(layer)](layer) for layer in architecture], arrays, threads)


def read_weights(network: Network, names) -> Weights:
    """Return a copy of the network's weights in the common layout."""
    arrays = [array.copy() for views in network.views(network.parameters) for array in views.values()]
    return dict(zip(names, arrays, strict=True))
