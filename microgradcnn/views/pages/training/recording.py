"""What a page replays where a browser would be too slow: weights, and layers of some rows, at epochs of a training."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.training.stopping import History
from microgradcnn.views.pages.training.learner import OUTPUT, Learner, shown_of
from microgradcnn.views.pages.training.programs import flat
from microgradcnn.views.pages.training.task import TaskRows, told_history
from microgradcnn.views.pages.training.weights import shown_arrays

SENTENCE = "This page replays the {} that Python trained, as a browser cannot train it at a pace to watch: {}."
BYTES = 300_000  # of all snapshots together
EXAMPLES = 4
MOST_WEIGHTS, MOST_OF_LAYER = 2500, 1500  # numbers of one parameter, and of one layer for one row, that are kept
SIDE = 40  # of what is left of a parameter that has more


class Recording:
    """Called after every epoch it keeps a snapshot, of as many epochs as there is room for, the first and the newest.

    `why` says why the page cannot train; a run that goes on has a `history` already. A snapshot holds what a page
    draws: weights, of large matrices some, and the small layers of a few rows, as bytes.
    """

    def __init__(self, learner: Learner, rows: TaskRows, why: str, history: History) -> None:
        self.learner, self.why, self.history = learner, why, history
        self.arrays = shown_arrays(learner.parameters)
        x, y = (rows.x, rows.y) if rows.test is None or not len(rows.test[0]) else rows.test
        self.examples = _of_each_class(np.asarray(y))
        self.x, self.y = np.asarray(x)[self.examples], np.asarray(y)[self.examples]
        self.first = len(history)
        self.stride, self.newest = 1, self._snapshot(self.first)
        self.kept = [self.newest]

    def __call__(self, history: History) -> None:
        """Keep a snapshot of the newest epoch, if there is room, and every second one alone where there is none."""
        self.newest, self.history = self._snapshot(len(history)), history
        if (len(history) - self.first) % self.stride:
            return
        self.kept.append(self.newest)
        if sum(len(each["bytes"]) for each in self.kept) > BYTES:
            self.stride *= 2
            self.kept = [each for each in self.kept if (each["epoch"] - self.first) % self.stride == 0]

    def told(self) -> dict[str, Any]:
        """What the page is told of the training, and of why it does not train itself."""
        last = [] if self.newest is self.kept[-1] else [self.newest]
        shown, numbers = self._layers(), self._numbers()
        weights = [(array.name, array.among(numbers)) for array in self.arrays]
        since = f"The weights and layers are known from epoch {self.first:,} on, where Python went on with the run."
        return {
            "parameters": [{"name": _told_name(name, a), "shape": list(_thinned(a).shape)} for name, a in weights],
            "shown": [{"name": name, "shape": list(array.shape[1:])} for name, array in shown.items()],
            "examples": {"x": self.x.reshape(len(self.x), -1).tolist(), "y": self.y.reshape(len(self.y), -1).tolist()},
            "replay": {"why": SENTENCE.format(_epochs(len(self.history)), self.why), "snapshots": [*self.kept, *last]},
            "history": told_history(self.history),
            "notes": [since] if self.first else [],
        }

    def _snapshot(self, epoch: int) -> dict[str, Any]:
        numbers = self._numbers()
        weights = [_thinned(array.among(numbers)) for array in self.arrays]
        layers = [array[i] for i in range(len(self.x)) for array in self._layers().values()]
        arrays = [np.asarray(array, np.float64) for array in (*weights, *layers)]
        largest = [float(np.abs(array).max(initial=0.0)) for array in arrays]
        return {"epoch": epoch, "largest": list(map(_short, largest)), "bytes": _bytes(arrays, largest)}

    def _numbers(self) -> Array:
        return flat(list(self.learner.parameters.values()))

    def _layers(self) -> dict[str, Array]:
        found = shown_of(self.learner, self.x)
        return {name: a for name, a in found.items() if name == OUTPUT or math.prod(a.shape[1:]) <= MOST_OF_LAYER}


def _of_each_class(y: Array) -> list[int]:
    """The numbers of a few rows, of different classes where there are some."""
    first = np.unique(y, return_index=True)[1] if y.ndim == 1 else np.arange(len(y))
    chosen = [*sorted(first.tolist())[:EXAMPLES], *range(min(EXAMPLES, len(y)))]
    return list(dict.fromkeys(chosen))[:EXAMPLES]


def _steps(array: Array) -> list[int]:
    """How many places apart the numbers of a large matrix are that are kept; 1 along axes of small arrays."""
    if array.size <= MOST_WEIGHTS:
        return [1] * array.ndim
    if array.ndim > 2:  # filters are kept whole, and fewer of them
        return [math.ceil(array.size / MOST_WEIGHTS), *[1] * (array.ndim - 1)]
    return [math.ceil(length / SIDE) for length in array.shape]


def _thinned(array: Array) -> Array:
    return array[tuple(slice(None, None, step) for step in _steps(array))]


def _told_name(name: str, array: Any) -> str:
    whole = np.shape(array)
    return name if _thinned(np.asarray(array)).shape == whole else f"{name}, some of {' × '.join(map(str, whole))}"


def _bytes(arrays: Iterable[Array], largest: Iterable[float]) -> str:
    """The numbers as shares of the largest of their array, in a byte each."""
    shares = [
        np.rint(127 * a.ravel() / most) if most else 0 * a.ravel() for a, most in zip(arrays, largest, strict=True)
    ]
    return base64.b64encode(np.concatenate(shares).astype(np.int8).tobytes()).decode()


def _short(number: float) -> float:
    return float(f"{number:.4g}") if math.isfinite(number) else 0.0


def _epochs(count: int) -> str:
    return "one epoch" if count == 1 else f"{count} epochs"
