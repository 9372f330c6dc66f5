"""`new` and what follows it: the file and its words, what is there already, every verb on what was written."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from command_line import one_sentence, run, strict


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_writes_two_networks_with_comments_and_words(here: Path) -> None:
    done = run("new", "lesson.py")
    assert (done.code, done.err) == (0, "")
    text = Path("lesson.py").read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert [type(node).__name__ for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)] == [
        "FunctionDef",
        "ClassDef",
    ]
    assert text.count("#") >= 8
    assert max(map(len, text.splitlines())) <= 120
    words = Path("lesson.md").read_text(encoding="utf-8")
    assert words.startswith("# ")
    assert "## neuron" in words
    assert {path.name for path in here.iterdir()} == {"lesson.py", "lesson.md"}


def test_the_file_speaks_of_itself_by_its_own_name(here: Path) -> None:
    assert run("new", "week3.py").code == 0
    text = Path("week3.py").read_text(encoding="utf-8")
    assert "week3.py" in text
    assert "lesson.py" not in text


@pytest.mark.parametrize("name", ["lesson.py", "lesson.md"])
def test_what_is_there_stays(here: Path, name: str) -> None:
    Path(name).write_text("mine", encoding="utf-8")
    done = run("new", "lesson.py")
    assert done.code == 2
    assert one_sentence(done.err)
    assert name in done.err
    assert [(path.name, path.read_text()) for path in here.iterdir()] == [(name, "mine")]


@pytest.mark.parametrize("name", ["lesson", "lesson.txt", ".", "folder.py", "no/such/../folder", ""])
def test_what_is_no_name_for_it_is_refused(here: Path, name: str) -> None:
    Path("folder.py").mkdir()
    done = run("new", name)
    assert done.code == 2
    assert one_sentence(done.err.splitlines()[-1] + "\n")
    assert [path.name for path in here.rglob("*")] == ["folder.py"]


@pytest.mark.parametrize("name", ["my lesson.py", "week-3.py", "σ.py", "deep/er/lesson.py"])
def test_any_name_of_a_file_will_do(here: Path, name: str) -> None:
    assert run("new", name).code == 0
    done = run("explain", f"{name}:neuron", "--wrt", "w_1")
    assert done.code == 0, done.err
    assert "df/dw₁" in done.out


def test_for_machines(here: Path) -> None:
    done = run("new", "lesson.py", "--json")
    assert done.code == 0
    assert "lesson.py" in str(strict(done.out))
    again = run("new", "lesson.py", "--json")
    assert (again.code, strict(again.out or again.err)["exit_code"]) == (2, 2)


VERBS = [
    ("explain", "--wrt", None),
    ("source",),
    ("ledger",),
    ("gradcheck",),
    ("cost",),
    ("graph", "-o", "graph.svg"),
    ("worksheet", "--questions", "2", "--out", "sheet"),
]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["neuron", "Softmax"])
@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
def test_every_verb_takes_what_was_written(here: Path, name: str, verb: tuple[str, ...]) -> None:
    assert run("new", "lesson.py").code == 0
    weight = {"neuron": "w_1", "Softmax": "W_1"}[name]
    rest = [weight if each is None else each for each in verb[1:]]
    done = run(verb[0], f"lesson.py:{name}", *rest)
    assert (done.code, done.err) == (0, ""), done.err


@pytest.mark.slow
def test_the_course_is_made_by_the_command_it_names(here: Path) -> None:
    done = run("new", "lesson.py")
    command = done.out.split("`")[1].split()
    assert command[0] == "microgradcnn"
    made = run(*command[1:])
    assert (made.code, made.err) == (0, "")
    assert {"index.html", "neuron.html", "Softmax.html"} <= {path.name for path in Path("lesson").iterdir()}
