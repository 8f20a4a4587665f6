"""Initial weights: random, so that units differ, and of a spread that neither fades nor explodes
from layer to layer.

A unit adds up fan_in products, so its variance is fan_in times that of W times the mean square of
its inputs. For a convolution, fan_in counts the values of one kernel over all channels, and fan_out
as many for each filter.
"""

from math import prod, sqrt

import numpy as np


def he(shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """Draw from a normal distribution of variance 2 / fan_in (He et al., 2015): relu halves the
    mean square, the 2 restores it.
    """
    return generator.normal(0, sqrt(2 / prod(shape[:-1])), shape).astype(np.float32)


def xavier(shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """Draw from a uniform distribution of variance 2 / (fan_in + fan_out) (Glorot and Bengio,
    2010).

    1 / fan_in would keep the spread on the way forward, 1 / fan_out that of the gradients on the
    way back: this lies between the two. The variance of a uniform distribution from -a to a is a^2
    / 3.
    """
    fan_in, fan_out = prod(shape[:-1]), prod(shape[:-2]) * shape[-1]
    limit = sqrt(6 / (fan_in + fan_out))
    return generator.uniform(-limit, limit, shape).astype(np.float32)
