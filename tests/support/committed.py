"""What is committed, whatever the working tree has made of it.

`make run` on another processor, an edit of params.yaml or a removed run change metrics, plots and
dvc.lock: they are then the user's own. The tests of what is published read the commit.
"""

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.support.clone import Clone
from tests.support.environment import ENVIRONMENT
from tests.support.paths import ROOT

RESULTS = ("dvc.lock", "params.yaml", "metrics", "plots")


def git(*arguments: str) -> bytes | None:
    """Return the output of a git command in the project; None if it fails, as without a commit."""
    if not (ROOT / ".git").exists():  # git would look for a repository in the folders above
        return None
    done = subprocess.run(["git", *arguments], cwd=ROOT, env=ENVIRONMENT, capture_output=True)
    return done.stdout if done.returncode == 0 else None


def extract_commit(folder: Path) -> Clone:
    """Write the files of the commit that is checked out into a git repository of their own."""
    archive = git("archive", "HEAD")
    if archive is None:
        pytest.skip("needs a git commit: this tree has none")
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    clone = Clone(folder)
    clone.run("git", "init", "-q", "-b", "main")
    clone.commit("What is committed")
    return clone


def changed_results() -> list[str]:
    """Return the files of results that differ between the working tree and the commit."""
    listed = git("diff", "--name-only", "HEAD", "--", *RESULTS)
    return listed.decode().splitlines() if listed else []
