"""Read torchvision's data sets: first from your own mirror, then from the published addresses.

torchvision knows the addresses and the checksums of the files, and decodes them.
"""

import errno
import shutil
import socket
from http.client import HTTPException
from pathlib import Path

import numpy as np

from digits.datasets.source import DIGIT_NAMES, TIMEOUT_SECONDS, Samples, Source, Unreachable
from digits.datasets.torchvision_datasets import (
    EMNIST,
    KMNIST,
    MNIST,
    FashionMNIST,
    check_integrity,
)
from digits.errors import InputError

# Faults of this machine: another mirror would not help.
LOCAL_FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}
TORCHVISION = {
    "mnist": MNIST,
    "fashion_mnist": FashionMNIST,
    "kmnist": KMNIST,
    "emnist_digits": EMNIST,
}
NAMED_CLASSES = ("fashion_mnist", "kmnist")  # torchvision names their classes; others are digits


def fetch_torchvision(dataset: str, mirror: str | None, folder: Path) -> Source:
    """Return the data set from the first address that has it: the mirror, then the published ones.

    Every file is checked against its published MD5. Raises Unreachable with every address's answer,
    and InputError for a fault of this machine.
    """
    published = TORCHVISION[dataset]
    socket.setdefaulttimeout(TIMEOUT_SECONDS)
    answers = []
    for address in ([mirror] if mirror else []) + addresses(published):
        try:
            return read_from(dataset, address, folder)
        except (OSError, EOFError, HTTPException, RuntimeError, ValueError) as error:
            if getattr(error, "errno", None) in LOCAL_FAULTS:
                raise InputError(f"could not read or store {dataset}: {error}") from None
            # torchvision's own text is "Tried ..., got: ...".
            answer = " ".join(str(error).split("got:")[-1].split())
            answers.append(f"{address}: {answer}")
    raise Unreachable(
        f"could not download {dataset}: {'; '.join(answers)}; set DIGITS_MIRROR to a folder or a "
        "URL with its files, or set download.dataset to synthetic or uci_digits, which need no "
        "network"
    )


def addresses(published: type[MNIST]) -> list[str]:
    """Return the URLs of the folders with a data set's files, as torchvision lists them."""
    if hasattr(published, "url"):
        return [published.url.rsplit("/", 1)[0]]
    mirrors: list[str] = published.mirrors
    return mirrors


def read_from(dataset: str, address: str, folder: Path) -> Source:
    """Return the data set from one address, a URL or a folder; downloads are stored in `folder`."""
    data_set = with_mirror(TORCHVISION[dataset], address, folder)
    options = {"split": "digits"} if dataset == "emnist_digits" else {}
    train, test = (
        data_set(folder, train=is_train, download=True, **options) for is_train in (True, False)
    )
    splits = {"train": as_arrays(train), "test": as_arrays(test)}
    if dataset == "emnist_digits":  # published with rows and columns swapped
        splits = {
            name: (images.transpose(0, 2, 1), labels) for name, (images, labels) in splits.items()
        }
    return Source(list(train.classes) if dataset in NAMED_CLASSES else DIGIT_NAMES, splits)


def with_mirror(published: type[MNIST], address: str, folder: Path) -> type[MNIST]:
    """Return a subclass of the data set's class that tries one address only.

    If `address` is a folder, its files are copied to the folder of the class and checked.
    """
    base = address.rstrip("/") + "/"
    url = base + Path(getattr(published, "url", "")).name
    if "://" not in address:
        copy_files(published, Path(address), folder)
    # The subclass keeps the name: torchvision names its folder after the class.
    return type(published.__name__, (published,), {"mirrors": [base], "url": url})


def copy_files(published: type[MNIST], mirror: Path, folder: Path) -> None:
    """Copy a data set's files to torchvision's folder; raise RuntimeError if one is damaged."""
    for name, md5 in published_files(published):
        target = folder / published.__name__ / "raw" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(mirror / name, target)
        if not check_integrity(target, md5):
            raise RuntimeError(
                f"{name} is corrupt or truncated: its MD5 is not the published {md5}"
            )


def published_files(published: type[MNIST]) -> list[tuple[str, str]]:
    """Return the name and the MD5 of each of a data set's files."""
    if hasattr(published, "url"):
        return [(Path(published.url).name, published.md5)]
    resources: list[tuple[str, str]] = published.resources
    return resources


def as_arrays(data_set: MNIST) -> Samples:
    """Return torchvision's tensors of images and labels as arrays."""
    return data_set.data.numpy(), data_set.targets.numpy().astype(np.uint8)
