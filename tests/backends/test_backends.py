"""One battery for the three back ends: the contract, and that all compute the same."""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from types import ModuleType

import numpy as np
import pytest
import torch

from digits.backends.torch.network import as_tensor
from digits.base.params import FRAMEWORKS
from digits.evaluation.loss_and_accuracy import accuracy, log_loss
from digits.model.architecture import LAYER_TYPES, Architecture, Weights
from digits.training.backend import Backend, load_backend
from digits.training.checkpoint import State
from digits.training.params import Augmentation, Recipe
from digits.training.recorder import Measures, Recorder
from digits.training.run import Run, load_runs
from digits.training.schedule import plan_epochs
from tests.support.networks import (
    ALIKE_IN_TRAINING,
    ALL_LAYERS,
    WITHOUT_DROPOUT,
    assert_weights_match,
    parse,
    weights_of,
)
from tests.support.paths import ROOT
from tests.support.trainings import (
    SGD,
    THREADS,
    fit,
    make_recorder,
    make_run,
    make_training,
)

BACKENDS = {framework: load_backend(framework) for framework in FRAMEWORKS}
TORCH = BACKENDS["torch"]
# One run for each architecture of params.yaml.
RUNS = {run.architecture: run for run in load_runs(path=ROOT / "params.yaml")}

# PyTorch copies the input of a convolution whose kernel is even.
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")

every_backend = pytest.mark.parametrize("backend", BACKENDS.values(), ids=BACKENDS)
each_but_torch = pytest.mark.parametrize(
    "backend", [BACKENDS["tf"], BACKENDS["scratch"]], ids=["tf", "scratch"]
)


def changed(**values) -> Recipe:
    return SGD.model_copy(update=values)


NESTEROV = changed(momentum=0.9, nesterov=True, learning_rate=0.1)
ADAM = changed(optimizer="adam", momentum=None, learning_rate=0.01, schedule="cosine")


def predict(backend: Backend, layers: Architecture, weights: Weights, x: np.ndarray) -> np.ndarray:
    return backend.predict(layers, weights, x, threads=THREADS)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_table_has_every_layer_type(framework):
    network: ModuleType = import_module(f"digits.backends.{framework}.network")
    assert set(network.LAYERS) == set(LAYER_TYPES.values())


@every_backend
def test_probabilities_are_float32_and_sum_to_one(backend, images):
    probabilities = predict(backend, ALL_LAYERS, weights_of(ALL_LAYERS), images)
    assert (probabilities.shape, probabilities.dtype) == ((40, 10), np.float32)
    # Ten float32 additions.
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)


@every_backend
def test_a_sample_gets_the_same_probabilities_alone_and_among_others(backend, generator):
    layers = parse("flatten", {"dense": {"units": 10}})
    weights = weights_of(layers, (3, 3, 1))
    images = generator.random((2017, 3, 3, 1), dtype=np.float32)  # more than two batches of 1,000
    together = predict(backend, layers, weights, images)
    assert len(together) == 2017
    for sample in (0, 1000, 2016):
        alone = predict(backend, layers, weights, images[sample : sample + 1])
        np.testing.assert_allclose(alone[0], together[sample], atol=1e-6)  # float32


@each_but_torch
def test_same_weights_same_probabilities_as_torch(backend, images):
    weights = weights_of(ALL_LAYERS)
    expected = predict(TORCH, ALL_LAYERS, weights, images)
    found = predict(backend, ALL_LAYERS, weights, images)
    assert np.ptp(expected, axis=0).max() > 1e-3  # The images differ in their probabilities.
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)  # float32


@each_but_torch
@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_same_weights_same_logits_as_torch_for_each_architecture(backend, run: Run, generator):
    shape = (28, 28, 1) if run.recipe.pixels == "all" else (717,)
    weights = weights_of(run.layers, shape)
    images = generator.random((50, *shape), dtype=np.float32)
    expected = np.log(predict(TORCH, run.layers, weights, images))
    found = np.log(predict(backend, run.layers, weights, images))
    # The logits, up to a constant for each row: float32 sums over up to 3,136 products.
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-5)


@each_but_torch
@pytest.mark.parametrize("l2", [0.0, 0.01])
def test_one_plain_sgd_step_gives_the_same_weights_as_torch(backend, l2, images, labels):
    weights = weights_of(WITHOUT_DROPOUT)
    recipe = changed(batch_size=40, l2=l2)
    expected = fit(TORCH, WITHOUT_DROPOUT, weights, (images, labels), recipe).weights
    found = fit(backend, WITHOUT_DROPOUT, weights, (images, labels), recipe).weights
    for name, start in weights.items():
        assert np.abs(expected[name] - start).max() > 1e-5, f"{name} did not move"
    # Float32; batch_norm divides by deviations of about a tenth.
    assert_weights_match(found, expected, rtol=1e-4, atol=5e-6)


@each_but_torch
@pytest.mark.parametrize(
    "recipe",
    [
        changed(epochs=3, momentum=0.9, learning_rate=0.1, schedule="one_cycle"),
        NESTEROV.model_copy(update={"epochs": 3, "schedule": "cosine", "l2": 0.01}),
        ADAM.model_copy(update={"epochs": 3, "l2": 0.001}),
        changed(epochs=3, momentum=0.9, learning_rate=0.1, label_smoothing=0.2),
    ],
    ids=["momentum", "nesterov", "adam", "label smoothing"],
)
def test_training_follows_torch_until_rounding_parts_them(backend, recipe, images, labels):
    # A step of Adam has the size of the learning rate, however small the gradient. Batch_norm
    # leaves gradients within rounding of zero: rounding would decide the direction.
    layers = ALIKE_IN_TRAINING if recipe.optimizer == "adam" else WITHOUT_DROPOUT
    weights = weights_of(layers)
    expected = fit(TORCH, layers, weights, (images, labels), recipe)
    found = fit(backend, layers, weights, (images, labels), recipe)
    # Nine steps. Keras' Adam adds epsilon to the root before it divides out the bias of v, PyTorch
    # after it.
    for mine, theirs in zip(found.history, expected.history, strict=True):
        assert mine["loss"] == pytest.approx(theirs["loss"], rel=1e-4)
    assert_weights_match(found.weights, expected.weights, rtol=1e-2, atol=2e-3)


@every_backend
def test_fit_changes_none_of_its_arguments(backend, images, labels):
    weights = weights_of(ALL_LAYERS)
    arguments = (*weights.values(), images, labels)
    before = [array.copy() for array in arguments]
    fit(backend, ALL_LAYERS, weights, (images, labels))
    for array, copy in zip(arguments, before, strict=True):
        assert np.array_equal(array, copy)


@every_backend
def test_fit_gives_the_same_bytes_again_with_dropout(backend, images, labels):
    weights = weights_of(ALL_LAYERS)
    first, again = (
        fit(backend, ALL_LAYERS, weights, (images, labels), changed(epochs=2)) for _ in range(2)
    )
    assert first.history == again.history
    assert_same_bytes(first.weights, again.weights)


def assert_same_bytes(found: Weights | State, expected: Weights | State) -> None:
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].tobytes() == array.tobytes(), name


class KeepingRecorder(Recorder):
    """Keeps weights and state as they are after each epoch."""

    def __init__(self, recipe: Recipe, n_samples: int, measure: Callable[[Weights], Measures]):
        super().__init__(make_run(recipe), n_samples, measure)
        self.kept: list[tuple[Weights, State]] = []

    def epoch(self, weights, state=None):
        super().epoch(weights, state)
        self.kept.append((weights, state))


@every_backend
@pytest.mark.parametrize(
    ("recipe", "n_done"),
    [
        (NESTEROV.model_copy(update={"epochs": 3, "schedule": "one_cycle"}), 1),
        (ADAM.model_copy(update={"epochs": 3}), 2),
        (changed(epochs=3), 1),
    ],
    ids=["nesterov", "adam", "plain"],
)
def test_resumed_training_ends_in_the_same_bytes(backend, recipe, n_done, images, labels):
    training = make_training(ALL_LAYERS, weights_of(ALL_LAYERS), (images, labels), recipe)

    def measure(weights: Weights) -> Measures:
        # As in the pipeline: predicting must not touch the random generators of a training.
        probabilities = predict(backend, ALL_LAYERS, weights, images)
        return log_loss(probabilities, labels), accuracy(probabilities, labels)

    whole, rest = (KeepingRecorder(recipe, len(images), measure) for _ in range(2))
    backend.fit(training, whole)
    weights, state = whole.kept[n_done - 1]
    epochs = plan_epochs(recipe, len(images), 0, n_done)
    backend.fit(replace(training, weights=weights, state=state, epochs=epochs), rest)
    assert len(rest.history) == 2 * (recipe.epochs - n_done)
    losses = [row["loss"] for row in whole.history[2 * n_done :]]
    assert [row["loss"] for row in rest.history] == losses
    for found, expected in zip(rest.kept, whole.kept[n_done:], strict=True):
        assert_same_bytes(found[0], expected[0])
        assert_same_bytes(found[1], expected[1])


@every_backend
def test_an_epoch_sees_its_own_images(backend, images, labels, generator):
    """Two epochs with own images are as two trainings of one epoch on those images."""
    weights = weights_of(ALIKE_IN_TRAINING)
    recipe = changed(epochs=2, augmentation=Augmentation(shift=1))
    training = make_training(ALIKE_IN_TRAINING, weights, (images, labels), recipe)
    own = [generator.random(images.shape, dtype=np.float32) for _ in range(2)]
    epochs = list(plan_epochs(recipe, len(images), 0))
    seen = [epoch._replace(images=array) for epoch, array in zip(epochs, own, strict=True)]
    together = make_recorder(recipe, len(images))
    backend.fit(replace(training, epochs=iter(seen)), together)
    for epoch, array in zip(epochs, own, strict=True):
        recorder = make_recorder(SGD, len(images))
        plain = replace(training, recipe=SGD, weights=weights, images=array, epochs=iter([epoch]))
        backend.fit(plain, recorder)
        weights = recorder.weights
    assert_same_bytes(together.weights, weights)


@every_backend
def test_dropout_depends_on_the_seed(backend, images, labels):
    layers = parse("flatten", {"dropout": {"rate": 0.5}}, {"dense": {"units": 10}})
    weights = weights_of(layers)
    recipe = changed(batch_size=40)  # One batch: its order only changes the rounding.
    first, other = (
        fit(backend, layers, weights, (images, labels), recipe, seed).weights for seed in (0, 1)
    )
    assert np.abs(first["2_dense.W"] - other["2_dense.W"]).max() > 1e-3


@every_backend
def test_history_averages_over_samples_with_a_smaller_last_batch(backend, images, labels):
    weights = weights_of(ALIKE_IN_TRAINING)
    recipe = changed(batch_size=12, learning_rate=1e-12)  # The weights hardly move.
    row = fit(backend, ALIKE_IN_TRAINING, weights, (images, labels), recipe).history[0]
    probabilities = predict(backend, ALIKE_IN_TRAINING, weights, images)
    assert row["loss"] == pytest.approx(log_loss(probabilities, labels), rel=1e-5)  # float32
    assert row["accuracy"] == accuracy(probabilities, labels)


@every_backend
def test_history_has_its_rows_at_the_same_images_in_every_framework(backend, generator):
    """126 mini-batches of 2 images and one of 1: 50 of them to a row, and a row for the rest."""
    images = generator.random((253, 4, 5, 1), dtype=np.float32)
    labels = generator.integers(0, 10, 253)
    layers = parse("flatten", {"dense": {"units": 10}})
    recipe = changed(batch_size=2, epochs=2)
    weights = weights_of(layers, (4, 5, 1))
    history = fit(backend, layers, weights, (images, labels), recipe).history
    seen = [row["images_seen"] for row in history if row["split"] == "train"]
    assert seen == [100, 200, 253, 353, 453, 506]


@every_backend
def test_training_learns_what_can_be_learnt(backend, generator):
    """Each of ten classes has ink in its own place."""
    labels = generator.integers(0, 10, 300)
    images = generator.random((300, 4, 5, 1), dtype=np.float32) * 0.3
    images[np.arange(300), labels // 5, labels % 5] += 1
    layers = parse("flatten", {"dense": {"units": 32}}, "relu", {"dense": {"units": 10}})
    weights, recipe = weights_of(layers, (4, 5, 1)), ADAM.model_copy(update={"epochs": 20})
    recorder = fit(backend, layers, weights, (images, labels), recipe)
    assert recorder.history[-2]["accuracy"] > 0.99  # the last row of the training split
    assert accuracy(predict(backend, layers, recorder.weights, images), labels) > 0.99


def test_torch_reads_channels_last_images_without_a_copy(images):
    tensor = as_tensor(images)
    assert tensor.shape == (40, 1, 12, 16)
    assert tensor.data_ptr() == images.ctypes.data
    assert tensor.is_contiguous(memory_format=torch.channels_last)
