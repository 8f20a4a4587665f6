"""A model to export: it would show an error in any part of what is exported."""

from typing import Literal

from digits.model.architecture import Architecture
from digits.model.model_file import Description, Model
from digits.preprocessing.apply import Preprocessing
from tests.support.networks import ALL_LAYERS, weights_of


def make_model(
    architecture: Architecture = ALL_LAYERS, pixels: Literal["all", "kept"] = "all"
) -> Model:
    """Return a model whose input is not zero in the background.

    The pixels that it keeps are not side by side.
    """
    preprocessing = Preprocessing(
        dataset="mnist",
        class_names=list("0123456789"),
        normalization="standardize",
        mean=33.3,
        std=78.6,
        kept_pixels=list(range(100, 700, 3)),
    )
    description = Description(
        framework="scratch",
        run="small",
        architecture=architecture,
        pixels=pixels,
        preprocessing=preprocessing,
    )
    return Model(description, weights_of(architecture, description.input_shape))
