"""--to keras: a .keras file of standard layers, for keras.saving.load_model with safe_mode on, as
it is. Contract: digits/commands/export.py.

Keras has no place for what `describe` returned: it is the member digits.json of the .keras file,
which is a zip archive.
"""

import json
import os
from pathlib import Path
from typing import Any
from zipfile import ZipFile

# Before any import of TensorFlow, as in digits/backends/tf/network.py.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

from digits.backends.tf import network as backend_tf
from digits.model.model_file import Model, kept_pixels


def write(path: Path, model: Model, metadata: dict[str, Any]) -> None:
    description, preprocessing = model.description, model.description.preprocessing
    network = backend_tf.build(description.architecture, description.input_shape, seed=0)
    network.set_weights(list(model.weights.values()))
    images = keras.Input((28, 28), name="images")
    x = keras.layers.Rescaling(
        1 / preprocessing.std, offset=-preprocessing.mean / preprocessing.std
    )(images)
    kept = kept_pixels(description.pixels, preprocessing)
    x = (
        keras.layers.Reshape((28, 28, 1))(x)
        if kept is None
        else keras.ops.take(keras.layers.Flatten()(x), kept, axis=1)
    )
    for layer in network.layers:
        x = layer(x)
    keras.Model(images, x, name="digits").save(path)
    with ZipFile(path, "a") as archive:
        archive.writestr("digits.json", json.dumps(metadata))


def logits(path: Path, images: np.ndarray) -> np.ndarray:
    return keras.saving.load_model(path, safe_mode=True).predict_on_batch(images)
