"""Colours, line styles and the PNG files."""

import pytest
from PIL import Image

from digits.reporting.figures.accuracy import plot_accuracy_per_class
from digits.reporting.figures.style import COLOURS, run_styles, write_figure
from tests.support.models import CLASS_NAMES
from tests.support.results import make_result

RUNS = [
    ("torch", "cnn"),
    ("torch", "mlp"),
    ("tf", "cnn"),
    ("scratch", "cnn"),
    ("scratch", "mlp_sigmoid"),
]


def test_a_framework_has_one_colour_and_its_runs_differ():
    styles = run_styles([make_result(framework, run, 6) for framework, run in RUNS])
    assert styles[0]["color"] == styles[1]["color"] == COLOURS["torch"]
    assert len({(style["color"], str(style["linestyle"])) for style in styles}) == len(RUNS)
    assert len({(style["color"], style["marker"]) for style in styles}) == len(RUNS)


def test_saved_picture_is_as_wide_as_a_printed_page_needs(tmp_path):
    figure = plot_accuracy_per_class([make_result("torch", "cnn", 6)], CLASS_NAMES, "MNIST")
    write_figure(tmp_path / "a.png", figure)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width == 1350  # 9 inches at 150 dots


def test_a_long_legend_makes_the_figure_higher():
    heights = []
    for n in (9, 10, 50):
        runs = [make_result("torch", f"run_{number}", 6) for number in range(n)]
        heights.append(plot_accuracy_per_class(runs, CLASS_NAMES, "MNIST").get_figheight())
    assert heights == pytest.approx([4.2, 4.2, 4.2 + 8 * 0.2])
