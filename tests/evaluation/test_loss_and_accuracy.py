"""Log loss and accuracy, against numbers worked by hand and against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics

from digits.evaluation.loss_and_accuracy import accuracy, log_loss


def test_log_loss_is_that_worked_by_hand():
    probabilities = np.array([[0.5, 0.25, 0.25], [0.125, 0.125, 0.75]], np.float32)
    # -(log 1/2 + log 3/4) / 2
    expected = (np.log(2) + np.log(4 / 3)) / 2
    assert log_loss(probabilities, np.array([0, 2])) == pytest.approx(expected, rel=1e-15)


def test_rows_count_by_their_shares():
    assert log_loss(np.array([[1.0, 3.0]]), np.array([0])) == pytest.approx(np.log(4))


def test_accuracy_counts_the_largest_probability():
    probabilities = np.array([[0.6, 0.4], [0.6, 0.4], [0.3, 0.7], [0.8, 0.2]])
    assert accuracy(probabilities, np.array([0, 1, 1, 0])) == 0.75


def test_a_probability_of_zero_counts_as_the_smallest():
    loss = log_loss(np.array([[0.0, 1.0]], np.float32), np.array([0]))
    assert loss == -np.log(np.finfo(np.float64).eps)


def test_a_probability_that_is_no_number_gives_none():
    assert np.isnan(log_loss(np.array([[np.nan, 1]], np.float32), np.array([0])))


# From the same probability for each class to one of exactly 1 and the others exactly 0.
@pytest.mark.parametrize("scale", [0, 0.1, 1, 5, 30, 300, 1e4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_classes", [2, 10])
def test_log_loss_is_scikit_learns_to_the_last_bit(generator, scale, dtype, n_classes):
    for n_samples in (2, 3, 7, 8, 9, 100, 127, 1000, 4097, 10_000):
        logits = (generator.normal(size=(n_samples, n_classes)) * scale).astype(dtype)
        probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        shares = probabilities / probabilities.sum(axis=1, keepdims=True, dtype=np.float64)
        for labels in (
            generator.integers(0, n_classes, n_samples),
            probabilities.argmax(axis=1),
            probabilities.argmin(axis=1),
        ):
            expected = metrics.log_loss(labels, shares, labels=np.arange(n_classes))
            assert log_loss(probabilities, labels) == expected
            assert accuracy(probabilities, labels) == metrics.accuracy_score(
                labels, probabilities.argmax(axis=1)
            )
