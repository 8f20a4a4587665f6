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
    """The input of `Backend.fit`. A back end must not change it.

    layers   the architecture
    weights  where training starts, in the common layout (digits/model/architecture.py)
    images   float32 (n, *input_shape)
    labels   int64 (n,)
    epochs   the steps of each epoch, one update per step; an epoch may have its own images
    seed     the seed of dropout
    threads  the number of threads that this process may use
    state    what `Recorder.epoch` received last: training resumes from it; None: a new training
    team     the process group that trains together, and its device
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
    """Receives reports from a back end while it trains. The numbers cover all ranks together."""

    def step(self, n_samples: int, loss: float, n_correct: int) -> None:
        """Take one step's mean loss in nats, and how many of its samples were classified right."""

    def epoch(self, weights: Weights, state: State | None = None) -> None:
        """Take the weights after an epoch, and the state that the next epochs depend on."""


class Backend(Protocol):
    """A framework.

    LIBRARY  the name and version of the library that computes
    FORKS    whether `fit` starts worker processes, which have their own memory
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
        """Start or join the process group that trains the run."""

    def name_device(self, device: str) -> str:
        """Return the name of the process group's device: "cpu", or the GPU's name."""


def load_backend(framework: str) -> Backend:
    """Import one framework and return its back end."""
    return cast(Backend, import_module(f"digits.backends.{framework}.fit"))


def load_predict(framework: str) -> Callable[..., np.ndarray]:
    """Import one framework's networks, without its training, and return `predict`."""
    module: Any = import_module(f"digits.backends.{framework}.network")
    predict: Callable[..., np.ndarray] = module.predict
    return predict
