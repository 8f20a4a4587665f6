"""The Makefile: which Python it takes, and what it says if there is none."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.environment import ENVIRONMENT
from tests.support.paths import ROOT

SUPPORTED = f"python{sys.version_info.major}.{sys.version_info.minor}"
# A Python that is too old, and one without the package venv.
OLD = "#!/bin/sh\nexit 1\n"
WITHOUT_VENV = (
    f'#!/bin/sh\ncase "$*" in "-m venv"*) echo ensurepip is missing; exit 1;; esac\n'
    f'exec {sys.executable} "$@"\n'
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the Makefile, without an environment."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "bin").mkdir()
    return tmp_path


def write_program(path: Path, text: str) -> None:
    """Write an executable shell script."""
    path.write_text(text)
    path.chmod(0o755)


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run make in a folder, with the programs of its bin/ before all others."""
    variables = ENVIRONMENT | {"PATH": f"{folder}/bin{os.pathsep}{os.defpath}"}
    return subprocess.run(
        ["make", *words], cwd=folder, env=variables, capture_output=True, text=True
    )


def test_the_first_supported_python_is_taken(folder):
    write_program(folder / "bin/python3", OLD)
    for name in ("python3.11", "python3.12", "python3.13"):
        text = f'#!/bin/sh\nexec {sys.executable} "$@"\n' if name == SUPPORTED else OLD
        write_program(folder / "bin" / name, text)
    assert f"{SUPPORTED} -m venv --clear .venv" in make(folder, "-n", "setup").stdout


def test_without_a_supported_python_one_line_says_what_to_do(folder):
    for name in ("python3", "python3.11", "python3.12", "python3.13"):
        write_program(folder / "bin" / name, OLD)
    done = make(folder, "setup")
    line, *rest = done.stderr.splitlines()
    assert line.startswith("error: python3 is not Python 3.11, 3.12 or 3.13; install one, or name")
    assert all(text.startswith("make: ") for text in rest)
    assert not (folder / ".venv").exists()


def test_a_python_without_venv_is_one_line_each_time(folder):
    write_program(folder / "bin/python3", WITHOUT_VENV)
    for _ in range(2):  # a half-made environment is made again
        done = make(folder, "setup")
        line, *rest = done.stderr.splitlines()
        assert line.startswith("error: python3 cannot make .venv; install its venv package")
        assert all(text.startswith("make: ") for text in rest)
        assert done.stdout == ""


def test_recipes_name_the_programs_of_the_environment(folder):
    targets = ("lint", "test", "test-all", "coverage", "docs", "page", "bench", "verify", "prune")
    printed = make(ROOT, "-n", "--assume-old", "setup", *targets, "run", "plots", "draw").stdout
    own = [line for line in printed.splitlines() if ".venv/" not in line]
    programs = {line.split()[0] for line in own}
    assert programs <= {"mv", "if", "rm", "touch"}, own
