"""Functions applied to what a formula gives them, and what holds or does not: 1 or 0, one of two numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from microgradcnn.engine import functions as mg
from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Value
from microgradcnn.views.answers.reading.names import FormulaError, Token
from microgradcnn.views.answers.reading.notations import EXPONENT
from microgradcnn.views.answers.reading.vectors import Term, dot, number


def holds(condition: Value) -> Value:
    """1 where it holds, otherwise 0."""
    found: Value = mg.where(condition, 1.0, 0.0)
    return found


def is_comparison(x: Value) -> bool:
    """Whether a number is 1 where a comparison holds, otherwise 0."""
    inside = [(p.label, p.data) for p in x.parents]
    return x.op is not None and x.op.name == "where" and inside[1:] == [(None, 1.0), (None, 0.0)]


def one_of(condition: Value, a: Value, b: Value) -> Value:
    """a where a comparison holds, otherwise b. Raises FormulaError for any other condition."""
    if not is_comparison(condition):
        raise FormulaError("a condition is a comparison, such as a > 0")
    found: Value = mg.where(condition.parents[0], a, b)
    return found


def raised(base: Value, exponent: Value) -> Value:
    """A power. Raises FormulaError for an exponent that is too large, or no number, fraction or name."""
    inside = topological(exponent)
    numbers = [x.item() for x in inside if x.op is None and x.label is None]
    named = any(x.label is not None for x in inside)
    powers = any(x.op is not None and x.op.name in ("power", "pow", "exp") for x in inside)
    if max(numbers, default=0.0) > EXPONENT or powers or (len(numbers) > 2 and not named):
        raise FormulaError(f"an exponent is a number up to {EXPONENT:.0f}, a fraction or a name: no powers in it")
    power: Value = mg.power(base, exponent if named else exponent.item())
    return power


FUNCTIONS: dict[str, Callable[..., Value]] = {"where": one_of, "dot": dot}  # beside those of the graph


def applied(
    called: Token, function: Callable[..., Any], inputs: list[str], static: list[str], given: Sequence[tuple[str, Term]]
) -> Value:
    """A function of `inputs` and of `static` arguments, of what was given, each with the name it had there.

    Raises FormulaError for what it does not take.
    """
    names = iter([*inputs, *static])
    found = {name or next(names, ""): x for name, x in given}
    try:
        if len(found) < len(given) or "" in found:
            raise TypeError("an argument is given twice, or there are too many")
        values = [found.pop(name) for name in inputs]
        between = function is mg.clip and len(found) == len(static)  # any two bounds
        settings = {name: number(x) if between else _constant(number(x)) for name, x in found.items()}
        result: Value = function(*values, **settings)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        if isinstance(error, FormulaError) and function is dot:
            raise
        point = ", and decimals take a point" if len(given) > len(inputs) else ""
        call = f"{called.text}({', '.join([*inputs, *static])})"
        raise FormulaError(f"{called.text} in column {called.column} is called as {call}{point}") from error
    return result


def _constant(x: Value) -> float:
    """A static argument, whole where it can be. Raises ValueError for one that is no finite number."""
    if any(node.label is not None for node in topological(x)) or not math.isfinite(x.item()):
        raise ValueError("a static argument is a number")
    return int(x.item()) if x.item().is_integer() else x.item()
