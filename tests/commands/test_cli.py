"""`digits`: its list of commands, and that a command costs nothing before it is asked for."""

import re
import subprocess
import sys
import tomllib
from importlib import import_module, resources
from importlib.metadata import version

import pytest

from digits.cli import COMMANDS, EXTRAS, main
from tests.support.environment import ENVIRONMENT
from tests.support.paths import ROOT


def run_process(*words: str) -> subprocess.CompletedProcess[str]:
    """Run `python WORDS` in the project's folder."""
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True
    )


def test_every_module_in_commands_is_a_command():
    names = {path.name.removesuffix(".py") for path in resources.files("digits.commands").iterdir()}
    assert {name for name in names if re.fullmatch("[a-z]+", name)} == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_lists_the_first_line_of_the_commands_docstring(name, run_digits):
    docstring = import_module(f"digits.commands.{name}").__doc__
    assert docstring.partition("\n")[0] == COMMANDS[name].help
    assert re.search(
        rf"^ +{name} +{COMMANDS[name].help[:30]}", run_digits("--help")[0], re.MULTILINE
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_has_an_example_that_parses(name, run_digits, monkeypatch):
    printed, _ = run_digits(name, "--help")
    example = re.search(r"example: (digits .*)", printed, re.DOTALL)[1].split()
    assert example[1] == name
    module = import_module(f"digits.commands.{name}")
    monkeypatch.setattr(module, "run", lambda arguments: 0)
    run_digits(*example[1:])


def test_without_a_command_it_prints_the_list(run_digits):
    assert run_digits() == run_digits("--help")


def test_an_unknown_command_is_answered_with_the_known_ones(run_digits):
    _, complaint = run_digits("prdict", status=2)
    assert "invalid choice: 'prdict'" in complaint
    assert all(name in complaint for name in COMMANDS)


def test_version_is_that_of_the_installed_package(run_digits):
    printed, _ = run_digits("--version")
    assert printed == f"digits {version('digits-three-ways')}\n"


def test_version_without_an_installation_is_an_error_of_one_line(run_digits, monkeypatch):
    monkeypatch.setattr("digits.cli.DISTRIBUTION", "digits-of-nobody")
    line = "error: digits is not installed; run `pip install .` in its folder\n"
    assert run_digits("--version", status=1) == ("", line)


def test_python_m_digits_is_the_same_command():
    done = run_process("-m", "digits", "predict", "absent.png", "--model", "absent")
    assert done.returncode == 1
    assert re.fullmatch(r"error: absent: cannot be read: .*\n", done.stderr)


def test_help_needs_no_package_and_little_time():
    # -S: the folder with the installed packages is not searched. -I: nor are the user's.
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from digits.cli import main; main()"
    done = run_process("-I", "-S", "-c", code, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: digits")


TIMED = """
import time
from digits.cli import main
try:
    main(["--help"])
finally:
    print(time.process_time())
"""


def test_help_takes_under_a_third_of_a_second_of_the_processor():
    # The least of three: other work on the machine only makes a process slower.
    seconds = [float(run_process("-c", TIMED).stdout.split()[-1]) for _ in range(3)]
    assert min(seconds) < 0.3


@pytest.mark.parametrize(
    ("command", "package", "extra"),
    [
        ("draw", "flask", "draw"),
        ("predict", "skimage", "predict"),
        ("predict", "torch", "torch"),
        ("export", "onnxruntime", "export"),
        ("export", "keras", "tf"),
        ("run", "dvc", "pipeline"),
    ],
)
def test_a_missing_package_is_named_with_the_extra_that_brings_it(
    command, package, extra, run_digits, monkeypatch
):
    def fail(name: str) -> None:
        raise ModuleNotFoundError(f"No module named '{package}.io'", name=f"{package}.io")

    monkeypatch.setattr("digits.cli.load_command", fail)
    line = f"error: digits {command} needs {package}: pip install 'digits-three-ways[{extra}]'\n"
    assert run_digits(command, status=1) == ("", line)


def test_a_missing_module_of_our_own_is_a_bug_and_stays_one(monkeypatch):
    monkeypatch.setitem(sys.modules, "digits.commands.check", None)
    with pytest.raises(ModuleNotFoundError):
        main(["check"])


def test_every_extra_that_a_message_names_exists():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = set(project["optional-dependencies"])
    assert {command.extra for command in COMMANDS.values()} | set(EXTRAS.values()) <= extras


def test_a_reader_that_stops_early_is_no_error():
    command = [sys.executable, "-m", "digits", "check", "--schema"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=pipe, stderr=pipe) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_ctrl_c_in_a_command_is_one_line_and_status_130(monkeypatch, capsys):
    def interrupt(name: str, words: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("digits.cli.run_command", interrupt)
    assert main(["check"]) == 130
    assert capsys.readouterr().err == "stopped\n"
