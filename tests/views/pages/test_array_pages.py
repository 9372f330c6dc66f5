"""Pages of graphs of arrays: computed in the page by a program in arrays, changed, descended, predicted and derived."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from conftest import needs_chromium
from test_graph_page import shown
from test_javascript import far

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.engine.gradient import topological

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = needs_chromium
IMAGES = np.linspace(-1.0, 1.0, 3 * 64).reshape(3, 1, 8, 8)


def network() -> nn.Sequential:
    rng = np.random.default_rng(2)
    return nn.Sequential(
        nn.Conv2d(1, 3, 3, rng=rng), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(27, 2, rng=rng)
    )


def loss_of(model: nn.Module, images: Any = IMAGES) -> Value:
    f = nn.cross_entropy(model(Value(images, label="x")), np.arange(len(images)) % 2)
    f.label = "f"
    return f


def at(arrays: list[Any]) -> tuple[Value, list[Value]]:
    """The same loss at other parameters."""
    model = network()
    for p, array in zip(model.parameters(), arrays, strict=True):
        p.data = array
    return loss_of(model), list(model.parameters())


def agree(page: Page, f: Value) -> None:
    """The values and gradients of every node in the page are Python's."""
    order = topological(f)
    gradients = mg.grad(f, order)
    page.locator("#level").select_option(label="Operation by operation")
    nodes = page.evaluate("microgradcnn.state.level.boxes.map((box) => box.node)")
    found = page.evaluate("""() => {
      const { values, gradients } = microgradcnn.results();
      return [values, gradients].map((all) => all.map((numbers) => Array.from(numbers)));
    }""")
    assert sorted(nodes) == list(range(len(order)))
    for node, value, gradient in zip(nodes, *found, strict=True):
        assert far(value, np.ravel(order[node].data).tolist()) <= 1e-12
        assert far(gradient, np.ravel(gradients[node].data).tolist()) <= 1e-12


def test_a_network_is_computed_changed_and_descended(page: Page, tmp_path: Path) -> None:
    model = network()
    f = loss_of(model)
    shown(page, f, tmp_path, names={"model": model})
    agree(page, f)
    chooser = page.locator("details", has=page.locator("summary", has_text="0.weight, 3×1×3×3 numbers")).last
    chooser.locator("summary").click()
    chooser.get_by_label("which number of 0.weight").fill("2, 1, 3, 1")
    chooser.locator("input[type=number]").fill("0.75")
    arrays = [p.data.copy() for p in model.parameters()]
    arrays[0][1, 0, 2, 0] = 0.75
    changed, parameters = at(arrays)
    agree(page, changed)
    page.locator("#rate").fill("0.5")
    page.locator("[data-steps='1']").click()
    slopes = mg.grad(changed, parameters)
    agree(page, at([p - 0.5 * slope.data for p, slope in zip(arrays, slopes, strict=True)])[0])
    page.locator("#reset").click()
    agree(page, f)


def test_a_number_is_chosen_on_the_map(page: Page, tmp_path: Path) -> None:
    model = network()
    shown(page, loss_of(model), tmp_path, names={"model": model})
    page.locator("#level").select_option(label="Operation by operation")
    page.locator("figure .node[aria-label^='x:']").dispatch_event("click")
    chooser = page.locator("details", has=page.locator("summary", has_text="x, 3×1×8×8 numbers")).last
    at = chooser.locator("canvas").bounding_box()
    assert at is not None
    chooser.locator("canvas").click(position={"x": at["width"] * 6.5 / 8, "y": at["height"] * 13.5 / 24})
    assert chooser.get_by_label("which number of x").input_value() == "2, 1, 6, 7"
    assert float(chooser.locator("input[type=number]").input_value()) == pytest.approx(IMAGES[1, 0, 5, 6], abs=1e-4)
    chooser.get_by_label("which number of x").fill("4, 1, 1, 1")
    assert chooser.get_by_label("which number of x").get_attribute("aria-invalid") == "true"
