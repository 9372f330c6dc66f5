"""The chain rule from f to one parameter, station by station.

    df/ds  =  the sum over the stations t that s goes into directly of  df/dt · dt/ds

The stations are the intermediates that the derivation goes through; between two of them lies a segment of the graph.
Each formula speaks of the next stations by name, so that all together grow linearly with the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from microgradcnn.engine.value import Value
from microgradcnn.views.derivations.cancelling import Known, Shorter
from microgradcnn.views.derivations.named_graph import Graph, LocalDerivative
from microgradcnn.views.formulas.algebra import factored, simplified, split
from microgradcnn.views.formulas.expression import (
    ZERO,
    Expr,
    add,
    derivative,
    heads,
    multiply,
    name_of,
    number,
    size,
    symbols,
)

Terms: TypeAlias = Sequence[
    tuple[Value, Expr]
]  # the stations that a node goes into, or f, with what comes through each

SHORT = 32  # a derivative of up to this size is put in where it is used, a longer one is spoken of by name


def base(graph: Graph, node: Value) -> str:
    """The letter of a named node: z for z_1."""
    return name_of(graph.label(node)).base


def family(graph: Graph, letter: str) -> list[Value]:
    """The intermediates with that letter, f left out."""
    named = [node for node in graph.order if node in graph.names and node.op is not None and node is not graph.f]
    return [node for node in named if letter in (base(graph, node), graph.label(node))]


def chosen_stations(graph: Graph, x: Value, through: str | Value | Sequence[Value] | None) -> list[Value]:
    """The intermediates that df/dx goes through, in the order of the graph.

    Those asked for, else the largest family of labelled ones; with them whatever lies on several paths or was given a
    name because it is long, and what has a label where that comes from: a_i of exp(a_i). Raises ValueError if none has
    the label asked for.
    """
    path = graph.depending_on(x)
    between = [node for node in graph.order if node in path and node is not x and node is not graph.f]
    if isinstance(through, str):
        wanted = family(graph, through)
        if not wanted:
            raise ValueError(f"{graph.label(graph.f)} was computed from nothing that is called {through}")
    elif through is not None:
        wanted = [through] if isinstance(through, Value) else list(through)
    else:
        wanted = []
    if not set(wanted) & set(between):
        wanted = _largest_family(graph, between)
    chosen = set(wanted) | {
        node for node in between if _on_several_paths(graph, node, path) or node in graph.named_here
    }
    for node in chosen & graph.named_here:
        chosen |= {p for p in _named_before(graph, node, path - {x}) if p.label is not None}
    return [node for node in between if node in chosen]


def _named_before(graph: Graph, node: Value, path: set[Value]) -> list[Value]:
    """The next node with a name that all of the path leads through to this one; none where it parts."""
    before = [node]
    while len(before) == 1 and (before[0] is node or before[0] not in graph.names):
        before = [p for p in dict.fromkeys(before[0].parents) if p in path]
    return before if len(before) == 1 else []


def _on_several_paths(graph: Graph, node: Value, path: set[Value]) -> bool:
    return len([user for user in graph.consumers.get(node, []) if user in path]) > 1


def _largest_family(graph: Graph, between: Sequence[Value]) -> list[Value]:
    labelled = [node for node in between if node.label is not None]
    letters = dict.fromkeys(base(graph, node) for node in reversed(labelled))  # f's side first
    return max([family(graph, letter) for letter in letters], key=len, default=[])


class Backward:
    """The way back from f to x: `outer` has df/dnode for nodes on the `path`, f's side first; `gradient` is df/dx."""

    outer: dict[Value, Expr]
    gradient: Expr

    def __init__(self, graph: Graph, x: Value) -> None:
        self.graph, self.x, self.path = graph, x, graph.depending_on(x)

    def introduced(self) -> Iterator[tuple[Expr, Expr]]:
        """What the derivatives speak of that is no node of the graph, with its formula."""
        return iter(())

    def symbol(self, node: Value) -> Expr:
        """df/dnode."""
        return derivative(self.graph.names[self.graph.f], self.graph.names[node])

    @property
    def derivatives(self) -> dict[Value, Expr]:
        """What f is differentiated by on the way to x, and x."""
        return {**self.outer, self.x: self.gradient}

    def definitions(self) -> Iterator[tuple[Expr, Expr]]:
        """Every symbol and its formula, parents first, then the derivatives from f to x."""
        if self.graph.weight is not None:
            yield self.graph.names[self.graph.weight], number(self.graph.weight.item())
        for node in self.graph.order:
            if node.op is not None and node in self.graph.names:
                yield self.graph.names[node], self.graph.definition(node)
        yield from self.introduced()
        for node, e in self.derivatives.items():
            yield self.symbol(node), e


class ChainRule(Backward):
    """What the derivation of df/dx needs: links between stations, df/dstation for each, and df/dx.

    `shorter` has those of which something cancelled, under their nodes, and `raw` what they were before.
    """

    def __init__(self, graph: Graph, x: Value, stations: Sequence[Value]) -> None:
        super().__init__(graph, x)
        self.facts, self.raw, self.shorter = Known(graph), dict[Value, Expr](), dict[Value, Shorter]()
        self.stations = list(stations)
        stops = {x, *stations}
        self.links: dict[Value, list[LocalDerivative]] = {
            t: graph.links(t, stops, self.path) for t in (graph.f, *reversed(self.stations))
        }
        self._into: dict[Value, list[tuple[Value, LocalDerivative]]] = {node: [] for node in stops}
        for t in (*self.stations, graph.f):
            for link in self.links[t]:
                if link.formula != ZERO:
                    self._into[link.node].append((t, link))
        self._after: dict[Value, set[Value]] = {}  # the stations that are computed from a stop
        for node in (graph.f, *reversed(self.stations), x):
            self._after[node] = {s for t, _ in self._into.get(node, []) for s in (t, *self._after[t])}
        self.outer = {}
        for station in reversed(self.stations):
            self.outer[station] = self._shortened(station, self._gathered)
        self.gradient = self._shortened(x, self._total)

    def introduced(self) -> Iterator[tuple[Expr, Expr]]:
        """The shares of softmaxes that the derivatives speak of and the graph does not have."""
        used = {label for e in self.derivatives.values() for label in symbols(e)}
        return ((q, meant) for q, (meant, _) in self.facts.introduced.items() if q.value in used)

    def _gathered(self, terms: Terms) -> Expr:
        """df/dstation."""
        return factored(simplified(add(ZERO, *(term for _, term in terms))))

    def _total(self, terms: Terms) -> Expr:
        """df/dx, what comes through stations with its common factors in front."""
        f, hidden = self.graph.f, self.graph.named_here
        paths = gathered([(t in hidden, term) for t, term in terms if t is not f])
        total = simplified(add(paths, *(term for t, term in terms if t is f)))
        return factored(total) if paths == ZERO else total

    def _shortened(self, node: Value, total: Callable[[Terms], Expr]) -> Expr:
        """df/dnode from its terms, and from what is left of them where something cancels."""
        terms = self.terms(node)
        found = [self.facts.shorter(term) for _, term in terms]
        left = [(t, term if new is None else new.forms[-1]) for (t, term), new in zip(terms, found, strict=True)]
        raw = total(terms)
        result = total(left) if any(found) else raw
        found.append(self.facts.shorter(result))
        steps = [new for new in found if new is not None]
        if steps and size(last := result if found[-1] is None else found[-1].forms[-1]) < size(raw):
            reasons = list(dict.fromkeys(line for new in steps for line in new.reasons))
            on_the_way = steps[0].forms[:-1] if len(terms) == 1 else []
            self.raw[node], self.shorter[node] = raw, Shorter([*on_the_way, last], reasons)
            return last
        return raw

    def terms(self, node: Value) -> list[tuple[Value, Expr]]:
        """Every t that the node goes into directly, with df/dt · dt/dnode."""
        return [
            (t, link.formula if t is self.graph.f else simplified(multiply(self.known(t), link.formula)))
            for t, link in self.into(node)
        ]

    def into(self, node: Value) -> list[tuple[Value, LocalDerivative]]:
        """The stations, or f, that a node goes into directly, in the order of the graph."""
        return self._into[node]

    def between(self, t: Value, node: Value) -> list[Value]:
        """The other stations that t is computed from directly and that are computed from the node."""
        stops = (link.node for link in self.links[t] if link.formula != ZERO and link.node is not node)
        return [stop for stop in stops if stop in self._after[node]]

    def local(self, t: Value, node: Value) -> Expr:
        """dt/dnode; where the node goes into t by other stations too, ∂t/∂node, the direct derivative."""
        partial = "∂" if self.between(t, node) else None
        return Expr("derivative", (self.graph.names[t], self.graph.names[node]), partial)

    def known(self, station: Value) -> Expr:
        """df/dstation as a formula if that is short, else as a symbol."""
        formula = self.outer[station]
        return formula if self.is_closed(station) else self.symbol(station)

    def is_closed(self, station: Value) -> bool:
        """Whether df/dstation is short and speaks of no other derivative."""
        formula = self.outer[station]
        return size(self.facts.marked(formula)) <= SHORT and "derivative" not in heads(formula)


def gathered(terms: Sequence[tuple[bool, Expr]]) -> Expr:
    """The sum of simplified terms with what they have in common pulled out.

    Where that is nothing, or a number, it is pulled out of those that are not marked as coming through an intermediate
    without a label, such as the sum of all squared parameters.
    """
    whole = factored(simplified(add(ZERO, *(term for _, term in terms))))
    if whole.head != "sum" and (len(split(whole)[1]) > 1 or not any(beside for beside, _ in terms)):
        return whole
    labelled = factored(simplified(add(ZERO, *(term for beside, term in terms if not beside))))
    return simplified(add(labelled, *(term for beside, term in terms if beside)))
