"""Confusion matrices show the counts."""

from digits.reporting.figures.confusions import plot_confusion_matrices
from tests.support.models import CLASS_NAMES
from tests.support.results import make_result


def test_confusion_cells_are_the_counts():
    figure = plot_confusion_matrices([make_result("torch", "cnn", 6)], CLASS_NAMES, "MNIST")
    # 6 of 12 right: 2 of 4 of each class, the others one class too high.
    # (true, predicted).
    cells = {text.get_position()[::-1]: text.get_text() for text in figure.axes[0].texts}
    assert cells == {(0, 0): "2", (0, 1): "2", (1, 1): "2", (1, 2): "2", (2, 0): "2", (2, 2): "2"}
