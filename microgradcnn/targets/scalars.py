"""A program over arrays, opened into scalars: what it is for one example, number by number.

Arrays of Values stand for the arrays of the program, with one row for any number of rows, and every primitive is
applied number by number. The gradients are opened as they are, and not taken anew of what the loss was opened into: so
each follows the rule of its own primitive, as where a maximum of three numbers, opened into maxima of two, is shared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from itertools import combinations
from typing import Any

import numpy as np

from microgradcnn.engine import primitives
from microgradcnn.engine.arrays import quiet
from microgradcnn.engine.functions import BUILT_IN
from microgradcnn.engine.record import TABLE
from microgradcnn.engine.value import Value
from microgradcnn.targets.lines import LEAVES, Line, Lines, in_order, lengths
from microgradcnn.targets.notation import missing_line
from microgradcnn.targets.trace import trace_scalars

Grid = np.ndarray[Any, np.dtype[np.object_]]

IN_PAIRS = (
    "max",
    "min",
    "max_pool2d",
)  # opened into maxima, or minima, of two: right in value, but derivatives share ties in halves


def operations(lines: Lines) -> int:
    """How many operations on numbers the forward part of a program takes for one example, roughly."""
    return sum(_work(line) for line in in_order([lines.loss, *lines.also]))


def is_mean_of_examples(lines: Lines) -> bool:
    """Whether all that is made of a mean over rows is linear in it, so that it is the mean of what every row gives."""
    means: set[Line] = set()
    for line in in_order([lines.loss, *lines.also]):
        of_means = [arg in means for arg in line.args]
        once = sum(of_means) == 1 and (line.op in ("mul", "matmul") or (line.op == "div" and of_means[0]))
        if any(of_means) and line.op not in LINEAR and not once:
            return False
        if any(of_means) or (not line.varies and any(arg.varies for arg in line.args)):
            means.add(line)
    return True


def opened(lines: Lines) -> Lines:
    """The program in scalars, for one example: its leaves are the numbers of all leaves, one after the other."""
    outputs, leaves = opened_arrays(lines.outputs, [*lines.inputs, *lines.parameters])
    found = [[_value(x, line) for x in grid.flat] for line, grid in zip(lines.outputs, outputs, strict=True)]
    numbers: list[list[Any]] = [list(grid.flat) for grid in leaves]
    inputs, parameters = numbers[: len(lines.inputs)], numbers[len(lines.inputs) :]
    shared = [v for part, leaf in zip(inputs, lines.inputs, strict=True) if not leaf.varies for v in part]
    end = 1 + len(parameters)
    return trace_scalars(
        [*found[0], *_joined(found[end:])], _joined(found[1:end]), _joined(parameters), _joined(inputs), shared
    )


def opened_arrays(outputs: Sequence[Line], leaves: Sequence[Line]) -> tuple[list[Grid], list[Grid]]:
    """The arrays of `outputs`, of Values and plain numbers, and those of `leaves`, of Values, that they are made of.

    A leaf whose line has a value starts from it, any other from 0.5. Raises ValueError for a primitive of the user's
    own that is not known to work element by element.
    """
    grids = {leaf: _leaf(leaf) for leaf in leaves}
    for line in in_order(outputs):
        if line not in grids:
            grids[line] = _grid(line, [grids[arg] for arg in line.args])
            _label(grids[line], line)
    return [grids[line] for line in outputs], [grids[leaf] for leaf in leaves]


def _leaf(leaf: Line) -> Grid:
    shape = lengths(leaf.shape, 1)
    grid = np.empty(shape, object)
    numbers = np.broadcast_to(0.5 if leaf.value is None else leaf.value, shape)
    for place in np.ndindex(*shape):
        grid[place] = Value(leaf.dtype.type(numbers[place]), label=_indexed(leaf, place))
    return grid


def _label(grid: Grid, line: Line) -> None:
    """Call the numbers of an array by its label and their indices, those that have no name yet."""
    for place, number in np.ndenumerate(grid) if line.label is not None else ():
        if isinstance(number, Value) and number.label is None:
            number.label = _indexed(line, place)


def _indexed(line: Line, place: tuple[int, ...]) -> str:
    """The label of one number of an array; the number of the row is left out."""
    indices = place[1:] if line.varies and line.shape else place
    return (line.label or line.op) + "".join(f"_{i + 1}" for i in indices)


def _grid(line: Line, args: Sequence[Grid]) -> Grid:
    if line.op in LEAVES:
        return _array(np.asarray(line.value).astype(object))
    op, static = TABLE[line.op], lengths(line.static, 1)
    if _is_elementwise(line):
        one = np.frompyfunc(lambda *numbers: op(*numbers, **static), len(args), 1)
        return _array(quiet(one, *args))
    if line.op not in BUILT_IN:
        raise ValueError(missing_line(line, "javascript"))
    return _array(quiet(OPENED.get(line.op, op.forward), *args, **static))


def _value(number: Any, line: Line) -> Value:
    return number if isinstance(number, Value) else Value(line.dtype.type(number))


def _joined(parts: Sequence[Sequence[Value]]) -> list[Value]:
    return [v for part in parts for v in part]


def _array(found: Any) -> Grid:
    """`found` as an array: NumPy gives what a 0-d array holds instead of the array."""
    if isinstance(found, np.ndarray):
        return found
    grid = np.empty((), object)
    grid[()] = found
    return grid


def _mean(x: Grid, axis: tuple[int, ...] | None, keepdims: bool) -> Any:
    total = _array(_sum(x, axis, keepdims))
    count = x.size / (total.size or 1)
    return total / count if count else np.full(total.shape, math.nan, object)


def _sum(x: Grid, axis: tuple[int, ...] | None, keepdims: bool) -> Any:
    add: Any = np.add  # its stubs know no arrays of Values
    return add.reduce(x, axis=axis, keepdims=keepdims)


def _max(x: Grid, axis: tuple[int, ...] | None, keepdims: bool) -> Any:
    return _reduced(primitives.maximum, x, axis, keepdims)


def _min(x: Grid, axis: tuple[int, ...] | None, keepdims: bool) -> Any:
    return _reduced(primitives.minimum, x, axis, keepdims)


def _reduced(extreme: Callable[..., Any], x: Grid, axis: tuple[int, ...] | None, keepdims: bool) -> Any:
    axes = range(x.ndim) if axis is None else [a % x.ndim for a in axis]
    order = [i for i in range(x.ndim) if i not in axes]
    shape, count = [x.shape[i] for i in order], math.prod(x.shape[a] for a in axes)
    found = np.empty(shape, object)
    for place, numbers in _each(x.transpose(*order, *axes).reshape(*shape, count)):
        found[place] = reduce(extreme, numbers)
    return found.reshape([1 if i in axes else n for i, n in enumerate(x.shape)]) if keepdims else found


def _max_pool(x: Grid, **windows: Any) -> Any:
    return _max(TABLE["unfold"].forward(x, **windows, beyond=-math.inf), (4, 5), False)


def _log_softmax(x: Grid, axis: int) -> Any:
    last = np.swapaxes(x, axis, -1)
    found = np.empty(last.shape, object)
    for place, numbers in _each(last):
        found[place] = _log_shares(numbers)
    return found.swapaxes(axis, -1)


def _log_shares(numbers: Grid) -> Grid:
    """log_softmax of a vector, as the kernel has it: the first of the largest is left out of the sum, and is the 1."""
    largest = reduce(lambda a, b: primitives.where(primitives.greater(b, a), b, a), numbers)
    shifted = numbers - _array(largest)
    rest, seen = 0.0, 0.0
    for number, share in zip(numbers, map(primitives.exp, shifted), strict=True):
        is_largest = primitives.equal(number, largest)
        again = primitives.where(primitives.greater(seen, 0.0), share, 0.0)
        rest = rest + primitives.where(is_largest, again, share)
        seen = primitives.where(is_largest, 1.0, seen)
    found: Grid = shifted - _array(primitives.log1p(rest))
    return found


def _norm(x: Grid, axis: tuple[int, ...] | None, keepdims: bool) -> Any:
    return _on_each(primitives.sqrt, _sum(_on_each(primitives.square, x), axis, keepdims))


def _logsumexp(x: Grid, axis: tuple[int, ...] | None, keepdims: bool) -> Any:
    largest = _max(x, axis, True) if x.size else _sum(x, axis, True)  # 0 of nothing
    top = _on_each(lambda t: primitives.where(primitives.equal(t - t, 0.0), t, 0.0), largest)  # if finite
    total = _array(_sum(_on_each(primitives.exp, x - top), axis, keepdims))
    return _on_each(primitives.log, total) + top.reshape(total.shape)


def _on_each(function: Callable[..., Any], x: Any) -> Grid:
    return _array(np.frompyfunc(function, 1, 1)(_array(x)))


def _order(x: Grid, axis: int) -> Any:
    """At every place, the number that as many stand before."""
    last = np.swapaxes(x, axis, -1)
    found = np.empty(last.shape, object)
    for at, numbers in _each(last):
        for place, ahead in enumerate(_ahead(numbers)):
            _add_at(found[at], ahead, float(place))
    return found.swapaxes(axis, -1)


def _ahead(numbers: Grid) -> list[Any]:
    """How many stand before each number in their order, which keeps what is equal as it is, and has NaN at the end."""
    ahead: list[Any] = [0.0] * len(numbers)
    for i, j in combinations(range(len(numbers)), 2):
        a, b = numbers[i], numbers[j]
        only_a_is_nan = primitives.where(
            primitives.equal(a, a), 0.0, primitives.where(primitives.equal(b, b), 1.0, 0.0)
        )
        after = primitives.where(primitives.less(b, a), 1.0, only_a_is_nan)
        ahead[i], ahead[j] = ahead[i] + after, ahead[j] + (1.0 - after)
    return ahead


def _take(x: Grid, indices: Any, axis: int) -> Any:
    at, places = axis % x.ndim, _array(indices)
    moved = np.moveaxis(x, at, -1)
    found = np.empty((*moved.shape[:-1], *places.shape), object)
    for rest, numbers in _each(moved):
        for place, wanted in np.ndenumerate(places):
            found[(*rest, *place)] = _at(numbers, wanted)
    return np.moveaxis(found, range(-places.ndim, 0), range(at, at + places.ndim))


def _index_add(g: Any, indices: Any, axis: int, length: int) -> Any:
    g, places = _array(g), _array(indices)
    at = axis % (g.ndim - places.ndim + 1)
    moved = np.moveaxis(g, range(at, at + places.ndim), range(-places.ndim, 0))
    found = np.full((*moved.shape[: moved.ndim - places.ndim], length), 0.0, object)
    for rest, numbers in _each(found):
        for place, wanted in np.ndenumerate(places):
            _add_at(numbers, wanted, moved[(*rest, *place)])
    return np.moveaxis(found, -1, at)


def _take_along_axis(x: Grid, indices: Grid, axis: int) -> Any:
    last, places = np.swapaxes(x, axis, -1), np.swapaxes(indices, axis, -1)
    ahead = np.broadcast_shapes(last.shape[:-1], places.shape[:-1])
    last, places = (np.broadcast_to(part, (*ahead, part.shape[-1])) for part in (last, places))
    found = np.empty(places.shape, object)
    for place, wanted in np.ndenumerate(places):
        found[place] = _at(last[place[:-1]], wanted)
    return found.swapaxes(axis, -1)


def _scatter_add(g: Grid, indices: Grid, axis: int, length: int) -> Any:
    last, places = np.swapaxes(g, axis, -1), np.swapaxes(indices, axis, -1)
    found = np.full((*last.shape[:-1], length), 0.0, object)
    for place, wanted in np.ndenumerate(np.broadcast_to(places, last.shape)):
        _add_at(found[place[:-1]], wanted, last[place])
    return found.swapaxes(axis, -1)


def _at(numbers: Grid, place: Any) -> Any:
    """The number at a place that may be known only when the program runs; NaN where there is none."""
    if not isinstance(place, Value):
        return numbers[int(place)]
    found: Any = math.nan
    for k, number in enumerate(numbers):
        found = primitives.where(_is_place(place, k, len(numbers)), number, found)
    return found


def _add_at(numbers: Grid, place: Any, number: Any) -> None:
    """Add to the number at such a place, which starts from 0, or from nothing."""
    for k, before in enumerate(numbers):
        if not isinstance(place, Value):
            here = number if int(place) % len(numbers) == k else 0.0
        else:
            here = primitives.where(_is_place(place, k, len(numbers)), number, 0.0)
        numbers[k] = here if before is None else before + here


def _is_place(place: Value, k: int, length: int) -> Any:
    """Whether a place is k, counted from the start or from the end."""
    return primitives.equal(primitives.where(primitives.less(place, 0.0), place + float(length), place), float(k))


def _each(x: Grid) -> Iterator[tuple[tuple[int, ...], Grid]]:
    """Every vector along the last axis, and its place among them."""
    return ((place, x[place]) for place in np.ndindex(*x.shape[:-1]))


def _scatter(g: Grid, index: Any, shape: tuple[int, ...]) -> Any:
    found = np.full(shape, 0.0, object)
    places = np.arange(found.size).reshape(shape)[index]
    for place, number in zip(np.ravel(places), g.flat, strict=True):
        found.flat[place] = found.flat[place] + number
    return found


REDUCTIONS = frozenset(
    {"matmul", "sum", "mean", "max", "min", "vector_norm", "logsumexp", "log_softmax", "avg_pool2d", "max_pool2d"}
)
LINEAR = frozenset(
    {
        *("add", "sub", "neg", "sum", "mean", "astype", "reshape", "transpose", "broadcast_to", "getitem", "scatter"),
        *("concatenate", "stack"),
    }
)

# Primitives whose value on arrays of Values is not what their forward function gives.
OPENED: dict[str, Callable[..., Any]] = {
    "scatter": _scatter,
    "mean": _mean,
    "max": _max,
    "min": _min,
    "vector_norm": _norm,
    "logsumexp": _logsumexp,
    "order": _order,
    "take": _take,
    "index_add": _index_add,
    "take_along_axis": _take_along_axis,
    "scatter_add": _scatter_add,
    "max_pool2d": _max_pool,
    "log_softmax": _log_softmax,
    "matmul": np.matmul,
    "broadcast_to": np.broadcast_to,
}


def _work(line: Line) -> int:
    size = int(np.prod(lengths(line.shape, 1)))
    if line.op in ("order", "take", "take_along_axis", "index_add", "scatter_add"):  # looked for along the axis
        along = line.static.get("length") or lengths(line.args[0].shape, 1)[line.static["axis"]]
        return int(np.prod(lengths(line.args[0].shape if "length" in line.static else line.shape, 1))) * int(along)
    if line.op in REDUCTIONS:
        x = line.args[0]
        inner = int(np.prod(lengths(x.shape, 1)))
        return inner if line.op != "matmul" else size * int(lengths(x.shape, 1)[-1])
    if line.op == "conv2d":
        return size * int(np.prod(lengths(line.args[1].shape, 1)[1:]))
    return size if _is_elementwise(line) else 0


def _is_elementwise(line: Line) -> bool:
    return line.op in TABLE and (TABLE[line.op].elementwise or line.op == "astype")
