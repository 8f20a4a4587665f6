"""What only the engine's back end does: minimizers, and the same bytes in any number of threads."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from digits.backends.scratch import fit as scratch
from digits.backends.scratch.network import is_fork_safe
from digits.model.architecture import Architecture, Weights
from digits.training.params import Recipe, ScratchRecipe
from digits.training.run import load_layers
from digits.training.schedule import plan_epochs
from digits.training.team import ALONE
from tests.support.networks import parse, weights_of
from tests.support.paths import ROOT
from tests.support.trainings import SGD, fit, make_recorder, make_run, make_training

CONJUGATE_GRADIENT = ScratchRecipe(
    architecture="-", initializer="xavier", optimizer="conjugate_gradient", epochs=30, l2=1e-3
)
SIGMOID = parse({"dense": {"units": 8}}, "sigmoid", {"dense": {"units": 10}})


@pytest.fixture
def data(generator):
    """Samples of ten classes, float32 (200, 12), and their labels."""
    labels = generator.integers(0, 10, 200)
    noise = generator.normal(0, 0.1, (200, 12)).astype(np.float32)
    return np.eye(10, 12, dtype=np.float32)[labels] + noise, labels


@pytest.mark.parametrize("optimizer", ["conjugate_gradient", "l_bfgs"])
def test_minimizer_lowers_loss_and_penalty_at_each_iteration(data, optimizer):
    recipe = CONJUGATE_GRADIENT.model_copy(update={"optimizer": optimizer})

    def penalty(weights: Weights) -> tuple[float, float]:
        squares = [(array**2).sum() for name, array in weights.items() if name.endswith(".W")]
        return recipe.l2 / 2 * sum(squares), 0.0

    recorder = make_recorder(recipe, 200, penalty)
    scratch.fit(make_training(SIGMOID, weights_of(SIGMOID, (12,)), data, recipe), recorder)
    by_split: dict[str, list[float]] = {"train": [], "validation": []}
    for row in recorder.history:
        by_split[row["split"]].append(row["loss"])
    objective = np.add(by_split["train"], by_split["validation"])
    assert len(objective) == 30
    assert (np.diff(objective) < 1e-6).all()  # float32
    assert by_split["train"][-1] < by_split["train"][0] / 10


def test_history_holds_the_loss_of_the_weights_it_is_about(data):
    x, labels = data
    recorder = fit(scratch, SIGMOID, weights_of(SIGMOID, (12,)), data, CONJUGATE_GRADIENT)
    probabilities = scratch.predict(SIGMOID, recorder.weights, x, threads=1)
    loss = -np.log(probabilities[np.arange(200), labels]).mean()
    assert recorder.history[-2]["loss"] == pytest.approx(loss, rel=1e-5)  # float32
    assert recorder.history[-2]["accuracy"] == (probabilities.argmax(axis=1) == labels).mean()


def trained_bytes(layers: Architecture, recipe: Recipe, data, threads: int) -> bytes:
    """Return the bytes of all weights after a training."""
    x, labels = data
    training = make_training(layers, weights_of(layers, x.shape[1:]), data, recipe)
    epochs = plan_epochs(recipe, len(x), 0) if recipe.batch_size else iter(())
    recorder = make_recorder(recipe, len(labels))
    scratch.fit(replace(training, epochs=epochs, threads=threads), recorder)
    return b"".join(array.tobytes() for array in recorder.weights.values())


@pytest.mark.parametrize("name", ["cnn", "mlp_128_64"])
def test_result_is_the_same_to_the_bit_for_any_number_of_threads(name, generator, published_params):
    layers = load_layers(name, "test", published_params)
    data = generator.random((150, 28, 28, 1), dtype=np.float32), generator.integers(0, 10, 150)
    recipe = SGD.model_copy(update={"batch_size": 100, "learning_rate": 0.01})
    trained = [trained_bytes(layers, recipe, data, threads) for threads in (1, 2, 3)]
    assert trained[0] == trained[1] == trained[2]


def test_minimizer_gives_the_same_bytes_for_any_number_of_threads(generator):
    # 3,000 samples: several shards.
    layers = parse({"dense": {"units": 100}}, "sigmoid", {"dense": {"units": 10}})
    data = generator.random((3000, 784), dtype=np.float32), generator.integers(0, 10, 3000)
    recipe = CONJUGATE_GRADIENT.model_copy(update={"epochs": 3})
    assert len({trained_bytes(layers, recipe, data, threads) for threads in (1, 2)}) == 1


def test_minimizer_keeps_no_state_to_resume_from(data):
    states = []

    class States:
        def step(self, n_samples, loss, n_correct):
            pass

        def epoch(self, weights, state=None):
            states.append(state)

    recipe = CONJUGATE_GRADIENT.model_copy(update={"epochs": 2})
    scratch.fit(make_training(SIGMOID, weights_of(SIGMOID, (12,)), data, recipe), States())
    assert states == [None, None]


def test_engine_is_always_alone_in_its_team():
    with scratch.join(replace(make_run(), processes=4, device="cuda")) as team:
        assert team is ALONE
    assert scratch.name_device("cuda") == "cpu"


@pytest.mark.skipif(sys.platform != "linux", reason="needs a safe fork")
def test_fork_is_safe_until_a_framework_is_loaded(monkeypatch):
    code = "from digits.backends.scratch import fit; print(fit.is_fork_safe())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "True\n"
    monkeypatch.setitem(sys.modules, "torch", object())
    assert not is_fork_safe()
