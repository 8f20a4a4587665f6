"""A result says what it was measured on: processor, instructions, cores, Python and packages."""

import platform
from importlib.metadata import version

import pytest

from digits.training import provenance
from digits.training.provenance import describe_machine, package_versions

X86 = """processor\t: 0
model name\t: A Processor @ 3 GHz
flags\t\t: fpu sse2 avx avx2 {more}

processor\t: 1
model name\t: A Processor @ 3 GHz
flags\t\t: fpu sse2 avx avx2 {more}
"""
ARM = "processor\t: 0\nFeatures\t: fp asimd evtstrm\n"


@pytest.fixture
def cpu_info(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "CPU_INFO", tmp_path / "cpuinfo")
    return tmp_path / "cpuinfo"


@pytest.mark.parametrize(
    ("text", "instructions"),
    [(X86.format(more="avx512f"), "avx512f"), (X86.format(more=""), "avx2"), (ARM, "asimd")],
)
def test_instructions_are_the_widest_that_linux_names(cpu_info, text, instructions):
    cpu_info.write_text(text)
    assert describe_machine()["instructions"] == instructions


def test_processor_is_named_as_linux_names_it(cpu_info):
    cpu_info.write_text(X86.format(more=""))
    assert describe_machine()["processor"] == "A Processor @ 3 GHz"


def test_other_systems_have_a_machine_too(cpu_info):
    machine = describe_machine()
    assert list(machine) == ["processor", "instructions", "cores", "python"]
    assert machine["instructions"] == ""
    assert machine["processor"]
    assert machine["python"] == platform.python_version()


def test_versions_are_those_of_the_pins_of_a_fingerprint():
    fingerprint = "digits/errors.py 0a1b\nscipy==1.0\nnumpy==2.0\nno-such-package==1 ; os == 'x'\n"
    found = package_versions(fingerprint)
    assert found == {"numpy": version("numpy"), "scipy": version("scipy")}
    assert list(found) == ["numpy", "scipy"]
