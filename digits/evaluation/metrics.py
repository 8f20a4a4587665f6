"""What a classifier's probabilities are worth, against the labels: scikit-learn's and SciPy's
measures where they have them.
"""

from typing import NamedTuple

import numpy as np
from scipy.stats import binned_statistic, binomtest
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss

CONFIDENCE = 0.95
N_CALIBRATION_BINS = 15


class Calibration(NamedTuple):
    """Confidence, the largest probability of a sample, against accuracy: an entry for each bin of
    confidence that has samples.

    n_samples is int64, confidence and accuracy float64: their means over the bin's samples, from 0
    to 1; all of shape (n_bins,).
    """

    n_samples: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray

    @property
    def expected_error(self) -> float:
        """The expected calibration error: the mean over the samples of |confidence - accuracy| of
        their bin (Guo et al., 2017).
        """
        return float(np.average(abs(self.confidence - self.accuracy), weights=self.n_samples))


def calibrate(probabilities: np.ndarray, labels: np.ndarray) -> Calibration:
    """Return the calibration of probabilities (n, n_classes) against labels (n,), in 15 bins of
    equal width from 0 to 1.
    """
    # Float32 rows may sum to a little over 1.
    confidence = np.minimum(probabilities.max(axis=1), 1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    sums, _, _ = binned_statistic(
        confidence, [np.ones(len(labels)), confidence, right], "sum", N_CALIBRATION_BINS, (0, 1)
    )
    n_samples, confidences, n_right = sums[:, sums[0] > 0]
    return Calibration(n_samples.astype(np.int64), confidences / n_samples, n_right / n_samples)


def score(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float | int]:
    """Return the measures of probabilities (n, n_classes) against labels (n,).

    accuracy is a fraction; accuracy_low and accuracy_high bound its 95 % interval (Wilson, 1927);
    errors counts the samples whose largest probability is not at their label; log_loss is the mean
    over the samples, in nats; expected_calibration_error is a fraction.
    """
    predictions = probabilities.argmax(axis=1)
    # float32 rows sum to 1 only within its rounding, which log_loss objects to.
    exact = probabilities / probabilities.sum(axis=1, keepdims=True, dtype=np.float64)
    n_right = int(accuracy_score(labels, predictions, normalize=False))
    interval = binomtest(n_right, len(labels)).proportion_ci(CONFIDENCE, method="wilson")
    return {
        "accuracy": n_right / len(labels),
        "accuracy_low": float(interval.low),
        "accuracy_high": float(interval.high),
        "errors": len(labels) - n_right,
        "log_loss": float(log_loss(labels, exact, labels=np.arange(probabilities.shape[1]))),
        "expected_calibration_error": calibrate(probabilities, labels).expected_error,
        "n_samples": len(labels),
    }


def count_confusions(predictions: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Return confusion_matrix[true, predicted], int64 (n_classes, n_classes)."""
    return confusion_matrix(labels, predictions, labels=np.arange(n_classes))


def accuracy_per_class(confusions: np.ndarray) -> np.ndarray:
    """Return the share of each true class that was classified right, float64 (n_classes,); nan for
    a class without samples.
    """
    counts = confusions.sum(axis=1)
    return np.divide(
        confusions.diagonal(), counts, out=np.full(len(counts), np.nan), where=counts > 0
    )
