"""Rows: the graph of a loss over arrays, run again with other numbers of rows, and refused if it mixes them.

Rows are axis 0 of the inputs. Every row must go its own way until one mean over all of them; whatever else would let
one row's numbers reach another's is refused by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from microgradcnn.engine.record import TABLE
from microgradcnn.engine.value import Value, apply

FEW, MANY = 2, 3  # the numbers of rows to run with; a length that stays the same has nothing to do with rows


class RowsError(ValueError):
    """A loss mixes rows, or holds on to the number of rows of its recording."""


Pair = tuple[Value, Value]


def replay(
    order: Sequence[Value], inputs: Sequence[Value], fixed: Sequence[Value]
) -> tuple[dict[Value, Value], dict[Value, Value]]:
    """The nodes of `order` computed anew, with two rows in the inputs and with three, by the old nodes.

    Leaves that are `fixed`, such as parameters, have no rows.
    Raises RowsError where rows mix, where the inputs have different numbers of them, or where it cannot be done.
    """
    recorded = {v.shape[0] for v in inputs if v.ndim}
    if len(recorded) > 1:
        sizes = ", ".join(f"{v.describe()} has {v.shape[0]}" for v in inputs if v.ndim)
        raise RowsError(f"rows are axis 0 of the inputs, and all must have as many of them: {sizes}")
    (n,) = recorded
    if not n:
        raise RowsError("the loss was recorded with no rows: record it with one at least")
    try:
        again = _again(order, inputs, n, {})
    except RowsError:
        again = _with_zeros(order, inputs, n, fixed)
        if not again:
            raise
    return {old: pair[0] for old, pair in again.items()}, {old: pair[1] for old, pair in again.items()}


def _with_zeros(order: Sequence[Value], inputs: Sequence[Value], n: int, fixed: Sequence[Value]) -> dict[Value, Pair]:
    """The same where n rows of zeros stand for any number of them, {} if nothing comes of that.

    They are the state that a recurrence begins with, np.zeros((len(x), units)), or np.zeros(len(x)) of one number a row
    if that alone does not do; other numbers may mean anything.
    """
    found = {p for node in order for p in (node, *node.parents) if p.op is None and p.ndim and p.shape[0] == n}
    zeros = [p for p in found.difference(inputs, fixed) if not np.any(p.data)]
    for least in (2, 1):
        with suppress(RowsError):
            if states := [p for p in zeros if p.ndim >= least]:
                return _again(order, inputs, n, {p: _of_all_rows(p) for p in states})
    return {}


def _of_all_rows(p: Value) -> Pair:
    """One row of a constant, for all of them."""
    row = np.asarray(p.data)[:1]
    few, many = (apply(TABLE["broadcast_to"], row, shape=(rows, *p.shape[1:])) for rows in (FEW, MANY))
    return few, many


def _again(order: Sequence[Value], inputs: Sequence[Value], n: int, known: dict[Value, Pair]) -> dict[Value, Pair]:
    """Every node computed anew with FEW and MANY rows; but those that are `known`."""
    again = dict(known)
    means: set[Value] = set()  # what a mean over rows went into
    for node in order:
        if node in inputs:
            again[node] = _resized(node, FEW), _resized(node, MANY)
        elif node.op is None:
            again.setdefault(node, (node, node))
        else:
            again[node] = _computed(node, again, n)
            _refuse_mixing(node, again, means)
    return again


def rows_axis(pair: Pair) -> int | None:
    """The axis along which two runs of a node differ, None if they do not; RowsError if they differ in several."""
    few, many = pair
    axes = [i for i, (a, b) in enumerate(zip(few.shape, many.shape, strict=True)) if a != b]
    if len(axes) > 1:
        raise RowsError(f"{few.describe()} compares every row with every other: a program takes rows one by one")
    return axes[0] if axes else None


def _resized(leaf: Value, n: int) -> Value:
    if not leaf.ndim:
        return leaf
    return Value(np.resize(leaf.data, (n, *leaf.shape[1:])), label=leaf.label)


def _computed(node: Value, again: dict[Value, Pair], n: int) -> Pair:
    """The node on its new parents, with the lengths that were n in its arguments made anew."""
    assert node.op is not None
    pairs: list[tuple[Any, Any]] = [again.get(p, (p.data, p.data)) for p in node.parents]
    axes = [rows_axis(again[p]) if p in again else None for p in node.parents]
    made = []
    for which, rows in enumerate((FEW, MANY)):
        static = dict(node.static)
        if "shape" in static and axes[0] is not None:
            before = pairs[0][which].shape
            static["shape"] = _new_shape(node, before, axes[0], n, rows)
        try:
            value = apply(node.op, *[pair[which] for pair in pairs], **static)
        except (ValueError, TypeError, IndexError) as error:
            raise RowsError(
                f"the loss cannot be taken with another number of rows than the {n} it was recorded with: "
                f"{str(error).strip()}; "
                "name all that has a row for every example in inputs, and leave the number of rows out of shapes"
            ) from None
        value.label = node.label
        made.append(value)
    return made[0], made[1]


def _new_shape(node: Value, before: tuple[int, ...], axis: int, n: int, rows: int) -> tuple[int, ...]:
    """The shape to reshape, to broadcast or to scatter to, with `rows` rows instead of n."""
    shape = node.shape
    if node.op is not None and node.op.name == "scatter":
        for i in (i for i, length in enumerate(shape) if length == n):
            whole = (*shape[:i], rows, *shape[i + 1 :])
            if np.broadcast_to(0.0, whole)[node.static["index"]].shape == before:
                return whole
    if node.op is not None and node.op.name == "broadcast_to":
        axis += len(shape) - len(before)
        return (*shape[:axis], before[axis - len(shape) + len(before)], *shape[axis + 1 :])
    ahead = math.prod(before[:axis])
    for i, length in enumerate(shape):
        if math.prod(shape[:i]) == ahead and length % n == 0:
            return (*shape[:i], length // n * rows, *shape[i + 1 :])
    raise RowsError(f"{node.describe()} mixes rows: the new shape {shape} does not keep them apart")


def _refuse_mixing(node: Value, again: dict[Value, Pair], means: set[Value]) -> None:
    """Raise RowsError if `node` lets the numbers of one row reach another row."""
    assert node.op is not None
    axis = rows_axis(again[node])
    parents = [p for p in node.parents if p in again]
    axes = [rows_axis(again[p]) for p in parents]
    name, who = node.op.name, node.describe()
    normalises = MIXES.get(name) is _over_axes and axes[0] is not None and _over_axes(node, parents[0], axes[0])
    if normalises or any(p in means for p in parents):
        means.add(node)
        if axis is not None:
            raise RowsError(f"{who} mixes rows: it uses a mean over rows; one mean over them may end the loss, only")
    if all(a is None for a in axes):
        return
    if axis is None:
        if name != "mean":
            fix = ": write mean for sum" if name == "sum" else ""
            raise RowsError(f"{who} mixes rows by {name}: one mean over them may end the loss, nothing else{fix}")
        means.add(node)
    else:
        refuse_along_rows(node, again)


def refuse_along_rows(node: Value, again: dict[Value, Pair]) -> None:
    """Raise RowsError if `node` keeps the axis of the rows and mixes what lies along it."""
    assert node.op is not None
    mixes = MIXES.get(node.op.name, _never)
    for parent in node.parents:
        axis = rows_axis(again[parent]) if parent in again else None
        if axis is not None and mixes(node, parent, axis):
            who, at = node.describe(), rows_axis(again[node])
            raise RowsError(f"{who} mixes rows by {node.op.name} along axis {at}, which is that of the rows")


def _never(node: Value, parent: Value, axis: int) -> bool:
    return False


def _along_static_axis(node: Value, parent: Value, axis: int) -> bool:
    return int(node.static["axis"]) % parent.ndim == axis


def _over_axes(node: Value, parent: Value, axis: int) -> bool:
    """Of what is normalised; a weight and a bias have those axes themselves."""
    over = node.static["axis"]
    return over is None or axis in [a % parent.ndim for a in over]


def _among_keys(node: Value, parent: Value, axis: int) -> bool:
    """Of attention: features are added up, and every query takes a mean of all keys."""
    return axis == parent.ndim - 1 or (parent is node.parents[1] and axis == parent.ndim - 2)


def _along_first_axis(node: Value, parent: Value, axis: int) -> bool:
    """Of what is taken, added or put in order; places may lie anywhere."""
    return parent is node.parents[0] and int(node.static["axis"]) % parent.ndim == axis


def _along_added_axes(node: Value, parent: Value, axis: int) -> bool:
    added = int(node.static["axis"]) % node.ndim
    return parent is node.parents[0] and added <= axis < added + node.parents[1].ndim


def _along_pixels(node: Value, parent: Value, axis: int) -> bool:
    return axis > 1


def _not_images(node: Value, parent: Value, axis: int) -> bool:
    return axis > 0 or parent is not node.parents[0]


def _picks(node: Value, parent: Value, axis: int) -> bool:
    """Whether an index does anything along the axis but take all of it."""
    index = node.static["index"]
    parts = list(index) if isinstance(index, tuple) else [index]
    if any(isinstance(part, np.ndarray) for part in parts) and axis == 0 and not _is_all(parts[0]):
        return True
    taken = [part for part in parts if part is not None]
    if Ellipsis in [part for part in taken if not isinstance(part, np.ndarray)]:
        at = next(i for i, part in enumerate(taken) if part is Ellipsis)
        taken[at : at + 1] = [slice(None)] * (parent.ndim - len(taken) + 1)
    return axis < len(taken) and not _is_all(taken[axis])


def _is_all(part: Any) -> bool:
    return part is Ellipsis or (isinstance(part, slice) and part == slice(None))


# Primitives that keep the axis of the rows and may still mix what lies along it.
MIXES: dict[str, Callable[[Value, Value, int], bool]] = {
    "log_softmax": _along_static_axis,
    **dict.fromkeys(("normalised", "layer_norm", "batch_norm"), _over_axes),
    "attention_weights": _among_keys,
    "concatenate": _along_static_axis,
    "getitem": _picks,
    "cumsum": _along_static_axis,
    "order": _along_static_axis,
    "take": _along_first_axis,
    "index_add": _along_added_axes,
    "take_along_axis": _along_static_axis,
    "scatter_add": _along_static_axis,
    "conv2d": _not_images,
    "conv2d_input": _not_images,
    "unfold": _along_pixels,
    "fold": _along_pixels,
    "avg_pool2d": _along_pixels,
    "max_pool2d": _along_pixels,
}
