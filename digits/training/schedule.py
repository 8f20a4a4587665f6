"""The steps of a training: which samples, at which learning rate.

They are drawn once from the seed and handed to every back end.
"""

from collections.abc import Iterator
from math import cos, pi
from typing import NamedTuple

import numpy as np

from digits.training.params import Recipe

# One-cycle (Smith and Topin, "Super-Convergence", 2018): up from peak / 25 over the first 30 % of
# the steps, then down to 0.
WARM_UP_SHARE = 0.3
WARM_UP_START = 1 / 25


class Step(NamedTuple):
    """One update: the samples of its mini-batch, int64 (batch_size,), and its learning rate."""

    samples: np.ndarray
    learning_rate: float


class Epoch(NamedTuple):
    """The steps of an epoch, and its images; None for the images that the training began with."""

    steps: list[Step]
    images: np.ndarray | None = None


def plan_epochs(recipe: Recipe, n_samples: int, seed: int, n_done: int = 0) -> Iterator[Epoch]:
    """Yield the epochs after the first `n_done`.

    Every sample comes once per epoch; the last mini-batch may be smaller.
    """
    # Recipe has checked that these keys are there.
    assert recipe.batch_size
    assert recipe.learning_rate
    assert recipe.schedule
    n_steps = -(-n_samples // recipe.batch_size)
    rates = learning_rates(recipe.schedule, recipe.learning_rate, recipe.epochs * n_steps)
    for epoch in range(n_done, recipe.epochs):
        batches = shuffled_batches(n_samples, recipe.batch_size, seed, epoch)
        yield Epoch([Step(*pair) for pair in zip(batches, rates[epoch * n_steps :], strict=False)])


def shuffled_batches(n_samples: int, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """Return the sample numbers 0 to n_samples - 1, shuffled and cut into mini-batches.

    The order depends on the seed and the epoch alone.
    """
    order = np.random.default_rng([seed, epoch]).permutation(n_samples)
    return [order[start : start + batch_size] for start in range(0, n_samples, batch_size)]


def learning_rates(schedule: str, peak: float, n_steps: int) -> list[float]:
    """Return the learning rate of each step.

    "cosine" falls from the peak almost to 0; "one_cycle" first rises to the peak.
    """
    match schedule:
        case "constant":
            return [peak] * n_steps
        case "cosine":
            return [peak * falling(step / n_steps) for step in range(n_steps)]
        case "one_cycle":
            n_up = WARM_UP_SHARE * n_steps
            up = [
                peak * (1 - (1 - WARM_UP_START) * falling(step / n_up))
                for step in range(n_steps)
                if step < n_up
            ]
            return up + [
                peak * falling((step - n_up) / (n_steps - n_up)) for step in range(len(up), n_steps)
            ]
    raise ValueError(f"schedule is {schedule!r}; expected one of: constant, cosine, one_cycle")


def falling(progress: float) -> float:
    """Return half a cosine wave: 1 at progress 0, 0 at progress 1."""
    return (1 + cos(pi * progress)) / 2
