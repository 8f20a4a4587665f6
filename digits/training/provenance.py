"""The machine and the packages of a training: its times mean nothing without them."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
# The instruction sets that decide how fast the matrix products are, and in which order they sum.
INSTRUCTION_SETS = ("avx512f", "avx2", "asimd")


def describe_machine() -> dict[str, str | int]:
    """Return the processor's name and instruction set, its number of cores, Python's version."""
    return {
        "processor": processor_name(),
        "instructions": instruction_set(),
        "cores": os.cpu_count() or 1,
        "python": platform.python_version(),
    }


def package_versions(fingerprint: str) -> dict[str, str]:
    """Return the installed versions of the packages that a stage's fingerprint pins, by name.

    Packages for other systems are left out, because they are not installed.
    """
    versions = {}
    for line in fingerprint.splitlines():
        name, pinned, _ = line.partition("==")
        if not pinned:
            continue
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return dict(sorted(versions.items()))


def processor_name() -> str:
    """Return the processor's name from Linux; on other systems from Python."""
    names = cpu_info("model name")
    return names[0] if names else platform.processor() or platform.machine()


def instruction_set() -> str:
    """Return the processor's widest vector instructions, as Linux names them; "" if unknown."""
    flags = set(" ".join(cpu_info("flags")[:1] or cpu_info("Features")[:1]).split())
    return next((name for name in INSTRUCTION_SETS if name in flags), "")


def cpu_info(key: str) -> list[str]:
    """Return the values of a key in /proc/cpuinfo, one per core; none on other systems."""
    try:
        lines = CPU_INFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    pairs = [line.partition(":") for line in lines]
    return [value.strip() for name, _, value in pairs if name.strip() == key]
