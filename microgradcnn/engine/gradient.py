"""The chain rule, run over a graph from its last node to its leaves.

`backward` runs the rules of the table on numbers and arrays and writes `.grad`, `backward_step` those of one node.
`grad` runs the very same rules on Values, so that the gradient is a graph again, to any order. All are `cotangents`,
the backward pass: the cotangent of a node is df/dnode, the sum of what every node computed from it sends back. What
calculus does not say is in three functions: `_in_ieee_arithmetic`, `_nothing_from_nothing` (of a branch not taken),
`_unbroadcast`.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from microgradcnn.engine import kernels, primitives
from microgradcnn.engine.accumulation import accumulate
from microgradcnn.engine.arguments import check_value, explained, no_value, several
from microgradcnn.engine.arrays import as_data, dtype_of, ieee, plain, shape_of
from microgradcnn.engine.keeping import forget
from microgradcnn.engine.value import Constant, Value, switched, watcher

_PART, _CHOICE = primitives.getitem, primitives.where
_ndarray, _BOOL = np.ndarray, np.dtype(np.bool_)
_writing_gradients = threading.Lock()  # threads may add into the same leaf
_differentiated: WeakKeyDictionary[Value, Value] = WeakKeyDictionary()  # what `grad` gave a gradient of


@explained
def backward(self: Value, seed: object = None) -> None:
    """Set `.grad` of every node that `self` was computed from to d(self)/d(node).

    Leaves add it to the `.grad` they have, from this or another loss; interior nodes hold the last pass. `seed` is the
    cotangent of self (1 for a scalar) and has its shape. Raises ValueError if a non-scalar has no seed, or if a leaf
    was changed after self was computed.
    """
    order = topological(self)
    start = seed_of(self, seed._data if isinstance(seed, Value) else seed)
    gradients = cotangents(self, start, order)
    with _writing_gradients:
        for node, gradient in gradients.items():
            if node.op is None:
                accumulate(node, gradient)
                continue
            if type(gradient) is _ndarray:
                gradient.setflags(write=False)
            node._grad = gradient


def backward_step(self: Value) -> None:
    """Send `.grad` on once: add d(self)/d(parent) times it to the `.grad` of each parent, by the rules of `backward`.

    It is the backward pass by hand, which starts with f.grad = 1.0 and goes on node by node, each after all that were
    computed from it. A leaf and a comparison send nothing. Raises ValueError if there is no gradient to send, or if a
    parent was changed after self was computed.
    """
    if self.op is None or self.dtype == np.bool_:
        return
    if self._grad is None:
        raise ValueError(
            f"{self.describe()} has no gradient to send back yet: take the step of what was computed from it first, or "
            "set its .grad, which is 1.0 for the last"
        )
    for parent in self.parents:
        if parent._birth > self._birth:
            raise _changed(parent, self)
    # The pass comes to the parents before self, when they have nothing to send yet: theirs are other steps.
    parents = [parent for parent in self.parents if type(parent) is not Constant]
    sent = cotangents(self, self._grad, [self, *parents])
    with _writing_gradients:
        for parent in {*parents} & {*sent}:
            accumulate(parent, sent[parent])


@explained
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
    found = cotangents(f, seed_of(f, seed), order, on_values=True)
    gradients = [found[t] if t in found else np.zeros(t.shape, t.dtype) for t in targets]
    values = [g if isinstance(g, Value) else Value(g) for g in gradients]
    if seed is None:  # a seed may be in the graph of f, and would keep that forever
        _differentiated.update(dict.fromkeys(values, f))
    return values


def differentiated(gradient: Value) -> Value | None:
    """The f that `grad`, without a seed, gave this gradient of; None for any other Value."""
    return _differentiated.get(gradient)


def topological(root: Value) -> list[Value]:
    """The nodes that `root` was computed from, every one after its parents and `root` last; constants are left out.

    Every node is younger than its parents, so the order of birth is a topological order. Raises ValueError if a leaf
    was given new data after a node was computed from it.
    """
    seen, stack = {root}, [root]
    while stack:
        node = stack.pop()
        younger, first, second = node._birth, node._first, node._second
        # `parents`, of which a pass asks every node.
        for parent in (first, second) if second is not None else first if type(first) is tuple else (first,):
            if (birth := parent._birth) > younger:
                raise _changed(parent, root)
            if birth and parent not in seen:  # a constant has none
                seen.add(parent)
                stack.append(parent)
    return sorted(seen, key=attrgetter("_birth"))


def reached(outputs: Iterable[Value]) -> list[Value]:
    """Every node that the outputs were computed from, in order of birth, changed leaves or not."""
    seen: set[Value] = set(outputs)
    stack = list(seen)
    while stack:
        for parent in stack.pop().parents:
            if parent not in seen and type(parent) is not Constant:
                seen.add(parent)
                stack.append(parent)
    return sorted(seen, key=attrgetter("_birth"))


def _changed(parent: Value, root: Value) -> ValueError:
    return ValueError(f"{parent.describe()} was changed after {root.describe()} was computed: compute it again")


@np.errstate(all="ignore")
def cotangents(f: Value, seed: Any, order: Sequence[Value], on_values: bool = False) -> dict[Value, Any]:
    """df/dnode for every node in `order` that f depends on: raw data, or `on_values` Values.

    From f back, the cotangent g of a node is complete when its turn comes: all that was computed from it has had its
    own. Each rule of the node then tells what it sends to one of its inputs, where that is added up. Nothing is sent
    out of `order`. `optional` is what some where() chose between, and all that this was computed from; `own`, to whose
    cotangents parts are added in place.
    """
    found, wanted, optional, watch, own = {f: seed}, _differentiable(order), set[Value](), _told(f, seed), set[Value]()
    for node in reversed(order):
        if (op := node.op) is None or (g := found.get(node)) is None:
            continue
        parents, arguments = _inputs_of_rules(node, g, on_values)
        if op is _CHOICE or (optional and node in optional):
            optional.update(parents)
        for k, parent in enumerate(() if op is _PART and _added_in_place(node, g, found, own) else parents):
            if parent in wanted and (rule := op.chain[k]) is not None:
                try:
                    sent = rule(*arguments, **node.static)
                except ArithmeticError:
                    sent = _in_ieee_arithmetic(rule, arguments, node.static)
                if type(sent) is not float or type(parent._data) is not float or optional:
                    sent = _mended(sent, rule, arguments, node, parent, node in optional)
                found[parent] = sent if parent not in found else _added(sent, parent, found, own)
                if watch is not None:
                    watch.gradient(node, k, parent, g, sent, found[parent])
    return found


def _added(sent: Any, parent: Value, found: dict[Value, Any], own: set[Value]) -> Any:
    """The cotangent of `parent` and what is sent to it: in place from the second time on, when the sum is its own."""
    total = found[parent]
    if type(total) is not _ndarray or type(sent) is not _ndarray or watcher.get() is not None:
        return total + sent
    if parent not in own:
        own.add(parent)
        return total + sent
    forget(total)
    total += sent
    return total


def _added_in_place(node: Value, g: Any, found: dict[Value, Any], own: set[Value]) -> bool:
    """Whether g, of a part x[index], was added to x's cotangent here, so that the rule has nothing to send.

    The rule gives g among zeros, and adding these up would take as long for every part of x as for the whole. So it
    does that for the first part, and from then on x's cotangent is an array that nobody else holds.
    """
    x = node._first
    if (total := found.get(x)) is None:
        own.add(x)
    elif x in own and type(total) is _ndarray and not isinstance(g, Value) and watcher.get() is None:
        kernels.add_at(total, g, **node.static)
        return True
    return False


def _differentiable(order: Sequence[Value]) -> set[Value]:
    """Those of the nodes to which gradients are sent: comparisons have none."""
    return {n for n in order if type(x := n._data) is float or (type(x) is not bool and x.dtype is not _BOOL)}


def _inputs_of_rules(node: Value, g: Any, on_values: bool) -> tuple[tuple[Value, ...], tuple[Any, ...]]:
    """The parents of the node, and what each of its rules is called with: its cotangent g, its value and its inputs."""
    if on_values:
        return node.parents, (g, node, *[p._data if type(p) is Constant else p for p in node.parents])
    first, second = node._first, node._second
    if second is not None:
        return (first, second), (g, node._data, first._data, second._data)
    if type(first) is not tuple:
        return (first,), (g, node._data, first._data)
    return first, (g, node._data, *[p._data for p in first])


def _mended(
    sent: Any, rule: Callable[..., Any], arguments: tuple[Any, ...], node: Value, parent: Value, below_where: bool
) -> Any:
    """What a rule of `node` gave for `parent`, as it is sent: most often, that is the same.

    `below_where`: some where() may not have taken what was computed from the node.
    """
    data, kind = parent._data, type(sent)
    same = kind is type(data) and (kind is float or (sent.shape == data.shape and sent.dtype is data.dtype))
    if same and not below_where:
        return sent
    if sent is None:
        raise TypeError(f"the chain rule of {node.op} gave None to {parent.describe()}: return a gradient")
    if type(sent) is complex:
        sent = _in_ieee_arithmetic(rule, arguments, node.static)
    if below_where and node.op is not None and node.op.elementwise:
        sent = _nothing_from_nothing(sent, arguments[0])
    return _unbroadcast(sent, parent, node)


def _in_ieee_arithmetic(rule: Callable[..., Any], arguments: tuple[Any, ...], static: dict[str, Any]) -> Any:
    """What the rule gives as arrays compute: where Python's floats raise or turn complex, they have inf or NaN."""
    return rule(*map(ieee, arguments), **static)


def _nothing_from_nothing(sent: Any, g: Any) -> Any:
    """What is sent, but 0 where it is NaN and g is 0: no gradient comes from what a where() did not take.

    By the rules alone an infinite slope there would give 0·inf, which is NaN. What is no NaN stays as it is, although
    it is 0 already: a second derivative may flow through it.
    """
    if sent is g or (type(sent) is np.ndarray and not math.isnan(np.vdot(sent, sent))):  # squares add up to NaN by one
        return sent
    where, equal = primitives.where, primitives.equal
    return where(equal(sent, sent), sent, where(equal(g, 0.0), 0.0, sent))


def _unbroadcast(sent: Any, parent: Value, node: Value) -> Any:
    """What is sent, in the shape and dtype of the parent: where one number was repeated by broadcasting, it is summed.

    Each of the copies has an effect on f of its own, and df/d(the number) has them all.
    """
    shape, wanted = shape_of(sent), shape_of(parent._data)
    lead = len(shape) - len(wanted)
    if lead > 0 and wanted and shape[lead:] == wanted and type(sent) is _ndarray:  # a bias, most often
        sent = kernels.over_first(sent, lead)
        if sent.dtype is parent._data.dtype:
            return sent
    elif shape != wanted:
        repeated = [i for i in range(len(shape)) if i < lead or (wanted[i - lead] == 1 and shape[i] != 1)]
        kept = tuple([1 if i in repeated else n for i, n in enumerate(shape)])
        if lead < 0 or kept[lead:] != wanted:
            raise ValueError(
                f"the chain rule of {node.op} gave a gradient of shape {shape} to {parent.describe()} of shape {wanted}"
            )
        sent = primitives.reshape(primitives.sum(sent, axis=tuple(repeated), keepdims=True), shape=wanted)
    if dtype_of(sent) != parent.dtype:
        sent = primitives.astype(sent, dtype=parent.dtype)
    return sent if isinstance(sent, Value) else plain(sent)


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
    if dtype_of(start) == f.dtype:
        return start
    return f.dtype.type(start) if type(start) is float else primitives.astype(start, dtype=f.dtype)


class Watcher:
    """Who looks on while Values are computed and gradients are taken, inside `watching`: it is told, and does nothing.

    A subclass does something with what it wants to know.
    """

    def value(self, node: Value) -> None:
        """`node` has been computed."""

    def asked(self, node: Value) -> None:
        """It is asked whether `node` is true."""

    def start(self, f: Value, seed: Any) -> None:
        """A backward pass starts from f, with the cotangent `seed`."""

    def gradient(self, node: Value, k: int, parent: Value, g: Any, sent: Any, total: Any) -> None:
        """`node`, whose cotangent is g, has sent `sent` to its input number k, `parent`, which has now got `total`."""


@contextmanager
def watching(looks_on: Watcher) -> Iterator[None]:
    """A context, for this thread, in which `looks_on` is told of every Value and every gradient, and no other is."""
    with switched(watcher, looks_on):
        yield


def _told(f: Value, seed: Any) -> Watcher | None:
    """Who watches, told that a pass starts; None if nobody does."""
    watch: Watcher | None = watcher.get()
    if watch is not None:
        watch.start(f, seed)
    return watch


for _method in (backward, backward_step):
    setattr(Value, _method.__name__, _method)  # mypy takes a declared method for read-only
