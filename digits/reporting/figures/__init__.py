"""The figures, each a function from what was measured to a matplotlib Figure.

A framework has one colour everywhere (Okabe and Ito's palette, which colour-blind people can tell
apart); a run of it has a line style and a marker.
"""

from collections import Counter
from io import BytesIO
from pathlib import Path

import matplotlib

matplotlib.use("agg")  # draws into files, needs no screen

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import (
    LogLocator,
    MaxNLocator,
    NullFormatter,
    PercentFormatter,
    StrMethodFormatter,
)
from PIL import Image

from digits.model.architecture import weight_shapes
from digits.model.model_file import Model
from digits.reporting.comparisons import SIGNIFICANCE
from digits.reporting.results import RunResult

COLOURS = {"torch": "#D55E00", "tf": "#0072B2", "scratch": "#009E73"}
RIGHT, WRONG = "#009E73", "#D55E00"
FIRST_BETTER, SECOND_BETTER, ALIKE = "#CC79A7", "#56B4E9", "#ececec"
LINE_STYLES = ["-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1))]
MARKERS = "osD^v<>P*X"
MAX_RUNS = 50  # that a figure with something for each has room for
MAX_ANNOTATED = 25  # of whose comparisons the numbers still fit
LEGEND_COLUMNS = 5
WIDTH = 9.0  # inches: 900 pixels at 100 dots an inch, the width of a README

plt.rcParams.update(
    {
        "figure.constrained_layout.use": True,
        "figure.dpi": 100,
        "savefig.dpi": 150,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
)


def most_accurate(results: list[RunResult]) -> list[RunResult]:
    """Return the runs that are drawn one by one, in the order of `results`: all of them, or where
    there are more, the 50 with the fewest errors.
    """
    # As `results_table` sorts.
    best = sorted(
        results, key=lambda result: (result.metrics["errors"], result.framework, result.run)
    )[:MAX_RUNS]
    return [result for result in results if result in best]


def add_legend(figure: Figure, *entries: list) -> None:
    """Name the runs below the axes, and make the figure higher where that takes more than two
    lines.
    """
    figure.legend(*entries, loc="outside lower center", ncols=LEGEND_COLUMNS, frameon=False)
    n_lines = -(-len(figure.legends[0].get_texts()) // LEGEND_COLUMNS)
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + 0.2 * max(n_lines - 2, 0))


def run_styles(results: list[RunResult]) -> list[dict]:
    """Return color, linestyle and marker of each run: the framework's colour, and a style for each
    of its runs.
    """
    earlier: Counter = Counter()
    styles = []
    for result in results:
        number = earlier[result.framework]
        styles.append(
            {
                "color": COLOURS[result.framework],
                "linestyle": LINE_STYLES[number % len(LINE_STYLES)],
                "marker": MARKERS[number % len(MARKERS)],
            }
        )
        earlier[result.framework] += 1
    return styles


def plot_learning_curves(results: list[RunResult], title: str) -> Figure:
    """Loss and accuracy by epoch: above on the training split, below on the validation split."""
    figure, axes = plt.subplots(2, 2, figsize=(WIDTH, 6.5))
    for row, split in enumerate(("train", "validation")):
        for column, measure in enumerate(("loss", "accuracy")):
            axis = axes[row, column]
            for result, style in zip(results, run_styles(results), strict=True):
                history = result.history[result.history["split"] == split]
                # Epochs from 0 to 1: runs of 3 epochs and of 100 iterations in one picture.
                axis.plot(
                    history["epoch"] / history["epoch"].max(),
                    history[measure],
                    label=result.name,
                    lw=1.5,
                    ms=3,
                    **style,
                )
            axis.set(
                title=f"{split} {measure}", xlabel="share of the training done", xlim=(0, 1.01)
            )
            axis.xaxis.set_major_formatter(PercentFormatter(1))
            axis.grid(alpha=0.3)
            if measure == "loss":
                axis.set(ylabel="loss (nats)", yscale="log")
            else:
                axis.set(ylabel="accuracy", ylim=(0.9, 1.001))
                axis.yaxis.set_major_formatter(PercentFormatter(1))
    figure.suptitle(f"Learning curves, {title}")
    add_legend(figure, *axes[0, 0].get_legend_handles_labels())
    return figure


def plot_confusion_matrices(results: list[RunResult], class_names: list[str], title: str) -> Figure:
    """A matrix a run: rows are true classes, columns predicted ones, cells are counts. Right
    answers are left grey.
    """
    rotation = 0 if max(map(len, class_names)) < 4 else 90
    figure, axes = grid_of_axes(len(results), n_columns=3, height=3.1)
    for result, axis in zip(results, axes, strict=False):
        matrix = result.confusion_matrix
        mistakes = matrix * ~np.eye(len(matrix), dtype=bool)
        largest = max(mistakes.max(), 1)
        axis.imshow(np.where(np.eye(len(matrix)), 1, np.nan), cmap="Greys", vmin=0, vmax=6)
        axis.imshow(np.ma.masked_equal(mistakes, 0), cmap="Oranges", vmin=0, vmax=largest)
        for (true, predicted), count in np.ndenumerate(matrix):
            if count:
                dark = mistakes[true, predicted] > 0.6 * largest
                axis.text(
                    predicted,
                    true,
                    count,
                    ha="center",
                    va="center",
                    fontsize=6,
                    color="white" if dark else "black",
                )
        axis.set_xticks(range(len(class_names)), class_names, rotation=rotation)
        axis.set_yticks(range(len(class_names)), class_names)
        axis.set_title(f"{result.name}: {mistakes.sum():,} errors", fontsize=9)
        axis.set_xlabel("predicted class", fontsize=8)
        axis.set_ylabel("true class", fontsize=8)
        axis.tick_params(labelsize=7, length=0)
    figure.suptitle(f"Confusion matrices, {title}")
    return figure


def plot_sample_predictions(
    results: list[RunResult],
    images: np.ndarray,
    class_names: list[str],
    title: str,
    n_columns: int = 10,
) -> Figure:
    """A row a run: first images that it got right, then its most confident mistakes; above each,
    the answer and, if wrong, the truth.
    """
    n_right = n_columns // 2
    figure, axes = plt.subplots(
        len(results), n_columns, figsize=(WIDTH, 1.25 * len(results) + 0.5), squeeze=False
    )
    for result, row in zip(results, axes, strict=True):
        right = np.flatnonzero(result.is_right)[:n_right]
        wrong = result.confident_mistakes[: n_columns - n_right]
        for axis in row:
            axis.set_axis_off()
        for place, sample in [*enumerate(right), *enumerate(wrong, start=n_right)]:
            draw_prediction(row[place], images[sample], result, sample, class_names)
        row[0].text(
            -0.25,
            0.5,
            result.name.replace(" ", "\n"),
            transform=row[0].transAxes,
            ha="right",
            va="center",
            fontsize=8,
        )
    figure.suptitle(f"Sample predictions, {title}: right answers, and the most confident mistakes")
    return figure


def draw_prediction(
    axis: Axes, image: np.ndarray, result: RunResult, sample: int, class_names: list[str]
) -> None:
    """Draw one image with a frame and an answer: green and ✓ where right, red and ✗ where wrong."""
    is_right, prediction = result.is_right[sample], class_names[result.predictions[sample]]
    colour = RIGHT if is_right else WRONG
    draw_image(axis, image)
    axis.spines[:].set(color=colour, linewidth=2)
    answer = (
        f"{prediction} ✓"
        if is_right
        else f"{prediction} ✗{gap(class_names)}is {class_names[result.labels[sample]]}"
    )
    axis.set_title(f"{answer}\n{100 * result.confidence[sample]:.1f} %", fontsize=7, color=colour)


def gap(class_names: list[str]) -> str:
    """Return what goes between two parts of a text about an image: a line's end where names are as
    long as the image is wide.
    """
    return " " if max(map(len, class_names)) < 4 else "\n"


def draw_image(axis: Axes, image: np.ndarray) -> None:
    axis.set_axis_on()
    axis.imshow(image, cmap="gray_r", interpolation="nearest")
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(True)


def plot_shared_mistakes(
    results: list[RunResult],
    images: np.ndarray,
    class_names: list[str],
    title: str,
    n_shown: int = 30,
) -> Figure:
    """The images that most runs misclassified, with the truth and how many runs answered what."""
    n_wrong = np.sum([~result.is_right for result in results], axis=0)
    for_truth = np.mean(
        [result.probabilities[np.arange(len(n_wrong)), result.labels] for result in results], axis=0
    )
    hardest = np.lexsort([for_truth, -n_wrong])[:n_shown]
    hardest = hardest[n_wrong[hardest] > 0]
    n_columns, n_rows = 10, max(-(-len(hardest) // 10), 1)
    figure, axes = plt.subplots(
        n_rows, n_columns, figsize=(WIDTH, 1.35 * n_rows + 0.7), squeeze=False
    )
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, sample in zip(axes.flat, hardest, strict=False):
        draw_image(axis, images[sample])
        answers = Counter(
            class_names[result.predictions[sample]]
            for result in results
            if not result.is_right[sample]
        )
        truth = class_names[results[0].labels[sample]]
        axis.set_title(
            f"is {truth}:{gap(class_names)}{n_wrong[sample]} of {len(results)} wrong", fontsize=6.5
        )
        axis.set_xlabel(
            f",{gap(class_names)}".join(
                f"{answer} ({count}×)" for answer, count in answers.most_common(2)
            ),
            fontsize=6.5,
            color=WRONG,
        )
    n_shared = int((n_wrong == len(results)).sum())
    figure.suptitle(f"Misclassified by most runs, {title}: {n_shared} by all {len(results)}")
    return figure


def plot_accuracy_per_class(results: list[RunResult], class_names: list[str], title: str) -> Figure:
    """Accuracy on each true class, a dot a run."""
    figure, axis = plt.subplots(figsize=(WIDTH, 4.2))
    for number, (result, style) in enumerate(zip(results, run_styles(results), strict=True)):
        places = np.arange(len(class_names)) + (number - (len(results) - 1) / 2) * 0.7 / len(
            results
        )
        axis.scatter(
            places,
            result.accuracy_per_class,
            label=result.name,
            color=style["color"],
            marker=style["marker"],
            s=24,
            lw=0,
        )
    axis.set(
        title=f"Accuracy per class, {title}",
        xlabel="true class",
        ylabel="accuracy",
        xticks=np.arange(len(class_names)),
    )
    axis.set_xticklabels(class_names, rotation=0 if max(map(len, class_names)) < 4 else 20)
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    axis.grid(axis="y", alpha=0.3)
    add_legend(figure)
    return figure


def plot_accuracy(table: pd.DataFrame, title: str) -> Figure:
    """Test accuracy of each run with its 95 % interval, and above, the same in errors, for a table
    as `results_table` returns it.
    """
    figure, axis = plt.subplots(figsize=(WIDTH, 0.38 * len(table) + 1.8))
    for place, row in enumerate(table.itertuples()):
        spread = [[row.accuracy - row.accuracy_low], [row.accuracy_high - row.accuracy]]
        axis.errorbar(
            row.accuracy, place, xerr=spread, fmt="o", color=COLOURS[row.framework], capsize=3, ms=6
        )
        axis.text(
            1.01, place, row.alike, transform=axis.get_yaxis_transform(), va="center", fontsize=9
        )
    names = table["framework"] + " " + table["run"]
    axis.set(
        yticks=range(len(table)), yticklabels=names, xlabel="test accuracy, 95 % interval (Wilson)"
    )
    axis.invert_yaxis()
    axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    axis.grid(alpha=0.3)
    n_samples = table["n_samples"].iloc[0]
    errors = axis.secondary_xaxis(
        "top",
        functions=(
            lambda share: (1 - np.asarray(share)) * n_samples,
            lambda count: 1 - np.asarray(count) / n_samples,
        ),
    )
    errors.set_xlabel(f"errors in {n_samples:,}")
    figure.suptitle(
        f"Accuracy, {title}\nruns that share a letter do not differ significantly", fontsize=11
    )
    return figure


def plot_accuracy_against_time(table: pd.DataFrame, results: list[RunResult], title: str) -> Figure:
    """Test accuracy with its 95 % interval against training time, for a table as `results_table`
    returns it.
    """
    figure, axis = plt.subplots(figsize=(WIDTH, 4.8))
    by_name = {(row.framework, row.run): row for row in table.itertuples()}
    for result, style in zip(results, run_styles(results), strict=True):
        row = by_name[result.framework, result.run]
        spread = [[row.accuracy - row.accuracy_low], [row.accuracy_high - row.accuracy]]
        axis.errorbar(
            row.train_seconds,
            row.accuracy,
            spread,
            fmt=style["marker"],
            color=style["color"],
            capsize=3,
            ms=7,
            mec="white",
            label=result.name,
        )
    axis.set(
        title=f"Accuracy against training time, {title}",
        xlabel="training time (s)",
        ylabel="test accuracy, 95 % interval",
    )
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    axis.grid(alpha=0.3)
    add_legend(figure)
    return figure


def plot_reliability(table: pd.DataFrame, results: list[RunResult], title: str) -> Figure:
    """Confidence against accuracy, an axis a run, for a table as `reliability_table` returns it; a
    dot's area grows with its samples.
    """
    figure, axes = grid_of_axes(len(results), n_columns=3, height=2.8)
    for result, axis in zip(results, axes, strict=False):
        rows = table[(table["framework"] == result.framework) & (table["run"] == result.run)]
        spread = [rows["accuracy"] - rows["accuracy_low"], rows["accuracy_high"] - rows["accuracy"]]
        axis.plot([0, 1], [0, 1], color="0.7", lw=1, zorder=0)
        axis.errorbar(
            rows["confidence"],
            rows["accuracy"],
            np.clip(spread, 0, None),
            fmt="none",
            color=COLOURS[result.framework],
            lw=1,
            alpha=0.6,
        )
        axis.scatter(
            rows["confidence"],
            rows["accuracy"],
            8 + 12 * np.log10(rows["n_samples"]),
            color=COLOURS[result.framework],
        )
        error = 100 * result.metrics["expected_calibration_error"]
        axis.set_title(f"{result.name}\ncalibration error {error:.2f} %", fontsize=9)
        axis.set(xlim=(0, 1.02), ylim=(0, 1.02), aspect="equal")
        axis.set_xlabel("confidence", fontsize=8)
        axis.set_ylabel("accuracy, 95 % interval", fontsize=8)
        axis.tick_params(labelsize=7)
        for side in (axis.xaxis, axis.yaxis):
            side.set_major_formatter(PercentFormatter(1))
    figure.suptitle(f"Reliability, {title}")
    return figure


def plot_comparisons(pairs: pd.DataFrame, names: list[str], title: str) -> Figure:
    """A cell for each pair of runs, as `compare_pairs` returns them: who is better, if anyone, and
    the images that only one got right.
    """
    pairs = pairs[pairs["first"].isin(names) & pairs["second"].isin(names)]
    size = max(len(names) - 1, 1)
    verdicts, texts = np.full((size, size), np.nan), np.full((size, size), "", object)
    for pair in pairs.itertuples():
        column, row = names.index(pair.first), names.index(pair.second) - 1
        verdicts[row, column] = pair.different * np.sign(
            pair.only_first_right - pair.only_second_right
        )
        texts[row, column] = (
            f"{pair.only_first_right} : {pair.only_second_right}\n{format_p_value(pair.p_holm)}"
        )
    figure, axis = plt.subplots(figsize=(WIDTH, 0.55 * size + 2.2))
    sns.heatmap(
        verdicts, ax=axis, cmap=ListedColormap([SECOND_BETTER, ALIKE, FIRST_BETTER]), vmin=-1, vmax=1, cbar=False, linewidths=1, fmt="",
        annot=texts if size < MAX_ANNOTATED else None, annot_kws={"size": 7.5, "color": "black"},
        xticklabels=names[:size], yticklabels=names[1:] or [""],
    )  # fmt: skip
    axis.tick_params(axis="x", labelrotation=30)
    axis.tick_params(axis="y", labelrotation=0)
    plt.setp(axis.get_xticklabels(), ha="right")
    axis.tick_params(length=0)
    meanings = {
        FIRST_BETTER: "the column's run is better",
        SECOND_BETTER: "the row's run is better",
        ALIKE: f"no difference at {SIGNIFICANCE:.0%}",
    }
    handles = [Patch(color=colour, label=meaning) for colour, meaning in meanings.items()]
    axis.legend(handles=handles, loc="upper right", frameon=False, fontsize=8)
    figure.suptitle(
        f"Which runs differ? {title}\nimages that only the column's run : only the row's run got right; McNemar's exact p, Holm",
        fontsize=11,
    )
    return figure


def format_p_value(value: float) -> str:
    return (
        "p < 0.0001"
        if value < 0.0001
        else f"p = {value:.4f}"
        if value < 0.01
        else f"p = {value:.2f}"
    )


def plot_first_layer_filters(models: dict[str, Model], title: str, n_filters: int = 16) -> Figure:
    """A row a run: the first filters of its first layer with weights, each scaled by its largest
    weight; pruned pixels are left grey.
    """
    figure, axes = plt.subplots(
        len(models), 1, figsize=(WIDTH, 0.6 * len(models) + 0.7), squeeze=False
    )
    colours = plt.get_cmap("PuOr").with_extremes(bad="0.8")
    for axis, (name, model) in zip(axes.flat, models.items(), strict=True):
        filters = first_layer_filters(model)[:n_filters]
        for place, image in enumerate(filters):
            largest = np.nanmax(abs(image)) or 1
            axis.imshow(
                image,
                cmap=colours,
                vmin=-largest,
                vmax=largest,
                interpolation="nearest",
                extent=(place + 0.06, place + 0.94, 0, 0.88),
            )
        axis.set(xlim=(0, n_filters), ylim=(0, 0.88))
        axis.set_axis_off()
        axis.text(-0.01, 0.5, name, transform=axis.transAxes, ha="right", va="center", fontsize=8)
    figure.suptitle(
        f"First-layer filters, {title}\nthe first {n_filters} of each run; orange is negative, purple positive",
        fontsize=11,
    )
    return figure


def first_layer_filters(model: Model) -> np.ndarray:
    """Return the filters of the first layer with weights, float32 (n_filters, height, width), nan
    at pruned pixels.
    """
    description = model.description
    name = next(
        name
        for name in weight_shapes(description.architecture, description.input_shape)
        if name.endswith(".W")
    )
    weights = model.weights[name]
    if weights.ndim == 4:
        return weights[:, :, 0].transpose(2, 0, 1)
    side = 28
    pixels = (
        description.preprocessing.kept_pixels
        if description.pixels == "kept"
        else np.arange(side * side)
    )
    filters = np.full((weights.shape[1], side * side), np.nan, np.float32)
    filters[:, pixels] = weights.T
    return filters.reshape(-1, side, side)


def plot_pruned_pixels(images: np.ndarray, kept_pixels: list[int], title: str) -> Figure:
    """Mean and standard deviation of the training images (n, 28, 28), the pruned pixels marked."""
    pruned = np.ones(images[0].size, bool)
    pruned[kept_pixels] = False
    pruned = pruned.reshape(images[0].shape)
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 4.4))
    for axis, name, values in zip(
        axes, ("mean", "standard deviation"), mean_and_std(images), strict=True
    ):
        shown = axis.imshow(np.ma.masked_array(values, pruned), cmap="gray_r")
        axis.imshow(
            np.ma.masked_array(np.ones(pruned.shape), ~pruned), cmap=ListedColormap(["#56B4E9"])
        )
        axis.set(title=f"{name} of the kept pixels", xlabel="column", ylabel="row")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.spines[:].set_visible(True)
        figure.colorbar(shown, ax=axis, shrink=0.8, label="normalised ink")
    figure.legend(
        handles=[Patch(color="#56B4E9", label="pruned: hardly varies over the training split")],
        loc="outside lower center",
        frameon=False,
    )
    figure.suptitle(f"Pruned pixels, {title}: {pruned.sum()} of {pruned.size}")
    return figure


def mean_and_std(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each pixel's mean and standard deviation, float64 (28, 28), from some images at a
    time: `images.std` would copy all of them.
    """
    parts = [images[start : start + 1000] for start in range(0, len(images), 1000)]
    mean = sum(part.sum(axis=0, dtype=np.float64) for part in parts) / len(images)
    return mean, np.sqrt(sum(np.square(part - mean).sum(axis=0) for part in parts) / len(images))


def save(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG in 256 colours, a third of the size, and close it. No version or date
    in it: same picture, same bytes.
    """
    file = BytesIO()
    figure.savefig(file, format="png")
    plt.close(figure)
    picture = Image.open(file).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    picture.save(path, format="png", optimize=True)


def grid_of_axes(n: int, n_columns: int, height: float) -> tuple[Figure, list[Axes]]:
    """Return a figure with n square-ish axes; those that would fill the last row are hidden."""
    n_rows = -(-n // n_columns)
    figure, axes = plt.subplots(n_rows, n_columns, figsize=(WIDTH, height * n_rows), squeeze=False)
    for axis in axes.flat[n:]:
        axis.set_visible(False)
    return figure, list(axes.flat)
