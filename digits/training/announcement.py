"""The line before a training: which run of how many it is, and how long it took before."""

import csv
from pathlib import Path

from digits.base.params import FRAMEWORKS, load_run_names
from digits.training.run import Run

# What the pipeline drew last. No stage depends on it: it changes a line on the terminal only.
RESULTS = Path("plots/timing/results.csv")


def announce(run: Run, results: Path = RESULTS) -> str:
    """Return a line such as "torch/cnn: run 1 of 13, 28 s when the results were last drawn"."""
    titles = [f"{name}/{other}" for name in FRAMEWORKS for other in load_run_names(name)]
    place = f"{run.title}: run {titles.index(run.title) + 1} of {len(titles)}"
    seconds = last_seconds(run, results)
    if seconds is None:
        return place
    return f"{place}, {seconds:.0f} s when the results were last drawn"


def last_seconds(run: Run, results: Path) -> float | None:
    """Return how long the run trained according to a results table; None if it is not in it."""
    try:
        with results.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if (row["framework"], row["run"]) == (run.framework, run.name):
                    return float(row["train_seconds"])
    except (OSError, KeyError, TypeError, ValueError):
        return None
    return None
