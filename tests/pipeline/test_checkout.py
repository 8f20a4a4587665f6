"""The folder that the pipeline's commands work in, and a temporary clone of it."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from zc.lockfile import LockFile

from digits.errors import InputError
from digits.pipeline import checkout
from digits.pipeline.clone import fresh_clone
from tests.support.clone import Clone, copy_project
from tests.support.environment import ENVIRONMENT
from tests.support.paths import ROOT


@pytest.mark.parametrize("name", ["dvc.yaml", "params.yaml"])
def test_folder_without_a_pipeline_is_no_checkout(tmp_path, name):
    for other in {"dvc.yaml", "params.yaml"} - {name}:
        (tmp_path / other).touch()
    with pytest.raises(InputError, match=f"has no {name}; run this in the root folder"):
        checkout.check_checkout(tmp_path)
    (tmp_path / name).touch()
    checkout.check_checkout(tmp_path)


def test_the_status_is_that_of_dvc(tmp_path):
    assert checkout.run_dvc("version", folder=tmp_path) == 0
    assert checkout.run_dvc("status", "--quiet", folder=tmp_path) != 0


def test_outside_git_dvc_is_told_once(tmp_path):
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").touch()
    assert checkout.run_dvc("status", "--quiet", folder=tmp_path) != 0
    assert checkout.work_without_git(tmp_path)
    assert checkout.run_dvc("status", "--quiet", folder=tmp_path) == 0
    assert not checkout.work_without_git(tmp_path)


@pytest.mark.parametrize("repository", [".", ".."], ids=["its own", "a larger one"])
def test_in_git_nothing_is_written(tmp_path, repository):
    folder = tmp_path / "project"
    (folder / repository / ".git").mkdir(parents=True)
    assert not checkout.work_without_git(folder)
    assert not (folder / ".dvc").exists()


@pytest.mark.parametrize(("exists", "expected"), [(True, False), (False, True)])
def test_a_file_git_that_leads_nowhere_is_no_repository(tmp_path, exists, expected):
    folder = tmp_path / "project"
    (folder / ".dvc").mkdir(parents=True)
    (folder / ".dvc/config").touch()
    (folder / ".git").write_text("gitdir: ../repository/.git/worktrees/project\n")
    if exists:
        (tmp_path / "repository/.git/worktrees/project").mkdir(parents=True)
    assert checkout.work_without_git(folder) == expected
    assert (folder / ".dvc/config.local").exists() == expected


def test_autocrlf_changes_no_byte(tmp_path):
    source = copy_project(tmp_path / "source")
    source.commit("All files")
    clone = Clone(tmp_path / "clone")
    options = ["-c", "core.autocrlf=true", "-c", "core.eol=crlf"]
    source.run("git", "clone", "-q", *options, str(source.path), str(clone.path))
    assert clone.run("git", "status", "--porcelain") == ""
    for name in source.run("git", "ls-files").splitlines():
        assert (clone.path / name).read_bytes() == (source.path / name).read_bytes(), name


@pytest.mark.parametrize("damaged", ["", '{"read": {"data', '"\\udcff'])
def test_a_damaged_rwlock_is_removed(tmp_path, damaged):
    path = tmp_path / ".dvc/tmp/rwlock"
    path.parent.mkdir(parents=True)
    path.write_bytes(damaged.encode("utf-8", "surrogateescape"))
    assert checkout.remove_damaged_rwlock(tmp_path)
    assert not path.exists()


def test_a_sound_rwlock_stays(tmp_path):
    path = tmp_path / ".dvc/tmp/rwlock"
    assert not checkout.remove_damaged_rwlock(tmp_path)  # a checkout in which DVC has not run
    path.parent.mkdir(parents=True)
    path.write_text('{"read": {}, "write": {}}')
    assert not checkout.remove_damaged_rwlock(tmp_path)
    assert path.exists()


def test_an_rwlock_that_dvc_is_writing_stays(tmp_path):
    path = tmp_path / ".dvc/tmp/rwlock"
    path.parent.mkdir(parents=True)
    path.touch()
    with contextlib.closing(LockFile(f"{path}.lock")):
        assert not checkout.remove_damaged_rwlock(tmp_path)
    assert path.exists()


SLOW_DVC = """
import sys
from digits.pipeline import checkout
wait = "import signal, time; signal.signal(2, lambda *_: None); print('on', flush=True);"
wait += "time.sleep(1); print('finished its files', flush=True)"
checkout.dvc_command = lambda *arguments: [sys.executable, "-c", wait]
checkout.run_dvc("repro")
"""


def test_ctrl_c_lets_dvc_finish_its_files():
    """It reaches both processes. This DVC takes a second to end."""
    with subprocess.Popen(
        [sys.executable, "-c", SLOW_DVC],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "on\n"
        os.killpg(process.pid, signal.SIGINT)
        printed, errors = process.communicate()
    assert printed == "finished its files\n"
    assert "KeyboardInterrupt" in errors


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A git repository with one committed file and one that is not, as the current folder."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "committed.txt").touch()
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "One file"]):
        subprocess.run(["git", *command], cwd=folder, env=ENVIRONMENT, check=True)
    (folder / "later.txt").touch()
    monkeypatch.chdir(folder)
    return folder


def test_a_clone_has_what_is_committed_and_is_removed_in_the_end(repository):
    with fresh_clone() as (clone, _):
        assert {path.name for path in clone.iterdir()} == {".git", "committed.txt"}
    assert not clone.exists()


@pytest.mark.parametrize("kind", ["folder", "worktree", "submodule"])
def test_a_part_of_another_repository_can_be_cloned(repository, tmp_path, monkeypatch, kind):
    def git(*arguments: str, folder: Path = tmp_path) -> None:
        subprocess.run(["git", *arguments], cwd=folder, env=ENVIRONMENT, check=True)

    large = tmp_path / "large"
    project = large / "project"
    git("init", "-q", "large")
    if kind == "folder":
        shutil.copytree(repository, project, ignore=shutil.ignore_patterns(".git"))
        (project / "later.txt").unlink()
        git("add", ".", folder=large)
        git("commit", "-qm", "A part", folder=large)
    elif kind == "worktree":
        git("worktree", "add", "-q", "--detach", str(project), folder=repository)
    else:
        allowed = ("-c", "protocol.file.allow=always")
        git(*allowed, "submodule", "--quiet", "add", str(repository), "project", folder=large)
    monkeypatch.chdir(project)
    with fresh_clone() as (clone, _):
        assert {path.name for path in clone.iterdir()} - {".git"} == {"committed.txt"}


@pytest.mark.parametrize(
    ("mirror", "expected"),
    [("mirror", "{}/mirror"), ("https://example.org/mnist", "https://example.org/mnist")],
)
def test_a_mirror_is_found_from_the_clone(repository, monkeypatch, mirror, expected):
    monkeypatch.setenv("DIGITS_MIRROR", mirror)
    with fresh_clone() as (_, environment):
        assert environment["DIGITS_MIRROR"] == expected.format(repository)


def test_folder_without_a_commit_cannot_be_cloned(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with (
        pytest.raises(InputError, match=r"^git cannot clone this folder: not a git"),
        fresh_clone(),
    ):
        pass


def test_without_git_nothing_can_be_cloned(repository, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"^there is no git in PATH"), fresh_clone():
        pass
