"""Losses over arrays as lectures write them: mathematics to read, and where softmax and logistic losses end."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from conftest import needs_chromium
from playwright.sync_api import Page

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.views.documents.standalone import html_page


def array(label: str, *shape: int, seed: int = 0) -> Value:
    return Value(np.random.default_rng(seed).normal(size=shape).round(2), label=label)


X, W, B = array("X", 4, 3), array("W", 3, 2, seed=1), array("b", 2, seed=2)
V, PIXELS, KERNEL = array("V", 2, 3, seed=3), array("p", 1, 1, 6, 6), array("c", 1, 1, 3, 3, seed=4)
KEYS, QUERIES, VALUES = array("K", 3, 2, seed=5), array("Q", 3, 2), array("V", 3, 2, seed=6)
Y = Value(np.eye(2)[[0, 1, 1, 0]], label="Y")
Y3 = Value(np.eye(3)[[0, 1, 2, 0]], label="Y")
CLASSES = np.array([0, 1, 1, 0])


def shifted() -> Value:
    powers = mg.exp(X @ W - mg.max(X @ W, axis=1, keepdims=True))
    return -(mg.log(powers / powers.sum(axis=1, keepdims=True)) * Y).sum()


LOSSES: dict[str, tuple[Callable[[], Value], Value]] = {
    "maximum over an axis": (lambda: (mg.max(X @ W, axis=1) ** 2).sum(), W),
    "maximum of all": (lambda: mg.max(X @ W), W),
    "a maximum in a maximum": (lambda: mg.maximum(mg.maximum(X @ W, B), 0.3).sum(), W),
    "hinge": (lambda: mg.maximum(0.0, 1.0 - Y * (X @ W)).sum(), W),
    "clipped": (lambda: mg.clip(X @ W, -0.5, 0.5).sum(), W),
    "leaky": (lambda: mg.where(X @ W > 0, X @ W, 0.1 * (X @ W)).sum(), W),
    "logsumexp": (lambda: (mg.logsumexp(X @ W, axis=1) - ((X @ W) * Y).sum(axis=1)).mean(), W),
    "softmax, squared": (lambda: ((mg.softmax(X @ W) - Y) ** 2).sum(), W),
    "log-softmax of columns": (lambda: -(mg.log_softmax(X @ W, axis=0) * Y).sum(), W),
    "log-softmax, two layers": (lambda: -(mg.log_softmax(mg.tanh(mg.relu(X @ W) @ V)) * Y3).sum() / 4, W),
    "the class of a row": (lambda: -mg.log_softmax(X @ W)[np.arange(4), CLASSES].mean(), W),
    "cross-entropy": (lambda: nn.cross_entropy(X @ W + B, Value(CLASSES * 1.0, label="y")), B),
    "the greatest is taken off": (shifted, W),
    "attention": (lambda: ((mg.softmax(QUERIES @ KEYS.T) @ VALUES) ** 2).sum(), KEYS),
    "maximum pooling": (lambda: (mg.max_pool2d(mg.relu(mg.conv2d(PIXELS, KERNEL)), 2) ** 2).sum(), KERNEL),
    "maximum pooling, by the pixels": (lambda: (mg.max_pool2d(mg.conv2d(PIXELS, KERNEL), 2) ** 2).sum(), PIXELS),
    "pooling of windows that overlap": (lambda: (mg.max_pool2d(PIXELS, 3, stride=1) ** 2).sum(), PIXELS),
    "pooling with an edge": (lambda: (mg.max_pool2d(PIXELS, 2, padding=1) ** 2).sum(), PIXELS),
    "average pooling": (lambda: (mg.avg_pool2d(mg.conv2d(PIXELS, KERNEL), 2) ** 2).sum(), KERNEL),
}
CODE = r"scatter|gather|unfold|fold\(|pool2d|log_?softmax\(|take_along|None|Ellipsis|nan|\0|\{[^}]* if"


@pytest.mark.parametrize("name", LOSSES)
def test_it_reads_as_mathematics(name: str) -> None:
    loss, x = LOSSES[name]
    derivation = mg.explain(loss(), x)
    told = derivation.text()
    assert re.findall(CODE, told) == [], told
    assert re.findall(r"scatter|gather|unfold|pool2d|log_?softmax|\0", derivation.latex() + derivation.mathml()) == []
    assert "✓" in told
    assert "✗" not in told


SHARES = "(σ(XW) − Y)"
ENDS: dict[str, tuple[Callable[[], Value], str]] = {
    "log of softmax": (lambda: -(mg.log(mg.softmax(X @ W)) * Y).sum() / 4, "¼Xᵀ(exp(t₂) − Y)"),
    "log-softmax, mean of row sums": (lambda: -(mg.log_softmax(X @ W) * Y).sum(axis=1).mean(), "¼Xᵀ(exp(t₂) − Y)"),
    "softmax written out": (
        lambda: -(mg.log(mg.exp(X @ W) / mg.exp(X @ W).sum(axis=1, keepdims=True)) * Y).sum() / 4, "− Y)"),
    "logistic": (
        lambda: -(Y * mg.log(mg.sigmoid(X @ W)) + (1 - Y) * mg.log(1 - mg.sigmoid(X @ W))).sum(), f"Xᵀ{SHARES}"),
}  # fmt: skip


@pytest.mark.parametrize("name", ENDS)
def test_softmax_and_logistic_losses_end_in_the_difference(name: str) -> None:
    loss, end = ENDS[name]
    told = mg.explain(loss(), W).text().split("Numbers")[0]
    last = re.sub(r"\n {6,}", " ", told[told.index("df/dW = ") :]).splitlines()[0]
    assert last.endswith(f"{end} (3×2)"), last


def test_a_row_that_is_taken_twice_is_added_up_twice() -> None:
    """df/dW[0] is 4W[0] here: the value at a place is not one number of the list, but the sum of two."""
    twice, once = ((W[np.array(rows)] ** 2).sum() for rows in ([0, 0, 2], [0, 2]))
    assert np.array_equal(mg.grad(twice, W)[0].data[0], 4 * W.data[0])
    told, other = (re.findall(r"\w+", mg.explain(f, W).text().split("Numbers")[0]) for f in (twice, once))
    assert set(told) - set(other), "nothing says that what comes to one place is added up"


@pytest.mark.slow
@needs_chromium
def test_no_line_is_cut_on_a_phone(page: Page) -> None:
    """Nor has one to be scrolled sideways."""
    page.set_viewport_size({"width": 390, "height": 800})
    inside = "Math.max(...[...document.querySelectorAll('.wide, p')].map(e => e.scrollWidth - e.clientWidth))"
    found = {}
    for name, (loss, x) in LOSSES.items():
        page.set_content(html_page(mg.explain(loss(), x).mathml(), (name,)))
        if (width := page.evaluate("document.documentElement.scrollWidth")) > 390:
            found[name] = width
        if (cut := page.evaluate(inside)) > 1:
            found[name] = cut
    assert found == {}
