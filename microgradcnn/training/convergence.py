"""What the lecture asks of gradient descent: a stable rate, a start that can learn, a gradient that becomes small."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.gradient import grad
from microgradcnn.engine.value import no_grad
from microgradcnn.networks import Network
from microgradcnn.training.stopping import GOING, History

SMALL = 1e-3  # the gradient's norm at convergence, as a share of what it was at the start
BELOW_GUESSING = 0.9  # the error of a converged network, at most, as a share of that of always guessing the same
# The rate at most, of optimisers that move a weight by about the rate however small its gradient is: RMSprop by ten
# times as much at first, Adagrad by less and less.
LARGEST_RATES = {"adam": 0.1, "adamw": 0.1, "rmsprop": 0.01, "adagrad": 1.0}
KRYLOV = 50  # Hessian-vector products, at most, to find λmax


class Converged:
    """A stop policy: "converged" once the gradient of a network is small and its error below that of guessing y, (n,).

    Small is ‖∇f‖ ≤ 1e-3 of its start, below is a mean squared error < 0.9 of the variance of y, or of several outputs a
    cross-entropy < 0.9 of the classes' entropy: under a decreasing rate a loss that hardly changes proves nothing.
    "dead" where the gradient is exactly 0 and nothing more can be learnt.
    """

    def __init__(self, network: Network, y: Array) -> None:
        self.error, self.guessing = network.error_name, network.error_of_guessing(y)

    def __call__(self, history: History) -> str:
        """GOING, "converged" or "dead"."""
        first, last = history[0]["gradient_norm"], history[-1]["gradient_norm"]
        if last <= SMALL * first and not self.hardly_better(history):
            return "converged"
        return GOING if last else "dead"

    def hardly_better(self, history: History) -> bool:
        """Whether the error is hardly better than that of always guessing the mean of y, or its classes' shares."""
        return history[-1][self.error] >= BELOW_GUESSING * self.guessing

    def report(self, status: str, history: History) -> str:
        """What came of a run with this status, in a sentence."""
        if not history:
            return "interrupted before the first step: the parameters are as they were"
        start, last = history[0]["gradient_norm"], history[-1]
        shrunk = last["gradient_norm"] / start if start else 0.0
        epochs = f"{len(history)} epoch{'s' * (len(history) > 1)}"
        words = {
            "converged": f"converged at epoch {last['epoch']}: the gradient is {shrunk:.2g} of its start",
            "dead": f"stopped at epoch {last['epoch']}: the gradient is exactly 0, so nothing can be learnt any more "
            "(relus that a large step left at 0 for every row?); try another seed or a smaller rate",
            "interrupted": f"interrupted at epoch {last['epoch']}: the best parameters so far are kept",
            GOING: f"not converged after {epochs}: the gradient is {shrunk:.2g} of its start",
        }[status]
        if not self.hardly_better(history):
            return words
        error = (
            f"the {self.error.replace('_', ' ')} {last[self.error]:.3g} is hardly better than that of always guessing"
        )
        return f"{words}; {error} ({self.guessing:.3g})"


def default_rate(stable: float, optimiser: str = "gradient_descent") -> float:
    """The learning rate to start with: half the largest stable one, at most 100 where the loss is nearly flat.

    At most 0.1 for Adam and AdamW, 0.01 for RMSprop and 1 for Adagrad, whose steps are not small where gradients are.
    """
    return min(0.5 * stable, LARGEST_RATES.get(optimiser, 100.0))


def largest_stable_rate(network: Network, x: Array, y: Array, seed: int = 0) -> float:
    """2/λmax, λmax the largest eigenvalue of the Hessian of the loss at the parameters of this moment.

    Gradient descent on the quadratic nearest to the loss is stable below this rate. λmax is found from Hessian-vector
    products Hv = ∇(∇f·v), each about two gradients' work; the rate is infinite if no curvature is positive.
    """
    parameters = list(network.parameters.values())
    gradients = grad(network.loss(x, y), parameters)
    ends = np.cumsum([math.prod(p.shape) for p in parameters])

    def hessian(v: Array) -> Array:
        parts = np.split(v, ends[:-1])
        along: Any = sum(g.reshape(-1) @ part for g, part in zip(gradients, parts, strict=True))
        return np.concatenate([np.ravel(product.data) for product in grad(along, parameters)])

    largest = _largest_eigenvalue(hessian, np.random.default_rng(seed).normal(size=ends[-1]))
    return 2.0 / largest if largest > 0 else math.inf


def dead_start(network: Network, x: Array) -> str | None:
    """A sentence if every relu is 0 for every row x, (n, inputs), so that no gradient gets through; else None."""
    with no_grad():
        if network.activation != "relu" or np.any(type(network).hidden(network, x).data):
            return None
    return "a dead start: every relu is 0 for every row, so no gradient reaches the weights before it; try another seed"


def equal_units(network: Network) -> tuple[int, int] | None:
    """Two hidden units with the same weights in and out, which gradient descent can never tell apart."""
    units = [unit.tolist() for unit in network.units()]
    pairs = ((units.index(unit), j) for j, unit in enumerate(units))
    return next(((i + 1, j + 1) for i, j in pairs if i < j), None)


@np.errstate(over="ignore", invalid="ignore")
def _largest_eigenvalue(matrix: Callable[[Array], Array], v: Array) -> float:
    """The largest (not: largest in size) eigenvalue of a symmetric matrix, to four digits; 0 if none is positive.

    It is that of the matrix restricted to v, Av, A²v, ...: power iteration that forgets no step (Lanczos). Power
    iteration alone crawls where the largest and the smallest eigenvalue are nearly opposite, as they are near saddles.
    """
    basis, images, largest = np.empty((0, v.size)), np.empty((0, v.size)), 0.0
    for _ in range(min(KRYLOV, v.size)):
        basis = np.vstack([basis, v / _norm(v)])
        images = np.vstack([images, matrix(basis[-1])])
        if not np.isfinite(images[-1]).all():
            return math.inf
        values, vectors = np.linalg.eigh(basis @ images.T)
        largest = float(values[-1]) if values[-1] > 1e-12 * -values[0] else 0.0
        v = images[-1]
        for _ in range(2):  # once leaves rounding behind
            v = v - (basis @ v) @ basis
        if _norm(v) * abs(vectors[-1, -1]) <= 1e-4 * largest or _norm(v) <= 1e-12 * _norm(images[-1]):
            break
    return largest


def _norm(v: Array) -> float:
    return math.sqrt(float(np.sum(np.square(v))))
