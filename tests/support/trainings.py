"""Trainings of small networks, handed to a back end directly."""

from collections.abc import Callable

import numpy as np

from digits.model.architecture import Architecture, Weights
from digits.training.backend import Backend, Training
from digits.training.params import Recipe
from digits.training.recorder import Measures, Recorder
from digits.training.run import Run
from digits.training.schedule import plan_epochs

THREADS = 2
SGD = Recipe(
    architecture="-",
    initializer="xavier",
    optimizer="sgd",
    epochs=1,
    batch_size=16,
    learning_rate=0.5,
    momentum=0.0,
    schedule="constant",
)


def make_run(recipe: Recipe = SGD, layers: Architecture | None = None, seed: int = 0) -> Run:
    """Return a run that no params.yaml has: "scratch/test", on the CPU, with two threads."""
    return Run(
        framework="scratch",
        name="test",
        recipe=recipe,
        layers=layers or [],
        seed=seed,
        threads=THREADS,
        processes=1,
        device="cpu",
    )


def make_recorder(
    recipe: Recipe, n_samples: int, measure: Callable[[Weights], Measures] = lambda _: (0.0, 0.0)
) -> Recorder:
    """Return a recorder; `measure` stands for the validation split's loss and accuracy."""
    return Recorder(make_run(recipe), n_samples, measure)


def fit(
    backend: Backend,
    layers: Architecture,
    weights: Weights,
    samples: tuple[np.ndarray, np.ndarray],
    recipe: Recipe = SGD,
    seed: int = 0,
) -> Recorder:
    """Return the record of a training on images and labels."""
    training = make_training(layers, weights, samples, recipe, seed)
    recorder = make_recorder(recipe, len(samples[0]))
    backend.fit(training, recorder)
    return recorder


def make_training(
    layers: Architecture,
    weights: Weights,
    samples: tuple[np.ndarray, np.ndarray],
    recipe: Recipe = SGD,
    seed: int = 0,
) -> Training:
    """Return what a back end is given; `dataclasses.replace` changes it."""
    # A minimizer takes the whole training split at once: it has no mini-batches.
    epochs = plan_epochs(recipe, len(samples[0]), seed) if recipe.batch_size else iter(())
    return Training(
        layers=layers,
        weights=weights,
        images=samples[0],
        labels=samples[1],
        recipe=recipe,
        epochs=epochs,
        seed=seed,
        threads=THREADS,
    )
