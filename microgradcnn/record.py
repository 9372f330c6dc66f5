"""Primitive: the record that the table has of every operation, and its value on raw numbers and arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from microgradcnn.arrays import Data, check_unmasked, ieee, plain, quiet

TABLE: dict[str, Primitive] = {}  # every primitive by name; primitives.py fills it


class Primitive:
    """One row of the table: what an operation computes, its chain rule and how it is written.

    `forward(*inputs, **static)` gives the value on raw numbers and arrays. `chain` has one rule for each input,
    `(g, y, *inputs, **static) -> df/d(input)`, where g is df/dy and y the value; None where no gradient flows. The
    rules use operators and primitives only, so that they serve arrays and Values alike. `notation` is a Python
    expression in the inputs. `scalar` is `forward` for Python floats alone, where that works element by element; where
    it raises, NumPy's answer stands.
    """

    __slots__ = ("chain", "forward", "name", "notation", "scalar")

    __call__: Callable[..., Any]  # value.py gives it: a Value if there is one among the inputs, otherwise plain data

    def __init__(
        self,
        name: str,
        forward: Callable[..., Any],
        chain: Iterable[Callable[..., Any] | None],
        notation: str,
        scalar: Callable[..., Any] | None = None,
    ) -> None:
        self.name, self.forward, self.chain = name, forward, chain
        self.notation, self.scalar = notation, scalar
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


def primitive_named(name: str) -> Primitive:
    """The primitive of that name. Raises ValueError if there is none, as when a loaded graph used somebody's own."""
    if name not in TABLE:
        raise ValueError(
            f"there is no primitive {name!r}: define it with mg.primitive before loading a graph that uses it"
        )
    return TABLE[name]
