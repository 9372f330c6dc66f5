"""The chain rule from f to one parameter, station by station.

    df/ds  =  the sum over the stations t that s goes into directly of  df/dt · dt/ds

The stations are the intermediates that the derivation goes through; between two of them lies a segment of the graph.
Each formula speaks of the next stations by name, so that all together grow linearly with the graph.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from microgradcnn.engine.value import Value
from microgradcnn.views.derivations.named_graph import Graph, LocalDerivative
from microgradcnn.views.formulas.algebra import factored, simplified
from microgradcnn.views.formulas.expression import ZERO, Expr, add, derivative, heads, multiply, name_of, size

SHORT = 30  # a derivative of up to this size is put in where it is used, a longer one is spoken of by name


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
    name because it is long. Raises ValueError if none has the label asked for.
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
    return [node for node in between if node in chosen]


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

    def symbol(self, node: Value) -> Expr:
        """df/dnode."""
        return derivative(self.graph.names[self.graph.f], self.graph.names[node])

    @property
    def derivatives(self) -> dict[Value, Expr]:
        """What f is differentiated by on the way to x, and x."""
        return {**self.outer, self.x: self.gradient}

    def definitions(self) -> Iterator[tuple[Expr, Expr]]:
        """Every symbol and its formula, parents first, then the derivatives from f to x."""
        for node in self.graph.order:
            if node.op is not None and node in self.graph.names:
                yield self.graph.names[node], self.graph.definition(node)
        for node, e in self.derivatives.items():
            yield self.symbol(node), e


class ChainRule(Backward):
    """What the derivation of df/dx needs: links between stations, df/dstation for each, and df/dx."""

    def __init__(self, graph: Graph, x: Value, stations: Sequence[Value]) -> None:
        super().__init__(graph, x)
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
        self.outer = {}
        for station in reversed(self.stations):
            self.outer[station] = factored(simplified(add(ZERO, *(term for _, term in self.terms(station)))))
        paths = gathered([(t in graph.named_here, term) for t, term in self.terms(x) if t is not graph.f])
        straight = [link.formula for link in self.links[graph.f] if link.node is x]
        self.gradient = (
            factored(simplified(add(paths, *straight))) if paths == ZERO else simplified(add(paths, *straight))
        )

    def terms(self, node: Value) -> list[tuple[Value, Expr]]:
        """Every t that the node goes into directly, with df/dt · dt/dnode."""
        return [
            (t, link.formula if t is self.graph.f else simplified(multiply(self.known(t), link.formula)))
            for t, link in self.into(node)
        ]

    def into(self, node: Value) -> list[tuple[Value, LocalDerivative]]:
        """The stations, or f, that a node goes into directly, in the order of the graph."""
        return self._into[node]

    def known(self, station: Value) -> Expr:
        """df/dstation as a formula if that is short, else as a symbol."""
        formula = self.outer[station]
        return formula if self.is_closed(station) else self.symbol(station)

    def is_closed(self, station: Value) -> bool:
        """Whether df/dstation is short and speaks of no other derivative."""
        formula = self.outer[station]
        return size(formula) <= SHORT and "derivative" not in heads(formula)


def gathered(terms: Sequence[tuple[bool, Expr]]) -> Expr:
    """The sum of simplified terms with what they have in common pulled out.

    Where that is nothing, it is pulled out of those that are not marked as coming through an intermediate without a
    label, such as the sum of all squared parameters.
    """
    whole = factored(simplified(add(ZERO, *(term for _, term in terms))))
    if whole.head != "sum":
        return whole
    labelled = factored(simplified(add(ZERO, *(term for beside, term in terms if not beside))))
    return simplified(add(labelled, *(term for beside, term in terms if beside)))
