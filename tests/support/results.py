"""The measured result of a run, made up."""

import numpy as np
import pandas as pd

from digits.reporting.results import RunResult

CONFIDENCE = np.linspace(0.5, 0.8, 12)[:, np.newaxis]


def make_result(framework: str, run: str, n_right: int) -> RunResult:
    """Return a run on three classes and twelve images.

    `n_right` predictions are right and the rest one class too high, with growing confidence.
    """
    labels = np.arange(12) % 3
    predictions = np.where(np.arange(12) < n_right, labels, (labels + 1) % 3)
    confusions = np.zeros((3, 3), int)
    np.add.at(confusions, (labels, predictions), 1)
    return RunResult(
        framework,
        run,
        "small",
        make_metrics(n_right / 12),
        make_history(),
        make_times(framework),
        np.eye(3)[predictions] * CONFIDENCE + (1 - CONFIDENCE) / 3,
        labels,
        confusions,
        confusions.diagonal() / confusions.sum(axis=1),
    )


def make_metrics(accuracy: float) -> dict[str, object]:
    """Return metrics as evaluate writes them, of twelve images."""
    return {
        "dataset": "mnist",
        "accuracy": accuracy,
        "accuracy_low": accuracy - 0.1,
        "accuracy_high": accuracy + 0.1,
        "errors": 12 - round(12 * accuracy),
        "log_loss": 0.5,
        "expected_calibration_error": 0.0123,
        "n_samples": 12,
        "parameters": 12345,
    }


def make_history() -> pd.DataFrame:
    """Return the history of one epoch of 60 steps on 600 images."""
    seen = {"images_seen": [500, 600, 600], "epoch": [1, 1, 1]}
    splits = {"split": ["train", "train", "validation"]}
    return pd.DataFrame(seen | splits | {"loss": [0.9, 0.5, 0.6], "accuracy": [0.6, 0.7, 0.8]})


def make_times(framework: str) -> dict[str, object]:
    """Return a run's times and setting as a train stage writes them."""
    return {
        "train_seconds": 3.21,
        "peak_memory_bytes": 2**30,
        "seed": 0,
        "threads": 2,
        "processes": 1,
        "device": "cpu",
        "library": f"{framework} 1.0",
        "processor": "a processor",
        "cores": 2,
        "python": "3.11",
        "packages": {"numpy": "2.0", f"{framework}-package": "1.5"},
        "data_sha256": "0a1b",
    }
