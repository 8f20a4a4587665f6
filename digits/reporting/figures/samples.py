"""Test images with what the runs answered: samples of each run, and the mistakes of most runs.

Images are raw, uint8 (n_samples, 28, 28); 255 is ink.
"""

from collections import Counter

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from digits.reporting.figures.style import WIDTH, are_short
from digits.reporting.results import RunResult

RIGHT, WRONG = "#009E73", "#D55E00"
N_COLUMNS = 10
N_SHARED = 30  # mistakes of most runs


def plot_sample_predictions(
    results: list[RunResult], images: np.ndarray, class_names: list[str], title: str
) -> Figure:
    """One row per run: first images that it got right, then its most confident mistakes.

    Above each image are the answer and, if it is wrong, the true class.
    """
    n_right = N_COLUMNS // 2
    size = WIDTH, 1.25 * len(results) + 0.5
    figure, axes = plt.subplots(len(results), N_COLUMNS, figsize=size, squeeze=False)
    for result, row in zip(results, axes, strict=True):
        for axis in row:
            axis.set_axis_off()
        right = np.flatnonzero(result.is_right)[:n_right]
        wrong = result.confident_mistakes[: N_COLUMNS - n_right]
        for place, sample in [*enumerate(right), *enumerate(wrong, start=n_right)]:
            draw_prediction(row[place], images[sample], result, sample, class_names)
        name_row(row[0], result.name.replace(" ", "\n"))
    figure.suptitle(f"Sample predictions, {title}: right answers, and the most confident mistakes")
    return figure


def name_row(first_axis: Axes, name: str) -> None:
    """Write a name to the left of a row of axes."""
    place = first_axis.transAxes
    first_axis.text(-0.25, 0.5, name, transform=place, ha="right", va="center", fontsize=8)


def draw_prediction(
    axis: Axes, image: np.ndarray, result: RunResult, sample: int, class_names: list[str]
) -> None:
    """Draw one image with a frame and an answer: green and ✓ if right, red and ✗ if wrong."""
    is_right = result.is_right[sample]
    colour = RIGHT if is_right else WRONG
    draw_image(axis, image)
    axis.spines[:].set(color=colour, linewidth=2)
    prediction = class_names[result.predictions[sample]]
    truth = class_names[result.labels[sample]]
    answer = f"{prediction} ✓" if is_right else f"{prediction} ✗{gap(class_names)}is {truth}"
    axis.set_title(f"{answer}\n{100 * result.confidence[sample]:.1f} %", fontsize=7, color=colour)


def gap(class_names: list[str]) -> str:
    """Return what separates two names above an image: a line break if the names are long."""
    return " " if are_short(class_names) else "\n"


def draw_image(axis: Axes, image: np.ndarray) -> None:
    """Draw dark ink on white, with a frame and without ticks."""
    axis.set_axis_on()
    axis.imshow(image, cmap="gray_r", interpolation="nearest")
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(True)


def plot_shared_mistakes(
    results: list[RunResult], images: np.ndarray, class_names: list[str], title: str
) -> Figure:
    """The images that most runs misclassified, with the truth and how many runs answered what."""
    n_wrong = np.sum([~result.is_right for result in results], axis=0)
    hardest = hardest_samples(results, n_wrong)
    n_rows = max(-(-len(hardest) // N_COLUMNS), 1)
    size = WIDTH, 1.45 * n_rows + 0.7
    figure, axes = plt.subplots(n_rows, N_COLUMNS, figsize=size, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, sample in zip(axes.flat, hardest, strict=False):
        draw_image(axis, images[sample])
        describe_mistakes(axis, results, sample, class_names)
    n_by_all = int((n_wrong == len(results)).sum())
    figure.suptitle(f"Misclassified by most runs, {title}: {n_by_all} by all {len(results)}")
    return figure


def hardest_samples(results: list[RunResult], n_wrong: np.ndarray) -> np.ndarray:
    """Return the numbers of at most 30 samples that most runs misclassified, the hardest first.

    `n_wrong` is the number of wrong answers to each sample. Samples with equal numbers are in the
    order of the mean probability of the true class, the lowest first.
    """
    samples = np.arange(len(n_wrong))
    for_truth = np.mean(
        [result.probabilities[samples, result.labels] for result in results], axis=0
    )
    hardest = np.lexsort([for_truth, -n_wrong])[:N_SHARED]
    return hardest[n_wrong[hardest] > 0]


def describe_mistakes(
    axis: Axes, results: list[RunResult], sample: int, class_names: list[str]
) -> None:
    """Write the truth above an image, and below it the two most frequent wrong answers."""
    answers = Counter(
        class_names[result.predictions[sample]] for result in results if not result.is_right[sample]
    )
    truth = class_names[results[0].labels[sample]]
    between = gap(class_names)
    axis.set_title(f"true: {truth}\n{answers.total()} of {len(results)} wrong", fontsize=6.5)
    frequent = answers.most_common(2)
    texts = [f"{answer} ({count}\N{MULTIPLICATION SIGN})" for answer, count in frequent]
    text = f",{between}".join(texts)
    if n_others := answers.total() - sum(count for _, count in frequent):
        text += f",\nothers ({n_others}\N{MULTIPLICATION SIGN})"
    axis.set_xlabel(text, fontsize=6.5, color=WRONG)
