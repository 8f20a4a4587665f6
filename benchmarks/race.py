"""Race to 99 %: the fast runs of params.yaml against two published recipes, in one run, each timed
to the end of the first epoch after which it has 99.0 % of MNIST's test images right.

    python -m benchmarks.race

Each trains in a process of its own, and they take turns, a seed each; seconds are those of training
alone, without imports, without scoring. The published recipes train on all 60,000 images or, with
Keras, on 54,000 of them, ours on the pipeline's training split. Only ratios within one run mean
anything. Writes benchmarks/results/race.json.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from statistics import mean, median

from benchmarks.augmentation import Ends
from benchmarks.originals import train_keras_example, train_pytorch_example
from digits.base.files import read_json, read_split, write_json
from digits.errors import InputError, one_line_errors
from digits.preprocessing.apply import Preprocessing
from digits.training.loop import train
from digits.training.memory import keep_freed_memory
from digits.training.params import load_params
from digits.training.provenance import describe_machine

RESULT = Path("benchmarks/results/race.json")
RAW, PROCESSED = Path("data/raw"), Path("data/processed")
TARGET = 0.99
ROUNDS = 5
OURS = ("torch", "tf", "scratch")
ORIGINALS = {
    "pytorch/examples mnist": train_pytorch_example,
    "keras mnist_convnet": train_keras_example,
}
ORIGINALS_ROUNDS = 3  # of minutes each


def main() -> None:
    parser = argparse.ArgumentParser(description="Race to 99 % of MNIST's test set.")
    parser.add_argument("--contender", choices=[*OURS, *ORIGINALS], help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if read_json(RAW / "dataset.json")["dataset"] != "mnist":
        raise InputError(
            f"{RAW}: is not MNIST; set download.dataset to mnist and run `dvc repro preprocess`"
        )
    if arguments.contender:
        epochs = train_ours if arguments.contender in OURS else train_original
        print(json.dumps(race_to_target(epochs(arguments.contender, arguments.seed))))
        return
    found: dict[str, list[dict]] = {name: [] for name in (*OURS, *ORIGINALS)}
    for number in range(ROUNDS):
        for name, results in found.items():
            if name in OURS or number < ORIGINALS_ROUNDS:
                results.append(run(name, seed=number))
                print(
                    f"round {number + 1}: {name} {results[-1]['seconds']} s, epoch {results[-1]['epochs']}, {results[-1]['accuracy']:.4f}"
                )
    rows = {name: summarize(results) for name, results in found.items()}
    params = load_params()
    recipes = {framework: params.recipe(framework, "fast").model_dump() for framework in OURS}
    write_json(
        RESULT,
        {
            "target": TARGET,
            "rows": rows,
            "recipes": recipes,
            **describe_machine(),
            "threads": params.threads,
        },
    )


def run(contender: str, seed: int) -> dict:
    command = [
        sys.executable,
        "-m",
        "benchmarks.race",
        "--contender",
        contender,
        "--seed",
        str(seed),
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise InputError(f"{contender} exited {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def race_to_target(epochs: Iterator[tuple[float, float]]) -> dict:
    """Return the seconds and the epochs until TARGET, or of all epochs where it is not reached, and
    the accuracy there.
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


def train_ours(framework: str, seed: int) -> Iterator[tuple[float, float]]:
    """Train the framework's run `fast` as its stage does, but for the test split in the place of
    validation: it decides nothing.
    """
    keep_freed_memory()
    params = load_params().model_copy(update={"seed": seed})
    preprocessing = Preprocessing(**read_json(PROCESSED / "preprocessing.json"))
    ends: list[float] = []
    backend = import_module(f"digits.backends.{framework}.network")
    splits = read_split(PROCESSED / "train"), read_split(PROCESSED / "test")
    _, recorder = train(
        backend, framework, "fast", params, preprocessing, *splits, checkpoint=Ends(ends)
    )  # type: ignore[arg-type]
    accuracies = [row["accuracy"] for row in recorder.history if row["split"] == "validation"]
    lengths = [end - start for start, end in zip([0.0, *ends], ends, strict=False)]
    yield from zip(lengths, accuracies, strict=True)


def train_original(name: str, seed: int) -> Iterator[tuple[float, float]]:
    return ORIGINALS[name](
        read_split(RAW / "train"), read_split(RAW / "test"), seed, load_params().threads
    )


def summarize(results: list[dict]) -> dict:
    """Return the median and the range of the seconds, the mean and the range of the accuracies, and
    how many reached the target.
    """
    seconds, accuracies = ([result[key] for result in results] for key in ("seconds", "accuracy"))
    return {
        "n": len(results),
        "n_reached": sum(result["reached"] for result in results),
        "epochs": [result["epochs"] for result in results],
        "seconds": {"median": round(median(seconds), 2), "low": min(seconds), "high": max(seconds)},
        "accuracy": {
            "mean": round(mean(accuracies), 5),
            "low": min(accuracies),
            "high": max(accuracies),
        },
    }


if __name__ == "__main__":
    with one_line_errors():
        main()
