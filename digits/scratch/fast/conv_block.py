"""Convolution, 2 x 2 max pooling and relu as one layer: the same numbers, several times as fast.

What makes it fast:

* The convolution writes four planes, one for each corner of the pooling windows: (4, n, rows,
  columns, filters). Pooling is then the maximum of four whole arrays, at the speed of memory.
* Pooling comes first. Bias and relu keep the order of numbers, so max(relu(a + b), relu(c + b)) =
  relu(max(a, c) + b). After the maximum they work on a quarter of the data.
* It computes a few images at a time: what one step writes is in the cache for the next step.
* 3 x 3 kernels use Winograd's method, with 2.25 times fewer multiplications (winograd.py).
"""

from typing import Any

import numpy as np
from numpy.random import Generator

from digits.scratch.fast import winograd
from digits.scratch.layers import (
    BLOCK,
    Array,
    Conv,
    Gradients,
    Layer,
    MaxPool,
    Relu,
    column_sums,
    pad,
    unpad,
    windows,
)

# Winograd's transforms take some 30 additions a value. They pay if it is in several products.
MIN_WINOGRAD_CHANNELS = 4


class ConvBlock(Layer):
    """y = relu(max_pool(conv(x))): Conv with stride 1, MaxPool(2), Relu."""

    positions_per_output = 4

    def __init__(self, padding: str = "same"):
        self.padding = padding

    def forward(self, x: Array, generator: Generator | None) -> tuple[Array, Any]:
        size, _, channels, _ = self.W.shape
        x = pad(x, size) if self.padding == "same" else x
        uses_winograd = size == 3 and channels >= MIN_WINOGRAD_CHANNELS
        convolution = WinogradPlanes(self.W) if uses_winograd else WindowPlanes(self.W)
        y, saved = [], []
        for start in range(0, len(x), BLOCK):
            planes, saved_planes = convolution.forward(x[start : start + BLOCK])
            running_maximum(planes)
            y.append(np.maximum(planes[-1] + self.b, 0))
            saved.append((saved_planes, planes, y[-1]))
        return np.concatenate(y), (convolution, saved)

    def backward(self, d_y: Array, saved: Any, gradients: Gradients) -> Array | None:
        """Pass d_y through relu, to the maximum of each window, and through the convolution."""
        convolution, blocks = saved
        d_b = np.zeros_like(self.b)
        d_x = []
        for number, (saved_planes, maxima, y) in enumerate(blocks):
            d_maximum = d_y[number * BLOCK : (number + 1) * BLOCK] * (y > 0)
            d_b += column_sums(d_maximum.reshape(-1, len(d_b)))
            d_planes = split_gradient(d_maximum, maxima)
            d_x.append(convolution.backward(d_planes, saved_planes, self.needs_d_x))
        gradients["W"][...] = convolution.d_W()
        gradients["b"][...] = d_b
        if not self.needs_d_x:
            return None
        padded = np.concatenate(d_x)
        return unpad(padded, len(self.W)) if self.padding == "same" else padded


def running_maximum(planes: Array) -> None:
    """Replace each plane by the maximum of it and all before it; the last becomes that of all."""
    for k in range(1, len(planes)):
        np.maximum(planes[k - 1], planes[k], out=planes[k])


def split_gradient(d_maximum: Array, maxima: Array) -> Array:
    """Return the gradient of each plane: the first plane that has the maximum gets all of it.

    The first k planes have the maximum where the k-th running maximum equals the last one. There
    their gradients add up to d_maximum, elsewhere to 0. A plane's own gradient is the difference to
    the sum of the planes before it.
    """
    d_planes = np.empty_like(maxima)
    for k in range(len(maxima)):
        np.equal(maxima[k], maxima[-1], out=d_planes[k], casting="unsafe")  # 0 and 1
        d_planes[k] *= d_maximum
    for k in range(len(maxima) - 1, 0, -1):
        d_planes[k] -= d_planes[k - 1]
    return d_planes


class WindowPlanes:
    """The plain convolution, windows times kernels, with its output in four planes."""

    def __init__(self, W: Array):
        self.shape = W.shape
        self.kernels = W.reshape(-1, W.shape[-1])
        self.d_kernels = np.zeros_like(self.kernels)

    def forward(self, x: Array) -> tuple[Array, Any]:
        """Return the planes and, for backward, the windows as rows and the shape of x."""
        x_windows = windows(x, self.shape[0])
        n, height, width, *window = x_windows.shape
        by_corner = np.empty((2, 2, n, height // 2, width // 2, *window), x.dtype)
        for p, q in np.ndindex(2, 2):
            by_corner[p, q] = x_windows[:, p::2, q::2]
        rows = by_corner.reshape(-1, len(self.kernels))
        return (rows @ self.kernels).reshape(4, n, height // 2, width // 2, -1), (rows, x.shape)

    def backward(self, d_planes: Array, saved: Any, needs_d_x: bool) -> Array | None:
        """Add to the kernels' gradient; return d_x if it is needed."""
        rows, x_shape = saved
        d_rows = d_planes.reshape(len(rows), -1)
        self.d_kernels += rows.T @ d_rows
        if not needs_d_x:
            return None
        size = self.shape[0]
        d_windows = d_rows @ self.kernels.T
        d_windows = d_windows.reshape(2, 2, *d_planes.shape[1:4], size, size, x_shape[-1])
        d_x = np.zeros(x_shape, d_planes.dtype)
        height, width = 2 * d_planes.shape[2], 2 * d_planes.shape[3]
        for p, q, a, b in np.ndindex(2, 2, size, size):
            d_x[:, p + a : height + a : 2, q + b : width + b : 2] += d_windows[p, q, :, :, :, a, b]
        return d_x

    def d_W(self) -> Array:
        return self.d_kernels.reshape(self.shape)


class WinogradPlanes:
    """Winograd's convolution. The 2 x 2 outputs of a tile are a pooling window: four planes."""

    def __init__(self, W: Array):
        kernels = winograd.transform_kernels(W).astype(W.dtype, copy=False)
        self.kernels = kernels.reshape(16, *W.shape[2:])
        self.kernels_transposed = np.ascontiguousarray(self.kernels.transpose(0, 2, 1))
        self.d_kernels = np.zeros_like(self.kernels)

    def forward(self, x: Array) -> tuple[Array, Any]:
        """Return the planes and, for backward, the transformed tiles."""
        tiles = winograd.transform_input(x)
        products = np.matmul(tiles.reshape(16, -1, x.shape[-1]), self.kernels)
        planes = winograd.transform_products(products.reshape(*tiles.shape[:5], -1))
        return planes.reshape(4, *planes.shape[2:]), tiles

    def backward(self, d_planes: Array, tiles: Array, needs_d_x: bool) -> Array | None:
        """Add to the kernels' gradient; return d_x if it is needed."""
        d_y = d_planes.reshape(2, 2, *d_planes.shape[1:])
        d_products = winograd.transform_products_backward(d_y).reshape(16, -1, d_y.shape[-1])
        self.d_kernels += tiles.reshape(16, -1, tiles.shape[-1]).transpose(0, 2, 1) @ d_products
        if not needs_d_x:
            return None
        d_tiles = (d_products @ self.kernels_transposed).reshape(tiles.shape)
        return winograd.transform_input_backward(d_tiles)

    def d_W(self) -> Array:
        d_kernels = self.d_kernels.reshape(4, 4, *self.kernels.shape[1:])
        return winograd.transform_kernels_backward(d_kernels).astype(d_kernels.dtype, copy=False)


def fuse(layers: list[Layer], arrays: list[Gradients]) -> tuple[list[Layer], list[Gradients]]:
    """Return the layers and arrays with a ConvBlock for every block that `find_block` finds."""
    fused_layers: list[Layer] = []
    fused_arrays: list[Gradients] = []
    position = 0
    while position < len(layers):
        conv = find_block(layers[position : position + 3])
        fused_layers.append(ConvBlock(conv.padding) if conv else layers[position])
        fused_arrays.append(arrays[position])
        position += 3 if conv else 1
    return fused_layers, fused_arrays


def find_block(layers: list[Layer]) -> Conv | None:
    """Return the convolution if the layers are Conv, Relu, MaxPool(2) or Conv, MaxPool(2), Relu."""
    match layers:
        case [Conv(stride=1) as conv, Relu(), MaxPool(size=2)]:
            return conv
        case [Conv(stride=1) as conv, MaxPool(size=2), Relu()]:
            return conv
    return None
