"""MNIST as one MATLAB file, mnist_all.mat.

Its arrays are train0 to train9 and test0 to test9, uint8 (n, 784), with one image per row. The
number in the name is the digit.
"""

import socket
from http.client import HTTPException
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat

from digits.datasets.source import DIGIT_NAMES, MNIST_COUNTS, TIMEOUT_SECONDS, Samples, Source
from digits.errors import InputError

MAT_NAME = "mnist_all.mat"


def find_mat(mirror: str, folder: Path) -> Path | None:
    """Return the path of the mirror's MATLAB file; None if the mirror has other files.

    `mirror` is a .mat file, its URL, or a folder with mnist_all.mat. A URL's file is downloaded to
    `folder`. Raises InputError if the download fails.
    """
    if "://" in mirror:
        return download_mat(mirror, folder) if mirror.endswith(".mat") else None
    path = Path(mirror)
    if path.suffix == ".mat":
        return path
    idx = path / "train-images-idx3-ubyte.gz"
    return path / MAT_NAME if (path / MAT_NAME).exists() and not idx.exists() else None


def download_mat(url: str, folder: Path) -> Path:
    """Download the file to `folder` and return its path; raise InputError if that fails."""
    from digits.datasets.torchvision_datasets import download_url  # imports PyTorch: seconds

    socket.setdefaulttimeout(TIMEOUT_SECONDS)
    try:
        download_url(url, folder, MAT_NAME)
    except (OSError, HTTPException, RuntimeError) as error:
        raise InputError(f"could not download {url}: {error}") from None
    return folder / MAT_NAME


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
