"""The folder that the pipeline's commands work in: a checkout of the project, and DVC in it."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from digits.errors import InputError


def check_checkout(folder: Path = Path()) -> None:
    """Raise InputError unless the folder is the root of a checkout."""
    missing = [name for name in ("dvc.yaml", "params.yaml") if not (folder / name).is_file()]
    if missing:
        raise InputError(
            f"{folder.resolve()}: has no {missing[0]}; run this in the root folder of a checkout"
        )


def remove_damaged_rwlock(folder: Path = Path()) -> bool:
    """Remove DVC's record of the paths in use if a kill cut it short; return whether it did.

    DVC does not write this file in one piece, and runs nothing while it cannot be read. The entries
    of killed processes are of no use. The file stays if a DVC that is running is writing it.
    """
    from zc.lockfile import LockError, LockFile  # DVC guards the file with this one

    path = folder / ".dvc/tmp/rwlock"
    if not path.is_file():
        return False
    try:
        guard = LockFile(f"{path}.lock")
    except LockError:
        return False
    with contextlib.closing(guard):
        try:
            json.loads(path.read_bytes())
        except ValueError:  # of JSON, or of UTF-8
            path.unlink()
            return True
        return False


def dvc_command(*arguments: str) -> list[str]:
    """Return a DVC command line that runs in this interpreter's environment."""
    return [sys.executable, "-m", "dvc", *arguments]


def dvc_environment() -> dict[str, str]:
    """Return the environment for DVC, in which the stages' `python` is this interpreter."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return os.environ | {"PATH": path}


def run_dvc(
    *arguments: str, folder: Path = Path(), environment: Mapping[str, str] | None = None
) -> int:
    """Run DVC in a folder and return its exit status. On Ctrl-C, let it finish its files first."""
    command = dvc_command(*arguments)
    with subprocess.Popen(command, cwd=folder, env=environment or dvc_environment()) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.wait()
            raise


def hash_code() -> None:
    """Run the stage `fingerprint` if it is stale; raise InputError if it fails.

    DVC takes every stage for stale as long as this one is.
    """
    if run_dvc("repro", "--quiet", "fingerprint"):
        raise InputError("dvc repro fingerprint failed; see above")
