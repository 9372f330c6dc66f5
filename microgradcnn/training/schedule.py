"""The arguments of training in two groups, how to descend and where to save, and the names that they have singly."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypedDict

from microgradcnn.data.dataset import suggest
from microgradcnn.nn.optim import OPTIMISERS, SCHEDULES
from microgradcnn.targets.native.auto import Workload
from microgradcnn.training.checkpoint import Checkpoints


class Singly(TypedDict, total=False):
    """What a Schedule and Checkpoints hold, under the names that `train` and `fit` take it by without either."""

    epochs: int
    rate: float | None
    decay: str
    batch: int | None
    optimiser: str
    clip: float | None
    clip_value: float | None
    checkpoint: str | Path | None
    every: int | None
    resume: bool


def check_known(word: str, known: Iterable[str]) -> None:
    """Raise ValueError for a word that is none of those that are known."""
    if word not in known:
        raise ValueError(f"{word!r} is none of {', '.join(known)}{suggest(str(word), known)}")


USUAL: Any = ...  # what stands for a part of a Schedule that nobody has given


def check_whole(name: str, number: object, least: int) -> None:
    """Raise TypeError or ValueError, by its name, for what is no whole number, or less than the least."""
    if not isinstance(number, Integral):
        raise TypeError(f"{name} must be a whole number, not {number!r}")
    if number < least:
        raise ValueError(f"{name} must be at least {least}, not {number}")


def check_number(name: str, number: object) -> None:
    """Raise TypeError, by its name, for what is no number."""
    if not isinstance(number, Real):
        raise TypeError(f"{name} must be a number, not {number!r}")


@dataclass(frozen=True)
class Schedule:
    """At most `epochs` epochs of steps on `batch` rows each, at a rate that falls from `rate` as `decay` says.

    `decay` and `optimiser` are names of nn.optim's. `batch` None takes all rows in one step; `rate` None leaves it to
    `train` to find one. Before a step the gradient is clipped: to the norm `clip`, over all parameters, as PyTorch's
    clip_grad_norm_ does, or each number of it to ±`clip_value`; None leaves it as it is. What is left out is as
    `train`, OF_NETWORKS, or `fit`, OF_MODELS, has it. Raises ValueError for other names, for epochs or rows < 1, for a
    rate or a bound that is not positive and for both bounds, TypeError for what is no number.
    """

    epochs: int = USUAL
    rate: float | None = USUAL
    decay: str = USUAL
    batch: int | None = USUAL
    optimiser: str = USUAL
    clip: float | None = USUAL
    clip_value: float | None = USUAL

    def __post_init__(self) -> None:
        for word, known in ((self.decay, SCHEDULES), (self.optimiser, OPTIMISERS)):
            if word is not USUAL:
                check_known(word, known)
        for name, number in (("epochs", self.epochs), ("batch", self.batch)):
            if number is not None and number is not USUAL:
                check_whole(name, number, 1)
        for name, size in (("the learning rate", self.rate), ("clip", self.clip), ("clip_value", self.clip_value)):
            if size is not None and size is not USUAL:
                check_number(name, size)
                if not 0 < size < math.inf:
                    raise ValueError(f"{name} must be a positive number, not {size}")
        if not {self.clip, self.clip_value} & {None, USUAL}:
            raise ValueError("clip bounds the norm of the gradient and clip_value each number of it: give one of them")

    def completed(self, usual: Schedule) -> Schedule:
        """This one, with the parts of `usual` where it says nothing."""
        return replace(usual, **{name: part for name, part in vars(self).items() if part is not USUAL})

    def share(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 0, as a share of that at the start."""
        return SCHEDULES[self.decay](epoch, self.epochs)

    def workload(self, rows: int) -> Workload:
        """How many evaluations its steps take over so many rows, and over how many of them each."""
        batch = min(self.batch or rows, rows)
        return Workload(self.epochs * math.ceil(rows / batch), batch)

    def about(self) -> dict[str, Any]:
        """The parts by the names that they have singly, for the checkpoints of a run."""
        return {"schedule" if name == "decay" else name: part for name, part in asdict(self).items()}


# What `train` takes unless told otherwise, and what `fit` takes.
OF_NETWORKS = Schedule(20_000, None, "inverse", None, "gradient_descent", clip=None, clip_value=None)
OF_MODELS = Schedule(20, 1e-3, "constant", 64, "adam", clip=None, clip_value=None)


def grouped(
    default: Schedule, schedule: Schedule | str | None, checkpoints: Checkpoints | None, singly: Mapping[str, Any]
) -> tuple[Schedule, Checkpoints | None]:
    """The groups: as they are given, or `default` with the parts that are given singly, `schedule` as its decay.

    Raises ValueError for a part that is given twice or makes no sense, TypeError for one that there is not.
    """
    parts = dict(singly)
    for name in parts:
        if name not in Singly.__annotations__:
            near = difflib.get_close_matches(name, Singly.__annotations__, n=1)
            meant = f", did you mean {near[0]}=?" if near else f": a schedule's are {', '.join(Singly.__annotations__)}"
            raise TypeError(f"training got an unexpected keyword argument {name!r}{meant}")
    if checkpoints is not None and not isinstance(checkpoints, Checkpoints):
        raise TypeError(
            f"checkpoints are Checkpoints(folder), not {checkpoints!r}: checkpoint= takes a folder by itself"
        )
    folder, every, resume = (parts.pop(name, None) for name in ("checkpoint", "every", "resume"))
    if isinstance(schedule, Schedule) and parts:
        raise ValueError(f"a Schedule is given, and {', '.join(parts)} besides: put all of it into the Schedule")
    if isinstance(schedule, Schedule):
        schedule = schedule.completed(default)
    else:
        schedule = replace(default, **parts | ({} if schedule is None else {"decay": schedule}))
    if checkpoints is not None and (folder, every, resume) != (None, None, None):
        raise ValueError(
            "Checkpoints are given, and checkpoint, every or resume besides: put all of it into the Checkpoints"
        )
    if folder is None and (every is not None or resume):
        raise ValueError("every and resume need checkpoint, the folder that a run is saved in")
    return schedule, checkpoints if folder is None else Checkpoints(folder, every, bool(resume))
