"""torchvision's data sets come whole, from a folder, a URL or the published address."""

import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from digits.datasets.fetch import fetch
from digits.datasets.torchvision_files import EMNIST, MNIST
from digits.errors import InputError
from tests.support.mirror import assert_is_small_mnist, md5, write_idx

pytestmark = pytest.mark.usefixtures("published_nowhere")


class Silent(SimpleHTTPRequestHandler):
    """Serves a folder and logs nothing."""

    def log_message(self, *arguments) -> None:
        pass


@pytest.fixture
def served(small_mnist):
    """The small MNIST behind http://localhost."""
    handler = partial(Silent, directory=small_mnist)
    with ThreadingHTTPServer(("localhost", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


def test_folder_is_a_mirror(small_mnist, tmp_path):
    source = fetch("mnist", str(small_mnist), tmp_path / "downloads")
    assert_is_small_mnist(source)
    # The mirror's first draw.
    expected = np.random.default_rng(0).integers(0, 256, (20, 28, 28), dtype=np.uint8)
    assert np.array_equal(source.splits["train"][0], expected)


@pytest.mark.parametrize("end", ["", "/"])
def test_url_is_a_mirror(served, end, tmp_path):
    assert_is_small_mnist(fetch("mnist", served + end, tmp_path))


def test_published_address_serves_what_the_mirror_lacks(served, tmp_path, monkeypatch):
    monkeypatch.setattr(MNIST, "mirrors", [served + "/"])
    assert_is_small_mnist(fetch("mnist", str(tmp_path), tmp_path / "downloads"))


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[:-5], lambda data: b"<html>", lambda data: data[:40] + b"\0" + data[41:]],
)
def test_damaged_file_is_named_with_every_answer(small_mnist, tmp_path, damage):
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
def test_unreachable_data_set_is_one_line_with_advice(dataset, tmp_path):
    with pytest.raises(
        InputError, match=f"could not download {dataset}: .*localhost:9.*uci_digits"
    ):
        fetch(dataset, None, tmp_path)


def test_emnist_digits_are_turned_upright(tmp_path, monkeypatch, generator):
    images = generator.integers(0, 256, (3, 28, 28), dtype=np.uint8)
    labels = np.array([1, 2, 3], np.uint8)
    (tmp_path / "gzip").mkdir()
    with zipfile.ZipFile(tmp_path / "gzip.zip", "w") as archive:
        for split in ("train", "test"):
            for name, array in (("images-idx3", images), ("labels-idx1", labels)):
                path = tmp_path / f"gzip/emnist-digits-{split}-{name}-ubyte.gz"
                write_idx(path, array)
                archive.write(path, f"gzip/{path.name}")
    monkeypatch.setattr(EMNIST, "md5", md5(tmp_path / "gzip.zip"))
    source = fetch("emnist_digits", str(tmp_path), tmp_path / "downloads")
    assert np.array_equal(source.splits["train"][0], images.transpose(0, 2, 1))
    assert source.splits["test"][1].tolist() == [1, 2, 3]
