"""The engine in several processes: it has workers of its own, and is always alone in its team."""

from collections.abc import Iterator
from contextlib import contextmanager

from digits.training.run import Run
from digits.training.team import ALONE, Team


@contextmanager
def join(run: Run) -> Iterator[Team]:
    """Yield the team of this process alone."""
    yield ALONE
