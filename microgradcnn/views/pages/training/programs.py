"""The programs of a page that trains: the loss with its gradients over rows, and what a network shows of a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import Context
from dataclasses import replace
from typing import Any

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn.engine.arrays import Array
from microgradcnn.engine.value import Value
from microgradcnn.targets.export.javascript import MOST_OPERATIONS
from microgradcnn.targets.lines import Lines, in_order
from microgradcnn.targets.plan import Plan, planned
from microgradcnn.targets.scalars import is_mean_of_examples, opened_arrays, operations
from microgradcnn.targets.scalars import opened as in_scalars
from microgradcnn.targets.simplify import opened, simplified
from microgradcnn.targets.trace import trace, trace_forward, trace_scalars
from microgradcnn.views.pages.training.instructions import Kernels, program


class NotTrainableError(ValueError):
    """Why a page cannot train a network itself."""


def loss_program(
    objective: Callable[..., Sequence[Value]],
    parameters: Sequence[Value],
    rows: tuple[Array, ...],
    kernels: Kernels,
    gradients: bool = True,
) -> dict[str, Any]:
    """`objective(*rows)`, a mean and further means, with the gradients of the first, for any number of rows.

    Differences in place of `gradients` need double precision. Raises ValueError for what mixes rows, for a primitive
    that JavaScript cannot compute, and NotTrainableError for arrays that would open into more than 20,000 operations a
    row.
    """
    inputs = [Value(part, label=name) for part, name in zip(rows, ("x", "y"), strict=False)]
    loss, *also = objective(*inputs)

    def lines() -> Plan:
        found = simplified(opened(trace(loss, parameters, inputs, also), "javascript"))
        if any(line.shape for line in in_order(found.outputs)):
            _check_size(found)
            if not is_mean_of_examples(found):
                raise NotTrainableError("its loss is no mean over rows")
            found = simplified(in_scalars(found))
        return planned(found if gradients else replace(found, gradients=[]), by_terms=False)

    # In a context of its own: neither no_grad() nor debug() is about the nodes that are made on the way.
    told = program(Context().run(lines), kernels)
    return told | {"single": gradients and _is_single(parameters), "gradients": gradients, "also": len(also)}


def view_program(
    shown: Callable[[Value], Sequence[Value]], parameters: Sequence[Value], x: Array, kernels: Kernels
) -> dict[str, Any]:
    """All numbers of what is `shown` of rows x, (rows, ...) each, one after the other, for any number of rows.

    Raises ValueError as `loss_program` does.
    """
    rows = Value(x, label="x")
    joined = mg.concatenate([v.reshape(len(x), -1) for v in shown(rows)], axis=1)

    def lines() -> Plan:
        found = simplified(opened(trace_forward(joined, parameters, [rows]), "javascript"))
        _check_size(found)
        (grid,), leaves = opened_arrays([found.loss], [*found.inputs, *found.parameters])
        numbers = [v if isinstance(v, Value) else Value(float(v)) for v in grid.ravel()]
        told = [list(leaf.ravel()) for leaf in leaves]
        inputs = [v for part in told[:1] for v in part]
        others = [v for part in told[1:] for v in part]
        scalars = simplified(trace_scalars(numbers, [], others, inputs, ()))
        order = [line for line in in_order(scalars.outputs) if line.args]
        before, each = ([line for line in order if line.varies == varies] for varies in (False, True))
        return Plan(scalars, before, each, [], [])

    return program(Context().run(lines), kernels) | {"single": _is_single(parameters)}


def _is_single(parameters: Sequence[Value]) -> bool:
    """Whether Python computes in float32, which the page then rounds its numbers to."""
    return all(p.dtype == np.float32 for p in parameters)


def _check_size(lines: Lines) -> None:
    if (found := operations(lines)) > MOST_OPERATIONS:
        raise NotTrainableError(f"a row takes {found:,} operations on numbers")


def flat(parameters: Sequence[Value]) -> Array:
    """The numbers of all parameters, one after the other."""
    return np.concatenate([np.ravel(p.data) for p in parameters]).astype(np.float64)
