"""A temporary clone of the current commit, to run the pipeline in."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from digits.errors import InputError
from digits.pipeline.environment import completed


@contextmanager
def fresh_clone() -> Iterator[tuple[Path, dict[str, str]]]:
    """Yield this folder in a temporary clone of the current commit, and the pipeline's environment.

    This folder may be a part of the repository. A relative folder in DIGITS_MIRROR becomes
    absolute. Raises InputError if git cannot clone.
    """
    environment = completed()
    mirror = os.environ.get("DIGITS_MIRROR", "")
    if mirror and "://" not in mirror:
        environment["DIGITS_MIRROR"] = str(Path(mirror).resolve())
    with tempfile.TemporaryDirectory() as folder:
        root, part = git_output("--show-toplevel"), git_output("--show-prefix")
        if subprocess.run(["git", "clone", "--quiet", root, folder], check=False).returncode:
            raise InputError(f"git could not clone {root}; see above")
        yield Path(folder) / part, environment


def git_output(option: str) -> str:
    """Return what `git rev-parse` answers; raise InputError if git finds no repository."""
    command = ["git", "rev-parse", option]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise InputError("there is no git in PATH; install it") from None
    if done.returncode:
        reason = (done.stderr.splitlines() or [""])[0].removeprefix("fatal: ")
        raise InputError(f"git cannot clone this folder: {reason}")
    return done.stdout.rstrip("\n")
