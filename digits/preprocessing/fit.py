"""Split the data, then fit the normalisation and the kept pixels to the training split alone.

Raw images are uint8 (n, 28, 28); 0 is background and 255 is ink. `samples` are indices of images.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split

from digits.errors import InputError
from digits.preprocessing.apply import Preprocessing
from digits.preprocessing.params import Preprocess

PART = 1000  # images at a time


def split_train_validation(
    labels: np.ndarray, train_size: int | None, validation_size: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the samples of the training and of the validation split, stratified by class.

    They depend on the seed. Raises InputError if the splits do not fit in the data.
    """
    n_rest = len(labels) - validation_size
    if (train_size or 1) > n_rest:
        sizes = [f"validation_size is {validation_size}"]
        if train_size:
            sizes.insert(0, f"train_size is {train_size}")
        raise InputError(
            f"params.yaml: preprocess: {' and '.join(sizes)}; expected splits that fit in "
            f"{len(labels)} training images"
        )
    try:
        train, validation = train_test_split(
            np.arange(len(labels)),
            train_size=train_size or n_rest,
            test_size=validation_size,
            random_state=seed,
            stratify=labels,
        )
    except ValueError as error:
        raise InputError(
            f"params.yaml: preprocess: could not split {len(labels)} training images by class: "
            f"{error}"
        ) from None
    return train, validation


def fit_preprocessing(
    options: Preprocess,
    dataset: str,
    class_names: list[str],
    images: np.ndarray,
    samples: np.ndarray,
) -> Preprocessing:
    """Fit to the training samples of the raw images; return the result with the names."""
    pixels = sum_pixels(images, samples)
    mean, std = fit_normalization(options.normalization, pixels)
    return Preprocessing(
        dataset=dataset,
        class_names=class_names,
        normalization=options.normalization,
        mean=mean,
        std=std,
        kept_pixels=find_kept_pixels(pixels, options.prune_threshold),
    )


class PixelSums(NamedTuple):
    """The number of images, and each pixel's sum and sum of squares over them, int64 (784,).

    Integer sums are exact in any order of the images.
    """

    n_images: int
    sums: np.ndarray
    squares: np.ndarray


def sum_pixels(images: np.ndarray, samples: np.ndarray) -> PixelSums:
    """Return the sums over these samples of the raw images."""
    sums, squares = np.zeros((2, images[0].size), np.int64)
    for part in in_parts(images, samples):
        pixels = part.reshape(len(part), -1).astype(np.int32)
        sums += pixels.sum(axis=0)
        squares += (pixels * pixels).sum(axis=0)
    return PixelSums(len(samples), sums, squares)


def in_parts(images: np.ndarray, samples: np.ndarray) -> Iterator[np.ndarray]:
    """Yield these samples of the images in parts: a copy of all would double the memory."""
    for start in range(0, len(samples), PART):
        yield images[samples[start : start + PART]]


def fit_normalization(name: str, pixels: PixelSums) -> tuple[float, float]:
    """Return the mean and std, in raw pixel units, that normalise raw images.

    Only `standardize` depends on the pixels.
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
    """Return the positions of the pixels that vary by more than `threshold` over the images.

    The measure is the variance, with ink from 0 to 1. Raises InputError if no pixel is left.
    """
    variances = (pixels.n_images * pixels.squares - pixels.sums**2) / (255 * pixels.n_images) ** 2
    kept: list[int] = np.flatnonzero(variances > threshold).tolist()
    if not kept:
        raise InputError(
            f"params.yaml: preprocess.prune_threshold is {threshold}; expected less than the "
            f"largest variance of a pixel, {variances.max():.4g}"
        )
    return kept
