"""The report: one HTML page that holds all it needs, figures and images as data URIs."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from digits.model.model_file import Model
from digits.reporting.figures import COLOURS, format_p_value
from digits.reporting.results import RunResult
from digits.reporting.tables import image_uri, leaderboard

TEMPLATE = "report.html.jinja"
N_MISTAKES_SHOWN = 500
N_ANSWERS_SHOWN = 10_000  # of all runs to all mistakes: with more runs, fewer mistakes
CAPTIONS = {
    "accuracy": "Accuracy on the test images. The interval is that of the test set's sampling; what another seed would change is not in it.",
    "accuracy_against_time": "Accuracy against the time that training took, which is of one machine and one training.",
    "comparisons": "McNemar's exact test of each pair of runs on the same test images, corrected for the number of pairs by Holm's method.",
    "learning_curves": "Loss and accuracy on the training and the validation split, by epoch or iteration.",
    "confusion_matrices": "What was taken for what. Right answers are left grey, so that the mistakes show.",
    "accuracy_per_class": "Accuracy on each true class.",
    "reliability": "How often an answer of a given confidence is right. On the diagonal, confidence is what it says.",
    "sample_predictions": "Five right answers of each run, and its five most confident mistakes.",
    "shared_mistakes": "The test images that most runs misclassified, with what they answered.",
    "first_layer_filters": "What the first layer looks for.",
    "pruned_pixels": "The pixels that hardly vary over the training split: runs with `pixels: kept` do without them.",
}


def render_report(
    title: str,
    table: pd.DataFrame,
    pairs: pd.DataFrame,
    results: list[RunResult],
    models: Mapping[str, Model],
    recipes: Mapping[str, Mapping[str, Any]],
    images: np.ndarray,
    class_names: list[str],
    figures: Mapping[str, Path],
) -> str:
    """Return the page.

    `table` is that of `results_table`, `pairs` that of `compare_pairs`; models and recipes are by
    the run's name, `figures` the PNG files by name, and images the raw test images, uint8 (n, 28,
    28).
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"p_value": format_p_value}
    first = next(iter(models.values())).description.preprocessing
    return environment.get_template(TEMPLATE).render(
        title=f"{len(results)} runs on {title}",
        colours=COLOURS,
        board=board_rows(table),
        columns=list(leaderboard(table)),
        same_architecture=[
            pair
            for pair in pairs.to_dict("records")
            if pair["same_architecture"] and not same_framework(pair)
        ],
        figures=[(name, CAPTIONS[name], png_uri(figures[name])) for name in CAPTIONS],
        mistakes=mistakes(results, images, class_names),
        n_mistaken=int(np.any([~result.is_right for result in results], axis=0).sum()),
        n_samples=len(images),
        frameworks=list(dict.fromkeys(result.framework for result in results)),
        runs=[result.name for result in results],
        preprocessing=first,
        architectures={
            result.architecture: describe_layers(models[result.name]) for result in results
        },
        recipes={
            name: ", ".join(f"{key} {value}" for key, value in recipe.items())
            for name, recipe in recipes.items()
        },
        machine=results[0].times,
        libraries=sorted(
            {result.times["library"] + on_device(result.times["device"]) for result in results}
        ),
        packages=dict(
            sorted({pair for result in results for pair in result.times["packages"].items()})
        ),
        data_digests=sorted({result.times["data_sha256"] for result in results}),
    )


def same_framework(pair: Mapping[str, Any]) -> bool:
    return pair["first"].split()[0] == pair["second"].split()[0]


def on_device(device: str) -> str:
    return "" if device == "cpu" else f" on {device}"


def board_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return for each run its framework and its cells of the leaderboard: as text, and as a value
    to sort by.
    """
    shown = leaderboard(table)
    keys = [
        "framework",
        "run",
        "accuracy",
        "errors",
        "alike",
        "log_loss",
        "expected_calibration_error",
        "parameters",
        "train_seconds",
    ]
    values = table[[*keys, "peak_memory_bytes"]].to_numpy()
    return [
        {"framework": framework, "cells": list(zip(texts, sort_by, strict=True))}
        for framework, texts, sort_by in zip(
            table["framework"], shown.to_numpy(), values, strict=True
        )
    ]


def mistakes(
    results: list[RunResult], images: np.ndarray, class_names: list[str]
) -> list[dict[str, Any]]:
    """Return the test images that some run misclassified, those that most did first: image, truth,
    and each run's answer and confidence.
    """
    n_wrong = np.sum([~result.is_right for result in results], axis=0)
    samples = np.argsort(-n_wrong, kind="stable")[
        : min((n_wrong > 0).sum(), N_MISTAKES_SHOWN, N_ANSWERS_SHOWN // len(results))
    ]
    answers = [
        (result.framework, result.name, result.predictions, result.confidence, result.is_right)
        for result in results
    ]
    return [
        {
            "sample": int(sample),
            "image": image_uri(images[sample]),
            "truth": class_names[results[0].labels[sample]],
            "n_wrong": int(n_wrong[sample]),
            "answers": [
                (
                    framework,
                    name,
                    class_names[predictions[sample]],
                    f"{100 * confidence[sample]:.1f}",
                    bool(is_right[sample]),
                )
                for framework, name, predictions, confidence, is_right in answers
            ],
        }
        for sample in samples
    ]


def describe_layers(model: Model) -> str:
    """Return an architecture as params.yaml has it, on one line."""
    layers = [layer.as_data() for layer in model.description.architecture]
    return ", ".join(json.dumps(layer).replace('"', "") for layer in layers)


def png_uri(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
