"""Weights in the one layout that every back end starts from and returns to.

A dict of float32 arrays by name ("0_conv.W"), in the order of the layers: dense W (n_in, n_out), conv W (kernel_size, kernel_size,
n_in, n_out), b (n_out,). Flat vectors are in the order height, width, channels. Initial weights depend on architecture and seed alone.
"""

from math import prod, sqrt

import numpy as np

from digits.architecture import Architecture, Shape, weight_shapes

Weights = dict[str, np.ndarray]


def initial_weights(architecture: Architecture, input_shape: Shape, initializer: str, seed: int) -> Weights:
    """Return random W, by `initializer`, and zero b."""
    generator = np.random.default_rng(seed)
    shapes = weight_shapes(architecture, input_shape)
    draw = {"he": draw_he, "xavier": draw_xavier}[initializer]
    return {name: draw(shape, generator) if name.endswith(".W") else np.zeros(shape, np.float32) for name, shape in shapes.items()}


def draw_he(shape: Shape, generator: np.random.Generator) -> np.ndarray:
    """Draw from a normal distribution of variance 2 / fan_in (He et al., 2015): relu halves the variance, the 2 restores it."""
    return generator.normal(0, sqrt(2 / prod(shape[:-1])), shape).astype(np.float32)


def draw_xavier(shape: Shape, generator: np.random.Generator) -> np.ndarray:
    """Draw from a uniform distribution of variance 2 / (fan_in + fan_out) (Glorot and Bengio, 2010)."""
    fan_in, fan_out = prod(shape[:-1]), prod(shape[:-2]) * shape[-1]
    limit = sqrt(6 / (fan_in + fan_out))
    return generator.uniform(-limit, limit, shape).astype(np.float32)
