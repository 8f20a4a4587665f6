"""The leaderboard on the terminal, read from the table of results that `visualize` wrote."""

import csv
from pathlib import Path

from tabulate import tabulate

from digits.base.titles import DATASETS
from digits.errors import InputError

RESULTS = Path("plots/timing/results.csv")
HEADERS = ["run", "architecture", "test accuracy", "errors", "group", "training"]


def render_leaderboard(path: Path = RESULTS) -> str:
    """Return a line about the data, then a table with a row per run, the most accurate first.

    Runs that share a letter under "group" do not differ significantly. Raises InputError if the
    file is missing or has other columns.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            table = list(csv.DictReader(file))
        rows = [
            (
                f"{row['framework']}/{row['run']}",
                row["architecture"],
                f"{100 * float(row['accuracy']):.2f} %",
                row["errors"],
                row["group"],
                f"{float(row['train_seconds']):,.0f} s",
            )
            for row in table
        ]
        first = table[0]
        dataset = DATASETS.get(first["dataset"], first["dataset"])
        title = f"{dataset}, {int(first['n_samples']):,} test images, seed {first['seed']}"
    except (OSError, LookupError, TypeError, ValueError) as error:
        raise InputError(f"{path}: cannot read the results: {error!r}") from None
    alignment = ["left", "left", "right", "right", "left", "right"]
    table_text = tabulate(rows, HEADERS, "simple", colalign=alignment, disable_numparse=True)
    return f"{title}\n\n{table_text}"
