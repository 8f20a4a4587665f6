"""The checkout that the pipeline's commands work in, and DVC in it."""

import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from digits.errors import InputError
from digits.pipeline.environment import completed

# Files in which a merge may have left conflict markers, and the way out.
MERGED = {
    "params.yaml": "resolve them",
    "dvc.yaml": "resolve them",
    "dvc.lock": "run `git checkout --ours dvc.lock`, then `make run`",
}
CONFLICT_MARKER = re.compile(rb"^<<<<<<< ", re.MULTILINE)


def check_checkout(folder: Path = Path()) -> None:
    """Raise InputError unless the folder is the root of a checkout, without conflict markers."""
    missing = [name for name in ("dvc.yaml", "params.yaml") if not (folder / name).is_file()]
    if missing:
        raise InputError(
            f"{folder.resolve()}: has no {missing[0]}; run this in the root folder of a checkout"
        )
    check_merged(folder)


def check_merged(folder: Path) -> None:
    """Raise InputError if a merge has left conflict markers in the files of the pipeline."""
    for name, way_out in MERGED.items():
        path = folder / name
        if path.is_file() and CONFLICT_MARKER.search(path.read_bytes()):
            raise InputError(f"{path}: has the conflict markers of a merge; {way_out}")


def work_without_git(folder: Path = Path()) -> bool:
    """Let DVC work in a folder outside git, such as an unpacked ZIP file; return whether it must.

    Writes core.no_scm into .dvc/config.local. With git, nothing is written.
    """
    if is_in_git(folder):
        return False
    config = folder / ".dvc/config.local"
    if config.is_file() and "no_scm" in config.read_text(encoding="utf-8"):
        return False
    run_dvc("config", "--local", "core.no_scm", "true", folder=folder)
    return True


def is_in_git(folder: Path) -> bool:
    """Return whether the folder lies in a git repository.

    A git worktree or a submodule has a file .git, which names the repository's folder. In a
    container that was built from it, this folder is missing.
    """
    path = folder.resolve()
    for parent in (path, *path.parents):
        git = parent / ".git"
        if git.is_file():
            return (parent / git.read_text("utf-8").removeprefix("gitdir:").strip()).is_dir()
        if git.is_dir():
            return True
    return False


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


def run_dvc(
    *arguments: str, folder: Path = Path(), environment: Mapping[str, str] | None = None
) -> int:
    """Run DVC in a folder and return its exit status. On Ctrl-C, let it finish its files first."""
    command = dvc_command(*arguments)
    with subprocess.Popen(command, cwd=folder, env=environment or completed()) as process:
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
