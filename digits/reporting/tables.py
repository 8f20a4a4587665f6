"""What was measured as tables: long ones for `dvc plots show`, and one row a run for people."""

import base64
import io

import numpy as np
import pandas as pd
from PIL import Image
from statsmodels.stats.proportion import proportion_confint

from digits.evaluation.metrics import CONFIDENCE, calibrate
from digits.reporting.comparisons import group_letters
from digits.reporting.results import RunResult

N_MISTAKES = 10


def curves_table(results: list[RunResult]) -> pd.DataFrame:
    """Return the histories as one long table: framework, run, epoch, split, measure, value."""
    tables = [
        result.history.assign(framework=result.framework, run=result.run) for result in results
    ]
    return pd.concat(tables).melt(
        ["framework", "run", "epoch", "split"], ["loss", "accuracy"], "measure", "value"
    )


def confusion_table(results: list[RunResult], class_names: list[str]) -> pd.DataFrame:
    """Return the confusion matrices as one long table: names and numbers of the classes, count,
    share of the true class.
    """
    rows = []
    for result in results:
        for (true, predicted), count in np.ndenumerate(result.confusion_matrix):
            share = count / max(result.confusion_matrix[true].sum(), 1)
            rows.append(
                (
                    result.framework,
                    result.run,
                    class_names[true],
                    class_names[predicted],
                    true,
                    predicted,
                    count,
                    share,
                )
            )
    return pd.DataFrame(
        rows,
        columns=[
            "framework",
            "run",
            "true",
            "predicted",
            "true_label",
            "predicted_label",
            "count",
            "share",
        ],
    )


def class_table(results: list[RunResult], class_names: list[str]) -> pd.DataFrame:
    """Return the accuracy on each true class as one long table: framework, run, class, accuracy."""
    rows = [
        (result.framework, result.run, name, accuracy)
        for result in results
        for name, accuracy in zip(class_names, result.accuracy_per_class, strict=True)
    ]
    return pd.DataFrame(rows, columns=["framework", "run", "class", "accuracy"])


def reliability_table(results: list[RunResult]) -> pd.DataFrame:
    """Return confidence against accuracy as one long table: a row for each run and bin of
    confidence, with the accuracy's 95 % interval.
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
    return pd.concat(tables)[
        ["framework", "run", "n_samples", "confidence", "accuracy", "accuracy_low", "accuracy_high"]
    ]


def mistakes_table(
    results: list[RunResult], images: np.ndarray, class_names: list[str]
) -> pd.DataFrame:
    """Return each run's ten most confident mistakes on raw test images, uint8 (n, 28, 28), as one
    long table, with the image as a data URI.
    """
    rows = [
        {
            "framework": result.framework,
            "run": result.run,
            "rank": rank,
            "sample": sample,
            "true": class_names[result.labels[sample]],
            "predicted": class_names[result.predictions[sample]],
            "confidence": result.confidence[sample],
            "image": image_uri(images[sample]),
        }
        for result in results
        for rank, sample in enumerate(result.confident_mistakes[:N_MISTAKES], start=1)
    ]
    return pd.DataFrame(
        rows,
        columns=["framework", "run", "rank", "sample", "true", "predicted", "confidence", "image"],
    )


def image_uri(image: np.ndarray) -> str:
    """Return an image, uint8 (height, width) with 255 for ink, as the data URI of a PNG: dark ink
    on white.
    """
    file = io.BytesIO()
    Image.fromarray(255 - image).save(file, "png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def results_table(results: list[RunResult], pairs: pd.DataFrame) -> pd.DataFrame:
    """Return one row a run, best accuracy first, with what it measured, what it cost and what it
    ran on.

    `pairs` are the runs' comparisons (`digits.reporting.comparisons.compare_pairs`): runs that
    share a letter of `alike` do not differ significantly.
    """
    rows = [
        {
            "framework": result.framework,
            "run": result.run,
            "architecture": result.architecture,
            **result.metrics,
        }
        | {name: value for name, value in result.times.items() if name != "packages"}
        for result in results
    ]
    table = pd.DataFrame(rows).sort_values(["errors", "framework", "run"], ignore_index=True)
    names = (table["framework"] + " " + table["run"]).tolist()
    letters = group_letters(names, pairs)
    table.insert(table.columns.get_loc("errors") + 1, "alike", [letters[name] for name in names])
    return table


def leaderboard(table: pd.DataFrame) -> pd.DataFrame:
    """Return a results table as text, in the units that people read."""
    return pd.DataFrame(
        {
            "framework": table["framework"],
            "run": table["run"],
            "test accuracy % (95 % interval)": [
                f"{100 * row.accuracy:.2f} ({100 * row.accuracy_low:.2f} to {100 * row.accuracy_high:.2f})"
                for row in table.itertuples()
            ],
            "errors": table["errors"].map("{:,}".format),
            "alike": table["alike"],
            "log loss (nats)": table["log_loss"].map("{:.4f}".format),
            "calibration error %": (100 * table["expected_calibration_error"]).map("{:.2f}".format),
            "parameters": table["parameters"].map("{:,}".format),
            "training (s)": table["train_seconds"].map("{:.1f}".format),
            "peak memory (MiB)": (table["peak_memory_bytes"] / 2**20).map("{:,.0f}".format),
        }
    )


def as_markdown(table: pd.DataFrame) -> str:
    """Return the leaderboard of a results table as Markdown."""
    return leaderboard(table).to_markdown(
        index=False,
        disable_numparse=True,
        colalign=["left", "left", "right", "right", "left", *["right"] * 5],
    )
