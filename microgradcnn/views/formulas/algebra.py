"""Simplification of formulas: numbers combined, equal factors and terms taken together, common factors pulled out.

Nothing is expanded: z(1 − z) stays a product. The rules hold where everything is finite.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from fractions import Fraction

from microgradcnn.views.formulas.expression import ONE, ZERO, Expr, call, flat, minus, multiply, number, power

LARGEST_MULTIPLE = 4  # ½a + ¼b becomes ¼(2a + b), but a + ⅛b stays
_NOT = {"<": "≥", "≥": "<", ">": "≤", "≤": ">", "=": "≠", "≠": "="}

Powers = dict[Expr, Expr]  # the exponent of each base, in order of appearance


def simplified(e: Expr) -> Expr:
    """The same formula in fewer words; quotients become products with powers, which emitters write as fractions."""
    if e.head == "sum":
        return _sum(_terms(e))
    if e.head in ("product", "quotient"):
        return _product([e])
    if not e.args:
        return e
    args = tuple([simplified(a) for a in e.args])
    if e.head == "power":
        return _power(_not_zero(args[0]), args[1])
    if e.head == "cases":
        return _cases(*args)
    if e.head == "hadamard":
        return _hadamard(args)
    if e.head == "matmul":
        return _matmul(args)
    if e.head == "transpose":
        return _transpose(args[0])
    if e.head == "indicator":
        return _cases(args[0], ONE, ZERO)
    if e.head == "call" and e.value == "log":
        return call("log", _not_zero(args[0]))
    return Expr(e.head, args, e.value)


def factored(e: Expr) -> Expr:
    """A simplified sum with the factors that all its terms share in front of it."""
    if e.head != "sum":
        return e
    content, shared = _shared(e.args)
    if content == 1 and not shared:
        return e
    rest = [_joined(c / content, _without(powers, shared)) for c, powers in map(split, e.args)]
    return _times(_joined(content, shared), _sum(rest))


def shared_factor(formulas: Sequence[Expr]) -> Expr:
    """What simplified formulas have in common as a factor."""
    return formulas[0] if len(set(formulas)) == 1 else _joined(*_shared(formulas))


def _shared(formulas: Sequence[Expr]) -> tuple[Fraction, Powers]:
    parts = [split(e) for e in formulas]
    numbers = [c for c, _ in parts]
    if not all(isinstance(c, Fraction) for c in numbers):
        return Fraction(1), {}
    content = Fraction(1)
    exact = Fraction(math.gcd(*[c.numerator for c in numbers]), math.lcm(*[c.denominator for c in numbers]))
    if max(abs(c / exact) for c in numbers) <= LARGEST_MULTIPLE:
        content = -exact if all(c < 0 for c in numbers) else exact
    shared: Powers = {}
    for base, exponent in parts[0][1].items():
        exponents = [powers.get(base, ZERO) for _, powers in parts]
        if all(x.head == "number" for x in exponents):
            least = min(x.value for x in exponents)
            if least > 0:
                shared[base] = number(least)
        elif all(x == exponent for x in exponents):
            shared[base] = exponent
    return content, shared


def split(e: Expr) -> tuple[Fraction, Powers]:
    """A simplified formula as a number and powers of its factors."""
    coefficient, powers = Fraction(1), dict[Expr, Expr]()
    for factor in flat(e, "product"):
        if factor.head == "number":
            coefficient *= factor.value
        elif factor.head == "power":
            powers[factor.args[0]] = factor.args[1]
        else:
            powers[factor] = ONE
    return coefficient, powers


def factors_as_written(e: Expr) -> list[Expr]:
    """The factors of products and quotients from left to right, ones left out, numbers not multiplied.

    2(ŷ − y)/2/4 gives 2, ŷ − y, ½, ¼: the steps of a chain rule before they are combined.
    """
    found: list[Expr] = []
    stack = [(e, False)]
    while stack:
        top, below = stack.pop()
        if top.head == "product":
            stack.extend((a, below) for a in reversed(top.args))
        elif top.head == "quotient":
            stack += [(top.args[1], not below), (top.args[0], below)]
        else:
            factor = simplified(power(top, number(-1)) if below else top)
            found += [factor] if factor != ONE else []
    return found


def _terms(e: Expr) -> Iterator[Expr]:
    """The terms of nested sums, simplified; what is subtracted is taken apart as well."""
    for term in flat(e, "sum"):
        new = simplified(term)
        yield from new.args if new.head == "sum" else (new,)


def _sum(terms: Iterator[Expr] | Sequence[Expr]) -> Expr:
    """The sum of simplified terms."""
    collected: dict[Expr, tuple[Fraction, Powers]] = {}
    for term in terms:
        coefficient, powers = split(term)
        rest = _joined(Fraction(1), powers)
        before = collected[rest][0] if rest in collected else Fraction(0)
        collected[rest] = before + coefficient, powers
    found = _through_softmax([_joined(c, powers) for c, powers in collected.values() if c != 0])
    first = next((i for i, term in enumerate(found) if not is_negative(term)), 0)
    if not found:
        return ZERO
    found.insert(0, found.pop(first))
    return Expr("sum", tuple(found)) if len(found) > 1 else found[0]


def _through_softmax(terms: list[Expr]) -> list[Expr]:
    """log_softmax's rule, exp(y) ⊙ (g − s) − g ⊙ expm1(y) for its digits, as what it amounts to: g − exp(y) ⊙ s."""
    parts = [_parts(term) for term in terms]
    for i, (c, small) in enumerate(parts):
        lost = next((part for part in small if part.head == "call" and part.value == "expm1"), ONE)
        for k, (d, large) in enumerate(parts if lost != ONE and len(small) == 2 else ()):
            g = _in_front(-c / d, next(part for part in small if part != lost))
            total = next((part for part in large if part.head == "sum" and g in part.args), None)
            if total is not None and len(large) == 2 and call("exp", *lost.args) in large:
                rest = tuple(_sum([t for t in part.args if t != g]) if part is total else part for part in large)
                product = _hadamard(rest) if any(p.head == "hadamard" for p in split(terms[k])[1]) else _times(*rest)
                others = [term for j, term in enumerate(terms) if j not in (i, k)]
                return [_times(number(d), g), _times(number(d), product), *others]
    return terms


def _parts(term: Expr) -> tuple[Fraction, list[Expr]]:
    """A number, and factors in whatever way they are multiplied."""
    coefficient, powers = split(term)
    return coefficient, [part for b, x in powers.items() for part in flat(b if x == ONE else power(b, x), "hadamard")]


def is_negative(e: Expr) -> bool:
    """Whether a formula is written with a minus in front."""
    while e.head in ("product", "quotient"):
        e = e.args[0]
    return e.value[0] < 0 if e.head == "value" else e.head == "number" and e.value < 0


def is_inverse(e: Expr) -> bool:
    """Whether a formula is x⁻¹, written 1/x, or another negative power."""
    return e.head == "power" and isinstance(e.args[1].value, Fraction) and e.args[1].value < 0


def _times(*parts: Expr) -> Expr:
    """The product of simplified formulas."""
    return _product(parts, done=True)


def _product(parts: Sequence[Expr], done: bool = False) -> Expr:
    """The product of formulas, `done` if they are simplified already: doing it again at every level would double."""
    coefficient: Fraction | float = Fraction(1)
    powers: Powers = {}
    stack = [(part, False, done) for part in reversed(parts)]
    while stack:
        top, below, ready = stack.pop()
        if top.head == "product":
            stack.extend((a, below, ready) for a in reversed(top.args))
        elif top.head == "quotient":
            stack += [(top.args[1], not below, ready), (top.args[0], below, ready)]
        elif not ready:
            stack.append((simplified(top), below, True))
        elif top.head == "number" and not (below and top.value == 0):
            coefficient = coefficient / top.value if below else coefficient * top.value
        else:
            base, exponent = top.args if top.head == "power" else (top, ONE)
            exponent = minus(exponent) if below else exponent
            powers[base] = _sum([powers[base], exponent]) if base in powers else exponent
    for base in [b for b, x in powers.items() if b.head == "number" and b != ZERO and _is_whole(x)]:  # √2·√2
        coefficient *= base.value ** int(powers[base].value)
        del powers[base]
    if any(_decided(base, powers) is not base for base in powers):
        factors = [power(_decided(base, powers), x) for base, x in powers.items()]
        return _times(number(coefficient), *[_power(f.args[0], f.args[1]) for f in factors])
    powers = {base: ONE if _is_one_or_zero(base, x) else x for base, x in powers.items()}
    return ZERO if coefficient == 0 else _joined(coefficient, powers)


def _is_one_or_zero(base: Expr, exponent: Expr) -> bool:
    """Whether a power is one of an indicator, which is the indicator itself."""
    return base.head == "indicator" and exponent.head == "number" and exponent.value > 0


def _decided(e: Expr, factors: Collection[Expr]) -> Expr:
    """Cases beside an indicator that says which of them it is, as {b if a > b, else a}[a ≤ b]: that one."""
    while e.head == "cases":
        condition, then, otherwise = e.args
        if Expr("indicator", (condition,)) in factors:
            e = then
        elif condition.head == "compare" and Expr("indicator", (_opposite(condition),)) in factors:
            e = otherwise
        else:
            break
    return e


def _opposite(comparison: Expr) -> Expr:
    return Expr("compare", comparison.args, _NOT[comparison.value])


def _joined(coefficient: Fraction | float, powers: Powers) -> Expr:
    factors = [b if x == ONE else power(b, x) for b, x in powers.items() if x != ZERO]
    if len(factors) == 1 and coefficient == -1 and factors[0].head == "sum":
        return Expr("sum", tuple(sorted(map(_negated, factors[0].args), key=is_negative)))
    if coefficient != 1 or not factors:
        factors.insert(0, number(coefficient))
    return multiply(*factors)


def _negated(term: Expr) -> Expr:
    coefficient, powers = split(term)
    return _joined(-coefficient, powers)


def _power(base: Expr, exponent: Expr) -> Expr:
    if exponent == ONE or base == ONE or _is_one_or_zero(base, exponent):
        return base
    if exponent == ZERO:
        return ONE
    if base == ZERO and exponent.head == "number" and exponent.value > 0:
        return ZERO
    if not _is_whole(exponent):
        return power(base, exponent)
    if base.head == "number" and base.value != 0 and abs(exponent.value) <= 64:
        return number(base.value ** int(exponent.value))
    if base.head in ("product", "power"):
        coefficient, powers = split(base)
        raised = {b: _times(x, exponent) for b, x in powers.items()}
        return _times(number(coefficient ** int(exponent.value)), *[power(b, x) for b, x in raised.items()])
    return power(base, exponent)


def _is_whole(exponent: Expr) -> bool:
    return exponent.head == "number" and isinstance(exponent.value, Fraction) and exponent.value.denominator == 1


def _cases(condition: Expr, then: Expr, otherwise: Expr) -> Expr:
    if then == otherwise:
        return then
    if condition.head == "compare" and condition.args[0] == condition.args[1]:  # formulas hold where nothing is NaN
        return then if condition.value in "=≤≥" else otherwise
    if condition.value == "=" and condition.args[1] == then == ZERO and condition.args[0] in split(otherwise)[1]:
        return otherwise  # x·y, which is 0 for x = 0 by itself
    if otherwise == ZERO:
        return _times(then, Expr("indicator", (condition,)))
    shared = _shared([then, otherwise])[1]
    if shared and then != ZERO:
        rest = [_joined(n, _without(powers, shared)) for n, powers in (split(then), split(otherwise))]
        return _times(_joined(Fraction(1), shared), _cases(condition, *rest))
    if condition.head != "compare":
        return Expr("cases", (condition, then, otherwise))
    if then == ZERO:
        return _times(otherwise, Expr("indicator", (_opposite(condition),)))
    if condition.value in "<>" and (tie := _tie(condition, otherwise)) is not None:
        return Expr("cases", (condition, then, tie))
    if condition.value == ">" and condition.args[1] == ZERO:
        below = Expr("indicator", (Expr("compare", condition.args, "<"),))
        if otherwise == _times(number(-1), then, below):
            return _times(then, call("sign", condition.args[0]))
    return Expr("cases", (condition, then, otherwise))


def _tie(strict: Expr, otherwise: Expr) -> Expr | None:
    """What c[a ≥ b] is where a > b does not hold: {c if a = b, else 0}; None for anything else."""
    equal = Expr("compare", strict.args, "=")
    coefficient, powers = split(otherwise)
    for sign in ("≥" if strict.value == ">" else "≤", "="):
        if (indicator := Expr("indicator", (Expr("compare", strict.args, sign),))) in powers:
            return Expr("cases", (equal, _joined(coefficient, _without(powers, {indicator: ONE})), ZERO))
    return None


def _not_zero(e: Expr) -> Expr:
    """x where it is something else for x = 0 only: for what is not finite at 0."""
    if e.head != "cases" or e.args[0].head != "compare" or e.args[0].value != "=":
        return e
    return e.args[2] if e.args[0].args == (e.args[2], ZERO) else e


def _hadamard(args: tuple[Expr, ...]) -> Expr:
    """Numbers go in front: 2(a ⊙ b). What is no array any more, as a mean's 1/n, is a number too."""
    coefficient, inside = Fraction(1), dict[Expr, int]()
    for factor in args:
        number_of_it, powers = split(factor)
        coefficient *= number_of_it
        for part in flat(_joined(Fraction(1), powers), "hadamard"):
            if part != ONE:
                inside[part] = inside.get(part, 0) + 1
    if any(_decided(part, inside) is not part for part in inside):
        return _hadamard((number(coefficient), *[_power(_decided(p, inside), number(n)) for p, n in inside.items()]))
    factors = [_power(part, number(count)) for part, count in inside.items()]
    return _in_front(coefficient, Expr("hadamard", tuple(factors)) if len(factors) > 1 else (factors or [ONE])[0])


def _matmul(args: tuple[Expr, ...]) -> Expr:
    """Numbers go in front: 2AB."""
    coefficient, inside = Fraction(1), list[Expr]()
    for matrix in args:
        number_of_it, powers = split(matrix)
        coefficient *= number_of_it
        inside.append(_joined(Fraction(1), powers))
    return _in_front(coefficient, Expr("matmul", tuple(inside)))


def _transpose(e: Expr) -> Expr:
    """(Aᵀ)ᵀ = A, (AB)ᵀ = BᵀAᵀ."""
    coefficient, powers = split(e)
    inside = _joined(Fraction(1), powers)
    if inside.head == "transpose":
        return _in_front(coefficient, inside.args[0])
    if inside.head == "matmul":
        turned = tuple(map(_transpose, reversed(inside.args)))
        return _times(number(coefficient), _matmul(turned))
    return _in_front(coefficient, Expr("transpose", (inside,)))


def _in_front(coefficient: Fraction, e: Expr) -> Expr:
    return _joined(coefficient, {} if e == ONE else {e: ONE})


def _without(powers: Powers, shared: Powers) -> Powers:
    left = {b: _sum([x, minus(shared[b])]) if b in shared else x for b, x in powers.items()}
    return {b: x for b, x in left.items() if x != ZERO}
