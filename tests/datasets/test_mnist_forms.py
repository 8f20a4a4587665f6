"""MNIST in other forms gives the same arrays as the published files; other files are one line."""

import gzip
import hashlib
import importlib.util
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from digits.datasets import mnist_forms
from digits.datasets.fetch import fetch
from digits.errors import InputError
from tests.support.mirror import write_idx

Splits = dict[str, tuple[np.ndarray, np.ndarray]]
NEEDS_PYARROW = pytest.mark.skipif(
    importlib.util.find_spec("pyarrow") is None, reason="needs pyarrow, which is optional"
)


@pytest.fixture
def splits(monkeypatch) -> Splits:
    """Six training and three test images in the place of MNIST's."""
    generator = np.random.default_rng(0)
    made = {
        split: (
            generator.integers(0, 256, (n, 28, 28), np.uint8),
            generator.integers(0, 10, n, np.uint8),
        )
        for split, n in (("train", 6), ("test", 3))
    }
    digests = {
        split: tuple(hashlib.sha256(array.tobytes()).hexdigest() for array in arrays)
        for split, arrays in made.items()
    }
    monkeypatch.setattr(mnist_forms, "DIGESTS", digests)
    monkeypatch.setattr(mnist_forms, "COUNTS", {"train": 6, "test": 3})
    return made


def write_idx_files(folder: Path, splits: Splits, names: str, unpack: bool = True) -> None:
    """Write the four IDX files below `folder`; `names` is a pattern for their paths."""
    for split, name in (("train", "train"), ("test", "t10k")):
        for kind, array in zip(("images-idx3", "labels-idx1"), splits[split], strict=True):
            path = folder / names.format(
                name=f"{name}-{kind}", other=f"{name}-{kind}".replace("-idx", ".idx")
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            write_idx(path, array)
            if unpack:
                path.write_bytes(gzip.decompress(path.read_bytes()))


def write_npz(folder: Path, splits: Splits) -> None:
    (x, y), (x_test, y_test) = splits["train"], splits["test"]
    folder.mkdir(exist_ok=True)
    np.savez(folder / "mnist.npz", x_train=x, y_train=y, x_test=x_test, y_test=y_test)


def rows(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.column_stack([labels, images.reshape(len(images), -1)])


def write_csv(folder: Path, splits: Splits, header: bool) -> None:
    folder.mkdir(exist_ok=True)
    columns = ["label", *(f"{row}x{column}" for row in range(1, 29) for column in range(1, 29))]
    for split, arrays in splits.items():
        table = pd.DataFrame(rows(*arrays), columns=columns)
        table.to_csv(folder / f"mnist_{split}.csv", header=header, index=False)


def write_arff(folder: Path, splits: Splits) -> None:
    folder.mkdir(exist_ok=True)
    images, labels = (np.concatenate(parts) for parts in zip(*splits.values(), strict=True))
    lines = ["% a comment", "@RELATION mnist_784"]
    lines += [f"@ATTRIBUTE pixel{number} REAL" for number in range(1, 785)]
    lines += ["@ATTRIBUTE class {0,1,2,3,4,5,6,7,8,9}", "@DATA"]
    for image, label in zip(images.reshape(len(images), -1), labels, strict=True):
        lines.append(",".join([*map(str, image), f"'{label}'"]))
    (folder / "mnist_784.arff").write_text("\n".join([*lines, ""]))


def write_pixel_parquet(folder: Path, splits: Splits) -> None:
    folder.mkdir(exist_ok=True)
    images, labels = (np.concatenate(parts) for parts in zip(*splits.values(), strict=True))
    table = pd.DataFrame(images.reshape(len(images), -1)).rename(columns=lambda k: f"pixel{k + 1}")
    table["class"] = labels.astype(str)
    table.to_parquet(folder / "mnist_784.parquet")


def write_image_parquet(folder: Path, splits: Splits) -> None:
    (folder / "mnist").mkdir(parents=True)
    for split, (images, labels) in splits.items():
        pictures = []
        for image in images:
            file = BytesIO()
            Image.fromarray(image).save(file, "png")
            pictures.append({"bytes": file.getvalue(), "path": None})
        table = pd.DataFrame({"image": pictures, "label": labels.astype(np.int64)})
        table.to_parquet(folder / f"mnist/{split}-00000-of-00001.parquet")


FORMS = {
    "unpacked": lambda folder, splits: write_idx_files(folder, splits, "{name}-ubyte"),
    "Kaggle's names": lambda folder, splits: write_idx_files(folder, splits, "{other}-ubyte"),
    "Kaggle's folders": lambda folder, splits: write_idx_files(
        folder, splits, "{name}-ubyte/{name}-ubyte"
    ),
    "torchvision": lambda folder, splits: write_idx_files(
        folder, splits, "MNIST/raw/{name}-ubyte.gz", unpack=False
    ),
    "npz": write_npz,
    "csv with header": lambda folder, splits: write_csv(folder, splits, True),
    "csv": lambda folder, splits: write_csv(folder, splits, False),
    "arff": write_arff,
}
PARQUET = {"pixels": write_pixel_parquet, "pictures": write_image_parquet}
EVERY_FORM = [*FORMS, *(pytest.param(name, marks=NEEDS_PYARROW) for name in PARQUET)]


@pytest.mark.parametrize("name", EVERY_FORM)
def test_every_form_gives_the_same_arrays(splits, tmp_path, name):
    (FORMS | PARQUET)[name](tmp_path / "mirror", splits)
    source = fetch("mnist", str(tmp_path / "mirror"), tmp_path / "downloads")
    assert source.class_names == list("0123456789")
    for split, (images, labels) in splits.items():
        found = source.splits[split]
        assert found[0].dtype == found[1].dtype == np.uint8
        assert np.array_equal(found[0], images)
        assert np.array_equal(found[1], labels)


@pytest.mark.parametrize("place", [".", "MNIST", "MNIST/raw"])
def test_torchvisions_folder_is_found_from_each_level(splits, tmp_path, place):
    FORMS["torchvision"](tmp_path, splits)
    if place == "MNIST/raw":  # the published files themselves, which torchvision checks
        write_idx_files(tmp_path, splits, "MNIST/raw/{name}-ubyte")
        for path in (tmp_path / "MNIST/raw").glob("*.gz"):
            path.unlink()
    found = fetch("mnist", str(tmp_path / place), tmp_path / "downloads").splits
    assert np.array_equal(found["test"][0], splits["test"][0])


@pytest.mark.parametrize("name", ["npz", "arff"])
def test_one_file_may_be_named(splits, tmp_path, monkeypatch, name):
    FORMS[name](tmp_path / "mirror", splits)
    (path,) = (tmp_path / "mirror").iterdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    for mirror in (str(path), path.as_uri(), f"~/mirror/{path.name}"):
        found = fetch("mnist", mirror, tmp_path / "downloads").splits
        assert np.array_equal(found["train"][0], splits["train"][0])


class Silent(SimpleHTTPRequestHandler):
    """Serves a folder to whoever knows the token, and logs nothing."""

    def do_GET(self) -> None:
        if self.path.endswith("?token=x"):
            super().do_GET()
        else:
            self.send_error(403)

    def log_message(self, *arguments) -> None:
        pass


def test_a_url_may_have_a_query(splits, tmp_path):
    write_npz(tmp_path / "served", splits)
    write_idx_files(tmp_path / "served/files", splits, "{name}-ubyte.gz", unpack=False)
    served = partial(Silent, directory=tmp_path / "served")
    with ThreadingHTTPServer(("localhost", 0), served) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://localhost:{server.server_port}"
        for number, url in enumerate(
            (f"{address}/mnist.npz?token=x", f"{address}/none.npz?token=x")
        ):
            folder = tmp_path / str(number)
            if "none" in url:
                with pytest.raises(
                    InputError, match=r"could not download http.*none\.npz.*: .*404"
                ):
                    fetch("mnist", url, folder)
            else:
                found = fetch("mnist", url, folder).splits
                assert np.array_equal(found["train"][0], splits["train"][0])
        # These files are not MNIST's, and torchvision says so: it has read them.
        with pytest.raises(InputError, match=r"train-images-idx3-ubyte\.gz is corrupt"):
            fetch("mnist", f"{address}/files?token=x", tmp_path / "files")
        server.shutdown()


def one_pixel_changed(splits: Splits) -> Splits:
    changed = {name: (images.copy(), labels) for name, (images, labels) in splits.items()}
    changed["test"][0][2, 5, 7] ^= 1
    return changed


@pytest.mark.parametrize("name", EVERY_FORM)
def test_one_changed_pixel_is_one_line(splits, tmp_path, name):
    (FORMS | PARQUET)[name](tmp_path / "mirror", one_pixel_changed(splits))
    with pytest.raises(InputError, match="the test images are not MNIST's: their SHA-256 is"):
        fetch("mnist", str(tmp_path / "mirror"), tmp_path / "downloads")


@pytest.mark.parametrize("name", ["unpacked", "npz", "csv", "arff"])
def test_a_cut_file_is_one_line(splits, tmp_path, name):
    FORMS[name](tmp_path / "mirror", splits)
    path = max((tmp_path / "mirror").iterdir(), key=lambda path: path.stat().st_size)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError) as caught:
        fetch("mnist", str(tmp_path / "mirror"), tmp_path / "downloads")
    assert "cannot be read as MNIST: " in str(caught.value) or "; expected 6" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_wrong_number_of_images_is_one_line(splits, tmp_path):
    images, labels = splits["train"]
    write_npz(tmp_path / "mirror", splits | {"train": (images[:5], labels[:5])})
    with pytest.raises(InputError, match="has 5 train images and 5 labels; expected 6"):
        fetch("mnist", str(tmp_path / "mirror"), tmp_path / "downloads")


def test_labels_that_are_no_digits_are_one_line(splits, tmp_path):
    write_csv(tmp_path / "mirror", splits, True)
    path = tmp_path / "mirror/mnist_test.csv"
    path.write_text(path.read_text().replace("label", "1x0", 1).replace("\n", "\nseven,", 1))
    with pytest.raises(InputError, match="cannot be read as MNIST: "):
        fetch("mnist", str(tmp_path / "mirror"), tmp_path / "downloads")


def test_values_beyond_a_byte_are_one_line(splits, tmp_path):
    write_npz(tmp_path / "mirror", splits | {"test": (splits["test"][0] * 2.0, splits["test"][1])})
    with pytest.raises(InputError, match=r"values from 0\.0 to 5\d\d\.0; expected 0 to 255"):
        fetch("mnist", str(tmp_path / "mirror"), tmp_path / "downloads")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["train.csv"], "Kaggle's competition has only 42,000 labelled images"),
        (
            ["mnist_train.csv"],
            r"expected a file with train in its name, and mnist_test\.csv beside",
        ),
        (
            ["train-0.parquet"],
            r"expected a file with train in its name, and test-\*\.parquet beside",
        ),
    ],
)
def test_a_part_of_mnist_is_one_line(tmp_path, names, message):
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=message):
        fetch("mnist", str(tmp_path), tmp_path / "downloads")


def test_a_file_of_an_unknown_form_is_one_line(tmp_path):
    (tmp_path / "mnist.zip").touch()
    with pytest.raises(InputError, match=r"mnist\.zip: expected MNIST as \.mat, \.npz, \.csv"):
        fetch("mnist", str(tmp_path / "mnist.zip"), tmp_path / "downloads")


def test_parquet_without_pyarrow_says_what_to_install(splits, tmp_path, monkeypatch):
    def missing(*_: object) -> None:
        raise ImportError("no pyarrow")

    monkeypatch.setattr(pd, "read_parquet", missing)
    (tmp_path / "mnist_784.parquet").touch()
    with pytest.raises(
        InputError, match="reading Parquet needs pyarrow; run `pip install pyarrow`"
    ):
        fetch("mnist", str(tmp_path), tmp_path / "downloads")


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMS)
def test_the_real_mnist_is_recognised_in_every_form(mnist, tmp_path, name):
    FORMS[name](tmp_path / "mirror", dict(mnist))
    source = fetch("mnist", str(tmp_path / "mirror"), tmp_path / "downloads")
    for split, (images, labels) in mnist.items():
        assert np.array_equal(source.splits[split][0], images)
        assert np.array_equal(source.splits[split][1], labels)
    shutil.rmtree(tmp_path / "mirror")
