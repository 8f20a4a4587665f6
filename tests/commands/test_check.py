"""`digits check` reads the whole of params.yaml, and each fault is one clear line."""

import json

import pytest
from jsonschema import Draft7Validator

from digits import cli
from digits.base.params import read_params
from digits.commands.check import check_params
from digits.errors import InputError
from tests.support.faulty_params import FAULTS, fault_name, first_fault, write_params
from tests.support.paths import ROOT, SMALL_PARAMS


@pytest.mark.parametrize("path", [ROOT / "params.yaml", SMALL_PARAMS], ids=["project", "tests"])
def test_params_of_the_project_are_valid(path):
    check_params(path)


@pytest.mark.parametrize("fault", FAULTS, ids=fault_name)
def test_fault_is_named_with_place_value_and_expectation(tmp_path, fault):
    write_params(tmp_path / "params.yaml", fault.changes)
    assert first_fault(check_params, tmp_path / "params.yaml").startswith(fault.message)


def test_other_faults_are_counted(tmp_path):
    write_params(tmp_path / "params.yaml", {"threads": 0, "processes": 0, "device": "gpu"})
    message = "threads is 0; expected greater than 0 (and 2 more)"
    assert first_fault(check_params, tmp_path / "params.yaml") == message


def test_unknown_section_is_named(tmp_path):
    write_params(tmp_path / "params.yaml", {"evaluate": {}})
    message = "the file has the unknown key 'evaluate'; expected: seed, threads, processes, dev"
    assert first_fault(check_params, tmp_path / "params.yaml").startswith(message)


@pytest.mark.parametrize(
    "content", [b"", b"- a list", b"\xff\xfe", b"a: 1\na: 2", b"seed: [", b"1", b"text"]
)
def test_file_that_is_not_a_mapping_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "params.yaml").write_bytes(content)
    assert first_fault(check_params, tmp_path / "params.yaml")


def test_file_that_is_not_yaml_says_so(tmp_path):
    (tmp_path / "params.yaml").write_text("seed: [")
    assert first_fault(check_params, tmp_path / "params.yaml").startswith("is not YAML: ")


def test_missing_file_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        check_params(tmp_path / "params.yaml")


@pytest.fixture(scope="module")
def validator():
    """The committed schema's validator."""
    schema = json.loads((ROOT / "params.schema.json").read_text())
    Draft7Validator.check_schema(schema)
    return Draft7Validator(schema)


def test_the_committed_schema_is_that_of_the_code(capsys):
    assert cli.main(["check", "--schema"]) == 0
    assert capsys.readouterr().out == (ROOT / "params.schema.json").read_text()


@pytest.mark.parametrize("path", [ROOT / "params.yaml", SMALL_PARAMS], ids=["project", "tests"])
def test_schema_accepts_what_is_valid(validator, path):
    validator.validate(read_params(path))


# Faults between values, and numbers that JSON does not have.
UNSEEN = (
    "is nan",
    "is inf",
    "architecture is 'resnet'",
    "max_pool size 3 does not divide",
    "conv padding 'same' needs stride 1",
    "has 11 outputs",
    "dense takes flat vectors",
)


@pytest.mark.parametrize("fault", FAULTS, ids=fault_name)
def test_schema_finds_each_fault_within_a_value(validator, tmp_path, fault):
    write_params(tmp_path / "params.yaml", fault.changes)
    is_unseen = any(text in fault.message for text in UNSEEN)
    assert validator.is_valid(read_params(tmp_path / "params.yaml")) == is_unseen


@pytest.mark.parametrize(
    "layer",
    [
        "relu",
        {"relu": {}},
        {"conv": {"filters": 1, "kernel_size": 1}},
    ],
    ids=str,
)
def test_schema_accepts_the_ways_to_write_a_layer(validator, layer):
    params = read_params(SMALL_PARAMS)
    params["architectures"]["other"] = [layer]
    validator.validate(params)


@pytest.mark.parametrize(
    "layer", ["conv", "tanh", {"relu": {"rate": 1}}, {"relu": {}, "flatten": {}}], ids=str
)
def test_schema_refuses_other_layers(validator, layer):
    params = read_params(SMALL_PARAMS)
    params["architectures"]["other"] = [layer]
    assert not validator.is_valid(params)


def test_params_name_their_schema_for_both_families_of_editors():
    first, second, *_ = (ROOT / "params.yaml").read_text().splitlines()
    assert first == "# yaml-language-server: $schema=params.schema.json"
    assert second == "# $schema: params.schema.json"
