"""The engine's process group: always one rank, because the engine has its own workers."""

from collections.abc import Iterator
from contextlib import contextmanager

from digits.training.run import Run
from digits.training.team import ALONE, Team


@contextmanager
def join(run: Run) -> Iterator[Team]:
    """Yield a process group of one rank."""
    yield ALONE
