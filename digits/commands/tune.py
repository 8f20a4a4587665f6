"""Search for a run's recipe with Optuna.

Each trial trains the run with other values and measures the accuracy on the validation split. The
search never reads the test set.

    digits tune torch/cnn --try learning_rate=0.001..0.02:log --try batch_size=64,128,256

The study is stored in tuning/<framework>/<run>/study.log, or in --storage. The same command resumes
a stopped study. Several processes may work on one study, also on several machines that share the
storage. The first trial uses the run's own values, if the search space includes them. A trial is
pruned if its accuracy after an epoch is below the median of earlier trials.
"""

import argparse
import re
import sys
from typing import TYPE_CHECKING

from digits.base.params import FRAMEWORKS, PARAMS
from digits.base.processor import limit_instructions
from digits.errors import InputError

if TYPE_CHECKING:
    from digits.tuning.session import Session

EXAMPLE = "digits tune torch/cnn --try learning_rate=0.001..0.02:log --try batch_size=64,128,256"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("run", help="a run of params.yaml, such as torch/cnn")
    parser.add_argument(
        "--try",
        action="append",
        default=[],
        dest="tried",
        metavar="KEY=VALUES",
        help="a key of the run's recipe and the values to try: LOW..HIGH, LOW..HIGH:log or values "
        "separated by commas; may be repeated (the search space of the existing study; for a new "
        "study, learning rates and batch sizes around the run's own)",
    )
    parser.add_argument(
        "--trials",
        type=int,
        default=20,
        help="the total number of trials in the study, including pruned ones (20)",
    )
    parser.add_argument("--study", help="the study's name and its folder in tuning/ (the run)")
    parser.add_argument(
        "--storage",
        help="a database URL, such as sqlite:///studies.db, or a file (tuning/STUDY/study.log)",
    )
    parser.add_argument(
        "--write",
        action="store_true",
        help="at the end, write the best trial's values into params.yaml",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run trials, write the plots, and print the best trial; return the exit status."""
    try:
        search(arguments)
    except KeyboardInterrupt:
        text = "stopped; the same command resumes after the last finished trial"
        print(text, file=sys.stderr)
        return 130
    return 0


def search(arguments: argparse.Namespace) -> None:
    """Run trials until the study has enough, then report on it."""
    framework, name = parse_run(arguments.run)
    check_arguments(arguments.trials, arguments.study)
    limit_instructions()
    study_name = arguments.study or arguments.run
    # Optuna takes a second to import, and --help does not need it.
    from digits.tuning.session import begin_session, run_trials
    from digits.tuning.study import one_line_storage_errors

    with one_line_storage_errors():
        session = begin_session(framework, name, arguments.tried, study_name, arguments.storage)
        for line in run_trials(session, arguments.trials, on_wait=print_waiting):
            print(line, flush=True)
        conclude(session, arguments.write)


def print_waiting() -> None:
    """Print what this process waits for."""
    print("waiting for the last trials: other processes run them", file=sys.stderr)


def conclude(session: "Session", write: bool) -> None:
    """Write the plots and print the best trial; with `write`, put its values into params.yaml."""
    from digits.tuning.best import find_best, write_best
    from digits.tuning.plots import write_plots
    from digits.tuning.session import locked
    from digits.tuning.trials import describe_trial

    study, search, _, folder = session
    with locked(folder):
        if not write_plots(study, folder):
            print("no plots: they need two complete trials", file=sys.stderr)
        best = find_best(study)
        print(f"best: trial {best.number}: {describe_trial(best, search.space)}")
        if write:
            write_best(best, search)
            where = f"train_{search.run.framework}.{search.run.name}"
            print(f"{PARAMS}: {where} now has these values; `dvc repro` trains it")


def parse_run(text: str) -> tuple[str, str]:
    """Return "torch" and "cnn" for "torch/cnn"; raise InputError for an unknown framework."""
    framework, _, name = text.partition("/")
    if framework not in FRAMEWORKS:
        raise InputError(
            f"the run is {text!r}; expected FRAMEWORK/RUN with FRAMEWORK one of: "
            f"{', '.join(FRAMEWORKS)}"
        )
    return framework, name


def check_arguments(n_trials: int, study: str | None) -> None:
    """Raise InputError unless there is at least one trial and `study` can name a folder."""
    if n_trials < 1:
        raise InputError(f"--trials is {n_trials}; expected 1 or more")
    if study is not None and not re.fullmatch(r"[\w-]+(/[\w-]+)*", study, re.ASCII):
        raise InputError(
            f"--study is {study!r}; expected letters, digits, _ and -, with single / in between"
        )
