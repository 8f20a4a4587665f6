"""This process's memory: its peak, its workers' peak, and keeping freed blocks."""

import ctypes
import resource
import sys

# Options of glibc's mallopt(3).
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
ONE_GIB = 1 << 30


def keep_freed_memory() -> None:
    """Make glibc keep freed blocks, up to 1 GiB. Without glibc this does nothing.

    Otherwise glibc returns each large array to the system and requests it again at the next step.
    Clearing those pages took a quarter of the training time of a convolutional network.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt:
            mallopt(M_MMAP_THRESHOLD, ONE_GIB)
            mallopt(M_TRIM_THRESHOLD, ONE_GIB)


def peak_memory_bytes(with_workers: bool) -> int:
    """Return this process's peak resident set; with workers, plus that of its largest ended child.

    With two workers the sum covers both: this process is one of them. Shared pages count twice, so
    it is an upper bound. Each rank of a process group counts its own memory.
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if with_workers:
        peak += resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, Linux KiB
