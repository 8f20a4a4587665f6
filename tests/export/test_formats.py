"""An exported file gives the engine's logits in its own framework, in a fresh interpreter too."""

import json
import pickle
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from digits.export import onnx as export_onnx
from digits.export.check import engine_logits, export_model
from digits.export.formats import FORMATS, describe, load_format
from digits.model.architecture import LAYER_TYPES
from digits.model.model_file import Model
from tests.support.export_models import make_model
from tests.support.networks import ALL_LAYERS, parse
from tests.support.paths import ROOT

pytestmark = [
    # TorchScript is deprecated. The reason for it is in digits/export/pt.py.
    pytest.mark.filterwarnings("ignore:`torch.jit"),
    # It costs PyTorch a copy.
    pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths"),
    # TensorFlow's tensors, within Keras.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword"),
]
every_format = pytest.mark.parametrize("name", FORMATS)

# Each layer type first behind the input, and again behind another one if it takes both images and
# flat vectors.
LAYERS = {
    "conv": [{"conv": {"filters": 3, "kernel_size": 3}}],
    "conv, even kernel": [{"conv": {"filters": 3, "kernel_size": 4}}],
    "conv, valid": [{"conv": {"filters": 3, "kernel_size": 5, "padding": "valid"}}],
    "conv, stride": [{"conv": {"filters": 3, "kernel_size": 2, "stride": 3, "padding": "valid"}}],
    "max_pool": [{"max_pool": {"size": 4}}],
    "dense": ["flatten", {"dense": {"units": 12}}],
    "relu": ["relu"],
    "sigmoid": ["sigmoid"],
    "flatten": ["flatten", "flatten"],
    "dropout": [{"dropout": {"rate": 0.5}}],
    "batch_norm": ["batch_norm", "flatten", "batch_norm"],
}
HEAD = ("flatten", {"dense": {"units": 10}})
CASES = {(name, "all"): parse(*layers, *HEAD) for name, layers in LAYERS.items()}
CASES |= {
    (name, "kept"): parse(*layers, *HEAD)
    for name, layers in LAYERS.items()
    if not name.startswith(("conv", "max_pool"))
}
CASES |= {("every type", "all"): ALL_LAYERS, ("every type for vectors", "kept"): ALL_LAYERS[8:]}


def load_pt(path: Path, images: np.ndarray) -> np.ndarray:
    return torch.jit.load(path)(torch.from_numpy(images)).detach().numpy()


def load_keras(path: Path, images: np.ndarray) -> np.ndarray:
    return keras.saving.load_model(path, safe_mode=True)(images).numpy()


def load_onnx(path: Path, images: np.ndarray) -> np.ndarray:
    return onnxruntime.InferenceSession(path).run(None, {"images": images.astype(np.float32)})[0]


LOADERS = {"pt": load_pt, "keras": load_keras, "onnx": load_onnx}


@pytest.fixture
def images(generator) -> np.ndarray:
    return generator.integers(0, 256, (20, 28, 28), np.uint8)


@pytest.fixture
def export(images, tmp_path):
    """Call it as export("pt", model): it writes a file and returns its path."""

    def export(name: str, model: Model, stem: str = "model") -> Path:
        path = tmp_path / f"{stem}.{name}"
        assert export_model(model, load_format(name), images, path) < 1e-4
        return path

    return export


def assert_logits_match(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.dtype == np.float32
    assert np.ptp(expected, axis=0).max() > 1e-2  # images are told apart at all
    # Float32, sums of up to 2,352 products.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_every_layer_type_has_a_case():
    types = {layer.type for architecture in CASES.values() for layer in architecture}
    assert types == set(LAYER_TYPES)
    assert set(export_onnx.LAYERS) == set(LAYER_TYPES.values())


@every_format
@pytest.mark.parametrize("case", CASES, ids=", ".join)
def test_logits_are_those_of_the_engine(name, case, images, export):
    model = make_model(CASES[case], case[1])
    assert_logits_match(LOADERS[name](export(name, model), images), engine_logits(model, images))


@every_format
@pytest.mark.parametrize("pixels", ["all", "kept"])
def test_takes_a_batch_of_one_and_floats(name, pixels, images, export):
    model = make_model(CASES["dense", pixels], pixels)
    found = LOADERS[name](export(name, model), images[:1].astype(np.float32))
    np.testing.assert_allclose(found, engine_logits(model, images)[:1], atol=1e-5)  # float32


FRESH = """
import importlib.util, sys
import numpy as np
sys.path[:] = [folder for folder in sys.path if folder != sys.argv[2]]
assert importlib.util.find_spec("digits") is None
images = np.load("images.npy")
for pixels in ("all", "kept"):
    path = f"{pixels}.{sys.argv[1]}"
    if sys.argv[1] == "pt":
        import torch
        logits = torch.jit.load(path)(torch.from_numpy(images)).detach().numpy()
    elif sys.argv[1] == "keras":
        import keras
        logits = keras.saving.load_model(path).predict(images, verbose=0)
    else:
        import onnxruntime
        session = onnxruntime.InferenceSession(path)
        logits = session.run(["logits"], {"images": images.astype(np.float32)})[0]
    np.save(f"{pixels}.npy", logits)
"""


@every_format
@pytest.mark.slow
def test_a_fresh_interpreter_loads_it_without_this_project(name, images, tmp_path, export):
    models = {"all": make_model(), "kept": make_model(ALL_LAYERS[8:], "kept")}
    for pixels, model in models.items():
        export(name, model, pixels)
    np.save(tmp_path / "images.npy", images)
    # -I: neither the working folder nor PYTHONPATH is searched.
    command = [sys.executable, "-I", "-c", FRESH, name, str(ROOT)]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    for pixels, model in models.items():
        assert_logits_match(np.load(tmp_path / f"{pixels}.npy"), engine_logits(model, images))


def read_metadata(path: Path) -> dict:
    if path.suffix == ".pt":
        files = {"metadata.json": ""}
        torch.jit.load(path, _extra_files=files)
        return json.loads(files["metadata.json"])
    if path.suffix == ".keras":
        return json.loads(ZipFile(path).read("digits.json"))
    texts = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    return texts | {"class_names": json.loads(texts["class_names"])}


@every_format
def test_the_file_says_what_it_takes_and_where_it_comes_from(name, export):
    model = make_model()
    found = read_metadata(export(name, model))
    assert found == describe(model)
    assert found | {"input": "", "output": ""} == {
        "input": "",
        "output": "",
        "class_names": list("0123456789"),
        "dataset": "mnist",
        "trained_with": "scratch",
        "run": "small",
    }


def test_onnx_file_states_an_opset_of_2022_and_passes_the_checker(export):
    path = export("onnx", make_model())
    onnx.checker.check_model(path, full_check=True)
    read = onnx.load(path)
    assert [(entry.domain, entry.version) for entry in read.opset_import] == [("", 17)]
    assert read.ir_version == 8


def test_onnx_file_has_the_same_bytes_for_the_same_model(export):
    first, again = (export("onnx", make_model(), stem) for stem in ("first", "again"))
    assert first.read_bytes() == again.read_bytes()


def test_keras_file_has_the_same_bytes_for_the_same_model(export):
    written = []
    for stem in ("first", "again"):
        keras.utils.clear_session()  # as in a fresh process: Keras numbers the layers' names
        path = export("keras", make_model(), stem)
        written.append(path.read_bytes())
        assert {entry.date_time[0] for entry in ZipFile(path).infolist()} == {1980}
        assert json.loads(ZipFile(path).read("metadata.json"))["date_saved"][:4] == "1980"
    assert written[0] == written[1]


def test_pt_file_can_be_trained_on(images, export):
    module = torch.jit.load(export("pt", make_model())).train()
    module(torch.from_numpy(images)).square().mean().backward()
    assert all(parameter.grad is not None for parameter in module.parameters())
    assert "network.0.weight" in module.state_dict()


def test_pt_file_names_no_place_on_this_machine(tmp_path, export):
    with ZipFile(export("pt", make_model())) as archive:
        for entry in archive.namelist():
            for folder in (ROOT, sys.prefix, tmp_path):
                assert str(folder).encode() not in archive.read(entry), entry


class Call:
    """Pickled, a call of open(path, "w")."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_the_loader_of_pt_files_runs_nothing_that_a_file_names(tmp_path, export):
    path = export("pt", make_model())
    with ZipFile(path) as source, ZipFile(tmp_path / "evil.pt", "w") as target:
        for entry in source.namelist():
            call = pickle.dumps(Call(tmp_path / "ran"), protocol=2)
            target.writestr(entry, call if entry.endswith("/data.pkl") else source.read(entry))
    with pytest.raises(RuntimeError, match=r"Unknown type name '_?io\.open'"):
        torch.jit.load(tmp_path / "evil.pt")
    assert not (tmp_path / "ran").exists()
