"""Vectors in formulas: several numbers, w for w_1, w_2, ..., and what may be done with them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

from microgradcnn.engine.value import Value
from microgradcnn.views.answers.reading.names import FormulaError, Token
from microgradcnn.views.answers.reading.notations import DOTS


class Vector(NamedTuple):
    """Numbers in order, the token that made a vector of them, and whether it was transposed."""

    numbers: tuple[Value, ...]
    token: Token
    row: bool = False


Term: TypeAlias = Value | Vector


def vector(numbers: Iterable[Term], token: Token) -> Vector:
    """Several numbers. Raises FormulaError for vectors in a vector."""
    return Vector(tuple(map(number, numbers)), token)


def number(x: Term) -> Value:
    """A number. Raises FormulaError for a vector."""
    if isinstance(x, Value):
        return x
    kind, text, column = x.token
    if kind == ",":
        raise FormulaError(f"',' in column {column} has no place here: decimals take a point")
    raise FormulaError(f"{text} in column {column} is a vector of {len(x.numbers)}, where one number belongs")


def each(function: Callable[[Value], Value], x: Term) -> Term:
    """A function of a number, or of every number of a vector."""
    return x._replace(numbers=tuple(map(function, x.numbers))) if isinstance(x, Vector) else function(x)


def negative(x: Term, minus: bool) -> Term:
    """−x, or x where there is no `minus`."""
    return each(operator.neg, x) if minus else x


def added(a: Term, b: Term, minus: bool = False) -> Term:
    """a + b or a − b. Raises FormulaError for vectors of two lengths, and for a vector and a number."""
    if isinstance(a, Vector) and isinstance(b, Vector):
        _same_length(a, b)
        pairs = zip(a.numbers, b.numbers, strict=True)
        return a._replace(numbers=tuple(x - y if minus else x + y for x, y in pairs))
    x, y = number(a), number(b)
    return x - y if minus else x + y


def multiplied(a: Term, b: Term, sign: Token) -> Term:
    """a times b, the scalar product for w·z, w^T z and w @ z. Raises FormulaError for any other two vectors."""
    if isinstance(a, Value) and isinstance(b, Value):
        if sign.text == "@":
            raise FormulaError(f"'@' in column {sign.column} has no place here: it is for vectors")
        return a * b
    if isinstance(a, Value):
        return each(lambda x: a * x, b)
    if isinstance(b, Value):
        return each(lambda x: x * b, a)
    if b.row or not (a.row or sign.text in DOTS):
        raise FormulaError(f"two vectors meet in column {sign.column}: write w·z or w^T z for their scalar product")
    return dot(a, b)


def divided(a: Term, b: Term) -> Term:
    """a/b. Raises FormulaError for b a vector."""
    below = number(b)
    return each(lambda x: x / below, a)


def dot(a: Term, b: Term) -> Value:
    """The scalar product. Raises FormulaError for what is no vector, and for two lengths."""
    if isinstance(a, Value) or isinstance(b, Value):
        raise FormulaError("dot is called as dot(w, z), with two vectors such as w for w_1, w_2, ...")
    _same_length(a, b)
    first, *rest = (x * y for x, y in zip(a.numbers, b.numbers, strict=True))
    return sum(rest, first)


def _same_length(a: Vector, b: Vector) -> None:
    if len(a.numbers) != len(b.numbers):
        raise FormulaError(
            f"the vector in column {b.token.column} has {len(b.numbers)} numbers, and the one in column "
            f"{a.token.column} has {len(a.numbers)}"
        )
