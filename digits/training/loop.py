"""The shared body of the three train stages, and the contract of a back end.

A back end is a module with two functions, arrays in and arrays out,

    fit(architecture, weights, images, labels, recipe=, epochs=, seed=, threads=, recorder=, state=,
    team=)
        Train from `weights` on images (n, *input_shape) and labels, int64 (n,): one update for each
        step of each of `epochs` (see digits/training/schedule.py), which may have images of their
        own. Tell the recorder of each step, and hand it after each epoch the weights and, as named
        arrays, all else that the rest depends on: what the optimizer remembers, where random
        generators are. `state` is None, or such arrays of an earlier fit, whose weights are
        `weights` and whose epochs come before `epochs`. `team` are the processes that train
        together, each by a fit of its own (see digits/training/team.py), and the device; scratch,
        which has workers of its own, is always alone. What the recorders are told is of all
        processes together. Arguments stay as they are.
    predict(architecture, weights, images, threads=)
        Return the probabilities of the classes, float32 (n, n_classes); rows sum to 1.

LIBRARY, the library that did the sums and its version, FORKS, whether it trains in child processes,
whose memory is its own, and name_device(device), the name of a team's device.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from tqdm import tqdm

from digits.base.files import read_json, read_split, write_json, write_table
from digits.errors import InputError
from digits.model.architecture import Weights
from digits.model.model_file import Description, Model, write_model
from digits.preprocessing.apply import Preprocessing
from digits.training.augmentation import augment
from digits.training.checkpoint import (
    Checkpoint,
    Progress,
    State,
    digest_arrays,
    share_progress,
    training_key,
)
from digits.training.initial_weights import initial_weights
from digits.training.memory import keep_freed_memory, peak_memory_bytes
from digits.training.params import Params, Recipe, load_params
from digits.training.provenance import describe_machine, package_versions
from digits.training.schedule import Epoch, plan_epochs
from digits.training.team import ALONE, Team

DATA = Path("data/processed")
MODELS = Path("models")
CHECKPOINTS = Path("checkpoints")

Split = tuple[np.ndarray, np.ndarray]


class DivergedError(InputError):
    """The loss of a training is no finite number any more."""


class Recorder:
    """Follows a training: the progress bar, the history, the clock, and the weights as they stand
    after the last epoch.

    Train loss and accuracy are means over the samples of the epoch, each as it was when its
    mini-batch was seen: while the weights moved, with dropout on. Validation loss and accuracy are
    taken after the epoch, with the clock stopped.
    """

    def __init__(
        self,
        name: str,
        n_epochs: int,
        n_samples: int,
        measure: Callable[[Weights], tuple[float, float]] | None,
        checkpoint: Checkpoint | None = None,
        progress: Progress | None = None,
        after_epoch: Callable[[int, float], None] | None = None,
    ):
        """`measure` returns loss and accuracy on the validation split; a checkpoint is kept up to
        date; progress is what to go on from.

        `after_epoch` is called with the number of each epoch, from 1, and its validation accuracy;
        what it raises ends the training. Without a `measure`, this process leaves all that to
        another: it prints and keeps nothing.
        """
        self.name, self.n_epochs, self.n_samples, self.measure, self.checkpoint = (
            name,
            n_epochs,
            n_samples,
            measure,
            checkpoint,
        )
        self.after_epoch = after_epoch
        self.history: list[dict] = list(progress.history) if progress else []
        self.weights: Weights = progress.weights if progress else {}
        self.train_seconds = progress.train_seconds if progress else 0.0
        self.n_done = len(self.history) // 2
        self.seen = self.correct = 0
        self.loss = 0.0
        silent = None if measure else True  # None: where standard error is no terminal
        self.bar = tqdm(
            total=n_epochs * n_samples,
            initial=self.n_done * n_samples,
            desc=name,
            unit="img",
            unit_scale=True,
            disable=silent,
            leave=False,
        )
        self.started = time.perf_counter()

    def step(self, n_samples: int, loss: float, n_correct: int) -> None:
        """Note a step: the mean loss over its samples, in nats, and how many of them were
        classified right.
        """
        self.seen += n_samples
        self.loss += n_samples * loss
        self.correct += n_correct
        self.bar.set_postfix(
            loss=f"{self.loss / self.seen:.4f}",
            accuracy=f"{self.correct / self.seen:.4f}",
            refresh=False,
        )
        self.bar.update(n_samples)

    def epoch(self, weights: Weights, state: State | None = None) -> None:
        """Note the end of an epoch: add train and validation measures to the history, and where
        there is a state, save a checkpoint.
        """
        self.train_seconds += time.perf_counter() - self.started
        self.weights = weights
        self.n_done += 1
        train = self.loss / self.seen, self.correct / self.seen
        if not np.isfinite(train[0]):
            raise DivergedError(
                f"{self.name}: the loss is {train[0]} after epoch {self.n_done}; lower its learning_rate in params.yaml"
            )
        if self.measure:
            self.record(train, self.measure(weights), state)
        self.seen = self.correct = 0
        self.loss = 0.0
        self.started = time.perf_counter()

    def record(
        self, train: tuple[float, float], validation: tuple[float, float], state: State | None
    ) -> None:
        for split, (loss, accuracy) in {"train": train, "validation": validation}.items():
            self.history.append(
                {"epoch": self.n_done, "split": split, "loss": loss, "accuracy": accuracy}
            )
        if self.checkpoint and state is not None:
            self.checkpoint.save(Progress(self.history, self.train_seconds, self.weights, state))
        self.bar.clear()
        print(
            f"{self.name} epoch {self.n_done}/{self.n_epochs}: loss {train[0]:.4f} accuracy {train[1]:.4f}, "
            f"validation loss {validation[0]:.4f} accuracy {validation[1]:.4f}, {self.train_seconds:.1f} s",
            file=sys.stderr,
        )
        if self.after_epoch:
            self.after_epoch(self.n_done, validation[1])


def train(
    backend: ModuleType,
    framework: str,
    run: str,
    params: Params,
    preprocessing: Preprocessing,
    train_split: Split,
    validation_split: Split,
    checkpoint: Checkpoint | None = None,
    after_epoch: Callable[[int, float], None] | None = None,
    team: Team = ALONE,
) -> tuple[Model, Recorder]:
    """Return the trained model and the record of its training. A split is (normalised images (n,
    28, 28), labels (n,)).

    With a checkpoint, the training goes on from what it holds, and keeps it up to date.
    `after_epoch` is the recorder's. Of a team, the first process does that and holds the record;
    the others train with it. Raise DivergedError, a kind of InputError, where the loss is no finite
    number.
    """
    recipe = params.recipe(framework, run)
    description = Description(
        framework=framework,
        run=run,
        architecture=params.architectures[recipe.architecture],
        pixels=recipe.pixels,
        preprocessing=preprocessing,
    )
    architecture = description.architecture
    model = Model(
        description,
        initial_weights(architecture, description.input_shape, recipe.initializer, params.seed),
    )
    images, labels = model.inputs_from_normalized(train_split[0]), train_split[1]
    validation_images, validation_labels = (
        model.inputs_from_normalized(validation_split[0]),
        validation_split[1],
    )

    def measure(weights: Weights) -> tuple[float, float]:
        return loss_and_accuracy(
            backend.predict(architecture, weights, validation_images, threads=threads),
            validation_labels,
        )

    threads, is_first = team.threads(params.threads), team.rank == 0
    progress = share_progress(checkpoint.load() if checkpoint and is_first else None, team)
    n_done = len(progress.history) // 2 if progress else 0
    if n_done and is_first:
        print(
            f"{framework}/{run}: goes on after epoch {n_done} of {recipe.epochs}", file=sys.stderr
        )
    recorder = Recorder(
        f"{framework}/{run}",
        recipe.epochs,
        len(images),
        measure if is_first else None,
        checkpoint,
        progress,
        after_epoch,
    )
    with closing(recorder.bar):
        if n_done < recipe.epochs:
            backend.fit(
                architecture,
                progress.weights if progress else model.weights,
                images,
                labels,
                recipe=recipe,
                epochs=see_epochs(model, recipe, train_split[0], params.seed, threads, n_done),
                seed=params.seed,
                threads=threads,
                recorder=recorder,
                state=progress.state if progress else None,
                team=team,
            )
    return Model(description, recorder.weights), recorder


def see_epochs(
    model: Model, recipe: Recipe, images: np.ndarray, seed: int, threads: int, n_done: int
) -> Iterator[Epoch]:
    """Yield the epochs after the first `n_done`, with their images where the recipe distorts them;
    `images` are normalised, (n, 28, 28).

    Distorted images are good until the next epoch, whose images take their place.
    """
    preprocessing = model.description.preprocessing
    paper = -preprocessing.mean / preprocessing.std
    seen = np.empty_like(images) if recipe.augmentation else None
    for number, epoch in enumerate(plan_epochs(recipe, len(images), seed, n_done), start=n_done):
        if recipe.augmentation:
            seen = augment(images, recipe.augmentation, paper, seed, number, threads, out=seen)
            epoch = epoch._replace(images=model.inputs_from_normalized(seen))
        yield epoch


def loss_and_accuracy(probabilities: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Return the mean log loss in nats and the share of samples whose largest probability is at
    their label.
    """
    of_label = probabilities[np.arange(len(labels)), labels]
    # A probability below the smallest normal float32 counts as that: log(0) is no number.
    loss = -np.log(np.maximum(of_label, np.finfo(np.float32).tiny), dtype=np.float64).mean()
    return float(loss), float((probabilities.argmax(axis=1) == labels).mean())


def run_stage(
    backend: ModuleType,
    framework: str,
    join: Callable[[Params], AbstractContextManager[Team]] = lambda _: nullcontext(ALONE),
) -> None:
    """Train the run named on the command line; write its model, its history and, apart, its times.

    `join` gives the team that this process is of. The first of a team writes, once all have done
    their part.
    """
    keep_freed_memory()
    params = load_params()
    parser = argparse.ArgumentParser(description=f"Train one run in {framework}.")
    parser.add_argument(
        "run",
        nargs="?",
        help=f"a key of train_{framework} in params.yaml; by default that of DVC's stage",
    )
    run = parser.parse_args().run or os.environ.get("DVC_STAGE", "").partition("@")[2]
    params.recipe(framework, run)
    preprocessing = Preprocessing(**read_json(DATA / "preprocessing.json"))
    splits = read_split(DATA / "train"), read_split(DATA / "validation")
    data_digest = digest_arrays(*splits[0], *splits[1])
    with join(params) as team:
        task = [
            describe_run(params, framework, run),
            preprocessing.model_dump(),
            params.seed,
            data_digest,
        ]
        check_same(team, training_key(task))
        setting = describe_setting(backend, framework, params, data_digest, team)
        checkpoint = Checkpoint(
            CHECKPOINTS / framework / f"{run}.safetensors", training_key([*task, setting])
        )
        model, recorder = train(
            backend, framework, run, params, preprocessing, *splits, checkpoint, team=team
        )
        peak = int(team.sum(np.array(peak_memory_bytes(backend.FORKS))))
    if team.rank:
        return
    folder = MODELS / framework / run
    write_table(folder / "history.csv", recorder.history)
    write_model(folder / "model.safetensors", model)
    cost = {"train_seconds": round(recorder.train_seconds, 3), "peak_memory_bytes": peak}
    write_json(MODELS / "times" / framework / f"{run}.json", cost | setting)
    checkpoint.remove()


def check_same(team: Team, digest: str) -> None:
    """Raise InputError, in every process, unless all have the same digest, in hexadecimal."""
    digests = team.gather(np.frombuffer(bytes.fromhex(digest), np.int64))
    for rank, other in enumerate(digests):
        if not np.array_equal(other, digests[0]):
            raise InputError(
                f"process {rank} of {team.size} has other parameters, data or code than process 0; expected the same everywhere"
            )


def describe_run(params: Params, framework: str, run: str) -> dict[str, Any]:
    """Return a run's recipe with the layers of its architecture, as params.yaml has them."""
    recipe = params.recipe(framework, run)
    return recipe.model_dump() | {
        "architecture": [layer.as_data() for layer in params.architectures[recipe.architecture]]
    }


def describe_setting(
    backend: ModuleType, framework: str, params: Params, data_digest: str, team: Team = ALONE
) -> dict[str, Any]:
    """Return what else a training's result depends on: seed, threads, processes, machine, the
    versions of packages, and the data.
    """
    parts = ["base"] + ([framework] if framework in ("torch", "tf") else [])
    return {
        "seed": params.seed,
        "threads": params.threads,
        "processes": team.size,
        "device": backend.name_device(team.device),
        "library": backend.LIBRARY,
        **describe_machine(),
        "packages": package_versions(*parts),
        "data_sha256": data_digest,
    }
