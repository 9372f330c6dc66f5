"""A typed formula as a graph: `z = sigmoid(w*x + b); (z - y)**2`.

Formulas are read as views/formula.py says, by a parser that knows nothing but arithmetic: the text is never handed to
Python. Every name is welcome here: one that was not assigned is a leaf. What is written twice is one node.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from keyword import iskeyword
from typing import Any

from microgradcnn.engine import functions as mg
from microgradcnn.engine.value import Value
from microgradcnn.views.answers.parser import LENGTH, Apply, Expression, Name, evaluate, parse, parts
from microgradcnn.views.answers.tokens import SPELLINGS, FormulaError, Names, canonical, shown, tokenize
from microgradcnn.views.formulas.expression import GREEK

# The functions of views/formula.py but for sums and products, as nodes.
NODES: dict[str, Callable[..., Any]] = {
    "negative": operator.neg,
    "power": mg.power,
    "greater": lambda a, b: mg.where(a > b, 1.0, 0.0),
    "at least": lambda a, b: mg.where(a >= b, 1.0, 0.0),
    "sqrt": mg.sqrt,
    "exp": mg.exp,
    "log": mg.log,
    "abs": mg.abs,
    "tanh": mg.tanh,
    "sigmoid": mg.sigmoid,
    "relu": mg.relu,
    "step": lambda a: mg.where(a > 0.0, 1.0, 0.0),
    "sigmoid'": lambda a: mg.sigmoid(a) * (1.0 - mg.sigmoid(a)),
    "relu'": lambda a: mg.where(a > 0.0, 1.0, 0.0),
    "tanh'": lambda a: 1.0 - mg.tanh(a) ** 2,
}

_EQUALS = re.compile(r"(?<![<>=!])=(?!=)")


def read_assignments(text: str, draw: Callable[[], float]) -> tuple[Value, frozenset[str]]:
    """The graph of formulas between `;` or in lines, and its leaves that got a number from `draw`.

    The formulas before the last give names, as `z = ...` does; `x = 2` gives a leaf its number. A leaf has its name as
    label, in the spelling of the lecture (w_1 for w1). The last formula has the label f if it has no name and nothing
    else is called f. Raises FormulaError, in one sentence and with the column, for a text that is none, and where there
    is no name to differentiate by.
    """
    if len(text) > LENGTH:
        raise FormulaError(f"the formula has {len(text)} characters: {LENGTH} are the most")
    builder, given, result = _Builder(draw), set[str](), None
    for name, piece, column in _pieces(text):
        result = builder.read(piece)
        if not name:
            continue
        if name in builder.names:
            raise FormulaError(
                f"{name} in column {column} has a meaning already: assign a name once, before it is used"
            )
        if not isinstance(result, Value):
            result = Value(result)
            given.add(name)
        result.label = result.label or name
        builder.names[name] = result
    if not isinstance(result, Value) or result.op is None:
        raise FormulaError("the formula computes nothing from a name: write one such as '(sigmoid(w*x + b) - y)**2'")
    if "f" not in builder.names:
        result.label = result.label or "f"
    return result, frozenset(name for name, node in builder.names.items() if node.op is None and name not in given)


def _pieces(text: str) -> Iterator[tuple[str, str, int]]:
    """The name on the left, the formula on the right, moved to its column in the text, and the column of the name."""
    start = 0
    for piece in re.split("[;\n]", text):
        if piece.strip():
            equals = _EQUALS.search(piece)
            left, right = ("", 0) if equals is None else (piece[: equals.start()], equals.end())
            column = start + len(left) - len(left.lstrip()) + 1
            name = canonical(left)
            if equals is not None and (name is None or name in SPELLINGS):
                raise FormulaError(f"{shown(left.strip())} in column {column} is no name that can be assigned")
            yield name or "", " " * (start + right) + piece[right:], column
        start += len(piece) + 1


class _AnyName(Names):
    """Names of which every one is known that is not a function's."""

    def find(self, name: str) -> str | None:
        """The name itself; e is Euler's number, and sigma a function, unless they were assigned."""
        return None if (name in SPELLINGS or name == "e") and name not in self.labels else name

    def unknown(self, name: str) -> str:
        """What to say about e, the only name that is not known."""
        return f"{name} is known in e^x only, or once it is assigned"


class _Builder:
    """Makes the nodes of formulas, one for those that are equal."""

    def __init__(self, draw: Callable[[], float]) -> None:
        self.draw = draw
        self.names: dict[str, Value] = {}
        self.made: dict[Expression, Any] = {}

    def read(self, text: str) -> Any:
        """The node, or the number, that a text stands for."""
        known = _AnyName(self.names)
        formula = parse(text, known)
        tokens = list(tokenize(text.rstrip(), known))
        for token in tokens:
            if token.kind == "name" and iskeyword(token.text) and token.text != "lambda":
                raise FormulaError(f"{shown(token.text)} in column {token.column} has no place in a formula")
        for token, after in pairwise(tokens):
            if token.kind == "name" and after.kind == "(" and self._looks_like_a_function(token.text):
                functions = ", ".join(name for name, same in SPELLINGS.items() if name == same != "sigma")
                raise FormulaError(
                    f"{shown(token.text)} in column {token.column} is none of the functions {functions}; "
                    "write * for a product"
                )
        return self.build(formula)

    def _looks_like_a_function(self, name: str) -> bool:
        letters = name.partition("_")[0]
        return len(letters) > 1 and letters not in GREEK and name not in self.names

    def build(self, x: Expression) -> Any:
        """The node of a formula; a number where no name is inside."""
        if isinstance(x, Name):
            if x.label not in self.names:
                self.names[x.label] = Value(self.draw(), label=x.label)
            return self.names[x.label]
        if x not in self.made:
            named = any(isinstance(part, Name) for part in parts(x))
            self.made[x] = self._node(x) if isinstance(x, Apply) and named else float(evaluate(x, {}))
        return self.made[x]

    def _node(self, x: Apply) -> Any:
        if x.function not in ("sum", "product"):
            return NODES[x.function](*map(self.build, x.arguments))
        inverse, combine, undo = _JOINED[x.function]
        total = self.build(x.arguments[0])
        for part in x.arguments[1:]:
            if not isinstance(part, Apply) or part.function != inverse:
                total = combine(total, self.build(part))
            elif (value := self.build(part.arguments[0])) == 0.0 and inverse == "inverse":
                raise FormulaError("the formula divides by 0")
            else:
                total = undo(total, value)
        return total


# What undoes a part of a sum or product, and the operators with and without it.
_JOINED = {"sum": ("negative", operator.add, operator.sub), "product": ("inverse", operator.mul, operator.truediv)}
