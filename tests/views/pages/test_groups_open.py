"""Groups that open and close on a graph's page: by click, by name and by menu, with numbers that stay Python's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from conftest import needs_chromium
from drawn_networks import MLP, lenet
from seen import cell_colours
from test_graph_page import shown
from test_javascript import far

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.engine.gradient import topological
from microgradcnn.views.pages import page as pages
from microgradcnn.views.pages import page_level, shown_levels

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = needs_chromium
LOW = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
NAMES = "all => all.map((g) => g.dataset.told.split(':')[0])"


def network() -> tuple[MLP, Value, dict[str, Any]]:
    model, x = MLP(2, 4, 3, 1), [Value(0.5), Value(-1.0)]
    yhat = model(x)
    loss = (yhat - 1.0) ** 2
    loss.backward()
    return model, loss, {"model": model, "x": x, "yhat": yhat, "loss": loss}


def boxes(page: Page) -> list[str]:
    names: list[str] = page.locator("figure :is(.node, .group)").evaluate_all(NAMES)
    return names


def box(page: Page, name: str) -> Any:
    return page.locator(f"figure :is(.node, .group)[data-told^='{name}:']")


def readable(page: Page) -> bool:
    scale = page.evaluate("microgradcnn.canvas.picture.view.k")
    return bool(12.0 * scale >= 10.0)


def test_a_network_of_scalars_opens_layer_by_layer(page: Page, tmp_path: Path) -> None:
    _, loss, names = network()
    shown(page, loss, tmp_path, names=names)
    whole = boxes(page)
    assert whole[:4] == ["x₁", "x₂", "Layer 1", "Layer 2"]
    assert whole[4:] == ["Layer 3", *whole[5:-1], "loss"]
    cells = box(page, "Layer 1").locator(".value-map image").get_attribute("href") or ""
    assert [opacity for *_, opacity in cell_colours(cells, 1, 4)] == [255] * 4  # four neurons
    box(page, "Layer 2").click()
    assert [name for name in boxes(page) if name.startswith("Neuron")] == ["Neuron 2.1", "Neuron 2.2", "Neuron 2.3"]
    assert "Layer 2" not in boxes(page)
    assert readable(page)
    box(page, "Neuron 2.2").locator(".handle").dispatch_event("click")
    assert {"w₂₂₁", "w₂₂₄", "b₂₂"} <= set(boxes(page))
    page.locator(".frame-of text", has_text=re.compile("Layer 2")).dispatch_event("click")
    assert boxes(page) == whole
    page.locator("#groups summary").click()
    page.get_by_label("Layer 2", exact=True).check()
    assert "Neuron 2.2" in boxes(page)
    page.get_by_label("Layer 2", exact=True).uncheck()
    assert boxes(page) == whole


def test_a_closed_layer_of_many_neurons_is_strips_that_follow_a_change(page: Page, tmp_path: Path) -> None:
    model, x = MLP(2, 24, 1), [Value(0.5), Value(-1.0)]
    loss = (model(x) - 1.0) ** 2
    loss.backward()
    shown(page, loss, tmp_path, names={"model": model, "x": x, "loss": loss})
    image = box(page, "Layer 1").locator(".value-map .map image")

    def units() -> list[Any]:
        return list(cell_colours(image.get_attribute("href") or "", 1, 24))

    before = units()
    page.get_by_label("x₁", exact=True).fill("4")
    assert units() != before  # they are positive now
    page.get_by_role("button", name="Start").click()
    assert image.get_attribute("href") is None
    page.get_by_role("button", name="End").click()
    page.get_by_role("button", name="As they were").click()
    assert units() == before


def test_all_groups_opened_by_python_are_open(page: Page, tmp_path: Path) -> None:
    _, loss, names = network()
    file = mg.draw(loss, open=True, names=names).save(tmp_path / "open.html")
    page.goto(file.as_uri())
    page.wait_for_function("() => globalThis.microgradcnn")
    titles = page.locator("#level option").all_text_contents()
    assert titles == ["Formula by formula", "Operation by operation"]
    assert page.evaluate("microgradcnn.levels.map((level) => level.live)") == [True, True]
    assert {"w₁₁₁", "t₅", "yhat"} <= set(boxes(page))


def test_a_large_graph_has_no_derivations_in_any_level(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MOST_EXPLAINED", 60)
    _, loss, names = network()
    page.goto(mg.draw(loss, open=True, names=names).save(tmp_path / "open.html").as_uri())
    page.wait_for_function("() => globalThis.microgradcnn")
    assert page.evaluate("microgradcnn.levels.map(({ boxes }) => boxes.length > 60)") == [False, True]
    assert page.evaluate("microgradcnn.levels.map(({ derivations }) => Object.keys(derivations).length)") == [0, 0]


def test_the_list_of_groups_has_formulas_last_by_their_nodes(page: Page, tmp_path: Path) -> None:
    _, loss, names = network()
    shown(page, loss, tmp_path, names=names)
    listed = [name.strip() for name in page.locator("#groups label").all_text_contents()]
    assert listed[:3] == ["Layer 1", "Layer 2", "Layer 3"]
    assert not any(re.search(r"^t\d", name) for name in listed)


def test_numbers_of_groups_are_those_of_the_graph(page: Page, tmp_path: Path) -> None:
    model, loss, names = network()
    shown(page, loss, tmp_path, names=names)
    rate, before = 0.05, [v for v in topological(loss) if v.op is None]
    page.locator("#rate").fill(str(rate))
    page.locator("[data-steps='1']").click()
    moved = {id(v): v.data - rate * v.grad for v in before if v not in names["x"]}
    for v in before:
        v.data = moved.get(id(v), v.data)
    yhat = model(names["x"])
    after = (yhat - 1.0) ** 2
    after.backward()
    box(page, "Layer 1").click()
    found = page.evaluate("""() => {
      const { values, gradients } = microgradcnn.results();
      const at = (name) => microgradcnn.state.level.boxes.findIndex((box) => box.name === name);
      const names = ["Layer 2", "Layer 3", "loss"];
      return Object.fromEntries(names.map((name) => [name, [values[at(name)], gradients[at(name)]]]));
    }""")
    layer = [v for v in topological(after) if v.op is not None and v.op.name == "tanh"][4:7]
    for name, nodes in (("Layer 2", layer), ("Layer 3", [yhat]), ("loss", [after])):
        assert far(found[name][0], [v.item() for v in nodes]) <= 1e-12
        assert far(found[name][1], [v.grad for v in nodes]) <= 1e-12
    sums = page.evaluate("""() => {
      const { level, numbers } = microgradcnn.state;
      const results = level.compute(numbers);
      const kept = level.links.flatMap(({ local, parent, child }, i) => (local ? [[i, parent, child]] : []));
      return kept.map(([i, , child]) => results.locals[i] * results.gradients[child][0] - results.sent[i][0]);
    }""")
    assert len(sums) > 8
    assert np.max(np.abs(sums)) <= 1e-12


def test_a_step_and_a_prediction_with_closed_groups(page: Page, tmp_path: Path) -> None:
    _, loss, names = network()
    shown(page, loss, tmp_path, names=names)
    page.keyboard.press("Home")
    plus = page.locator(".later .handle path").first
    assert plus.evaluate("(path) => getComputedStyle(path).strokeDasharray") == "none"  # not so the box itself
    for _ in range(page.evaluate("microgradcnn.state.level.last")):
        page.keyboard.press("ArrowRight")
    assert "not computed" not in page.locator("text.gradient").all_text_contents()
    page.locator("#predict").click()
    assert "?" in page.locator("text.gradient").all_text_contents()
    page.keyboard.press("Escape")
    box(page, "Layer 3").focus()
    page.keyboard.press("Enter")
    assert page.locator("#telling h2").text_content() == "Where the gradient of Layer 3 comes from"


def test_what_is_in_a_closed_group_is_found_and_lit(page: Page, tmp_path: Path) -> None:
    _, loss, names = network()
    shown(page, loss, tmp_path, names=names)
    page.get_by_label("Find a node").fill("w_1_2_1")
    assert page.locator("#found").text_content() == "1 of 1"
    assert "Layer 1" in page.locator(":is(.node, .group).path").first.get_attribute("data-told")
    light = "labels => document.dispatchEvent(new CustomEvent('light-path', { detail: { labels } }))"
    page.evaluate(light, ["w_2_1_1", "yhat", "loss"])
    lit = page.locator(":is(.node, .group).path").evaluate_all(NAMES)
    assert lit == ["Layer 2", "Layer 3", "loss"]


def test_a_group_opens_with_a_movement_where_that_is_wanted(page: Page, tmp_path: Path) -> None:
    _, loss, names = network()
    shown(page, loss, tmp_path, names=names)
    box(page, "Layer 2").click()
    assert page.locator(".moving").count() == 0
    page.emulate_media(reduced_motion="no-preference")
    page.evaluate(
        "globalThis.seen = []; requestAnimationFrame(function look() {"
        " seen.push(document.querySelector('.moving') !== null); requestAnimationFrame(look); })"
    )
    page.locator(".frame-of text", has_text=re.compile("Layer 2")).dispatch_event("click")
    page.wait_for_function("() => seen.includes(true) && !seen.at(-1)")
    assert page.locator("figure :is(.node, .group)").evaluate_all("all => all.every((g) => !g.style.translate)")


def test_layers_of_images_open_though_their_numbers_are_recorded(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_level, "MOST_NUMBERS", 1000)
    model = lenet()
    loss = nn.cross_entropy(model(Value(np.linspace(0.0, 1.0, 784).reshape(1, 1, 28, 28))), np.array([3]))
    loss.backward()
    file = mg.draw(loss, names={"model": model}).save(tmp_path / "lenet.html")
    assert file.stat().st_size < 600_000
    page.emulate_media(reduced_motion="reduce")
    page.goto(file.as_uri())
    page.wait_for_function("() => globalThis.microgradcnn")
    assert box(page, "Conv2d 1").get_attribute("role") == "button"
    plain = page.locator("figure .node[role='img']")
    assert plain.count() == page.locator("figure .node:not(.group)").count() > 5
    box(page, "Conv2d 1").dispatch_event("click")
    assert {"W₁", "b₁"} <= set(boxes(page))
    assert box(page, "W₁").locator("text.gradient").text_content() != "not computed"
    page.keyboard.press("Home")
    assert set(page.locator("text.gradient").all_text_contents()) == {"not computed"}
    page.locator("#level").select_option(label="Operation by operation")
    assert page.locator("figure .group").count() == 0


def test_a_formula_in_one_box_opens_into_its_operations(page: Page, tmp_path: Path) -> None:
    x, y = Value(2.0, label="x"), Value(3.0, label="y")
    f = x * y + x.exp()
    f.label = "f"
    f.backward()
    shown(page, f, tmp_path)
    page.locator("#level").select_option(label="Formula by formula")
    assert boxes(page) == ["x", "y", "f"]
    page.locator("figure .group .handle").dispatch_event("click")
    assert sorted(boxes(page)) == ["f", "t₁", "t₂", "x", "y"]
    page.locator("#groups summary").click()
    page.get_by_label("f", exact=True).uncheck()
    assert boxes(page) == ["x", "y", "f"]
    box(page, "f").click()
    assert page.locator("#telling h2").text_content() == "Where the gradient of f comes from"


def test_a_network_too_large_to_be_computed_opens_its_groups_and_says_what_is_too_much(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shown_levels, "MOST_TRIED", 20)
    _, loss, names = network()
    file = mg.draw(loss, names=names).save(tmp_path / "large.html")
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("MOST_SHOWN = 600", "MOST_SHOWN = 14"), encoding="utf-8")
    page.emulate_media(reduced_motion="reduce")
    page.goto(file.as_uri())
    page.wait_for_function("() => globalThis.microgradcnn")
    whole = boxes(page)
    assert "This network is too large" in page.locator("header").inner_text()
    box(page, "Layer 1").dispatch_event("click")
    box(page, "Neuron 1.2").dispatch_event("click")
    assert {"w₁₂₁", "b₁₂"} <= set(boxes(page))
    open_now, address = boxes(page), page.evaluate("location.href")
    box(page, "Layer 2").dispatch_event("click")
    said = page.locator(".refused").inner_text()
    assert re.fullmatch(
        r"With Layer 2 open there would be \d+ boxes, and a picture shows at most 14: close another group first\.", said
    )
    assert boxes(page) == open_now
    assert page.evaluate("location.href") == address
    page.locator("#groups summary").click()
    page.get_by_label("Layer 2", exact=True).dispatch_event("click")
    assert not page.get_by_label("Layer 2", exact=True).is_checked()
    page.locator(".frame-of text", has_text=re.compile("Layer 1")).dispatch_event("click")
    assert boxes(page) == whole
    page.goto(
        file.as_uri() + "#open=" + ".".join(map(str, range(60, -1, -1)))
    )  # of an address nothing larger is opened
    page.reload()
    page.wait_for_function("() => globalThis.microgradcnn")
    assert boxes(page) == whole


@pytest.mark.slow
def test_a_graph_of_thousands_of_nodes_opens_its_steps(page: Page, tmp_path: Path) -> None:
    w, u, h = Value(0.5, label="w"), Value(0.3, label="u"), Value(0.0, label="h_0")
    for t in range(700):
        h = mg.tanh(w * h + u * Value(0.1 * (t % 7), label=f"x_{t + 1}"))
    h.backward()
    file = mg.draw(h).save(tmp_path / "steps.html")
    assert len(topological(h)) > 3000
    assert file.stat().st_size < 300 * len(topological(h))
    page.emulate_media(reduced_motion="reduce")
    page.goto(file.as_uri())
    page.wait_for_function("() => globalThis.microgradcnn")
    named = [name for name in boxes(page) if name.startswith("steps ")]
    assert len(named) > 10
    box(page, named[3]).dispatch_event("click")
    first, last = named[3].split()[1::2]
    assert {f"step {first}", f"step {last}"} <= set(boxes(page))
    box(page, f"step {last}").locator(".handle").dispatch_event("click")
    assert {"w", f"x_{last}".replace("_", "")} & {name.translate(LOW) for name in boxes(page)}


@pytest.mark.slow
def test_a_large_network_opens_and_closes_in_frames(page: Page, tmp_path: Path) -> None:
    model = MLP(2, 16, 16, 1)
    loss = (model([Value(0.5), Value(-1.0)]) - 1.0) ** 2
    loss.backward()
    shown_file = mg.draw(loss, names={"model": model}).save(tmp_path / "mlp.html")
    assert shown_file.stat().st_size < 600_000
    page.goto(shown_file.as_uri())
    page.wait_for_function("() => globalThis.microgradcnn")
    slopes = page.locator("figure .edge .local").all_text_contents()  # of out - 1 and of the square, as recorded
    assert [float(said.replace("−", "-")) for said in slopes if said] == pytest.approx(
        [1.0, loss.parents[0].grad], 1e-3
    )
    box(page, "Layer 2").click()
    page.wait_for_function("() => document.querySelectorAll('figure .group').length > 16")
    assert readable(page)
