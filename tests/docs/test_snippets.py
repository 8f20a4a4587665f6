"""The commands and the code of README.md, docs/ and CONTRIBUTING.md run, or exist at least.

Commands run in a copy of the finished pipeline of the tests, one after another. Its runs differ
from those of the docs: `cnn_small` takes the place of `cnn`.
"""

import re
import shlex
import sys

import pytest
from dvc.cli import DvcParserError
from ruamel.yaml import YAML

import digits.cli
from tests.support.clone import Clone
from tests.support.command_lines import check_command
from tests.support.paper import SEVEN, save, write_strokes
from tests.support.paths import ROOT
from tests.support.snippets import (
    PAGES,
    inline_code,
    read_commands,
    read_inline_commands,
    read_snippets,
)

COMMANDS, SNIPPETS = read_commands(), read_snippets()
# The beginnings of commands that no test here runs, and why. All of them are checked.
EXEMPT = {
    ". .venv/bin/activate": "belongs to the user's shell",
    "DIGITS_LOGGER=tensorboard dvc": "trains: tests/training/test_logger.py",
    "DIGITS_MIRROR=path-or-url make": "a mirror of the user's",
    "digits predict photo.png --model model.safetensors": "a downloaded model",
    "digits draw": "serves until it is stopped: tests/commands/test_draw.py",
    "digits tune": "trains some twenty networks: tests/tuning/test_command.py",
    "docker": "needs Docker",
    "dvc artifacts": "needs a registered version: tests/pipeline/test_registry.py",
    "dvc get": "needs a registered version: tests/pipeline/test_registry.py",
    "dvc pull": "needs a remote: tests/pipeline/test_remote.py",
    "dvc push": "needs a remote: tests/pipeline/test_remote.py",
    "dvc queue start": "starts a program that would outlive the test",
    "dvc remote": "three choices under one name: tests/pipeline/test_remote.py",
    "export": "needs two machines: tests/training/test_several_processes.py",
    "git add": "tests/pipeline/test_merge.py",
    "git merge": "needs another branch: tests/pipeline/test_merge.py",
    "git push": "needs a remote of git's",
    "gto": "changes git's tags: tests/pipeline/test_registry.py",
    "make": "installs the environment, or runs everything: .ci/run",
    "pip install": "needs the network: tests/docs/test_installed.py",
    "pre-commit install": "changes how the project's own git commits",
    "pytest": "these tests",
    "python -m stages.train_tf": "needs two machines: tests/training/test_several_processes.py",
    "python -m tools.measured_docs": "tests/docs/test_readme.py",
    "python3 -m venv": "the user's environment: tests/docs/test_installed.py",
    "ssh": "needs a server",
    "torchrun": "needs two machines: tests/training/test_several_processes.py",
}
# The beginnings of commands that train or start several frameworks.
SLOW = ("digits export", "dvc exp")


def begins(command: str, beginnings: object) -> bool:
    return any(command == text or command.startswith(f"{text} ") for text in beginnings)


RUN = [command for command in COMMANDS if not begins(command, EXEMPT)]


def prepare(clone: Clone) -> Clone:
    """Add what the commands name: a picture, a branch, and another checkout of the same commit."""
    save(write_strokes(SEVEN), clone.path / "photo.png")
    clone.run("git", "branch", "my-branch")
    clone.copy(clone.path.parent / "other")
    return clone


@pytest.fixture(scope="module")
def checkout(finished: Clone, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    return prepare(finished.copy(tmp_path_factory.mktemp("snippets") / "checkout"))


def run(clone: Clone, command: str) -> str:
    """Run a command of the docs in a clone, by the clone's own code."""
    words = shlex.split(re.sub(r"\bcnn\b", "cnn_small", command))
    if words[0] == "digits":
        words[:1] = [sys.executable, "-m", "digits"]
    return clone.run(*words)


@pytest.mark.slow
@pytest.mark.parametrize("command", [line for line in RUN if not begins(line, SLOW)])
def test_a_command_of_the_docs_runs(command, checkout):
    run(checkout, command)


@pytest.mark.parametrize("command", [line for line in RUN if begins(line, SLOW)])
@pytest.mark.slow
def test_a_slow_command_of_the_docs_runs(command, clone):
    run(prepare(clone), command)


@pytest.mark.parametrize("command", [*COMMANDS, *read_inline_commands()])
def test_a_command_and_its_options_exist(command):
    check_command(command)


@pytest.mark.parametrize(
    "command",
    [
        "digits no-such-command photo.png",
        "digits predict photo.png --modle x",
        "dvc exp run --quue",
        "make no-such-target",
        "make run JOB=2",
        "git no-such-command dvc.lock",
        "python -m stages.train_tf no_such_run",
        "python examples/missing.py",
        "pip install -r requirements/missing.txt",
        "pip install '.[missing]'",
        "torchrun --nodes 2 -m stages.train_torch cnn",
    ],
)
def test_a_mistake_in_a_command_is_found(command, capsys):
    with pytest.raises((AssertionError, DvcParserError, SystemExit)):
        check_command(command)


@pytest.mark.parametrize("text", [*EXEMPT, *SLOW])
def test_an_exemption_is_of_a_command_in_the_docs(text):
    assert [command for command in COMMANDS if begins(command, [text])]


@pytest.mark.parametrize("reason", sorted(set(EXEMPT.values())))
def test_a_test_that_an_exemption_names_exists(reason):
    for path in re.findall(r"tests/\S+\.py|\.ci/run", reason):
        assert (ROOT / path).exists()


@pytest.mark.parametrize(
    "snippet", [snippet for snippet in SNIPPETS if snippet.language == "python"], ids=str
)
def test_python_of_the_docs_runs(snippet, checkout):
    code = re.sub(r"\bcnn\b", "cnn_small", snippet.code)
    assert checkout.run(sys.executable, "-c", code)


def test_yaml_of_the_docs_is_that_of_the_pipeline():
    stages = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
    shown = [YAML(typ="safe").load(part.code) for part in SNIPPETS if part.language == "yaml"]
    assert shown
    for name, stage in ((name, stage) for part in shown for name, stage in part.items()):
        assert set(stage["deps"]) == set(stages[name]["deps"])
        assert (stage["cmd"], stage["outs"]) == (stages[name]["cmd"], stages[name]["outs"])


def test_every_snippet_is_in_a_language_that_is_tested():
    assert {snippet.language for snippet in SNIPPETS} == {"sh", "python", "yaml", "mermaid"}


def test_every_command_of_digits_is_in_the_docs():
    code = [code for page in PAGES for code in inline_code(page)] + COMMANDS
    named = {words[1] for line in code if (words := line.split())[0] == "digits" and words[1:]}
    modules = {path.stem for path in (ROOT / "digits/commands").glob("*.py")} - {"__init__"}
    assert modules == set(digits.cli.COMMANDS)
    assert modules <= named


def test_no_page_is_left_out():
    assert set(ROOT.glob("*.md")) | set(ROOT.glob("docs/*.md")) == {*PAGES, ROOT / "CHANGELOG.md"}
