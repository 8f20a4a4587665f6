"""Winograd's transforms against their matrices, and together against a plain convolution."""

import numpy as np
import pytest

from digits.scratch.fast import winograd
from digits.scratch.layers import Conv

# As in Lavin and Gray (2016), section 4.1, G in the module.
B_T = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
A_T = np.array([[1, 1, 1, 0], [0, 1, -1, -1]])


def test_one_tile_is_a_convolution(generator):
    d, g = generator.normal(size=(4, 4)), generator.normal(size=(3, 3))
    y = A_T @ ((winograd.G @ g @ winograd.G.T) * (B_T @ d @ B_T.T)) @ A_T.T
    expected = [[(d[i : i + 3, j : j + 3] * g).sum() for j in range(2)] for i in range(2)]
    np.testing.assert_allclose(y, expected, rtol=1e-12)


def test_kernels_are_transformed_by_their_matrix(generator):
    W = generator.normal(size=(3, 3, 2, 5))
    np.testing.assert_allclose(
        winograd.transform_kernels(W)[:, :, 1, 3],
        winograd.G @ W[:, :, 1, 3] @ winograd.G.T,
        rtol=1e-12,
    )


def test_tiles_are_transformed_by_their_matrix(generator):
    x = generator.normal(size=(2, 8, 6, 3))
    v = winograd.transform_input(x)
    assert v.shape == (4, 4, 2, 3, 2, 3)
    for row, column in np.ndindex(3, 2):
        tile = x[1, 2 * row : 2 * row + 4, 2 * column : 2 * column + 4, 2]
        np.testing.assert_allclose(
            v[:, :, 1, row, column, 2], B_T @ tile @ B_T.T, rtol=1e-12, atol=1e-14
        )


def test_products_are_transformed_by_their_matrix(generator):
    m = generator.normal(size=(4, 4, 5))
    np.testing.assert_allclose(
        winograd.transform_products(m)[:, :, 2], A_T @ m[:, :, 2] @ A_T.T, rtol=1e-12, atol=1e-14
    )


@pytest.mark.parametrize(
    ("forward", "backward", "shape"),
    [
        (winograd.transform_kernels, winograd.transform_kernels_backward, (3, 3, 2, 3)),
        (winograd.transform_input, winograd.transform_input_backward, (2, 8, 6, 3)),
        (winograd.transform_products, winograd.transform_products_backward, (4, 4, 2, 3)),
    ],
)
def test_backward_is_the_transposed_forward(forward, backward, shape, generator):
    """For a linear map F and its transpose, sum(F(x) * g) = sum(x * F^T(g)) for all x and g."""
    x = generator.normal(size=shape)
    y = forward(x)
    g = generator.normal(size=y.shape)
    assert (y * g).sum() == pytest.approx((x * backward(g)).sum(), rel=1e-12)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 1e-5)])
def test_sixteen_products_are_a_plain_convolution(dtype, tolerance, generator):
    x, W = (
        generator.normal(size=(3, 10, 8, 4)).astype(dtype),
        generator.normal(size=(3, 3, 4, 6)).astype(dtype),
    )
    plain = Conv(padding="valid")
    plain.W, plain.b = W, np.zeros(6, dtype)
    products = np.einsum(
        "ijnrcx,ijxf->ijnrcf", winograd.transform_input(x), winograd.transform_kernels(W)
    )
    planes = winograd.transform_products(products)
    y = planes.transpose(2, 3, 0, 4, 1, 5).reshape(3, 8, 6, 6)
    # Sums of 36 products of the size of 1.
    np.testing.assert_allclose(y, plain.forward(x, None)[0], rtol=0, atol=40 * tolerance)
