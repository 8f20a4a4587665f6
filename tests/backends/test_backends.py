"""One battery for the three back ends: the contract, and that all three do the same sums from the
same start.
"""

from types import ModuleType

import numpy as np
import pytest
import torch
from conftest import IMAGE_SHAPE, ROOT

from digits.backends.scratch import network as backend_scratch
from digits.backends.tf import network as backend_tf
from digits.backends.torch import network as backend_torch
from digits.base.section import Section
from digits.model.architecture import LAYER_TYPES, Architecture, Weights
from digits.training.initial_weights import initial_weights
from digits.training.loop import Recorder, loss_and_accuracy
from digits.training.params import Augmentation, Recipe, load_params
from digits.training.schedule import plan_epochs

BACKENDS = {"torch": backend_torch, "tf": backend_tf, "scratch": backend_scratch}
THREADS = 2
PARAMS = load_params(ROOT / "params.yaml")


class Layers(Section):
    layers: Architecture


def parse(*layers) -> Architecture:
    return Layers(layers=list(layers)).layers


# Every layer type, both paddings, a stride and an even kernel, on images that are not square.
ALL_LAYERS = parse(
    {"conv": {"filters": 4, "kernel_size": 3}}, "relu", {"max_pool": {"size": 2}}, "batch_norm",
    {"conv": {"filters": 5, "kernel_size": 2}}, "sigmoid",
    {"conv": {"filters": 6, "kernel_size": 3, "stride": 2, "padding": "valid"}}, "relu",
    "flatten", {"dense": {"units": 12}}, "sigmoid", "batch_norm", {"dropout": {"rate": 0.5}}, {"dense": {"units": 10}},
)  # fmt: skip
ALIKE_IN_TRAINING = [layer for layer in ALL_LAYERS if layer.type not in ("dropout", "batch_norm")]
WITHOUT_DROPOUT = [layer for layer in ALL_LAYERS if layer.type != "dropout"]
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

# It costs PyTorch a copy.
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")

every_backend = pytest.mark.parametrize("backend", BACKENDS.values(), ids=BACKENDS)


def weights_of(architecture: Architecture, input_shape=IMAGE_SHAPE) -> Weights:
    weights = initial_weights(architecture, input_shape, "xavier", seed=0)
    # Vectors other than zero and one, and each other than the next, so that one that is lost or
    # exchanged shows.
    shift = {"b": 0.1, "gamma": 0.2, "beta": -0.1, "mean": 0.05, "variance": 0.3, "W": 0.0}
    return {name: array + np.float32(shift[name.split(".")[1]]) for name, array in weights.items()}


def fit(
    backend: ModuleType,
    architecture: Architecture,
    weights: Weights,
    images,
    labels,
    recipe: Recipe,
    seed: int = 0,
) -> Recorder:
    recorder = Recorder("test", recipe.epochs, len(images), lambda _: (0.0, 0.0))
    epochs = plan_epochs(recipe, len(images), seed) if recipe.batch_size else iter(())
    backend.fit(
        architecture,
        weights,
        images,
        labels,
        recipe=recipe,
        epochs=epochs,
        seed=seed,
        threads=THREADS,
        recorder=recorder,
    )
    return recorder


def assert_weights_match(found: Weights, expected: Weights, rtol: float, atol: float) -> None:
    assert list(found) == list(expected)
    for name, array in expected.items():
        # PyTorch's running variance is n / (n - 1) times the batch's, here with n from 40 on, and
        # moves a tenth of the way.
        slack = 0.1 / 39 if name.endswith(".variance") else 0
        np.testing.assert_allclose(found[name], array, rtol=rtol + slack, atol=atol, err_msg=name)


@every_backend
def test_table_has_every_layer_type(backend):
    assert set(backend.LAYERS) == set(LAYER_TYPES.values())


@every_backend
def test_probabilities_are_float32_and_sum_to_one(backend, images):
    probabilities = backend.predict(ALL_LAYERS, weights_of(ALL_LAYERS), images, threads=THREADS)
    assert (probabilities.shape, probabilities.dtype) == ((40, 10), np.float32)
    # Ten float32 additions.
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)


@every_backend
def test_a_sample_is_classified_alike_alone_and_among_others(backend, generator):
    architecture = parse("flatten", {"dense": {"units": 10}})
    weights = weights_of(architecture, (3, 3, 1))
    images = generator.random((2017, 3, 3, 1), dtype=np.float32)  # more than two batches of 1,000
    together = backend.predict(architecture, weights, images, threads=THREADS)
    assert len(together) == 2017
    for sample in (0, 1000, 2016):
        alone = backend.predict(architecture, weights, images[sample : sample + 1], threads=THREADS)
        np.testing.assert_allclose(alone[0], together[sample], atol=1e-6)  # float32


@pytest.mark.parametrize("name", ["tf", "scratch"])
def test_same_weights_same_probabilities_as_torch(name, images):
    weights = weights_of(ALL_LAYERS)
    expected = backend_torch.predict(ALL_LAYERS, weights, images, threads=THREADS)
    found = BACKENDS[name].predict(ALL_LAYERS, weights, images, threads=THREADS)
    assert np.ptp(expected, axis=0).max() > 1e-3  # images are told apart at all
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)  # float32


@pytest.mark.parametrize("name", ["tf", "scratch"])
@pytest.mark.parametrize(
    "run",
    [("torch", "cnn"), ("torch", "cnn_5x5"), ("scratch", "mlp"), ("scratch", "mlp_sigmoid")],
    ids="/".join,
)
def test_same_weights_same_logits_as_torch_for_the_architectures_of_params(name, run, generator):
    recipe = PARAMS.recipe(*run)
    shape = (28, 28, 1) if recipe.pixels == "all" else (717,)
    architecture = PARAMS.architectures[recipe.architecture]
    weights, images = (
        weights_of(architecture, shape),
        generator.random((50, *shape), dtype=np.float32),
    )
    expected, found = (
        np.log(backend.predict(architecture, weights, images, threads=THREADS))
        for backend in (backend_torch, BACKENDS[name])
    )
    # Logits but for a constant a row. float32 sums over up to 3,136 products.
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("name", ["tf", "scratch"])
@pytest.mark.parametrize("l2", [0.0, 0.01])
def test_one_plain_sgd_step_gives_the_same_weights_as_torch(name, l2, images, labels):
    weights = weights_of(WITHOUT_DROPOUT)
    recipe = SGD.model_copy(update={"batch_size": 40, "l2": l2})
    expected = fit(backend_torch, WITHOUT_DROPOUT, weights, images, labels, recipe).weights
    found = fit(BACKENDS[name], WITHOUT_DROPOUT, weights, images, labels, recipe).weights
    # All have moved.
    assert all(np.abs(expected[name] - weights[name]).max() > 1e-5 for name in weights)
    # Float32; batch_norm divides by deviations of about a tenth.
    assert_weights_match(found, expected, rtol=1e-4, atol=5e-6)


@pytest.mark.parametrize("name", ["tf", "scratch"])
@pytest.mark.parametrize(
    "recipe",
    [
        SGD.model_copy(
            update={"epochs": 3, "momentum": 0.9, "learning_rate": 0.1, "schedule": "one_cycle"}
        ),
        SGD.model_copy(
            update={
                "epochs": 3,
                "momentum": 0.9,
                "nesterov": True,
                "learning_rate": 0.1,
                "schedule": "cosine",
                "l2": 0.01,
            }
        ),
        SGD.model_copy(
            update={
                "epochs": 3,
                "optimizer": "adam",
                "momentum": None,
                "learning_rate": 0.01,
                "schedule": "cosine",
                "l2": 0.001,
            }
        ),
        SGD.model_copy(
            update={"epochs": 3, "momentum": 0.9, "learning_rate": 0.1, "label_smoothing": 0.2}
        ),
    ],
    ids=["momentum", "nesterov", "adam", "label smoothing"],
)
def test_training_follows_torch_until_rounding_parts_them(name, recipe, images, labels):
    # A step of Adam has the size of the learning rate however small the gradient: where batch_norm
    # leaves one within rounding of zero, rounding decides which way it goes.
    architecture = ALIKE_IN_TRAINING if recipe.optimizer == "adam" else WITHOUT_DROPOUT
    weights = weights_of(architecture)
    expected = fit(backend_torch, architecture, weights, images, labels, recipe)
    found = fit(BACKENDS[name], architecture, weights, images, labels, recipe)
    # Nine steps. Keras' Adam adds its epsilon to the root before the bias of v is divided out,
    # PyTorch's after.
    for mine, theirs in zip(found.history, expected.history, strict=True):
        assert mine["loss"] == pytest.approx(theirs["loss"], rel=1e-4)
    assert_weights_match(found.weights, expected.weights, rtol=1e-2, atol=2e-3)


@every_backend
def test_fit_changes_none_of_its_arguments(backend, images, labels):
    weights = weights_of(ALL_LAYERS)
    before = [array.copy() for array in (*weights.values(), images, labels)]
    fit(backend, ALL_LAYERS, weights, images, labels, SGD)
    assert all(
        np.array_equal(a, b)
        for a, b in zip(before, (*weights.values(), images, labels), strict=True)
    )


@every_backend
def test_fit_gives_the_same_bytes_again_dropout_included(backend, images, labels):
    weights = weights_of(ALL_LAYERS)
    recipe = SGD.model_copy(update={"epochs": 2})
    first, again = (fit(backend, ALL_LAYERS, weights, images, labels, recipe) for _ in range(2))
    assert first.history == again.history
    assert all(first.weights[name].tobytes() == again.weights[name].tobytes() for name in weights)


class StateRecorder(Recorder):
    """Keeps weights and state as they stand after each epoch."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.kept: list[tuple[Weights, dict]] = []

    def epoch(self, weights, state=None):
        super().epoch(weights, state)
        self.kept.append((weights, state))


@every_backend
@pytest.mark.parametrize(
    "recipe",
    [
        SGD.model_copy(
            update={
                "epochs": 4,
                "momentum": 0.9,
                "nesterov": True,
                "learning_rate": 0.1,
                "schedule": "one_cycle",
            }
        ),
        SGD.model_copy(
            update={
                "epochs": 4,
                "optimizer": "adam",
                "momentum": None,
                "learning_rate": 0.01,
                "schedule": "cosine",
            }
        ),
        SGD.model_copy(update={"epochs": 4}),
    ],
    ids=["nesterov", "adam", "plain"],
)
@pytest.mark.parametrize("n_done", [1, 3])
def test_training_that_goes_on_from_its_state_ends_with_the_same_bytes(
    backend, recipe, n_done, images, labels
):
    weights = weights_of(ALL_LAYERS)
    options = {"recipe": recipe, "seed": 0, "threads": THREADS}

    def measure(weights: Weights) -> tuple[float, float]:
        """As in a pipeline: what predicting does to a framework's random generators must not
        matter.
        """
        return loss_and_accuracy(
            backend.predict(ALL_LAYERS, weights, images, threads=THREADS), labels
        )

    def run(start: Weights, state: dict | None, n_done: int) -> StateRecorder:
        recorder = StateRecorder("test", recipe.epochs, len(images), measure)
        epochs = plan_epochs(recipe, len(images), 0, n_done)
        backend.fit(
            ALL_LAYERS,
            start,
            images,
            labels,
            epochs=epochs,
            recorder=recorder,
            state=state,
            **options,
        )
        return recorder

    whole = run(weights, None, 0)
    rest = run(*whole.kept[n_done - 1], n_done)
    assert len(rest.history) == 2 * (recipe.epochs - n_done)
    assert [row["loss"] for row in rest.history] == [
        row["loss"] for row in whole.history[2 * n_done :]
    ]
    for (mine, my_state), (theirs, their_state) in zip(rest.kept, whole.kept[n_done:], strict=True):
        assert all(mine[name].tobytes() == theirs[name].tobytes() for name in theirs)
        assert all(my_state[name].tobytes() == their_state[name].tobytes() for name in their_state)


@every_backend
def test_an_epoch_sees_its_own_images(backend, images, labels, generator):
    """Two epochs on other images than those handed over are as two epochs on those, if each has its
    own.
    """
    weights, recipe = (
        weights_of(ALIKE_IN_TRAINING),
        SGD.model_copy(update={"epochs": 2, "augmentation": Augmentation(shift=1)}),
    )
    own = [generator.random(images.shape, dtype=np.float32) for _ in range(2)]
    epochs = list(plan_epochs(recipe, len(images), 0))
    recorder = StateRecorder("test", 2, len(images), lambda _: (0.0, 0.0))
    options = {"recipe": recipe, "seed": 0, "threads": THREADS, "recorder": recorder}
    seen = [epoch._replace(images=array) for epoch, array in zip(epochs, own, strict=True)]
    backend.fit(ALIKE_IN_TRAINING, weights, images, labels, epochs=iter(seen), **options)
    expected = weights
    for epoch, array in zip(epochs, own, strict=True):
        recorder = Recorder("test", 1, len(images), lambda _: (0.0, 0.0))
        plain = options | {"recorder": recorder, "recipe": SGD}
        backend.fit(ALIKE_IN_TRAINING, expected, array, labels, epochs=iter([epoch]), **plain)
        expected = recorder.weights
    assert_weights_match(options["recorder"].weights, expected, rtol=0, atol=0)


@every_backend
def test_dropout_depends_on_the_seed(backend, images, labels):
    architecture = parse("flatten", {"dropout": {"rate": 0.5}}, {"dense": {"units": 10}})
    # One batch: its order makes no difference but to rounding.
    recipe = SGD.model_copy(update={"batch_size": 40})
    first, other = (
        fit(backend, architecture, weights_of(architecture), images, labels, recipe, seed).weights
        for seed in (0, 1)
    )
    assert np.abs(first["2_dense.W"] - other["2_dense.W"]).max() > 1e-3


@every_backend
def test_history_averages_over_samples_with_a_smaller_last_batch(backend, images, labels):
    weights = weights_of(ALIKE_IN_TRAINING)
    # The weights as good as stand still.
    recipe = SGD.model_copy(update={"batch_size": 12, "learning_rate": 1e-12})
    recorder = fit(backend, ALIKE_IN_TRAINING, weights, images, labels, recipe)
    loss, accuracy = loss_and_accuracy(
        backend.predict(ALIKE_IN_TRAINING, weights, images, threads=THREADS), labels
    )
    assert recorder.history[0]["loss"] == pytest.approx(loss, rel=1e-5)  # float32
    assert recorder.history[0]["accuracy"] == accuracy


@every_backend
def test_training_learns_what_can_be_learnt(backend, generator):
    """Ten classes, each with ink in a place of its own."""
    labels = generator.integers(0, 10, 300)
    images = generator.random((300, 4, 5, 1), dtype=np.float32) * 0.3
    images[np.arange(300), labels // 5, labels % 5] += 1
    architecture = parse("flatten", {"dense": {"units": 32}}, "relu", {"dense": {"units": 10}})
    recipe = SGD.model_copy(
        update={
            "epochs": 20,
            "optimizer": "adam",
            "momentum": None,
            "learning_rate": 0.01,
            "schedule": "cosine",
        }
    )
    recorder = fit(
        backend, architecture, weights_of(architecture, (4, 5, 1)), images, labels, recipe
    )
    assert recorder.history[-2]["accuracy"] > 0.99
    assert (
        backend.predict(architecture, recorder.weights, images, threads=THREADS).argmax(axis=1)
        == labels
    ).mean() > 0.99


def test_torch_reads_our_images_in_channels_last_memory_without_a_copy(images):
    tensor = backend_torch.as_tensor(images)
    assert tensor.shape == (40, 1, 12, 16)
    assert tensor.data_ptr() == images.ctypes.data
    assert tensor.is_contiguous(memory_format=torch.channels_last)
