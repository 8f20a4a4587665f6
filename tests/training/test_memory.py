"""Memory grows with the data by the arrays themselves, and not by copies of them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ENVIRONMENT, ROOT
from ruamel.yaml import YAML

from digits.base.files import write_array, write_array_in_parts, write_json

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux tells each process its peak")
# 24 MB as they are published, 94 MB normalised: several times what the peak varies by from run to
# run.
N = 30_000


def peak_memory_bytes(code: str, folder: Path) -> int:
    """Return the largest memory that a fresh interpreter has had after running code in a folder."""
    # VmHWM and not ru_maxrss: that also counts the process that started it.
    code += "\nfrom pathlib import Path\nprint(next(line for line in Path('/proc/self/status').read_text().splitlines() if line.startswith('VmHWM')))"
    environment = ENVIRONMENT | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-2]) * 1024


def raw_data(folder: Path, n: int) -> Path:
    """Write n training images and half as many test images, and the parameters to prepare them
    with; return the folder.
    """
    generator = np.random.default_rng(0)
    for split, n_images in (("train", n), ("test", n // 2)):
        parts = (
            generator.integers(0, 256, (1000, 28, 28), dtype=np.uint8)
            for _ in range(n_images // 1000)
        )
        write_array_in_parts(
            folder / "data/raw" / split / "images.npy", (n_images, 28, 28), "uint8", parts
        )
        write_array(
            folder / "data/raw" / split / "labels.npy", (np.arange(n_images) % 10).astype(np.uint8)
        )
    write_json(
        folder / "data/raw/dataset.json", {"dataset": "mnist", "class_names": list("0123456789")}
    )
    yaml = YAML()
    params = yaml.load(ROOT / "params.yaml")
    params["preprocess"]["validation_size"] = 1000
    params["train_torch"] = params["train_tf"] = {}
    params["train_scratch"] = {"mlp": params["train_scratch"]["mlp"] | {"epochs": 1}}
    yaml.dump(params, folder / "params.yaml")
    return folder


@pytest.fixture(scope="module")
def small_and_large(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two folders with a pipeline's data up to the processed splits, the second with twice the
    images.
    """
    return [raw_data(tmp_path_factory.mktemp(f"{n}_images"), n) for n in (N, 2 * N)]


@pytest.fixture(scope="module")
def preprocessing_peaks(small_and_large: list[Path]) -> list[int]:
    return [
        peak_memory_bytes(
            "import runpy; runpy.run_module('stages.preprocess', run_name='__main__')", folder
        )
        for folder in small_and_large
    ]


def bytes_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("images.npy"))


def growth(values: list[int]) -> int:
    return values[1] - values[0]


def test_preprocessing_takes_what_it_reads_and_never_the_normalised_images(
    small_and_large, preprocessing_peaks
):
    raw = growth([bytes_of(folder / "data/raw") for folder in small_and_large])
    processed = growth([bytes_of(folder / "data/processed") for folder in small_and_large])
    assert processed == pytest.approx(4 * raw, rel=0.01)
    # The raw images, mapped; labels and sample numbers, 8 bytes each to 784 of an image; and 10 MB
    # for chance.
    assert growth(preprocessing_peaks) < 1.1 * raw + 10e6


@pytest.mark.parametrize("framework", ["torch", "tf", "scratch"])
@pytest.mark.parametrize("architecture", ["mlp_128_64", "cnn"])
def test_scoring_takes_the_test_images_once(
    framework, architecture, small_and_large, preprocessing_peaks
):
    code = (
        f"import sys\nfrom digits import backend_{framework} as backend\nfrom digits.base.files import read_split\nfrom digits.training.params import load_params\n"
        "from digits.training.initial_weights import initial_weights\nfrom pathlib import Path\n"
        f"architecture = load_params({str(ROOT / 'params.yaml')!r}).architectures[{architecture!r}]\n"
        "images, labels = read_split(Path('data/processed/train'))\n"
        "probabilities = backend.predict(architecture, initial_weights(architecture, (28, 28, 1), 'he', 0), images[..., None], threads=2)\n"
        "assert probabilities.shape == (len(labels), 10)"
    )
    images = growth([bytes_of(folder / "data/processed/train") for folder in small_and_large])
    # Probabilities and labels, 80 bytes or so to 3,136 of an image; a framework's own pools move by
    # some MB from run to run.
    assert (
        growth([peak_memory_bytes(code, folder) for folder in small_and_large])
        < 1.1 * images + 20e6
    )
