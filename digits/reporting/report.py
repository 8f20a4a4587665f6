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
from digits.reporting.captions import CAPTIONS, describe_figure
from digits.reporting.comparisons import format_p_value
from digits.reporting.figures.style import COLOURS
from digits.reporting.findings import Findings
from digits.reporting.results import RunResult
from digits.reporting.tables import image_uri, leaderboard

# The files that this module reads. The fingerprint of a stage's code reads this literal.
DATA_FILES = ("report.html.jinja",)
N_MISTAKES_SHOWN = 500
N_ANSWERS_SHOWN = 10_000  # runs times mistakes: with more runs, the report shows fewer mistakes
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
        figures=[
            (name, CAPTIONS[name], describe_figure(name, findings), png_uri(figures[name]))
            for name in CAPTIONS
        ],
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
    """Return " on " and the GPU's name; "" for a CPU."""
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

    Each has its image, its true class, and every run's answer and confidence.
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
    """Return an architecture in the notation of params.yaml, on one line."""
    layers = [layer.as_data() for layer in model.description.architecture]
    return ", ".join(json.dumps(layer).replace('"', "") for layer in layers)


def describe_recipe(recipe: Mapping[str, Any]) -> str:
    """Return a recipe on one line."""
    return ", ".join(f"{key} {value}" for key, value in recipe.items())


def png_uri(path: Path) -> str:
    """Return a PNG file as a data URI."""
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
