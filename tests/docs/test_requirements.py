"""Every package is pinned, with those that others bring, and pyproject.toml asks for all of them.

The environment that runs the tests is the pinned one.
"""

import re
import tomllib
from importlib.metadata import version
from itertools import chain

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from digits.cli import COMMANDS
from digits.cli import EXTRAS as EXTRAS_BY_PACKAGE
from digits.pipeline.imports import import_closure
from digits.pipeline.pins import DISTRIBUTIONS, collect_pins, normalize_name, read_pins
from tests.support.paths import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT, GROUPS = PYPROJECT["project"], PYPROJECT["dependency-groups"]
NAME, EXTRAS = PROJECT["name"], PROJECT["optional-dependencies"]
LOCKS = ["remote", "run", "test", "use"]


def read_lock(name: str) -> list[Requirement]:
    """Return the pins of requirements/<name>.txt."""
    lines = (ROOT / f"requirements/{name}.txt").read_text().splitlines()
    return [Requirement(line) for line in lines if not line.lstrip().startswith("#")]


def distributions(requirements: list[str]) -> set[str]:
    """Return the names of what is asked for, with those of this project's extras filled in."""
    names = set()
    for requirement in map(Requirement, requirements):
        if requirement.name == NAME:
            names |= distributions([name for extra in requirement.extras for name in EXTRAS[extra]])
        else:
            names.add(normalize_name(requirement.name))
    return names


CORE = distributions(PROJECT["dependencies"])
ASKED = {
    "run": distributions(
        GROUPS["build"] + EXTRAS["pipeline"] + EXTRAS["torch"] + EXTRAS["tf"],
    ),
    "use": distributions(EXTRAS["draw"] + EXTRAS["export"] + EXTRAS["tune"]),
    "remote": distributions(EXTRAS["remote"]),
    "test": distributions([*chain(*EXTRAS.values(), *GROUPS.values())]),
}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_pinned_to_one_version(lock):
    assert read_lock(lock)
    for requirement in read_lock(lock):
        assert re.fullmatch(r"==[^*]+", str(requirement.specifier)), requirement


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_what_pyproject_asks_for(lock):
    found = {normalize_name(requirement.name) for requirement in read_lock(lock)}
    assert CORE | ASKED[lock] <= found


def test_pins_are_within_the_bounds_of_pyproject():
    pins = {normalize_name(pin.name): pin for pin in read_lock("test")}
    asked = chain(PROJECT["dependencies"], *EXTRAS.values(), *GROUPS.values())
    for requirement in map(Requirement, asked):
        if requirement.name != NAME:
            pin = str(pins[normalize_name(requirement.name)].specifier).removeprefix("==")
            assert requirement.specifier.contains(pin), requirement


@pytest.mark.parametrize("lock", ["remote", "run", "use"])
def test_locks_agree(lock):
    whole, part = (
        {(normalize_name(pin.name), str(pin.specifier)) for pin in read_lock(name)}
        for name in ("test", lock)
    )
    assert part <= whole


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_server_and_no_package_for_cuda(lock):
    text = (ROOT / f"requirements/{lock}.txt").read_text()
    assert "://" not in text
    assert not re.search(r"^(cuda|nvidia(?!-ml-py)|triton)", text, re.MULTILINE)


def test_the_lock_for_running_says_which_package_requires_which():
    pins = collect_pins(read_pins(ROOT / "requirements/run.txt"), {"statsmodels": "a module"}, ())
    assert {"statsmodels", "patsy", "numpy", "scipy"} <= {pin.split("==")[0] for pin in pins}


# Packages that the code imports and pyproject.toml does not name: another package brings them.
BROUGHT = {"pydantic-core": "pydantic", "werkzeug": "flask", "sqlalchemy": "optuna", "zc": "dvc"}


@pytest.mark.parametrize("command", COMMANDS)
def test_an_extra_brings_what_its_command_imports(command):
    closure = import_closure(ROOT, [f"digits.commands.{command}"])
    brought = CORE | distributions(EXTRAS[COMMANDS[command].extra])
    # `digits COMMAND` tells which other extra brings a framework.
    for package in closure.packages.keys() - EXTRAS_BY_PACKAGE.keys():
        names = DISTRIBUTIONS.get(package, (normalize_name(package),))
        wanted = {BROUGHT.get(name, name) for name in names}
        assert wanted & brought, f"{closure.packages[package]} imports {package}"


@pytest.mark.parametrize(
    ("module", "extra"),
    [
        ("digits.backends.torch.fit", "torch"),
        ("digits.backends.tf.fit", "tf"),
        ("digits.export.onnx", "export"),
    ],
)
def test_an_extra_brings_what_is_loaded_by_name(module, extra):
    packages = import_closure(ROOT, [module]).packages
    names = {name for package in packages for name in DISTRIBUTIONS.get(package, (package,))}
    own = {normalize_name(name) for name in names} - set(BROUGHT) - CORE
    assert own & distributions(EXTRAS[extra])


def test_the_environment_is_the_pinned_one():
    for requirement in read_lock("test"):
        if requirement.marker is None or requirement.marker.evaluate():
            # A build for the CPU is 2.13.0+cpu.
            found = Version(version(requirement.name)).public
            assert found == str(requirement.specifier).removeprefix("=="), requirement.name


def test_the_installed_package_is_the_one_of_pyproject():
    assert version(NAME) == PROJECT["version"], "run `make setup`"
