"""The seconds of each epoch of a training, without the scoring between epochs."""

import os
from pathlib import Path

from digits.training.checkpoint import Checkpoint, Progress


class EpochClock(Checkpoint):
    """A checkpoint that keeps no progress, only the training's seconds at the end of each epoch."""

    def __init__(self) -> None:
        super().__init__(Path(os.devnull), key="")
        self.ends: list[float] = []

    def load(self) -> None:
        """Return None: the training starts from its first epoch."""
        return

    def save(self, progress: Progress) -> None:
        """Note the seconds of training so far."""
        self.ends.append(progress.train_seconds)

    def epoch_seconds(self) -> list[float]:
        """Return the seconds of each epoch."""
        starts = [0.0, *self.ends]
        return [end - start for start, end in zip(starts, self.ends, strict=False)]
