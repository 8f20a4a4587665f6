"""Confidence against accuracy."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from digits.reporting.figures.style import COLOURS, grid_of_axes
from digits.reporting.results import RunResult


def plot_reliability(table: pd.DataFrame, results: list[RunResult], title: str) -> Figure:
    """Confidence against accuracy, one axis per run; a dot's area grows with its samples.

    `table` is as `reliability_table` returns it.
    """
    figure, axes = grid_of_axes(len(results), n_columns=3, height=2.8)
    for result, axis in zip(results, axes, strict=False):
        is_of_run = (table["framework"] == result.framework) & (table["run"] == result.run)
        draw_reliability(axis, table[is_of_run], COLOURS[result.framework])
        error = 100 * result.metrics["expected_calibration_error"]
        axis.set_title(f"{result.name}\ncalibration error {error:.2f} %", fontsize=9)
        axis.set(xlim=(0, 1.02), ylim=(0, 1.02), aspect="equal")
        axis.set_xlabel("confidence", fontsize=8)
        axis.set_ylabel("accuracy, 95 % interval", fontsize=8)
        axis.tick_params(labelsize=7)
        axis.xaxis.set_major_formatter(PercentFormatter(1))
        axis.yaxis.set_major_formatter(PercentFormatter(1))
    figure.suptitle(f"Reliability, {title}")
    return figure


def draw_reliability(axis: Axes, rows: pd.DataFrame, colour: str) -> None:
    """Draw the diagonal, and a dot with its interval for each bin of confidence."""
    confidence, accuracy = rows["confidence"], rows["accuracy"]
    # Rounding may put the accuracy just outside its interval; a bar cannot have a negative length.
    spread = np.clip([accuracy - rows["accuracy_low"], rows["accuracy_high"] - accuracy], 0, None)
    axis.plot([0, 1], [0, 1], color="0.7", lw=1, zorder=0)
    axis.errorbar(confidence, accuracy, spread, fmt="none", color=colour, lw=1, alpha=0.6)
    axis.scatter(confidence, accuracy, 8 + 12 * np.log10(rows["n_samples"]), color=colour)
