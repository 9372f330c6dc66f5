"""The functions that people meet, on every backend: the loss and the gradients of the engine, at other numbers.

A program is recorded at numbers that are in another order than those that it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from every_backend import answer, compiled, from_source
from function_cases import EVERY, Case, arrays_of, of_each_name, ours, parts

import microgradcnn as mg
from microgradcnn import Value

CLOSE = 1e-10
NAMES = sorted({case.name for case in EVERY})


def loss_of(cases: Sequence[Case]) -> Callable[..., Value]:
    """Σ w·y + y²/2 over all results of all cases, one after the other, with weights w of its own for each number."""

    def loss(*leaves: Any) -> Value:
        total, left = mg.Value(0.0), list(leaves)
        for case in cases:
            mine, left = left[: len(case.shapes)], left[len(case.shapes) :]
            for y in parts(case(ours(case), mine)):
                w = 0.3 + np.arange(float(np.prod(y.shape))).reshape(y.shape) % 7.0
                total = total + mg.sum(w * y + 0.5 * mg.square(y))
        return total

    return loss


def same(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found[0], expected[0], rtol=CLOSE, atol=CLOSE)
    for mine, theirs in zip(found[1], expected[1], strict=True):
        assert np.shape(mine) == np.shape(theirs)
        np.testing.assert_allclose(mine, theirs, rtol=CLOSE, atol=CLOSE)


def recorded_at(case: Case) -> list[Any]:
    """Other numbers that the function is defined at, of the same shapes."""
    return [x[::-1].copy() if np.ndim(x) else x * 0.9 for x in arrays_of(case)]


def program_of(backend: str, cases: Sequence[Case]) -> Any:
    return compiled(backend, loss_of(cases), [x for case in cases for x in recorded_at(case)])


@of_each_name(EVERY)
def test_numpy_and_the_source(case: Case) -> None:
    arrays = arrays_of(case)
    expected = answer("grad", loss_of([case]), arrays)
    program = program_of("numpy", [case])
    for p, x in zip(program.parameters, arrays, strict=True):
        p.data = x
    same(program(), expected)
    same(from_source(program.program, *arrays), expected)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jit", "jax"])
@pytest.mark.parametrize("name", NAMES)
def test_jit_and_jax(name: str, backend: str) -> None:
    if backend == "jax":
        pytest.importorskip("jax")
    cases = [case for case in EVERY if case.name == name]
    arrays = [x for case in cases for x in arrays_of(case)]
    program = program_of(backend, cases)
    for p, x in zip(program.parameters, arrays, strict=True):
        p.data = x
    same(program(), answer("grad", loss_of(cases), arrays))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_jit_of_arrays_that_it_does_not_open(name: str) -> None:
    """Beside 600 other numbers, which are too many to be scalars of a program."""
    cases = [case for case in EVERY if case.name == name]
    small, more = loss_of(cases), np.zeros(600)

    def loss(*leaves: Any) -> Value:
        return small(*leaves[:-1]) + mg.sum(mg.tanh(leaves[-1]))

    arrays = [x for case in cases for x in arrays_of(case)]
    program = compiled("jit", loss, [*[x for case in cases for x in recorded_at(case)], more])
    for p, x in zip(program.parameters, arrays, strict=False):
        p.data = x
    same(program(), answer("grad", loss, [*arrays, more]))


# ONNX


def exported(case: Case, path: Path, dtype: Any) -> tuple[list[Any], list[Any]]:
    """What onnxruntime makes of y and of the gradients of Σ y + y²/2, and what the engine makes of them."""
    arrays = [np.asarray(x, np.float32).astype(float) for x in arrays_of(case)]
    leaves = [Value(x, label=f"x{i}") for i, x in enumerate(arrays)]
    results = parts(case(ours(case), list(leaves)))
    total = mg.Value(0.0)
    for y in results:
        total = total + mg.sum(y + 0.5 * mg.square(y))
    found = []
    expected = [y for y in [*results, *mg.grad(total, leaves)] if y.shape == () or 0 not in y.shape]
    for y in expected:
        mg.export_onnx(y, path, leaves, dtype=dtype, dynamic=False)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        taken = {i.name: i for i in session.get_inputs()}
        given = {f"x{i}": np.asarray(x, dtype) for i, x in enumerate(arrays) if f"x{i}" in taken}
        found.append(session.run(None, given)[0])
    return found, [y.data for y in expected]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_onnx(name: str, tmp_path: Path) -> None:
    for case in [case for case in EVERY if case.name == name and not any(0 in shape for shape in case.shapes)]:
        found, expected = exported(case, tmp_path / "graph.onnx", np.float64 if name == "nan_to_num" else np.float32)
        for mine, theirs in zip(found, expected, strict=True):
            assert mine.shape == np.shape(theirs), case
            np.testing.assert_allclose(mine, theirs, rtol=2e-4, atol=2e-5, err_msg=str(case))


def test_a_number_that_float32_has_not_is_refused_by_onnx(tmp_path: Path) -> None:
    x = Value(1.0, label="x")
    with pytest.raises(ValueError, match="too large for float32: export with dtype=np"):
        mg.export_onnx(mg.nan_to_num(x), tmp_path / "graph.onnx", x)
