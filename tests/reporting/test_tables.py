"""Tables say what was measured, once for each run."""

import base64
import io

import numpy as np
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
from tests.support.results import make_result


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
        "tf", "cnn", "91.67 (81.67 to 101.67)", "1", "a", "0.5000", "1.23", "12,345", "3.2",
        "1,024",
    ]  # fmt: skip
    assert len(lines) == 2 + 3


def test_curves_are_one_long_table(results):
    table = curves_table(results)
    assert list(table.columns) == [
        "framework", "run", "images_seen", "epoch", "split", "measure", "value",
    ]  # fmt: skip
    assert len(table) == 3 * 3 * 2
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
