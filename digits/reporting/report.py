"""The report: one HTML page with the figures and images inside it, as data URIs."""

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from digits.model.model_file import Model
from digits.reporting.comparisons import format_p_value
from digits.reporting.figures.style import COLOURS
from digits.reporting.findings import Findings
from digits.reporting.results import RunResult
from digits.reporting.tables import image_uri, leaderboard

# What this module reads beside its code. The fingerprint of a stage's code reads this literal.
DATA_FILES = ("report.html.jinja",)
N_MISTAKES_SHOWN = 500
N_ANSWERS_SHOWN = 10_000  # of all runs to all mistakes: with more runs, fewer mistakes
# The columns of a results table that the leaderboard is sorted by, in its order.
SORT_COLUMNS = [
    "framework",
    "run",
    "accuracy",
    "errors",
    "group",
    "log_loss",
    "expected_calibration_error",
    "parameters",
    "train_seconds",
    "peak_memory_bytes",
]
CAPTIONS = {
    "accuracy": (
        "Accuracy on the test images. The interval is that of the test set's sampling; what "
        "another seed would change is not in it."
    ),
    "accuracy_against_time": (
        "Accuracy against the time that training took, which is of one machine and one training."
    ),
    "comparisons": (
        "McNemar's exact test of each pair of runs on the same test images, corrected for the "
        "number of pairs by Holm's method."
    ),
    "learning_curves": (
        "Loss and accuracy on the training and the validation split, by epoch or iteration."
    ),
    "confusion_matrices": (
        "What was taken for what. Right answers are left grey, so that the mistakes show."
    ),
    "accuracy_per_class": "Accuracy on each true class.",
    "reliability": (
        "How often an answer of a given confidence is right. On the diagonal, confidence is what "
        "it says."
    ),
    "sample_predictions": ("Five right answers of each run, and its five most confident mistakes."),
    "shared_mistakes": ("The test images that most runs misclassified, with what they answered."),
    "first_layer_filters": "What the first layer looks for.",
    "pruned_pixels": (
        "The pixels that hardly vary over the training split: runs with `pixels: kept` do without "
        "them."
    ),
}


def render_report(findings: Findings, figures: Mapping[str, Path]) -> str:
    """Return the page; `figures` are the PNG files by their names in `CAPTIONS`."""
    folder = Path(__file__).parent
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"p_value": format_p_value}
    results = findings.results
    return environment.get_template(DATA_FILES[0]).render(
        title=f"{len(results)} runs on {findings.title}",
        colours=COLOURS,
        board=board_rows(findings.ranking),
        columns=list(leaderboard(findings.ranking)),
        same_architecture=pairs_across_frameworks(findings.pairs),
        figures=[(name, CAPTIONS[name], png_uri(figures[name])) for name in CAPTIONS],
        mistakes=describe_mistakes(results, findings.test_images, findings.class_names),
        n_mistaken=int(np.any([~result.is_right for result in results], axis=0).sum()),
        n_samples=len(findings.test_images),
        frameworks=list(dict.fromkeys(result.framework for result in results)),
        runs=[result.name for result in results],
        preprocessing=findings.preprocessing,
        architectures={
            result.architecture: describe_layers(findings.models[result.name]) for result in results
        },
        recipes={name: describe_recipe(recipe) for name, recipe in findings.recipes.items()},
        **describe_machine(results),
    )


def describe_machine(results: Sequence[RunResult]) -> dict[str, Any]:
    """Return what the runs were trained on: machine, libraries, packages and data."""
    times = [result.times for result in results]
    packages = {pair for run_times in times for pair in run_times["packages"].items()}
    return {
        "machine": times[0],
        "libraries": sorted({each["library"] + on_device(each["device"]) for each in times}),
        "packages": dict(sorted(packages)),
        "data_digests": sorted({each["data_sha256"] for each in times}),
    }


def on_device(device: str) -> str:
    """Return the words that name a GPU after a library, nothing for a CPU."""
    return "" if device == "cpu" else f" on {device}"


def pairs_across_frameworks(pairs: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the pairs of runs with the same architecture in two frameworks."""

    def framework(name: str) -> str:
        return name.split()[0]

    return [
        pair
        for pair in pairs.to_dict("records")
        if pair["same_architecture"] and framework(pair["first"]) != framework(pair["second"])
    ]


def board_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return each run's framework and its cells: as text, and as a value to sort by."""
    texts, values = leaderboard(table).to_numpy(), table[SORT_COLUMNS].to_numpy()
    rows = []
    for framework, row_texts, row_values in zip(table["framework"], texts, values, strict=True):
        cells = list(zip(row_texts, row_values, strict=True))
        rows.append({"framework": framework, "cells": cells})
    return rows


def describe_mistakes(
    results: list[RunResult], images: np.ndarray, class_names: list[str]
) -> list[dict[str, Any]]:
    """Return the misclassified test images, those that most runs misclassified first.

    Each has its image, its truth, and every run's answer and confidence.
    """
    n_wrong = np.sum([~result.is_right for result in results], axis=0)
    n_shown = min((n_wrong > 0).sum(), N_MISTAKES_SHOWN, N_ANSWERS_SHOWN // len(results))
    mistakes = []
    for sample in np.argsort(-n_wrong, kind="stable")[:n_shown]:
        mistake = {
            "sample": int(sample),
            "image": image_uri(images[sample]),
            "truth": class_names[results[0].labels[sample]],
            "n_wrong": int(n_wrong[sample]),
            "answers": [describe_answer(result, sample, class_names) for result in results],
        }
        mistakes.append(mistake)
    return mistakes


def describe_answer(
    result: RunResult, sample: int, class_names: list[str]
) -> tuple[str, str, str, str, bool]:
    """Return framework, name, answer, confidence in per cent, and whether the answer is right."""
    return (
        result.framework,
        result.name,
        class_names[result.predictions[sample]],
        f"{100 * result.confidence[sample]:.1f}",
        bool(result.is_right[sample]),
    )


def describe_layers(model: Model) -> str:
    """Return an architecture as params.yaml has it, on one line."""
    layers = [layer.as_data() for layer in model.description.architecture]
    return ", ".join(json.dumps(layer).replace('"', "") for layer in layers)


def describe_recipe(recipe: Mapping[str, Any]) -> str:
    """Return a recipe on one line."""
    return ", ".join(f"{key} {value}" for key, value in recipe.items())


def png_uri(path: Path) -> str:
    """Return a PNG file as a data URI."""
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
