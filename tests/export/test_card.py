"""The model card of an exported file."""

import json
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from digits.export.card import card_path, metrics_path, render_card, write_card
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
        "trained with scratch on mnist.",
        "10 classes: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9.",
        "normalised with mean 33.3 and standard deviation 78.6.",
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
    text = "part of the file, and so is the choice of 200 of the 784 pixels."
    assert text in render_card(Path("small.pt"), model, metrics)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (None, "There are no metrics of this model here."),
        ({"dataset": "fashion_mnist"}, "The metrics here belong to another model"),
        ({"parameters": 7}, "The metrics here belong to another model"),
    ],
)
def test_metrics_of_another_model_are_not_shown(metrics, change, expected):
    if change is None:
        metrics.unlink()
    else:
        metrics.write_text(json.dumps(METRICS | change))
    card = render_card(Path("small.pt"), make_model(LAYERS), metrics)
    assert expected in card
    assert "0.9925" not in card


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


def test_paths_follow_the_folders_of_the_run(tmp_path):
    assert card_path(Path("exports/tf/cnn.onnx")) == Path("exports/tf/cnn.onnx.md")
    (tmp_path / "models/tf/cnn").mkdir(parents=True)
    for model in ("models/tf/cnn", "models/tf/cnn/model.safetensors"):
        assert metrics_path(tmp_path / model) == tmp_path / "metrics/tf/cnn.json"
