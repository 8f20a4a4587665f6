"""A model file: an architecture with weights, usable without the data and the framework.

A safetensors file with the weights in the common layout (digits/model/architecture.py). Its
metadata key "digits" holds the rest as one JSON text: safetensors would write several keys in
random order. Reading a file never runs code from it.
"""

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from digits.base.files import rewritten
from digits.base.params import Section
from digits.errors import InputError
from digits.model.architecture import (
    Architecture,
    Shape,
    ShapeError,
    Weights,
    count_parameters,
    weight_shapes,
)
from digits.preprocessing.apply import Preprocessing, network_inputs, normalize

MODEL_FILE = "model.safetensors"


class Description(Section):
    """Everything about a model except its weights."""

    format: Literal["digits-model-1"] = "digits-model-1"
    framework: str
    run: str
    architecture: Architecture
    pixels: Literal["all", "kept"]
    preprocessing: Preprocessing

    @property
    def input_shape(self) -> Shape:
        """The shape of one input of the network: (28, 28, 1), or (n_kept_pixels,)."""
        kept = self.kept_pixels
        return (28, 28, 1) if kept is None else (len(kept),)

    @property
    def kept_pixels(self) -> list[int] | None:
        """The pixels that the network takes; None if it takes whole images."""
        return self.preprocessing.kept_pixels if self.pixels == "kept" else None


class Model:
    """A description and its weights."""

    def __init__(self, description: Description, weights: Weights):
        self.description = description
        self.weights = weights

    def describe(self) -> dict[str, Any]:
        """Return the description, ready for JSON, with the layers as in params.yaml."""
        layers = [layer.as_data() for layer in self.description.architecture]
        return self.description.model_dump() | {"architecture": layers}

    def count_parameters(self) -> int:
        """Return how many numbers training adjusts by their gradient."""
        return count_parameters(self.description.architecture, self.description.input_shape)

    def inputs(self, images: np.ndarray) -> np.ndarray:
        """Return raw images, uint8 (n, 28, 28), 0 background and 255 ink, as network inputs."""
        preprocessing = self.description.preprocessing
        return self.inputs_from_normalized(normalize(images, preprocessing.mean, preprocessing.std))

    def inputs_from_normalized(self, images: np.ndarray) -> np.ndarray:
        """Return normalised images, float32 (n, 28, 28), as network inputs."""
        return network_inputs(images, self.description.kept_pixels)


def write_model(path: Path, model: Model) -> None:
    """Write the model file, whole or not at all."""
    with rewritten(path) as partial:
        save_file(model.weights, partial, metadata={"digits": json.dumps(model.describe())})


def load_model(path: Path) -> Model:
    """Return the model in a file, or in a run's folder such as models/torch/cnn.

    Raises InputError as `read_model` does.
    """
    return read_model(path / MODEL_FILE if path.is_dir() else path)


def read_model(path: Path) -> Model:
    """Return the model in a file.

    Raises InputError unless it is a model file of this project, with finite weights that fit its
    architecture.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get("digits")
            names = list(file.keys())
            weights = {name: file.get_tensor(name) for name in names}
        if text is None:
            raise InputError(
                f"{path}: is not a model file of this project: its metadata has no 'digits'"
            )
        description = Description.model_validate_json(text)
        shapes = weight_shapes(description.architecture, description.input_shape)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error}; run `dvc repro`") from None
    except (SafetensorError, ValidationError, ShapeError) as error:
        raise InputError(f"{path}: is not a model file of this project: {error}") from None
    check_weights(path, weights, shapes)
    return Model(description, {name: weights[name] for name in shapes})


def check_weights(path: Path, weights: Weights, shapes: dict[str, Shape]) -> None:
    """Raise InputError unless there is a finite float32 array of each shape, and no other array."""
    for name in sorted(shapes.keys() ^ weights.keys()):
        problem = "missing" if name in shapes else "not in the architecture"
        raise InputError(f"{path}: weights {name} are {problem}")
    for name, shape in shapes.items():
        array = weights[name]
        if array.shape != shape or array.dtype != np.float32:
            found = f"{array.dtype} {array.shape}"
            raise InputError(f"{path}: weights {name} are {found}; expected float32 {shape}")
        if not np.isfinite(array).all():
            raise InputError(f"{path}: weights {name} are not all finite")
