"""The functions on Values, with NumPy's names and arguments; each is a method of Value too.

Any mixture of Values, numbers and arrays goes in. If a Value is among them a Value comes out, otherwise plain data.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from microgradcnn.engine.arguments import Operand
from microgradcnn.engine.functions.diagonals import diag, diagflat, diagonal, trace, tril, triu
from microgradcnn.engine.functions.elementary import (
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    cos,
    cosh,
    deg2rad,
    erf,
    exp2,
    hypot,
    log2,
    log10,
    logaddexp,
    logaddexp2,
    rad2deg,
    sin,
    sinc,
    sinh,
    stop_gradient,
    tan,
)
from microgradcnn.engine.functions.elementwise import (
    abs,
    ceil,
    clip,
    equal,
    exp,
    expm1,
    floor,
    gelu,
    isfinite,
    isinf,
    isnan,
    leaky_relu,
    log,
    log1p,
    maximum,
    minimum,
    mod,
    nan_to_num,
    negative,
    ones_like,
    power,
    reciprocal,
    relu,
    sigmoid,
    sign,
    silu,
    softplus,
    sqrt,
    square,
    tanh,
    where,
    zeros_like,
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
from microgradcnn.engine.functions.products import (
    cross,
    dot,
    einsum,
    inner,
    kron,
    linear,
    matmul,
    outer,
    scaled_dot_product_attention,
    tensordot,
    vdot,
)
from microgradcnn.engine.functions.reductions import (
    batch_norm,
    cross_entropy,
    layer_norm,
    log_softmax,
    logsumexp,
    max,
    mean,
    min,
    norm,
    normalised,
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
from microgradcnn.engine.functions.windows import avg_pool2d, conv1d, conv2d, conv_transpose2d, max_pool2d, pair
from microgradcnn.engine.record import TABLE
from microgradcnn.engine.value import Value

__all__ = [
    "BUILT_IN",
    "METHODS",
    "Operand",
    "abs",
    "append",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "argmax",
    "argmin",
    "argsort",
    "array_split",
    "astype",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "avg_pool2d",
    "batch_norm",
    "broadcast_to",
    "ceil",
    "clip",
    "column_stack",
    "concatenate",
    "conv1d",
    "conv2d",
    "conv_transpose2d",
    "cos",
    "cosh",
    "cross",
    "cross_entropy",
    "cumsum",
    "deg2rad",
    "diag",
    "diagflat",
    "diagonal",
    "diff",
    "dot",
    "dsplit",
    "dstack",
    "einsum",
    "equal",
    "erf",
    "exp",
    "exp2",
    "expand_dims",
    "expm1",
    "flatten",
    "flip",
    "fliplr",
    "flipud",
    "floor",
    "gelu",
    "getitem",
    "hsplit",
    "hstack",
    "hypot",
    "inner",
    "isfinite",
    "isinf",
    "isnan",
    "kron",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log",
    "log1p",
    "log2",
    "log10",
    "log_softmax",
    "logaddexp",
    "logaddexp2",
    "logsumexp",
    "matmul",
    "max",
    "max_pool2d",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mod",
    "moveaxis",
    "nan_to_num",
    "negative",
    "norm",
    "normalised",
    "ones_like",
    "outer",
    "pad",
    "pair",
    "power",
    "prod",
    "rad2deg",
    "ravel",
    "reciprocal",
    "relu",
    "repeat",
    "reshape",
    "roll",
    "rollaxis",
    "rot90",
    "scaled_dot_product_attention",
    "select",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "sinc",
    "sinh",
    "softmax",
    "softplus",
    "sort",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "stop_gradient",
    "sum",
    "swapaxes",
    "take",
    "take_along_axis",
    "tan",
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
    "zeros_like",
]

BUILT_IN = frozenset(name for name, op in TABLE.items() if not op.composed)  # what every target knows by itself

METHODS = (
    *(argmax, argmin, argsort, cumsum, diagonal, dot, flatten, min, prod, ravel, repeat, squeeze, std, swapaxes, take),
    *(trace, var),
    *(abs, astype, avg_pool2d, conv2d, exp, expm1, log, log1p, log_softmax, matmul, max, max_pool2d, maximum, mean),
    *(minimum, relu, reshape, sigmoid, softmax, softplus, sqrt, square, sum, tanh),
    *(sin, cos, tan, sinh, cosh, arcsin, arccos, arctan, arctan2, arcsinh, arccosh, arctanh, log2, log10, exp2, erf),
    *(logaddexp, logaddexp2, hypot, sinc, deg2rad, rad2deg, reciprocal, sign, floor, ceil, mod, clip),
    *(leaky_relu, silu, gelu, isnan, isinf, isfinite, nan_to_num),
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


def _positive(self: Value) -> Any:
    return reshape(self, self.shape)  # a node of its own, which may have a label of its own


def _reflected_power(self: Value, base: Operand) -> Any:
    return power(base, self)


def _reflected_mod(self: Value, a: Operand) -> Any:
    return mod(a, self)


for _name, _operator in {
    "transpose": _transpose_method,
    "__pow__": power,
    "__rpow__": _reflected_power,
    "__mod__": mod,
    "__rmod__": _reflected_mod,
    "__neg__": negative,
    "__pos__": _positive,
    "__abs__": abs,
    "__getitem__": getitem,
    "__setitem__": _no_parts,
    "__delitem__": _no_parts,
    "sort": _no_sort,
}.items():
    setattr(Value, _name, _operator)
