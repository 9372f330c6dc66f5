"""Assignments as a graph, as they are typed on the command line: `z = sigmoid(w*x + b); (z - y)**2`.

Every name is welcome here, other than in an answer: one that was not assigned is a leaf. What is written twice is one
node, and what has no name inside is a number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from keyword import iskeyword
from typing import Any
from weakref import WeakKeyDictionary

from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Value
from microgradcnn.views.answers.parser import LENGTH, parse
from microgradcnn.views.answers.reading.notations import YIELDING
from microgradcnn.views.answers.tokens import SPELLINGS, FormulaError, Names, Token, canonical, shown, tokenize
from microgradcnn.views.formulas.expression import GREEK

# By the loss of a text: what its names stand for, also those that the loss does not need; and those that got a number.
_given_names: WeakKeyDictionary[Value, dict[str, Value]] = WeakKeyDictionary()
_given_numbers: WeakKeyDictionary[Value, frozenset[str]] = WeakKeyDictionary()
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
    _given_names[result], _given_numbers[result] = builder.names, frozenset(given)
    return result, frozenset(name for name, node in builder.names.items() if node.op is None and name not in given)


def given_names(loss: Value) -> Mapping[str, Value]:
    """What the names stand for in the text that `read_assignments` made a loss of; empty for any other."""
    return _given_names.get(loss, {})


def given_numbers(loss: Value) -> frozenset[str] | None:
    """The names that got a number in the text that `read_assignments` made a loss of; None for any other loss."""
    return _given_numbers.get(loss)


def _pieces(text: str) -> Iterator[tuple[str, str, int]]:
    """The name on the left, the formula on the right, moved to its column in the text, and the column of the name."""
    start = 0
    for piece in re.split("[;\n]", text):
        if piece.strip():
            found = ((sign, piece[: sign.start()]) for sign in _EQUALS.finditer(piece))
            equals = next((sign for sign, before in found if before.count("(") <= before.count(")")), None)  # f(x, k=2)
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
        function = name in SPELLINGS and name not in YIELDING
        return None if (function or name == "e") and name not in self.labels else name

    def constant(self, name: str) -> bool:
        """Whether a name is a number's: none is."""
        return False

    def refuse_arguments(self, called: Token) -> None:
        """Raise FormulaError: the name is none of the functions."""
        raise FormulaError(
            f"{shown(called.text)} in column {called.column} is none of the functions "
            f"{', '.join(self.function_names())}; write * for a product"
        )

    def unknown(self, name: str) -> str:
        """What to say about e, the only name that is not known."""
        return f"{name} is known in e^x only, or once it is assigned"


class _Builder:
    """Computes the nodes of formulas, one for those that are equal; what has no name inside is a number."""

    def __init__(self, draw: Callable[[], float]) -> None:
        self.draw = draw
        self.names: dict[str, Value] = {}
        self.made: dict[Any, Any] = {}

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
                known.refuse_arguments(token)
        return self.build(formula)

    def _looks_like_a_function(self, name: str) -> bool:
        letters = name.partition("_")[0]
        return len(letters) > 1 and letters not in GREEK and name not in self.names

    def build(self, formula: Value) -> Any:
        """The node of a formula, or its number."""
        made: dict[Value, Any] = {}
        for node in topological(formula):
            if node.op is None:
                made[node] = node.item() if node.label is None else self._named(node.label)
                continue
            inputs = [made.get(p, p.data) for p in node.parents]  # a Constant's data
            if node.op.name == "div" and getattr(inputs[1], "data", inputs[1]) == 0.0:
                raise FormulaError("the formula divides by 0")
            key = (node.op, *inputs, *node.static.items())
            made[node] = self.made[key] = self.made[key] if key in self.made else node.op(*inputs, **node.static)
        return made[formula]

    def _named(self, label: str) -> Value:
        if label not in self.names:
            self.names[label] = Value(self.draw(), label=label)
        return self.names[label]
