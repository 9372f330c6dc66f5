"""The constants of a program: what is one in its graph has to be one, whatever the rows and the parameters are.

A program computes what was recorded. A number that left the graph on the way, by `.data`, `.item()` or `.detach()`,
stays that of the recording in it, and an `if` took its branch for all rows. A function is called twice, with other
numbers, so both are found; of a graph that somebody recorded it is told what can be seen in it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from microgradcnn.engine.arrays import glimpse
from microgradcnn.engine.gradient import Watcher, reached, watching
from microgradcnn.engine.value import Constant, Value
from microgradcnn.protocols.leaving import GraphLeft, asked_at
from microgradcnn.system.callers import frames_to_the_user

_BRANCH = "an if, max() or sorted(), whose branch a program would take for all rows: write mg.where(condition, a, b)"
_NUMBER = "for it left its graph by .data, .item() or .detach(): write mg.stop_gradient(v) for what is computed anew"


class ConstantError(ValueError):
    """A program of a function would keep for all rows what is so with some of them alone."""


def called(function: Callable[..., Sequence[Value]], inputs: Sequence[Value], known: Sequence[Value]) -> list[Value]:
    """What a function gives for inputs, and for the leaves that are `known` to it.

    Raises ConstantError where it asks whether something that was computed from these is true.
    """
    with watching(_Branches({*inputs, *known})):
        return [*function(*inputs)]


class _Branches(Watcher):
    """Refuses that a program's way depends on numbers of these leaves."""

    def __init__(self, leaves: set[Value]) -> None:
        self._leaves = leaves

    def asked(self, node: Value) -> None:
        if not self._leaves.isdisjoint(reached([node])):
            raise ConstantError(f"{node.describe()} was asked by {_BRANCH}")


def check_constants(once: Sequence[Value], again: Sequence[Value], leaves: Collection[Value]) -> None:
    """Raise ConstantError unless two calls of a function gave the same graph, but for the numbers of these leaves."""
    orders = reached(once), reached(again)
    places = [{node: i for i, node in enumerate(order)} for order in orders]
    for nodes in zip(*orders, strict=False):
        pairs = [nodes, *zip(*(node.parents for node in nodes), strict=False)]
        for a, b in pairs:
            if a.op is None and b.op is None and a not in leaves and not _same(a.data, b.data):
                raise ConstantError(
                    f"{nodes[0].describe()} has the constant {glimpse(a.data)} with some rows or parameters and "
                    f"{glimpse(b.data)} with others, {_NUMBER}, and draw nothing at random"
                )
        told = [
            (node.op, node.shape, [place.get(p) for p in node.parents])
            for node, place in zip(nodes, places, strict=True)
        ]
        if told[0] != told[1] or not _same(nodes[0].static, nodes[1].static):
            raise ConstantError(
                f"{nodes[0].describe()} is computed otherwise with other rows or parameters, as by an index or an if "
                "over .data: write mg.where(condition, a, b) or mg.take, which are computed anew"
            )


def tell_constants(outputs: Sequence[Value], inputs: Sequence[Value], wrt: Sequence[Value]) -> None:
    """Warn of the first constant in a graph that was computed from something, and of an `if` on the way.

    Of numbers only those are seen that are a node's own: not what was computed of them outside of the graph. What is
    older than all inputs and parameters, as running statistics are after a step, was not computed from these.
    """
    order, varying, made = reached(outputs), {*inputs, *wrt}, dict[int, Value]()  # by the very object that is its data
    for node in order:
        if not varying.isdisjoint(node.parents):
            varying.add(node)
            if _is_its_own(node):
                made[id(node.data)] = node
    births = [node._birth for node in order if node.op is not None]
    given, oldest = {id(x.data) for x in inputs}, min((v._birth for v in (*inputs, *wrt)), default=0)
    for node in order:
        if node in varying and births and births[0] < asked_at.get(node, 0) < births[-1]:
            _warn(f"the number of {node.describe()} was asked by {_BRANCH}")
            return
        for p in (node, *node.parents):
            if p.op is None and p not in varying:
                own = p.data.base if isinstance(p.data, np.ndarray) and p.data.base is not None else p.data
                taken = (
                    type(p) is not Constant
                    and "detached" in p.static
                    and p._birth > oldest
                    and ("computed" in p.static or id(p.data) in given)
                )
                if taken or id(own) in made:
                    who = made[id(own)].describe() if id(own) in made else p.describe()
                    _warn(f"{glimpse(p.data)}, the number of {who}, is a constant of this program, {_NUMBER}")
                    return


def _is_its_own(node: Value) -> bool:
    """Whether nobody else gives the very object that is a node's number.

    where() may give one of its arguments, and relu() and sign() numbers of their own, which are the same every time.
    """
    if node.dtype == np.bool_ or any(p.data is node.data for p in node.parents):
        return False
    return node.shape != () or abs(node.data) not in (0.0, 1.0)


def _warn(text: str) -> None:
    warnings.warn(text, GraphLeft, stacklevel=len([*frames_to_the_user()]))


def _same(a: Any, b: Any) -> bool:
    """Whether arguments of nodes are the same: numbers, arrays, and tuples and dicts of them."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[name], b[name]) for name in a)
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind == "f")
    return bool(a == b) or (a != a and b != b)
