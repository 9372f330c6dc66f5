"""What every primitive is in calls of NumPy that write into memory made before, and how functions are put together."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.functions import BUILT_IN
from microgradcnn.engine.kernels import MULTIPLIED
from microgradcnn.engine.record import TABLE
from microgradcnn.targets.lines import Line, own_shape

# The ufunc that writes a primitive's value into a buffer, after its arguments.
UFUNCS: dict[str, str] = {
    name: op.forward.__name__ for name, op in TABLE.items() if name in BUILT_IN and isinstance(op.forward, np.ufunc)
}

Steps = Callable[[Line, str, list[str]], list[str]]


def _sigmoid(line: Line, out: str, args: list[str]) -> list[str]:
    return [f"negative({args[0]}, {out}); exp({out}, {out}); add({out}, 1.0, {out}); reciprocal({out}, {out})"]


def _power(line: Line, out: str, args: list[str]) -> list[str]:
    exponent = line.static["exponent"]
    if exponent not in range(3, MULTIPLIED + 1):
        return [f"power({args[0]}, {exponent!r}, {out})"]
    return [f"multiply({' * '.join(args * (int(exponent) - 1))}, {args[0]}, {out})"]


def _where(line: Line, out: str, args: list[str]) -> list[str]:
    (condition, a, b), (_, taken, rest) = args, line.args
    is_zero = rest.is_number(0.0) and math.copysign(1.0, rest.value) > 0.0
    if not _is_masked(line, taken) or not (is_zero or _is_masked(line, rest)):
        return [f"copyto({out}, {b}); copyto({out}, {a}, where={condition})"]
    # True is a mask of ones, as −1 is: NumPy guesses a branch for every number
    bits = f".view('i{line.dtype.itemsize}')"
    mask = f"negative({condition}.view('i1'), {out}{bits})"
    if is_zero:
        return [mask, f"bitwise_and({out}{bits}, {a}{bits}, {out}{bits})"]
    both = f"bitwise_and({out}{bits}, bitwise_xor({a}{bits}, {b}{bits}), {out}{bits})"
    return [mask, both, f"bitwise_xor({out}{bits}, {b}{bits}, {out}{bits})"]


def _is_masked(line: Line, branch: Line) -> bool:
    """Whether a where() takes each number, or leaves it out, from one array of its own shape and type."""
    condition = line.args[0]
    alike = branch.dtype == line.dtype and own_shape(condition) == own_shape(branch) == own_shape(line) != ()
    return alike and condition.dtype == np.bool_ and line.dtype.kind == "f" and branch.op != "number"


# Primitives that take several calls, or calls with more arguments.
STEPS: dict[str, Steps] = {
    "sigmoid": _sigmoid,
    "where": _where,
    "relu": lambda line, out, args: [f"maximum({args[0]}, 0.0, out={out})"],
    "softplus": lambda line, out, args: [f"logaddexp(0.0, {args[0]}, {out})"],
    "power": _power,
    "astype": lambda line, out, args: [f"copyto({out}, {args[0]})"],
}


COPIED = frozenset({"getitem", "transpose", "broadcast_to", "parameter"})  # for kernels: often not in one piece
IN_PLACE = frozenset({*UFUNCS, "sigmoid", "relu", "softplus", "power"})


def is_flat_product(line: Line) -> bool:
    """Whether a product is one that np.dot takes, which is faster than np.matmul."""
    return len(line.shape) <= 2 and all(len(arg.shape) <= 2 for arg in line.args)


def product(line: Line, out: str, args: Sequence[str]) -> str:
    """A call that writes a product; all rows of a stack go through one matrix in one product of np.dot."""
    a, b = line.args
    if is_flat_product(line):
        return f"dot({args[0]}, {args[1]}, {out})"
    if len(b.shape) != 2 or 0 in b.shape or own_shape(line)[:-1] != own_shape(a)[:-1]:
        return f"matmul({args[0]}, {args[1]}, {out})"
    inner, outer = b.shape
    return f"dot({args[0]}.reshape(-1, {inner}), {args[1]}, {out}.reshape(-1, {outer}))"


def row_by_row(forward: Callable[..., Any], *columns: Any, **static: Any) -> Any:
    """A primitive of numbers, for every row by itself."""
    return np.array([forward(*row, **static) for row in zip(*np.broadcast_arrays(*columns), strict=True)])


def address(array: Array) -> int:
    """Where the numbers of an array lie in memory."""
    place: int = array.__array_interface__["data"][0]
    return place


def strides(array: Array) -> tuple[int, ...]:
    """The steps from a number to the next along every axis, in numbers."""
    return tuple([step // array.itemsize for step in array.strides])


def listed(names: Sequence[str]) -> str:
    """Names as the text of a tuple."""
    return f"({', '.join(names)}{',' if len(names) == 1 else ''})"


def function(name: str, arguments: Iterable[str], body: Iterable[str], results: Sequence[str]) -> list[str]:
    """The text of a function that returns a tuple."""
    return [f"def {name}({', '.join(arguments)}):", *indented([*body, f"return {listed(results)}"])]


def indented(lines: Iterable[str]) -> list[str]:
    """Lines of text one step further in, without empty ones."""
    return [f"    {line}" for line in lines if line]
