"""Losses against PyTorch in float64, and at logits that overflow exp()."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from digits.scratch.losses import Loss, sigmoid_cross_entropy, softmax, softmax_cross_entropy


def assert_equals_torch(loss: Loss, logits: np.ndarray, labels: np.ndarray, compute) -> None:
    """Compare losses and their gradient with those of `compute(logits, labels)` in PyTorch."""
    tensor = torch.from_numpy(logits.copy()).requires_grad_()
    expected = compute(tensor, torch.from_numpy(labels))
    expected.sum().backward()
    losses, d_logits = loss(logits, labels)
    # float64
    np.testing.assert_allclose(losses, expected.detach(), rtol=1e-12)
    np.testing.assert_allclose(d_logits, tensor.grad, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_softmax_cross_entropy_equals_torch(smoothing, generator):
    logits, labels = generator.normal(size=(6, 10)) * 5, generator.integers(0, 10, 6)

    def ours(logits, labels):
        return softmax_cross_entropy(logits, labels, smoothing)

    def compute(z, labels):
        return functional.cross_entropy(z, labels, reduction="none", label_smoothing=smoothing)

    assert_equals_torch(ours, logits, labels, compute)


def test_sigmoid_cross_entropy_equals_torch_and_holds_at_ten_thousand(generator):
    logits, labels = generator.normal(size=(6, 10)) * 5, generator.integers(0, 10, 6)
    logits[0, :3] = 1e4, -1e4, 0

    def compute(z, labels):
        targets = functional.one_hot(labels, 10).double()
        losses = functional.binary_cross_entropy_with_logits(z, targets, reduction="none")
        return losses.sum(dim=1)

    assert_equals_torch(sigmoid_cross_entropy, logits, labels, compute)


def test_softmax_holds_at_ten_thousand():
    for dtype in (np.float32, np.float64):
        logits = np.array([[1e4, -1e4, 0], [-1e4, -1e4, -1e4]], dtype)
        assert softmax(logits).tolist() == [[1, 0, 0], [pytest.approx(1 / 3)] * 3]
        losses, d_logits = softmax_cross_entropy(logits, np.array([1, 0]))
        assert losses.tolist() == [20_000, pytest.approx(np.log(3))]
        assert np.isfinite(d_logits).all()


def test_uniform_logits_lose_the_logarithm_of_the_classes():
    losses, d_logits = softmax_cross_entropy(np.zeros((1, 4)), np.array([2]))
    assert losses[0] == pytest.approx(np.log(4), rel=1e-15)
    assert d_logits.tolist() == [[0.25, 0.25, -0.75, 0.25]]
