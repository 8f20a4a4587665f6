"""What preprocessing decides: the split, and from the training split alone, the normalisation and the pixels to keep."""

import numpy as np
from sklearn.feature_selection import VarianceThreshold
from sklearn.model_selection import train_test_split

from digits.errors import InputError


def split_train_validation(labels: np.ndarray, train_size: int | None, validation_size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the sample numbers of the training and the validation split, drawn from the seed, each class in proportion."""
    n_rest = len(labels) - validation_size
    if (train_size or 1) > n_rest:
        wanted = f"train_size {train_size} and validation_size" if train_size else "validation_size"
        raise InputError(f"params.yaml: preprocess: {wanted} {validation_size} do not fit in {len(labels)} training images")
    try:
        return tuple(
            train_test_split(np.arange(len(labels)), train_size=train_size or n_rest, test_size=validation_size, random_state=seed, stratify=labels)
        )
    except ValueError as error:
        raise InputError(f"params.yaml: preprocess: no stratified split of {len(labels)} training images: {error}") from None


def fit_normalization(name: str, images: np.ndarray) -> tuple[float, float]:
    """Return the mean and std, in raw pixel units, that normalise raw images; only standardize depends on `images`."""
    match name:
        case "zero_one":
            return 0.0, 255.0
        case "minus_one_one":
            return 127.5, 127.5
        case "standardize":
            return float(images.mean(dtype=np.float64)), float(images.std(dtype=np.float64))
    raise ValueError(f"normalization is {name!r}; expected one of: zero_one, minus_one_one, standardize")


def find_kept_pixels(images: np.ndarray, threshold: float) -> list[int]:
    """Return the positions of the pixels whose variance over raw `images`, ink counted from 0 to 1, is above `threshold`."""
    try:
        selector = VarianceThreshold(threshold).fit(images.reshape(len(images), -1) / np.float32(255))
    except ValueError as error:
        raise InputError(f"params.yaml: preprocess.prune_threshold is {threshold}; expected one that leaves pixels: {error}") from None
    return selector.get_support(indices=True).tolist()
