"""Files are whole or absent, and reading a bad one is one clear line."""

import numpy as np
import pytest

from digits.base.files import (
    read_array,
    read_json,
    read_split,
    rewritten,
    write_array,
    write_array_in_parts,
    write_json,
    write_split,
    write_table,
)
from digits.errors import InputError


def test_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(RuntimeError), rewritten(tmp_path / "a.txt") as partial:
        partial.write_text("half")
        raise RuntimeError
    assert (tmp_path / "a.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_arrays_come_back(tmp_path, generator):
    array = generator.random((3, 4), dtype=np.float32)
    write_array(tmp_path / "new/a.npy", array)
    assert np.array_equal(read_array(tmp_path / "new/a.npy"), array)


def test_array_in_parts_has_the_bytes_of_the_whole(tmp_path, generator):
    array = generator.random((7, 3), dtype=np.float32)
    write_array(tmp_path / "whole.npy", array)
    write_array_in_parts(
        tmp_path / "parts.npy", array.shape, "float32", (array[:2], array[2:6], array[6:])
    )
    assert (tmp_path / "parts.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()


def test_parts_that_are_not_the_whole_leave_no_file(tmp_path):
    with pytest.raises(ValueError, match="have 3 rows; expected 4"):
        write_array_in_parts(tmp_path / "a.npy", (4, 2), "float32", [np.zeros((3, 2))])
    assert not list(tmp_path.iterdir())


def test_a_mapped_array_may_be_changed_and_the_file_never_is(tmp_path, generator):
    array = generator.random((3, 4), dtype=np.float32)
    write_array(tmp_path / "a.npy", array)
    mapped = read_array(tmp_path / "a.npy", mapped=True)
    assert type(mapped) is np.ndarray
    mapped[:] = 0
    assert np.array_equal(read_array(tmp_path / "a.npy"), array)
    write_array(tmp_path / "a.npy", array + 1)
    assert not mapped.any()


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x93NUMPY\x01\x00"])
def test_damaged_array_is_an_input_error(tmp_path, content, mapped):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.npy: "):
        read_array(tmp_path / "a.npy", mapped=mapped)


@pytest.mark.parametrize("mapped", [False, True])
def test_truncated_array_is_an_input_error(tmp_path, generator, mapped):
    write_array(tmp_path / "a.npy", generator.random(100))
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:-8])
    with pytest.raises(InputError, match=r"a\.npy: "):
        read_array(tmp_path / "a.npy", mapped=mapped)


@pytest.mark.parametrize("mapped", [False, True])
def test_pickled_array_is_refused(tmp_path, mapped):
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object))
    with pytest.raises(InputError, match=r"is not a \.npy file"):
        read_array(tmp_path / "a.npy", mapped=mapped)


def test_missing_files_are_input_errors(tmp_path):
    for read in (read_array, read_json):
        with pytest.raises(InputError, match="cannot be read"):
            read(tmp_path / "absent")


def test_json_keeps_its_order_and_refuses_nan(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": 0.1})
    assert (tmp_path / "a.json").read_text() == '{\n  "b": 1,\n  "a": 0.1\n}\n'
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", float("nan"))
    assert read_json(tmp_path / "a.json") == {"b": 1, "a": 0.1}


def test_damaged_json_is_an_input_error(tmp_path):
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(InputError, match="is not JSON"):
        read_json(tmp_path / "a.json")


def test_split_with_labels_missing_is_refused(tmp_path):
    write_split(tmp_path, np.zeros((3, 28, 28), np.uint8), np.zeros(2))
    with pytest.raises(
        InputError, match=r"images uint8 \(3, 28, 28\), labels uint8 \(2,\); expected"
    ):
        read_split(tmp_path)


def test_table_gives_floats_in_full(tmp_path):
    write_table(tmp_path / "a.csv", [{"epoch": 1, "loss": 1 / 3}, {"epoch": 2, "loss": 0.1}])
    assert (tmp_path / "a.csv").read_text() == "epoch,loss\n1,0.3333333333333333\n2,0.1\n"
