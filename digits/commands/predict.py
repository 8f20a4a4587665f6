"""Classify pictures of digits with a trained model.

python -m digits.commands.predict photo.png --model models/torch/cnn

A picture is a PNG or JPEG file, say, of one digit on paper: a photograph, a scan or a drawing. It
is brought to MNIST's form (`digits/pictures`) and from there on treated as an image of the test
set. The engine written from scratch runs the models of all frameworks; none of these is imported
unless --backend asks for it.
"""

import argparse
import json
import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image

from digits.base.files import rewritten
from digits.errors import InputError, one_line_errors
from digits.model.model_file import Model, read_model
from digits.pictures.mnist_form import to_mnist_form
from digits.pictures.picture_file import read_picture
from digits.training.params import FRAMEWORKS

SHOWN_SCALE = 10  # pixels of --show for one of the network's
N_RUNNERS_UP = 2


def main() -> None:
    arguments = parse_arguments()
    model = load_model(arguments.model)
    images, faults = read_images(arguments.pictures)
    backend = import_module(f"digits.backends.{arguments.backend}.network")
    probabilities = (
        dict(zip(images, classify(backend, model, list(images.values())), strict=True))
        if images
        else {}
    )
    if arguments.show and images:
        show(arguments.show, images.values())
    names = model.description.preprocessing.class_names
    if arguments.json:
        print(
            json.dumps(
                [
                    describe(path, names, probabilities.get(path), faults.get(path))
                    for path in arguments.pictures
                ],
                indent=2,
            )
        )
    for path in arguments.pictures:
        if path in faults:
            print(f"error: {faults[path]}", file=sys.stderr)
        elif not arguments.json:
            print(f"{path}: {answer(names, probabilities[path])}")
    sys.exit(1 if faults else 0)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Classify pictures of digits with a trained model."
    )
    parser.add_argument(
        "pictures",
        nargs="+",
        type=Path,
        metavar="picture",
        help="a PNG or JPEG file, say, of one digit on paper",
    )
    parser.add_argument(
        "--model",
        required=True,
        type=Path,
        help="a run's folder, as models/torch/cnn, or the model's file",
    )
    parser.add_argument(
        "--backend",
        choices=FRAMEWORKS,
        default="scratch",
        help="what does the sums, whoever trained the model (scratch)",
    )
    parser.add_argument(
        "--json", action="store_true", help="print the probabilities of all classes as JSON"
    )
    parser.add_argument(
        "--show",
        type=Path,
        metavar="PNG",
        help="write what the network saw, the pictures beside each other",
    )
    return parser.parse_args()


def load_model(path: Path) -> Model:
    """Return the model of a file, or of a run's folder."""
    return read_model(path / "model.safetensors" if path.is_dir() else path)


def read_images(paths: Iterable[Path]) -> tuple[dict[Path, np.ndarray], dict[Path, str]]:
    """Return the pictures that hold a digit in MNIST's form, and of the others what is wrong with
    them, in one line.
    """
    images, faults = {}, {}
    for path in paths:
        try:
            picture = read_picture(path)
            try:
                images[path] = to_mnist_form(picture)
            except InputError as error:
                raise InputError(f"{path}: {error}") from None
        except InputError as error:
            faults[path] = " ".join(str(error).split())
    return images, faults


def classify(backend: ModuleType, model: Model, images: list[np.ndarray]) -> np.ndarray:
    """Return the probabilities of the classes, float32 (n, n_classes), for images in MNIST's form,
    uint8 (28, 28) each.
    """
    return backend.predict(
        model.description.architecture, model.weights, model.inputs(np.stack(images)), threads=1
    )


def answer(names: list[str], probabilities: np.ndarray) -> str:
    """Return the likeliest class and the runners-up, as in "7 (98.2 %), then 1 (1.3 %), 9 (0.4 %)"."""
    ranked = [
        f"{names[number]} ({100 * probabilities[number]:.1f} %)"
        for number in np.argsort(-probabilities, kind="stable")
    ]
    return f"{ranked[0]}, then {', '.join(ranked[1 : 1 + N_RUNNERS_UP])}"


def describe(
    path: Path, names: list[str], probabilities: np.ndarray | None, fault: str | None
) -> dict[str, Any]:
    """Return one picture's answer as JSON has it: the file and class, confidence and probabilities
    by class, or the file and its error.
    """
    if probabilities is None:
        return {"file": str(path), "error": fault}
    shares = {
        name: round(float(probability), 6)
        for name, probability in zip(names, probabilities, strict=True)
    }
    likeliest = names[int(probabilities.argmax())]
    return {
        "file": str(path),
        "class": likeliest,
        "confidence": shares[likeliest],
        "probabilities": shares,
    }


def show(path: Path, images: Iterable[np.ndarray]) -> None:
    """Write images, uint8 (28, 28), as one picture, side by side and enlarged."""
    picture = np.kron(np.hstack(list(images)), np.ones((SHOWN_SCALE, SHOWN_SCALE), np.uint8))
    with rewritten(path) as partial:
        Image.fromarray(picture).save(partial, "png")


if __name__ == "__main__":
    with one_line_errors():
        main()
