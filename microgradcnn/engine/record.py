"""Primitive: the record that the table has of every operation, and its value on raw numbers and arrays."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Mapping, Sequence, Sized
from functools import lru_cache, partial, wraps
from keyword import iskeyword
from typing import Any, Protocol

import numpy as np

from microgradcnn.engine.arrays import Data, check_unmasked, ieee, plain, quiet, quiet_context

TABLE: dict[str, Primitive] = {}  # every primitive by name; primitives.py, axes.py and images.py fill it
TARGETS = ("python", "javascript", "llvm", "onnx")  # what a record may have a line of its own for
NO_RULE_BY_HAND = (  # what errors say where somebody makes a node, or its backward, by hand
    "nodes are made by operators and functions of Values, such as a + b, with the chain rules of the table, to which "
    "mg.primitive(name, forward, chain, notation) adds one of your own"
)
ON_NUMBERS = {"javascript", "llvm"}  # targets whose programs know no arrays
_POINTS = (0.7, -1.3, 2.6, -0.4)  # where a user's scalar is held against forward

# What each number of a value takes: t numbers are moved (for nothing), added up, averaged or compared, or t products of
# two are added up; or it is one operation, which the notation tells.
WORKS = ("moves", "sum", "mean", "max", "product", "arithmetic", "comparison")
_WORK_OF_SIGNS = {**dict.fromkeys("+-*/", "arithmetic"), **dict.fromkeys(("<", "<=", ">", ">=", "=="), "comparison")}


class Rules(Protocol):
    """The chain rule of a primitive: a rule for each input by its number, None where no gradient flows."""

    def __getitem__(self, k: int, /) -> Callable[..., Any] | None: ...


class Primitive:
    """One row of the table: what an operation computes, its chain rule and how it is written.

    `forward(*inputs, **static)` gives the value on raw numbers and arrays. `chain` has one rule for each input,
    `(g, y, *inputs, **static) -> df/d(input)`, where g is df/dy and y the value; None where no gradient flows. The
    rules use operators and primitives only, so that they serve arrays and Values alike. `notation` is a Python
    expression in the inputs. `scalar` is `forward` for Python floats alone, where that works element by element; where
    it raises, NumPy's answer stands. `elementwise`: each number of the value comes from the number at the same place,
    by broadcasting, of each input. `symbol` is what formulas call it, `infix` the sign that stands between its inputs.
    They write it `by_name`, as σ(x), where the notation is `opaque`, which says no more than that, or has an input
    twice, or is `composed`; `repeats` if its chain rules have one twice, so that a long input needs a name. `work` is
    one of WORKS, or "" for the value of a function. `targets` are the lines that a user's primitive has of its own, as
    `primitive` says. `composed`: all that is made of a graph but its gradient and its formulas knows it by its
    notation, as a user's primitive.
    """

    __slots__ = (
        *("by_name", "chain", "composed", "elementwise", "forward", "infix", "inputs", "name", "notation", "opaque"),
        *("repeats", "scalar", "symbol", "targets", "work"),
    )

    __call__: Callable[..., Any]  # value.py gives it: a Value if there is one among the inputs, otherwise plain data

    def __init__(
        self,
        name: str,
        forward: Callable[..., Any],
        chain: Rules,
        notation: str,
        scalar: Callable[..., Any] | None = None,
        targets: Mapping[str, str] | None = None,
        *,
        symbol: str | None = None,
        work: str = "",
        repeats: bool = False,
        composed: bool = False,
    ) -> None:
        self.name, self.forward, self.chain, self.composed = name, forward, chain, composed
        self.notation, self.scalar, self.targets = notation, scalar, dict(targets or {})
        is_ufunc = isinstance(forward, np.ufunc) and forward.signature is None
        self.elementwise = scalar is not None or is_ufunc or not ON_NUMBERS.isdisjoint(self.targets)
        self.inputs = len(chain) if isinstance(chain, Sized) else None  # None: any number of them
        self.symbol = symbol or name
        names = [n for n in re.findall(r"(?<![\w.])[^\W\d]\w*\b(?!\()", notation) if n != "pi"]
        self.opaque = notation.startswith(f"{name}(")
        self.by_name = self.opaque or composed or len(set(names)) < len(names)
        self.repeats = repeats or len(set(names)) < len(names)
        sign = re.fullmatch(r"\w+ (\W+) \w+", notation)
        self.infix = sign[1] if sign else None
        self.work = work or _WORK_OF_SIGNS.get(self.infix or "", "")
        TABLE[name] = self

    def evaluate(self, inputs: Sequence[Data], static: dict[str, Any]) -> Data:
        """The value on raw inputs: IEEE arithmetic without a warning, on Python floats where all inputs are."""
        for x in inputs:
            if type(x) is not float and (type(x) is not bool or self.name != "where"):
                for given in inputs:
                    if type(given) is not np.ndarray and type(given) is not float:
                        check_unmasked(given)
                y = quiet_context().run(self.forward, *inputs, **static)
                return y if type(y) is np.ndarray and y.ndim else plain(y)
        if self.scalar is not None:
            try:
                return self.scalar(*inputs, **static) if static else self.scalar(*inputs)
            except (ArithmeticError, ValueError):
                pass  # Python raises where IEEE has an answer: 1/0, log(0), exp(1000)
        return plain(quiet(self.forward, *map(ieee, inputs), **static))

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return primitive_named, (self.name,)


class Each:
    """The chain of a primitive with any number of inputs: `rule(k, g, y, *inputs, **static)` is the rule of input k."""

    def __init__(self, rule: Callable[..., Any]) -> None:
        self.rule = rule

    def __getitem__(self, k: int) -> Callable[..., Any]:
        return partial(self.rule, k)


def on_arrays(kernel: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator of a rule: where g and the value are arrays, `kernel` gives its numbers, with fewer arrays made."""

    def decorate(rule: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(rule)
        def either(g: Any, y: Any, *inputs: Any, **static: Any) -> Any:
            chosen = kernel if type(g) is np.ndarray and type(y) is np.ndarray else rule
            return chosen(g, y, *inputs, **static)

        return either

    return decorate


def primitive(
    name: str,
    forward: Callable[..., Any],
    chain: Sequence[Callable[..., Any] | None],
    notation: str | None = None,
    scalar: Callable[..., Any] | None = None,
    targets: Mapping[str, str] | None = None,
    *,
    symbol: str | None = None,
    work: str = "",
) -> Primitive:
    """A primitive of your own, in the same form as the table's: call it on Values, numbers and arrays.

    `forward(*inputs, **static)` gives the value with NumPy; `chain` has one rule for each input,
    `(g, y, *inputs, **static) -> df/d(input)`, where g is df/dy; write it with operators and mg functions, and it can
    be differentiated again. `notation` is a Python expression in the inputs' names, such as "x * sigmoid(x)"; `scalar`
    is `forward` for Python floats, for primitives that work element by element.

    Formulas write the notation out or, where it has an input twice, the name (`symbol`, if given), and tell once what
    that stands for; costs are counted in it. For a primitive of arrays `work` says what is to count: "moves" if numbers
    are only moved, "sum" or "product" if terms, or products of two, are added up; else a function value a number.

    A notation of operators, numbers, static arguments and mg functions, or of primitives of your own with such a
    notation, is all that source, the jit, JAX, JavaScript and ONNX need: they compute the value by it, if it gives the
    numbers that `forward` gives, and the gradient by your chain. What cannot be written so has its line in `targets`:

        mg.primitive("own_sinh", np.sinh, [lambda g, y, x: g * mg.sqrt(1.0 + y * y)], "own_sinh(x)", targets={
            "python": "xp.sinh(x)",         # an expression; xp is numpy or jax.numpy
            "javascript": "Math.sinh(x)",   # an expression in numbers
            "llvm": "sinh",                 # a function of C's <math.h> that takes the inputs, for the jit
            "onnx": "Sinh",                 # an operator that takes the inputs, and static arguments as attributes
        })

    In expressions the inputs and the static arguments are called as in the notation. A line for JavaScript or the jit
    says that the primitive works element by element. Without any of it NumPy runs the primitive, also for the jit,
    which warns; a page shows recorded numbers; source, JAX and ONNX refuse it by name.

    `scalar` is held against `forward` here, at a few numbers, where it needs no static argument; the line for Python,
    like a notation, where source or JAX use it. Those for JavaScript, the jit and ONNX are taken as given.
    Raises ValueError for a name that the table has, for a target that there is not, for any other work, for a line for
    Python that is no expression, and for a `scalar` that gives other numbers than `forward`.
    """
    if not isinstance(name, str) or not name:
        raise ValueError(f"a primitive has a name, such as 'swish', and {name!r} is none")
    if name in TABLE and not isinstance(TABLE[name].chain, _Given):
        raise ValueError(f"{name!r} is in the table already: choose another name for your primitive")
    for target in targets or {}:
        if target not in TARGETS:
            raise ValueError(f"the targets of a primitive are {', '.join(TARGETS)}, not {target!r}")
    if work not in ("", "moves", "sum", "product"):
        raise ValueError(f"the work of the primitive {name!r} is 'moves', 'sum' or 'product', not {work!r}")
    if targets and "python" in targets:
        syntax_of(targets["python"].strip(), f"the primitive {name!r} cannot be written in Python:")
    rules = tuple(chain)
    if scalar is not None:
        _check_scalar(name, forward, scalar, len(rules))
    inputs = ("x",) if len(rules) == 1 else [f"x_{i}" for i in range(1, len(rules) + 1)]
    written = notation or f"{name}({', '.join(inputs)})"
    return Primitive(name, forward, _Given(name, rules), written, scalar, targets, symbol=symbol, work=work)


def _check_scalar(name: str, forward: Callable[..., Any], scalar: Callable[..., Any], inputs: int) -> None:
    """Raise ValueError where `scalar` gives another number than `forward`; where either raises, none is compared."""
    for i in range(len(_POINTS)):
        point = [_POINTS[(i + k) % len(_POINTS)] for k in range(inputs)]
        try:
            found, expected = float(scalar(*point)), float(quiet(forward, *map(ieee, point)))
        except Exception:  # whatever the user's functions refuse numbers with, or the lack of a static argument
            continue
        if not np.isclose(found, expected, 1e-9, 1e-12, equal_nan=True):
            raise ValueError(
                f"the scalar of the primitive {name!r} gives {found:.12g} at {', '.join(map(str, point))}, where its "
                f"forward gives {expected:.12g}: both must be the same function"
            )


@lru_cache(maxsize=256)
def syntax_of(text: str, what: str = "the notation") -> ast.expr:
    """The syntax tree of a notation, or of what else. Raises ValueError for one that is no Python expression."""
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise ValueError(f"{what} {text!r} is no Python expression") from error


@lru_cache(maxsize=256)
def input_names(op: Primitive, count: int, static: tuple[str, ...]) -> list[str]:
    """What the notation calls the inputs, in their order: as forward or a rule calls them, else as they appear.

    Raises ValueError for a notation that is no Python expression.
    """
    free = [name for name in free_names(op) if name not in static]
    rules = [rule for k in range(count) if (rule := op.chain[k]) is not None]
    for function, skipped in [(op.forward, 0), *[(rule, 2) for rule in rules]]:
        try:
            names = [p.name for p in inspect.signature(function).parameters.values() if p.kind is not p.VAR_KEYWORD]
        except (TypeError, ValueError):  # a ufunc has no signature
            continue
        names = [name for name in names[skipped:] if name not in static]
        if set(free) <= set(names):
            return names[:count]
    return free


@lru_cache(maxsize=256)
def free_names(op: Primitive) -> list[str]:
    """The names in a notation but those of functions, as they appear; none if it only calls what Python cannot.

    Raises ValueError as `input_names` does.
    """
    if op.opaque and (not op.name.isidentifier() or iskeyword(op.name)):
        return []
    tree = syntax_of(op.notation)
    called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    used = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node not in called]
    used.sort(key=lambda node: node.col_offset)
    return list(dict.fromkeys(node.id for node in used if node.id != "pi"))


class _Given:
    """The chain of a user's primitive; an input for which it has no rule is an error, not a gradient of zero."""

    def __init__(self, name: str, rules: tuple[Callable[..., Any] | None, ...]) -> None:
        self.name, self.rules = name, rules

    def __len__(self) -> int:
        return len(self.rules)

    def __getitem__(self, k: int) -> Callable[..., Any] | None:
        return self.rules[k] if k < len(self.rules) else self._missing

    def _missing(self, *arguments: Any, **static: Any) -> Any:
        raise TypeError(
            f"the chain of the primitive {self.name!r} has {len(self.rules)} rules, one for each input: "
            "write None where no gradient flows"
        )


def primitive_named(name: str) -> Primitive:
    """The primitive of that name. Raises ValueError if there is none, as when a loaded graph used somebody's own."""
    if name not in TABLE:
        raise ValueError(
            f"there is no primitive {name!r}: define it with mg.primitive before loading a graph that uses it"
        )
    return TABLE[name]
