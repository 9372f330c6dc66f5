"""When training ends: a stop policy or a callback looks at what there is after every epoch, and may end it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from microgradcnn.nn.module import Module
from microgradcnn.training.schedule import check_whole

History: TypeAlias = list[dict[str, float]]  # a row for every epoch
Stop: TypeAlias = Callable[[History], str]

GOING = "epochs"  # the status of a run that ends when its epochs have run out


def all_epochs(history: History) -> str:
    """The stop policy that never stops."""
    return GOING


@dataclass(frozen=True)
class Patience:
    """A stop policy: "stalled" when the loss has not fallen `tol` below its lowest for `epochs` epochs in a row.

    `watch` names another column of the history to look at, such as "validation_loss"; one of an accuracy or a score has
    to rise. With `restore_best` the parameters to end with are those of the epoch where it was best, else the newest.
    Raises ValueError for epochs < 1, and for a column that the history has not.
    """

    tol: float = 1e-4
    epochs: int = 10
    watch: str = "loss"
    restore_best: bool = False

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ValueError(f"patience lasts an epoch at least, not {self.epochs}")

    def __call__(self, history: History) -> str:
        """GOING or "stalled"."""
        costs = [self.cost(row) for row in history]
        before, last = costs[: -self.epochs], costs[-self.epochs :]
        if not before:
            return GOING
        lowest = min(before)
        for cost in last:
            if cost <= lowest - self.tol:
                return GOING
            lowest = min(lowest, cost)
        return "stalled"

    def cost(self, row: dict[str, float]) -> float:
        """What a row of the history has in the column that is watched; its negative where it has to rise."""
        if self.watch not in row:
            raise ValueError(f"Patience watches {self.watch}, and the history has {', '.join(row)}")
        return -row[self.watch] if self.watch.endswith(("accuracy", "score")) else row[self.watch]


def policy(stop: Stop, patience: int | None, validated: bool) -> Stop:
    """The stop policy, given as such or as the number of epochs that Patience lasts. Raises ValueError for both."""
    if patience is None:
        return stop
    if stop is not all_epochs:
        raise ValueError(f"patience={patience} is a stop policy, and stop= another: give one of them")
    check_whole("patience", patience, 1)
    return Patience(epochs=int(patience), watch="validation_loss" if validated else "loss")


@dataclass(frozen=True)
class EpochEnd:
    """What a callback is given: the number of the epoch that has ended, from 1, the history up to it, and the model.

    The model has the parameters of that epoch, to be measured or saved, and may be put into eval() mode for that;
    training goes on from its own, in train() mode.
    """

    epoch: int
    history: History
    model: Module


Callback: TypeAlias = Callable[[EpochEnd], object]  # True ends the training


def check_callbacks(callbacks: Sequence[Callback]) -> None:
    """Raise TypeError for what is no sequence of functions."""
    if callable(callbacks) or not all(map(callable, callbacks)):
        raise TypeError(f"callbacks are a list of functions of an EpochEnd, not {callbacks!r}")


def ending(status: str, done: int, kept: int, epochs: int) -> str:
    """How a run of a model ended, in a sentence, after `done` epochs of which the parameters of `kept` are kept."""
    best = "" if kept == done else f"; the best parameters, after epoch {kept}, are kept"
    if status == GOING:
        return f"trained for {epochs} epoch{'s' * (epochs > 1)}{best}"
    if status != "interrupted":
        return f"{status}: training ended after epoch {done} of {epochs}{best}"
    if not done:
        return "interrupted in the first epoch: the parameters are as they were"
    return f"interrupted: the parameters after epoch {kept} of {epochs} are kept"
