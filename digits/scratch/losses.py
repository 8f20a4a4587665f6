"""The loss of a classifier: cross-entropy of the softmax of its logits."""

import numpy as np


def softmax(logits: np.ndarray) -> np.ndarray:
    """p_ij = exp(z_ij) / sum_k exp(z_ik), with z (n, n_classes)."""
    # Subtract the row maximum: it cancels in the fraction, and float32 exp() overflows above 88.7.
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def softmax_cross_entropy(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the loss of each sample, L_i = -log p_i,label(i), (n,), and its gradient in the logits, (n, n_classes).

    log p_ij = z_ij - log sum_k exp(z_ik), and the derivative of the logarithm in z_ij is p_ij, so dL_i / dz_ij = p_ij - [j = label(i)].
    """
    shifted = logits - logits.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    sums = exponentials.sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    losses = np.log(sums[:, 0]) - shifted[rows, labels]
    d_logits = exponentials / sums
    d_logits[rows, labels] -= 1
    return losses, d_logits
