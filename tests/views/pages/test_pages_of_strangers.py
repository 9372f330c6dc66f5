"""Pages of graphs that people may write: each family of functions over arrays is computed there as Python computes it.

Every case is one graph, opened, compared in all its nodes, changed in one number by hand, and compared again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from conftest import needs_chromium
from many_cases import offenders
from test_javascript import far

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.engine.gradient import topological
from microgradcnn.engine.record import TABLE

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [needs_chromium, pytest.mark.usefixtures("own_primitives")]
Loss = Callable[[Value, Value], Value]
X = np.array([[0.3, -0.7, 1.2], [0.9, 0.4, -1.1]])
W = np.array([[0.6, 1.5, 0.2], [0.8, 0.1, 1.7]])
IMAGE = np.linspace(-1.0, 1.0, 36).reshape(1, 1, 6, 6) ** 3

OWN: dict[str, tuple[Any, ...]] = {
    "strangers_softsign": (
        lambda x: x / (1.0 + np.abs(x)),
        [lambda g, y, x: g / (1.0 + mg.abs(x)) ** 2],
        "x / (1 + abs(x))",
    ),
    "strangers_product": (
        lambda x, w: x * np.tanh(w),
        [lambda g, y, x, w: g * mg.tanh(w), lambda g, y, x, w: g * x * (1.0 - mg.tanh(w) ** 2)],
        "x * tanh(w)",
    ),
    "strangers_sine": (np.sin, [lambda g, y, x: g * mg.cos(x)]),  # no notation
}


def own(name: str) -> Callable[..., Value]:
    """A primitive of one's own, for a test with the fixture own_primitives."""
    return TABLE[name] if name in TABLE else mg.primitive(name, *OWN[name])


def attention(x: Value, w: Value) -> Value:
    return mg.softmax(x @ w.T / np.sqrt(3.0), axis=-1) @ (w * x)


FAMILIES: dict[str, Loss] = {
    "powers": lambda x, w: w**x + w**2.5 + w**-1 + mg.sqrt(w) + mg.square(x) + mg.power(w, w),
    "circle": lambda x, w: mg.sin(x) * mg.cos(w) + mg.tan(x) + mg.arctan2(x, w) + mg.arcsin(x / 2) + mg.arccos(x / 2),
    "clipped and chosen": lambda x, w: mg.clip(x, -0.5, 0.5) + mg.where(x < w, x * w, w) + mg.abs(x) * mg.sign(w),
    "remainders": lambda x, w: mg.mod(x, w) + mg.floor(x) * w + mg.hypot(x, w) + x % 0.7,
    "over axes": lambda x, w: mg.prod(x, axis=0) + mg.cumsum(w, axis=1)[0] + mg.min(w, axis=0) * mg.norm(x),
    "matrix products": lambda x, w: x @ w.T + mg.einsum("ij,kj->ik", x, w) + mg.outer(x[:, 0], w[0, :2]),
    "places": lambda x, w: mg.concatenate([x[:, 1:], w[:, ::-1]], axis=1) * mg.take(w, [0, 2, 2, 1, 0], 1),
    "order": lambda x, w: mg.sort(x, axis=1) * w + mg.roll(mg.flip(x), 1) * mg.repeat(w[:, :1], 3, axis=1),
    "attention": attention,
    "one's own": lambda x, w: own("strangers_softsign")(x) * w + own("strangers_product")(x, w),
    "a convolution": lambda x, w: mg.conv2d(Value(IMAGE, label="p"), w[:, :2].reshape(1, 1, 2, 2)) * x[0, 0],
}


def graph(name: str, x: Any = X, w: Any = W) -> Value:
    made = FAMILIES[name](Value(x, label="x"), Value(w, label="w"))
    f = made if not made.shape else mg.sum(mg.square(made) + made)
    f.label = "f"
    f.backward()
    return f


def opened(page: Page, f: Value, folder: Path) -> None:
    page.goto(mg.draw(f).save(folder / "f.html").as_uri())
    page.wait_for_function("() => globalThis.microgradcnn")
    levels = page.locator("#level option").all_text_contents()
    if levels:
        page.locator("#level").select_option(label="Operation by operation")


def agrees(page: Page, f: Value) -> bool:
    """Whether every node of the page has Python's value and gradient; where nothing arrives the page has none."""
    nodes = page.evaluate("microgradcnn.state.level.boxes.map((box) => box.node)")
    values, gradients = page.evaluate("""() => {
      const { values, gradients } = microgradcnn.results();
      return [values, gradients].map((all) => all.map((numbers) => numbers && Array.from(numbers)));
    }""")
    order = topological(f)
    return sorted(nodes) == list(range(len(order))) and all(
        far(value, np.ravel(order[node].data).tolist()) <= 1e-12
        and far(gradient or [0.0] * len(value), np.ravel(order[node].grad + 0.0 * order[node].data).tolist()) <= 1e-12
        for node, value, gradient in zip(nodes, values, gradients, strict=True)
    )


def test_every_family_is_computed_and_computed_again(page: Page, tmp_path: Path) -> None:
    def check(name: str) -> None:
        f = graph(name)
        opened(page, f, tmp_path)
        assert page.locator("body.recorded").count() == 0
        assert agrees(page, f)
        moved = W.copy()
        moved[1, 0] = 0.65
        page.get_by_label("w[2, 1]").fill("0.65", timeout=5000)
        assert agrees(page, graph(name, w=moved))

    assert offenders(FAMILIES, check) == []


def test_powers_of_scalars_have_a_page(page: Page, tmp_path: Path) -> None:
    """An exponent that is computed is written with its number, also within another exponent."""
    u, v = Value(1.5, label="u"), Value(2.0, label="v")
    f = (3.0 * u) ** (v / 2.0) ** u
    f.label = "f"
    f.backward()
    opened(page, f, tmp_path)
    assert agrees(page, f)
    page.keyboard.press("End")
    page.keyboard.press("Home")
    for _ in range(8):
        page.keyboard.press("ArrowRight")


def test_what_nobody_can_run_is_replayed_and_says_so_in_one_sentence(page: Page, tmp_path: Path) -> None:
    f = mg.sum(mg.square(own("strangers_sine")(Value(X, label="x")) * Value(W, label="w")))
    f.label = "f"
    f.backward()
    opened(page, f, tmp_path)
    said = page.locator("body").inner_text()
    assert said.count("replays the numbers that were computed when it was made") == 1
    assert not page.locator("aside").is_visible()
    page.keyboard.press("End")
    assert "not computed" not in page.locator("figure").inner_text()
