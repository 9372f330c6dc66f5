"""A graph cut at its named nodes: what each is called, what depends on what, and the derivatives between two cuts.

The derivatives are not found here: `mg.grad` runs the chain rules of the table on a copy of the segment whose inputs
are leaves, and its answer, a graph, is written down.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Collection, Iterator
from itertools import chain, count
from typing import Any, NamedTuple

import numpy as np

from microgradcnn.engine.gradient import grad, topological
from microgradcnn.engine.value import Constant, Value, apply
from microgradcnn.views.formulas.algebra import simplified
from microgradcnn.views.formulas.expression import Expr, name_of, spelling, symbol
from microgradcnn.views.formulas.notation import formula

LARGEST = 30  # nodes of the graph in one unnamed formula: more, and a part of it is given a name
SHORT = 3  # nodes in a formula that may be written several times


class LocalDerivative(NamedTuple):
    """The derivative of a node by one before it: as the rules wrote it, simplified, and its value."""

    node: Value
    written: Expr
    formula: Expr
    value: Any


class Graph:
    """The nodes that `f` was computed from, with a symbol for every leaf and for every node that needs one.

    Labels are kept; a node without one is named if it is used twice, if its formula would be too long, or if it is an
    array that was given as raw numbers. Names are unique. `with_lambda` calls the `weight` of the squared parameters λ
    where that is a raw number.
    """

    def __init__(self, f: Value, with_lambda: bool = False) -> None:
        self.f, self.order = f, topological(f)
        self.place = {node: i for i, node in enumerate(self.order)}
        self.consumers: dict[Value, list[Value]] = {}
        for node in self.order:
            for parent in dict.fromkeys(node.parents):
                self.consumers.setdefault(parent, []).append(node)
        self.names: dict[Value, Expr] = {}
        self.named_here: set[Value] = set()  # interior nodes that had no label
        labels = {node.label for node in self.order if node.label is not None}
        self._taken = {spelling(label) for label in labels}
        self._counts: dict[str, Iterator[int]] = {}
        self._name_nodes(labels)
        self.weight = regularisation(f) if with_lambda and spelling("lambda") not in self._taken else None
        if self.weight is not None:
            self.names[self.weight] = symbol(self._fresh("lambda", plain=True))
        self.constants = {_place(p): name for p, name in self.names.items() if type(p) is Constant and p.shape}

    def _name_nodes(self, labels: Collection[str]) -> None:
        if self.f.label is None:
            self.names[self.f] = symbol(self._fresh("f", plain=True))
        f = self.label(self.f) if self.f.label is None else self.f.label
        seen = {spelling(f"d{f}_d{x}") for x in labels}  # what Python calls the derivatives
        weight: dict[Value, int] = {}
        for node in self.order:
            for constant in node.parents:
                if type(constant) is Constant and constant not in self.names and np.unique(constant.data).size > 1:
                    self.names[constant] = symbol(self._fresh("K"))
            weight[node] = 1 + sum(weight.get(p, 1) for p in node.parents)
            if node.label is not None:
                spelt = spelling(node.label)
                self.names[node] = symbol(self._fresh(name_of(node.label).base) if spelt in seen else node.label)
                seen.add(spelt)
            elif node not in self.names and (node.op is None or self._needs_name(node, weight[node])):
                self.give_name(node)
            weight[node] = 1 if node in self.names else weight[node]

    def give_name(self, node: Value) -> None:
        """Call an unlabelled node by a letter that is free."""
        self.names[node] = symbol(self._fresh("v" if node.op is None else "t"))
        if node.op is not None:
            self.named_here.add(node)

    def _needs_name(self, node: Value, weight: int) -> bool:
        users = self.consumers.get(node, [])
        reshaped = node.op is not None and node.op.name == "reshape"
        if is_placed(node) or (node.shape and not reshaped and any(map(is_placed, users))):
            return True
        repeating = [n.op for n in (node, *users) if n.op is not None and n.op.repeats]
        if len(users) > 1 or any(weight > SHORT if op.elementwise else node.shape for op in repeating):
            return True
        in_a_sum = all(n.op is not None and n.op.name in ("add", "sub") for n in (node, *users))
        return weight > LARGEST and not in_a_sum

    def _fresh(self, letter: str, plain: bool = False) -> str:
        numbered = (f"{letter}_{i}" for i in self._counts.setdefault(letter, count(1)))
        names = chain([letter], numbered) if plain else numbered
        name = next(name for name in names if spelling(name) not in self._taken)
        self._taken.add(spelling(name))
        return name

    def definition(self, node: Value) -> Expr:
        """The formula of a named node, as it was computed."""
        return formula(node, self.names, top=True)

    def depending_on(self, x: Value) -> set[Value]:
        """The nodes computed from x through which a gradient flows, and x: comparisons and orders pass none on."""
        found = {x}
        for node in self.order:
            ordered = node.op is not None and node.op.name == "order"
            if any(p in found for p in node.parents) and node.dtype != np.bool_ and not ordered:
                found.add(node)
        return found

    def label(self, node: Value) -> str:
        """What a named node is called."""
        return str(self.names[node].value)

    def links(
        self,
        t: Value,
        stops: Collection[Value],
        path: Collection[Value],
        seed: Value | None = None,
        seed_name: Expr | None = None,
    ) -> list[LocalDerivative]:
        """The derivatives of t by each of `stops` that it is computed from with no other stop between.

        `path` holds the nodes that depend on what is differentiated by. With a `seed`, a cotangent of t called
        `seed_name`, the links are cotangents as well.
        """
        inside = self._between(t, stops, path)
        copies: dict[Value, Value] = {}
        for node in inside:
            if node in stops and node is not t:
                copies[node] = Value(node.data, label=node.label)
            else:
                assert node.op is not None
                for p in node.parents:  # a rule gets raw constants as data: what it makes of them would have no name
                    if type(p) is Constant and p in self.names and p.dtype.kind == "f":
                        copies[p] = Value(p.data)
                copies[node] = apply(node.op, *[copies.get(p, p) for p in node.parents], **node.static)
        leaves = [node for node in inside if node in stops and node is not t]
        found = grad(copies[t], [copies[leaf] for leaf in leaves], seed)
        own = {copy: self.names[node] for node, copy in copies.items() if node in self.names}
        if seed is not None and seed_name is not None:
            own[seed] = seed_name
        links = []
        for leaf, g in zip(leaves, found, strict=True):
            self._recognise(g, own)
            written = formula(g, ChainMap(own, self.names), gradient=True)
            links.append(LocalDerivative(leaf, written, simplified(written), g.data))
        return links

    def _recognise(self, g: Value, names: dict[Value, Expr]) -> None:
        """Give constants that the rules passed on, such as masks, the names that they have in the graph of f."""
        for node in topological(g) if self.constants else ():
            constants = [p for p in node.parents if type(p) is Constant and _place(p) in self.constants]
            names.update({p: self.constants[_place(p)] for p in constants})

    def _between(self, t: Value, stops: Collection[Value], path: Collection[Value]) -> list[Value]:
        seen, stack = {t}, [t]
        while stack:
            node = stack.pop()
            if node in stops and node is not t:
                continue
            new = [p for p in node.parents if p in path and p not in seen]
            seen.update(new)
            stack += new
        return sorted(seen, key=self.place.__getitem__)

    def single_path(self, t: Value, x: Value, path: Collection[Value]) -> list[Value] | None:
        """The named nodes from t down to x if only one path leads there."""
        found = [t]
        node = t
        while node is not x:
            before = [p for p in dict.fromkeys(node.parents) if p in path]
            if len(before) != 1:
                return None
            node = before[0]
            if node in self.names:
                found.append(node)
        return found


def scalar_terms(node: Value) -> Iterator[Value]:
    """The terms of a sum of scalars, from left to right, without the 0 that Python's sum starts with."""
    stack = [node]
    while stack:
        top = stack.pop()
        if top.op is not None and top.op.name == "add" and top.shape == ():
            stack.extend(reversed(top.parents))
        elif not (type(top) is Constant and top.shape == () and top.data == 0.0):
            yield top


def logistics(f: Value) -> Iterator[tuple[Value, Value, Value, bool]]:
    """Every 1/(1 + e) and e/(1 + e) that has a name, for e = exp(a): e, 1 + e, the node, and whether its share is the
    rest, 1 − q."""
    for q in topological(f):
        if q.label is None or q.op is None or q.op.name != "div":
            continue
        above, total = q.parents
        terms = list(scalar_terms(total))
        powers = [term for term in terms if term.op is not None and term.op.name == "exp"]
        one_more = len(terms) == 2 and len(powers) == 1 and any(map(_is_one, terms))
        if one_more and (above is powers[0] or _is_one(above)):
            yield powers[0], total, q, above is not powers[0]


def _is_one(node: Value) -> bool:
    return node.op is None and node.label is None and node.shape == () and node.item() == 1.0


def is_logarithm(node: Value) -> bool:
    """Whether a node is a logarithm, or a sum or difference with one in it."""
    parts = node.parents if node.op is not None and node.op.name in ("add", "sub") else (node,)
    return any(part.op is not None and part.op.name == "log" for part in map(unsigned, parts))


def unsigned(node: Value) -> Value:
    """The node without a minus in front of it that has no name."""
    while node.op is not None and node.op.name == "neg" and node.label is None:
        (node,) = node.parents
    return node


def regularisation(f: Value) -> Value | None:
    """The raw number λ of a loss error + λ(θ_1² + θ_2² + ...) over all the parameters that the error depends on.

    Parameters are the leaves with a label that is no x, y or p, as in the lecture.
    """
    pairs = (f.parents, f.parents[::-1]) if f.op is not None and f.op.name == "add" else ()
    for error, decay in pairs:
        weight, squares = decay.parents if decay.op is not None and decay.op.name == "mul" else (None, None)
        if type(squares) is Constant:
            weight, squares = squares, weight
        if type(weight) is Constant and weight.shape == () and squares is not None:
            penalised = [_squared(term) for term in scalar_terms(squares)]
            leaves = {leaf for leaf in topological(error) if leaf.op is None and leaf.label is not None}
            if set(penalised) == {
                leaf for leaf in leaves if name_of(str(leaf.label)).base.lower() not in ("x", "y", "p")
            }:
                return weight
    return None


def _squared(term: Value) -> Value | None:
    """θ if the term is θ², or the sum of all numbers of θ²."""
    name = "" if term.op is None else term.op.name
    if name == "sum" and term.static["axis"] is None:
        return _squared(term.parents[0])
    return term.parents[0] if name == "square" or (name == "power" and term.static["exponent"] == 2) else None


PLACED = {  # what mathematics writes with the places of numbers: of these the arrays that go in and come out have names
    *("avg_pool2d", "max_pool2d", "conv2d", "conv2d_input", "conv2d_kernel"),
    *("order", "take", "take_along_axis", "index_add", "scatter_add"),
}


def is_placed(node: Value) -> bool:
    """Whether an operation is written with the places of numbers."""
    return node.op is not None and node.op.name in PLACED


def _place(constant: Value) -> Any:
    """Where the numbers lie: the same for all constants that share them."""
    data = np.asarray(constant.data)
    return data.__array_interface__["data"][0], data.shape, data.strides


def recomputed(f: Value, new: dict[Value, Any]) -> tuple[Value, dict[Value, Value]]:
    """The graph of f computed again with new data for some nodes, which become leaves; and what became of the nodes."""
    copies: dict[Value, Value] = {}
    for node in topological(f):
        if node in new:
            copies[node] = Value(new[node], label=node.label)
        elif node.op is None:
            copies[node] = node
        else:
            parents = [copies.get(p, p) for p in node.parents]
            changed = any(a is not b for a, b in zip(parents, node.parents, strict=True))
            copies[node] = apply(node.op, *parents, **node.static) if changed else node
            copies[node].label = node.label
    return copies[f], copies
