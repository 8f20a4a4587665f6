"""The engine's contenders do the same work, and its operations are counted as by hand."""

import numpy as np
import pytest

from benchmarks import engine
from benchmarks.contenders import CONTENDERS, Task
from benchmarks.minimizers import engine_objective, plain_objective
from digits.backends.scratch.network import build
from digits.training.initial_weights import initial_weights
from digits.training.run import load_run
from tests.support.networks import parse, weights_of
from tests.support.paths import ROOT
from tests.support.trainings import SGD

# Two workers would fork, which is not safe beside the frameworks' threads.
IN_THIS_PROCESS = [name for name in CONTENDERS if name != "scratch, 2 workers"]
SIGMOID = parse({"dense": {"units": 8}}, "sigmoid", {"dense": {"units": 10}})


@pytest.mark.parametrize("is_prepared", [False, True])
def test_both_objectives_have_the_same_value_and_gradient(generator, is_prepared):
    x = generator.random((50, 12), dtype=np.float32)
    samples, weights = (x, generator.integers(0, 10, 50)), weights_of(SIGMOID, (12,))
    network = build(SIGMOID, weights)
    start = network.parameters.astype(np.float64)
    found = engine_objective(network, samples, 0.01, threads=1)(start)
    expected = plain_objective(samples, weights["2_dense.W"].shape, 0.01, is_prepared)(start)
    assert found[0] == pytest.approx(expected[0], rel=1e-6)  # float32
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("contender", IN_THIS_PROCESS)
def test_every_contender_takes_steps(contender, generator):
    images = generator.random((64, 28, 28, 1), dtype=np.float32)
    layers = parse({"conv": {"filters": 2, "kernel_size": 3}}, "flatten", {"dense": {"units": 10}})
    weights = initial_weights(layers, (28, 28, 1), "he", 0)
    task = Task(layers, SGD, weights, images, generator.integers(0, 10, 64))
    CONTENDERS[contender](task)(np.arange(64).reshape(4, 16))


def test_training_takes_three_times_the_forward_pass_but_for_the_images(monkeypatch):
    run = load_run("scratch", "mlp", ROOT / "tests/support/params.yaml")
    monkeypatch.setattr(engine, "load_run", lambda *names: run)
    first, others = 784 * 128, 128 * 64 + 64 * 10
    # A product is a multiplication and an addition.
    assert engine.training_flops("mlp_128_64") == 2 * (2 * first + 3 * others)
