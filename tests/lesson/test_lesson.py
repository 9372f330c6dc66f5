"""The main job: six lines, every gradient right, every training converged; and it notices when that is not so."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import needs_chromium
from page_folders import LADDER, six_pages, six_rows

from microgradcnn.cli import main
from microgradcnn.cli.commands import lesson as commands
from microgradcnn.fit import Training
from microgradcnn.lesson import run as lessons
from microgradcnn.lesson.page import problem, representatives
from microgradcnn.lesson.pages import lesson_pages
from microgradcnn.networks import NETWORKS, Network
from microgradcnn.views.derivations.derivation import explain
from microgradcnn.views.formulas import notation
from microgradcnn.views.pages.exercise import scripts


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    return six_rows(tmp_path_factory)


def test_six_networks_right_and_converged(rows):
    assert [row.network for row in rows] == list(NETWORKS)
    for row in rows:
        assert row.checks.worst <= 1e-7
        assert set(row.runs) == {"side", "digits"}
        assert all(run.training.converged for run in row.runs.values())
        assert all(run.test_accuracy >= 0.97 for run in row.runs.values())
        assert row.right


@pytest.fixture
def quick(rows, monkeypatch, tmp_path):
    """The command on rows that are there already, without ladder and pages, in an empty folder."""
    monkeypatch.setattr(lessons, "lesson", lambda *_, **__: iter(rows))
    monkeypatch.setattr(lessons, "ladder", lambda **_: iter([("conv_average", 0.73), ("two_conv_linear", 1.0)]))
    monkeypatch.setattr(commands, "lesson_pages", lambda *_: iter([("index.html", "<!DOCTYPE html>")]))
    monkeypatch.chdir(tmp_path)


def test_the_table_and_the_files(quick, capsys, tmp_path):
    assert main(["lesson", "--out", "here"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert [line.split()[0] for line in out.splitlines()[2:8]] == list(NETWORKS)
    assert all(line.endswith("right") for line in out.splitlines()[2:8])
    assert max(map(len, out.splitlines())) <= 130
    assert "right on bars:\n  conv_average             0.730\n  two_conv_linear          1.000\n" in out
    assert out.endswith(f"The lesson is written: open {Path('here') / 'index.html'}\n")
    here = tmp_path / "here"
    records = json.loads((here / "lesson.json").read_text())
    assert [record["right"] for record in records] == [True] * 6
    for name in NETWORKS:
        assert (here / name / "side" / "history.csv").stat().st_size > 0
        assert (here / name / "digits" / "parameters.npz").stat().st_size > 0


@pytest.mark.parametrize("part", ["lesson", "ladder", "pages"])
def test_ctrl_c_ends_the_whole_and_not_one_training(quick, monkeypatch, capsys, part):
    interrupted = Training(1.0, 0.5, "interrupted")
    if part == "lesson":
        monkeypatch.undo()
        run = SimpleNamespace(training=interrupted)
        monkeypatch.setattr(lessons, "experiment", lambda *_, **__: run)
        ended = lessons.lesson
    elif part == "ladder":
        monkeypatch.undo()
        monkeypatch.setattr(lessons, "train", lambda *_, **__: interrupted)
        ended = lessons.ladder
    else:
        monkeypatch.setattr(commands, "lesson_pages", lambda *_: (lessons.uninterrupted(interrupted) for _ in "1"))
        assert main(["lesson"]) == 130
        assert capsys.readouterr().err == "microgradcnn: interrupted\n"
        return
    with pytest.raises(KeyboardInterrupt):
        next(ended())


def test_where_the_editions_go_by_themselves(quick, capsys, tmp_path):
    assert main(["lesson", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out, parse_constant=pytest.fail)) == 6
    assert main(["lesson", "--student"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"lesson", "lesson-student"}
    assert (tmp_path / "lesson-student" / "index.html").read_text() == "<!DOCTYPE html>"
    (tmp_path / "file").write_text("")
    assert main(["lesson", "--out", "file"]) == 2
    assert "file cannot be written to" in capsys.readouterr().err


def bare(rows):
    return [
        lessons.NetworkRow(r.network, r.section, r.loss, r.parameters, r.checks, {"side": r.runs["side"]}) for r in rows
    ]


def test_without_scikit_learn_the_digits_are_left_out_in_a_sentence(rows, quick, monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "sklearn.datasets", None)
    assert set(lessons.data_sets()) == {"side"}
    monkeypatch.setattr(lessons, "lesson", lambda *_, **__: iter(bare(rows)))
    assert main(["lesson"]) == 0
    assert "pip install 'microgradcnn[data]'" in capsys.readouterr().out


@pytest.mark.parametrize("way", ["closed_form", "_scalar_gradient"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_wrong_gradient_is_noticed(monkeypatch, name, way):
    place = Network if way == "closed_form" else lessons
    true = getattr(place, way)
    monkeypatch.setattr(place, way, lambda *a: {key: g * (1.0 + 1e-6) for key, g in true(*a).items()})
    checks = lessons.check_network(NETWORKS[name]())
    assert checks.worst == pytest.approx(1e-6, rel=1e-3)


def test_a_wrong_rule_is_noticed_by_differences(monkeypatch):
    from microgradcnn.engine.record import TABLE

    square = TABLE["square"]
    monkeypatch.setattr(square, "chain", (lambda g, y, x: g * (2.000001 * x),))
    checks = lessons.check_network(NETWORKS["single_layer"]())
    assert checks.differences == pytest.approx(5e-7, rel=0.01)


def test_checks_leave_the_network_as_it_was():
    network = NETWORKS["two_conv_linear"](seed=5)
    before = {name: p.data.copy() for name, p in network.parameters.items()}
    parameters = dict(network.parameters)
    lessons.check_network(network)
    assert network.parameters == parameters
    assert all(np.array_equal(network.parameters[name].data, data) for name, data in before.items())


# The pages


@pytest.fixture(scope="module")
def editions(tmp_path_factory):
    """The folders of the teacher's and the student's edition."""
    return six_pages(tmp_path_factory)


def sources(folder):
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


@pytest.mark.slow
def test_an_index_and_a_page_for_each_network(editions):
    pages = {"index.html", *(f"{name}.html" for name in NETWORKS)}
    teacher, student = (sources(editions[edition]) for edition in (False, True))
    sheets = {
        edition: {name for name in files if re.match(r"(sheet|answers|key)-", name)}
        for edition, files in ((False, teacher), (True, student))
    }
    assert set(teacher) == pages | {f"{name}_graph.html" for name in NETWORKS} | sheets[False]
    assert set(student) == pages | sheets[True]
    assert {kind: sum(name.startswith(kind) for name in sheets[False]) for kind in ("sheet", "answers", "key")} == {
        "sheet": 6,
        "answers": 6,
        "key": 12,
    }
    assert sheets[True] == {name for name in sheets[False] if not name.startswith("key")}


@pytest.mark.slow
@pytest.mark.parametrize("student", [False, True])
def test_pages_need_each_other_and_nothing_else(editions, student):
    files = sources(editions[student])
    for name, text in files.items():
        for target in re.findall(r'(?:href|src)="([^"#]*)"', text):
            assert target in files, f"{name} asks for {target}"
        assert not re.search(r"@import|url\((?!data:)|\bfetch\(|XMLHttpRequest|\beval\(|new Function", text)
        assert {url for url in re.findall(r"https?://[^\s\"'<)]+", text) if "www.w3.org" not in url} == set()
        assert len(text) < 600_000  # the reading and judging of answers is a third of it, training a sixth


@pytest.mark.slow
def test_the_teachers_pages_derive_and_the_students_do_not(editions):
    """No derivation, no formula of a gradient, no backward pass in the source of a student's page."""
    for name in NETWORKS:
        example = NETWORKS[name]().hand_example()
        teacher, student = ((editions[s] / f"{name}.html").read_text(encoding="utf-8") for s in (False, True))
        student = student.replace(scripts(), "")  # the same for all pages
        for label, gradient in explain(example.loss, list(example.parameters.values())).gradients.items():
            assert notation.text(gradient) in teacher, label
            for form in (notation.text, notation.latex, notation.python, notation.mathml):
                assert form(gradient) not in student, label
        assert 'class="derivation"' in teacher
        assert "# backward" in teacher
        assert ("the final layer" in teacher) == any(label.startswith("w") for label in example.parameters), name
        assert "in four ways agree. Relative to the largest one, those in arrays differ from those in" in teacher
        assert "function gradient" in teacher
        for trace in (
            'class="derivation"',
            "backward",
            "function gradient",
            "df_d",
            "dloss",
            "(1 − z",
            "1.0 - z",
            "1 - z",
        ):
            assert trace not in student, trace
        assert "2(ŷ − y)" not in student
        assert "gradient: null" in student


def test_the_example_is_the_one_that_is_worked_out_by_hand():
    example = NETWORKS["two_conv_average"]().hand_example()
    example.loss.backward()
    assert example.prediction.data == pytest.approx(0.5306, abs=5e-5)
    assert example.parameters["c_5"].grad == pytest.approx(-0.0587, abs=5e-5)
    assert representatives(example) == ["c_1", "c_5"]
    assert representatives(NETWORKS["single_layer"]().hand_example()) == ["w_1", "s_1", "u_1", "v_1"]


@pytest.mark.slow
def test_without_digits_the_pages_compute_with_side(rows):
    data = {"side": lessons.data_sets()["side"]}
    assert len(problem("conv_average", data).rows) == 40
    assert dict(lesson_pages(bare(rows)[1:2], data, LADDER)).keys() >= {"index.html", "conv_average.html"}


WINDOWS = ((1280, 900), (1280, 720), (390, 844))  # a laptop, a projector, a telephone

# What sticks out of its section, or scrolls to the side though a reader would not know; with everything unfolded.
CUT = """() => {
  const out = [], room = document.documentElement.clientWidth, scrolling = ".wide, .derivation p, pre";
  if (document.documentElement.scrollWidth > room) out.push("the page");
  document.querySelectorAll("details").forEach((details) => (details.open = true));
  for (const e of document.querySelectorAll("main *")) {
    const wide = e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0 && getComputedStyle(e).overflowX === "auto";
    const known = e.matches(scrolling) && (e.matches("pre") || getComputedStyle(e).backgroundImage !== "none");
    if (wide && !known) out.push(`no shadow: ${e.outerHTML.slice(0, 80)}`);
    if (e.parentElement.closest(`${scrolling}, svg, math`)) continue;
    const section = e.closest("section")?.getBoundingClientRect();
    if (section && e.getBoundingClientRect().right > section.right) out.push(e.outerHTML.slice(0, 80));
  }
  return out;
}"""
# How what scrolls is reached, once it has been measured.
REACHED = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(
  [...document.querySelectorAll(".wide, .derivation p, pre")].filter((e) => e.checkVisibility())
    .filter((e) => (e.scrollWidth > e.clientWidth) !== (e.tabIndex === 0 && e.ariaLabel !== null))
    .map((e) => e.outerHTML.slice(0, 80))))))"""


@needs_chromium
@pytest.mark.parametrize("student", [False, True])
def test_pages_work_from_files_alone(page, editions, student):
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    page.set_viewport_size({"width": 390, "height": 844})
    for name in ("index", *NETWORKS):
        page.goto((editions[student] / f"{name}.html").as_uri())
        assert page.evaluate(CUT) == [], name
        assert page.evaluate(REACHED) == [], name
        tables = page.locator("#checks .wide, #results .wide")
        assert tables.evaluate_all("all => all.map((e) => e.scrollWidth - e.clientWidth)") == [0], name
        assert page.locator("h1").count() == 1
        if name == "index":
            continue
        assert (page.locator("#mistakes .told").text_content() or "").startswith("The true gradient: loss")
        assert "stable below about" in (page.locator("#landscape .told").text_content() or "")
    assert requests
    assert all(url.startswith(("file:", "about:", "data:")) for url in requests)


@needs_chromium
def test_what_is_cut_is_noticed(page, editions):
    page.goto((editions[True] / "index.html").as_uri())
    page.set_viewport_size({"width": 390, "height": 844})
    page.evaluate("""() => {
      const wide = document.createElement("p");
      wide.style.width = "500px";
      wide.append("wide");
      document.querySelector("#about").append(wide);
    }""")
    assert page.evaluate(CUT) == ["the page", '<p style="width: 500px;">wide</p>']
    page.evaluate("document.querySelector('#about').style.overflow = 'auto'")
    assert any(said.startswith('no shadow: <section id="about"') for said in page.evaluate(CUT))
    page.evaluate("document.querySelector('#about p:last-child').className = 'wide'")
    page.evaluate("document.querySelector('#about p:last-child').append('x'.repeat(99))")
    assert len(page.evaluate(REACHED)) == 1  # it came after the script


# The steps at which the box that a graph's page speaks of is not wholly in view: as it opens, by the arrow keys at the
# start and at the end, and some between.
HIDDEN = """() => {
  const { state } = microgradcnn, out = [], figure = document.querySelector("figure");
  const view = () => {
    const { left, top, right, bottom } = figure.getBoundingClientRect();
    return { left: Math.max(0, left), top: Math.max(0, top), right: Math.min(innerWidth, right),
      bottom: Math.min(innerHeight, bottom) };
  };
  const look = () => {
    const { box, link, kind } = state.level.steps[state.step];
    const place = box ?? state.level.links[link]?.parent ?? state.level.root;
    const node = document.querySelectorAll("figure :is(.node, .group)")[place];
    const [it, seen] = [node.getBoundingClientRect(), view()];
    const within = it.left >= seen.left && it.right <= seen.right && it.top >= seen.top && it.bottom <= seen.bottom;
    if (kind !== "start" && !(within && node.classList.contains("lit"))) out.push(`${state.step} of ${innerWidth}`);
  };
  look();
  const go = (to) => {
    const scrub = document.getElementById("scrub");
    if (typeof to === "number") scrub.value = to;
    if (typeof to === "number") scrub.dispatchEvent(new Event("input"));
    else document.body.dispatchEvent(new KeyboardEvent("keydown", { key: to, bubbles: true }));
    look();
  };
  const keys = ["Right", "Left"].map((side) => Array(4).fill(`Arrow${side}`));
  const between = Array.from({ length: Math.floor(state.level.last / 9) }, (_, i) => 9 * i + 4);
  ["Home", ...keys[0], ...between, "End", ...keys[1], ...between.reverse(), "Home"].forEach(go);
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) out.push("the frame scrolls to the side");
  if (state.step !== 0) out.push("it did not go back");
  return out;
}"""


@needs_chromium
@pytest.mark.parametrize("name", NETWORKS)
def test_the_graph_in_a_page_shows_what_its_step_is_about(page, editions, name):
    page.emulate_media(reduced_motion="reduce")
    for width, height in WINDOWS:
        page.set_viewport_size({"width": width, "height": height})
        page.goto((editions[False] / f"{name}.html").as_uri())
        page.locator("#graph").evaluate("scene => scene.scrollIntoView()")
        box = page.locator("#graph iframe").bounding_box()
        assert width < 1024 or box["y"] + box["height"] <= height
        frame = page.frame(url=re.compile("_graph.html"))
        frame.wait_for_function("() => globalThis.microgradcnn")
        assert frame.evaluate(HIDDEN) == [], (width, height)


@needs_chromium
def test_a_window_that_shrinks_keeps_the_box_in_view(page, editions):
    page.emulate_media(reduced_motion="reduce")
    page.goto((editions[False] / "conv_linear_graph.html").as_uri())
    page.wait_for_function("() => globalThis.microgradcnn")
    assert page.evaluate(HIDDEN) == []
    page.evaluate("document.querySelector('figure').style.height = '60px'")
    assert len(page.evaluate(HIDDEN)) >= 5  # not every box fits in so little
    page.evaluate("document.querySelector('figure').style.height = ''")
    page.keyboard.press("End")
    page.set_viewport_size({"width": 390, "height": 844})
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.evaluate(HIDDEN) == []


@needs_chromium
@pytest.mark.parametrize(
    ("name", "ends"),
    [
        ("conv_average", "no better than guessing"),
        ("two_conv_linear", "the loss runs away"),
        ("single_layer", "runs away"),
    ],
)
def test_the_lectures_formulas_fail_and_the_right_ones_train(page, editions, name, ends):
    page.goto((editions[False] / f"{name}.html").as_uri())
    told, boxes = page.locator("#mistakes .told"), page.locator("form.answer output")
    page.get_by_role("button", name="The lecture's √f").click()
    assert ends in told.text_content()
    assert set(boxes.all_text_contents()) == {
        "Not quite: √f is |ŷ − y|, which has lost the sign where ŷ < y: right only if you read √f as ŷ − y."
    }
    page.get_by_role("button", name="Right: ŷ − y").click()
    assert all(text.startswith("Right: this is df/d") for text in boxes.all_text_contents())
    true, own = re.findall(r"loss ([\d.]+ → [\d.]+)\.", told.text_content())
    assert true == own
