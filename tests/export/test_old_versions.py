"""Exported files load in versions of Keras and ONNX Runtime that hosted notebooks still have."""

import json
import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from digits.export.check import engine_logits, export_model
from digits.export.formats import load_format
from digits.export.keras import NEWER, without_newer
from digits.model.model_file import Model
from tests.support.environment import ENVIRONMENT
from tests.support.export_models import make_model
from tests.support.networks import ALL_LAYERS

# TensorFlow's tensors, within Keras.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")

# What the constructors of Keras 3.5 take (keras.layers, release of August 2024).
COMMON = {"name", "trainable", "dtype"}
KERNEL = {f"{part}_{kind}" for part in ("kernel", "bias") for kind in (
    "initializer", "regularizer", "constraint",
)} | {"activation", "use_bias"}  # fmt: skip
MOVING = {"moving_mean_initializer", "moving_variance_initializer"}
SCALES = {f"{part}_{kind}" for part in ("beta", "gamma") for kind in (
    "initializer", "regularizer", "constraint",
)}  # fmt: skip
KERAS_3_5 = {
    "InputLayer": {"batch_shape", "dtype", "sparse", "name"},
    "Rescaling": COMMON | {"scale", "offset"},
    "Reshape": COMMON | {"target_shape"},
    "Conv2D": COMMON | KERNEL | {
        "filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "groups",
        "activity_regularizer",
    },
    "MaxPooling2D": COMMON | {"pool_size", "padding", "strides", "data_format"},
    "Dense": COMMON | KERNEL | {"units"},
    "BatchNormalization": COMMON | MOVING | SCALES | {
        "axis", "momentum", "epsilon", "center", "scale", "synchronized",
    },
    "ReLU": COMMON | {"max_value", "negative_slope", "threshold"},
    "Activation": COMMON | {"activation"},
    "Flatten": COMMON | {"data_format"},
    "Dropout": COMMON | {"rate", "seed", "noise_shape"},
    "Take": {"axis"},
    # Of the initializers.
    "GlorotUniform": {"seed"},
    "Zeros": set(),
    "Ones": set(),
    "DTypePolicy": {"name"},
}  # fmt: skip
MODELS = {"all": ALL_LAYERS, "kept": ALL_LAYERS[8:]}
LOAD_KERAS = """
import sys, keras, numpy
model = keras.saving.load_model(sys.argv[1], safe_mode=True)
numpy.save(sys.argv[3], numpy.asarray(model.predict_on_batch(numpy.load(sys.argv[2]))))
print(keras.__version__)
"""
LOAD_ONNX = """
import sys, onnxruntime, numpy
images = numpy.load(sys.argv[2]).astype(numpy.float32)
numpy.save(sys.argv[3], onnxruntime.InferenceSession(sys.argv[1]).run(["logits"], {"images": images})[0])
print(onnxruntime.__version__)
"""  # noqa: E501


@pytest.fixture
def images(generator) -> np.ndarray:
    return generator.integers(0, 256, (20, 28, 28), np.uint8)


def export(name: str, pixels: str, images: np.ndarray, folder: Path) -> tuple[Model, Path]:
    model, path = make_model(MODELS[pixels], pixels), folder / f"{pixels}.{name}"
    export_model(model, load_format(name), images, path)
    return model, path


@pytest.mark.parametrize("pixels", MODELS)
def test_a_keras_file_has_only_arguments_that_keras_3_5_knows(pixels, images, tmp_path):
    _, path = export("keras", pixels, images, tmp_path)
    config = json.loads(ZipFile(path).read("config.json"))
    found = list(objects(config["config"]["layers"]))
    assert {name for name, _ in found} >= {"InputLayer", "Dense", "BatchNormalization", "Zeros"}
    for name, arguments in found:
        assert arguments <= KERAS_3_5[name], name


def objects(config: object):
    """Yield the class and the names of the arguments of everything that a configuration makes."""
    if isinstance(config, list):
        for item in config:
            yield from objects(item)
    elif isinstance(config, dict):
        if "class_name" in config and config["class_name"] != "__keras_tensor__":
            yield config["class_name"], set(config["config"])
        for value in config.values():
            yield from objects(value)


@pytest.mark.parametrize("key", NEWER)
def test_what_keras_3_5_cannot_express_is_an_error(key):
    with pytest.raises(ValueError, match=f"{key} is 'other'; older versions of Keras cannot"):
        without_newer({"layers": [{"config": {key: "other"}}]})


@pytest.fixture(scope="module", params=["3.5.0", "3.8.0", "3.10.0", "3.12.0"])
def old_keras(request, tmp_path_factory) -> Path:
    """A folder with an old Keras, which uses this environment's TensorFlow. Skipped offline."""
    folder = tmp_path_factory.mktemp("keras")
    install([sys.executable, "-m", "pip"], folder, f"keras=={request.param}", "--no-deps")
    (folder / "version").write_text(request.param)
    return folder


def install(pip: list[str], folder: Path, *packages: str) -> None:
    """Install packages into a folder; skip the test if pip cannot get them."""
    options = ["--quiet", "--disable-pip-version-check", "--target", str(folder)]
    done = subprocess.run(
        [*pip, "install", *options, *packages], env=ENVIRONMENT, capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"pip cannot install {packages[0]}: {done.stderr.strip().splitlines()[-1:]}")


@pytest.mark.slow
@pytest.mark.parametrize("pixels", MODELS)
def test_a_keras_file_loads_in_old_versions(old_keras, pixels, images, tmp_path):
    model, path = export("keras", pixels, images, tmp_path)
    variables = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    version = load_apart(LOAD_KERAS, old_keras, path, images, **variables)
    assert version == (old_keras / "version").read_text()
    found = np.load(path.with_suffix(".npy"))
    expected = engine_logits(model, images)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@pytest.fixture(scope="module")
def old_onnxruntime(tmp_path_factory) -> Path:
    """A folder with ONNX Runtime 1.16 and the NumPy that it needs. Skipped offline."""
    if sys.version_info[:2] > (3, 11):
        pytest.skip("ONNX Runtime 1.16 has no wheel for this Python")
    folder = tmp_path_factory.mktemp("onnxruntime")
    install([sys.executable, "-m", "pip"], folder, "onnxruntime==1.16.3", "numpy<2")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("pixels", MODELS)
def test_an_onnx_file_loads_in_an_old_version(old_onnxruntime, pixels, images, tmp_path):
    model, path = export("onnx", pixels, images, tmp_path)
    assert load_apart(LOAD_ONNX, old_onnxruntime, path, images) == "1.16.3"
    found = np.load(path.with_suffix(".npy"))
    expected = engine_logits(model, images)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def load_apart(
    program: str, packages: Path, path: Path, images: np.ndarray, **variables: str
) -> str:
    """Load a file with other packages; save its logits beside it, and return the version."""
    np.save(path.with_suffix(".images.npy"), images)
    arguments = [str(path), str(path.with_suffix(".images.npy")), str(path.with_suffix(".npy"))]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=ENVIRONMENT | variables | {"PYTHONPATH": os.fspath(packages)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()[-1]
