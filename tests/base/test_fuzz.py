"""Thousands of bad inputs: each is accepted, or refused with one clear line and no half file."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from safetensors.numpy import save

from digits.base.files import read_array, read_json, read_split
from digits.commands.check import check_params
from digits.datasets.matlab import read_mat
from digits.errors import InputError
from digits.model.model_file import read_model, write_model
from digits.preprocessing.apply import load_preprocessing
from digits.training.checkpoint import Checkpoint
from digits.training.run import load_runs
from tests.support.models import make_model, make_preprocessing
from tests.support.paths import SMALL_PARAMS

pytestmark = pytest.mark.slow
PARAMS = YAML(typ="safe").load(SMALL_PARAMS)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["", "relu", "conv", "../x", "$(id)", "1e-4", "-0"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
MANY = settings(
    max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


def refused_in_one_line(read, *arguments) -> str | None:
    """Return None if an input is accepted, and otherwise the text of the InputError.

    Any other exception fails the test, as does a text that says nothing.
    """
    try:
        read(*arguments)
    except InputError as error:
        message = " ".join(str(error).split())
        assert 10 < len(message) < 2000, message
        return message
    return None


def places(value: object, path: tuple = ()) -> list[tuple]:
    """Return the paths of all values within a value."""
    found = [path] if path else []
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            found += places(inner, (*path, key))
    return found


PLACES = places(PARAMS)


@MANY
@given(
    place=st.sampled_from(PLACES),
    value=VALUES,
    action=st.sampled_from(["replace", "delete", "add"]),
)
def test_params_with_any_value_anywhere(place, value, action, tmp_path):
    params = json.loads(json.dumps(PARAMS))
    inner = params
    for key in place[:-1]:
        inner = inner[key]
    if action == "delete":
        del inner[place[-1]]
    elif action == "add" and isinstance(inner, dict):
        inner[str(value)[:20]] = value
    else:
        inner[place[-1]] = value
    (tmp_path / "params.yaml").write_text(json.dumps(params))  # JSON is YAML
    assert_params_are_refused_by_their_name(tmp_path / "params.yaml")


def assert_params_are_refused_by_their_name(path: Path) -> None:
    """Read the file as `digits check` does, and as the stages do, run by run."""
    message = refused_in_one_line(check_params, path)
    if message is None:  # then the stages accept it too
        load_runs(path=path)
    else:
        assert "params.yaml" in message
        refused_in_one_line(load_runs, None, path)


@MANY
@given(
    content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode),
    start=st.integers(0, 4000),
    keep=st.booleans(),
)
def test_params_with_any_bytes_in_them(content, start, keep, tmp_path):
    text = SMALL_PARAMS.read_bytes()
    (tmp_path / "params.yaml").write_bytes(
        text[:start] + content + text[start:] if keep else content
    )
    assert_params_are_refused_by_their_name(tmp_path / "params.yaml")


def mutated(data: bytes) -> st.SearchStrategy[bytes]:
    """Return a strategy for damaged copies: bytes changed, cut off, inserted, or all others."""
    position = st.integers(0, len(data) - 1)
    changed = st.builds(
        lambda at, new: data[:at] + new + data[at + len(new) :],
        position,
        st.binary(min_size=1, max_size=8),
    )
    cut = st.builds(lambda at: data[:at], position)
    inserted = st.builds(
        lambda at, new: data[:at] + new + data[at:], position, st.binary(min_size=1, max_size=8)
    )
    return changed | cut | inserted | st.binary(max_size=100)


@pytest.fixture(scope="module")
def model_bytes(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    write_model(
        path,
        make_model(
            [{"conv": {"filters": 2, "kernel_size": 3}}, "flatten", {"dense": {"units": 10}}]
        ),
    )
    return path.read_bytes()


@MANY
@given(data=st.data())
def test_model_file_with_any_damage(data, model_bytes, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(data.draw(mutated(model_bytes)))
    message = refused_in_one_line(read_model, tmp_path / "model.safetensors")
    assert message is None or "model.safetensors" in message
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


@MANY
@given(
    place=st.sampled_from(
        ["architecture", "preprocessing", "pixels", "framework", "format", "run"]
    ),
    value=VALUES,
)
def test_model_file_with_any_description(place, value, tmp_path):
    model = make_model(["flatten", {"dense": {"units": 10}}])
    description = json.dumps(model.describe() | {place: value})
    (tmp_path / "model.safetensors").write_bytes(
        save(model.weights, metadata={"digits": description})
    )
    message = refused_in_one_line(read_model, tmp_path / "model.safetensors")
    assert message is None or "model.safetensors" in message


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@MANY
@given(data=st.data())
def test_array_file_with_any_damage(data, tmp_path):
    whole = npy(np.arange(60, dtype=np.uint8).reshape(3, 4, 5))
    (tmp_path / "images.npy").write_bytes(data.draw(mutated(whole)))
    refused_in_one_line(read_array, tmp_path / "images.npy")


@settings(MANY, max_examples=200)
@given(
    shape=st.lists(st.integers(0, 3), max_size=4),
    labels=st.lists(st.integers(0, 200), max_size=4),
    dtype=st.sampled_from(["u1", "f4", "O", "U3"]),
)
def test_split_with_any_arrays(shape, labels, dtype, tmp_path):
    np.save(tmp_path / "images.npy", np.zeros(shape, dtype))
    np.save(tmp_path / "labels.npy", np.array(labels, dtype))
    refused_in_one_line(read_split, tmp_path)


@settings(MANY, max_examples=300)
@given(place=st.sampled_from(places(make_preprocessing().model_dump())[:8]), value=VALUES)
def test_preprocessing_with_any_value_anywhere(place, value, tmp_path):
    values = make_preprocessing().model_dump()
    inner = values
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    (tmp_path / "preprocessing.json").write_text(json.dumps(values))
    message = refused_in_one_line(load_preprocessing, tmp_path / "preprocessing.json")
    assert message is None or "preprocessing.json" in message


@settings(MANY, max_examples=300)
@given(content=st.binary(max_size=300))
def test_json_and_matlab_files_with_any_bytes(content, tmp_path):
    for name, read in (("preprocessing.json", read_json), ("mnist_all.mat", read_mat)):
        (tmp_path / name).write_bytes(content)
        message = refused_in_one_line(read, tmp_path / name)
        assert message is None or name in message


@settings(MANY, max_examples=300)
@given(data=st.data())
def test_checkpoint_with_any_damage_is_as_good_as_none(data, model_bytes, tmp_path):
    (tmp_path / "a.safetensors").write_bytes(data.draw(mutated(model_bytes)))
    assert Checkpoint(tmp_path / "a.safetensors", "key").load() is None
