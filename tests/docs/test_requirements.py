"""Every package is pinned, those that others bring along too, and the environment that runs the
tests is the pinned one.
"""

import re
from importlib.metadata import version

import pytest
from conftest import ROOT
from packaging.requirements import Requirement
from packaging.version import Version

REQUIREMENTS = ROOT / "requirements"
PARTS = ["base", "dev", "pipeline", "plots", "remote", "tf", "torch", "tune", "use"]


def pins(part: str) -> dict[str, Requirement]:
    lines = (REQUIREMENTS / f"{part}.txt").read_text().splitlines()
    found = [Requirement(line) for line in lines]
    return {f"{requirement.name} {requirement.marker or ''}": requirement for requirement in found}


def asked_for(part: str) -> set[str]:
    """Return the names in requirements/<part>.in, and in those that it includes."""
    names = set()
    for line in (REQUIREMENTS / f"{part}.in").read_text().splitlines():
        if line.startswith("-r "):
            names |= asked_for(line.removeprefix("-r ").removesuffix(".in"))
        elif line and not line.startswith("#"):
            names.add(Requirement(line).name)
    return names


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("part", PARTS)
def test_every_package_is_pinned_to_one_version(part):
    assert pins(part)
    for requirement in pins(part).values():
        assert re.fullmatch(r"==[^*]+", str(requirement.specifier)), requirement


@pytest.mark.parametrize("part", PARTS)
def test_pins_hold_all_that_is_asked_for(part):
    assert {normalized(name) for name in asked_for(part)} <= {
        normalized(requirement.name) for requirement in pins(part).values()
    }


@pytest.mark.parametrize("part", [part for part in PARTS if part != "dev"])
def test_parts_agree_with_the_whole(part):
    whole = {(normalized(pin.name), str(pin.specifier)) for pin in pins("dev").values()}
    assert {(normalized(pin.name), str(pin.specifier)) for pin in pins(part).values()} <= whole


def test_the_environment_is_the_pinned_one():
    for requirement in pins("dev").values():
        if requirement.marker is None or requirement.marker.evaluate():
            # A build for the CPU is 2.13.0+cpu.
            assert Version(version(requirement.name)).public == str(
                requirement.specifier
            ).removeprefix("=="), requirement.name
