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
from microgradcnn.views.pages.training.learner import Learner, shown_of

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
    """The numbers of a pattern of names, as arrays with an axis for each index that changes."""
    axes = [sorted(set(indices), key=_whole) for indices in zip(*(indices for indices, _ in members), strict=True)]
    if math.prod(map(len, axes)) == len(members):
        words = iter([axis[0] if len(axis) == 1 else f"{axis[0]}…{axis[-1]}" for axis in axes])
        name = re.sub("\0", lambda _: next(words), pattern)
        places = [place for _, place in sorted(members, key=lambda member: [*map(_whole, member[0])])]
        yield ShownArray(name, tuple(len(axis) for axis in axes if len(axis) > 1), places)
        return
    first = next(k for k, axis in enumerate(axes) if len(axis) > 1)
    for index in axes[first]:
        yield from _grids(pattern, [member for member in members if member[0][first] == index])


def _whole(index: str) -> tuple[int, str]:
    return int(unicodedata.normalize("NFKC", index)), index


def ties(learner: Learner, x: Array) -> list[list[list[int]] | None]:
    """Where the weights are from each layer that is shown to the next, (to, from), beginning with the inputs.

    None where no array is the weights of a layer, as in a convolution: an array is, if one of its numbers, moved a
    little, moves the one unit that it leads to, and in every row to the side that the unit it comes from says.
    """
    layers = [np.reshape(x, (len(x), -1)), *(np.reshape(a, (len(a), -1)) for a in shown_of(learner, x).values())]
    arrays = shown_arrays(learner.parameters)
    found: list[list[list[int]] | None] = []
    for k, (below, above) in enumerate(itertools.pairwise(layers)):
        to, of = above.shape[1], below.shape[1]
        fitting = [np.array(array.places) for array in arrays if sorted(array.shape or (1,)) in _shapes(to, of)]
        grids = [grid for places in fitting for grid in (places.reshape(to, of), places.reshape(of, to).T)]
        found.append(next((g.tolist() for g in grids if _leads(learner, x, g, k, below, above)), None))
    return found


def _shapes(to: int, of: int) -> list[list[int]]:
    return [sorted((to, of)), *([[max(to, of)]] if min(to, of) == 1 else [])]


def _leads(learner: Learner, x: Array, grid: Array, k: int, below: Array, above: Array) -> bool:
    """Whether the parameters in the places of a grid, (to, from), lead to the units `above`, of shown layer k."""
    j = int(np.abs(above).sum(axis=0).argmax())  # of units that say something of these rows
    alive = np.abs(below).sum(axis=0)
    if len(grid) == grid.shape[1] > 1:
        alive[j] = -1.0  # on the diagonal both ways to read a square are one
    i = int(alive.argmax())
    with _moved(learner, int(grid[j, i])):
        moved = np.reshape([*shown_of(learner, x).values()][k], above.shape) - above
    others = np.delete(moved, j, axis=1)
    sides = np.sign(moved[:, j]) * np.sign(below[:, i])
    return not others.any() and bool(sides.any()) and bool((sides >= 0.0).all())


@contextmanager
def _moved(learner: Learner, place: int, by: float = 1e-3) -> Iterator[None]:
    """A context in which the parameter at a place among all of them is a little larger."""
    start = 0
    for p in learner.parameters.values():
        if start <= place < start + math.prod(p.shape):
            break
        start += math.prod(p.shape)
    before = p.data
    new = np.array(before)
    new.reshape(-1)[place - start] += by
    p.data = new
    try:
        yield
    finally:
        p.data = before
