"""Score one framework's models, as saved, on the test set.

Reads params.yaml, models/<framework>/ and data/processed/test/; writes
metrics/<framework>/<run>.json, and for each run in data/evaluation/<framework>/<run>/ its
probabilities, predictions, labels, confusion matrix and accuracy per class as arrays.
"""

import argparse
from importlib import import_module
from pathlib import Path

from tqdm import tqdm

from digits.base.files import read_json, read_split, write_array, write_json
from digits.errors import InputError, one_line_errors
from digits.evaluation.metrics import accuracy_per_class, count_confusions, score
from digits.model.model_file import read_model
from digits.preprocessing.apply import Preprocessing
from digits.training.params import FRAMEWORKS, load_params

PROCESSED = Path("data/processed")


def main() -> None:
    parser = argparse.ArgumentParser(description="Score one framework's models on the test set.")
    parser.add_argument("framework", choices=FRAMEWORKS)
    framework = parser.parse_args().framework
    params = load_params()
    images, labels = read_split(PROCESSED / "test")
    preprocessing = Preprocessing(**read_json(PROCESSED / "preprocessing.json"))
    backend = import_module(f"digits.backends.{framework}.network")
    for run in tqdm(
        params.runs(framework), desc=f"evaluate {framework}", unit="model", disable=None
    ):
        path = Path("models") / framework / run / "model.safetensors"
        model = read_model(path)
        if model.description.preprocessing != preprocessing:
            raise InputError(
                f"{path}: was trained on data prepared otherwise than {PROCESSED}/test; run `dvc repro`"
            )
        architecture = model.description.architecture
        probabilities = backend.predict(
            architecture,
            model.weights,
            model.inputs_from_normalized(images),
            threads=params.threads,
        )
        predictions = probabilities.argmax(axis=1)
        confusions = count_confusions(predictions, labels, n_classes=len(preprocessing.class_names))
        arrays = {
            "probabilities": probabilities,
            "predictions": predictions,
            "labels": labels,
            "confusion_matrix": confusions,
            "accuracy_per_class": accuracy_per_class(confusions),
        }
        for name, array in arrays.items():
            write_array(Path("data/evaluation") / framework / run / f"{name}.npy", array)
        scores = {
            "dataset": preprocessing.dataset,
            **score(probabilities, labels),
            "parameters": model.count_parameters(),
        }
        write_json(Path("metrics") / framework / f"{run}.json", scores)
        print(
            f"{framework}/{run}: {scores['errors']} errors in {scores['n_samples']}, accuracy {scores['accuracy']:.4f}"
        )


if __name__ == "__main__":
    with one_line_errors():
        main()
