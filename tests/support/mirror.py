"""A mirror with the files of a small MNIST, in the format of the published ones."""

import gzip
import hashlib
from pathlib import Path

import numpy as np

from digits.datasets.source import Source

NOWHERE = "http://localhost:9"  # the discard port: no server listens there


def write_idx(path: Path, array: np.ndarray) -> None:
    """Write uint8 values in the IDX format.

    Two zeros, type 8, the number of axes, their lengths as 32 big-endian bits, the values.
    """
    lengths = b"".join(length.to_bytes(4, "big") for length in array.shape)
    head = bytes([0, 0, 8, array.ndim]) + lengths
    path.write_bytes(gzip.compress(head + array.tobytes(), mtime=0))


def md5(path: Path) -> str:
    """Return the MD5 of a file, as torchvision knows it."""
    return hashlib.md5(path.read_bytes()).hexdigest()


def write_small_mnist(folder: Path) -> list[tuple[str, str]]:
    """Write 20 and 10 random images in MNIST's files; return their names and MD5."""
    generator = np.random.default_rng(0)
    folder.mkdir()
    published = []
    for split, n in (("train", 20), ("t10k", 10)):
        images = generator.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        labels = generator.integers(0, 10, n, dtype=np.uint8)
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            path = folder / f"{split}-{kind}-ubyte.gz"
            write_idx(path, array)
            published.append((path.name, md5(path)))
    return published


def assert_is_small_mnist(source: Source) -> None:
    """Assert the class names and the arrays' shapes and types."""
    assert source.class_names == list("0123456789")
    for name, n in (("train", 20), ("test", 10)):
        images, labels = source.splits[name]
        assert (images.shape, labels.shape) == ((n, 28, 28), (n,))
        assert images.dtype == labels.dtype == np.dtype(np.uint8)
