"""What several tests need: small images and models, the real MNIST where it is at hand, and a
temporary clone in which the pipeline has run.
"""

import os

# Before any import of PyTorch, as in digits/backends/torch/network.py.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from browser import Browser, find_chromium
from ruamel.yaml import YAML

from digits.backends.scratch import network as backend_scratch
from digits.datasets.fetch import fetch
from digits.model.model_file import Model, write_model
from digits.preprocessing.apply import Preprocessing, normalize
from digits.training.loop import train
from digits.training.params import load_params

# A machine that does something else besides fails no test.
hypothesis.settings.register_profile("busy", deadline=None)
hypothesis.settings.load_profile("busy")

ROOT = Path(__file__).parent.parent
MNIST = ROOT.parent / "shared/data/mnist"
IMAGE_SHAPE = (12, 16, 1)
# The interpreter's folder first: `python` and `dvc` are then those that run the tests, activated or
# not.
ENVIRONMENT = os.environ | {
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    "PYTHONHASHSEED": "0",
}


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def images(generator) -> np.ndarray:
    """Forty noise images, float32 (40, 12, 16, 1): another height than width."""
    return generator.random((40, *IMAGE_SHAPE), dtype=np.float32)


@pytest.fixture
def labels(generator) -> np.ndarray:
    """A digit for each of `images`, int64 (40,)."""
    return generator.integers(0, 10, 40)


@pytest.fixture(scope="session")
def mnist_folder() -> Path:
    if not (MNIST / "train-images-idx3-ubyte.gz").exists():
        pytest.skip("needs the real MNIST in ../shared/data/mnist")
    return MNIST


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Clone:
    """A copy of the project's files in a git repository of its own."""

    def __init__(self, path: Path):
        self.path = path

    def run(self, *command: str, status: int | None = 0, **variables: str) -> str:
        """Run a command in the clone, assert its exit status, None for any but 0, and return what
        it printed.
        """
        done = subprocess.run(
            command,
            cwd=self.path,
            env=ENVIRONMENT | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        as_expected = done.returncode != 0 if status is None else done.returncode == status
        assert as_expected, (
            f"{command} exited {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        )
        return done.stdout + done.stderr

    def repro(self, *arguments: str) -> set[str]:
        """Run `dvc repro` and return the stages that ran."""
        lines = self.run("dvc", "repro", *arguments).splitlines()
        return {line.split("'")[1] for line in lines if line.startswith("Running stage")}

    def edit_params(self, values: dict[str, object]) -> None:
        """Set leaves of params.yaml, as in edit_params({"train_torch.mlp.epochs": 2})."""
        yaml = YAML()
        params = yaml.load(self.path / "params.yaml")
        for name, value in values.items():
            *sections, leaf = name.split(".")
            section = params
            for key in sections:
                section = section[key]
            section[leaf] = value
        yaml.dump(params, self.path / "params.yaml")

    def commit(self, message: str) -> None:
        self.run("git", "add", "-A")
        self.run(
            "git",
            "-c",
            "user.name=test",
            "-c",
            "user.email=test@localhost",
            "commit",
            "-qm",
            message,
        )


def copy_project(target: Path) -> Clone:
    """Copy the files that git tracks or would track, as they are now, and make them a git
    repository.
    """
    listed = subprocess.run(
        ["git", "ls-files", "-zco", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    clone = Clone(target)
    clone.run("git", "init", "-q", "-b", "main")
    return clone


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone in which the whole pipeline has run on 1,797 small digits, an epoch a run. To be
    read, not changed.
    """
    clone = copy_project(tmp_path_factory.mktemp("finished"))
    params = YAML(typ="safe").load(clone.path / "params.yaml")
    edits: dict[str, object] = {"download.dataset": "uci_digits", "preprocess.validation_size": 200}
    edits |= {
        f"train_{framework}.{run}.epochs": 1
        for framework in ("torch", "tf", "scratch")
        for run in params[f"train_{framework}"]
    }
    clone.edit_params(edits | {"train_scratch.mlp.epochs": 3})
    clone.repro()
    clone.commit("The pipeline on small digits")
    return clone


@pytest.fixture
def clone(finished: Clone, tmp_path: Path) -> Clone:
    """A copy of the finished clone that a test may change."""
    shutil.copytree(finished.path, tmp_path / "clone", symlinks=True)
    return Clone(tmp_path / "clone")


def train_mlp(images: np.ndarray, labels: np.ndarray, epochs: int) -> Model:
    """Return the scratch mlp of params.yaml, trained on raw images, uint8 (n, 28, 28), for a few
    epochs; the last 100 are for validation.
    """
    params = load_params(ROOT / "params.yaml")
    params.train_scratch["mlp"] = params.train_scratch["mlp"].model_copy(update={"epochs": epochs})
    preprocessing = Preprocessing(
        dataset="mnist",
        class_names=list("0123456789"),
        normalization="zero_one",
        mean=0.0,
        std=255.0,
        kept_pixels=list(range(784)),
    )
    samples = normalize(images, 0.0, 255.0), labels.astype(np.int64)
    splits = [tuple(array[part] for array in samples) for part in (slice(-100), slice(-100, None))]
    return train(backend_scratch, "scratch", "mlp", params, preprocessing, *splits)[0]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as models/ is, with two models that know the 1,797 small digits."""
    folder = tmp_path_factory.mktemp("trained") / "models"
    for run, epochs in (("mlp", 10), ("mlp_short", 2)):
        write_model(
            folder / "scratch" / run / "model.safetensors",
            train_mlp(*fetch("uci_digits", None, folder).splits["train"], epochs),
        )
    return folder


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A headless Chromium for all tests. Skipped where none is installed; with
    DIGITS_BROWSER=required that is a failure.
    """
    if find_chromium() is None:
        missing = (
            "needs Chromium and its driver; on Debian: apt-get install chromium chromium-driver"
        )
        pytest.fail(missing) if os.environ.get("DIGITS_BROWSER") == "required" else pytest.skip(
            missing
        )
    browser = Browser(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.quit()
