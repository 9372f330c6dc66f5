"""Primitive: the record that the table has of every operation, and its value on raw numbers and arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np

from microgradcnn.engine.arrays import Data, check_unmasked, ieee, plain, quiet

TABLE: dict[str, Primitive] = {}  # every primitive by name; primitives.py fills it


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
    by broadcasting, of each input.
    """

    __slots__ = ("chain", "elementwise", "forward", "name", "notation", "scalar")

    __call__: Callable[..., Any]  # value.py gives it: a Value if there is one among the inputs, otherwise plain data

    def __init__(
        self,
        name: str,
        forward: Callable[..., Any],
        chain: Rules,
        notation: str,
        scalar: Callable[..., Any] | None = None,
    ) -> None:
        self.name, self.forward, self.chain = name, forward, chain
        self.notation, self.scalar = notation, scalar
        self.elementwise = scalar is not None or (isinstance(forward, np.ufunc) and forward.signature is None)
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
    """The chain of a primitive with any number of inputs: `rule(k, g, y, *inputs, **static)` is the rule of input k."""

    def __init__(self, rule: Callable[..., Any]) -> None:
        self.rule = rule

    def __getitem__(self, k: int) -> Callable[..., Any]:
        return partial(self.rule, k)


def primitive(
    name: str,
    forward: Callable[..., Any],
    chain: Sequence[Callable[..., Any] | None],
    notation: str | None = None,
    scalar: Callable[..., Any] | None = None,
) -> Primitive:
    """A primitive of your own, in the same form as the table's: call it on Values, numbers and arrays.

    `forward(*inputs, **static)` gives the value with NumPy; `chain` has one rule for each input,
    `(g, y, *inputs, **static) -> df/d(input)`, where g is df/dy; write it with operators and mg functions, and it can
    be differentiated again. `notation` is a Python expression in the inputs' names; `scalar` is `forward` for Python
    floats, for primitives that work element by element. Raises ValueError for a name that the table has.
    """
    if name in TABLE and not isinstance(TABLE[name].chain, _Given):
        raise ValueError(f"{name!r} is in the table already: choose another name for your primitive")
    rules = tuple(chain)
    inputs = ("x",) if len(rules) == 1 else [f"x_{i}" for i in range(1, len(rules) + 1)]
    return Primitive(name, forward, _Given(name, rules), notation or f"{name}({', '.join(inputs)})", scalar)


class _Given:
    """The chain of a user's primitive; an input for which it has no rule is an error, not a gradient of zero."""

    def __init__(self, name: str, rules: tuple[Callable[..., Any] | None, ...]) -> None:
        self.name, self.rules = name, rules

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
