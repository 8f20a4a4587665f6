"""What the stand-in digits are worth: the accuracy on MNIST's test set of the torch cnn that was
trained on them alone.

    python -m benchmarks.stand_in

Trains with the recipe of params.yaml from three seeds and reads MNIST's test images from data/raw/,
which the pipeline downloaded. Writes benchmarks/results/stand_in.json.
"""

import time
from pathlib import Path

import numpy as np

from benchmarks.seeds import prepare
from digits.backends.torch import network as backend_torch
from digits.base.files import read_json, read_split, write_json
from digits.datasets.fetch import make_stand_in
from digits.errors import InputError, one_line_errors
from digits.evaluation.metrics import score
from digits.training.loop import train
from digits.training.params import load_params
from digits.training.provenance import describe_machine

RESULT = Path("benchmarks/results/stand_in.json")
RAW = Path("data/raw")
SEEDS = (0, 1, 2)


def main() -> None:
    if read_json(RAW / "dataset.json")["dataset"] != "mnist":
        raise InputError(
            f"{RAW}: is not MNIST; set download.dataset to mnist and run `dvc repro download`"
        )
    test_images, test_labels = read_split(RAW / "test")
    params = load_params()
    started = time.perf_counter()
    source = make_stand_in()
    drawing_seconds = time.perf_counter() - started
    rows = []
    for seed in SEEDS:
        preprocessing, splits = prepare(
            "stand_in", source, params.model_copy(update={"seed": seed})
        )
        model, _ = train(
            backend_torch,
            "torch",
            "cnn",
            params.model_copy(update={"seed": seed}),
            preprocessing,
            *splits,
        )
        accuracy = {}
        for name, (raw, truth) in {
            "mnist": (test_images, test_labels),
            "stand_in": source.splits["test"],
        }.items():
            probabilities = backend_torch.predict(
                model.description.architecture,
                model.weights,
                model.inputs(raw),
                threads=params.threads,
            )
            accuracy[name] = score(probabilities, truth.astype(np.int64))["accuracy"]
        rows.append(
            {
                "seed": seed,
                "accuracy_on_mnist": accuracy["mnist"],
                "accuracy_on_stand_in": accuracy["stand_in"],
            }
        )
        print(
            f"seed {seed}: {accuracy['mnist']:.4f} on MNIST's test set, {accuracy['stand_in']:.4f} on the stand-in's"
        )
    worth = {
        "run": "torch/cnn",
        "n_test": len(test_labels),
        "runs": rows,
        "drawing_seconds": round(drawing_seconds, 1),
    }
    write_json(RESULT, worth | describe_machine())


if __name__ == "__main__":
    with one_line_errors():
        main()
