"""What a picture of a graph shows, and where: a box for each node or collapsed group, the edges, the colours' scales.

`drawn(f)` looks at the graph as it is now; svg.py and dot.py write down what it gives.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from microgradcnn.engine.arrays import Data
from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Constant, Value
from microgradcnn.views.derivations.ledger import local_derivatives, node_names
from microgradcnn.views.drawing.boxes import SMALL, Box, Heading, box, shown
from microgradcnn.views.drawing.colours import Scale, gradient_scale, largest, value_scale
from microgradcnn.views.drawing.groups import LARGEST, MEANT, Group, Names, family_of, grouping
from microgradcnn.views.drawing.layout import Layout, Place, Point, layout
from microgradcnn.views.drawing.maps.images import images_of
from microgradcnn.views.drawing.rows.wrapped import in_rows
from microgradcnn.views.drawing.structure.drawable import sorted_items
from microgradcnn.views.drawing.structure.layers import labelled_owners, layers
from microgradcnn.views.drawing.structure.namespace import Owners
from microgradcnn.views.drawing.structure.parameters import place_of, shown_names
from microgradcnn.views.drawing.structure.time_steps import time_steps
from microgradcnn.views.formulas import notation
from microgradcnn.views.formulas.expression import Expr, cut, symbol, value
from microgradcnn.views.formulas.notation import formula
from microgradcnn.views.formulas.typeset import clean, sans_width

LABEL = 12.0  # height of an edge's label
LONGEST_CONSTANT = 6  # characters; a raw number that takes more is rounded


@dataclass(frozen=True)
class Edge:
    """A line from box `source` to box `target`: node `parent` is argument number `argument` of node `child`.

    Where a group has several of them, one line stands for all, and `argument` is None. `local` is the local derivative
    as text, empty where it is no single number; `flows` tells whether a gradient flows back.
    """

    source: int
    target: int
    parent: int
    child: int
    argument: int | None
    local: str
    flows: bool


@dataclass(frozen=True)
class Drawing:
    """A graph ready to be drawn: `root` is the symbol of its last node, `scales` those of values and of gradients."""

    root: Expr
    about: str
    boxes: list[Box]
    edges: list[Edge]
    layout: Layout
    scales: tuple[Scale, Scale]
    groups: list[Group]
    closed: Callable[[str], Box] = field(compare=False)  # the box of a group drawn as one

    @property
    def title(self) -> str:
        """What the picture is."""
        return f"The graph of {notation.text(self.root)}"

    @property
    def in_rows(self) -> Drawing:
        """The same for paper and slides: in rows below each other, if it is too long for them."""
        return replace(self, layout=in_rows(self.layout))


def drawn(
    f: Value,
    groups: Mapping[str, Iterable[Value]] | None = None,
    collapse: Names = None,
    opened: Names = None,
    owners: Owners | None = None,
    placed: bool = True,
) -> Drawing:
    """The graph of f with its groups open or collapsed; `owners` are the objects that its parameters belong to.

    Unless it is to be `placed`, all boxes lie at the origin, for a page that arranges them itself. Raises ValueError as
    `groups.grouping` does.
    """
    scene = _Scene(f, groups, collapse, opened, owners or {})
    boxes, edges = [scene.box(item) for item in scene.drawn], scene.edges()
    labels = [sans_width(edge.local, SMALL) + 10.0 for edge in edges]
    ends = Counter(edge.target for edge in edges if edge.local)
    sizes = [(wide, max(high, LABEL * ends[i])) for i, (wide, high) in enumerate(b.size for b in boxes)]
    if placed:
        lying = layout(sizes, [(e.source, e.target) for e in edges], labels)
    else:
        lying = Layout([Place(0.0, 0.0, *b.size) for b in boxes], [[Point(0.0, 0.0)] for _ in edges], (0.0, 0.0))
    found = list(scene.grouping.groups.values())
    return Drawing(scene.symbols[f], scene.about(), boxes, edges, lying, scene.scales, found, scene.box)


class _Scene:
    """A graph with names, groups, and what is drawn for each of its nodes."""

    def __init__(
        self, f: Value, groups: Mapping[str, Iterable[Value]] | None, collapse: Names, opened: Names, owners: Owners
    ) -> None:
        self.order = topological(f)
        self.place = {node: i for i, node in enumerate(self.order)}
        names = node_names(self.order)
        self.names = shown_names(self.order)
        self.symbols: dict[Value, Expr] = {
            v: symbol(clean(name if place_of(v, self.names) else v.label or name)) for v, name in self.names.items()
        }
        self.users: list[list[int]] = [[] for _ in self.order]
        links = [(self.place[p], i) for i, v in enumerate(self.order) for p in v.parents if type(p) is not Constant]
        for parent, child in links:
            self.users[parent].append(child)
        self.scales = (
            value_scale(largest(v.data for v in self.order)),
            gradient_scale(largest(v.grad for v in self.order if v.has_grad)),
        )
        self.locals = [local_derivatives(node) if node.op is not None else [] for node in self.order]
        steps = time_steps(self.order)
        apart = {i for step in steps for i in step.members}
        parts = [*layers(self.order, {**labelled_owners(self.order), **owners}, apart), *steps]
        self.grouping = grouping(self.order, list(names.values()), groups, collapse, opened, parts)
        self.kinds = images_of(self.order).kinds
        self.items = self.grouping.items()
        found = sorted_items(self.items, links)
        assert found is not None  # no group is one for which there is no order
        self.drawn = found

    def about(self) -> str:
        """One sentence for those who do not see the picture."""
        root, leaves = self.order[-1], sum(v.op is None for v in self.order)
        counted = f"{len(self.order)} nodes, {leaves} of them leaves" if len(self.order) > 1 else "one leaf"
        number = "" if root.shape else f", which is {shown(root.item())}"
        number += "" if root.shape or np.isfinite(root.data) else " and has no derivative there"
        return f"{counted}, from left to right up to {notation.text(self.symbols[root])}{number}."

    def box(self, item: int | str) -> Box:
        """The box of a node or of a collapsed group."""
        group = None if isinstance(item, int) else self.grouping.groups[item]
        if (place := self._head(item)) is None:
            assert group is not None
            return self._crowd(group)
        node = self.order[place]
        if group is not None and group.kind != "segment":
            heading = self._called(group)
            if group.kind in MEANT:  # so that it is known where formulas name it
                heading = [*heading, ": ", self.symbols[node]]
        else:
            heading = self._heading(node, {self.order[i] for i in group.members} if group else {node})
        note = "×".join(map(str, node.shape))
        if node.shape and (within := place_of(node, self.names)):
            note = f"{clean(cut(within))}, {note}"
        name = group.name if group else None
        leaf, kind = node.op is None, self.kinds.get(place)
        return box(heading, node.data, _computed(node), self.scales, note, place, name, leaf, kind)

    def _heading(self, node: Value, inside: set[Value]) -> Heading:
        """The name and the formula in terms of what is outside a group."""
        if node.op is None:
            return [self.symbols[node]]
        if len(inside) > LARGEST:
            return [self.symbols[node], " = …"]
        names: dict[Value, Expr] = {}
        for member in inside:
            for p in member.parents:
                if type(p) is Constant:
                    names[p] = constant_formula(p)
                elif p not in inside:
                    names[p] = self.symbols[p]
        return [self.symbols[node], " = ", formula(node, names, top=True)]

    def _crowd(self, group: Group) -> Box:
        """The box of a group with several results: the nodes that others are computed from."""
        inside = set(group.members)
        ends = [i for i in group.members if not self.users[i] or not inside.issuperset(self.users[i])]
        values = np.concatenate([_flat(self.order[i].data) for i in ends])
        grads = [0.0 if self.order[i].dtype == np.bool_ else _computed(self.order[i]) for i in ends]
        gradient = None if any(g is None for g in grads) else np.concatenate([_flat(g) for g in grads])
        heading = self._called(group)
        whole = len(group.members)
        note = f"{whole} nodes" if len(ends) == whole else f"{len(ends)} of {whole} nodes"
        leaf = all(self.order[i].op is None for i in group.members)
        return box(heading, values, gradient, self.scales, note, group=group.name, leaf=leaf)

    def _called(self, group: Group) -> Heading:
        """The name of a group; of a family the first and the last."""
        if group.kind != "family":
            return [clean(cut(group.name))]
        family = group.name.removeprefix("all ")
        heads = [self.symbols[n] for i in group.members if family_of((n := self.order[i]).label) == family]
        return [heads[0], ", … , " if len(heads) > 2 else ", ", heads[-1]]

    def edges(self) -> list[Edge]:
        """The lines between the boxes: one for each argument of a node, one for all between a group and another box."""
        place = {item: i for i, item in enumerate(self.drawn)}
        found: dict[tuple[int, ...], Edge] = {}
        through = {name: self._through(g) for name, g in self.grouping.groups.items() if name in place}
        for child, node in enumerate(self.order):
            target = self.items[child]
            for k, (parent, (flows, local)) in enumerate(zip(node.parents, self.locals[child], strict=True)):
                if type(parent) is Constant or (source := self.items[start := self.place[parent]]) == target:
                    continue
                head, whole = self._head(target), self._head(source) is not None
                ends = place[source], place[target]
                if whole and head == child == target:
                    found[*ends, k] = Edge(*ends, start, child, k, _said(local), flows)
                else:
                    local = through[str(target)].get(start) if whole and head is not None else None
                    end = child if head is None else head
                    edge = found.setdefault(ends, Edge(*ends, start, end, None, _said(local), flows))
                    found[ends] = replace(edge, flows=flows or edge.flows)
        return list(found.values())

    def _head(self, item: int | str) -> int | None:
        """The node whose numbers a box shows."""
        return item if isinstance(item, int) else self.grouping.groups[item].head

    def _through(self, group: Group) -> dict[int, float]:
        """d(a segment's last node)/d(what it is computed from), by the chain rule; empty unless all are scalars."""
        if group.head is None or any(self.order[i].shape for i in group.members):
            return {}
        total = {group.head: 1.0}
        for i in reversed(group.members):
            for parent, (flows, local) in zip(self.order[i].parents, self.locals[i], strict=True):
                if flows and local is not None and i in total:
                    total[self.place[parent]] = total.get(self.place[parent], 0.0) + total[i] * local
        return total


def constant_formula(constant: Value) -> Expr:
    """A raw number, rounded if it is long; a raw array as its shape."""
    data = np.asarray(constant.data)
    if not data.size or (data != data.flat[0]).any():
        return symbol(f"[{'×'.join(map(str, data.shape))}]")
    exact = formula(constant, {})
    digits = notation.text(exact)
    return exact if len(digits) <= LONGEST_CONSTANT and "e" not in digits else value(float(data.flat[0]))


def _said(local: float | None) -> str:
    return "" if local is None else shown(local)


def _computed(node: Value) -> Data:
    """The gradient as a box takes it: None where it was never computed."""
    return node.grad if node.has_grad else None


def _flat(data: object) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.asarray(data, dtype=float).ravel()
