"""`digits export`: where it writes, what it says, and what it refuses."""

import subprocess
import sys

import numpy as np
import onnxruntime
import pytest

from digits.export.check import engine_logits
from digits.model.model_file import write_model
from tests.support.environment import ENVIRONMENT
from tests.support.export_models import make_model
from tests.support.paths import ROOT

MODEL = "models/scratch/small"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with a model, far from any checkout."""
    write_model(tmp_path / MODEL / "model.safetensors", make_model())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("path", [MODEL, f"{MODEL}/model.safetensors"])
def test_writes_below_exports_without_an_output(path, folder, run_digits, generator):
    printed, complaints = run_digits("export", path, "--to", "onnx")
    assert complaints == ""
    assert printed.startswith("exports/scratch/small.onnx: logits within ")
    assert printed.endswith("\nexports/scratch/small.onnx.md: the model card\n")
    card = (folder / "exports/scratch/small.onnx.md").read_text()
    assert "There were no metrics of this model where it was exported" in card
    images = generator.integers(0, 256, (20, 28, 28), np.uint8)
    session = onnxruntime.InferenceSession(folder / "exports/scratch/small.onnx")
    found = session.run(None, {"images": images.astype(np.float32)})[0]
    np.testing.assert_allclose(found, engine_logits(make_model(), images), atol=1e-4)  # float32


def test_says_which_images_were_compared(run_digits):
    printed, _ = run_digits("export", MODEL, "--to", "onnx")
    assert "of the model's on 1,000 synthetic digits (data/raw/test does not exist here)" in printed


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([MODEL, "--to", "tflite"], "--to is 'tflite'; expected one of: pt, keras, onnx"),
        (["models/scratch/absent", "--to", "pt"], "models/scratch/absent: cannot be read"),
        (
            [MODEL, "--to", "pt", "--output", "model.onnx"],
            "--output is 'model.onnx'; expected a file that ends in .pt",
        ),
        (
            [MODEL, "--to", "pt", "--output", f"{MODEL}/model.pt"],
            f"--output is '{MODEL}/model.pt'; expected a file outside models/",
        ),
    ],
)
def test_refuses_in_one_line(folder, run_digits, words, complaint):
    before = sorted(folder.rglob("*"))
    printed, complaints = run_digits("export", *words, status=1)
    assert printed == ""
    assert complaints.startswith(f"error: {complaint}")
    assert len(complaints.splitlines()) == 1
    assert sorted(folder.rglob("*")) == before


IMPORTS = """
import sys
import digits.commands.export
assert not {"torch", "tensorflow", "keras", "onnx", "onnxruntime"} & sys.modules.keys()
import digits.export.onnx
assert not {"torch", "tensorflow", "keras"} & sys.modules.keys()
"""


def test_no_framework_is_imported_before_its_format_is_chosen():
    command = [sys.executable, "-c", IMPORTS]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
