"""What only the engine's back end does: conjugate gradient, and the same bytes whatever the number
of threads.
"""

import numpy as np
import pytest
from conftest import ROOT
from test_backends import SGD, fit, parse, weights_of

from digits.backends.scratch import network as backend_scratch
from digits.training.loop import Recorder
from digits.training.params import ScratchRecipe, load_params
from digits.training.schedule import plan_epochs

PARAMS = load_params(ROOT / "params.yaml")
CONJUGATE_GRADIENT = ScratchRecipe(
    architecture="-", initializer="xavier", optimizer="conjugate_gradient", epochs=30, l2=1e-3
)
SIGMOID = parse({"dense": {"units": 8}}, "sigmoid", {"dense": {"units": 10}})


@pytest.fixture
def data(generator):
    labels = generator.integers(0, 10, 200)
    return np.eye(10, 12, dtype=np.float32)[labels] + generator.normal(0, 0.1, (200, 12)).astype(
        np.float32
    ), labels


@pytest.mark.parametrize("optimizer", ["conjugate_gradient", "l_bfgs"])
def test_minimizer_lowers_loss_and_penalty_at_each_iteration(data, optimizer):
    recipe = CONJUGATE_GRADIENT.model_copy(update={"optimizer": optimizer})

    def penalty(weights):
        return CONJUGATE_GRADIENT.l2 / 2 * sum(
            (array**2).sum() for name, array in weights.items() if name.endswith(".W")
        ), 0.0

    recorder = Recorder("test", 30, 200, measure=penalty)
    weights = weights_of(SIGMOID, (12,))
    backend_scratch.fit(
        SIGMOID,
        weights,
        *data,
        recipe=recipe,
        epochs=iter(()),
        seed=0,
        threads=1,
        recorder=recorder,
    )
    losses, penalties = (
        [row["loss"] for row in recorder.history if row["split"] == split]
        for split in ("train", "validation")
    )
    objective = np.add(losses, penalties)
    assert len(objective) == 30
    assert (np.diff(objective) < 1e-6).all()  # float32
    assert losses[-1] < losses[0] / 10


def test_history_holds_the_loss_of_the_weights_it_is_about(data):
    x, labels = data
    recorder = fit(
        backend_scratch, SIGMOID, weights_of(SIGMOID, (12,)), x, labels, CONJUGATE_GRADIENT
    )
    probabilities = backend_scratch.predict(SIGMOID, recorder.weights, x, threads=1)
    loss = -np.log(probabilities[np.arange(200), labels]).mean()
    assert recorder.history[-2]["loss"] == pytest.approx(loss, rel=1e-5)  # float32
    assert recorder.history[-2]["accuracy"] == (probabilities.argmax(axis=1) == labels).mean()


@pytest.mark.parametrize("name", ["cnn", "mlp_128_64"])
def test_result_is_the_same_to_the_bit_for_any_number_of_threads(name, generator):
    architecture = PARAMS.architectures[name]
    images, labels = (
        generator.random((150, 28, 28, 1), dtype=np.float32),
        generator.integers(0, 10, 150),
    )
    recipe = SGD.model_copy(update={"batch_size": 100, "learning_rate": 0.01})
    weights = weights_of(architecture, (28, 28, 1))
    trained = []
    for threads in (1, 2, 3):
        recorder = Recorder("test", 1, 150, lambda _: (0.0, 0.0))
        epochs = plan_epochs(recipe, 150, 0)
        backend_scratch.fit(
            architecture,
            weights,
            images,
            labels,
            recipe=recipe,
            epochs=epochs,
            seed=0,
            threads=threads,
            recorder=recorder,
        )
        trained.append(b"".join(array.tobytes() for array in recorder.weights.values()))
    assert trained[0] == trained[1] == trained[2]
