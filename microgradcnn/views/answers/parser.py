"""A student's formula as a graph: a text in any of the notations read into Values by recursive descent.

Nothing but arithmetic on known names is read: a tokenizer, recursive descent, and bounds on length, depth, numbers,
exponents, steps and the terms of sums. The text is never handed to Python.
"""

from __future__ import annotations

import math
from contextvars import Context
from typing import NamedTuple

from microgradcnn.engine.functions import BUILT_IN
from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Value
from microgradcnn.views.answers.reading.cursor import check_length
from microgradcnn.views.answers.reading.derivatives import above_and_below
from microgradcnn.views.answers.reading.grammar import Grammar
from microgradcnn.views.answers.reading.notations import LENGTH, STEPS
from microgradcnn.views.answers.reading.quantities import Leaf
from microgradcnn.views.answers.reading.statement import statement
from microgradcnn.views.answers.reading.vectors import number
from microgradcnn.views.answers.tokens import FormulaError, Names
from microgradcnn.views.formulas.arguments import settings
from microgradcnn.views.formulas.expression import Expr, call, symbol
from microgradcnn.views.formulas.mathml import Typed
from microgradcnn.views.formulas.notation import formula

__all__ = ["LENGTH", "STEPS", "Reading", "parse", "read", "write"]


_MOST_WRITTEN = 200  # parts of a formula that is written anew


class Reading(NamedTuple):
    """A formula as it was understood.

    `digits` tells how exactly rounded numbers were typed: how many significant digits the shortest decimal with at
    least three of them has, 5 for 1.3333 and 0.5·1.3333; 0 where there is none.
    """

    formula: Value
    digits: int = 0


def parse(text: str, names: Names, leaf: Leaf = lambda label: Value(math.nan, label=label)) -> Value:
    """The graph of the formula in `text`; a number is a leaf without a label.

    `leaf` gives the Value of a name, each time that the name is mentioned. Raises FormulaError, in one sentence, for
    what is no formula in these names.
    """
    return read(text, names, leaf).formula


def read(text: str, names: Names, leaf: Leaf) -> Reading:
    """What `parse` makes of a text, and how it was typed."""
    parser = _Parser(names, leaf)
    try:
        found = Context().run(parser.answer, text)  # recorded under no_grad() too, and nothing for mg.debug() to see
    except FormulaError as error:
        error.steps = parser.steps
        raise
    return Reading(found, min((n for n in parser.digits if n > 2), default=0))


class _Parser(Grammar):
    def __init__(self, names: Names, leaf: Leaf) -> None:
        super().__init__(names, leaf, STEPS)

    def answer(self, text: str) -> Value:
        """The formula in a text with what stands around it; of a vector the number that is asked for."""
        check_length(text)
        formula, self.meanings = statement(text, self.names)
        found = self.term(formula)
        for name in self.meanings:
            if name not in self.known and self.names.find(name) is None:
                raise FormulaError(f"{name} is given a meaning, and is not in the formula")
        if isinstance(found, Value) and self.names.place is not None:
            raise FormulaError(f"the answer is one number, and the gradient is a vector of {self.names.place[1]}")
        component = self.names.component()
        if isinstance(found, Value) or component is None:
            return number(found)
        place, length = component
        if len(found.numbers) != length:
            raise FormulaError(f"the answer is a vector of {len(found.numbers)}, and the gradient is one of {length}")
        return found.numbers[place]


def write(answer: Value, text: str) -> str:
    """The graph of the formula in `text` as it was understood, on one line, in a notation that can be read again.

    What has very many parts, or primes in primes, or an =, which is read in some places alone, stays as it was typed.
    """
    parts: dict[Value, int] = {}
    for node in topological(answer):
        parts[node] = 1 + sum(parts.get(p, 1) for p in node.parents)
    if parts[answer] > _MOST_WRITTEN or any(node.op is not None and node.op.name == "equal" for node in parts):
        return text.strip()
    own: dict[Value, Expr] = {}  # a user's functions by their names: a notation may repeat what is in it
    for node in topological(answer):
        if names := above_and_below(node.label or ""):
            partial = "∂" if str(node.label).startswith("∂") else None
            own[node] = Expr("derivative", (symbol(names[0]), symbol(names[1])), partial)
        elif node.op is not None and node.op.name not in BUILT_IN:
            static = settings(node.op.name, node.static).values()
            own[node] = call(node.op.name, *(formula(p, own) for p in node.parents), *static)
    return Typed()(formula(answer, own))
