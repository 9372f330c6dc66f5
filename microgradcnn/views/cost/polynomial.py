"""Polynomials with exact coefficients, and those that counts at many sizes turn out to be.

>>> from microgradcnn.views.cost.polynomial import interpolated
>>> fit = interpolated(lambda n, k: {"pairs": k * n * (n - 1) // 2}, {"n": range(2, 8), "k": range(2, 8)})
>>> pairs = fit.polynomials["pairs"]
>>> print(pairs, pairs(n=100, k=1), pairs.order)
½n²k − ½nk 4950 O(n²k)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import combinations, product
from typing import Any, TypeAlias

import numpy as np

from microgradcnn.views.formulas import notation
from microgradcnn.views.formulas.expression import ONE, ZERO, Expr, add, call, multiply, number, power, symbol

Exponents: TypeAlias = tuple[int, ...]
Point: TypeAlias = tuple[int, ...]  # a size for each variable


class NotPolynomialError(ValueError):
    """Counts that no polynomial gives, or too few of them to tell."""


@dataclass(frozen=True)
class Polynomial:
    """A sum of `terms`: a coefficient, never 0, for the exponents of each of the `variables`.

    Called with a size for each variable it gives the number there, an int where it is whole. `str()` is one line of
    Unicode, the terms in the order of the variables. `least` is the smallest size of a variable for which it holds.
    """

    variables: tuple[str, ...]
    terms: Mapping[Exponents, Fraction]
    least: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)

    def __call__(self, **sizes: int) -> int | Fraction:
        """The number at these sizes. Raises TypeError or ValueError as `at` does, and if a variable has no size."""
        if set(sizes) != set(self.variables):
            raise TypeError(f"the polynomial takes {', '.join(self.variables)}, not {', '.join(sizes) or 'nothing'}")
        value = self.at(**sizes).terms.get((), Fraction(0))
        return int(value) if value.denominator == 1 else value

    def at(self, **sizes: int) -> Polynomial:
        """The polynomial in the other variables that is left where these have a size.

        Raises TypeError for a size of no variable, or one that is not whole, and ValueError for one below `least`.
        """
        for name, size in sizes.items():
            if name not in self.variables:
                raise TypeError(f"the polynomial takes {', '.join(self.variables)}, not {name}")
            if not isinstance(size, int | np.integer):
                raise TypeError(f"{name} must be a whole number, not {size!r}")
            if size < self.least.get(name, size):
                raise ValueError(
                    f"the polynomial holds for {name} ≥ {self.least[name]}, and {name} = {size} counts otherwise: give "
                    f"mg.cost a function that builds graphs with {name} = {size}"
                )
        kept = [i for i, name in enumerate(self.variables) if name not in sizes]
        terms: dict[Exponents, Fraction] = {}
        for exponents, coefficient in self.terms.items():
            value = math.prod(int(sizes[v]) ** e for v, e in zip(self.variables, exponents, strict=True) if v in sizes)
            rest = tuple([exponents[i] for i in kept])
            terms[rest] = terms.get(rest, Fraction(0)) + coefficient * value
        return _polynomial(tuple([self.variables[i] for i in kept]), terms, self.least)

    def __add__(self, other: Polynomial) -> Polynomial:
        terms = dict(self.terms)
        for exponents, coefficient in other.terms.items():
            terms[exponents] = terms.get(exponents, Fraction(0)) + coefficient
        return _polynomial(self.variables, terms, {**self.least, **other.least})

    def __bool__(self) -> bool:
        return bool(self.terms)

    def __str__(self) -> str:
        return notation.text(self.formula)

    @property
    def formula(self) -> Expr:
        """The polynomial as a formula."""
        if not self.terms:
            return ZERO
        return add(*[_monomial(self.variables, e, self.terms[e]) for e in sorted(self.terms, reverse=True)])

    @property
    def leading(self) -> list[Exponents]:
        """The exponents of the terms that no other term outgrows, whatever the variables do."""
        outgrown = {a for a, b in product(self.terms, repeat=2) if a != b and all(map(int.__le__, a, b))}
        return sorted(self.terms.keys() - outgrown, reverse=True)

    @property
    def order(self) -> str:
        """O(...) of the leading terms."""
        return notation.text(self.growth)

    @property
    def growth(self) -> Expr:
        """The order as a formula."""
        leading = [_monomial(self.variables, exponents, Fraction(1)) for exponents in self.leading]
        return call("O", add(*leading)) if leading else ZERO


@dataclass(frozen=True)
class Interpolation:
    """The polynomials, through the counts at `seen` points, and at how many `others` they were right.

    `least` is the smallest size of each variable for which they hold: 1, or else the first at which was counted.
    """

    polynomials: dict[Any, Polynomial]
    seen: int
    others: int
    least: dict[str, int]


def interpolated(count: Callable[..., Mapping[Any, int]], sizes: Mapping[str, Iterable[int]]) -> Interpolation:
    """The polynomials that `count(**sizes)` gives, one for each of its keys, found by exact interpolation.

    Degrees are found too, from the first sizes of each variable; sizes that the interpolation did not see confirm the
    result: the next one of every variable, of all together, and the last of all. Where size 1, of some variables or
    all, confirms it too, it holds from there. Raises NotPolynomialError where the others do not, or where there are too
    few sizes to tell.
    """
    counts = _Counts(count, {name: tuple(values) for name, values in sizes.items()})
    degrees = {name: counts.degree(name) for name in counts.sizes}
    while True:
        found, grid = counts.fitted(degrees), math.prod(degree + 1 for degree in degrees.values())
        wrong = counts.contradiction(found, degrees)
        if wrong is None:
            least = counts.least(found)
            right = sum(counts.differing(found, point) is None for point in counts.known)
            return Interpolation({k: replace(p, least=least) for k, p in found.items()}, grid, right - grid, least)
        spare = [name for name, values in counts.sizes.items() if degrees[name] + 2 < len(values)]
        if not spare:
            raise NotPolynomialError(wrong)
        degrees |= {name: degrees[name] + 1 for name in spare}


class _Counts:
    """What was counted at which sizes, each counted once; a key that is missing somewhere is 0 there."""

    def __init__(self, count: Callable[..., Mapping[Any, int]], sizes: Mapping[str, Sequence[int]]) -> None:
        self.count, self.sizes = count, sizes
        self.known: dict[Point, Mapping[Any, int]] = {}

    def __call__(self, point: Point) -> Mapping[Any, int]:
        if point not in self.known:
            self.known[point] = self.count(**dict(zip(self.sizes, point, strict=True)))
        return self.known[point]

    def degree(self, name: str) -> int:
        """The degree in one variable while the others keep their second size: so many sizes and one predict the next.

        Raises NotPolynomialError if all of them do not predict the last.
        """
        values, axis = self.sizes[name], list(self.sizes).index(name)
        base = [sizes[min(1, len(sizes) - 1)] for sizes in self.sizes.values()]
        line = [(*base[:axis], size, *base[axis + 1 :]) for size in values]
        wrong: Any = "the count"
        for degree in range(len(values) - 1):
            seen, following = values[: degree + 1], values[degree + 1]
            weights = [math.prod(Fraction(following - a, b - a) for a in seen if a != b) for b in seen]
            keys = {key for point in line[: degree + 2] for key in self(point)}
            differences = {
                key: sum(w * self(p).get(key, 0) for w, p in zip(weights, line, strict=False))
                - self(line[degree + 1]).get(key, 0)
                for key in keys
            }
            wrong = next((key for key, difference in differences.items() if difference), None)
            if wrong is None:
                return degree
        numbers = ", ".join(str(self(point).get(wrong, 0)) for point in line)
        raise NotPolynomialError(
            f"{wrong} is {numbers} at {name} = {', '.join(map(str, values))}: that is no polynomial in {name} of "
            f"degree {len(values) - 2} or less; if it is one of a higher degree, give more sizes"
        )

    def fitted(self, degrees: Mapping[str, int]) -> dict[Any, Polynomial]:
        """The polynomials of these degrees through the counts at the first sizes of every variable."""
        axes = [values[: degrees[name] + 1] for name, values in self.sizes.items()]
        points = list(product(*axes))
        found = {}
        for key in dict.fromkeys(key for point in points for key in self(point)):
            table = np.array([Fraction(self(point).get(key, 0)) for point in points], object)
            table = table.reshape([len(axis) for axis in axes])
            for i, axis in enumerate(axes):
                table = np.moveaxis(np.tensordot(_coefficients(axis), table, (1, i)), 0, i)
            found[key] = _polynomial(tuple(self.sizes), dict(np.ndenumerate(table)))
        return found

    def contradiction(self, found: Mapping[Any, Polynomial], degrees: Mapping[str, int]) -> str | None:
        """A sentence about a count that the polynomials do not give, at new sizes too; None if they give all."""
        last = [values[degrees[name]] for name, values in self.sizes.items()]
        new = [values[degrees[name] + 1] for name, values in self.sizes.items()]
        points = [(*last[:i], size, *last[i + 1 :]) for i, size in enumerate(new)]
        for point in [*points, tuple(new), tuple([values[-1] for values in self.sizes.values()])]:
            self(point)
        for point in self.known:
            if differing := self.differing(found, point):
                key, counted, predicted = differing
                at = ", ".join(f"{v} = {s}" for v, s in zip(self.sizes, point, strict=True))
                return (
                    f"{key} is {counted} at {at}, and {predicted} by the polynomial through other sizes: it is no "
                    f"polynomial of degree {', '.join(f'{d} in {v}' for v, d in degrees.items())}; if it is one of a "
                    "higher degree, give more sizes"
                )
        return None

    def differing(self, found: Mapping[Any, Polynomial], point: Point) -> tuple[Any, int, int | Fraction] | None:
        """What is counted at a point but not as the polynomials say, with both numbers; None if there is nothing."""
        at, counted = dict(zip(self.sizes, point, strict=True)), self(point)
        for key in {**found, **counted}:
            predicted = found[key](**at) if key in found else 0
            if predicted != counted.get(key, 0):
                return key, counted.get(key, 0), predicted
        return None

    def least(self, found: Mapping[Any, Polynomial]) -> dict[str, int]:
        """The smallest size of each variable for which the polynomials hold, whichever of the others are smallest."""
        least = dict.fromkeys(self.sizes, 1)
        for many in range(1, len(least) + 1):
            for names in combinations(least, many):
                if all(least[name] == 1 for name in names) and not self._holds_at_1(found, names):
                    least |= {name: self.sizes[name][0] for name in names}
        return least

    def _holds_at_1(self, found: Mapping[Any, Polynomial], names: Sequence[str]) -> bool:
        point = tuple([1 if name in names else sizes[0] for name, sizes in self.sizes.items()])
        try:
            return self.differing(found, point) is None
        except Exception:  # nobody asked for a graph of that size: it need not exist
            return False


def _coefficients(points: Sequence[int]) -> np.ndarray[Any, np.dtype[np.object_]]:
    """The matrix that takes the values at these points to the coefficients of the polynomial through them (Lagrange).

    Column j holds the polynomial that is 1 at point j and 0 at the others.
    """
    columns = []
    for b in points:
        column = [Fraction(1)]
        for a in points:
            if a != b:  # times (x − a)/(b − a)
                shifted, scaled = [Fraction(0), *column], [*(a * c for c in column), Fraction(0)]
                column = [(s - c) / (b - a) for s, c in zip(shifted, scaled, strict=True)]
        columns.append(column)
    return np.array(columns, object).T


def _polynomial(
    variables: tuple[str, ...], terms: Mapping[Exponents, Fraction], least: Mapping[str, int] | None = None
) -> Polynomial:
    kept = {v: size for v, size in (least or {}).items() if v in variables}
    return Polynomial(variables, {e: c for e, c in terms.items() if c}, kept)


def _monomial(variables: Sequence[str], exponents: Exponents, coefficient: Fraction) -> Expr:
    powers = [
        symbol(v) if e == 1 else power(symbol(v), number(e)) for v, e in zip(variables, exponents, strict=True) if e
    ]
    factors = [number(coefficient), *powers] if coefficient != 1 else powers
    return multiply(*(factors or [ONE]))
