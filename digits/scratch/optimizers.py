"""How parameters move: mini-batch descent, a step at a time, and SciPy's minimizers, which have the
whole objective.

All work on one flat vector of parameters and the gradient of the loss in it.
"""

from collections.abc import Callable

import numpy as np
from scipy.optimize import OptimizeResult, minimize

Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]


class SGD:
    """Gradient descent with momentum: v <- momentum v + gradient; parameters <- parameters -
    learning_rate v.

    With Nesterov's momentum (Sutskever et al., 2013) the step is gradient + momentum v: v as it
    will be after this gradient's next turn.
    """

    def __init__(self, momentum: float = 0.0, nesterov: bool = False):
        self.momentum, self.nesterov = momentum, nesterov
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
        parameters -= learning_rate * (
            gradient + self.momentum * self.velocity if self.nesterov else self.velocity
        )


class Adam:
    """Adam (Kingma and Ba, 2015): a step of the gradient's running mean over the root of its
    running mean square.

    m <- beta_1 m + (1 - beta_1) g; v <- beta_2 v + (1 - beta_2) g^2. Both start at 0, so after t
    steps they are short by the factors 1 - beta^t, which are divided out: parameters <- parameters
    - learning_rate m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon).
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
    objective: Objective,
    start: np.ndarray,
    n_iterations: int,
    callback: Callable[[np.ndarray], None],
) -> OptimizeResult:
    """Minimize by SciPy's nonlinear conjugate gradient (Polak and Ribiere), in float64; `callback`
    gets the vector after each iteration.

    Each direction is the new downhill one plus a share of the last, so that steps do not undo each
    other, and a line search says how far to go. `objective` returns value and gradient together:
    they share the forward pass.
    """
    return minimize(
        objective,
        start.astype(np.float64),
        jac=True,
        method="CG",
        callback=callback,
        options={"maxiter": n_iterations},
    )


def l_bfgs(
    objective: Objective,
    start: np.ndarray,
    n_iterations: int,
    callback: Callable[[np.ndarray], None],
) -> OptimizeResult:
    """Minimize by SciPy's L-BFGS, in float64; `callback` gets the vector after each iteration.

    From its last ten steps and the changes of the gradient along them it knows enough of the
    curvature to go almost to the minimum of the fitted parabola: the first step length that it
    tries is mostly good, where conjugate gradient tries two.
    """
    # Once for each step length tried, with room to spare: maxfun would otherwise end long
    # trainings.
    options = {"maxiter": n_iterations, "maxfun": 20 * n_iterations}
    return minimize(
        objective,
        start.astype(np.float64),
        jac=True,
        method="L-BFGS-B",
        callback=callback,
        options=options,
    )
