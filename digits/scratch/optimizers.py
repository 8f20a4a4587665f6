"""How parameters move: mini-batch descent, a step at a time, and a minimizer of SciPy's that has the whole objective.

All work on one flat vector of parameters and the gradient of the loss in it.
"""

from collections.abc import Callable

import numpy as np
from scipy.optimize import OptimizeResult, minimize


class SGD:
    """Gradient descent with momentum: v <- momentum v + gradient; parameters <- parameters - learning_rate v."""

    def __init__(self, momentum: float = 0.0):
        self.momentum = momentum
        self.velocity: np.ndarray | None = None

    def step(self, parameters: np.ndarray, gradient: np.ndarray, learning_rate: float) -> None:
        """Move `parameters`, in place."""
        if not self.momentum:
            parameters -= learning_rate * gradient
            return
        if self.velocity is None:
            self.velocity = np.zeros_like(parameters)
        self.velocity *= self.momentum
        self.velocity += gradient
        parameters -= learning_rate * self.velocity


class Adam:
    """Adam (Kingma and Ba, 2015): a step of the gradient's running mean over the root of its running mean square.

    m <- beta_1 m + (1 - beta_1) g; v <- beta_2 v + (1 - beta_2) g^2. Both start at 0, so after t steps they are short by the factors
    1 - beta^t, which are divided out: parameters <- parameters - learning_rate m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon).
    """

    def __init__(self, beta_1: float, beta_2: float, epsilon: float):
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.m: np.ndarray | float = 0.0
        self.v: np.ndarray | float = 0.0
        self.t = 0

    def step(self, parameters: np.ndarray, gradient: np.ndarray, learning_rate: float) -> None:
        """Move `parameters`, in place."""
        self.t += 1
        self.m = self.beta_1 * self.m + (1 - self.beta_1) * gradient
        self.v = self.beta_2 * self.v + (1 - self.beta_2) * gradient**2
        rate = learning_rate / (1 - self.beta_1**self.t)
        parameters -= rate * self.m / (np.sqrt(self.v / (1 - self.beta_2**self.t)) + self.epsilon)


def conjugate_gradient(
    objective: Callable[[np.ndarray], tuple[float, np.ndarray]], start: np.ndarray, n_iterations: int, callback: Callable[[np.ndarray], None]
) -> OptimizeResult:
    """Minimize by SciPy's nonlinear conjugate gradient (Polak and Ribiere), in float64; `callback` gets the vector after each iteration.

    Each direction is the new downhill one plus a share of the last, so that steps do not undo each other, and a line search says
    how far to go. `objective` returns value and gradient together: they share the forward pass.
    """
    return minimize(objective, start.astype(np.float64), jac=True, method="CG", callback=callback, options={"maxiter": n_iterations})
