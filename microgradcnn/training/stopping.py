"""When training ends: a stop policy looks at the history after every epoch, and gives the status to end with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

History: TypeAlias = list[dict[str, float]]  # a row for every epoch
Stop: TypeAlias = Callable[[History], str]

GOING = "epochs"  # the status of a run that ends when its epochs have run out


def all_epochs(history: History) -> str:
    """The stop policy that never stops."""
    return GOING


@dataclass(frozen=True)
class Patience:
    """A stop policy: "stalled" when the loss has not fallen `tol` below its lowest for `epochs` epochs in a row.

    Raises ValueError for epochs < 1.
    """

    tol: float = 1e-4
    epochs: int = 10

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ValueError(f"patience lasts an epoch at least, not {self.epochs}")

    def __call__(self, history: History) -> str:
        """GOING or "stalled"."""
        losses = [row["loss"] for row in history]
        before, last = losses[: -self.epochs], losses[-self.epochs :]
        if not before:
            return GOING
        lowest = min(before)
        for loss in last:
            if loss <= lowest - self.tol:
                return GOING
            lowest = min(lowest, loss)
        return "stalled"
