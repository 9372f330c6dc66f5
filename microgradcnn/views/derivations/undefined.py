"""Where a function or its gradient is not finite, and so nothing can be derived or descended: said in one line."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from microgradcnn.engine.arrays import Data
from microgradcnn.engine.value import Value
from microgradcnn.views.documents.document import Line
from microgradcnn.views.formulas.expression import Expr, derivative, value


def undefined(f: Value, gradients: Mapping[Value, Data], names: Mapping[Value, Expr]) -> Line:
    """What is not finite at the numbers that f was computed from: f itself, or else a gradient; () if all is."""
    if not np.isfinite(f.data).all():
        what = (" = ", value(f.item())) if f.shape == () else ()
        return (names[f], *what, " is not finite at these numbers: it has no derivative there, and descent no step.")
    for x, gradient in gradients.items():
        if not np.isfinite(gradient).all():
            what = (" = ", value(float(np.asarray(gradient)))) if x.shape == () else ()
            slope = derivative(names[f], names[x])
            return (slope, *what, " is not finite at these numbers: descent has no step there.")
    return ()
