"""Small models, and what a model is made of."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from digits.model.architecture import weight_shapes
from digits.model.model_file import Description, Model
from digits.preprocessing.apply import Preprocessing, normalize
from digits.training.backend import load_backend
from digits.training.loop import TrainingData, train
from digits.training.run import load_run
from tests.support.paths import SMALL_PARAMS

CLASS_NAMES = ["a", "b", "c"]
DIGITS = [str(digit) for digit in range(10)]


def make_preprocessing(
    kept_pixels: Sequence[int] = range(784), class_names: Sequence[str] = DIGITS
) -> Preprocessing:
    """Return what preprocess decides for ink from 0 to 1."""
    return Preprocessing(
        dataset="mnist",
        class_names=list(class_names),
        normalization="zero_one",
        mean=0.0,
        std=255.0,
        kept_pixels=list(kept_pixels),
    )


PREPROCESSING = make_preprocessing(range(100, 700))


def make_model(
    architecture: list[Any], pixels: Literal["all", "kept"] = "all", kept: int = 784
) -> Model:
    """Return a model of three classes with the weights 0, 1, 2, ..."""
    description = Description(
        framework="scratch",
        run="a",
        architecture=architecture,
        pixels=pixels,
        preprocessing=make_preprocessing(range(kept), CLASS_NAMES),
    )
    weights = {}
    for name, shape in weight_shapes(description.architecture, description.input_shape).items():
        weights[name] = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    return Model(description, weights)


def train_mlp(images: np.ndarray, labels: np.ndarray, epochs: int) -> Model:
    """Return the scratch mlp of the tests' params.yaml, trained on raw images, uint8 (n, 28, 28).

    The last 100 images are its validation split.
    """
    run = load_run("scratch", "mlp", SMALL_PARAMS)
    recipe = run.recipe.model_copy(update={"epochs": epochs})
    x, y = normalize(images, 0.0, 255.0), labels.astype(np.int64)
    data = TrainingData(make_preprocessing(), (x[:-100], y[:-100]), (x[-100:], y[-100:]))
    return train(load_backend("scratch"), replace(run, recipe=recipe), data)[0]
