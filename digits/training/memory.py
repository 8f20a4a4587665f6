"""This process's memory: how much it and its workers took, and keeping what it freed."""

import ctypes
import resource
import sys

# Options of glibc's mallopt(3).
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
ONE_GIB = 1 << 30


def keep_freed_memory() -> None:
    """Have glibc keep the blocks that are freed, up to 1 GiB. Does nothing where there is no glibc.

    It otherwise gives each large array back to the system and asks for it again at the next step;
    clearing those pages took a quarter of the training time of a convolutional network.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt:
            mallopt(M_MMAP_THRESHOLD, ONE_GIB)
            mallopt(M_TRIM_THRESHOLD, ONE_GIB)


def peak_memory_bytes(with_workers: bool) -> int:
    """Return the largest resident set that this process has had; with workers, and that of the
    largest child it has waited for.

    With two workers that is all there is. Pages that both have count twice, so it is an upper
    bound. Each process of a team (digits/training/team.py) counts itself.
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if with_workers:
        peak += resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, Linux KiB
