"""Test accuracy: of each run, on each class, and against training time."""

from typing import Any

import numpy as np
import pandas as pd
from adjustText import adjust_text
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, PercentFormatter, StrMethodFormatter

from digits.reporting.figures.style import COLOURS, WIDTH, add_legend, are_short, run_styles
from digits.reporting.results import RunResult


def plot_accuracy(table: pd.DataFrame, title: str) -> Figure:
    """Test accuracy of each run with its 95 % interval and, on the upper axis, its errors.

    `table` is as `results_table` returns it.
    """
    figure, axis = plt.subplots(figsize=(WIDTH, 0.38 * len(table) + 1.8))
    beside_axis = axis.get_yaxis_transform()
    for place, row in enumerate(table.itertuples()):
        colour = COLOURS[row.framework]
        axis.errorbar(
            row.accuracy, place, xerr=interval(row), fmt="o", color=colour, capsize=3, ms=6
        )
        axis.text(1.01, place, row.group, transform=beside_axis, va="center", fontsize=9)
    axis.set(
        yticks=range(len(table)),
        yticklabels=table["framework"] + " " + table["run"],
        xlabel="test accuracy, 95 % interval (Wilson)",
    )
    axis.invert_yaxis()
    axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    axis.grid(alpha=0.3)
    add_error_axis(axis, table["n_samples"].iloc[0])
    heading = f"Accuracy, {title}\nruns that share a letter do not differ significantly"
    figure.suptitle(heading, fontsize=11)
    return figure


def interval(row: Any) -> list[list[float]]:
    """Return how far a row's interval reaches below and above its accuracy."""
    return [[row.accuracy - row.accuracy_low], [row.accuracy_high - row.accuracy]]


def add_error_axis(axis: Axes, n_samples: int) -> None:
    """Add an upper axis that shows accuracy as a number of errors."""

    def count_errors(accuracy: Any) -> Any:
        return (1 - np.asarray(accuracy)) * n_samples

    def find_accuracy(errors: Any) -> Any:
        return 1 - np.asarray(errors) / n_samples

    upper = axis.secondary_xaxis("top", functions=(count_errors, find_accuracy))
    upper.set_xlabel(f"errors in {n_samples:,}")


def plot_accuracy_per_class(results: list[RunResult], class_names: list[str], title: str) -> Figure:
    """Accuracy on each true class, one dot per run."""
    figure, axis = plt.subplots(figsize=(WIDTH, 4.2))
    classes, n_runs = np.arange(len(class_names)), len(results)
    for number, (result, style) in enumerate(zip(results, run_styles(results), strict=True)):
        axis.scatter(
            classes + (number - (n_runs - 1) / 2) * 0.7 / n_runs,
            result.accuracy_per_class,
            label=result.name,
            color=style["color"],
            marker=style["marker"],
            s=24,
            lw=0,
        )
    axis.set(title=f"Accuracy per class, {title}", xlabel="true class", ylabel="accuracy")
    axis.set_xticks(classes)
    axis.set_xticklabels(class_names, rotation=0 if are_short(class_names) else 20)
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    axis.grid(axis="y", alpha=0.3)
    add_legend(figure)
    return figure


def plot_accuracy_against_time(table: pd.DataFrame, title: str) -> Figure:
    """Test accuracy with its 95 % interval against training time; each run has its name beside it.

    `table` is as `results_table` returns it.
    """
    figure, axis = plt.subplots(figsize=(WIDTH, 5.5))
    names = []
    for row in table.itertuples():
        colour = COLOURS[row.framework]
        axis.errorbar(
            row.train_seconds,
            row.accuracy,
            interval(row),
            fmt="o",
            color=colour,
            ecolor=(colour, 0.35),
            capsize=3,
            ms=7,
            mec="white",
        )
        name = f"{row.framework} {row.run}"
        names.append(axis.text(row.train_seconds, row.accuracy, name, color=colour, fontsize=9))
    axis.set(title=f"Accuracy against training time, {title}", xlabel="training time (s)")
    axis.set_ylabel("test accuracy, 95 % interval")
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    axis.margins(x=0.12)
    axis.grid(alpha=0.3)
    seconds, accuracies = table["train_seconds"].to_numpy(), table["accuracy"].to_numpy()
    line = {"arrowstyle": "-", "color": "grey", "lw": 0.5}
    # A limit in iterations gives the same picture each time; a limit in seconds would not.
    adjust_text(names, seconds, accuracies, ax=axis, arrowprops=line, iter_lim=500)
    return figure
