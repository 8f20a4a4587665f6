"""Evaluate: score one framework's models, as saved, on the test set.

Reads params.yaml, models/<framework>/, data/processed/preprocessing.json and test/. Writes
metrics/<framework>/<run>.json and, for each run, data/evaluation/<framework>/<run>/: probabilities,
predictions, labels, confusion matrix and accuracy per class, as arrays, and the model's SHA-256.
"""

import argparse
import hashlib
from importlib import import_module
from pathlib import Path

from tqdm import tqdm

from digits.base.params import FRAMEWORKS, load_global, load_run_names
from digits.base.processor import limit_instructions
from digits.errors import InputError, one_line_errors

PROCESSED = Path("data/processed")


def main() -> None:
    parser = argparse.ArgumentParser(description="Score one framework's models on the test set.")
    parser.add_argument("framework", choices=FRAMEWORKS)
    framework = parser.parse_args().framework
    limit_instructions()
    from digits.base.files import read_split, write_array, write_json, write_text
    from digits.evaluation.metrics import evaluation_arrays, score
    from digits.model.model_file import read_model
    from digits.preprocessing.apply import load_preprocessing
    from digits.training.memory import keep_freed_memory

    keep_freed_memory()
    runs, threads = load_run_names(framework), load_global("threads")
    images, labels = read_split(PROCESSED / "test")
    preprocessing = load_preprocessing(PROCESSED / "preprocessing.json")
    predict = import_module(f"digits.backends.{framework}.network").predict
    for run in tqdm(runs, desc=f"evaluate {framework}", unit="model", disable=None):
        path = Path("models") / framework / run / "model.safetensors"
        model = read_model(path)
        if model.description.preprocessing != preprocessing:
            raise InputError(f"{path}: was trained on other data than {PROCESSED}; run `dvc repro`")
        layers, inputs = model.description.architecture, model.inputs_from_normalized(images)
        probabilities = predict(layers, model.weights, inputs, threads=threads)
        metrics = {"dataset": preprocessing.dataset} | score(probabilities, labels, source=path)
        metrics["parameters"] = model.count_parameters()
        folder = Path("data/evaluation") / framework / run
        for name, array in evaluation_arrays(probabilities, labels).items():
            write_array(folder / f"{name}.npy", array)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        write_text(folder / "model.sha256", f"{digest}\n")
        write_json(Path("metrics") / framework / f"{run}.json", metrics)
        counts = f"{metrics['errors']} errors in {metrics['n_samples']}"
        print(f"{framework}/{run}: {counts}, accuracy {metrics['accuracy']:.4f}")


if __name__ == "__main__":
    with one_line_errors():
        main()
