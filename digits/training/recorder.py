"""The record of a training: the progress bar, the history, the clock, and the latest weights."""

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from tqdm import tqdm

from digits.errors import InputError
from digits.model.architecture import Weights
from digits.training.checkpoint import Checkpoint, Progress, State
from digits.training.run import Run

Measures = tuple[float, float]  # mean log loss in nats, accuracy as a fraction


class DivergedError(InputError):
    """The loss of a training is not a finite number."""


class Recorder:
    """Follows a training.

    Training loss and accuracy are means over the epoch's samples, each as it was when its
    mini-batch was seen: while the weights moved, with dropout on. Validation loss and accuracy are
    measured after the epoch, with the clock stopped.
    """

    def __init__(
        self,
        run: Run,
        n_samples: int,
        measure: Callable[[Weights], Measures] | None,
        checkpoint: Checkpoint | None = None,
        progress: Progress | None = None,
        after_epoch: Callable[[int, float], None] | None = None,
    ):
        """`measure` returns loss and accuracy on the validation split.

        The checkpoint is kept up to date, and training resumes from `progress`. `after_epoch` is
        called with each epoch's number, from 1, and its validation accuracy; an exception from it
        ends the training. Without `measure`, this process is not rank 0: it records nothing.
        """
        self.name, self.n_epochs = run.title, run.recipe.epochs
        self.measure, self.checkpoint, self.after_epoch = measure, checkpoint, after_epoch
        self.history: list[dict[str, Any]] = list(progress.history) if progress else []
        self.weights: Weights = progress.weights if progress else {}
        self.train_seconds = progress.train_seconds if progress else 0.0
        self.n_done = len(self.history) // 2
        self.n_seen = self.n_correct = 0
        self.loss_sum = 0.0
        self.bar = tqdm(
            total=self.n_epochs * n_samples,
            initial=self.n_done * n_samples,
            desc=self.name,
            unit="img",
            unit_scale=True,
            disable=None if measure else True,  # None: if standard error is not a terminal
            leave=False,
        )
        self.started = time.perf_counter()

    def step(self, n_samples: int, loss: float, n_correct: int) -> None:
        """Add a step: its mean loss in nats, and how many samples were classified right."""
        self.n_seen += n_samples
        self.loss_sum += n_samples * loss
        self.n_correct += n_correct
        loss, accuracy = self.epoch_measures()
        self.bar.set_postfix(loss=f"{loss:.4f}", accuracy=f"{accuracy:.4f}", refresh=False)
        self.bar.update(n_samples)

    def epoch_measures(self) -> Measures:
        """Return the mean loss and the accuracy over the epoch's samples so far."""
        return self.loss_sum / self.n_seen, self.n_correct / self.n_seen

    def epoch(self, weights: Weights, state: State | None = None) -> None:
        """End an epoch: extend the history and, if there is a state, save a checkpoint.

        Raises DivergedError if the training loss is not finite.
        """
        self.train_seconds += time.perf_counter() - self.started
        self.weights = weights
        self.n_done += 1
        train = self.epoch_measures()
        if not np.isfinite(train[0]):
            raise DivergedError(
                f"{self.name}: the loss is {train[0]} after epoch {self.n_done}; "
                "lower its learning_rate in params.yaml"
            )
        if self.measure:
            self.record(train, self.measure(weights), state)
        self.n_seen = self.n_correct = 0
        self.loss_sum = 0.0
        self.started = time.perf_counter()

    def record(self, train: Measures, validation: Measures, state: State | None) -> None:
        """Write an epoch's measures into the history, the checkpoint and the terminal."""
        for split, (loss, accuracy) in {"train": train, "validation": validation}.items():
            row = {"epoch": self.n_done, "split": split, "loss": loss, "accuracy": accuracy}
            self.history.append(row)
        if self.checkpoint and state is not None:
            progress = Progress(self.history, self.train_seconds, self.weights, state)
            self.checkpoint.save(progress)
        self.bar.clear()
        print(
            f"{self.name} epoch {self.n_done}/{self.n_epochs}: "
            f"loss {train[0]:.4f} accuracy {train[1]:.4f}, "
            f"validation loss {validation[0]:.4f} accuracy {validation[1]:.4f}, "
            f"{self.train_seconds:.1f} s",
            file=sys.stderr,
        )
        if self.after_epoch:
            self.after_epoch(self.n_done, validation[1])
