"""--to keras: a .keras file of standard layers, for keras.saving.load_model with safe_mode on.

Contract: digits/export/formats.py. A .keras file is a zip archive. Keras has no place in it for our
metadata, so this module adds the member digits.json. The file loads in Keras 3.5 and later. A
fresh process writes the same bytes for the same model.
"""

import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

# This import comes first: it sets environment variables that TensorFlow reads at its import.
from digits.backends.tf import network

# isort: split
import keras
import numpy as np

from digits.model.model_file import Model

CONFIG, SAVED, METADATA = "config.json", "metadata.json", "digits.json"
DATE = "1980-01-01@00:00:00"  # KerasFileEditor needs one; this is the date of ZipInfo too
# Arguments that came after Keras 3.5, with the value that older versions imply.
NEWER = {
    "input_axes": None,  # of initializers
    "output_axes": None,
    "optional": False,  # of the input
    "ragged": False,
    "quantization_config": None,  # of dense layers
    "renorm": False,  # of batch normalisation
    "renorm_clipping": None,
    "renorm_momentum": 0.99,
}


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
    with ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members[CONFIG])
    members[CONFIG] = json.dumps(without_newer(config)).encode()
    members[SAVED] = json.dumps(json.loads(members[SAVED]) | {"date_saved": DATE}).encode()
    members[METADATA] = json.dumps(metadata).encode()
    with ZipFile(path, "w") as archive:
        for name, member in members.items():
            archive.writestr(ZipInfo(name), member)


def without_newer(config: Any) -> Any:
    """Return a part of a model's configuration without the arguments that Keras 3.5 lacks.

    It also drops the memory addresses by which Keras shares equal type policies between layers.
    Raises ValueError if such an argument has another value than the one that Keras 3.5 implies.
    """
    if isinstance(config, list):
        return [without_newer(item) for item in config]
    if not isinstance(config, dict):
        return config
    for key, implied in NEWER.items():
        if key in config and config[key] != implied:
            raise ValueError(f"{key} is {config[key]!r}; older versions of Keras cannot express it")
    if str(config.get("module")).startswith("keras.src.ops."):
        # Operations took no name then. Their layer has it too.
        own = {key: value for key, value in config["config"].items() if key != "name"}
        config = config | {"config": own}
    dropped = {*NEWER, "shared_object_id"}
    return {key: without_newer(value) for key, value in config.items() if key not in dropped}


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
