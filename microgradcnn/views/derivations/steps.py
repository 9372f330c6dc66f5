"""A chain rule told in the lecture's steps: loss, where the parameter acts, outer, inner, sum of paths."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import TypeVar

from microgradcnn.engine.value import Value
from microgradcnn.views.derivations.chain import ChainRule, base, family
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
    quantities,
    substituted,
    symbol,
)

T = TypeVar("T")

MOST_TERMS = 8  # a sum of more paths than this is not written out a second time


def loss_step(rule: ChainRule) -> Step:
    """What is computed from what, the parameter's side in full.

    Of a family such as a_1, ..., a_8 only those that depend on the parameter are shown: the rest read alike.
    """
    graph, step = rule.graph, Step("Loss")
    inner = [node for node in graph.order if node in graph.names and node.op is not None]
    alike = {base(graph, node) for node in inner if node in rule.path and node.label is not None}
    shown = [node for node in inner if node in rule.path or node.label is None or base(graph, node) not in alike]
    for members in by_letter(shown, rule.graph.label):
        for line in compressed([(graph.label(n), equation(graph.names[n], graph.definition(n))) for n in members]):
            step.say(*line)
    return step


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
    """Outer and inner derivatives, and the sum over the paths; `written_out` puts definitions in for intermediates."""
    graph, x, f = rule.graph, rule.graph.names[rule.x], rule.graph.names[rule.graph.f]
    into = rule.into(rule.x)
    total = Step("Sum of paths" if len(into) > 1 else "Product" if rule.stations else "Chain rule")
    if rule.stations:
        paths = [multiply(rule.symbol(t), derivative(graph.names[t], x)) for t, _ in into if t is not graph.f]
        straight = [link.formula for t, link in into if t is graph.f]
        sides = [add(*paths, *straight)] if 0 < len(paths) <= MOST_TERMS else []
    else:
        sides = _linked(rule, graph.f)
    total.say(equation(derivative(f, x), *sides, rule.gradient))
    if written_out:
        total.say(equation(derivative(f, x), written(rule)))
    if not rule.stations:
        return [total]
    outer, inner = Step("Outer"), Step("Inner")
    for members in reversed(by_letter(rule.stations, rule.graph.label)):
        for line in compressed([(graph.label(s), equation(rule.symbol(s), *_outer(rule, s))) for s in members]):
            outer.say(*line)
    for t, link in into:
        if t is not graph.f:
            inner.say(equation(derivative(graph.names[t], x), *_linked(rule, t), link.formula))
    for step in (outer, inner):
        step.explain_brackets()
    return [outer, inner, total]


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


def _is_run(indices: Sequence[str]) -> bool:
    return all(indices) and [int(i) for i in indices] == list(range(int(indices[0]), int(indices[0]) + len(indices)))


def _range(indices: Sequence[str]) -> str:
    return f"{indices[0]}, …, {indices[-1]}" if len(indices) > 3 and _is_run(indices) else ", ".join(indices)


def _outer(rule: ChainRule, station: Value) -> list[Expr]:
    """df/dstation: the paths, or the factors as the rules gave them, where that says more; and the formula."""
    into, result, names = rule.into(station), rule.outer[station], rule.graph.names
    if len(into) == 1 and into[0][0] is rule.graph.f:
        factors = factors_as_written(into[0][1].written)
        if sum(factor.head == "number" for factor in factors) > 1:
            return [multiply(*factors), result]
    elif 0 < len(into) <= MOST_TERMS and all(t is not rule.graph.f for t, _ in into):
        return [add(*(multiply(rule.symbol(t), derivative(names[t], names[station])) for t, _ in into)), result]
    return [result]


def _linked(rule: ChainRule, t: Value) -> list[Expr]:
    """(dz/da)(da/dx) if named nodes lie on the one path from t to x."""
    chain = rule.graph.single_path(t, rule.x, rule.path)
    if chain is None or len(chain) < 3:
        return []
    names = rule.graph.names
    return [multiply(*(derivative(names[a], names[b]) for a, b in pairwise(chain)))]
