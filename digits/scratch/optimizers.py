"""How parameters move: one step per mini-batch (SGD, Adam), or SciPy's minimizers on all samples.

All of them work on one flat vector of parameters and the gradient of the loss in it.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from scipy.optimize import OptimizeResult, minimize

from digits.scratch.layers import Array

Objective = Callable[[Array], tuple[float, Array]]  # parameters to value and gradient
Report = Callable[[Array], None]  # gets the parameters after each iteration


class Optimizer(Protocol):
    """Takes one step at a time."""

    def step(self, parameters: Array, gradient: Array, learning_rate: float) -> None:
        """Move `parameters`, in place."""


class SGD(Optimizer):
    """Gradient descent with momentum: v <- momentum v + g; parameters <- parameters - rate v.

    g is the gradient. Nesterov's momentum steps by g + momentum v instead, where v is the new one
    (Sutskever et al., 2013).
    """

    def __init__(self, momentum: float = 0.0, nesterov: bool = False):
        self.momentum, self.nesterov = momentum, nesterov
        self.velocity: Array | None = None

    def step(self, parameters: Array, gradient: Array, learning_rate: float) -> None:
        if not self.momentum:
            parameters -= learning_rate * gradient
            return
        if self.velocity is None:
            self.velocity = np.zeros_like(parameters)
        self.velocity *= self.momentum
        self.velocity += gradient
        ahead = gradient + self.momentum * self.velocity if self.nesterov else self.velocity
        parameters -= learning_rate * ahead


class Adam(Optimizer):
    """Step by the gradient's running mean over its running root mean square (Kingma and Ba, 2015).

    m <- beta_1 m + (1 - beta_1) g; v <- beta_2 v + (1 - beta_2) g^2. Both start at 0, so after t
    steps they are too small by the factor 1 - beta^t. The step divides by it: parameters <-
    parameters - rate m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon).
    """

    def __init__(self, beta_1: float, beta_2: float, epsilon: float):
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.m: Array | float = 0.0
        self.v: Array | float = 0.0
        self.t = 0

    def step(self, parameters: Array, gradient: Array, learning_rate: float) -> None:
        self.t += 1
        self.m = self.beta_1 * self.m + (1 - self.beta_1) * gradient
        self.v = self.beta_2 * self.v + (1 - self.beta_2) * gradient**2
        rate = learning_rate / (1 - self.beta_1**self.t)
        parameters -= rate * self.m / (np.sqrt(self.v / (1 - self.beta_2**self.t)) + self.epsilon)


def conjugate_gradient(
    objective: Objective, start: Array, n_iterations: int, report: Report
) -> OptimizeResult:
    """Minimize by SciPy's nonlinear conjugate gradient (Polak and Ribiere), in float64.

    Each direction is the downhill direction plus a share of the last direction, so steps do not
    undo each other. A line search finds the length of the step.
    """
    options = {"maxiter": n_iterations}
    start = start.astype(np.float64)
    return minimize(objective, start, method="CG", jac=True, callback=report, options=options)


def l_bfgs(objective: Objective, start: Array, n_iterations: int, report: Report) -> OptimizeResult:
    """Minimize by SciPy's L-BFGS, in float64.

    The last ten steps, and the changes of the gradient along them, show the curvature, which gives
    the step length. The first length tried is usually good; conjugate gradient usually tries two.
    """
    # `maxfun` counts the step lengths tried: SciPy's own limit would end a long training early.
    options = {"maxiter": n_iterations, "maxfun": 20 * n_iterations}
    start = start.astype(np.float64)
    return minimize(objective, start, method="L-BFGS-B", jac=True, callback=report, options=options)
