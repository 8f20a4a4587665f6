"""Train a run of params.yaml from several seeds, and score each model on the test set.

    python -m benchmarks.seeds torch/best --seeds 3
    python -m benchmarks.seeds torch/cnn --dataset fashion_mnist --set epochs=10

The seed decides the split, the initial weights, the order of the samples, dropout and augmentation.
Writes a row into benchmarks/results/seeds.json. It replaces an earlier row of the same run.
"""

import argparse
import tempfile
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any, get_args

import numpy as np
from ruamel.yaml import YAML

from digits.base.files import read_json, write_json
from digits.base.params import FRAMEWORKS, read_params
from digits.base.processor import describe_machine
from digits.datasets.fetch import fetch, own_mirror
from digits.datasets.params import Dataset, load_download
from digits.datasets.source import Source
from digits.errors import InputError, one_line_errors
from digits.evaluation.metrics import score
from digits.model.model_file import Model
from digits.preprocessing.apply import normalize
from digits.preprocessing.fit import fit_preprocessing, split_train_validation
from digits.preprocessing.params import load_preprocess
from digits.training.backend import load_backend
from digits.training.loop import TrainingData, train
from digits.training.memory import keep_freed_memory
from digits.training.run import Run, load_run

RESULT = Path("benchmarks/results/seeds.json")


def main() -> None:
    """Train and score the run of the command line from each seed."""
    parser = argparse.ArgumentParser(
        description="Train a run from several seeds and score it on the test set."
    )
    parser.add_argument("run", help="framework/run, a run of params.yaml")
    parser.add_argument("--dataset", choices=get_args(Dataset), default="mnist")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="changes",
        metavar="KEY=VALUE",
        help="another value of the run's recipe, as YAML; for a nested key: augmentation.shift=1",
    )
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds: 0, 1, and so on")
    arguments = parser.parse_args()
    changes = parse_changes(arguments.changes)
    run = load_changed_run(arguments.run, changes)
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as folder:
        source = fetch(arguments.dataset, own_mirror(load_download()), Path(folder))
    rows = [
        train_and_score(replace(run, seed=seed), arguments.dataset, source)
        for seed in range(arguments.seeds)
    ]
    what = {"dataset": arguments.dataset, "run": arguments.run, "changes": changes}
    measured = {"recipe": run.recipe.model_dump(), "seeds": rows, "threads": run.threads}
    write_row(what, measured | describe_machine())
    found = [100 * row["accuracy"] for row in rows]
    spread = f"{mean(found):.2f} %, {min(found):.2f} to {max(found):.2f}, {len(found)} seeds"
    print(f"{arguments.dataset} {arguments.run}: {spread}")


def parse_changes(texts: Iterable[str]) -> dict[str, Any]:
    """Return the values that the texts, KEY=VALUE, set; raise InputError for another text."""
    changes = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"--set is {text!r}; expected KEY=VALUE, as in --set epochs=10")
        changes[key] = YAML(typ="safe").load(value)
    return changes


def load_changed_run(title: str, changes: dict[str, Any]) -> Run:
    """Return the run "framework/name" with other values in its recipe; raise InputError."""
    framework, _, name = title.partition("/")
    if framework not in FRAMEWORKS:
        expected = f"framework/run, with one of: {', '.join(FRAMEWORKS)}"
        raise InputError(f"the run is {title!r}; expected {expected}")
    data = read_params()
    load_run(framework, name, data=data)
    changed = deepcopy(data)
    for key, value in changes.items():
        *sections, leaf = key.split(".")
        values = changed[f"train_{framework}"][name]
        for section in sections:
            if not isinstance(values.get(section), dict):
                values[section] = {}
            values = values[section]
        values[leaf] = value
    # Its errors come from the command line, so a message names --set instead of the file.
    return load_run(framework, name, path=Path("--set"), data=changed)


def train_and_score(run: Run, dataset: str, source: Source) -> dict[str, Any]:
    """Train the run; return its accuracy on validation and test split, and its seconds."""
    data = prepare(dataset, source, run.seed)
    model, recorder = train(load_backend(run.framework), run, data)
    accuracy = test_accuracy(run, model, *source.splits["test"])
    validation_accuracy = recorder.history[-1]["accuracy"]
    measures = f"{accuracy:.4f}, validation {validation_accuracy:.4f}"
    print(f"seed {run.seed}: {measures}, {recorder.train_seconds:.0f} s", flush=True)
    return {
        "seed": run.seed,
        "accuracy": accuracy,
        "validation_accuracy": validation_accuracy,
        "train_seconds": round(recorder.train_seconds, 1),
        "parameters": model.count_parameters(),
    }


def test_accuracy(run: Run, model: Model, images: np.ndarray, labels: np.ndarray) -> float:
    """Return the accuracy of the run's model on raw images, uint8 (n, 28, 28)."""
    backend, inputs = load_backend(run.framework), model.inputs(images)
    probabilities = backend.predict(run.layers, model.weights, inputs, threads=run.threads)
    return score(probabilities, labels.astype(np.int64))["accuracy"]


def prepare(dataset: str, source: Source, seed: int) -> TrainingData:
    """Return the data set as `preprocess` prepares it for a seed."""
    images, labels = source.splits["train"]
    labels, options = labels.astype(np.int64), load_preprocess()
    samples, validation = split_train_validation(
        labels, options.train_size, options.validation_size, seed
    )
    preprocessing = fit_preprocessing(options, dataset, source.class_names, images, samples)
    mean_pixel, std = preprocessing.mean, preprocessing.std
    splits = [
        (normalize(images[part], mean_pixel, std), labels[part]) for part in (samples, validation)
    ]
    return TrainingData(preprocessing, *splits)


def write_row(what: dict[str, Any], measured: dict[str, Any]) -> None:
    """Write a row into the result; it replaces the row with the same data, run and changes."""
    rows = read_json(RESULT) if RESULT.exists() else []
    places = [n for n, row in enumerate(rows) if {key: row[key] for key in what} == what]
    place = places[0] if places else len(rows)
    rows[place : place + 1] = [what | measured]
    write_json(RESULT, rows)


if __name__ == "__main__":
    with one_line_errors():
        main()
