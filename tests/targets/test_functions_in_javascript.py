"""The functions that people meet as JavaScript, in a real browser: values, gradients and Hessian-vector products."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import needs_chromium
from function_cases import EVERY, arrays_of, ours, parts
from test_javascript import Run, far, flat, run  # noqa: F401, a fixture

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.targets.export.javascript import function

NAMES = sorted({case.name for case in EVERY})


def everything(name: str, at: list[Any]) -> tuple[list[Value], list[Value]]:
    """The leaves of all cases of a function; their results, gradients and Hessians times a vector."""
    leaves, outputs, left = [], [], list(at)
    for case in [case for case in EVERY if case.name == name and not any(0 in shape for shape in case.shapes)]:
        mine = [Value(x, label=f"x_{len(leaves) + i}") for i, x in enumerate(left[: len(case.shapes)])]
        left, leaves = left[len(case.shapes) :], [*leaves, *mine]
        for y in parts(case(ours(case), list(mine))):
            slopes = mg.grad(mg.sum(y + 0.5 * mg.square(y)), mine)
            along = mg.sum(mg.stack([mg.sum(s * (1.0 + i)) for i, s in enumerate(slopes)]))
            outputs += [y, *slopes, *mg.grad(along, mine)]
    return leaves, outputs


@pytest.mark.slow
@needs_chromium
@pytest.mark.parametrize("name", NAMES)
def test_a_function(name: str, run: Run) -> None:  # noqa: F811
    at = [
        x
        for case in EVERY
        if case.name == name and not any(0 in shape for shape in case.shapes)
        for x in arrays_of(case)
    ]
    leaves, outputs = everything(name, [np.flip(x) if np.ndim(x) else 0.9 * x for x in at])
    text = function(outputs, leaves)
    moved, expected = everything(name, at)
    assert far(run(text, [flat(moved)])[0], flat(expected)) <= 1e-11
