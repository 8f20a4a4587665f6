"""Sample predictions and shared mistakes say what was answered."""

from types import SimpleNamespace

import numpy as np
import pytest

from digits.reporting.figures.samples import plot_sample_predictions, plot_shared_mistakes
from tests.support.figures import texts
from tests.support.models import CLASS_NAMES
from tests.support.results import make_result

IMAGES = np.zeros((12, 28, 28), np.uint8)


@pytest.fixture
def results() -> list:
    """Five runs with 6, 7, 8, 9 and 10 right answers."""
    return [make_result("torch", f"run_{number}", 6 + number) for number in range(5)]


def test_samples_are_marked_right_and_wrong(results):
    found = texts(plot_sample_predictions(results[:1], IMAGES, CLASS_NAMES, "MNIST"))
    assert "a ✓" in found
    assert "b ✗ is a" in found


def test_long_names_of_classes_take_two_lines(results):
    names = ["Trouser", "Pullover", "Dress"]
    found = texts(plot_sample_predictions(results[:1], IMAGES, names, "Fashion-MNIST"))
    assert "Pullover ✗\nis Trouser" in found


def test_shared_mistakes_are_those_of_most_runs_first(results):
    # Images 10 and 11 are wrong in all five runs, image 6 in one.
    found = texts(plot_shared_mistakes(results, IMAGES, CLASS_NAMES, "MNIST"))
    assert "2 by all 5" in found
    assert "5 of 5 wrong" in found
    assert found.index("5 of 5 wrong") < found.index("1 of 5 wrong")


def test_runs_without_mistakes_share_none():
    perfect = [make_result("torch", "cnn", 12)] * 2
    assert "0 by all 2" in texts(plot_shared_mistakes(perfect, IMAGES, CLASS_NAMES, "MNIST"))


def test_answers_beyond_the_two_most_frequent_are_counted():
    results = [
        SimpleNamespace(
            labels=np.array([0]),
            predictions=np.array([answer]),
            is_right=np.array([False]),
            probabilities=np.full((1, 5), 0.2, np.float32),
        )
        for answer in (1, 1, 1, 2, 2, 3, 4)
    ]
    found = texts(plot_shared_mistakes(results, IMAGES[:1], list("abcde"), "MNIST"))
    times = "\N{MULTIPLICATION SIGN}"
    assert f"b (3{times}), c (2{times}),\nothers (2{times})" in found
