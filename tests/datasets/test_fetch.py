"""Every source gives the same arrays or one clear line, and a bad mirror does no harm."""

import gzip
import hashlib
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from digits.data import sources
from scipy.io import savemat

from digits.datasets.fetch import MNIST_COUNTS, Source, fetch
from digits.errors import InputError


@pytest.fixture(autouse=True)
def published_nowhere(monkeypatch):
    """Point torchvision's published addresses at a port that nobody listens on: these tests need no
    network.
    """
    for cls in sources.TORCHVISION.values():
        monkeypatch.setattr(cls, "mirrors", ["http://localhost:9/"], raising=False)
    monkeypatch.setattr(sources.TORCHVISION["emnist_digits"], "url", "http://localhost:9/gzip.zip")


def write_idx(path, array: np.ndarray) -> None:
    """Write uint8 values in the IDX format: two zeros, type 8, number of axes, their lengths as 32
    big-endian bits, the values.
    """
    head = bytes([0, 0, 8, array.ndim]) + b"".join(
        length.to_bytes(4, "big") for length in array.shape
    )
    path.write_bytes(gzip.compress(head + array.tobytes(), mtime=0))


def md5(path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


@pytest.fixture
def small_mnist(tmp_path, monkeypatch, generator):
    """A mirror with 20 and 10 random images in MNIST's files, whose checksums torchvision is told."""
    folder = tmp_path / "a mirror"
    folder.mkdir()
    resources = []
    for split, n in (("train", 20), ("t10k", 10)):
        for name, array in (
            (
                f"{split}-images-idx3-ubyte.gz",
                generator.integers(0, 256, (n, 28, 28), dtype=np.uint8),
            ),
            (f"{split}-labels-idx1-ubyte.gz", generator.integers(0, 10, n, dtype=np.uint8)),
        ):
            write_idx(folder / name, array)
            resources.append((name, md5(folder / name)))
    monkeypatch.setattr(sources.MNIST, "resources", resources)
    return folder


@pytest.fixture
def served(small_mnist):
    """The same mirror behind http://localhost."""
    handler = partial(SimpleHTTPRequestHandler, directory=small_mnist)
    handler.func.log_message = lambda *_: None
    with ThreadingHTTPServer(("localhost", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


def assert_is_small_mnist(source: Source) -> None:
    assert source.class_names == list("0123456789")
    for name, n in (("train", 20), ("test", 10)):
        images, labels = source.splits[name]
        assert (images.shape, images.dtype, labels.shape, labels.dtype) == (
            (n, 28, 28),
            np.uint8,
            (n,),
            np.uint8,
        )


def test_folder_is_a_mirror(small_mnist, tmp_path, generator):
    source = fetch("mnist", str(small_mnist), tmp_path / "downloads")
    assert_is_small_mnist(source)
    expected = np.random.default_rng(0).integers(0, 256, (20, 28, 28), dtype=np.uint8)
    assert np.array_equal(source.splits["train"][0], expected)


@pytest.mark.parametrize("end", ["", "/"])
def test_url_is_a_mirror(served, end, tmp_path):
    assert_is_small_mnist(fetch("mnist", served + end, tmp_path))


def test_published_address_serves_where_the_own_mirror_has_nothing(served, tmp_path, monkeypatch):
    monkeypatch.setattr(sources.MNIST, "mirrors", [served + "/"])
    assert_is_small_mnist(fetch("mnist", str(tmp_path), tmp_path / "downloads"))


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[:-5], lambda data: b"<html>", lambda data: data[:40] + b"\0" + data[41:]],
)
def test_truncated_or_corrupt_file_is_named_with_every_mirrors_answer(
    small_mnist, tmp_path, damage
):
    path = small_mnist / "train-labels-idx1-ubyte.gz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError) as caught:
        fetch("mnist", str(small_mnist), tmp_path / "downloads")
    message = str(caught.value)
    assert "train-labels-idx1-ubyte.gz is corrupt or truncated" in message
    assert "http://localhost:9" in message
    assert "DIGITS_MIRROR" in message


def test_corrupt_file_from_a_url_is_refused(served, small_mnist, tmp_path):
    (small_mnist / "t10k-images-idx3-ubyte.gz").write_bytes(b"<html>not here</html>")
    with pytest.raises(InputError, match="corrupted"):
        fetch("mnist", served, tmp_path / "downloads")


@pytest.mark.parametrize("dataset", ["mnist", "fashion_mnist", "kmnist", "emnist_digits"])
def test_nothing_reachable_is_one_line_with_advice(dataset, tmp_path):
    with pytest.raises(InputError, match=f"{dataset} could not be had .*localhost:9.*uci_digits"):
        fetch(dataset, None, tmp_path)


def test_emnist_digits_are_turned_upright(tmp_path, monkeypatch, generator):
    images, labels = (
        generator.integers(0, 256, (3, 28, 28), dtype=np.uint8),
        np.array([1, 2, 3], np.uint8),
    )
    (tmp_path / "gzip").mkdir()
    with zipfile.ZipFile(tmp_path / "gzip.zip", "w") as archive:
        for split in ("train", "test"):
            for name, array in (("images-idx3", images), ("labels-idx1", labels)):
                path = tmp_path / f"gzip/emnist-digits-{split}-{name}-ubyte.gz"
                write_idx(path, array)
                archive.write(path, f"gzip/{path.name}")
    monkeypatch.setattr(sources.EMNIST, "md5", md5(tmp_path / "gzip.zip"))
    source = fetch("emnist_digits", str(tmp_path), tmp_path / "downloads")
    assert np.array_equal(source.splits["train"][0], images.transpose(0, 2, 1))
    assert source.splits["test"][1].tolist() == [1, 2, 3]


def write_mat(path, compress: bool, **changes) -> dict:
    """Write a mnist_all.mat with MNIST's counts, the digit's number as every pixel."""
    arrays = {
        f"{split}{digit}": np.full((count, 784), digit, np.uint8)
        for split, counts in MNIST_COUNTS.items()
        for digit, count in enumerate(counts)
    }
    arrays |= changes
    savemat(
        path,
        {name: array for name, array in arrays.items() if array is not None},
        do_compression=compress,
    )
    return arrays


@pytest.mark.parametrize("compress", [True, False])
def test_mat_file_is_a_source(tmp_path, compress):
    write_mat(tmp_path / "mnist_all.mat", compress)
    for mirror in (tmp_path, tmp_path / "mnist_all.mat"):
        source = fetch("mnist", str(mirror), tmp_path / "downloads")
        for name, n in (("train", 60_000), ("test", 10_000)):
            images, labels = source.splits[name]
            assert (images.shape, images.dtype, labels.dtype) == ((n, 28, 28), np.uint8, np.uint8)
            assert np.array_equal(images[:, 5, 7], labels)


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
    write_mat(tmp_path / "mnist_all.mat", True, **changes)
    with pytest.raises(InputError, match=message):
        fetch("mnist", str(tmp_path), tmp_path)


def test_damaged_mat_file_is_refused(tmp_path):
    write_mat(tmp_path / "mnist_all.mat", True)
    whole = (tmp_path / "mnist_all.mat").read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"nonsense" * 100):
        (tmp_path / "mnist_all.mat").write_bytes(content)
        with pytest.raises(InputError, match=r"mnist_all\.mat: "):
            fetch("mnist", str(tmp_path), tmp_path)
    with pytest.raises(InputError, match="no such file"):
        fetch("mnist", str(tmp_path / "other.mat"), tmp_path)


def test_uci_digits_are_in_mnists_form():
    source = fetch("uci_digits", None, None)
    images, labels = source.splits["train"]
    assert (images.shape, images.dtype, labels.shape) == ((1497, 28, 28), np.uint8, (1497,))
    assert images.max() == 255
    assert not images[:, :4].any()
    assert not images[:, :, 24:].any()
    assert len(source.splits["test"][1]) == 300


def test_real_mnist_has_its_published_counts(mnist_folder, tmp_path):
    source = fetch("mnist", str(mnist_folder), tmp_path)
    for split, counts in MNIST_COUNTS.items():
        assert np.bincount(source.splits[split][1]).tolist() == list(counts)
    # MNIST's well-known mean and standard deviation, ink from 0 to 1.
    images = source.splits["train"][0] / 255
    assert (round(images.mean(), 4), round(images.std(), 4)) == (0.1307, 0.3081)
