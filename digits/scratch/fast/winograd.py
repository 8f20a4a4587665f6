"""Winograd's convolution F(2x2, 3x3): a 3 x 3 convolution with 2.25 times fewer multiplications.

In one dimension, two neighbouring outputs of a kernel g of three values take 2 * 3 = 6
multiplications:

    y_0 = d_0 g_0 + d_1 g_1 + d_2 g_2,    y_1 = d_1 g_0 + d_2 g_1 + d_3 g_2.

Four are enough (S. Winograd, "Arithmetic Complexity of Computations", 1980). With

    m_0 = (d_0 - d_2) g_0,    m_1 = (d_1 + d_2) (g_0 + g_1 + g_2) / 2,
    m_3 = (d_1 - d_3) g_2,    m_2 = (d_2 - d_1) (g_0 - g_1 + g_2) / 2,

y_0 = m_0 + m_1 + m_2 and y_1 = m_1 - m_2 - m_3. As matrices, y = A^T ((G g) * (B^T d)), where *
is element by element. In two dimensions, Y = A^T ((G g G^T) * (B^T d B)) A: a tile of 4 x 4 inputs
gives 2 x 2 outputs with 16 multiplications, not 36 (A. Lavin and S. Gray, "Fast Algorithms for
Convolutional Neural Networks", 2016). With many channels, * becomes 16 matrix products over all
tiles, one for each place in the tile.

Each step is linear, so its gradient is the transposed step: the functions below come in pairs.
"""

import numpy as np

from digits.scratch.layers import Array

G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]], np.float32)


def transform_kernels(W: Array) -> Array:
    """u = G g G^T for each kernel: W (3, 3, channels, filters) to u (4, 4, channels, filters)."""
    u: Array = np.einsum("ia,jb,abcf->ijcf", G, G, W, optimize=True)
    return u


def transform_kernels_backward(d_u: Array) -> Array:
    """u = G g G^T, so d_g = G^T d_u G."""
    d_W: Array = np.einsum("ia,jb,ijcf->abcf", G, G, d_u, optimize=True)
    return d_W


def transform_input(x: Array) -> Array:
    """v = B^T d B for each tile d of padded images: (4, 4, n, rows, columns, channels).

    x is (n, 2 rows + 2, 2 columns + 2, channels). Tiles are two pixels apart and overlap by two. So
    the k-th rows of all tiles are every second row of the image, from row k on.
    """
    n, height, width, channels = x.shape
    by_row = np.empty((4, n, height // 2 - 1, width, channels), x.dtype)
    apply_B_transposed([every_second(x, 1, k) for k in range(4)], by_row)
    v = np.empty((4, *by_row.shape[:3], width // 2 - 1, channels), x.dtype)
    apply_B_transposed([every_second(by_row, 3, k) for k in range(4)], v.swapaxes(0, 1))
    return v


def transform_input_backward(d_v: Array) -> Array:
    """v = B^T d B, so d_d = B d_v B^T; a pixel gets the sum over the up to four tiles it is in."""
    _, _, n, rows, columns, channels = d_v.shape
    d_by_row = np.zeros((4, n, rows, 2 * columns + 2, channels), d_v.dtype)
    add_B(d_v.swapaxes(0, 1), [every_second(d_by_row, 3, k) for k in range(4)])
    d_x = np.zeros((n, 2 * rows + 2, 2 * columns + 2, channels), d_v.dtype)
    add_B(d_by_row, [every_second(d_x, 1, k) for k in range(4)])
    return d_x


def transform_products(m: Array) -> Array:
    """y = A^T m A: products (4, 4, ...) to outputs (2, 2, ...), by row and column in the tile."""
    by_row = np.empty((2, *m.shape[1:]), m.dtype)
    apply_A_transposed(m, by_row)
    y = np.empty((2, 2, *m.shape[2:]), m.dtype)
    apply_A_transposed(by_row.swapaxes(0, 1), y.swapaxes(0, 1))
    return y


def transform_products_backward(d_y: Array) -> Array:
    """y = A^T m A, so d_m = A d_y A^T."""
    by_row = np.empty((4, *d_y.shape[1:]), d_y.dtype)
    apply_A(d_y, by_row)
    d_m = np.empty((4, 4, *d_y.shape[2:]), d_y.dtype)
    apply_A(by_row.swapaxes(0, 1), d_m.swapaxes(0, 1))
    return d_m


def apply_B_transposed(d: list[Array], v: Array) -> None:
    np.subtract(d[0], d[2], out=v[0])
    np.add(d[1], d[2], out=v[1])
    np.subtract(d[2], d[1], out=v[2])
    np.subtract(d[1], d[3], out=v[3])


def add_B(d_v: Array, d_d: list[Array]) -> None:
    d_d[0] += d_v[0]
    d_d[1] += d_v[1] - d_v[2] + d_v[3]
    d_d[2] += d_v[1] + d_v[2] - d_v[0]
    d_d[3] -= d_v[3]


def apply_A_transposed(m: Array, y: Array) -> None:
    np.add(m[1], m[2], out=y[0])
    y[0] += m[0]
    np.subtract(m[1], m[2], out=y[1])
    y[1] -= m[3]


def apply_A(d_y: Array, d_m: Array) -> None:
    d_m[0] = d_y[0]
    np.add(d_y[0], d_y[1], out=d_m[1])
    np.subtract(d_y[0], d_y[1], out=d_m[2])
    np.negative(d_y[1], out=d_m[3])


def every_second(x: Array, axis: int, first: int) -> Array:
    """Return a view of every second row (or column) of `axis` from `first` on, one per tile."""
    n_tiles = x.shape[axis] // 2 - 1
    return x[(slice(None),) * axis + (slice(first, first + 2 * n_tiles, 2),)]
