"""An exported file gives the engine's logits in its own framework, in a fresh interpreter too, or
is not written at all.
"""

import json
import os
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
from conftest import ROOT
from test_backends import ALL_LAYERS, parse, weights_of

from digits.backends.scratch import network as backend_scratch
from digits.commands import export
from digits.commands.export import keras as export_keras
from digits.commands.export import onnx as export_onnx
from digits.commands.export import pt as export_pt
from digits.errors import InputError
from digits.model.architecture import LAYER_TYPES
from digits.model.model_file import Description, Model, write_model
from digits.preprocessing.apply import Preprocessing

pytestmark = [
    # TorchScript is deprecated: why it is used stands in digits/export/pt.py.
    pytest.mark.filterwarnings("ignore:`torch.jit"),
    # It costs PyTorch a copy.
    pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths"),
    # TensorFlow's tensors, within Keras.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword"),
]

FORMATS = {"pt": export_pt, "keras": export_keras, "onnx": export_onnx}
every_format = pytest.mark.parametrize("name", FORMATS)
every_choice_of_pixels = pytest.mark.parametrize("pixels", ["all", "kept"])

# Each layer type first behind the input, and again behind another where it takes images or flat
# vectors alike.
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
CASES = {
    (name, "all"): parse(*layers, "flatten", {"dense": {"units": 10}})
    for name, layers in LAYERS.items()
}
CASES |= {
    (name, "kept"): architecture
    for (name, _), architecture in CASES.items()
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


def make_model(architecture=ALL_LAYERS, pixels: str = "all") -> Model:
    """Return a model whose input is not zero where the paper is, and which keeps pixels that are
    not side by side.
    """
    preprocessing = Preprocessing(
        dataset="mnist",
        class_names=list("0123456789"),
        normalization="standardize",
        mean=33.3,
        std=78.6,
        kept_pixels=list(range(100, 700, 3)),
    )
    description = Description(
        framework="scratch",
        run="small",
        architecture=architecture,
        pixels=pixels,
        preprocessing=preprocessing,
    )
    return Model(description, weights_of(architecture, description.input_shape))


@pytest.fixture
def images(generator) -> np.ndarray:
    return generator.integers(0, 256, (20, 28, 28), np.uint8)


def expected_logits(model: Model, images: np.ndarray) -> np.ndarray:
    return backend_scratch.build(model.description.architecture, model.weights).logits(
        model.inputs(images)
    )


def assert_logits_match(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.dtype == np.float32
    assert np.ptp(expected, axis=0).max() > 1e-2  # images are told apart at all
    # Float32, sums of up to 2,352 products.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_every_layer_type_has_a_case():
    assert {layer.type for architecture in CASES.values() for layer in architecture} == set(
        LAYER_TYPES
    )
    assert set(export_onnx.LAYERS) == set(LAYER_TYPES.values())


@every_format
@pytest.mark.parametrize("case", CASES, ids=", ".join)
def test_logits_are_those_of_the_engine(name, case, images, tmp_path):
    model = make_model(CASES[case], case[1])
    path = tmp_path / f"model.{name}"
    assert export.export(model, FORMATS[name], images, path) < 1e-4
    assert_logits_match(LOADERS[name](path, images), expected_logits(model, images))


@every_format
@every_choice_of_pixels
def test_one_image_is_a_batch_too_and_floats_are_as_good_as_uint8(name, pixels, images, tmp_path):
    model = make_model(CASES["dense", pixels], pixels)
    export.export(model, FORMATS[name], images, tmp_path / f"model.{name}")
    found = LOADERS[name](tmp_path / f"model.{name}", images[:1].astype(np.float32))
    np.testing.assert_allclose(found, expected_logits(model, images)[:1], atol=1e-5)  # float32


FRESH = """
import importlib.util, sys
import numpy as np
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
        logits = onnxruntime.InferenceSession(path).run(["logits"], {"images": images.astype(np.float32)})[0]
    np.save(f"{pixels}.npy", logits)
"""


@every_format
def test_a_fresh_interpreter_loads_it_without_this_project(name, images, tmp_path):
    models = {"all": make_model(), "kept": make_model(ALL_LAYERS[8:], "kept")}
    for pixels, model in models.items():
        export.export(model, FORMATS[name], images, tmp_path / f"{pixels}.{name}")
    np.save(tmp_path / "images.npy", images)
    # -I: neither the working folder nor PYTHONPATH is searched.
    subprocess.run(
        [sys.executable, "-I", "-c", FRESH, name], cwd=tmp_path, check=True, capture_output=True
    )
    for pixels, model in models.items():
        assert_logits_match(np.load(tmp_path / f"{pixels}.npy"), expected_logits(model, images))


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
def test_file_says_what_it_takes_and_what_it_comes_from(name, images, tmp_path):
    model = make_model()
    export.export(model, FORMATS[name], images, tmp_path / f"model.{name}")
    found = read_metadata(tmp_path / f"model.{name}")
    assert found == export.describe(model)
    assert found | {"input": "", "output": ""} == {
        "input": "", "output": "", "class_names": list("0123456789"), "dataset": "mnist", "trained_with": "scratch", "run": "small",
    }  # fmt: skip


def test_onnx_file_states_an_opset_of_2022_and_passes_the_checker(images, tmp_path):
    export.export(make_model(), export_onnx, images, tmp_path / "model.onnx")
    onnx.checker.check_model(tmp_path / "model.onnx", full_check=True)
    read = onnx.load(tmp_path / "model.onnx")
    assert [(entry.domain, entry.version) for entry in read.opset_import] == [("", 17)]
    assert read.ir_version == 8


def test_onnx_file_has_the_same_bytes_for_the_same_model(images, tmp_path):
    for path in (tmp_path / "first.onnx", tmp_path / "again.onnx"):
        export.export(make_model(), export_onnx, images, path)
    assert (tmp_path / "first.onnx").read_bytes() == (tmp_path / "again.onnx").read_bytes()


def test_pt_file_can_be_trained_on(images, tmp_path):
    export.export(make_model(), export_pt, images, tmp_path / "model.pt")
    module = torch.jit.load(tmp_path / "model.pt").train()
    module(torch.from_numpy(images)).square().mean().backward()
    assert all(parameter.grad is not None for parameter in module.parameters())
    assert "network.0.weight" in module.state_dict()


def test_pt_file_names_no_place_on_this_machine(images, tmp_path):
    export.export(make_model(), export_pt, images, tmp_path / "model.pt")
    with ZipFile(tmp_path / "model.pt") as archive:
        for entry in archive.namelist():
            for folder in (ROOT, sys.prefix, tmp_path):
                assert str(folder).encode() not in archive.read(entry), entry


class Call:
    """Pickled, a call of open(path, "w")."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_the_loader_of_pt_files_runs_nothing_that_a_file_names(images, tmp_path):
    export.export(make_model(), export_pt, images, tmp_path / "model.pt")
    with ZipFile(tmp_path / "model.pt") as source, ZipFile(tmp_path / "evil.pt", "w") as target:
        for entry in source.namelist():
            call = pickle.dumps(Call(tmp_path / "ran"), protocol=2)
            target.writestr(entry, call if entry.endswith("/data.pkl") else source.read(entry))
    with pytest.raises(RuntimeError, match=r"Unknown type name 'io\.open'"):
        torch.jit.load(tmp_path / "evil.pt")
    assert not (tmp_path / "ran").exists()


def tampered(backend, change):
    """Return a format's write with `change` applied to the weights first."""
    write = backend.write

    def write_another(path, model, metadata):
        weights = {name: array.copy() for name, array in model.weights.items()}
        change(weights)
        write(path, Model(model.description, weights), metadata)

    return write_another


def shift_one(weights):
    weights["9_dense.b"][3] += 1e-3


def spoil(weights):
    weights["9_dense.b"][3] = np.nan


@every_format
@pytest.mark.parametrize("change", [shift_one, spoil])
def test_file_with_other_logits_is_refused_and_nothing_is_left_behind(
    name, change, images, tmp_path, monkeypatch
):
    monkeypatch.setattr(FORMATS[name], "write", tampered(FORMATS[name], change))
    with pytest.raises(InputError, match=r"not written: its logits are up to .* off the model's"):
        export.export(make_model(), FORMATS[name], images, tmp_path / f"folder/model.{name}")
    assert not list(tmp_path.iterdir())


def test_refused_export_leaves_the_file_that_was_there(images, tmp_path, monkeypatch):
    (tmp_path / "model.onnx").write_text("before")
    monkeypatch.setattr(export_onnx, "logits", lambda path, images: np.zeros((20, 9), np.float32))
    with pytest.raises(
        InputError, match=r"gave logits float32 \(20, 9\); expected float32 \(20, 10\)"
    ):
        export.export(make_model(), export_onnx, images, tmp_path / "model.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]
    assert (tmp_path / "model.onnx").read_text() == "before"


def test_logits_are_compared_on_the_test_digits_and_on_noise(tmp_path, monkeypatch, generator):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/raw/test").mkdir(parents=True)
    digits = generator.integers(0, 256, (1200, 28, 28), np.uint8)
    np.save("data/raw/test/images.npy", digits)
    np.save("data/raw/test/labels.npy", np.zeros(1200, np.uint8))
    images = export.check_images()
    assert np.array_equal(images[:1000], digits[:1000])
    assert (images[1000:].std(axis=0) > 0).all()  # every pixel counts


def test_without_test_digits_drawn_ones_take_their_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, again = export.check_images(), export.check_images()
    assert (first.shape, first.dtype) == ((1024, 28, 28), np.uint8)
    assert np.array_equal(first, again)
    assert len({image.tobytes() for image in first}) == 1024


def run_command(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "digits.commands.export", *arguments]
    return subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def folder(tmp_path) -> Path:
    write_model(tmp_path / "models/scratch/small/model.safetensors", make_model())
    return tmp_path


def test_command_writes_below_exports_where_no_output_is_named(folder, images):
    done = run_command(folder, "models/scratch/small", "--to", "onnx")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("exports/scratch/small.onnx: logits within ")
    assert_logits_match(
        load_onnx(folder / "exports/scratch/small.onnx", images),
        expected_logits(make_model(), images),
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["models/scratch/small", "--to", "tflite"],
            "--to is 'tflite'; expected one of: pt, keras, onnx",
        ),
        (
            ["models/scratch/absent", "--to", "pt"],
            "models/scratch/absent/model.safetensors: cannot be read",
        ),
        (
            ["models/scratch/small", "--to", "pt", "--output", "model.onnx"],
            "--output is 'model.onnx'; expected a file that ends in .pt",
        ),
        (
            ["models/scratch/small", "--to", "pt", "--output", "models/scratch/small/model.pt"],
            "expected a file outside models/",
        ),
    ],
)
def test_command_refuses_in_one_line(folder, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["export", *arguments])
    before = sorted(folder.rglob("*"))
    with pytest.raises(InputError) as refusal:
        export.main()
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert sorted(folder.rglob("*")) == before


def test_command_ends_with_one_line_and_status_1(folder):
    done = run_command(folder, "models/scratch/small/model.safetensors", "--to", "doc")
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        "error: --to is 'doc'; expected one of: pt, keras, onnx\n",
    )


@pytest.mark.parametrize("output", ["file/model.onnx", "folder.onnx"])
def test_output_that_cannot_be_written_is_named(output, images, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(
        InputError, match=rf"{output}: cannot be written: .*; name another file with --output"
    ):
        export.export(make_model(), export_onnx, images, tmp_path / output)
    assert len(list(tmp_path.rglob("*"))) == 2


@pytest.mark.parametrize(
    ("name", "package", "part"),
    [("pt", "torch", "torch"), ("keras", "keras", "tf"), ("onnx", "onnxruntime", "use")],
)
def test_package_that_is_not_installed_is_named(name, package, part, monkeypatch):
    for module in [
        f"digits.export_{name}",
        "digits.backends.torch.network",
        "digits.backends.tf.network",
    ]:
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        InputError,
        match=rf"--to {name} needs {package}, which is not installed; run `pip install -r requirements/{part}.txt`",
    ):
        export.load_format(name)
