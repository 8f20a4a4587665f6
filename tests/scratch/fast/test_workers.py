"""Workers compute the whole batch's gradient, the same bytes in any number, and end in time."""

import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from digits.scratch.fast import workers as workers_module
from digits.scratch.fast.workers import Workers
from digits.scratch.layers import BatchNorm, Conv, Dense, Dropout, Flatten, Relu
from digits.scratch.network import Network
from tests.support.paths import ROOT


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(workers_module, "MIN_SHARD_MULTIPLICATIONS", 1)


def make_network(dtype=np.float64) -> Network:
    generator = np.random.default_rng(0)
    arrays = [{"W": generator.normal(size=(3, 3, 1, 2)), "b": generator.normal(size=2)}, {}, {}, {}]
    arrays += [{"W": generator.normal(size=(72, 3)), "b": generator.normal(size=3)}]
    return Network(
        [Conv(), Relu(), Flatten(), Dropout(0.5), Dense()],
        [{k: a.astype(dtype) for k, a in layer.items()} for layer in arrays],
    )


@pytest.fixture
def data(generator):
    return generator.normal(size=(50, 6, 6, 1)), generator.integers(0, 3, 50)


def without_dropout(network: Network) -> Network:
    network.layers[3].rate = 0.0
    return network


@pytest.mark.parametrize("n", [1, 2, 3, 11])
def test_gradient_is_that_of_the_mean_over_the_batch(data, n):
    x, labels = data
    network = without_dropout(make_network())
    samples = np.arange(30, 30 + n)
    result = Workers(network, x, labels).loss_and_gradient(samples, l2=0.1)
    expected = np.empty_like(network.parameters)
    loss, n_correct = network.gradient(
        x[samples], labels[samples], n, np.random.default_rng(), network.views(expected)
    )
    network.add_penalty_gradient(expected, 0.1)
    assert result.loss == pytest.approx(loss, rel=1e-13)  # float64
    assert result.n_correct == n_correct
    np.testing.assert_allclose(result.gradient, expected, rtol=1e-11, atol=1e-14)


def test_no_samples_named_means_all_of_them(data):
    workers = Workers(without_dropout(make_network()), *data)
    every = workers.loss_and_gradient(np.arange(50))
    gradient = every.gradient.copy()
    assert np.array_equal(workers.loss_and_gradient().gradient, gradient)


@pytest.mark.parametrize(
    "fork",
    [
        False,
        pytest.param(
            True, marks=pytest.mark.skipif(sys.platform != "linux", reason="needs a safe fork")
        ),
    ],
)
@pytest.mark.parametrize("n_workers", [2, 3, 5])
def test_number_and_kind_of_workers_do_not_change_a_bit(data, n_workers, fork):
    def train(workers: Workers) -> bytes:
        for step in range(3):
            result = workers.loss_and_gradient(np.arange(step, 50, 3), l2=0.01, seed=(7, step))
            workers.network.parameters -= np.float32(0.1) * result.gradient
        workers.close()
        return workers.network.parameters.tobytes()

    x, labels = data
    alone = train(Workers(make_network(np.float32), x.astype(np.float32), labels))
    assert (
        train(Workers(make_network(np.float32), x.astype(np.float32), labels, n_workers, fork))
        == alone
    )


def test_batch_with_coupled_samples_stays_whole(data):
    x, labels = data
    arrays = [
        {"gamma": np.ones(1), "beta": np.zeros(1)},
        {},
        {"W": np.ones((36, 3)), "b": np.zeros(3)},
    ]
    network = Network([BatchNorm(np.zeros(1), np.ones(1), 0.9, 1e-5), Flatten(), Dense()], arrays)
    workers = Workers(network, x, labels, n_workers=2, fork=False)
    assert workers.count_shards(50) == 1
    workers.loss_and_gradient()
    assert network.layers[0].mean == pytest.approx(0.1 * x.mean(), rel=1e-9)


def test_each_shard_draws_its_own_dropout(data):
    draws = []

    class Spy(Dropout):
        def forward(self, x, generator):
            if generator:
                draws.append(generator.random())
            return super().forward(x, generator)

    network = make_network()
    network.layers[3] = Spy(0.5)
    Workers(network, *data).loss_and_gradient(np.arange(8), seed=(0, 0))
    assert len(set(draws)) == 4


def test_shards_depend_on_the_size_of_the_batch_alone(data, monkeypatch):
    workers = Workers(make_network(), *data)
    assert [workers.count_shards(n) for n in (1, 2, 3, 4, 100)] == [1, 2, 3, 4, 4]
    monkeypatch.setattr(workers_module, "MIN_SHARD_MULTIPLICATIONS", 10 * workers.multiplications)
    assert [workers.count_shards(n) for n in (1, 19, 20, 35, 100)] == [1, 1, 2, 3, 4]


@pytest.mark.skipif(sys.platform != "linux", reason="needs a safe fork")
@pytest.mark.parametrize(
    ("victim", "message"), [("os._exit(3)", "EOFError"), ("raise MemoryError", "MemoryError")]
)
def test_a_worker_that_dies_ends_the_training(victim, message):
    code = f"""
import os
import numpy as np
from digits.scratch.fast import workers
from digits.scratch.layers import Dense
from digits.scratch.network import Network

class Dying(Dense):
    def backward(self, d_y, x, gradients):
        if os.getpid() != parent:
            {victim}
        return super().backward(d_y, x, gradients)

parent = os.getpid()
workers.MIN_SHARD_MULTIPLICATIONS = 1
network = Network([Dying()], [{{"W": np.ones((2, 2)), "b": np.ones(2)}}])
workers.Workers(network, np.ones((8, 2)), np.ones(8, int), n_workers=2).loss_and_gradient()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert message in done.stderr
    assert "EOFError" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="needs a safe fork")
@pytest.mark.parametrize(
    "moment",
    ["time.sleep(60)", "[trained.loss_and_gradient() for _ in range(10**6)]"],
    ids=["waiting", "working"],
)
def test_workers_of_a_killed_training_end_with_it(moment):
    code = f"""
import time
import numpy as np
from digits.scratch.fast import workers
from digits.scratch.layers import Dense
from digits.scratch.network import Network

workers.MIN_SHARD_MULTIPLICATIONS = 1
network = Network([Dense()], [{{"W": np.ones((2, 2)), "b": np.ones(2)}}])
trained = workers.Workers(network, np.ones((8, 2)), np.ones(8, int), n_workers=3)
print("ready", flush=True)
{moment}
"""
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "ready\n"
        workers = psutil.Process(process.pid).children()
        time.sleep(0.1)  # into the work
        process.kill()
        _, printed = process.communicate(timeout=20)  # the workers have it open too
    assert len(workers) == 2
    assert psutil.wait_procs(workers, timeout=20)[1] == []
    assert printed == ""
