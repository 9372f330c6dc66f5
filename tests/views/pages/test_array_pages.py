"""Pages of graphs of arrays: computed in the page by a program in arrays, changed, descended, predicted and derived."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from conftest import needs_chromium
from drawn_networks import lenet
from test_graph_page import shown, telling
from test_javascript import far

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.engine.gradient import topological
from microgradcnn.views.drawing.colours import plane
from microgradcnn.views.pages.assets import asset

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
    chooser = page.locator("details", has=page.locator("summary", has_text="W₁ (0.weight), 3×1×3×3 numbers")).last
    chooser.locator("summary").click()
    chooser.get_by_label("which number of W₁").fill("2, 1, 3, 1")
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
    page.locator("figure .node[data-told^='x:']").dispatch_event("click")
    chooser = page.locator("details", has=page.locator("summary", has_text="x, 3×1×8×8 numbers")).last
    at = chooser.locator("canvas").bounding_box()
    assert at is not None
    chooser.locator("canvas").click(position={"x": at["width"] * 6.5 / 8, "y": at["height"] * 13.5 / 24})
    assert chooser.get_by_label("which number of x").input_value() == "2, 1, 6, 7"
    assert float(chooser.locator("input[type=number]").input_value()) == pytest.approx(IMAGES[1, 0, 5, 6], abs=1e-4)
    chooser.get_by_label("which number of x").fill("4, 1, 1, 1")
    assert chooser.get_by_label("which number of x").get_attribute("aria-invalid") == "true"


def test_a_gradient_of_an_array_is_predicted_and_nothing_tells_it(page: Page, tmp_path: Path) -> None:
    w, x = Value([[0.5, -1.0], [2.0, 0.25]], label="W"), Value([1.5, -0.5], label="x")
    y = w @ x
    y.label = "y"
    f = mg.sum(y * y)
    f.label = "f"
    f.backward()
    shown(page, f, tmp_path)
    page.locator("#level").select_option(label="Operation by operation")
    page.locator("#predict").click()
    assert page.locator("figure text.gradient").all_text_contents() == ["?"] * 4 + ["1"]
    page.keyboard.press("ArrowRight")
    assert telling(page).startswith("What is the gradient of y[2]? 4 to go.")
    page.locator("figure .node[data-told^='y:']").hover()
    page.locator("figure .node[data-told^='y:']").click()
    assert not page.locator("#telling h2").is_visible()
    hidden = page.locator("body").evaluate("body => body.innerText + body.querySelector('figure').innerHTML")
    assert "5.75" not in hidden
    page.locator("#telling input").fill("5.75")
    page.keyboard.press("Enter")
    assert telling(page).startswith("✓ 3 to go")
    assert page.locator("figure .node[data-told^='y:'] text.gradient").text_content() == "2.5 … 5.8"


def test_landmarks_names_and_what_scrolls(page: Page, tmp_path: Path) -> None:
    """As axe-core asks: one main part, the rest in landmarks, boxes called by titles, wide formulas reached by Tab."""
    model = network()
    shown(page, loss_of(model), tmp_path, names={"model": model})
    parts = page.locator("body > :not(script, noscript)").evaluate_all("all => all.map((part) => part.tagName)")
    assert parts == ["HEADER", "NAV", "DIV"]
    assert page.locator("#stage > *").evaluate_all("all => all.map((e) => e.tagName)") == ["MAIN", "ASIDE"]
    assert page.locator("main > figure, main > #telling, main > #legend").count() == 3
    assert page.locator("figure [role='button'][aria-label]").count() == 0
    assert page.get_by_role("button", name="W₁: 0.weight, 3×1×3×3").count() == 1
    for name in ("0.weight", "W1"):  # it is found by both
        page.locator("#find").fill(name)
        assert page.locator("#found").text_content() == "1 of 1"
    page.locator("#find").fill("")
    page.locator("#level").select_option(label="Operation by operation")
    page.locator("figure .node[data-told^='x:']").dispatch_event("click")
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function("() => document.querySelector('#telling .wide[tabindex]')")
    wide = "all => all.every((box) => box.scrollWidth <= box.clientWidth || box.tabIndex === 0)"
    assert page.locator("#telling .wide").evaluate_all(wide)


def test_heat_maps_are_laid_out_as_python_lays_them_out(page: Page) -> None:
    shapes = [
        (3,),
        (40,),
        (300,),
        (2, 3),
        (20, 7),
        (40, 50),
        (2, 3, 4),
        (6, 1, 5, 5),
        (1, 16, 12, 12),
        (7, 30, 2),
        (0, 3),
    ]
    arrays = [np.random.default_rng(1).normal(size=shape) for shape in shapes]
    given = [[array.ravel().tolist(), array.shape] for array in arrays]
    script = (
        f"(given) => {{ {asset('arrays/planes.js')}; return given.map(([numbers, shape]) => plane(numbers, shape)); }}"
    )
    for array, found in zip(arrays, page.evaluate(script, given), strict=True):
        expected = plane(array)
        assert found["columns"] == expected.shape[1] or not array.size
        np.testing.assert_allclose(found["numbers"], expected.ravel(), rtol=1e-12)


def test_a_hint_is_not_the_answer(page: Page, tmp_path: Path) -> None:
    """What is sent to the two numbers is −½ each, whatever they are."""
    w = Value([0.25, 3.0], label="w")
    y = mg.square(w)
    y.label = "y"
    f = -mg.mean(y)
    shown(page, f, tmp_path)
    page.locator("#level").select_option(label="Operation by operation")
    page.locator("#predict").click()
    page.keyboard.press("ArrowRight")
    said = telling(page)
    assert said.startswith("What is the gradient of y[1]? 3 to go.")
    assert "0.5" not in said
    assert "½" not in said
    assert said.endswith("and t1=mean(y)")


@pytest.mark.slow
def test_lenet_layer_by_layer(page: Page, tmp_path: Path) -> None:
    """Small without its numbers, computed again in moments, derived, held against differences, and descended."""
    model = lenet()
    f = nn.cross_entropy(model(Value(np.linspace(0.0, 1.0, 784).reshape(1, 1, 28, 28), label="x")), np.array([3]))
    f.label = "f"
    f.backward()
    file = mg.draw(f, names={"model": model}).save(tmp_path / "lenet.html")
    text = file.read_text(encoding="utf-8")
    numbers = re.search(r'"numbers":"([^"]*)"', text)
    assert numbers is not None
    assert len(text.encode()) - len(numbers[1]) < 600_000
    page.goto(file.as_uri())
    page.wait_for_function("() => globalThis.microgradcnn")
    assert page.locator("#level option").all_text_contents() == ["Layer by layer", "Operation by operation"]
    page.set_viewport_size({"width": 1280, "height": 720})
    for level in ("1", "0"):
        page.locator("#level").select_option(level)
        page.wait_for_function("microgradcnn.canvas.picture.shown.rows.length > 2")  # and not one of many screens
    assert page.locator("figure .group").first.get_attribute("role") == "button"
    agree(page, f)
    page.locator("figure .node[data-told^='W₁:']").dispatch_event("click")
    page.get_by_text("Compare with a finite difference").click()
    assert "the 6 largest" in telling(page)
    assert "✓ It agrees with the gradient." in telling(page)
    page.locator("#rate").fill("0.01")
    page.locator("[data-steps='10']").click()
    said = page.locator("#descended").text_content() or ""
    assert re.fullmatch(r"10 steps: f from [\d.]+ to [\d.]+\.", said)


def test_of_what_is_no_single_number_the_values_are_computed(page: Page, tmp_path: Path) -> None:
    """No gradient is offered, and a sentence says why; maps and heat maps are painted anew in other colours."""
    model = network()
    shown(page, model(Value(IMAGES, label="x")), tmp_path)
    assert "Only a single number has a gradient, as mg.draw(loss) shows it" in page.locator("header").inner_text()
    absent = ("#predict", "#descent", "aside legend label", "figure .gradient", "figure .gradient-map")
    assert not any(page.locator(name).first.is_visible() for name in absent)
    assert page.locator("figure [data-told*='gradient']").count() == 0
    end = page.evaluate("microgradcnn.state.level.last")
    assert page.locator("#where").text_content() == f"Step {end} of {end}"
    weight = next(iter(model.parameters()))
    changed = np.array(weight.data)
    changed[0, 0, 0, 0] = 4.0
    weight.data = changed
    place = page.evaluate(
        "([w]) => microgradcnn.levels.at(-1).boxes.find(({ shape }) => `${shape}` === w).place", ["3,1,3,3"]
    )
    page.evaluate("(place) => microgradcnn.setNumber(place, 4)", place)
    found = page.evaluate("[...microgradcnn.results().values[microgradcnn.state.level.root]]")
    assert far(found, np.ravel(model(Value(IMAGES)).data)) < 1e-12
    page.locator("figure :is(.node, .group)").last.dispatch_event("click")
    assert not page.locator("#telling h2").is_visible()
    images = page.locator("figure .value-map image")
    light = images.evaluate_all("all => all.map((image) => image.getAttribute('href'))")
    page.emulate_media(color_scheme="dark")
    anew = "all => images.every((image, i) => image.getAttribute('href') !== all[i])"
    page.wait_for_function(
        anew.replace("images", "[...document.querySelectorAll('figure .value-map image')]"), arg=light
    )


def test_where_gradients_came_from_outside_the_page_replays_them(page: Page, tmp_path: Path) -> None:
    x = Value([0.5, -1.0], label="x")
    y = mg.tanh(x)
    y.backward(np.array([1.0, 2.0]))
    shown(page, y, tmp_path)
    assert page.locator("body.recorded").count() == 1
    assert "not computed" not in page.locator("figure text.gradient").all_text_contents()
