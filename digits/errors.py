"""The errors that are a user's to mend, and how a program ends on them: one line, exit status 1."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class InputError(Exception):
    """Bad parameters, data or files. Its text is one line: where, what was found, what was
    expected, what to do.
    """


@contextmanager
def one_line_errors() -> Iterator[None]:
    """End the program with one line on standard error, and status 1, where the body raises
    InputError or the system refuses a file.
    """
    try:
        yield
    except (InputError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print(
            "stopped; `dvc repro` goes on: after the last finished stage, and within a training after its last finished epoch",
            file=sys.stderr,
        )
        sys.exit(130)
