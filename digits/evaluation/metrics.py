"""The measures of a classifier, from its probabilities on the test set.

Probabilities are float32 or float64 (n_samples, n_classes); labels are int64 (n_samples,). The
confusion matrix, the interval and the binning come from scikit-learn and SciPy.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.stats import binned_statistic, binomtest
from sklearn.metrics import confusion_matrix

from digits.errors import InputError
from digits.evaluation.loss_and_accuracy import log_loss

CONFIDENCE = 0.95
N_CALIBRATION_BINS = 15


class Calibration(NamedTuple):
    """Confidence and accuracy of each bin of confidence that has samples.

    Confidence is the largest probability of a sample. n_samples is int64; confidence and accuracy
    are float64 means over the bin's samples, in [0, 1]; all have the shape (n_bins,).
    """

    n_samples: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray

    @property
    def expected_error(self) -> float:
        """Return the mean over the samples of their bin's |confidence - accuracy|.

        This is the expected calibration error of Guo et al., 2017.
        """
        return float(np.average(abs(self.confidence - self.accuracy), weights=self.n_samples))


def calibrate(probabilities: np.ndarray, labels: np.ndarray) -> Calibration:
    """Return the calibration in 15 bins of equal width from 0 to 1."""
    # Float32 rows may sum to a little over 1.
    confidence = np.minimum(probabilities.max(axis=1), 1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    sums, _, _ = binned_statistic(
        confidence, [np.ones(len(labels)), confidence, right], "sum", N_CALIBRATION_BINS, (0, 1)
    )
    n_samples, confidences, n_right = sums[:, sums[0] > 0]
    return Calibration(n_samples.astype(np.int64), confidences / n_samples, n_right / n_samples)


def score(
    probabilities: np.ndarray, labels: np.ndarray, source: Path | str = "the model"
) -> dict[str, float | int]:
    """Return the measures of the probabilities.

    accuracy, a fraction, is how often the largest probability is at the label. accuracy_low and
    accuracy_high bound its 95 % interval (Wilson, 1927). errors counts the other samples. log_loss
    is the mean over the samples, in nats. expected_calibration_error is a fraction.

    Raises InputError, which names `source`, if a probability is not from 0 to 1.
    """
    check_probabilities(probabilities, source)
    n_right = int((probabilities.argmax(axis=1) == labels).sum())
    interval = binomtest(n_right, len(labels)).proportion_ci(CONFIDENCE, method="wilson")
    return {
        "accuracy": n_right / len(labels),
        "accuracy_low": float(interval.low),
        "accuracy_high": float(interval.high),
        "errors": len(labels) - n_right,
        "log_loss": log_loss(probabilities, labels),
        "expected_calibration_error": calibrate(probabilities, labels).expected_error,
        "n_samples": len(labels),
    }


def evaluation_arrays(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Return the arrays that evaluate saves for a run, by the names of their files."""
    predictions = probabilities.argmax(axis=1)
    confusions = count_confusions(predictions, labels, probabilities.shape[1])
    return {
        "probabilities": probabilities,
        "predictions": predictions,
        "labels": labels,
        "confusion_matrix": confusions,
        "accuracy_per_class": accuracy_per_class(confusions),
    }


def check_probabilities(probabilities: np.ndarray, source: Path | str) -> None:
    """Raise InputError unless all are numbers from 0 to 1, up to float32 rounding."""
    # A comparison with nan is false, so nan is wrong too.
    is_wrong = ~((probabilities >= 0) & (probabilities <= 1 + 1e-5))
    if is_wrong.any():
        found = probabilities[is_wrong][0]
        raise InputError(f"{source}: predicts the probability {found}; expected one from 0 to 1")


def count_confusions(predictions: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Return confusion_matrix[true, predicted], int64 (n_classes, n_classes)."""
    return np.asarray(confusion_matrix(labels, predictions, labels=np.arange(n_classes)))


def accuracy_per_class(confusions: np.ndarray) -> np.ndarray:
    """Return the fraction of each true class that is classified correctly, float64 (n_classes,).

    A class without samples has nan.
    """
    counts = confusions.sum(axis=1)
    fractions = np.full(len(counts), np.nan)
    np.divide(confusions.diagonal(), counts, out=fractions, where=counts > 0)
    return fractions
