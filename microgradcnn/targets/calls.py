"""What every primitive is in calls of NumPy that write into memory made before."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from microgradcnn.targets.lines import Line, own_shape

# The ufunc that writes a primitive's value into a buffer, after its arguments.
UFUNCS: dict[str, str] = {
    **{op: op for op in ("add", "square", "sqrt", "exp", "expm1", "log", "log1p", "tanh", "maximum", "minimum")},
    **{op: op for op in ("less", "less_equal", "greater", "greater_equal", "equal")},
    **{"sub": "subtract", "mul": "multiply", "div": "divide", "neg": "negative", "abs": "absolute", "pow": "power"},
}

Steps = Callable[[Line, str, list[str]], list[str]]


def _sigmoid(line: Line, out: str, args: list[str]) -> list[str]:
    return [f"negative({args[0]}, {out}); exp({out}, {out}); add({out}, 1.0, {out}); reciprocal({out}, {out})"]


def _where(line: Line, out: str, args: list[str]) -> list[str]:
    condition, a, b = args
    if line.args[2].is_number(0.0) and math.copysign(1.0, line.args[2].value) > 0.0 and _is_mask(line):
        bits = f"'i{line.dtype.itemsize}'"  # True is a mask of ones, as −1 is: NumPy guesses a branch for every number
        return [
            f"negative({condition}.view('i1'), {out}.view({bits}))",
            f"bitwise_and({out}.view({bits}), {a}.view({bits}), {out}.view({bits}))",
        ]
    return [f"copyto({out}, {b}); copyto({out}, {a}, where={condition})"]


def _is_mask(line: Line) -> bool:
    """Whether a where() takes each number from one array of its own shape and type, or leaves it out."""
    condition, a, _ = line.args
    alike = a.dtype == line.dtype and own_shape(condition) == own_shape(a) == own_shape(line) != ()
    return alike and condition.dtype == np.bool_ and line.dtype.kind == "f"


# Primitives that take several calls, or calls with more arguments.
STEPS: dict[str, Steps] = {
    "sigmoid": _sigmoid,
    "where": _where,
    "relu": lambda line, out, args: [f"maximum({args[0]}, 0.0, out={out})"],
    "softplus": lambda line, out, args: [f"logaddexp(0.0, {args[0]}, {out})"],
    "power": lambda line, out, args: [f"power({args[0]}, {line.static['exponent']!r}, {out})"],
    "astype": lambda line, out, args: [f"copyto({out}, {args[0]})"],
}


IN_PLACE = frozenset({*UFUNCS, "sigmoid", "relu", "softplus", "power"})
