"""The last steps of a derivation: numbers in place of symbols, a finite difference beside them, the update."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from microgradcnn.engine.arrays import Data
from microgradcnn.engine.gradient import grad
from microgradcnn.engine.value import Value
from microgradcnn.views.derivations.chain import Backward, ChainRule, base
from microgradcnn.views.derivations.named_graph import Graph, recomputed
from microgradcnn.views.derivations.steps import index_of
from microgradcnn.views.documents.document import Line, Step, Table
from microgradcnn.views.formulas.algebra import shared_factor, simplified
from microgradcnn.views.formulas.emitter import starts_with_number
from microgradcnn.views.formulas.expression import (
    ONE,
    Expr,
    add,
    call,
    derivative,
    divide,
    equation,
    generic,
    minus,
    multiply,
    number,
    quantities,
    replaced,
    root,
    substituted,
    symbol,
    value,
)
from microgradcnn.views.formulas.notation import formula

AGREES, AGREES_SINGLE = 1e-6, 1e-2  # how near to the finite difference the gradient must be, in either precision
MOST_ROWS = 24  # a longer table is left out
MOST_SYMBOLS = 12  # so is a longer list of numbers


class _Path(NamedTuple):
    """A way from x to f: the station it goes through, its inner derivative, and what its outer one does not share."""

    station: Value
    inner: float
    own: Expr
    own_value: float
    chain: list[Value]  # the named nodes from the station down to x

    @property
    def product(self) -> float:
        """What the path contributes, beside the shared factor."""
        return self.own_value * self.inner


def undefined(f: Value, gradients: Mapping[Value, Data], names: Mapping[Value, Expr]) -> Line:
    """What is not finite at the numbers that f was computed from: f itself, or else a gradient; () if all is."""
    if not np.isfinite(f.data).all():
        what = (" = ", value(f.item())) if f.shape == () else ()
        return (names[f], *what, " is not finite at these numbers: it has no derivative there, and descent no step.")
    for x, gradient in gradients.items():
        if not np.isfinite(gradient).all():
            what = (" = ", value(float(np.asarray(gradient)))) if x.shape == () else ()
            slope = derivative(names[f], names[x])
            return (slope, *what, " is not finite at these numbers: descent has no step there.")
    return ()


def undefined_step(graph: Graph, x: Value) -> Step | None:
    """Why there are no numbers and no update, where f or its derivative is not finite; None where both are."""
    lost = undefined(graph.f, {x: grad(graph.f, x)[0].data}, graph.names)
    leaves = [node for node in graph.order if node.op is None and node in graph.names and node.shape == ()]
    step = Step("Numbers")
    if 0 < len(leaves) <= MOST_SYMBOLS:
        pieces = [p for leaf in leaves for p in (", ", equation(graph.names[leaf], value(_number(leaf))))]
        step.say("With ", *pieces[1:], ":")
    step.say(*lost)
    return step if lost else None


def numbers_step(rule: ChainRule) -> Step:
    """The paths as a table, the gradient with numbers in it, and the finite difference."""
    graph, step = rule.graph, Step("Numbers")
    known = {graph.label(node): _number(node) for node in graph.names if node.shape == ()}
    known |= {str(q.value): measured for q, (_, measured) in rule.facts.introduced.items()}
    shared, paths = _paths(rule, known)
    e, sides = rule.gradient, list[Expr]()
    if len(paths) > 1:
        if len(paths) <= MOST_ROWS:
            step.lines.append(_table(rule, paths))
        straight = [link.formula for t, link in rule.into(rule.x) if t is graph.f]
        total = value(sum(path.product for path in paths))
        through = [] if straight and total == value(0.0) else [total if shared == ONE else multiply(shared, total)]
        e = add(*through, *straight)
        sides = [] if e == total else [e]
    numbers = {symbol(label): value(measured) for label, measured in known.items()}
    numbers |= {rule.symbol(t): value(_of(rule, t)) for t in rule.stations if rule.symbol(t) in quantities(e)}
    used = {q: numbers[q] for q in quantities(e) if q in numbers}
    if 0 < len(used) <= MOST_SYMBOLS:
        step.say("With ", *[p for each in used.items() for p in (", ", equation(*each))][1:], ":")
        sides.append(_without_ones(substituted(e, used)))
    exact = slope(rule)
    step.say(equation(rule.symbol(rule.x), *sides, value(exact)))
    difference = finite_difference(rule)
    step.say("Finite difference: ", value(difference), compared(exact, difference, single(rule.path)))
    step.lines += _lost_sign(rule, exact)
    return step


def _without_ones(e: Expr) -> Expr:
    """The formula without factors that are measured as 1, where another factor is more than a number."""
    args = [_without_ones(a) for a in e.args]
    if e.head == "product" and not all(starts_with_number(a) for a in args):
        return multiply(*[a for a in args if a.head != "value" or a.value[0] != 1.0])
    return Expr(e.head, tuple(args), e.value) if args else e


def _lost_sign(rule: ChainRule, exact: float) -> list[Line]:
    """Why 2√f is not 2(ŷ − y), if f is a squared difference: the lecture's slip."""
    f, names = rule.graph.f, rule.graph.names
    if f.op is None or f.op.name != "square" or not exact:
        return []
    (difference,) = f.parents
    if difference.op is None or difference.op.name != "sub" or not all(p in names for p in difference.parents):
        return []
    written = formula(difference, names)
    slip = equation(root(names[f]), call("abs", written))
    a, b = (names[p] for p in difference.parents)
    line: Line = ("Beware of ", multiply(number(2), slip.args[0]), " for ", multiply(number(2), written), ": ", slip)
    if difference.item() > 0:
        return [
            (*line, " is the same while ", Expr("compare", (a, b), ">"), ", as here, and has the wrong sign otherwise.")
        ]
    less = Expr("compare", (a, b), "<")
    return [(*line, ", and here ", less, ": it would give ", value(-exact), " and step uphill.")]


def update_step(rule: Backward, rate: float) -> Step:
    """One step of gradient descent for this parameter, with its numbers if there is one of each, and what f becomes."""
    graph, x, step = rule.graph, rule.graph.names[rule.x], Step("Update")
    moved = add(x, minus(multiply(symbol("eta"), rule.symbol(rule.x))))
    if isinstance(rule, ChainRule):
        old, now = _number(rule.x), slope(rule)
        new: Data = old - rate * now
        numbers = add(value(old, 6), minus(multiply(number(rate), value(now))))
        step.say(equation(x, equation(moved, numbers, value(new, 6)), sign="←"))
    else:
        new = rule.x.data - rate * grad(graph.f, rule.x)[0].data
        step.say(equation(x, moved, sign="←"))
    after = recomputed(graph.f, {rule.x: new})[0].item()
    given: Line = () if isinstance(rule, ChainRule) else ("With ", equation(symbol("eta"), value(rate)), ", ")
    out = "" if np.isfinite(after) else ": the step leaves where it is finite, and a smaller rate may not"
    goes = (graph.names[graph.f], " goes from ", value(graph.f.item(), 6), " to ", value(after, 6))
    step.say(*given, *goes, " (", x, f" alone){out}.")
    return step


def slope(rule: ChainRule) -> float:
    """df/dx by the engine."""
    return _of(rule, rule.x)


def finite_difference(rule: Backward, place: tuple[int, ...] = ()) -> float:
    """df/dx, or what it is at one place of an array, from f alone, at two points around x."""
    data = np.array(rule.x.data)
    step, ends = step_size(single(rule.path), float(data[place])), []
    for sign in (1, -1):
        moved = data.copy()
        moved[place] += sign * step
        ends.append(recomputed(rule.graph.f, {rule.x: moved if moved.shape else moved.item()})[0].item())
    return (ends[0] - ends[1]) / (2 * step)


def compared(exact: float, difference: float, in_float32: bool) -> str:
    """What to say of a gradient beside its finite difference."""
    if not np.isfinite(exact) or not np.isfinite(difference):
        return ": nothing to compare, where f is not finite"
    if abs(difference - exact) <= (AGREES_SINGLE if in_float32 else AGREES) * max(1.0, abs(exact)):
        return " ✓"
    return " ✗: a kink nearby, rounding, or a chain rule that is wrong"


def step_size(in_float32: bool, x: float) -> float:
    """How far to step from x for a finite difference."""
    return (1e-2 if in_float32 else 6e-6) * max(1.0, abs(x))


def single(nodes: Collection[Value]) -> bool:
    """Whether any of the nodes holds numbers of single precision."""
    return any(node.dtype == np.float32 for node in nodes)


def _of(rule: ChainRule, node: Value) -> float:
    return grad(rule.graph.f, node)[0].item()


def _number(node: Value) -> float:
    return float(np.asarray(node.data).flat[0])


def _paths(rule: ChainRule, known: dict[str, float]) -> tuple[Expr, list[_Path]]:
    """The factor that the outer derivatives share, and the paths through stations."""
    links = [(t, link) for t, link in rule.into(rule.x) if t is not rule.graph.f]
    if not links:
        return ONE, []
    outers = [rule.outer[t] for t, _ in links]
    shared = shared_factor(outers)
    own = [simplified(divide(outer, shared)) for outer in outers]
    values = [1.0 if e == ONE else known.get(e.value) if e.head == "symbol" else None for e in own]
    if any(v is None for v in values):
        shared, own, values = ONE, [rule.symbol(t) for t, _ in links], [_of(rule, t) for t, _ in links]
    chains = [rule.graph.single_path(t, rule.x, rule.path) for t, _ in links]
    if len({len(chain or []) for chain in chains}) > 1 or None in chains:
        chains = [[t, rule.x] for t, _ in links]
    parts = zip(links, own, values, chains, strict=True)
    return shared, [_Path(t, float(np.asarray(k.value)), e, v or 0.0, c or []) for (t, k), e, v, c in parts]


def _table(rule: ChainRule, paths: Sequence[_Path]) -> Table:
    """One row for each path: the values on it, the derivative of each link, and their product."""
    names = rule.graph.names
    indices = [index_of(rule.graph.label(path.station)) for path in paths]
    headers: list[list[tuple[Expr, Expr]]] = []
    direct = next((e.value for path in paths if (e := rule.local(path.station, rule.x)).value), None)
    rows: list[list[Line]] = []
    for path in paths:
        header = [(names[node],) * 2 for node in reversed(path.chain[:-1])]
        cells: list[Line] = [(value(_number(node)),) for node in reversed(path.chain[:-1])]
        if any(p.own != ONE for p in paths):
            header.append((path.own, rule.symbol(path.station)))
            cells.append((value(path.own_value),))
        for a, b in pairwise(path.chain):
            part = next(p for p in rule.graph.links(a, {b}, rule.path) if p.node is b)
            header.append((part.formula, Expr("derivative", (names[a], names[b]), direct)))
            shown = value(float(np.asarray(part.value)))
            cells.append((equation(part.formula, shown),) if part.formula.head == "symbol" else (shown,))
        headers.append(header)
        rows.append([*cells, (value(path.product),)])
    if not all(indices) or len({base(rule.graph, path.station) for path in paths}) > 1:
        first: list[Line] = [(names[path.station],) for path in paths]
        said = _columns([rule.graph.label(path.station) for path in paths], headers)
        return Table([("path",), *said, ("product",)], [[n, *r] for n, r in zip(first, rows, strict=True)])
    columns = [_header(column, indices) for column in zip(*headers, strict=True)]
    return Table([(symbol("i"),), *columns, ("product",)], [[(i,), *r] for i, r in zip(indices, rows, strict=True)])


def _columns(stations: Sequence[str], headers: Sequence[Sequence[tuple[Expr, Expr]]]) -> list[Line]:
    """Columns of paths that have no index: what stands in them, as df/dpath."""
    kinds, path = {"symbol": "value", "derivative": "derivative"}, symbol("path")
    named = [[replaced(e, {t: path}) for _, e in header] for t, header in zip(stations, headers, strict=True)]
    columns = list(zip(*named, strict=True))
    shared = [column[0] if len(set(column)) == 1 else None for column in columns]
    return [(e,) if e and e.head == "derivative" else (kinds[c[0].head],) for e, c in zip(shared, columns, strict=True)]


def _header(column: Sequence[tuple[Expr, Expr]], indices: Sequence[str]) -> Line:
    """The formula that all cells of a column share, else the name of what they are."""
    for way in (0, 1):
        if one := generic([both[way] for both in column], indices):
            return (one,)
    return ("",)
