"""What augmentation costs: the time of an epoch of the cnn with every distortion over that without,
in each framework.

    python -m benchmarks.augmentation

Each framework trains in a process of its own, on a part of the training split, with and without in
turn; only the ratios mean anything. Writes benchmarks/results/augmentation.json.
"""

import argparse
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from statistics import median

from digits.base.files import read_json, read_split, write_json
from digits.errors import InputError, one_line_errors
from digits.preprocessing.apply import Preprocessing
from digits.training.loop import train
from digits.training.memory import keep_freed_memory
from digits.training.params import FRAMEWORKS, Augmentation, load_params
from digits.training.provenance import describe_machine

RESULT = Path("benchmarks/results/augmentation.json")
PROCESSED = Path("data/processed")
EVERY_DISTORTION = Augmentation(rotation=10, shift=2, scale=0.1, shear=10, elastic=1, flip=True)
N_IMAGES, N_VALIDATION, ROUNDS = 20_000, 100, 5


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what augmentation costs.")
    parser.add_argument("--framework", choices=FRAMEWORKS, help=argparse.SUPPRESS)
    framework = parser.parse_args().framework
    if framework:
        print(json.dumps(measure(framework)))
        return
    ratios = {}
    for framework in FRAMEWORKS:
        command = [sys.executable, "-m", "benchmarks.augmentation", "--framework", framework]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            raise InputError(f"the {framework} process exited {done.returncode}")
        seconds = json.loads(done.stdout.splitlines()[-1])
        found = [
            augmented / plain
            for plain, augmented in zip(seconds["plain"], seconds["augmented"], strict=True)
        ]
        ratios[framework] = {
            "median": round(median(found), 3),
            "low": round(min(found), 3),
            "high": round(max(found), 3),
        }
        print(
            f"{framework} ratio {ratios[framework]['median']:.2f} ({ratios[framework]['low']:.2f} to {ratios[framework]['high']:.2f})"
        )
    write_json(
        RESULT,
        {
            "augmentation": EVERY_DISTORTION.model_dump(),
            "rounds": ROUNDS,
            "ratios": ratios,
            **describe_machine(),
        },
    )


def measure(framework: str) -> dict[str, list[float]]:
    """Return the seconds of the second of two epochs, with and without, round by round: in the
    first, frameworks still prepare.
    """
    keep_freed_memory()
    params = load_params()
    backend = import_module(f"digits.backends.{framework}.network")
    preprocessing = Preprocessing(**read_json(PROCESSED / "preprocessing.json"))
    (images, labels), (validation_images, validation_labels) = (
        read_split(PROCESSED / "train"),
        read_split(PROCESSED / "validation"),
    )
    splits = (
        (images[:N_IMAGES], labels[:N_IMAGES]),
        (validation_images[:N_VALIDATION], validation_labels[:N_VALIDATION]),
    )
    plain = params.recipe(framework, "cnn").model_copy(update={"epochs": 2})
    recipes = {
        "plain": plain,
        "augmented": plain.model_copy(update={"augmentation": EVERY_DISTORTION}),
    }
    seconds: dict[str, list[float]] = {name: [] for name in recipes}
    for _ in range(ROUNDS):
        for name, recipe in recipes.items():
            ends: list[float] = []
            runs = params.model_copy(update={f"train_{framework}": {"cnn": recipe}})
            checkpoint = Ends(ends)
            train(backend, framework, "cnn", runs, preprocessing, *splits, checkpoint=checkpoint)  # type: ignore[arg-type]
            seconds[name].append(ends[1] - ends[0])
    return seconds


class Ends:
    """Stands in for a checkpoint, and notes the training's seconds at the end of each epoch."""

    def __init__(self, ends: list[float]):
        self.ends = ends

    def load(self) -> None:
        return None

    def save(self, progress) -> None:
        self.ends.append(progress.train_seconds)


if __name__ == "__main__":
    with one_line_errors():
        main()
