"""Run the pipeline: every stage that is not up to date.

Checks the whole of params.yaml, tries to replace synthetic digits by MNIST, and runs the stages:
`dvc repro`, or with --jobs several stages at a time. Then prints the leaderboard.
"""

import argparse
import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial

from digits.errors import InputError

EXAMPLE = "digits run --jobs 2"
NEXT = """\
Charts of all runs:     make plots, then open dvc_plots/index.html
Try your own digits:    make draw
Figures and mistakes:   plots/report.html, in a browser"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="how many stages may run at a time (1)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the pipeline; return the exit status.

    0: everything is up to date; 1: a stage failed, or DVC's own status; 130: stopped.
    """
    from digits.commands.check import check_params
    from digits.commands.refetch import replace_synthetic_digits
    from digits.pipeline.checkout import (
        check_checkout,
        remove_damaged_rwlock,
        work_without_git,
    )

    if arguments.jobs < 1:
        raise InputError(f"--jobs is {arguments.jobs}; expected 1 or more")
    check_checkout()
    check_params()
    if work_without_git():
        print("this folder is not in git: DVC runs without it (core.no_scm in .dvc/config.local)")
    remove_damaged_rwlock()
    replace_synthetic_digits()
    started = time.perf_counter()
    status = run_dvc_repro() if arguments.jobs == 1 else run_jobs(arguments.jobs)
    if status == 0:
        print_results(time.perf_counter() - started)
    return status


def run_jobs(jobs: int) -> int:
    """Run several stages at a time; return the exit status."""
    from digits.pipeline.jobs import Output, run_stale_stages  # imports DVC: a second

    info = partial(print, flush=True)
    return run_stale_stages(jobs, Output(info, partial(info, file=sys.stderr)))


def run_dvc_repro() -> int:
    """Run `dvc repro`; return its exit status, or 130 if a signal stopped it."""
    from digits.pipeline.checkout import dvc_command
    from digits.pipeline.environment import completed

    # Another DVC, such as that of an editor's extension, may hold the lock for some seconds.
    command = dvc_command("--wait-for-lock", "repro")
    process = subprocess.Popen(command, env=completed())
    with interrupted_by_signals(process) as signals:
        status = process.wait()
    if signals:
        return 130
    return status if status >= 0 else 128 - status


@contextlib.contextmanager
def interrupted_by_signals(process: "subprocess.Popen[bytes]") -> Iterator[list[int]]:
    """Turn a signal into an interrupt of the process and its descendants; yield the signals.

    They end in order: DVC writes its files, and a training keeps its last checkpoint. Ctrl-C has
    reached them already, as the terminal sends it to the whole process group.
    """
    import psutil

    signals: list[int] = []

    def interrupt(number: int, _: object) -> None:
        signals.append(number)
        if number == signal.SIGINT:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            dvc = psutil.Process(process.pid)
            for each in [*dvc.children(recursive=True), dvc]:
                each.send_signal(signal.SIGINT)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def print_results(seconds: float) -> None:
    """Print the leaderboard, the time that the pipeline took, and where to look next."""
    from digits.reporting.leaderboard import render_leaderboard

    minutes, rest = divmod(round(seconds), 60)
    print(f"\n{render_leaderboard()}\n")
    print('Runs that share a letter under "group" do not differ significantly.')
    print(f"The pipeline took {minutes} min {rest} s.\n\n{NEXT}")
