"""What a user's shell, git and CI service set does not change what a test sees."""

import os
import subprocess
import sys

import pytest

from tests.support.clone import Clone
from tests.support.environment import ENVIRONMENT, SWITCHES, clean_environment, is_sensitive
from tests.support.paths import ROOT

# Settings that each break something: a mirror without files, a proxy that does not answer, the
# repository of somebody else, a launcher's rank, half the threads.
HOSTILE = {
    "DIGITS_MIRROR": "/nonexistent",
    "DIGITS_PARENT": "1",
    "DVC_STAGE": "train_torch@nobody",
    "DVC_NO_ANALYTICS": "0",
    "GIT_DIR": "/nonexistent",
    "GIT_WORK_TREE": "/nonexistent",
    "GIT_INDEX_FILE": "/nonexistent/index",
    "http_proxy": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "LOCAL_RANK": "1",
    "RANK": "1",
    "WORLD_SIZE": "2",
    "MASTER_ADDR": "192.0.2.1",
    "TF_CONFIG": "{",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONPATH": "/nonexistent",
    "PYTHONWARNINGS": "error",
    "MAKEFLAGS": "n",
    "JOBS": "3",
    "CI": "true",
}
# Tests that some of these settings would fail.
SENSITIVE = (
    "tests/test_environment.py::test_a_clone_is_committed_whatever_git_is_told",
    "tests/test_environment.py::test_no_setting_is_left",
    "tests/pipeline/test_pipeline.py::test_corrupt_download_is_one_line_and_leaves_no_raw_data",
    "tests/pipeline/test_pipeline.py::test_unknown_run_on_the_command_line_is_one_line",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_setting_is_cleared(name):
    assert is_sensitive(name)
    assert clean_environment(HOSTILE).get(name) != HOSTILE[name]


def test_switches_of_the_tests_and_the_processors_kernels_stay():
    kept = dict.fromkeys([*SWITCHES, "OPENBLAS_CORETYPE", "COVERAGE_PROCESS_CONFIG"], "x")
    assert clean_environment(kept).items() >= kept.items()


def test_no_setting_is_left():
    for name, value in HOSTILE.items():
        assert os.environ.get(name) != value, name
        assert ENVIRONMENT.get(name) != value, name


def test_a_clone_is_committed_whatever_git_is_told(project: Clone):
    project.commit("All of it")
    assert project.run("git", "status", "--porcelain") == ""
    assert project.run("git", "log", "--format=%an <%ae>") == "test <test@localhost>\n"


@pytest.mark.slow
def test_tests_pass_in_a_hostile_environment(tmp_path):
    """Among it the user's git configuration, which asks for signed commits and other names."""
    config = "[user]\n\tname = somebody\n[commit]\n\tgpgsign = true\n[gpg]\n\tprogram = false\n"
    config += f"[core]\n\thooksPath = {tmp_path}\n[status]\n\tshowUntrackedFiles = no\n"
    (tmp_path / ".gitconfig").write_text(config)
    hook = tmp_path / "pre-commit"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *SENSITIVE]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | HOSTILE | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
