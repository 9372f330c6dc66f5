"""The parameters as a page shows them: arrays as they are, and single numbers of like names as one array."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.value import Value

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
