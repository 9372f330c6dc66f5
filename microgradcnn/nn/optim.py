"""Gradient descent as the lecture describes it, with momentum and Adam besides, and decreasing learning rates."""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np

from microgradcnn.engine.arguments import several
from microgradcnn.engine.arrays import Data, plain
from microgradcnn.engine.value import Value
from microgradcnn.files import check_sizes

# The learning rate at epoch t of T, as a share of the rate at the start.
SCHEDULES: dict[str, Callable[[int, int], float]] = {
    "constant": lambda t, T: 1.0,
    "step": lambda t, T: 0.5 ** (5 * t // T),  # halved after every fifth of the epochs
    "inverse": lambda t, T: 1.0 / (1.0 + 10.0 * t / T),
    "exponential": lambda t, T: 0.01 ** (t / T),  # a hundredth at the end
    "cosine": lambda t, T: (1.0 + math.cos(math.pi * t / T)) / 2.0,
}


class Optimiser(ABC):
    """Moves parameters against a direction made of their gradients, every gradient taken at the old values.

    The arguments are PyTorch's: `lr` is the learning rate of a step that is given none, and `weight_decay` λ adds λθ to
    every gradient. A step with a gradient that is NaN or infinite warns (RuntimeWarning); with `error_if_nonfinite` it
    raises FloatingPointError before anything moves, with `error_if_nonfinite=False` it says nothing. Raises TypeError
    for anything but Values, ValueError for no parameters, one that is there twice, λ < 0 or a rate < 0.
    """

    numbers: ClassVar[tuple[str, ...]] = ("lr", "weight_decay")
    memories: ClassVar[tuple[str, ...]] = ()  # lists with an array for every parameter
    error_if_nonfinite: bool | None = None  # of the class too: pickles from before it have none of their own

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 1e-3,
        weight_decay: float = 0.0,
        *,
        error_if_nonfinite: bool | None = None,
    ) -> None:
        self.parameters = several(parameters, "what an optimiser moves")
        for p in self.parameters:
            if not isinstance(p, Value):
                raise TypeError(
                    f"an optimiser takes Values, as model.parameters() lists them, not a {type(p).__name__}"
                )
        if not self.parameters or not (0.0 <= lr < math.inf and 0.0 <= weight_decay < math.inf):
            raise ValueError(
                "an optimiser takes one parameter at least, and lr and weight_decay ≥ 0, "
                f"not {len(self.parameters)} parameters, lr={lr} and weight_decay={weight_decay}"
            )
        twice = next((p for p, times in Counter(self.parameters).items() if times > 1), None)
        if twice is not None:
            raise ValueError(
                f"{twice.describe()} is among the parameters twice, and every step would move it twice: list it once"
            )
        self.lr, self.weight_decay, self.steps = lr, weight_decay, 0
        self.error_if_nonfinite = error_if_nonfinite

    def zero_grad(self) -> None:
        """Forget every gradient: a backward pass adds to what is there."""
        for p in self.parameters:
            p.grad = None

    @np.errstate(all="ignore")  # of what is not finite it has told already
    def step(self, rate: float | None = None) -> None:
        """Move every parameter by its `.grad`, at the rate given or `lr`.

        Raises ValueError if one has no gradient, FloatingPointError as `error_if_nonfinite` asks.
        """
        for p in self.parameters:
            if p.grad is None:
                raise ValueError(f"{p.describe()} has no gradient: call backward() on the loss before step()")
            if self.error_if_nonfinite is not False and not np.isfinite(p.grad).all():
                sentence = _not_finite(p)
                if self.error_if_nonfinite:
                    raise FloatingPointError(sentence)
                warnings.warn(sentence, RuntimeWarning, stacklevel=3)
        rate = self.lr if rate is None else rate
        self.steps += 1
        for i, p in enumerate(self.parameters):
            gradient = p.grad + self.weight_decay * p.data if self.weight_decay else p.grad
            p.data = p.data - rate * self.direction(i, gradient)

    def state_dict(self) -> dict[str, Any]:
        """All that the next step depends on but parameters and gradients, as copied arrays: numbers, `velocities.0`."""
        state: dict[str, Any] = {"steps": np.array(self.steps)}
        state |= {name: np.array(getattr(self, name), np.float64) for name in self.numbers}
        for name in self.memories:
            state |= {f"{name}.{i}": np.array(memory) for i, memory in enumerate(getattr(self, name))}
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave; the numbers are taken too.

        Raises ValueError, and changes nothing, if a name, shape or dtype is another than this optimiser's.
        """
        try:
            check_sizes(state, self.state_dict(), type(self).__name__)
        except ValueError as error:
            raise ValueError(f"the state {error}") from None
        self.steps = int(state["steps"])
        for name in self.numbers:
            value = np.asarray(state[name]).tolist()
            setattr(self, name, tuple(value) if isinstance(value, list) else value)
        for name in self.memories:
            setattr(self, name, [plain(np.array(state[f"{name}.{i}"])) for i in range(len(self.parameters))])

    def _zeros(self) -> list[Any]:
        return [plain(np.zeros(p.shape, p.dtype)) for p in self.parameters]

    @abstractmethod
    def direction(self, i: int, gradient: Data) -> Any:
        """What parameter number i moves against."""


def _not_finite(p: Value) -> str:
    bad = ~np.isfinite(p.grad)
    what = "NaN" if np.isnan(p.grad).any() else "an infinity"
    where = f" in {np.count_nonzero(bad)} of {bad.size} places" if p.ndim else ""
    return (
        f"the gradient of {p.describe()} is {what}{where}: no step repairs the parameter afterwards, and "
        "`with mg.debug():` around the loss and backward() names the operation that it came from"
    )


class SGD(Optimiser):
    """v ← βv + df/dθ and θ ← θ − ηv (Polyak 1964), β the `momentum`; without it gradient descent, θ ← θ − η df/dθ."""

    numbers = (*Optimiser.numbers, "momentum")
    memories = ("velocities",)

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 1e-3,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        *,
        error_if_nonfinite: bool | None = None,
    ) -> None:
        super().__init__(parameters, lr, weight_decay, error_if_nonfinite=error_if_nonfinite)
        self.momentum = momentum
        self.velocities = self._zeros()

    def direction(self, i: int, gradient: Data) -> Any:
        """The gradient, or the velocity if there is momentum."""
        if self.momentum:
            self.velocities[i] = gradient = self.momentum * self.velocities[i] + gradient
        return gradient


class Adam(Optimiser):
    """Adam (Kingma and Ba 2015, algorithm 1) with their η = 0.001, β₁ = 0.9, β₂ = 0.999 and ε = 1e-8."""

    numbers = (*Optimiser.numbers, "betas", "eps")
    memories = ("first", "second")

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        error_if_nonfinite: bool | None = None,
    ) -> None:
        super().__init__(parameters, lr, weight_decay, error_if_nonfinite=error_if_nonfinite)
        self.betas, self.eps = betas, eps
        self.first, self.second = self._zeros(), self._zeros()

    def direction(self, i: int, gradient: Data) -> Any:
        """The mean gradient over the root of the mean squared one, both corrected for their start at 0."""
        one, two = self.betas
        self.first[i] = one * self.first[i] + (1.0 - one) * gradient
        self.second[i] = two * self.second[i] + (1.0 - two) * gradient * gradient
        mean, square = self.first[i] / (1.0 - one**self.steps), self.second[i] / (1.0 - two**self.steps)
        return mean / (np.sqrt(square) + self.eps)


OPTIMISERS: dict[str, Callable[..., Optimiser]] = {
    "gradient_descent": SGD,
    "momentum": partial(SGD, momentum=0.9),
    "adam": Adam,
}
