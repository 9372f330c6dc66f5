"""The chain rule, run over a graph from its last node to its leaves.

`backward` runs the rules of the table on numbers and arrays and writes `.grad`. `grad` runs the very same rules on
Values, so that the gradient is a graph again, to any order. Both are `cotangents_of`: the cotangent of a node is
df/dnode, the sum of what every node computed from it sends back.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from microgradcnn.engine.arguments import check_value, no_value, several
from microgradcnn.engine.arrays import as_data, dtype_of, ieee, plain, shape_of
from microgradcnn.engine.record import TABLE
from microgradcnn.engine.value import Constant, Value, watcher

_writing_gradients = threading.Lock()  # threads may add into the same leaf


def backward(self: Value, seed: object = None) -> None:
    """Set `.grad` of every node that `self` was computed from to d(self)/d(node).

    Leaves add it to the `.grad` they have, from this or another loss; interior nodes hold the last pass. `seed` is the
    cotangent of self (1 for a scalar) and has its shape. Raises ValueError if a non-scalar has no seed, or if a leaf
    was changed after self was computed.
    """
    order = topological(self)
    start = seed_of(self, seed._data if isinstance(seed, Value) else seed)
    gradients = cotangents_of(self, start, order, None, on_values=False)
    with _writing_gradients:
        for node, gradient in gradients.items():
            if type(gradient) is np.ndarray:
                gradient.setflags(write=False)
            if node.op is not None:
                node.grad = gradient
            elif node.grad is None:  # a copy: nodes may share a cotangent, and the leaf's is the user's to change
                node.grad = gradient.copy() if type(gradient) is np.ndarray else gradient
            else:
                node.grad = node.grad + gradient


def grad(f: Value, wrt: Value | Sequence[Value], seed: object = None) -> list[Value]:
    """The gradients of `f` with respect to each of `wrt`, as graphs that can be differentiated again.

    `seed` is the cotangent of f (1 for a scalar) and may be a Value; what f does not depend on has gradient zero.
    Raises ValueError if f is no scalar and has no seed, or if a leaf was changed after f was computed.
    """
    check_value(f, "grad differentiates Values", "mg.grad({}, wrt)")
    targets = several(wrt)
    for target in targets:
        if not isinstance(target, Value) or type(target) is Constant:
            raise TypeError(f"grad differentiates with respect to Values, not {no_value(target)}")
        if target.dtype == np.bool_:
            raise ValueError(f"{target.describe()} is a comparison: there is no gradient with respect to it")
    order, needed = topological(f), set(targets)
    for node in order:
        if any(p in needed for p in node.parents):
            needed.add(node)
    order = [node for node in order if node in needed]
    cotangents = cotangents_of(f, seed_of(f, seed), order, needed, on_values=True)
    zeros = (np.zeros(t.shape, t.dtype) for t in targets)
    found = [cotangents.get(t, zero) for t, zero in zip(targets, zeros, strict=True)]
    return [c if isinstance(c, Value) else Value(c) for c in found]


def topological(root: Value) -> list[Value]:
    """The nodes that `root` was computed from, every one after its parents and `root` last; constants are left out.

    Every node is younger than its parents, so the order of birth is a topological order. Raises ValueError if a leaf
    was given new data after a node was computed from it.
    """
    seen, stack = {root}, [root]
    while stack:
        node = stack.pop()
        for parent in node.parents:
            if parent._birth > node._birth:
                changed = parent.describe()
                raise ValueError(f"{changed} was changed after {root.describe()} was computed: compute it again")
            if parent not in seen and type(parent) is not Constant:
                seen.add(parent)
                stack.append(parent)
    return sorted(seen, key=attrgetter("_birth"))


@np.errstate(all="ignore")
def cotangents_of(
    f: Value, seed: Any, order: list[Value], needed: Collection[Value] | None, on_values: bool
) -> dict[Value, Any]:
    """df/dnode for every node in `order` that f depends on; with `on_values` as Values, otherwise as raw data."""
    where, watch = TABLE["where"], watcher.get()
    if watch is not None:
        watch.start(f, seed)
    cotangents = {f: seed}
    chosen: set[Value] = set()  # what a where() chose between: its cotangent may be 0 because it was not taken
    for node in reversed(order):
        op, g = node.op, cotangents.get(node)
        if op is None or g is None:
            continue
        static, parents = node.static, node.parents
        if on_values:
            arguments = (g, node, *[p._data if type(p) is Constant else p for p in parents])
        elif len(parents) == 2:
            arguments = (g, node._data, parents[0]._data, parents[1]._data)
        else:
            arguments = (g, node._data, *[p._data for p in parents])
        if op is where or (chosen and node in chosen):
            chosen.update(parents)
        for parent, rule in zip(parents, op.chain):  # noqa: B905, strict costs a tenth of the pass
            if rule is None or type(parent) is Constant or not (needed is None or parent in needed):
                continue
            try:
                c = rule(*arguments, **static) if static else rule(*arguments)
            except ArithmeticError:  # Python's floats raise, or turn complex, where IEEE has an answer
                c = 0j
            if type(c) is not float or type(parent._data) is not float or chosen:
                if type(c) is complex:
                    c = rule(*map(ieee, arguments), **static)
                if node in chosen and c is not g and op.elementwise:
                    c = _nothing_from_nothing(g, c)
                c = _matched(c, parent, node)
                if c is None:
                    continue
            before = cotangents.get(parent)
            cotangents[parent] = c if before is None else before + c
            if watch is not None:
                watch.gradient(node, parent, g, cotangents[parent])
    return cotangents


def _nothing_from_nothing(g: Any, c: Any) -> Any:
    """c, but 0 where it is NaN and g is 0: what a where() did not take sends back nothing, and 0·inf would be NaN.

    A c that is no NaN stays, although it is 0 already: a second derivative may flow through it.
    """
    if type(c) is np.ndarray and not np.isnan(c).any():
        return c
    where, equal = TABLE["where"], TABLE["equal"]
    return where(equal(c, c), c, where(equal(g, 0.0), 0.0, c))


def _matched(c: Any, parent: Value, node: Value) -> Any:
    """The cotangent `c` in the shape and dtype of `parent`: what broadcasting repeated is summed.

    None for the result of a comparison, which has no gradient.
    """
    data = parent._data
    if type(c) is np.ndarray and type(data) is np.ndarray and c.shape == data.shape and c.dtype is data.dtype:
        return c
    shape, wanted = shape_of(c), shape_of(data)
    if parent.dtype.kind == "b":
        return None
    if c is None:
        raise TypeError(f"the chain rule of {node.op} gave None to {parent.describe()}: return a gradient")
    if shape != wanted:
        lead = len(shape) - len(wanted)
        repeated = [i for i in range(len(shape)) if i < lead or (wanted[i - lead] == 1 and shape[i] != 1)]
        kept = tuple(1 if i in repeated else n for i, n in enumerate(shape))
        if lead < 0 or kept[lead:] != wanted:
            raise ValueError(
                f"the chain rule of {node.op} gave a gradient of shape {shape} to {parent.describe()} of shape {wanted}"
            )
        c = TABLE["reshape"](TABLE["sum"](c, axis=tuple(repeated), keepdims=True), shape=wanted)
    if dtype_of(c) != parent.dtype:
        c = TABLE["astype"](c, dtype=parent.dtype)
    return c if isinstance(c, Value) else plain(c)


def seed_of(f: Value, seed: object) -> Any:
    """The cotangent to start from, in the shape and dtype of f: 1 unless the caller gives one."""
    if type(f) is Constant or f.dtype.kind == "b":
        raise ValueError(f"{f.describe()} is a constant or a comparison: it has no gradient")
    if seed is None and f.shape != ():
        raise ValueError(
            f"{f.describe()} has shape {f.shape}: take .sum() or .mean() of it first, or give a seed of that shape"
        )
    start = seed if isinstance(seed, Value) else as_data(1.0 if seed is None else seed)
    if shape_of(start) != f.shape:
        raise ValueError(f"the seed has shape {shape_of(start)}, but {f.describe()} has shape {f.shape}")
    return start if dtype_of(start) == f.dtype else TABLE["astype"](start, dtype=f.dtype)


setattr(Value, "backward", backward)  # noqa: B010, mypy takes a declared method for read-only
