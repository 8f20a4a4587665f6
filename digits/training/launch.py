"""Starting the processes of a training, and ending them all when one of them ends before its time.

The stage's own process is the first of them. It alone writes, so nothing is written once it has
ended, however it did.
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

PARENT = "DIGITS_PARENT"  # the environment variable that tells a process who started it
GRACE_SECONDS = 5.0  # for the main thread to meet the loss of another process by itself


class Other:
    """Another process of this training: this program again, with other environment variables. It
    prints nothing here.
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
        """Return how the process failed; None where it has not, or not yet."""
        status = self.process.poll()
        if not status:
            return None
        if status < 0:
            return f"{self.name} was killed by {signal.Signals(-status).name}"
        self.printed.seek(0)
        lines = self.printed.read().decode(errors="replace").split("\n")
        return f"{self.name} failed: {next((line for line in reversed(lines) if line.strip()), f'exit status {status}')}"

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.printed.close()


@contextmanager
def started(variable: str, environments: list[dict[str, str]]) -> Iterator[bool]:
    """Yield whether this is one of several processes: a launcher's, which has set the variable, or
    the first of those that are started here.

    `environments` are what each of these, this one included, gets besides; fewer than two start
    none. They end with the body.
    """
    if variable in os.environ:
        end_with_parent()
        yield True
    elif len(environments) > 1:
        first, *rest = environments
        with other_processes(rest):
            os.environ.update(first)
            yield True
    else:
        yield False


@contextmanager
def other_processes(environments: list[dict[str, str]]) -> Iterator[None]:
    """Run the program again in a process for each of `environments`, which add to this one's, while
    the body runs.

    Raise InputError where one of them fails; all are ended with the first that does. Where this
    process is stuck because of it, end it too. The body ends once it has all that the others have
    to give: they are killed then, whatever their framework may still wait for.
    """
    others = [
        Other(rank, len(environments) + 1, environment)
        for rank, environment in enumerate(environments, start=1)
    ]
    ended = threading.Event()
    threading.Thread(target=watch, args=(others, ended), daemon=True).start()
    try:
        yield
    except (InputError, KeyboardInterrupt):
        raise
    except Exception:
        # Where another process has died, its connections broke here: an error of the framework's,
        # which says less.
        deadline = time.monotonic() + GRACE_SECONDS / 2
        while time.monotonic() < deadline and not first_failure(others):
            time.sleep(0.05)
        if failure := first_failure(others):
            raise InputError(failure) from None
        raise
    finally:
        ended.set()
        for other in others:
            other.end()


def first_failure(others: list[Other]) -> str | None:
    """Return how one of the processes failed, in one line: rather one that was killed, for the
    others may have failed because of it.
    """
    failed = [
        (other.process.returncode > 0, failure) for other in others if (failure := other.failure())
    ]
    return (
        f"{min(failed)[1]}; nothing was written; run it again to go on after the last finished epoch"
        if failed
        else None
    )


def watch(others: list[Other], ended: threading.Event) -> None:
    """End this process soon after another has failed, unless it ends by itself: it may wait for
    that other's part for ever.
    """
    while not ended.wait(0.2):
        if (failure := first_failure(others)) and not ended.wait(GRACE_SECONDS):
            for other in others:
                other.process.kill()
            print(f"error: {failure}", file=sys.stderr, flush=True)
            os._exit(1)


def end_with_parent() -> None:
    """In a process that was started here: leave Ctrl-C to the process that started it, and end when
    that one has.
    """
    if PARENT in os.environ:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        threading.Thread(
            target=wait_for_end_of, args=(int(os.environ[PARENT]),), daemon=True
        ).start()


def wait_for_end_of(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def free_ports(n: int) -> list[int]:
    """Return numbers of ports of this machine that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [server.getsockname()[1] for server in sockets]
    for server in sockets:
        server.close()
    return ports
