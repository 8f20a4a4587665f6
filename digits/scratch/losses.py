"""Losses of a classifier: from logits z (n, n_classes) and labels (n,) to L_i and dL_i / dz_ij.

L_i is the loss of a sample in nats, (n,). Its gradient in the logits is (n, n_classes).
[j = label(i)] is 1 if class j is the label of sample i, otherwise 0.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from digits.scratch.layers import Array

Labels = NDArray[np.integer]
Loss = Callable[[Array, Labels], tuple[Array, Array]]


def softmax(logits: Array) -> Array:
    """p_ij = exp(z_ij) / sum_k exp(z_ik)."""
    # Subtract the row maximum: it cancels in the fraction, and float32 exp() overflows above 88.7.
    exponentials: Array = np.exp(logits - logits.max(axis=1, keepdims=True))
    sums: Array = exponentials.sum(axis=1, keepdims=True)
    return exponentials / sums


def softmax_cross_entropy(
    logits: Array, labels: Labels, smoothing: float = 0.0
) -> tuple[Array, Array]:
    """L_i = -log p_i,label(i), with p = softmax(z).

    log p_ij = z_ij - log sum_k exp(z_ik). The derivative of the logarithm in z_ij is p_ij, so
    dL_i / dz_ij = p_ij - [j = label(i)].

    With label smoothing e (Szegedy et al., 2016) the target is t_ij = (1 - e) [j = label(i)] + e /
    n_classes. L_i = -sum_j t_ij log p_ij: (1 - e) times the loss above, plus e times the mean of
    -log p_ij over the classes. dL_i / dz_ij = p_ij - t_ij.
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


def sigmoid_cross_entropy(logits: Array, labels: Labels) -> tuple[Array, Array]:
    """L_i = -sum_j t_ij log s_ij + (1 - t_ij) log(1 - s_ij): a yes or no for each class.

    s = sigmoid(z), t_ij = [j = label(i)]. -log s = log(1 + exp(-z)) and -log(1 - s) = z + log(1 +
    exp(-z)), so L_i = sum_j (1 - t_ij) z_ij + log(1 + exp(-z_ij)) and dL_i / dz_ij = s_ij - t_ij.
    """
    rows = np.arange(len(labels))
    d_logits = (1 + np.tanh(logits / 2)) / 2
    d_logits[rows, labels] -= 1
    # logaddexp(0, -z) is log(1 + exp(-z)) without overflow.
    losses = (logits + np.logaddexp(0, -logits)).sum(axis=1) - logits[rows, labels]
    return losses, d_logits
