"""The weights that training starts from, the same in every framework.

They depend on the architecture, the initializer and the seed alone.
"""

import numpy as np

from digits.model.architecture import Architecture, Shape, Weights, weight_shapes
from digits.scratch import initializers


def initial_weights(
    layers: Architecture, input_shape: Shape, initializer: str, seed: int
) -> Weights:
    """Return float32 weights: W is random, gamma and variance are one, all others are zero."""
    generator = np.random.default_rng(seed)
    draw = {"he": initializers.he, "xavier": initializers.xavier}[initializer]

    def start(role: str, shape: Shape) -> np.ndarray:
        if role == "W":
            return draw(shape, generator)
        return np.full(shape, role in ("gamma", "variance"), np.float32)

    shapes = weight_shapes(layers, input_shape)
    return {name: start(name.split(".")[1], shape) for name, shape in shapes.items()}
