"""The results of the pipeline as Markdown: a short leaderboard, and one row for each run."""

from pathlib import Path
from typing import Any

import pandas as pd

from digits.base.titles import DATASETS, FRAMEWORKS
from digits.errors import InputError
from digits.reporting.tables import as_markdown
from tools.markdown import format_machine, format_table

# The columns of the leaderboard.
FRAMEWORK_TITLES = {name: f"{title} (`{name}`)" for name, title in FRAMEWORKS.items()}


def read_results(path: Path) -> pd.DataFrame:
    """Return the table that visualize wrote, the best accuracy first; raise InputError."""
    try:
        table = pd.read_csv(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; run `make run`") from None
    datasets = set(table["dataset"])
    if datasets != {"mnist"}:
        raise InputError(
            f"{path}: has results on {', '.join(sorted(datasets))}; expected mnist only"
        )
    return table


def format_leaderboard(table: pd.DataFrame) -> str:
    """Return accuracy and training time: a row an architecture, a column a framework."""
    rows = [
        [f"`{architecture}`", *(format_runs(runs, framework) for framework in FRAMEWORK_TITLES)]
        for architecture, runs in table.groupby("architecture", sort=False)
    ]
    first: dict[str, Any] = table.iloc[0].to_dict()
    radius = 50 * (table["accuracy_high"] - table["accuracy_low"]).max()
    return (
        f"{format_table(['architecture', *FRAMEWORK_TITLES.values()], rows, 1)}\n\n"
        f"Accuracy on {DATASETS[first['dataset']]}'s {first['n_samples']:,} test images, and "
        f"training time. Each cell is one training (n = 1) with seed {first['seed']}. The 95 % "
        f"intervals reach at most {radius:.2f} points to each side.\n{format_environment(table)}"
    )


def format_runs(runs: pd.DataFrame, framework: str) -> str:
    """Return a cell of the leaderboard; several runs of one architecture have their names."""
    rows = runs[runs["framework"] == framework].to_dict("records")
    cells = [f"{100 * row['accuracy']:.2f} %, {row['train_seconds']:,.0f} s" for row in rows]
    if len(cells) > 1:
        cells = [f"{row['run']}: {cell}" for row, cell in zip(rows, cells, strict=True)]
    return "; ".join(cells) or "-"


def format_results(table: pd.DataFrame) -> str:
    """Return all measures of each run, with the machine and the versions."""
    first: dict[str, Any] = table.iloc[0].to_dict()
    return (
        f"{as_markdown(table)}\n\n"
        f"{DATASETS[first['dataset']]}, all {first['n_samples']:,} test images, one training per "
        f"row (n = 1), seed {first['seed']}. The interval is Wilson's, 95 %, and covers the "
        "sampling of the test set. It does not cover what another seed would change. Runs that "
        "share a letter under “group” do not differ significantly at 5 % (McNemar's exact test on "
        "the same images, Holm's correction). Training time excludes Python's start and the "
        f"scoring of the validation split.\n{format_environment(table)}"
    )


def format_environment(table: pd.DataFrame) -> str:
    """Return the machine, the threads and the versions that the results were measured with."""
    first: dict[str, Any] = table.iloc[0].to_dict()
    libraries = sorted({name_library(row) for row in table.to_dict("records")})
    return (
        f"Measured on {format_machine(first)}, {first['threads']} threads, "
        f"Python {first['python']}; {'; '.join(libraries)}."
    )


def name_library(row: dict[str, Any]) -> str:
    """Return the libraries that trained a run, and the device if it is not the processor."""
    library: str = row["library"]
    return library if row["device"] == "cpu" else f"{library} on {row['device']}"
