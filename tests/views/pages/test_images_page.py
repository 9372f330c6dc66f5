"""Images on a page: the window behind a pixel, by mouse and keys, and windows against those of the engine itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from conftest import needs_chromium
from test_graph_page import shown

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.engine.gradient import topological
from microgradcnn.files import json_text
from microgradcnn.views.drawing.maps.drawn import short
from microgradcnn.views.drawing.maps.told import images_told
from microgradcnn.views.pages.assets import asset

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = needs_chromium

Compute = Callable[[Any, Any], Any]
WINDOWS: dict[str, tuple[tuple[int, ...], tuple[int, ...], Compute]] = {
    "plain": ((1, 1, 5, 4), (2, 1, 3, 2), mg.conv2d),
    "stride": ((1, 2, 6, 7), (2, 2, 3, 3), lambda x, w: mg.conv2d(x, w, stride=(2, 3))),
    "padding": ((1, 1, 4, 4), (1, 1, 3, 3), lambda x, w: mg.conv2d(x, w, padding=(2, 1))),
    "dilation": ((1, 1, 7, 6), (1, 1, 3, 2), lambda x, w: mg.conv2d(x, w, dilation=(2, 3), padding=1)),
    "groups": ((1, 4, 3, 4), (6, 2, 2, 2), lambda x, w: mg.conv2d(x, w, groups=2)),
    "depthwise": ((1, 3, 4, 4), (6, 1, 2, 2), lambda x, w: mg.conv2d(x, w, groups=3, stride=2)),
    "all": ((1, 4, 8, 9), (4, 2, 3, 2), lambda x, w: mg.conv2d(x, w, (2, 1), (1, 2), (1, 3), 2)),
    "same, even": ((1, 1, 4, 5), (1, 1, 2, 4), lambda x, w: mg.conv2d(x, w, padding="same")),
    "transposed": ((1, 2, 3, 4), (2, 3, 2, 3), mg.conv_transpose2d),
    "transposed, stride": ((1, 1, 3, 4), (1, 2, 3, 2), lambda x, w: mg.conv_transpose2d(x, w, (2, 3), (1, 0), (1, 1))),
    "transposed, groups": (
        *((1, 4, 3, 3), (4, 2, 3, 2)),
        lambda x, w: mg.conv_transpose2d(x, w, 2, 1, groups=2, dilation=(1, 2)),
    ),
}


def engines(
    shape: tuple[int, ...], filters: tuple[int, ...], compute: Compute, transposed: bool = False
) -> dict[str, Any]:
    """By the values of convolutions alone: for each weight the pixel under it at each output, -1 for the padding."""
    height, width = shape[2:]
    places = np.broadcast_to(np.arange(1.0, height * width + 1.0).reshape(height, width), shape)
    maps = np.shape(compute(places, np.ones(filters)))[1]
    under, groups = {}, maps // filters[1] if transposed else shape[1] // filters[1]
    for i, j in np.ndindex(*filters[2:]):
        one = np.zeros(filters)
        if transposed:  # a filter for each channel: of each group one
            one[:: shape[1] // groups, :, i, j] = 1.0
        else:
            one[:, 0, i, j] = 1.0
        found = np.asarray(compute(places, one))[0]
        assert (found == found[:1]).all()
        under[i, j] = found[0].astype(int) - 1
    channels = []
    for c in range(shape[1]):
        lit = np.zeros(shape)
        lit[:, c] = 1.0
        channels.append(np.flatnonzero(np.asarray(compute(lit, np.ones(filters)))[0].sum(axis=(1, 2))).tolist())
    return {"under": under, "channels": channels}


def told(shape: tuple[int, ...], filters: tuple[int, ...], compute: Compute) -> dict[str, Any]:
    """The windows of every output, the windows over every pixel and the actions of every weight, by the script."""
    order = topological(compute(Value(np.ones(shape)), Value(np.ones(filters))))
    return {"images": images_told(order, recorded=False)}


@pytest.mark.parametrize("case", WINDOWS)
def test_windows_are_those_of_the_engine(case: str, page: Page) -> None:
    shape, filters, compute = WINDOWS[case]
    script = f"""() => {{
      const data = {json_text(told(shape, filters, compute))};
      {asset("images/windows.js")}
      const [windows] = data.images.windows.slice(-1);
      const [image, output] = [windows.image, windows.output].map((place) => shapeOf(place));
      return {{
        at: everyPlace(output.slice(2)).map((place) => windowAt(windows, place)),
        over: everyPlace(image.slice(2)).map((pixel) => windowsOver(windows, pixel)),
        acts: everyPlace(windows.size).map((weight) => actionsOf(windows, weight)),
        maps: Array.from({{ length: image[1] }}, (_, channel) => mapsOf(windows, channel)),
        channels: Array.from({{ length: output[1] }}, (_, map) => channelsOf(windows, map)),
      }};
    }}"""
    found, expected = page.evaluate(script), engines(shape, filters, compute, case.startswith("transposed"))
    width, under = shape[3], expected["under"]
    rows, columns = under[0, 0].shape
    flat = {weight: pixels.ravel() for weight, pixels in under.items()}
    pixel = lambda k: None if k < 0 else [k // width, k % width]  # noqa: E731
    for k, window in enumerate(found["at"]):
        assert [(tuple(one["weight"]), one["pixel"]) for one in window] == [(w, pixel(p[k])) for w, p in flat.items()]
    for weight, acts in zip(flat, found["acts"], strict=True):
        assert [one["pixel"] for one in acts] == [pixel(p) for p in flat[weight]]
        assert [one["place"] for one in acts] == [[r, c] for r in range(rows) for c in range(columns)]
    for k, over in enumerate(found["over"]):
        reached = sorted((int(at), w) for w, p in flat.items() for at in np.flatnonzero(p == k))
        told_ = [(one["place"][0] * columns + one["place"][1], tuple(one["weight"])) for one in over]
        assert told_ == reached
    assert found["maps"] == expected["channels"]
    for map_, channels in enumerate(found["channels"]):
        own = [c for c, maps in enumerate(expected["channels"]) if map_ in maps]
        assert list(range(channels["first"], channels["first"] + channels["count"])) == own


def network() -> Value:
    """Two filters over a picture of 4×4, with a bias, relu, and the largest of windows that overlap."""
    rng = np.random.default_rng(2)
    x = Value(np.round(rng.uniform(size=(1, 1, 4, 4)), 2), label="x")
    w, b = Value(np.round(rng.normal(size=(2, 1, 2, 2)), 2), label="w"), Value(np.array([0.25, 2.5]), label="b")
    z = mg.conv2d(x, w) + b.reshape(1, 2, 1, 1)
    z.label = "z"
    a = mg.relu(z)
    a.label = "a"
    p = mg.max_pool2d(a, 2, 1)
    p.label = "p"
    f = (p.mean() - 1.0) ** 2
    f.label = "f"
    f.backward()
    return f


PAINTED = """(image) => {
  const pen = document.createElement("canvas").getContext("2d");
  return new Promise((done) => {
    const picture = new Image();
    picture.onload = () => {
      Object.assign(pen.canvas, { width: picture.width, height: picture.height });
      pen.drawImage(picture, 0, 0);
      done([...pen.getImageData(0, 0, picture.width, picture.height).data].filter((_, i) => i % 4 === 0));
    };
    picture.src = image.getAttribute("href");
  });
}"""


def box(page: Page, name: str) -> Any:
    """The box of a node by its name."""
    place = page.evaluate("(name) => microgradcnn.state.level.boxes.find((box) => box.name === name).node", name)
    return page.locator(f'figure .node[data-node="{place}"]')


def point(page: Page, name: str, kind: str, map_: int, row: int, column: int, rows: int, columns: int) -> Any:
    """Where a pixel of a map lies on the screen."""
    at = box(page, name).locator(f'.{kind}-map [data-map="{map_}"] image').bounding_box()
    return at["x"] + (column + 0.5) * at["width"] / columns, at["y"] + (row + 0.5) * at["height"] / rows


def numbers(page: Page) -> list[list[str]]:
    """What the grids of the panel say, row by row of cells."""
    found: list[list[str]] = page.locator("#pixel .grid").evaluate_all(
        "all => all.map((grid) => [...grid.querySelectorAll('text')].map((text) => text.textContent))"
    )
    return found


def said(*values: float) -> list[str]:
    """Numbers as a grid says them."""
    return [("0" if v == 0 else f"{v:.1f}" if abs(v) >= 0.995 else f"{v:.2f}").replace("-", "−") for v in values]


def test_a_pixel_forward_and_backward_by_mouse_and_keys(page: Page, tmp_path: Path) -> None:
    f = network()
    order = {v.label: v for v in topological(f)}
    x, w, z = (np.asarray(order[name].data) for name in "xwz")
    shown(page, f, tmp_path)
    page.evaluate("microgradcnn.canvas.set({ x: 20, y: 120, k: 1 })")
    panel = page.locator("#pixel")
    assert panel.is_hidden()
    assert box(page, "w").locator(".value-map .cell").all_text_contents() == [short(v) for v in w.ravel().tolist()]
    # the window, the filter, the products, and what they add up to
    page.mouse.move(*point(page, "z", "value", 1, 1, 2, 3, 3))
    assert panel.locator("h2").inner_text() == "z: map 2, row 2, column 3"
    patch, kernel = x[0, 0, 1:3, 2:4].ravel(), w[1, 0].ravel()
    assert numbers(page) == [said(*patch), said(*kernel), said(*patch * kernel)]
    assert "the sum and the bias" in panel.inner_text()
    assert panel.locator("math mn").last.text_content() == f"{abs(z[0, 1, 1, 2]):.4g}"
    outline = page.locator("figure .outline").first.bounding_box()
    picture = box(page, "x").locator(".value-map image").bounding_box()
    assert outline["x"] == pytest.approx(picture["x"] + picture["width"] / 2, abs=2)
    assert outline["width"] == pytest.approx(picture["width"] / 2, abs=3)
    # an input's gradient: the gradients of the windows over it times the weights
    page.mouse.move(*point(page, "x", "gradient", 0, 2, 1, 4, 4))
    slope = float(np.asarray(order["x"].grad)[0, 0, 2, 1])
    assert f"gradient {abs(slope):.4g}" in panel.inner_text().replace("−", "")
    assert "Its gradient comes from t₁" in panel.inner_text()
    # where a weight acts: the gradients times the pixels under it
    page.mouse.move(*point(page, "w", "gradient", 1, 0, 1, 2, 2))
    g = np.asarray(order["z"].grad)[0, 1]
    products = numbers(page)[2]
    assert len(products) == 9
    assert [text == "0" for text in products] == [v == 0 for v in (g * x[0, 0, 0:3, 1:4]).ravel()]
    assert f"{float(np.asarray(order['w'].grad)[1, 0, 0, 1]):.4g}" in panel.inner_text().replace("−", "-")
    # keys: from the box to its pixel, along it, and out again
    page.keyboard.press("Escape")
    assert panel.is_hidden()
    box(page, "p").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("v")
    assert panel.locator("h2").inner_text() == "p: map 1, row 2, column 2"
    for key in ("ArrowUp", "ArrowLeft", "ArrowLeft"):
        page.keyboard.press(key)
    assert panel.locator("h2").inner_text() == "p: map 1, row 1, column 1"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert panel.locator("h2").inner_text() == "p: map 2, row 1, column 1"
    assert "The largest is" in panel.inner_text()
    label = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert label.startswith("p: map 2, row 1, column 1: value ")
    page.keyboard.press("Escape")
    assert panel.is_hidden()
    assert page.evaluate("document.activeElement.classList.contains('node')")
    # a click on a map looks at the pixel, one beside it derives
    page.mouse.click(*point(page, "a", "value", 0, 0, 0, 3, 3))
    assert panel.is_visible()
    assert page.locator("#telling h2").count() == 0


def test_maps_follow_the_numbers_and_tell_no_gradient_before_its_time(page: Page, tmp_path: Path) -> None:
    f = network()
    shown(page, f, tmp_path)
    page.evaluate("microgradcnn.canvas.set({ x: 20, y: 120, k: 1 })")
    image = box(page, "x").locator(".value-map image")
    before = image.evaluate(PAINTED)
    assert len(before) == 16
    place = page.evaluate("microgradcnn.state.level.boxes.find((box) => box.name === 'x').place")
    page.evaluate(f"microgradcnn.setNumber({place} + 5, 0)")
    after = image.evaluate(PAINTED)
    assert [i for i in range(16) if before[i] != after[i]] == [5]
    gradients = "figure .gradient-map image[href]"
    assert page.locator(gradients).count()
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")  # it is at rest
    page.mouse.move(*point(page, "x", "gradient", 0, 1, 2, 4, 4))
    page.locator("#pixel .grid").first.wait_for()
    for hide in ("document.getElementById('predict').click()", "microgradcnn.change({ step: 3, prediction: null })"):
        page.evaluate(hide)
        assert page.locator(gradients).count() == 0
        assert page.locator("#pixel .grid").count() == 0
        assert "gradient 0" not in page.locator("#pixel").inner_text()


def test_what_was_recorded_is_looked_at_alike(page: Page, tmp_path: Path) -> None:
    """A graph of several examples, too large to run on the page: the first one's numbers, as far as the step is."""
    rng = np.random.default_rng(3)
    x = Value(rng.uniform(size=(40, 1, 100, 100)), label="x")
    w = Value(rng.normal(size=(24, 1, 5, 5)), label="w")
    z = mg.conv2d(x, w, stride=4, padding=1)
    z.label = "z"
    s = mg.softmax(z.mean(axis=(2, 3))).sum(axis=0)
    s.label = "s"
    f = (s**2).sum()
    f.label = "f"
    f.backward()
    file = mg.draw(f, open=True).save(tmp_path / "f.html")
    page.emulate_media(reduced_motion="reduce")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(file.as_uri())
    page.wait_for_function("() => globalThis.microgradcnn")
    assert page.locator("body.recorded").count() == 1
    node = page.evaluate("microgradcnn.state.level.boxes.find((box) => box.name === 'z').node")
    page.evaluate(f"microgradcnn.look({{ place: {node}, which: 'value', map: 2, at: [0, 3] }})")
    assert f"value {z.data[0, 2, 0, 3]:.4g}".replace("-", "−") in page.locator("#pixel").inner_text()
    window = np.pad(x.data[0, 0], 1)[0:5, 12:17].ravel()
    assert numbers(page)[0] == ["·" if i < 5 else said(v)[0] for i, v in enumerate(window)]
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    strip = box(page, "s").locator(".value-map image").first
    assert strip.is_visible()
    page.evaluate("microgradcnn.change({ step: 0 })")
    assert not strip.is_visible()
    assert "Not known at this step" in page.locator("#pixel").inner_text()
    page.evaluate("microgradcnn.change({ step: microgradcnn.state.level.last })")
    assert strip.is_visible()


def test_an_input_that_is_a_raw_array_is_shown_with_its_window(page: Page, tmp_path: Path) -> None:
    digit = np.arange(16.0).reshape(1, 1, 4, 4) / 15.0
    w = Value(np.array([[[[1.0, -2.0], [3.0, -4.0]]]]), label="w")
    z = mg.conv2d(digit, w)
    z.label = "z"
    f = (z**2).sum()
    f.backward()
    shown(page, f, tmp_path)
    node = page.evaluate("microgradcnn.state.level.boxes.find((box) => box.name === 'z').node")
    page.evaluate(f"microgradcnn.look({{ place: {node}, which: 'value', map: 0, at: [2, 1] }})")
    assert page.get_by_role("img", name="its window in the picture").count() == 1
    assert numbers(page)[1] == said(*digit[0, 0, 2:4, 1:3].ravel())
    page.evaluate(f"microgradcnn.look({{ place: {node}, which: 'gradient', map: 0, at: [2, 1] }})")
    assert page.locator("#pixel h3").all_inner_texts() == ["What it sends to the weights"]
