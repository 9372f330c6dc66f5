"""What a gradient is compared with: its graph at random points, and how it comes about.

Every leaf is drawn anew and the graph computed again with each primitive's own forward; the Values themselves stay as
they are. The gradient is then taken apart: the parameter θ that it belongs to, the error ŷ − y, the regularisation
(the part that is a constant times θ), and the paths through the z's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from microgradcnn.engine.gradient import grad, topological
from microgradcnn.engine.value import Constant, Value
from microgradcnn.views.answers.assignments import given_names
from microgradcnn.views.answers.reading.derivatives import derivative_node
from microgradcnn.views.derivations.named_graph import Graph

Array: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

COUNT = 96  # random points
_MOST = 64  # labelled intermediates whose paths are looked at


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


class Points:
    """Graphs at random points: calling it gives the values of a scalar node, one for each point.

    Numbers from 0.2 to 1.3 in size with random signs; or, with `near`, near the leaves' own data and with their signs.
    Leaves without a label are constants: a formula has no name for them.
    """

    def __init__(self, roots: Sequence[Value], near: bool = False, seed: int = 0) -> None:
        rng, self.count = np.random.default_rng(seed), 2 * COUNT
        self.known: dict[Value, Any] = {}
        for node in dict.fromkeys(node for root in roots for node in topological(root)):
            if node.op is None and node.label is not None:
                shape = (self.count, *node.shape)
                size = rng.uniform(0.2, 1.3, shape)
                signs = np.where(np.asarray(node.data) < 0.0, -1.0, 1.0) if near else rng.choice((-1.0, 1.0), shape)
                own = np.where(np.asarray(node.data) == 0.0, 1.0, np.abs(node.data)) if near else 1.0
                self.known[node] = signs * own * size

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

    def instead(self, order: Sequence[Value], new: dict[Value, Array]) -> Array:
        """The values of the last node in a topological order, all known so far, with `new` values for some leaves."""
        known, changed = self.known | new, set(new)
        for node in order:
            if not changed.isdisjoint(node.parents):
                known[node] = self._computed(node, known)
                changed.add(node)
        return np.asarray(known[order[-1]], np.float64)

    def _computed(self, node: Value, known: Mapping[Value, Any]) -> Any:
        op, parents = node.op, node.parents
        if op is None:
            return np.full((self.count, *node.shape), node.data)
        if node.shape == () and all(p.shape == () for p in parents) and op.elementwise:  # all points at once
            data = op.evaluate([p.data if type(p) is Constant else known[p] for p in parents], node.static)
            return data if np.ndim(data) else np.full(self.count, data)
        each = ([p.data if type(p) is Constant else known[p][i] for p in parents] for i in range(self.count))
        return np.array([op.evaluate(inputs, node.static) for inputs in each])


class Chain(NamedTuple):
    """A path in three links, outer · inner · last = df/dz · dz/da · da/dθ, and the values of z and a."""

    outer: Array
    inner: Array
    last: Array
    z: Array
    a: Array


@dataclass(frozen=True)
class Path:
    """What one z contributes to df/dθ, at all points.

    There is no chain where f depends on θ beside the z, not through it, as in df/dw_1 = 2(ŷ − y)z_1.
    """

    z: str
    total: Array
    chain: Chain | None = None


class Evidence:
    """A gradient at random points, the values that have names there, and what the gradient is made of.

    `theta` is the parameter, None if it could not be found; `decay` the 2λ of a regularisation λθ²; `error` is ŷ − y,
    None if the graph has no such difference or several, one for each row.
    """

    def __init__(self, gradient: Value, loss: Value | None, wrt: Value | None) -> None:
        beside = given_names(loss) if loss is not None else {}
        roots = [root for root in (gradient, loss, wrt) if root is not None] + [*beside.values()]
        self.order = list(dict.fromkeys(node for root in roots for node in topological(root)))
        self.gradient = gradient
        self.points, self.g = _sampled(gradient, roots)
        labels = Counter(node.label for node in self.order)
        self.nodes = {n.label: n for n in self.order if n.label and n.shape == () and labels[n.label] == 1}
        ops = {node.op.name for node in self.order if node.op is not None}
        self.activation = next((name for name in ("sigmoid", "relu", "tanh") if name in ops), "sigmoid")
        errors = [node for node in self.order if _is_error(node)]
        self.several_errors = len(errors) > 1
        self.error, self.error_node = None, errors[0] if len(errors) == 1 else None
        if self.error_node is not None:
            self.error = self.points(self.error_node) * (1.0 if _is_y(self.error_node.parents[1]) else -1.0)
        self.fit: Value | None = None
        self.theta: Value | None = None
        self.decay = 0.0
        for base in (None if self.error_node is None else self.error_node.square(), loss):
            if base is not None and self.theta is None:
                self._find_parameter(base, wrt)
        self.loss = loss.label if loss is not None and loss.label in self.nodes else "f"  # its name
        self.named = dict(self.nodes)  # what a formula may speak of
        if loss is not None:
            self.named.setdefault(self.loss, loss)
        elif self.error_node is not None:
            self.named.setdefault("f", Context().run(self.error_node.square))  # recorded under no_grad() too
        if self.decay:
            self.named.setdefault("lambda", Value(float(f"{self.decay / 2.0:.12g}")))  # it was measured
        graph = Graph(loss) if loss is not None else None
        self.invented = {graph.label(n): n for n in graph.named_here if n.shape == ()} if graph is not None else {}
        self.values = {label: self.points(node) for label, node in self.named.items()}
        self._slopes: dict[tuple[Value, ...], tuple[list[Value], dict[Value, list[Value]]]] = {}

    @property
    def name(self) -> str:
        """df/dc_1, or what to call the gradient of something unknown."""
        return f"df/d{self.theta.label}" if self.theta is not None and self.theta.label else "the gradient"

    def mentioned(self, label: str) -> Value:
        """A leaf for a formula that speaks of what has this label, or of a derivative such as dz_1/ds_1."""
        if label not in self.named:
            self.named[label] = self.invented.get(label) or derivative_node(label, {**self.invented, **self.named})
            self.values[label] = self.points(self.named[label])
        node = self.named[label]
        leaf = Value(node.data, label=label)
        self.points.known[leaf] = self.values[label]
        return leaf

    @property
    def asked(self) -> tuple[str, str] | None:
        """What an answer is the derivative of, and by what; None if that could not be found."""
        return (self.loss, self.theta.label) if self.theta is not None and self.theta.label else None

    @property
    def regularisation(self) -> Array:
        """2λθ at all points."""
        return self.decay * self.points(self.theta) if self.theta is not None else 0.0 * self.g

    def leaves(self) -> list[Value]:
        """The labelled scalar leaves that the fit depends on."""
        inside = set(topological(self.fit)) if self.fit is not None else set()
        return [node for node in self.nodes.values() if node.op is None and node in inside]

    def _find_parameter(self, base: Value, wrt: Value | None) -> None:
        """θ is the leaf for which df/dθ is that of `base` and a constant times θ, if there is only one."""
        self.fit, found, size = base, list[tuple[Value, float]](), np.max(abs(self.g))
        leaves = [leaf for leaf in (self.leaves() if wrt is None else [wrt]) if leaf.shape == ()]
        for leaf, own in zip(leaves, grad(base, leaves), strict=True):
            rest, theta = self.g - self.points(own), self.points(leaf)
            decay = slope(rest, theta)
            if np.max(abs(rest)) <= 1e-11 * size:
                found.append((leaf, 0.0))
            elif np.max(abs(rest - decay * theta)) <= 1e-12 * size:
                found.append((leaf, decay))
        if len(found) == 1:
            self.theta, self.decay = found[0]
        else:
            self.fit = None

    def others(self) -> dict[str, Array]:
        """The gradients with respect to the other leaves, with their own regularisation."""
        leaves = [leaf for leaf in self.leaves() if leaf is not self.theta]
        if self.fit is None:
            return {}
        return {
            str(leaf.label): self.points(g) + self.decay * self.points(leaf)
            for leaf, g in zip(leaves, grad(self.fit, leaves), strict=True)
        }

    def families(self) -> list[list[Value]]:
        """The labelled intermediates by their letter, the z's first."""
        found: dict[str, list[Value]] = {}
        inside = set(topological(self.fit)) if self.fit is not None else set()
        for label, node in self.nodes.items():
            if node.op is not None and node in inside and node is not self.fit and label != "y_hat":
                found.setdefault(letter(label), []).append(node)
        return [found[key] for key in sorted(found, key=lambda key: key != "z") if len(found[key]) <= _MOST]

    def paths(self, theta: Value | None = None) -> list[Path]:
        """How df/dθ, or another leaf's gradient, adds up over the z's; empty if it does not."""
        chosen = self.theta if theta is None else theta
        if chosen is None or self.fit is None:
            return []
        for zs in self.families():
            found = self._through(zs, chosen) or self._beside(zs, chosen)
            total = sum((path.total for path in found), np.zeros_like(self.g))
            if found and (theta is not None or same(total + self.regularisation, self.g)):
                return found
        return []

    def _through(self, zs: list[Value], theta: Value) -> list[Path]:
        """df/dz_i · dz_i/dθ for every z_i that depends on θ."""
        assert self.fit is not None
        if tuple(zs) not in self._slopes:
            leaves = self.leaves()
            inner = {z: grad(z, leaves) for z in zs}
            self._slopes[tuple(zs)] = grad(self.fit, zs), inner
        slopes, inner = self._slopes[tuple(zs)]
        at, found = self.leaves().index(theta) if theta in self.leaves() else -1, []
        for z, sent in zip(zs, slopes, strict=True):
            outer, through = self.points(sent), self.points(inner[z][at]) if at >= 0 else 0.0 * self.g
            if not np.any(through):
                continue
            path = Path(str(z.label), outer * through)
            arguments = [p for p in z.parents if type(p) is not Constant]
            if len(arguments) == 1 and arguments[0].shape == ():
                own, last = grad(z, arguments)[0], grad(arguments[0], [theta])[0]
                links = (outer, *map(self.points, (own, last, z, arguments[0])))
                path = Path(path.z, path.total, Chain(*links))
            found.append(path)
        return found

    def _beside(self, zs: list[Value], theta: Value) -> list[Path]:
        """df/dθ where dŷ/dθ is a sum over the z's, as for the weights of a linear head."""
        if self.error_node is None or self.fit is None:
            return []
        of_theta = grad(self.error_node, [theta])[0]
        outer = self.points(grad(self.fit, [self.error_node])[0])
        terms = [self.points(z) * self.points(part) for z, part in zip(zs, grad(of_theta, zs), strict=True)]
        if not same(sum(terms, np.zeros_like(self.g)), self.points(of_theta)):
            return []
        return [Path(str(z.label), outer * term) for z, term in zip(zs, terms, strict=True) if np.any(term)]


def letter(label: str) -> str:
    """The letter of a label: c of c_1."""
    return re.split(r"[_0-9]", label, maxsplit=1)[0]


def _is_y(node: Value) -> bool:
    return node.op is None and node.label is not None and letter(node.label) == "y" and node.label != "y_hat"


def _is_error(node: Value) -> bool:
    return node.op is not None and node.op.name == "sub" and node.shape == () and any(map(_is_y, node.parents))


def _sampled(gradient: Value, roots: list[Value]) -> tuple[Points, Array]:
    """Points at which the gradient is a finite number, and its values there."""
    for near in (False, True):
        points = Points(roots, near)
        finite = np.isfinite(points(gradient))
        if finite.sum() >= COUNT:
            points.keep(finite)
            return points, points(gradient)
    raise ValueError(f"{gradient.describe()} is not finite at random points near its data: no answer can be checked")
