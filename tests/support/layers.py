"""Layers of the engine, called one at a time."""

from typing import Any

import numpy as np

from digits.scratch.layers import Layer

ROLES = ("W", "b", "gamma", "beta")


def backward(layer: Layer, d_y: np.ndarray, saved: Any) -> tuple[Any, dict[str, np.ndarray]]:
    """Return the gradient of the layer's input, and those of its parameters by name."""
    gradients = {
        role: np.full_like(getattr(layer, role), np.nan) for role in ROLES if hasattr(layer, role)
    }
    return layer.backward(d_y, saved, gradients), gradients
