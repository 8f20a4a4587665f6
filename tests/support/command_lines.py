"""Check a command line without running it: its program, sub-command, options and files exist."""

import importlib.util
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable

import pytest
from packaging.requirements import Requirement

from digits.base.params import load_run_names
from digits.cli import COMMANDS, build_parser, describe, load_command
from tests.support.environment import ENVIRONMENT
from tests.support.paths import ROOT

ASSIGNMENT = re.compile(r"[A-Z_]+=")


def check_command(line: str) -> None:
    """Raise or exit unless the command line could run."""
    words = shlex.split(line)
    while ASSIGNMENT.match(words[0]):
        words.pop(0)
    program, *arguments = words
    CHECKS[program](arguments)


def check_digits(words: list[str]) -> None:
    """Parse the words as `digits` does; a command's name alone only has to exist."""
    assert words[0] in COMMANDS or words == ["--help"], words[0]
    if len(words) > 1:
        parser, subparsers = build_parser()
        describe(subparsers[words[0]], load_command(words[0]))
        parser.parse_args(words)


def check_dvc(words: list[str]) -> None:
    """Parse the words as DVC does."""
    from dvc.cli.parser import get_main_parser

    get_main_parser().parse_args(words)


def check_make(words: list[str]) -> None:
    """Assert that the Makefile has the targets and reads the variables."""
    makefile = (ROOT / "Makefile").read_text()
    for word in words:
        name, is_variable, _ = word.partition("=")
        if is_variable:
            assert f"$({name})" in makefile, word
        else:
            assert re.search(rf"^{name}:", makefile, re.MULTILINE), word


def check_python(words: list[str]) -> None:
    """Assert that the module or the program exists, and the run that a train stage is given."""
    if words[0] != "-m":
        assert (ROOT / words[0]).exists(), words[0]
        return
    _, module, *arguments = words
    own = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    assert own.exists() or importlib.util.find_spec(module), module
    if module.startswith("stages.train_"):
        assert arguments[0] in load_run_names(module.removeprefix("stages.train_"))


def check_ssh(words: list[str]) -> None:
    """Assert that the command forwards a port to the same port."""
    option, forwarding, _ = words
    assert (option, forwarding) == ("-L", "8000:127.0.0.1:8000")


def check_torchrun(words: list[str]) -> None:
    """Parse the words as PyTorch's launcher does."""
    from torch.distributed.run import get_args_parser

    parsed = get_args_parser().parse_args(words)
    check_python(["-m", parsed.training_script, *parsed.training_script_args])


def check_pip(words: list[str]) -> None:
    """Parse the words as pip does; assert that the files and the extras exist."""
    pytest.importorskip("pip")
    from pip._internal.commands import create_command

    options, packages = create_command(words[0]).parse_args(words[1:])
    for file in options.requirements:
        assert (ROOT / file).exists(), file
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for package in packages:
        if package.startswith("."):
            extras = Requirement(f"here{package[1:]}").extras
            assert extras <= set(project["optional-dependencies"]), package


def check_git(words: list[str]) -> None:
    """Assert that git has the command: it prints its usage then, and exits with 129."""
    done = subprocess.run(["git", words[0], "-h"], cwd=ROOT, env=ENVIRONMENT, capture_output=True)
    assert done.returncode == 129, words[0]


def check_gto(words: list[str]) -> None:
    """Assert that GTO has the command and its options."""
    command = [sys.executable, "-m", "gto.cli", words[0], "--help"]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, words[0]
    for word in words:
        assert not word.startswith("--") or word in done.stdout, word


def check_pytest(words: list[str]) -> None:
    """Assert that the tests' folders exist."""
    for word in words:
        assert "/" not in word or (ROOT / word).exists(), word


def check_assignment(words: list[str]) -> None:
    """Assert that the shell would set a variable."""
    assert all(ASSIGNMENT.match(word) for word in words), words


def check_activation(words: list[str]) -> None:
    """Assert that the Makefile makes the environment of that script."""
    folder = words[0].split("/")[0]
    assert words == [f"{folder}/bin/activate"]
    assert f"VENV := {folder}\n" in (ROOT / "Makefile").read_text()


def check_docker(words: list[str]) -> None:
    """Assert the sub-command, and that the image's recipe exists. Docker has no parser to ask."""
    assert words[0] in ("build", "run", "cp"), words[0]
    assert (ROOT / "Dockerfile").exists()


def check_pre_commit(words: list[str]) -> None:
    """Assert that its hooks are configured. Its parser cannot be had without running it."""
    assert words == ["install"]
    assert (ROOT / ".pre-commit-config.yaml").exists()


CHECKS: dict[str, Callable[[list[str]], None]] = {
    ".": check_activation,
    "digits": check_digits,
    "docker": check_docker,
    "dvc": check_dvc,
    "export": check_assignment,
    "git": check_git,
    "gto": check_gto,
    "make": check_make,
    "pip": check_pip,
    "pre-commit": check_pre_commit,
    "pytest": check_pytest,
    "python": check_python,
    "python3": check_python,
    "ssh": check_ssh,
    "torchrun": check_torchrun,
}
