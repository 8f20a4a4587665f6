"""Bad servers and bad archives: each is named, the next address is tried, no file is harmed."""

import errno
import os
import threading
import time
import zipfile
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from digits.datasets import torchvision_files
from digits.datasets.fetch import fetch
from digits.datasets.source import Unreachable
from digits.errors import InputError
from tests.support.mirror import assert_is_small_mnist, md5

pytestmark = pytest.mark.usefixtures("published_nowhere")

LABELS = "train-labels-idx1-ubyte.gz"


class Unkind(SimpleHTTPRequestHandler):
    """Serves a folder, but for one file, with which it does what `fault` says."""

    fault = ""

    def log_message(self, *arguments) -> None:
        pass

    def do_GET(self) -> None:
        if LABELS not in self.path or not self.fault:
            super().do_GET()
            return
        with suppress(OSError):  # who asked has hung up
            getattr(self, self.fault)(Path(self.translate_path(f"/{LABELS}")).read_bytes())

    def answer(
        self, status: int, content: bytes, length: int | None = None, **headers: str
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)

    def truncates(self, content: bytes) -> None:
        self.answer(200, content[:-10], len(content))

    def corrupts(self, content: bytes) -> None:
        self.answer(200, content[:-1] + bytes([content[-1] ^ 1]))

    def stalls(self, content: bytes) -> None:
        self.answer(200, content[:10], len(content))
        time.sleep(3)

    def says_nothing(self, content: bytes) -> None:
        time.sleep(3)

    def is_not_found(self, content: bytes) -> None:
        self.send_error(404)

    def fails(self, content: bytes) -> None:
        self.send_error(500)

    def serves_html(self, content: bytes) -> None:
        self.answer(
            200, b"<html><body>Please log in</body></html>", **{"Content-Type": "text/html"}
        )

    def redirects_for_ever(self, content: bytes) -> None:
        self.answer(302, b"", Location=self.path)

    def redirects_to_a_login(self, content: bytes) -> None:
        self.answer(302, b"", Location="/login")

    def redirects(self, content: bytes) -> None:
        if "elsewhere" in self.path:
            self.answer(200, content)
        else:
            self.answer(302, b"", Location=f"/elsewhere/{LABELS}")


@pytest.fixture
def serve(small_mnist):
    """Start a server of the small MNIST with a fault, and return its address."""
    servers = []

    def start(fault: str) -> str:
        handler = type("Handler", (Unkind,), {"fault": fault})
        server = ThreadingHTTPServer(("localhost", 0), partial(handler, directory=small_mnist))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://localhost:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


FAULTS = {
    "truncates": "corrupted|IncompleteRead",
    "corrupts": "corrupted",
    "stalls": "timed out",
    "says_nothing": "timed out",
    "is_not_found": "404",
    "fails": "500",
    "serves_html": "corrupted",
    "redirects_for_ever": "redirect",
    "redirects_to_a_login": "404",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_server_is_told_by_what_it_answered(serve, fault, tmp_path, monkeypatch):
    monkeypatch.setattr(torchvision_files, "TIMEOUT_SECONDS", 0.5)
    address = serve(fault)
    with pytest.raises(
        Unreachable,
        match=f"could not download mnist: .*{address}: .*({FAULTS[fault]}).*localhost:9",
    ):
        fetch("mnist", address, tmp_path / "downloads")


@pytest.mark.parametrize("fault", FAULTS)
def test_the_next_mirror_is_asked_after_a_bad_one(serve, fault, tmp_path, monkeypatch):
    monkeypatch.setattr(torchvision_files, "TIMEOUT_SECONDS", 0.5)
    monkeypatch.setattr(torchvision_files.MNIST, "mirrors", [serve(fault) + "/", serve("") + "/"])
    assert_is_small_mnist(fetch("mnist", None, tmp_path / "downloads"))


def test_redirection_is_followed(serve, tmp_path):
    assert_is_small_mnist(fetch("mnist", serve("redirects"), tmp_path / "downloads"))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_fault_of_this_machine_is_not_a_mirrors(serve, number, tmp_path, monkeypatch):
    """Synthetic digits are for when nobody has the data, not for when they cannot be stored."""

    def refuse(*arguments, **options):
        raise OSError(number, os.strerror(number), "downloads/a.gz")

    monkeypatch.setattr("torchvision.datasets.utils._urlretrieve", refuse)
    with pytest.raises(InputError, match=os.strerror(number)) as caught:
        fetch("mnist", serve(""), tmp_path / "downloads")
    assert not isinstance(caught.value, Unreachable)


def test_archive_cannot_write_outside_its_folder(tmp_path, monkeypatch):
    """Even one whose checksum is the published one."""
    (tmp_path / "mirror").mkdir()
    with zipfile.ZipFile(tmp_path / "mirror/gzip.zip", "w") as archive:
        for name in ("../../../evil", str(tmp_path / "evil-absolute"), "gzip/../../../../evil"):
            archive.writestr(name, "evil")
    monkeypatch.setattr(torchvision_files.EMNIST, "md5", md5(tmp_path / "mirror/gzip.zip"))
    with pytest.raises(InputError):  # it has none of EMNIST's files
        fetch("emnist_digits", str(tmp_path / "mirror"), tmp_path / "a/b/c/downloads")
    outside = [
        path
        for path in tmp_path.rglob("*evil*")
        if not path.is_relative_to(tmp_path / "a/b/c/downloads")
    ]
    assert outside == []
