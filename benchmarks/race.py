"""Race to 99 %: the fast runs of params.yaml against two published recipes.

    python -m benchmarks.race

Each contender trains until 99.0 % of MNIST's test images are right at the end of an epoch. Each
trains in its own process. They take turns, one seed each. Seconds are those of training alone,
without imports and scoring. PyTorch's published recipe trains on all 60,000 images, Keras' on
54,000, and ours on the pipeline's training split. Only ratios within one run mean anything. Writes
benchmarks/results/race.json.
"""

import argparse
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.epoch_clock import EpochClock
from benchmarks.published_recipes import Epochs, train_keras_example, train_pytorch_example
from benchmarks.rounds import measure_apart, summarize
from digits.base.files import read_json, read_split, write_json
from digits.base.params import FRAMEWORKS, load_global
from digits.base.processor import describe_machine
from digits.errors import InputError, one_line_errors
from digits.training.backend import load_backend
from digits.training.loop import PROCESSED, load_data, train
from digits.training.memory import keep_freed_memory
from digits.training.run import load_run

RESULT = Path("benchmarks/results/race.json")
RAW = Path("data/raw")
TARGET = 0.99
ROUNDS = 5
PUBLISHED = {
    "pytorch/examples mnist": train_pytorch_example,
    "keras mnist_convnet": train_keras_example,
}
PUBLISHED_ROUNDS = 3  # each takes minutes
CONTENDERS = (*FRAMEWORKS, *PUBLISHED)


def main() -> None:
    """Run the whole race; with --contender, be one of the contenders' processes."""
    parser = argparse.ArgumentParser(description="Race to 99 % of MNIST's test set.")
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if read_json(RAW / "dataset.json")["dataset"] != "mnist":
        raise InputError(
            f"{RAW}: is not MNIST; set download.dataset to mnist and run `dvc repro preprocess`"
        )
    if arguments.contender:
        epochs = train_fast if arguments.contender in FRAMEWORKS else train_published
        print(json.dumps(race_to_target(epochs(arguments.contender, arguments.seed))))
        return
    results = run_rounds()
    recipes = {name: load_run(name, "fast").recipe.model_dump() for name in FRAMEWORKS}
    race = {
        "target": TARGET,
        "rows": {name: summarize_race(found) for name, found in results.items()},
        "recipes": recipes,
        **describe_machine(),
        "threads": load_global("threads"),
    }
    write_json(RESULT, race)


def run_rounds() -> dict[str, list[dict[str, Any]]]:
    """Return each contender's result of each round. The number of a round is its seed."""
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in CONTENDERS}
    for number in range(ROUNDS):
        for name, found in results.items():
            if name in PUBLISHED and number >= PUBLISHED_ROUNDS:
                continue
            arguments = ("--contender", name, "--seed", str(number))
            result = measure_apart("benchmarks.race", *arguments)
            found.append(result)
            measures = f"epoch {result['epochs']}, {result['accuracy']:.4f}"
            print(f"round {number + 1}: {name} {result['seconds']} s, {measures}", flush=True)
    return results


def race_to_target(epochs: Iterable[tuple[float, float]]) -> dict[str, Any]:
    """Return the seconds and the epochs until TARGET, and the accuracy there.

    If TARGET is not reached, they are those of all epochs.
    """
    seconds, accuracies = [], []
    for epoch_seconds, accuracy in epochs:
        seconds.append(epoch_seconds)
        accuracies.append(accuracy)
        if accuracy >= TARGET:
            break
    return {
        "seconds": round(sum(seconds), 2),
        "epochs": len(seconds),
        "accuracy": accuracies[-1],
        "reached": accuracies[-1] >= TARGET,
    }


def train_fast(framework: str, seed: int) -> Epochs:
    """Train the framework's run `fast` as its stage does, but score the test split.

    The test split replaces the validation split, which has no influence on the training.
    """
    keep_freed_memory()
    run = replace(load_run(framework, "fast"), seed=seed)
    data, clock = load_data()._replace(validation=read_split(PROCESSED / "test")), EpochClock()
    _, recorder = train(load_backend(framework), run, data, clock)
    accuracies = [row["accuracy"] for row in recorder.history if row["split"] == "validation"]
    yield from zip(clock.epoch_seconds(), accuracies, strict=True)


def train_published(name: str, seed: int) -> Epochs:
    """Train a published recipe on MNIST's own images."""
    splits = read_split(RAW / "train"), read_split(RAW / "test")
    return PUBLISHED[name](*splits, seed, load_global("threads"))


def summarize_race(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a contender's row of the result, from its rounds."""
    accuracies = [result["accuracy"] for result in results]
    return {
        "n": len(results),
        "n_reached": sum(result["reached"] for result in results),
        "epochs": [result["epochs"] for result in results],
        "seconds": summarize([result["seconds"] for result in results], digits=2),
        "accuracy": {
            "mean": round(mean(accuracies), 5),
            "low": min(accuracies),
            "high": max(accuracies),
        },
    }


if __name__ == "__main__":
    with one_line_errors():
        main()
