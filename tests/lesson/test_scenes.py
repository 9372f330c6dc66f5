"""The scenes of a page: alive within the first screen, reached by key, click and link, and right in every number."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import needs_chromium
from page_folders import COURSE, course_pages, six_pages

from microgradcnn import Value
from microgradcnn.cli.user_scripts import course_in_script
from microgradcnn.lesson import read_words
from microgradcnn.lesson.sections.subject import subject
from microgradcnn.lesson.words import scene_words, section_titles
from microgradcnn.networks import NETWORKS, Network
from microgradcnn.views.derivations.named_graph import recomputed

SCALARS = ("conv_linear", "Softmax", "MaxPool", "rnn")
NAMES = (*SCALARS, "layers", "filters")
SCREENS = ((1280, 720), (390, 844))


def networks() -> dict[str, type[Network]]:
    """One of the lecture's, and those of course.py."""
    return {"conv_linear": NETWORKS["conv_linear"], **course_in_script(str(COURSE)).networks}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, bool], Path]:
    """The pages by the names of their networks and whether they are for students."""
    six, own = six_pages(tmp_path_factory), course_pages(tmp_path_factory)
    return {
        (name, student): (six if name == "conv_linear" else own)[student] / f"{name}.html"
        for name in NAMES
        for student in (False, True)
    }


def address(folders: dict[tuple[str, bool], Path], name: str, more: str = "", student: bool = False) -> str:
    return f"{folders[name, student].as_uri()}{more}"


def numbers(text: str) -> list[float]:
    """All numbers in a text of a page."""
    return [float(x.replace("−", "-")) for x in re.findall(r"−?\d+(?:\.\d+)?(?:e[−-]?\d+)?", text)]


def near(text: str, number: float) -> bool:
    """Whether the last number in a text is this one, in the digits that a page shows."""
    return math.isclose(numbers(text)[-1], number, rel_tol=4e-3, abs_tol=1e-4)


def graph(name: str, **changed: float) -> dict[str, Value]:
    """The named nodes of a network's loss with other numbers for some leaves, and their gradients."""
    about = subject(networks()[name]())
    loss, copies = recomputed(about.loss, {about.parameters[label]: x for label, x in changed.items()})
    loss.backward()
    return {**{str(node.label): node for node in copies.values() if node.label}, "f": loss}


def in_view(page: Any, selector: str) -> bool:
    """Whether something is seen without scrolling."""
    box = page.locator(selector).first.bounding_box()
    return box is not None and box["y"] + box["height"] <= page.viewport_size["height"]


def slide(page: Any, scene: str, to: float) -> None:
    """Move the slider of a scene."""
    page.locator(f"#{scene} [name=number]").evaluate(
        "(slider, to) => { slider.value = to; slider.dispatchEvent(new Event('input')); }", to
    )
    drawn(page)


def drawn(page: Any) -> None:
    """Wait until a change is seen in all scenes."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def text(page: Any, selector: str) -> str:
    return str(page.locator(selector).text_content())


# The first scene


@needs_chromium
@pytest.mark.parametrize("name", NAMES)
def test_a_page_opens_on_something_to_drag(page: Any, folders: dict[tuple[str, bool], Path], name: str) -> None:
    for width, height in SCREENS:
        page.set_viewport_size({"width": width, "height": height})
        page.goto(address(folders, name))
        for part in ("[name=number]", ".loss output"):
            assert in_view(page, f"#network {part}"), (part, width)
        drawing = page.locator("#network :is(figure svg, .grids button)").first.bounding_box()
        assert drawing["y"] < height - 60, width
        assert page.locator("#network .hint").count() == page.locator("#network svg.schematic").count()
    before = text(page, "#network .loss output")
    slide(page, "network", 1.75)
    assert text(page, "#network .loss output") != before
    page.locator("#network [name=reset]").click()
    drawn(page)
    assert text(page, "#network .loss output") == before


@needs_chromium
@pytest.mark.parametrize("name", SCALARS)
def test_its_numbers_are_those_of_the_graph(page: Any, folders: dict[tuple[str, bool], Path], name: str) -> None:
    label = next(iter(subject(networks()[name]()).parameters))
    page.goto(address(folders, name))
    page.locator("#network [name=which]").select_option(label)
    slide(page, "network", 0.85)
    known = graph(name, **{label: 0.85})
    assert near(text(page, "#network .loss output"), known["f"].item())
    outputs = page.locator("#network [data-read^=y_hat]")
    assert outputs.count() >= 1
    for read in outputs.all():
        assert near(read.text_content(), known[read.get_attribute("data-read")].item())
    assert near(page.locator("#forward li output").last.text_content(), known["f"].item())
    shown = page.locator("#network svg .number.chosen")
    assert all(near(words, 0.85) for words in shown.all_text_contents()), name


@needs_chromium
@pytest.mark.parametrize("grabbed", ["rect[data-of=c_2]", "text[data-of=c_2] + .number"])
def test_a_number_is_dragged_in_the_drawing(page: Any, folders: dict[tuple[str, bool], Path], grabbed: str) -> None:
    page.goto(address(folders, "conv_linear"))
    box = page.locator(f"#network {grabbed}").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 50, box["y"] + box["height"] / 2, steps=3)
    page.mouse.up()
    drawn(page)
    assert page.locator("#network [name=which]").input_value() == "c_2"
    assert near(text(page, "#network .loss output"), graph("conv_linear", c_2=0.5)["f"].item())


@needs_chromium
def test_a_finger_drags_a_number_and_scrolls_the_drawing_beside_it(
    browser: Any, folders: dict[tuple[str, bool], Path]
) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, offline=True)
    page = context.new_page()
    page.goto(address(folders, "conv_linear"))
    hand = context.new_cdp_session(page)

    def swipe(x: float, y: float, by: float) -> None:
        for moved in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
            kind = "touchMove" if moved else "touchStart"
            hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x + moved * by, "y": y}]})
            drawn(page)
        hand.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        drawn(page)

    scrolled = "document.querySelector('#network figure').scrollLeft"
    pixel, figure = (page.locator(f"#network {part}").bounding_box() for part in ("rect[data-of=p_1]", "figure"))
    swipe(pixel["x"] + 8, pixel["y"] + 8, 60.0)
    assert page.locator("#network [name=which]").input_value() == "p_1"
    assert numbers(found := text(page, "#network .slider output"))[0] > 0.0
    assert page.evaluate(scrolled) == 0
    swipe(figure["x"] + 250, figure["y"] + figure["height"] - 8, -100.0)
    page.wait_for_function(f"{scrolled} > 50")
    assert text(page, "#network .slider output") == found
    context.close()


# Paths


@needs_chromium
@pytest.mark.parametrize("name", SCALARS)
def test_products_along_paths_add_up_to_the_gradients(
    page: Any, folders: dict[tuple[str, bool], Path], name: str
) -> None:
    page.goto(address(folders, name))
    known = graph(name)
    for label in subject(networks()[name]()).parameters:
        page.locator("#paths select").select_option(label)
        drawn(page)
        rows = page.locator("#paths tbody tr:not(.sum) td").all_text_contents()
        gradient = float(known[label].grad or 0.0)
        assert math.isclose(sum(numbers(row)[-1] for row in rows), gradient, rel_tol=5e-3, abs_tol=1e-3), label
        assert near(text(page, "#paths tr.sum td"), gradient)
        first = next((product for row in rows if (product := numbers(row)[-1])), 0.0)  # by which something arrives
        assert near(text(page, "#path .told").partition(":")[0], first) == bool(rows)
        assert near(re.findall(r"slope there is (\S+):", text(page, "#loss .told"))[0], gradient)


# Numbers at the arrows of a picture through which an arrow goes.
CROSSED = """() => [...document.querySelectorAll("#paths g:has(.along)")].flatMap((g) => {
  const [label, path] = [g.querySelector(".along"), g.querySelector("path")], {x, y, width, height} = label.getBBox();
  const within = (p) => x + 1 < p.x && p.x < x + width - 1 && y + 3 < p.y && p.y < y + height - 3;
  const at = Array.from({length: 200}, (_, i) => path.getPointAtLength(i / 199 * path.getTotalLength()));
  return at.some(within) ? [label.textContent] : [];
})"""


@needs_chromium
def test_no_arrow_goes_through_its_number(page: Any, folders: dict[tuple[str, bool], Path]) -> None:
    page.goto(address(folders, "conv_linear", "#paths"))
    assert page.locator("#paths .along").count() > 8
    assert page.evaluate(CROSSED) == []


@needs_chromium
def test_where_a_weight_acts(page: Any, folders: dict[tuple[str, bool], Path]) -> None:
    page.goto(address(folders, "conv_linear"))
    page.locator("#windows select").select_option("c_2")
    drawn(page)
    met = page.locator("#windows tbody td:nth-child(2)").all_text_contents()
    assert [words.partition(" ")[0] for words in met] == ["p2", "p3", "p5", "p6"]
    page.locator("#windows").get_by_role("radio", name="3").check()
    drawn(page)
    assert text(page, "#windows tr.now td:nth-child(2)") == "p5 = 1"
    lit = page.locator("#windows rect.acts-now").evaluate_all("all => all.map((e) => e.dataset.of)")
    assert set(lit) == {"c_2", "p_5"}
    page.goto(address(folders, "rnn"))
    page.locator("#windows select").select_option("w")
    drawn(page)
    met = page.locator("#windows tbody td:nth-child(2)").all_text_contents()
    assert [words.partition(" ")[0] for words in met] == ["x1", "x2", "x3"]


# What one can do is within reach

REACHED = {
    "forward": "[name=next]",
    "graph": ":is([name=next], iframe)",
    "landscape": "[name=rate]",
    "exercise": "form.open button",
    "training": ":is(.training button, svg.chart)",
}


@needs_chromium
@pytest.mark.parametrize("student", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_a_link_of_the_opening_leads_to_what_one_can_do(
    page: Any, folders: dict[tuple[str, bool], Path], name: str, student: bool
) -> None:
    page.emulate_media(reduced_motion="reduce")
    for width, height in SCREENS:
        page.set_viewport_size({"width": width, "height": height})
        page.goto("about:blank")
        page.goto(address(folders, name, student=student))
        there = page.evaluate("[...document.querySelectorAll('main > section')].map((scene) => scene.id)")
        assert [scene for scene in REACHED if scene in there] == page.locator(".shortcuts a").evaluate_all(
            "links => links.map((link) => link.hash.slice(1))"
        )
        for scene in (scene for scene in REACHED if scene in there):
            page.evaluate("scrollTo(0, 0)")
            assert in_view(page, f".shortcuts [href='#{scene}']")
            page.locator(f".shortcuts [href='#{scene}']").click()
            box = page.locator(f"#{scene} {REACHED[scene]}").first.bounding_box()
            assert 0 < box["y"] < height - 40, (scene, width)


@needs_chromium
@pytest.mark.parametrize("name", ["layers", "filters"])
def test_arrays_descend(page: Any, folders: dict[tuple[str, bool], Path], name: str) -> None:
    about = subject(networks()[name]())
    about.loss.backward()
    changed = {p: p.data - 0.5 * np.asarray(p.grad) for p in about.parameters.values()}
    expected = recomputed(about.loss, changed)[0].item()
    for student in (False, True):
        page.goto(address(folders, name, student=student))
        page.locator("[name=rate]").fill("0,5")
        page.locator("[name=descend]").click()
        assert near(text(page, "#network .loss output"), expected)
        page.locator("[name=train]").click()
        page.wait_for_function("document.querySelector('#network .loss output').textContent.includes('= 0.0')")
        page.get_by_role("button", name="Stop").click()
        page.locator("[name=reset]").click()
        assert near(text(page, "#network .loss output"), about.loss.item())


@needs_chromium
@pytest.mark.parametrize("width", [1280, 390])
def test_a_long_path_is_seen_whole_and_a_long_recurrence_can_be_read(
    page: Any, folders: dict[tuple[str, bool], Path], width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(address(folders, "rnn"))
    assert page.locator("#path .wide").evaluate("box => box.scrollWidth <= box.clientWidth")
    high = page.locator("#windows .schematic text[data-of]").first.evaluate(
        "text => text.getBoundingClientRect().height"
    )
    assert high >= 10


# Students guess before they see


@needs_chromium
def test_a_gradient_is_hidden_until_it_is_guessed(page: Any, folders: dict[tuple[str, bool], Path]) -> None:
    page.goto(address(folders, "conv_linear", student=True))
    gradient = float(graph("conv_linear")["c_2"].grad or 0.0)
    page.locator("#paths select").select_option("c_2")
    drawn(page)
    assert set(page.locator("#paths td.number").all_text_contents()) == {"?"}
    box = page.locator("#paths form input")
    for wrong, said in (
        (-gradient, "The sign is the other one."),
        (2 * gradient, "That is 2 times it."),
        (9.9, "Not yet."),
    ):
        box.fill(str(wrong))
        box.press("Enter")
        assert text(page, "#paths .ask [role=status]") == said
    assert set(page.locator("#paths td.number").all_text_contents()) == {"?"}
    box.fill(f"{gradient:.3g}")
    box.press("Enter")
    assert near(text(page, "#paths tr.sum td"), gradient)
    page.locator("#paths select").select_option("c_1")  # another question
    drawn(page)
    assert set(page.locator("#paths td.number").all_text_contents()) == {"?"}


@needs_chromium
def test_a_student_steps_through_the_graph(page: Any, folders: dict[tuple[str, bool], Path]) -> None:
    page.goto(address(folders, "rnn", "#graph", student=True))
    known, scene = graph("rnn"), page.locator("#graph")
    scene.locator("[name=next]").click()
    assert near(text(page, "#graph .told"), known["a_1"].item())
    assert near(scene.locator("[data-node=a_1] text.number").first.text_content(), known["a_1"].item())
    assert scene.locator("[data-node=f] text.number").first.text_content() == "…"
    scene.locator("[name=last]").click()
    assert near(scene.locator("[data-node=f] text.number").first.text_content(), known["f"].item())
    scene.locator("[name=next]").click()
    assert scene.locator("[data-node=y_hat] text.number").last.text_content() == "∂ ?"
    scene.locator("form input").fill(str(known["y_hat"].grad))
    scene.locator("form input").press("Enter")
    assert near(scene.locator("[data-node=y_hat] text.number").last.text_content(), float(known["y_hat"].grad or 0.0))
    scene.locator("[name=next]").click()
    scene.get_by_role("button", name="Show it").click()
    assert near(text(page, "#graph .told"), 1.0) or numbers(text(page, "#graph .told"))


@needs_chromium
@pytest.mark.parametrize("name", ["layers", "filters"])
def test_a_student_steps_through_a_graph_of_arrays(page: Any, folders: dict[tuple[str, bool], Path], name: str) -> None:
    page.goto(address(folders, name, "#graph", student=True))
    about, scene = subject(networks()[name]()), page.locator("#graph")
    about.loss.backward()
    scene.locator("[name=last]").click()
    for label in reversed(about.parameters):
        while True:
            scene.locator("[name=next]").click()
            asked = scene.locator("form label").text_content().removesuffix(" = ")
            if asked.startswith(f"df/d{label}["):
                break
        place = tuple(int(x) - 1 for x in asked.partition("[")[2].removesuffix("]").split(", "))
        gradient = np.asarray(about.parameters[label].grad)
        assert math.isclose(abs(gradient[place]), np.abs(gradient).max(), rel_tol=1e-9), asked
        assert scene.locator("figcaption", has_text=f"df/d{label}").count() == 0
        scene.locator("form input").fill(str(-gradient[place]))
        scene.locator("form input").press("Enter")
        assert text(page, "#graph [role=status]") == "The sign is the other one."
        scene.locator("form input").fill(str(gradient[place]))
        scene.locator("form input").press("Enter")
        shown = scene.locator(".array", has_text=f"df/d{label}").locator(".cells > *").all_text_contents()
        assert np.allclose([numbers(x)[0] for x in shown], gradient.ravel(), atol=5.1e-3)
    assert scene.locator("[name=next]").is_disabled()
    assert scene.locator("[name=next]").evaluate("e => Number(getComputedStyle(e).opacity)") < 1  # as it looks


# Ways through the scenes


def current(page: Any) -> str:
    return str(page.evaluate("document.querySelector('main > .current').id"))


@needs_chromium
def test_keys_and_clicks_go_through_the_scenes(page: Any, folders: dict[tuple[str, bool], Path]) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.goto(address(folders, "conv_linear"))
    scenes = page.evaluate("[...document.querySelectorAll('main > section')].map((scene) => scene.id)")
    assert current(page) == "network"
    for key, scene in (
        ("PageDown", "forward"),
        ("ArrowRight", "loss"),
        ("ArrowLeft", "forward"),
        ("PageUp", "network"),
    ):
        page.keyboard.press(key)
        assert (current(page), page.evaluate("location.hash")) == (scene, f"#{scene}")
        assert page.evaluate("document.activeElement.closest('section').id") == scene
    for scene in scenes[1:]:
        page.locator(".scenes [name=next]").click()
        assert current(page) == scene
        assert page.evaluate("document.querySelector('.current h2').getBoundingClientRect().top < innerHeight / 2"), (
            scene
        )
    assert page.locator(".scenes [name=next]").is_disabled()
    page.locator(".scenes summary").click()
    page.get_by_role("link", name="One path", exact=True).click()
    assert current(page) == "path"
    assert page.locator(".scenes [aria-current]").all_text_contents() == ["One path"]
    slider = page.locator("#loss [name=number]")
    slider.evaluate("(slider) => slider.focus({preventScroll: true})")
    before = slider.input_value()
    page.keyboard.press("ArrowRight")
    assert (current(page), slider.input_value() != before) == ("path", True)  # the key was the slider's
    page.evaluate("document.getElementById('exercise').scrollIntoView({behavior: 'instant'})")
    page.wait_for_function("document.querySelector('main > .current').id === 'exercise'")


@needs_chromium
def test_every_scene_has_a_link(page: Any, folders: dict[tuple[str, bool], Path]) -> None:
    for scene in ("windows", "exercise", "program"):
        page.goto("about:blank")
        page.goto(address(folders, "conv_linear", f"#{scene}"))
        assert current(page) == scene
        assert page.evaluate(f"Math.abs(document.getElementById('{scene}').getBoundingClientRect().top) < 150")


SMALL = """() => [...document.querySelectorAll("main > .current *, header.bar *")].filter((e) => e.checkVisibility()
  && !e.closest("svg, math, iframe, .hidden, sub, sup")
  && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())
  && parseFloat(getComputedStyle(e).fontSize) < 24).map((e) => e.outerHTML.slice(0, 80))"""


@needs_chromium
def test_a_projector_shows_one_scene_in_large_type(page: Any, folders: dict[tuple[str, bool], Path]) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(address(folders, "conv_linear"))
    page.keyboard.press("p")
    seen = "[...document.querySelectorAll('main > section')].filter((e) => e.checkVisibility()).map((e) => e.id)"
    for scene in ("network", "forward", "loss", "path", "paths", "windows"):
        while True:
            assert page.evaluate(seen) == [scene]
            assert page.evaluate(SMALL) == []
            page.keyboard.press("PageDown")
            if current(page) != scene:
                break
    page.keyboard.press("p")
    assert len(page.evaluate(seen)) > 10
    for theme, paper in (("dark", "rgb(0, 0, 0)"), ("light", "rgb(255, 255, 255)")):
        for width in (390, 1280):
            page.set_viewport_size({"width": width, "height": 720})
            page.goto(address(folders, "conv_linear", f"?projector={theme}#paths"))
            assert page.evaluate(seen) == ["paths"]
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == paper


# What is written in a scene and not wholly below its title and above its end, by whether any part shows it whole.
SEEN = """() => {
  const scene = document.querySelector("main > .current"), title = scene.querySelector("h2").getBoundingClientRect();
  const {bottom} = scene.getBoundingClientRect();
  const held = [...scene.querySelectorAll(".stays")].filter((e) => e.matches("thead, p, div"));
  const over = Math.max(title.bottom, ...held.map((e) => e.getBoundingClientRect())
    .filter((box) => box.top < title.bottom + 1).map((box) => box.bottom));
  const all = scene.querySelectorAll("td, h3, summary, p:not(:has(p)), math, button, input, canvas, iframe, svg");
  const shown = (e) => e.checkVisibility() && e.getBoundingClientRect().height && !e.closest("h2, svg *, .to-errata");
  return [...all].filter(shown).map((e, i) => {
    const box = e.getBoundingClientRect(), below = box.top >= over - 2 || Boolean(e.closest(".stays"));
    return [i, e.outerHTML.slice(0, 60), box.bottom <= bottom + 2 && below];
  });
}"""


# Frames of which no more than the upper edge is seen.
PEEPING = """() => {
  const {bottom} = document.querySelector("main > .current").getBoundingClientRect();
  const below = (e) => e.getBoundingClientRect().top - bottom;
  return [...document.querySelectorAll("main > .current .panes > *")].filter((e) => Math.abs(below(e)) < 1).length;
}"""


@needs_chromium
@pytest.mark.parametrize("name", ["conv_linear", "rnn"])
def test_a_long_scene_comes_in_parts_in_which_nothing_is_cut(
    page: Any, folders: dict[tuple[str, bool], Path], name: str
) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(address(folders, name, "?projector"))
    scenes = page.evaluate("[...document.querySelectorAll('main > section')].map((scene) => scene.id)")
    told: dict[str, list[str]] = {scene: [] for scene in scenes}
    whole: dict[str, dict[int, tuple[str, bool]]] = {scene: {} for scene in scenes}
    for _ in range(80):
        drawn(page)
        scene = current(page)
        told[scene].append(text(page, f"#{scene} .part"))
        for i, what, seen in page.evaluate(SEEN):
            whole[scene][i] = (what, seen or whole[scene].get(i, ("", False))[1])
        assert page.evaluate("document.documentElement.scrollHeight <= innerHeight"), scene
        assert page.evaluate(PEEPING) == 0, scene
        if page.locator(".scenes [name=next]").is_disabled():
            break
        page.keyboard.press("PageDown")
    assert {scene: [what for what, seen in found.values() if not seen] for scene, found in whole.items()} == {
        scene: [] for scene in scenes
    }
    for scene, parts in told.items():
        count = len(parts)
        assert parts == [f"part {i + 1} of {count}" if count > 1 else "" for i in range(count)], scene
    assert len(told["derivation"]) > 1
    for scene, parts in reversed(list(told.items())):  # and back through all of them
        for part in reversed(parts):
            assert (current(page), text(page, f"#{scene} .part")) == (scene, part)
            page.keyboard.press("PageUp")
    page.keyboard.press("p")
    assert page.locator(".part").count() == 0


@needs_chromium
@pytest.mark.parametrize(
    ("scene", "together"),
    {"paths": ["select", "figure.paths svg"], "mistakes": ["select", "svg.chart", ".legend", "output.told"]}.items(),
)
def test_what_belongs_together_is_on_one_screen_of_a_projector(
    page: Any, folders: dict[tuple[str, bool], Path], scene: str, together: list[str]
) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    for student in (False, True):
        page.goto(address(folders, "conv_linear", f"?projector#{scene}", student))
        drawn(page)
        assert text(page, f"#{scene} .part") in {"", "part 1 of 2"}, student
        for part in together:
            assert in_view(page, f"#{scene} {part}"), part
        boxes = [page.locator(f"#{scene} {part}").first.bounding_box() for part in ("h2 + p", *together)]
        assert all(box["y"] >= boxes[0]["y"] + boxes[0]["height"] for box in boxes[1:])


@needs_chromium
def test_a_drawing_beside_its_numbers_is_as_large_as_the_window_allows(
    page: Any, folders: dict[tuple[str, bool], Path]
) -> None:
    for width, height in ((1440, 900), (1280, 720)):
        page.set_viewport_size({"width": width, "height": height})
        page.goto(address(folders, "conv_linear", "#windows"))
        drawing, numbers = (page.locator(f"#windows {part}").bounding_box() for part in ("figure svg", "table"))
        assert drawing["width"] > width / 2
        assert drawing["x"] + drawing["width"] <= numbers["x"]
        page.locator("#windows fieldset").evaluate("(e) => e.scrollIntoView({block: 'nearest', behavior: 'instant'})")
        assert in_view(page, "#windows h2")
        assert in_view(page, "#windows fieldset")


@needs_chromium
def test_numbers_have_room_in_what_is_drawn_for_them(page: Any, folders: dict[tuple[str, bool], Path]) -> None:
    sizes = """() => [...document.querySelectorAll("#network svg text.number")].map((number) => {
      const name = number.previousElementSibling.dataset.of, box = number.getBoundingClientRect();
      const all = [...document.querySelectorAll("#network svg :is(rect, circle)")];
      const around = all.filter((e) => e.dataset.of === name).map((e) => e.getBoundingClientRect())
        .find((e) => e.left < box.right && box.left < e.right);
      return [name, number.textContent, box.width, around.width];
    })"""
    page.set_viewport_size({"width": 1280, "height": 720})
    for name in ("conv_linear", "rnn"):
        page.goto(address(folders, name, "?projector"))
        slide(page, "network", -1.2345)
        found = page.evaluate(sizes)
        assert found
        assert [each for each in found if each[2] > each[3]] == [], name


@needs_chromium
def test_paper_has_all_scenes(page: Any, folders: dict[tuple[str, bool], Path]) -> None:
    page.emulate_media(media="print")
    for more in ("", "?projector"):
        page.goto(address(folders, "conv_linear", more))
        hidden = (
            "[...document.querySelectorAll('main > section, form.answer')].filter((e) => !e.checkVisibility()).length"
        )
        assert page.evaluate(f"{hidden} - document.querySelectorAll('#graph').length") == 0
        assert page.locator("button:visible, [type=checkbox]:visible").count() == 0  # nothing to press


@needs_chromium
def test_a_training_and_the_bar_are_each_in_their_place(page: Any, folders: dict[tuple[str, bool], Path]) -> None:
    for width, height in SCREENS:
        page.set_viewport_size({"width": width, "height": height})
        page.goto("about:blank")
        page.goto(address(folders, "conv_linear"))
        for part in ("summary", "[name=next]"):
            page.locator(f".scenes {part}").click(trial=True)
        assert page.locator(".training button", has_text="Play").bounding_box()["y"] > height
        page.goto(address(folders, "conv_linear", "#training"))
        page.get_by_role("button", name="One step").click(trial=True)
        outside = """() => { const panel = document.getElementById("watched").getBoundingClientRect();
          return [...document.querySelectorAll("#watched .bar")].map((e) => e.getBoundingClientRect())
            .filter(({top, bottom}) => top < panel.top || bottom > panel.bottom).length; }"""
        assert page.evaluate(outside) == 0


# Boxes


@needs_chromium
def test_one_box_is_open_and_nothing_typed_is_lost(page: Any, folders: dict[tuple[str, bool], Path]) -> None:
    page.goto(address(folders, "conv_linear", student=True))
    boxes, listed = page.locator("form.answer"), page.locator(".asked button")
    assert (boxes.count(), listed.count()) == (8, 8)
    seen = "all => all.filter((e) => e.checkVisibility()).map((e) => e.dataset.parameter)"
    assert boxes.evaluate_all(seen) == ["c_1"]
    page.locator("form.answer:visible input").fill("half of it")
    page.locator(".asked [data-parameter=w_1]").click()
    assert boxes.evaluate_all(seen) == ["w_1"]
    page.locator("form.answer:visible input").fill("2(ŷ - y) z_1")
    page.locator("form.answer:visible input").press("Enter")
    states = "all => Object.fromEntries(all.map((e) => [e.dataset.parameter, e.dataset.state]))"
    right = {"c_1": "begun", "w_1": "right"}
    assert {label: state for label, state in listed.evaluate_all(states).items() if state} == right
    page.get_by_role("button", name="Next unsolved").click()
    assert boxes.evaluate_all(seen) == ["w_2"]
    page.locator(".asked [data-parameter=c_1]").click()
    assert page.locator("form.answer:visible input").input_value() == "half of it"
    page.reload()
    assert page.locator("form[data-parameter=c_1] input").input_value() == "half of it"
    told = {label: state for label, state in listed.evaluate_all(states).items() if state}
    assert told == right


# What is drawn


@needs_chromium
@pytest.mark.parametrize("name", ["two_conv_average", "two_conv_linear"])
def test_all_of_the_drawing_is_seen_with_all_its_numbers(
    page: Any, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto((six_pages(tmp_path_factory)[False] / f"{name}.html").as_uri())
    assert all(in_view(page, f"#network svg [data-of={label}]") for label in ("p_9", "c_8", "z_8", "y_hat"))
    slide(page, "network", 0.85)
    for mean in page.locator("#network svg circle[data-mean]").all():
        parts = [
            page.locator(f"#network svg [data-of={z}] + text").first for z in mean.get_attribute("data-mean").split()
        ]
        shown = page.locator(f"#network svg [data-of={mean.get_attribute('data-of')}] + text").text_content()
        assert near(shown, sum(numbers(part.text_content())[0] for part in parts) / len(parts))
    page.set_viewport_size({"width": 390, "height": 844})
    page.locator("#forward [name=all]").click()
    lines = page.locator("#forward .wide")
    assert lines.evaluate_all("all => all.every((e) => e.scrollWidth <= e.clientWidth)")


@needs_chromium
def test_a_finger_pushes_the_drawing_aside_where_there_is_no_number_to_drag(
    page: Any, folders: dict[tuple[str, bool], Path]
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(address(folders, "conv_linear"))
    fingers = page.context.new_cdp_session(page)

    def swiped(label: str) -> tuple[float, bool]:
        """How far the drawing went as a finger went to the left, and whether another number is there."""
        box, before = (
            page.locator(f"#network rect[data-of={label}]").bounding_box(),
            text(page, "#network .loss output"),
        )
        x, y = box["x"] + 20, box["y"] + 20
        moves = [[{"x": x - 5 * i, "y": y}] for i in range(13)]
        for kind, points in [("Start", moves[0]), *(("Move", each) for each in moves[1:]), ("End", [])]:
            fingers.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
            drawn(page)
        return page.locator("#network figure").evaluate("e => e.scrollLeft"), text(
            page, "#network .loss output"
        ) != before

    assert swiped("c_2") == (0, True)
    far, changed = swiped("z_1")
    assert far > 20
    assert not changed


SMALLEST = """() => Math.min(...[...document.querySelectorAll("main svg text")].filter((e) => e.checkVisibility())
  .map((e) => parseFloat(getComputedStyle(e).fontSize) * Math.hypot(e.getScreenCTM().a, e.getScreenCTM().b)))"""


@needs_chromium
@pytest.mark.parametrize("student", [False, True])
def test_what_is_drawn_can_be_read_and_a_path_is_seen_whole(
    page: Any, folders: dict[tuple[str, bool], Path], student: bool
) -> None:
    for width, height in SCREENS:
        page.set_viewport_size({"width": width, "height": height})
        page.goto(address(folders, "conv_linear", student=student))
        assert page.evaluate(SMALLEST) >= 10
        assert page.locator("#path .wide").evaluate("e => e.scrollWidth <= e.clientWidth")


# Words


def test_every_page_has_words_for_its_scenes_and_a_course_has_its_own(folders: dict[tuple[str, bool], Path]) -> None:
    assert set(scene_words().parts[0].sections) - {""} <= set(section_titles())
    own, other = (folders[name, False].read_text(encoding="utf-8") for name in ("Softmax", "rnn"))
    ours = scene_words().of_section(False, "path")
    assert "My own words of a path." in own
    assert ours not in own
    assert ours in other
    assert "<h1>Three classes</h1>" in own
    assert "<code>Softmax</code>" in own.partition("<h2")[0]
    errata = own.partition('<section id="errata"')[2]
    assert '<a href="#landscape">Descent</a></h3><div class="note"><p>It is no landscape.</p>' in errata
    assert '<a href="#errata-landscape">Errata</a>' in own


def test_titles_that_sections_once_had_are_understood() -> None:
    words = read_words("## a\n### The loss as a landscape\nOne.\n### Errata: The loss as a landscape\n- Two.\n")
    assert words.about("a", True, "landscape") == "<p>One.</p>"
    assert words.noted("a", True, "landscape") == '<div class="note"><p>Two.</p></div>'
