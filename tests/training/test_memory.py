"""Memory grows with the data by the arrays themselves, not by copies of them."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from digits.base.files import write_array, write_array_in_parts, write_json
from digits.base.params import FRAMEWORKS
from tests.support.environment import ENVIRONMENT
from tests.support.faulty_params import write_params
from tests.support.paths import ROOT, SMALL_PARAMS

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="Linux tells each process its peak"),
    pytest.mark.slow,
]
# 24 MB as published, 94 MB normalised: several times as much as the peak varies from run to run.
N = 30_000

# VmHWM, not ru_maxrss: that one also counts the process that started it.
PRINT_PEAK = """
from pathlib import Path
status = Path("/proc/self/status").read_text().splitlines()
print(next(line for line in status if line.startswith("VmHWM")))
"""
PREPROCESS = """
import runpy
runpy.run_module("stages.preprocess", run_name="__main__")
"""
PREDICT = """
from pathlib import Path
from digits.base.files import read_split
from digits.training.backend import load_predict
from digits.training.initial_weights import initial_weights
from digits.training.run import load_layers

layers = load_layers({architecture!r}, "a run", Path({params!r}))
weights = initial_weights(layers, (28, 28, 1), "he", 0)
images, labels = read_split(Path("data/processed/train"))
predict = load_predict({framework!r})
probabilities = predict(layers, weights, images[..., None], threads=2)
assert probabilities.shape == (len(labels), 10)
"""


def peak_memory_bytes(code: str, folder: Path) -> int:
    """Return the peak memory of a fresh interpreter that runs code in a folder."""
    done = subprocess.run(
        [sys.executable, "-c", code + PRINT_PEAK],
        cwd=folder,
        env=ENVIRONMENT | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-2]) * 1024


def write_raw_data(folder: Path, n: int) -> Path:
    """Write n training images, half as many test images, and params.yaml; return the folder."""
    generator = np.random.default_rng(0)
    raw = folder / "data/raw"
    for split, n_images in (("train", n), ("test", n // 2)):
        parts = (
            generator.integers(0, 256, (1000, 28, 28), dtype=np.uint8)
            for _ in range(n_images // 1000)
        )
        shape = (n_images, 28, 28)
        write_array_in_parts(raw / split / "images.npy", shape, "uint8", parts)
        labels = np.arange(n_images) % 10
        write_array(raw / split / "labels.npy", labels.astype(np.uint8))
    write_json(raw / "dataset.json", {"dataset": "mnist", "class_names": list("0123456789")})
    write_params(folder / "params.yaml", {"preprocess validation_size": 1000})
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two folders with raw data, the second with twice the images."""
    return [write_raw_data(tmp_path_factory.mktemp(f"{n}_images"), n) for n in (N, 2 * N)]


@pytest.fixture(scope="module")
def preprocessing_peaks(folders: list[Path]) -> list[int]:
    """The peak memory of preprocess in each folder; they have processed data from here on."""
    return [peak_memory_bytes(PREPROCESS, folder) for folder in folders]


def growth(values: Sequence[int]) -> int:
    return values[1] - values[0]


def image_growth(folders: list[Path], name: str) -> int:
    """Return how many bytes of images the second folder has more below data/."""
    sizes = []
    for folder in folders:
        files = (folder / "data" / name).rglob("images.npy")
        sizes.append(sum(file.stat().st_size for file in files))
    return growth(sizes)


def test_preprocessing_holds_what_it_reads_and_never_the_normalised_images(
    folders, preprocessing_peaks
):
    raw = image_growth(folders, "raw")
    assert image_growth(folders, "processed") == pytest.approx(4 * raw, rel=0.01)
    # The mapped raw images; labels and sample numbers, 8 bytes each beside an image's 784; 10 MB
    # for chance.
    assert growth(preprocessing_peaks) < 1.1 * raw + 10e6


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("architecture", ["mlp", "cnn_small"])
def test_scoring_holds_the_images_once(framework, architecture, folders, preprocessing_peaks):
    code = PREDICT.format(framework=framework, architecture=architecture, params=str(SMALL_PARAMS))
    peaks = [peak_memory_bytes(code, folder) for folder in folders]
    # Probabilities and labels: some 80 bytes beside an image's 3,136. A framework's own pools vary
    # by some MB from run to run.
    assert growth(peaks) < 1.1 * image_growth(folders, "processed/train") + 20e6
