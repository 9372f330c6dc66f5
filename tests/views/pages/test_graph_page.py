"""The page of a graph in a real browser: stepped through by keyboard, changed, descended, and held against Python."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbconvert
import nbformat
import numpy as np
import pytest
from conftest import needs_chromium
from drawn_networks import MLP
from seen import cell_colours
from test_javascript import USES, apart, far, flat

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.engine.gradient import topological
from microgradcnn.networks import NETWORKS, Network
from microgradcnn.targets.export.javascript import EXPRESSIONS
from microgradcnn.views.drawing.colours import value_scale
from microgradcnn.views.drawing.scene import drawn
from microgradcnn.views.pages import page_level
from microgradcnn.views.pages.page_level import Level
from microgradcnn.views.pages.templates import level_templates

if TYPE_CHECKING:
    from playwright.sync_api import Page

IMAGE = [0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0]
OPERATIONS = "microgradcnn.levels.find((level) => level.title === 'Operation by operation')"
NAMESPACES = {"http://www.w3.org/2000/svg", "http://www.w3.org/1998/Math/MathML"}
every_network = pytest.mark.parametrize("name", NETWORKS)


def shown(page: Page, f: Value, folder: Path, address: str = "", **options: Any) -> list[str]:
    """Save the page of f, small as it must be, and open it; gives the addresses that it asks for, now and later."""
    file = mg.draw(f, **options).save(folder / "f.html")
    text = file.read_text(encoding="utf-8")
    assert len(text.encode()) < 300_000
    assert set(re.findall(r"https?://[^\s\"'<>)]*", text)) <= NAMESPACES
    asked: list[str] = []
    page.emulate_media(reduced_motion="reduce")
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri() + address)
    page.wait_for_function("() => globalThis.microgradcnn")
    return asked


def example(name: str, network: Network | None = None) -> tuple[Network, Value]:
    network = network or NETWORKS[name](regularise=0.01 if name == "single_layer" else 0.0, seed=3)
    return network, network.example(IMAGE[: network.inputs], 1.0).loss


def backward(f: Value) -> tuple[list[float], list[float]]:
    """All values and gradients of a graph by the engine, in topological order."""
    f.backward()
    order = topological(f)
    return flat(order), [v.grad for v in order]


def computed(page: Page) -> tuple[list[float], list[float]]:
    """All values and gradients by the page, in topological order."""
    script = f"""() => {{
      const level = {OPERATIONS};
      microgradcnn.change({{ level, step: 0 }});
      const places = [...document.querySelectorAll(".node")].map((g) => Number(g.dataset.node));
      const {{ values, gradients }} = level.compute(microgradcnn.state.numbers);
      const found = [[], []];
      places.forEach((place, box) => [values, gradients].forEach((all, i) => (found[i][place] = all[box][0])));
      microgradcnn.change({{ level: microgradcnn.levels[0] }});
      return found;
    }}"""
    values, gradients = page.evaluate(script)
    return values, gradients


def agree(page: Page, f: Value) -> None:
    for found, expected in zip(computed(page), backward(f), strict=True):
        assert len(found) == len(expected)
        assert far(found, expected) <= 1e-12


def descended(network: Network, x: Sequence[float], rate: float, steps: int) -> None:
    """Plain gradient descent on one example, by the engine."""
    for _ in range(steps):
        one = network.example(x, 1.0)
        one.loss.backward()
        for name, tensor in network.parameters.items():
            slopes = [one.parameters[label].grad for label in network.labels(name)]
            tensor.data = tensor.data - rate * np.reshape(slopes, tensor.shape)


# The six networks

WATCH = """() => {
  globalThis.seen = [];
  const { change, state } = microgradcnn;
  const look = () => seen.push(document.getElementById("telling").textContent);
  document.addEventListener("keydown", look);
  return state.level.last;
}"""


PRESS = """([key, times]) => {
  const event = new KeyboardEvent("keydown", { key, bubbles: true });
  while (times--) document.body.dispatchEvent(event);
}"""
HELD = 5  # steps with a key held down; the page does not wait for a frame after each of the others


@needs_chromium
@every_network
def test_a_network_stepped_changed_and_descended(name: str, page: Page, tmp_path: Path) -> None:
    network, f = example(name)
    asked = shown(page, f, tmp_path, "#step=0")
    agree(page, f)
    last = page.evaluate(WATCH)
    for _ in range(HELD):
        page.keyboard.down("ArrowRight")
    page.keyboard.up("ArrowRight")
    page.wait_for_function(f"location.hash === '#step={HELD}'")
    page.evaluate(PRESS, ["ArrowRight", last - HELD])
    page.wait_for_function(f"location.hash === '#step={last}'")
    assert page.locator(".later").count() == 0
    page.evaluate(PRESS, ["ArrowLeft", last])
    page.wait_for_function("location.hash === '#step=0'")
    seen = page.evaluate("seen")
    there, back = seen[:last], seen[last:]
    assert len(set(there)) == last  # every step says something of its own
    assert back == [*reversed(there[:-1]), back[-1]]

    weight = next(iter(network.parameters.values()))
    weight.data = np.concatenate([[-1.25], weight.data.ravel()[1:]]).reshape(weight.shape)
    page.locator("#numbers fieldset").first.locator("input[data-place]").first.fill("-1.25")
    agree(page, example(name, network)[1])

    page.locator("#rate").fill("0.05")
    page.locator("[data-steps='50']").click()
    descended(network, IMAGE[: network.inputs], 0.05, 50)
    agree(page, example(name, network)[1])
    assert page.locator("#descended").text_content().startswith("50 steps: f from ")
    assert all(url.startswith(("file:", "data:")) for url in asked), asked


# Every primitive, without a browser


@pytest.mark.parametrize("name", sorted(set(EXPRESSIONS) - {"less", "less_equal", "greater", "greater_equal", "equal"}))
def test_what_is_sent_adds_up_to_the_gradient(name: str) -> None:
    n, uses = USES[name]
    for use in uses:
        xs = [Value(x, label=label) for x, label in zip((0.75, 1.5, -2.0), "abc", strict=False)][:n]
        y = use(*xs)
        f = y * y + xs[0]
        level = Level("", f, drawn(f), xs)
        assert level.live
        f.backward()
        sums = {node: 1.0 if node is f else 0.0 for node in level.gradients}
        for link in level.links:
            if link.sent is not None and link.local is not None:
                child, parent = level.nodes[link.child], level.nodes[link.parent]
                assert child is not None
                assert parent is not None
                assert apart(level.gradients[child].item() * link.local.item(), link.sent.item()) <= 1e-12
                sums[parent] += link.sent.item()
        for node, total in sums.items():
            assert apart(total, node.grad) <= 1e-12


def test_a_formula_in_one_box_sends_what_its_operations_send() -> None:
    f = example("two_conv_linear")[1]
    drawing = drawn(f, collapse=["a_*", "y_hat", "f"])
    level = Level("", f, drawing, [v for v in topological(f) if v.op is None])
    f.backward()
    assert level.live
    assert len(level.nodes) < len(topological(f)) / 2
    sums = {node: 0.0 for node in level.nodes if node is not None}
    for link in level.links:
        parent, child = level.nodes[link.parent], level.nodes[link.child]
        assert parent is not None
        assert child is not None
        assert link.local is not None
        assert link.sent is not None
        assert apart(link.local.item() * child.grad, link.sent.item()) <= 1e-12
        sums[parent] += link.sent.item()
    assert all(apart(sums[node], node.grad) <= 1e-12 for node in sums if node is not f)


def test_a_comparison_in_a_formula_lets_the_gradient_through() -> None:
    x = Value(2.0, label="x")
    f = mg.where(x > 1.0, x * x, -x)
    f.label = "f"
    level = Level("", f, drawn(f, collapse=["f"]), [x])
    assert level.live
    assert len(level.nodes) == 2
    assert [link.sent.item() for link in level.links if link.sent is not None] == [4.0]
    assert [edge.flows for edge in level.drawing.edges] == [True]


def test_no_slot_stands_for_an_array() -> None:
    x, w = Value([1.0, 2.0], label="x"), Value(3.0, label="w")
    f = 2.0 * mg.sum(x) + w
    level = Level("", f, drawn(f), [x, w])
    formulas = "".join(level_templates(level))
    assert formulas.count("data-numbers=") == 2  # of 2·t₁ and of t₂ + w, not of Σx
    assert 'data-value="0"' not in formulas


# What it shows


def neuron() -> Value:
    w, b, x, y = (Value(v, label=name) for v, name in ((0.5, "w"), (-0.2, "b"), (2.0, "x"), (1.0, "y")))
    z = (w * x + b).sigmoid()
    z.label = "z"
    f = (z - y) ** 2
    f.label = "f"
    return f


def telling(page: Page) -> str:
    return re.sub("[\u2061\u2062]", "", page.locator("#telling").text_content() or "")  # signs that nobody sees


@needs_chromium
def test_it_opens_where_the_graph_is(page: Page, tmp_path: Path) -> None:
    f = neuron()
    shown(page, f, tmp_path)
    gradients = page.locator("text.gradient")
    assert set(gradients.all_text_contents()) == {"not computed"}
    page.keyboard.press("ArrowRight")
    assert gradients.all_text_contents()[-1] == "1"
    f.backward()
    shown(page, f, tmp_path)
    assert "not computed" not in gradients.all_text_contents()
    assert telling(page).startswith("All values and gradients are computed: ")
    assert page.locator(".lit").count() == 0
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    assert telling(page).startswith("Backward: ")
    page.keyboard.press("Home")
    assert page.locator("text.value").all_text_contents()[-1] == ""


@needs_chromium
def test_a_step_says_formula_numbers_and_result(page: Page, tmp_path: Path) -> None:
    shown(page, neuron(), tmp_path, "#step=3")
    assert telling(page) == "Forward: z = 0.69z=σ(t2)=σ(0.8)=0.69"
    assert page.locator(".node.lit title").all_text_contents()[0].startswith("z = ")
    page.goto(page.evaluate("location.href").replace("step=3", "step=14"))
    said = page.locator("#telling p").first.text_content()
    assert said == "Backward: t₁ sends −0.06632 to x"
    assert page.locator(".edge.lit").count() == 1


@needs_chromium
def test_a_sum_of_two_uses_is_told_as_it_grows(page: Page, tmp_path: Path) -> None:
    x = Value(3.0, label="x")
    shown(page, x * x, tmp_path, "#step=3")
    assert page.locator("#telling p").first.text_content() == "Backward: t₁ sends 3 to x"
    assert page.locator(".partial text.gradient").all_text_contents() == ["3"]
    page.keyboard.press("ArrowRight")
    assert page.locator("#telling p").first.text_content() == "Backward: t₁ sends 3 to x, which had 3"
    assert page.locator("text.gradient").all_text_contents() == ["6", "1"]


@needs_chromium
def test_a_derivation_where_the_loss_is_not_finite_gives_no_number(page: Page, tmp_path: Path) -> None:
    x = Value(-1.0, label="x")
    shown(page, x.log(), tmp_path)
    box = page.locator(".node", has=page.locator("title", has_text=re.compile("^x:")))
    box.focus()
    page.keyboard.press("Enter")
    assert "is not finite here: it has no derivative." in telling(page)
    assert page.get_by_text("Compare with a finite difference").count() == 0
    page.locator("input[data-place='0']").fill("2")
    page.keyboard.press("Escape")
    box.focus()
    page.keyboard.press("Enter")
    assert "is not finite here" not in telling(page)


@needs_chromium
def test_a_derivation_by_keyboard(page: Page, tmp_path: Path) -> None:
    _, f = example("two_conv_average")
    shown(page, f, tmp_path)
    box = page.locator(".node", has=page.locator("title", has_text=re.compile("^c₅:")))
    box.focus()
    page.keyboard.press("Enter")
    assert page.locator("#telling h2").text_content() == "Where the gradient of c₅ comes from"
    assert page.locator("#telling h3").all_text_contents() == [
        *("Where it acts", "Outer", "Inner", "Sum of paths", "Numbers")
    ]
    rows = page.locator("#telling table:not(.aligned) tbody tr")
    assert rows.count() == 5
    f.backward()
    slope = next(v.grad for v in topological(f) if v.label == "c_5")
    assert float(rows.last.locator("td").last.text_content().replace("−", "-")) == pytest.approx(slope, abs=1e-5)
    page.get_by_text("Compare with a finite difference").click()
    assert "✓ It agrees with the gradient." in telling(page)
    assert page.locator(".node.lit").count() == 5
    assert page.evaluate("[...document.fonts].map((font) => font.status)") == ["loaded"]
    box.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.locator("#telling h2").text_content() != "Where the gradient of c₅ comes from"
    page.keyboard.press("Escape")
    assert page.locator("#telling h2").count() == 0


@needs_chromium
def test_predicting(page: Page, tmp_path: Path) -> None:
    f = neuron()
    f.backward()
    shown(page, f, tmp_path)
    page.locator("#predict").click()
    assert page.locator("text.gradient").all_text_contents().count("?") == 8
    answer, verdict = page.locator("#telling input"), page.locator("#telling [role=status]")

    def say(text: str) -> None:
        answer.fill(text)
        page.keyboard.press("Enter")

    say("what")
    assert verdict.text_content() == "A number, please."
    say("0.6201")
    assert verdict.text_content() == "Nearly: the sign is the other one."
    say("-0.31")
    assert verdict.text_content() == "Nearly: that is 0.5 times the gradient."
    say("7")
    assert verdict.text_content().startswith("Not yet")
    say("−0,620")
    assert telling(page).startswith("✓ 7 to go")
    assert page.locator("text.gradient").all_text_contents().count("?") == 7
    page.locator("#forward").click()
    page.get_by_text("Show it").click()
    assert page.locator("text.gradient").all_text_contents().count("?") == 6
    page.keyboard.press("Escape")
    assert "?" not in page.locator("text.gradient").all_text_contents()


@needs_chromium
def test_the_address_names_the_step(page: Page, tmp_path: Path) -> None:
    shown(page, neuron(), tmp_path, "#step=2")
    assert page.locator("#where").text_content() == "Step 2 of 14"
    page.keyboard.press("ArrowRight")
    assert page.evaluate("location.href").endswith("#step=3")
    for address, where in (
        ("#step=9", "9"),
        ("#step=99", "14"),
        ("#step=-4", "0"),
        ("#step=x", "0"),
        ("#level=7", "5"),
    ):
        page.goto(page.evaluate("location.href").split("#")[0] + address)
        assert page.locator("#where").text_content() == f"Step {where} of 14", address
    for step, other in ((0, 0), (5, 2), (14, 8)):  # as far in the other level, and back
        page.goto(page.evaluate("location.href").split("#")[0] + f"#step={step}")
        page.locator("#level").select_option("1")
        assert page.locator("#where").text_content() == f"Step {other} of 8"
        assert page.evaluate("location.href").endswith(f"#level=1&step={other}")
        page.locator("#level").select_option("0")
        assert page.locator("#where").text_content() == f"Step {step} of 14"


@needs_chromium
def test_labels_are_text(page: Page, tmp_path: Path) -> None:
    labels = [
        "<script>alert(1)</script>",
        "</script><img src=x onerror=alert(2)>",
        "a&b\"'",
        "__proto__",
        "{f}",
        "\ud800",
    ]
    xs = [Value(0.1 * i, label=label) for i, label in enumerate(labels)]
    f = (
        mg.stack([mg.sigmoid(x) for x in xs]).sum()
        if False
        else sum((mg.sigmoid(x) for x in xs[1:]), mg.sigmoid(xs[0]))
    )
    f.label = "<b>f</b>"
    f.backward()
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    shown(page, f, tmp_path)
    assert page.locator("h1").text_content() == "The graph of <b>f</b>"
    for box in range(page.locator(".node").count()):
        page.locator(".node").nth(box).dispatch_event("click")
    page.keyboard.press("Home")
    for _ in range(page.evaluate("microgradcnn.state.level.last")):
        page.keyboard.press("ArrowRight")
    assert "<script>alert(1)</script>" in page.locator("fieldset").first.inner_text()
    assert "<script>alert(1)</script>" in "".join(page.locator("text.name").all_text_contents())
    assert page.locator("img, #telling b").count() == 0
    assert dialogs == []


@needs_chromium
def test_numbers_that_are_not_finite(page: Page, tmp_path: Path) -> None:
    x, y = Value(math.inf, label="x"), Value(math.nan, label="y")
    f = x * 2.0 + mg.exp(y)
    f.backward()
    shown(page, f, tmp_path)
    assert set(page.locator("text.value").all_text_contents()) == {"∞", "NaN"}
    page.evaluate("microgradcnn.setNumber(0, 1); microgradcnn.setNumber(1, 0)")
    assert page.locator("text.value").all_text_contents()[-1] == "3"


@needs_chromium
def test_a_rate_that_is_too_large(page: Page, tmp_path: Path) -> None:
    w = Value(1.0, label="w")
    f = (3.0 * w) ** 2
    f.backward()
    shown(page, f, tmp_path)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.locator("#rate").fill("10")
    for _ in range(4):
        page.locator("[data-steps='50']").click()
    assert page.locator("#descended").text_content().endswith("It went up: try a smaller rate.")
    field = page.locator("[data-place]")
    assert (field.get_attribute("placeholder"), field.input_value(), said) == ("NaN", "", [])
    page.locator("#reset").click()
    assert field.input_value() == "1"
    assert page.locator("text.value").all_text_contents()[0] == "1"
    page.locator("input[data-family='w']").uncheck()
    page.locator("[data-steps='10']").click()
    assert page.locator("text.value").all_text_contents()[0] == "1"


@needs_chromium
def test_which_leaves_descend(page: Page, tmp_path: Path) -> None:
    def ticked() -> list[str]:
        ticks = page.locator("input[data-family]:checked").evaluate_all("all => all.map((tick) => tick.dataset.family)")
        return sorted(ticks)

    f = neuron()
    shown(page, f, tmp_path)
    assert ticked() == ["b", "w"]
    x = next(v for v in topological(f) if v.label == "x")
    shown(page, f, tmp_path, wrt=[x])
    assert ticked() == ["x"]
    shown(page, x * x, tmp_path)
    assert ticked() == ["x"]
    assert page.locator("#moves").inner_text() == "Moves x."
    with pytest.raises(ValueError, match="f is no leaf of f"):
        mg.draw(f, wrt=[f])


@needs_chromium
def test_a_leaf_is_held_and_let_go(page: Page, tmp_path: Path) -> None:
    """By its family, or alone beside its derivation, with the keyboard as well."""
    x, w_1, w_2 = Value(0.5, label="x"), Value(1.0, label="w_1"), Value(2.0, label="w_2")
    f = (w_1 * w_2 * x - 3.0) ** 2
    f.label = "f"
    f.backward()
    shown(page, f, tmp_path)
    moves, family = page.locator("#moves"), page.locator("input[data-family='w']")
    assert moves.inner_text() == "Moves w; x stays."
    page.locator(".node[data-told^='w₁:']").press("Enter")
    page.get_by_label("descent moves w₁").press("Space")
    assert moves.inner_text() == "Moves w₂; x and w₁ stay."
    assert family.evaluate("tick => tick.indeterminate")
    page.locator("[data-steps='1']").click()
    numbers = page.evaluate("[...microgradcnn.state.numbers]")
    names = [v.label for v in topological(f) if v.op is None]
    expected = {"x": 0.5, "w_1": 1.0, "w_2": 2.0 - 0.1 * w_2.grad}
    assert dict(zip(names, numbers, strict=True)) == pytest.approx(expected, 1e-12)
    family.uncheck()
    assert moves.inner_text() == "Moves nothing; x and w stay."
    family.check()
    assert moves.inner_text() == "Moves w; x stays."


@needs_chromium
def test_of_a_model_its_parameters_descend(page: Page, tmp_path: Path) -> None:
    """Inputs without a label stay, as those that are called x do: of a Module, and of what holds numbers in lists.

    So does what such an object has computed under no_grad(), as a running mean.
    """
    module = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1))
    loss = (module(Value(np.ones((1, 2)))) ** 2.0).sum()
    loss.backward()
    shown(page, loss, tmp_path)
    assert page.locator("#moves").inner_text().startswith("Moves W and b; ")
    model = MLP(2, 2, 1)
    f = (model([Value(0.5), Value(-1.0)]) - 1.0) ** 2
    f.backward()
    shown(page, f, tmp_path, names={"model": model})
    assert page.locator("#moves").inner_text().startswith("Moves w and b; ")
    with mg.no_grad():
        model.running = 0.9 * Value(0.5)
    f = (model([Value(0.5), Value(-1.0)]) - model.running) ** 2
    shown(page, f, tmp_path, names={"model": model})
    assert page.locator("#moves").inner_text().startswith("Moves w and b; ")
    assert "running" in page.locator("#moves").inner_text()


# Arrays


@needs_chromium
def test_arrays_are_live_and_open_into_numbers(page: Page, tmp_path: Path) -> None:
    network = NETWORKS["single_layer"](seed=1)
    f = network.loss(np.array([[1.0, -1.0], [0.5, 2.0]]), np.array([1.0, 0.0]))
    f.backward()
    shown(page, f, tmp_path)
    titles = page.locator("#level option").all_text_contents()
    assert titles[-1] == "Number by number"
    W = topological(f)[int(page.locator(".node:has(.value-map)").first.get_attribute("data-node") or "")]
    cells = cell_colours(page.locator(".value-map image").first.get_attribute("href") or "", 3, 2)
    scale = value_scale(float(np.abs(W.data).max()))
    assert cells == [(*scale.rgb(float(x)), 255) for x in np.ravel(W.data)]
    page.locator(".node").first.dispatch_event("click")
    assert page.locator("#telling h3").all_text_contents() == ["Loss", "Backward", "Numbers"]
    page.get_by_text("Compare with a finite difference").click()
    assert "✓ It agrees with the gradient." in telling(page)
    page.locator("#level").select_option(str(len(titles) - 1))
    opened = "microgradcnn.results().values[microgradcnn.state.level.root][0]"
    assert apart(page.evaluate(opened), f.item()) <= 1e-12
    page.evaluate("microgradcnn.setNumber(2, 0.125)")
    network.parameters["S"].data, network.parameters["w"].data = (
        np.array([0.125 if i == 2 else s for i, s in enumerate(network.parameters["S"].data.flat)]).reshape(3, 2),
        network.parameters["w"].data,
    )
    moved = network.loss(np.array([[1.0, -1.0], [0.5, 2.0]]), np.array([1.0, 0.0]))
    assert apart(page.evaluate(opened), moved.item()) <= 1e-12
    network.parameters["S"].grad = network.parameters["w"].grad = None
    moved.backward()
    page.locator("#level").select_option("0")
    places = page.locator(".node").evaluate_all("all => all.map((g) => Number(g.dataset.node))")
    found = page.evaluate("microgradcnn.results().gradients")
    for place, gradient in zip(places, found, strict=True):
        assert far(gradient, np.ravel(topological(moved)[place].grad)) <= 1e-12


@needs_chromium
def test_what_is_not_live_says_so(page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_level, "MOST_NUMBERS", 10)
    network = NETWORKS["two_conv_linear"](image=(8, 8), seed=1)
    f = network.loss(np.random.default_rng(0).random((20, 64)), np.ones(20))
    f.backward()
    shown(page, f, tmp_path)
    assert (
        "This network is too large to be computed again here: the page replays the numbers that were computed when it "
        "was made." in page.locator("body").inner_text()
    )
    assert not page.locator("aside").is_visible()
    said = page.locator("text.gradient").all_text_contents()
    page.keyboard.press("Home")
    assert set(page.locator("text.gradient").all_text_contents()) == {"not computed"}
    for _ in range(page.evaluate("microgradcnn.state.level.last")):
        page.keyboard.press("ArrowRight")
    assert page.locator("text.gradient").all_text_contents() == said


@needs_chromium
@pytest.mark.parametrize("kind", ["leaf", "vector", "comparison", "groups"])
def test_odd_graphs(kind: str, page: Page, tmp_path: Path) -> None:
    x, y = Value(1.0, label="x"), Value(2.0, label="y")
    z = [x * y, x + y]
    z[0].label, z[1].label = "z_1", "z_2"
    f = {"leaf": x, "vector": Value([1.0, 2.0], label="v") * 2.0, "comparison": mg.where(x < y, x, y)}.get(
        kind, z[0] * z[1]
    )
    shown(page, f, tmp_path, **({"collapse": ["z"]} if kind == "groups" else {}))
    for key in ("Home", "ArrowRight", "End", "ArrowLeft"):
        page.keyboard.press(key)
    for box in range(page.locator(".node, .group").count()):
        page.locator(".node, .group").nth(box).dispatch_event("click")
    assert page.locator("figure svg").is_visible()


# Where it is shown

ON_TOP = """img => {
  const { x, y } = img.getBoundingClientRect();
  return document.elementFromPoint(x + 20, y + 20).tagName;
}"""


def notebook(*shown: str) -> str:
    """A notebook whose cells show HTML, converted to HTML."""
    outputs = [nbformat.v4.new_output("execute_result", {"text/html": html}, execution_count=1) for html in shown]
    cells = [nbformat.v4.new_code_cell("mg.draw(f)", outputs=[output], execution_count=1) for output in outputs]
    exporter = nbconvert.HTMLExporter(template_name="basic")
    text: str = exporter.from_notebook_node(nbformat.v4.new_notebook(cells=cells))[0]
    return text


@needs_chromium
def test_in_a_notebook(page: Page) -> None:
    f = neuron()
    f.backward()
    text = notebook(mg.draw(f)._repr_html_())
    page.set_content(text)
    frame = page.frame_locator("iframe")
    frame.locator("#where", has_text="Step 14 of 14").wait_for()
    assert page.locator("img").evaluate(ON_TOP) == "IFRAME"
    assert frame.locator("body").evaluate("body => getComputedStyle(body).backgroundColor") != "rgba(0, 0, 0, 0)"
    frame.locator("#first").click()
    assert frame.locator("#where").text_content() == "Step 0 of 14"
    page.set_content(re.sub(r"(?s)&lt;script type=&quot;module.*?&lt;/script&gt;", "", text))
    assert frame.locator("body").inner_text().strip() == ""  # and the picture shows through
    assert frame.locator("body").evaluate("body => getComputedStyle(body).backgroundColor") == "rgba(0, 0, 0, 0)"
    page.set_content(re.sub(r"(?s)<style>.*?</style>|<iframe.*?</iframe>", "", text))
    assert page.locator("img").is_visible()
    assert page.locator("img").evaluate("img => img.naturalWidth") > 200


@needs_chromium
def test_without_scripts_and_on_paper(browser: Any, page: Page, tmp_path: Path) -> None:
    f = neuron()
    f.backward()
    file = mg.draw(f).save(tmp_path / "f.html")
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto(file.as_uri())
    assert plain.locator("figure svg").is_visible()
    assert plain.locator("text.gradient").all_text_contents()[-1] == "1"
    assert not plain.locator("nav, aside").first.is_visible()
    context.close()
    shown(page, f, tmp_path)
    page.emulate_media(media="print")
    assert not page.locator("nav, aside").first.is_visible()
    assert page.locator("figure svg").is_visible()


def test_a_page_of_some_five_hundred_nodes_is_small() -> None:
    f = (MLP(2, 10, 10, 1)([Value(0.5), Value(-1.0)]) - 1.0) ** 2
    f.backward()
    text = mg.draw(f).html()
    assert 400 < len(topological(f)) < 500
    assert "function program(v)" in text  # which computes all that its layers hold
    assert len(text.encode()) < 530_000


def test_numbers_one_by_one_are_not_shown_where_they_would_share_ties_otherwise() -> None:
    """A maximum of three numbers, opened into two of two, gives (¼, ¼, ½) at a tie instead of thirds."""
    for values in ([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]):
        x = Value(values, label="x")
        assert "Number by number" in mg.draw(x.square().sum()).html()
        assert "Number by number" not in mg.draw(mg.max(x * x)).html()
        image = Value(np.resize(values, (1, 1, 2, 2)), label="image")
        assert "Number by number" not in mg.draw(mg.max_pool2d(image, 2).sum()).html()
