"""The words of a student's formula: the names that are known, in all their spellings, and the text cut into tokens."""

from __future__ import annotations

import difflib
import inspect
import math
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple
from unicodedata import numeric

import numpy as np

from microgradcnn.engine import functions
from microgradcnn.engine.functions import BUILT_IN
from microgradcnn.engine.record import TABLE, Primitive, free_names, input_names
from microgradcnn.views.formulas import expression
from microgradcnn.views.formulas.latex import Latex


class FormulaError(ValueError):
    """A text that is no formula in the known names; `steps` is how many steps it took to see that."""

    steps = 0


# The lecture's functions by their spellings, and other elementary ones; what sigma stands for depends on the graph.
_LECTURE = ("sqrt", "exp", "log", "abs", "tanh", "sigmoid", "relu", "step")
_ELEMENTARY = ("sin", "cos", "tan", "sinh", "cosh", "arcsin", "arccos", "arctan", "floor")
SPELLINGS = {name: name for name in (*_LECTURE, *_ELEMENTARY)}
SPELLINGS |= {"ln": "log", "sigma": "sigma", "ReLU": "relu", "heaviside": "step"}
# Those that are made of primitives; a text is no argument that a formula gives.
_MADE: dict[Any, list[str]] = {
    functions.gelu: ["x"],
    functions.silu: ["x"],
    functions.reciprocal: ["x"],
    functions.clip: ["x"],
}
_MADE |= {functions.leaky_relu: ["x"], functions.exp2: ["x"], functions.sinc: ["x"], functions.logaddexp2: ["a", "b"]}
_STATIC = {"clip": ["min", "max"], "leaky_relu": ["negative_slope"]}


@lru_cache(maxsize=256)
def _takes_numbers(op: Primitive) -> bool:
    """Whether a primitive is a function of numbers that can be called by its name: −x has a sign of its own."""
    if op.composed:  # layers, and functions that have names of their own, call them
        return False
    if op.name not in BUILT_IN:
        return bool(op.inputs) and (op.name.isidentifier() or canonical(op.name) is not None)
    if op.name in ("neg", "maximum", "minimum", "where"):
        return op.name != "neg"
    if isinstance(op.forward, np.ufunc):
        return op.forward.nin == 1 or op.opaque
    try:
        inspect.signature(op.forward).bind(0.0)
    except (TypeError, ValueError):
        return False
    return True


class Names:
    """The names that a formula may use, in all their spellings, its functions, and what σ means.

    Every primitive of numbers with a name is a function, where a bracket follows it and no label has its name.
    """

    def __init__(self, labels: Iterable[str], activation: str = "sigmoid") -> None:
        self.activation = activation
        self.functions: dict[str, Any] = {canonical(f.__name__) or f.__name__: f for f in _MADE}
        self.functions |= {canonical(op.name) or op.name: op for op in TABLE.values() if _takes_numbers(op)}
        for short in ("max", "min"):  # as formulas write them
            self.functions.setdefault(short, TABLE[f"{short}imum"])
        self.labels: dict[str, str] = {}  # by the canonical spelling, as s_1_2
        self.tight: dict[str, set[str]] = {}  # by the spelling without underscores, as s12
        for label in labels:
            if (match := NAME.fullmatch(label)) is not None:
                name = _canonical(match)
                self.labels[name] = label
                self.tight.setdefault(name.replace("_", ""), set()).add(label)

    def find(self, name: str) -> str | None:
        """The label that the canonical `name` stands for. Raises FormulaError if it could be two."""
        if name in self.labels:
            return self.labels[name]
        labels = self.tight.get(name.replace("_", ""), set())
        if len(labels) > 1:
            raise FormulaError(f"{name} could be {' or '.join(sorted(labels))}: write one of them")
        if not labels and re.fullmatch(r"p(_[0-9]+)+", name):
            labels = self._pixel(name.removeprefix("p").replace("_", ""))
        return next(iter(labels), None)

    def _pixel(self, digits: str) -> set[str]:
        """p_b for the lecture's p_ab: a is the first pixel of a window, b a pixel of it."""
        splits = [(digits[:i], digits[i:]) for i in range(1, len(digits)) if len(digits) <= 8]
        return {
            self.labels[f"p_{b}"]
            for a, b in splits
            if f"p_{a}" in self.labels and f"p_{b}" in self.labels and int(a) <= int(b)
        }

    def function_names(self) -> list[str]:
        """The functions by their names, the lecture's first."""
        return list(
            dict.fromkeys(
                [
                    *_LECTURE,
                    *(op.name for op in self.functions.values() if isinstance(op, Primitive)),
                    *(f.__name__ for f in _MADE),
                ]
            )
        )

    def parameters(self, function: str) -> tuple[list[str], list[str]]:
        """What a function's inputs are called, and its static arguments in the order in which formulas write them."""
        op = self.functions.get(function)
        if op in _MADE:
            return [*_MADE[op]], [*_STATIC.get(function, [])]
        if op is None or (op.inputs == 1 and op.name in BUILT_IN):
            return ["x"], []
        try:
            inputs, free = input_names(op, op.inputs or 0, ()), free_names(op)
        except ValueError:  # a notation that Python does not read
            inputs, free = [f"x_{i + 1}" for i in range(op.inputs or 0)], []
        named: list[inspect.Parameter] = []
        with suppress(ValueError):  # some functions written in C have no signature, and a ufunc's is about arrays
            named = [] if isinstance(op.forward, np.ufunc) else [*inspect.signature(op.forward).parameters.values()]
        given = [p.name for p in named if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)][len(inputs) :]
        return inputs, [name for name in dict.fromkeys([*free, *given]) if name not in inputs]

    def refuse_arguments(self, called: Token) -> None:
        """Raise FormulaError where a name has brackets with a comma inside, and so is meant for a function."""

    def unknown(self, name: str) -> str:
        """What to say about a name that is not known."""
        shown = name if len(name) <= 30 else name[:27] + "..."
        if name[:1] == "d" and len(name) > 1 and self.find(_spaced(name[1:])):
            return f"{shown} is a derivative: write it out"
        known = [*self.labels.values(), *(name for name in SPELLINGS if name not in _ELEMENTARY)]
        meant = difflib.get_close_matches(shown, known, n=1, cutoff=0.5)
        meant = meant or difflib.get_close_matches(shown, self.function_names(), n=1, cutoff=0.75)
        return f"{shown} is not known here: did you mean {meant[0]}?" if meant else f"{shown} is not known here"


class Token(NamedTuple):
    """A piece of the text: number, raised, name, function, static or the symbol itself; and where it stands."""

    kind: str
    text: str
    column: int


GREEK = {letter: name for name, letter in expression.GREEK.items() if name.islower()}
_LOW, _HIGH = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789"), str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_GLYPHS = "½⅓⅔¼¾⅕⅙⅛⅜⅝⅞"
FRACTIONS = {glyph: numeric(glyph) for glyph in _GLYPHS} | {"pi": math.pi}
_HAT = r"\\(?:wide)?hat[ ]*\{[ ]*[A-Za-z][ ]*\}|\\(?:wide)?hat[ ]+[A-Za-z]|[A-Za-z]\u0302|ŷ"
_FONT = r"\\(?:operatorname|mathrm|mathit|mathbf|text)\{[A-Za-z]+\}"
_COMMAND = rf"\\(?:{'|'.join({*GREEK.values(), *Latex.operators, 'ln'})})(?![A-Za-z])"
_INDEX = r"_[0-9]+|_[A-Za-z]+|_\{[0-9A-Za-z, _]+\}|[₀-₉]+|[0-9]+"
NAME = re.compile(rf"(?P<base>{_HAT}|{_FONT}|{_COMMAND}|[{''.join(GREEK)}]|[A-Za-z]+)(?P<index>(?:{_INDEX})*+)")
SPACE = re.compile(
    r"(?:[ \t\u00a0\u2009]|\\[,;:! ]|\\(?:left|right|bigl?|bigr|Bigl?|Bigr|q?quad|displaystyle)(?![A-Za-z]))+"
)
NUMBER = re.compile(rf"[{_GLYPHS}]|[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+")
RAISED = re.compile(r"⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
SYMBOL = re.compile(
    r"\*\*|[<>]=|\\(?:cdot|times|ge|le|geq|leq|lfloor|rfloor|sqrt|[dt]?frac)(?![A-Za-z])|[-+*/^()\[\]{}|⌊⌋<>√'−–·×⋅∙÷≤≥]"
)
SAME = {"**": "^", "−": "-", "–": "-", "÷": "/", "≤": "<=", "≥": ">=", "√": "\\sqrt", "\\tfrac": "\\frac"}
SAME |= dict.fromkeys(("·", "×", "⋅", "∙", "\\cdot", "\\times"), "*") | {"\\dfrac": "\\frac"}
SAME |= {"\\lfloor": "⌊", "\\rfloor": "⌋"}
SAME |= dict.fromkeys(("\\ge", "\\geq"), ">=") | dict.fromkeys(("\\le", "\\leq"), "<=")
WORD = re.compile(r"[^\W\d]\w*")  # a function's name, where it is no label's: größe, log1p
COMMA = re.compile(",")  # between arguments
# {1 if a > 0, else 0.25} and {1 if a > b, 0.5 if a = b, else 0}, as people read where
CASE = re.compile(r"(?<= )if(?= .*, else )|, else(?= )|,(?= [^{}]* if [^{}]*, else )|(?<= )=(?= [^{}]*, else )")
STATIC = re.compile(rf"({WORD.pattern})(?: *=(?!=)|(?= +-?[0-9.]))")  # slope=0.25, or slope 0.25 as people read it
WHY = {"=": "is too much: give the right-hand side alone", ",": "has no place here: decimals take a point"}
CLOSING = {"(": ")", "[": "]", "{": "}", "⌊": "⌋"}


def _spaced(name: str) -> str:
    return "_".join(re.findall(r"[A-Za-z]+|[0-9]+", name))


def _canonical(match: re.Match[str]) -> str:
    """z_1 for z1, z_{1}, z₁; y_hat for ŷ; lambda for λ."""
    base, index = match["base"], match["index"].translate(_LOW)
    letters = re.findall(r"[A-Za-z]+", base)
    if base == "ŷ" or base.endswith("\u0302") or base.startswith(("\\hat", "\\widehat")):
        base = f"{'y' if base == 'ŷ' else letters[-1]}_hat"
    elif base in GREEK:
        base = GREEK[base]
    else:
        base = letters[-1]
        base = f"{base[:-3]}_hat" if re.fullmatch(r"[a-z]hat", base) else base
    return "_".join([base, *re.findall(r"[A-Za-z]+|[0-9]+", index)])


def canonical(name: str) -> str | None:
    """The spelling that a name has as a label, z_1 for z1, z_{1} or z₁; None for what is no name."""
    match = NAME.fullmatch(name.strip())
    return None if match is None else _canonical(match)


def tokenize(text: str, names: Names) -> Iterator[Token]:
    """The text cut up, names resolved. Raises FormulaError at the first thing that belongs in no formula."""
    at, last, calls = 0, Token("", "", 0), [""]  # what is open: the functions, and the brackets that are of none
    before = [last]  # what stands before each of these brackets
    while at < len(text):
        found = SPACE.match(text, at)
        if found is None:
            if text[at] == "," and before[-1].kind == "name":
                names.refuse_arguments(before[-1])
            found = _match(text, at, calls[-1], names)
            for token in _tokens(found, text, names):
                if token.kind in CLOSING:
                    calls.append(last.text if last.kind == "function" else token.kind)
                    before.append(last)
                elif token.kind in CLOSING.values() and len(calls) > 1:
                    calls.pop()
                    before.pop()
                last = token
                yield token
        at = found.end()


def _match(text: str, at: int, inside: str, names: Names) -> re.Match[str]:
    """The next piece of the text, among the arguments of a function or inside a bracket."""
    found = STATIC.match(text, at)
    if found and found[1] in names.parameters(inside)[1] and ("=" in found[0] or found[1] not in names.labels):
        return found
    found = (CASE.match(text, at) if inside == "{" else None) or WORD.match(text, at)
    if found and (found.re is CASE or (found[0] in names.functions and canonical(found[0]) is None)):
        return found
    found = NUMBER.match(text, at) or RAISED.match(text, at) or NAME.match(text, at) or SYMBOL.match(text, at)
    found = found or (COMMA.match(text, at) if inside not in ("", *CLOSING) else None)
    if found is None:
        why = WHY.get(text[at], "has no place in a formula")
        command = re.match(r"\\[A-Za-z]*", text[at : at + 20])
        raise FormulaError(f"{shown(command[0] if command else text[at])} in column {at + 1} {why}")
    return found


def _tokens(found: re.Match[str], text: str, names: Names) -> Iterator[Token]:
    """What a piece of the text stands for."""
    column = found.start() + 1
    if found.re is NAME:
        yield from _named(found, text, names)
    elif found.re is RAISED:
        yield Token("^", found[0], column)
        yield Token("raised", found[0].translate(_HIGH), column)
    elif found.re is STATIC:
        yield Token("static", found[1], column)
    else:
        kinds = {NUMBER: "number", WORD: "function", CASE: found[0].removeprefix(", ")}
        yield Token(kinds.get(found.re, SAME.get(found[0], found[0])), found[0], column)


def _named(match: re.Match[str], text: str, names: Names) -> Iterator[Token]:
    """One name, or several that are written together."""
    name, column = _canonical(match), match.start() + 1
    end = space.end() if (space := SPACE.match(text, match.end())) else match.end()
    label = names.find(name)
    after = text[end : end + 1]
    own = name in names.functions and name not in names.labels and after in ("'", *CLOSING)
    if own or (name in SPELLINGS and (label is None or after in ("(", "'"))):
        yield Token("function", name, column)
    elif label is not None:
        yield Token("name", label, column)
    elif name == "pi" and names.find("i") is None:  # in brackets, so that 2π is a product
        yield from (Token("(", "(", column), Token("number", name, column), Token(")", ")", column))
    elif name == "e" and (after == "^" or text[end : end + 2] == "**"):
        yield Token("function", name, column)
    else:
        letters, _, index = name.partition("_")
        pieces = [*letters[:-1][:8], f"{letters[-1]}_{index}" if index else letters[-1]]
        labels = [names.find(piece) for piece in pieces]
        if len(letters) > 8 or None in labels:
            raise FormulaError(f"{names.unknown(name)} (column {column})")
        yield from (Token("name", str(label), column) for label in labels)


def shown(text: str) -> str:
    """A piece of the answer as an error shows it: short, and in ASCII where it could not be seen."""
    return f"'{text[:20]}'" if text[:20].isprintable() else ascii(text[:20])
