"""MNIST in the forms that other projects publish it in: IDX, NPZ, CSV, ARFF and Parquet.

Whatever the form, the pixels and the labels must be those of MNIST, in MNIST's order.
"""

import gzip
import hashlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from digits.datasets.source import DIGIT_NAMES, Samples, Source
from digits.errors import InputError

# SHA-256 of the images' and the labels' bytes, of the files with the published checksums.
DIGESTS = {
    "train": (
        "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
        "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    ),
    "test": (
        "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
        "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
    ),
}
COUNTS = {"train": 60_000, "test": 10_000}
IDX_NAMES = {"train": "train", "test": "t10k"}
IDX_FILES = [(split, kind) for split in IDX_NAMES for kind in ("images-idx3", "labels-idx1")]
N_PIXELS = 28 * 28


class Form(NamedTuple):
    """A form of MNIST: the file or files of both splits, and the function that reads them."""

    read: Callable[..., dict[str, Samples]]
    paths: tuple[Path, ...]


def find_form(mirror: Path) -> Form | None:
    """Return the form of a file or of a folder's files; None if nothing here has a known name.

    The four published .gz files are no other form. Raises InputError for a file of which MNIST
    needs another one, and for a part of MNIST.
    """
    if mirror.is_file():
        return find_file(mirror)
    for folder in (mirror, mirror / "raw", mirror / "MNIST/raw"):
        idx = [path for split, kind in IDX_FILES if (path := find_idx(folder, split, kind))]
        if folder == mirror and all(path.suffix == ".gz" for path in idx) and idx:
            return None
        if len(idx) == len(IDX_FILES):
            return Form(read_idx_files, tuple(idx))
    for pattern in ("mnist.npz", "mnist_train.csv", "*.arff", "train-*.parquet", "*.parquet"):
        for folder in (mirror, mirror / "mnist"):
            if found := sorted(folder.glob(pattern)):
                return find_file(found[0])
    if (mirror / "train.csv").exists():
        return find_file(mirror / "train.csv")
    return None


def find_idx(folder: Path, split: str, kind: str) -> Path | None:
    """Return the path of an IDX file, with any of its names; None if there is none."""
    stem = f"{IDX_NAMES[split]}-{kind}"
    for name in (f"{stem}-ubyte", f"{stem.replace('-idx', '.idx')}-ubyte"):
        for path in (folder / f"{name}.gz", folder / name, folder / name / name):
            if path.is_file():
                return path
    return None


def find_file(path: Path) -> Form:
    """Return the form of a file, by the ending of its name; raise InputError for an unknown one."""
    match path.suffix.lower():
        case ".npz":
            return Form(read_npz, (path,))
        case ".arff":
            return Form(read_arff, (path,))
        case ".csv":
            return Form(read_csv_files, (path, partner(path)))
        case ".parquet" if path.name.startswith("train"):
            return Form(read_image_parquet, (path, partner(path)))
        case ".parquet":
            return Form(read_pixel_parquet, (path,))
    raise InputError(f"{path}: expected MNIST as .mat, .npz, .csv, .arff or .parquet, or a folder")


def partner(path: Path) -> Path:
    """Return the path of the test images beside the training images; raise InputError if none."""
    if path.name == "train.csv":
        raise InputError(
            f"{path}: Kaggle's competition has only 42,000 labelled images, in another order; "
            "expected mnist_train.csv and mnist_test.csv, or another form of MNIST"
        )
    stem = path.name.replace("train", "test")
    pattern = "test-*.parquet" if path.suffix == ".parquet" else stem
    found = sorted(path.parent.glob(pattern))
    if "train" not in path.name or not found:
        raise InputError(f"{path}: expected a file with train in its name, and {pattern} beside it")
    return found[0]


def read_form(form: Form) -> Source:
    """Return MNIST; raise InputError if a file is damaged or has other pixels or labels."""
    where = form.paths[0]
    try:
        splits = form.read(*form.paths)
    except InputError:
        raise
    except ImportError:
        raise InputError(
            f"{where}: reading Parquet needs pyarrow; run `pip install pyarrow`"
        ) from None
    except Exception as error:  # each library has its own errors for a damaged file
        fault = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(f"{where}: cannot be read as MNIST: {fault}") from None
    for split, (images, labels) in splits.items():
        if images.shape != (COUNTS[split], 28, 28) or labels.shape != (COUNTS[split],):
            raise InputError(
                f"{where}: has {len(images):,} {split} images and {len(labels):,} labels; "
                f"expected {COUNTS[split]:,}"
            )
        for what, array, expected in zip(
            ("images", "labels"), (images, labels), DIGESTS[split], strict=True
        ):
            found = hashlib.sha256(array.tobytes()).hexdigest()
            if found != expected:
                raise InputError(
                    f"{where}: the {split} {what} are not MNIST's: "
                    f"their SHA-256 is {found[:12]}…, expected {expected[:12]}…"
                )
    return Source(DIGIT_NAMES, splits)


def read_idx_files(*paths: Path) -> dict[str, Samples]:
    """Return the splits of the four IDX files, packed or not."""
    images, labels, test_images, test_labels = map(read_idx, paths)
    return {"train": (images, labels), "test": (test_images, test_labels)}


def read_idx(path: Path) -> np.ndarray:
    """Return the uint8 array of an IDX file.

    Its head is two zeros, the type 8, the number of axes, and their lengths in 32 bits.
    """
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    if data[:3] != b"\0\0\x08":
        raise ValueError(f"{path.name} is not an IDX file of bytes")
    n_axes = data[3]
    shape = np.frombuffer(data, ">u4", n_axes, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * n_axes).reshape(shape)


def read_npz(path: Path) -> dict[str, Samples]:
    """Return the splits of Keras' mnist.npz."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return {
            split: (as_bytes(arrays[f"x_{split}"]), as_bytes(arrays[f"y_{split}"]))
            for split in ("train", "test")
        }


def read_csv_files(train: Path, test: Path) -> dict[str, Samples]:
    """Return the splits of two CSV files: the label, then the pixels; with or without a header."""
    return {"train": read_csv(train), "test": read_csv(test)}


def read_csv(path: Path) -> Samples:
    """Return the samples of one CSV file."""
    import pandas as pd

    with path.open("rb") as file:
        has_header = not file.read(1).isdigit()
    table = pd.read_csv(path, header=0 if has_header else None, dtype=np.int64).to_numpy()
    return as_images(table[:, 1:]), as_bytes(table[:, 0])


def read_arff(path: Path) -> dict[str, Samples]:
    """Return the splits of OpenML's mnist_784: the pixels, then the class; train before test."""
    import pandas as pd

    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.strip().lower() == "@data":
                break
        table = pd.read_csv(file, header=None, quotechar="'", dtype=np.int64).to_numpy()
    return cut(as_images(table[:, :N_PIXELS]), as_bytes(table[:, N_PIXELS]))


def read_pixel_parquet(path: Path) -> dict[str, Samples]:
    """Return the splits of OpenML's mnist_784 as Parquet."""
    import pandas as pd

    table = pd.read_parquet(path)
    labels = table.pop("class").astype(np.int64).to_numpy()
    return cut(as_images(table.to_numpy(np.int64)), as_bytes(labels))


def read_image_parquet(train: Path, test: Path) -> dict[str, Samples]:
    """Return the splits of Hugging Face's ylecun/mnist: PNG files and labels."""
    import pandas as pd
    from PIL import Image

    def read(path: Path) -> Samples:
        table = pd.read_parquet(path)
        pictures = [np.asarray(Image.open(BytesIO(image["bytes"]))) for image in table["image"]]
        return as_bytes(np.stack(pictures)), as_bytes(table["label"].to_numpy())

    return {"train": read(train), "test": read(test)}


def cut(images: np.ndarray, labels: np.ndarray) -> dict[str, Samples]:
    """Return the splits of all images, train before test."""
    n = COUNTS["train"]
    return {"train": (images[:n], labels[:n]), "test": (images[n:], labels[n:])}


def as_images(pixels: np.ndarray) -> np.ndarray:
    """Return rows of 784 pixels as images, uint8 (n, 28, 28)."""
    return as_bytes(pixels).reshape(-1, 28, 28)


def as_bytes(values: Any) -> np.ndarray:
    """Return whole numbers as uint8; raise ValueError if one is not from 0 to 255."""
    array = np.asarray(values)
    if array.min() < 0 or array.max() > 255:
        raise ValueError(f"values from {array.min()} to {array.max()}; expected 0 to 255")
    return array.astype(np.uint8)
