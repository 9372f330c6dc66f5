"""The parameters as a page shows them: arrays, single numbers of like names as one, and weights between units."""

from __future__ import annotations

import itertools
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.value import Value
from microgradcnn.views.formulas.expression import symbol
from microgradcnn.views.formulas.notation import text
from microgradcnn.views.pages.training.learner import Learner, shown_of
from microgradcnn.views.pages.training.programs import flat

_NUMBER = re.compile(r"([0-9]+|[₀-₉]+)")
Member: TypeAlias = "tuple[tuple[str, ...], int]"  # the numbers in a name, and the place of what it names


@dataclass(frozen=True)
class ShownArray:
    """An array by its name, and where its numbers are among those of all parameters, one after the other."""

    name: str
    shape: tuple[int, ...]
    places: Sequence[int]

    def where(self) -> dict[str, int | list[int]]:
        """The places as a page has them: the first, or all where they are not one after the other."""
        return {"at": self.places.start} if isinstance(self.places, range) else {"places": list(self.places)}

    def among(self, numbers: Array) -> Array:
        """The array, of the numbers of all parameters."""
        return numbers[list(self.places)].reshape(self.shape)


def shown_arrays(parameters: Mapping[str, Value]) -> list[ShownArray]:
    """Arrays as they are; numbers whose names differ in their indices alone, as w_1 and w_2, as an array of these.

    Where the indices are no full grid, as those of layers of different widths, there is an array for each first index.
    They come in the order of their first numbers.
    """
    found: dict[str, list[Member] | ShownArray] = {}
    start = 0
    for name, p in parameters.items():
        size = math.prod(p.shape)
        if p.shape:
            found[name] = ShownArray(name, p.shape, range(start, start + size))
        else:
            alike = found.setdefault(_NUMBER.sub("\0", name), [])
            assert isinstance(alike, list)  # no array is called so: names with a \0 are of numbers
            alike.append((tuple(_NUMBER.findall(name)), start))
        start += size
    arrays: list[ShownArray] = []
    for name, part in found.items():
        arrays += [part] if isinstance(part, ShownArray) else _grids(name, part)
    return sorted(arrays, key=lambda array: array.places[0] if array.places else math.inf)


def _grids(pattern: str, members: Sequence[Member]) -> Iterator[ShownArray]:
    """The numbers of a pattern of names, as arrays with an axis for each index that changes, which no name has."""
    axes = [sorted(set(indices), key=_whole) for indices in zip(*(indices for indices, _ in members), strict=True)]
    if math.prod(map(len, axes)) == len(members):
        fixed = iter([axis[0] if len(axis) == 1 else "" for axis in axes])
        name = re.sub("([._]?)\0", lambda found: found[1] + word if (word := next(fixed)) else "", pattern)
        places = [place for _, place in sorted(members, key=lambda member: [*map(_whole, member[0])])]
        yield ShownArray(text(symbol(name)), tuple(len(axis) for axis in axes if len(axis) > 1), places)
        return
    first = next(k for k, axis in enumerate(axes) if len(axis) > 1)
    for index in axes[first]:
        yield from _grids(pattern, [member for member in members if member[0][first] == index])


def _whole(index: str) -> tuple[int, str]:
    return int(unicodedata.normalize("NFKC", index)), index


def ties(learner: Learner, x: Array) -> list[list[list[int]] | None]:
    """Where the weights are from each layer that is shown to the next, (to, from), beginning with the inputs.

    None where no array is the weights of a layer, as in a convolution. An array is if, all of it 0, what it leads to is
    the same for all rows, and what it comes from is as it was; and if one of its numbers, moved a little, moves the one
    unit that it leads to, and in every row to the side that the unit it comes from says.
    """
    layers = [np.reshape(x, (len(x), -1)), *_layers(learner, x)]
    arrays = shown_arrays(learner.parameters)
    found: list[list[list[int]] | None] = []
    for k, (below, above) in enumerate(itertools.pairwise(layers)):
        to, of = above.shape[1], below.shape[1]
        fitting = [np.array(array.places) for array in arrays if sorted(array.shape or (1,)) in _shapes(to, of)]
        between = [places for places in fitting if _stands_between(learner, x, places, k, below)]
        grids = [grid for places in between for grid in (places.reshape(to, of), places.reshape(of, to).T)]
        found.append(next((g.tolist() for g in grids if _leads(learner, x, g, k, below, above)), None))
    return found


def _layers(learner: Learner, x: Array) -> list[Array]:
    return [np.reshape(a, (len(a), -1)) for a in shown_of(learner, x).values()]


def _shapes(to: int, of: int) -> list[list[int]]:
    return [sorted((to, of)), *([[max(to, of)]] if min(to, of) == 1 else [])]


def _stands_between(learner: Learner, x: Array, places: Array, k: int, below: Array) -> bool:
    """Whether without the parameters in these places shown layer k knows no row any more, and that below does."""
    numbers = flat([*learner.parameters.values()])
    numbers[places] = 0.0
    with _numbers(learner, numbers):
        layers = _layers(learner, x)
    as_it_was = k == 0 or np.array_equal(layers[k - 1], below)
    return as_it_was and bool(np.allclose(layers[k], layers[k][:1]))


def _leads(learner: Learner, x: Array, grid: Array, k: int, below: Array, above: Array) -> bool:
    """Whether the parameters in the places of a grid, (to, from), lead to the units `above`, of shown layer k."""
    j = int(np.abs(above).sum(axis=0).argmax())  # of units that say something of these rows
    alive = np.abs(below).sum(axis=0)
    if len(grid) == grid.shape[1] > 1:
        alive[j] = -1.0  # on the diagonal both ways to read a square are one
    i = int(alive.argmax())
    numbers = flat([*learner.parameters.values()])
    numbers[grid[j, i]] += 1e-3
    with _numbers(learner, numbers):
        moved = _layers(learner, x)[k] - above
    others = np.delete(moved, j, axis=1)
    sides = np.sign(moved[:, j]) * np.sign(below[:, i])
    return not others.any() and bool(sides.any()) and bool((sides >= 0.0).all())


@contextmanager
def _numbers(learner: Learner, numbers: Array) -> Iterator[None]:
    """A context in which the parameters, one after the other, are these."""
    parameters = [*learner.parameters.values()]
    before = [p.data for p in parameters]
    ends = np.cumsum([math.prod(p.shape) for p in parameters])
    try:
        for p, part in zip(parameters, np.split(numbers, ends[:-1]), strict=True):
            p.data = part.reshape(p.shape).astype(p.dtype)
        yield
    finally:
        for p, data in zip(parameters, before, strict=True):
            p.data = data
