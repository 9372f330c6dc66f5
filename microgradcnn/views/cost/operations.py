"""A graph as operations, each done once: the form in which the cost of a graph is counted.

Equal operations are one. What no parameter goes into is known before the first iteration. Plain numbers (2, 1/n) are
exact and multiplied with each other first: a·(b·x) is one multiplication by the number ab. Nothing depends on what the
numbers are, so that one formula holds for all sizes: 2/n is a factor where n = 2 as well.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from microgradcnn.engine.functions import BUILT_IN
from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Constant, Value
from microgradcnn.targets.lines import hashable
from microgradcnn.targets.notation import by_notation

Shape = tuple[int, ...]
NONE: dict[str, Any] = {}

FREE = frozenset({"reshape", "transpose", "broadcast_to"})  # a factor goes through them, to where there is least of it


@dataclass(frozen=True)
class Factor:
    """A factor, exact where it is finite; a `sign` is a 1 or −1 of the chain rule's: times 1 is no operation."""

    value: Fraction | float
    sign: bool = False


@dataclass(eq=False, slots=True)
class Operation:
    """One operation on arrays: that of the primitive called `name`, or, without a name, times the `number`.

    What has no `args` is a parameter, or `known` before the first iteration: a number, or data.
    """

    name: str = ""
    args: tuple[Operation, ...] = field(default=(), repr=False)
    shape: Shape = ()
    static: dict[str, Any] = field(default_factory=dict)
    number: Factor | None = None
    known: bool = False


ONE, MINUS_ONE = Factor(Fraction(1), sign=True), Factor(Fraction(-1), sign=True)


class Reader:
    """Reads Values as operations; `order` has each after its arguments."""

    def __init__(self, parameters: Sequence[Value], seed: Value) -> None:
        self.order: list[Operation] = []
        self._kept: dict[Any, Operation] = {}
        self._found = {p: self._new(Operation(shape=p.shape)) for p in parameters}
        self._found[seed] = self._known(seed, ONE)

    def read(self, nodes: Sequence[Value]) -> dict[Value, Operation]:
        """The operations of nodes that stand after their parents."""
        for node in nodes:
            if node not in self._found:
                self._found[node] = self._read(node)
        return self._found

    def made(self, name: str, args: Sequence[Operation], shape: Shape, static: dict[str, Any] = NONE) -> Operation:
        """The operation, or the equal one that there is already."""
        places = [id(arg) for arg in args]
        key = (name, *(sorted(places) if name in ("add", "mul") else places), shape, hashable(static))
        if key not in self._kept:
            self._kept[key] = self._new(Operation(name, tuple(args), shape, static))
        return self._kept[key]

    def scaled(self, by: Factor, x: Operation, shape: Shape) -> Operation:
        """`by` times x, broadcast to `shape`: one multiplication, where x was multiplied by a number already."""
        if x.name in FREE:
            done = self.made(x.name, [self.scaled(by, x.args[0], x.args[0].shape)], x.shape, x.static)
        else:
            if x.number is not None:
                by, x = _number(operator.mul, [by, x.number]), x.args[0]
            done = x if by == ONE else self._scale(by, x)
        return self.broadcast(done, shape)

    def broadcast(self, x: Operation, shape: Shape) -> Operation:
        """x repeated to `shape`."""
        return x if x.shape == shape else self.made("broadcast_to", [x], shape, {"shape": shape})

    def _scale(self, by: Factor, x: Operation) -> Operation:
        key = (by, id(x))
        if key not in self._kept:
            self._kept[key] = self._new(Operation("", (x,), x.shape, number=by))
        return self._kept[key]

    def _read(self, node: Value) -> Operation:
        if node.op is None:
            return self._known(node, None)
        args = [self._constant(p) if type(p) is Constant else self._found[p] for p in node.parents]
        if all(arg.known for arg in args):
            return self._known(node, _computed(node, args))
        if node.op.name not in BUILT_IN and not node.op.opaque and (opened := self._opened(node, args)):
            return opened
        rule = RULES.get(node.op.name)
        found = rule(self, node, *args) if rule else None
        return found or self.made(node.op.name, args, node.shape, node.static)

    def _opened(self, node: Value, args: Sequence[Operation]) -> Operation | None:
        """What a user's primitive is made of, if its notation says so."""
        assert node.op is not None
        inputs = [p if type(p) is Constant else Value(p.data) for p in node.parents]
        try:
            made = by_notation(node.op, inputs, node.static)
        except ValueError:  # a notation that cannot be read, or of what is not known
            return None
        if not isinstance(made, Value) or made.shape != node.shape:
            return None
        self._found |= dict(zip(inputs, args, strict=True))
        return self.read(topological(made))[made]

    def _constant(self, node: Value) -> Operation:
        return self._known(node, None if node.shape else _exact(node))

    def _known(self, node: Value, number: Factor | None) -> Operation:
        key = (number or id(node.data if node.shape else node), node.shape)
        if key not in self._kept:
            self._kept[key] = self._new(Operation(shape=node.shape, number=number, known=True))
        return self._kept[key]

    def _new(self, operation: Operation) -> Operation:
        self.order.append(operation)
        return operation


def _exact(node: Value) -> Factor:
    """The number that a node holds."""
    value = float(np.asarray(node.data).item())
    return Factor(Fraction(value) if np.isfinite(value) else value)


def _number(compute: Callable[..., Any], numbers: Sequence[Factor]) -> Factor:
    sign = all(n.sign for n in numbers)
    try:
        return Factor(compute(*[n.value for n in numbers]), sign)
    except ArithmeticError:  # a number over 0, or one that is not finite
        return Factor(float("nan"), sign)


def _computed(node: Value, args: Sequence[Operation]) -> Factor | None:
    """The number that a node without parameters holds everywhere; None if it holds data."""
    assert node.op is not None
    numbers = [arg.number for arg in args if arg.number is not None]
    if len(numbers) < len(args):
        return None
    if node.op.work == "arithmetic" and node.op.name in BUILT_IN and node.op.scalar is not None:
        return _number(node.op.scalar, numbers)
    if node.op.work == "moves" and len(set(numbers)) == 1:
        return numbers[0]
    return None if node.shape else _exact(node)


def _product(reader: Reader, node: Value, a: Operation, b: Operation) -> Operation | None:
    for factor, x in ((a, b), (b, a)):
        if factor.known and factor.number is not None:
            return reader.scaled(factor.number, x, node.shape)
    return None


def _quotient(reader: Reader, node: Value, a: Operation, b: Operation) -> Operation | None:
    if b.known and b.number is not None:
        return reader.scaled(_number(operator.truediv, [ONE, b.number]), a, node.shape)
    return None


def _sum(reader: Reader, node: Value, a: Operation, b: Operation) -> Operation | None:
    """a + (−b) as a − b."""
    for x, y in ((a, b), (b, a)):
        if y.number == MINUS_ONE and not y.known:
            return reader.made("sub", (x, y.args[0]), node.shape)
    return None


def _difference(reader: Reader, node: Value, a: Operation, b: Operation) -> Operation | None:
    """a − (−b) as a + b."""
    return reader.made("add", (a, b.args[0]), node.shape) if b.number == MINUS_ONE and not b.known else None


def _power(reader: Reader, node: Value, x: Operation) -> Operation | None:
    exponent = node.static.get("exponent", 2)
    if exponent == 1:
        return x
    return reader.made("mul", (x, x), node.shape) if exponent == 2 else None


def _same(reader: Reader, node: Value, x: Operation) -> Operation | None:
    return x if x.shape == node.shape else None


RULES: dict[str, Callable[..., Operation | None]] = {
    "add": _sum,
    "sub": _difference,
    "mul": _product,
    "div": _quotient,
    "neg": lambda reader, node, x: reader.scaled(MINUS_ONE, x, node.shape),
    "power": _power,
    "square": _power,
    "astype": lambda reader, node, x: x,
    "reshape": _same,
    "broadcast_to": _same,
}
