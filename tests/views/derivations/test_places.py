"""Sorting, taking, convolution and pooling as sums over places: what is printed, done in loops, is the engine's."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from function_cases import EVERY, arrays_of, ours, parts
from many_cases import offenders

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.views.derivations.derivation import explain
from microgradcnn.views.derivations.matrices import Cotangents
from microgradcnn.views.derivations.named_graph import Graph
from microgradcnn.views.derivations.windows import ROLES, convolved

rng = np.random.default_rng(3)


def leaf(label: str, *shape: int) -> Value:
    return Value(rng.normal(size=shape).round(2), label=label)


X, W, Z, IMAGE = leaf("X", 3, 4), leaf("W", 4, 2), leaf("Z", 3, 4), leaf("p", 1, 1, 4, 4)
KERNEL = leaf("c", 1, 1, 2, 2)
ROWS, PLACES = Value(np.array([0.0, 2.0, 2.0]), label="r"), Value(np.array([[0.0, 1], [2, 2], [3, 0]]), label="r")
TOLD: dict[str, tuple[Callable[[], Value], Value, list[str]]] = {
    "sort": (
        lambda: mg.sort(X @ W, axis=0) ** 2, W, [
            "t₂ has the places of the numbers of t₁ in ascending order, along axis 0 (3×2)",
            "t₃[i, j] = t₁[o, j] with o = t₂[i, j] (3×2)",
            "(df/dt₁)[k, j] = Σᵢ (df/dt₃)[i, j][t₂[i, j] = k] (3×2)"]),
    "take": (
        lambda: mg.take(X @ W, ROWS, axis=0) ** 2, W, [
            "t₂[i, j] = t₁[o, j] with o = r[i] (3×2)", "(df/dt₁)[k, j] = Σᵢ (df/dt₂)[i, j][r[i] = k] (3×2)"]),
    "take_along_axis": (
        lambda: mg.take_along_axis(Z, PLACES, axis=1) ** 2, Z, [
            "t₁[i, j] = Z[i, o] with o = r[i, j] (3×2)", "(df/dZ)[i, k] = Σⱼ (df/dt₁)[i, j][r[i, j] = k] (3×4)"]),
    "average with an edge": (
        lambda: mg.avg_pool2d(IMAGE, 2, padding=1, count_include_pad=False) ** 2, IMAGE, [
            "t₁[r, s] = ¼Σᵢ,ⱼ p[2r + i − 1, 2s + j − 1] (1×1×3×3)",
            "K₁ is 4/m, where m of the 4 pixels of a window count.",
            "(df/dp)[u, v] = ¼Σᵣ,ₛ (df/dt₁)[r, s] (1×1×4×4)"]),
    "a filter that decays": (
        lambda: mg.conv2d(IMAGE, KERNEL).tanh().sum() + 0.1 * (KERNEL**2).sum(), KERNEL, [
            "(df/dc)[f, 0, i, j] = Σₙ,ᵣ,ₛ (df/dt₁)[n, f, r, s]p[n, 0, r + i, s + j] + (⅕c)[f, 0, i, j] (1×1×2×2)"]),
    "a filter that is used twice": (
        lambda: mg.conv2d(mg.conv2d(IMAGE, KERNEL).tanh(), KERNEL), KERNEL, [
            "(df/dc)[f, 0, i, j] = Σₙ,ᵣ,ₛ (df/dt₁)[n, f, r, s]p[n, 0, r + i, s + j]",
            "(df/dt₂)[n, 0, u, v] = Σ_f,r,s (df/dt₃)[n, f, r, s]c[f, 0, u − r, v − s] (1×1×3×3)"]),
    "sorted, and as it is": (
        lambda: mg.sort(Z, axis=1) * Z, Z, ["(df/dZ)[i, k] = Σⱼ (df/dt₂)[i, j][t₁[i, j] = k] + t₂[i, k] (3×4)"]),
}  # fmt: skip
CODE = r"scatter|index_add|unfold|(?<!un)fold\(|spread|pool2d|log_?softmax\(|take(_along_axis)?\(|order\(|vector_norm|"
CODE += r"getitem|conv2d_|None|Ellipsis|\bnan\b|\0|\{[^}\n]* if"


@pytest.mark.parametrize("name", TOLD)
def test_places_are_letters(name: str) -> None:
    build, x, lines = TOLD[name]
    told = re.sub(r"\n {12,}", " ", explain(build().sum(), x).text())
    assert [line for line in lines if f"   {line}" not in told] == [], told
    assert re.findall(CODE, told) == []
    assert "✓" in told
    assert "✗" not in told


def test_cases_stand_below_each_other_in_whatever_they_stand() -> None:
    """In brackets under an exponent, and in other cases; those with the same condition are decided."""
    told = explain((mg.where(Z > 0, Z, mg.where(Z > -1, 2 * Z, mg.where(Z > 0, Z, 3.0))) ** 2).sum(), Z).text()
    assert "⎧ Z   if Z > 0" in told
    assert re.search(r"f = sum\(\(⎨ .*\)²\)", told), told
    assert told.split("2. Backward")[0].count("if Z > 0") == 1
    told = explain(mg.where(Z > 0, 1 + mg.where(Z > 1, Z, 2.0), 3.0).sum(), Z).text()
    assert (
        "           ⎧     ⎧ Z  if Z > 1\n"
        "           ⎪ 1 + ⎨              if Z > 0\n"
        "   f = sum(⎨                            ) (a number)\n"
        "           ⎪     ⎩ 2  else\n"
        "           ⎩ 3                  else\n"
    ) in told


def test_lambda_of_arrays_has_its_name_and_its_number() -> None:
    f = ((X @ W - 1.0) ** 2).mean() + 0.05 * (W**2).sum()
    told = explain(f, W).text()
    assert "   λ = 0.05\n" in told
    assert "+ 2λW" in told or "2λW +" in told
    assert "λ" not in explain(((X @ W - leaf("b", 2)) ** 2).mean() + 0.05 * (W**2).sum(), W).text()


def test_no_function_prints_code() -> None:
    """Of every function that people call, over arrays, by every array that goes in."""
    seen = set[str]()

    def check(case: Any) -> None:
        leaves = [Value(x, label=letter) for x, letter in zip(arrays_of(case), "abcd", strict=False)]
        loss = sum((mg.sum(mg.square(y) + y) for y in parts(case(ours(case), list(leaves)))), Value(0.0))
        for leaf in leaves:
            derivation = explain(loss, leaf)
            assert re.findall(CODE, derivation.text()) == []
            assert (
                re.findall(r"scatter|index\\_add|unfold|pool2d|vector|conv2d\\_|name\{order", derivation.latex()) == []
            )
        seen.add(case.name)

    first = {case.name: case for case in reversed(EVERY) if case.shapes and not any(0 in s for s in case.shapes)}
    assert offenders([case for case in first.values() if case.shapes[0]], check) == []
    assert len(seen) > 80


@pytest.mark.parametrize("options", [{}, {"stride": (2, 1), "padding": (1, 0)}, {"padding": 1, "dilation": (2, 1)}])
def test_sums_over_windows_are_convolutions(options: dict[str, Any]) -> None:
    """Each of the three by its printed indices, in loops, against the engine's gradients."""
    x, w = leaf("x", 1, 2, 4, 4), leaf("w", 2, 2, 2, 3)
    y = mg.conv2d(x, w, **options)
    y.label = "y"
    f = (y * rng.normal(size=y.shape).round(2)).sum()
    graph, arrays = Graph(f), {"x": x.data, "w": w.data, "g": mg.grad(f, y)[0].data}
    for out, node in (("image", x), ("kernel", w)):
        place, total = convolved(graph, y, out, graph.names[y])
        found = np.zeros(node.shape)
        sizes = dict(zip("nfrs", y.shape, strict=True)) | dict(zip("uv", x.shape[2:], strict=True))
        sizes |= {"k": 2, "i": 2, "j": 3}
        letters, over = place.split(", "), total.value[1].split(", ")
        for at in product(*(range(sizes[letter]) for letter in letters)):
            for inner in product(*(range(sizes[letter]) for letter in over)):
                known = dict(zip([*letters, *over], [*at, *inner], strict=True))
                found[at] += np.prod([number(factor, known, arrays) for factor in total.args[0].args])
        assert np.allclose(found, mg.grad(f, node)[0].data, rtol=1e-12), out
    assert Cotangents(graph, x).gradient != Cotangents(graph, w).gradient
    assert set(ROLES) == {"conv2d", "conv2d_input", "conv2d_kernel"}


def number(e: Any, known: dict[str, int], arrays: dict[str, Any]) -> float:
    """A[2r + i, s/2] at numbers; 0 beyond the edges, and where a place is no whole number."""
    data = arrays[{"y": "g"}.get(e.args[0].value, e.args[0].value)]
    python = re.sub(r"(\d)([a-z])", r"\1*\2", e.value[0].replace("−", "-"))
    at = [eval(part, {"__builtins__": {}}, known) for part in python.split(", ")]
    inside = all(k == int(k) and 0 <= k < n for k, n in zip(at, data.shape, strict=True))
    return float(data[tuple(map(int, at))]) if inside else 0.0
