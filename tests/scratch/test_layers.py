"""Each layer against central differences in float64, and against PyTorch in float32."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from digits.scratch.layers import (
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPool,
    Relu,
    Sigmoid,
)
from tests.support.layers import ROLES, backward


def with_parameters(layer: Layer, generator: np.random.Generator, *shape: int) -> Layer:
    layer.W, layer.b = generator.normal(size=shape), generator.normal(size=shape[-1])
    return layer


def assert_gradients_match_central_differences(layer: Layer, x: np.ndarray, seed: int = 0) -> None:
    """Compare backward with (L(v + h) - L(v - h)) / 2h for every value v of x, W and b.

    L = sum(y * g) with random g.
    """
    g = np.random.default_rng(1).normal(size=layer.forward(x, np.random.default_rng(seed))[0].shape)

    def loss() -> float:
        return float((layer.forward(x, np.random.default_rng(seed))[0] * g).sum())

    _, saved = layer.forward(x, np.random.default_rng(seed))
    d_x, d_parameters = backward(layer, g, saved)
    for array, gradient in [(x, d_x)] + [
        (getattr(layer, role), d_role) for role, d_role in d_parameters.items()
    ]:
        assert gradient.shape == array.shape
        for index in np.ndindex(array.shape):
            value, h = array[index], 1e-6
            array[index] = value + h
            above = loss()
            array[index] = value - h
            difference = (above - loss()) / (2 * h)
            array[index] = value
            # Rounding of L, some 1e2 with 16 digits, over 2h leaves 1e-8; the rest is room for the
            # second difference.
            assert gradient[index] == pytest.approx(difference, rel=1e-6, abs=1e-6)


def test_dense_backward_matches_central_differences(generator):
    assert_gradients_match_central_differences(
        with_parameters(Dense(), generator, 4, 3), generator.normal(size=(5, 4))
    )


@pytest.mark.parametrize(
    ("size", "stride", "padding", "shape"),
    [
        (3, 1, "same", (2, 4, 5, 2)),
        (2, 1, "same", (2, 3, 4, 1)),
        (5, 1, "valid", (1, 6, 5, 2)),
        (3, 2, "valid", (2, 6, 7, 2)),
        (2, 3, "valid", (1, 7, 8, 1)),
        (1, 1, "same", (1, 2, 2, 3)),
    ],
)
def test_conv_backward_matches_central_differences(size, stride, padding, shape, generator):
    layer = with_parameters(Conv(stride, padding), generator, size, size, shape[3], 2)
    assert_gradients_match_central_differences(layer, generator.normal(size=shape))


def test_conv_backward_matches_central_differences_over_several_blocks(generator):
    layer = with_parameters(Conv(), generator, 3, 3, 1, 1)
    assert_gradients_match_central_differences(layer, generator.normal(size=(17, 2, 2, 1)))


@pytest.mark.parametrize("size", [1, 2, 3])
def test_max_pool_backward_matches_central_differences(size, generator):
    assert_gradients_match_central_differences(MaxPool(size), generator.normal(size=(2, 6, 6, 2)))


@pytest.mark.parametrize("layer", [Relu(), Sigmoid(), Flatten(), Dropout(0.4)])
def test_layer_without_parameters_matches_central_differences(layer, generator):
    assert_gradients_match_central_differences(layer, generator.normal(size=(3, 2, 2, 2)))


def assert_matches_torch(layer: Layer, x: np.ndarray, compute) -> None:
    """Compare forward and all gradients with those of `compute(x, W, b)` in PyTorch, in float32."""
    y, saved = layer.forward(x, None)
    arrays = {"x": x} | {role: getattr(layer, role) for role in ROLES if hasattr(layer, role)}
    tensors = {
        role: torch.from_numpy(array.copy()).requires_grad_() for role, array in arrays.items()
    }
    expected = compute(*tensors.values())
    # float32 keeps 7 digits; sums over some hundred products of the size of 1 lose two.
    np.testing.assert_allclose(y, expected.detach(), rtol=1e-4, atol=1e-5)
    g = np.random.default_rng(1).normal(size=y.shape).astype(np.float32)
    expected.backward(torch.from_numpy(g))
    d_x, d_parameters = backward(layer, g, saved)
    for role, gradient in {"x": d_x, **d_parameters}.items():
        np.testing.assert_allclose(gradient, tensors[role].grad, rtol=1e-4, atol=1e-4)


def random_images(generator: np.random.Generator, *shape: int) -> np.ndarray:
    return generator.normal(size=shape).astype(np.float32)


# PyTorch copies its input then, and warns.
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@settings(max_examples=60)
@given(
    n=st.integers(1, 19),
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    channels=st.integers(1, 4),
    filters=st.integers(1, 4),
    size=st.integers(1, 5),
    stride=st.integers(1, 3),
    padding=st.sampled_from(["same", "valid"]),
)
def test_conv_equals_torch(n, height, width, channels, filters, size, stride, padding):
    if padding == "same":
        stride = 1
    size = size if padding == "same" else min(size, height, width)
    generator = np.random.default_rng(0)
    layer = Conv(stride, padding)
    layer.W, layer.b = (
        random_images(generator, size, size, channels, filters),
        random_images(generator, filters),
    )

    def compute(x, W, b):
        return functional.conv2d(
            x.permute(0, 3, 1, 2), W.permute(3, 2, 0, 1).contiguous(), b, stride, padding
        ).permute(0, 2, 3, 1)

    assert_matches_torch(layer, random_images(generator, n, height, width, channels), compute)


@settings(max_examples=30)
@given(
    n=st.integers(1, 9),
    rows=st.integers(1, 4),
    columns=st.integers(1, 4),
    channels=st.integers(1, 3),
    size=st.integers(1, 4),
)
def test_max_pool_equals_torch_ties_included(n, rows, columns, channels, size):
    # Few different values, so that most windows hold their maximum several times.
    x = (
        np.random.default_rng(0)
        .integers(0, 2, (n, rows * size, columns * size, channels))
        .astype(np.float32)
    )
    assert_matches_torch(
        MaxPool(size),
        x,
        lambda x: functional.max_pool2d(x.permute(0, 3, 1, 2), size).permute(0, 2, 3, 1),
    )


@pytest.mark.parametrize(
    ("layer", "compute"),
    [(Relu(), torch.relu), (Sigmoid(), torch.sigmoid), (Flatten(), lambda x: x.flatten(1))],
)
def test_layer_without_parameters_equals_torch(layer, compute, generator):
    x = random_images(generator, 4, 3, 3, 2)
    x[0] = 0  # where relu has a corner
    assert_matches_torch(layer, x, compute)


def test_dense_equals_torch(generator):
    layer = Dense()
    layer.W, layer.b = random_images(generator, 30, 20), random_images(generator, 20)
    assert_matches_torch(layer, random_images(generator, 7, 30), lambda x, W, b: x @ W + b)


def make_batch_norm(generator: np.random.Generator, channels: int, dtype) -> BatchNorm:
    layer = BatchNorm(*generator.random((2, channels)).astype(dtype), momentum=0.9, epsilon=1e-5)
    layer.gamma, layer.beta = generator.normal(size=(2, channels)).astype(dtype)
    return layer


@pytest.mark.parametrize("shape", [(6, 3), (4, 2, 3, 2)])
def test_batch_norm_backward_matches_central_differences(shape, generator):
    assert_gradients_match_central_differences(
        make_batch_norm(generator, shape[-1], np.float64), generator.normal(size=shape)
    )


@pytest.mark.parametrize("in_training", [True, False])
def test_batch_norm_equals_torch(in_training, generator):
    layer = make_batch_norm(generator, 3, np.float32)
    before = layer.variance.copy()
    mean, variance = torch.from_numpy(layer.mean.copy()), torch.from_numpy(layer.variance.copy())
    x, g = random_images(generator, 50, 4, 4, 3) + 2, random_images(generator, 50, 4, 4, 3)
    y, saved = layer.forward(x, generator if in_training else None)
    tensors = [
        torch.from_numpy(array.copy()).requires_grad_() for array in (x, layer.gamma, layer.beta)
    ]
    x_torch, gamma, beta = tensors
    expected = functional.batch_norm(
        x_torch.permute(0, 3, 1, 2), mean, variance, gamma, beta, in_training, 0.1, 1e-5
    ).permute(0, 2, 3, 1)
    np.testing.assert_allclose(y, expected.detach(), rtol=1e-4, atol=1e-5)  # float32
    np.testing.assert_allclose(layer.mean, mean, rtol=1e-5)
    # The batch's variance, of which a tenth is taken, is n / (n - 1) times ours in PyTorch.
    kept = 0.9 * before if in_training else before
    np.testing.assert_allclose(
        layer.variance - kept, (variance.numpy() - kept) * 799 / 800, rtol=1e-4, atol=1e-7
    )
    if in_training:
        expected.backward(torch.from_numpy(g))
        d_x, gradients = backward(layer, g, saved)
        for found, tensor in zip(
            (d_x, gradients["gamma"], gradients["beta"]), tensors, strict=True
        ):
            # Float32, sums over 800 values.
            np.testing.assert_allclose(found, tensor.grad, rtol=1e-3, atol=1e-4)


def test_batch_norm_gives_each_channel_mean_beta_and_deviation_gamma(generator):
    layer = make_batch_norm(generator, 2, np.float64)
    y, _ = layer.forward(generator.normal(3, 5, size=(1000, 2)), generator)
    np.testing.assert_allclose(y.mean(axis=0), layer.beta, atol=1e-12)
    np.testing.assert_allclose(y.std(axis=0), np.abs(layer.gamma), rtol=1e-5)  # epsilon


def test_first_layer_omits_the_gradient_of_its_input(generator):
    for layer, x in (
        (with_parameters(Dense(), generator, 4, 3), generator.normal(size=(5, 4))),
        (with_parameters(Conv(), generator, 3, 3, 1, 2), generator.normal(size=(5, 4, 4, 1))),
    ):
        y, saved = layer.forward(x, None)
        expected = backward(layer, y, saved)[1]["W"]
        layer.needs_d_x = False
        d_x, gradients = backward(layer, y, saved)
        assert d_x is None
        assert np.array_equal(gradients["W"], expected)


def test_dropout_zeroes_its_share_and_keeps_the_mean(generator):
    x = np.ones((200, 500), np.float32)
    y, _ = Dropout(0.25).forward(x, generator)
    # 100,000 draws: a standard deviation of 0.0014 for the share, 0.0018 for the mean.
    assert (y == 0).mean() == pytest.approx(0.25, abs=0.006)
    assert y.mean() == pytest.approx(1, abs=0.008)
    assert y.dtype == np.float32
    assert Dropout(0.25).forward(x, None)[0] is x


def test_sigmoid_holds_at_ten_thousand():
    for dtype in (np.float32, np.float64):
        y, _ = Sigmoid().forward(np.array([-1e4, 0, 1e4], dtype), None)
        assert y.tolist() == [0, 0.5, 1]


def test_layer_without_forward_cannot_be_made():
    class Incomplete(Layer):
        pass

    with pytest.raises(TypeError, match="abstract"):
        Incomplete()
