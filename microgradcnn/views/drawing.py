"""What a picture of a graph shows, and where: nodes, collapsed groups, edges, their texts, numbers and colours.

`drawn(f)` looks at the graph as it is now. svg.py and dot.py write down what it gives.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from microgradcnn.arrays import Data, shape_of
from microgradcnn.value import Constant, Value, topological
from microgradcnn.views.colours import Grid, Scale, gradient_scale, largest, plane, value_scale
from microgradcnn.views.expression import Expr, symbol
from microgradcnn.views.expression import text as words
from microgradcnn.views.groups import Group, Grouping, Names, grouping, sorted_items
from microgradcnn.views.layout import Layout, layout
from microgradcnn.views.ledger import local_derivatives, node_names
from microgradcnn.views.notation import formula
from microgradcnn.views.typesetting import Run, clean, plain, sans_width, shortened, typeset, width

FORMULA, NUMBER, SMALL = 14.0, 12.0, 10.0  # sizes of the text
NOT_COMPUTED = "not computed"
WIDEST_FORMULA = 150.0
CELL = 46.0  # the largest side of a heat map
HEADER, ROW = 21.0, 17.0


@dataclass(frozen=True)
class Node:
    """A box: a node of the graph, or a collapsed group of them (`group` is its name).

    `index` is the place in `topological(f)`, of a group's last node if it is a segment, else None. `value` and
    `gradient` are the texts, `tints` their colours, `maps` heat maps of arrays or None. `about` is the whole text.
    """

    index: int | None
    group: str | None
    name: str
    heading: list[Run]
    shape: str
    value: str
    gradient: str
    tints: tuple[str, str]
    maps: tuple[Grid | None, Grid | None] | None
    about: str
    leaf: bool
    size: tuple[float, float]


@dataclass(frozen=True)
class Edge:
    """A line from one box to another: `parent` is argument number `argument` of `child`, both places in the order.

    Where a group has many, one line stands for all, and `argument` is None. `local` is the local derivative as text,
    empty where it is no single number; `flows` tells whether a gradient flows back.
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
    """A graph ready to be drawn."""

    title: str
    about: str
    nodes: list[Node]
    edges: list[Edge]
    layout: Layout
    scales: tuple[Scale, Scale]
    groups: list[Group]
    computed: bool


def drawn(
    f: Value, groups: Mapping[str, Iterable[Value]] | None = None, collapse: Names = None, opened: Names = None
) -> Drawing:
    """The graph of f with its groups open or collapsed. Raises ValueError as `groups.grouping` does."""
    scene = _Scene(f, groups, collapse, opened)
    place = {item: i for i, item in enumerate(scene.drawn)}
    nodes = [scene.node(item) for item in scene.drawn]
    edges = scene.edges(place)
    labels = [sans_width(e.local, SMALL) + 12.0 if e.local else 12.0 for e in edges]
    placed = layout([node.size for node in nodes], [(e.source, e.target) for e in edges], labels)
    return Drawing(
        f"The graph of {clean(scene.names[-1])}",
        scene.about(),
        nodes,
        edges,
        placed,
        scene.scales,
        list(scene.grouping.groups.values()),
        f.grad is not None,
    )


def shown(x: float) -> str:
    """A number with four significant digits, as JavaScript's `toPrecision` counts them, and a real minus."""
    if math.isnan(x):
        return "NaN"
    if math.isinf(x):
        return "∞" if x > 0 else "−∞"
    return f"{x + 0.0:.4g}".replace("-", "−")


class _Scene:
    """A graph with names, formulas and groups."""

    def __init__(self, f: Value, groups: Mapping[str, Iterable[Value]] | None, collapse: Names, opened: Names) -> None:
        self.order = topological(f)
        self.place = {node: i for i, node in enumerate(self.order)}
        self.names = list(node_names(self.order).values())
        self.symbols: dict[Value, Expr] = {v: symbol(n) for v, n in zip(self.order, self.names, strict=True)}
        self.scales = (
            value_scale(largest([v.data for v in self.order])),
            gradient_scale(largest([v.grad for v in self.order if v.grad is not None])),
        )
        self.grouping: Grouping = grouping(self.order, self.names, groups, collapse, opened)
        self.items = self.grouping.items()
        links = [(self.place[p], i) for i, v in enumerate(self.order) for p in v.parents if type(p) is not Constant]
        found = sorted_items(self.items, links)
        assert found is not None  # families and given groups were tried
        self.drawn = found

    def about(self) -> str:
        """One sentence for those who do not see the picture."""
        leaves = sum(v.op is None for v in self.order)
        root = self.order[-1]
        value = f", which is {shown(root.item())}" if not root.shape else ""
        name = clean(self.names[-1])
        return f"{len(self.order)} nodes, {leaves} of them leaves, from left to right up to {name}{value}."

    def node(self, item: int | str) -> Node:
        """The box of a node or of a collapsed group."""
        if isinstance(item, int):
            return self._box(item, None, self._heading(item))
        group = self.grouping.groups[item]
        if group.head is not None:
            return self._box(group.head, group, self._heading(group.head, group.members))
        return self._crowd(group)

    def _heading(self, place: int, inside: Sequence[int] = ()) -> list[Run]:
        value = self.order[place]
        own = typeset(self.symbols[value])
        if value.op is None:
            return own
        hidden = {self.order[i] for i in inside}
        names = {v: s for v, s in self.symbols.items() if v not in hidden} if hidden else self.symbols
        names |= {p: _constant(p) for i in (*inside, place) for p in self.order[i].parents if type(p) is Constant}
        return [*own, Run(" = "), *typeset(formula(value, {**names, value: self.symbols[value]}, top=True))]

    def _box(self, place: int, group: Group | None, heading: list[Run]) -> Node:
        value = self.order[place]
        shape, maps = "", None
        if value.shape:
            shape = "×".join(map(str, value.shape))
            maps = (plane(value.data), None if value.grad is None else plane(value.grad))
        return self._sized(
            place,
            group,
            self.names[place],
            heading,
            shape,
            _range(value.data),
            NOT_COMPUTED if value.grad is None else _range(value.grad),
            (self._tint(0, value.data), self._tint(1, value.grad)),
            maps,
            value.op is None,
        )

    def _crowd(self, group: Group) -> Node:
        """The box of a group that has many results: those that something else is computed from."""
        inside = set(group.members)
        ends = [i for i in group.members if not inside.issuperset(self._users(i)) or i == len(self.order) - 1]
        values = np.concatenate([np.ravel(np.asarray(self.order[i].data, dtype=float)) for i in ends])
        grads = [self.order[i].grad for i in ends]
        known = (
            None if any(g is None for g in grads) else np.concatenate([np.ravel(np.asarray(g, float)) for g in grads])
        )
        heading = [Run(clean(group.name))]
        if group.kind == "family":
            first, last = typeset(self.symbols[self.order[ends[0]]]), typeset(self.symbols[self.order[ends[-1]]])
            heading = [*first, Run(", …, " if len(ends) > 2 else ", "), *last]
        maps = (plane(values), None if known is None else plane(known))
        return self._sized(
            None,
            group,
            group.name,
            heading,
            f"{len(ends)} of {len(group.members)} nodes" if len(ends) < len(group.members) else f"{len(ends)} nodes",
            _range(values),
            NOT_COMPUTED if known is None else _range(known),
            (self._tint(0, values), self._tint(1, known)),
            maps,
            all(self.order[i].op is None for i in group.members),
        )

    def _users(self, place: int) -> list[int]:
        if not hasattr(self, "_after"):
            self._after: list[list[int]] = [[] for _ in self.order]
            for i, node in enumerate(self.order):
                for p in node.parents:
                    if type(p) is not Constant:
                        self._after[self.place[p]].append(i)
        return self._after[place]

    def _tint(self, which: int, data: Data) -> str:
        return "#ffffff" if data is None or shape_of(data) else self.scales[which].colour(float(data))

    def _sized(
        self,
        index: int | None,
        group: Group | None,
        name: str,
        heading: list[Run],
        shape: str,
        value: str,
        gradient: str,
        tints: tuple[str, str],
        maps: tuple[Grid | None, Grid | None] | None,
        leaf: bool,
    ) -> Node:
        said = f"{plain(heading)}: {'shape ' + shape + ', ' if shape else ''}value {value}, gradient {gradient}"
        heading = shortened(heading, FORMULA, WIDEST_FORMULA)
        texts = max(sans_width(value, NUMBER), sans_width(gradient, SMALL if gradient == NOT_COMPUTED else NUMBER))
        wide, high = max(width(heading, FORMULA) + 4, texts + 8, 54.0), HEADER + 2 * ROW + 3
        if maps is not None:
            texts = max(sans_width(value, SMALL), sans_width(gradient, SMALL), CELL)
            wide, high = max(wide, 2 * texts + 14, sans_width(shape, SMALL) + 4), HEADER + 14 + CELL + 18
        return Node(
            index,
            group.name if group else None,
            name,
            heading,
            shape,
            value,
            gradient,
            tints,
            maps,
            said,
            leaf,
            (wide + 10.0, high),
        )

    def edges(self, place: Mapping[int | str, int]) -> list[Edge]:
        """The lines between the boxes: each argument of a node its own, one for all between a group and another box."""
        found: list[Edge] = []
        joined: set[tuple[int, int]] = set()
        for i, node in enumerate(self.order):
            if node.op is None:
                continue
            locals_ = local_derivatives(node)
            for k, parent in enumerate(node.parents):
                if type(parent) is Constant:
                    continue
                a, b = self.items[self.place[parent]], self.items[i]
                if a == b:
                    continue
                flows, local = locals_[k]
                single = isinstance(b, int) and isinstance(a, int)
                ends = place[a], place[b]
                if not single and ends in joined:
                    continue
                joined.add(ends)
                text = shown(local) if local is not None and single else ""
                found.append(Edge(*ends, self.place[parent], i, k if single else None, text, flows))
        return found


def _constant(value: Value) -> Expr:
    """A raw number as it is, a raw array as its shape."""
    data = np.asarray(value.data)
    if data.size and (data == data.flat[0]).all():
        return formula(value, {})
    return words(f"[{'×'.join(map(str, data.shape))}]")


def _range(data: Data) -> str:
    """A number, or the smallest and the largest of an array."""
    if not shape_of(data):
        return str(bool(data)).lower() if isinstance(data, bool | np.bool_) else shown(float(data))
    a = np.asarray(data, dtype=float)
    if not a.size:
        return "empty"
    low, high = (f"{x + 0.0:.2g}".replace("-", "−") for x in (float(a.min()), float(a.max())))
    return low if low == high else f"{low} … {high}"
