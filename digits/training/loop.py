"""One training in any framework: from a run and its data to a model and its record."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np

from digits.base.files import read_split
from digits.errors import InputError
from digits.evaluation.loss_and_accuracy import accuracy, log_loss
from digits.model.architecture import Weights
from digits.model.model_file import Description, Model
from digits.preprocessing.apply import Preprocessing, load_preprocessing
from digits.training.augmentation import augment
from digits.training.backend import Backend, Training
from digits.training.checkpoint import Checkpoint, share_progress
from digits.training.initial_weights import initial_weights
from digits.training.logger import Logger
from digits.training.recorder import Measures, Recorder
from digits.training.run import Run
from digits.training.schedule import Epoch, plan_epochs
from digits.training.team import ALONE, Team

PROCESSED = Path("data/processed")

Split = tuple[np.ndarray, np.ndarray]  # normalised images, float32 (n, 28, 28); labels, int64 (n,)


class TrainingData(NamedTuple):
    """The data that a run trains on, and its preprocessing. It has no test split."""

    preprocessing: Preprocessing
    train: Split
    validation: Split


def load_data(folder: Path = PROCESSED) -> TrainingData:
    """Return the preprocessed data; raise InputError if there is none."""
    if not (folder / "preprocessing.json").exists():
        raise InputError(f"{folder}: has no data; run `dvc repro preprocess` first")
    preprocessing = load_preprocessing(folder / "preprocessing.json")
    return TrainingData(
        preprocessing, read_split(folder / "train"), read_split(folder / "validation")
    )


def train(
    backend: Backend,
    run: Run,
    data: TrainingData,
    checkpoint: Checkpoint | None = None,
    loggers: Sequence[Logger] = (),
    team: Team = ALONE,
) -> tuple[Model, Recorder]:
    """Return the trained model and the record of its training.

    With a checkpoint, training resumes from it and keeps it up to date. The loggers receive the
    rows of the history. Only rank 0 records progress and writes checkpoints. Raises DivergedError,
    an InputError, if the loss is not a finite number.
    """
    model = initial_model(run, data.preprocessing)
    images, labels = model.inputs_from_normalized(data.train[0]), data.train[1]
    threads, is_first = team.threads(run.threads), team.rank == 0
    progress = share_progress(checkpoint.load() if checkpoint and is_first else None, team)
    n_done = progress.n_epochs if progress else 0
    if n_done and is_first:
        print(f"{run.title}: resumes after epoch {n_done} of {run.recipe.epochs}", file=sys.stderr)
    measure = validation_measure(backend, model, data.validation, threads) if is_first else None
    recorder = Recorder(run, len(images), measure, checkpoint, progress, loggers)
    with closing(recorder):
        if n_done < run.recipe.epochs:
            training = Training(
                layers=run.layers,
                weights=progress.weights if progress else model.weights,
                images=images,
                labels=labels,
                recipe=run.recipe,
                epochs=see_epochs(model, run, data.train[0], threads, n_done),
                seed=run.seed,
                threads=threads,
                state=progress.state if progress else None,
                team=team,
            )
            backend.fit(training, recorder)
    return Model(model.description, recorder.weights), recorder


def initial_model(run: Run, preprocessing: Preprocessing) -> Model:
    """Return the run's model before training."""
    description = Description(
        framework=run.framework,
        run=run.name,
        architecture=run.layers,
        pixels=run.recipe.pixels,
        preprocessing=preprocessing,
    )
    weights = initial_weights(run.layers, description.input_shape, run.recipe.initializer, run.seed)
    return Model(description, weights)


def validation_measure(
    backend: Backend, model: Model, split: Split, threads: int
) -> Callable[[Weights], Measures]:
    """Return the function that measures weights on the validation split."""
    images, labels = model.inputs_from_normalized(split[0]), split[1]
    layers = model.description.architecture

    def measure(weights: Weights) -> Measures:
        probabilities = backend.predict(layers, weights, images, threads=threads)
        return log_loss(probabilities, labels), accuracy(probabilities, labels)

    return measure


def see_epochs(
    model: Model, run: Run, images: np.ndarray, threads: int, n_done: int
) -> Iterator[Epoch]:
    """Yield the epochs after the first `n_done`, with distorted images if the recipe asks for them.

    `images` are normalised, float32 (n, 28, 28). Distorted images are valid until the next epoch,
    which overwrites them.
    """
    recipe, preprocessing = run.recipe, model.description.preprocessing
    background = -preprocessing.mean / preprocessing.std
    distorted = np.empty_like(images) if recipe.augmentation else None
    epochs = plan_epochs(recipe, len(images), run.seed, n_done)
    for number, epoch in enumerate(epochs, start=n_done):
        if recipe.augmentation and distorted is not None:
            generator_seed = (run.seed, number)
            augment(images, recipe.augmentation, background, generator_seed, threads, distorted)
            yield epoch._replace(images=model.inputs_from_normalized(distorted))
        else:
            yield epoch
