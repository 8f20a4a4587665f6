"""The shared body of the three train stages, and the contract of a back end.

A back end is a module with two functions, arrays in and arrays out,

    fit(architecture, weights, images, labels, recipe=, epochs=, seed=, threads=, recorder=, state=)
        Train from `weights` on images (n, *input_shape) and labels, int64 (n,): one update for each step of each of `epochs` (see
        digits/batches.py), which may have images of their own. Tell the recorder of each step, and hand it after each epoch the weights
        and, as named arrays, all else that the rest depends on: what the optimizer remembers, where random generators are. `state` is
        None, or such arrays of an earlier fit, whose weights are `weights` and whose epochs come before `epochs`. Arguments stay as
        they are.
    predict(architecture, weights, images, threads=)
        Return the probabilities of the classes, float32 (n, n_classes); rows sum to 1.

LIBRARY, the library that did the sums and its version, and FORKS, whether it trains in child processes, whose memory is its own.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from tqdm import tqdm

from digits.architecture import Weights
from digits.batches import Epoch, plan_epochs
from digits.checkpoint import Checkpoint, Progress, State, digest_arrays, training_key
from digits.data.augmentation import augment
from digits.data.inputs import Preprocessing
from digits.errors import InputError
from digits.files import read_json, read_split, write_json, write_table
from digits.machine import describe_machine, package_versions
from digits.memory import keep_freed_memory, peak_memory_bytes
from digits.model import Description, Model, write_model
from digits.params import Params, Recipe, load_params
from digits.weights import initial_weights

DATA = Path("data/processed")
MODELS = Path("models")
CHECKPOINTS = Path("checkpoints")

Split = tuple[np.ndarray, np.ndarray]


class Recorder:
    """Follows a training: the progress bar, the history, the clock, and the weights as they stand after the last epoch.

    Train loss and accuracy are means over the samples of the epoch, each as it was when its mini-batch was seen: while the weights
    moved, with dropout on. Validation loss and accuracy are taken after the epoch, with the clock stopped.
    """

    def __init__(
        self,
        name: str,
        n_epochs: int,
        n_samples: int,
        measure: Callable[[Weights], tuple[float, float]],
        checkpoint: Checkpoint | None = None,
        progress: Progress | None = None,
    ):
        """`measure` returns loss and accuracy on the validation split; a checkpoint is kept up to date; progress is what to go on from."""
        self.name, self.n_epochs, self.n_samples, self.measure, self.checkpoint = name, n_epochs, n_samples, measure, checkpoint
        self.history: list[dict] = list(progress.history) if progress else []
        self.weights: Weights = progress.weights if progress else {}
        self.train_seconds = progress.train_seconds if progress else 0.0
        self.seen = self.correct = 0
        self.loss = 0.0
        done = len(self.history) // 2 * n_samples
        self.bar = tqdm(total=n_epochs * n_samples, initial=done, desc=name, unit="img", unit_scale=True, disable=None, leave=False)
        self.started = time.perf_counter()

    def step(self, n_samples: int, loss: float, n_correct: int) -> None:
        """Note a step: the mean loss over its samples, in nats, and how many of them were classified right."""
        self.seen += n_samples
        self.loss += n_samples * loss
        self.correct += n_correct
        self.bar.set_postfix(loss=f"{self.loss / self.seen:.4f}", accuracy=f"{self.correct / self.seen:.4f}", refresh=False)
        self.bar.update(n_samples)

    def epoch(self, weights: Weights, state: State | None = None) -> None:
        """Note the end of an epoch: add train and validation measures to the history, and where there is a state, save a checkpoint."""
        self.train_seconds += time.perf_counter() - self.started
        self.weights = weights
        number = len(self.history) // 2 + 1
        train = self.loss / self.seen, self.correct / self.seen
        if not np.isfinite(train[0]):
            raise InputError(f"{self.name}: the loss is {train[0]} after epoch {number}; lower its learning_rate in params.yaml")
        validation = self.measure(weights)
        for split, (loss, accuracy) in {"train": train, "validation": validation}.items():
            self.history.append({"epoch": number, "split": split, "loss": loss, "accuracy": accuracy})
        if self.checkpoint and state is not None:
            self.checkpoint.save(Progress(self.history, self.train_seconds, weights, state))
        self.bar.clear()
        print(
            f"{self.name} epoch {number}/{self.n_epochs}: loss {train[0]:.4f} accuracy {train[1]:.4f}, "
            f"validation loss {validation[0]:.4f} accuracy {validation[1]:.4f}, {self.train_seconds:.1f} s",
            file=sys.stderr,
        )
        self.seen = self.correct = 0
        self.loss = 0.0
        self.started = time.perf_counter()


def train(
    backend: ModuleType,
    framework: str,
    run: str,
    params: Params,
    preprocessing: Preprocessing,
    train_split: Split,
    validation_split: Split,
    checkpoint: Checkpoint | None = None,
) -> tuple[Model, Recorder]:
    """Return the trained model and the record of its training. A split is (normalised images (n, 28, 28), labels (n,)).

    With a checkpoint, the training goes on from what it holds, and keeps it up to date.
    """
    recipe = params.recipe(framework, run)
    description = Description(
        framework=framework, run=run, architecture=params.architectures[recipe.architecture], pixels=recipe.pixels, preprocessing=preprocessing
    )
    architecture = description.architecture
    model = Model(description, initial_weights(architecture, description.input_shape, recipe.initializer, params.seed))
    images, labels = model.inputs_from_normalized(train_split[0]), train_split[1]
    validation_images, validation_labels = model.inputs_from_normalized(validation_split[0]), validation_split[1]

    def measure(weights: Weights) -> tuple[float, float]:
        return loss_and_accuracy(backend.predict(architecture, weights, validation_images, threads=params.threads), validation_labels)

    progress = checkpoint.load() if checkpoint else None
    n_done = len(progress.history) // 2 if progress else 0
    if n_done:
        print(f"{framework}/{run}: goes on after epoch {n_done} of {recipe.epochs}", file=sys.stderr)
    recorder = Recorder(f"{framework}/{run}", recipe.epochs, len(images), measure, checkpoint, progress)
    if n_done < recipe.epochs:
        backend.fit(
            architecture,
            progress.weights if progress else model.weights,
            images,
            labels,
            recipe=recipe,
            epochs=see_epochs(model, recipe, train_split[0], params, n_done),
            seed=params.seed,
            threads=params.threads,
            recorder=recorder,
            state=progress.state if progress else None,
        )
    recorder.bar.close()
    return Model(description, recorder.weights), recorder


def see_epochs(model: Model, recipe: Recipe, images: np.ndarray, params: Params, n_done: int) -> Iterator[Epoch]:
    """Yield the epochs after the first `n_done`, with their images where the recipe distorts them; `images` are normalised, (n, 28, 28)."""
    preprocessing = model.description.preprocessing
    paper = -preprocessing.mean / preprocessing.std
    for number, epoch in enumerate(plan_epochs(recipe, len(images), params.seed, n_done), start=n_done):
        if recipe.augmentation:
            seen = augment(images, recipe.augmentation, paper, params.seed, number, params.threads)
            epoch = epoch._replace(images=model.inputs_from_normalized(seen))
        yield epoch


def loss_and_accuracy(probabilities: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Return the mean log loss in nats and the share of samples whose largest probability is at their label."""
    of_label = probabilities[np.arange(len(labels)), labels]
    # A probability below the smallest normal float32 counts as that: log(0) is no number.
    loss = -np.log(np.maximum(of_label, np.finfo(np.float32).tiny), dtype=np.float64).mean()
    return float(loss), float((probabilities.argmax(axis=1) == labels).mean())


def run_stage(backend: ModuleType, framework: str) -> None:
    """Train the run named on the command line; write its model, its history and, apart, its times."""
    keep_freed_memory()
    params = load_params()
    parser = argparse.ArgumentParser(description=f"Train one run in {framework}.")
    parser.add_argument("run", nargs="?", help=f"a key of train_{framework} in params.yaml; by default that of DVC's stage")
    run = parser.parse_args().run or os.environ.get("DVC_STAGE", "").partition("@")[2]
    params.recipe(framework, run)
    preprocessing = Preprocessing(**read_json(DATA / "preprocessing.json"))
    splits = read_split(DATA / "train"), read_split(DATA / "validation")
    setting = describe_setting(backend, framework, params, digest_arrays(*splits[0], *splits[1]))
    checkpoint = Checkpoint(
        CHECKPOINTS / framework / f"{run}.safetensors", training_key([describe_run(params, framework, run), preprocessing.model_dump(), setting])
    )
    model, recorder = train(backend, framework, run, params, preprocessing, *splits, checkpoint)
    folder = MODELS / framework / run
    write_table(folder / "history.csv", recorder.history)
    write_model(folder / "model.safetensors", model)
    cost = {"train_seconds": round(recorder.train_seconds, 3), "peak_memory_bytes": peak_memory_bytes(backend.FORKS)}
    write_json(MODELS / "times" / framework / f"{run}.json", cost | setting)
    checkpoint.remove()


def describe_run(params: Params, framework: str, run: str) -> dict[str, Any]:
    """Return a run's recipe with the layers of its architecture, as params.yaml has them."""
    recipe = params.recipe(framework, run)
    return recipe.model_dump() | {"architecture": [layer.as_data() for layer in params.architectures[recipe.architecture]]}


def describe_setting(backend: ModuleType, framework: str, params: Params, data_digest: str) -> dict[str, Any]:
    """Return what else a training's result depends on: seed, threads, machine, the versions of packages, and the data."""
    parts = ["base"] + ([framework] if framework in ("torch", "tf") else [])
    return {
        "seed": params.seed,
        "threads": params.threads,
        "library": backend.LIBRARY,
        **describe_machine(),
        "packages": package_versions(*parts),
        "data_sha256": data_digest,
    }
