"""A file takes its place only if its logits are those of the engine written from scratch.

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
# Of the largest logit. float32 sums over some thousand products, taken in another order, differed
# by at most 4e-7 of it in nine trained models.
TOLERANCE = 1e-5


class CheckImages(NamedTuple):
    """Images to compare logits on, and what they are."""

    images: np.ndarray
    title: str


def load_check_images(folder: Path = TEST) -> CheckImages:
    """Return test images of the folder, and noise, in which every pixel counts.

    If there are no test images, synthetic digits take their place.
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

    Raise InputError if the logits differ by more than rounding, or if the file cannot be written.
    Then nothing is left behind.
    """
    with TemporaryDirectory() as folder:
        made = Path(folder) / f"model{output.suffix}"
        format_.write(made, model, describe(model))
        found = format_.logits(made, images)
        difference = compare_logits(output, found, engine_logits(model, images))
        place_file(made, output)
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
    if not difference <= allowed:  # a NaN is not
        raise InputError(
            f"{output} was not written: its logits differ from the model's by up to "
            f"{difference:.2g}; expected at most {allowed:.2g}"
        )
    return difference


def place_file(made: Path, output: Path) -> None:
    """Copy the finished file to `output`; raise InputError if that cannot be written."""
    try:
        with rewritten(output) as partial:
            shutil.copyfile(made, partial)
    except OSError as error:
        raise InputError(
            f"{output} cannot be written: {error.strerror}; name another file with --output"
        ) from None
