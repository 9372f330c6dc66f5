"""Functions that take axes together, or along one: sums, means, extremes, and the softmax."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from microgradcnn.engine import primitives
from microgradcnn.engine.arguments import Axis, Operand, axes_of, axis_of, check_real, explained, listed, of_one, shown
from microgradcnn.engine.arrays import Array, bare_array, glimpse, quiet
from microgradcnn.engine.functions.elementwise import abs, equal, exp, power, sqrt, square, where, zeros_like
from microgradcnn.engine.functions.shapes import concatenate, getitem, places, reshape, shape, squeeze, transpose
from microgradcnn.engine.kernels import are_indices, row_numbers
from microgradcnn.engine.table import axes as along
from microgradcnn.engine.table import layers
from microgradcnn.engine.value import Value


@of_one
@explained
def sum(x: Operand, axis: Axis = None, keepdims: bool = False) -> Any:
    """The sum over all axes, or over one or several."""
    return primitives.sum(x, axis=axes_of("sum", axis), keepdims=keepdims)


@of_one
@explained
def mean(x: Operand, axis: Axis = None, keepdims: bool = False) -> Any:
    """The mean over all axes, or over one or several; NaN of nothing."""
    return primitives.mean(x, axis=axes_of("mean", axis), keepdims=keepdims)


@of_one
@explained
def max(x: Operand, axis: Axis = None, keepdims: bool = False) -> Any:
    """The largest over all axes, or over one or several; ties share the gradient."""
    return primitives.max(x, axis=axes_of("max", axis), keepdims=keepdims)


@of_one
@explained
def min(x: Operand, axis: Axis = None, keepdims: bool = False) -> Any:
    """The smallest over all axes, or over one or several; ties share the gradient."""
    return primitives.min(x, axis=axes_of("min", axis), keepdims=keepdims)


@of_one
@explained
def prod(x: Operand, axis: Axis = None, keepdims: bool = False) -> Any:
    """The product over all axes, or over one or several; 1 of nothing. Its derivatives are exact at zeros too.

    It is a tree of products of halves, which divides by nothing and is no deeper than the logarithm of its length.
    """
    n = len(shape(x))
    over = list(range(n)) if axis is None else places("prod", axis, n)
    rest = [i for i in range(n) if i not in over]
    lengths = [shape(x)[i] for i in rest]
    count = math.prod(shape(x)[i] for i in over)
    factors = x if [*rest, *over] == list(range(n)) else transpose(x, (*rest, *over))
    factors = factors if len(over) == 1 else reshape(factors, (*lengths, count))
    while count > 1:
        half = count // 2
        product = _last(factors, 0, half) * _last(factors, half, 2 * half)
        factors = concatenate([product, _last(factors, 2 * half, count)], -1) if count % 2 else product
        count -= half
    if not count:
        factors = sum(factors, -1) + 1.0
    return reshape(factors, [1 if i in over else shape(x)[i] for i in range(n)] if keepdims else lengths)


@of_one
@explained
def var(x: Operand, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Any:
    """The mean square of what is left without the mean, Σ(x - mean)²/(n - ddof); NaN or inf unless n is larger."""
    apart = x - mean(x, axis, keepdims=True)
    return primitives.div(sum(square(apart), axis, keepdims), _freedom("var", x, axis, ddof))


@of_one
@explained
def std(x: Operand, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Any:
    """The square root of `var`; of equal numbers 0, with a gradient of 0."""
    apart = x - mean(x, axis, keepdims=True)
    length = along.vector_norm(apart, axis=axes_of("std", axis), keepdims=keepdims)
    return primitives.div(length, math.sqrt(_freedom("std", x, axis, ddof)))


@of_one
@explained
def norm(x: Operand, ord: float | str | None = None, axis: Axis = None, keepdims: bool = False) -> Any:
    """The length of a vector, √Σx², over all axes or over one or two; its gradient at 0 is 0.

    `ord` is as in np.linalg.norm: of vectors p for (Σ|x|^p)^(1/p), inf for the largest |x|, -inf for the smallest, 0
    for how many are not 0; of matrices "fro", 1 or -1 for the largest or smallest sum of a column, inf or -inf of a
    row. Raises ValueError for what takes a decomposition, as 2, -2 and "nuc" of matrices do.
    """
    n = len(shape(x))
    at = list(range(n)) if axis is None else places("norm", axis, n)
    if ord is None or (ord == 2 and len(at) == 1) or (ord == "fro" and len(at) == 2):
        return along.vector_norm(x, axis=axes_of("norm", axis), keepdims=keepdims)
    if len(at) == 1 and not isinstance(ord, str):
        return _norm_of_vectors(abs(x), ord, at[0], keepdims)
    if len(at) == 2 and not isinstance(ord, str) and ord in (1, -1, math.inf, -math.inf):
        summed, left = at if ord in (1, -1) else at[::-1]
        found = _extreme(ord, sum(abs(x), summed, keepdims=True), left, True)
        return found if keepdims else squeeze(found, at)
    raise ValueError(
        f"norm has no ord={ord!r} over {len(at)} {'axis' if len(at) == 1 else 'axes'}: of one axis it takes a number, "
        "of two None, 'fro', 1, -1, inf or -inf; 2 and 'nuc' of a matrix need its singular values"
    )


@of_one
@explained
def logsumexp(x: Operand, axis: Axis = None, keepdims: bool = False) -> Any:
    """log Σ exp(x) over all axes, or over one or several; -inf of nothing. No exponential overflows."""
    return along.logsumexp(x, axis=axes_of("logsumexp", axis), keepdims=keepdims)


@of_one
@explained
def log_softmax(x: Operand, axis: int = -1) -> Any:
    """x - log Σ exp(x) along an axis, value and gradient right to 1e-12 in both tails."""
    return primitives.log_softmax(x, axis=axis_of("log_softmax", axis))


@of_one
@explained
def softmax(x: Operand, axis: int = -1) -> Any:
    """exp(x) / Σ exp(x) along an axis, value and gradient right to 1e-12 in both tails."""
    return exp(log_softmax(x, axis))


@of_one
@explained
def normalised(x: Operand, axis: Axis = None, eps: float = 1e-5) -> Any:
    """(x - mean)/√(variance + eps) over all axes, or over one or several; the variance is the biased one."""
    return primitives.normalised(x, axis=axes_of("normalised", axis), eps=float(eps))


@of_one
@explained
def layer_norm(
    x: Operand, normalized_shape: int | Sequence[int], weight: Operand = None, bias: Operand = None, eps: float = 1e-5
) -> Any:
    """x normalised over its last axes, of `normalized_shape`, as `normalised` does, times the weight, plus the bias.

    Both are of `normalized_shape`; with both it is one node. (Ba, Kiros and Hinton 2016.) Raises ValueError for others.
    """
    lengths = tuple(listed(normalized_shape))
    if not lengths or shape(x)[-len(lengths) :] != lengths:
        raise ValueError(f"layer_norm takes x whose last axes are {normalized_shape}, not those of {shape(x)}")
    axis = tuple(range(-len(lengths), 0))
    if weight is not None and bias is not None:
        return layers.layer_norm(x, weight, bias, axis=axis, eps=float(eps))
    y = primitives.normalised(x, axis=axis, eps=float(eps))
    y = y if weight is None else primitives.mul(y, weight)
    return y if bias is None else primitives.add(y, bias)


@of_one
@explained
def batch_norm(
    x: Operand,
    running_mean: Array | None = None,
    running_var: Array | None = None,
    weight: Operand = None,
    bias: Operand = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Every feature of axis 1 of x (n, features, ...) normalised, times the weight, plus the bias, both (features,).

    In `training` by the mean and the biased variance of the batch, with a weight and a bias in one node; the running
    statistics, arrays (features,), then follow in place, as those of nn.BatchNorm1d. Without it by these. (Ioffe and
    Szegedy 2015, algorithms 1 and 2.) Raises ValueError for other shapes, for one number of each feature in training,
    and where running statistics are needed and not given, TypeError for some that cannot follow.
    """
    lengths = shape(x)
    features, of_features = lengths[1:2], (*lengths[1:2], *[1] * (len(lengths) - 2))
    for given in (running_mean, running_var, weight, bias):
        if len(lengths) < 2 or (given is not None and shape(given) != features):
            raise ValueError(
                "batch_norm takes x (n, features, ...), and statistics, weight and bias (features,), not an x of shape "
                f"{lengths}" + (f" and {shape(given)}" if given is not None else "")
            )
    if len(lengths) > 2:
        weight = weight if weight is None else reshape(weight, of_features)
        bias = bias if bias is None else reshape(bias, of_features)
    if training:
        axis = (0, *range(2, len(lengths)))
        _follow(x, axis, running_mean, running_var, momentum)
        if weight is not None and bias is not None:
            return layers.batch_norm(x, weight, bias, axis=axis, eps=float(eps))
        y = primitives.normalised(x, axis=axis, eps=float(eps))
    elif running_mean is None or running_var is None:
        raise ValueError("batch_norm needs running_mean and running_var, or training=True")
    else:
        y = (x - reshape(running_mean, of_features)) / sqrt(reshape(running_var, of_features) + eps)
    y = y if weight is None else primitives.mul(y, weight)
    return y if bias is None else primitives.add(y, bias)


@np.errstate(all="ignore")
def _follow(x: Any, axis: tuple[int, ...], mean: Array | None, var: Array | None, momentum: float) -> None:
    """Move running statistics towards those of the batch, whose variance is the unbiased one."""
    if math.prod(shape(x)) < 2 * shape(x)[1]:
        raise ValueError(f"batch_norm in training takes two numbers or more of each feature, not x of shape {shape(x)}")
    check_real(momentum=momentum)
    for running in (given for given in (mean, var) if given is not None):
        if not (isinstance(running, np.ndarray) and running.dtype.kind == "f" and running.flags.writeable):
            raise TypeError(
                f"batch_norm moves running statistics, writable arrays of floats, in place, and not {shown(running)}"
            )
    numbers = x._data if isinstance(x, Value) else np.asarray(x)
    if mean is not None:
        mean += momentum * (np.mean(numbers, axis) - mean)
    if var is not None:
        var += momentum * (np.var(numbers, axis, ddof=1) - var)


@of_one
@explained
def cross_entropy(logits: Operand, target: Any) -> Any:
    """The mean of −log softmax(logits)[target] for logits (n, classes) and class numbers (n,), in one node.

    nn.cross_entropy has weights, other reductions and classes in a Value besides, and records the steps, which its
    graph shows; this is faster. Raises ValueError for other shapes, and for a target that is no class number.
    """
    if isinstance(target, Value):
        raise TypeError(f"cross_entropy takes class numbers in an array: of {target.describe()} write nn.cross_entropy")
    lengths, numbers = shape(logits), bare_array(target)
    classes = numbers.astype(np.intp) if numbers.dtype.kind in "biu" else None
    if numbers.dtype.kind == "f" and (numbers == np.floor(numbers)).all():
        classes = quiet(numbers.astype, np.intp)  # of what is too large that is some number out of range
    if len(lengths) != 2 or classes is None or classes.shape != lengths[:1] or not are_indices(classes, lengths[1]):
        raise ValueError(
            f"cross_entropy takes logits (n, classes) and n class numbers from 0, not logits of shape {lengths} and "
            f"targets of shape {numbers.shape}, {glimpse(numbers)}: nn.cross_entropy also has an ignore_index, "
            "probabilities and more axes"
        )
    return layers.cross_entropy(logits, index=(row_numbers(len(classes)), classes))


def _extreme(ord: float, sizes: Any, axis: int, keepdims: bool) -> Any:
    """The largest of the sizes along an axis, 0 of none; for an `ord` below 0 the smallest."""
    if ord > 0 and not shape(sizes)[axis]:
        return sum(sizes, axis, keepdims)
    return (max if ord > 0 else min)(sizes, axis, keepdims)


def _norm_of_vectors(sizes: Any, ord: float, axis: int, keepdims: bool) -> Any:
    """The norm of vectors whose numbers have these sizes; its gradient where all are 0 is 0."""
    if ord in (math.inf, -math.inf):
        return _extreme(ord, sizes, axis, keepdims)
    if ord == 0:
        return sum(where(equal(sizes, 0.0), zeros_like(sizes), 1.0), axis, keepdims)
    if ord == 1:
        return sum(sizes, axis, keepdims)
    total = sum(power(sizes, ord), axis, keepdims)
    if ord < 0:
        return power(total, 1.0 / ord)
    nothing = equal(total, 0.0)
    return where(nothing, 0.0, power(where(nothing, 1.0, total), 1.0 / ord))


def _last(x: Any, start: int, stop: int) -> Any:
    """The numbers between two places along the last axis."""
    return getitem(x, (*[slice(None)] * (len(shape(x)) - 1), slice(start, stop)))


def _freedom(function: str, x: Any, axis: Axis, ddof: float) -> float:
    """How many numbers go into one, without `ddof` of them; 0 at least."""
    n = len(shape(x))
    at = range(n) if axis is None else places(function, axis, n)
    return float(builtins.max(math.prod(shape(x)[i] for i in at) - ddof, 0))
