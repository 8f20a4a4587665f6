"""A temporary clone of the current commit, to run the pipeline in."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from digits.errors import InputError
from digits.pipeline.checkout import dvc_environment


@contextmanager
def fresh_clone() -> Iterator[tuple[Path, dict[str, str]]]:
    """Yield a temporary clone of the current commit, and the environment for its pipeline.

    A relative folder in DIGITS_MIRROR becomes absolute. Raises InputError if git cannot clone.
    """
    environment = dvc_environment()
    mirror = os.environ.get("DIGITS_MIRROR", "")
    if mirror and "://" not in mirror:
        environment["DIGITS_MIRROR"] = str(Path(mirror).resolve())
    with tempfile.TemporaryDirectory() as folder:
        if subprocess.run(["git", "clone", "--quiet", ".", folder], check=False).returncode:
            raise InputError("git could not clone this folder; run this in a checkout with .git")
        yield Path(folder), environment
