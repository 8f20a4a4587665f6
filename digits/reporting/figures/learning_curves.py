"""Loss and accuracy during training."""

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from digits.reporting.figures.style import WIDTH, add_legend, run_styles
from digits.reporting.results import RunResult


def plot_learning_curves(results: list[RunResult], title: str) -> Figure:
    """Loss and accuracy by epoch: above on the training split, below on the validation split."""
    figure, axes = plt.subplots(2, 2, figsize=(WIDTH, 6.5))
    for row, split in enumerate(("train", "validation")):
        for column, measure in enumerate(("loss", "accuracy")):
            draw_curves(axes[row, column], results, split, measure)
    figure.suptitle(f"Learning curves, {title}")
    add_legend(figure, *axes[0, 0].get_legend_handles_labels())
    return figure


def draw_curves(axis: Axes, results: list[RunResult], split: str, measure: str) -> None:
    """Draw one measure on one split, a line a run."""
    for result, style in zip(results, run_styles(results), strict=True):
        history = result.history[result.history["split"] == split]
        # Epochs from 0 to 1: runs of 3 epochs and of 100 iterations share one axis.
        progress = history["epoch"] / history["epoch"].max()
        axis.plot(progress, history[measure], label=result.name, lw=1.5, ms=3, **style)
    axis.set(title=f"{split} {measure}", xlabel="share of the training done", xlim=(0, 1.01))
    axis.xaxis.set_major_formatter(PercentFormatter(1))
    axis.grid(alpha=0.3)
    if measure == "loss":
        axis.set(ylabel="loss (nats)", yscale="log")
    else:
        axis.set(ylabel="accuracy", ylim=(0.9, 1.001))
        axis.yaxis.set_major_formatter(PercentFormatter(1))
