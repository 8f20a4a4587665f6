"""A failed download does no harm: a full disk, a read-only folder, no network."""

import inspect
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from digits.base.files import read_json, read_split, write_json, write_split
from digits.datasets import synthetic
from tests.support.clone import Clone
from tests.support.stage import InProcess

WITHOUT_MIRROR = {"DIGITS_MIRROR": ""}

pytestmark = pytest.mark.usefixtures("published_nowhere")

Download = Callable[..., str]


@pytest.fixture
def project(project: Clone) -> Clone:
    """A project that asks for MNIST, and takes synthetic digits instead."""
    project.edit_params({"download.dataset": "mnist"})
    return project


@pytest.fixture
def data(project: Clone) -> Path:
    """The project's folder of data, empty."""
    (project.path / "data").mkdir()
    return project.path / "data"


@pytest.fixture
def download(project: Clone, run_in_process: InProcess) -> Download:
    """Call it as download(status=1, DIGITS_MIRROR="..."): it runs the stage in the project."""
    return partial(run_in_process, project.path, "stages.download")


@contextmanager
def small_file_system(folder: Path, options: str) -> Iterator[None]:
    """Mount a temporary file system on a folder; skip the test if that is not allowed."""
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def test_full_disk_is_one_line_and_leaves_nothing(data, download, mnist_folder):
    """On a file system of 20 MiB; MNIST's arrays take 52."""
    with small_file_system(data, "size=20m"):
        printed = download(status=1, DIGITS_MIRROR=str(mnist_folder))
        assert list(data.iterdir()) == []
    assert printed.startswith("error: ")
    assert "No space left on device" in printed
    assert len(printed.splitlines()) == 1


def test_folder_that_may_not_be_written_to_is_one_line(data, download, mnist_folder):
    with small_file_system(data, "ro"):
        printed = download(status=1, DIGITS_MIRROR=str(mnist_folder))
    assert "Read-only file system" in printed
    assert len(printed.splitlines()) == 1


def write_raw(data: Path, dataset: str) -> Path:
    """Write a small data/raw/ as a download leaves it."""
    for split in ("train", "test"):
        images, labels = np.zeros((3, 28, 28), np.uint8), np.arange(3, dtype=np.uint8)
        write_split(data / "raw" / split, images, labels)
    names = {"dataset": dataset, "class_names": list("0123456789")}
    write_json(data / "raw/dataset.json", names)
    return data / "raw"


def found_dataset(data: Path) -> str:
    """Return the name of the data set that is there."""
    name: str = read_json(data / "raw/dataset.json")["dataset"]
    return name


def test_failed_download_keeps_what_was_there(project, data, download):
    raw = write_raw(data, "mnist")
    shutil.copytree(raw, project.path / "before")
    project.edit_params({"download.when_unreachable": "fail"})
    download(status=1, **WITHOUT_MIRROR)
    labels, before = (read_split(folder / "train")[1] for folder in (raw, project.path / "before"))
    assert labels.tolist() == before.tolist()
    assert [path.name for path in data.iterdir()] == ["raw"]


def test_leftovers_of_a_killed_download_do_no_harm(data, download, mnist_folder):
    leftover = data / ".raw.partial/downloads/MNIST/raw/train-images-idx3-ubyte.gz"
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"half a file")
    download(DIGITS_MIRROR=str(mnist_folder))
    assert len(read_split(data / "raw/train")[1]) == 60_000
    assert [path.name for path in data.iterdir()] == ["raw"]


def test_without_a_network_synthetic_digits_come_with_a_warning_and_their_own_name(
    data, download, monkeypatch
):
    draw = synthetic.draw_synthetic_digits
    defaults = inspect.signature(draw).parameters
    assert (defaults["n_train"].default, defaults["n_test"].default) == (60_000, 10_000)
    # 70,000 take a quarter of a minute.
    monkeypatch.setattr(synthetic, "draw_synthetic_digits", partial(draw, n_train=60, n_test=10))
    printed = download(**WITHOUT_MIRROR)
    assert "warning: could not download mnist: " in printed
    assert "results on them are not results on MNIST" in printed
    assert found_dataset(data) == "synthetic"
    assert len(read_split(data / "raw/train")[1]) == 60
    assert len(read_split(data / "raw/test")[1]) == 10


def test_a_mirror_without_mnist_stops_the_stage(data, download, tmp_path):
    (tmp_path / "empty").mkdir()
    printed = download(status=1, DIGITS_MIRROR=str(tmp_path / "empty"))
    assert printed.startswith(f"error: could not download mnist: {tmp_path}/empty: ")
    assert len(printed.splitlines()) == 1
    assert list(data.iterdir()) == []


def test_synthetic_digits_can_be_forbidden(project, data, download):
    project.edit_params({"download.when_unreachable": "fail"})
    printed = download(status=1, **WITHOUT_MIRROR)
    assert len(printed.splitlines()) == 1
    assert printed.startswith("error: could not download mnist: ")
    assert list(data.iterdir()) == []


def test_other_data_sets_have_no_substitute(project, download):
    project.edit_params({"download.dataset": "fashion_mnist"})
    assert "could not download fashion_mnist: " in download(status=1, **WITHOUT_MIRROR)


@pytest.fixture
def refetch(project: Clone, run_in_process: InProcess) -> Download:
    """Call it as refetch(DIGITS_MIRROR="..."): it runs the command in the project."""
    return partial(run_in_process, project.path, "digits", "refetch")


@pytest.mark.slow
def test_synthetic_digits_give_way_when_a_mirror_answers(project, data, refetch, mnist_folder):
    write_raw(data, "synthetic")
    project.run("git", "add", "-A")
    assert "keeping the synthetic digits: could not download mnist" in refetch(**WITHOUT_MIRROR)
    assert found_dataset(data) == "synthetic"
    assert "downloading mnist again" in refetch(DIGITS_MIRROR=str(mnist_folder))
    assert found_dataset(data) == "mnist"
    assert refetch(**WITHOUT_MIRROR) == ""


def test_synthetic_digits_that_were_asked_for_stay(project, data, refetch):
    write_raw(data, "synthetic")
    project.edit_params({"download.dataset": "synthetic"})
    assert refetch(**WITHOUT_MIRROR) == ""
