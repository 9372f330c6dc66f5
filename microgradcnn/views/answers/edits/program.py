"""The program of a loss at random points: every node's value and local derivatives, and what flows along its paths.

df/dθ is the sum over the paths from θ to f of the products of their local derivatives. A Flow has what f sends down to
every node, df/dn, and what θ sends up to it, dn/dθ: all paths through n together give df/dn · dn/dθ, and all through
one edge df/dn · slope · dp/dθ. So the effect of an edit of one edge is known without going through the graph again.
What a search may do with it is counted in Steps. assets/answers/program.js is the same in JavaScript.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from functools import cached_property
from typing import TypeAlias

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Constant, Value
from microgradcnn.views.answers.edits.table import BOUNDS
from microgradcnn.views.formulas.expression import Expr, symbol
from microgradcnn.views.formulas.notation import formula, text

_LONG = 60  # characters of a formula in a sentence

Edge: TypeAlias = tuple[int, int]  # a node's place, and which of its inputs


class OutOfSteps(Exception):  # noqa: N818, it is no error
    """A search has taken all its steps."""


class Steps:
    """What a check may still do: a step is a line of a program or a formula at all points, or a comparison of two.

    It is counted alike in Python and in a page, so that both give up at the same place.
    """

    def __init__(self) -> None:
        self.left = BOUNDS["steps"]

    def take(self, count: int) -> None:
        """Count steps that are to be taken. Raises OutOfSteps if there are not so many left."""
        self.left -= count
        if self.left < 0:
            raise OutOfSteps


def nodes_of(root: Value) -> list[Value]:
    """The nodes of a program in order: what `root` was computed from, with its constants."""
    return list(dict.fromkeys(x for node in topological(root) for x in (*_constants(node), node)))


def _constants(node: Value) -> list[Value]:
    return [p for p in node.parents if type(p) is Constant]


class LossProgram:
    """A graph of scalars with its values at `count` points. Raises ValueError for a graph with arrays in it."""

    def __init__(self, root: Value, values: Callable[[Value], Array], count: int) -> None:
        self.nodes = nodes_of(root)
        place = {node: i for i, node in enumerate(self.nodes)}
        for node in self.nodes:
            alone = count == 1 and not any(p.shape for p in node.parents)  # no points for a primitive to mix
            if node.shape != () or not (node.op is None or node.op.elementwise or alone):
                raise ValueError(f"{node.describe()} is an array, or made of one")
        self.parents = [tuple(place[p] for p in node.parents) for node in self.nodes]
        self.ops = ["" if node.op is None else node.op.name for node in self.nodes]
        self.labels = [node.label for node in self.nodes]
        self.constant = [node.op is None and node.label is None for node in self.nodes]
        self.ones, self.written = np.ones(count), dict[int, str]()
        self.values = [self.ones * node.data if type(node) is Constant else values(node) for node in self.nodes]
        self.slopes = [self.slopes_at(n, self.values[n]) for n in range(len(self.nodes))]

    def words(self, n: int) -> str:
        """The name of a node, f for a loss without one, or its formula in the named ones."""
        if n not in self.written:
            label = self.labels[n] if n < len(self.nodes) - 1 else self.labels[n] or "f"
            self.written[n] = label if label is not None else self.formula_of(n)
        return self.written[n]

    def factor(self, n: int) -> str:
        """The words of a node, in brackets if they are a formula: d(wx), or 2(wx − y)."""
        named = self.labels[n] is not None or n == len(self.nodes) - 1
        return self.words(n) if named else f"({self.words(n)})"

    def formula_of(self, n: int) -> str:
        """The formula of a node in the named ones, cut off where it is long."""
        written = text(formula(self.nodes[n], self.symbols, top=True))
        return written if len(written) <= _LONG else f"{written[: _LONG - 1]}…"

    @cached_property
    def symbols(self) -> dict[Value, Expr]:
        """The nodes that have names, as formulas write them."""
        return {node: symbol(node.label) for node in self.nodes if node.label is not None}

    def slopes_at(self, n: int, y: Array, *inputs: Array) -> list[Array]:
        """The local derivatives of node n by its inputs, by the table's chain rules, at other `inputs` if given."""
        node = self.nodes[n]
        if node.op is None:
            return []
        x = inputs or [self.values[p] for p in self.parents[n]]
        rules = [node.op.chain[k] for k in range(len(x))]
        return [0.0 * y if rule is None else self.ones * rule(self.ones, y, *x, **node.static) for rule in rules]

    def value_at(self, n: int, *inputs: Array) -> Array:
        """The value of node n's function of other inputs."""
        op = self.nodes[n].op
        assert op is not None
        return self.ones * op.evaluate(list(inputs), self.nodes[n].static)

    def sent(self, root: int) -> dict[int, Array]:
        """What `root` sends down, droot/dn, to every node that it depends on."""
        found = {root: self.ones}
        for n in range(root, -1, -1):
            for k, p in enumerate(self.parents[n]) if n in found else ():
                if not self.constant[p]:
                    along = found[n] * self.slopes[n][k]
                    found[p] = found[p] + along if p in found else along
        return found


class Flow:
    """What flows between θ and the last node; nothing along the edges that are `closed`.

    `on` are the nodes of the paths, θ first and f last, and `edges` theirs, those at θ first. `down` is df/dn for each
    of these nodes, `up` is dn/dθ. There may be other local derivatives for some edges, `changed`.
    """

    def __init__(self, program: LossProgram, theta: int, closed: frozenset[Edge] = frozenset()) -> None:
        self.program, self.theta, self.closed = program, theta, closed
        self.changed: Mapping[Edge, Array] = {}
        self.nothing = 0.0 * program.ones
        edges = [(n, k) for n, parents in enumerate(program.parents) for k in range(len(parents))]
        edges = [edge for edge in edges if edge not in closed and not program.constant[self.parent(edge)]]
        above, below = {len(program.nodes) - 1}, {theta}
        for edge in reversed(edges):
            if edge[0] in above:
                above.add(self.parent(edge))
        for edge in edges:
            if self.parent(edge) in below:
                below.add(edge[0])
        self.on = sorted(above & below)
        self.edges = [edge for edge in edges if edge[0] in above and self.parent(edge) in below]

    def parent(self, edge: Edge) -> int:
        """The node that an edge comes from."""
        return self.program.parents[edge[0]][edge[1]]

    def slope(self, edge: Edge) -> Array:
        """The local derivative that stands at an edge."""
        return self.changed[edge] if edge in self.changed else self.program.slopes[edge[0]][edge[1]]

    @cached_property
    def down(self) -> dict[int, Array]:
        """df/dn."""
        return self.sent(self.on[-1]) if self.on else {}

    def sent(self, root: int) -> dict[int, Array]:
        """What a node of the paths sends down to those that it depends on."""
        found = {root: self.program.ones}
        for edge in reversed(self.edges):
            if edge[0] in found:
                p, along = self.parent(edge), found[edge[0]] * self.slope(edge)
                found[p] = found[p] + along if p in found else along
        return found

    @cached_property
    def up(self) -> dict[int, Array]:
        """dn/dθ."""
        found = {self.theta: self.program.ones}
        for edge in self.edges:
            n, along = edge[0], found[self.parent(edge)] * self.slope(edge)
            found[n] = found[n] + along if n in found else along
        return found

    @property
    def total(self) -> Array:
        """df/dθ."""
        return self.up[self.on[-1]] if self.on else self.nothing

    def through(self, n: int) -> Array:
        """What all paths through a node add up to."""
        return self.down[n] * self.up[n] if n in self.down else self.nothing

    def along(self, edge: Edge, slope: Array | None = None) -> Array:
        """What all paths through an edge add up to, with its own local derivative or another."""
        own = self.slope(edge) if slope is None else slope
        return self.down[edge[0]] * own * self.up[self.parent(edge)]

    def with_slopes(self, changed: Mapping[Edge, Array]) -> Flow:
        """The flow with other local derivatives at some edges: `up` and `down` take a step an edge each."""
        flow = copy(self)
        for known in ("up", "down"):
            vars(flow).pop(known, None)
        flow.changed = {**self.changed, **changed}
        return flow
