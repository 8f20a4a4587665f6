"""The checkout that the pipeline's commands work in, and DVC in it."""

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


def work_without_git(folder: Path = Path()) -> bool:
    """Let DVC work in a folder outside git, such as an unpacked ZIP file; return whether it must.

    Writes core.no_scm into .dvc/config.local. With git, nothing is written.
    """
    path = folder.resolve()
    if any((parent / ".git").exists() for parent in (path, *path.parents)):
        return False
    config = folder / ".dvc/config.local"
    if config.is_file() and "no_scm" in config.read_text(encoding="utf-8"):
        return False
    run_dvc("config", "--local", "core.no_scm", "true", folder=folder)
    return True


def remove_damaged_rwlock(folder: Path = Path()) -> bool:
    """Remove DVC's record of the paths in use if a kill cut it short; return whether it did.

    DVC does not write this file in one piece, and cannot run a stage if the file is damaged. The
    entries belong to killed processes, so they can go. The file stays if a running DVC holds it.
    """
    from zc.lockfile import LockError, LockFile  # DVC locks the file with this

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

    While it is stale, DVC reports every other stage as stale too.
    """
    if run_dvc("--wait-for-lock", "repro", "--quiet", "fingerprint"):
        raise InputError("dvc repro fingerprint failed; see above")
