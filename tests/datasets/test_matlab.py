"""A whole mnist_all.mat is a source; any other file is refused in one line."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from scipy.io import savemat

from digits.datasets.fetch import fetch
from digits.datasets.source import MNIST_COUNTS, Source
from digits.errors import InputError


def write_mat(path, compress: bool, **changes) -> None:
    """Write a mnist_all.mat with MNIST's counts; every pixel is the digit."""
    arrays = {
        f"{split}{digit}": np.full((count, 784), digit, np.uint8)
        for split, counts in MNIST_COUNTS.items()
        for digit, count in enumerate(counts)
    }
    arrays |= changes
    written = {name: array for name, array in arrays.items() if array is not None}
    savemat(path, written, do_compression=compress)


def assert_pixels_are_labels(source: Source) -> None:
    for name, n in (("train", 60_000), ("test", 10_000)):
        images, labels = source.splits[name]
        assert (images.shape, images.dtype, labels.dtype) == ((n, 28, 28), np.uint8, np.uint8)
        assert np.array_equal(images[:, 5, 7], labels)


@pytest.mark.parametrize("compress", [True, False])
def test_mat_file_is_a_source(tmp_path, compress):
    write_mat(tmp_path / "mnist_all.mat", compress)
    for mirror in (tmp_path, tmp_path / "mnist_all.mat"):
        assert_pixels_are_labels(fetch("mnist", str(mirror), tmp_path / "downloads"))


class Silent(SimpleHTTPRequestHandler):
    """Serves a folder and logs nothing."""

    def log_message(self, *arguments) -> None:
        pass


def test_mat_file_is_downloaded_from_a_url(tmp_path):
    write_mat(tmp_path / "mnist_all.mat", True)
    with ThreadingHTTPServer(("localhost", 0), partial(Silent, directory=tmp_path)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://localhost:{server.server_port}"
        assert_pixels_are_labels(fetch("mnist", f"{address}/mnist_all.mat", tmp_path / "downloads"))
        with pytest.raises(InputError, match=r"could not download http://.*none\.mat: .*404"):
            fetch("mnist", f"{address}/none.mat", tmp_path / "other downloads")
        server.shutdown()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train3": None}, "train3 is missing"),
        (
            {"test9": np.zeros((1008, 784), np.uint8)},
            r"test9 is uint8 \(1008, 784\); expected uint8 \(1009, 784\)",
        ),
        ({"test0": np.zeros((980, 784))}, "test0 is float64"),
    ],
)
def test_mat_file_that_is_not_mnist_is_refused(tmp_path, changes, message):
    write_mat(tmp_path / "mnist_all.mat", False, **changes)
    with pytest.raises(InputError, match=message):
        fetch("mnist", str(tmp_path), tmp_path)


def test_damaged_mat_file_is_refused(tmp_path):
    path = tmp_path / "mnist_all.mat"
    write_mat(path, True)
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"nonsense" * 100):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"mnist_all\.mat: "):
            fetch("mnist", str(tmp_path), tmp_path)


def test_mat_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(InputError, match=r"other\.mat: no such file"):
        fetch("mnist", str(tmp_path / "other.mat"), tmp_path)
