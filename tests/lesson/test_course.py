"""A course from a file of one's own: a page for every kind of network, with the sections that it has, in a browser."""

from __future__ import annotations

import json
import re
import shutil
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import run
from conftest import needs_chromium
from page_folders import COURSE, course_pages

from microgradcnn import networks
from microgradcnn.cli.user_scripts import course_in_script
from microgradcnn.data import Dataset
from microgradcnn.engine.record import TABLE
from microgradcnn.fit import DivergedError
from microgradcnn.lesson import Course
from microgradcnn.lesson import lecture as lecture_file
from microgradcnn.lesson.course import LeftOutWarning
from microgradcnn.lesson.lecture import LECTURE
from microgradcnn.lesson.pages import lesson_pages
from microgradcnn.lesson.run import NetworkRow, check_network, data_sets, lesson
from microgradcnn.lesson.sections.subject import representatives, subject
from microgradcnn.views.derivations.derivation import explain
from microgradcnn.views.formulas import notation
from microgradcnn.views.pages.exercise import scripts

SCALARS = ("Softmax", "MaxPool", "rnn")
ARRAYS = ("layers", "filters")
TRAINED = {"MaxPool": "side", "rnn": "side", "filters": "side"}  # on the built-in data that fit


@pytest.fixture(scope="module")
def course() -> Course:
    return course_in_script(str(COURSE))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """What the command writes of it, for teachers and for students."""
    return course_pages(tmp_path_factory)


def sections(page: Path) -> list[str]:
    return re.findall(r'<section id="(\w+)"', page.read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SCALARS, *ARRAYS])
def test_a_page_has_a_section_for_all_that_the_network_has(folders: dict[bool, Path], name: str) -> None:
    walks = ["forward", "loss", "path", "paths"] if name in SCALARS else []
    windows = ["windows"] if name in ("MaxPool", "rnn") else []
    asked = ["exercise", "landscape", "mistakes"] if name in SCALARS else []
    trained = ["training"] if name in TRAINED else []
    sheet = ["worksheet"] if name in SCALARS else []
    errata = ["errata"] if name == "Softmax" else []
    for student in (False, True):
        found = sections(folders[student] / f"{name}.html")
        derived = ["graph", *([] if student else ["derivation"])]
        told = [*asked, *trained, *sheet, "checks", "cost", "program", *errata]
        assert found == ["network", *walks, *windows, *derived, *told], student


@pytest.mark.slow
def test_the_files_of_a_course(folders: dict[bool, Path]) -> None:
    names = [*SCALARS, *ARRAYS]
    pages = {"index.html", "lesson.json", *(f"{name}.html" for name in names), *TRAINED}
    for student, folder in folders.items():
        files = {path.name for path in folder.iterdir()}
        others = {name for name in files if re.match(r"(sheet|answers|key)-\w{8}\.", name)}
        assert files - others == pages | (set() if student else {f"{name}_graph.html" for name in names})
        assert {name.split("-")[0] for name in others} == {"sheet", "answers", *([] if student else ["key"])}
        assert sum(name.startswith("sheet-") for name in others) == len(SCALARS)
        for page in folder.glob("*.html"):
            links = re.findall(r'(?:href|src)="(?!data:)([^"#]+)"', page.read_text(encoding="utf-8"))
            assert {link for link in links if link not in files} == set()
    records = json.loads((folders[False] / "lesson.json").read_text())
    assert [(record["network"], record["checks"]["closed form"]) for record in records] == [(n, None) for n in names]
    assert [record["checks"]["scalar form"] is None for record in records] == [False] * 3 + [True] * 2
    assert {record["network"]: list(record["runs"]) for record in records if record["runs"]} == {
        name: [data] for name, data in TRAINED.items()
    }


@pytest.mark.slow
def test_the_words_stand_in_their_places_and_editions(folders: dict[bool, Path]) -> None:
    for student, folder in folders.items():
        index, page = ((folder / f"{name}.html").read_text(encoding="utf-8") for name in ("index", "Softmax"))
        assert "<h1>Three kinds of network</h1>" in index
        assert "<p>Hello.</p>" in index
        assert ">Three classes</a>" in index
        assert "<h1>Three classes</h1>" in page
        assert "<p>About softmax.</p>" in page
        for text in (index, page):
            assert ("df/db that is missing" in text) == (not student)
            assert ("What is missing?" in text) == student
        assert "ladder" not in sections(folder / "index.html")
        assert "lecture" not in page.replace(scripts(), "").lower()


@pytest.mark.slow
def test_the_index_names_its_pages_by_their_titles_and_says_how_training_ended(folders: dict[bool, Path]) -> None:
    for folder in folders.values():
        index, page = ((folder / f"{name}.html").read_text(encoding="utf-8") for name in ("index", "rnn"))
        for text in (index, page):
            nav = text.partition("<nav")[2].partition("</nav>")[0]
            assert '<a href="Softmax.html">Three classes</a>' in nav
        errata = index.partition('<section id="errata"')[2]
        assert '<li><p><a href="Softmax.html">Three classes</a></p><ul><li><p>The book forgets b.' in errata
        results = index.partition('<section id="results"')[2].partition("</section>")[0]
        ended = re.findall(r'data-column="training">([^<]+)<', results)
        names = [*SCALARS, *ARRAYS]
        assert all(words == "none" for words, name in zip(ended, names, strict=True) if name not in TRAINED)
        assert {ended[2], ended[4]} <= {"done", "not converged on side"}


@pytest.mark.slow
def test_words_of_a_page_fit_its_network(two: Path, folders: dict[bool, Path]) -> None:
    one, rnn, layers = (
        (folder / name).read_text(encoding="utf-8")
        for folder, name in ((two, "one.html"), (folders[False], "rnn.html"), (folders[False], "layers.html"))
    )
    assert "grow with the number of rows?" in one
    assert "grow with the number of rows, and with the sizes of the network?" in rnn
    assert "final layer" not in one + rnn + layers
    assert "over two of the weights, all others as training on these rows left them, and" in rnn
    assert "Write into all boxes:" in rnn
    titles = {
        folder: re.findall(r"<h1>(.*?)</h1>", path.read_text(encoding="utf-8"))
        for folder in folders
        for path in folders[folder].glob("sheet-*.html")
        if "Three classes" in path.read_text(encoding="utf-8")
    }
    assert titles == {folder: ["Three kinds of network: Three classes"] for folder in folders}


TRACES = ('class="derivation"', "backward", "function gradient", "df_d", "dloss", "(1 − z", "1.0 - z", "1 - z")


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SCALARS, *ARRAYS])
def test_a_students_page_has_no_key(folders: dict[bool, Path], course: Course, name: str) -> None:
    """No derivation, no formula of a gradient, no backward pass in its source, whether of scalars or of arrays."""
    about = subject(course.networks[name]())
    teacher, student = ((folders[s] / f"{name}.html").read_text(encoding="utf-8") for s in (False, True))
    student = student.replace(scripts(), "")
    for label, gradient in explain(about.loss, list(about.parameters.values())).gradients.items():
        for form in (notation.text, notation.latex, notation.python, notation.mathml):
            assert form(gradient) not in student, label
    assert 'class="derivation"' in teacher
    assert "# backward" in teacher
    for trace in TRACES:
        assert trace not in student, trace
    assert "by the chain rule" not in student
    assert ("gradient: null" in student) == (name in SCALARS)


CUT = """() => {
  const out = [], room = document.documentElement.clientWidth, scrolling = ".wide, .derivation p, pre";
  if (document.documentElement.scrollWidth > room) out.push("the page");
  document.querySelectorAll("details").forEach((details) => (details.open = true));
  for (const e of document.querySelectorAll("main *")) {
    if (e.parentElement.closest(`${scrolling}, svg, math`)) continue;
    const section = e.closest("section")?.getBoundingClientRect();
    if (section && e.getBoundingClientRect().right > section.right) out.push(e.outerHTML.slice(0, 80));
  }
  for (const text of document.querySelectorAll("svg.schematic text")) {
    const [it, all] = [text.getBoundingClientRect(), text.closest("svg").getBoundingClientRect()];
    if (it.right > all.right + 1 || it.left < all.left - 1 || it.bottom > all.bottom + 1) out.push(text.textContent);
  }
  return out;
}"""


@needs_chromium
@pytest.mark.parametrize("name", ["index", *SCALARS, *ARRAYS])
def test_a_page_works_in_a_browser(page: Any, folders: dict[bool, Path], name: str) -> None:
    """The page fixture fails on any error of a script or on the console."""
    for student, width in ((False, 1280), (False, 390), (True, 390)):
        page.set_viewport_size({"width": width, "height": 844})
        page.goto((folders[student] / f"{name}.html").as_uri())
        assert page.evaluate(CUT) == [], (student, width)
        assert page.locator("h1").count() == 1
        assert page.locator("[aria-level]:not([role=heading])").count() == 0  # what scrolls was made a group
    if name in SCALARS:
        page.goto((folders[False] / f"{name}.html").as_uri())
        squared = name != "Softmax"
        assert (page.locator("#mistakes .level").count() == 0) == (not squared)
        page.get_by_role("button", name="Right").click()
        boxes = page.locator("form.answer output").all_text_contents()
        right = [text for text in boxes if text.startswith("Right: this is df/d")]
        assert len(right) == len(boxes)
        true, own = re.findall(r"loss ([\d.]+ → [\d.]+)", page.locator("#mistakes .told").text_content() or "")
        assert true == own
        choice, key = page.locator("#mistakes [name=mistake]"), page.locator("#mistakes .legend .yours")
        assert key.text_content() == "your formulas"
        choice.select_option("the last is forgotten")
        assert key.text_content() == "with the mistake"
        rate = page.locator("#landscape [data-rate]").first
        across, _ = rate.bounding_box()["x"], page.get_by_role("button", name="too large").click()
        assert rate.bounding_box()["x"] == across  # whatever digits the rate has
        assert "stable below about" in (page.locator("#landscape .told").text_content() or "")


@needs_chromium
@pytest.mark.parametrize("name", [*SCALARS, *ARRAYS])
def test_its_graph_and_its_sheets_open(page: Any, folders: dict[bool, Path], name: str) -> None:
    page.goto((folders[False] / f"{name}_graph.html").as_uri())
    page.wait_for_function("() => globalThis.microgradcnn")
    page.keyboard.press("End")
    if name in SCALARS:
        page.goto((folders[False] / f"{name}.html").as_uri())
        for words in ("the sheet", "its key"):
            page.goto((folders[False] / f"{name}.html").as_uri())
            page.get_by_role("link", name=words).click()
            assert page.locator("h1").count() == 1


# The lecture


def test_the_lecture_is_a_course_of_its_file() -> None:
    found = course_in_script(lecture_file.__file__)
    assert list(found.networks) == list(networks.NETWORKS)
    assert (found.words, found.ladder, found.slips) == (LECTURE.words, LECTURE.ladder, LECTURE.slips)
    assert data_sets(found).keys() == data_sets().keys()
    assert set(LECTURE.words.names) <= set(networks.NETWORKS)


# Graphs and not names decide


def kinds(name: str, **sizes: Any) -> list[str]:
    return representatives(subject(networks.NETWORKS[name](**sizes)))


def test_a_weight_of_every_kind() -> None:
    assert kinds("single_layer", k=2, outputs=3) == ["w_1_1", "w_2_1", "s_1", "u_1"]
    assert kinds("two_conv_linear") == ["w_1", "c_1", "c_5"]
    assert kinds("conv_linear") == ["w_1", "c_1"]


def test_kinds_of_other_networks(course: Course) -> None:
    assert representatives(subject(course.networks["Softmax"]())) == ["W_1", "W_3", "b_1", "b_2"]
    assert representatives(subject(course.networks["rnn"]())) == ["v", "u", "w", "b"]


def test_what_is_too_large_for_scalars_is_told_in_arrays() -> None:
    about = subject(networks.single_layer(m=30, k=40))
    assert not about.scalar
    assert list(about.parameters) == ["S", "w"]
    assert [np.shape(v.data) for v in about.given] == []  # rows are raw numbers there


@pytest.mark.parametrize("name", [*SCALARS, *ARRAYS])
def test_gradients_agree_in_the_ways_that_there_are(course: Course, name: str) -> None:
    checks = check_network(course.networks[name]())
    assert (checks.scalar_form is None) == (name in ARRAYS)
    assert checks.ways == (2 if name in ARRAYS else 3)
    assert 0.0 < checks.worst <= 1e-8


def test_a_wrong_rule_is_noticed_in_a_module(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    tanh = TABLE["tanh"]
    monkeypatch.setattr(tanh, "chain", (lambda g, y, x: g * 1.001 * (1.0 - y * y),))
    assert check_network(course.networks["layers"]()).differences > 1e-4


def rows_of(course: Course) -> list[NetworkRow]:
    return list(lesson(course=course))


def test_data_that_do_not_fit_are_told_and_left_out(course: Course) -> None:
    some = Course({"rnn": course.networks["rnn"], "filters": course.networks["filters"]}, data=data_of_two_columns)
    with pytest.warns(LeftOutWarning, match="filters is not trained on two: two is a table"):
        rows = rows_of(some)
    assert [list(row.runs) for row in rows] == [["two"], []]
    assert all(not row.wrong for row in rows)
    pages = dict(lesson_pages(rows, data_sets(some), {}, True, some))
    assert "40 rows of <code>two</code>" not in pages["rnn.html"]  # it takes three numbers by itself
    assert "answered by the same network with other weights" in pages["rnn.html"]


def data_of_two_columns() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 2))
    return {"two": Dataset(x, (x[:, 0] > 0.0) * 1.0, ("a", "b"), "label", None, "two", ("no", "yes"))}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the course as mine.py."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(COURSE, "mine.py")
    return tmp_path


WRONG = [
    (["mine"], "'mine' is no file of yours: write file.py:name"),
    (["conv_linear"], "'conv_linear' is one of the lecture's networks, all of which `microgradcnn lesson` writes"),
    (["mine.py:nothing"], "mine.py has no 'nothing'"),
    (["other.py"], "other.py does not exist"),
    (["mime.py"], "mime.py does not exist: did you mean mine.py?"),
    (["mime.py:rnn"], "mime.py does not exist: did you mean mine.py?"),
    (["mine"], "; did you mean mine.py?"),
    (
        ["latin.md"],
        "'latin.md' is no Python file: write file.py:name, or file.py for all that it has; did you mean latin.",
    ),
    (["mine.py:rnn", "--data", "holes.csv"], "--missing"),
    (["mine.py:rnn", "--data", "two.csv", "--target-kind", "number"], "two.csv"),
    (["mine.py:rnn", "mine.py"], "two networks of the course are called rnn: give one of them another name"),
    (["mine.py:rnn", "--text", "other.md"], "other.md cannot be read"),
    (["mine.py:rnn", "--data", "other.csv"], "other.csv does not exist"),
    (["empty.py"], "empty.py offers nothing"),
    (["index.py"], "a network cannot be called index in a course"),
    (["latin.py"], "latin.md is no text in UTF-8"),
]


@pytest.mark.parametrize(("arguments", "says"), WRONG, ids=lambda case: str(case)[:30])
def test_mistakes_are_one_sentence(here: Path, arguments: list[str], says: str) -> None:
    (here / "empty.py").write_text("x = 1\n")
    (here / "holes.csv").write_text("a,b,y\n1,2,yes\n,1,no\n2,3,no\n")
    (here / "two.csv").write_text("a,b,y\n1,2,yes\n2,1,no\n2,3,no\n")
    (here / "index.py").write_text("from mine import rnn\n\n\ndef index():\n    return rnn()\n")
    (here / "latin.py").write_text(
        "from microgradcnn.networks import single_layer\n\n\nclass Own(single_layer):\n    pass\n"
    )
    (here / "latin.md").write_bytes("# é".encode("latin-1"))
    done = run("lesson", *arguments)
    assert done.code == 2
    assert says in done.err
    assert done.err.count("\n") == 1
    assert not (here / "lesson").exists()


def test_words_about_nobody_are_told(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microgradcnn.cli.commands.lesson.lesson_pages", lambda *_: iter([]))
    (here / "one.py").write_text("from mine import rnn\n\n\ndef one():\n    return rnn()\n")
    (here / "one.md").write_text(
        "### Neworks\n\nNowhere.\n\n## ome: mistyped\n\n### Trainig\n\nA word.\n\n### Errata: Cost\n\n- One.\n"
    )
    told = run("lesson", "one.py").err
    assert "the words about 'ome' have no place: there are one\n" in told
    assert "the words under 'trainig' have no place: there are network, forward, loss, path" in told
    assert "or the titles that a page shows\n" in told
    assert "the words of the index under 'neworks' have no place: there are errata\n" in told
    assert "the words about" not in run("lesson", "one.py:one").err  # words about others of the file are no mistake


# What is not trained, and what training changed

NEURON = """import microgradcnn as mg


def neuron(steps=3):
    x = [mg.Value(0.5 * i, label=f"x_{{i}}") for i in range(1, steps + 1)]
    w, y = mg.Value(0.3, label="w"), mg.Value(1.0, label="y")
    q = mg.sigmoid(w * sum(x[1:], x[0]))
    q.label = "y_hat"
    return {loss}
"""
LOGISTIC = NEURON.format(loss="-(y * mg.log(q) + (1 - y) * mg.log(1 - q))")


def write_rows(path: str, target: Any) -> None:
    x = np.random.default_rng(0).normal(size=(40, 2))
    Path(path).write_text("\n".join(["a,b,mm", *(f"{a:.3f},{b:.3f},{target(a + b)}" for a, b in x)]))


@pytest.mark.slow
def test_a_training_that_diverged_is_told_with_its_cause(here: Path) -> None:
    (here / "own.py").write_text(LOGISTIC)
    write_rows("numbers.csv", lambda s: f"{10 * s:.2f}")
    done = run("lesson", "own.py", "--data", "numbers.csv")
    cause = "a loss with a logarithm, as cross-entropy is one, takes y = 0 or 1, and mm is a number"
    assert done.code == 0
    assert "neuron is not trained on numbers: training diverged" in done.err
    assert cause in done.err
    assert "too large" not in done.out + done.err
    assert done.out.splitlines()[2].endswith("not converged")
    assert "every training converged" not in done.out
    assert "neuron on numbers: training diverged" in done.out
    assert "test: " not in done.out  # nothing was
    text = (here / "lesson" / "neuron.html").read_text(encoding="utf-8")
    training = text.partition('<section id="training"')[2].partition("</section>")[0]
    assert "<p>Not trained on <code>numbers</code>: training diverged" in training
    assert cause in training
    assert "rows of <code>numbers</code>" not in text  # nor are they what the map and the boxes descend on
    assert json.loads((here / "lesson" / "lesson.json").read_text())[0]["right"] is False


@pytest.mark.slow
def test_a_rate_that_is_too_large_is_told_with_the_command_that_takes_one(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverged(*_: Any, **__: Any) -> Any:
        raise DivergedError("training diverged at epoch 3: a overflowed; the rate 4 is too large, try 0.4")

    monkeypatch.setattr("microgradcnn.lesson.run.experiment", diverged)
    (here / "own.py").write_text(NEURON.format(loss="(q - y) ** 2"))
    write_rows("numbers.csv", lambda s: f"{10 * s:.2f}")
    assert (
        "try 0.4 (a lesson takes no rate, `microgradcnn train` does)"
        in run("lesson", "own.py", "--data", "numbers.csv").err
    )


@pytest.mark.slow
def test_sizes_that_data_need_and_epochs_are_told(here: Path) -> None:
    (here / "own.py").write_text(NEURON.format(loss="(q - y) ** 2"))
    write_rows("rows.csv", lambda s: "yes" if s > 1.0 else "no")
    done = run("lesson", "own.py", "--data", "rows.csv")
    text = (here / "lesson" / "neuron.html").read_text(encoding="utf-8")
    assert "Trained with steps = 2, as <code>rows</code> needs it; the rest of this page has steps = 3." in text
    assert "What it has learnt (its inputs scaled to columns of mean 0 and standard deviation 1):" in text
    epochs = re.findall(r"(?:Converged at|Not converged after) (?:epoch )?(\d+)", text)
    assert epochs == [done.out.splitlines()[2].split()[5]]
    assert "; test: accuracy on the fifth of the rows that training did not see.\n" in done.out


CAUSES = [
    ("mg.Value(2.0, label='w') * mg.Value(1.5, label='x')", "net has no target: call what is to be learnt y"),
    (
        "mg.Value(2.0, label='w') * mg.Value(1.5, label='temp') - mg.Value(1.0, label='y')",
        "net has no inputs: call them x, or x_1, x_2, ...; now w, temp are its weights",
    ),
]


@pytest.mark.parametrize(("what", "cause"), CAUSES, ids=["no target", "no inputs"])
def test_what_fits_no_data_at_all_is_told_at_once(here: Path, what: str, cause: str) -> None:
    (here / "own.py").write_text(f"import microgradcnn as mg\n\n\ndef net():\n    return ({what}) ** 2\n")
    course = course_in_script("own.py")
    with pytest.warns(LeftOutWarning, match=re.escape(f"net is not trained: {cause}")):
        rows = rows_of(course)
    for student in (False, True):  # who can do nothing about it
        page = dict(lesson_pages(rows, {}, {}, student, course))["net.html"]
        assert (f"<p>Not trained: {cause}" in page) is not student


# The folder


TWO = "import microgradcnn as mg\n\n\n" + "\n\n".join(
    f"""def {name}():
    w, x, y = (mg.Value(number, label=label) for number, label in zip((0.5, 1.5, {y}), 'wxy'))
    return (w * x - y) ** 2
"""
    for name, y in (("one", 1.0), ("two", 2.0))
)


@pytest.fixture
def two(here: Path) -> Path:
    """The folder of a course of two small networks, made for teachers."""
    (here / "two.py").write_text(TWO)
    assert run("lesson", "two.py").code == 0
    return here / "lesson"


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_file()}


@pytest.mark.slow
def test_students_pages_do_not_lie_beside_the_key_of_teachers(two: Path) -> None:
    keys = {name for name in files(two) if name.startswith("key-")}
    assert len(keys) == 4
    assert all(stat.S_IMODE((two / name).stat().st_mode) == 0o600 for name in keys)
    (two / "notes.txt").write_text("mine")
    (two / "one").mkdir(exist_ok=True)
    (two / "one" / "mine.csv").write_text("mine")
    graphs = {"one_graph.html", "two_graph.html"}
    before = files(two)
    assert run("lesson", "two.py", "--student", "--out", "lesson").code == 0
    assert files(two) == before - keys - graphs
    assert run("lesson", "two.py:two", "--student", "--out", "lesson").code == 0
    assert [name for name in files(two) if name.startswith(("sheet", "answers"))] != []
    assert "one.html" not in files(two)
    assert {"notes.txt", "two.html", "index.html", "lesson.json"} <= files(two)
    assert (two / "one" / "mine.csv").read_text() == "mine"
    assert run("lesson", "two.py").code == 0
    assert files(two) == before


@pytest.mark.slow
def test_a_list_that_somebody_changed_leads_nowhere_else(two: Path, here: Path) -> None:
    (here / "outside.html").write_text("mine")
    (two / "data.csv").write_text("mine")
    index = two / "index.html"
    index.write_text(index.read_text().replace('id="files">[', 'id="files">["../outside.html", "data.csv", 3, '))
    assert run("lesson", "two.py:one").code == 0
    assert (here / "outside.html").exists()
    assert (two / "data.csv").exists()
    assert not (two / "two.html").exists()


@pytest.mark.parametrize(
    ("name", "text", "options", "says"),
    [
        ("index.html", "<h1>My site</h1>", [], "index.html is no index of a course that lists its files"),
        ("index.html", "\xff", ["--student"], "give another folder, as in --out pages"),
        ("key-12345678.json", "{}", ["--student"], "holds key-12345678.json, which is not for students"),
        ("old_graph.html", "", ["--student"], "holds old_graph.html, which is not for students"),
    ],
)
def test_a_folder_of_somebody_elses_is_left_alone(
    here: Path, name: str, text: str, options: list[str], says: str
) -> None:
    folder = here / "site"
    folder.mkdir()
    (folder / name).write_text(text, encoding="latin-1")
    done = run("lesson", "mine.py", *options, "--out", "site")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert says in done.err
    assert files(folder) == {name}
    assert (folder / name).read_text(encoding="latin-1") == text


# A file to start from


def test_the_command_that_new_tells_can_be_pasted(here: Path) -> None:
    done = run("new", "my course.py")
    assert done.out.endswith("now run `microgradcnn lesson 'my course.py'`\n")


@pytest.mark.slow
def test_a_table_is_read_as_train_reads_it(here: Path) -> None:
    (here / "own.py").write_text(NEURON.format(loss="(q - y) ** 2"))
    lines = [f"{i % 7},{'' if i == 3 else i % 5},{i % 3}" for i in range(40)]
    (here / "rows.csv").write_text("\n".join(["a,b,y", *lines]))
    done = run("lesson", "own.py", "--data", "rows.csv", "--missing", "drop", "--target-kind", "number")
    assert (done.code, done.err) == (0, "")
    text = (here / "lesson" / "neuron.html").read_text(encoding="utf-8")
    assert "R² on the test rows is" in text
    assert "31 rows to train on and 8 to test on" in text


def test_new_writes_a_file_that_is_a_course(here: Path) -> None:
    done = run("new", "course/lesson.py")
    assert (done.code, done.err) == (0, "")
    assert "microgradcnn lesson course/lesson.py" in done.out
    assert list(course_in_script("course/lesson.py").networks) == ["neuron", "Softmax"]
    before = Path("course/lesson.py").read_text()
    again = run("new", "course/lesson.py")
    assert (again.code, Path("course/lesson.py").read_text()) == (2, before)
    assert "is there already" in again.err
    assert run("new", "lesson.txt").code == 2
    (here / "only.md").write_text("mine")
    assert (run("new", "only.py").code, Path("only.md").read_text(), Path("only.py").exists()) == (2, "mine", False)


@pytest.mark.slow
def test_what_new_writes_becomes_a_course_at_once(here: Path) -> None:
    assert run("new", "lesson.py").code == 0
    text = Path("lesson.py").read_text()
    model = "".join(line.removeprefix("#     ") + "\n" for line in text.splitlines() if line.startswith("#     "))
    Path("lesson.py").write_text(text + model)  # what its comments say of a model holds
    done = run("lesson", "lesson.py")
    assert (done.code, done.err) == (0, "")
    names = ["neuron", "Softmax", "model"]
    assert [line.split()[0] for line in done.out.splitlines()[2:5]] == names
    assert all(line.endswith("right") for line in done.out.splitlines()[2:5])
    assert all("training" in sections(here / "lesson" / f"{name}.html") for name in names)


@pytest.mark.slow
def test_a_course_is_trained_on_data_of_ones_own(here: Path) -> None:
    rng = np.random.default_rng(0)
    kinds = np.arange(60) % 3
    x = np.array([[2.0, 0.0], [-1.0, 1.7], [-1.0, -1.7]])[kinds] + 0.3 * rng.normal(size=(60, 2))
    lines = [f"{a:.3f},{b:.3f},{'rgb'[kind]}" for (a, b), kind in zip(x, kinds, strict=True)]
    (here / "rows.csv").write_text("\n".join(["a,b,colour", *lines]))
    done = run("lesson", "mine.py:Softmax", "mine.py:layers", "--data", "rows.csv", "--target", "colour")
    assert (done.code, done.err) == (0, "")
    for name in ("Softmax", "layers"):
        text = (here / "lesson" / f"{name}.html").read_text(encoding="utf-8")
        assert "The data set <code>rows</code>" in text
        assert "of the test rows are told right" in text
    assert "39 rows of <code>rows</code>" in (here / "lesson" / "Softmax.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_course_learns_numbers(here: Path) -> None:
    x = np.random.default_rng(0).normal(size=(40, 3))
    numbers = x.sum(axis=1) * 2.0 + 5.0
    rows = [",".join(f"{v:.3f}" for v in (*row, y)) for row, y in zip(x, numbers, strict=True)]
    (here / "rows.csv").write_text("\n".join(["a,b,c,y", *rows]))
    done = run("lesson", "mine.py:rnn", "--data", "rows.csv")
    assert done.code == 0
    text = (here / "lesson" / "rnn.html").read_text(encoding="utf-8")
    assert "R² on the test rows is" in text
    assert "40 rows of <code>rows</code>" in text
    assert "nan" not in (here / "lesson" / "index.html").read_text(encoding="utf-8")
