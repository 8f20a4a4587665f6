"""How many stages this machine can run at a time, and which of them take longest.

Each training wrote its seconds and its memory into timings/<framework>/<run>.json, here or on the
machine that pushed the file. Other stages and new runs have a default.
"""

import os
import re
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import psutil

from digits.base.files import read_json
from digits.errors import InputError

TIMINGS = Path("timings")

CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


class Version(NamedTuple):
    """The files of a control group with its limit, its use and its statistics, and a key of these.

    `cache` is the inactive file cache, in bytes like the others.
    """

    files: tuple[str, str, str]
    cache: str


V1 = Version(
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat"), "total_inactive_file"
)
V2 = Version(("memory.max", "memory.current", "memory.stat"), "inactive_file")


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


def available_memory_bytes(root: Path = CGROUPS, membership: Path = MEMBERSHIP) -> int:
    """Return the free memory of the machine, or of a control group around this process if less."""
    available = int(psutil.virtual_memory().available)
    lines = membership.read_text().splitlines() if membership.exists() else []
    return min([available, *chain.from_iterable(list_free_bytes(root, line) for line in lines)])


def list_free_bytes(root: Path, line: str) -> Iterator[int]:
    """Yield the free memory of each limited group that a line of /proc/self/cgroup names.

    A line is "hierarchy:controllers:path". The groups are nested, and each may have a limit.
    """
    _, controllers, path = line.split(":", 2)
    if controllers and "memory" not in controllers.split(","):
        return
    version, base = (V1, root / "memory") if controllers else (V2, root)
    group = base / path.strip("/")
    for folder in (group, *group.parents):
        if folder.is_relative_to(base):
            try:
                limit, used, statistics = ((folder / name).read_text() for name in version.files)
            except OSError:
                continue  # the root has no limit, and a container may not see its outer groups
            if limit.strip() != "max":
                # The kernel drops inactive file cache as soon as a process needs the memory.
                cache = re.search(rf"^{version.cache} (\d+)$", statistics, re.MULTILINE)
                yield int(limit) - int(used) + (int(cache[1]) if cache else 0)
