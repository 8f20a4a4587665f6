"""A download that cannot hurt: bad servers, a full disk, a folder that may not be written to, and
no network at all.
"""

import errno
import hashlib
import json
import os
import shutil
import subprocess
import threading
import time
import zipfile
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from conftest import Clone, copy_project
from digits.data import sources
from test_sources import assert_is_small_mnist, published_nowhere, small_mnist  # noqa: F401 (fixtures)

from digits.base.files import read_split
from digits.datasets.fetch import Unreachable, fetch
from digits.errors import InputError

NOWHERE = {
    "http_proxy": "http://localhost:9",
    "https_proxy": "http://localhost:9",
    "no_proxy": "",
    "DIGITS_MIRROR": "",
}
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
def serve(small_mnist):  # noqa: F811
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
    monkeypatch.setattr(sources, "TIMEOUT_SECONDS", 0.5)
    address = serve(fault)
    with pytest.raises(
        Unreachable, match=f"mnist could not be had .*{address}: .*({FAULTS[fault]}).*localhost:9"
    ):
        fetch("mnist", address, tmp_path / "downloads")


@pytest.mark.parametrize("fault", FAULTS)
def test_the_next_mirror_is_asked_after_a_bad_one(serve, fault, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "TIMEOUT_SECONDS", 0.5)
    monkeypatch.setattr(sources.MNIST, "mirrors", [serve(fault) + "/", serve("") + "/"])
    assert_is_small_mnist(fetch("mnist", None, tmp_path / "downloads"))


def test_redirection_is_followed(serve, tmp_path):
    assert_is_small_mnist(fetch("mnist", serve("redirects"), tmp_path / "downloads"))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_fault_of_this_machine_is_not_a_mirrors(serve, number, tmp_path, monkeypatch):
    """The stand-in is for when nobody has the data, not for when they cannot be stored."""

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
    monkeypatch.setattr(
        sources.EMNIST, "md5", hashlib.md5((tmp_path / "mirror/gzip.zip").read_bytes()).hexdigest()
    )
    with pytest.raises(InputError):  # it has none of EMNIST's files
        fetch("emnist_digits", str(tmp_path / "mirror"), tmp_path / "a/b/c/downloads")
    outside = [
        path
        for path in tmp_path.rglob("*evil*")
        if not path.is_relative_to(tmp_path / "a/b/c/downloads")
    ]
    assert outside == []


@pytest.fixture
def project(tmp_path) -> Clone:
    return copy_project(tmp_path)


def test_full_disk_is_one_line_and_leaves_nothing(project, mnist_folder):
    """On a file system of 20 MiB; MNIST's arrays take 52."""
    (project.path / "data").mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", project.path / "data"],
        capture_output=True,
    ).returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        printed = project.run(
            "python", "-m", "stages.download", status=1, DIGITS_MIRROR=str(mnist_folder)
        )
        assert printed.startswith("error: ")
        assert "No space left on device" in printed
        assert len(printed.splitlines()) == 1
        assert list((project.path / "data").iterdir()) == []
    finally:
        subprocess.run(["umount", project.path / "data"], check=True)


def test_folder_that_may_not_be_written_to_is_one_line(project, mnist_folder):
    (project.path / "data").mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", project.path / "data"], capture_output=True
    ).returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        printed = project.run(
            "python", "-m", "stages.download", status=1, DIGITS_MIRROR=str(mnist_folder)
        )
        assert "Read-only file system" in printed
        assert len(printed.splitlines()) == 1
    finally:
        subprocess.run(["umount", project.path / "data"], check=True)


def test_failed_download_keeps_what_was_there(project):
    shutil.copytree(make_raw(project, "mnist"), project.path / "before")
    project.edit_params({"download.when_unreachable": "fail"})
    project.run("python", "-m", "stages.download", status=1, **NOWHERE)
    assert (
        read_split(project.path / "data/raw/train")[1].tolist()
        == read_split(project.path / "before/train")[1].tolist()
    )
    assert [path.name for path in (project.path / "data").iterdir()] == ["raw"]


def make_raw(project: Clone, dataset: str):
    """Write a small data/raw/ as a download leaves it."""
    raw = project.path / "data/raw"
    for split in ("train", "test"):
        (raw / split).mkdir(parents=True)
        np.save(raw / split / "images.npy", np.zeros((3, 28, 28), np.uint8))
        np.save(raw / split / "labels.npy", np.arange(3, dtype=np.uint8))
    (raw / "dataset.json").write_text(
        json.dumps({"dataset": dataset, "class_names": list("0123456789")})
    )
    return raw


def test_leftovers_of_a_killed_download_do_no_harm(project, mnist_folder):
    leftover = project.path / "data/.raw.partial/downloads/MNIST/raw/train-images-idx3-ubyte.gz"
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"half a file")
    project.run("python", "-m", "stages.download", DIGITS_MIRROR=str(mnist_folder))
    assert len(read_split(project.path / "data/raw/train")[1]) == 60_000
    assert [path.name for path in (project.path / "data").iterdir()] == ["raw"]


def test_without_a_network_the_stand_in_is_drawn_with_a_warning_and_its_own_name(project):
    printed = project.run("python", "-m", "stages.download", **NOWHERE)
    assert "warning: mnist could not be had" in printed
    assert "no result on them is a result on MNIST" in printed
    assert json.loads((project.path / "data/raw/dataset.json").read_text())["dataset"] == "stand_in"
    assert len(read_split(project.path / "data/raw/train")[1]) == 60_000
    assert len(read_split(project.path / "data/raw/test")[1]) == 10_000


def test_the_stand_in_can_be_forbidden(project):
    project.edit_params({"download.when_unreachable": "fail"})
    printed = project.run("python", "-m", "stages.download", status=1, **NOWHERE)
    assert len(printed.splitlines()) == 1
    assert printed.startswith("error: mnist could not be had")
    assert not (project.path / "data/raw").exists()


def test_other_data_sets_have_no_stand_in(project):
    project.edit_params({"download.dataset": "fashion_mnist"})
    assert "fashion_mnist could not be had" in project.run(
        "python", "-m", "stages.download", status=1, **NOWHERE
    )


def test_stand_in_gives_way_when_a_mirror_answers(project, mnist_folder):
    make_raw(project, "stand_in")
    project.run("git", "add", "-A")
    printed = project.run("python", "-m", "digits.commands.refetch", **NOWHERE)
    assert "still not to be had, the stand-in stays" in printed
    assert json.loads((project.path / "data/raw/dataset.json").read_text())["dataset"] == "stand_in"
    printed = project.run(
        "python", "-m", "digits.commands.refetch", DIGITS_MIRROR=str(mnist_folder)
    )
    assert "asking for the real ones again" in printed
    assert json.loads((project.path / "data/raw/dataset.json").read_text())["dataset"] == "mnist"
    assert project.run("python", "-m", "digits.commands.refetch", **NOWHERE) == ""


def test_stand_in_that_was_asked_for_stays(project):
    make_raw(project, "stand_in")
    project.edit_params({"download.dataset": "stand_in"})
    assert project.run("python", "-m", "digits.commands.refetch", **NOWHERE) == ""
