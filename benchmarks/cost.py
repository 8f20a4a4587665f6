"""The cost of a command: its seconds, and the memory of all its processes. Needs Linux.

Linux reports each process's share of a shared page, so a page of a process and its workers counts
once.
"""

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

from digits.errors import InputError


class Cost(NamedTuple):
    """The cost of a command.

    own_seconds is the processor time of its first process, without the processes that it starts.
    """

    seconds: float
    own_seconds: float
    peak_memory_bytes: int


def measure_cost(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Cost:
    """Run a command and return its cost; raise InputError with the end of its output if it fails.

    The peak memory is the larger of two values. One is the largest peak of a process, which the
    system records. The other is the largest sum of the processes' shares, sampled as they run.
    """
    with tempfile.TemporaryFile() as printed:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=printed, stderr=printed
        )
        root, own_seconds, peak = psutil.Process(process.pid), 0.0, 0
        while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
            sampled = time.perf_counter()
            own = root.cpu_times()
            own_seconds = max(own_seconds, own.user + own.system)
            peak = max(peak, shared_memory_bytes(root))
            # A sample locks the process, so samples take at most a twentieth of the time.
            time.sleep(max(0.02, 20 * (time.perf_counter() - sampled)))
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(ended[1])
        if process.returncode:
            printed.seek(0)
            end = printed.read()[-2000:].decode(errors="replace")
            raise InputError(f"`{' '.join(command)}` exited {process.returncode}: {end}")
    return Cost(seconds, own_seconds, max(peak, ended[2].ru_maxrss * 1024))


def shared_memory_bytes(root: psutil.Process) -> int:
    """Return the memory of a process and its descendants; 0 if it has no descendants.

    A page that several of them share counts once.
    """
    try:
        children = root.children(recursive=True)
        if not children:
            return 0
        return sum(process.memory_full_info().pss for process in [root, *children])
    except psutil.Error:  # one has just ended
        return 0
