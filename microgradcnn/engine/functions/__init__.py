"""The functions on Values, with NumPy's names and arguments; each is a method of Value too.

Any mixture of Values, numbers and arrays goes in. If a Value is among them a Value comes out, otherwise plain data.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from microgradcnn.engine.arguments import Operand
from microgradcnn.engine.functions.elementwise import (
    abs,
    equal,
    exp,
    expm1,
    log,
    log1p,
    maximum,
    minimum,
    negative,
    power,
    relu,
    sigmoid,
    softplus,
    sqrt,
    square,
    tanh,
    where,
)
from microgradcnn.engine.functions.products import matmul
from microgradcnn.engine.functions.reductions import log_softmax, max, mean, normalised, softmax, sum
from microgradcnn.engine.functions.shapes import astype, broadcast_to, concatenate, getitem, reshape, stack, transpose
from microgradcnn.engine.functions.windows import avg_pool2d, conv1d, conv2d, conv_transpose2d, max_pool2d, pair
from microgradcnn.engine.record import TABLE
from microgradcnn.engine.value import Value

__all__ = [
    "BUILT_IN",
    "METHODS",
    "Operand",
    "abs",
    "astype",
    "avg_pool2d",
    "broadcast_to",
    "concatenate",
    "conv1d",
    "conv2d",
    "conv_transpose2d",
    "equal",
    "exp",
    "expm1",
    "getitem",
    "log",
    "log1p",
    "log_softmax",
    "matmul",
    "max",
    "max_pool2d",
    "maximum",
    "mean",
    "minimum",
    "negative",
    "normalised",
    "pair",
    "power",
    "relu",
    "reshape",
    "sigmoid",
    "softmax",
    "softplus",
    "sqrt",
    "square",
    "stack",
    "sum",
    "tanh",
    "transpose",
    "where",
]

BUILT_IN = frozenset(name for name, op in TABLE.items() if not op.composed)  # what every target knows by itself

METHODS = (
    *(abs, astype, avg_pool2d, conv2d, exp, expm1, log, log1p, log_softmax, matmul, max, max_pool2d, maximum, mean),
    *(minimum, relu, reshape, sigmoid, softmax, softplus, sqrt, square, sum, tanh),
)
for _function in METHODS:
    setattr(Value, _function.__name__, _function)


def _transpose_method(self: Value, *axes: Any) -> Any:
    return transpose(self, axes[0] if len(axes) == 1 and not isinstance(axes[0], int | np.integer) else axes or None)


def _no_parts(self: Value, *index_and_new: Any) -> NoReturn:
    raise TypeError(
        f"no part of {self.describe()} can be changed: mg.where, mg.stack and mg.concatenate make a Value with other "
        "parts, and .data of a leaf takes a whole new array"
    )


def _reflected_power(self: Value, base: Operand) -> Any:
    return power(base, self)


for _name, _operator in {
    "transpose": _transpose_method,
    "__pow__": power,
    "__rpow__": _reflected_power,
    "__neg__": negative,
    "__abs__": abs,
    "__getitem__": getitem,
    "__setitem__": _no_parts,
    "__delitem__": _no_parts,
}.items():
    setattr(Value, _name, _operator)
