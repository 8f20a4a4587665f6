"""Where images come from: torchvision's data sets, a mirror of one's own, a mnist_all.mat, or what
needs no network.

Every source gives the same: raw images, uint8 (n, 28, 28), 0 is paper and 255 is ink, upright;
labels, uint8 (n,), from 0 to 9.
"""

import errno
import os
import shutil
import socket
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.io import loadmat
from scipy.ndimage import zoom
from sklearn.datasets import load_digits

from digits.datasets.synthetic import TEST_COUNTS, TRAIN_COUNTS, draw_stand_in
from digits.datasets.torchvision_datasets import (
    EMNIST,
    KMNIST,
    MNIST,
    FashionMNIST,
    check_integrity,
    download_url,
)
from digits.errors import InputError
from digits.training.params import Download

TIMEOUT_SECONDS = 30  # that a server may be silent
# No other mirror would mend them.
OUR_FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}
MAT_NAME = "mnist_all.mat"
DIGIT_NAMES = [str(digit) for digit in range(10)]
# Images of each digit in MNIST, in training and in test: what tells a whole mnist_all.mat from
# another file.
MNIST_COUNTS = {"train": TRAIN_COUNTS, "test": TEST_COUNTS}
TORCHVISION = {
    "mnist": MNIST,
    "fashion_mnist": FashionMNIST,
    "kmnist": KMNIST,
    "emnist_digits": EMNIST,
}


class Unreachable(InputError):
    """No mirror has the data set for us. Its text is what each of them answered."""


class Source(NamedTuple):
    """A data set: the names of its classes, and (images, labels) for train and test."""

    class_names: list[str]
    splits: dict[str, tuple[np.ndarray, np.ndarray]]


def fetch(dataset: str, mirror: str | None, folder: Path) -> Source:
    """Return the data set `dataset`, from `mirror` if it has it and else from the published
    addresses; `folder` takes the downloads.
    """
    if dataset == "uci_digits":
        return make_uci_digits()
    if dataset == "stand_in":
        return make_stand_in()
    if mirror and dataset == "mnist" and (mat := find_mat(mirror, folder)):
        return read_mat(mat)
    return fetch_torchvision(dataset, mirror, folder)


def own_mirror(options: Download) -> str | None:
    """Return the mirror to try before the published ones: the environment's, or that of
    params.yaml.
    """
    return os.environ.get("DIGITS_MIRROR") or options.mirror


def fetch_torchvision(dataset: str, mirror: str | None, folder: Path) -> Source:
    """Try one's own mirror, then the published ones, with torchvision's checksums; raise InputError
    with what each answered.
    """
    published = TORCHVISION[dataset]
    options = {"split": "digits"} if dataset == "emnist_digits" else {}
    socket.setdefaulttimeout(TIMEOUT_SECONDS)
    answers = []
    for address in ([mirror] if mirror else []) + addresses(published):
        try:
            cls = with_mirror(published, address, folder)
            train, test = (
                cls(folder, train=is_train, download=True, **options) for is_train in (True, False)
            )
        except (OSError, EOFError, HTTPException, RuntimeError, ValueError) as error:
            if getattr(error, "errno", None) in OUR_FAULTS:
                raise InputError(f"{dataset} could not be read or stored: {error}") from None
            answers.append(
                f"{address}: {' '.join(str(error).split('got:')[-1].split())}"
            )  # torchvision: "Tried ..., got: ..."
            continue
        splits = {"train": as_arrays(train), "test": as_arrays(test)}
        if dataset == "emnist_digits":  # published with rows and columns swapped
            splits = {
                name: (images.transpose(0, 2, 1), labels)
                for name, (images, labels) in splits.items()
            }
        return Source(
            list(train.classes) if dataset in ("fashion_mnist", "kmnist") else DIGIT_NAMES, splits
        )
    raise Unreachable(
        f"{dataset} could not be had ({'; '.join(answers)}); set DIGITS_MIRROR to a folder or a URL that has its files, "
        "or download.dataset to stand_in or uci_digits, which need no network"
    )


def addresses(published: type[MNIST]) -> list[str]:
    """Return the URLs of the folders that torchvision knows to hold a data set's files."""
    return [published.url.rsplit("/", 1)[0]] if hasattr(published, "url") else published.mirrors


def with_mirror(published: type[MNIST], address: str, folder: Path) -> type[MNIST]:
    """Return the data set's class, made to look at one URL only. Where `address` is a folder, its
    files are put in place, checked.
    """
    base = address.rstrip("/") + "/"
    url = base + Path(getattr(published, "url", "")).name
    # Of the same name, for torchvision names its folder after the class.
    cls = type(published.__name__, (published,), {"mirrors": [base], "url": url})
    if "://" not in address:
        for name, md5 in (
            [(Path(url).name, published.md5)] if hasattr(published, "url") else published.resources
        ):
            target = folder / published.__name__ / "raw" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(Path(address) / name, target)
            if not check_integrity(target, md5):
                raise RuntimeError(
                    f"{name} is corrupt or truncated: its MD5 is not the published {md5}"
                )
    return cls


def as_arrays(dataset) -> tuple[np.ndarray, np.ndarray]:
    return dataset.data.numpy(), dataset.targets.numpy().astype(np.uint8)


def find_mat(mirror: str, folder: Path) -> Path | None:
    """Return the mnist_all.mat that `mirror` is or has, downloaded to `folder` where it is a URL;
    None where it is something else.
    """
    if "://" in mirror:
        return download_mat(mirror, folder) if mirror.endswith(".mat") else None
    path = Path(mirror)
    if path.suffix == ".mat":
        return path
    idx = path / "train-images-idx3-ubyte.gz"
    return path / MAT_NAME if (path / MAT_NAME).exists() and not idx.exists() else None


def download_mat(url: str, folder: Path) -> Path:
    socket.setdefaulttimeout(TIMEOUT_SECONDS)
    try:
        download_url(url, folder, MAT_NAME)
    except (OSError, HTTPException, RuntimeError) as error:
        raise InputError(f"{url}: could not be downloaded: {error}") from None
    return folder / MAT_NAME


def read_mat(path: Path) -> Source:
    """Return MNIST from a MATLAB file with train0 to train9 and test0 to test9, uint8 (n, 784), a
    row an image, the digit in the key.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        arrays = loadmat(path)
    except Exception as error:  # loadmat lets out whatever its parser meets in a damaged file
        raise InputError(
            f"{path}: is no readable MATLAB file: {type(error).__name__}: {error}"
        ) from None
    for split, counts in MNIST_COUNTS.items():
        for digit, count in enumerate(counts):
            array = arrays.get(f"{split}{digit}")
            found = "missing" if array is None else f"{array.dtype} {array.shape}"
            if found != f"uint8 ({count}, 784)":
                raise InputError(
                    f"{path}: {split}{digit} is {found}; expected uint8 ({count}, 784), as in MNIST"
                )
    return Source(
        DIGIT_NAMES,
        {
            split: (
                np.concatenate([arrays[f"{split}{digit}"] for digit in range(10)]).reshape(
                    -1, 28, 28
                ),
                np.repeat(np.arange(10, dtype=np.uint8), counts),
            )
            for split, counts in MNIST_COUNTS.items()
        },
    )


def make_stand_in() -> Source:
    """Return the drawn stand-in for MNIST: one data set, the same everywhere."""
    return Source(DIGIT_NAMES, dict(zip(("train", "test"), draw_stand_in(seed=0), strict=True)))


def make_uci_digits() -> Source:
    """Return scikit-learn's 1,797 digits of 8 x 8 pixels, enlarged to 20 x 20 in a 28 x 28 field as
    MNIST's are; the last 300 are the test set.

    Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
    Learning Repository, 1998, CC BY 4.0.
    """
    digits = load_digits()
    enlarged = (
        zoom(digits.images * (255 / 16), (1, 2.5, 2.5), order=1)
        .round()
        .clip(0, 255)
        .astype(np.uint8)
    )
    images = np.pad(enlarged, ((0, 0), (4, 4), (4, 4)))
    labels = digits.target.astype(np.uint8)
    return Source(
        DIGIT_NAMES,
        {"train": (images[:-300], labels[:-300]), "test": (images[-300:], labels[-300:])},
    )
