"""Measure what augmentation costs.

    python -m benchmarks.augmentation

The measure is the time of an epoch of the cnn with every distortion, divided by the time without.
Each framework trains in its own process on a part of the training split, in turn with and without
augmentation. Only the ratios mean anything. Writes benchmarks/results/augmentation.json.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

from benchmarks.epoch_clock import EpochClock
from benchmarks.rounds import measure_apart, summarize
from digits.base.files import write_json
from digits.base.params import FRAMEWORKS
from digits.base.processor import describe_machine
from digits.errors import one_line_errors
from digits.training.backend import load_backend
from digits.training.loop import TrainingData, load_data, train
from digits.training.memory import keep_freed_memory
from digits.training.params import Augmentation
from digits.training.run import load_run

RESULT = Path("benchmarks/results/augmentation.json")
EVERY_DISTORTION = Augmentation(rotation=10, shift=2, scale=0.1, shear=10, elastic=1, flip=True)
N_IMAGES, N_VALIDATION, ROUNDS = 20_000, 100, 5


def main() -> None:
    """Measure all frameworks; with --framework, measure that one in this process."""
    parser = argparse.ArgumentParser(description="Measure what augmentation costs.")
    parser.add_argument("--framework", choices=FRAMEWORKS, help=argparse.SUPPRESS)
    framework = parser.parse_args().framework
    if framework:
        print(json.dumps(measure(framework)))
        return
    ratios = {}
    for name in FRAMEWORKS:
        seconds = measure_apart("benchmarks.augmentation", "--framework", name)
        pairs = zip(seconds["plain"], seconds["augmented"], strict=True)
        ratios[name] = summarize([augmented / plain for plain, augmented in pairs])
        middle, low, high = ratios[name].values()
        print(f"{name} ratio {middle:.2f} ({low:.2f} to {high:.2f})", flush=True)
    measured = {"augmentation": EVERY_DISTORTION.model_dump(), "rounds": ROUNDS, "ratios": ratios}
    write_json(RESULT, measured | describe_machine())


def measure(framework: str, rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Return the seconds of an epoch with and without augmentation, round by round.

    Each training has two epochs. The second one counts, because frameworks warm up in the first.
    """
    keep_freed_memory()
    backend, data = load_backend(framework), load_part()
    run = load_run(framework, "cnn")
    plain = run.recipe.model_copy(update={"epochs": 2})
    augmented = plain.model_copy(update={"augmentation": EVERY_DISTORTION})
    recipes = {"plain": plain, "augmented": augmented}
    seconds: dict[str, list[float]] = {name: [] for name in recipes}
    for _ in range(rounds):
        for name, recipe in recipes.items():
            clock = EpochClock()
            train(backend, replace(run, recipe=recipe), data, clock)
            seconds[name].append(clock.epoch_seconds()[1])
    return seconds


def load_part() -> TrainingData:
    """Return the first images of the pipeline's splits."""
    preprocessing, train_split, validation = load_data()
    return TrainingData(
        preprocessing,
        (train_split[0][:N_IMAGES], train_split[1][:N_IMAGES]),
        (validation[0][:N_VALIDATION], validation[1][:N_VALIDATION]),
    )


if __name__ == "__main__":
    with one_line_errors():
        main()
