"""Inputs brought to the size that gradient descent wants, fitted on the training rows and applied to all others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.value import Value
from microgradcnn.system.text_layout import how_many


@dataclass(frozen=True)
class Scaling:
    """x ↦ (x − shift)/scale, column by column; `shift` and `scale` have shape (m,), or a ValueError."""

    shift: Array
    scale: Array

    def __post_init__(self) -> None:
        if np.ndim(self.shift) != 1 or np.shape(self.shift) != np.shape(self.scale) or not np.all(self.scale):
            sizes = f"{np.shape(self.shift)} and {np.shape(self.scale)}"
            raise ValueError(f"a scaling has a shift, and a scale other than 0, for every column, not {sizes} of them")

    def check_width(self, columns: int) -> None:
        """Raise ValueError unless the rows have that number of columns."""
        if len(self.shift) != columns:
            raise ValueError(
                f"the scaling was fitted on rows of {how_many(len(self.shift), 'number')}, not of {columns}"
            )

    def apply(self, x: Any, dtype: Any = np.float64) -> Any:
        """Rows (n, m), scaled in this type; a Value by a shift and a scale of these names, where they change something.

        Raises ValueError for another number of columns.
        """
        if np.shape(x)[1:] != self.shift.shape:
            raise ValueError(
                f"the scaling was fitted on rows of {how_many(len(self.shift), 'number')}, not {np.shape(x)}"
            )
        shift, scale = self.shift.astype(dtype), self.scale.astype(dtype)
        if not isinstance(x, Value):
            return (x - shift) / scale
        x = x - Value(shift, label="shift") if np.any(shift) else x
        return x / Value(scale, label="scale") if np.any(scale != 1.0) else x


def standardised(x: Array) -> Scaling:
    """Every column of the rows x, (n, m), to mean 0 and standard deviation 1; a constant column to 0."""
    spread = x.std(axis=0)
    varies = (x.min(axis=0) < x.max(axis=0)) & (spread > 0)  # rounding gives equal numbers a tiny deviation
    return Scaling(np.where(varies, x.mean(axis=0), x[0]), np.where(varies, spread, 1.0))


def unit_pixels(x: Array) -> Scaling:
    """Pixels ≥ 0, (n, h·w), divided by the largest, so that they lie in [0, 1]."""
    largest = float(np.max(np.abs(x), initial=0.0)) or 1.0
    return Scaling(np.zeros(x.shape[1]), np.full(x.shape[1], largest))


def unscaled(columns: int) -> Scaling:
    """The rows as they are."""
    return Scaling(np.zeros(columns), np.ones(columns))
