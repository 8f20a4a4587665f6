"""Tables say what was measured, once for each run."""

import base64
import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from digits.reporting.comparisons import compare_pairs
from digits.reporting.results import RunResult
from digits.reporting.tables import (
    as_markdown,
    class_table,
    confusion_table,
    curves_table,
    image_uri,
    mistakes_table,
    reliability_table,
    results_table,
)


def make_result(framework: str, run: str, n_right: int) -> RunResult:
    """Three classes, twelve images, `n_right` of them right and the rest one class too high."""
    labels = np.arange(12) % 3
    predictions = np.where(np.arange(12) < n_right, labels, (labels + 1) % 3)
    confusions = np.zeros((3, 3), int)
    np.add.at(confusions, (labels, predictions), 1)
    return RunResult(
        framework,
        run,
        "small",
        {
            "dataset": "mnist", "accuracy": n_right / 12, "accuracy_low": n_right / 12 - 0.1, "accuracy_high": n_right / 12 + 0.1,
            "errors": 12 - n_right, "log_loss": 0.5, "expected_calibration_error": 0.0123, "n_samples": 12, "parameters": 12345,
        },
        pd.DataFrame({"epoch": [1, 1], "split": ["train", "validation"], "loss": [0.5, 0.6], "accuracy": [0.7, 0.8]}),
        {
            "train_seconds": 3.21, "peak_memory_bytes": 2**30, "seed": 0, "threads": 2, "processes": 1, "device": "cpu",
            "library": f"{framework} 1.0", "processor": "a processor", "cores": 2, "python": "3.11",
            "packages": {"numpy": "2.0", f"{framework}-package": "1.5"}, "data_sha256": "0a1b",
        },
        np.eye(3)[predictions] * np.linspace(0.5, 0.8, 12)[:, np.newaxis] + (1 - np.linspace(0.5, 0.8, 12)[:, np.newaxis]) / 3,
        labels,
        confusions,
        confusions.diagonal() / confusions.sum(axis=1),
    )  # fmt: skip


@pytest.fixture
def results() -> list[RunResult]:
    return [
        make_result("torch", "cnn", 9),
        make_result("tf", "cnn", 11),
        make_result("scratch", "mlp", 6),
    ]


def test_results_are_ranked_by_errors(results):
    table = results_table(results, compare_pairs(results))
    assert table[["framework", "errors"]].values.tolist() == [
        ["tf", 1],
        ["torch", 3],
        ["scratch", 6],
    ]


def test_markdown_has_the_units_people_read(results):
    lines = as_markdown(results_table(results, compare_pairs(results))).splitlines()
    assert [cell.strip() for cell in lines[2].strip("|").split("|")] == [
        "tf", "cnn", "91.67 (81.67 to 101.67)", "1", "a", "0.5000", "1.23", "12,345", "3.2", "1,024",
    ]  # fmt: skip
    assert len(lines) == 2 + 3


def test_curves_are_one_long_table(results):
    table = curves_table(results)
    assert list(table.columns) == ["framework", "run", "epoch", "split", "measure", "value"]
    assert len(table) == 3 * 2 * 2
    row = table.query("framework == 'tf' and split == 'validation' and measure == 'loss'")
    assert row["value"].tolist() == [0.6]


def test_confusions_are_one_long_table_with_all_cells(results):
    table = confusion_table(results, ["a", "b", "c"])
    assert table.groupby(["framework", "run"])["count"].sum().tolist() == [12, 12, 12]
    cell = table.query("framework == 'scratch' and true == 'b' and predicted == 'c'").iloc[0]
    assert (cell["count"], cell["share"]) == (2, 0.5)


def test_classes_keep_their_names(results):
    table = class_table(results, ["a", "b", "c"])
    assert table.query("framework == 'torch'")["class"].tolist() == ["a", "b", "c"]
    assert table.query("framework == 'torch'")["accuracy"].tolist() == [0.75, 0.75, 0.75]


def test_reliability_counts_every_image_of_every_run(results):
    table = reliability_table(results)
    assert table.groupby(["framework", "run"])["n_samples"].sum().tolist() == [12, 12, 12]
    assert (table["accuracy_low"] <= table["accuracy"] + 1e-9).all()
    assert (table["accuracy"] <= table["accuracy_high"] + 1e-9).all()
    # Of torch's twelve images the first nine are right, and the confidence rises with their number.
    rows = table.query("framework == 'torch'").sort_values("confidence")
    assert rows["accuracy"].iloc[0] == 1
    assert rows["accuracy"].iloc[-1] == 0


def test_mistakes_are_the_most_confident_first_with_their_images(results):
    images = np.random.default_rng(0).integers(0, 256, (12, 28, 28), dtype=np.uint8)
    table = mistakes_table(results, images, ["a", "b", "c"])
    rows = table.query("framework == 'torch'")
    assert rows["sample"].tolist() == [11, 10, 9]
    assert rows[["true", "predicted"]].values.tolist() == [["c", "a"], ["b", "c"], ["a", "b"]]
    assert np.array_equal(255 - decode(rows["image"].iloc[0]), images[11])
    assert len(table.query("framework == 'scratch'")) == 6


def test_run_without_mistakes_has_no_row():
    assert (
        list(
            mistakes_table(
                [make_result("torch", "cnn", 12)], np.zeros((12, 28, 28), np.uint8), ["a", "b", "c"]
            )["sample"]
        )
        == []
    )


def decode(uri: str) -> np.ndarray:
    return np.asarray(
        Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/png;base64,"))))
    )


def test_image_is_dark_ink_on_white():
    assert decode(image_uri(np.array([[0, 255]], np.uint8))).tolist() == [[255, 0]]
