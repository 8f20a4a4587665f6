"""Both loops: steps by hand, the same from every source of gradients, and resumed."""

import numpy as np
import pytest

from digits.scratch.fast import workers as workers_module
from digits.scratch.fast.workers import Workers
from digits.scratch.layers import Dense, Dropout, Relu, Sigmoid
from digits.scratch.network import Network
from digits.scratch.optimizers import SGD, Adam, conjugate_gradient, l_bfgs
from digits.scratch.train import Batches, GradientSource, Observer, Result, descend, minimize_whole


class Curve(Observer):
    """Keeps what it is shown, in order: n_samples and loss of a step, the number of an epoch."""

    def __init__(self):
        self.seen: list = []

    def after_step(self, n_samples: int, result: Result) -> None:
        self.seen.append((n_samples, result.loss))

    def after_epoch(self, epoch: int) -> None:
        self.seen.append(epoch)


@pytest.fixture
def data(generator):
    """Samples of three classes, float64 (60, 5), and their labels."""
    labels = generator.integers(0, 3, 60)
    return np.eye(3, 5)[labels] + generator.normal(0, 0.3, (60, 5)), labels


def make_network(rate: float = 0.0, activation: type = Relu) -> Network:
    """Return dense, activation, dropout, dense, in float64, always with the same weights."""
    generator = np.random.default_rng(1)
    first = {"W": generator.normal(size=(5, 8)), "b": generator.normal(size=8)}
    last = {"W": generator.normal(size=(8, 3)), "b": generator.normal(size=3)}
    layers = [Dense(), activation(), Dropout(rate), Dense()]
    return Network(layers, [first, {}, {}, last])


def plan(n_epochs: int, first: int = 0) -> list:
    """Return epochs of mini-batches of 25, 25 and 10 samples, each epoch in its own order."""
    epochs = []
    for epoch in range(first, n_epochs):
        order = np.random.default_rng(epoch).permutation(60)
        epochs.append((epoch, [(samples, 0.1) for samples in np.split(order, [25, 50])]))
    return epochs


def train(source: GradientSource, optimizer=None) -> np.ndarray:
    """Return the parameters after two epochs of descent."""
    descend(source, optimizer or SGD(0.9), plan(2), Observer(), l2=0.01, seed=3)
    return source.network.parameters.copy()


def test_one_step_is_the_one_worked_by_hand():
    # x = (1, 2), W = 0, so p = (1/2, 1/2). With label 0, d_y = p - (1, 0) = (-1/2, 1/2), and
    # d_W = x^T d_y = ((-1/2, 1/2), (-1, 1)). A step of 0.1 subtracts a tenth of it.
    network = Network([Dense()], [{"W": np.zeros((2, 2)), "b": np.zeros(2)}])
    source = Batches(network, np.array([[1.0, 2.0]]), np.array([0]))
    curve = Curve()
    descend(source, SGD(), [(7, [(np.array([0]), 0.1)])], curve, l2=0.5, seed=0)
    np.testing.assert_allclose(network.layers[0].W, [[0.05, -0.05], [0.1, -0.1]], rtol=1e-15)
    np.testing.assert_allclose(network.layers[0].b, [0.05, -0.05], rtol=1e-15)
    assert curve.seen == [(1, pytest.approx(np.log(2), rel=1e-15)), 7]


def test_penalty_alone_shrinks_weights_and_no_bias():
    # Two samples of zeros with both labels: d_y sums to 0, so only l2 W = 0.5 W moves W.
    network = Network([Dense()], [{"W": np.full((2, 2), 4.0), "b": np.ones(2)}])
    source = Batches(network, np.zeros((2, 2)), np.array([0, 1]))
    descend(source, SGD(), [(0, [(np.arange(2), 0.1)])], Observer(), l2=0.5, seed=0)
    np.testing.assert_allclose(network.layers[0].W, 4 - 0.1 * 0.5 * 4, rtol=1e-15)
    assert network.layers[0].b.tolist() == [1, 1]


def test_observer_sees_each_step_then_its_epoch(data):
    curve = Curve()
    descend(Batches(make_network(), *data), SGD(), plan(2), curve, l2=0.0, seed=0)
    sizes = [item[0] if isinstance(item, tuple) else item for item in curve.seen]
    assert sizes == [25, 25, 10, 0, 25, 25, 10, 1]


def test_epochs_are_asked_for_one_at_a_time(data):
    """An epoch's images may overwrite those of the last one, so that one must have ended."""
    curve = Curve()

    def watched_plan():
        for epoch, steps in plan(2):
            assert curve.seen.count(0) == epoch
            yield epoch, steps

    descend(Batches(make_network(), *data), SGD(), watched_plan(), curve, l2=0.0, seed=0)
    assert curve.seen[-1] == 1


@pytest.mark.parametrize("make_optimizer", [lambda: SGD(0.9), lambda: Adam(0.9, 0.999, 1e-8)])
def test_descent_from_a_later_epoch_ends_with_the_same_bytes(data, make_optimizer):
    whole, parts = make_network(0.5), make_network(0.5)
    descend(Batches(whole, *data), make_optimizer(), plan(3), Observer(), l2=0.01, seed=3)
    optimizer = make_optimizer()
    descend(Batches(parts, *data), optimizer, plan(1), Observer(), l2=0.01, seed=3)
    descend(Batches(parts, *data), optimizer, plan(3, first=1), Observer(), l2=0.01, seed=3)
    assert parts.parameters.tobytes() == whole.parameters.tobytes()


def test_each_step_has_the_seed_of_its_epoch_and_number(data):
    seeds = []

    class Spy(Batches):
        def loss_and_gradient(self, samples=None, l2=0, seed=()):
            seeds.append(seed)
            return super().loss_and_gradient(samples, l2, seed)

    descend(Spy(make_network(), *data), SGD(), plan(6, first=4), Observer(), l2=0.0, seed=3)
    assert seeds == [(3, epoch, step) for epoch in (4, 5) for step in range(3)]


def test_dropout_differs_by_seed_epoch_and_step(data):
    source = Batches(make_network(0.5), *data)
    samples = np.arange(10)
    seeds = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 0)]
    losses = [source.loss_and_gradient(samples, seed=seed).loss for seed in seeds]
    assert len(set(losses)) == 4
    assert losses[0] == losses[4]


def test_one_shard_gives_the_bytes_of_the_plain_source(data):
    plain, sharded = Batches(make_network(0.5), *data), Workers(make_network(0.5), *data)
    assert sharded.count_shards(25) == 1
    assert train(plain).tobytes() == train(sharded).tobytes()


def test_several_shards_give_the_numbers_of_the_plain_source(data, monkeypatch):
    monkeypatch.setattr(workers_module, "MIN_SHARD_MULTIPLICATIONS", 1)
    plain, sharded = Batches(make_network(), *data), Workers(make_network(), *data)
    assert sharded.count_shards(25) == 4
    # Six steps in float64; the order of the sums differs.
    np.testing.assert_allclose(train(sharded), train(plain), rtol=1e-11)
    assert not np.allclose(train(plain), make_network().parameters)


@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_one_worker_and_two_give_the_same_bytes(data, rate, monkeypatch):
    monkeypatch.setattr(workers_module, "MIN_SHARD_MULTIPLICATIONS", 1)
    trained = []
    for n_workers in (1, 2):
        workers = Workers(make_network(rate), *data, n_workers, fork=False)
        trained.append(train(workers, Adam(0.9, 0.999, 1e-8)).tobytes())
        workers.close()
    assert trained[0] == trained[1]


@pytest.mark.parametrize("minimizer", [conjugate_gradient, l_bfgs])
def test_minimizer_lowers_the_objective_at_each_iteration(data, minimizer):
    network = make_network(activation=Sigmoid)
    objectives = []

    class Objectives(Observer):
        def after_step(self, n_samples: int, result: Result) -> None:
            assert n_samples == 60
            objectives.append(result.loss + network.penalty(0.01))

    minimize_whole(Batches(network, *data), minimizer, 20, Objectives(), 0.01)
    assert len(objectives) == 20
    assert (np.diff(objectives) < 0).all()


@pytest.mark.parametrize("minimizer", [conjugate_gradient, l_bfgs])
def test_reported_loss_is_that_of_the_parameters_reported(data, minimizer):
    source = Batches(make_network(activation=Sigmoid), *data)
    epochs = []

    class Check(Observer):
        def after_step(self, n_samples: int, result: Result) -> None:
            assert result.loss == source.loss_and_gradient().loss

        def after_epoch(self, epoch: int) -> None:
            epochs.append(epoch)

    minimize_whole(source, minimizer, 10, Check(), 0.01)
    assert epochs == list(range(10))


def stray(objective, start, n_iterations, report) -> None:
    """A minimizer whose line search ends on a point that it does not choose."""
    chosen, tried = start + 1, start - 1
    for _ in range(n_iterations):
        objective(chosen)
        objective(tried)
        report(chosen)


def test_parameters_end_where_the_minimizer_chose_not_where_it_looked_last(data):
    network = make_network()
    start = network.parameters.copy()
    minimize_whole(Batches(network, *data), stray, 1, Observer(), 0.0)
    assert np.array_equal(network.parameters, start + 1)


def test_minimizer_gets_the_numbers_of_the_plain_source_from_workers(data, monkeypatch):
    monkeypatch.setattr(workers_module, "MIN_SHARD_MULTIPLICATIONS", 1)
    plain = Batches(make_network(activation=Sigmoid), *data)
    sharded = Workers(make_network(activation=Sigmoid), *data)
    for source in (plain, sharded):
        minimize_whole(source, l_bfgs, 10, Observer(), 0.01)
    # A minimizer's line search magnifies the rounding of float64.
    np.testing.assert_allclose(sharded.network.parameters, plain.network.parameters, rtol=1e-6)
