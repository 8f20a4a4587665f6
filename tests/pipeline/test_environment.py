"""DVC and the stages find a Python, a home folder, a user's name and a shell."""

import getpass
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from digits.pipeline.environment import completed
from tests.support.paths import ROOT

PROGRAMS = str(Path(sys.executable).parent)


def test_this_environments_programs_come_first(monkeypatch):
    monkeypatch.setenv("PATH", "/elsewhere")
    assert completed()["PATH"] == os.pathsep.join([PROGRAMS, "/elsewhere"])
    monkeypatch.setenv("PATH", completed()["PATH"])
    assert completed()["PATH"] == os.pathsep.join([PROGRAMS, "/elsewhere"])
    monkeypatch.delenv("PATH")
    assert completed()["PATH"] == os.pathsep.join([PROGRAMS, os.defpath])


def test_what_serves_stays(monkeypatch):
    own = {"HOME": "/home/somebody", "LOGNAME": "somebody", "SHELL": "/bin/sh"}
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    assert {name: completed()[name] for name in own} == own


def test_a_user_id_without_a_name_gets_one(monkeypatch):
    def no_name() -> str:
        raise OSError("no name")

    monkeypatch.setattr(getpass, "getuser", no_name)
    assert completed()["LOGNAME"] == f"uid-{os.getuid()}"


def test_a_user_without_a_home_folder_gets_one(monkeypatch):
    def no_home() -> Path:
        raise RuntimeError("no home")

    monkeypatch.setattr(Path, "home", no_home)
    assert os.access(completed()["HOME"], os.W_OK)


@pytest.mark.parametrize("shell", ["/usr/sbin/nologin", "/bin/false", "/nonexistent/zsh"])
def test_a_shell_that_runs_nothing_is_replaced(monkeypatch, shell):
    monkeypatch.setenv("SHELL", shell)
    assert completed()["SHELL"] == "/bin/sh"


@pytest.mark.parametrize("command", [[f"{PROGRAMS}/dvc"], [sys.executable, "-m", "dvc"]])
def test_dvc_finds_python_in_an_environment_that_is_not_activated(project, command):
    # /bin/sh finds no program here, and this user's folder and shell are of no use.
    variables = {"PATH": "/nonexistent", "SHELL": "/usr/sbin/nologin", "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(
        [*command, "repro", "fingerprint"],
        cwd=project.path,
        env=variables,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (project.path / "data/fingerprints/train_torch.txt").exists()


def test_what_starts_with_dvc_is_in_the_installed_package():
    """An editable installation has the file in its environment, under another name."""
    line = (ROOT / "digits/pipeline/dvc_start.pth").read_text()
    code = "import os, sys; print(os.environ['PATH'])"
    for word, is_completed in (
        ("dvc", True),
        ("/x/dvc", True),
        ("/x/digits", True),
        ("pip", False),
    ):
        program = f"import sys; sys.orig_argv[1:] = [{word!r}]; exec({line!r}); {code}"
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={"PATH": "/elsewhere"},
            capture_output=True,
            text=True,
            check=True,
        )
        expected = os.pathsep.join([PROGRAMS, "/elsewhere"]) if is_completed else "/elsewhere"
        assert done.stdout.strip() == expected, shlex.quote(word)
