"""MNIST as one MATLAB file, mnist_all.mat.

Its arrays are train0 to train9 and test0 to test9, uint8 (n, 784), with one image per row. The
number in the name is the digit.
"""

from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat

from digits.datasets.source import DIGIT_NAMES, MNIST_COUNTS, Samples, Source
from digits.errors import InputError

MAT_NAME = "mnist_all.mat"


def find_mat(path: Path) -> Path | None:
    """Return the path of the MATLAB file: `path`, or mnist_all.mat in this folder; None if none.

    A folder with the four published files has no other form.
    """
    if path.suffix == ".mat":
        return path
    idx = path / "train-images-idx3-ubyte.gz"
    return path / MAT_NAME if (path / MAT_NAME).exists() and not idx.exists() else None


def read_mat(path: Path) -> Source:
    """Return MNIST from its MATLAB file, sorted by digit; raise InputError for any other file."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected MNIST as a MATLAB file")
    try:
        arrays = loadmat(path)
    except Exception as error:  # loadmat raises anything on a damaged file
        fault = f"{type(error).__name__}: {error}"
        raise InputError(f"{path}: is not a readable MATLAB file: {fault}") from None
    check_arrays(path, arrays)
    return Source(DIGIT_NAMES, {split: join_digits(arrays, split) for split in MNIST_COUNTS})


def check_arrays(path: Path, arrays: dict[str, Any]) -> None:
    """Raise InputError unless every digit has as many images as in MNIST."""
    for split, counts in MNIST_COUNTS.items():
        for digit, count in enumerate(counts):
            array = arrays.get(f"{split}{digit}")
            found = "missing" if array is None else f"{array.dtype} {array.shape}"
            if found != f"uint8 ({count}, 784)":
                raise InputError(
                    f"{path}: {split}{digit} is {found}; expected uint8 ({count}, 784), as in MNIST"
                )


def join_digits(arrays: dict[str, Any], split: str) -> Samples:
    """Return the images and labels of one split, sorted by digit."""
    images = np.concatenate([arrays[f"{split}{digit}"] for digit in range(10)])
    labels = np.repeat(np.arange(10, dtype=np.uint8), MNIST_COUNTS[split])
    return images.reshape(-1, 28, 28), labels
