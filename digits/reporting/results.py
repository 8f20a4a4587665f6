"""The results, read from the pipeline's files: one record per run.

The caller names the runs. Files of removed runs are ignored.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from digits.base.files import read_array, read_json
from digits.errors import InputError

MAX_RUNS = 50  # how many runs a figure has room for


class NamedRun(Protocol):
    """A run of params.yaml: "torch", "cnn", and the name of its architecture."""

    @property
    def framework(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def architecture(self) -> str: ...


@dataclass(frozen=True, eq=False)
class RunResult:
    """One run: its metrics, its history, its times, and its test predictions.

    probabilities is float32 (n_samples, n_classes) and labels int64 (n_samples,). The properties
    below are computed once: with many runs they are used thousands of times.
    """

    framework: str
    run: str
    architecture: str
    metrics: dict[str, Any]
    history: pd.DataFrame
    times: dict[str, Any]
    probabilities: np.ndarray
    labels: np.ndarray
    confusion_matrix: np.ndarray
    accuracy_per_class: np.ndarray

    @property
    def name(self) -> str:
        """The framework and the run, as the tables and figures name them: "torch cnn"."""
        return f"{self.framework} {self.run}"

    @cached_property
    def predictions(self) -> np.ndarray:
        """Classes, int64 (n_samples,)."""
        return np.asarray(self.probabilities.argmax(axis=1))

    @cached_property
    def confidence(self) -> np.ndarray:
        """The probability of the predicted class, float32 (n_samples,)."""
        return np.asarray(self.probabilities.max(axis=1))

    @cached_property
    def is_right(self) -> np.ndarray:
        """Whether each prediction is the label, bool (n_samples,)."""
        return np.asarray(self.predictions == self.labels)

    @cached_property
    def confident_mistakes(self) -> np.ndarray:
        """The sample numbers of the misclassified images, the most confident first, int64."""
        wrong = np.flatnonzero(~self.is_right)
        return wrong[np.argsort(-self.confidence[wrong], kind="stable")]


def load_results(runs: Iterable[NamedRun], root: Path = Path()) -> list[RunResult]:
    """Return the record of every run, in the order given; raise InputError if a file is missing."""
    return [load_result(run.framework, run.name, run.architecture, root) for run in runs]


def load_result(framework: str, run: str, architecture: str, root: Path = Path()) -> RunResult:
    """Return the record of one run; raise InputError if a file is missing."""
    arrays = root / "data/evaluation" / framework / run
    return RunResult(
        framework,
        run,
        architecture,
        metrics=read_json(root / "metrics" / framework / f"{run}.json"),
        history=read_history(root / "models" / framework / run / "history.csv"),
        times=read_json(root / "timings" / framework / f"{run}.json"),
        probabilities=read_array(arrays / "probabilities.npy"),
        labels=read_array(arrays / "labels.npy"),
        confusion_matrix=read_array(arrays / "confusion_matrix.npy"),
        accuracy_per_class=read_array(arrays / "accuracy_per_class.npy"),
    )


def read_history(path: Path) -> pd.DataFrame:
    """Return a training's history (digits/training/recorder.py); raise InputError."""
    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {error}; run `dvc repro`") from None


def most_accurate(results: list[RunResult]) -> list[RunResult]:
    """Return the runs that are drawn one by one, in the order of `results`.

    These are all runs or, if there are more than 50, those with the fewest errors.
    """

    # The order of `results_table`.
    def rank(result: RunResult) -> tuple[int, str, str]:
        return result.metrics["errors"], result.framework, result.run

    best = sorted(results, key=rank)[:MAX_RUNS]
    return [result for result in results if result in best]
