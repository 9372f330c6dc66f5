"""What a page shows is in its address, and is there again when the page is loaded: step, groups, view."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from conftest import needs_chromium
from test_canvas import VIEW
from test_graph_page import neuron, shown

import microgradcnn as mg
from microgradcnn import nn

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = needs_chromium
FRAMES = "figure .frame-of text"


def nested(page: Page, tmp_path: Path) -> None:
    """The page of a network of scalars: layers, and neurons in them."""
    model = nn.MLP(2, [4, 4, 1])
    loss = (model([mg.Value(0.5), mg.Value(-1.0)]) - 1.0) ** 2
    loss.backward()
    path = tmp_path / "nested.html"
    mg.draw(loss, names={"model": model}).save(str(path))
    page.goto(path.as_uri())


def toggled(page: Page, name: str) -> None:
    """Open or shut a group in the list of groups."""
    page.evaluate("document.getElementById('groups').open = true")
    page.locator("#groups label", has_text=name).first.locator("input").click()


def seen(page: Page) -> dict[str, Any]:
    """What the page shows, once it is there."""
    page.wait_for_function("() => globalThis.microgradcnn")
    script = "({step: microgradcnn.state.step, closed: [...microgradcnn.state.level.closed].sort()})"
    return {**page.evaluate(script), "frames": sorted(page.locator(FRAMES).all_text_contents())}


def test_groups_and_step_are_in_the_address(page: Page, tmp_path: Path) -> None:
    nested(page, tmp_path)
    toggled(page, "Layer 1")
    toggled(page, "Layer 2")
    page.locator("#back").click()
    before = seen(page)
    assert len(before["frames"]) == 2
    assert "open=" in page.evaluate("location.href")
    page.reload()
    assert seen(page) == before
    page.goto("about:blank")
    page.go_back()
    assert seen(page) == before
    toggled(page, "Layer 1")
    assert len(seen(page)["frames"]) == 1
    page.reload()
    assert len(seen(page)["frames"]) == 1


HOLD = """async () => {
    const [write, hold] = [history.replaceState.bind(history), new KeyboardEvent("keydown", { key: "ArrowLeft" })];
    let written = 0;
    history.replaceState = (...address) => { written += 1; write(...address); };
    for (let i = 0; i < 14; i++) {
        document.dispatchEvent(hold);
        await new Promise(requestAnimationFrame);
    }
    return written;
}"""


def test_while_a_key_is_held_the_address_follows_now_and_then(page: Page, tmp_path: Path) -> None:
    shown(page, neuron(), tmp_path, "#step=14")
    page.evaluate("performance.now = () => 0")  # no time goes by
    assert page.evaluate(HOLD) <= 1
    page.evaluate("performance.now = () => 1e9")
    page.wait_for_function("location.hash === '#step=0'")


def test_the_view_is_in_the_address_once_it_was_moved(page: Page, tmp_path: Path) -> None:
    shown(page, neuron(), tmp_path)
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("location.href").endswith("#step=4")
    page.locator("figure").focus()
    page.keyboard.press("+")
    page.wait_for_function("location.hash.includes('view=')")
    view = page.evaluate(VIEW)
    page.reload()
    page.wait_for_function("() => globalThis.microgradcnn")
    assert page.evaluate(VIEW) == pytest.approx(view, abs=2.0)
    page.keyboard.press("0")
    page.wait_for_function("!location.hash.includes('view=')")


@pytest.mark.parametrize("address", ["#open=99", "#open=x.y", "#view=1,2", "#view=1,2,-1", "#view=NaN,0,1", "#shut=0"])
def test_an_address_that_says_nothing_of_this_page_is_no_harm(page: Page, tmp_path: Path, address: str) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    nested(page, tmp_path)
    page.goto(page.evaluate("location.href").split("#")[0] + address)
    page.reload()
    assert page.locator("figure .root").count() == 1
    assert errors == []
