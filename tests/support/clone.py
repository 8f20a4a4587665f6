"""A copy of the project in a git repository of its own, in which commands run as its users'."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from dvc.repo import Repo
from ruamel.yaml import YAML

from tests.support.environment import ENVIRONMENT
from tests.support.paths import ROOT, SMALL_PARAMS


class Clone:
    """A copy of the project's files in a git repository of its own."""

    def __init__(self, path: Path):
        self.path = path

    def run(self, *command: str, status: int | None = 0, **variables: str) -> str:
        """Run a command in the clone and return what it printed.

        Asserts the exit status; None stands for any but 0.
        """
        done = subprocess.run(
            command,
            cwd=self.path,
            env=ENVIRONMENT | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        as_expected = done.returncode != 0 if status is None else done.returncode == status
        assert as_expected, (
            f"{command} exited {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        )
        return done.stdout + done.stderr

    def repro(self, *arguments: str) -> set[str]:
        """Run `dvc repro` and return the stages that ran."""
        lines = self.run("dvc", "repro", *arguments).splitlines()
        return {line.split("'")[1] for line in lines if line.startswith("Running stage")}

    def stale_stages(self) -> set[str]:
        """Return the stages that `dvc status` shows as changed."""
        with Repo(os.fspath(self.path)) as repo:
            # Seen from another folder, a stage is named with the path of its dvc.yaml.
            return {address.split(":")[-1] for address in repo.status()}

    def edit_params(self, values: dict[str, object]) -> None:
        """Set leaves of params.yaml, as in edit_params({"train_torch.mlp.epochs": 2})."""
        yaml = YAML()
        params = yaml.load(self.path / "params.yaml")
        for name, value in values.items():
            *sections, leaf = name.split(".")
            section = params
            for key in sections:
                section = section[key]
            section[leaf] = value
        yaml.dump(params, self.path / "params.yaml")

    def commit(self, message: str) -> None:
        """Commit every change."""
        self.run("git", "add", "-A")
        self.run("git", "commit", "-qm", message)

    def copy(self, target: Path) -> "Clone":
        """Return a copy in a folder that does not exist yet.

        DVC's cache and git's objects are shared through hard links: both only add and remove files.
        """
        shared = (self.path / ".dvc/cache", self.path / ".git/objects")

        def copy_or_link(source: str, destination: str) -> str:
            if Path(source).is_relative_to(shared[0]) or Path(source).is_relative_to(shared[1]):
                os.link(source, destination)
                return destination
            return shutil.copy2(source, destination)

        shutil.copytree(self.path, target, symlinks=True, copy_function=copy_or_link)
        return Clone(target)


def list_files() -> list[str]:
    """Return the files of the project that git tracks or would track."""
    tracked = ["git", "ls-files", "-zco", "--exclude-standard"]
    with tempfile.TemporaryDirectory() as folder:
        if not (ROOT / ".git").exists():  # a copied tree: an empty repository tells what is ignored
            subprocess.run(["git", "init", "-q", folder], env=ENVIRONMENT, check=True)
            tracked[1:1] = ["--git-dir", f"{folder}/.git", "--work-tree", "."]
        done = subprocess.run(
            tracked, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=True
        )
    return [name for name in done.stdout.split("\0") if name and (ROOT / name).exists()]


def copy_project(target: Path) -> Clone:
    """Copy the project's files as they are now, and make them a git repository."""
    for name in list_files():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)
    clone = Clone(target)
    clone.run("git", "init", "-q", "-b", "main")
    return clone


def make_small_project(target: Path) -> Clone:
    """Copy the project without its results and with the parameters of the tests."""
    clone = copy_project(target)
    shutil.copy2(SMALL_PARAMS, target / "params.yaml")
    for name in ("metrics", "plots"):
        shutil.rmtree(target / name, ignore_errors=True)
    (target / "dvc.lock").unlink(missing_ok=True)
    return clone
