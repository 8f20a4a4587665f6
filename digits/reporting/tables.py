"""Tables of the results: long ones for `dvc plots show`, and one row per run for people."""

import base64
import io
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from statsmodels.stats.proportion import proportion_confint
from tabulate import tabulate

from digits.evaluation.metrics import CONFIDENCE, calibrate
from digits.reporting.comparisons import group_letters
from digits.reporting.results import RunResult

N_MISTAKES = 10
CONFUSION_COLUMNS = [
    "framework",
    "run",
    "true",
    "predicted",
    "true_label",
    "predicted_label",
    "count",
    "share",
]
RELIABILITY_COLUMNS = [
    "framework",
    "run",
    "n_samples",
    "confidence",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
]
MISTAKE_COLUMNS = [
    "framework",
    "run",
    "rank",
    "sample",
    "true",
    "predicted",
    "confidence",
    "image",
]
# The columns of `leaderboard`: five are text or an interval, the others are numbers.
ALIGNMENT = ["left", "left", "right", "right", "left", *["right"] * 5]


def curves_table(results: list[RunResult]) -> pd.DataFrame:
    """Return the histories as one long table.

    Its columns are framework, run, images_seen, epoch, split, measure and value.
    """
    histories = [
        result.history.assign(framework=result.framework, run=result.run) for result in results
    ]
    return pd.concat(histories).melt(
        ["framework", "run", "images_seen", "epoch", "split"],
        ["loss", "accuracy"],
        "measure",
        "value",
    )


def confusion_table(results: list[RunResult], class_names: list[str]) -> pd.DataFrame:
    """Return the confusion matrices as one long table, with a row for each cell.

    It has the names and numbers of both classes, the count, and its share of the true class.
    """
    rows = []
    for result in results:
        totals = result.confusion_matrix.sum(axis=1)
        for (true, predicted), count in np.ndenumerate(result.confusion_matrix):
            names = class_names[true], class_names[predicted]
            share = count / max(totals[true], 1)
            rows.append((result.framework, result.run, *names, true, predicted, count, share))
    return pd.DataFrame(rows, columns=CONFUSION_COLUMNS)


def class_table(results: list[RunResult], class_names: list[str]) -> pd.DataFrame:
    """Return the accuracy on each true class as one long table: framework, run, class, accuracy."""
    rows = []
    for result in results:
        for name, accuracy in zip(class_names, result.accuracy_per_class, strict=True):
            rows.append((result.framework, result.run, name, accuracy))
    return pd.DataFrame(rows, columns=["framework", "run", "class", "accuracy"])


def reliability_table(results: list[RunResult]) -> pd.DataFrame:
    """Return confidence against accuracy as one long table, with the accuracy's 95 % interval.

    It has a row for each run and bin of confidence.
    """
    tables = []
    for result in results:
        calibration = calibrate(result.probabilities, result.labels)
        n_right = np.rint(calibration.accuracy * calibration.n_samples)
        low, high = proportion_confint(
            n_right, calibration.n_samples, alpha=1 - CONFIDENCE, method="wilson"
        )
        table = pd.DataFrame({**calibration._asdict(), "accuracy_low": low, "accuracy_high": high})
        tables.append(table.assign(framework=result.framework, run=result.run))
    return pd.concat(tables)[RELIABILITY_COLUMNS]


def mistakes_table(
    results: list[RunResult], images: np.ndarray, class_names: list[str]
) -> pd.DataFrame:
    """Return each run's ten most confident mistakes as one long table, with a data URI each.

    `images` are raw test images, uint8 (n_samples, 28, 28).
    """
    rows = []
    for result in results:
        for rank, sample in enumerate(result.confident_mistakes[:N_MISTAKES], start=1):
            row = {
                "framework": result.framework,
                "run": result.run,
                "rank": rank,
                "sample": sample,
                "true": class_names[result.labels[sample]],
                "predicted": class_names[result.predictions[sample]],
                "confidence": result.confidence[sample],
                "image": image_uri(images[sample]),
            }
            rows.append(row)
    return pd.DataFrame(rows, columns=MISTAKE_COLUMNS)


def image_uri(image: np.ndarray) -> str:
    """Return a PNG of an image, as a data URI: dark ink on white.

    The image is uint8 (height, width); 255 is ink.
    """
    file = io.BytesIO()
    Image.fromarray(255 - image).save(file, "png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def results_table(results: list[RunResult], pairs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per run, the best accuracy first: its measures, its costs, and its machine.

    `pairs` are the runs' comparisons (`digits.reporting.comparisons.compare_pairs`). Runs that
    share a letter of the column `group` do not differ significantly.
    """
    table = pd.DataFrame([results_row(result) for result in results])
    table = table.sort_values(["errors", "framework", "run"], ignore_index=True)
    names = (table["framework"] + " " + table["run"]).tolist()
    letters = group_letters(names, pairs)
    table.insert(table.columns.get_loc("errors") + 1, "group", [letters[name] for name in names])
    return table


def results_row(result: RunResult) -> dict[str, Any]:
    """Return the names of a run, then its metrics, its times and its machine."""
    times = {name: value for name, value in result.times.items() if name != "packages"}
    named = {
        "framework": result.framework,
        "run": result.run,
        "architecture": result.architecture,
    }
    return named | result.metrics | times


def leaderboard(table: pd.DataFrame) -> pd.DataFrame:
    """Return a results table as text, in the units that people read."""
    accuracies = [
        f"{100 * row.accuracy:.2f} ({100 * row.accuracy_low:.2f} to {100 * row.accuracy_high:.2f})"
        for row in table.itertuples()
    ]
    return pd.DataFrame(
        {
            "framework": table["framework"],
            "run": table["run"],
            "test accuracy % (95 % interval)": accuracies,
            "errors": table["errors"].map("{:,}".format),
            "group": table["group"],
            "log loss (nats)": table["log_loss"].map("{:.4f}".format),
            "calibration error %": (100 * table["expected_calibration_error"]).map("{:.2f}".format),
            "parameters": table["parameters"].map("{:,}".format),
            "training (s)": table["train_seconds"].map("{:.1f}".format),
            "peak memory (MiB)": (table["peak_memory_bytes"] / 2**20).map("{:,.0f}".format),
        }
    )


def as_markdown(table: pd.DataFrame) -> str:
    """Return the leaderboard of a results table as Markdown."""
    # pandas' to_markdown calls this too, but imports it by name, which no fingerprint would see.
    text: str = tabulate(
        leaderboard(table),
        headers="keys",
        tablefmt="pipe",
        showindex=False,
        disable_numparse=True,
        colalign=ALIGNMENT,
    )
    return text
