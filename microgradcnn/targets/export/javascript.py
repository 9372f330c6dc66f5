"""Graphs as JavaScript: one function that computes any numbers of a graph, and what every primitive is called there.

>>> from microgradcnn import Value
>>> w, x = Value(0.5, label="w"), Value(3.0, label="x")
>>> print(function([w * x], [w, x]))
function program(v) {
  const [w, x] = v;
  const t1 = w * x;
  return [t1];
}
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from microgradcnn.engine.gradient import topological
from microgradcnn.engine.record import TABLE
from microgradcnn.engine.table.elementary import FAR, NEAR, SPLIT
from microgradcnn.engine.value import Value
from microgradcnn.targets.export.source import PER_LINE, Naming
from microgradcnn.targets.lines import COMPARISONS, LEAVES, Line, Lines, in_order, is_own
from microgradcnn.targets.notation import missing_line, own_line, rows
from microgradcnn.targets.scalars import opened_arrays, operations
from microgradcnn.targets.simplify import opened, simplified
from microgradcnn.targets.trace import recorded

MOST_OPERATIONS = 20_000  # on numbers, into which arrays are opened


class TooLargeError(ValueError):
    """A graph that takes too many operations."""


class NoLineError(ValueError):
    """A primitive of the user's own that JavaScript cannot compute; `op` is its name."""

    def __init__(self, line: Line) -> None:
        super().__init__(missing_line(line, "javascript"))
        self.op = line.op


def function(outputs: Sequence[Value], leaves: Sequence[Value], name: str = "program") -> str:
    """`function name(v) { ... }`: from v, an array of the numbers of `leaves`, an array of those of `outputs`.

    Arrays among them are their numbers, row by row. Leaves that are not named are constants. Nothing of a label but
    letters, digits and underscores is in the text. Raises ValueError for what was computed among the leaves,
    TooLargeError for arrays that would open into more than 20,000 operations, and NoLineError for a primitive that
    JavaScript cannot compute.
    """
    lines = as_recorded(outputs, leaves)
    if any(line.shape for line in in_order(lines.outputs)):
        lines = _in_scalars(lines)
    lines = simplified(lines)
    return _text(lines, name)


def as_recorded(outputs: Sequence[Value], leaves: Sequence[Value]) -> Lines:
    """The lines of a graph as they were recorded, all of them primitives that JavaScript can compute.

    Raises ValueError for what was computed among the leaves, and NoLineError.
    """
    for leaf in leaves:
        if leaf.op is not None:
            raise ValueError(f"{leaf.describe()} was computed: the function takes leaves, Values made by hand")
    for output in outputs:
        topological(output)  # refuses a leaf that was changed
    lines = opened(recorded(outputs, leaves), "javascript")
    for line in filter(is_own, in_order(lines.outputs)):
        if line.op not in EXPRESSIONS and "javascript" not in TABLE[line.op].targets:
            raise NoLineError(line)
    return lines


def _in_scalars(lines: Lines) -> Lines:
    """The lines of the same numbers without an array."""
    if operations(lines) > MOST_OPERATIONS:
        raise TooLargeError(
            f"the graph takes more than {MOST_OPERATIONS} operations on numbers: too many for a program in scalars"
        )
    outputs, inputs = opened_arrays(lines.outputs, lines.inputs)
    numbers: list[Any] = [v for grid in outputs for v in grid.ravel()]
    leaves: list[Any] = [v for grid in inputs for v in grid.ravel()]
    return recorded([v if isinstance(v, Value) else Value(v) for v in numbers], leaves)


def _text(lines: Lines, name: str) -> str:
    order = [line for line in in_order(lines.outputs) if line.op not in LEAVES]
    names = Identifiers(name, lines.inputs, order)
    body = list(dict.fromkeys(DEFINITIONS[line.op].strip() for line in order if line.op in DEFINITIONS))
    if lines.inputs:
        body.append(f"const {listed([names[leaf] for leaf in lines.inputs])} = v;")
    body += [f"const {names[line]} = {rounded(line, [names[arg] for arg in line.args])};" for line in order]
    results = [f"Number({names[line]})" if line.dtype == np.bool_ else names[line] for line in lines.outputs]
    body.append(f"return {listed(results)};")
    inside = "\n".join(body).replace("\n", "\n  ")
    return f"function {name}(v) {{\n  {inside}\n}}"


def listed(items: Sequence[str]) -> str:
    """A list, of one line or of a line for each."""
    whole = f"[{', '.join(items)}]"
    return whole if len(whole) <= PER_LINE else "[\n  " + ",\n  ".join(items) + ",\n]"


def expression(line: Line, args: Sequence[str]) -> str:
    """The right-hand side of a line of numbers, in the names of its arguments; what is true or false stays so.

    Raises ValueError for a primitive that JavaScript cannot compute.
    """
    if line.op not in EXPRESSIONS:
        text = own_line(line, "javascript", args, literal)
    else:
        row = EXPRESSIONS[line.op]
        text = row(line, args) if callable(row) else row.format(*args)
    return f"Boolean({text})" if line.dtype == np.bool_ and line.op not in COMPARISONS else text


def rounded(line: Line, args: Sequence[str]) -> str:
    """The same where float32 is rounded to at every step."""
    text = expression(line, args)
    return f"Math.fround({text})" if line.dtype == np.float32 else text


def literal(value: float) -> str:
    """A number or a boolean as JavaScript writes it, with all its digits."""
    if isinstance(value, bool):
        return str(value).lower()
    if value != value:
        return "NaN"
    text = "Infinity" if abs(value) == np.inf else repr(abs(float(value))).removesuffix(".0")
    return f"(-{text})" if np.signbit(value) else text


class Identifiers:
    """What every line is called: its label as far as that is an identifier, otherwise t1, t2, ..."""

    def __init__(
        self, function: str, leaves: Iterable[Line], order: Iterable[Line], reserved: Sequence[str] = ()
    ) -> None:
        self._names = Naming({*RESERVED, *DEFINITIONS, function, "v", *reserved}, _identifier)
        unlabelled = 0
        for line in (*leaves, *order):
            if line.label is None:
                unlabelled += 1
            self._names.give(line, f"t{unlabelled}" if line.label is None else line.label)

    def __getitem__(self, line: Line) -> str:
        return literal(line.value) if line.op == "number" else self._names[line]


def _identifier(label: str) -> str:
    """A label as a name, of Latin and Greek letters, digits and underscores: every browser knows these as letters."""
    name = re.sub(r"[^A-Za-z0-9À-ÖØ-öø-ʯΑ-ΡΣ-Ωα-ω_]", "_", unicodedata.normalize("NFKC", label))
    return name if re.match(r"\D", name) else f"_{name}"


def _condition(line: Line, text: str) -> str:
    """What to choose by; every number but 0 is true, NaN as well."""
    return text if line.dtype == np.bool_ else f"{text} !== 0"


RESERVED = frozenset(
    {
        *("arguments", "await", "break", "case", "catch", "class", "const", "continue", "debugger"),
        *("default", "delete", "do", "else", "enum", "eval", "export", "extends", "false", "finally", "for"),
        *("function", "if", "implements", "import", "in", "instanceof", "interface", "let", "new", "null"),
        *("package", "private", "protected", "public", "return", "static", "super", "switch", "this"),
        *("throw", "true", "try", "typeof", "var", "void", "while", "with", "yield", "Boolean", "Infinity"),
        *("Math", "NaN", "Number", "undefined"),
    }
)

# What every primitive on numbers is in JavaScript: an expression in its arguments {0}, {1}, ...
EXPRESSIONS: dict[str, str | Callable[[Line, Sequence[str]], str]] = {
    **rows("javascript"),
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "div": "{0} / {1}",
    "neg": "-{0}",
    "power": lambda line, args: f"pow({args[0]}, {literal(line.static['exponent'])})",
    "pow": "pow({0}, {1})",
    "square": "{0} * {0}",
    "sqrt": "Math.sqrt({0})",
    "abs": "Math.abs({0})",
    "exp": "Math.exp({0})",
    "expm1": "Math.expm1({0})",
    "log": "Math.log({0})",
    "log1p": "Math.log1p({0})",
    "tanh": "Math.tanh({0})",
    "sigmoid": "sigmoid({0})",
    "softplus": "Math.max({0}, 0) + Math.log1p(Math.exp(-Math.abs({0})))",
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "greater": "{0} > {1}",
    "greater_equal": "{0} >= {1}",
    "equal": "{0} == {1}",  # with a boolean, === is never true of a number
    "where": lambda line, args: f"{_condition(line.args[0], args[0])} ? {args[1]} : {args[2]}",
    "relu": "Math.max({0}, 0)",
    "maximum": "Math.max({0}, {1})",
    "minimum": "Math.min({0}, {1})",
    "astype": "Number({0})",
}

_POW = """
function pow(x, y) { // IEEE has 1 for 1**y and (-1)**Infinity, JavaScript NaN
  return x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : Math.pow(x, y);
}
"""
_SIGMOID = """
function sigmoid(x) { // from exp(-|x|), which cannot overflow
  const e = Math.exp(-Math.abs(x));
  return x < 0 ? e / (1 + e) : 1 - e / (1 + e);
}
"""
_ERF = f"""
function erf(x) {{ // by the rational approximations of W. J. Cody, Math. Comp. 23 (1969)
  const polynomial = (z, coefficients) => coefficients.reduce((sum, c) => sum * z + c);
  const ratio = (z, [above, below]) => polynomial(z, above) / polynomial(z, below);
  const size = Math.min(Math.abs(x), 6);
  if (size <= {SPLIT})
    return x * ratio(size * size, {list(map(list, NEAR))});
  return Math.sign(x) * (1 - Math.exp(-size * size) * ratio(size, {list(map(list, FAR))}));
}}
"""
_LOGADDEXP = """
function logaddexp(a, b) { // from the larger, which cannot overflow
  return a === b ? a + Math.LN2 : Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b)));
}
"""
_MOD = """
function mod(a, b) { // with the sign of b, JavaScript's has that of a
  const rest = a % b;
  return rest !== 0 ? (rest < 0 === b < 0 ? rest : rest + b) : b < 0 ? -0 : 0;
}
"""

# The functions that primitives' expressions call.
DEFINITIONS = {
    **{"pow": _POW, "power": _POW, "sigmoid": _SIGMOID},
    **{"erf": _ERF, "logaddexp": _LOGADDEXP, "mod": _MOD},
}
