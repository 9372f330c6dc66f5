"""Learning rates that fall from epoch to epoch: by the names that `fit` knows, and as PyTorch's schedulers.

Both say which share of the rate at the start an epoch has. Those of SCHEDULES know how many epochs there will be; one
of them moves an optimiser in a loop of your own as `LambdaLR(optimiser, lambda t: SCHEDULES["inverse"](t, 30))`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np

from microgradcnn.engine.arguments import check_real
from microgradcnn.files import check_sizes

# The learning rate at epoch t of T, as a share of the rate at the start.
SCHEDULES: dict[str, Callable[[int, int], float]] = {
    "constant": lambda t, T: 1.0,
    "step": lambda t, T: 0.5 ** (5 * t // T),  # halved after every fifth of the epochs
    "inverse": lambda t, T: 1.0 / (1.0 + 10.0 * t / T),
    "exponential": lambda t, T: 0.01 ** (t / T),  # a hundredth at the end
    "cosine": lambda t, T: (1.0 + math.cos(math.pi * t / T)) / 2.0,
}


class HasRate(Protocol):
    """What a scheduler moves: an optimiser, whose `lr` is its learning rate."""

    lr: float


@dataclass(eq=False)
class LRScheduler(ABC):
    """Sets the `lr` of an optimiser: to the share of epoch 0 at once, and of the epoch after at every `step`.

    The rate at the start is `base_lr`, the optimiser's when the scheduler is made. Raises ValueError for a number of
    epochs < 1.
    """

    optimiser: HasRate

    eta_min = 0.0  # what the rate falls to

    def __post_init__(self) -> None:
        if not hasattr(self.optimiser, "lr"):
            given = type(self.optimiser).__name__
            raise TypeError(f"{type(self).__name__} moves an optimiser, such as SGD(...), not a {given}")
        self.base_lr = float(self.optimiser.lr)
        self._move_to(0)

    @abstractmethod
    def share(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 0, as a share of that at the start."""

    def step(self) -> None:
        """The next epoch begins: call it at the end of one, after the optimiser's steps."""
        self._move_to(self.last_epoch + 1)

    def get_last_lr(self) -> list[float]:
        """The rate of this epoch, in a list as PyTorch has it."""
        return [self.rate]

    def state_dict(self) -> dict[str, Any]:
        """The epoch, the rate at the start and the numbers that the scheduler was made with, as arrays."""
        return {name: np.array(getattr(self, name), np.float64) for name in self._numbers()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave, and set the optimiser's `lr` accordingly.

        Raises ValueError, and changes nothing, for another scheduler's. A function is no part of a state.
        """
        try:
            check_sizes(state, self.state_dict(), type(self).__name__)
        except ValueError as error:
            raise ValueError(f"the state {error}") from None
        for name in self._numbers():
            setattr(self, name, float(state[name]))
        self._move_to(int(self.last_epoch))

    def _numbers(self) -> list[str]:
        made_with = [field.name for field in fields(self)[1:] if not callable(getattr(self, field.name))]
        return ["base_lr", "last_epoch", *made_with]

    def _move_to(self, epoch: int) -> None:
        self.last_epoch = epoch
        self.rate = self.optimiser.lr = self.eta_min + (self.base_lr - self.eta_min) * self.share(epoch)


@dataclass(eq=False)
class LambdaLR(LRScheduler):
    """lr_lambda(epoch) times the rate at the start."""

    lr_lambda: Callable[[int], float]

    def __post_init__(self) -> None:
        if not callable(self.lr_lambda):
            raise TypeError(f"lr_lambda is a function of the epoch, such as lambda t: 0.9**t, not {self.lr_lambda!r}")
        super().__post_init__()

    def share(self, epoch: int) -> float:
        """What the function says."""
        return self.lr_lambda(epoch)


@dataclass(eq=False)
class StepLR(LRScheduler):
    """The rate times `gamma` after every `step_size` epochs."""

    step_size: int
    gamma: float = 0.1

    def __post_init__(self) -> None:
        _check_epochs("step_size", self.step_size)
        check_real(gamma=self.gamma)
        super().__post_init__()

    def share(self, epoch: int) -> float:
        """gamma^⌊epoch/step_size⌋."""
        return self.gamma ** (epoch // self.step_size)


@dataclass(eq=False)
class ExponentialLR(LRScheduler):
    """The rate times `gamma` after every epoch."""

    gamma: float

    def __post_init__(self) -> None:
        check_real(gamma=self.gamma)
        super().__post_init__()

    def share(self, epoch: int) -> float:
        """gamma^epoch."""
        return self.gamma**epoch


@dataclass(eq=False)
class CosineAnnealingLR(LRScheduler):
    """Half a wave down to `eta_min` in `T_max` epochs, and up again in as many (Loshchilov and Hutter 2017)."""

    T_max: int
    eta_min: float = 0.0

    def __post_init__(self) -> None:
        _check_epochs("T_max", self.T_max)
        check_real(eta_min=self.eta_min)
        super().__post_init__()

    def share(self, epoch: int) -> float:
        """(1 + cos(π·epoch/T_max))/2."""
        return SCHEDULES["cosine"](epoch, self.T_max)


def _check_epochs(name: str, epochs: int) -> None:
    check_real(**{name: epochs})
    if not (epochs >= 1 and epochs == int(epochs)):
        raise ValueError(f"{name} is a number of epochs, 1 at least, not {epochs}")
