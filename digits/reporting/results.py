"""What was measured, read from the pipeline's files into one record a run.

The runs are those of params.yaml: what a removed run left behind is not looked at.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from digits.base.files import read_array, read_json
from digits.training.params import FRAMEWORKS, Params

TITLES = {
    "mnist": "MNIST",
    "fashion_mnist": "Fashion-MNIST",
    "kmnist": "Kuzushiji-MNIST",
    "emnist_digits": "EMNIST digits",
    "uci_digits": "UCI digits",
    "stand_in": "stand-in digits (not MNIST)",
}


@dataclass(frozen=True, eq=False)
class RunResult:
    """One run: its metrics, its history by epoch and split, its times, and what it made of the test
    set.

    What follows from the probabilities is worked out once: with many runs it is looked at thousands
    of times.
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
        return f"{self.framework} {self.run}"

    @cached_property
    def predictions(self) -> np.ndarray:
        """Classes, int64 (n,)."""
        return self.probabilities.argmax(axis=1)

    @cached_property
    def confidence(self) -> np.ndarray:
        """The probability of what was predicted, float32 (n,)."""
        return self.probabilities.max(axis=1)

    @cached_property
    def is_right(self) -> np.ndarray:
        """bool (n,)."""
        return self.predictions == self.labels

    @cached_property
    def confident_mistakes(self) -> np.ndarray:
        """The sample numbers of what was misclassified, the most confident first, int64."""
        wrong = np.flatnonzero(~self.is_right)
        return wrong[np.argsort(-self.confidence[wrong], kind="stable")]


def load_results(params: Params, root: Path = Path()) -> list[RunResult]:
    """Return the record of every run of params.yaml; raise InputError where a file is missing."""
    return [
        load_result(params, framework, run, root)
        for framework in FRAMEWORKS
        for run in params.runs(framework)
    ]


def load_result(params: Params, framework: str, run: str, root: Path) -> RunResult:
    def array(name: str) -> np.ndarray:
        return read_array(root / "data/evaluation" / framework / run / f"{name}.npy")

    return RunResult(
        framework,
        run,
        params.recipe(framework, run).architecture,
        read_json(root / "metrics" / framework / f"{run}.json"),
        pd.read_csv(root / "models" / framework / run / "history.csv"),
        read_json(root / "models/times" / framework / f"{run}.json"),
        array("probabilities"),
        array("labels"),
        array("confusion_matrix"),
        array("accuracy_per_class"),
    )
