"""The filters of a run's first layer."""

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from digits.model.architecture import weight_shapes
from digits.model.model_file import Model
from digits.reporting.figures.style import WIDTH

SIDE = 28  # pixels
N_FILTERS = 16


def plot_first_layer_filters(models: Mapping[str, Model], title: str) -> Figure:
    """One row per run: the first filters of its first layer with weights; pruned pixels are grey.

    Each filter is scaled by its largest weight.
    """
    size = WIDTH, 0.6 * len(models) + 0.7
    figure, axes = plt.subplots(len(models), 1, figsize=size, squeeze=False)
    colours = plt.get_cmap("PuOr").with_extremes(bad="0.8")
    for axis, (name, model) in zip(axes.flat, models.items(), strict=True):
        for place, image in enumerate(first_layer_filters(model)[:N_FILTERS]):
            largest = np.nanmax(abs(image)) or 1
            axis.imshow(
                image,
                cmap=colours,
                vmin=-largest,
                vmax=largest,
                interpolation="nearest",
                extent=(place + 0.06, place + 0.94, 0, 0.88),
            )
        axis.set(xlim=(0, N_FILTERS), ylim=(0, 0.88))
        axis.set_axis_off()
        axis.text(-0.01, 0.5, name, transform=axis.transAxes, ha="right", va="center", fontsize=8)
    heading = (
        f"First-layer filters, {title}\n"
        f"the first {N_FILTERS} of each run; orange is negative, purple positive"
    )
    figure.suptitle(heading, fontsize=11)
    return figure


def first_layer_filters(model: Model) -> np.ndarray:
    """Return the filters of the first layer with weights, float32 (n_filters, height, width).

    The filters of a convolution are its kernels for the first channel. Those of a dense layer have
    nan at pruned pixels.
    """
    description = model.description
    shapes = weight_shapes(description.architecture, description.input_shape)
    weights = model.weights[next(name for name in shapes if name.endswith(".W"))]
    if weights.ndim == 4:
        return np.asarray(weights[:, :, 0].transpose(2, 0, 1))
    kept = description.preprocessing.kept_pixels
    pixels = kept if description.pixels == "kept" else np.arange(SIDE * SIDE)
    filters = np.full((weights.shape[1], SIDE * SIDE), np.nan, np.float32)
    filters[:, pixels] = weights.T
    return filters.reshape(-1, SIDE, SIDE)
