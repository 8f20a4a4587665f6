"""examples/use_a_model.py runs as its docstring says."""

import subprocess
import sys

import numpy as np
import pytest

from digits.backends.scratch import network
from digits.model.classify import classify
from digits.model.model_file import write_model
from digits.pictures.mnist_form import to_mnist_form
from tests.support.environment import ENVIRONMENT
from tests.support.export_models import make_model
from tests.support.networks import ALL_LAYERS
from tests.support.paper import SEVEN, save, write_strokes
from tests.support.paths import ROOT


@pytest.mark.parametrize(("layers", "pixels"), [(ALL_LAYERS, "all"), (ALL_LAYERS[8:], "kept")])
def test_prints_every_class_with_its_probability(layers, pixels, tmp_path):
    model = make_model(layers, pixels)
    write_model(tmp_path / "cnn/model.safetensors", model)
    picture = save(write_strokes(SEVEN), tmp_path / "seven.png")
    done = subprocess.run(
        [sys.executable, "examples/use_a_model.py", tmp_path / "cnn", picture],
        cwd=ROOT, env=ENVIRONMENT | {"PYTHONPATH": "."}, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    image = to_mnist_form(write_strokes(SEVEN).convert("RGB"))
    probabilities = classify(network.predict, model, [image])[0]
    printed = dict(line.split()[:2] for line in done.stdout.splitlines())
    assert list(printed) == [str(number) for number in np.argsort(-probabilities)]
    assert [float(share) for share in printed.values()] == pytest.approx(
        100 * np.sort(probabilities)[::-1], abs=0.05
    )
