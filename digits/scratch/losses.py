"""Losses of a classifier. Each takes logits (n, n_classes) and labels (n,), and returns the loss of
each sample and its gradient in them.
"""

from collections.abc import Callable

import numpy as np

Loss = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def softmax(logits: np.ndarray) -> np.ndarray:
    """p_ij = exp(z_ij) / sum_k exp(z_ik), with z (n, n_classes)."""
    # Subtract the row maximum: it cancels in the fraction, and float32 exp() overflows above 88.7.
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def softmax_cross_entropy(
    logits: np.ndarray, labels: np.ndarray, smoothing: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the loss of each sample, L_i = -log p_i,label(i), (n,), and its gradient in the
    logits, (n, n_classes).

    log p_ij = z_ij - log sum_k exp(z_ik), and the derivative of the logarithm in z_ij is p_ij, so
    dL_i / dz_ij = p_ij - [j = label(i)].

    With label smoothing e (Szegedy et al., 2016) the target is not all on the label: t_ij = (1 - e)
    [j = label(i)] + e / n_classes. Then L_i = -sum_j t_ij log p_ij, which is (1 - e) of the loss
    above and e of the mean of -log p_ij over the classes, and dL_i / dz_ij = p_ij - t_ij.
    """
    shifted = logits - logits.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    sums = exponentials.sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    losses = np.log(sums[:, 0]) - shifted[rows, labels]
    d_logits = exponentials / sums
    d_logits[rows, labels] -= 1 - smoothing
    if smoothing:
        d_logits -= smoothing / logits.shape[1]
        losses = (1 - smoothing) * losses + smoothing * (np.log(sums[:, 0]) - shifted.mean(axis=1))
    return losses, d_logits


def sigmoid_cross_entropy(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return L_i = -sum_j [j = label(i)] log s_ij + [j != label(i)] log(1 - s_ij), with s =
    sigmoid(z), and its gradient.

    Each class is a yes or no of its own. -log s = log(1 + exp(-z)) and -log(1 - s) = z + log(1 +
    exp(-z)), so L_i = sum_j (1 - t_ij) z_ij + log(1 + exp(-z_ij)), with t the one-hot labels, and
    dL_i / dz_ij = s_ij - t_ij. logaddexp(0, -z) is that logarithm without overflow.
    """
    rows = np.arange(len(labels))
    d_logits = (1 + np.tanh(logits / 2)) / 2
    d_logits[rows, labels] -= 1
    losses = (logits + np.logaddexp(0, -logits)).sum(axis=1) - logits[rows, labels]
    return losses, d_logits
