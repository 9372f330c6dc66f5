"""What one operation costs for each number that it gives, and which numbers it needs for that.

Primitives tell it themselves. A product of arrays, run on ones, counts the terms of each result: t terms take t
multiplications and t − 1 additions. Its chain rule, run on a mask of results, is not 0 where an input is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.record import TABLE
from microgradcnn.views.cost.operations import Operation

ARITHMETIC = "operations"  # + − × ÷; work of any other kind is a function's, and has its name
BY_TERMS = frozenset({"moves", "sum", "mean", "max", "product"})  # work that depends on how many there are
PLACED = frozenset({"take", "index_add", "take_along_axis", "scatter_add"})  # at places that the data have

REMEMBERED = 8  # masks of an operation: neighbouring coordinates of a parameter mostly need the same


class Work:
    """The work of an operation: `amount` of a `kind` for each number of its result.

    `support` is False where a number is a 0 that padding put there: adding it or multiplying by it is no work.
    """

    def __init__(self, operation: Operation, args: Sequence[Work]) -> None:
        self.operation, self.args = operation, args
        self.in_scalars = not operation.shape and not any(arg.operation.shape for arg in args)
        self.kind: str
        self.amount: Array
        self.support: Array
        self.kind, self.amount, self.support = _measured(operation, [arg.support for arg in args])
        self._remembered = lru_cache(REMEMBERED)(self._answer)

    def asked(self, mask: Array) -> tuple[int, list[tuple[Operation, Array]]]:
        """The work for the numbers where the mask is True, and the arguments that they need, with masks of theirs."""
        return self._remembered(mask.tobytes())

    def _answer(self, mask_bytes: bytes) -> tuple[int, list[tuple[Operation, Array]]]:
        mask = np.frombuffer(mask_bytes, bool).reshape(self.operation.shape)
        needs = [(arg, self._needed(i, arg, mask)) for i, arg in enumerate(self.args) if not arg.operation.known]
        return int((self.amount * mask).sum()), [(arg.operation, needed) for arg, needed in needs if needed.any()]

    def _needed(self, i: int, arg: Work, mask: Array) -> Array:
        primitive = TABLE.get(self.operation.name)
        if self.in_scalars or primitive is None or primitive.elementwise:
            return _unrepeated(mask, arg.support.shape) & arg.support
        rule = primitive.chain[i]
        if primitive.work not in BY_TERMS or self.operation.name in PLACED or rule is None:
            return arg.support & mask.any()
        inputs = [arg.support.astype(float) for arg in self.args]
        with np.errstate(all="ignore"):
            back = rule(mask.astype(float), np.ones(mask.shape), *inputs, **self.operation.static)
        return _unrepeated(np.not_equal(back, 0.0), arg.support.shape) & arg.support


def _measured(operation: Operation, given: Sequence[Array]) -> tuple[str, Array, Array]:
    """Kind, amount and support of an operation on arguments with these supports."""
    name, shape = operation.name, operation.shape
    if not operation.args:
        zero = operation.number is not None and operation.number.value == 0
        return ARITHMETIC, np.zeros(shape, int), np.full(shape, not zero)
    if name in ("add", "sub"):
        return ARITHMETIC, given[0] & given[1], given[0] | given[1]
    if name in ("mul", "div", ""):
        work = np.broadcast_to(given[0] & given[1] if name == "mul" else given[0], shape)
        return ARITHMETIC, work, work
    does = TABLE[name].work
    if does in BY_TERMS:
        terms = _terms(operation, [s.astype(float) for s in given])
        support = np.greater(terms, 0) | (name in PLACED)
        kind = "min" if name == "min" else "max" if does == "max" else ARITHMETIC
        return kind, support * _amount(does, terms), support
    support = np.broadcast_to(given[1] | given[2] if name == "where" else True, shape)
    return {"": name, "arithmetic": ARITHMETIC}.get(does, does), support, support


def _terms(operation: Operation, ones: Sequence[Array]) -> Array:
    """How many terms each number of a result has."""
    name, static = operation.name, operation.static
    if name in ("mean", "max", "min", "vector_norm"):
        name = "sum"
    if name in PLACED:  # orders name every place once, and what is taken may be one row, again and again
        axis, shape = static["axis"], operation.args[1].shape
        places = np.zeros(shape) if name in ("take", "index_add") else np.indices(shape)[axis]
        length = static.get("length", operation.args[0].shape[axis])
        ones = [ones[0], places % max(length, 1)]
    if name in ("avg_pool2d", "max_pool2d"):
        return np.asarray(TABLE["unfold"].forward(*ones, **static)).sum(axis=(4, 5)).astype(int)
    return np.asarray(TABLE[name].forward(*ones, **static)).round().astype(int)


def _amount(work: str, terms: Array) -> Array:
    if work == "moves":
        return np.zeros_like(terms)
    if work == "product":
        return 2 * terms - 1
    return np.where(terms > 1, terms, 0) if work == "mean" else np.maximum(terms - 1, 0)


def _unrepeated(mask: Array, shape: tuple[int, ...]) -> Array:
    """Where a mask of what was broadcast from `shape` is True anywhere."""
    if mask.shape == shape:
        return mask
    mask = np.asarray(mask.any(axis=tuple(range(mask.ndim - len(shape)))))
    repeated = tuple([i for i, (a, b) in enumerate(zip(mask.shape, shape, strict=True)) if a != b])
    return np.asarray(mask.any(axis=repeated, keepdims=True))
