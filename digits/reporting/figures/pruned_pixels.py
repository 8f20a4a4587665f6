"""The pixels that preprocessing prunes. Images are normalised, float32 (n_samples, 28, 28)."""

from collections.abc import Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from digits.reporting.figures.style import WIDTH

PRUNED = "#56B4E9"
PART = 1000  # images


def plot_pruned_pixels(images: np.ndarray, kept_pixels: Sequence[int], title: str) -> Figure:
    """Mean and standard deviation of the training images, with the pruned pixels marked."""
    is_pruned = np.ones(images[0].size, bool)
    is_pruned[kept_pixels] = False
    is_pruned = is_pruned.reshape(images[0].shape)
    mean, std = mean_and_std(images)
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 4.4))
    draw_kept_pixels(axes[0], mean, is_pruned, "mean")
    draw_kept_pixels(axes[1], std, is_pruned, "standard deviation")
    meaning = Patch(
        color=PRUNED, label="pruned: its variance over the training split is at most the threshold"
    )
    figure.legend(handles=[meaning], loc="outside lower center", frameon=False)
    figure.suptitle(f"Pruned pixels, {title}: {is_pruned.sum()} of {is_pruned.size}")
    return figure


def draw_kept_pixels(axis: Axes, values: np.ndarray, is_pruned: np.ndarray, name: str) -> None:
    """Draw a value for each kept pixel, and mark the pruned ones."""
    shown = axis.imshow(np.ma.masked_array(values, is_pruned), cmap="gray_r")
    marks = np.ma.masked_array(np.ones(is_pruned.shape), ~is_pruned)
    axis.imshow(marks, cmap=ListedColormap([PRUNED]))
    axis.set(title=f"{name} of the kept pixels", xlabel="column", ylabel="row")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.spines[:].set_visible(True)
    axis.figure.colorbar(shown, ax=axis, shrink=0.8, label="normalised ink")


def mean_and_std(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each pixel's mean and standard deviation, float64 (28, 28).

    They are summed part by part: `images.std` would copy all images.
    """
    parts = [images[start : start + PART] for start in range(0, len(images), PART)]
    mean = sum(part.sum(axis=0, dtype=np.float64) for part in parts) / len(images)
    return mean, np.sqrt(sum(np.square(part - mean).sum(axis=0) for part in parts) / len(images))
