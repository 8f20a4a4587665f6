"""--to keras: a .keras file of standard layers, for keras.saving.load_model with safe_mode on.

Contract: digits/export/formats.py. A .keras file is a zip archive. Keras has no place in it for our
metadata, so this module adds the member digits.json.
"""

import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile

# This import comes first: it sets environment variables that TensorFlow reads at its import.
from digits.backends.tf import network

# isort: split
import keras
import numpy as np

from digits.model.model_file import Model

METADATA = "digits.json"


def write(path: Path, model: Model, metadata: dict[str, Any]) -> None:
    """Write the model and its metadata, the result of `describe`."""
    description = model.description
    built = network.build(description.architecture, description.input_shape, seed=0)
    built.set_weights(list(model.weights.values()))
    images = keras.Input((28, 28), name="images")
    x = from_raw(images, model)
    for layer in built.layers:
        x = layer(x)
    keras.Model(images, x, name="digits").save(path)
    with ZipFile(path, "a") as archive:
        archive.writestr(METADATA, json.dumps(metadata))


def from_raw(images: keras.KerasTensor, model: Model) -> keras.KerasTensor:
    """Return the network's input: normalised images with a channel axis, or their kept pixels."""
    preprocessing = model.description.preprocessing
    mean, std = preprocessing.mean, preprocessing.std
    x = keras.layers.Rescaling(1 / std, offset=-mean / std)(images)
    kept = model.description.kept_pixels
    if kept is None:
        return keras.layers.Reshape((28, 28, 1))(x)
    return keras.ops.take(keras.layers.Flatten()(x), kept, axis=1)


def logits(path: Path, images: np.ndarray) -> np.ndarray:
    """Load the file as its users do; return the logits, float32 (n, n_classes)."""
    found: np.ndarray = keras.saving.load_model(path, safe_mode=True).predict_on_batch(images)
    return found
