"""Exported files load in versions of Keras, PyTorch and ONNX Runtime that users still have."""

import json
import os
import pickletools
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

# The arguments of the constructors of Keras 3.5.0 that a file may have, compared with signatures
# in its wheel: keras/src/layers, keras/src/initializers, keras/src/ops/numpy.py.
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
for path in sys.argv[2:]:
    model = keras.saving.load_model(path, safe_mode=True)
    numpy.save(path + ".npy", numpy.asarray(model.predict_on_batch(numpy.load(sys.argv[1]))))
print(keras.__version__)
"""
LOAD_ONNX = """
import sys, onnxruntime, numpy
images = numpy.load(sys.argv[1]).astype(numpy.float32)
for path in sys.argv[2:]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    numpy.save(path + ".npy", session.run(["logits"], {"images": images})[0])
print(onnxruntime.__version__)
"""


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


# Of PyTorch 2.4: kMaxSupportedFileFormatVersion in caffe2/serialize/versions.h.
NEWEST_PT_FORMAT = 10
# What the unpickler of PyTorch 2.4 knows, beside a program's own types in __torch__
# (torch/csrc/jit/serialization/unpickler.cpp).
PT_GLOBALS = {
    "collections OrderedDict",
    "torch FloatStorage",
    "torch LongStorage",
    "torch._utils _rebuild_tensor_v2",
    "torch.jit._pickle build_intlist",
}


# TorchScript is deprecated. The reason for it is in digits/export/pt.py.
@pytest.mark.filterwarnings("ignore:`torch.jit")
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("pixels", MODELS)
def test_a_pt_file_has_only_what_pytorch_2_4_knows(pixels, images, tmp_path):
    _, path = export("pt", pixels, images, tmp_path)
    with ZipFile(path) as archive:
        (version,) = [name for name in archive.namelist() if name.endswith("/version")]
        assert int(archive.read(version)) <= NEWEST_PT_FORMAT
        found = set()
        for name in archive.namelist():
            if name.endswith(".pkl"):
                found |= read_globals(archive.read(name))
    programs_own = {name for name in found if name.startswith("__torch__.")}
    assert programs_own
    assert found - programs_own <= PT_GLOBALS


def read_globals(pickled: bytes) -> set[str]:
    """Return the "module name" of everything that a pickle names, without running it."""
    operations = list(pickletools.genops(pickled))
    assert all(operation.name != "STACK_GLOBAL" for operation, _, _ in operations)
    return {str(argument) for operation, argument, _ in operations if operation.name == "GLOBAL"}


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.5.0", "3.8.0", "3.10.0", "3.12.0"])
def test_keras_files_load_in_an_old_version(version, images, tmp_path):
    """The old Keras uses this environment's TensorFlow."""
    install(tmp_path / "packages", f"keras=={version}", "--no-deps")
    variables = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    assert_loads_apart("keras", LOAD_KERAS, version, images, tmp_path, **variables)


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info >= (3, 12), reason="ONNX Runtime 1.16 has no wheel for it")
def test_onnx_files_load_in_an_old_version(images, tmp_path):
    install(tmp_path / "packages", "onnxruntime==1.16.3", "numpy<2")
    assert_loads_apart("onnx", LOAD_ONNX, "1.16.3", images, tmp_path)


def install(folder: Path, *packages: str) -> None:
    """Install packages into a folder; skip the test if pip cannot get them."""
    options = ["--quiet", "--disable-pip-version-check", "--target", str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, *packages],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.skip(f"pip cannot install {packages[0]}: {done.stderr.strip().splitlines()[-1:]}")


def assert_loads_apart(
    name: str, program: str, version: str, images: np.ndarray, folder: Path, **variables: str
) -> None:
    """Assert that the program gives the engine's logits and labels with the folder's packages."""
    exported = [export(name, pixels, images, folder) for pixels in MODELS]
    np.save(folder / "images.npy", images)
    done = subprocess.run(
        [sys.executable, "-c", program, folder / "images.npy", *[path for _, path in exported]],
        env=ENVIRONMENT | variables | {"PYTHONPATH": os.fspath(folder / "packages")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[-1] == version
    for model, path in exported:
        found, expected = np.load(f"{path}.npy"), engine_logits(model, images)
        # Float32, sums of up to 216 products.
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
        np.testing.assert_array_equal(found.argmax(axis=1), expected.argmax(axis=1))
