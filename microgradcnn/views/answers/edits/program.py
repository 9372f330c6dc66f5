"""The program of a loss at random points: every node's value and local derivatives, and what flows along its paths.

df/dθ is the sum over the paths from θ to f of the products of their local derivatives. A Flow has what f sends down to
every node, df/dn, and what θ sends up to it, dn/dθ: all paths through n together give df/dn · dn/dθ, and all through
one edge df/dn · slope · dp/dθ. So the effect of an edit of one edge is known without going through the graph again.
assets/program.js is the same in JavaScript.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Constant, Value
from microgradcnn.views.formulas.expression import Expr, symbol
from microgradcnn.views.formulas.notation import formula, text

_LONG = 60  # characters of a formula in a sentence

Edge: TypeAlias = tuple[int, int]  # a node's place, and which of its inputs


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
        """The name of a node, or its formula in the named ones."""
        if n not in self.written:
            label = self.labels[n]
            self.written[n] = label if label is not None else self.formula_of(n)
        return self.written[n]

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

    def sent(
        self, root: int, slopes: Mapping[Edge, Array] | None = None, closed: Collection[Edge] = ()
    ) -> list[Array | None]:
        """What `root` sends down to every node: droot/dn, with other local derivatives for some edges."""
        found: list[Array | None] = [None] * len(self.nodes)
        found[root] = self.ones
        for n in range(root, -1, -1):
            above = found[n]
            for k, p in enumerate(self.parents[n]) if above is not None else ():
                if not self.constant[p] and (n, k) not in closed:
                    own = (slopes or {}).get((n, k), self.slopes[n][k])
                    so_far = found[p]
                    found[p] = above * own if so_far is None else so_far + above * own
        return found


@dataclass
class Flow:
    """What flows between θ and the last node, with other local derivatives for the edges in `changed`.

    Nothing flows along the edges that are `closed`.
    """

    program: LossProgram
    theta: int
    closed: frozenset[Edge] = frozenset()
    changed: dict[Edge, Array] = field(default_factory=dict)

    def slope(self, edge: Edge) -> Array:
        """The local derivative that stands at an edge."""
        return self.changed[edge] if edge in self.changed else self.program.slopes[edge[0]][edge[1]]

    @cached_property
    def down(self) -> list[Array | None]:
        """df/dn for every node."""
        return self.sent(len(self.program.nodes) - 1)

    def sent(self, root: int) -> list[Array | None]:
        """What a node sends down to every other."""
        return self.program.sent(root, self.changed, self.closed)

    @cached_property
    def up(self) -> list[Array | None]:
        """dn/dθ for every node; None for what does not depend on θ."""
        found: list[Array | None] = [None] * len(self.program.nodes)
        found[self.theta] = self.program.ones
        for n in range(self.theta + 1, len(found)):
            for k, p in enumerate(self.program.parents[n]):
                below = found[p]
                if below is not None and (n, k) not in self.closed:
                    so_far = found[n]
                    found[n] = below * self.slope((n, k)) if so_far is None else so_far + below * self.slope((n, k))
        return found

    @property
    def total(self) -> Array:
        """df/dθ."""
        found = self.up[-1]
        return 0.0 * self.program.ones if found is None else found

    @cached_property
    def on(self) -> list[int]:
        """The nodes on the paths, θ first and f last."""
        both = enumerate(zip(self.down, self.up, strict=True))
        return [n for n, (sent, received) in both if sent is not None and received is not None]

    @cached_property
    def edges(self) -> list[Edge]:
        """The edges of the paths, those at θ first."""
        on = {*self.on}
        edges = [(n, k) for n in self.on for k, p in enumerate(self.program.parents[n]) if p in on]
        return [edge for edge in edges if edge not in self.closed]

    def through(self, n: int) -> Array:
        """What all paths through a node add up to."""
        sent, received = self.down[n], self.up[n]
        return 0.0 * self.program.ones if sent is None or received is None else sent * received

    def along(self, edge: Edge, slope: Array | None = None) -> Array:
        """What all paths through an edge add up to, with its own local derivative or another."""
        sent, received = self.down[edge[0]], self.up[self.program.parents[edge[0]][edge[1]]]
        own = self.slope(edge) if slope is None else slope
        return 0.0 * self.program.ones if sent is None or received is None else sent * own * received

    def with_slopes(self, changed: Mapping[Edge, Array]) -> Flow:
        """The flow after some more edits."""
        return Flow(self.program, self.theta, self.closed, {**self.changed, **changed})
