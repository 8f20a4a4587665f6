"""Run the pipeline again from nothing and compare every byte.

Without a folder, the command runs the committed pipeline in a temporary clone. It compares the
results with the committed ones. With a folder, it compares the last results here with those in
another checkout of the same commit, for example from another machine.

On the same machine, every output must have the same bytes, except the few with wall-clock times.
Another kind of processor adds numbers in another order, and training amplifies the rounding. The
results must then agree within a tolerance.

Exit status 0: the same bytes; 3: results within the tolerance; 4: results outside it; 1: the
results cannot be compared.
"""

import argparse
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from digits.errors import InputError

EXAMPLE = "digits verify ../other-checkout"
# The largest allowed differences on another kind of processor: about three times the differences
# between two seeds.
TOLERANCES = {"accuracy": 0.003, "log_loss": 0.015}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        help="compare with the results in this checkout, without running the pipeline",
    )


def run(arguments: argparse.Namespace) -> int:
    """Compare and print the differences; return the exit status: 0, 3 or 4 (see above)."""
    from digits.pipeline.checkout import check_checkout, check_merged

    check_checkout()
    if arguments.folder:
        check_merged(arguments.folder)
        return compare(Path(), arguments.folder)
    return run_again()


def run_again() -> int:
    """Run the pipeline in a fresh clone, compare with the committed results, return the status."""
    from digits.pipeline.checkout import run_dvc
    from digits.pipeline.clone import fresh_clone

    with fresh_clone() as (clone, environment), tempfile.TemporaryDirectory() as folder:
        committed = Path(folder)
        shutil.copy(clone / "dvc.lock", committed)
        shutil.copytree(clone / "metrics", committed / "metrics")
        print("running the last commit again in a clone; uncommitted changes are not part of it")
        repro = ("repro", "--force", "--no-run-cache")
        for stages in (["download"], []):
            if run_dvc(*repro, *stages, folder=clone, environment=environment):
                raise InputError("dvc repro failed in the clone; see the messages above")
            check_data(committed, clone)
        return compare(committed, clone)


def check_data(ours: Path, theirs: Path) -> None:
    """Raise InputError if two checkouts have different raw data."""
    from digits.pipeline.lock import output_hashes, read_lock

    raw, other = (output_hashes(read_lock(folder)).get("data/raw") for folder in (ours, theirs))
    if raw != other:
        raise InputError(
            "the download gave other data than the committed results have; "
            "name a mirror that has it in DIGITS_MIRROR (see docs/data.md)"
        )


def compare(ours: Path, theirs: Path) -> int:
    """Print how the outputs of two checkouts compare, and return the exit status."""
    from digits.pipeline.lock import TIMING, differing_outputs, read_lock

    lock = read_lock(ours)
    differing = differing_outputs(lock, read_lock(theirs))
    if not differing:
        print(f"the same bytes in every output except those with times ({', '.join(TIMING)})")
        return 0
    print(f"different bytes in {', '.join(differing)}")
    shifts = metric_shifts(ours, theirs, lock)
    for title, metric, shift in shifts:
        print(f"{title}: {metric} differs by {shift:+.5f}; the tolerance is {TOLERANCES[metric]}")
    if all(abs(shift) <= TOLERANCES[metric] for _, metric, shift in shifts):
        print("the results agree within the tolerance for another kind of processor")
        return 3
    print("the results differ by more than the tolerance")
    return 4


def metric_shifts(ours: Path, theirs: Path, stages: Iterable[str]) -> list[tuple[str, str, float]]:
    """Return (run, metric, their value minus ours) for each metric with a tolerance that differs.

    A run, such as "torch/cnn", is compared if its train stage is in `stages`.
    """
    from digits.base.files import read_json

    shifts: list[tuple[str, str, float]] = []
    for stage in sorted(stages):
        training, _, name = stage.partition("@")
        if not training.startswith("train_"):
            continue
        title = f"{training.removeprefix('train_')}/{name}"
        path = f"metrics/{title}.json"
        mine, other = read_json(ours / path), read_json(theirs / path)
        shifts += [
            (title, metric, other[metric] - mine[metric])
            for metric in TOLERANCES
            if other[metric] != mine[metric]
        ]
    return shifts
