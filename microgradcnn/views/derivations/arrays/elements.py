"""What cancels number by number in formulas of arrays, with what is known of the labels of a softmax.

Multiplying element by element commutes, so ⊙ is an ordinary product here: (Y/q) ⊙ q ⊙ (1 − q) is Y ⊙ (1 − q). A factor
that is the same along an axis goes in front of a sum along it, and what is linear is taken together: AᵀB + AᵀC.
"""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Iterator
from fractions import Fraction

from microgradcnn.views.derivations.arrays.knowledge import Knowledge
from microgradcnn.views.derivations.arrays.products import cancelled, collected, multiplied_out, written
from microgradcnn.views.derivations.arrays.shapes import Shapes
from microgradcnn.views.derivations.named_graph import Graph
from microgradcnn.views.documents.document import Line
from microgradcnn.views.formulas.algebra import factored, is_negative, simplified, split
from microgradcnn.views.formulas.expression import (
    ONE,
    Expr,
    add,
    call,
    exchanged,
    flat,
    heads,
    minus,
    multiply,
    number,
    parts_of,
    power,
    size,
)

LONGEST = 400  # a formula of more parts is left as it is
MOST_ROUNDS = 4  # in which what has cancelled lets something else cancel
_LINEAR = {"sum": 0, "mean": 0, "reshape": 0, "transpose": 0, "conv2d_kernel": 1, "conv2d_input": 0, "fold": 0}


class Elements:
    """The formulas of a graph's cotangents in fewer words."""

    def __init__(self, graph: Graph, knowledge: Knowledge) -> None:
        self.shape, self.known, self._above = Shapes(graph), knowledge, list[Expr]()

    def shorter(self, e: Expr) -> tuple[list[Expr], list[Line]] | None:
        """A simplified formula in fewer words: the forms on the way, and what was used; None where nothing cancels."""
        if size(e) > LONGEST or not self.known.may_cancel(e):
            return None
        self.known.used.clear()
        self._above.clear()
        named, reasons = self.known.with_shares(simplified(_commuting(e)))
        forms = [between := self._reduced(named)]
        for _ in range(MOST_ROUNDS):
            if (new := self._reduced(_multiplied_out(forms[-1]))) == forms[-1]:
                break
            forms.append(new)
        steps = [self.written(simplified(self.known.unmarked(form))) for form in (between, forms[-1])]
        if steps[-1] == e or _quantities(steps[-1]) >= _quantities(e) + self.known.adds_labels_up(steps[-1]):
            return None
        above = [self.written(simplified(self.known.unmarked(each))) for each in dict.fromkeys(self._above)]
        reasons += [(factor, " goes into the brackets, where it cancels.") for factor in above]
        return [form for form in dict.fromkeys(steps) if form != e], [*reasons, *self.known.used]

    def for_distributions(self, e: Expr) -> Line | None:
        """What the formula is where labels that need not add up to 1 do; None if it is the same."""
        self.known.used.clear()
        self.known.supposed = True
        new = self.written(self._reduced(_commuting(e)))
        self.known.supposed = False
        reason = next(iter(self.known.used), None)
        return None if reason is None else (*reason, ", it is ", new, ".")

    def _reduced(self, e: Expr) -> Expr:
        """A formula of commuting products in fewer words, its parts first; nothing is multiplied out."""
        for _ in range(MOST_ROUNDS):
            e = factored(e)
            args = tuple(map(self._reduced, e.args))
            new = simplified(Expr(e.head, args, e.value) if args else e)
            new = self._step(new)
            if new == e:
                break
            e = new
        return e

    def _step(self, e: Expr) -> Expr:
        if e.head == "sum":
            return factored(collected(_linear(list(e.args)), {}, set()))
        if e.head == "product":
            return cancelled(e, {}, set(), self._above)[0]
        if e.head == "transpose":
            return self._transposed(e)
        if e.head == "call" and e.value == "reshape" and e.args[0].head == "number":
            return e.args[0]
        if e.head == "call" and e.value == "sum":
            return self._summed(e)
        if e.head == "call" and e.value == "scatter":
            return self._at_places(e)
        return e

    def _transposed(self, e: Expr) -> Expr:
        """A transposed product of vectors as that of transposed ones."""
        (inside,) = e.args
        if inside.head == "number":
            return inside
        shape = self.shape(inside)
        if inside.head not in ("product", "power") or shape is None or sum(n > 1 for n in shape) > 1:
            return e
        coefficient, powers = split(inside)
        turned = [power(Expr("transpose", (b,)) if self.shape(b) else b, x) for b, x in powers.items()]
        return simplified(multiply(number(coefficient), *turned))

    def _summed(self, e: Expr) -> Expr:
        """A sum along axes with what is the same along them in front, or as the number that is known."""
        inside, *settings = e.args
        shape = self.shape(inside)
        if shape is None:
            return e
        said = next((a.value[1] for a in settings if a.value[1].startswith("axis=")), None)
        given = tuple(range(len(shape))) if said is None else literal_eval(said.removeprefix("axis="))
        axes = [a % len(shape) for a in (given if isinstance(given, tuple) else (given,))] if shape else []
        totals = [self._total(term, axes, shape) for term in flat(inside, "sum")]
        if all(total is not None for total in totals):
            return simplified(add(*(total for total in totals if total is not None)))
        front, rest = self._in_front(factored(inside), axes)
        return simplified(multiply(front, call("sum", rest, *settings))) if rest != ONE else e

    def _total(self, term: Expr, axes: list[int], shape: tuple[int, ...]) -> Expr | None:
        """What a term adds up to along axes of something of that shape, if it is known."""
        coefficient, powers = split(term)
        if (n := self.known.total(multiply(*written(powers) or [ONE]), axes, shape)) is not None:
            return number(coefficient * n)
        front, rest = self._in_front(term, axes)
        n = self.known.total(rest, axes, shape)
        return None if n is None else multiply(front, number(n))

    def _in_front(self, term: Expr, axes: list[int]) -> tuple[Expr, Expr]:
        """The factors that are the same along axes, as they are without those, and the others."""
        coefficient, powers = split(term)
        front, rest = [number(coefficient)], list[Expr]()
        for b, x in powers.items():
            new = _without(b, self.shape(b), axes) if x.head == "number" else None
            if new is None:
                rest += written({b: x})
            else:
                front += written({new: x})
        return multiply(*front), multiply(*(rest or [ONE]))

    def _at_places(self, e: Expr) -> Expr:
        """{B[i]/A[i] at [i], else 0} as {B[i] at [i], else 0}/A."""
        inside, index, *_ = e.args
        coefficient, powers = split(inside)
        front, rest = [number(coefficient)], list[Expr]()
        for b, x in powers.items():
            taken = b.head == "index" and f"index=s_[{b.value[1]}]" == index.value[1]
            if taken and self.shape(b.args[0]) == self.shape(e):
                front += written({b.args[0]: x})
            else:
                rest += written({b: x})
        return simplified(multiply(*front, call("scatter", multiply(*(rest or [ONE])), *e.args[1:])))

    def written(self, e: Expr) -> Expr:
        """Products of several arrays with ⊙; numbers by cases, or that are 1 or 0, stand beside the others."""
        e = Expr(e.head, tuple(map(self.written, e.args)), e.value) if e.args else e
        if e.head == "hadamard" and (numbers := [a for a in e.args if self.shape(a) == ()]):
            arrays = [a for a in e.args if a not in numbers]
            return multiply(*numbers, *([Expr("hadamard", tuple(arrays))] if len(arrays) > 1 else arrays))
        if e.head != "product":
            return e
        coefficient, powers = _turned(*split(e))
        front, above, below = list[Expr](), list[Expr](), list[Expr]()
        beside = [b for b in powers if b.head in ("cases", "indicator") and self.shape(b) == ()]
        for b, x in powers.items():
            if self.shape(b) != ():
                negative = x.head == "number" and x.value < 0
                (below if negative else above).extend(written({b: number(-x.value) if negative else x}))
            elif b not in beside:
                front += written({b: x})
        if len(above) < 2 and len(below) < 2:
            return multiply(*([number(coefficient)] if coefficient != 1 else []), *written(powers))
        sides = [Expr("hadamard", tuple(side)) if len(side) > 1 else side[0] for side in (above, below) if side]
        if below:
            sides[-1] = power(sides[-1], number(-1))
        return multiply(*([number(coefficient)] if coefficient != 1 else []), *front, *sides, *beside)


def _quantities(e: Expr) -> int:
    """How often a formula speaks of something that has a name, functions among them."""
    return sum(part.head in ("symbol", "derivative", "call") for part in parts_of(e))


def _turned(coefficient: Fraction, powers: dict[Expr, Expr]) -> tuple[Fraction, dict[Expr, Expr]]:
    """1 − Y for −(Y − 1), and q − Y for −(Y − q)."""
    sums = [b for b, x in powers.items() if coefficient < 0 and b.head == "sum" and x == ONE and _mixed(b)]
    without = [b for b in sums if all(term.head != "number" for term in b.args)]
    turned = next(iter([*(b for b in sums if any(_is_negative_number(term) for term in b.args)), *without]), None)
    if turned is None:
        return coefficient, powers
    return -coefficient, {simplified(minus(b)) if b == turned else b: x for b, x in powers.items()}


def _is_negative_number(e: Expr) -> bool:
    return e.head == "number" and e.value < 0


def _mixed(e: Expr) -> bool:
    """Whether as many terms are taken away as added, or more."""
    return 2 * sum(map(is_negative, e.args)) >= len(e.args)


def _commuting(e: Expr) -> Expr:
    """⊙ as an ordinary product."""
    args = tuple(map(_commuting, e.args))
    return Expr("product" if e.head == "hadamard" else e.head, args, e.value) if args else e


def _multiplied_out(e: Expr) -> Expr:
    """The formula with each sum that gets shorter by it multiplied out, terms that cancel left out."""
    e = Expr(e.head, tuple(map(_multiplied_out, e.args)), e.value) if e.args else e
    if e.head != "sum":
        return e
    new = collected([part for term in e.args for part in multiplied_out(simplified(term))], {}, set())
    return new if size(new) < size(e) else e


def _linear(terms: list[Expr]) -> Iterator[Expr]:
    """The terms of a sum, those that are the same linear function of something as one."""
    waiting = [(term, list(_arguments(term))) for term in terms]
    while waiting:
        term, ways = waiting.pop(0)
        for outside, inside in ways:
            alike = [(i, a) for i, (_, others) in enumerate(waiting) for way, a in others if way == outside]
            if alike and len({i for i, _ in alike}) == len(alike):
                together = factored(simplified(add(inside, *(a for _, a in alike))))
                waiting = [each for i, each in enumerate(waiting) if i not in {i for i, _ in alike}]
                term = simplified(exchanged(outside, {_HOLE: together}))
                break
        yield term


_HOLE = Expr("symbol", value="\0")


def _arguments(term: Expr) -> Iterator[tuple[Expr, Expr]]:
    """The ways to see a term as a linear function: with a hole in it, and what stands in the hole."""
    coefficient, powers = split(term)
    for b, x in powers.items() if "call" in heads(term) or heads(term) & {"matmul", "transpose"} else ():
        places: list[int] = []
        if x == ONE and b.head == "matmul":
            places = [len(b.args) - 1, 0]
        elif x == ONE and b.head == "transpose":
            places = [0]
        elif x == ONE and b.head == "call" and b.value in _LINEAR:
            places = [_LINEAR[b.value]]
        others = written({base: y for base, y in powers.items() if base != b})
        for k in places:
            hollow = Expr(b.head, (*b.args[:k], _HOLE, *b.args[k + 1 :]), b.value)
            yield multiply(*others, hollow), multiply(number(coefficient), b.args[k])


def _without(e: Expr, shape: tuple[int, ...] | None, axes: list[int]) -> Expr | None:
    """What is the same along axes as it is without them; None if it is not, or has no formula."""
    if shape is None or any(shape[a] != 1 for a in axes if a < len(shape)):
        return None
    if all(n == 1 for n in shape) or all(a >= len(shape) for a in axes):
        return e
    if len(shape) == 2 and axes == [0]:
        return simplified(Expr("transpose", (e,)))
    if len(axes) == 1 and axes[0] == len(shape) - 1:
        return e
    return e.args[0] if e.head == "call" and e.value == "reshape" else None
