"""The record of a training: the progress bar, the history, the clock, and the latest weights."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from digits.errors import InputError
from digits.model.architecture import Weights
from digits.training.checkpoint import Checkpoint, Progress, State
from digits.training.logger import Logger, Row
from digits.training.run import Run

WINDOW = 50  # mini-batches between two rows of the history
Measures = tuple[float, float]  # mean log loss in nats, accuracy as a fraction


class DivergedError(InputError):
    """The loss of a training is not a finite number."""


class Recorder:
    """Follows a training.

    The history has a row of split "train" after every 50 mini-batches and at the end of each epoch.
    The row holds the means over all samples since the row before. Each sample is measured when its
    mini-batch is used: the weights still move, and dropout is on. A row of split "validation" ends
    each epoch; the clock stops for it. `images_seen` counts from the start of the training.
    """

    def __init__(
        self,
        run: Run,
        n_samples: int,
        measure: Callable[[Weights], Measures] | None,
        checkpoint: Checkpoint | None = None,
        progress: Progress | None = None,
        loggers: Sequence[Logger] = (),
    ):
        """`measure` returns loss and accuracy on the validation split.

        The checkpoint is kept up to date, and training resumes from `progress`. The loggers receive
        each row; an exception from one of them ends the training. Without `measure`, this process
        is not rank 0: it records nothing.
        """
        self.name, self.n_epochs, self.n_samples = run.title, run.recipe.epochs, n_samples
        # Without a batch size, a step takes the whole training split.
        self.window_samples = WINDOW * (run.recipe.batch_size or n_samples)
        self.measure, self.checkpoint = measure, checkpoint
        self.loggers = loggers if measure else ()
        self.history: list[Row] = []
        for row in progress.history if progress else ():
            self.add_row(row)
        self.weights: Weights = progress.weights if progress else {}
        self.train_seconds = progress.train_seconds if progress else 0.0
        self.n_done = progress.n_epochs if progress else 0
        self.epoch_sums, self.window_sums = Sums(), Sums()
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
        """Add one step, or several: samples, mean loss in nats, correctly classified samples."""
        for sums in (self.epoch_sums, self.window_sums):
            sums.add(n_samples, loss, n_correct)
        if self.window_sums.n_samples >= self.window_samples:
            self.end_window()
        loss, accuracy = self.epoch_sums.means()
        self.bar.set_postfix(loss=f"{loss:.4f}", accuracy=f"{accuracy:.4f}", refresh=False)
        self.bar.update(n_samples)

    def end_window(self) -> None:
        """Add a row of the training split, unless the last row was just added."""
        if self.measure and self.window_sums.n_samples:
            n_seen = self.n_done * self.n_samples + self.epoch_sums.n_samples
            self.add_row(make_row(n_seen, self.n_done + 1, "train", self.window_sums.means()))
        self.window_sums = Sums()

    def add_row(self, row: Row) -> None:
        """Add a row to the history and hand it to the loggers."""
        self.history.append(row)
        for logger in self.loggers:
            logger.log(row)

    def epoch(self, weights: Weights, state: State | None = None) -> None:
        """End an epoch: extend the history and, if there is a state, save a checkpoint.

        Raises DivergedError if the training loss is not finite.
        """
        self.train_seconds += time.perf_counter() - self.started
        self.weights = weights
        train = self.epoch_sums.means()
        if not np.isfinite(train[0]):
            raise DivergedError(
                f"{self.name}: the loss is {train[0]} after epoch {self.n_done + 1}; "
                "lower its learning_rate in params.yaml"
            )
        self.end_window()
        self.n_done += 1
        if self.measure:
            self.record(train, self.measure(weights), state)
        self.epoch_sums = Sums()
        self.started = time.perf_counter()

    def record(self, train: Measures, validation: Measures, state: State | None) -> None:
        """Write an epoch's measures into the checkpoint, the terminal and the history."""
        n_seen = self.n_done * self.n_samples
        row = make_row(n_seen, self.n_done, "validation", validation)
        if self.checkpoint and state is not None:
            progress = Progress(
                self.n_done, [*self.history, row], self.train_seconds, self.weights, state
            )
            self.checkpoint.save(progress)
        self.bar.clear()
        print(
            f"{self.name} epoch {self.n_done}/{self.n_epochs}: "
            f"loss {train[0]:.4f} accuracy {train[1]:.4f}, "
            f"validation loss {validation[0]:.4f} accuracy {validation[1]:.4f}, "
            f"{self.train_seconds:.1f} s",
            file=sys.stderr,
        )
        self.add_row(row)

    def close(self) -> None:
        """Close the progress bar and the loggers."""
        self.bar.close()
        for logger in self.loggers:
            logger.close()


@dataclass
class Sums:
    """Sums over some steps, weighted by their samples."""

    n_samples: int = 0
    n_correct: int = 0
    loss: float = 0.0

    def add(self, n_samples: int, loss: float, n_correct: int) -> None:
        """Add a step."""
        self.n_samples += n_samples
        self.loss += n_samples * loss
        self.n_correct += n_correct

    def means(self) -> Measures:
        """Return the mean loss and the accuracy."""
        return self.loss / self.n_samples, self.n_correct / self.n_samples


def make_row(images_seen: int, epoch: int, split: str, measures: Measures) -> Row:
    """Return a row of the history."""
    loss, accuracy = measures
    return {
        "images_seen": images_seen,
        "epoch": epoch,
        "split": split,
        "loss": loss,
        "accuracy": accuracy,
    }
