"""Figures draw what they are given, for any number of runs, the same bytes each time."""

import io

import numpy as np
import pytest
from test_results import make_result

from digits.reporting import figures
from digits.reporting.results import results_table

NAMES = ["a", "b", "c"]
RUNS = [("torch", "cnn"), ("torch", "mlp"), ("tf", "cnn"), ("scratch", "cnn"), ("scratch", "mlp_sigmoid")]


def draw_all(n_runs: int) -> dict:
    results = [make_result(framework, run, 6 + number) for number, (framework, run) in enumerate(RUNS[:n_runs])]
    images = np.random.default_rng(0).integers(0, 256, (12, 28, 28), dtype=np.uint8)
    return {
        "curves": figures.plot_learning_curves(results, "MNIST"),
        "confusions": figures.plot_confusion_matrices(results, NAMES, "MNIST"),
        "samples": figures.plot_sample_predictions(results, images, NAMES, "MNIST"),
        "classes": figures.plot_accuracy_per_class(results, NAMES, "MNIST"),
        "times": figures.plot_accuracy_against_time(results_table(results), "MNIST"),
    }


@pytest.fixture(autouse=True)
def closed():
    yield
    figures.plt.close("all")


def texts(figure) -> str:
    return " ".join(text.get_text() for text in figure.findobj(figures.plt.Text))


@pytest.mark.parametrize("n_runs", [1, 4, 5])
def test_every_figure_names_the_data_and_every_run(n_runs):
    for name, figure in draw_all(n_runs).items():
        assert "MNIST" in texts(figure), name
        assert all(run in texts(figure).replace("\n", " ") for run in (" ".join(pair) for pair in RUNS[:n_runs])), name


def test_confusion_cells_are_the_counts():
    figure = draw_all(1)["confusions"]
    # 6 of 12 right: 2 of 4 of each class, the others one class too high.
    assert [text.get_text() for text in figure.axes[0].texts] == ["2", "2", "", "", "2", "2", "2", "", "2"]


def test_samples_are_marked_right_and_wrong():
    found = texts(draw_all(1)["samples"])
    assert "a ✓" in found
    assert "b ✗ is a" in found


def test_a_framework_has_one_colour_and_its_runs_differ():
    styles = figures.line_styles([make_result(framework, run, 6) for framework, run in RUNS])
    assert styles[0]["color"] == styles[1]["color"] == figures.COLOURS["torch"]
    assert len({(style["color"], str(style["linestyle"])) for style in styles}) == len(RUNS)


def test_same_measurements_same_bytes():
    def content(figure) -> bytes:
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", metadata={"Software": None})
        return buffer.getvalue()

    first, again = draw_all(3), draw_all(3)
    assert all(content(first[name]) == content(again[name]) for name in first)
