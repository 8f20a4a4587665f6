"""Training in the engine, by the loops of digits/scratch/train.py. See `Backend`."""

from collections.abc import Iterable, Iterator
from contextlib import closing

import numpy as np
import scipy
from threadpoolctl import threadpool_limits

from digits.backends.scratch.distributed import join
from digits.backends.scratch.network import (
    build,
    is_fork_safe,
    name_device,
    predict,
    read_weights,
)
from digits.scratch.fast.workers import Workers, shared_array
from digits.scratch.network import Network
from digits.scratch.optimizers import SGD, Adam, Optimizer, conjugate_gradient, l_bfgs
from digits.scratch.train import Observer, Result, descend, minimize_whole
from digits.training.backend import Record, Training
from digits.training.checkpoint import State
from digits.training.params import ADAM, Recipe
from digits.training.schedule import Epoch, Step

__all__ = ["FORKS", "LIBRARY", "fit", "join", "name_device", "predict"]

LIBRARY = f"NumPy {np.__version__}, SciPy {scipy.__version__}"
FORKS = True
MINIMIZERS = {"conjugate_gradient": conjugate_gradient, "l_bfgs": l_bfgs}
OPTIMIZER_STATE = ("velocity", "m", "v", "t")  # what SGD and Adam keep from step to step


def fit(training: Training, recorder: Record) -> None:
    """Train; report every step and epoch to the recorder."""
    recipe, images = training.recipe, training.images
    network = build(training.layers, training.weights, recipe.label_smoothing)
    if recipe.augmentation:  # Each epoch's images go into memory that the workers share.
        images = shared_array(images.shape, images.dtype)
        images[:] = training.images
    # The limit comes before the fork, so that it holds in the workers too.
    with threadpool_limits(1, user_api="blas"):
        workers = Workers(network, images, training.labels, training.threads, is_fork_safe())
        with closing(workers):
            train = minimize if recipe.optimizer in MINIMIZERS else train_in_batches
            train(workers, training, recorder)


def train_in_batches(workers: Workers, training: Training, recorder: Record) -> None:
    """Train by mini-batch descent."""
    recipe, state = training.recipe, training.state or {}
    optimizer = build_optimizer(recipe)
    restore_state(optimizer, state)
    epochs = enumerate(show_epochs(workers, training.epochs), start=int(state.get("n_epochs", 0)))
    report = Report(recorder, workers.network, training.weights, optimizer)
    descend(workers, optimizer, epochs, report, recipe.l2, training.seed)


def minimize(workers: Workers, training: Training, recorder: Record) -> None:
    """Train on all samples at once by one of SciPy's minimizers."""
    recipe = training.recipe
    report = Report(recorder, workers.network, training.weights)
    minimize_whole(workers, MINIMIZERS[recipe.optimizer], recipe.epochs, report, recipe.l2)


class Report(Observer):
    """Passes the engine's results to the recorder, with the weights in the common layout."""

    def __init__(
        self,
        recorder: Record,
        network: Network,
        weight_names: Iterable[str],
        optimizer: Optimizer | None = None,
    ):
        """Without an optimizer, training cannot resume: there is no state to keep."""
        self.recorder, self.network = recorder, network
        self.weight_names, self.optimizer = weight_names, optimizer

    def after_step(self, n_samples: int, result: Result) -> None:
        self.recorder.step(n_samples, result.loss, result.n_correct)

    def after_epoch(self, epoch: int) -> None:
        state = read_state(self.optimizer, epoch + 1) if self.optimizer else None
        self.recorder.epoch(read_weights(self.network, self.weight_names), state)


def show_epochs(workers: Workers, epochs: Iterable[Epoch]) -> Iterator[list[Step]]:
    """Yield the steps of each epoch; before that, give the workers its images, if it has any."""
    for steps, images in epochs:
        if images is not None:
            workers.x[:] = images
        yield steps


def build_optimizer(recipe: Recipe) -> Optimizer:
    """Return the recipe's optimizer of mini-batch descent."""
    if recipe.optimizer == "adam":
        return Adam(*ADAM)
    return SGD(recipe.momentum or 0.0, recipe.nesterov)


def read_state(optimizer: Optimizer, n_epochs: int) -> State:
    """Return a copy of the state that training resumes from, without the weights."""
    kept = {name: getattr(optimizer, name, None) for name in OPTIMIZER_STATE}
    arrays = {name: np.array(value) for name, value in kept.items() if value is not None}
    return arrays | {"n_epochs": np.array(n_epochs)}


def restore_state(optimizer: Optimizer, state: State) -> None:
    """Restore the state that `read_state` returned."""
    for name in state.keys() & OPTIMIZER_STATE:
        array = state[name]
        setattr(optimizer, name, array.copy() if array.ndim else array.item())
