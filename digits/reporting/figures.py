"""The figures, each a function from what was measured to a matplotlib Figure.

A framework has one colour everywhere (Okabe and Ito's palette, which colour-blind people can tell apart); a run of it has a line style.
"""

import matplotlib

matplotlib.use("agg")  # draws into files, needs no screen

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from digits.reporting.results import RunResult

COLOURS = {"torch": "#D55E00", "tf": "#0072B2", "scratch": "#009E73"}
RIGHT, WRONG = "#009E73", "#D55E00"
LINE_STYLES = ["-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1))]
WIDTH = 9.0  # inches: 900 pixels at 100 dots an inch, the width of a README

plt.rcParams.update({"figure.constrained_layout.use": True, "figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})


def plot_learning_curves(results: list[RunResult], title: str) -> Figure:
    """Loss and accuracy by epoch: above on the training split, below on the validation split."""
    figure, axes = plt.subplots(2, 2, figsize=(WIDTH, 6.5))
    for row, split in enumerate(("train", "validation")):
        for column, measure in enumerate(("loss", "accuracy")):
            axis = axes[row, column]
            for result, style in zip(results, line_styles(results), strict=True):
                history = result.history[result.history["split"] == split]
                # Epochs from 0 to 1: runs of 3 epochs and of 100 iterations in one picture.
                axis.plot(history["epoch"] / history["epoch"].max(), history[measure], label=result.name, lw=1.5, marker=".", ms=4, **style)
            axis.set(title=f"{split} {measure}", xlabel="share of the training done", xlim=(0, 1))
            axis.grid(alpha=0.3)
            if measure == "loss":
                axis.set(ylabel="loss (nats)", yscale="log")
            else:
                axis.set(ylabel="accuracy", ylim=(0.9, 1.001))
                axis.yaxis.set_major_formatter(PercentFormatter(1))
    figure.suptitle(f"Learning curves, {title}")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=5, frameon=False)
    return figure


def line_styles(results: list[RunResult]) -> list[dict]:
    """Return colour and line style of each run: the framework's colour, and a style for each of its runs."""
    styles = []
    for number, result in enumerate(results):
        earlier = sum(other.framework == result.framework for other in results[:number])
        styles.append({"color": COLOURS[result.framework], "linestyle": LINE_STYLES[earlier % len(LINE_STYLES)]})
    return styles


def plot_confusion_matrices(results: list[RunResult], class_names: list[str], title: str) -> Figure:
    """A matrix a run: rows are true classes, columns predicted ones, cells are counts. Right answers are left grey."""
    figure, axes = grid_of_axes(len(results), n_columns=3, height=3.1)
    for result, axis in zip(results, axes, strict=False):
        matrix = result.confusion_matrix
        mistakes = matrix * ~np.eye(len(matrix), dtype=bool)
        sns.heatmap(
            mistakes, ax=axis, cmap="Oranges", vmin=0, vmax=max(mistakes.max(), 1), cbar=False, square=True,
            annot=np.where(matrix, matrix.astype(str), ""), fmt="", annot_kws={"size": 6}, linewidths=0.3, linecolor="#eeeeee",
            xticklabels=class_names, yticklabels=class_names,
        )  # fmt: skip
        for position in range(len(matrix)):
            axis.add_patch(plt.Rectangle((position, position), 1, 1, facecolor="#e6e6e6", zorder=0.5))
        axis.collections[0].set_array(np.ma.masked_equal(mistakes, 0))
        axis.set_title(f"{result.name}: {mistakes.sum()} errors", fontsize=9)
        axis.set_xlabel("predicted", fontsize=8)
        axis.set_ylabel("true", fontsize=8)
        axis.tick_params(labelsize=7, length=0)
    figure.suptitle(f"Confusion matrices, {title}")
    return figure


def plot_sample_predictions(results: list[RunResult], images: np.ndarray, class_names: list[str], title: str, n_columns: int = 10) -> Figure:
    """A row a run: first digits that it got right, then its most confident mistakes; above each, the answer and, if wrong, the truth."""
    n_right = n_columns // 2
    figure, axes = plt.subplots(len(results), n_columns, figsize=(WIDTH, 1.25 * len(results) + 0.5), squeeze=False)
    for result, row in zip(results, axes, strict=True):
        predictions, confidence = result.probabilities.argmax(axis=1), result.probabilities.max(axis=1)
        right = np.flatnonzero(predictions == result.labels)[:n_right]
        wrong = np.flatnonzero(predictions != result.labels)
        wrong = wrong[np.argsort(-confidence[wrong], kind="stable")][: n_columns - n_right]
        for axis in row:
            axis.set_axis_off()
        for axis, sample in zip(row, [*right, *wrong], strict=False):
            draw_prediction(axis, images[sample], class_names, predictions[sample], result.labels[sample], confidence[sample])
        row[0].text(-0.25, 0.5, result.name.replace(" ", "\n"), transform=row[0].transAxes, ha="right", va="center", fontsize=8)
    figure.suptitle(f"Sample predictions, {title}: right answers, and the most confident mistakes")
    return figure


def draw_prediction(axis: Axes, image: np.ndarray, class_names: list[str], prediction: int, label: int, confidence: float) -> None:
    """Draw one image with a frame and an answer: green and ✓ where right, red and ✗ where wrong."""
    is_right = prediction == label
    axis.set_axis_on()
    axis.imshow(image, cmap="gray_r", interpolation="nearest")
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set(visible=True, color=RIGHT if is_right else WRONG, linewidth=2)
    answer = f"{class_names[prediction]} ✓" if is_right else f"{class_names[prediction]} ✗ is {class_names[label]}"
    axis.set_title(f"{answer}\n{100 * confidence:.1f} %", fontsize=7, color=RIGHT if is_right else WRONG)


def plot_accuracy_per_class(results: list[RunResult], class_names: list[str], title: str) -> Figure:
    """Accuracy on each true class, a dot a run."""
    figure, axis = plt.subplots(figsize=(WIDTH, 4.2))
    markers = "osD^v<>P*X"
    for number, (result, style) in enumerate(zip(results, line_styles(results), strict=True)):
        offset = (number - (len(results) - 1) / 2) * 0.08
        marker = markers[sum(other.framework == result.framework for other in results[:number]) % len(markers)]
        places = np.arange(len(class_names)) + offset
        axis.scatter(places, result.accuracy_per_class, label=result.name, color=style["color"], marker=marker, s=24, lw=0)
    axis.set(title=f"Accuracy per class, {title}", xlabel="true class", ylabel="accuracy", xticks=np.arange(len(class_names)))
    axis.set_xticklabels(class_names, rotation=0 if max(map(len, class_names)) < 4 else 20)
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    axis.grid(axis="y", alpha=0.3)
    figure.legend(loc="outside lower center", ncols=5, frameon=False)
    return figure


def plot_accuracy_against_time(table: pd.DataFrame, title: str) -> Figure:
    """Test accuracy with its 95 % interval against training time, for a table as `digits.reporting.results.results_table` returns it."""
    figure, axis = plt.subplots(figsize=(WIDTH, 4.8))
    for number, row in enumerate(table.sort_values("train_seconds").itertuples()):
        below, above = row.accuracy - row.accuracy_low, row.accuracy_high - row.accuracy
        colour = COLOURS[row.framework]
        axis.errorbar(row.train_seconds, row.accuracy, [[below], [above]], fmt="o", color=colour, capsize=3, ms=6)
        axis.annotate(
            f"{row.framework} {row.run}",
            (row.train_seconds, row.accuracy),
            (6, (6, -12)[number % 2]),
            textcoords="offset points",
            fontsize=8,
            color=colour,
        )
    axis.set(title=f"Accuracy against training time, {title}", xlabel="training time (s)", ylabel="test accuracy, 95 % interval")
    axis.set_xlim(left=0)
    axis.margins(x=0.15)
    axis.yaxis.set_major_formatter(PercentFormatter(1))
    axis.grid(alpha=0.3)
    return figure


def grid_of_axes(n: int, n_columns: int, height: float) -> tuple[Figure, list[Axes]]:
    """Return a figure with n square-ish axes; those that would fill the last row are hidden."""
    n_rows = -(-n // n_columns)
    figure, axes = plt.subplots(n_rows, n_columns, figsize=(WIDTH, height * n_rows), squeeze=False)
    for axis in axes.flat[n:]:
        axis.set_visible(False)
    return figure, list(axes.flat)
