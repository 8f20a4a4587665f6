"""`digits check` reads the whole of params.yaml, and each fault is one clear line."""

import pytest

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
