"""Graphs at random points, and whether numbers at all of them are the same.

Every leaf is drawn anew and the graph computed again with each primitive's own forward; the Values themselves stay as
they are.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Constant, Value

Array: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

COUNT = 96  # random points
_MULTIPLIER, _MODULUS = 48271, 2**31 - 1  # of the random numbers, which a page draws in the same order


def same(a: Array, b: Array, tolerance: float = 1e-9) -> bool:
    """Whether a is b at all points, but for rounding; never where either is not finite."""
    with np.errstate(all="ignore"):
        allowed = tolerance * np.maximum(abs(a), abs(b)) + 1e-12 * np.max(abs(b))
        return bool(np.all(abs(a - b) <= allowed) and np.all(np.isfinite(a)) and np.all(np.isfinite(b)))


def ratio(a: Array, b: Array) -> float | None:
    """The number k for which a is k·b at all points, if there is one."""
    k = slope(a, b)
    return k if k != 0.0 and same(a, k * b) else None


def slope(a: Array, b: Array) -> float:
    """The k for which k·b comes nearest to a; 0 if b is 0."""
    size = float(np.dot(b, b))
    return float(np.dot(a, b)) / size if size > 0.0 else 0.0


def random_numbers(count: int, seed: int = 0) -> Array:
    """Numbers between 0 and 1 from Lehmer's generator, which every language can compute exactly."""
    states = np.array([(seed + 1) * _MULTIPLIER % _MODULUS], np.int64)
    factor = _MULTIPLIER
    while len(states) < count:  # twice as many by a step as far as there are
        states = np.concatenate([states, states * factor % _MODULUS])
        factor = factor * factor % _MODULUS
    return states[:count] / _MODULUS


class Points:
    """Graphs at random points: calling it gives the values of a scalar node, one for each point.

    Numbers from 0.2 to 1.3 in size with random signs; or, with `near`, near the leaves' own data and with their signs.
    Leaves without a label are constants: a formula has no name for them. So are a λ that is not 0 and what is `held`.
    `bounds` keep their signs and their order: a Huber loss means nothing where δ is below 0. Each family of `targets`
    is a distribution at all points: none is below 0, and they add up to 1.
    """

    def __init__(
        self,
        roots: Sequence[Value],
        near: bool = False,
        seed: int = 0,
        targets: Sequence[Sequence[Value]] = (),
        held: Sequence[Value] = (),
        bounds: Sequence[Value] = (),
    ) -> None:
        self.count, self.known = 2 * COUNT, dict[Value, Any]()
        found = dict.fromkeys(node for root in roots for node in topological(root))
        leaves = sorted((x for x in found if x.op is None and x.label is not None), key=lambda x: str(x.label))
        held = [x for x in leaves if x in held or (is_lambda(x) and x not in roots)]
        drawn = [x for x in leaves if x not in held]
        numbers = random_numbers(2 * self.count * sum(np.size(x.data) for x in drawn), seed)
        numbers, at = numbers.reshape(self.count, -1, 2), 0
        for x in drawn:
            which, at = slice(at, at + np.size(x.data)), at + np.size(x.data)
            shape, data = (self.count, *x.shape), np.asarray(x.data)
            size = 0.2 + 1.1 * numbers[:, which, 1].reshape(shape)
            signs = np.where(numbers[:, which, 0].reshape(shape) < 0.5, -1.0, 1.0)
            self.known[x] = np.where(data == 0.0, 1.0, data) * size if near else signs * size
        own = {x: float(x.data) for x in drawn if x in bounds and x.data}
        if own:
            first = next(iter(own))
            size = abs(self.known[first]) / (abs(own[first]) if near else max(map(abs, own.values())))
            self.known |= {x: number * size for x, number in own.items()}
        self.known |= {x: np.full(self.count, x.data) for x in held}
        for family in targets:
            total = sum(abs(self.known[x]) for x in family)
            self.known |= {x: abs(self.known[x]) / total for x in family}

    def keep(self, where: Array) -> None:
        """Keep COUNT of these points, and forget what was computed at the others."""
        chosen = np.flatnonzero(where)[:COUNT]
        self.known = {node: x[chosen] for node, x in self.known.items() if node.op is None}
        self.count = len(chosen)

    def __call__(self, root: Value) -> Array:
        """The values of `root`."""
        stack = [root]
        while stack:
            node = stack[-1]
            missing = [p for p in node.parents if type(p) is not Constant and p not in self.known]
            stack += missing
            if not missing:
                stack.pop()
                if node not in self.known:
                    self.known[node] = self._computed(node, self.known)
        return np.asarray(self.known[root], np.float64)

    def instead(self, order: Sequence[Value], new: Mapping[Value, Array]) -> Array:
        """The values of the last node in a topological order, all known so far, with `new` values for some leaves."""
        last = order[-1]
        return np.asarray(self.changed(order, new).get(last, self.known[last]), np.float64)

    def changed(self, order: Sequence[Value], new: Mapping[Value, Array]) -> dict[Value, Array]:
        """The `new` values, and those of all nodes in a topological order that depend on them."""
        found = dict(new)
        for node in order:
            if not found.keys().isdisjoint(node.parents):
                found[node] = self._computed(node, ChainMap(found, self.known))
        return found

    def _computed(self, node: Value, known: Mapping[Value, Any]) -> Any:
        op, parents = node.op, node.parents
        if op is None:
            return np.full((self.count, *node.shape), node.data)
        if node.shape == () and all(p.shape == () for p in parents) and op.elementwise:  # all points at once
            data = op.evaluate([p.data if type(p) is Constant else known[p] for p in parents], node.static)
            return data if np.ndim(data) else np.full(self.count, data)
        each = ([p.data if type(p) is Constant else known[p][i] for p in parents] for i in range(self.count))
        return np.array([op.evaluate(inputs, node.static) for inputs in each])


def bounds_in(root: Value) -> list[Value]:
    """The leaves, but for targets, with which a graph compares what it computes: δ in |u| ≤ δ, ε in relu(|u| − ε)."""
    found: dict[Value, None] = {}
    for a, b in filter(None, map(_compared, topological(root))):
        for side, other in ((a, b), (b, a)):
            leaf = side.parents[0] if side.op is not None and side.op.name == "neg" else side
            if leaf.op is None and leaf.label and not is_target(leaf) and other.op is not None and leaf.shape == ():
                found[leaf] = None
    return [*found]


def _compared(node: Value) -> tuple[Value, ...]:
    """The two Values of which it matters to a node which is larger; () if there are none."""
    name = node.op.name if node.op is not None else ""
    if name == "relu":
        (x,) = node.parents
        return x.parents if x.op is not None and x.op.name == "sub" and _is_size(x.parents[0]) else ()
    return node.parents if name in ("less", "less_equal", "greater", "greater_equal", "maximum", "minimum") else ()


def _is_size(node: Value) -> bool:
    """Whether a node is never negative."""
    exponent = node.static.get("exponent")
    return node.op is not None and (node.op.name in ("abs", "square", "sqrt", "hypot", "exp") or exponent == 2.0)


def letter(label: str) -> str:
    """The letter of a label: c of c_1."""
    return re.split(r"[_0-9]", label, maxsplit=1)[0]


def is_target(node: Value) -> bool:
    """Whether a leaf is one of the y's."""
    return node.op is None and node.label is not None and letter(node.label) == "y" and node.label != "y_hat"


def is_lambda(node: Value) -> bool:
    """Whether a leaf is the λ of a regularisation, which is a number and nothing that varies."""
    return node.op is None and node.label in ("lambda", "λ") and node.shape == () and node.data != 0.0
