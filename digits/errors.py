"""Errors that a user can fix: they end a program with one line and exit status 1."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class InputError(Exception):
    """Bad parameters, data or files.

    The text is one line: where, what was found, what was expected, what to do.
    """


@contextmanager
def one_line_errors() -> Iterator[None]:
    """End the program with one line and status 1 if the body raises InputError or OSError.

    Ctrl-C ends it with one line and status 130.
    """
    try:
        yield
    except (InputError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print(
            "stopped; `dvc repro` resumes after the last finished stage, "
            "and within a training after its last finished epoch",
            file=sys.stderr,
        )
        sys.exit(130)
