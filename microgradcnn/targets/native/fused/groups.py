"""A group of lines to be computed in one pass: what goes in and out, and where that lies in memory.

All lines have one shape, or, where they are reduced along the last axis, one number a row. Operands are arrays that
broadcast to that shape, or single numbers; what only the group itself uses stays in registers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from microgradcnn.targets.lines import Line, Shape, lengths
from microgradcnn.targets.native.llvm import FUNCTIONS, LIBRARY

NEUTRAL = {"sum": 0.0, "mean": 0.0, "max": -np.inf, "min": np.inf}  # what a reduction starts from

# Worth a compiled pass even alone; a sum along rows is not, which NumPy takes by a product with ones.
WORTH_A_PASS = FUNCTIONS | LIBRARY.keys() | {"power", "where", "mean", "max", "min"}


@dataclass(eq=False)
class FusedGroup:
    """Lines to be computed in one pass; `arrays` are its operands in memory, `numbers` the single ones.

    `width` is the length of its rows, where something is reduced along them. `stand_ins` are constant masks as numbers.
    """

    shape: Shape
    lines: list[Line] = field(default_factory=list)
    outputs: list[Line] = field(default_factory=list)
    arrays: list[Line] = field(default_factory=list)
    numbers: list[Line] = field(default_factory=list)
    stand_ins: dict[Line, Line] = field(default_factory=dict)
    inside: set[Line] = field(default_factory=set)  # the lines, to look up
    of_rows: set[Line] = field(default_factory=set)  # those with one number a row
    laid: dict[Line, Shape] = field(default_factory=dict)  # the shapes of operands and lines, beside the group's

    takes_strides = True

    @property
    def args(self) -> list[Line]:
        """What has to be there before."""
        return [*self.arrays, *self.numbers]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its numbers."""
        return next(line.dtype for line in self.lines if line.dtype != np.bool_)

    @property
    def width(self) -> int | None:
        """The length of its rows, if something is reduced along them."""
        last = self.shape[-1]
        return last if isinstance(last, int) and any(map(self.is_reduction, self.lines)) else None

    @property
    def in_place(self) -> bool:
        """Whether an operand that is not needed any more may make room for a result."""
        return self.width is None

    @property
    def is_worth_it(self) -> bool:
        """Whether a pass takes less time than NumPy's calls."""
        worth = any(line.op in WORTH_A_PASS for line in self.lines)
        return worth or len([line for line in self.lines if line.op != "sum"]) > 1

    @property
    def depth(self) -> int:
        """How many loops there are around that along a row."""
        return max(1, len(self._axes) - 1)

    @property
    def _axes(self) -> list[int]:
        """The axes along which there may be more than one number."""
        found = [i for i, length in enumerate(self.shape) if length != 1]
        return found or [len(self.shape) - 1]

    def is_reduction(self, line: Line) -> bool:
        """Whether a line takes rows together to a number each."""
        return line in self.of_rows and line.op in NEUTRAL

    def is_of_a_row(self, line: Line) -> bool:
        """Whether a line has one number for every row."""
        return line in self.of_rows

    def is_along(self, line: Line) -> bool:
        """Whether there is a number for every place along a row."""
        return self.laid[line][self._axes[-1]] != 1 or self.shape[self._axes[-1]] == 1

    def row_shapes(self) -> tuple[Shape | None, Shape | None]:
        """The shapes of one number a row, without an axis for it and with it."""
        return (None, None) if self.shape[-1] == 1 else (self.shape[:-1], (*self.shape[:-1], 1))

    def counts(self, rows: int, strides: Sequence[Sequence[int] | None]) -> Any:
        """The lengths of loops and the strides of `arrays` and `outputs` for so many rows; None is one piece."""
        shape, axes, found = lengths(self.shape, rows), self._axes, []
        for line, given in zip([*self.arrays, *self.outputs], strides, strict=True):
            own, laid = list(given or in_one_piece(lengths(line.shape, rows))), self.laid[line]
            if padded(line.shape, len(shape)) != laid:
                own.append(0)
            own = [0] * (len(laid) - len(own)) + own
            found.append([own[i] if laid[i] != 1 else 0 for i in axes])
        return np.array(
            strides_and_lengths([shape[i] for i in axes], found, self.depth, self.width is not None), np.int64
        )

    def close(self, used_outside: Callable[[Line, FusedGroup], bool]) -> None:
        """Find out what goes in and what goes out."""
        for arg in dict.fromkeys(arg for line in self.lines for arg in line.args):
            if arg in self.inside or (arg.op == "number" and not arg.power):
                continue
            if not arg.shape:
                self.numbers.append(arg)
                continue
            given = arg
            if arg.dtype == np.bool_:
                given = self.stand_ins[arg] = replace(arg, dtype=self.dtype, value=arg.value.astype(self.dtype))
                self.laid[given] = self.laid[arg]
            self.arrays.append(given)
        self.outputs = [line for line in self.lines if line.dtype != np.bool_ and used_outside(line, self)]
        for line in self.outputs:
            self.laid[line] = (*line.shape, 1) if len(line.shape) < len(self.shape) else line.shape


def padded(shape: Shape, count: int) -> Shape:
    """A shape with axes of length 1 before it, `count` in all."""
    return (*[1] * (count - len(shape)), *shape)


def strides_and_lengths(
    shape: Sequence[int], strides: Sequence[Sequence[int]], depth: int, keep_last: bool
) -> list[int]:
    """The counts that a pass takes: the lengths of `depth` outer loops and of the inner one, then outer strides.

    Axes along which everything lies as if they were one are taken together; the last axis stays itself if `keep_last`.
    """
    axes = [(length, tuple(s[i] for s in strides)) for i, length in enumerate(shape)]
    inner = axes.pop()
    outer: list[tuple[int, tuple[int, ...]]] = []
    for length, steps in reversed(axes):
        if length == 1:
            continue
        below = outer[-1] if outer else None if keep_last else inner
        if below is not None and all(s == step * below[0] for s, step in zip(steps, below[1], strict=True)):
            joined = length * below[0], below[1]
            if outer:
                outer[-1] = joined
            else:
                inner = joined
        else:
            outer.append((length, steps))
    outer += [(1, (0,) * len(strides))] * (depth - len(outer))
    outer.reverse()
    return [*(n for n, _ in outer), inner[0], *(steps[i] for i in range(len(strides)) for _, steps in outer)]


def in_one_piece(shape: Sequence[int]) -> list[int]:
    """The strides of an array without gaps, in numbers."""
    found: list[int] = []
    step = 1
    for length in reversed(shape):
        found.insert(0, step)
        step *= length
    return found
