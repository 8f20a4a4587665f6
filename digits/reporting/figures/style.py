"""What all figures share: colours, line styles, legends, grids of axes, and the PNG format.

A framework has one colour everywhere (Okabe and Ito's palette, which colour-blind people can tell
apart). A run has a line style and a marker.
"""

from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")  # draws into files, needs no screen

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from digits.reporting.results import RunResult

COLOURS = {"torch": "#D55E00", "tf": "#0072B2", "scratch": "#009E73"}
LINE_STYLES = ["-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1))]
MARKERS = "osD^v<>P*X"
LEGEND_COLUMNS = 5
LONGEST_SHORT_NAME = 3  # characters that fit beside others on one line
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


def run_styles(results: list[RunResult]) -> list[dict[str, Any]]:
    """Return each run's color, its framework's, and a linestyle and marker for the run."""
    n_before: Counter[str] = Counter()
    styles = []
    for result in results:
        number = n_before[result.framework]
        style = {
            "color": COLOURS[result.framework],
            "linestyle": LINE_STYLES[number % len(LINE_STYLES)],
            "marker": MARKERS[number % len(MARKERS)],
        }
        styles.append(style)
        n_before[result.framework] += 1
    return styles


def are_short(class_names: list[str]) -> bool:
    """Return whether the names fit on one line with other text."""
    return max(map(len, class_names)) <= LONGEST_SHORT_NAME


def add_legend(figure: Figure, *entries: list[Any]) -> None:
    """Name the runs below the axes; make the figure taller for a legend of over two lines."""
    figure.legend(*entries, loc="outside lower center", ncols=LEGEND_COLUMNS, frameon=False)
    n_lines = -(-len(figure.legends[0].get_texts()) // LEGEND_COLUMNS)
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + 0.2 * max(n_lines - 2, 0))


def grid_of_axes(n: int, n_columns: int, height: float) -> tuple[Figure, list[Axes]]:
    """Return a figure with n nearly square axes; the rest of the last row is hidden."""
    n_rows = -(-n // n_columns)
    figure, axes = plt.subplots(n_rows, n_columns, figsize=(WIDTH, height * n_rows), squeeze=False)
    for axis in axes.flat[n:]:
        axis.set_visible(False)
    return figure, list(axes.flat)


def write_figure(path: Path, figure: Figure) -> None:
    """Write a figure as a PNG and close it.

    256 colours make the file a third of the size. It has no version and no date, so the same figure
    gives the same bytes.
    """
    file = BytesIO()
    figure.savefig(file, format="png")
    plt.close(figure)
    picture = Image.open(file).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    picture.save(path, format="png", optimize=True)
