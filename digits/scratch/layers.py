"""Layers: what each one computes, and how the gradient of the loss L comes back through it.

`forward(x, generator)` returns y and the values that `backward` needs. The generator is None except
in training. `backward(d_y, saved, gradients)` returns d_x and writes the parameters' gradients into
the arrays gradients["W"] and gradients["b"]. The network sets the parameters as attributes, W and
b. A layer stores nothing between the two calls, so threads can share it.
"""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.random import Generator
from numpy.typing import NDArray

Array = NDArray[np.floating]  # float32 in a training; tests compute in float64, too
Gradients = dict[str, Array]  # by the name of the parameter

# A convolution multiplies the windows of this many images at a time: they fit in the cache.
BLOCK = 8


class Layer(ABC):
    """The interface of a layer. The defaults are those of a layer without parameters."""

    W: Array
    b: Array
    positions_per_output = 1  # How many kernel positions an output value comes from.
    differs_in_training = False  # Whether forward uses its generator.
    couples_samples = False  # Whether an output depends on the other samples of its batch.
    needs_d_x = True  # False in the first layer with parameters: nothing uses its d_x.

    @abstractmethod
    def forward(self, x: Array, generator: Generator | None) -> tuple[Array, Any]:
        """Return y, and what `backward` needs as `saved`."""

    @abstractmethod
    def backward(self, d_y: Array, saved: Any, gradients: Gradients) -> Array | None:
        """Write the parameters' gradients; return d_x, or None if the layer does not need it."""


class Dense(Layer):
    """y = x W + b, with x (n, n_in), W (n_in, n_out), b (n_out,)."""

    def forward(self, x: Array, generator: Generator | None) -> tuple[Array, Any]:
        return x @ self.W + self.b, x

    def backward(self, d_y: Array, x: Array, gradients: Gradients) -> Array | None:
        """y_ij = sum_k x_ik W_kj + b_j, so d_W = x^T d_y, d_b = sum_i d_y_i, d_x = d_y W^T."""
        np.matmul(x.T, d_y, out=gradients["W"])
        gradients["b"][...] = column_sums(d_y)
        return d_y @ self.W.T if self.needs_d_x else None


class Conv(Layer):
    """y_nijf = sum_abc x_n,i+a,j+b,c W_abcf + b_f: each kernel times the window at each pixel.

    x is (n, height, width, channels), W (size, size, channels, filters), b (filters,). Windows as
    rows ("im2col"), (n * out_height * out_width, size * size * channels), make the sum a matrix
    product: y = windows(x) W + b.
    """

    def __init__(self, stride: int = 1, padding: str = "same"):
        self.stride, self.padding = stride, padding

    def forward(self, x: Array, generator: Generator | None) -> tuple[Array, Any]:
        size, filters = len(self.W), self.W.shape[-1]
        x = pad(x, size) if self.padding == "same" else x
        kernels = self.W.reshape(-1, filters)
        y = [
            windows(x[i : i + BLOCK], size, self.stride).reshape(-1, len(kernels)) @ kernels
            for i in range(0, len(x), BLOCK)
        ]
        height, width = ((length - size) // self.stride + 1 for length in x.shape[1:3])
        return np.concatenate(y).reshape(len(x), height, width, filters) + self.b, x

    def backward(self, d_y: Array, x: Array, gradients: Gradients) -> Array | None:
        """As in Dense, on windows: d_W = windows(x)^T d_y, d_b = sum d_y, d_windows = d_y W^T.

        A pixel gets the sum over its windows: d_x_n,i+a,j+b,c += d_windows_nij,abc.
        """
        size, filters = len(self.W), self.W.shape[-1]
        kernels = self.W.reshape(-1, filters)
        d_kernels, d_x = np.zeros_like(kernels), np.zeros_like(x)
        for i in range(0, len(x), BLOCK):
            x_windows = windows(x[i : i + BLOCK], size, self.stride)
            d_rows = d_y[i : i + BLOCK].reshape(-1, filters)
            d_kernels += x_windows.reshape(-1, len(kernels)).T @ d_rows
            if self.needs_d_x:
                self.add_windows(d_x[i : i + BLOCK], (d_rows @ kernels.T).reshape(x_windows.shape))
        gradients["W"][...] = d_kernels.reshape(self.W.shape)
        gradients["b"][...] = column_sums(d_y.reshape(-1, filters))
        if not self.needs_d_x:
            return None
        return unpad(d_x, size) if self.padding == "same" else d_x

    def add_windows(self, d_x: Array, d_windows: Array) -> None:
        """Add the gradient of each window to the pixels in it, in place."""
        _, height, width, size, _, _ = d_windows.shape
        for a, b in np.ndindex(size, size):
            rows = slice(a, a + self.stride * height, self.stride)
            columns = slice(b, b + self.stride * width, self.stride)
            d_x[:, rows, columns] += d_windows[:, :, :, a, b]


class MaxPool(Layer):
    """y_nijc = max_ab x_n,(size i + a),(size j + b),c: the maximum of each separate window."""

    def __init__(self, size: int):
        self.size = size

    def forward(self, x: Array, generator: Generator | None) -> tuple[Array, Any]:
        y = self.corner(x, 0, 0)
        for a, b in np.ndindex(self.size, self.size):
            y = np.maximum(y, self.corner(x, a, b))
        return y, (x, y)

    def backward(self, d_y: Array, saved: tuple[Array, Array], gradients: Gradients) -> Array:
        """Only the maximum moves y, so it gets all of d_y; the first one, if several are equal."""
        x, y = saved
        d_x = np.empty_like(x)
        free = np.ones(y.shape, bool)
        for a, b in np.ndindex(self.size, self.size):
            chosen = (self.corner(x, a, b) == y) & free
            free &= ~chosen
            np.multiply(d_y, chosen, out=self.corner(d_x, a, b))
        return d_x

    def corner(self, x: Array, a: int, b: int) -> Array:
        """Return the view of pixel (a, b) of all windows, (n, height / size, width / size, c)."""
        return x[:, a :: self.size, b :: self.size]


class BatchNorm(Layer):
    """y = gamma h + beta, where h = (x - mean) / sqrt(variance + epsilon), for each channel.

    In training, mean and variance are those of the batch. They update the running values: mean <-
    momentum mean + (1 - momentum) batch mean. Prediction uses the running values, so an image's
    output does not depend on its batch (Ioffe and Szegedy, 2015).
    """

    differs_in_training = couples_samples = True
    gamma: Array
    beta: Array

    def __init__(self, mean: Array, variance: Array, momentum: float, epsilon: float):
        self.mean, self.variance = mean.copy(), variance.copy()
        self.momentum, self.epsilon = momentum, epsilon

    def forward(self, x: Array, generator: Generator | None) -> tuple[Array, Any]:
        mean, variance = self.mean, self.variance
        if generator is not None:
            samples = x.reshape(-1, x.shape[-1])
            mean, variance = samples.mean(axis=0), samples.var(axis=0)
            self.mean += (1 - self.momentum) * (mean - self.mean)
            self.variance += (1 - self.momentum) * (variance - self.variance)
        deviation = np.sqrt(variance + self.epsilon)
        h = (x - mean) / deviation
        return self.gamma * h + self.beta, (h, deviation)

    def backward(self, d_y: Array, saved: tuple[Array, Array], gradients: Gradients) -> Array:
        """d_beta = sum d_y and d_gamma = sum d_y h over all samples and pixels; d_h = gamma d_y.

        x moves h directly, through the mean, and through the variance. The mean subtracts mean(d_h)
        from every d_h. The variance is the mean square of x - mean, so it subtracts h mean(d_h h).
        Together: d_x = gamma / deviation (d_y - mean(d_y) - h mean(d_y h)).
        """
        h, deviation = saved
        axes = tuple(range(d_y.ndim - 1))
        n: int = d_y.size // d_y.shape[-1]
        gradients["beta"][...] = d_y.sum(axis=axes)
        gradients["gamma"][...] = (d_y * h).sum(axis=axes)
        return self.gamma / deviation * (d_y - gradients["beta"] / n - h * (gradients["gamma"] / n))


class Relu(Layer):
    """y = max(x, 0)."""

    def forward(self, x: Array, generator: Generator | None) -> tuple[Array, Any]:
        y = np.maximum(x, 0)
        return y, y

    def backward(self, d_y: Array, y: Array, gradients: Gradients) -> Array:
        """dy/dx = 1 where x > 0, and 0 elsewhere."""
        return d_y * (y > 0)


class Sigmoid(Layer):
    """y = 1 / (1 + exp(-x)) = (1 + tanh(x / 2)) / 2; the second form cannot overflow."""

    def forward(self, x: Array, generator: Generator | None) -> tuple[Array, Any]:
        y = (1 + np.tanh(x / 2)) / 2
        return y, y

    def backward(self, d_y: Array, y: Array, gradients: Gradients) -> Array:
        """dy/dx = exp(-x) / (1 + exp(-x))^2 = y (1 - y)."""
        return d_y * y * (1 - y)


class Flatten(Layer):
    """One row for each image, in the order height, width, channels."""

    def forward(self, x: Array, generator: Generator | None) -> tuple[Array, Any]:
        return x.reshape(len(x), -1), x.shape

    def backward(self, d_y: Array, shape: tuple[int, ...], gradients: Gradients) -> Array:
        return d_y.reshape(shape)


class Dropout(Layer):
    """In training y = x m / (1 - rate): m is 0 with probability `rate`, else 1. Otherwise y = x."""

    differs_in_training = True

    def __init__(self, rate: float):
        self.rate = rate

    def forward(self, x: Array, generator: Generator | None) -> tuple[Array, Any]:
        if generator is None:
            return x, None
        kept = generator.random(x.shape, dtype=np.float32) >= self.rate
        scale = kept / x.dtype.type(1 - self.rate)  # The division keeps the mean of x.
        return x * scale, scale

    def backward(self, d_y: Array, scale: Array, gradients: Gradients) -> Array:
        """dy/dx = m / (1 - rate)."""
        return d_y * scale


def windows(x: Array, size: int, stride: int = 1) -> Array:
    """Return a view of the windows of images, (n, rows, columns, size, size, channels)."""
    every = sliding_window_view(x, (size, size), axis=(1, 2))
    return every[:, ::stride, ::stride].transpose(0, 1, 2, 4, 5, 3)


def pad(x: Array, size: int) -> Array:
    """Return images framed with zeros: every pixel has a window; an extra zero goes to the end."""
    frame = (size - 1) // 2, size - 1 - (size - 1) // 2
    return np.pad(x, ((0, 0), frame, frame, (0, 0)))


def unpad(x: Array, size: int) -> Array:
    """Return a view of padded images without their frame."""
    before, after = (size - 1) // 2, size - 1 - (size - 1) // 2
    return x[:, before : x.shape[1] - after, before : x.shape[2] - after]


def column_sums(x: Array) -> Array:
    """Return sum_i x_i, (m,), as a product with ones: several times as fast as x.sum(axis=0)."""
    return np.ones(len(x), x.dtype) @ x
