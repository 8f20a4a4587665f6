"""Tables say what was measured, once for each run."""

import numpy as np
import pandas as pd
import pytest

from digits.reporting.results import RunResult, as_markdown, class_table, confusion_table, curves_table, results_table


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
            "errors": 12 - n_right, "log_loss": 0.5, "n_samples": 12, "parameters": 12345,
        },
        pd.DataFrame({"epoch": [1, 1], "split": ["train", "validation"], "loss": [0.5, 0.6], "accuracy": [0.7, 0.8]}),
        {"train_seconds": 3.21, "peak_memory_bytes": 2**30, "processor": "a processor"},
        np.eye(3)[predictions] * 0.7 + 0.1,
        labels,
        confusions,
        confusions.diagonal() / confusions.sum(axis=1),
    )  # fmt: skip


@pytest.fixture
def results() -> list[RunResult]:
    return [make_result("torch", "cnn", 9), make_result("tf", "cnn", 11), make_result("scratch", "mlp", 6)]


def test_results_are_ranked_by_errors(results):
    table = results_table(results)
    assert table[["framework", "errors"]].values.tolist() == [["tf", 1], ["torch", 3], ["scratch", 6]]


def test_markdown_has_the_units_people_read(results):
    lines = as_markdown(results_table(results)).splitlines()
    assert [cell.strip() for cell in lines[2].strip("|").split("|")] == [
        "tf", "cnn", "91.67 (81.67 to 101.67)", "1 of 12", "0.5000", "12,345", "3.2", "1,024",
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
