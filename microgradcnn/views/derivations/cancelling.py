"""What cancels in the products of a chain rule, with what is known of labels and of the shares of a softmax.

(−y/q + (1 − y)/(1 − q))·q(1 − q) is −y(1 − q) + (1 − y)q, and that is q − y. So it is, over several classes, where the
labels add up to 1 and q_i = exp(o_i)/(exp(o_1) + exp(o_2) + ...).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import Context
from fractions import Fraction
from itertools import product
from typing import NamedTuple, TypeAlias

from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Value
from microgradcnn.views.derivations.named_graph import Graph, is_logarithm, logistics, scalar_terms, unsigned
from microgradcnn.views.documents.document import Line
from microgradcnn.views.formulas.algebra import factored, simplified, split
from microgradcnn.views.formulas.expression import (
    ONE,
    ZERO,
    Expr,
    add,
    divide,
    equation,
    exchanged,
    minus,
    multiply,
    name_of,
    number,
    parts_of,
    power,
    size,
    symbol,
    symbols,
)
from microgradcnn.views.formulas.notation import formula

MOST_ROUNDS = 3  # in which what has cancelled lets something else cancel
MOST_TERMS = 24  # of a product that is multiplied out

Sums: TypeAlias = Mapping[tuple[Expr, ...], Expr]  # what labels add up to
Used: TypeAlias = set[tuple[Expr, ...]]  # those of which it mattered


class SoftmaxNodes(NamedTuple):
    """exp(o_1), exp(o_2), ... with their sum, and by name the share of each: a node of the graph, or None."""

    powers: tuple[Value, ...]
    total: Value
    shares: dict[str, Value | None]


class Shorter(NamedTuple):
    """A formula in fewer words: the forms on the way, the result last, and what was used, in words."""

    forms: list[Expr]
    reasons: list[Line]


class _Shares(NamedTuple):
    """A softmax as formulas: the sum of exponentials, what stands for it until it cancels, and its shares."""

    total: Expr
    mark: Expr
    of: dict[Expr, Expr]  # the share of each exponential


def weighing(f: Value) -> list[tuple[Value, ...]]:
    """The labels of a loss −Σ y_i log q_i: scalars of one letter, two or more, that logarithms are multiplied by.

    Logarithms are also differences such as o_i − log S and log y_i − log q_i, and y_i may be the exponent of q_i.
    """
    letters: dict[str, dict[Value, None]] = {}
    for node in topological(f):
        for label, other in (node.parents, node.parents[::-1]) if node.op is not None and node.op.name == "mul" else ():
            label, other = unsigned(label), unsigned(other)
            if label.label is not None and label.shape == () and is_logarithm(other):
                letters.setdefault(name_of(label.label).base, {})[label] = None
        if node.op is not None and node.op.name == "pow" and (label := node.parents[-1]).label is not None:
            letters.setdefault(name_of(str(label.label)).base, {})[label] = None
    return [tuple(labels) for labels in letters.values() if len(labels) > 1]


def known_sums(f: Value) -> list[tuple[Value, ...]]:
    """The labels of a loss −Σ y_i log q_i that add up to 1, each family a tuple.

    Either one of them is 1 minus the others, as in y_3 = 1 − y_1 − y_2; or all are leaves whose numbers declare a
    distribution, one-hot ones for example: none is below 0, and they add up to 1.
    """
    return [labels for labels in weighing(f) if adds_up_to_one(labels)]


def adds_up_to_one(labels: Sequence[Value]) -> bool:
    """Whether these scalars add up to 1, by the definition of one of them or as the numbers of leaves."""
    leaves = {label: symbol(str(label.label)) for label in labels if label.op is None}
    if len(leaves) == len(labels):
        numbers = [label.item() for label in labels]
        return min(numbers) >= 0.0 and abs(math.fsum(numbers) - 1.0) < 1e-12
    return simplified(add(*(formula(label, leaves, top=True) for label in labels))) == ONE


def softmaxes(f: Value) -> list[SoftmaxNodes]:
    """The sums of exponentials that something is divided by, or whose logarithm is taken.

    A share that is no node of the graph is called q_i, with the index of its exponential or of the exponent.
    """
    order, found = topological(f), list[SoftmaxNodes]()
    labels = {node.label for node in order if node.label}
    below = (node.parents[-1] for node in order if node.op is not None and node.op.name in ("div", "log"))
    for total in dict.fromkeys(below):
        powers = tuple(scalar_terms(total))
        if len(powers) < 2 or any(p.op is None or p.op.name != "exp" for p in powers):
            continue
        nodes = [next((n for n in order if n.label and _is_share(n, p, total)), None) for p in powers]
        letter = next((name_of(str(node.label)).base for node in nodes if node is not None), "q")
        shares: dict[str, Value | None] = {}
        for i, (p, node) in enumerate(zip(powers, nodes, strict=True), start=1):
            label = f"{letter}_{next((index for n in (p, *p.parents) if (index := _index(n))), i)}"
            while node is None and (label in labels or label in shares):
                label += "_0"
            shares[label if node is None else str(node.label)] = node
        found.append(SoftmaxNodes(powers, total, shares))
    return found


def probabilities(f: Value) -> dict[str, Value]:
    """What derivations speak of and the graph does not have: the shares of its softmaxes, as Values, by their names."""
    return {
        name: Context().run(Value.__truediv__, numerator, softmax.total)
        for softmax in softmaxes(f)
        for numerator, (name, node) in zip(softmax.powers, softmax.shares.items(), strict=True)
        if node is None
    }


class Known:
    """What is known of a graph: labels that may be added up, with their sum, and the shares of its softmaxes.

    `introduced` are the shares that are no nodes of the graph, with their formulas and numbers.
    """

    def __init__(self, graph: Graph) -> None:
        self.sums: dict[tuple[Expr, ...], Expr] = {}
        self._why: dict[tuple[Expr, ...], Line] = {}
        for labels in weighing(graph.f):
            names = tuple([graph.names[label] for label in labels])
            self.sums[names] = ONE if adds_up_to_one(labels) else add(*names)
            defined = [part for label in labels if label.op is not None for part in (", ", graph.names[label])]
            because: Line = (
                (" by the definition of ", *defined[1:]) if defined else (": the labels are a distribution",)
            )
            self._why[names] = (equation(add(*names), ONE), *because, ".")
        self.introduced: dict[Expr, tuple[Expr, float]] = {}
        self._softmaxes: list[_Shares] = []
        self._opposites = {
            name: meant
            for node, name in graph.names.items()
            if node.op is not None and node.op.name == "sub" and _is_opposite(meant := graph.definition(node))
        }
        for i, softmax in enumerate(softmaxes(graph.f)):
            total = formula(softmax.total, graph.names)
            shares = _Shares(total, total if total.head == "symbol" else symbol(f"\0{i}"), {})
            for node, (name, share) in zip(softmax.powers, softmax.shares.items(), strict=True):
                numerator = formula(node, graph.names)
                shares.of[numerator] = symbol(name) if share is None else graph.names[share]
                if share is None:
                    value = node.item() / softmax.total.item()
                    self.introduced[symbol(name)] = simplified(divide(numerator, total)), value
            self._softmaxes.append(shares)
            together = tuple(shares.of.values())
            self.sums[together] = ONE
            self._why[together] = (equation(add(*together), ONE), ": the shares of a softmax add up to 1.")

        for exponential, below, node, is_rest in logistics(graph.f):
            e, q = formula(below, graph.names), graph.names[node]
            mark = e if e.head == "symbol" else symbol(f"\0{len(self._softmaxes)}")
            rest = simplified(add(ONE, minus(q)))
            self._softmaxes.append(_Shares(e, mark, {formula(exponential, graph.names): rest if is_rest else q}))

    def shorter(self, e: Expr) -> Shorter | None:
        """A simplified formula in fewer words; None where nothing cancels, or what is left is no shorter.

        It is tried once more with 1 − q in place of each p = 1 − q, and as long as something goes on to cancel.
        """
        opposite = simplified(exchanged(e, self._opposites))
        found = self._shorter(e) or (self._shorter(opposite, size(e)) if opposite != e else None)
        while found is not None and (more := self._shorter(found.forms[-1])) is not None:
            found = Shorter([*found.forms, *more.forms], list(dict.fromkeys([*found.reasons, *more.reasons])))
        return found

    def marked(self, e: Expr) -> Expr:
        """The formula with one symbol for each sum of exponentials."""
        return exchanged(e, {shares.total: shares.mark for shares in self._softmaxes})

    def _shorter(self, e: Expr, than: int | None = None) -> Shorter | None:
        reasons, above, used = list[Line](), list[Expr](), set[tuple[Expr, ...]]()
        named = self._with_shares(e, reasons)
        between, multiplied = _cancelled(named, self.sums, used, above)
        for _ in range(MOST_ROUNDS):
            multiplied = _cancelled(multiplied, self.sums, used, above)[1]
        result = self._unmarked(factored(_summed(multiplied, self.sums, used)))
        if size(result) >= (size(e) if than is None else than):
            return None
        reasons += [(self._unmarked(factors), " goes into the brackets, where it cancels.") for factors in above]
        reasons += [why for labels, why in self._why.items() if labels in used]
        forms = [form for form in map(self._unmarked, (named, between)) if form not in (e, result)]
        return Shorter([*dict.fromkeys(forms), result], reasons)

    def meant(self, e: Expr) -> list[Expr]:
        """What the introduced shares in a formula are, as equations."""
        return [equation(q, self.introduced[q][0]) for q in map(symbol, symbols(e)) if q in self.introduced]

    def for_distributions(self, e: Expr) -> Line | None:
        """What the formula is where labels that need not add up to 1 do, if that is shorter."""
        for total in self.sums.values():
            if total != ONE and (new := simplified(exchanged(e, {total: ONE}))) != e:
                return "Where the labels are a distribution, ", equation(total, ONE), ", it is ", new, "."
        return None

    def without_shares(self, e: Expr) -> Expr:
        """The formula with what the introduced shares are in their places."""
        return exchanged(e, {q: meant for q, (meant, _) in self.introduced.items()})

    def _with_shares(self, e: Expr, reasons: list[Line]) -> Expr:
        """e_i = q_i S in place of e_i, where something is divided by S."""
        for shares in self._softmaxes:
            if not any(x.value < 0 for base, x in _factors(e) if base == shares.total and x.head == "number"):
                continue
            new = {numerator: multiply(share, shares.mark) for numerator, share in shares.of.items()}
            named = simplified(exchanged(e, {shares.total: shares.mark, **new}))
            if named != e:
                told = [(n, q) for n, q in shares.of.items() if shares.mark == shares.total or q.head == "sum"]
                used = [(n, q) for n, q in told if n in parts_of(e) and q not in self.introduced]
                because = [
                    (equation(n, multiply(q, shares.total)), equation(q, divide(n, shares.total))) for n, q in used
                ]
                reasons += [(now, ", because ", given, ".") for now, given in because]
            e = named
        return e

    def _unmarked(self, e: Expr) -> Expr:
        return exchanged(e, {shares.mark: shares.total for shares in self._softmaxes})


def _cancelled(e: Expr, sums: Sums, used: Used, found: list[Expr]) -> tuple[Expr, Expr]:
    """The formula with factors multiplied into a sum whose terms are divided by them, before and after it is expanded.

    So it is done in every term of a sum. The factors are added to `found`.
    """
    if e.head == "sum":
        both = [_cancelled(term, sums, used, found) for term in e.args]
        return simplified(add(*(a for a, _ in both))), simplified(add(*(b for _, b in both)))
    coefficient, powers = split(e)
    for base in [base for base, x in powers.items() if base.head == "sum" and x == ONE]:
        below = {b for term in base.args for b, x in split(term)[1].items() if x.head == "number" and x.value < 0}
        above = {b: x for b, x in powers.items() if b in below and x.head == "number" and x.value > 0}
        if above:
            terms = [simplified(multiply(term, *_written(above))) for term in base.args]
            expanded = _collected([part for term in terms for part in _expanded(term)], sums, used)
            found.append(multiply(*_written(above)))
            others = [power(b, x) for b, x in powers.items() if b not in above and b != base]
            place = [*powers].index(base)
            inside = (simplified(add(*terms)), factored(expanded))
            wholes = [multiply(number(coefficient), *others[:place], new, *others[place:]) for new in inside]
            return simplified(wholes[0]), simplified(wholes[1])
    return e, e


def _summed(e: Expr, sums: Sums, used: Used) -> Expr:
    """The formula with what labels add up to, in a sum or in the factors of a product."""
    if e.head == "sum":
        return _collected([_summed(term, sums, used) for term in e.args], sums, used)
    coefficient, powers = split(e)
    if not any(base.head == "sum" for base in powers):
        return e
    factors = [power(_summed(b, sums, used) if b.head == "sum" else b, x) for b, x in powers.items()]
    return simplified(multiply(number(coefficient), *factors))


def _collected(terms: Iterable[Expr], sums: Sums, used: Used) -> Expr:
    """The sum of simplified terms: equal ones together in whatever order their factors stand, and labels added up."""
    found: dict[frozenset[tuple[Expr, Expr]], tuple[Fraction, dict[Expr, Expr]]] = {}
    for term in terms:
        coefficient, powers = split(term)
        key = frozenset(powers.items())
        before = found.get(key, (Fraction(0), powers))
        found[key] = before[0] + coefficient, before[1]
    for labels, total in sums.items():
        for key in [key for key in found if (labels[0], ONE) in key]:
            rest = key - {(labels[0], ONE)}
            family = [rest | {(label, ONE)} for label in labels]
            coefficient, powers = found[key]
            if all(found.get(k, (None,))[0] == coefficient for k in family):
                others = {b: x for b, x in powers.items() if b != labels[0]}
                found[key] = coefficient, others if total == ONE else {total: ONE, **others}
                for k in family[1:]:
                    del found[k]
                used.update([labels] if total == ONE else [])
    parts = [multiply(number(c), *_written(powers)) for c, powers in found.values()]
    return simplified(add(ZERO, *parts))


def _expanded(term: Expr) -> Iterator[Expr]:
    """The terms of a product with its sums multiplied out; itself where they are too many."""
    coefficient, powers = split(term)
    sums = [base.args for base, x in powers.items() if base.head == "sum" and x == ONE]
    if math.prod(map(len, sums)) > MOST_TERMS:
        yield term
        return
    rest = [power(b, x) for b, x in powers.items() if b.head != "sum" or x != ONE]
    for choice in product(*sums):
        yield simplified(multiply(number(coefficient), *rest, *choice))


def _written(powers: Mapping[Expr, Expr]) -> list[Expr]:
    return [base if x == ONE else power(base, x) for base, x in powers.items()]


def _factors(e: Expr) -> Iterator[tuple[Expr, Expr]]:
    """Every factor in a formula and in its parts, with its exponent."""
    yield from split(e)[1].items()
    for part in e.args:
        yield from _factors(part)


def _is_opposite(e: Expr) -> bool:
    """Whether a formula is 1 − q."""
    return e.head == "sum" and len(e.args) == 2 and e.args[0] == ONE and simplified(minus(e.args[1])).head == "symbol"


def _is_share(node: Value, power: Value, total: Value) -> bool:
    return node.op is not None and node.op.name == "div" and node.parents == (power, total)


def _index(node: Value) -> str:
    subscripts = name_of(node.label).subscripts if node.label else ()
    return subscripts[-1] if subscripts and subscripts[-1].isdecimal() else ""
