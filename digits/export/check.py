"""Export a model only if the file's logits equal those of the engine written from scratch.

Images are raw, uint8 (n, 28, 28): 0 is background, 255 is ink.
"""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from digits.backends.scratch import network
from digits.base.files import read_split, rewritten
from digits.datasets.synthetic import draw_synthetic_digits
from digits.errors import InputError
from digits.export.formats import Format, describe
from digits.model.model_file import Model

TEST = Path("data/raw/test")
N_DIGITS, N_NOISE = 1000, 24
# A share of the largest logit. The order of float32 sums over some thousand products changed the
# logits of nine trained models by at most 4e-7 of it.
TOLERANCE = 1e-5


class CheckImages(NamedTuple):
    """Images to compare logits on, and their description."""

    images: np.ndarray
    title: str


def load_check_images(folder: Path = TEST) -> CheckImages:
    """Return test images of the folder, and images of noise, in which no pixel is always 0.

    Synthetic digits replace the test images if the folder does not exist.
    """
    if folder.exists():
        digits, source = read_split(folder)[0][:N_DIGITS], f"images of {folder}"
    else:
        digits = draw_synthetic_digits(seed=0, n_train=1, n_test=N_DIGITS)[1][0]
        source = f"synthetic digits ({folder} does not exist here)"
    noise = np.random.default_rng(0).integers(0, 256, (N_NOISE, 28, 28), np.uint8)
    title = f"{len(digits):,} {source} and {N_NOISE} images of noise"
    return CheckImages(np.concatenate([digits, noise]), title)


def export_model(model: Model, format_: Format, images: np.ndarray, output: Path) -> float:
    """Write the model to `output`; return the largest difference of its logits from the engine's.

    Raises InputError if the logits differ by more than rounding, or if the file cannot be written.
    An existing file at `output` then stays as it was.
    """
    with TemporaryDirectory() as folder:
        exported = Path(folder) / f"model{output.suffix}"
        format_.write(exported, model, describe(model))
        found = format_.logits(exported, images)
        difference = compare_logits(output, found, engine_logits(model, images))
        place_file(exported, output)
    return difference


def engine_logits(model: Model, images: np.ndarray) -> np.ndarray:
    """Return the logits that the engine in digits/scratch gives, float32 (n, n_classes)."""
    built = network.build(model.description.architecture, model.weights)
    return built.logits(model.inputs(images))


def compare_logits(output: Path, found: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference; raise InputError if it exceeds float32's rounding."""
    if found.shape != expected.shape or found.dtype != expected.dtype:
        raise InputError(
            f"{output} was not written: its logits are {found.dtype} {found.shape}; "
            f"expected {expected.dtype} {expected.shape}"
        )
    difference = float(np.abs(found - expected).max())
    allowed = TOLERANCE * float(np.abs(expected).max())
    if not difference <= allowed:  # also true for NaN
        raise InputError(
            f"{output} was not written: its logits differ from the model's by up to "
            f"{difference:.2g}; expected at most {allowed:.2g}"
        )
    return difference


def place_file(exported: Path, output: Path) -> None:
    """Copy the exported file to `output`; raise InputError if that cannot be written."""
    try:
        with rewritten(output) as partial:
            shutil.copyfile(exported, partial)
    except OSError as error:
        raise InputError(
            f"{output} cannot be written: {error.strerror}; choose another file with --output"
        ) from None
