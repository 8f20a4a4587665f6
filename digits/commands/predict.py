"""Classify pictures of digits with a trained model.

A picture is an image file of one digit: a photograph, a scan or a drawing. digits/pictures converts
it to MNIST's form. The model then classifies it like an image of the test set. The engine written
from scratch runs the models of all frameworks. --backend runs them in another framework.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from digits.base.files import rewritten
from digits.base.params import FRAMEWORKS
from digits.errors import InputError
from digits.model.classify import classify
from digits.model.model_file import load_model
from digits.pictures.mnist_form import to_mnist_form
from digits.pictures.picture_file import FORMATS, name_formats, read_picture
from digits.training.backend import load_predict

EXAMPLE = "digits predict photo.png --model models/torch/cnn"

SHOWN_SCALE = 10  # pixels of --show per pixel of the network's input
N_RUNNERS_UP = 2

# By picture: the image in MNIST's form, the probabilities of the classes, and the fault.
Images = dict[Path, np.ndarray]
Probabilities = Mapping[Path, np.ndarray]
Faults = dict[Path, str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "pictures",
        nargs="+",
        type=Path,
        metavar="picture",
        help=f"an image file of one digit: {name_formats(FORMATS)}",
    )
    parser.add_argument(
        "--model",
        required=True,
        type=Path,
        help="a run's folder, such as models/torch/cnn, or a model file",
    )
    parser.add_argument(
        "--backend",
        choices=FRAMEWORKS,
        default="scratch",
        help="the framework that runs the network; any can run every model (scratch)",
    )
    parser.add_argument(
        "--json", action="store_true", help="print the probabilities of all classes as JSON"
    )
    parser.add_argument(
        "--show",
        type=Path,
        metavar="PNG",
        help="write the network's input images to this file, side by side",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the answers; return 1 if a picture could not be classified."""
    model = load_model(arguments.model)
    images, faults = read_images(arguments.pictures)
    probabilities: Probabilities = {}
    if images:
        found = classify(load_predict(arguments.backend), model, list(images.values()))
        probabilities = dict(zip(images, found, strict=True))
    if arguments.show and images:
        write_images(arguments.show, list(images.values()))
    names = model.description.preprocessing.class_names
    if arguments.json:
        print_json(arguments.pictures, names, probabilities, faults)
    for path in arguments.pictures:
        if path in faults:
            print(f"error: {faults[path]}", file=sys.stderr)
        elif not arguments.json:
            print(f"{path}: {format_answer(names, probabilities[path])}")
    return 1 if faults else 0


def read_images(paths: Iterable[Path]) -> tuple[Images, Faults]:
    """Return the images of the pictures that hold a digit, and the faults of the others."""
    images: Images = {}
    faults: Faults = {}
    for path in paths:
        try:
            images[path] = read_image(path)
        except InputError as error:
            faults[path] = " ".join(str(error).split())
    return images, faults


def read_image(path: Path) -> np.ndarray:
    """Return the digit of a picture in MNIST's form, uint8 (28, 28).

    Raises InputError if the file is not an image, or if it does not hold exactly one digit.
    """
    picture = read_picture(path)
    try:
        return to_mnist_form(picture)
    except InputError as error:
        raise InputError(f"{path} {error}") from None


def print_json(
    paths: Iterable[Path], names: list[str], probabilities: Probabilities, faults: Faults
) -> None:
    """Print a JSON list with one mapping per picture."""
    answers: list[dict[str, Any]] = []
    for path in paths:
        if path in faults:
            answers.append({"file": str(path), "error": faults[path]})
        else:
            answers.append({"file": str(path)} | describe_answer(names, probabilities[path]))
    print(json.dumps(answers, indent=2))


def format_answer(names: list[str], probabilities: np.ndarray) -> str:
    """Return the likeliest classes: "7 (98.2 %), then 1 (1.3 %), 9 (0.4 %)"."""
    order = np.argsort(-probabilities, kind="stable")[: 1 + N_RUNNERS_UP]
    best, *others = [f"{names[number]} ({100 * probabilities[number]:.1f} %)" for number in order]
    return f"{best}, then {', '.join(others)}"


def describe_answer(names: list[str], probabilities: np.ndarray) -> dict[str, Any]:
    """Return the likeliest class, its probability and the probabilities of all classes."""
    rounded = [round(float(probability), 6) for probability in probabilities]
    likeliest = int(probabilities.argmax())
    return {
        "class": names[likeliest],
        "confidence": rounded[likeliest],
        "probabilities": dict(zip(names, rounded, strict=True)),
    }


def write_images(path: Path, images: Sequence[np.ndarray]) -> None:
    """Write images, uint8 (28, 28), as one picture, side by side and enlarged."""
    pixels = np.kron(np.hstack(images), np.ones((SHOWN_SCALE, SHOWN_SCALE), np.uint8))
    with rewritten(path) as partial:
        Image.fromarray(pixels).save(partial, "png")
