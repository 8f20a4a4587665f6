"""Start the processes of a training, and end them all if one of them fails.

The stage's own process is rank 0. Only rank 0 writes files, so no file changes after it has ended.
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
GRACE_SECONDS = 5.0  # the time that the main thread has to notice a lost rank by itself


class Peer:
    """Another rank of this training: the same program with its own environment variables.

    Its output is captured, and only the last line is shown if it fails.
    """

    def __init__(self, rank: int, size: int, environment: dict[str, str]):
        self.name = f"rank {rank} of {size}"
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
        """Kill the process and discard its output."""
        self.process.kill()
        self.process.wait()
        self.printed.close()


@contextmanager
def started(is_launched: bool, environments: list[dict[str, str]]) -> Iterator[bool]:
    """Yield whether this process is one of several ranks.

    If a launcher has started it, this process is one of the launcher's ranks. Otherwise this
    process becomes rank 0 and starts the other ranks: there is one rank for each of `environments`.
    With fewer than two environments it starts none. The started processes end with the body.
    """
    if is_launched:
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
    """Run a copy of this program for each of `environments` while the body runs.

    Raises InputError if one of them fails; the first failure ends them all. If this process hangs
    after a failure, it is ended too. When the body ends, the peers have done their work. They are
    killed then, because their framework may still wait for other ranks.
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
        # The connections of a dead process break here. The framework's error about that says less
        # than the error of the process.
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
    """Return one line about the first failure; None if no process has failed.

    A killed process comes first, because it may have caused the other failures.
    """
    failures = [
        (peer.process.returncode > 0, failure) for peer in peers if (failure := peer.failure())
    ]
    if not failures:
        return None
    return f"{min(failures)[1]}; no output was written; run the stage again to resume"


def watch(peers: list[Peer], ended: threading.Event) -> None:
    """End this process GRACE_SECONDS after another rank has failed, unless it ends by itself.

    Without this it could wait forever for the failed rank.
    """
    while not ended.wait(0.2):
        if (failure := first_failure(peers)) and not ended.wait(GRACE_SECONDS):
            for peer in peers:
                peer.process.kill()
            print(f"error: {failure}", file=sys.stderr, flush=True)
            os._exit(1)


def end_with_parent() -> None:
    """If rank 0 started this process, leave Ctrl-C to rank 0, and end when rank 0 ends."""
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
