"""Winograd's convolution F(2x2, 3x3): the same numbers as a plain 3 x 3 convolution, with 2.25
times fewer multiplications.

In one dimension, two neighbouring outputs of a kernel g of three values take 2 * 3 = 6
multiplications:

    y_0 = d_0 g_0 + d_1 g_1 + d_2 g_2,    y_1 = d_1 g_0 + d_2 g_1 + d_3 g_2.

Four are enough (S. Winograd, "Arithmetic Complexity of Computations", 1980). With

    m_0 = (d_0 - d_2) g_0,    m_1 = (d_1 + d_2) (g_0 + g_1 + g_2) / 2,
    m_3 = (d_1 - d_3) g_2,    m_2 = (d_2 - d_1) (g_0 - g_1 + g_2) / 2,

y_0 = m_0 + m_1 + m_2 and y_1 = m_1 - m_2 - m_3. As matrices, y = A^T ((G g) * (B^T d)), where * is
element by element. In two dimensions this is done to rows and to columns, Y = A^T ((G g G^T) * (B^T
d B)) A: a tile of 4 x 4 inputs gives 2 x 2 outputs with 16 multiplications instead of 36 (A. Lavin
and S. Gray, "Fast Algorithms for Convolutional Neural Networks", 2016). Summed over the channels,
the products at one of the 16 places are one matrix product over all tiles, so the convolution is 16
of them.

Every step is linear in each argument, so its gradient is the transposed step: the functions below
come in pairs.
"""

import numpy as np

G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]], np.float32)


def transform_kernels(W: np.ndarray) -> np.ndarray:
    """Return G g G^T of each kernel: W (3, 3, channels, filters) becomes (4, 4, channels, filters)."""
    return np.einsum("ia,jb,abcf->ijcf", G, G, W, optimize=True)


def transform_kernels_backward(d_u: np.ndarray) -> np.ndarray:
    """u = G g G^T, so d_g = G^T d_u G."""
    return np.einsum("ia,jb,ijcf->abcf", G, G, d_u, optimize=True)


def transform_input(x: np.ndarray) -> np.ndarray:
    """Return B^T d B of each tile of padded images (n, 2 rows + 2, 2 columns + 2, channels): (4, 4,
    n, rows, columns, channels).

    Tiles are two pixels apart and overlap by two. The k-th rows of all tiles are every second row
    of the image, from row k on.
    """
    n, height, width, channels = x.shape
    by_row = np.empty((4, n, height // 2 - 1, width, channels), x.dtype)
    apply_B_transposed([every_second(x, 1, k) for k in range(4)], by_row)
    v = np.empty((4, *by_row.shape[:3], width // 2 - 1, channels), x.dtype)
    apply_B_transposed([every_second(by_row, 3, k) for k in range(4)], v.swapaxes(0, 1))
    return v


def transform_input_backward(d_v: np.ndarray) -> np.ndarray:
    """v = B^T d B, so d_d = B d_v B^T; a pixel is in up to four tiles and gets the sum of their
    gradients.
    """
    _, _, n, rows, columns, channels = d_v.shape
    d_by_row = np.zeros((4, n, rows, 2 * columns + 2, channels), d_v.dtype)
    add_B(d_v.swapaxes(0, 1), [every_second(d_by_row, 3, k) for k in range(4)])
    d_x = np.zeros((n, 2 * rows + 2, 2 * columns + 2, channels), d_v.dtype)
    add_B(d_by_row, [every_second(d_x, 1, k) for k in range(4)])
    return d_x


def transform_products(m: np.ndarray) -> np.ndarray:
    """Return A^T m A: products (4, 4, ...) become outputs (2, 2, ...), by their row and column in
    the tile.
    """
    by_row = np.empty((2, *m.shape[1:]), m.dtype)
    apply_A_transposed(m, by_row)
    y = np.empty((2, 2, *m.shape[2:]), m.dtype)
    apply_A_transposed(by_row.swapaxes(0, 1), y.swapaxes(0, 1))
    return y


def transform_products_backward(d_y: np.ndarray) -> np.ndarray:
    """y = A^T m A, so d_m = A d_y A^T."""
    by_row = np.empty((4, *d_y.shape[1:]), d_y.dtype)
    apply_A(d_y, by_row)
    d_m = np.empty((4, 4, *d_y.shape[2:]), d_y.dtype)
    apply_A(by_row.swapaxes(0, 1), d_m.swapaxes(0, 1))
    return d_m


def apply_B_transposed(d, v: np.ndarray) -> None:
    np.subtract(d[0], d[2], out=v[0])
    np.add(d[1], d[2], out=v[1])
    np.subtract(d[2], d[1], out=v[2])
    np.subtract(d[1], d[3], out=v[3])


def add_B(d_v: np.ndarray, d_d) -> None:
    d_d[0] += d_v[0]
    d_d[1] += d_v[1] - d_v[2] + d_v[3]
    d_d[2] += d_v[1] + d_v[2] - d_v[0]
    d_d[3] -= d_v[3]


def apply_A_transposed(m: np.ndarray, y: np.ndarray) -> None:
    np.add(m[1], m[2], out=y[0])
    y[0] += m[0]
    np.subtract(m[1], m[2], out=y[1])
    y[1] -= m[3]


def apply_A(d_y: np.ndarray, d_m: np.ndarray) -> None:
    d_m[0] = d_y[0]
    np.add(d_y[0], d_y[1], out=d_m[1])
    np.subtract(d_y[0], d_y[1], out=d_m[2])
    np.negative(d_y[1], out=d_m[3])


def every_second(x: np.ndarray, axis: int, first: int) -> np.ndarray:
    """Return a view of every second row (or column) of `axis` from `first` on, as many as there are
    tiles.
    """
    n_tiles = x.shape[axis] // 2 - 1
    return x[(slice(None),) * axis + (slice(first, first + 2 * n_tiles, 2),)]
