"""The functions on Values, with NumPy's names and arguments; each is a method of Value too.

Any mixture of Values, numbers and arrays goes in. If a Value is among them a Value comes out, otherwise plain data.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from microgradcnn.engine.arguments import Operand
from microgradcnn.engine.functions.diagonals import diag, diagflat, diagonal, trace, tril, triu
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
from microgradcnn.engine.functions.joining import (
    append,
    array_split,
    column_stack,
    diff,
    dsplit,
    dstack,
    hsplit,
    hstack,
    pad,
    repeat,
    roll,
    split,
    tile,
    vsplit,
    vstack,
)
from microgradcnn.engine.functions.ordering import argmax, argmin, argsort, cumsum, select, sort, take, take_along_axis
from microgradcnn.engine.functions.products import cross, dot, einsum, inner, kron, matmul, outer, tensordot, vdot
from microgradcnn.engine.functions.reductions import (
    log_softmax,
    logsumexp,
    max,
    mean,
    min,
    norm,
    prod,
    softmax,
    std,
    sum,
    var,
)
from microgradcnn.engine.functions.shapes import (
    astype,
    atleast_1d,
    atleast_2d,
    atleast_3d,
    broadcast_to,
    concatenate,
    expand_dims,
    flatten,
    flip,
    fliplr,
    flipud,
    getitem,
    moveaxis,
    ravel,
    reshape,
    rollaxis,
    rot90,
    squeeze,
    stack,
    swapaxes,
    transpose,
)
from microgradcnn.engine.functions.windows import avg_pool2d, conv2d, max_pool2d, pair
from microgradcnn.engine.record import TABLE
from microgradcnn.engine.value import Value

__all__ = [
    "BUILT_IN",
    "METHODS",
    "Operand",
    "abs",
    "append",
    "argmax",
    "argmin",
    "argsort",
    "array_split",
    "astype",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "avg_pool2d",
    "broadcast_to",
    "column_stack",
    "concatenate",
    "conv2d",
    "cross",
    "cumsum",
    "diag",
    "diagflat",
    "diagonal",
    "diff",
    "dot",
    "dsplit",
    "dstack",
    "einsum",
    "equal",
    "exp",
    "expand_dims",
    "expm1",
    "flatten",
    "flip",
    "fliplr",
    "flipud",
    "getitem",
    "hsplit",
    "hstack",
    "inner",
    "kron",
    "log",
    "log1p",
    "log_softmax",
    "logsumexp",
    "matmul",
    "max",
    "max_pool2d",
    "maximum",
    "mean",
    "min",
    "minimum",
    "moveaxis",
    "negative",
    "norm",
    "outer",
    "pad",
    "pair",
    "power",
    "prod",
    "ravel",
    "relu",
    "repeat",
    "reshape",
    "roll",
    "rollaxis",
    "rot90",
    "select",
    "sigmoid",
    "softmax",
    "softplus",
    "sort",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "sum",
    "swapaxes",
    "take",
    "take_along_axis",
    "tanh",
    "tensordot",
    "tile",
    "trace",
    "transpose",
    "tril",
    "triu",
    "var",
    "vdot",
    "vsplit",
    "vstack",
    "where",
]

BUILT_IN = frozenset(TABLE)

METHODS = (
    *(argmax, argmin, argsort, cumsum, diagonal, dot, flatten, min, prod, ravel, repeat, squeeze, std, swapaxes, take),
    *(trace, var),
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


def _no_sort(self: Value, *given: Any, **settings: Any) -> NoReturn:
    raise TypeError(f"{self.describe()} is not put in order where it is: mg.sort makes a Value in order")


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
    "sort": _no_sort,
}.items():
    setattr(Value, _name, _operator)
