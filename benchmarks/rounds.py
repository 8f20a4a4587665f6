"""Several rounds of a measurement, each in its own process, and their summary."""

import json
import subprocess
import sys
from collections.abc import Sequence
from statistics import median
from typing import Any

from digits.errors import InputError


def measure_apart(module: str, *arguments: str) -> Any:
    """Run a benchmark's module in its own process; return the JSON on its last line.

    Raises InputError if the process fails.
    """
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise InputError(f"`{' '.join(command[1:])}` exited {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def summarize(values: Sequence[float], digits: int = 3) -> dict[str, float]:
    """Return the median, the lowest and the highest value, rounded to `digits` decimals."""
    found = {"median": median(values), "low": min(values), "high": max(values)}
    return {name: round(value, digits) for name, value in found.items()}
