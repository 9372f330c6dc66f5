"""Gradient descent as the lecture describes it, with momentum, or with steps of a size for each number; `mg.optim`.

`mg.optim` has what belongs to them too: clipping, and schedules of learning rates.
"""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from microgradcnn.engine.arguments import check_real, several
from microgradcnn.engine.arrays import Array, Data, plain
from microgradcnn.engine.value import Value
from microgradcnn.files import check_sizes
from microgradcnn.nn.clipping import clip_grad_norm_, clip_grad_value_
from microgradcnn.nn.schedules import SCHEDULES, CosineAnnealingLR, ExponentialLR, LambdaLR, LRScheduler, StepLR
from microgradcnn.protocols.other_names import OF_OPTIM, OF_OPTIMISERS, Elsewhere, refusing
from microgradcnn.system.text_layout import how_many

__all__ = ["OPTIMISERS", "SCHEDULES", "SGD", "Adagrad", "Adam", "AdamW", "CosineAnnealingLR", "ExponentialLR"]
__all__ += ["LRScheduler", "LambdaLR", "Optimiser", "RMSprop", "StepLR", "clip_grad_norm_", "clip_grad_value_"]


class Optimiser(ABC):
    """Moves parameters against a direction made of their gradients, every gradient taken at the old values.

    The arguments are PyTorch's: `lr` is the learning rate of a step that is given none, and `weight_decay` λ adds λθ to
    every gradient, in AdamW to every direction. A step with a gradient that is NaN or infinite warns (RuntimeWarning);
    with `error_if_nonfinite` it raises FloatingPointError before anything moves, with `error_if_nonfinite=False` it
    says nothing. Raises TypeError for anything but Values, ValueError for no parameters, one that is there twice, λ < 0
    or a rate < 0.
    """

    numbers: ClassVar[tuple[str, ...]] = ("lr", "weight_decay")
    memories: ClassVar[tuple[str, ...]] = ()  # lists with an array for every parameter
    decoupled: ClassVar[bool] = False  # whether weights decay beside the direction, not through the gradient
    error_if_nonfinite: bool | None = None  # of the class too: pickles from before it have none of their own
    param_groups = Elsewhere("param_groups", OF_OPTIMISERS["param_groups"])

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 1e-3,
        weight_decay: float = 0.0,
        *,
        error_if_nonfinite: bool | None = None,
    ) -> None:
        check_real(lr=lr, weight_decay=weight_decay)
        self.parameters = several(parameters, "what an optimiser moves")
        for p in self.parameters:
            if not isinstance(p, Value):
                given = type(p).__name__ + (": make an optimiser for every group" if isinstance(p, dict) else "")
                raise TypeError(f"an optimiser takes Values, as model.parameters() lists them, not a {given}")
        if not self.parameters or not (0.0 <= lr < math.inf and 0.0 <= weight_decay < math.inf):
            raise ValueError(
                "an optimiser takes one parameter at least, and lr and weight_decay ≥ 0, "
                f"not {how_many(len(self.parameters), 'parameter')}, lr={lr} and weight_decay={weight_decay}"
            )
        twice = next((p for p, times in Counter(self.parameters).items() if times > 1), None)
        if twice is not None:
            raise ValueError(
                f"{twice.describe()} is among the parameters twice, and every step would move it twice: list it once"
            )
        self.lr, self.weight_decay, self.steps, self.error_if_nonfinite = lr, weight_decay, 0, error_if_nonfinite

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget every gradient, or make it 0: a backward pass adds to what is there."""
        for p in self.parameters:
            p.grad = None if set_to_none else 0.0

    @np.errstate(all="ignore")  # of what is not finite it has told already
    def step(self, rate: float | None = None) -> None:
        """Move every parameter by its `.grad`, at the rate given or `lr`.

        Raises ValueError if one has no gradient, FloatingPointError as `error_if_nonfinite` asks.
        """
        for p in self.parameters:
            if not p.has_grad:
                raise ValueError(
                    f"{p.describe()} has no gradient: call backward() on the loss before step(), or, if that was done, "
                    "the loss does not depend on it (under no_grad(), or from .data, .item() or detach(), nothing "
                    "does): compute the loss from it, or leave it out of the parameters"
                )
            g = p.grad  # of most gradients one sum of squares tells that they are finite
            if self.error_if_nonfinite is not False and not (math.isfinite(np.vdot(g, g)) or np.isfinite(g).all()):
                sentence = _not_finite(p)
                if self.error_if_nonfinite:
                    raise FloatingPointError(sentence)
                warnings.warn(sentence, RuntimeWarning, stacklevel=3)
        rate = self.lr if rate is None else rate
        check_real(rate=rate)
        self.steps += 1
        coupled, beside = (0.0, self.weight_decay) if self.decoupled else (self.weight_decay, 0.0)
        for i, p in enumerate(self.parameters):
            direction = self.direction(i, p.grad + coupled * p.data if coupled else p.grad)
            new = p.data - rate * (direction + beside * p.data if beside else direction)
            if type(new) is np.ndarray:
                new.setflags(write=False)  # nobody else has it, so that p need not copy it
            p.data = new

    def state_dict(self) -> dict[str, Any]:
        """All that the next step depends on but parameters and gradients, as copied arrays: numbers, `velocities.0`.

        Numbers that older states lack are left out at their defaults, so that they stay what they were.
        """
        state: dict[str, Any] = {"steps": np.array(self.steps)}
        numbers, later = {name: _number(getattr(self, name)) for name in self.numbers}, self._later()
        state |= {name: number for name, number in numbers.items() if name not in later or number != later[name]}
        for name in self.memories:
            state |= {f"{name}.{i}": np.array(memory) for i, memory in enumerate(getattr(self, name))}
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave; the numbers are taken too.

        Raises ValueError, and changes nothing, if a name, shape or dtype is another than this optimiser's.
        """
        state = self._later() | dict(state)
        try:
            check_sizes(state, self._later() | self.state_dict(), type(self).__name__)
        except ValueError as error:
            raise ValueError(f"the state {error}") from None
        self.steps = int(state["steps"])
        for name in self.numbers:
            value = np.asarray(state[name]).tolist()
            setattr(self, name, tuple(value) if isinstance(value, list) else value)
        for name in self.memories:
            setattr(self, name, [plain(np.array(state[f"{name}.{i}"])) for i in range(len(self.parameters))])

    def _later(self) -> dict[str, Array]:
        """The numbers that older states lack, at their defaults, which the class has."""
        return {name: _number(getattr(type(self), name)) for name in self.numbers if hasattr(type(self), name)}

    def _filled(self, number: float = 0.0) -> list[Any]:
        return [plain(np.full(p.shape, number, p.dtype)) for p in self.parameters]

    @abstractmethod
    def direction(self, i: int, gradient: Data) -> Any:
        """What parameter number i moves against."""


def _number(given: Any) -> Array:
    return np.array(given, np.bool_ if isinstance(given, bool) else np.float64)


def _not_finite(p: Value) -> str:
    bad = ~np.isfinite(p.grad)
    what = "NaN" if np.isnan(p.grad).any() else "an infinity"
    where = f" in {np.count_nonzero(bad)} of {bad.size} places" if p.ndim else ""
    return (
        f"the gradient of {p.describe()} is {what}{where}: no step repairs the parameter afterwards, and "
        "`with mg.debug():` around the loss and backward() names the operation that it came from"
    )


class SGD(Optimiser):
    """v ← βv + (1 − d) df/dθ and θ ← θ − ηv (Polyak 1964), β the `momentum`, d the `dampening`; v starts at df/dθ.

    Without momentum it is gradient descent, θ ← θ − η df/dθ. With `nesterov` θ moves against df/dθ + βv (Sutskever et
    al. 2013, section 2), which needs momentum and no dampening: a ValueError else.
    """

    numbers = (*Optimiser.numbers, "momentum", "dampening", "nesterov")
    memories = ("velocities",)
    dampening: float = 0.0  # of the class too: states and pickles from before have none of their own
    nesterov: bool = False

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 1e-3,
        momentum: float = 0.0,
        *,
        weight_decay: float = 0.0,  # PyTorch's fifth argument
        dampening: float = 0.0,
        nesterov: bool = False,
        error_if_nonfinite: bool | None = None,
    ) -> None:
        super().__init__(parameters, lr, weight_decay, error_if_nonfinite=error_if_nonfinite)
        if nesterov and (momentum <= 0.0 or dampening != 0.0):
            raise ValueError(
                f"nesterov needs momentum and no dampening, not momentum={momentum} and dampening={dampening}"
            )
        _check_not_negative(momentum=momentum)
        self.momentum, self.dampening, self.nesterov = momentum, dampening, bool(nesterov)
        self.velocities = self._filled()

    def direction(self, i: int, gradient: Data) -> Any:
        """The gradient, or the velocity if there is momentum, or with `nesterov` the velocity of the next step."""
        if not self.momentum:
            return gradient
        new = (1.0 - self.dampening) * gradient if self.dampening and self.steps > 1 else gradient
        self.velocities[i] = velocity = self.momentum * self.velocities[i] + new
        return gradient + self.momentum * velocity if self.nesterov else velocity


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
        _check_not_negative(eps=eps)
        self.betas, self.eps = _checked_betas(betas), eps
        self.first, self.second = self._filled(), self._filled()

    def direction(self, i: int, gradient: Data) -> Any:
        """The mean gradient over the root of the mean squared one, both corrected for their start at 0."""
        one, two = self.betas
        self.first[i] = one * self.first[i] + (1.0 - one) * gradient
        self.second[i] = two * self.second[i] + (1.0 - two) * gradient * gradient
        mean, square = self.first[i] / (1.0 - one**self.steps), self.second[i] / (1.0 - two**self.steps)
        return mean / (np.sqrt(square) + self.eps)


def _checked_betas(betas: Any) -> tuple[float, float]:
    pair = tuple(betas) if isinstance(betas, list | tuple) else (betas,)
    if len(pair) != 2 or not all(isinstance(beta, float | int | np.number) and 0.0 <= beta < 1.0 for beta in pair):
        raise ValueError(f"betas are two numbers from 0 to below 1, such as (0.9, 0.999), not {betas!r}")
    return pair


class AdamW(Adam):
    """Adam whose weights decay by ηλθ a step whatever their gradients are (Loshchilov and Hutter 2019), λ = 0.01."""

    decoupled = True

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        *,
        error_if_nonfinite: bool | None = None,
    ) -> None:
        super().__init__(parameters, lr, betas, eps, weight_decay, error_if_nonfinite=error_if_nonfinite)


class RMSprop(Optimiser):
    """The gradient over the root of s ← αs + (1 − α)(df/dθ)², plus ε (Tieleman and Hinton 2012, lecture 6.5).

    If `centered` s is made less by the square of the mean gradient, which is averaged alike (Graves 2013, equations 38
    to 40); with `momentum` β that is what v ← βv + ... adds up. Raises ValueError for a number < 0.
    """

    numbers = (*Optimiser.numbers, "alpha", "eps", "momentum", "centered")
    memories = ("squares", "means", "velocities")

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        error_if_nonfinite: bool | None = None,
    ) -> None:
        super().__init__(parameters, lr, weight_decay, error_if_nonfinite=error_if_nonfinite)
        _check_not_negative(alpha=alpha, eps=eps, momentum=momentum)
        self.alpha, self.eps, self.momentum, self.centered = alpha, eps, momentum, bool(centered)
        self.squares, self.means, self.velocities = self._filled(), self._filled(), self._filled()

    def direction(self, i: int, gradient: Data) -> Any:
        """The gradient over the root of its mean square, or the velocity that it adds to."""
        old, new = self.alpha, 1.0 - self.alpha
        self.squares[i] = square = old * self.squares[i] + new * gradient * gradient
        if self.centered:
            self.means[i] = mean = old * self.means[i] + new * gradient
            square = np.maximum(square - mean * mean, 0.0)  # which rounding may take below 0
        scaled = gradient / (np.sqrt(square) + self.eps)
        if self.momentum:
            self.velocities[i] = scaled = self.momentum * self.velocities[i] + scaled
        return scaled


class Adagrad(Optimiser):
    """The gradient over the root of the sum of all its squares, plus ε (Duchi, Hazan and Singer 2011).

    The sum starts at `initial_accumulator_value`; the rate of step t, counted from 0, is η/(1 + t·`lr_decay`). Raises
    ValueError for a number < 0.
    """

    numbers = (*Optimiser.numbers, "lr_decay", "eps")
    memories = ("squares",)

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        error_if_nonfinite: bool | None = None,
    ) -> None:
        super().__init__(parameters, lr, weight_decay, error_if_nonfinite=error_if_nonfinite)
        _check_not_negative(lr_decay=lr_decay, initial_accumulator_value=initial_accumulator_value, eps=eps)
        self.lr_decay, self.eps = lr_decay, eps
        self.squares = self._filled(initial_accumulator_value)

    def direction(self, i: int, gradient: Data) -> Any:
        """The gradient over the root of its summed squares, smaller from step to step if `lr_decay` says so."""
        self.squares[i] = self.squares[i] + gradient * gradient
        return gradient / (np.sqrt(self.squares[i]) + self.eps) / (1.0 + (self.steps - 1) * self.lr_decay)


def _check_not_negative(**numbers: float) -> None:
    for name, number in numbers.items():
        check_real(**{name: number})
        if not 0.0 <= number < math.inf:
            raise ValueError(f"{name} is a number ≥ 0, not {number}")


OPTIMISERS: dict[str, Callable[..., Optimiser]] = {
    "gradient_descent": SGD,
    "momentum": partial(SGD, momentum=0.9),
    "nesterov": partial(SGD, momentum=0.9, nesterov=True),
    "adam": Adam,
    "adamw": AdamW,
    "rmsprop": RMSprop,
    "adagrad": Adagrad,
}

if not TYPE_CHECKING:  # a type checker is to refuse what is not there
    __getattr__ = refusing(__name__, OF_OPTIM, __all__)
