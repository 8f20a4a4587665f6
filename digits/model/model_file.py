"""A model: an architecture with weights, and all one needs to use it without the data it was
trained on.

One safetensors file: the weights in the layout of `digits/training/initial_weights.py`, and under
the metadata key "digits" one JSON text with the rest (safetensors writes several keys in random
order, so one holds all). Reading a file never runs anything.
"""

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from digits.base.files import rewritten
from digits.base.section import Section
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


class Description(Section):
    """Everything about a model but its weights."""

    format: Literal["digits-model-1"] = "digits-model-1"
    framework: str
    run: str
    architecture: Architecture
    pixels: Literal["all", "kept"]
    preprocessing: Preprocessing

    @property
    def input_shape(self) -> Shape:
        return input_shape(self.pixels, self.preprocessing)


class Model:
    """A description and its weights."""

    def __init__(self, description: Description, weights: Weights):
        self.description = description
        self.weights = weights

    def describe(self) -> dict[str, Any]:
        """Return the description as JSON has it, layers as params.yaml has them."""
        return self.description.model_dump() | {
            "architecture": [layer.as_data() for layer in self.description.architecture]
        }

    def count_parameters(self) -> int:
        return count_parameters(self.description.architecture, self.description.input_shape)

    def inputs(self, images: np.ndarray) -> np.ndarray:
        """Return raw images, uint8 (n, 28, 28), 0 paper and 255 ink, as the model's network takes
        them.
        """
        preprocessing = self.description.preprocessing
        return self.inputs_from_normalized(normalize(images, preprocessing.mean, preprocessing.std))

    def inputs_from_normalized(self, images: np.ndarray) -> np.ndarray:
        """Return normalised images, float32 (n, 28, 28), as the model's network takes them."""
        return network_inputs(
            images, kept_pixels(self.description.pixels, self.description.preprocessing)
        )


def kept_pixels(pixels: str, preprocessing: Preprocessing) -> list[int] | None:
    return preprocessing.kept_pixels if pixels == "kept" else None


def input_shape(pixels: str, preprocessing: Preprocessing) -> Shape:
    return (len(preprocessing.kept_pixels),) if pixels == "kept" else (28, 28, 1)


def write_model(path: Path, model: Model) -> None:
    with rewritten(path) as partial:
        save_file(model.weights, partial, metadata={"digits": json.dumps(model.describe())})


def read_model(path: Path) -> Model:
    """Return the model; raise InputError unless it is a model file of ours whose weights fit its
    architecture and are finite.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get("digits")
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dict)
        if text is None:
            raise InputError(
                f"{path}: is no model file of this project: its metadata has no 'digits'"
            )
        description = Description.model_validate_json(text)
        shapes = weight_shapes(description.architecture, description.input_shape)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error}; run `dvc repro`") from None
    except (SafetensorError, ValidationError, ShapeError) as error:
        raise InputError(f"{path}: is no model file of this project: {error}") from None
    check_weights(path, weights, shapes)
    return Model(description, {name: weights[name] for name in shapes})


def check_weights(path: Path, weights: Weights, shapes: dict[str, Shape]) -> None:
    """Raise InputError unless there is a finite float32 array of the right shape under each name,
    and no other.
    """
    for name in sorted(shapes.keys() ^ weights.keys()):
        raise InputError(
            f"{path}: weights {name} are {'missing' if name in shapes else 'not in the architecture'}"
        )
    for name, shape in shapes.items():
        if weights[name].shape != shape or weights[name].dtype != np.float32:
            raise InputError(
                f"{path}: weights {name} are {weights[name].dtype} {weights[name].shape}; expected float32 {shape}"
            )
        if not np.isfinite(weights[name]).all():
            raise InputError(f"{path}: weights {name} are not all finite")
