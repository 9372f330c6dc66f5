"""A course of networks that somebody wrote who knows only the guide: pages, both editions, words, data, mistakes."""

from __future__ import annotations

import html
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import Done, one_sentence, run, strict
from conftest import needs_chromium
from once import once

from microgradcnn.engine.record import TABLE

pytestmark = pytest.mark.usefixtures("own_primitives")  # strangers.py has one
STRANGERS = Path(__file__).with_name("strangers.py")
SCALARS = ("Classes", "Pool", "pooled", "recurrent", "attention", "deep", "logistic", "own")
ARRAYS = ("batch", "mlp", "cnn")
NAMES = (*SCALARS[:-1], "own", *ARRAYS)
TRAINED = {"Pool": "side", "recurrent": "side", "attention": "wedge", "deep": "wedge", "logistic": "wedge"}


@contextmanager
def table_as_before() -> Iterator[None]:
    """Takes out of the table of primitives what a file has added."""
    before = dict(TABLE)
    yield
    TABLE.clear()
    TABLE.update(before)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The course of all eleven, for the teacher and for students, made by one command each."""

    def write(here: Path) -> None:
        shutil.copy(STRANGERS, here / "strangers.py")
        for edition in ("teacher", "student"):
            student = ["--student"] * (edition == "student")
            with table_as_before():
                done = run("lesson", here / "strangers.py", *student, "--out", here / edition)
            assert done.code == 0, done.err

    here = once(tmp_path_factory, "strangers", write)
    return {edition: here / edition for edition in ("teacher", "student")}


def page_of(folder: Path, name: str) -> str:
    return (folder / f"{name}.html").read_text(encoding="utf-8")


def visible(text: str) -> str:
    """What somebody reads on a page, without its programs and its style."""
    text = re.sub(r"<(script|style)[^>]*>.*?</\1>", "", text, flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]+>", "", text))


def section(text: str, name: str) -> str:
    found = re.search(rf'<section id="{name}".*?</section>', text, re.DOTALL)
    assert found, name
    return found[0]


def sections(text: str) -> set[str]:
    return set(re.findall(r'<section id="(\w+)"', text))


# The pages


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_what_its_graph_has(folders: dict[str, Path], name: str) -> None:
    teacher = sections(page_of(folders["teacher"], name))
    asked = {"forward", "loss", "path", "paths", "exercise", "landscape", "mistakes", "worksheet"}
    assert {"network", "graph", "derivation", "checks", "cost", "program"} <= teacher
    assert teacher & asked == (asked if name in SCALARS else set())
    assert sections(page_of(folders["student"], name)) == teacher - {"derivation"}
    assert ("windows" in teacher) == (name in ("Pool", "pooled", "recurrent", "attention"))
    assert ("training" in teacher) == (name in TRAINED or name == "batch")
    live = 'id="watched"' in page_of(folders["teacher"], name)
    assert live == ("training" in teacher)  # also where no data set fits it at its own sizes


@pytest.mark.slow
@pytest.mark.parametrize("edition", ["teacher", "student"])
def test_every_page_is_in_every_pages_menu(folders: dict[str, Path], edition: str) -> None:
    for name in ("index", *NAMES):
        menu = re.search(r"<nav.*?</nav>", page_of(folders[edition], name), re.DOTALL)
        assert menu
        assert re.findall(r'href="(\w+)\.html"', menu[0]) == ["index", *NAMES]


@pytest.mark.slow
@pytest.mark.parametrize("edition", ["teacher", "student"])
def test_nobody_elses_lecture_is_spoken_of(folders: dict[str, Path], edition: str) -> None:
    """The lecture of the six networks is not the one of whoever wrote this file."""
    told = {}
    for path in folders[edition].glob("*.html"):
        found = re.findall(r"[^.]*\blecture\b[^.]*", visible(path.read_text(encoding="utf-8")), re.IGNORECASE)
        if found and not path.stem.endswith("_graph"):
            told[path.name] = found[0].strip()
    assert told == {}


@pytest.mark.slow
def test_every_gradient_is_right_and_the_record_is_json(folders: dict[str, Path]) -> None:
    records = strict((folders["teacher"] / "lesson.json").read_text(encoding="utf-8"))
    assert [record["network"] for record in records] == list(NAMES)
    for record in records:
        assert record["right"]
        assert 0.0 < record["checks"]["worst"] < 1e-9


MATHEMATICS = re.compile(r"<math[^>]*>.*?</math>", re.DOTALL)


def right_hand_sides(text: str) -> set[str]:
    """Every formula of a derivative in the derivation, after its =, in MathML and long enough to be a key."""
    found = set()
    for formula in MATHEMATICS.findall(section(text, "derivation")):
        if "<mi>d</mi>" in formula:
            for side in formula.split("<mo>=</mo>")[1:]:
                found.add(re.sub(r"</?(math|mtable|mtr|mtd|mrow)[^>]*>", "", side))
    return {side for side in found if len(re.sub(r"<[^>]+>", "", side)) > 3 and "<mi>d</mi>" not in side}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_students_page_has_no_formula_of_a_derivative(folders: dict[str, Path], name: str) -> None:
    key, given = page_of(folders["teacher"], name), page_of(folders["student"], name)
    given = re.sub(r"</?(math|mtable|mtr|mtd|mrow)[^>]*>", "", given)
    sides = right_hand_sides(key)
    forward = section(given, "network")  # h₃, say, is a derivative and has a place in the drawing
    assert [side for side in sides if side in given and side not in forward] == []
    assert "derivation" not in sections(given)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_students_page_has_no_program_of_a_derivative(folders: dict[str, Path], name: str) -> None:
    key, given = (html.unescape(page_of(folders[edition], name)) for edition in ("teacher", "student"))
    programs = re.findall(r"<pre>(.*?)</pre>", section(key, "program"), re.DOTALL)
    assert programs
    for program in programs:  # in scalars, and in arrays
        _, _, backward = program.partition("# backward")
        lines = [line.strip() for line in backward.splitlines() if " = " in line]
        assert len(lines) >= 3
        assert [line for line in lines if line in given] == []
    assert "# backward" not in given
    if name in SCALARS:
        assert "gradient: null" in given


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_nothing_packed_is_on_a_students_page(folders: dict[str, Path], name: str) -> None:
    """No base64 but of a font or a picture, in which a key could be."""
    given = page_of(folders["student"], name)
    kinds = set(re.findall(r"data:([\w/+-]+);base64", given))
    assert all(kind.startswith(("font/", "image/")) for kind in kinds), kinds
    assert not re.findall(r"(?<!base64,)(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{200,}", re.sub(r"base64,[^)\"']+", "", given))


@pytest.mark.slow
def test_a_students_folder_has_no_key_and_no_graph(folders: dict[str, Path]) -> None:
    teacher, student = ({path.name for path in folders[e].iterdir()} for e in ("teacher", "student"))
    assert not [name for name in student if name.startswith("key") or "graph" in name]
    assert student < teacher
    for path in folders["student"].rglob("*"):
        if path.suffix in {".json", ".txt", ".csv"}:
            assert "gradient by" not in path.read_text(encoding="utf-8") or path.name.startswith("answers")


@pytest.mark.slow
def test_a_students_edition_leaves_no_key_of_the_teachers_in_its_folder(tmp_path: Path) -> None:
    """Pages for students, written to where the teacher's are, hand out no key that lay there."""
    shutil.copy(STRANGERS, tmp_path / "strangers.py")
    out = tmp_path / "out"
    assert run("lesson", f"{tmp_path}/strangers.py:own", "--out", out).code == 0
    done = run("lesson", f"{tmp_path}/strangers.py:own", "--out", out, "--student")
    left = [path.name for path in out.iterdir() if path.name.startswith("key") or "graph" in path.name]
    assert done.code == 2 or left == []


OVERFLOW = """() => {
  document.querySelectorAll("details").forEach((each) => (each.open = true));
  const room = document.documentElement.clientWidth;
  return [document.documentElement.scrollWidth, document.body.scrollWidth].filter((width) => width > room);
}"""


@needs_chromium
@pytest.mark.parametrize("name", ["index", *NAMES])
@pytest.mark.parametrize("edition", ["teacher", "student"])
def test_every_page_opens_at_both_widths(page: Any, folders: dict[str, Path], edition: str, name: str) -> None:
    """The page fixture fails on an error of a script or on the console."""
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        page.goto((folders[edition] / f"{name}.html").as_uri())
        assert page.evaluate(OVERFLOW) == [], width
        assert page.locator("h1").count() == 1


@needs_chromium
@pytest.mark.parametrize("name", NAMES)
def test_every_graph_opens_at_both_widths(page: Any, folders: dict[str, Path], name: str) -> None:
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        page.goto((folders["teacher"] / f"{name}_graph.html").as_uri())
        page.wait_for_function("() => globalThis.microgradcnn")
        for key in ("End", "Home", "ArrowRight"):
            page.keyboard.press(key)
        assert page.evaluate(OVERFLOW) == [], width


OVERLAPPING = """() => {
  const boxes = [...document.querySelectorAll("svg.schematic text.weight")].map((text) => text.getBoundingClientRect());
  let clashes = 0;
  boxes.forEach((a, i) => boxes.slice(i + 1).forEach((b) => {
    const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (width > 0.5 * Math.min(a.width, b.width) && height > 0.5 * Math.min(a.height, b.height)) clashes += 1;
  }));
  return clashes;
}"""


@needs_chromium
@pytest.mark.parametrize("name", SCALARS)
def test_the_weights_of_a_drawing_can_be_read(page: Any, folders: dict[str, Path], name: str) -> None:
    """No weight's name lies on another's: a drawing in which they would is left out, or has none."""
    page.goto((folders["student"] / f"{name}.html").as_uri())
    assert page.evaluate(OVERLAPPING) == 0


RIGHT = {"attention": {"v": "2*(y_hat - y)*(a_1*x_1 + a_2*x_2)"}, "logistic": {"b": "y_hat - y"}}


@needs_chromium
@pytest.mark.parametrize("edition", ["teacher", "student"])
@pytest.mark.parametrize("name", list(RIGHT))
def test_a_box_knows_a_right_answer_from_a_wrong_one(
    page: Any, folders: dict[str, Path], edition: str, name: str
) -> None:
    page.goto((folders[edition] / f"{name}.html").as_uri())
    for label, answer in RIGHT[name].items():
        box = page.locator(f'form.answer[data-parameter="{label}"]')
        page.locator(f'.asked button[data-parameter="{label}"]').click()
        for text, said in ((answer, "Right"), (f"-({answer})", "")):
            box.locator("input").fill(text)
            box.locator("input").press("Enter")
            told = box.locator("output").text_content() or ""
            assert told.startswith("Right") == (said == "Right"), told
            assert told


# Names


@pytest.mark.slow
def test_one_name_and_several_make_a_course(tmp_path: Path) -> None:
    shutil.copy(STRANGERS, tmp_path / "strangers.py")
    one = run("lesson", f"{tmp_path}/strangers.py:attention", "--out", tmp_path / "one")
    two = run("lesson", f"{tmp_path}/strangers.py:own", f"{tmp_path}/strangers.py:batch", "--out", tmp_path / "two")
    assert (one.code, two.code) == (0, 0), one.err + two.err
    pages = [sorted(p.stem for p in (tmp_path / n).glob("*.html") if "-" not in p.name) for n in ("one", "two")]
    assert pages == [["attention", "attention_graph", "index"], ["batch", "batch_graph", "index", "own", "own_graph"]]


# A primitive of one's own, of which nothing but value and rule is known


BARE = """import numpy as np
import microgradcnn as mg
from microgradcnn import Value

rule = [lambda g, y, x: g * (mg.sigmoid(x) * (1.0 + x * (1.0 - mg.sigmoid(x))))]
bare = mg.primitive("bare_swish", lambda x: x / (1.0 + np.exp(-x)), rule)


def neuron():
    w, x, b, y = (Value(v, label=n) for n, v in (("w", 0.5), ("x", 2.0), ("b", -0.2), ("y", 1.0)))
    return (bare(w * x + b) - y) ** 2
"""


@pytest.mark.slow
@pytest.mark.parametrize("edition", [[], ["--student"]], ids=["teacher", "student"])
def test_a_primitive_without_lines_leaves_sections_out(tmp_path: Path, edition: list[str]) -> None:
    """What cannot be written as a program has no boxes and no program; the page and its course are whole."""
    (tmp_path / "bare.py").write_text(BARE, encoding="utf-8")
    done = run("lesson", f"{tmp_path}/bare.py", *edition, "--out", tmp_path / "out")
    assert done.code == 0, done.err
    assert {"network", "checks"} <= sections(page_of(tmp_path / "out", "neuron"))
    assert (tmp_path / "out" / "index.html").exists()


# Data


def table(path: Path, load: str) -> Path:
    """A CSV of scikit-learn's, the classes by name."""
    datasets = pytest.importorskip("sklearn.datasets")
    bunch = getattr(datasets, f"load_{load}")()
    names = [str(name) for name in bunch.target_names]
    rows = [",".join([*map(str, x), names[t]]) for x, t in zip(bunch.data, bunch.target, strict=True)]
    path.write_text("\n".join([",".join([*bunch.feature_names, "kind"]), *rows]) + "\n", encoding="utf-8")
    return path


@pytest.mark.slow
@pytest.mark.parametrize(("load", "rows"), [("iris", 120), ("wine", 142)])
def test_three_classes_of_a_table(tmp_path: Path, load: str, rows: int) -> None:
    shutil.copy(STRANGERS, tmp_path / "strangers.py")
    data = table(tmp_path / f"{load}.csv", load)
    names = [f"{tmp_path}/strangers.py:{name}" for name in ("Classes", "attention")]
    done = run("lesson", *names, "--data", data, "--target", "kind", "--out", tmp_path / "out")
    assert done.code == 0, done.err
    assert f"attention is not trained on {load}" in done.err
    told = visible(page_of(tmp_path / "out", "Classes"))
    assert re.search(rf"{rows} rows to train on and \d+ to test on", told)
    record = strict((tmp_path / "out" / "lesson.json").read_text())[0]["runs"][load]
    assert record["test_accuracy"] >= 0.85
    assert "training" not in sections(page_of(tmp_path / "out", "attention"))


@pytest.mark.slow
def test_data_that_fit_nobody_are_told_in_sentences_with_a_subject(tmp_path: Path) -> None:
    shutil.copy(STRANGERS, tmp_path / "strangers.py")
    data = table(tmp_path / "breast_cancer.csv", "breast_cancer")
    names = [f"{tmp_path}/strangers.py:{name}" for name in ("Classes", "attention", "batch", "own", "cnn")]
    done = run("lesson", *names, "--data", data, "--target", "kind", "--out", tmp_path / "out")
    assert done.code == 0
    lines = done.err.splitlines()
    assert len(lines) == 5
    for line, name in zip(lines, ("Classes", "attention", "batch", "own", "cnn"), strict=True):
        assert line.startswith(f"microgradcnn: {name} is not trained on breast_cancer: ")
    assert [line for line in lines if re.search(r": (has|is|takes) |\b1 numbers|in Python", line)] == []


# Words


HOSTILE = """# A <script>throw new Error("title")</script> & "course"

Hello <img src=x onerror="throw new Error('image')"> **bold <b>b</b>** [bad](javascript:alert(1)) <!-- gone -->
[worse](data:text/html,x) [quoted](https://e.org/"onmouseover="x)

## own: Three <b>kinds</b> & `x_1` "quoted"

First </main></body><script>throw new Error("words")</script> words, df/dW_1 <svg onload=alert(1)>.

```
</pre><script>throw new Error("fence")</script>
```

### Errata

- It writes <script>throw new Error("erratum")</script>. Teacher: SECRETONE <i>t</i>. Student: PUBLICONE </li>.

### Checks

Words of the checks </section>.

### Errata: Checks

- The book says A. Teacher: SECRETTWO. Student: PUBLICTWO.
"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Done]]:
    here = tmp_path_factory.mktemp("hostile")
    shutil.copy(STRANGERS, here / "strangers.py")
    (here / "words.md").write_text(HOSTILE.replace("Checks", "Numbers to check against"), encoding="utf-8")
    made = {}
    for edition in ("teacher", "student"):
        student = ["--student"] * (edition == "student")
        out = here / edition
        with table_as_before():
            done = run("lesson", f"{here}/strangers.py:own", "--text", here / "words.md", *student, "--out", out)
        made[edition] = (out, done)
    return made


@pytest.mark.slow
@pytest.mark.parametrize("edition", ["teacher", "student"])
def test_words_are_words_and_no_html(hostile: dict[str, tuple[Path, Done]], edition: str) -> None:
    folder, done = hostile[edition]
    assert done.code == 0, done.err
    for name in ("index", "own"):
        text = page_of(folder, name)
        for raw in ("<img", "<b>b</b>", "<i>t</i>", "throw new Error(&quot;x", "<!-- gone", 'href="javascript', "<b>k"):
            assert raw not in text, raw
        assert "throw new Error(" not in re.sub(
            r"&lt;script&gt;throw new Error\(|onerror=&quot;throw new Error\(", "", text
        )
        assert 'href="data:' not in text
        assert '"onmouseover="' not in text
    assert "Three <b>kinds</b> & " in visible(page_of(folder, "own"))
    assert "</main></body>" in visible(page_of(folder, "own"))


@pytest.mark.slow
def test_errata_are_told_by_edition(hostile: dict[str, tuple[Path, Done]]) -> None:
    for edition, mine, others in (("teacher", "SECRET", "PUBLIC"), ("student", "PUBLIC", "SECRET")):
        folder, _ = hostile[edition]
        everything = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.*"))
        assert {f"{mine}ONE", f"{mine}TWO"} <= set(re.findall(rf"{mine}\w+", everything))
        assert others not in everything


@needs_chromium
@pytest.mark.parametrize("edition", ["teacher", "student"])
def test_no_word_is_run(page: Any, hostile: dict[str, tuple[Path, Done]], edition: str) -> None:
    for name in ("index", "own"):
        page.goto((hostile[edition][0] / f"{name}.html").as_uri())
        assert page.locator("main").count() == 1
        assert page.locator("main img, main svg[onload], main [onmouseover], main [onerror]").count() == 0
        assert page.locator("main b, main i").get_by_text(re.compile("^(b|kinds|t)$")).count() == 0


# Mistakes


RAISES = "raise RuntimeError('half way')\n"
LATE = "from microgradcnn import Value\n\n\ndef late():\n    return Value(1.0, label='w') * {}['no']\n"
NONE = "x = 3\n\n\ndef helper(a):\n    return a\n"
OTHER = "def words():\n    return 'hello'\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copy(STRANGERS, "strangers.py")
    for name, text in (("raises", RAISES), ("late", LATE), ("none", NONE), ("other", OTHER), ("syntax", "def (:\n")):
        Path(f"{name}.py").write_text(text, encoding="utf-8")
    Path("empty.py").write_text("")
    Path("folder.py").mkdir()
    Path("taken").write_text("mine")
    Path("binary.py").write_bytes(b"\x00\xff\xfe")
    Path("rows.csv").write_text("a,b,y\n1,2,0\n2,1,1\n3,3,0\n4,1,1\n")
    return tmp_path


MISTAKES = [
    (["stranger.py"], ["stranger.py"]),
    (["strangers.py:Clases"], ["Clases"]),
    (["strangers.py:own", "--dta", "rows.csv"], ["--dta"]),
    (["strangers.py:own", "--target", "y"], ["--target", "--data"]),
    (["strangers.py:own", "--classes", "1,2"], ["--classes", "--data"]),
    (["strangers.py:own", "--drop", "a"], ["--drop", "--data"]),
    (["strangers.py:own", "--data", "nothing.csv"], ["nothing.csv"]),
    (["strangers.py:own", "--data", "rows.csv", "--target", "z"], ["z"]),
    (["strangers.py:own", "--text", "nothing.md"], ["nothing.md"]),
    (["strangers.py:own", "--text", "folder.py"], ["folder.py"]),
    (["strangers.py:own", "--out", "taken"], ["taken"]),
    (["strangers.py:own", "strangers.py:own"], ["own"]),
    (["strangers.py:own", "--seed", "x"], ["x"]),
    (["raises.py"], ["raises.py", "line 1", "half way"]),
    (["late.py"], ["late.py", "line 5"]),
    (["late.py:late"], ["late.py", "line 5"]),
    (["syntax.py"], ["syntax.py"]),
    (["none.py"], ["none.py"]),
    (["other.py:words"], ["words"]),
    (["none.py:x"], ["x"]),
    (["none.py:helper"], ["helper"]),
    (["empty.py"], ["empty.py"]),
    (["folder.py"], ["folder.py"]),
    (["."], ["."]),
    (["binary.py"], ["binary.py"]),
    (["rows.csv"], ["rows.csv"]),
]


@pytest.mark.parametrize(("arguments", "named"), MISTAKES, ids=lambda case: " ".join(case)[:40])
def test_a_mistake_is_one_sentence_and_nothing_is_written(here: Path, arguments: list[str], named: list[str]) -> None:
    before = {path.name for path in here.iterdir()} | {"__pycache__"}
    done = run("lesson", *arguments)
    assert done.code == 2, done
    last = done.err.splitlines()[-1] + "\n"
    assert one_sentence(last), done.err
    assert "Traceback" not in done.err
    for each in named:
        assert each in last
    assert {path.name for path in here.iterdir()} <= before
    assert (here / "taken").read_text() == "mine"


def test_a_mistake_for_machines(here: Path) -> None:
    done = run("lesson", "strangers.py:Clases", "--json")
    assert (done.code, strict(done.out or done.err)["exit_code"]) == (2, 2)


@pytest.mark.slow
def test_words_about_a_name_that_is_not_in_the_file_are_told(here: Path) -> None:
    Path("words.md").write_text("## onw: mistyped\n\nWords.\n")
    done = run("lesson", "strangers.py:own", "--text", "words.md")
    assert "onw" in done.err


@pytest.mark.slow
def test_a_network_that_fails_late_leaves_the_folder_whole(here: Path) -> None:
    """A mistake in the second network is found before the first has been trained, or leaves nothing half made."""
    done = run("lesson", "strangers.py:own", "late.py")
    assert done.code == 2
    assert not Path("lesson").exists() or (Path("lesson") / "index.html").exists()


@pytest.mark.slow
def test_ctrl_c_leaves_whole_files_only(here: Path) -> None:
    """The process is interrupted at several moments; every page that is there ends as a page does."""
    pages = 0
    for wait, wanted in enumerate(("*/*/history.csv", "recurrent.html", "attention*.html")):
        command = [sys.executable, "-m", "microgradcnn", "lesson", "strangers.py:recurrent", "strangers.py:attention"]
        process = subprocess.Popen([*command, "--out", f"out{wait}"], stderr=subprocess.PIPE, text=True)
        out = here / f"out{wait}"
        while process.poll() is None and not list(out.glob(wanted)):
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        # Once the last page is there Python may be ending, and a signal then ends it.
        assert process.returncode in {130, 0, *([-signal.SIGINT] if wanted == "attention*.html" else [])}, err
        assert "Traceback" not in err
        for path in out.rglob("*.*"):
            text = path.read_text(encoding="utf-8") if path.is_file() and path.suffix != ".npz" else ""
            if path.suffix == ".html":
                pages += 1
                assert text.rstrip().endswith("</html>"), path
            elif path.suffix == ".json":
                json.loads(text)
            elif path.suffix == ".npz":
                with np.load(path) as saved:
                    assert saved.files
            assert not path.name.endswith((".tmp", ".part")), path
    assert pages > 0
