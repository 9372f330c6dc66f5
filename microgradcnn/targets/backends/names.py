"""How the text of a program's functions refers to its lines, to constants and to what computes them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.kernels import largest_back
from microgradcnn.engine.record import TABLE
from microgradcnn.targets.backends.calls import address, guard, row_by_row, sent_nan, strides
from microgradcnn.targets.lines import Line, is_own, lengths, own_shape
from microgradcnn.targets.plan import Plan


def assembled(*parts: Array, indices: tuple[Any, ...], shape: tuple[int, ...]) -> Array:
    """Zeros of a shape, to which each part is added at an index of its own."""
    whole = np.zeros(shape, parts[0].dtype)
    for index, part in zip(indices, parts, strict=True):
        whole[index] += part
    return whole


def shared_out(g: Any, y: Array, x: Array, **static: Any) -> Array:
    """What max pooling sends back, for g with two axes more than its value y."""
    return largest_back(np.broadcast_to(g, (*y.shape, 1, 1))[..., 0, 0], y, x, **static)


OF_PLANS: dict[str, Callable[..., Any]] = {"assembled": assembled, "pooled_back": shared_out}  # no primitives


class LineNames:
    """Names for the lines of a plan; `namespace` holds what a text refers to besides NumPy."""

    def __init__(self, plan: Plan, items: Sequence[Any], kernels: Sequence[Callable[..., None]]) -> None:
        self.plan, self.items, self.kernels = plan, items, iter(kernels)
        self.names: dict[Line, str] = {}
        self.namespace: dict[str, Any] = {
            "sum_": np.add.reduce,
            "lengths": lengths,
            "address": address,
            "guard": guard,
            "sent_nan": sent_nan,
            "strides": strides,
        }
        for kind, lines in (
            ("x", plan.lines.inputs),
            ("p", plan.lines.parameters),
            ("e", plan.before),
            ("r", plan.each),
            ("s", plan.sums),
            ("a", plan.after),
        ):
            self.names |= {line: f"{kind}{i}" for i, line in enumerate(lines)}

    def name(self, line: Line) -> str:
        """How the text refers to a line: a name, or a number written out."""
        if line.op == "number":
            if line.power:
                return (
                    f"({line.value!r} * n ** {line.power})"
                    if line.power > 0
                    else f"({line.value!r} / n ** {-line.power})"
                )
            return repr(line.value) if math.isfinite(line.value) else f"float('{line.value}')"
        if line.op == "constant":
            return self.constant(line.value)
        return self.names[line]

    def typed(self, line: Line) -> str:
        """The same where an array is made of it: the text has numbers as Python's floats, which make float64 arrays."""
        is_number = line.dtype == np.float32 and own_shape(line) == ()
        return f"float32({self.name(line)})" if is_number else self.name(line)

    def constant(self, value: Any) -> str:
        """A name for something that the text refers to."""
        name = f"c{len(self.namespace)}"
        self.namespace[name] = value
        return name

    def call(self, line: Line, static: str = "") -> str:
        """The value of a line by its primitive, in memory of its own."""
        args = [self.typed(arg) if own_shape(line) else self.name(arg) for arg in line.args]
        if line.static:
            args.append(f"**{static or self.constant(line.static)}")
        forward = OF_PLANS.get(line.op) or TABLE[line.op].forward
        if line.varies and not line.shape and is_own(line) and TABLE[line.op].scalar is None:
            forward = partial(row_by_row, forward)  # which nobody said to work element by element
        text = f"{self.constant(forward)}({', '.join(args)})"
        return f"float({text})" if own_shape(line) == () and line.dtype == np.float32 else text
