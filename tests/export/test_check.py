"""A file whose logits are not the engine's is not written, and nothing is left behind."""

import numpy as np
import pytest

from digits.errors import InputError
from digits.export import onnx
from digits.export.check import export_model, load_check_images
from digits.export.formats import FORMATS, load_format
from digits.model.model_file import Model
from tests.support.export_models import make_model

pytestmark = [
    # As in test_formats.py.
    pytest.mark.filterwarnings("ignore:`torch.jit"),
    pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword"),
]


@pytest.fixture
def images(generator) -> np.ndarray:
    return generator.integers(0, 256, (20, 28, 28), np.uint8)


class Tampered:
    """A format that changes one weight before it writes."""

    def __init__(self, name: str, value: float):
        self.format, self.value = load_format(name), value
        self.logits = self.format.logits

    def write(self, path, model, metadata):
        weights = {name: array.copy() for name, array in model.weights.items()}
        weights["9_dense.b"][3] += self.value
        self.format.write(path, Model(model.description, weights), metadata)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("value", [1e-3, np.nan])
def test_a_file_with_other_logits_is_refused(name, value, images, tmp_path):
    output = tmp_path / f"folder/model.{name}"
    with pytest.raises(InputError, match=r"was not written: its logits differ from the model's by"):
        export_model(make_model(), Tampered(name, value), images, output)
    assert not list(tmp_path.iterdir())


def test_a_refused_export_leaves_the_file_that_was_there(images, tmp_path, monkeypatch):
    output = tmp_path / "model.onnx"
    output.write_text("before")
    monkeypatch.setattr(onnx, "logits", lambda path, images: np.zeros((20, 9), np.float32))
    fault = r"its logits are float32 \(20, 9\); expected float32 \(20, 10\)"
    with pytest.raises(InputError, match=fault):
        export_model(make_model(), onnx, images, output)
    assert list(tmp_path.iterdir()) == [output]
    assert output.read_text() == "before"


@pytest.mark.parametrize("output", ["file/model.onnx", "folder.onnx"])
def test_an_output_that_cannot_be_written_is_named(output, images, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder.onnx").mkdir()
    fault = rf"{output} cannot be written: .*; choose another file with --output"
    with pytest.raises(InputError, match=fault):
        export_model(make_model(), onnx, images, tmp_path / output)
    assert len(list(tmp_path.rglob("*"))) == 2


def test_logits_are_compared_on_test_digits_and_noise(tmp_path, generator):
    digits = generator.integers(0, 256, (1200, 28, 28), np.uint8)
    np.save(tmp_path / "images.npy", digits)
    np.save(tmp_path / "labels.npy", np.zeros(1200, np.uint8))
    images, title = load_check_images(tmp_path)
    assert np.array_equal(images[:1000], digits[:1000])
    assert (images[1000:].std(axis=0) > 0).all()  # every pixel counts
    assert title == f"1,000 images of {tmp_path} and 24 images of noise"


def test_without_test_digits_synthetic_ones_take_their_place(tmp_path):
    absent = tmp_path / "absent"
    (first, title), (again, _) = load_check_images(absent), load_check_images(absent)
    assert (first.shape, first.dtype) == ((1024, 28, 28), np.uint8)
    assert np.array_equal(first, again)
    assert len({image.tobytes() for image in first}) == 1024
    assert title.startswith(f"1,000 synthetic digits ({absent} does not exist here)")
