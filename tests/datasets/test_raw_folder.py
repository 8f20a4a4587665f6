"""A folder of raw data is replaced as a whole or stays as it was."""

import json

import numpy as np
import pytest

from digits.datasets.raw_folder import read_names, replaced_folder, write_raw
from digits.datasets.source import Source
from digits.errors import InputError

SPLIT = np.zeros((3, 28, 28), np.uint8), np.arange(3, dtype=np.uint8)
SOURCE = Source(["a", "b", "c"], {"train": SPLIT, "test": SPLIT})


def test_new_folder_takes_the_place_of_the_old(tmp_path):
    (tmp_path / "raw/old").mkdir(parents=True)
    with replaced_folder(tmp_path / "raw") as partial:
        write_raw(partial / "new", "letters", SOURCE)
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]
    names = sorted(path.name for path in (tmp_path / "raw").iterdir())
    assert names == ["dataset.json", "test", "train"]


def test_old_folder_stays_if_the_body_fails(tmp_path):
    (tmp_path / "raw/old").mkdir(parents=True)
    with pytest.raises(KeyError), replaced_folder(tmp_path / "raw") as partial:
        write_raw(partial / "new", "letters", SOURCE)
        raise KeyError
    assert [path.name for path in tmp_path.rglob("*")] == ["raw", "old"]


def test_names_read_as_written(tmp_path):
    write_raw(tmp_path, "letters", SOURCE)
    names = read_names(tmp_path)
    assert (names.dataset, names.class_names) == ("letters", ["a", "b", "c"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"dataset": "mnist"}, "class_names is missing"),
        (
            {"dataset": "mnist", "class_names": [0, 1]},
            r"class_names\[0\] is 0; expected a valid st",
        ),
        ([], r"the file is \[\]"),
    ],
)
def test_damaged_names_are_an_input_error(tmp_path, content, message):
    (tmp_path / "dataset.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=rf"dataset\.json: {message}"):
        read_names(tmp_path)
