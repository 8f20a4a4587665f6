"""The engine as a whole: PyTorch's numbers after many steps, and small enough to be read."""

import ast
from itertools import islice

import numpy as np
import pytest
import torch
from conftest import ROOT
from torch.nn import functional

from digits.backends.scratch import network as backend_scratch
from digits.backends.torch import network as backend_torch
from digits.datasets.fetch import fetch
from digits.preprocessing.apply import network_inputs, normalize
from digits.scratch.fast.workers import Workers
from digits.scratch.optimizers import SGD
from digits.training.initial_weights import initial_weights
from digits.training.params import IMAGE_SHAPE, load_params
from digits.training.schedule import plan_epochs

PARAMS = load_params(ROOT / "params.yaml")
ENGINE = sorted((ROOT / "digits/scratch").glob("*.py"))


@pytest.mark.parametrize("name", ["cnn", "cnn_5x5", "mlp_128_64"])
def test_twenty_steps_of_sgd_in_float64_end_within_a_millionth_of_torch(name, generator):
    architecture = PARAMS.architectures[name]
    weights = {
        key: array.astype(np.float64)
        for key, array in initial_weights(architecture, IMAGE_SHAPE, "xavier", 0).items()
    }
    images, labels = generator.random((320, *IMAGE_SHAPE)), generator.integers(0, 10, 320)

    network = backend_scratch.build(architecture, weights)
    workers = Workers(network, images, labels)
    torch_network = backend_torch.build(
        architecture, {key: array.astype(np.float32) for key, array in weights.items()}, IMAGE_SHAPE
    ).double()
    torch_optimizer = torch.optim.SGD(torch_network.parameters(), lr=0.05)
    x, y = backend_torch.as_tensor(images), torch.from_numpy(labels)
    for step in range(20):
        samples = np.arange(16 * step, 16 * (step + 1))
        SGD().step(network.parameters, workers.loss_and_gradient(samples).gradient, 0.05)
        torch_optimizer.zero_grad()
        functional.cross_entropy(torch_network(x[samples]), y[samples]).backward()
        torch_optimizer.step()
    expected = backend_torch.read_weights(torch_network, weights)
    found = backend_scratch.read_weights(network, weights)
    assert all(np.abs(found[key] - weights[key]).max() > 1e-4 for key in weights)  # all have moved
    for key in weights:
        assert np.abs(found[key] - expected[key]).max() < 1e-6


class Curve:
    """A recorder that keeps the loss of each step."""

    def __init__(self):
        self.losses: list[float] = []

    def step(self, n_samples: int, loss: float, n_correct: int) -> None:
        self.losses.append(loss)

    def epoch(self, weights, state=None) -> None:
        pass


@pytest.mark.parametrize("run", ["cnn", "mlp"])
def test_loss_over_the_first_epoch_of_mnist_stays_within_one_percent_of_torch(
    run, mnist_folder, tmp_path
):
    recipe = PARAMS.recipe("scratch", run)
    architecture = PARAMS.architectures[recipe.architecture]
    images, labels = fetch("mnist", str(mnist_folder), tmp_path).splits["train"]
    x, y = (
        network_inputs(normalize(images[:50_000], 0.0, 255.0), None),
        labels[:50_000].astype(np.int64),
    )
    weights = initial_weights(architecture, IMAGE_SHAPE, recipe.initializer, PARAMS.seed)
    curves = []
    for backend in (backend_torch, backend_scratch):
        curves.append(Curve())
        first_epoch = islice(plan_epochs(recipe, len(x), PARAMS.seed), 1)
        backend.fit(
            architecture,
            weights,
            x,
            y,
            recipe=recipe,
            epochs=first_epoch,
            seed=PARAMS.seed,
            threads=2,
            recorder=curves[-1],
        )
    # The mean up to each step, from the hundredth on: what a progress bar shows.
    expected, found = (
        np.cumsum(curve.losses)[99:] / np.arange(100, len(curve.losses) + 1) for curve in curves
    )
    assert len(expected) > 200
    np.testing.assert_allclose(found, expected, rtol=0.01)


def test_no_function_is_over_forty_lines():
    for path in ENGINE:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 40, f"{path.name}: {node.name}"


def test_engine_is_under_nine_hundred_lines_with_its_derivations():
    assert sum(len(path.read_text().splitlines()) for path in ENGINE) < 900
