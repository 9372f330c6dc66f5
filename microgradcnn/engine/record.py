"""Primitive: the record that the table has of every operation, and its value on raw numbers and arrays."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from itertools import repeat
from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Data, check_unmasked, ieee, plain, quiet

TABLE: dict[str, Primitive] = {}  # every primitive by name; primitives.py fills it
TARGETS = ("python", "javascript", "llvm", "onnx")  # what a record may have a line of its own for
ON_NUMBERS = {"javascript", "llvm"}  # targets whose programs know no arrays


class Primitive:
    """One row of the table: what an operation computes, its chain rule and how it is written.

    `forward(*inputs, **static)` gives the value on raw numbers and arrays. `chain` has one rule for each input,
    `(g, y, *inputs, **static) -> df/d(input)`, where g is df/dy and y the value; None where no gradient flows. The
    rules use operators and primitives only, so that they serve arrays and Values alike. `notation` is a Python
    expression in the inputs. `scalar` is `forward` for Python floats alone, where that works element by element; where
    it raises, NumPy's answer stands. `elementwise`: each number of the value comes from the number at the same place,
    by broadcasting, of each input. `targets` are the lines that a user's primitive has of its own, as `primitive` says.
    """

    __slots__ = ("chain", "elementwise", "forward", "name", "notation", "scalar", "targets")

    __call__: Callable[..., Any]  # value.py gives it: a Value if there is one among the inputs, otherwise plain data

    def __init__(
        self,
        name: str,
        forward: Callable[..., Any],
        chain: Iterable[Callable[..., Any] | None],
        notation: str,
        scalar: Callable[..., Any] | None = None,
        targets: Mapping[str, str] | None = None,
    ) -> None:
        self.name, self.forward, self.chain = name, forward, chain
        self.notation, self.scalar, self.targets = notation, scalar, dict(targets or {})
        is_ufunc = isinstance(forward, np.ufunc) and forward.signature is None
        self.elementwise = scalar is not None or is_ufunc or not ON_NUMBERS.isdisjoint(self.targets)
        TABLE[name] = self

    def evaluate(self, inputs: Sequence[Data], static: dict[str, Any]) -> Data:
        """The value on raw inputs: IEEE arithmetic without a warning, on Python floats where all inputs are."""
        for x in inputs:
            if type(x) is not float and (type(x) is not bool or self.name != "where"):
                for given in inputs:
                    if type(given) is not np.ndarray and type(given) is not float:
                        check_unmasked(given)
                return plain(quiet(self.forward, *inputs, **static))
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
    """The chain of a primitive with any number of inputs: `rule(i, g, y, *inputs, **static)` is the rule of input i."""

    def __init__(self, rule: Callable[..., Any]) -> None:
        self.rule = rule

    def __iter__(self) -> Iterator[Callable[..., Any]]:
        i = 0
        while True:
            yield partial(self.rule, i)
            i += 1


def primitive(
    name: str,
    forward: Callable[..., Any],
    chain: Sequence[Callable[..., Any] | None],
    notation: str | None = None,
    scalar: Callable[..., Any] | None = None,
    targets: Mapping[str, str] | None = None,
) -> Primitive:
    """A primitive of your own, in the same form as the table's: call it on Values, numbers and arrays.

    `forward(*inputs, **static)` gives the value with NumPy; `chain` has one rule for each input,
    `(g, y, *inputs, **static) -> df/d(input)`, where g is df/dy; write it with operators and mg functions, and it can
    be differentiated again. `notation` is a Python expression in the inputs' names, such as "x * sigmoid(x)"; `scalar`
    is `forward` for Python floats, for primitives that work element by element.

    A notation of operators, numbers, static arguments and mg functions, or of primitives of your own with such a
    notation, is all that source, the jit, JAX, JavaScript and ONNX need: they compute the value by it, if it gives the
    numbers that `forward` gives, and the gradient by your chain. What cannot be written so has its line in `targets`:

        mg.primitive("sinh", np.sinh, [lambda g, y, x: g * mg.sqrt(1.0 + y * y)], "sinh(x)", targets={
            "python": "xp.sinh(x)",         # an expression; xp is numpy or jax.numpy
            "javascript": "Math.sinh(x)",   # an expression in numbers
            "llvm": "sinh",                 # a function of C's <math.h> that takes the inputs, for the jit
            "onnx": "Sinh",                 # an operator that takes the inputs, and static arguments as attributes
        })

    In expressions the inputs and the static arguments are called as in the notation. A line for JavaScript or the jit
    says that the primitive works element by element. Without any of it NumPy runs the primitive, also for the jit,
    which warns; a page shows recorded numbers; source, JAX and ONNX refuse it by name.
    Raises ValueError for a name that the table has and for a target that there is not.
    """
    if name in TABLE and not isinstance(TABLE[name].chain, _Given):
        raise ValueError(f"{name!r} is in the table already: choose another name for your primitive")
    for target in targets or {}:
        if target not in TARGETS:
            raise ValueError(f"the targets of a primitive are {', '.join(TARGETS)}, not {target!r}")
    rules = tuple(chain)
    inputs = ("x",) if len(rules) == 1 else [f"x_{i}" for i in range(1, len(rules) + 1)]
    return Primitive(name, forward, _Given(name, rules), notation or f"{name}({', '.join(inputs)})", scalar, targets)


@lru_cache(maxsize=256)
def input_names(op: Primitive, count: int, static: tuple[str, ...]) -> list[str]:
    """What the notation calls the inputs, in their order: as forward or a rule calls them, else as they appear.

    Raises ValueError for a notation that is no Python expression.
    """
    try:
        tree = ast.parse(op.notation, mode="eval")
    except SyntaxError:
        raise ValueError(f"the notation {op.notation!r} is no Python expression") from None
    functions = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    used = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node not in functions]
    used.sort(key=lambda node: node.col_offset)
    free = list(dict.fromkeys(node.id for node in used if node.id not in (*static, "pi")))
    rules = [rule for rule, _ in zip(op.chain, range(count), strict=False) if rule is not None]
    for function, skipped in [(op.forward, 0), *[(rule, 2) for rule in rules]]:
        try:
            names = [p.name for p in inspect.signature(function).parameters.values() if p.kind is not p.VAR_KEYWORD]
        except (TypeError, ValueError):  # a ufunc has no signature
            continue
        names = [name for name in names[skipped:] if name not in static]
        if set(free) <= set(names):
            return names[:count]
    return free


class _Given:
    """The chain of a user's primitive; an input for which it has no rule is an error, not a gradient of zero."""

    def __init__(self, name: str, rules: tuple[Callable[..., Any] | None, ...]) -> None:
        self.name, self.rules = name, rules

    def __iter__(self) -> Iterator[Callable[..., Any] | None]:
        yield from self.rules
        yield from repeat(self._missing)

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
