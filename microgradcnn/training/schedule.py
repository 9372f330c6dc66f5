"""The arguments of training in two groups, how to descend and where to save, and the names that they have singly."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypedDict

from microgradcnn.nn.optim import OPTIMISERS, SCHEDULES
from microgradcnn.training.checkpoint import Checkpoints


class Singly(TypedDict, total=False):
    """What a Schedule and Checkpoints hold, under the names that `train` and `fit` take it by without either."""

    epochs: int
    rate: float | None
    batch: int | None
    optimiser: str
    checkpoint: str | Path | None
    every: int | None
    resume: bool


def check_known(word: str, known: Iterable[str]) -> None:
    """Raise ValueError for a word that is none of those that are known."""
    if word not in known:
        raise ValueError(f"{word!r} is none of {', '.join(known)}")


@dataclass(frozen=True)
class Schedule:
    """At most `epochs` epochs of steps on `batch` rows each, at a rate that falls from `rate` as `decay` says.

    `decay` and `optimiser` are names of nn.optim's. `batch` None takes all rows in one step; `rate` None leaves it to
    `train` to find one. Raises ValueError for other names, for epochs or rows < 1 and for a rate that is not positive.
    """

    epochs: int = 20
    rate: float | None = 1e-3
    decay: str = "constant"
    batch: int | None = 64
    optimiser: str = "adam"

    def __post_init__(self) -> None:
        check_known(self.decay, SCHEDULES)
        check_known(self.optimiser, OPTIMISERS)
        for name, number in (("epochs", self.epochs), ("batch", self.batch)):
            if number is not None and number < 1:
                raise ValueError(f"{name} must be at least 1, not {number}")
        if self.rate is not None and not 0 < self.rate < math.inf:
            raise ValueError(f"the learning rate must be a positive number, not {self.rate}")

    def share(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 0, as a share of that at the start."""
        return SCHEDULES[self.decay](epoch, self.epochs)

    def about(self) -> dict[str, Any]:
        """The parts by the names that they have singly, for the checkpoints of a run."""
        return {"schedule" if name == "decay" else name: part for name, part in asdict(self).items()}


OF_NETWORKS = Schedule(20_000, None, "inverse", None, "gradient_descent")  # what `train` takes unless told otherwise
OF_MODELS = Schedule()  # what `fit` takes


def grouped(
    default: Schedule, schedule: Schedule | str | None, checkpoints: Checkpoints | None, singly: Mapping[str, Any]
) -> tuple[Schedule, Checkpoints | None]:
    """The groups: as they are given, or `default` with the parts that are given singly, `schedule` as its decay.

    Raises ValueError for a part that is given twice or makes no sense, TypeError for one that there is not.
    """
    parts = dict(singly)
    folder, every, resume = (parts.pop(name, None) for name in ("checkpoint", "every", "resume"))
    if isinstance(schedule, Schedule) and parts:
        raise ValueError(f"a Schedule is given, and {', '.join(parts)} besides: put all of it into the Schedule")
    if not isinstance(schedule, Schedule):
        schedule = replace(default, **parts | ({} if schedule is None else {"decay": schedule}))
    if checkpoints is not None and (folder, every, resume) != (None, None, None):
        raise ValueError(
            "Checkpoints are given, and checkpoint, every or resume besides: put all of it into the Checkpoints"
        )
    if folder is None and (every is not None or resume):
        raise ValueError("every and resume need checkpoint, the folder that a run is saved in")
    return schedule, checkpoints if folder is None else Checkpoints(folder, every, bool(resume))
