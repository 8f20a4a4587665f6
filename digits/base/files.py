"""Read and write files: a file is written whole or not at all; a read error has one line.

A split is a folder with images.npy, (n, 28, 28), and labels.npy, uint8 (n,). In every format here,
the same values give the same bytes.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from digits.errors import InputError


@contextmanager
def rewritten(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`. It replaces `path` if the body succeeds.

    If the body fails, the temporary file is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write the text as UTF-8."""
    with rewritten(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: Path, values: Any) -> None:
    """Write `values` as JSON, one key per line, in the given order."""
    write_text(path, json.dumps(values, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Return the values in a JSON file; raise InputError if it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; run `dvc repro`") from None
    except ValueError as error:
        raise InputError(f"{path}: is not JSON: {error}") from None


def write_array(path: Path, array: np.ndarray) -> None:
    """Write the array as a .npy file."""
    with rewritten(path) as partial, partial.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def write_array_in_parts(
    path: Path, shape: tuple[int, ...], dtype: str, parts: Iterable[np.ndarray]
) -> None:
    """Write the parts, one after another, as one array of that shape and type.

    `write_array` would write the same bytes, but needs the whole array in memory. Raises ValueError
    if the parts do not have shape[0] rows in all.
    """
    with rewritten(path) as partial, partial.open("wb") as file:
        header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        n = 0
        for part in parts:
            n += len(part)
            file.write(np.ascontiguousarray(part, dtype).data)
        if n != shape[0]:
            raise ValueError(f"{path}: the parts have {n} rows; expected {shape[0]}")


def read_array(path: Path, *, mapped: bool = False) -> np.ndarray:
    """Return the array in a .npy file; raise InputError if it cannot be read.

    Pickled objects are refused. A mapped array is paged in from the file on demand. Writing to it
    never changes the file, and rewriting the file never changes the array.
    """
    try:
        return np.asarray(np.load(path, mmap_mode="c" if mapped else None, allow_pickle=False))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error}; run `dvc repro`") from None
    except Exception as error:  # np.load raises anything on a damaged header
        raise InputError(f"{path}: is not a .npy file: {type(error).__name__}: {error}") from None


def write_split(folder: Path, images: np.ndarray, labels: np.ndarray) -> None:
    """Write images, (n, 28, 28), and labels, (n,), into the folder of a split."""
    write_array(folder / "images.npy", images)
    write_array(folder / "labels.npy", labels.astype(np.uint8))


def read_split(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return images, uint8 or float32 (n, 28, 28), and labels, int64 (n,), from 0 to 9.

    The images are a mapped array. Raises InputError if a file holds anything else.
    """
    images = read_array(folder / "images.npy", mapped=True)
    labels = read_array(folder / "labels.npy")
    are_images = images.dtype in (np.uint8, np.float32) and images.shape[1:] == (28, 28)
    if not are_images or labels.dtype != np.uint8 or labels.shape != images.shape[:1]:
        found = f"images {images.dtype} {images.shape}, labels {labels.dtype} {labels.shape}"
        raise InputError(
            f"{folder}: has {found}; expected images uint8 or float32 (n, 28, 28), "
            "labels uint8 (n,); run `dvc repro`"
        )
    if labels.max(initial=0) > 9:
        raise InputError(
            f"{folder}: has the label {labels.max()}; expected labels from 0 to 9; run `dvc repro`"
        )
    return images, labels.astype(np.int64)


def write_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows with the same keys as CSV, with a header.

    Floats have the fewest digits that read back as the same float.
    """
    lines = [",".join(rows[0])] + [",".join(str(value) for value in row.values()) for row in rows]
    write_text(path, "\n".join(lines) + "\n")
