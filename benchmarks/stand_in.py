"""What the stand-in digits are worth: the accuracy on MNIST's test set of the torch cnn that was trained on them alone.

    python -m benchmarks.stand_in

Trains with the recipe of params.yaml from three seeds and reads MNIST's test images from data/raw/, which the pipeline downloaded. Writes
benchmarks/stand_in.json.
"""

import time
from pathlib import Path

import numpy as np

from digits import backend_torch
from digits.data.inputs import Preprocessing, normalize
from digits.data.preprocessing import find_kept_pixels, fit_normalization, split_train_validation
from digits.data.stand_in import draw_stand_in
from digits.errors import InputError, one_line_errors
from digits.files import read_json, read_split, write_json
from digits.machine import describe_machine
from digits.metrics import score
from digits.params import load_params
from digits.training import train

RESULT = Path("benchmarks/stand_in.json")
RAW = Path("data/raw")
SEEDS = (0, 1, 2)


def main() -> None:
    if read_json(RAW / "dataset.json")["dataset"] != "mnist":
        raise InputError(f"{RAW}: is not MNIST; set download.dataset to mnist and run `dvc repro download`")
    test_images, test_labels = read_split(RAW / "test")
    params = load_params()
    started = time.perf_counter()
    (images, labels), own_test = draw_stand_in(seed=0)
    drawing_seconds = time.perf_counter() - started
    labels = labels.astype(np.int64)
    rows = []
    for seed in SEEDS:
        settings = params.preprocess
        kept, validation = split_train_validation(labels, settings.train_size, settings.validation_size, seed)
        mean, std = fit_normalization(settings.normalization, images[kept])
        preprocessing = Preprocessing(
            dataset="stand_in",
            class_names=[str(digit) for digit in range(10)],
            normalization=settings.normalization,
            mean=mean,
            std=std,
            kept_pixels=find_kept_pixels(images[kept], settings.prune_threshold),
        )
        splits = [(normalize(images[part], mean, std), labels[part]) for part in (kept, validation)]
        model, _ = train(backend_torch, "torch", "cnn", params.model_copy(update={"seed": seed}), preprocessing, *splits)
        accuracy = {}
        for name, (raw, truth) in {"mnist": (test_images, test_labels), "stand_in": own_test}.items():
            probabilities = backend_torch.predict(model.description.architecture, model.weights, model.inputs(raw), threads=params.threads)
            accuracy[name] = score(probabilities, truth.astype(np.int64))["accuracy"]
        rows.append({"seed": seed, "accuracy_on_mnist": accuracy["mnist"], "accuracy_on_stand_in": accuracy["stand_in"]})
        print(f"seed {seed}: {accuracy['mnist']:.4f} on MNIST's test set, {accuracy['stand_in']:.4f} on the stand-in's")
    worth = {"run": "torch/cnn", "n_test": len(test_labels), "runs": rows, "drawing_seconds": round(drawing_seconds, 1)}
    write_json(RESULT, worth | describe_machine())


if __name__ == "__main__":
    with one_line_errors():
        main()
