"""How many stages this machine can run at a time, and which of them take longest.

Each training wrote its seconds and its memory into timings/<framework>/<run>.json, here or on the
machine that pushed the file. Other stages and new runs have a default.
"""

import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import psutil

from digits.base.files import read_json
from digits.errors import InputError

TIMINGS = Path("timings")


class Cost(NamedTuple):
    """The time and the memory of one stage."""

    seconds: float
    peak_memory_bytes: int


# A training of params.yaml took at most 1.26 GiB (TensorFlow), most of them less than a minute.
DEFAULT_TRAINING = Cost(seconds=60.0, peak_memory_bytes=1536 * 2**20)
DEFAULT_STAGE = Cost(seconds=5.0, peak_memory_bytes=1536 * 2**20)


def read_cost(stage: str, times: Path = TIMINGS) -> Cost:
    """Return the last cost of a stage such as "train_torch@cnn", or a default."""
    training = re.fullmatch(r"train_(\w+)@(.+)", stage)
    if not training:
        return DEFAULT_STAGE
    try:
        measured = read_json(times / training[1] / f"{training[2]}.json")
        return Cost(float(measured["train_seconds"]), int(measured["peak_memory_bytes"]))
    except (InputError, LookupError, TypeError, ValueError):
        return DEFAULT_TRAINING


def count_fitting(jobs: int, costs: Iterable[Cost], n_cores: int, available_bytes: int) -> int:
    """Return how many of `jobs` stages fit on the cores and in the memory, at least 1.

    Any of the stages may run beside any other, so each counts as much memory as the largest.
    """
    largest = max(cost.peak_memory_bytes for cost in costs)
    return max(1, min(jobs, n_cores, available_bytes // largest))


def usable_cores() -> list[int]:
    """Return the numbers of the cores that this process may run on."""
    if sys.platform == "linux":
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def available_memory_bytes() -> int:
    """Return the free memory of the machine, or of the container if it has less."""
    available = int(psutil.virtual_memory().available)
    limit, used = (Path("/sys/fs/cgroup") / name for name in ("memory.max", "memory.current"))
    if limit.exists() and used.exists() and limit.read_text().strip() != "max":
        available = min(available, int(limit.read_text()) - int(used.read_text()))
    return available
