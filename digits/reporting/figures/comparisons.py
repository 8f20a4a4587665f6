"""Which runs differ significantly from which."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from digits.reporting.comparisons import SIGNIFICANCE, format_p_value
from digits.reporting.figures.style import WIDTH

FIRST_BETTER, SECOND_BETTER, NO_DIFFERENCE = "#CC79A7", "#56B4E9", "#ececec"
MEANINGS = {
    FIRST_BETTER: "the column's run is better",
    SECOND_BETTER: "the row's run is better",
    NO_DIFFERENCE: f"no difference at {SIGNIFICANCE:.0%}",
}
MAX_ANNOTATED = 25  # rows; with more, the numbers do not fit into the cells


def plot_comparisons(pairs: pd.DataFrame, names: list[str], title: str) -> Figure:
    """One cell per pair of runs: which one is better, and how many images only one got right.

    `pairs` are as `compare_pairs` returns them; `names` are the runs to draw.
    """
    verdicts, texts = fill_cells(pairs, names)
    size = len(verdicts)
    figure, axis = plt.subplots(figsize=(WIDTH, 0.55 * size + 2.2))
    sns.heatmap(
        verdicts,
        ax=axis,
        cmap=ListedColormap([SECOND_BETTER, NO_DIFFERENCE, FIRST_BETTER]),
        vmin=-1,
        vmax=1,
        cbar=False,
        linewidths=1,
        fmt="",
        annot=texts if size < MAX_ANNOTATED else None,
        annot_kws={"size": 7.5, "color": "black"},
        xticklabels=names[:size],
        yticklabels=names[1:] or [""],
    )
    label_cells(axis)
    heading = (
        f"Which runs differ? {title}\n"
        "images that only the column's run : only the row's run got right; McNemar's exact p, Holm"
    )
    figure.suptitle(heading, fontsize=11)
    return figure


def fill_cells(pairs: pd.DataFrame, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return verdicts, float64 (size, size), and their texts, object (size, size).

    The columns are all runs but the last, the rows all but the first. A verdict is 1 if the
    column's run is better, -1 if the row's is, 0 if they do not differ, and nan outside the pairs.
    """
    size = max(len(names) - 1, 1)
    verdicts, texts = np.full((size, size), np.nan), np.full((size, size), "", object)
    for pair in pairs[pairs["first"].isin(names) & pairs["second"].isin(names)].itertuples():
        cell = names.index(pair.second) - 1, names.index(pair.first)
        only_first, only_second = pair.only_first_right, pair.only_second_right
        verdicts[cell] = pair.different * np.sign(only_first - only_second)
        texts[cell] = f"{only_first} : {only_second}\n{format_p_value(pair.p_holm)}"
    return verdicts, texts


def label_cells(axis: Axes) -> None:
    """Rotate the names of the runs, and add a legend of the colours."""
    axis.tick_params(axis="x", labelrotation=30)
    axis.tick_params(axis="y", labelrotation=0)
    plt.setp(axis.get_xticklabels(), ha="right")
    axis.tick_params(length=0)
    handles = [Patch(color=colour, label=meaning) for colour, meaning in MEANINGS.items()]
    axis.legend(handles=handles, loc="upper right", frameon=False, fontsize=8)
