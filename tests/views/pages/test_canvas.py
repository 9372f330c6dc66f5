"""The canvas of a graph's page: zoomed, moved, searched, lit along paths, by mouse, wheel, fingers and keyboard."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from conftest import needs_chromium
from test_graph_page import neuron, shown

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.networks import NETWORKS

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = needs_chromium
VIEW = "microgradcnn.canvas.picture.view"
PHONE = {"width": 390, "height": 844}

# After every step back: whether all boxes are in the frame, and whether anything lies over the step's last.
STEPS = """async () => {
    const rects = (wanted) => [...document.querySelectorAll(wanted)].map((part) => part.getBoundingClientRect());
    const meet = (a, b) => a.left < b.right && a.right > b.left && a.top < b.bottom && a.bottom > b.top;
    const [whole, covered] = [[], []];
    for (let left = Number(document.getElementById("scrub").max); left > 0; left -= 1) {
        document.getElementById("back").click();
        await new Promise(requestAnimationFrame);
        const [frame] = rects("figure");
        whole.push(rects("figure .node .box").every((box) => box.left >= frame.left && box.right <= frame.right));
        const { picture, followed } = microgradcnn.canvas, last = picture.boxes[followed.at(-1)];
        const box = last?.querySelector(".box").getBoundingClientRect();
        covered.push(box && rects("#view, #map, #groups").some((part) => meet(box, part)));
    }
    return [whole, covered];
}"""


def chain(length: int) -> Value:
    """t = tanh(w·t), so many times: wider than any window."""
    w, f = Value(0.9, label="w"), Value(0.5, label="x")
    for i in range(length):
        f = mg.tanh(w * f)
        f.label = f"h_{i + 1}"
    f.backward()
    return f


def expression() -> Value:
    """That of micrograd's README, without labels."""
    a, b = Value(-4.0), Value(2.0)
    c, d = a + b, a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    f = (c - d) ** 2
    g = f / 2.0 + 10.0 / f
    g.backward()
    return g


def within(page: Page, box: str) -> bool:
    """Whether a box lies in the picture's frame."""
    at, frame = page.locator(box).last.bounding_box(), page.locator("figure").bounding_box()
    assert at is not None
    assert frame is not None
    return all(
        frame[low] <= at[low] and at[low] + at[length] <= frame[low] + frame[length]
        for low, length in (("x", "width"), ("y", "height"))
    )


def text_sizes(page: Page) -> list[float]:
    """Heights in pixels of the letters of the numbers that are shown."""
    script = f"all => all.map((text) => parseFloat(getComputedStyle(text).fontSize) * {VIEW}.k)"
    sizes: list[float] = page.locator("figure text.value").evaluate_all(script)
    return sizes


def test_it_opens_whole_or_at_the_end(page: Page, tmp_path: Path) -> None:
    shown(page, neuron(), tmp_path)
    assert within(page, ".node >> nth=0")
    assert within(page, ".root")
    assert not page.locator("#map").is_visible()
    shown(page, chain(30), tmp_path)
    assert within(page, ".root")
    assert page.locator("#map").is_visible()
    assert min(text_sizes(page)) >= 10.0
    page.locator("#whole").click()
    assert within(page, ".node >> nth=0")
    assert not page.locator("#map").is_visible()


def test_at_the_start_the_first_box_to_be_computed_is_seen(page: Page, tmp_path: Path) -> None:
    page.emulate_media(reduced_motion="reduce")
    shown(page, chain(30), tmp_path)
    page.keyboard.press("Home")
    first = page.evaluate("microgradcnn.state.level.steps[1].box")
    assert within(page, f".node >> nth={first}")


# Whether every box is in the frame, none is under the buttons, and every arrow ends at its box.
ROWS = """() => {
    const rect = (part) => part.getBoundingClientRect();
    const [frame, { picture }] = [rect(document.querySelector("figure")), microgradcnn.canvas];
    const meet = (a, b) => a.left < b.right && a.right > b.left && a.top < b.bottom && a.bottom > b.top;
    const boxes = picture.boxes.map((g) => rect([...g.querySelectorAll(":scope > .box")].at(-1)));
    const buttons = [...document.querySelectorAll("#view, #groups")].map(rect);
    const whole = boxes.every(({ left, right, top, bottom }) =>
        left >= frame.left && right <= frame.right && top >= frame.top && bottom <= frame.bottom);
    const ends = picture.edges.map((g, i) => {
        const path = g.querySelector("path"), { child } = picture.level.links[i], { left, top, bottom } = boxes[child];
        const end = path.getPointAtLength(path.getTotalLength()).matrixTransform(path.getScreenCTM());
        return Math.abs(end.x - left) < 8 && end.y > top - 1 && end.y < bottom + 6;
    });
    const covered = boxes.some((box) => buttons.some((button) => meet(box, button)));
    return [picture.shown.rows.length, whole, covered, ends.every(Boolean)];
}"""


def test_what_is_too_long_for_one_row_is_in_rows_that_show_it_whole(browser: Any, tmp_path: Path) -> None:
    loss = ((Value(0.5, label="w") * 2.0 + Value(-0.2, label="b")).sigmoid() - 1.0) ** 2
    loss.backward()
    for value, width, height in ((loss, 390, 844), (expression(), 1440, 900)):
        page = browser.new_page(viewport={"width": width, "height": height}, reduced_motion="reduce")
        shown(page, value, tmp_path)
        rows, *holds = page.evaluate(ROWS)
        assert rows > 1
        assert holds == [True, False, True]
        assert not page.locator("#map").is_visible()
        assert min(text_sizes(page)) >= 10.0
        smallest = page.locator("figure .node .s").evaluate_all(
            f"all => Math.min(...all.map((text) => parseFloat(getComputedStyle(text).fontSize) * {VIEW}.k))"
        )
        assert smallest >= 10.0
        page.set_viewport_size({"width": 2600, "height": 900})
        page.wait_for_function("microgradcnn.canvas.picture.shown.rows.length === 1")
        assert page.evaluate(ROWS)[1:] == [True, False, True]
        page.close()


def test_the_wheel_zooms_about_the_pointer(page: Page, tmp_path: Path) -> None:
    shown(page, neuron(), tmp_path)
    box = page.locator(".node").first
    before = box.bounding_box()
    assert before is not None
    page.mouse.move(before["x"], before["y"])
    scale = page.evaluate(f"{VIEW}.k")
    page.mouse.wheel(0, -200)
    page.wait_for_function(f"{VIEW}.k > {1.2 * scale}")
    after = box.bounding_box()
    assert after is not None
    assert after["width"] > 1.2 * before["width"]
    assert after["x"] == pytest.approx(before["x"], abs=2.0)
    assert after["y"] == pytest.approx(before["y"], abs=2.0)


def test_a_drag_moves_and_derives_nothing(page: Page, tmp_path: Path) -> None:
    shown(page, neuron(), tmp_path)
    box = page.locator(".node").first
    before = box.bounding_box()
    assert before is not None
    page.mouse.move(before["x"] + 20, before["y"] + 20)
    page.mouse.down()
    page.mouse.move(before["x"] + 80, before["y"] + 60, steps=4)
    page.mouse.up()
    after = box.bounding_box()
    assert after is not None
    assert (after["x"] - before["x"], after["y"] - before["y"]) == pytest.approx((60.0, 40.0), abs=1.0)
    assert page.locator("#telling h2").count() == 0
    scale = page.evaluate(f"{VIEW}.k")
    page.locator("#closer").click()  # what is over the picture is no part of the drag
    assert page.evaluate(f"{VIEW}.k") > scale
    box.click()
    assert page.locator("#telling h2").count() == 1


def test_keys_zoom_move_and_fit_and_tab_leaves(page: Page, tmp_path: Path) -> None:
    shown(page, neuron(), tmp_path)
    first = page.evaluate(VIEW)
    page.keyboard.press("+")
    assert page.evaluate(f"{VIEW}.k") > first["k"]
    page.keyboard.press("-")
    assert page.evaluate(f"{VIEW}.k") == pytest.approx(first["k"])
    page.locator("figure").focus()
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(f"{VIEW}.x") > first["x"]
    page.keyboard.press("0")
    assert page.evaluate(VIEW) == pytest.approx(first)
    page.locator("#rate").focus()
    page.keyboard.press("-")
    assert page.evaluate(VIEW) == pytest.approx(first)
    page.keyboard.press("Escape")
    names = page.evaluate("document.activeElement.blur(), []")
    for _ in range(60):
        page.keyboard.press("Tab")
        names.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert names.count("FIGURE") <= 2
    assert names.index("find") < names.index("whole") < names.index("rate")
    for name in ("Zoom in", "Zoom out", "Fit"):
        assert page.get_by_role("button", name=name, exact=True).count() == 1


# The place of the last box in the picture, as shares of its width and height.
ROOT = """() => {
    const { places, bounds, level } = microgradcnn.canvas.picture, { x, y, width, height } = places[level.root];
    return [(x + width / 2 - bounds.x) / bounds.width, (y + height / 2 - bounds.y) / bounds.height];
}"""


def test_a_step_brings_its_boxes_into_view_and_the_map_leads_elsewhere(page: Page, tmp_path: Path) -> None:
    shown(page, chain(30), tmp_path)
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert within(page, ".node.lit")
    assert page.evaluate("microgradcnn.canvas.picture.shown.rows.length") > 1  # though not all of them are seen
    at = page.locator("#map").bounding_box()
    assert at is not None
    x, y = page.evaluate(ROOT)
    page.mouse.click(at["x"] + x * at["width"], at["y"] + y * at["height"])
    assert within(page, ".root")


def test_a_step_moves_no_picture_that_fits_and_leaves_its_boxes_uncovered(browser: Any, tmp_path: Path) -> None:
    w, b = Value(0.5, label="w"), Value(-0.2, label="b")
    loss = ((w * 2.0 + b).sigmoid() - 1.0) ** 2
    loss.backward()
    for f, width, height, fits in ((loss, 1280, 720, True), (expression(), 390, 844, False)):
        page = browser.new_page(viewport={"width": width, "height": height}, reduced_motion="reduce")
        shown(page, f, tmp_path)
        whole, covered = page.evaluate(STEPS)
        assert all(whole) == fits
        assert covered
        assert not any(covered)
        page.close()


def test_paths_to_the_end_are_lit_and_told(page: Page, tmp_path: Path) -> None:
    f = neuron()
    f.backward()
    shown(page, f, tmp_path)
    page.get_by_role("button", name="w: value 0.5").hover()
    assert page.locator(".node.path").count() == 6  # w, t1, a's two, z, ..., f
    assert page.locator(".edge.path").count() == 5
    told = page.locator("#paths").inner_text().replace("\n", "")
    assert told.startswith("The path from w to f")
    assert told.endswith("=−0.2653")
    page.locator("h1").hover()
    assert page.locator(".path").count() == 0
    assert not page.locator("#paths").is_visible()
    x = Value(3.0, label="x")
    g = x * x + x
    g.backward()
    shown(page, g, tmp_path)
    page.get_by_role("button", name="x: value 3").focus()
    assert page.locator("#paths p").text_content() == "3 paths from x to t₂"
    lines = page.locator("#paths div").all_text_contents()
    assert [line.split("=")[-1] for line in lines] == ["1", "3", "3", "7"]
    assert lines[-1].endswith("=1+3+3=7")


def test_a_node_shows_its_window_in_an_image_of_numbers(page: Page, tmp_path: Path) -> None:
    """Where a family of nodes has the same pattern of pixels, each elsewhere; with one node of a kind there is none."""
    f = NETWORKS["two_conv_linear"](seed=1).example([0.1 * i for i in range(9)], 1.0).loss
    f.backward()
    shown(page, f, tmp_path)
    seen = {}
    for name in ("a₂", "z₈", "a₅", "ŷ", "p₁", "c₁"):
        page.locator(f"figure .node[data-told^='{name}:']").dispatch_event("pointerenter")
        grids = page.locator("#paths .pixels")
        seen[name] = [grids.get_attribute("aria-label"), grids.locator(".inside").count()] if grids.count() else None
    window = "Its window in the image: "
    assert seen == {
        "a₂": [f"{window}p₂, p₃, p₅, p₆", 4],
        "z₈": [f"{window}p₅, p₆, p₈, p₉", 4],
        "a₅": [f"{window}p₁, p₂, p₄, p₅", 4],
        **dict.fromkeys(("ŷ", "p₁", "c₁")),
    }


def test_predict_never_shows_the_answer(page: Page, tmp_path: Path) -> None:
    f = neuron()
    f.backward()
    shown(page, f, tmp_path)
    page.locator("#predict").click()
    page.get_by_role("button", name=re.compile("^z = .*: value 0.69")).hover()
    assert page.locator("#paths").inner_text() == "The path from z to f"
    hidden = page.locator("figure").evaluate("figure => figure.textContent + figure.innerHTML")
    for answer in ("0.6201", "0.2653", "0.1326"):
        assert answer not in hidden


def test_an_arrow_has_its_number_once_both_its_ends_have(page: Page, tmp_path: Path) -> None:
    f = neuron()
    shown(page, f, tmp_path, "#step=0")
    told = page.locator(".edge .local")
    assert set(told.all_text_contents()) == {""}
    page.keyboard.press("ArrowRight")
    assert sorted(filter(None, told.all_text_contents())) == ["0.5", "2"]
    assert page.locator(".later text.value").first.evaluate("text => getComputedStyle(text.parentNode).opacity") == "1"


# Of every array's box the room between its two ranges, and that between the subscripts of its name and its shape.
BETWEEN = """boxes => boxes.map((g) => {
    const kinds = ["name", "note", "value", "gradient"];
    const [name, note, value, gradient] = kinds.map((kind) => g.querySelector(`text.${kind}`));
    const [from, to] = [value, gradient].map((text) => text.getBoundingClientRect());
    const [under, capital] = [3, 0.73 * parseFloat(getComputedStyle(note).fontSize)];
    return [to.left - from.right, note.getAttribute("y") - name.getAttribute("y") - under - capital];
})"""


def test_what_an_array_s_box_says_keeps_apart(page: Page, tmp_path: Path) -> None:
    x, w = Value(np.array([-0.44, 1.4, 0.3]), label="x_1"), Value(np.array([0.1, -0.97, 0.6]), label="w_1")
    f = (x * w).tanh().sum()
    f.backward()
    shown(page, f, tmp_path, "#step=2")
    room = page.locator("figure .node:has(.value-map)").evaluate_all(BETWEEN)
    assert len(room) == 4
    assert min(min(each) for each in room) > 2.0


def test_a_node_is_found_by_its_name(page: Page, tmp_path: Path) -> None:
    shown(page, chain(30), tmp_path)
    page.get_by_label("Find a node").fill("h_3")
    assert page.locator("#found").text_content() == "1 of 2"
    centre = page.evaluate(f"(({{ x, y, k }}, at) => x + k * (at.x + at.width / 2))({VIEW}, {FOUND})")
    assert centre == pytest.approx(page.evaluate("document.querySelector('figure').clientWidth / 2"), abs=2.0)
    page.keyboard.press("Enter")
    assert page.locator("#found").text_content() == "2 of 2"
    page.get_by_label("Find a node").fill("nobody")
    assert page.locator("#found").text_content() == "none"


FOUND = "microgradcnn.canvas.picture.places[microgradcnn.levels[0].named().find(([name]) => name === 'h₃')[1]]"


def test_another_script_lights_a_path(page: Page, tmp_path: Path) -> None:
    shown(page, neuron(), tmp_path)
    light = "labels => document.dispatchEvent(new CustomEvent('light-path', { detail: { labels } }))"
    page.evaluate(light, ["z", "t_3", "f"])
    assert page.locator(".node.path").count() == 3
    assert page.locator(".edge.path").count() == 2
    page.evaluate(light, [])
    assert page.locator(".path").count() == 0


def test_on_a_phone(browser: Any, tmp_path: Path) -> None:
    file = mg.draw(chain(4)).save(tmp_path / "f.html")
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True, offline=True)
    page = context.new_page()
    page.goto(file.as_uri())
    page.wait_for_function("() => globalThis.microgradcnn")
    assert page.locator("#scrub").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.locator("figure").evaluate("figure => getComputedStyle(figure).touchAction") == "pan-y"
    for pan, pinch in ((100, 0), (0, 60)):
        before = page.evaluate(VIEW)
        page.evaluate(TOUCH, [pan, pinch])
        after = page.evaluate(VIEW)
        assert (after["x"] != before["x"]) is True
        assert (after["k"] > before["k"]) is (pinch > 0)
    page.evaluate("scrollTo(0, 400)")
    assert within_window(page, "#scrub")
    context.close()


def test_the_chart_of_descent_has_numbers_and_outlives_a_spike(page: Page, tmp_path: Path) -> None:
    shown(page, neuron(), tmp_path)
    page.evaluate("microgradcnn.change({ losses: [4, 3, 2.5, 2, 1.5, 900, 1, 0.9, 0.8, 0.7, 0.6] })")
    chart = page.locator("#chart")
    assert chart.locator(".level text").all_text_contents() == ["0", "2", "4"]
    assert chart.locator(".step text").all_text_contents() == ["0", "5", "10"]
    assert chart.locator(".spike text").all_text_contents() == ["↑ 900"]
    heights = [float(point.split()[1]) for point in chart.locator("path").get_attribute("d")[1:].split("L")]
    assert heights[0] - heights[4] < -40.0
    page.evaluate("microgradcnn.change({ losses: [900, 800, ...Array(98).fill(1)] })")
    assert chart.locator(".spike text").all_text_contents() == ["↑ 900"]  # those beside it would lie on it


TOUCH = """([pan, pinch]) => {
  const figure = document.querySelector("figure");
  figure.setPointerCapture = () => {};
  const send = (type, pointerId, clientX) => figure.dispatchEvent(
    new PointerEvent(type, { pointerId, clientX, clientY: 300, pointerType: "touch", bubbles: true }));
  send("pointerdown", 1, 100);
  if (pinch) send("pointerdown", 2, 200);
  for (let i = 1; i <= 5; i++) {
    send("pointermove", 1, 100 + (i * pan) / 5);
    if (pinch) send("pointermove", 2, 200 + (i * pinch) / 5);
  }
  for (const id of [1, 2]) send("pointerup", id, 0);
}"""


def within_window(page: Page, box: str) -> bool:
    at = page.locator(box).bounding_box()
    return at is not None and 0 <= at["y"] <= PHONE["height"] - at["height"]


def test_a_page_that_replays_says_no_number_before_its_step(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("microgradcnn.views.pages.page_level.MOST_TEXT", 10)
    shown(page, expression(), tmp_path)
    root, first = page.locator("figure .root"), page.locator("figure .node >> nth=0")
    said = [root.locator(f"text.{kind}").text_content() for kind in ("value", "gradient")]
    assert said == ["24.7", "1"]
    page.keyboard.press("Home")
    assert [root.locator(f"text.{kind}").text_content() for kind in ("value", "gradient")] == ["", "not computed"]
    assert first.locator("text.value").text_content() == "−4"
    page.keyboard.press("End")
    assert "by what" in (page.locator("#telling").text_content() or "")
    assert [root.locator(f"text.{kind}").text_content() for kind in ("value", "gradient")] == said


def test_the_map_keeps_off_what_a_step_is_about(page: Page, tmp_path: Path) -> None:
    """In its corner, or in the other one where nothing else helps, as with a box that is as high as the picture."""
    shown(page, chain(30), tmp_path)
    covering = "(free) => { const { canvas } = microgradcnn; canvas.covered = () => !canvas.map.matches(free); "
    for free, left in ((".left", True), (":not(.left)", False), ("none", False)):
        assert page.evaluate(f"{covering} canvas.reveal([0]); return canvas.map.matches('.left'); }}", free) is left


def test_a_path_is_told_within_a_phone_s_picture(browser: Any, tmp_path: Path) -> None:
    page = browser.new_page(viewport=PHONE, reduced_motion="reduce")
    shown(page, expression(), tmp_path)
    for box in range(page.locator("figure .node").count()):
        page.locator("figure .node").nth(box).dispatch_event("pointerenter")
        told = page.locator("#paths .wide").evaluate_all("all => all.every((a) => a.scrollWidth <= a.clientWidth)")
        assert told, page.locator("#paths").text_content()
    assert page.locator("#map").evaluate("map => map.clientWidth") <= 0.4 * PHONE["width"]
    page.close()


def test_a_derivation_fits_a_phone(browser: Any, tmp_path: Path) -> None:
    x, w = Value(0.7, label="x"), [Value(-0.01 * i, label=f"w_{i}_10") for i in range(1, 4)]
    hidden = [(each * x).tanh() for each in w]
    loss = (sum(hidden) - 1.0) ** 2
    for node, label in zip([*hidden, loss], ["h_1_10", "h_2_10", "h_3_10", "loss"], strict=True):
        node.label = label
    loss.backward()
    page = browser.new_page(viewport=PHONE, reduced_motion="reduce")
    shown(page, loss, tmp_path)
    page.locator("figure .node[data-told^='x:']").dispatch_event("click")
    assert page.locator("#telling table:not(.aligned) tbody tr").count() == 4
    assert page.locator("#telling").evaluate("panel => panel.scrollWidth <= panel.clientWidth")
    page.close()
