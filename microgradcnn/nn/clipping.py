"""Gradients made smaller between the backward pass and the step: all by one factor, or every number by itself."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from microgradcnn.engine.arguments import several
from microgradcnn.engine.arrays import plain
from microgradcnn.engine.value import Value


@np.errstate(over="ignore", invalid="ignore")  # the norm says so
def clip_grad_norm_(
    parameters: Value | Iterable[Value], max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> float:
    """Multiply all gradients by max_norm/(norm + 1e-6) where that is less than 1; returns the norm before.

    The norm is that of all gradients as one vector, (Σ|g|^p)^(1/p) for p = `norm_type`, max |g| for infinity (Pascanu,
    Mikolov and Bengio 2013, algorithm 1). Parameters that have no gradient are left out. Raises FloatingPointError,
    and changes nothing, where it is NaN or infinite and `error_if_nonfinite` is true; ValueError for a `max_norm` < 0
    or a `norm_type` that is not positive.
    """
    if not (max_norm >= 0.0 and norm_type > 0.0):
        raise ValueError(f"max_norm is ≥ 0 and norm_type positive, not {max_norm} and {norm_type}")
    reached = _with_gradients(parameters)
    norms = [0.0, *(float(np.linalg.norm(np.ravel(p.grad), norm_type)) for p in reached)]
    norm = float(np.linalg.norm(norms, norm_type))
    if error_if_nonfinite and not math.isfinite(norm):
        raise FloatingPointError(
            f"the norm of the gradients is {norm}, and no factor makes that {max_norm}: "
            "`with mg.debug():` around the loss and backward() names the operation that it came from"
        )
    factor = max_norm / (norm + 1e-6)
    if not factor >= 1.0:  # NaN too goes on into the gradients
        for p in reached:
            p.grad = p.grad * factor
    return norm


def clip_grad_value_(parameters: Value | Iterable[Value], clip_value: float) -> None:
    """Bring every number of every gradient between −clip_value and clip_value. Raises ValueError for one below 0."""
    if not clip_value >= 0.0:
        raise ValueError(f"clip_value is ≥ 0, not {clip_value}")
    for p in _with_gradients(parameters):
        p.grad = plain(np.clip(p.grad, -clip_value, clip_value))


def _with_gradients(parameters: Value | Iterable[Value]) -> list[Value]:
    return [p for p in several(parameters, "what is clipped") if p.has_grad]
