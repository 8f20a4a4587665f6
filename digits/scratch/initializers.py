"""Initial weights: random, so that units differ, and scaled, so that layers keep the spread.

A unit adds fan_in products, so its variance is fan_in times the variance of W times the mean square
of its inputs. A kernel of a convolution has fan_in = size * size * channels values, and each input
value reaches fan_out = size * size * filters outputs.
"""

from math import prod, sqrt

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray


def he(shape: tuple[int, ...], generator: Generator) -> NDArray[np.float32]:
    """Draw W from a normal distribution of variance 2 / fan_in (He et al., 2015).

    Relu halves the mean square of its inputs, and the factor 2 restores it.
    """
    return generator.normal(0, sqrt(2 / prod(shape[:-1])), shape).astype(np.float32)


def xavier(shape: tuple[int, ...], generator: Generator) -> NDArray[np.float32]:
    """Draw W from a uniform distribution of variance 2 / (fan_in + fan_out).

    1 / fan_in would keep the spread of the outputs in the forward pass. 1 / fan_out would keep the
    spread of the gradients in the backward pass. This variance is between the two (Glorot and
    Bengio, 2010). A uniform distribution from -a to a has the variance a^2 / 3.
    """
    fan_in, fan_out = prod(shape[:-1]), prod(shape[:-2]) * shape[-1]
    limit = sqrt(6 / (fan_in + fan_out))
    return generator.uniform(-limit, limit, shape).astype(np.float32)
