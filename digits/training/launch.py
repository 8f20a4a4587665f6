"""Start the processes of a training, and end them all if one of them fails.

The stage's own process is rank 0. It alone writes files, so nothing is written after it has ended.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from digits.errors import InputError

PARENT = "DIGITS_PARENT"  # the environment variable with the process id of rank 0
GRACE_SECONDS = 5.0  # for the main thread to notice by itself that a process was lost


class Peer:
    """Another process of this training: this program again, with other environment variables.

    What it prints is kept, and not shown.
    """

    def __init__(self, rank: int, size: int, environment: dict[str, str]):
        self.name = f"process {rank} of {size}"
        self.printed = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, *sys.orig_argv[1:]],
            env=os.environ | environment | {PARENT: str(os.getpid())},
            stdin=subprocess.DEVNULL,
            stdout=self.printed,
            stderr=self.printed,
        )

    def failure(self) -> str | None:
        """Return how the process failed; None if it has not."""
        status = self.process.poll()
        if not status:
            return None
        if status < 0:
            return f"{self.name} was killed by {signal.Signals(-status).name}"
        self.printed.seek(0)
        lines = self.printed.read().decode(errors="replace").split("\n")
        printed = [line for line in lines if line.strip()]
        return f"{self.name} failed: {printed[-1] if printed else f'exit status {status}'}"

    def end(self) -> None:
        """Kill the process and forget what it printed."""
        self.process.kill()
        self.process.wait()
        self.printed.close()


@contextmanager
def started(variable: str, environments: list[dict[str, str]]) -> Iterator[bool]:
    """Yield whether this is one of several processes.

    If a launcher has set `variable`, this is one of its processes. Otherwise one process is started
    for each of `environments`, this one being the first; fewer than two start none. The started
    processes end with the body.
    """
    if variable in os.environ:
        end_with_parent()
        yield True
    elif len(environments) > 1:
        first, *rest = environments
        with peer_processes(rest):
            os.environ.update(first)
            yield True
    else:
        yield False


@contextmanager
def peer_processes(environments: list[dict[str, str]]) -> Iterator[None]:
    """Run this program again in a process for each of `environments` while the body runs.

    Raises InputError if one of them fails; the first failure ends them all. If this process hangs
    because of it, it is ended too. When the body ends, the peers have nothing more to contribute:
    they are killed, whatever their framework may still wait for.
    """
    size = len(environments) + 1
    peers = [Peer(rank, size, variables) for rank, variables in enumerate(environments, start=1)]
    ended = threading.Event()
    threading.Thread(target=watch, args=(peers, ended), daemon=True).start()
    try:
        yield
    except (InputError, KeyboardInterrupt):
        raise
    except Exception:
        # If another process has died, its connections broke here. The framework's error about
        # that says less than the process's own.
        deadline = time.monotonic() + GRACE_SECONDS / 2
        while time.monotonic() < deadline and not first_failure(peers):
            time.sleep(0.05)
        if failure := first_failure(peers):
            raise InputError(failure) from None
        raise
    finally:
        ended.set()
        for peer in peers:
            peer.end()


def first_failure(peers: list[Peer]) -> str | None:
    """Return in one line how a process failed; None if none has.

    A killed process comes first: the others may have failed because of it.
    """
    failures = [
        (peer.process.returncode > 0, failure) for peer in peers if (failure := peer.failure())
    ]
    if not failures:
        return None
    return f"{min(failures)[1]}; nothing was written; run it again to resume"


def watch(peers: list[Peer], ended: threading.Event) -> None:
    """End this process soon after another has failed, unless it ends by itself.

    It may wait forever for the other's part.
    """
    while not ended.wait(0.2):
        if (failure := first_failure(peers)) and not ended.wait(GRACE_SECONDS):
            for peer in peers:
                peer.process.kill()
            print(f"error: {failure}", file=sys.stderr, flush=True)
            os._exit(1)


def end_with_parent() -> None:
    """In a process that rank 0 has started: leave Ctrl-C to rank 0, and end when it ends."""
    if PARENT in os.environ:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        parent = int(os.environ[PARENT])
        threading.Thread(target=exit_after, args=(parent,), daemon=True).start()


def exit_after(parent: int) -> None:
    """End this process when its parent has ended."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def free_ports(n: int) -> list[int]:
    """Return the numbers of n free ports of this machine."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [server.getsockname()[1] for server in sockets]
    for server in sockets:
        server.close()
    return ports
