"""The weights that every back end starts from: they depend on architecture, initializer and seed
alone.
"""

import numpy as np

from digits.model.architecture import Architecture, Shape, Weights, weight_shapes
from digits.scratch import initializers


def initial_weights(
    architecture: Architecture, input_shape: Shape, initializer: str, seed: int
) -> Weights:
    """Return random W, by `initializer`; gamma and variance are one, all others zero."""
    generator = np.random.default_rng(seed)
    draw = {"he": initializers.he, "xavier": initializers.xavier}[initializer]

    def start(role: str, shape: Shape) -> np.ndarray:
        if role == "W":
            return draw(shape, generator)
        return np.full(shape, role in ("gamma", "variance"), np.float32)

    shapes = weight_shapes(architecture, input_shape)
    return {name: start(name.split(".")[1], shape) for name, shape in shapes.items()}
