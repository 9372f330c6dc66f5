"""A gradient to mend: a derivation with one of the usual mistakes planted in one line of it and carried on to the end.

The lines are lettered. A student names the one that goes wrong, and writes what the last one should be.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, partial
from string import ascii_uppercase
from typing import NamedTuple, TypeAlias

from microgradcnn.engine.value import Value
from microgradcnn.views.answers.diagnosis import Kind
from microgradcnn.views.answers.tokens import FormulaError
from microgradcnn.views.derivations.chain import ChainRule, gathered
from microgradcnn.views.derivations.steps import by_letter, compressed, direct_derivative
from microgradcnn.views.documents.document import Block, Lettered, Line
from microgradcnn.views.formulas import notation
from microgradcnn.views.formulas.algebra import factored, simplified, split
from microgradcnn.views.formulas.expression import (
    MINUS_ONE,
    ONE,
    ZERO,
    Expr,
    add,
    equation,
    multiply,
    name_of,
    number,
    power,
    replaced,
    root,
    symbol,
    symbols,
)
from microgradcnn.views.worksheets.derivation_task import Lines, Material, Task, with_symbols

Formulas: TypeAlias = dict[Value, Expr]
Change: TypeAlias = Callable[[Expr], Expr]
Place: TypeAlias = tuple[str, int, int]  # a label, a line of its derivation, and which mistake there
Make: TypeAlias = Callable[[Material, str, "Plant"], Task | None]


@dataclass(frozen=True)
class Account:
    """A derivation of df/dx: df/dt and dt/dx for every t that x goes into, and what of f depends on x directly.

    The paths through `left_out` are forgotten in the sum, and what it comes to is taken `times` a number. `mended` is
    what it should be, None where that is it.
    """

    rule: ChainRule
    outer: Formulas
    inner: Formulas
    straight: tuple[Expr, ...]
    left_out: tuple[Value, ...] = ()
    times: Expr = ONE
    mended: Account | None = None

    @property
    def right(self) -> Account:
        """The derivation as it should be."""
        return self.mended or self

    @cached_property
    def total(self) -> Expr:
        """What these lines add up to."""
        hidden = self.rule.graph.named_here
        terms = {t: simplified(multiply(self.outer[t], self.inner[t])) for t in self.inner if t not in self.left_out}
        paths = gathered([(t in hidden, term) for t, term in terms.items()])
        total = simplified(multiply(self.times, add(paths, *self.straight)))
        return factored(total) if paths == ZERO else total

    @cached_property
    def formulas(self) -> frozenset[str]:
        """What its lines say, each formula by itself."""
        return frozenset(notation.text(e) for e in (*self.outer.values(), *self.inner.values(), self.total))

    def families(self) -> Iterator[list[Value]]:
        """The t's whose df/dt stand in one line."""
        for family in by_letter(self.outer, self.rule.graph.label):
            yield from [family] if len(self._outer(family)) == 1 else [[t] for t in family]

    def _outer(self, family: Sequence[Value]) -> list[Line]:
        label = self.rule.graph.label
        return compressed([(label(t), equation(self.rule.symbol(t), self.outer[t])) for t in family])

    @property
    def lines(self) -> list[Line]:
        """Outer derivatives, inner ones, and the sum."""
        return [*self.derivatives, self.sum]

    @cached_property
    def derivatives(self) -> list[Line]:
        """Outer derivatives and inner ones, without what they add up to, which takes longer to find."""
        rule = self.rule
        lines = [line for family in by_letter(self.outer, rule.graph.label) for line in self._outer(family)]
        return lines + [(equation(rule.local(t, rule.x), formula),) for t, formula in self.inner.items()]

    @cached_property
    def sum(self) -> Line:
        """The last line."""
        rule = self.rule
        paths = [multiply(rule.symbol(t), rule.local(t, rule.x)) for t in self.inner if t not in self.left_out]
        sums = [add(*paths, *self.straight)] if paths else []
        return (equation(rule.symbol(rule.x), *sums, self.total),)


class Plant(NamedTuple):
    """A derivation with a mistake in it, and what `check_answer` has to call it.

    A wrong index that gives the gradient of another parameter is called so, and not taken: the sheet may ask for that.
    """

    kind: Kind
    account: Account


def wrong_line(plant: Plant) -> int | None:
    """The line that goes wrong; None if there is none, or another one before the last goes wrong as well."""
    account, mended = plant.account, plant.account.right
    wrong, right = account.derivatives, mended.derivatives
    if len(wrong) != len(right) or len(wrong) >= len(ascii_uppercase):
        return None
    different = [i for i, (a, b) in enumerate(zip(wrong, right, strict=True)) if a != b]
    if not different:
        return len(wrong) if account.sum != mended.sum else None
    return different[0] if len(different) == 1 else None


def draft(material: Material, wrt: str, plant: Plant) -> Task | None:
    """The question which line goes wrong, without its solution; None if there is no such line, or it gives the answer.

    It does as in df/db = (df/dŷ)·1, where df/dŷ is right.
    """
    rule, where, answer = material.rules[wrt], wrong_line(plant), material.formula(wrt)
    shown = plant.account.formulas
    if where is None or {answer, notation.text(rule.gradient)} & shown:
        return None
    gradient = rule.symbol(rule.x)
    asked: Lines = [
        ("Somebody derives ", gradient, " as below. One line goes wrong, and its mistake is carried on to the end."),
        *((equation(q, meant),) for q, meant in rule.introduced()),
        *filter(None, [direct_derivative(rule, rule.x)]),
        Lettered(plant.account.lines),
        ("Which line is it, and what should the last line give for ", gradient, "?"),
    ]
    secret = (plant.account.right.formulas | {answer}) - shown
    return Task("mistake", wrt, asked, 2.5, (), {"answer": answer, "line": ascii_uppercase[where]}, shown, secret)


def mend(material: Material, wrt: str, plant: Plant) -> Task | None:
    """The task of finding the plant and mending it, if exactly that is what `check_answer` finds wrong."""
    if (question := draft(material, wrt, plant)) is None:
        return None
    formula = notation.text(plant.account.total)
    try:
        diagnoses = material.stored.check(wrt, formula).diagnoses
    except FormulaError:
        return None
    if [diagnosis.kind for diagnosis in diagnoses] != [plant.kind]:
        return None
    (diagnosis,), line = diagnoses, question.record["line"]
    rule, right, where = material.rules[wrt], plant.account.right, ascii_uppercase.index(line)
    mended: list[Block] = [("and so:",), right.lines[-1]] if where < len(right.lines) - 1 else []
    if notation.text(rule.gradient) != notation.text(right.total):
        mended += [("which is:",), (equation(rule.symbol(rule.x), rule.gradient),)]
    goes_wrong: Line = (f"Line {line} goes wrong: ", *with_symbols(diagnosis.clause), ".")
    planted = {"kind": diagnosis.kind, "clause": diagnosis.clause, "formula": formula}
    solution: Lines = [goes_wrong, ("Right is:",), right.lines[where], *mended]
    return replace(question, solution=solution, record={**question.record, "planted": planted})


class Mistakes:
    """Every mistake that can be planted in the gradients of a loss: by label, and there by line.

    What was tried is kept, so that sheets for a whole class cost little more than one.
    """

    def __init__(self, material: Material) -> None:
        self.material = material
        self.by_line: dict[str, dict[int, list[Plant]]] = {}
        self._drafts: dict[Place, Task | None] = {}
        self._tasks: dict[Place, Task | None] = {}
        for label, rule in material.rules.items():
            found: dict[int, list[Plant]] = {}
            for plant in plants(rule):
                if (where := wrong_line(plant)) is not None:
                    found.setdefault(where, []).append(plant)
            self.by_line[label] = found

    def draft(self, place: Place) -> Task | None:
        """The question about this plant of a line as `draft` has it, in less time than its task takes."""
        return self._kept(self._drafts, draft, place)

    def task(self, place: Place) -> Task | None:
        """The task of mending this plant of a line, None if it cannot be asked."""
        return self._kept(self._tasks, mend, place)

    def _kept(self, kept: dict[Place, Task | None], make: Make, place: Place) -> Task | None:
        if place not in kept:
            label, line, number_ = place
            kept[place] = make(self.material, label, self.by_line[label][line][number_])
        return kept[place]


def account(rule: ChainRule) -> Account:
    """The derivation as it should be."""
    links = {t: link.formula for t, link in rule.into(rule.x)}
    inner = {t: formula for t, formula in links.items() if t is not rule.graph.f}
    straight = tuple(formula for t, formula in links.items() if t is rule.graph.f)
    return Account(rule, {t: rule.known(t) for t in inner}, inner, straight)


def plants(rule: ChainRule) -> Iterator[Plant]:
    """Every way to go wrong in one line that is known here.

    What has no label may be a regularisation: what goes wrong there is called so then, and what it is elsewhere.
    """
    mended, hidden = account(rule), rule.graph.named_here
    right = replace(mended, mended=mended)
    for family in right.families():
        for kind, change in _outer_changes(right, family):
            outer = {t: change(e) if t in family else e for t, e in right.outer.items()}
            yield from _plants(kind, replace(right, outer=outer), hidden.intersection(family))
    for t, formula in right.inner.items():
        for kind, wrong in _inner_changes(rule, t, formula):
            yield from _plants(kind, replace(right, inner={**right.inner, t: wrong}), hidden & {t})
        yield from _plants("missing path", replace(right, left_out=(t,)), hidden & {t})
    if right.straight:
        yield Plant("regularisation", replace(right, straight=()))
    for kind, times in _NUMBERS:
        yield Plant(kind, replace(right, times=times))


def _plants(kind: Kind, wrong: Account, hidden: Collection[Value]) -> Iterator[Plant]:
    yield Plant(kind, wrong)
    if hidden:
        yield Plant("regularisation", wrong)


_NUMBERS: tuple[tuple[Kind, Expr], ...] = (
    ("factor", number(2)),
    ("factor", number(Fraction(1, 2))),
    ("sign", MINUS_ONE),
)


def _outer_changes(right: Account, family: list[Value]) -> Iterator[tuple[Kind, Change]]:
    """What may go wrong in df/dt: a number, the sign, √f in place of ŷ − y, a weight left out."""
    for kind, times in _NUMBERS:
        yield kind, partial(_times, times)
    factors = {factor for t in family for factor in split(right.outer[t])[1]}
    slip = root(right.rule.graph.names[right.rule.graph.f])
    squared = {base for term in _terms_of_f(right.rule) for base, n in split(term)[1].items() if n == number(2)}
    yield "root", lambda e: _exchanged(e, dict.fromkeys(factors & squared, slip))
    yield "missing factor", lambda e: _exchanged(e, {factor: ONE for factor in factors if factor.head == "symbol"})


def _inner_changes(rule: ChainRule, t: Value, formula: Expr) -> Iterator[tuple[Kind, Expr]]:
    """What may go wrong in dt/dx: t's own slope left out or half of it, a term of a sum forgotten, a wrong index, a
    number, the sign."""
    names = rule.graph.names
    own = {names[node].value for node in (t, *t.parents) if node in names}
    slope = [factor for factor in split(formula)[1] if symbols(factor) and own.issuperset(symbols(factor))]
    yield "inner derivative", _exchanged(formula, dict.fromkeys(slope, ONE))
    yield "inner derivative", _exchanged(formula, dict.fromkeys(slope[1:], ONE))
    for factor in split(formula)[1]:
        if factor.head == "sum" and factor not in slope:
            for i in range(len(factor.args)):
                yield "missing path", _exchanged(formula, {factor: add(*factor.args[:i], *factor.args[i + 1 :])})
    for used in symbols(formula):
        for other in names.values():
            if used not in own and other.value != used and name_of(other.value).base == name_of(used).base:
                yield "index", replaced(formula, {used: symbol(other.value)})
    for kind, times in _NUMBERS:
        yield kind, _times(times, formula)


def _times(number_: Expr, e: Expr) -> Expr:
    return simplified(multiply(number_, e))


def _terms_of_f(rule: ChainRule) -> tuple[Expr, ...]:
    f = simplified(rule.graph.definition(rule.graph.f))
    return f.args if f.head == "sum" else (f,)


def _exchanged(e: Expr, new: Mapping[Expr, Expr]) -> Expr:
    """A product with other factors in the place of some."""
    coefficient, powers = split(e)
    factors = [new.get(base, base if exponent == ONE else power(base, exponent)) for base, exponent in powers.items()]
    return simplified(multiply(number(coefficient), *factors))
