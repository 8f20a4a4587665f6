"""The leaderboard and the table of results say what visualize wrote, and on what machine."""

import pandas as pd
import pytest

from digits.errors import InputError
from tools.results_tables import format_leaderboard, format_results, read_results

ROW = {
    "framework": "torch",
    "run": "cnn",
    "architecture": "cnn",
    "dataset": "mnist",
    "accuracy": 0.99,
    "accuracy_low": 0.988,
    "accuracy_high": 0.992,
    "errors": 100,
    "group": "a",
    "log_loss": 0.03,
    "expected_calibration_error": 0.002,
    "n_samples": 10_000,
    "parameters": 1234,
    "train_seconds": 1234.5,
    "peak_memory_bytes": 2**30,
    "seed": 0,
    "threads": 2,
    "device": "cpu",
    "library": "PyTorch 2",
    "processor": "a processor",
    "instructions": "avx2",
    "cores": 4,
    "python": "3.11.7",
}


def table(*rows: dict[str, object]) -> pd.DataFrame:
    return pd.DataFrame([ROW | row for row in rows])


def test_an_architecture_is_a_row_and_a_framework_a_column():
    other = {"framework": "scratch", "architecture": "mlp", "accuracy": 0.98, "train_seconds": 7.4}
    lines = format_leaderboard(table({}, other)).splitlines()
    assert lines[2:4] == [
        "| `cnn` | 99.00 %, 1,234 s | - | - |",
        "| `mlp` | - | - | 98.00 %, 7 s |",
    ]


def test_two_runs_of_one_architecture_share_a_cell():
    lines = format_leaderboard(table({}, {"run": "long", "train_seconds": 2000})).splitlines()
    assert lines[2] == "| `cnn` | cnn: 99.00 %, 1,234 s; long: 99.00 %, 2,000 s | - | - |"


def test_the_leaderboard_says_how_and_on_what_it_was_measured():
    text = format_leaderboard(table({}, {"accuracy_high": 0.996, "library": "Keras 3"}))
    assert "10,000 test images" in text
    assert "(n = 1) with seed 0" in text
    assert "at most 0.40 points" in text
    assert "4 cores (a processor, avx2), 2 threads, Python 3.11.7; Keras 3; PyTorch 2." in text


def test_another_device_is_named_with_the_library():
    assert "PyTorch 2 on cuda" in format_results(table({"device": "cuda"}))


def test_results_on_other_data_are_refused(tmp_path):
    table({"dataset": "synthetic"}).to_csv(tmp_path / "results.csv")
    with pytest.raises(InputError, match=r"has results on synthetic; expected mnist only"):
        read_results(tmp_path / "results.csv")


def test_a_missing_table_says_what_to_run(tmp_path):
    with pytest.raises(InputError, match="run `make run`"):
        read_results(tmp_path / "results.csv")
