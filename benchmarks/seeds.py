"""What another seed changes: a run of params.yaml trained from several seeds, each model scored on
the test set.

    python -m benchmarks.seeds torch/best --seeds 3
    python -m benchmarks.seeds torch/cnn --dataset fashion_mnist --set epochs=10

The seed decides the split, the initial weights, the order of the samples, dropout and augmentation.
Adds its row to benchmarks/results/seeds.json, or puts it in the place of an earlier one.
"""

import argparse
import tempfile
from importlib import import_module
from pathlib import Path
from statistics import mean
from typing import get_args

import numpy as np
from ruamel.yaml import YAML

from digits.base.files import read_json, write_json
from digits.datasets.fetch import Source, fetch, own_mirror
from digits.errors import InputError, one_line_errors
from digits.evaluation.metrics import score
from digits.preprocessing.apply import Preprocessing, normalize
from digits.preprocessing.fit import (
    find_kept_pixels,
    fit_normalization,
    split_train_validation,
    sum_pixels,
)
from digits.training.loop import Split, train
from digits.training.memory import keep_freed_memory
from digits.training.params import FRAMEWORKS, Dataset, Params, load_params
from digits.training.provenance import describe_machine
from digits.tuning.search_space import with_values

RESULT = Path("benchmarks/results/seeds.json")


def main() -> None:
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
        help="another value of the run's recipe, as YAML",
    )
    parser.add_argument("--seeds", type=int, default=3, help="how many: 0, 1, and so on")
    arguments = parser.parse_args()
    framework, _, run = arguments.run.partition("/")
    if framework not in FRAMEWORKS:
        raise InputError(
            f"{arguments.run} is no run; expected framework/run, with one of: {', '.join(FRAMEWORKS)}"
        )
    changes = {
        key: YAML(typ="safe").load(value)
        for key, _, value in (change.partition("=") for change in arguments.changes)
    }
    params = with_values(load_params(), framework, run, changes, {}, option="--set")
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as folder:
        source = fetch(arguments.dataset, own_mirror(params.download), Path(folder))
    rows = [
        train_and_score(
            arguments.dataset, source, framework, run, params.model_copy(update={"seed": seed})
        )
        for seed in range(arguments.seeds)
    ]
    what = {"dataset": arguments.dataset, "run": arguments.run, "changes": changes}
    known = read_json(RESULT) if RESULT.exists() else []
    place = next(
        (number for number, other in enumerate(known) if {key: other[key] for key in what} == what),
        len(known),
    )
    row = what | {
        "recipe": params.recipe(framework, run).model_dump(),
        "seeds": rows,
        "threads": params.threads,
    }
    known[place : place + 1] = [row | describe_machine()]
    write_json(RESULT, known)
    found = [row["accuracy"] for row in rows]
    print(
        f"{arguments.dataset} {arguments.run}: {100 * mean(found):.2f} %, {100 * min(found):.2f} to {100 * max(found):.2f}, {len(found)} seeds"
    )


def train_and_score(dataset: str, source: Source, framework: str, run: str, params: Params) -> dict:
    """Train the run from the seed in params; return its accuracy on the validation and on the test
    split, and its seconds of training.
    """
    backend = import_module(f"digits.backends.{framework}.network")
    preprocessing, splits = prepare(dataset, source, params)
    model, recorder = train(backend, framework, run, params, preprocessing, *splits)
    images, labels = source.splits["test"]
    probabilities = backend.predict(
        model.description.architecture, model.weights, model.inputs(images), threads=params.threads
    )
    accuracy = score(probabilities, labels.astype(np.int64))["accuracy"]
    print(
        f"seed {params.seed}: {accuracy:.4f}, validation {recorder.history[-1]['accuracy']:.4f}, {recorder.train_seconds:.0f} s",
        flush=True,
    )
    return {
        "seed": params.seed,
        "accuracy": accuracy,
        "validation_accuracy": recorder.history[-1]["accuracy"],
        "train_seconds": round(recorder.train_seconds, 1),
        "parameters": model.count_parameters(),
    }


def prepare(
    dataset: str, source: Source, params: Params
) -> tuple[Preprocessing, tuple[Split, Split]]:
    """Return what `preprocess` decides and its training and validation splits, for the seed in
    params.
    """
    images, labels = source.splits["train"]
    labels, options = labels.astype(np.int64), params.preprocess
    kept, validation = split_train_validation(
        labels, options.train_size, options.validation_size, params.seed
    )
    pixels = sum_pixels(images, kept)
    mean_ink, std = fit_normalization(options.normalization, pixels)
    preprocessing = Preprocessing(
        dataset=dataset,
        class_names=source.class_names,
        normalization=options.normalization,
        mean=mean_ink,
        std=std,
        kept_pixels=find_kept_pixels(pixels, options.prune_threshold),
    )
    train_split, validation_split = (
        (normalize(images[part], mean_ink, std), labels[part]) for part in (kept, validation)
    )
    return preprocessing, (train_split, validation_split)


if __name__ == "__main__":
    with one_line_errors():
        main()
