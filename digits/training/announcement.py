"""The line before a training: its number among all runs, and how long it took the last time."""

import csv
from pathlib import Path

from digits.base.params import FRAMEWORKS, load_run_names
from digits.training.run import Run

# The last results. No stage depends on them: they change one line on the terminal only.
RESULTS = Path("plots/timing/results.csv")


def announce(run: Run, results: Path = RESULTS) -> str:
    """Return a line such as "torch/cnn: run 1 of 13; it took 28 s in the last results"."""
    titles = [f"{name}/{other}" for name in FRAMEWORKS for other in load_run_names(name)]
    place = f"{run.title}: run {titles.index(run.title) + 1} of {len(titles)}"
    seconds = last_seconds(run, results)
    if seconds is None:
        return place
    return f"{place}; it took {seconds:.0f} s in the last results"


def last_seconds(run: Run, results: Path) -> float | None:
    """Return how long a table of results says that the run trained; None without an entry."""
    try:
        with results.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if (row["framework"], row["run"]) == (run.framework, run.name):
                    return float(row["train_seconds"])
    except (OSError, KeyError, TypeError, ValueError):
        return None
    return None
