"""The model card of an exported file."""

import hashlib
import json
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from digits.export.card import card_path, find_metrics, render_card, write_card
from digits.export.check import export_model
from digits.export.formats import FORMATS, load_format
from digits.model.architecture import Conv, Dense, Flatten, Relu
from tests.support.export_models import make_model

LAYERS = [Conv(filters=2, kernel_size=3, padding="valid"), Relu(), Flatten(), Dense(units=10)]
# 3 x 3 kernels with biases, and 26 x 26 x 2 inputs of the dense layer.
N_PARAMETERS = 2 * (9 + 1) + (26 * 26 * 2 + 1) * 10
METRICS = {
    "dataset": "mnist",
    "accuracy": 0.9925,
    "accuracy_low": 0.99061,
    "accuracy_high": 0.99399,
    "errors": 75,
    "log_loss": 0.02325,
    "expected_calibration_error": 0.00251,
    "n_samples": 10000,
    "parameters": N_PARAMETERS,
}


@pytest.fixture
def metrics(tmp_path) -> Path:
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps(METRICS))
    return path


def test_it_states_the_network_the_data_and_the_results(metrics, tmp_path):
    output = tmp_path / "small.onnx"
    write_card(output, make_model(LAYERS), metrics)
    card = (tmp_path / "small.onnx.md").read_text()
    for text in (
        "# small.onnx\n",
        "trained with NumPy engine on MNIST.",
        "10 classes: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9.",
        "A pixel x is normalised as (x - 33.3) / 78.6.",
        f"\n{N_PARAMETERS:,} parameters.",
        "\n- conv: {filters: 2, kernel_size: 3, stride: 1, padding: valid}\n- relu\n- flatten\n",
        "| accuracy | 0.9925 |",
        "| 95 % confidence interval | 0.9906 to 0.9940 |",
        "| errors | 75 of 10,000 |",
        "| log loss (nats) | 0.0232 |",
        "| expected calibration error | 0.0025 |",
    ):
        assert text in card


def test_a_model_of_pruned_pixels_says_how_many_it_keeps(metrics):
    model = make_model([Dense(units=10)], "kept")
    text = "The file does this itself, and it chooses 200 of the 784 pixels."
    assert text in render_card(Path("small.pt"), model, metrics)


def test_without_metrics_there_are_no_results(tmp_path):
    for metrics in (None, tmp_path / "missing.json"):
        card = render_card(Path("small.pt"), make_model(LAYERS), metrics)
        assert "There were no metrics of this model" in card
        assert "| accuracy |" not in card


@pytest.mark.filterwarnings("ignore:`torch.jit")
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")
@pytest.mark.parametrize("name", FORMATS)
def test_its_code_loads_the_file(name, metrics, tmp_path, monkeypatch, generator):
    model = make_model()
    output = tmp_path / f"small.{name}"
    export_model(model, load_format(name), generator.integers(0, 256, (4, 28, 28), "uint8"), output)
    tokens = MarkdownIt("commonmark").parse(render_card(output, model, metrics))
    (code,) = [token.content for token in tokens if token.info == "python"]
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(code, names)
    assert names["logits"].shape == (1, 10)


def test_the_cards_file_is_beside_the_exported_one():
    assert card_path(Path("exports/tf/cnn.onnx")) == Path("exports/tf/cnn.onnx.md")


def test_metrics_are_those_of_the_very_model_that_was_evaluated(tmp_path):
    file = tmp_path / "models/tf/cnn/model.safetensors"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"the weights")
    assert find_metrics(file) is None
    evaluated = tmp_path / "data/evaluation/tf/cnn/model.sha256"
    evaluated.parent.mkdir(parents=True)
    evaluated.write_text(f"{hashlib.sha256(b'the weights').hexdigest()}\n")
    for model in (file, file.parent):
        assert find_metrics(model) == tmp_path / "metrics/tf/cnn.json"
    file.write_bytes(b"other weights")
    assert find_metrics(file) is None
