"""`.grad`, where backward passes add up what they find: a zero until there is something, which `has_grad` tells."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Data, as_data, glimpse, plain, quiet, shape_of
from microgradcnn.engine.value import Constant, Numbers, Value
from microgradcnn.system.callers import is_augmented


def has_grad(self: Value) -> bool:
    """Whether `.grad` was computed by a pass, or set: where not, it reads as zero, and no picture shows it."""
    return self._grad is not None


def accumulate(node: Value, gradient: Data) -> None:
    """Add to the `.grad` of a node, or let it start there: from a copy, for nodes may share a cotangent."""
    if node._grad is not None:
        node._grad = node._grad + gradient
    else:
        node._grad = gradient.copy() if type(gradient) is np.ndarray else gradient


def _get(self: Value) -> Numbers:
    """df/d(this), in the shape and dtype of `data`: of the last pass, for a leaf of all since it was reset.

    Before that it is zero, and `has_grad` is false. None resets it to that; 0 is a zero like a computed one, to which
    the next pass adds as well. A number that is set counts for every element, and an array is kept as it is, not
    copied. Raises TypeError or ValueError for what is no gradient of this.
    """
    if self._grad is not None:
        return self._grad
    if type(self._data) is float:
        return 0.0
    zeros = np.zeros(self.shape, _dtype(self))
    zeros.setflags(write=is_augmented(sys._getframe(1)))  # what w.grad += 1 assigns; w.grad[0] = 1 would be lost
    return plain(zeros)


def _set(self: Value, gradient: Any) -> None:
    if type(self) is not Constant:
        self._grad = gradient if gradient is None or _fits(self, gradient) else _fitted(self, gradient)
    elif gradient is not None and np.any(gradient):
        number = glimpse(self._data)
        raise ValueError(f"{number} is a constant, which has no gradient: Value({number}) in its place has one")


def _fits(self: Value, gradient: Any) -> bool:
    if type(gradient) is not np.ndarray:
        return type(gradient) is type(self._data) is float
    return gradient.shape == self.shape != () and gradient.dtype == _dtype(self)


def _fitted(self: Value, gradient: Any) -> Data:
    new = as_data(gradient)
    if shape_of(new) not in ((), self.shape):
        raise ValueError(
            f"{self.describe()} has shape {self.shape} and cannot take a gradient of shape {shape_of(new)}"
        )
    return plain(quiet(np.full, self.shape, new, _dtype(self)))


def _dtype(self: Value) -> np.dtype[Any]:
    return np.dtype(np.float64) if self.dtype == np.bool_ else self.dtype


setattr(Value, "has_grad", property(has_grad))  # noqa: B010, mypy takes what is declared for read-only
setattr(Value, "grad", property(_get, _set))  # noqa: B010
