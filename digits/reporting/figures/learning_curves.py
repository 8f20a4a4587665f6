"""Loss during training, a panel for each architecture."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from digits.reporting.figures.style import COLOURS, add_legend, grid_of_axes, run_styles
from digits.reporting.results import RunResult

N_COLUMNS = 3
THOUSAND = 1000


def plot_learning_curves(results: list[RunResult], title: str) -> Figure:
    """Loss against the images seen: one panel per architecture, one colour per framework.

    A thin line is the training split, a mean over 50 steps each. A thick line with markers is the
    validation split, after each epoch.
    """
    architectures = list(dict.fromkeys(result.architecture for result in results))
    figure, axes = grid_of_axes(len(architectures), min(len(architectures), N_COLUMNS), 2.9)
    for axis, architecture in zip(axes, architectures, strict=False):
        shown = [result for result in results if result.architecture == architecture]
        draw_architecture(axis, shown)
        axis.set_title(architecture, fontsize=10)
    for axis in axes[: len(architectures) : min(len(architectures), N_COLUMNS)]:
        axis.set_ylabel("loss (nats)")
    figure.suptitle(f"Learning curves, {title}")
    frameworks = [name for name in COLOURS if name in {result.framework for result in results}]
    lines = [Line2D([], [], color=COLOURS[name], lw=2) for name in frameworks]
    lines.append(Line2D([], [], color="grey", lw=0.8, alpha=0.7))
    lines.append(Line2D([], [], color="grey", lw=2, marker="o", ms=4))
    add_legend(figure, lines, [*frameworks, "training", "validation"])
    return figure


def draw_architecture(axis: Axes, results: list[RunResult]) -> None:
    """Draw the runs of one architecture, each with its name at the end of its curve."""
    for number, (result, style) in enumerate(zip(results, run_styles(results), strict=True)):
        history = result.history
        for split, look in (
            ("train", {"lw": 0.8, "alpha": 0.5, "linestyle": style["linestyle"]}),
            ("validation", style | {"lw": 1.8, "ms": 4}),
        ):
            rows = history[history["split"] == split]
            # Up to 20 epochs leave room for a marker at each.
            if len(rows) > 20:
                look = look | {"marker": ""}  # noqa: PLW2901
            axis.plot(
                rows["images_seen"] / THOUSAND, rows["loss"], **{"color": style["color"]} | look
            )
        # The loss falls, so the upper right corner is free.
        place = (0.98, 0.97 - 0.09 * number)
        axis.annotate(
            result.name,
            place,
            xycoords="axes fraction",
            ha="right",
            va="top",
            fontsize=8,
            color=style["color"],
        )
    axis.set(yscale="log", xlabel="images seen (thousands)")
    axis.set_xlim(left=0)
    axis.grid(alpha=0.3)
