"""What a classifier's probabilities are worth, against the labels: scikit-learn's and SciPy's measures."""

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss

CONFIDENCE = 0.95


def score(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float | int]:
    """Return the measures of probabilities (n, n_classes) against labels (n,).

    accuracy is a fraction; accuracy_low and accuracy_high bound its 95 % interval (Wilson, 1927); errors counts the samples whose
    largest probability is not at their label; log_loss is the mean over the samples, in nats.
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
        "n_samples": len(labels),
    }


def count_confusions(predictions: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Return confusion_matrix[true, predicted], int64 (n_classes, n_classes)."""
    return confusion_matrix(labels, predictions, labels=np.arange(n_classes))


def accuracy_per_class(confusions: np.ndarray) -> np.ndarray:
    """Return the share of each true class that was classified right, float64 (n_classes,); nan for a class without samples."""
    counts = confusions.sum(axis=1)
    return np.divide(confusions.diagonal(), counts, out=np.full(len(counts), np.nan), where=counts > 0)
