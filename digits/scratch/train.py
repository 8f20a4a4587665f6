"""Training: mini-batch descent, and SciPy's minimizers on all samples at once.

Both ask a source for the gradient of a batch. `Batches` computes it in one piece;
`fast.workers.Workers` has the same interface and uses several processes.
"""

from collections.abc import Callable, Iterable
from itertools import count
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from digits.scratch.layers import Array
from digits.scratch.losses import Labels
from digits.scratch.network import Network
from digits.scratch.optimizers import Objective, Optimizer, Report

Samples = NDArray[np.integer] | None  # row numbers, (batch_size,); None: all rows
Seed = tuple[int, ...]
Steps = Iterable[tuple[NDArray[np.integer], float]]  # the samples of a step, its learning rate
Minimizer = Callable[[Objective, Array, int, Report], Any]


class Result(NamedTuple):
    """The mean loss of a batch in nats, how many samples are classified right, and the gradient.

    The gradient is flat, and valid until the next batch.
    """

    loss: float
    n_correct: int
    gradient: Array


class GradientSource(Protocol):
    """A network and the training set x, (n, ...)."""

    network: Network
    x: Array

    def loss_and_gradient(self, samples: Samples = None, l2: float = 0, seed: Seed = ()) -> Result:
        """Return the result of the batch x[samples]; its gradient includes l2 W.

        `seed` is the batch's seed of dropout. The loss has no penalty.
        """


class Batches(GradientSource):
    """Computes each batch in one piece."""

    def __init__(self, network: Network, x: Array, labels: Labels):
        self.network, self.x, self.labels = network, x, labels

    def loss_and_gradient(self, samples: Samples = None, l2: float = 0, seed: Seed = ()) -> Result:
        chosen = slice(None) if samples is None else samples
        x, labels = self.x[chosen], self.labels[chosen]
        generator = np.random.default_rng([*seed, 0])
        gradient = np.empty_like(self.network.parameters)
        views = self.network.views(gradient)
        loss, n_correct = self.network.gradient(x, labels, len(x), generator, views)
        self.network.add_penalty_gradient(gradient, l2)
        return Result(loss, n_correct, gradient)


class Observer:
    """Watches a training. Subclasses print or save what they see; this class does nothing."""

    def after_step(self, n_samples: int, result: Result) -> None:
        """See the result of a mini-batch, computed before its step."""

    def after_epoch(self, epoch: int) -> None:
        """See the number of the epoch that has ended."""


def descend(
    source: GradientSource,
    optimizer: Optimizer,
    epochs: Iterable[tuple[int, Steps]],
    observer: Observer,
    l2: float,
    seed: int,
) -> None:
    """Mini-batch descent: each step follows the gradient of one mini-batch.

    `epochs` gives the number and the steps of each epoch. The dropout of a mini-batch is drawn from
    (seed, epoch, step), so a training can resume at any epoch.
    """
    for epoch, steps in epochs:
        for step, (samples, learning_rate) in enumerate(steps):
            result = source.loss_and_gradient(samples, l2, (seed, epoch, step))
            optimizer.step(source.network.parameters, result.gradient, learning_rate)
            observer.after_step(len(samples), result)
        observer.after_epoch(epoch)


def minimize_whole(
    source: GradientSource, minimizer: Minimizer, n_iterations: int, observer: Observer, l2: float
) -> None:
    """Minimize the mean loss over all samples + l2 / 2 * sum W^2. An iteration is an epoch."""
    network, iterations = source.network, count()
    tried: Array
    result: Result

    def objective(parameters: Array) -> tuple[float, Array]:
        nonlocal tried, result
        tried = parameters.copy()
        network.parameters[:] = parameters
        result = source.loss_and_gradient(l2=l2)
        return result.loss + network.penalty(l2), result.gradient.astype(np.float64)

    def after_iteration(parameters: Array) -> None:
        # The line search may have tried other parameters after those that it chose.
        if not np.array_equal(parameters, tried):
            objective(parameters)
        observer.after_step(len(source.x), result)
        observer.after_epoch(next(iterations))

    minimizer(objective, network.parameters, n_iterations, after_iteration)
