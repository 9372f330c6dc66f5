"""A class of thirty from its list to the grade book: lists that people have, files that students hand in."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from microgradcnn.cli import main

FORMULA = "z = sigmoid(w*x + b); y_hat = v*z; (y_hat - y)**2"
NAMES = ["Jürgen Müller", "Łukasz Żak", "Zoë d'Arc", "李 小龍", 'Bob "B" Ray', "Ada, Countess", "=SUM(A1)", "O’Neil"]
CLASS = [(f"{1000 + i}", NAMES[i] if i < len(NAMES) else f"Student {chr(57 + i)}") for i in range(30)]

FEW = CLASS[:8]


def listed(rows: list[tuple[str, str]], delimiter: str = ",") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows([("id", "name"), *rows])
    return out.getvalue()


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    return code, *capsys.readouterr()


# Lists


@pytest.mark.parametrize(
    "content",
    [
        listed(FEW).encode("utf-8-sig"),
        listed(FEW, ";").encode("utf-8-sig"),
        listed(FEW, "\t").encode("utf-16"),
        ("sep=;\n" + listed(FEW, ";")).encode(),  # as spreadsheets write and read it
    ],
    ids=["BOM", "semicolons", "UTF-16, tabs", "sep="],
)
def test_a_list_with_names_of_all_kinds(content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "class.csv").write_bytes(content)
    command = ("worksheet", "(w*x - y)**2", "--roster", tmp_path / "class.csv", "--secret", "s", "--questions", 1)
    code, out, err = run(capsys, *command, "--out", tmp_path, "--json")
    assert code == 0, err
    assert [(sheet["id"], sheet["name"]) for sheet in json.loads(out)["sheets"]] == FEW
    for sheet in json.loads(out)["sheets"]:
        assert f"name: {sheet['name']}\n" in next(Path(sheet["folder"]).glob("*.txt")).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "header", ["First name,Last name,Email address,ID number", "Vorname,Nachname,E-Mail-Adresse,ID-Nummer"]
)
def test_a_list_of_participants_of_moodle(header: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "class.csv").write_text(f"{header}\nJürgen,Müller,j@m.de,12\n", encoding="utf-8")
    command = ("worksheet", "(w*x - y)**2", "--roster", tmp_path / "class.csv", "--secret", "s", "--questions", 1)
    code, out, err = run(capsys, *command, "--out", tmp_path, "--json")
    assert code == 0, err
    assert [(sheet["id"], sheet["name"]) for sheet in json.loads(out)["sheets"]] == [("12", "Jürgen Müller")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"id,name\n1,A\n1,B\n", ("lines 2 and 3", "1")),
        (b"id,name\nx1,A\nX1,B\n", ("lines 2 and 3",)),
        (b"id,name\n1,A\n,B\n", ("line 3", "B")),
        (b"", ("id", "name")),
        (b"id,name\n", ("no students",)),
        (b"1,A\n2,B\n", ("id", "name")),
        ("id,name\n1,Müller\n".encode("latin-1"), ("UTF-8",)),
        (bytes(range(256)), ("UTF-8",)),
    ],
)
def test_a_list_that_cannot_be_used(
    content: bytes, words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "class.csv").write_bytes(content)
    command = (
        "worksheet",
        "(w*x - y)**2",
        "--roster",
        tmp_path / "class.csv",
        "--secret",
        "s",
        "--out",
        tmp_path / "o",
    )
    code, _, err = run(capsys, *command)
    assert code == 2
    assert err.count("\n") == 1
    assert all(word in err for word in words), err
    assert not (tmp_path / "o").exists()


# Marks


@pytest.fixture
def course(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Thirty students, two questions each."""
    (tmp_path / "class.csv").write_text(listed(CLASS, ";"), encoding="utf-8-sig")
    command = ("worksheet", FORMULA, "--roster", tmp_path / "class.csv", "--secret", "a long one", "--questions", 3)
    assert run(capsys, *command, "--out", tmp_path)[0] == 0
    return tmp_path


Answer = Callable[[dict[str, Any]], object]


def answered(course: Path, student: str, answer: Answer = lambda q: q["answer"]) -> str:
    """The student's answer file, filled in."""
    (path,) = (course / "sheets" / student).glob("answers-*.txt")
    (key,) = (course / "keys").glob(f"key-{path.stem.partition('-')[2]}.json")
    questions = json.loads(key.read_text(encoding="utf-8"))["questions"]
    text = path.read_text(encoding="utf-8")
    for i, question in enumerate(questions, start=1):
        text = text.replace(f"q{i} line: \n", f"q{i} line: {question.get('line')}\n")
        text = text.replace(f"q{i}: \n", f"q{i}: {answer(question)}\n")
    return text


def rounded(question: dict[str, Any]) -> object:
    return f"{question['answer']:.3f}" if question["kind"] == "number" else question["answer"]


def other_sign(question: dict[str, Any]) -> object:
    return f"{-question['answer']:.4f}" if question["kind"] == "number" else f"-({question['answer']})"


def hand_in(course: Path) -> None:
    given = course / "in"
    (given / "group A" / "b").mkdir(parents=True)
    files = {
        "1000.txt": answered(course, "1000").encode(),
        "1001.txt": answered(course, "1001", rounded).encode("utf-8-sig"),
        "1002.txt": answered(course, "1002", other_sign).replace("\n", "\r\n").encode(),
        "1003.txt": b"",
        "1004.txt": bytes(range(256)),
        "group A/b/answers.txt": answered(course, "1005").encode(),
        "1006.txt": answered(course, "1006", other_sign).encode(),
        "1006 again.txt": answered(course, "1006").encode(),
        "1007.txt": answered(course, "1007").replace("sheet: ", "sheet: dead").encode(),
        "1008.txt": answered(course, "1008", lambda q: str(rounded(q)).replace(".", ",")).encode("utf-16"),
        "somebody.txt": answered(course, "1009").replace("id: 1009", "id: 77").replace(CLASS[9][1], "").encode(),
    }
    for name, content in files.items():
        (given / name).write_bytes(content)


def graded(course: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[list[dict[str, str]], str]:
    out = course / "grades.csv"
    command = ("grade", course / "in", "--key", course / "keys", "--roster", course / "class.csv", "-o", out, *more)
    code, _, told = run(capsys, *command)
    assert code == 0, told
    return list(csv.DictReader(out.read_text(encoding="utf-8-sig").splitlines())), told


@pytest.mark.slow
def test_marks_of_a_class(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hand_in(course)
    rows, told = graded(course, capsys)
    assert list(rows[0]) == ["id", "name", "q1", "q2", "q3", "total", "of", "sheet", "file", "feedback"]
    by_id = {row["id"]: row for row in rows}
    assert len(rows) == len(by_id) == 31  # and id 77
    marks = {student: by_id[student]["total"] for student, _ in CLASS[:10]}
    full = dict.fromkeys(("1000", "1001", "1005", "1006", "1008"), "3")
    assert marks == {**full, "1002": "1.5", "1003": "", "1004": "", "1007": "", "1009": ""}
    for row in rows:
        parts = [row[f"q{i}"] for i in (1, 2, 3)]
        assert (row["total"] == "") == (parts == ["", "", ""])
        assert row["total"] == "" or float(row["total"]) == sum(map(float, parts))
        assert row["feedback"]
    assert [by_id[i]["name"].lstrip("'") for i, _ in CLASS] == [name for _, name in CLASS]
    assert not by_id["1006"]["name"].startswith("="), "a formula in a spreadsheet"
    for file in ("1003.txt", "1004.txt", "1007.txt", "1006 again.txt", "somebody.txt"):
        assert f"{file}: " in told, file
    assert told.count("Traceback") == 0
    assert rows == graded(course, capsys)[0]


@pytest.mark.slow
def test_the_grade_book_in_pandas(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pandas = pytest.importorskip("pandas")
    hand_in(course)
    graded(course, capsys)
    table = pandas.read_csv(course / "grades.csv", dtype={"id": str})
    assert table["id"].is_unique
    assert len(table) == 31
    assert table[["q1", "q2", "q3", "total", "of"]].dtypes.map(pandas.api.types.is_numeric_dtype).all()
    marked = table.dropna(subset=["total"])
    assert (marked[["q1", "q2", "q3"]].sum(axis=1) == marked["total"]).all()
    assert table.loc[table["id"] == "1003", "name"].item() == "李 小龍"


@pytest.mark.slow
def test_the_form_that_canvas_documents(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Student, ID, SIS User ID, SIS Login ID, Section, then assignments; points possible in the second line."""
    hand_in(course)
    graded(course, capsys, "--format", "canvas")
    header, points, *students = csv.reader(io.StringIO((course / "grades.csv").read_text(encoding="utf-8-sig")))
    assert header[:5] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    assert len(header) == 6
    assert points[0].strip() == "Points Possible"
    assert points[5] == "3"
    assert all(len(row) == len(header) for row in students)
    assert [row[2] for row in students[:30]] == [student for student, _ in CLASS]
    assert all(row[5] == "" or 0.0 <= float(row[5]) <= 3.0 for row in students)


@pytest.mark.slow
def test_long_has_a_row_for_each_question(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hand_in(course)
    rows, _ = graded(course, capsys, "--long")
    assert list(rows[0]) == ["file", "name", "id", "sheet", "question", "kind", "answer", "marks", "of", "diagnosis"]
    of = [row["question"] for row in rows if row["file"] == "1000.txt"]
    assert of == ["q1", "q2", "q3", "total"]
    assert {row["name"] for row in rows if row["file"] == "1004.txt"} == {CLASS[4][1]}


@pytest.mark.slow
def test_a_name_and_an_id_that_do_not_fit_are_told(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who writes another's id gets neither the marks of the other nor none of their own without a word."""
    (course / "in").mkdir()
    (course / "in" / "1020.txt").write_text(answered(course, "1020", other_sign), encoding="utf-8")
    (course / "in" / "1021.txt").write_text(answered(course, "1021").replace("id: 1021", "id: 1020"), encoding="utf-8")
    rows, told = graded(course, capsys)
    (row,) = [row for row in rows if row["id"] == "1020"]
    guessed = told[: told.index("nothing was handed in by")]
    assert row["total"] == "1.5" or CLASS[21][1] in guessed, (row, told)


@pytest.mark.slow
def test_a_name_that_two_have_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "class.csv").write_text("id,name\n1,Anna Li\n2,Anna Li\n", encoding="utf-8")
    command = ("worksheet", FORMULA, "--roster", tmp_path / "class.csv", "--secret", "a", "--questions", 1)
    assert run(capsys, *command, "--out", tmp_path)[0] == 0
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text(answered(tmp_path, "1").replace("id: 1\n", "id: \n"), encoding="utf-8")
    _, told = graded(tmp_path, capsys)
    assert "nobody on the roster has this name" not in told, told


@pytest.mark.slow
def test_one_secret_gives_the_same_bytes_twice(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ("worksheet", FORMULA, "--roster", course / "class.csv", "--questions", 3)
    assert run(capsys, *command, "--secret", "a long one", "--out", course / "again")[0] == 0
    assert run(capsys, *command, "--secret", "another", "--out", course / "other")[0] == 0
    for part in ("sheets", "keys"):
        before = {p.relative_to(course): p.read_bytes() for p in (course / part).rglob("*") if p.is_file()}
        assert len(before) == 90
        assert all((course / "again" / path).read_bytes() == content for path, content in before.items())
    keys = [{p.name for p in (course / where / "keys").iterdir()} for where in (".", "other")]
    assert not keys[0] & keys[1]
