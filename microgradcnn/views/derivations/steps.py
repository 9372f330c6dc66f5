"""A chain rule told in the lecture's steps: loss, where the parameter acts, outer, inner, sum of paths."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any, TypeVar

from microgradcnn.engine.value import Value
from microgradcnn.views.derivations.chain import ChainRule, base, family
from microgradcnn.views.derivations.named_graph import Graph
from microgradcnn.views.documents.document import Line, Step
from microgradcnn.views.formulas.algebra import factors_as_written
from microgradcnn.views.formulas.expression import (
    Expr,
    add,
    derivative,
    equation,
    generic,
    multiply,
    name_of,
    number,
    quantities,
    substituted,
    symbol,
    symbols,
)

T = TypeVar("T")

MOST_TERMS = 8  # a sum of more paths than this is not written out a second time


def loss_step(rule: ChainRule) -> Step:
    """What is computed from what, the parameter's side in full.

    Of a family such as a_1, ..., a_8 that takes several lines only those that depend on the parameter are shown: the
    rest read alike.
    """
    graph, step = rule.graph, Step("Loss")
    if (given := weight_of_squares(graph)) is not None:
        step.say(given)
    shown = _shown(rule)
    for members in in_order(list(shown), graph):
        for line in defined(graph, members):
            step.say(*line)
    return step


def weight_of_squares(graph: Graph) -> Expr | None:
    """λ = 0.1 where a raw number weighs the squared parameters and is called λ."""
    return None if graph.weight is None else equation(graph.names[graph.weight], number(graph.weight.item()))


def _shown(rule: ChainRule) -> set[Value]:
    """The nodes that the loss step defines: also those beside the path where a whole family reads as one line."""
    graph = rule.graph
    inner = [node for node in graph.order if node in graph.names and node.op is not None]
    alike = {base(graph, node) for node in inner if node in rule.path and node.label is not None}
    shown = {node for node in inner if node in rule.path or node.label is None or base(graph, node) not in alike}
    for members in in_order(inner, graph):
        needed = {symbol(label) for node in members for label in symbols(graph.definition(node))}
        hidden = {graph.names[node] for node in inner if node not in shown}
        if len(defined(graph, members)) == 1 and not needed & hidden:
            shown |= set(members)
    return shown


def defined(graph: Graph, members: Sequence[Value]) -> list[Line]:
    """What nodes of one letter are computed from."""
    return compressed([(graph.label(n), equation(graph.names[n], graph.definition(n))) for n in members])


def where_step(rule: ChainRule) -> Step:
    """Through which stations the parameter acts, and which of their family do not contain it."""
    graph, x = rule.graph, rule.graph.names[rule.x]
    step = Step("Where it acts")
    into = rule.into(rule.x)
    through = [t for t, _ in into if t is not graph.f]
    places: list[Line] = [("through ", *listed(rule, through))] if through else []
    if any(t is graph.f for t, _ in into):
        places.append(("in ", graph.names[graph.f], " directly"))
    pieces: list[str | Expr] = [x, " acts ", *places[0]] if places else [x, " has no effect: its derivative is 0"]
    for place in places[1:]:
        pieces += [" and ", *place]
    letters = dict.fromkeys(base(graph, t) for t in through if t.label is not None)
    others = [node for letter in letters for node in family(graph, letter) if node not in rule.path]
    if others:
        pieces += ["; ", *listed(rule, others), " does" if len(others) == 1 else " do", " not contain it"]
    step.say(*pieces, ".")
    return step


def chain_steps(rule: ChainRule, written_out: bool) -> list[Step]:
    """Outer and inner derivatives, the sum over the paths, and what cancels in it.

    `written_out` puts definitions in for intermediates.
    """
    graph, x, f = rule.graph, rule.graph.names[rule.x], rule.graph.names[rule.graph.f]
    into = rule.into(rule.x)
    total = Step("Sum of paths" if len(into) > 1 else "Product" if rule.stations else "Chain rule")
    if rule.stations:
        paths = [multiply(rule.symbol(t), rule.local(t, rule.x)) for t, _ in into if t is not graph.f]
        straight = [link.formula for t, link in into if t is graph.f]
        sides = [add(*paths, *straight)] if 0 < len(paths) <= MOST_TERMS else []
    else:
        sides = _linked(rule, graph.f)
    total.say(equation(derivative(f, x), *sides, rule.raw.get(rule.x, rule.gradient)))
    ends = [total, *_simplification(rule)]
    if written_out:
        ends[-1].say(equation(derivative(f, x), written(rule)))
    if not rule.stations:
        return ends
    told: set[Any] = set()
    return [_outer_step(rule, told), _inner_step(rule, told), *ends]


def _outer_step(rule: ChainRule, told: set[Any]) -> Step:
    """df/dstation for every station, f's side first."""
    step = Step("Outer")
    for members in in_order(rule.stations, rule.graph, backwards=True):
        _say_reasons(step, rule, members, told)
        for station in members:
            _say_direct(step, rule, station, told)
        for line in compressed([(rule.graph.label(s), equation(rule.symbol(s), *_outer(rule, s))) for s in members]):
            step.say(*line)
    step.explain_brackets()
    return step


def _inner_step(rule: ChainRule, told: set[Any]) -> Step:
    """The derivative by x of every station that x goes into, by that way alone."""
    step = Step("Inner")
    _say_direct(step, rule, rule.x, told)
    for t, link in rule.into(rule.x):
        if t is not rule.graph.f:
            step.say(equation(rule.local(t, rule.x), *_linked(rule, t), link.formula))
    step.explain_brackets()
    return step


def _say_direct(step: Step, rule: ChainRule, node: Value, told: set[Any]) -> None:
    """Once: how ∂t/∂node differs from dt/dnode."""
    line = direct_derivative(rule, node)
    if line and "direct" not in told:
        told.add("direct")
        step.say(*line)


def direct_derivative(rule: ChainRule, node: Value) -> Line:
    """How ∂t/∂node differs from dt/dnode, where node goes into t by another station too; nothing if it never does."""
    names = rule.graph.names
    t = next((t for t, _ in rule.into(node) if t is not rule.graph.f and rule.between(t, node)), None)
    if t is None:
        return ()
    held = [piece for other in rule.between(t, node) for piece in (", ", names[other])][1:]
    total = derivative(names[t], names[node])
    return rule.local(t, node), " is the direct derivative, with ", *held, " held fixed; ", total, " has all paths."


def _simplification(rule: ChainRule) -> list[Step]:
    """What cancels in df/dx, and what was used."""
    if rule.x not in rule.shorter:
        return []
    step = Step("Simplification")
    _say_reasons(step, rule, [rule.x], set())
    step.say(equation(rule.symbol(rule.x), *rule.shorter[rule.x].forms))
    step.lines += filter(None, [rule.facts.for_distributions(rule.gradient)])
    return [step]


def _say_reasons(step: Step, rule: ChainRule, nodes: Sequence[Value], told: set[Any]) -> None:
    """What was used to make these derivatives shorter, but for what was `told` before."""
    short = [rule.shorter[node] for node in nodes if node in rule.shorter]
    meant = dict.fromkeys(e for found in short for form in found.forms for e in rule.facts.meant(form))
    shares = [(str(e.args[0].value), e) for e in meant if e not in told]
    told.update(meant)
    for line in compressed(sorted(shares)):
        step.say(*line)
    for line in dict.fromkeys(line for found in short for line in found.reasons):
        if line not in told:
            told.add(line)
            step.say(*line)


def written(rule: ChainRule) -> Expr:
    """The gradient with z = σ(c_1 p_1 + ...) in place of z; what the outer derivatives speak of, ŷ, stays."""
    graph, e = rule.graph, rule.gradient
    kept = {quantity for outer in rule.outer.values() for quantity in quantities(outer)}
    for node in reversed(graph.order):
        if node in graph.names and node.op is not None and graph.names[node] not in kept:
            e = substituted(e, {graph.names[node]: graph.definition(node)})
    return e


def compressed(equations: Sequence[tuple[str, Expr]]) -> list[Line]:
    """Labels and their equations: as one in the index i where they differ in nothing else."""
    indices = [index_of(label) for label, _ in equations]
    one = generic([e for _, e in equations], indices) if len(equations) > 2 and all(indices) else None
    if one is None:
        return [(e,) for _, e in equations]
    return [(one, " for ", symbol("i"), f" = {_range(indices)}")]


def index_of(label: str) -> str:
    """The last subscript of a label if that is a number, else nothing."""
    subscripts = name_of(label).subscripts
    return subscripts[-1] if subscripts and subscripts[-1].isdecimal() else ""


def listed(rule: ChainRule, nodes: Sequence[Value]) -> list[str | Expr]:
    """z₁, z₂ or z₁, …, z₄."""
    names, labels = [rule.graph.names[n] for n in nodes], [rule.graph.label(n) for n in nodes]
    if len(names) > 3 and len({name_of(label).base for label in labels}) == 1 and _is_run(list(map(index_of, labels))):
        return [names[0], ", …, ", names[-1]]
    return [piece for name in names for piece in (", ", name)][1:]


def by_letter(items: Iterable[T], label: Callable[[T], str] = str) -> list[list[T]]:
    """What has labels of one letter together, letters in order of appearance."""
    found: dict[str, list[T]] = {}
    for item in items:
        found.setdefault(name_of(label(item)).base, []).append(item)
    return list(found.values())


def in_order(nodes: Sequence[Value], graph: Graph, backwards: bool = False) -> list[list[Value]]:
    """Nodes of one letter together, in an order in which each comes after what it is computed from, or before it.

    A family of which one is computed from another, with something else between or not, is taken apart.
    """
    letters = {node: base(graph, node) for node in nodes}
    bits = {node: 1 << i for i, node in enumerate(nodes)}
    needed: dict[Value, int] = {}  # the nodes that each has to come after, and itself
    for node in reversed(graph.order) if backwards else graph.order:
        needed[node] = bits.get(node, 0)
        for other in graph.consumers.get(node, ()) if backwards else node.parents:
            needed[node] |= needed.get(other, 0)
    waiting, families = sorted(nodes, key=graph.place.__getitem__, reverse=backwards), list[list[Value]]()
    while waiting:
        missing = sum(bits[node] for node in waiting)
        alike = [node for node in waiting if letters[node] == letters[waiting[0]]]
        families.append([node for node in alike if needed[node] & missing == bits[node]])
        waiting = [node for node in waiting if node not in families[-1]]
    return [sorted(family, key=graph.place.__getitem__) for family in families]


def _is_run(indices: Sequence[str]) -> bool:
    return all(indices) and [int(i) for i in indices] == list(range(int(indices[0]), int(indices[0]) + len(indices)))


def _range(indices: Sequence[str]) -> str:
    return f"{indices[0]}, …, {indices[-1]}" if len(indices) > 3 and _is_run(indices) else ", ".join(indices)


def _outer(rule: ChainRule, station: Value) -> list[Expr]:
    """df/dstation: the paths, or the factors as the rules gave them, where that says more; and the formula."""
    into, result = rule.into(station), rule.raw.get(station, rule.outer[station])
    ends = [result, *(rule.shorter[station].forms if station in rule.shorter else [])]
    if len(into) == 1 and into[0][0] is rule.graph.f:
        factors = factors_as_written(into[0][1].written)
        if sum(factor.head == "number" for factor in factors) > 1:
            return [multiply(*factors), *ends]
    elif 0 < len(into) <= MOST_TERMS and all(t is not rule.graph.f for t, _ in into):
        return [add(*(multiply(rule.symbol(t), rule.local(t, station)) for t, _ in into)), *ends]
    return ends


def _linked(rule: ChainRule, t: Value) -> list[Expr]:
    """(dz/da)(da/dx) if named nodes lie on the one path from t to x."""
    chain = rule.graph.single_path(t, rule.x, rule.path)
    if chain is None or len(chain) < 3:
        return []
    names = rule.graph.names
    return [multiply(*(derivative(names[a], names[b]) for a, b in pairwise(chain)))]
