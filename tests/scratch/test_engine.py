"""The engine as a whole: PyTorch's numbers after many steps, and small enough to be read."""

import ast
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits
from torch.nn import functional

from digits.backends.scratch import network as scratch_network
from digits.backends.torch import network as torch_network
from digits.preprocessing.apply import network_inputs, normalize
from digits.scratch.fast.workers import Workers
from digits.scratch.optimizers import SGD
from digits.training.backend import load_backend
from digits.training.initial_weights import initial_weights
from digits.training.run import IMAGE_SHAPE, load_layers, load_run
from digits.training.schedule import plan_epochs
from tests.support.paths import ROOT
from tests.support.trainings import make_training

PLAIN = sorted((ROOT / "digits/scratch").glob("*.py"))
CHAPTERS = sorted((ROOT / "digits/scratch").rglob("*.py"))


@pytest.fixture
def one_thread():
    """One thread for matrix products: PyTorch's threads and NumPy's would wait for each other."""
    with threadpool_limits(1):
        yield


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", ["cnn", "cnn_5x5", "mlp_128_64"])
def test_twenty_steps_of_sgd_in_float64_end_within_a_millionth_of_torch(
    name, generator, published_params
):
    layers = load_layers(name, "test", published_params)
    weights = initial_weights(layers, IMAGE_SHAPE, "xavier", 0)
    weights64 = {key: array.astype(np.float64) for key, array in weights.items()}
    images, labels = generator.random((320, *IMAGE_SHAPE)), generator.integers(0, 10, 320)

    network = scratch_network.build(layers, weights64)
    workers = Workers(network, images, labels)
    theirs = torch_network.build(layers, weights, IMAGE_SHAPE).double()
    torch_optimizer = torch.optim.SGD(theirs.parameters(), lr=0.05)
    x, y = torch_network.as_tensor(images), torch.from_numpy(labels)
    for step in range(20):
        samples = np.arange(16 * step, 16 * (step + 1))
        SGD().step(network.parameters, workers.loss_and_gradient(samples).gradient, 0.05)
        torch_optimizer.zero_grad()
        functional.cross_entropy(theirs(x[samples]), y[samples]).backward()
        torch_optimizer.step()
    expected = torch_network.read_weights(theirs, weights)
    found = scratch_network.read_weights(network, weights)
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

    def running_mean(self) -> np.ndarray:
        """Return the mean loss up to each step, from the hundredth on, as a progress bar shows."""
        return np.cumsum(self.losses)[99:] / np.arange(100, len(self.losses) + 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cnn", "mlp"])
def test_loss_over_the_first_epoch_of_mnist_stays_within_one_percent_of_torch(
    name, mnist, published_params
):
    run = load_run("scratch", name, published_params)
    images, labels = mnist["train"]
    x = network_inputs(normalize(images[:50_000], 0.0, 255.0), None)
    y = labels[:50_000].astype(np.int64)
    weights = initial_weights(run.layers, IMAGE_SHAPE, run.recipe.initializer, run.seed)
    training = make_training(run.layers, weights, (x, y), run.recipe, run.seed)
    curves = []
    for framework in ("torch", "scratch"):
        curves.append(Curve())
        first_epoch = islice(plan_epochs(run.recipe, len(x), run.seed), 1)
        load_backend(framework).fit(replace(training, epochs=first_epoch), curves[-1])
    expected, found = (curve.running_mean() for curve in curves)
    assert len(expected) > 200
    np.testing.assert_allclose(found, expected, rtol=0.01)


def test_no_function_is_over_forty_lines():
    for path in CHAPTERS:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 40, f"{path.name}: {node.name}"


def test_engine_is_under_eleven_hundred_lines_with_its_derivations():
    assert sum(len(path.read_text().splitlines()) for path in CHAPTERS) < 1100


def imported_modules(path: Path) -> set[str]:
    """Return the modules that a file imports itself."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_imports_numpy_scipy_and_the_engine_only(path):
    allowed = {"numpy", "scipy", *sys.stdlib_module_names}
    for name in imported_modules(path):
        assert name.split(".")[0] in allowed or name.startswith("digits.scratch."), name


@pytest.mark.parametrize("path", PLAIN, ids=lambda path: path.stem)
def test_plain_chapter_imports_nothing_fast(path):
    assert not [name for name in imported_modules(path) if name.startswith("digits.scratch.fast")]


def test_chapters_import_earlier_chapters_only():
    order = ["layers", "losses", "network", "initializers", "optimizers", "train"]
    order += ["fast.winograd", "fast.conv_block", "fast.workers"]
    for number, chapter in enumerate(order):
        path = ROOT / f"digits/scratch/{chapter.replace('.', '/')}.py"
        later = [f"digits.scratch.{name}" for name in order[number:]]
        for name in imported_modules(path):
            assert not name.startswith(tuple(later)), f"{chapter} imports {name}"
