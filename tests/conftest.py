"""What several tests need: small images, the real MNIST if it is there, and a finished pipeline."""

import os

from tests.support.environment import ENVIRONMENT

# Before any other import: frameworks read their variables when they are imported.
os.environ.clear()
# PyTorch's OpenMP spins this long for work, as in digits/backends/torch/network.py.
os.environ.update(ENVIRONMENT | {"GOMP_SPINCOUNT": "10000"})

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from filelock import FileLock

from digits.datasets.source import Samples
from tests.support.clone import Clone, make_small_project
from tests.support.committed import changed_results, extract_commit, git
from tests.support.mirror import NOWHERE, write_small_mnist
from tests.support.networks import IMAGE_SHAPE
from tests.support.paths import MNIST, ROOT
from tests.support.programs import fail_or_skip
from tests.support.stage import InProcess

# A machine that does something else besides fails no test.
hypothesis.settings.register_profile("busy", deadline=None)
hypothesis.settings.load_profile("busy")


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def images(generator: np.random.Generator) -> np.ndarray:
    """Forty noise images, float32 (40, 12, 16, 1)."""
    return generator.random((40, *IMAGE_SHAPE), dtype=np.float32)


@pytest.fixture
def labels(generator: np.random.Generator) -> np.ndarray:
    """A digit for each of `images`, int64 (40,)."""
    return generator.integers(0, 10, 40)


@pytest.fixture(scope="session")
def mnist_folder() -> Path:
    """The folder with MNIST's files. Skipped without them."""
    if not (MNIST / "train-images-idx3-ubyte.gz").exists():
        pytest.skip("needs the real MNIST in ../shared/data/mnist")
    return MNIST


@pytest.fixture(scope="session")
def mnist(mnist_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Samples]:
    """The real MNIST: raw images and labels of "train" and "test"."""
    from digits.datasets.fetch import fetch

    return fetch("mnist", str(mnist_folder), tmp_path_factory.mktemp("mnist")).splits


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A temporary folder that all workers of this session have in common."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def finished(shared_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone in which the whole pipeline of the tests has run (tests/support/params.yaml).

    To be read, not changed. The first worker that needs it builds it; each has a copy.
    """
    folder = shared_folder / "finished"
    is_done = shared_folder / "finished.done"
    with FileLock(shared_folder / "finished.lock"):
        if not is_done.exists():
            assert not folder.exists(), "the pipeline failed in another worker"
            build_finished(folder)
            is_done.touch()
    return Clone(folder).copy(tmp_path_factory.mktemp("own") / "finished")


def build_finished(folder: Path) -> None:
    """Run the pipeline in a copy of the project, one stage after another, and commit it."""
    clone = make_small_project(folder)
    clone.repro()
    clone.commit("The pipeline on small digits")


@pytest.fixture
def clone(finished: Clone, tmp_path: Path) -> Clone:
    """A copy of the finished clone that a test may change."""
    return finished.copy(tmp_path / "clone")


@pytest.fixture
def project(tmp_path: Path) -> Clone:
    """A copy of the project in which nothing has run, with the parameters of the tests."""
    return make_small_project(tmp_path / "project")


@pytest.fixture(scope="session")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """The commit that is checked out, whatever the working tree has made of it.

    Skipped without one.
    """
    return extract_commit(tmp_path_factory.mktemp("commit") / "committed")


@pytest.fixture(scope="session")
def published_params(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed params.yaml; that of the working tree if there is no commit."""
    text = git("show", "HEAD:params.yaml")
    if text is None:
        return ROOT / "params.yaml"
    path = tmp_path_factory.mktemp("published") / "params.yaml"
    path.write_bytes(text)
    return path


@pytest.fixture
def run_in_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> InProcess:
    """Call it as run_in_process(folder, "stages.download", status=1, DIGITS_MIRROR="...")."""
    return InProcess(monkeypatch, capsys)


@pytest.fixture
def published_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Point the published addresses at a port without a server: no test downloads from outside."""
    from digits.datasets.torchvision_files import TORCHVISION

    for published in TORCHVISION.values():
        monkeypatch.setattr(published, "mirrors", [f"{NOWHERE}/"], raising=False)
    monkeypatch.setattr(TORCHVISION["emnist_digits"], "url", f"{NOWHERE}/gzip.zip")


@pytest.fixture
def small_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mirror with 20 and 10 random images in MNIST's files; torchvision knows their checksums."""
    from digits.datasets.torchvision_files import TORCHVISION

    monkeypatch.setattr(TORCHVISION["mnist"], "resources", write_small_mnist(tmp_path / "a mirror"))
    return tmp_path / "a mirror"


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A headless Chromium for all tests.

    Skipped if none is installed; with DIGITS_BROWSER=required that is a failure.
    """
    from tests.support.browser import Browser, find_chromium

    if find_chromium() is None:
        missing = (
            "needs Chromium and its driver; on Debian: apt-get install chromium chromium-driver"
        )
        fail_or_skip("DIGITS_BROWSER", missing)
    browser = Browser(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.quit()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which results of the working tree the tests did not look at."""
    if changed := changed_results():
        terminalreporter.write_line(
            f"warning: the working tree has results of its own ({changed[0]}, {len(changed)} files"
            " in all); the tests of what is published read the commit",
            yellow=True,
        )
