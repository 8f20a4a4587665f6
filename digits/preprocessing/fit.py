"""What preprocessing decides: the split, and from the training split alone, the normalisation and
the pixels to keep.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split

from digits.errors import InputError

PART = 1000  # images


def split_train_validation(
    labels: np.ndarray, train_size: int | None, validation_size: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the sample numbers of the training and the validation split, drawn from the seed, each
    class in proportion.
    """
    n_rest = len(labels) - validation_size
    if (train_size or 1) > n_rest:
        wanted = f"train_size {train_size} and validation_size" if train_size else "validation_size"
        raise InputError(
            f"params.yaml: preprocess: {wanted} {validation_size} do not fit in {len(labels)} training images"
        )
    try:
        return tuple(
            train_test_split(
                np.arange(len(labels)),
                train_size=train_size or n_rest,
                test_size=validation_size,
                random_state=seed,
                stratify=labels,
            )
        )
    except ValueError as error:
        raise InputError(
            f"params.yaml: preprocess: no stratified split of {len(labels)} training images: {error}"
        ) from None


class PixelSums(NamedTuple):
    """Of some raw images: how many there are, and each pixel's sum and sum of squares, int64
    (784,): exact, in whatever order they were added.
    """

    n_images: int
    sums: np.ndarray
    squares: np.ndarray


def sum_pixels(images: np.ndarray, samples: np.ndarray) -> PixelSums:
    """Return the sums over those of the raw images, uint8 (n, 28, 28), that have these sample
    numbers.
    """
    sums, squares = np.zeros((2, images[0].size), np.int64)
    for part in in_parts(images, samples):
        pixels = part.reshape(len(part), -1).astype(np.int32)
        sums += pixels.sum(axis=0)
        squares += (pixels * pixels).sum(axis=0)
    return PixelSums(len(samples), sums, squares)


def in_parts(images: np.ndarray, samples: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the images with these sample numbers, some at a time: a copy of all of them would be as
    large as the data.
    """
    for start in range(0, len(samples), PART):
        yield images[samples[start : start + PART]]


def fit_normalization(name: str, pixels: PixelSums) -> tuple[float, float]:
    """Return the mean and std, in raw pixel units, that normalise raw images; only standardize
    depends on them.
    """
    match name:
        case "zero_one":
            return 0.0, 255.0
        case "minus_one_one":
            return 127.5, 127.5
        case "standardize":
            n = pixels.n_images * len(pixels.sums)
            total, squares = int(pixels.sums.sum()), int(pixels.squares.sum())
            return total / n, math.sqrt(n * squares - total**2) / n
    raise ValueError(
        f"normalization is {name!r}; expected one of: zero_one, minus_one_one, standardize"
    )


def find_kept_pixels(pixels: PixelSums, threshold: float) -> list[int]:
    """Return the positions of the pixels whose variance over the images, ink counted from 0 to 1,
    is above `threshold`.
    """
    variances = (pixels.n_images * pixels.squares - pixels.sums**2) / (255 * pixels.n_images) ** 2
    kept = np.flatnonzero(variances > threshold).tolist()
    if not kept:
        largest = f"the largest variance is {variances.max():.4g}"
        raise InputError(
            f"params.yaml: preprocess.prune_threshold is {threshold}; expected one that leaves pixels: {largest}"
        )
    return kept
