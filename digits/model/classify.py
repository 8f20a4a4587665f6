"""Classify images with a saved model, whatever runs its network."""

from collections.abc import Callable, Sequence

import numpy as np

from digits.model.model_file import Model

# `predict` of a back end's network: layers, weights and inputs to probabilities.
Predict = Callable[..., np.ndarray]


def classify(predict: Predict, model: Model, images: Sequence[np.ndarray]) -> np.ndarray:
    """Return the probabilities of the classes, float32 (n, n_classes).

    Images are uint8 (28, 28) each, as MNIST has them: 0 is background, 255 is ink.
    """
    description = model.description
    inputs = model.inputs(np.stack(images))
    return predict(description.architecture, model.weights, inputs, threads=1)
