"""The two measures that training and evaluation share, in a module that imports quickly.

Probabilities are float32 or float64 (n_samples, n_classes); labels are int64 (n_samples,).
"""

import numpy as np
from scipy.special import xlogy


def log_loss(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean over the samples of -log(probability of the label), in nats.

    Each row is first divided by its sum: float32 rows sum to 1 only within rounding. The result
    equals scikit-learn's log_loss of those rows, bit for bit.
    """
    totals = probabilities.sum(axis=1, dtype=np.float64)
    of_labels = probabilities[np.arange(len(labels)), labels] / totals
    # log(0) is infinite. scikit-learn clips at the same epsilon, 2.2e-16.
    epsilon = np.finfo(np.float64).eps
    # xlogy calls the C library's log. np.log differs in the last bits on processors with AVX-512.
    return float(-xlogy(1.0, of_labels.clip(epsilon, 1 - epsilon)).mean())


def accuracy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the fraction of samples whose largest probability is at their label."""
    return float((probabilities.argmax(axis=1) == labels).mean())
