"""The fast block computes what the plain layers do, ties included, for every size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digits.scratch.fast.conv_block import ConvBlock, fuse
from digits.scratch.layers import Conv, Dense, Flatten, Layer, MaxPool, Relu, Sigmoid
from tests.support.layers import backward


def run(layers: list[Layer], x: np.ndarray, d_y: np.ndarray | None = None):
    """Return y, d_x and the gradients of W and b of layers in a row, for d_y or for ones."""
    saved = []
    for layer in layers:
        x, saved_by_layer = layer.forward(x, None)
        saved.append(saved_by_layer)
    d, gradients = np.ones_like(x) if d_y is None else d_y, {}
    for layer, saved_by_layer in zip(layers[::-1], saved[::-1], strict=True):
        d, layer_gradients = backward(layer, d, saved_by_layer)
        gradients |= layer_gradients
    return {"y": x, "d_x": d, **gradients}


def with_parameters(
    layers: list[Layer], size: int, channels: int, filters: int, dtype
) -> list[Layer]:
    generator = np.random.default_rng(1)
    layers[0].W = generator.normal(size=(size, size, channels, filters)).astype(dtype)
    layers[0].b = generator.normal(size=filters).astype(dtype)
    return layers


def assert_block_is_plain(
    x: np.ndarray, size: int, filters: int, padding: str, tolerance: float, d_y=None
) -> None:
    plain = with_parameters(
        [Conv(1, padding), Relu(), MaxPool(2)], size, x.shape[3], filters, x.dtype
    )
    block = with_parameters([ConvBlock(padding)], size, x.shape[3], filters, x.dtype)
    expected, found = run(plain, x, d_y), run(block, x, d_y)
    for name in expected:
        assert found[name].dtype == x.dtype
        np.testing.assert_allclose(
            found[name],
            expected[name],
            rtol=tolerance,
            atol=tolerance * max(1, np.abs(expected[name]).max()),
            err_msg=name,
        )


@settings(max_examples=60)
@given(
    n=st.integers(1, 19),
    rows=st.integers(1, 5),
    columns=st.integers(1, 5),
    channels=st.integers(1, 6),
    filters=st.integers(1, 5),
    size=st.integers(1, 5),
    padding=st.sampled_from(["same", "valid"]),
)
def test_block_equals_plain_layers(n, rows, columns, channels, filters, size, padding):
    border = size - 1 if padding == "valid" else 0
    x = np.random.default_rng(0).normal(size=(n, 2 * rows + border, 2 * columns + border, channels))
    assert_block_is_plain(x, size, filters, padding, tolerance=1e-12)  # float64


@pytest.mark.parametrize(("channels", "size"), [(1, 3), (8, 3), (4, 5)])
def test_block_equals_plain_layers_in_float32(channels, size, generator):
    x = generator.normal(size=(10, 12, 12, channels)).astype(np.float32)
    assert_block_is_plain(x, size, 7, "same", tolerance=1e-5)


@pytest.mark.parametrize("channels", [1, 8])
def test_first_of_equal_values_gets_the_gradient(channels, generator):
    """On a blank background all four values of a window are equal, in any order of the sums."""
    x = np.zeros((3, 6, 6, channels), np.float32)
    plain = with_parameters([Conv(1, "valid"), Relu(), MaxPool(2)], 3, channels, 4, np.float32)
    block = with_parameters([ConvBlock("valid")], 3, channels, 4, np.float32)
    for layer in (plain[0], block[0]):
        layer.b = np.abs(layer.b) + np.float32(1)
    d_y = generator.normal(size=(3, 2, 2, 4)).astype(np.float32)
    expected, found = run(plain, x, d_y), run(block, x, d_y)
    np.testing.assert_allclose(found["d_x"], expected["d_x"], rtol=1e-5, atol=1e-5)


def test_fuse_replaces_convolution_relu_and_pooling_in_either_order():
    arrays = [{"W": np.zeros((3, 3, 1, 2)), "b": np.zeros(2)}, {}, {}]
    for layers in ([Conv(1, "valid"), Relu(), MaxPool(2)], [Conv(1, "valid"), MaxPool(2), Relu()]):
        (block, *rest), (block_arrays, *other_arrays) = fuse(
            [*layers, Flatten(), Dense()], [*arrays, {}, {"W": 1}]
        )
        assert isinstance(block, ConvBlock)
        assert block.padding == "valid"
        assert block_arrays is arrays[0]
        assert [type(layer) for layer in rest] == [Flatten, Dense]
        assert other_arrays == [{}, {"W": 1}]


@pytest.mark.parametrize(
    "layers",
    [
        [Conv(2, "valid"), Relu(), MaxPool(2)],
        [Conv(), Relu(), MaxPool(3)],
        [Conv(), Sigmoid(), MaxPool(2)],
        [Conv(), Relu()],
    ],
)
def test_fuse_leaves_other_layers_alone(layers):
    assert fuse(layers, [{}] * len(layers))[0] == layers
