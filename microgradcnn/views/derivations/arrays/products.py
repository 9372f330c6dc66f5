"""Products of sums: what cancels where factors are multiplied in, and what is left where all is multiplied out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import product
from typing import TypeAlias

from microgradcnn.views.formulas.algebra import factored, simplified, split
from microgradcnn.views.formulas.expression import ONE, ZERO, Expr, add, minus, multiply, number, power

MOST_TERMS = 24  # of a product that is multiplied out

Sums: TypeAlias = Mapping[tuple[Expr, ...], Expr]  # what labels add up to
Used: TypeAlias = set[tuple[Expr, ...]]  # those of which it mattered


def cancelled(e: Expr, sums: Sums, used: Used, found: list[Expr]) -> tuple[Expr, Expr]:
    """The formula with factors multiplied into a sum whose terms are divided by them, before and after it is expanded.

    So it is done in every term of a sum. The factors are added to `found`.
    """
    if e.head == "sum":
        both = [cancelled(term, sums, used, found) for term in e.args]
        return simplified(add(*(a for a, _ in both))), simplified(add(*(b for _, b in both)))
    coefficient, powers = split(e)
    for base in [base for base, x in powers.items() if base.head == "sum" and x == ONE]:
        below = dict[Expr, Fraction]()
        for b, x in (each for term in base.args for each in split(term)[1].items()):
            if x.head == "number" and x.value < 0:
                below[b] = max(below.get(b, Fraction(0)), -x.value)
        positive = {b: x.value for b, x in powers.items() if b in below and x.head == "number" and x.value > 0}
        above = {b: number(min(x, below[b])) for b, x in positive.items()}
        if above:
            terms = [simplified(multiply(term, *written(above))) for term in base.args]
            expanded = collected([part for term in terms for part in multiplied_out(term)], sums, used)
            found.append(multiply(*written(above)))
            left = {b: number(x.value - above[b].value) if b in above else x for b, x in powers.items()}
            others = [power(b, x) for b, x in left.items() if b != base]
            place = [*powers].index(base)
            inside = (simplified(add(*terms)), factored(expanded))
            wholes = [multiply(number(coefficient), *others[:place], new, *others[place:]) for new in inside]
            return simplified(wholes[0]), simplified(wholes[1])
    return e, e


def summed(e: Expr, sums: Sums, used: Used) -> Expr:
    """The formula with what labels add up to, in a sum or in the factors of a product."""
    if e.head == "sum":
        return collected([summed(term, sums, used) for term in e.args], sums, used)
    coefficient, powers = split(e)
    if not any(base.head == "sum" for base in powers):
        return e
    factors = [power(summed(b, sums, used) if b.head == "sum" else b, x) for b, x in powers.items()]
    return simplified(multiply(number(coefficient), *factors))


def collected(terms: Iterable[Expr], sums: Sums, used: Used) -> Expr:
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
    parts = [multiply(number(c), *written(powers)) for c, powers in found.values()]
    return simplified(add(ZERO, *parts))


def multiplied_out(term: Expr) -> Iterator[Expr]:
    """The terms of a product with its sums multiplied out; itself where they are too many."""
    coefficient, powers = split(term)
    sums = [base.args for base, x in powers.items() if base.head == "sum" and x == ONE]
    if math.prod(map(len, sums)) > MOST_TERMS:
        yield term
        return
    rest = [power(b, x) for b, x in powers.items() if b.head != "sum" or x != ONE]
    for choice in product(*sums):
        yield simplified(multiply(number(coefficient), *rest, *choice))


def written(powers: Mapping[Expr, Expr]) -> list[Expr]:
    """The factors with these exponents."""
    return [base if x == ONE else power(base, x) for base, x in powers.items()]


def factors(e: Expr) -> Iterator[tuple[Expr, Expr]]:
    """Every factor in a formula and in its parts, with its exponent."""
    yield from split(e)[1].items()
    for part in e.args:
        yield from factors(part)


def is_opposite(e: Expr) -> bool:
    """Whether a formula is 1 − q."""
    return e.head == "sum" and len(e.args) == 2 and e.args[0] == ONE and simplified(minus(e.args[1])).head == "symbol"
