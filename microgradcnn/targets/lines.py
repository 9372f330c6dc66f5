"""A graph as lines: one operation each, in the order in which a program runs them, for any number of rows.

How many rows there are is not known before the program is called: lengths may be `Rows(m)`, meaning m·n, and numbers
may carry a power of n.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from microgradcnn.engine.functions import BUILT_IN
from microgradcnn.engine.record import TABLE


@dataclass(frozen=True)
class Rows:
    """A length of `factor`·n, with n rows."""

    factor: int = 1

    def __str__(self) -> str:
        return "n" if self.factor == 1 else f"{self.factor} * n"


Length: TypeAlias = int | Rows
Shape: TypeAlias = tuple[Length, ...]


FLOAT64 = np.dtype(np.float64)


@dataclass(eq=False, slots=True)
class Line:
    """One operation of a program.

    `op` is a primitive's name, or "input", "parameter", "constant" (its `value` an array) or "number" (`value`·n to
    the `power`). `varies` says that every row has a value of its own: along the axis of length Rows, or, in a program
    written for one example in scalars, along no axis at all. What the chain rule says of a line: `sent` is (y, x) where
    the line is df/dy·dy/dx, `within` the same for a step on the way there; the line is df/dx for every x in `totals`.
    """

    op: str
    args: tuple[Line, ...] = ()
    static: dict[str, Any] = field(default_factory=dict)
    shape: Shape = ()
    dtype: np.dtype[Any] = FLOAT64
    varies: bool = False
    value: Any = None
    power: int = 0
    label: str | None = None
    sent: tuple[Line, Line] | None = None
    within: tuple[Line, Line] | None = None
    totals: tuple[Line, ...] = ()

    @property
    def axis(self) -> int | None:
        """The axis along which rows lie, None if there is none."""
        return next((i for i, length in enumerate(self.shape) if isinstance(length, Rows)), None)

    def changed(self, op: str, args: tuple[Line, ...], static: dict[str, Any] | None = None) -> Line:
        """A line of the same shape, type and label with another operation."""
        static = self.static if static is None else static
        return Line(op, args, static, self.shape, self.dtype, self.varies, self.value, self.power, self.label)

    def is_number(self, value: float) -> bool:
        """Whether this is that number, whatever n is."""
        return self.op == "number" and self.power == 0 and self.value == value


LEAVES = frozenset({"input", "parameter", "constant", "number"})
COMPARISONS = frozenset(name for name in BUILT_IN if TABLE[name].chain == (None, None))  # which give booleans


def is_own(line: Line) -> bool:
    """Whether a line is a primitive of the user's own."""
    return line.op not in BUILT_IN and line.op in TABLE


@dataclass
class Lines:
    """A loss, its gradients and further numbers as lines.

    `per_example` says that the loss was written in scalars for one example, so that rows are no axis and the program
    returns means over them; otherwise rows, if there are any, are axis 0 of the inputs.
    """

    inputs: list[Line]
    parameters: list[Line]
    loss: Line
    gradients: list[Line]
    also: list[Line]
    per_example: bool

    @property
    def outputs(self) -> list[Line]:
        """Everything that the program returns: the loss, the gradients, the further numbers."""
        return [self.loss, *self.gradients, *self.also]

    @cached_property
    def order(self) -> list[Line]:
        """Every line that the outputs need, each after its arguments."""
        return in_order(self.outputs)

    def with_outputs(self, outputs: list[Line]) -> Lines:
        """The same inputs and parameters with other outputs, in the order of `outputs`."""
        end = 1 + len(self.gradients)
        return Lines(self.inputs, self.parameters, outputs[0], outputs[1:end], outputs[end:], self.per_example)


def in_order(outputs: Iterable[Line]) -> list[Line]:
    """Every line that the outputs need, each after its arguments, those of the first output first."""
    order: dict[Line, None] = {}
    for output in outputs:
        stack = [output]
        while stack:
            line = stack[-1]
            for arg in line.args[::-1]:
                if arg not in order:
                    stack.append(arg)  # noqa: PERF401, a list for each line takes a third longer
            if line is stack[-1]:  # all that it needs is there
                order[stack.pop()] = None
    return list(order)


def lengths(value: Any, rows: int) -> Any:
    """`value` with every multiple of n, however deep inside, as a number for `rows` rows."""
    if isinstance(value, Rows):
        return value.factor * rows
    if isinstance(value, dict):
        return {name: lengths(part, rows) for name, part in value.items()}
    return tuple(lengths(part, rows) for part in value) if isinstance(value, tuple) else value


def plain(static: Any) -> Any:
    """An argument that is no array to compute with, NumPy's numbers in it as Python's, which a text can name."""
    if isinstance(static, np.generic):
        return static.item()
    if isinstance(static, slice):
        return slice(plain(static.start), plain(static.stop), plain(static.step))
    return type(static)(map(plain, static)) if type(static) in (tuple, list) else static


def is_plain(index: Any) -> bool:
    """Whether an index is made of whole numbers and slices, which give a view."""
    return all(map(is_plain, index)) if type(index) is tuple else type(index) in (int, slice)


def hashable(static: Any) -> Any:
    """Arguments that are no arrays of numbers to compute with, so that they can be compared, down to every index."""
    if isinstance(static, dict):
        return tuple((name, hashable(static[name])) for name in sorted(static))
    if isinstance(static, tuple | list):
        return tuple(map(hashable, static))
    if isinstance(static, np.ndarray):
        return static.shape, str(static.dtype), static.tobytes()
    return repr(static)


def broadcast(shapes: list[Shape]) -> Shape | None:
    """The shape that these give together, None if they do not fit."""
    found: list[Any] = []
    for i in range(1, 1 + max(map(len, shapes))):
        lengths = {shape[-i] for shape in shapes if len(shape) >= i} - {1}
        if len(lengths) > 1:
            return None
        found.insert(0, lengths.pop() if lengths else 1)
    return tuple(found)


def known_size(shape: Shape) -> int:
    """How many numbers there are for every row, or altogether where there are no rows."""
    return math.prod(length for length in shape if isinstance(length, int))


def own_shape(line: Line) -> Shape:
    """The shape in memory: a number for every row is an array."""
    return (Rows(),) if line.varies and not line.shape else line.shape
