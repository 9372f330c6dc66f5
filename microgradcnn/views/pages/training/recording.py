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
from microgradcnn.views.pages.training.task import TaskRows, told_history, view_of
from microgradcnn.views.pages.training.weights import shown_arrays

SENTENCE = "This page replays the {} that Python trained, as a browser cannot train it at a pace to watch: {}."
BYTES = 300_000  # of all snapshots together
EXAMPLES = 4
MOST_WEIGHTS, MOST_OF_LAYER = 2500, 1500  # numbers of one parameter, and of one layer for one row, that are kept
PLACES, MOST_UNITS, MOST_DOTS = 20, 8, 300  # of the plane a side, of a layer over it, and rows in it
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
        self.ends, places = self._plane(rows)
        self.plane = places is not None
        if self.plane:
            x, y, examples = rows.x, rows.y, list(range(len(rows.y))[:MOST_DOTS])
        else:
            examples = _of_each_class(np.asarray(y))
        self.rows, self.y = np.asarray(x)[examples], np.asarray(y)[examples]
        self.x = self.rows if places is None else places
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
            "examples": {name: a.reshape(len(a), -1).tolist() for name, a in (("x", self.rows), ("y", self.y))},
            "view": "plane" if self.plane else "row",
            "plane": {"ends": self.ends, "side": PLACES} if self.plane else None,
            "replay": {"why": SENTENCE.format(_epochs(len(self.history)), self.why), "snapshots": [*self.kept, *last]},
            "history": told_history(self.history),
            "notes": [since] if self.first else [],
        }

    def _plane(self, rows: TaskRows) -> tuple[list[list[float]], Array | None]:
        """The places of the plane where there is one to look at: rows of two numbers, and also between these."""
        if view_of(rows, shown_of(self.learner, rows.x[:2])[OUTPUT]) != "plane":
            return [], None
        ends, places = _places(np.asarray(rows.x))
        try:
            shown_of(self.learner, places)
        except (ValueError, TypeError, LookupError):  # places in a table, such as words, have none between
            return [], None
        return ends, places

    def _snapshot(self, epoch: int) -> dict[str, Any]:
        numbers = self._numbers()
        weights = [_thinned(array.among(numbers)) for array in self.arrays]
        shown = self._layers().values()
        layers = [*shown] if self.plane else [array[i] for i in range(len(self.x)) for array in shown]
        arrays = [np.asarray(array, np.float64) for array in (*weights, *layers)]
        largest = [float(np.abs(array).max(initial=0.0)) for array in arrays]
        return {"epoch": epoch, "largest": list(map(_short, largest)), "bytes": _bytes(arrays, largest)}

    def _numbers(self) -> Array:
        return flat(list(self.learner.parameters.values()))

    def _layers(self) -> dict[str, Array]:
        found = shown_of(self.learner, self.x)
        if self.plane:
            return dict(_some_units(name, array) for name, array in found.items())
        return {name: a for name, a in found.items() if name == OUTPUT or math.prod(a.shape[1:]) <= MOST_OF_LAYER}


def _places(x: Array) -> tuple[list[list[float]], Array]:
    """The ends of a rectangle around rows in the plane, across and up, and places in it, from the top, as rows."""
    low, high = x.min(axis=0), x.max(axis=0)
    margin = 0.12 * np.where(high > low, high - low, 1.0)
    ends = np.stack([low - margin, high + margin], axis=1)
    across, up = (e[0] + (e[1] - e[0]) * (np.arange(PLACES) + 0.5) / PLACES for e in ends)
    grid = np.stack(np.meshgrid(across, up[::-1]), axis=-1).reshape(-1, 2)
    return ends.tolist(), grid.astype(x.dtype)


def _some_units(name: str, array: Array) -> tuple[str, Array]:
    """The units of a layer that there is room for, over the plane."""
    units = array.reshape(len(array), -1)
    if name == OUTPUT or units.shape[1] <= MOST_UNITS:
        return name, units
    return f"{name}, {MOST_UNITS} of {units.shape[1]}", units[:, :MOST_UNITS]


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
