"""Measures against numbers worked by hand and a published interval."""

import numpy as np
import pytest

from digits.errors import InputError
from digits.evaluation.metrics import (
    accuracy_per_class,
    calibrate,
    count_confusions,
    evaluation_arrays,
    score,
)

PROBABILITIES = np.array(
    [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.25, 0.5, 0.25], [0.125, 0.125, 0.75]], np.float32
)
LABELS = np.array([0, 1, 0, 2])


def test_scores_are_those_worked_by_hand():
    scores = score(PROBABILITIES, LABELS)
    assert (scores["accuracy"], scores["errors"], scores["n_samples"]) == (0.75, 1, 4)
    # -(log 1/2 + log 1/2 + log 1/4 + log 3/4) / 4
    assert scores["log_loss"] == pytest.approx((2 * np.log(2) + np.log(4) + np.log(4 / 3)) / 4)


def test_interval_is_wilsons():
    # 81 of 263: 0.255 to 0.366 (Newcombe, Statistics in Medicine 17, 1998, table I, method 3).
    probabilities = np.eye(2, dtype=np.float32)[np.r_[np.zeros(81, int), np.ones(182, int)]]
    scores = score(probabilities * 0.8 + 0.1, np.zeros(263, int))
    assert (round(scores["accuracy_low"], 4), round(scores["accuracy_high"], 4)) == (0.2553, 0.3662)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -0.5, 1.5])
def test_what_is_no_probability_is_refused_with_the_models_name(wrong):
    probabilities = PROBABILITIES.copy()
    probabilities[2, 1] = wrong
    with pytest.raises(InputError, match=r"^models/a: predicts the probability") as error:
        score(probabilities, LABELS, source="models/a")
    assert str(wrong) in str(error.value)


def test_arrays_of_an_evaluation_fit_together():
    arrays = evaluation_arrays(PROBABILITIES, LABELS)
    assert arrays["probabilities"] is PROBABILITIES
    assert arrays["predictions"].tolist() == [0, 1, 1, 2]
    assert arrays["confusion_matrix"].tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    assert arrays["accuracy_per_class"].tolist() == [0.5, 1, 1]


def test_confusions_are_counted_true_by_predicted():
    confusions = count_confusions(PROBABILITIES.argmax(axis=1), LABELS, 3)
    assert confusions.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    assert accuracy_per_class(confusions).tolist() == [0.5, 1, 1]


def test_class_without_samples_has_no_accuracy():
    assert np.isnan(accuracy_per_class(np.array([[2, 0], [0, 0]]))[1])


def test_calibration_is_that_worked_by_hand():
    # Three samples of confidence 0.5 share a bin, 2 of 3 right; one of 0.75 is right:
    # (3 x |1/2 - 2/3| + 1 x |3/4 - 1|) / 4.
    calibration = calibrate(PROBABILITIES, LABELS)
    assert calibration.n_samples.tolist() == [3, 1]
    assert calibration.confidence.tolist() == [0.5, 0.75]
    assert calibration.accuracy.tolist() == pytest.approx([2 / 3, 1])
    assert calibration.expected_error == pytest.approx((3 * (1 / 6) + 1 / 4) / 4)
    assert score(PROBABILITIES, LABELS)["expected_calibration_error"] == calibration.expected_error


def test_calibration_counts_every_sample_even_of_a_confidence_over_one():
    probabilities = np.array([[1.0000001, 0], [0, 1]], np.float32)
    calibration = calibrate(probabilities, np.array([0, 1]))
    assert calibration.n_samples.sum() == 2
    assert calibration.expected_error == 0


def test_honest_confidences_are_calibrated():
    generator = np.random.default_rng(0)
    confidence = generator.uniform(0.5, 1, 100_000)
    labels = (generator.random(100_000) > confidence).astype(int)  # class 0 as often as is claimed
    assert calibrate(np.stack([confidence, 1 - confidence], axis=1), labels).expected_error < 0.01
