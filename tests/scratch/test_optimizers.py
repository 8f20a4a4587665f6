"""Optimizers against PyTorch's in float64, and minimizers on a problem with a known answer."""

import numpy as np
import pytest
import torch

from digits.scratch.optimizers import SGD, Adam, conjugate_gradient, l_bfgs
from digits.training.params import ADAM


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (SGD(), lambda p: torch.optim.SGD(p, lr=0.1)),
        (SGD(momentum=0.9), lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)),
        (
            SGD(0.9, nesterov=True),
            lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
        ),
        (
            Adam(*ADAM),
            lambda p: torch.optim.Adam(
                p, lr=0.1, betas=(ADAM.beta_1, ADAM.beta_2), eps=ADAM.epsilon
            ),
        ),
    ],
    ids=["sgd", "momentum", "nesterov", "adam"],
)
def test_twenty_steps_equal_torch(ours, theirs, generator):
    parameters = generator.normal(size=30)
    tensor = torch.from_numpy(parameters.copy()).requires_grad_()
    optimizer = theirs([tensor])
    for _ in range(20):
        gradient = generator.normal(size=30)
        ours.step(parameters, gradient, 0.1)
        tensor.grad = torch.from_numpy(gradient.copy())
        optimizer.step()
    np.testing.assert_allclose(parameters, tensor.detach(), rtol=1e-12)  # float64


@pytest.mark.parametrize("minimizer", [conjugate_gradient, l_bfgs])
def test_minimizer_finds_the_minimum_of_a_quadratic(minimizer, generator):
    A = generator.normal(size=(6, 6))
    A = A @ A.T + np.eye(6)
    b = generator.normal(size=6)
    path = []
    found = minimizer(
        lambda x: (x @ A @ x / 2 - b @ x, A @ x - b),
        np.zeros(6),
        50,
        lambda x: path.append(x.copy()),
    )
    # SciPy stops at a gradient of 1e-5.
    np.testing.assert_allclose(found.x, np.linalg.solve(A, b), atol=1e-4)
    assert np.array_equal(path[-1], found.x)


@pytest.mark.parametrize("minimizer", [conjugate_gradient, l_bfgs])
def test_minimizer_stops_after_the_iterations_asked_for(minimizer):
    path = []
    minimizer(lambda x: ((x**4).sum(), 4 * x**3), np.ones(3), 2, path.append)
    assert len(path) == 2
