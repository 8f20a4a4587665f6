"""A model file describes itself and has the same bytes for the same model.

Any other file is refused.
"""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from digits.errors import InputError
from digits.model.model_file import Description, Model, load_model, read_model, write_model
from digits.preprocessing.apply import Preprocessing
from digits.training.initial_weights import initial_weights
from tests.support.networks import parse

CNN = parse(
    {"conv": {"filters": 16, "kernel_size": 3}},
    "relu",
    {"max_pool": {"size": 2}},
    {"conv": {"filters": 32, "kernel_size": 3}},
    "relu",
    {"max_pool": {"size": 2}},
    "flatten",
    {"dense": {"units": 10}},
)


@pytest.fixture
def model() -> Model:
    preprocessing = Preprocessing(
        dataset="mnist",
        class_names=list("0123456789"),
        normalization="standardize",
        mean=33.3,
        std=78.6,
        kept_pixels=[3, 400],
    )
    description = Description(
        framework="torch",
        run="small",
        architecture=CNN,
        pixels="all",
        preprocessing=preprocessing,
    )
    return Model(
        description, initial_weights(description.architecture, description.input_shape, "he", 0)
    )


@pytest.fixture
def path(model, tmp_path):
    write_model(tmp_path / "model.safetensors", model)
    return tmp_path / "model.safetensors"


def test_model_comes_back_whole(model, path):
    back = read_model(path)
    assert back.description == model.description
    assert list(back.weights) == list(model.weights)
    assert all(np.array_equal(back.weights[name], model.weights[name]) for name in model.weights)


def test_the_folder_of_a_run_stands_for_its_model(path):
    assert load_model(path.parent).description == load_model(path).description


def test_same_model_same_bytes(model, path, tmp_path):
    for number in range(5):
        write_model(tmp_path / f"{number}", model)
        assert (tmp_path / f"{number}").read_bytes() == path.read_bytes()


def test_raw_images_are_prepared_as_the_model_was_trained(model):
    images = np.full((1, 28, 28), 112, np.uint8)
    assert model.inputs(images).shape == (1, 28, 28, 1)
    # float32
    assert model.inputs(images)[0, 0, 0, 0] == pytest.approx((112 - 33.3) / 78.6, rel=1e-6)


def test_model_on_kept_pixels_takes_only_those(model):
    layers = parse({"dense": {"units": 10}})
    description = model.description.model_copy(update={"architecture": layers, "pixels": "kept"})
    assert description.input_shape == (2,)
    assert Model(description, {}).inputs(np.zeros((5, 28, 28), np.uint8)).shape == (5, 2)


def altered(path, change) -> None:
    """Rewrite a model file with `change(weights, description)` applied."""
    weights = load_file(path)
    header_size = int.from_bytes(path.read_bytes()[:8], "little")
    description = json.loads(
        json.loads(path.read_bytes()[8 : 8 + header_size])["__metadata__"]["digits"]
    )
    change(weights, description)
    save_file(weights, path, metadata={"digits": json.dumps(description)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights, _: weights.pop("0_conv.b"), "weights 0_conv.b are missing"),
        (
            lambda weights, _: weights.update(extra=np.zeros(1, np.float32)),
            "weights extra are not in the architecture",
        ),
        (
            lambda weights, _: weights.update({"0_conv.b": np.zeros(3, np.float32)}),
            r"0_conv.b are float32 \(3,\); expected float32 \(16,\)",
        ),
        (lambda weights, _: weights.update({"0_conv.b": np.zeros(16)}), "0_conv.b are float64"),
        (
            lambda weights, _: weights["0_conv.b"].fill(np.nan),
            "weights 0_conv.b are not all finite",
        ),
        (
            lambda _, description: description.update(format="digits-model-9"),
            "is not a model file of this project",
        ),
        (
            lambda _, description: (
                description["architecture"].pop(1) and description["architecture"].insert(0, "conv")
            ),
            "is not a model file of this project",
        ),
        (
            lambda _, description: description["architecture"].pop(6),
            "is not a model file of this project",
        ),
        (
            lambda _, description: description.pop("preprocessing"),
            "is not a model file of this project",
        ),
    ],
)
def test_model_that_does_not_fit_its_description_is_refused(path, change, message):
    altered(path, change)
    with pytest.raises(InputError, match=message):
        read_model(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip", b"\x00" * 100, b"\x80\x04pickle"])
def test_other_file_is_refused(tmp_path, content):
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(InputError, match="is not a model file of this project"):
        read_model(tmp_path / "model.safetensors")


def test_truncated_file_is_refused(path):
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="is not a model file of this project"):
        read_model(path)


def test_safetensors_of_another_program_are_refused(tmp_path):
    save_file({"w": np.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="its metadata has no 'digits'"):
        read_model(tmp_path / "other.safetensors")


def test_missing_model_says_what_to_run(tmp_path):
    with pytest.raises(InputError, match="run `dvc repro`"):
        read_model(tmp_path / "absent.safetensors")
