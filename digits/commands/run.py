"""Run the pipeline: whatever is not up to date.

Checks the whole of params.yaml, tries to replace synthetic digits by the real ones, and then runs
the stages: `dvc repro`, or with --jobs several at a time.
"""

import argparse
import os
import sys
from functools import partial

from digits.errors import InputError

EXAMPLE = "digits run --jobs 2"


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
    from digits.pipeline.checkout import check_checkout, remove_damaged_rwlock

    if arguments.jobs < 1:
        raise InputError(f"--jobs is {arguments.jobs}; expected 1 or more")
    check_checkout()
    check_params()
    remove_damaged_rwlock()
    replace_synthetic_digits()
    if arguments.jobs == 1:
        become_dvc_repro()
    from digits.pipeline.jobs import Output, run_stale_stages  # imports DVC: a second

    tell = partial(print, flush=True)
    return run_stale_stages(arguments.jobs, Output(tell, partial(tell, file=sys.stderr)))


def become_dvc_repro() -> None:
    """Replace this process by `dvc repro`: signals reach DVC, and its exit status is ours."""
    from digits.pipeline.checkout import dvc_command, dvc_environment

    sys.stdout.flush()
    command = dvc_command("repro")
    os.execve(command[0], command, dvc_environment())
