"""What a run ran on: recorded beside its times, for they mean nothing without it."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def describe_machine() -> dict[str, str | int]:
    """Return the processor's name, its number of cores, and Python's version."""
    return {
        "processor": processor_name(),
        "cores": os.cpu_count() or 1,
        "python": platform.python_version(),
    }


def package_versions(*parts: str) -> dict[str, str]:
    """Return the installed versions, by name, of the packages in requirements/<part>.txt; those
    meant for other systems are left out.
    """
    versions = {}
    for part in parts:
        for line in Path(f"requirements/{part}.txt").read_text(encoding="utf-8").splitlines():
            name = line.split("==")[0]
            try:
                versions[name] = version(name)
            except PackageNotFoundError:
                continue
    return dict(sorted(versions.items()))


def processor_name() -> str:
    """Return the processor's name as Linux tells it, elsewhere as Python does."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
