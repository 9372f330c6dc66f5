"""Class lists: a sheet for every student from one secret, and one row a student for the grade books."""

from __future__ import annotations

import csv
import io
import json
import stat
from pathlib import Path, PurePath
from typing import Any

import pytest

from microgradcnn.cli import main
from microgradcnn.cli.loss_graphs import loss_graph
from microgradcnn.views.worksheets.exports.gradebook import Submission, for_canvas, for_moodle, one_each, submission
from microgradcnn.views.worksheets.grading import Answers, Mark
from microgradcnn.views.worksheets.roster import Roster, Student, name_of_file, read_roster
from microgradcnn.views.worksheets.worksheet import sheets_of

CLASS = "id,name\n101,Ada Lovelace\n102,Benoît Mandelbrot\n103,Chen Ning Yang\n104,Ada Yonath\n"
FORMULA = "z = sigmoid(w*x + b); (z - y)**2"


def roster(text: str = CLASS) -> Roster:
    return read_roster(text.encode(), "class.csv")


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    return code, *capsys.readouterr()


# Reading


@pytest.mark.parametrize(
    "text",
    [
        CLASS,
        CLASS.replace(",", ";"),
        CLASS.replace(",", "\t"),
        CLASS.replace("\n", "\r\n") + "\r\n\r\n",
        "Name,email,ID\n" + "".join(f"{n},x@y.z,{i}\n" for i, n in (r.split(",") for r in CLASS.split("\n")[1:-1])),
        "First name,Last name,ID number\nAda,Lovelace,101\nBenoît,Mandelbrot,102\nChen Ning,Yang,103\nAda,Yonath,104\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_lists_that_people_have(text: str, encoding: str) -> None:
    found = read_roster(text.encode(encoding), "class.csv").students
    assert [(s.id, s.name) for s in found] == [tuple(line.split(",")) for line in CLASS.split("\n")[1:-1]]


CANVAS = (
    "Student,ID,SIS User ID,SIS Login ID,Section,Quiz (77)\n"
    "    Points Possible,,,,,10\n"
    '"Lovelace, Ada",9001,101,ada@uni,Tuesday,\n'
    '"Yang, Chen Ning",9003,103,chen@uni,Monday,4\n'
)


def test_a_grade_book_of_canvas_is_a_class_list() -> None:
    found = roster(CANVAS).students
    assert [(s.id, s.name, s.columns["id"]) for s in found] == [
        ("101", "Lovelace, Ada", "9001"), ("103", "Yang, Chen Ning", "9003")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"id,name\n101,Ada\n102,Ben\n101,Cy\n", "lines 2 and 4 of class.csv have the same id, 101"),
        (b"id,name\na1,Ada\nA1,Ben\n", "lines 2 and 3 of class.csv have the same id"),
        (b"id,name\n101,Ada\n,Ben\n", "line 3 of class.csv has no id: Ben"),
        ("id,name\n1,Benoît\n".encode("latin-1"), "class.csv is no text in UTF-8"),
        (b"\xff\xfea", "class.csv is no text in UTF-8"),
        (b"", "class.csv has no columns id and name"),
        (b"name\nAda\n", "class.csv has no columns id and name"),
        (b"id,group\n1,2\n", "class.csv has no columns id and name"),
        (b"id,name\n\n,\n", "class.csv names no students"),
        (b'id,name\n1,"Ada\n', "class.csv is no CSV file"),
    ],
)
def test_a_bad_list_is_one_sentence(content: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        read_roster(content, "class.csv")
    assert "\n" not in str(caught.value)


# Seeds and folders


def test_a_seed_is_one_students_and_one_secrets() -> None:
    seeds = {s.seed(secret) for secret in ("a", "b") for s in roster().students}
    assert len(seeds) == 8
    assert all(len(seed) == 32 for seed in seeds)
    assert roster().students[0].seed("a") == Student("101", "another name", {}).seed("a")


def test_the_folders_of_ids_are_safe_and_apart() -> None:
    ids = ["..", ".", "a/b", "a_b", "a b", "a%2Fb", "é", "C:\\x", "u@uni.de"]
    folders = [Student(i, "", {}).folder for i in ids]
    assert len(set(folders)) == len(ids)
    for folder in folders:
        assert PurePath(folder).name == folder
        assert not folder.startswith(".")
    assert folders[-1] == "u@uni.de"


def test_a_seed_that_finds_no_numbers_gives_way_to_the_next() -> None:
    tried: list[str] = []
    graph = loss_graph(FORMULA)
    make = sheets_of(graph.loss, [*graph.parameters.values()], 2, "Ours")

    def fails_twice(seed: str) -> Any:
        tried.append(seed)
        if len(tried) < 3:
            raise ValueError("no tidy numbers")
        return make(seed)

    student = roster().students[0]
    sheet = student.sheet(fails_twice, "s")
    assert (sheet.seed, sheet.name, sheet.student) == (tried[2], "Ada Lovelace", "101")
    assert len(set(tried)) == 3

    def fails(seed: str) -> Any:
        raise ValueError("no tidy numbers")

    with pytest.raises(ValueError, match="no tidy numbers"):
        student.sheet(fails, "s")


# Whose file


@pytest.mark.parametrize(
    ("file", "owner"),
    [
        ("Ada Lovelace_4711_assignsubmission_file_/answers.txt", "101"),
        ("Chen Ning Yang_104_assignsubmission_file_answers.txt", "103"),  # a number of Moodle's own, not the id 104
        ("lovelaceada_12_34_answers.txt", "101"),
        ("yangchenning_LATE_12_34_answers.txt", "103"),
        ("benoit mandelbrot.pdf", "102"),
        ("Mandelbrot-Benoît.pdf", "102"),
        ("homework/102.txt", "102"),
        ("sheet 3 (103).docx", "103"),
        ("yonath.txt", "104"),
        ("ada.txt", None),  # two have this name
        ("answers.txt", None),
        ("1020.txt", None),
    ],
)
def test_the_owner_of_a_file(file: str, owner: str | None) -> None:
    found = roster().owner(PurePath(file))
    assert (found and found.id) == owner


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("Ada Lovelace_4711_assignsubmission_file_/a.txt", "Ada Lovelace"),
        ("lovelaceada_12_34_answers.txt", "lovelaceada"),
        ("ada.txt", "ada"),
        ("answers-059eafb5.txt", ""),
        ("in/answers.txt", ""),
    ],
)
def test_the_name_in_the_name_of_a_file(file: str, name: str) -> None:
    assert name_of_file(PurePath(file)) == name


# Tables


def graded(student: Student | None, marks: list[float], file: str = "a.txt") -> Submission:
    rows = [Mark(f"q{i}", "derive", "x", m, 1.0, f"told {i}") for i, m in enumerate(marks, start=1)]
    total = Mark("total", "", "", sum(marks), 2.0, "" if marks else "not graded: no text")
    who = ("", "") if student is None else (student.name, student.id)
    return Submission(file, *who, "abc", [*rows, total], (), student)


def table(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_one_row_a_student() -> None:
    ada, ben, *_ = roster().students
    rows = table(for_moodle([graded(ada, [1.0, 0.5]), graded(ben, []), graded(None, [0.0, 0.0])]))
    assert list(rows[0]) == ["id", "name", "q1", "q2", "total", "of", "sheet", "file", "feedback"]
    assert [rows[0][c] for c in ("id", "name", "q1", "q2", "total", "of")] == [
        "101",
        "Ada Lovelace",
        *["1", "0.5", "1.5", "2"],
    ]
    assert rows[0]["feedback"] == "q1 (1/1): told 1 q2 (0.5/1): told 2"
    assert (rows[1]["q1"], rows[1]["total"], rows[1]["feedback"]) == ("", "", "not graded: no text")
    assert (rows[2]["id"], rows[2]["total"]) == ("", "0")


def test_the_form_of_canvas() -> None:
    first, other = roster(CANVAS).students
    content = for_canvas([graded(first, [1.0, 0.5]), graded(other, [])], "Sheet 1")
    assert not content.startswith(b"\xef\xbb\xbf")  # its first column is to be called Student
    header, points, *rows = csv.reader(io.StringIO(content.decode(), newline=""))
    assert header == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Sheet 1"]
    assert points == ["    Points Possible", "", "", "", "", "2"]
    assert rows == [
        ["Lovelace, Ada", "9001", "101", "ada@uni", "Tuesday", "1.5"],
        ["Yang, Chen Ning", "9003", "103", "chen@uni", "Monday", ""],
    ]
    (_, _, own) = csv.reader(io.StringIO(for_canvas([graded(roster().students[0], [1.0])], "S").decode(), newline=""))
    assert own[:5] == ["Ada Lovelace", "", "101", "", ""]


def test_of_several_files_of_a_student_the_best_counts() -> None:
    ada, ben, *_ = roster().students
    files = [graded(ada, [], "scan.pdf"), graded(ada, [1.0, 0.0], "a.txt"), graded(ada, [0.0, 0.5], "b.txt")]
    assert [s.file for s in one_each([*files, graded(ben, [0.0]), graded(None, [], "x"), graded(None, [], "y")])] == [
        "a.txt", "a.txt", "x", "y"
    ]  # fmt: skip


# The commands


@pytest.fixture
def folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A class with its sheets."""
    (tmp_path / "class.csv").write_text(CLASS, encoding="utf-8")
    arguments = ("worksheet", FORMULA, "--roster", tmp_path / "class.csv", "--secret", "s3cret", "--questions", 2)
    code, out, _ = run(capsys, *arguments, "--out", tmp_path, "--json")
    assert code == 0
    assert [(s["id"], s["name"]) for s in json.loads(out)["sheets"]] == [(s.id, s.name) for s in roster().students]
    return tmp_path


def test_a_sheet_for_every_student(folder: Path) -> None:
    keys = sorted((folder / "keys").iterdir())
    assert len(keys) == 3 * 4
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in keys)
    seen = set()
    for student in roster().students:
        files = {path.name.split("-")[0] + path.suffix: path for path in (folder / "sheets" / student.folder).iterdir()}
        assert sorted(files) == ["answers.txt", "sheet.html", "sheet.tex"]
        assert f"name: {student.name}\nid: {student.id}\n" in files["answers.txt"].read_text(encoding="utf-8")
        assert student.name in files["sheet.html"].read_text(encoding="utf-8")
        for path in files.values():
            content = path.read_text(encoding="utf-8")
            assert "s3cret" not in content
            assert student.seed("s3cret") not in content
        seen.add(files["sheet.tex"].name)
    assert len(seen) == 4
    assert all("s3cret" not in path.read_text(encoding="utf-8") for path in keys)


def test_the_same_secret_gives_the_same_sheets(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*")}
    arguments = ("worksheet", FORMULA, "--roster", folder / "class.csv", "--secret", "s3cret", "--questions", 2)
    assert run(capsys, *arguments, "--out", folder / "again")[0] == 0
    for path, content in before.items():
        assert path.name == "class.csv" or (folder / "again" / path).read_bytes() == content


def hand_in(folder: Path) -> Path:
    """Two right ones, one in a folder of Moodle's; one without an id, one that cannot be read; 104 has none."""
    given = folder / "in"
    for student in roster().students[:3]:
        (answers,) = (folder / "sheets" / student.folder).glob("answers-*")
        identifier = answers.stem.partition("-")[2]
        key = json.loads((folder / "keys" / f"key-{identifier}.json").read_text(encoding="utf-8"))
        lines = [answers.read_text(encoding="utf-8")]
        for i, question in enumerate(key["questions"], start=1):
            lines += [f"q{i} line: {question['line']}"] if question["kind"] == "mistake" else []
            lines.append(f"q{i}: {question['answer']}")
        text = "\n".join(lines)
        places = {
            "101": "Ada Lovelace_9_assignsubmission_file_/answers.txt",
            "102": "b.txt",
            "103": "Chen Ning Yang.txt",
        }
        place = given / places[student.id]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text.replace("\nid: 102", "\nid: ") if student.id == "102" else text, encoding="utf-8")
    (given / "Chen Ning Yang.txt").rename(given / "c.txt")
    (given / "Ada_Yonath_scan.pdf").write_bytes(b"%PDF\xff\x00")
    return given


def test_grading_a_class(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given, out = hand_in(folder), folder / "grades.csv"
    (folder / "class.csv").write_text(CLASS + "105,Emmy Noether\n", encoding="utf-8")
    arguments = ("grade", given, "--key", folder / "keys", "--roster", folder / "class.csv", "-o", out)
    code, _, told = run(capsys, *arguments)
    rows = {row["id"]: row for row in table(out.read_bytes())}
    assert code == 0
    assert list(rows) == ["101", "102", "103", "104", "105"]
    assert {row["of"] for row in rows.values()} == {"2"}
    assert [rows[i]["total"] for i in ("101", "102", "103", "104", "105")] == ["2", "2", "2", "", ""]
    assert rows["104"]["name"] == "Ada Yonath"
    assert rows["104"]["feedback"] == "not graded: no text in UTF-8"
    assert rows["105"]["feedback"] == "nothing was handed in"
    assert "b.txt: there is no id in it; taken for Benoît Mandelbrot" in told
    assert "nothing was handed in by Emmy Noether (105)" in told
    assert told.count("\n") == 3
    assert run(capsys, *arguments, "--format", "canvas")[0] == 0
    assert [row["SIS User ID"] for row in table(out.read_bytes())] == ["", "101", "102", "103", "104", "105"]
    assert run(capsys, *arguments, "--long")[0] == 0
    assert len(table(out.read_bytes())) == 3 * 3 + 1 + 1


def test_grading_without_a_list(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given, out = hand_in(folder), folder / "in" / "grades.csv"
    for _ in range(2):  # the table is no answer file
        code, _, told = run(capsys, "grade", given, "--key", folder / "keys", "-o", out)
        rows = {row["file"]: row for row in table(out.read_bytes())}
        assert (code, len(rows)) == (0, 4)
        assert rows["Ada Lovelace_9_assignsubmission_file_/answers.txt"]["total"] == "2"
        assert rows["Ada_Yonath_scan.pdf"]["name"] == "Ada_Yonath_scan"
        assert "b.txt: there is no id in it" in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--roster", "class.csv"), "--roster and --secret go together"),
        (("--secret", "x"), "--roster and --secret go together"),
        (("--roster", "class.csv", "--secret", ""), "--roster and --secret go together"),
        (("--roster", "class.csv", "--secret", "x", "--seed", "7"), "--seed is for one sheet"),
        (("--roster", "class.csv", "--secret", "x", "--format", "moodle"), "--format is for one sheet"),
        (("--roster", "none.csv", "--secret", "x"), "none.csv does not exist: give the class list"),
        (("--roster", "bad.csv", "--secret", "x"), "bad.csv has no columns id and name"),
    ],
)
def test_bad_use_is_one_sentence(
    arguments: tuple[str, ...], words: str, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("class.csv").write_text(CLASS, encoding="utf-8")
    Path("bad.csv").write_text("a,b\n", encoding="utf-8")
    code, out, told = run(capsys, "worksheet", FORMULA, *arguments, "--out", "made")
    assert (code, out) == (2, "")
    assert words in told
    assert told.count("\n") == 1
    assert not Path("made").exists()


@pytest.mark.parametrize(
    ("file", "given", "name", "sheet_of", "owner", "told"),
    [
        ("a.txt", "101", "Ada Lovelace", "101", "101", ()),
        ("a.txt", "101", "Chen Ning Yang", "103", "103", ("its id is that of Ada Lovelace (101)", "taken for Chen")),
        ("103.txt", "101", "Yang", "103", "103", ("its id is that of Ada Lovelace (101)", "taken for Chen")),
        ("a.txt", "101", "Ada Lovelace", "103", "101", ("its sheet is that of Chen Ning Yang (103)",)),
        ("a.txt", "101", "Chen Ning Yang", "", "101", ("its name is that of Chen Ning Yang (103)",)),
        ("a.txt", "", "", "104", "104", ("there is no id in it", "taken for Ada Yonath")),
        ("a.txt", "77", "", "104", "", ("the id 77 is not on the roster", "its sheet is that of Ada Yonath (104)")),
    ],
)
def test_whose_a_file_is_when_its_parts_disagree(
    file: str, given: str, name: str, sheet_of: str, owner: str, told: tuple[str, ...]
) -> None:
    found = submission(PurePath(file), Answers({"id": given, "name": name}), [], roster(), sheet_of)
    assert (found.student.id if found.student else "") == owner
    assert all(words in "; ".join(found.notes) for words in told), found.notes
    assert bool(found.notes) == bool(told)


def test_lines_are_counted_under_the_line_that_names_the_delimiter() -> None:
    with pytest.raises(ValueError, match="lines 3 and 4"):
        read_roster(b"sep=;\r\nid;name\r\n1;A\r\n1;B\r\n", "class.csv")


def test_what_systems_put_into_folders_is_nobodys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "worksheet", FORMULA, "--questions", "1", "--out", tmp_path)[0] == 0
    (key,) = tmp_path.glob("key-*.json")
    for name in ("Thumbs.db", "desktop.ini", "__MACOSX/ada.txt", "ada/ada.txt"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text("id: 1\n", encoding="utf-8")
    code, out, _ = run(capsys, "grade", tmp_path / "in", "--key", key, "-o", tmp_path / "g.csv", "--long", "--json")
    assert code == 0
    assert {row["file"] for row in json.loads(out)} == {"ada/ada.txt"}
