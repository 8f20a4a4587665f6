"""Loggers: they receive the rows of a training's history while it trains.

The environment variable DIGITS_LOGGER names the loggers: dvclive, tensorboard or mlflow, or several
separated by commas. It is not in params.yaml, because no logger changes a result. With any logger,
a stage's outputs are the same byte for byte.
"""

import os
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from digits.base.files import write_table
from digits.errors import InputError
from digits.training.run import Run

LOGGERS = ("dvclive", "tensorboard", "mlflow")  # the modules of digits/training/loggers/
LOGS = Path("logs")

# A row of the history: images_seen, epoch, split, loss (nats), accuracy (a fraction).
Row = dict[str, Any]


class Logger(Protocol):
    """Takes the rows of one training's history, in order.

    A resumed training first passes its earlier rows, so a logger sees all rows.
    """

    def log(self, row: Row) -> None:
        """Take one row, as soon as it is measured."""

    def close(self) -> None:
        """Finish the output. It is called after the training, and after an exception in it."""


class HistoryFile:
    """The history as a CSV file, rewritten whole after every epoch."""

    def __init__(self, path: Path):
        self.path = path
        self.rows: list[Row] = []

    def log(self, row: Row) -> None:
        """Add the row; write all rows if it ends an epoch."""
        self.rows.append(row)
        if row["split"] == "validation":
            write_table(self.path, self.rows)

    def close(self) -> None:
        """Do nothing: the file is written after every epoch."""


class ToleratedLogger:
    """A logger that cannot stop a training: after its first error it warns and switches off."""

    def __init__(self, name: str, open_logger: Callable[[], Logger]):
        self.name = name
        self.logger: Logger | None = None
        self.attempt(lambda: setattr(self, "logger", open_logger()))

    def log(self, row: Row) -> None:
        """Pass the row to the logger."""
        if self.logger:
            self.attempt(partial(self.logger.log, row))

    def close(self) -> None:
        """Close the logger."""
        if self.logger:
            self.attempt(self.logger.close)

    def attempt(self, action: Callable[[], None]) -> None:
        """Call the logger; after an exception, warn in one line and never call it again."""
        try:
            action()
        except Exception as error:  # a full disk, a server that does not answer, ...
            self.logger = None
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            sys.stderr.write(f"warning: {self.name} failed and is switched off: {reason}\n")


def load_loggers(run: Run) -> list[Logger]:
    """Return the loggers that DIGITS_LOGGER names; none if it is empty.

    Raises InputError for an unknown name, and if a logger's package is missing.
    """
    names = [name.strip() for name in os.environ.get("DIGITS_LOGGER", "").split(",")]
    recipe = run.recipe.model_dump(exclude_none=True)
    loggers: list[Logger] = []
    for name in filter(None, names):
        if name not in LOGGERS:
            expected = ", ".join(LOGGERS)
            raise InputError(f"DIGITS_LOGGER is {name!r}; expected one of: {expected}")
        try:
            module = import_module(f"digits.training.loggers.{name}")
        except ModuleNotFoundError as error:
            raise InputError(
                f"DIGITS_LOGGER is {name!r}, but the package {error.name} is not installed; "
                "run pip install '.[log]'"
            ) from None
        open_logger = partial(module.open_logger, LOGS / name / run.framework / run.name, recipe)
        loggers.append(ToleratedLogger(name, open_logger))
    return loggers
