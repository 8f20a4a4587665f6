"""SciPy's minimizers on the sigmoid network, timed to one value of the objective.

They are contenders of benchmarks/engine.py: the engine's objective against the objective as it is
usually written for SciPy.
"""

import time
from collections.abc import Callable

import numpy as np
from scipy.optimize import OptimizeResult, minimize
from threadpoolctl import threadpool_limits

from digits.backends.scratch.network import build
from digits.preprocessing.apply import network_inputs
from digits.scratch.fast.workers import Workers
from digits.scratch.network import Network
from digits.training.initial_weights import initial_weights
from digits.training.loop import load_data
from digits.training.memory import keep_freed_memory
from digits.training.run import load_run

OBJECTIVE = 0.15  # nats: where the clock stops
# SciPy's method for each, and the objective that it minimizes.
MINIMIZERS = {
    "scratch, conjugate gradient": ("CG", "scratch"),
    "plain float64, conjugate gradient": ("CG", "plain"),
    "plain float64 with its constants made once, conjugate gradient": ("CG", "plain, prepared"),
    "scratch, L-BFGS": ("L-BFGS-B", "scratch"),
}

Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]  # parameters to value and gradient
Samples = tuple[np.ndarray, np.ndarray]  # x, (n, n_in), and labels, (n,)


def prepare_minimizer(name: str) -> Callable[[], float]:
    """Return a round of one of MINIMIZERS: a function that returns the seconds to OBJECTIVE."""
    method, which = MINIMIZERS[name]
    run, data = load_run("scratch", "mlp_sigmoid"), load_data()
    x = network_inputs(data.train[0], data.preprocessing.kept_pixels)
    weights = initial_weights(run.layers, x.shape[1:], run.recipe.initializer, run.seed)
    network, samples, l2 = build(run.layers, weights), (x, data.train[1]), run.recipe.l2
    start = network.parameters.astype(np.float64)
    if which == "scratch":
        objective = engine_objective(network, samples, l2, run.threads)
    else:
        is_prepared = which == "plain, prepared"
        objective = plain_objective(samples, weights["2_dense.W"].shape, l2, is_prepared)

    def run_round() -> float:
        started = time.perf_counter()
        options = {"maxiter": 500}
        minimize(objective, start, (), method, True, callback=stop_at, options=options)
        return time.perf_counter() - started

    return run_round


def stop_at(intermediate_result: OptimizeResult) -> None:
    """Stop SciPy's minimizer at OBJECTIVE. SciPy looks for the parameter by its name."""
    if intermediate_result.fun <= OBJECTIVE:
        raise StopIteration


def engine_objective(network: Network, samples: Samples, l2: float, threads: int) -> Objective:
    """Return the engine's loss with its penalty, as the pipeline computes it."""
    keep_freed_memory()
    threadpool_limits(1, user_api="blas")
    workers = Workers(network, *samples, threads)

    def objective(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        network.parameters[:] = parameters
        result = workers.loss_and_gradient(l2=l2)
        return result.loss + network.penalty(l2), result.gradient.astype(np.float64)

    return objective


def plain_objective(
    samples: Samples, sizes: tuple[int, ...], l2: float, is_prepared: bool
) -> Objective:
    """Return a sigmoid network's loss and gradient as they are usually written for SciPy.

    They are computed in float64, for all samples at once, on BLAS's own threads. A column of ones
    stands for the bias. The ones and the one-hot labels are made at each call or, if `is_prepared`,
    once, as a careful author would. `sizes` are the numbers of hidden units and of classes.
    """
    n_hidden, n_classes = sizes
    x, labels = samples[0].astype(np.float64), samples[1]
    n, n_in = x.shape
    split = (n_in + 1) * n_hidden

    def constants() -> tuple[np.ndarray, np.ndarray]:
        return np.hstack([x, np.ones((n, 1))]), np.eye(n_classes)[labels]

    made_once = constants() if is_prepared else None

    def objective(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        W1 = parameters[:split].reshape(n_in + 1, n_hidden)
        W2 = parameters[split:].reshape(n_hidden + 1, n_classes)
        with_ones, one_hot = made_once or constants()
        hidden = np.hstack([1 / (1 + np.exp(-(with_ones @ W1))), np.ones((n, 1))])
        logits = hidden @ W2
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
        penalty = l2 / 2 * ((W1[:-1] ** 2).sum() + (W2[:-1] ** 2).sum())
        loss = -np.log((probabilities * one_hot).sum(axis=1)).mean() + penalty
        d_logits = (probabilities - one_hot) / n
        d_hidden = (d_logits @ W2.T * hidden * (1 - hidden))[:, :-1]
        d_W1, d_W2 = with_ones.T @ d_hidden, hidden.T @ d_logits
        d_W1[:-1] += l2 * W1[:-1]
        d_W2[:-1] += l2 * W2[:-1]
        return loss, np.concatenate([d_W1.ravel(), d_W2.ravel()])

    return objective
