"""Turn raw images into network inputs: normalise them, and drop the pruned pixels.

Raw images are uint8 (n, 28, 28); 0 is background, 255 is ink. `digits/preprocessing/fit.py` finds
the mean, the standard deviation and the pixels to keep.
"""

from pathlib import Path

import numpy as np
from pydantic import ValidationError

from digits.base.files import read_json
from digits.base.params import Section
from digits.errors import InputError


class Preprocessing(Section):
    """The fit to the training split, and the names of the data. Every model file has a copy.

    normalised pixel = (raw pixel - mean) / std; kept_pixels are positions in the image flattened
    row by row, ascending.
    """

    dataset: str
    class_names: list[str]
    normalization: str
    mean: float
    std: float
    kept_pixels: list[int]


def load_preprocessing(path: Path) -> Preprocessing:
    """Return the result of preprocess; raise InputError if its file is missing or damaged."""
    try:
        return Preprocessing.model_validate(read_json(path))
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"])) or "the file"
        raise InputError(f"{path}: {where}: {fault['msg']}; run `dvc repro`") from None


def normalize(images: np.ndarray, mean: float, std: float) -> np.ndarray:
    """Return (images - mean) / std as float32, in the shape of `images`."""
    return (images.astype(np.float32) - np.float32(mean)) / np.float32(std)


def network_inputs(images: np.ndarray, kept_pixels: list[int] | None) -> np.ndarray:
    """Return normalised images as network inputs: (n, 28, 28, 1), or (n, n_kept) of kept pixels."""
    if kept_pixels is None:
        return images[..., np.newaxis]
    return images.reshape(len(images), -1).take(kept_pixels, axis=1)
