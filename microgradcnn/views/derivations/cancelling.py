"""What cancels in the products of a chain rule, with what is known of labels and of the shares of a softmax.

(−y/q + (1 − y)/(1 − q))·q(1 − q) is −y(1 − q) + (1 − y)q, and that is q − y. So it is, over several classes, where the
labels add up to 1 and q_i = exp(o_i)/(exp(o_1) + exp(o_2) + ...).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from contextvars import Context
from typing import Any, NamedTuple

from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Constant, Value
from microgradcnn.views.derivations.arrays.products import cancelled, factors, is_opposite, summed
from microgradcnn.views.derivations.named_graph import Graph, is_logarithm, logistics, scalar_terms, unsigned
from microgradcnn.views.documents.document import Line
from microgradcnn.views.formulas.algebra import factored, simplified
from microgradcnn.views.formulas.expression import (
    ONE,
    Expr,
    add,
    divide,
    equation,
    exchanged,
    minus,
    multiply,
    name_of,
    parts_of,
    size,
    symbol,
    symbols,
)
from microgradcnn.views.formulas.notation import formula

MOST_ROUNDS = 3  # in which what has cancelled lets something else cancel


class SoftmaxNodes(NamedTuple):
    """exp(o_1), exp(o_2), ... with their sum, and by name the share of each: a node of the graph, or None.

    `totals` are all nodes that are this sum: a graph may compute it for each share anew.
    """

    powers: tuple[Value, ...]
    total: Value
    shares: dict[str, Value | None]
    totals: frozenset[Value]


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
    """The labels of a loss −Σ y_i log q_i: scalars of one letter, two or more, that multiply logarithms of the shares
    of one softmax: targets of outputs that are no shares, as those of several σ, are no distribution.

    Logarithms are also differences such as o_i − log S and log y_i − log q_i, and y_i may be the exponent of q_i.
    """
    totals = {total: softmax.total for softmax in softmaxes(f) for total in softmax.totals}
    families: dict[tuple[str, Value], dict[Value, None]] = {}
    for node in topological(f) if totals else ():
        name = "" if node.op is None else node.op.name
        pairs = [node.parents[::-1]] if name == "pow" else [node.parents, node.parents[::-1]] if name == "mul" else []
        for label, other in (map(unsigned, pair) for pair in pairs):
            if label.label is not None and label.shape == () and (name == "pow" or is_logarithm(other)):
                letter = name_of(label.label).base
                for total in _divided_by(other, totals):
                    families.setdefault((letter, total), {})[label] = None
    return list(dict.fromkeys(tuple(labels) for labels in families.values() if len(labels) > 1))


def _divided_by(node: Value, totals: Mapping[Value, Value]) -> Iterator[Value]:
    """The sums of exponentials of a share, log(share), log(1/share), a − log(sum), or a sum of these."""
    stack, seen = [node], set[Value]()
    while stack:
        bare = unsigned(stack.pop())
        if bare in totals:
            yield totals[bare]
        elif bare not in seen and bare.op is not None and bare.op.name in ("add", "sub", "log", "div"):
            seen.add(bare)
            stack += bare.parents


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
    order, sums, found = topological(f), dict[frozenset[Value], list[Value]](), list[SoftmaxNodes]()
    first = computed_first(order)
    labels = {node.label for node in order if node.label}
    below = (node.parents[-1] for node in order if node.op is not None and node.op.name in ("div", "log"))
    for total in dict.fromkeys(below):
        powers = [*scalar_terms(total)]
        if len(powers) > 1 and all(p.op is not None and p.op.name == "exp" for p in powers):
            sums.setdefault(frozenset(first[p] for p in powers), []).append(total)
    for totals in sums.values():
        powers = [first[p] for p in scalar_terms(totals[0])]
        quotients = {first[n.parents[0]]: n for n in reversed(order) if n.label and _is_quotient(n, totals)}
        nodes = [quotients.get(p) for p in powers]
        letter = next((name_of(str(node.label)).base for node in nodes if node is not None), "q")
        shares: dict[str, Value | None] = {}
        for i, (p, node) in enumerate(zip(powers, nodes, strict=True), start=1):
            label = f"{letter}_{next((index for n in (p, *p.parents) if (index := _index(n))), i)}"
            while node is None and (label in labels or label in shares):
                label += "_0"
            shares[label if node is None else str(node.label)] = node
        found.append(SoftmaxNodes(tuple(powers), totals[0], shares, frozenset(totals)))
    return found


def computed_first(order: Sequence[Value]) -> dict[Value, Value]:
    """For every node of a topological order the first that computes the same from the same leaves."""
    first, known = dict[Value, Value](), dict[Any, Value]()
    for node in order:
        first[node] = node
        inputs = (p.data if type(p) is Constant and p.shape == () else first.get(p, p) for p in node.parents)
        with suppress(TypeError):  # of an index that is a slice or an array
            key = (node.op.name, *node.static.items(), *inputs) if node.op is not None else node
            first[node] = known.setdefault(key, node)
    return first


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
            if node.op is not None and node.op.name == "sub" and is_opposite(meant := graph.definition(node))
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
        between, multiplied = cancelled(named, self.sums, used, above)
        for _ in range(MOST_ROUNDS):
            multiplied = cancelled(multiplied, self.sums, used, above)[1]
        result = self._unmarked(factored(summed(multiplied, self.sums, used)))
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
            if not any(x.value < 0 for base, x in factors(e) if base == shares.total and x.head == "number"):
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


def _is_quotient(node: Value, totals: Sequence[Value]) -> bool:
    return node.op is not None and node.op.name == "div" and node.parents[1] in totals


def _index(node: Value) -> str:
    subscripts = name_of(node.label).subscripts if node.label else ()
    return subscripts[-1] if subscripts and subscripts[-1].isdecimal() else ""
