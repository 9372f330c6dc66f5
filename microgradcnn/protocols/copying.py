"""Deepcopy and pickle of graphs, without recursion: a graph may be a million nodes deep."""

from __future__ import annotations

import threading
from copy import deepcopy
from copyreg import __newobj__  # type: ignore[attr-defined]  # a name that every pickle of an object may have
from typing import Any
from weakref import ref

import numpy as np

from microgradcnn.engine.arrays import settled
from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Constant, Value, fill

_pickling = threading.local()


class _Listing:
    """The ancestors of the first node that a pickler asks, parents first; they are pickled as a list.

    The pickler keeps this object until it is done, or has failed, so that no later one takes its nodes for written.
    """

    def __init__(self, nodes: list[Value]) -> None:
        self.nodes, self.waiting = nodes, set(nodes)

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (), None, iter(self.nodes)


def _reduce(node: Value, protocol: Any) -> tuple[Any, ...]:
    # Pickle would follow parents by recursion. The first node that it asks lists its whole graph, parents first; each
    # of those finds its own parents written already when it is asked, and lists nothing.
    if type(node) is Constant:
        return Constant, (node._data,)
    own = [vars(node)] if vars(node) else []
    fields = (node._data, node.label, node._grad, node.op, node.parents, node.static, *own)
    listing = getattr(_pickling, "listing", _none)()
    if listing is not None and node in listing.waiting:
        listing.waiting.discard(node)
        return __newobj__, (type(node),), ((), fields)
    listing = _Listing(topological(node)[:-1])
    _pickling.listing = ref(listing)
    return __newobj__, (type(node),), (listing, fields)


def _set_state(node: Value, state: tuple[Any, Any]) -> None:
    _, (data, label, grad, op, parents, static, *own) = state  # most have no attributes of the user's own
    if isinstance(data, np.ndarray):
        data = np.asarray(data)  # joblib.load may give arrays of a class of its own, which stay on disk
    fill(node, settled(data), label, op, parents, static)
    node._grad = grad
    for attributes in own:
        vars(node).update(attributes)


def _deepcopy(node: Value, memo: dict[int, Any]) -> Value:
    if type(node) is Constant:
        return node
    for old in topological(node):
        if id(old) not in memo:
            parents = tuple([memo.get(id(p), p) for p in old.parents])  # constants are shared
            new = memo[id(old)] = fill(_blank(), old._data, old.label, old.op, parents, old.static)
            new._grad = deepcopy(old._grad, memo)
            if own := vars(old):
                vars(new).update(deepcopy(own, memo))
    copied: Value = memo[id(node)]
    return copied


def _copy(node: Value) -> Value:
    if type(node) is Constant:
        return node
    new = fill(_blank(), node._data, node.label, node.op, node.parents, node.static)
    new._grad = node._grad
    vars(new).update(vars(node))
    new._birth = node._birth  # a graph that was stale stays so
    return new


def _none() -> None:
    """What a dead reference gives."""


def _blank() -> Value:  # old pickles name it
    return Value.__new__(Value)


for _name, _method in {
    "__reduce_ex__": _reduce,
    "__setstate__": _set_state,
    "__deepcopy__": _deepcopy,
    "__copy__": _copy,
}.items():
    setattr(Value, _name, _method)
