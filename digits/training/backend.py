"""The contract of a back end: what each of the three frameworks offers, arrays in and arrays out.

A back end is the module `digits.backends.<framework>.fit`. mypy checks the modules against the
protocol below; no class inherits from it.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, cast

import numpy as np

from digits.model.architecture import Architecture, Weights
from digits.training.checkpoint import State
from digits.training.params import Recipe
from digits.training.run import Run
from digits.training.schedule import Epoch
from digits.training.team import ALONE, Team


@dataclass(frozen=True)
class Training:
    """What a back end is given to train on. A back end changes none of it.

    layers   the architecture
    weights  where training starts, in the common layout (digits/model/architecture.py)
    images   float32 (n, *input_shape)
    labels   int64 (n,)
    epochs   one update for each step of each epoch; an epoch may bring its own images
    seed     of dropout
    threads  of this process
    state    None, or what `Recorder.epoch` received after an earlier epoch: training resumes there
    team     the processes that train together, and their device
    """

    layers: Architecture
    weights: Weights
    images: np.ndarray
    labels: np.ndarray
    recipe: Recipe
    epochs: Iterable[Epoch]
    seed: int
    threads: int
    state: State | None = None
    team: Team = ALONE


class Record(Protocol):
    """What a back end reports to while it trains. Numbers are those of all processes together."""

    def step(self, n_samples: int, loss: float, n_correct: int) -> None:
        """Take one step's mean loss in nats, and how many of its samples were classified right."""

    def epoch(self, weights: Weights, state: State | None = None) -> None:
        """Take the weights after an epoch, and all else that the next epochs depend on."""


class Backend(Protocol):
    """A framework.

    LIBRARY  the library that computes, with its version
    FORKS    whether `fit` starts worker processes, with memory of their own
    """

    LIBRARY: str
    FORKS: bool

    def fit(self, training: Training, recorder: Record) -> None:
        """Train, and report every step and every epoch to the recorder."""

    def predict(
        self, layers: Architecture, weights: Weights, images: np.ndarray, *, threads: int
    ) -> np.ndarray:
        """Return the classes' probabilities, float32 (n, n_classes); each row sums to 1."""

    def join(self, run: Run) -> AbstractContextManager[Team]:
        """Start or join the processes that train the run together."""

    def name_device(self, device: str) -> str:
        """Return the name of a team's device: "cpu", or the GPU's name."""


def load_backend(framework: str) -> Backend:
    """Import one framework and return its back end."""
    return cast(Backend, import_module(f"digits.backends.{framework}.fit"))


def load_predict(framework: str) -> Callable[..., np.ndarray]:
    """Import one framework's networks, without its training, and return `predict`."""
    module: Any = import_module(f"digits.backends.{framework}.network")
    predict: Callable[..., np.ndarray] = module.predict
    return predict
