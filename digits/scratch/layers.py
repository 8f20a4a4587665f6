"""Layers: what each computes, and how the gradient of the loss L comes back through it.

forward(x, generator) returns y and whatever backward will need of x; a generator is given in
training only. backward(d_y, saved, gradients) returns d_x and writes the gradients of the layer's
parameters into the arrays gradients["W"] and gradients["b"]. Layers keep nothing between the two
calls, so several threads may use one. Parameters W and b are attributes that the network sets.
"""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

Gradients = dict[str, np.ndarray]

# Images that one product of the convolution takes together: few enough for their windows to stay in
# the processor's cache.
BLOCK = 8


class Layer:
    """A layer that has no parameters unless it says so."""

    W: np.ndarray
    b: np.ndarray
    # That go into one value of the output; more where pooling is part of the layer.
    places_a_value = 1
    differs_in_training = False  # whether forward looks at the generator
    # Whether a sample's output depends on the others in the batch, which then cannot be cut into
    # shards.
    couples_samples = False
    # The first layer with parameters does not: nobody asks for the gradient of the images.
    needs_d_x = True

    def forward(
        self, x: np.ndarray, generator: np.random.Generator | None
    ) -> tuple[np.ndarray, Any]:
        raise NotImplementedError

    def backward(self, d_y: np.ndarray, saved: Any, gradients: Gradients) -> np.ndarray | None:
        raise NotImplementedError


class Dense(Layer):
    """y = x W + b, with x (n, n_in), W (n_in, n_out), b (n_out,)."""

    def forward(self, x, generator):
        return x @ self.W + self.b, x

    def backward(self, d_y, x, gradients):
        """y_ij = sum_k x_ik W_kj + b_j, so d_W = x^T d_y, d_b = sum_i d_y_i, d_x = d_y W^T."""
        np.matmul(x.T, d_y, out=gradients["W"])
        gradients["b"][...] = column_sums(d_y)
        return d_y @ self.W.T if self.needs_d_x else None


class Conv(Layer):
    """y_nijf = sum_abc x_n,i+a,j+b,c W_abcf + b_f: each output pixel is the product of the window
    at its place with each kernel.

    x (n, height, width, channels), W (size, size, channels, filters), b (filters,). Laid out as
    rows ("im2col"), the windows turn the sum into one matrix product: y = windows(x) W + b, with
    windows (n * out_height * out_width, size * size * channels).
    """

    def __init__(self, stride: int = 1, padding: str = "same"):
        self.stride, self.padding = stride, padding

    def forward(self, x, generator):
        size, filters = len(self.W), self.W.shape[-1]
        x = pad(x, size) if self.padding == "same" else x
        kernels = self.W.reshape(-1, filters)
        y = [
            windows(x[i : i + BLOCK], size, self.stride).reshape(-1, len(kernels)) @ kernels
            for i in range(0, len(x), BLOCK)
        ]
        height, width = ((length - size) // self.stride + 1 for length in x.shape[1:3])
        return np.concatenate(y).reshape(len(x), height, width, filters) + self.b, x

    def backward(self, d_y, x, gradients):
        """As in a dense layer on windows: d_W = windows(x)^T d_y, d_b = sum d_y, d_windows = d_y
        W^T.

        A pixel is in several windows, so its gradient is the sum over those: d_x_n,i+a,j+b,c +=
        d_windows_nij,abc.
        """
        size, filters = len(self.W), self.W.shape[-1]
        kernels = self.W.reshape(-1, filters)
        d_kernels = np.zeros_like(kernels)
        d_x = np.zeros_like(x)
        for i in range(0, len(x), BLOCK):
            of_block = windows(x[i : i + BLOCK], size, self.stride)
            d_rows = d_y[i : i + BLOCK].reshape(-1, filters)
            d_kernels += of_block.reshape(-1, len(kernels)).T @ d_rows
            if self.needs_d_x:
                self.add_windows(d_x[i : i + BLOCK], (d_rows @ kernels.T).reshape(of_block.shape))
        gradients["W"][...] = d_kernels.reshape(self.W.shape)
        gradients["b"][...] = column_sums(d_y.reshape(-1, filters))
        if not self.needs_d_x:
            return None
        return unpad(d_x, size) if self.padding == "same" else d_x

    def add_windows(self, d_x: np.ndarray, d_windows: np.ndarray) -> None:
        """Add the gradient of each window to the pixels that it was made of, in place."""
        _, height, width, size, _, _ = d_windows.shape
        for a in range(size):
            for b in range(size):
                rows = slice(a, a + self.stride * height, self.stride)
                columns = slice(b, b + self.stride * width, self.stride)
                d_x[:, rows, columns] += d_windows[:, :, :, a, b]


class MaxPool(Layer):
    """y_nijc = max over a, b of x_n,(size i + a),(size j + b),c: the largest value of each window,
    windows side by side.
    """

    def __init__(self, size: int):
        self.size = size

    def forward(self, x, generator):
        y = self.corner(x, 0, 0)
        for a, b in np.ndindex(self.size, self.size):
            y = np.maximum(y, self.corner(x, a, b))
        return y, (x, y)

    def backward(self, d_y, saved, gradients):
        """Only the maximum moves y, so it gets all of d_y. Of equal ones, which MNIST's paper has
        everywhere, the first one does.
        """
        x, y = saved
        d_x = np.empty_like(x)
        free = np.ones(y.shape, bool)
        for a, b in np.ndindex(self.size, self.size):
            chosen = (self.corner(x, a, b) == y) & free
            free &= ~chosen
            np.multiply(d_y, chosen, out=self.corner(d_x, a, b))
        return d_x

    def corner(self, x: np.ndarray, a: int, b: int) -> np.ndarray:
        """Return a view of the pixels in row a and column b of every window, (n, height / size,
        width / size, channels).
        """
        return x[:, a :: self.size, b :: self.size]


class BatchNorm(Layer):
    """y = gamma h + beta with h = (x - mean) / sqrt(variance + epsilon): each channel with the same
    mean and spread, whatever came before.

    In training mean and variance are the batch's, and the running ones move towards them: mean <-
    momentum mean + (1 - momentum) that of the batch. Otherwise they are the running ones, so that
    an image is classified the same in any company (Ioffe and Szegedy, 2015).
    """

    differs_in_training = True
    couples_samples = True
    gamma: np.ndarray
    beta: np.ndarray

    def __init__(self, mean: np.ndarray, variance: np.ndarray, momentum: float, epsilon: float):
        self.mean, self.variance, self.momentum, self.epsilon = (
            mean.copy(),
            variance.copy(),
            momentum,
            epsilon,
        )

    def forward(self, x, generator):
        mean, variance = self.mean, self.variance
        if generator is not None:
            samples = x.reshape(-1, x.shape[-1])
            mean, variance = samples.mean(axis=0), samples.var(axis=0)
            self.mean += (1 - self.momentum) * (mean - self.mean)
            self.variance += (1 - self.momentum) * (variance - self.variance)
        deviation = np.sqrt(variance + self.epsilon)
        h = (x - mean) / deviation
        return self.gamma * h + self.beta, (h, deviation)

    def backward(self, d_y, saved, gradients):
        """d_beta = sum d_y, d_gamma = sum d_y h, over all samples of a channel. x moves h directly,
        and through mean and variance.

        d_h = gamma d_y. The way through the mean takes from each d_h their mean; the way through
        the variance takes h times mean(d_h h), for the variance is the mean square of x - mean. So
        d_x = gamma / deviation (d_y - mean(d_y) - h mean(d_y h)).
        """
        h, deviation = saved
        axes = tuple(range(d_y.ndim - 1))
        n = d_y.size // d_y.shape[-1]
        gradients["beta"][...] = d_y.sum(axis=axes)
        gradients["gamma"][...] = (d_y * h).sum(axis=axes)
        return self.gamma / deviation * (d_y - gradients["beta"] / n - h * (gradients["gamma"] / n))


class Relu(Layer):
    """y = max(x, 0)."""

    def forward(self, x, generator):
        y = np.maximum(x, 0)
        return y, y

    def backward(self, d_y, y, gradients):
        """y moves with x where x > 0, and not at all elsewhere."""
        return d_y * (y > 0)


class Sigmoid(Layer):
    """y = 1 / (1 + exp(-x)) = (1 + tanh(x / 2)) / 2; the second form overflows nowhere."""

    def forward(self, x, generator):
        y = (1 + np.tanh(x / 2)) / 2
        return y, y

    def backward(self, d_y, y, gradients):
        """dy/dx = exp(-x) / (1 + exp(-x))^2 = y (1 - y)."""
        return d_y * y * (1 - y)


class Flatten(Layer):
    """The values of each image in one row, in the order height, width, channels."""

    def forward(self, x, generator):
        return x.reshape(len(x), -1), x.shape

    def backward(self, d_y, shape, gradients):
        return d_y.reshape(shape)


class Dropout(Layer):
    """In training y = x m / (1 - rate), where each m is 0 with probability `rate` and else 1; y has
    x's mean. Otherwise y = x.
    """

    differs_in_training = True

    def __init__(self, rate: float):
        self.rate = rate

    def forward(self, x, generator):
        if generator is None:
            return x, None
        scale = (generator.random(x.shape, dtype=np.float32) >= self.rate) / x.dtype.type(
            1 - self.rate
        )
        return x * scale, scale

    def backward(self, d_y, scale, gradients):
        return d_y * scale


def windows(x: np.ndarray, size: int, stride: int = 1) -> np.ndarray:
    """Return the size x size windows of images as a view, (n, rows, columns, size, size, channels)."""
    return sliding_window_view(x, (size, size), axis=(1, 2))[:, ::stride, ::stride].transpose(
        0, 1, 2, 4, 5, 3
    )


def pad(x: np.ndarray, size: int) -> np.ndarray:
    """Return images with zeros around them, so that there are as many size x size windows as
    pixels; the odd zero comes last.
    """
    before = (size - 1) // 2
    return np.pad(x, ((0, 0), (before, size - 1 - before), (before, size - 1 - before), (0, 0)))


def unpad(x: np.ndarray, size: int) -> np.ndarray:
    """Return a view of what `pad` put the zeros around."""
    before = (size - 1) // 2
    after = size - 1 - before
    return x[:, before : x.shape[1] - after, before : x.shape[2] - after]


def column_sums(x: np.ndarray) -> np.ndarray:
    """Return the sum of each column of x (n, m), as a product with ones: several times as fast as
    x.sum(axis=0).
    """
    return np.ones(len(x), x.dtype) @ x
