"""What preprocessing decided is read back as written, and applied to images as it was decided."""

import json

import numpy as np
import pytest

from digits.errors import InputError
from digits.preprocessing.apply import Preprocessing, load_preprocessing, network_inputs

DECIDED = {
    "dataset": "mnist",
    "class_names": list("0123456789"),
    "normalization": "zero_one",
    "mean": 0.0,
    "std": 255.0,
    "kept_pixels": [3, 28],
}


def test_preprocessing_reads_as_written(tmp_path):
    (tmp_path / "preprocessing.json").write_text(json.dumps(DECIDED))
    assert load_preprocessing(tmp_path / "preprocessing.json") == Preprocessing(**DECIDED)


@pytest.mark.parametrize(
    "damaged", [[], {}, DECIDED | {"mean": "0"}, DECIDED | {"more": 1}, DECIDED | {"std": None}]
)
def test_damaged_preprocessing_is_one_line(tmp_path, damaged):
    path = tmp_path / "preprocessing.json"
    path.write_text(json.dumps(damaged))
    with pytest.raises(InputError, match=r"preprocessing\.json: .*; run `dvc repro`") as caught:
        load_preprocessing(path)
    assert "\n" not in str(caught.value)


def test_network_inputs_are_images_or_the_kept_pixels(generator):
    images = generator.random((2, 28, 28), dtype=np.float32)
    assert network_inputs(images, None).shape == (2, 28, 28, 1)
    expected = np.stack([images[:, 0, 0], images[:, 1, 1]], axis=1)
    assert np.array_equal(network_inputs(images, [0, 29]), expected)
