"""Which classes are mistaken for which."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from digits.reporting.figures.style import are_short, grid_of_axes
from digits.reporting.results import RunResult


def plot_confusion_matrices(results: list[RunResult], class_names: list[str], title: str) -> Figure:
    """One matrix per run: rows are true classes, columns predicted ones, cells are counts.

    Right answers are grey.
    """
    figure, axes = grid_of_axes(len(results), n_columns=3, height=3.1)
    for result, axis in zip(results, axes, strict=False):
        n_mistakes = draw_confusion_matrix(axis, result.confusion_matrix)
        rotation = 0 if are_short(class_names) else 90
        axis.set_xticks(range(len(class_names)), class_names, rotation=rotation)
        axis.set_yticks(range(len(class_names)), class_names)
        axis.set_title(f"{result.name}: {n_mistakes:,} errors", fontsize=9)
        axis.set_xlabel("predicted class", fontsize=8)
        axis.set_ylabel("true class", fontsize=8)
        axis.tick_params(labelsize=7, length=0)
    figure.suptitle(f"Confusion matrices, {title}")
    return figure


def draw_confusion_matrix(axis: Axes, matrix: np.ndarray) -> int:
    """Draw the cells with their counts, and return the number of mistakes."""
    right = np.eye(len(matrix), dtype=bool)
    mistakes = matrix * ~right
    largest = max(mistakes.max(), 1)
    axis.imshow(np.where(right, 1, np.nan), cmap="Greys", vmin=0, vmax=6)
    axis.imshow(np.ma.masked_equal(mistakes, 0), cmap="Oranges", vmin=0, vmax=largest)
    for (true, predicted), count in np.ndenumerate(matrix):
        if count:
            colour = "white" if mistakes[true, predicted] > 0.6 * largest else "black"
            axis.text(predicted, true, count, ha="center", va="center", fontsize=6, color=colour)
    return int(mistakes.sum())
