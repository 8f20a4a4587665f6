"""What a run ran on: recorded beside its times, for they mean nothing without it."""

import os
import platform
from pathlib import Path


def describe_machine() -> dict[str, str | int]:
    """Return the processor's name, its number of cores, and Python's version."""
    return {"processor": processor_name(), "cores": os.cpu_count() or 1, "python": platform.python_version()}


def processor_name() -> str:
    """Return the processor's name as Linux tells it, elsewhere as Python does."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
