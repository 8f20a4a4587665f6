"""Measure how well a network trained on synthetic digits does on MNIST.

    python -m benchmarks.synthetic

The measure is the accuracy on MNIST's test set of the torch cnn, trained on synthetic digits alone.
It trains with the recipe of params.yaml from three seeds. MNIST's test images come from data/raw/,
which the pipeline downloaded. Writes benchmarks/results/synthetic.json.
"""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.seeds import prepare, test_accuracy
from digits.base.files import read_json, read_split, write_json
from digits.base.processor import describe_machine
from digits.datasets.source import Samples, Source
from digits.datasets.synthetic import make_synthetic_digits
from digits.errors import InputError, one_line_errors
from digits.training.backend import load_backend
from digits.training.loop import train
from digits.training.run import Run, load_run

RESULT = Path("benchmarks/results/synthetic.json")
RAW = Path("data/raw")
SEEDS = (0, 1, 2)


def main() -> None:
    """Draw the digits, train from each seed, and write the accuracies."""
    if read_json(RAW / "dataset.json")["dataset"] != "mnist":
        raise InputError(
            f"{RAW}: is not MNIST; set download.dataset to mnist and run `dvc repro download`"
        )
    mnist, run = read_split(RAW / "test"), load_run("torch", "cnn")
    started = time.perf_counter()
    source = make_synthetic_digits()
    drawing_seconds = time.perf_counter() - started
    rows = [train_and_score(replace(run, seed=seed), source, mnist) for seed in SEEDS]
    worth = {
        "run": run.title,
        "n_test": len(mnist[1]),
        "runs": rows,
        "drawing_seconds": round(drawing_seconds, 1),
    }
    write_json(RESULT, worth | describe_machine())


def train_and_score(run: Run, source: Source, mnist: Samples) -> dict[str, Any]:
    """Train the run on synthetic digits; return its accuracy on both test sets."""
    model, _ = train(load_backend(run.framework), run, prepare("synthetic", source, run.seed))
    on_mnist = test_accuracy(run, model, *mnist)
    on_synthetic = test_accuracy(run, model, *source.splits["test"])
    print(f"seed {run.seed}: {on_mnist:.4f} on MNIST, {on_synthetic:.4f} on synthetic digits")
    return {
        "seed": run.seed,
        "accuracy_on_mnist": on_mnist,
        "accuracy_on_synthetic": on_synthetic,
    }


if __name__ == "__main__":
    with one_line_errors():
        main()
