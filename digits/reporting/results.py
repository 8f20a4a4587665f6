"""What was measured, read from the pipeline's files into one record a run, and laid out as tables.

The runs are those of params.yaml: what a removed run left behind is not looked at.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from digits.files import read_array, read_json
from digits.params import FRAMEWORKS, Params

TITLES = {
    "mnist": "MNIST",
    "fashion_mnist": "Fashion-MNIST",
    "kmnist": "Kuzushiji-MNIST",
    "emnist_digits": "EMNIST digits",
    "uci_digits": "UCI digits",
}


class RunResult(NamedTuple):
    """One run: its metrics, its history by epoch and split, its times, and what it made of the test set."""

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


def load_results(params: Params, root: Path = Path()) -> list[RunResult]:
    """Return the record of every run of params.yaml; raise InputError where a file is missing."""
    return [load_result(params, framework, run, root) for framework in FRAMEWORKS for run in params.runs(framework)]


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


def curves_table(results: list[RunResult]) -> pd.DataFrame:
    """Return the histories as one long table: framework, run, epoch, split, measure, value."""
    tables = [result.history.assign(framework=result.framework, run=result.run) for result in results]
    return pd.concat(tables).melt(["framework", "run", "epoch", "split"], ["loss", "accuracy"], "measure", "value")


def confusion_table(results: list[RunResult], class_names: list[str]) -> pd.DataFrame:
    """Return the confusion matrices as one long table: names and numbers of the classes, count, share of the true class."""
    rows = []
    for result in results:
        for (true, predicted), count in np.ndenumerate(result.confusion_matrix):
            share = count / max(result.confusion_matrix[true].sum(), 1)
            rows.append((result.framework, result.run, class_names[true], class_names[predicted], true, predicted, count, share))
    return pd.DataFrame(rows, columns=["framework", "run", "true", "predicted", "true_label", "predicted_label", "count", "share"])


def class_table(results: list[RunResult], class_names: list[str]) -> pd.DataFrame:
    """Return the accuracy on each true class as one long table: framework, run, class, accuracy."""
    rows = [
        (result.framework, result.run, name, accuracy)
        for result in results
        for name, accuracy in zip(class_names, result.accuracy_per_class, strict=True)
    ]
    return pd.DataFrame(rows, columns=["framework", "run", "class", "accuracy"])


def results_table(results: list[RunResult]) -> pd.DataFrame:
    """Return one row a run, best accuracy first, with what it measured, what it cost and what it ran on."""
    rows = [
        {"framework": result.framework, "run": result.run, "architecture": result.architecture, **result.metrics, **result.times}
        for result in results
    ]
    return pd.DataFrame(rows).sort_values(["errors", "framework", "run"], ignore_index=True)


def as_markdown(table: pd.DataFrame) -> str:
    """Return a results table as Markdown, in the units that people read."""
    shown = pd.DataFrame(
        {
            "framework": table["framework"],
            "run": table["run"],
            "test accuracy % (95 % interval)": [
                f"{100 * row.accuracy:.2f} ({100 * row.accuracy_low:.2f} to {100 * row.accuracy_high:.2f})" for row in table.itertuples()
            ],
            "errors": [f"{row.errors:,} of {row.n_samples:,}" for row in table.itertuples()],
            "log loss (nats)": table["log_loss"].map("{:.4f}".format),
            "parameters": table["parameters"].map("{:,}".format),
            "training (s)": table["train_seconds"].map("{:.1f}".format),
            "peak memory (MiB)": (table["peak_memory_bytes"] / 2**20).map("{:,.0f}".format),
        }
    )
    return shown.to_markdown(index=False, disable_numparse=True, colalign=["left", "left", *["right"] * 6])
