"""Which windows touched a weight or a pixel: held against convolutions of single pixels and single weights."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from test_derivation import check_html
from test_notation import check_latex

import microgradcnn as mg
from microgradcnn import Value, networks
from microgradcnn.views.derivations.derivation import Derivation, explain
from microgradcnn.views.documents.document import Line, Table
from microgradcnn.views.formulas.notation import text

rng = np.random.default_rng(0)


def leaf(label: str, *shape: int) -> Value:
    return Value(rng.normal(size=shape), label=label)


def lines(derivation: Derivation) -> list[str]:
    """The step on windows, tables as lists of rows."""
    (step,) = (step for step in derivation.steps if step.title == "Windows")
    return [str(rows(line)) if isinstance(line, Table) else plain(line) for line in step.lines]


def plain(line: Line) -> str:
    return "".join(piece if isinstance(piece, str) else text(piece) for piece in line)


def rows(table: Table) -> list[list[str]]:
    return [[plain(cell) for cell in row] for row in (table.header, *table.rows)]


def tables(derivation: Derivation) -> list[list[list[str]]]:
    return [
        rows(line)
        for step in derivation.steps
        if step.title == "Windows"
        for line in step.lines
        if isinstance(line, Table)
    ]


@pytest.mark.parametrize(
    ("stride", "padding", "dilation"),
    [(1, 0, 1), ((2, 1), 0, 1), (2, 1, 1), ((2, 3), (1, 2), 1), (1, 1, (3, 1)), ((1, 2), (1, 2), (2, 3))],
)
def test_every_pixel_met_the_weight_that_convolution_multiplies_it_by(stride: Any, padding: Any, dilation: Any) -> None:
    x, k = leaf("x", 1, 1, 4, 3), Value(np.arange(1.0, 7.0).reshape(1, 1, 2, 3), label="k")
    y = mg.conv2d(x, k, stride, padding, dilation)
    of_weights, of_pixels = tables(explain(y.sum(), [k, x]))
    windows = [at.removeprefix("window ") for at in of_pixels[0][1:]]
    assert (
        windows
        == [str(at) for at in np.ndindex(y.shape[2:])]
        == [at.removeprefix("window ") for at in of_weights[0][1:]]
    )
    for place, row in zip(np.ndindex(4, 3), of_pixels[1:], strict=True):
        one = np.zeros((1, 1, 4, 3))
        one[0, 0, place[0], place[1]] = 1.0
        met = mg.conv2d(one, k.data, stride, padding, dilation).ravel().astype(int).tolist()
        assert row == [str(place), *("" if w == 0 else str(divmod(w - 1, 3)) for w in met)]
    numbered = np.arange(1.0, 13.0).reshape(1, 1, 4, 3)
    for place, row in zip(np.ndindex(2, 3), of_weights[1:], strict=True):
        one = np.zeros((1, 1, 2, 3))
        one[0, 0, place[0], place[1]] = 1.0
        met = mg.conv2d(numbered, one, stride, padding, dilation).ravel().astype(int).tolist()
        assert row == [f"k[f, 0, {place[0]}, {place[1]}]", *("–" if p == 0 else str(divmod(p - 1, 3)) for p in met)]


def test_the_weights_of_a_network() -> None:
    network = networks.two_conv_linear(seed=1)
    told = lines(explain(network.loss(leaf("X", 5, 9), leaf("y", 5)), network.parameters["c"]))
    assert told[0] == (
        "c[f, 0, i, j] meets the pixel (r + i, s + j) of reshape(X, (−1, 1, 3, 3)) in the window (r, s): "
        "there are 2×2 windows in each of 5 images."
    )
    assert told[1] == "The pixels that each weight met:"
    assert "'c[f, 0, 0, 1]', '(0, 1)', '(0, 2)', '(1, 1)', '(1, 2)'" in told[2]
    assert len(told) == 3  # nothing is pooled


def test_the_pixels_of_an_image_and_pooling() -> None:
    network = networks.two_conv_average(seed=1)
    x = leaf("X", 5, 9)
    derivation = explain(network.loss(x, leaf("y", 5)), x)
    told = lines(derivation)
    assert "'X[n, 4] at (1, 1)', '(1, 1)', '(1, 0)', '(0, 1)', '(0, 0)'" in told[2]
    assert told[3:] == [
        "The window (r, s) of the average holds the pixels (2r + i, 2s + j) of z for i = 0, 1 and j = 0, 1: "
        "there are 1×1 windows.",
        "Each of these pixels gets ¼ of the gradient of the window.",
    ]
    check_latex(derivation.latex())
    check_html(derivation.mathml())


def test_the_largest_pixels() -> None:
    x = Value(np.array([[1.0, 2.0, 0.0, 0.0], [0.0, 0.0, 5.0, 5.0]]).reshape(1, 1, 2, 4), label="x")
    told = explain(mg.max_pool2d(x, 2).square().sum(), x)
    assert tables(told) == [[
        ["channel", "window", "largest pixel", "its value"],
        ["0", "(0, 0)", "(0, 1)", "2"],
        ["0", "(0, 1)", "(1, 2), (1, 3)", "5"],
    ]]  # fmt: skip
    assert "The largest of these pixels gets the gradient of the window; equal ones share it." in str(told)


def test_pooling_of_images_with_padding() -> None:
    x = Value(np.array([[1.0, 2.0, 0.0], [0.0, 0.0, -5.0]]).reshape(1, 1, 2, 3), label="x")
    pooled = mg.max_pool2d(-x.square(), 2, 2, 1, (1, 2), True)
    told = explain(pooled.square().sum(), x)
    assert (
        "The window (r, s) of the maximum holds the pixels (2r + i − 1, 2s + 2j − 1) of t₁ (beyond its edges −∞) "
        "for i = 0, 1 and j = 0, 1: there are 2×2 windows."
    ) in lines(told)
    (table,) = tables(told)
    assert [row[2:] for row in table[1:]] == [["(0, 1)", "−4"], ["(0, 1)", "−4"], ["(1, 1)", "0"], ["(1, 1)", "0"]]
    told = explain(mg.avg_pool2d(x, 2, ceil_mode=True).square().sum(), x)
    assert "t₁[r, s] = ¼Σᵢ,ⱼ x[2r + i, 2s + j] (1×1×1×2)\n" in str(told)
    assert "K₁ is 4/m, where m of the 4 pixels of a window count.\n" in str(told)
    assert "(df/dx)[u, v] = ¼Σᵣ,ₛ (df/dt₁)[r, s] (1×1×2×3)\n" in str(told)
    assert "avg_pool2d" not in str(told)
    assert "✗" not in str(told)


def test_groups_of_channels() -> None:
    x, k = leaf("x", 2, 4, 3, 3), leaf("k", 2, 2, 2, 2)
    told = lines(explain(mg.conv2d(x, k, dilation=(1, 2), groups=2).sum(), k))
    assert told[0] == (
        "k[f, channel, i, j] meets the pixel (r + i, s + 2j) of x in the window (r, s): there are 2×1 windows in each "
        "of 2 images of 4 channels in 2 groups, counted within the group of the filter."
    )


def test_channels_and_what_is_too_large_for_a_table() -> None:
    x, k = leaf("x", 2, 3, 9, 9), leaf("k", 4, 3, 2, 2)
    told = lines(explain(mg.avg_pool2d((mg.conv2d(x, k) * 2 + 1).tanh(), (4, 5)).sum(), [k]))
    assert told[0] == (
        "k[f, channel, i, j] meets the pixel (r + i, s + j) of x in the window (r, s): "
        "there are 8×8 windows in each of 2 images of 3 channels."
    )
    assert "(4r + i, 5s + j) of t₂ for i = 0, …, 3 and j = 0, …, 4: there are 2×1 windows." in told[1]
    assert len(told) == 3
    rows = ((leaf("a", 2, 3) * leaf("b", 2, 3) + 2) @ leaf("W", 3, 81)).reshape(2, 1, 9, 9)
    kernel = leaf("k", 4, 1, 2, 2)
    told, *_ = lines(explain(mg.conv2d(rows, kernel).sum(), kernel))
    assert "of the image in the window (r, s)" in told


def test_the_partners_of_convolution() -> None:
    x, k = leaf("x", 1, 1, 3, 3), leaf("k", 1, 1, 2, 2)
    for of, by in product((x, k), (x, k)):
        (g,) = mg.grad(mg.conv2d(x, k).square().sum(), [of])
        told = str(explain((g * leaf("h", *g.shape)).sum(), by))
        assert "k[f, 0, i, j] meets the pixel (r + i, s + j) of x" in told
        assert "✗" not in told


def test_no_step_without_windows() -> None:
    v = leaf("v", 3)
    assert "Windows" not in str(explain((v * v).sum(), v))


def test_what_comes_back_is_written_as_sums_over_windows() -> None:
    x, w = leaf("x", 1, 2, 5, 5), leaf("w", 3, 2, 2, 2)
    told = str(explain(mg.conv2d(x, w, stride=2, padding=1).tanh().sum(), [w, x]))
    assert "(df/dw)[f, k, i, j] = Σₙ,ᵣ,ₛ (df/dt₁)[n, f, r, s]x[n, k, 2r + i − 1, 2s + j − 1] (3×2×2×2)\n" in told
    assert "(df/dx)[n, k, u, v] = Σ_f,r,s (df/dt₁)[n, f, r, s]w[f, k, u + 1 − 2r, v + 1 − 2s] (1×2×5×5)\n" in told
    assert "conv2d_" not in told
