"""Classify images with a saved model, in any back end."""

from collections.abc import Callable, Sequence

import numpy as np

from digits.model.model_file import Model

# A back end's `predict`: from layers, weights and inputs to probabilities.
Predict = Callable[..., np.ndarray]


def classify(predict: Predict, model: Model, images: Sequence[np.ndarray]) -> np.ndarray:
    """Return the probabilities of the classes, float32 (n, n_classes).

    Each image is uint8 (28, 28), in MNIST's form: 0 is background, 255 is ink.
    """
    description = model.description
    inputs = model.inputs(np.stack(images))
    return predict(description.architecture, model.weights, inputs, threads=1)
