"""Grading: marks and diagnoses, answer files of every kind, and a table that no spreadsheet takes for formulas."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from many_cases import slow_but

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.cli import main
from microgradcnn.cli.commands import grade
from microgradcnn.cli.loss_graphs import loss_graph
from microgradcnn.engine.gradient import topological
from microgradcnn.engine.record import TABLE
from microgradcnn.networks import NETWORKS
from microgradcnn.views.derivations.named_graph import Graph
from microgradcnn.views.worksheets.grading import (
    COLUMNS,
    LARGEST_FILE,
    SCHEME,
    SHARES,
    Answers,
    AnswersError,
    Key,
    as_csv,
    marked_formula,
    marked_number,
    read_answers,
)
from microgradcnn.views.worksheets.stored_loss import StoredLoss, as_plain, from_plain
from microgradcnn.views.worksheets.worksheet import Worksheet


@cache
def made(name: str = "conv_average", seed: str = "7") -> Worksheet:
    graph = loss_graph(name)
    return mg.worksheet(graph.loss, [*graph.parameters.values()], seed)


@cache
def key(name: str = "conv_average", seed: str = "7") -> Key:
    return Key(json.loads(made(name, seed).files()[f"key-{made(name, seed).identifier}.json"]))


@cache
def stored(name: str, decay: float = 0.0) -> StoredLoss:
    loss = loss_graph(name, regularise=decay).loss
    graph = Graph(loss)
    return StoredLoss(as_plain(loss, {node: graph.label(node) for node in graph.order if node in graph.names}))


def right_answers(sheet: Worksheet) -> dict[str, str]:
    """The key as a student would type it."""
    fields = {"sheet": sheet.identifier, "name": "Ada", "id": "17"}
    for i, task in enumerate(sheet.tasks, start=1):
        answer = task.record["answer"]
        fields[f"q{i}"] = f"{answer:.4g}" if task.kind == "number" else answer
        if task.kind == "mistake":
            fields[f"q{i} line"] = task.record["line"]
    return fields


def as_file(fields: dict[str, str]) -> bytes:
    return "".join(f"{name}: {value}\n" for name, value in fields.items()).encode()


# Marks


@pytest.mark.parametrize("name", slow_but("single_layer", among=NETWORKS))
def test_the_key_itself_gets_all_marks_and_nothing_none(name: str) -> None:
    rows = key(name).rows(Answers(right_answers(made(name))))
    assert [row.marks for row in rows] == [1.0] * 6 + [6.0]
    assert [row.question for row in rows] == [*(f"q{i}" for i in range(1, 7)), "total"]
    assert rows[-1].of == 6.0
    assert rows[-1].diagnosis == ""
    for empty in ({}, dict.fromkeys(right_answers(made(name)), "")):
        nothing = key(name).rows(Answers(empty))
        assert all(row.marks == 0.0 for row in nothing)
        assert all("no answer" in row.diagnosis for row in nothing[:-1])


E, D = "(w1*z1 + w2*z2 + w3*z3 - y)", 0.01
FORMULAS = [
    ("s_1", 0.0, f"2*{E}*w1*z1*(1-z1)*x1", 1.0, "Right"),
    ("s_1", 0.0, r"df/ds_1 = 2(\hat{y}-y)w_1 z_1(1-z_1)x_1", 1.0, "Right"),
    ("s_1", 0.0, r"$2(\hat{y}-y)w_1 z_1(1-z_1)x_1$.", 1.0, "Right"),
    ("s_1", 0.0, "(ŷ-y)w_1 z_1(1-z_1)x_1", 0.5, "1/2 times"),
    ("s_1", 0.0, "-2(ŷ-y)w_1 z_1(1-z_1)x_1", 0.5, "sign"),
    ("s_1", 0.0, "2√f w_1 z_1(1-z_1)x_1", 0.5, "right only if you read √f as ŷ − y"),
    ("s_1", D, "2(ŷ-y)w_1 z_1(1-z_1)x_1 + 2λs_1", 1.0, "Right"),
    ("s_1", D, "2(ŷ-y)w_1 z_1(1-z_1)x_1", 0.5, "2λs_1 of the regularisation is missing"),
    ("s_1", D, "6(ŷ-y)w_1 z_1(1-z_1)x_1", 0.25, "3 times"),
    ("s_1", 0.0, "2(ŷ-y)w_1x_1", 0.25, "inner derivative"),
    ("s_1", 0.0, "2(ŷ-y)z_1(1-z_1)x_1", 0.25, "w_1 is missing"),
    ("s_1", 0.0, "2(ŷ-y)w_1^2 z_1(1-z_1)x_1", 0.25, "w_1 is too much"),
    ("s_1", 0.0, "2(ŷ-y)w_2 z_1(1-z_1)x_1", 0.25, "w_2 stands where w_1 belongs"),
    ("s_1", 0.0, "2(ŷ-y)w_1 z_1(1-z_1)x_2", 0.25, "this is df/ds_2"),
    ("s_1", 0.0, "6(ŷ-y)z_1(1-z_1)x_1", 0.0, "w_1 is missing; and"),
    ("s_1", 0.0, "0", 0.0, "0 at every point"),
    ("s_1", 0.0, "x_1/(z_1 - z_1)", 0.0, "not a number"),
    ("s_1", 0.0, "exp(x_1) + z_2^3", 0.0, "none of the usual mistakes"),
    ("s_1", 0.0, "", 0.0, "no answer"),
    ("s_1", 0.0, " = ", 0.0, "no answer"),
    ("s_1", 0.0, "q_1", 0.0, "not read: q_1 is not known here"),
    ("s_1", 0.0, "__import__('os').system('true')", 0.0, "not read"),
    ("s_1", 0.0, "9**9**9", 0.0, "not read"),
    ("s_1", 0.0, "(" * 3000, 0.0, "not read: the formula is nested more than"),
    ("s_1", 0.0, "x_1+" * 2000, 0.0, "not read: the formula has"),
]


@pytest.mark.parametrize(("wrt", "decay", "answer", "share", "words"), FORMULAS)
def test_a_formula(wrt: str, decay: float, answer: str, share: float, words: str) -> None:
    found, diagnosis = marked_formula(stored("single_layer", decay), wrt, answer)
    assert (found, words in diagnosis) == (share, True), diagnosis


def test_a_path_is_worth_a_quarter() -> None:
    found, diagnosis = marked_formula(stored("conv_average"), "c_1", "½(ŷ−y)(z1(1−z1)p1 + z2(1−z2)p2 + z3(1−z3)p4)")
    assert (found, "path through z_4 is missing" in diagnosis) == (0.25, True)


def test_relu_in_brackets_is_no_equation() -> None:
    loss = loss_graph("conv_average", "relu").loss
    (found, diagnosis) = marked_formula(
        StoredLoss(as_plain(loss, {})), "c_1", "½(ŷ−y)([a1>=0]p1 + [a2>0]p2 + [a3>0]p4 + [a4>0]p5)"
    )
    assert found == 1.0, diagnosis


NUMBER = {"answer": -0.5, "tolerance": 0.002, "near": 0.02, "misses": [[0.5, 0.5, "the sign is wrong"]]}
NUMBERS = [
    ("-0.5", 1.0, "Right"),
    ("−0.5", 1.0, "Right"),
    ("-0,5", 1.0, "Right"),
    ("-1/2", 1.0, "Right"),
    ("-½", 1.0, "Right"),
    ("-5e-1", 1.0, "Right"),
    ("df/dc_1 = -0.5", 1.0, "Right"),
    ("≈ -0.5", 0.0, "not read"),
    ("-.5.", 1.0, "Right"),
    ("-0.502", 1.0, "Right"),
    ("-0.498", 1.0, "Right"),
    ("-0.5021", 0.5, "near"),
    ("-0.48", 0.5, "near"),
    ("-0.479", 0.0, "it is -0.5"),
    ("0.5", 0.5, "the sign is wrong"),
    ("0.5019", 0.5, "the sign is wrong"),
    ("0.49", 0.0, "it is -0.5"),
    ("0/0", 0.0, "it is -0.5"),
    ("1/0", 0.0, "it is -0.5"),
    ("", 0.0, "no answer"),
    ("c_1", 0.0, "not read as a number"),
    ("minus a half", 0.0, "not read as a number"),
    ("9e99", 0.0, "not read as a number"),
    ("0x10", 0.0, "not read as a number"),
]


@pytest.mark.parametrize(("answer", "share", "words"), NUMBERS)
def test_a_number(answer: str, share: float, words: str) -> None:
    found, diagnosis = marked_number(NUMBER, answer)
    assert (found, words in diagnosis) == (share, True), diagnosis


@pytest.mark.slow
def test_numbers_that_tell_what_went_wrong() -> None:
    seen = set()
    for name in NETWORKS:
        for task in made(name).tasks:
            for miss, share, clause in task.record.get("misses", []):
                found, diagnosis = marked_number(task.record, f"{miss:.6f}")
                assert (found, clause in diagnosis) == (share, True)
                seen.add(clause)
    assert {"the sign is wrong", "this step goes uphill: θ ← θ − η df/dθ"} < seen


@pytest.mark.parametrize(
    ("line", "formula", "marks"),
    [
        ("{line}", "{answer}", 1.0),
        (" Line ({line}) ", "{answer}", 1.0),
        ("{line}.", "", 0.5),
        ("", "{answer}", 0.5),
        ("{other}", "{answer}", 0.5),
        ("{line}", "{planted}", 0.5),
        ("{line}", "2({answer})", 0.5),
        ("{line} or {other}", "", 0.0),
        ("{other}", "{planted}", 0.0),
    ],
)
def test_a_derivation_to_mend(line: str, formula: str, marks: float) -> None:
    tasks = made().tasks
    i = next(i for i, task in enumerate(tasks) if task.kind == "mistake")
    record = tasks[i].record
    words = {"line": record["line"].lower(), "answer": record["answer"], "planted": record["planted"]["formula"]}
    words["other"] = "F" if record["line"] == "A" else "A"
    given = {f"q{i + 1} line": line.format(**words), f"q{i + 1}": formula.format(**words)}
    row = key().rows(Answers(given))[i]
    assert row.marks == marks, row
    assert ("goes wrong" in row.diagnosis) == (line not in ("{line}", " Line ({line}) ", "{line}."))


def test_the_scheme_speaks_of_every_share() -> None:
    text = " ".join(SCHEME)
    for kind in SHARES:
        assert all(
            word in text for word in kind.replace("missing", "").replace("extra", "").replace("root", "√f").split()
        )


# Answer files


def test_the_head_and_the_answers_of_a_file() -> None:
    content = (
        "# a comment: q1: 5\n\n Sheet: 3F\nname: Ada: Lovelace\nID:17\nQ1 : 2(ŷ\n  − y)z_1\n"
        "q 2 Line: b\nq02: 3\r\nstray\tword\nq9:\nend\n"
    )
    found = read_answers(content.encode())
    assert found.fields == {
        "sheet": "3F",
        "name": "Ada: Lovelace",
        "id": "17",
        "q1": "2(ŷ − y)z_1",
        "q2 line": "b",
        "q2": "3 stray word",
        "q9": "end",
    }
    assert found.notes == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings(encoding: str) -> None:
    assert read_answers("name: Åsa\nq1: ½ŷ".encode(encoding)).fields == {"name": "Åsa", "q1": "½ŷ"}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("q1: ½".encode("latin-1"), "no text in UTF-8"),
        (b"PK\x03\x04\xff\xfe", "no text in UTF-8"),
        (b"q1: 1\x00\x00", "no text"),
        (b"\xff\xfeq", "no text in UTF-8"),
        (b"q1: 1\n" * LARGEST_FILE, f"longer than {LARGEST_FILE} bytes"),
    ],
)
def test_what_is_no_answer_file(content: bytes, why: str) -> None:
    with pytest.raises(AnswersError, match=f"not graded: {why}"):
        read_answers(content)


def test_an_answer_given_twice() -> None:
    found = read_answers(b"q1: 1\nq1: 2\nq2:\nq2: 3\nq3: 4\nq3:\nq4: 5\nq4: 5\n")
    assert found.fields == {"q1": "2", "q2": "3", "q3": "4", "q4": "5"}
    assert found.notes == ["q1 is answered twice: the last answer counts"]


def test_questions_that_there_are_not_are_noted() -> None:
    total = key().rows(Answers({"q7": "1", "q12 line": "A", "q1": "c_1"}, ["odd"]))[-1]
    assert total.diagnosis == "odd; there is no question 7; there is no question 12 line"


def test_control_characters_reach_no_terminal() -> None:
    found = read_answers("name: \x1b[2JAda\u202e\nq1: 1\x07\n\x1b2\n".encode())
    assert found.fields == {"name": "[2JAda", "q1": "1 2"}


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        rows = key().rows(read_answers(content))
    except AnswersError:
        return
    assert len(rows) == 7
    assert 0.0 <= rows[-1].marks <= 6.0


# Keys


def test_a_key_survives_json_and_marks_as_the_graph_did() -> None:
    record = made().key()
    assert json.loads(json.dumps(record)) == {
        **record,
        "scheme": [*SCHEME],
        "questions": [
            {part: [list(miss) for miss in v] if part == "misses" else v for part, v in q.items()}
            for q in record["questions"]
        ],
    }
    assert record["seed"] == "7"


def _without(part: str) -> Callable[[dict[str, Any]], Any]:
    return lambda record: {name: value for name, value in record.items() if name != part}


@pytest.mark.parametrize(
    "change",
    [
        *[_without(part) for part in ("format", "sheet", "questions", "loss")],
        lambda record: {**record, "format": 99},
        lambda record: [record],
        lambda record: None,
        lambda record: {**record, "loss": []},
        lambda record: {**record, "loss": [{"op": "no such primitive", "inputs": [], "static": {}}]},
        lambda record: {**record, "questions": [{"kind": "riddle", "label": "c_1"}]},
        lambda record: {**record, "questions": [{"kind": "derive", "label": "c_99"}]},
        lambda record: {**record, "questions": [{"kind": "number", "label": "c_1"}]},
    ],
)
def test_what_is_no_key(change: Callable[[dict[str, Any]], Any]) -> None:
    with pytest.raises(ValueError, match=r"no key that|format 99|no primitive"):
        Key(change(made().key()))


def test_the_answers_to_another_sheet() -> None:
    with pytest.raises(AnswersError, match="answers to sheet 00, and the key is for"):
        key().rows(Answers({"sheet": "00"}))
    assert key().rows(Answers({"sheet": made().identifier.upper()}))


# Graphs as plain data


def again(root: Value) -> Value:
    return from_plain(json.loads(json.dumps(as_plain(root, {}))))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_graph_and_its_gradients_come_back_to_the_bit(name: str) -> None:
    loss = loss_graph(name, "relu", 0.01, seed=4).loss
    copy = again(loss)
    leaves = [node for node in topological(loss) if node.op is None]
    copies = [node for node in topological(copy) if node.op is None]
    assert [leaf.label for leaf in leaves] == [leaf.label for leaf in copies]
    assert loss.item() == copy.item()
    assert [g.item() for g in mg.grad(loss, leaves)] == [g.item() for g in mg.grad(copy, copies)]


def test_comparisons_powers_and_constants_come_back() -> None:
    x, y = Value(0.3, label="x"), Value(-2.0, label="y")
    root = mg.where(x > y, x**3.0 / 7.0, mg.power(2.0, y)) + mg.maximum(x, 0.25) - abs(y)
    assert again(root).item() == root.item() == pytest.approx(0.3**3 / 7 + 0.3 - 2)


def test_arrays_are_refused_and_own_primitives_come_back(own_primitives: None) -> None:
    with pytest.raises(ValueError, match="array: write the graph out in scalars"):
        as_plain(Value([1.0, 2.0], label="S").sum(), {})
    cube = mg.primitive("cube", lambda x: x**3, [lambda g, y, x: 3.0 * g * x * x], "x**3")
    plain = as_plain(cube(Value(2.0, label="x")), {})
    assert from_plain(plain).item() == 8.0
    del TABLE["cube"]
    with pytest.raises(ValueError, match="no primitive 'cube'"):
        from_plain(plain)


# The table


@given(st.lists(st.tuples(st.text(max_size=30), st.text(alphabet="=+-@\t\r\n ,;\"'＝", max_size=8)), max_size=5))
def test_no_cell_is_a_formula(rows: list[tuple[str, str]]) -> None:
    content = as_csv([(a, b, 0.5) for a, b in rows])
    assert content.startswith(b"\xef\xbb\xbf")
    header, *read = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    assert tuple(header) == COLUMNS
    assert len(read) == len(rows)
    for cells, (a, b) in zip(read, rows, strict=True):
        assert cells[2] == "0.5"
        for cell, text in zip(cells, (a, b), strict=False):
            known = "".join(c if c.isprintable() else " " for c in text)
            assert cell in (known, f"'{known}")
            assert not cell.lstrip().startswith(tuple("=+-@＝＋－＠"))


def test_long_cells_are_cut() -> None:
    (_, (cell, *_)) = csv.reader(io.StringIO(as_csv([("x" * 5000,)]).decode("utf-8-sig"), newline=""))
    assert len(cell) == 1000


# The commands


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as stop:
        code = int(stop.code or 0)
    return code, *capsys.readouterr()


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two students with sheets of their own, and files that are none."""
    (tmp_path / "in").mkdir()
    (tmp_path / "keys").mkdir()
    for student, seed in (("ada", "7"), ("bob", "8")):
        sheet = made(seed=seed)
        (tmp_path / "keys" / f"key-{student}.json").write_text(json.dumps(sheet.key()), encoding="utf-8")
        fields = {**right_answers(sheet), "name": student, "id": student}
        (tmp_path / "in" / f"{student}.txt").write_bytes(as_file(fields))
    (tmp_path / "in" / "cy.pdf").write_bytes(b"%PDF-1.4\n\xff\x00")
    (tmp_path / "in" / "di.txt").write_bytes(b"sheet: 123\nname: =1+1\nq1: 1\n")
    (tmp_path / "in" / "eve.txt").write_bytes(b"")
    (tmp_path / "in" / ".hidden").write_bytes(b"q1: 1")
    (tmp_path / "in" / "more").mkdir()
    return tmp_path


@pytest.mark.slow
def test_a_folder_with_a_key_for_each_student(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder / "in" / "grades.csv"
    for _ in range(2):  # the second time the table itself lies in the folder
        code, printed, told = run(capsys, "grade", folder / "in", "--key", folder / "keys", "-o", out, "--long")
        assert code == 0
        rows = rows_of(out)
        totals = {row["file"]: row for row in rows if row["question"] == "total"}
        assert [totals[name]["marks"] for name in totals] == ["6", "6", "0", "0", "0"]
        assert list(totals) == ["ada.txt", "bob.txt", "cy.pdf", "di.txt", "eve.txt"]
        assert len(rows) == 7 + 7 + 3
        assert totals["di.txt"]["name"] == "'=1+1"
        assert totals["di.txt"]["diagnosis"] == "not graded: there is no key for sheet 123"
        assert totals["cy.pdf"]["diagnosis"] == "not graded: no text in UTF-8"
        assert told.count("\n") == 3
        assert "microgradcnn: cy.pdf: not graded" in told
        assert "ada.txt  ada" in printed
    assert {path.name for path in (folder / "in").iterdir()} == {
        *totals, ".hidden", "more", "grades.csv",
    }  # fmt: skip


def test_a_folder_with_one_key(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder / "grades.csv"
    chosen = folder / "keys" / "key-ada.json"
    code, printed, _ = run(capsys, "grade", folder / "in", "--key", chosen, "-o", out, "--json")
    records = json.loads(printed)
    assert (code, len(records)) == (0, 7 + 1 + 1 + 1 + 7)
    assert list(records[0]) == list(COLUMNS)
    totals = {record["file"]: record for record in records if record["question"] == "total"}
    assert totals["ada.txt"]["marks"] == 6
    assert "the key is for" in totals["bob.txt"]["diagnosis"]
    assert totals["bob.txt"]["of"] == totals["cy.pdf"]["of"] == 6


def test_an_id_in_two_files_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "in" / "twin.txt").write_bytes((folder / "in" / "ada.txt").read_bytes())
    _, _, told = run(capsys, "grade", folder / "in", "--key", folder / "keys", "-o", folder / "g.csv")
    assert told.count("2 files have the id ada") == 2


def test_a_bad_key_among_others_costs_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "keys" / "notes.json").write_text("{", encoding="utf-8")
    code, _, told = run(capsys, "grade", folder / "in", "--key", folder / "keys", "-o", folder / "g.csv", "--long")
    assert code == 0
    assert "notes.json cannot be used" in told
    assert rows_of(folder / "g.csv")[6]["marks"] == "6"


def test_the_keys_of_a_lesson_lie_beside_its_record(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "keys" / "lesson.json").write_text("[]", encoding="utf-8")
    _, _, told = run(capsys, "grade", folder / "in", "--key", folder / "keys", "-o", folder / "g.csv")
    assert "lesson.json" not in told


def test_what_is_no_answer_file_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "in" / "fay.py").write_bytes(b"import math\nx = 3\n")
    (folder / "in" / "guy.txt").write_bytes(b"name: Guy\nid: 5\nq1: 1\n")
    key = folder / "keys" / "key-ada.json"
    _, _, told = run(capsys, "grade", folder / "in", "--key", key, "-o", folder / "g.csv")
    lines = told.splitlines()
    assert any("fay.py: this is no answer file: it has no line such as q1: 2*w" in line for line in lines)
    assert any("guy.txt: it has no line sheet: ..., and is marked with the only key" in line for line in lines)
    assert not any("ada.txt" in line for line in lines)


def test_bad_use_is_one_sentence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "empty").mkdir()
    (folder / "bad.json").write_text("[1]", encoding="utf-8")
    keys = folder / "keys"
    for arguments, words in [
        ((folder / "nowhere", "--key", keys), "nowhere is no folder"),
        ((folder / "empty", "--key", keys), "there are no answer files in"),
        ((folder / "in", "--key", folder / "nothing.json"), "does not exist: give the key-....json"),
        ((folder / "in", "--key", folder / "bad.json"), "cannot be used: it is no key that `worksheet` wrote"),
        ((folder / "in", "--key", folder / "empty"), "there is no key in"),
        ((folder / "in", "--key", keys, "-o", "/proc/nothing/g.csv"), "cannot be written to"),
        ((folder / "in",), "the following arguments are required: --key"),
    ]:
        code, out, told = run(capsys, "grade", *arguments, *([] if "-o" in arguments else ["-o", folder / "g.csv"]))
        assert (code, out) == (2, "")
        assert words in told
        assert told.count("\n") == 1
    assert not (folder / "g.csv").exists()


def test_ctrl_c_leaves_the_old_table(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = folder / "grades.csv"
    out.write_text("old", encoding="utf-8")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(grade, "read_answers", interrupted)
    code, _, told = run(capsys, "grade", folder / "in", "--key", folder / "keys", "-o", out)
    assert (code, told) == (130, "microgradcnn: interrupted\n")
    assert out.read_text(encoding="utf-8") == "old"


def test_a_worksheet_from_the_command_line_can_be_graded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    formula = "z = sigmoid(w*x + b); (z - y)**2"
    code, out, _ = run(capsys, "worksheet", formula, "--seed", "anna 1", "--questions", 3, "--out", tmp_path, "--json")
    record = json.loads(out)
    assert (code, len(record["files"])) == (0, 6)
    (answers,) = (Path(path) for path in record["files"] if "answers" in path)
    assert f"sheet: {record['sheet']}" in answers.read_text(encoding="utf-8")
    assert "anna" not in answers.read_text(encoding="utf-8")
    (tmp_path / "in").mkdir()
    answers.rename(tmp_path / "in" / "anna.txt")
    code, out, _ = run(capsys, "grade", tmp_path / "in", "--key", tmp_path, "-o", tmp_path / "g.csv", "--long")
    assert (code, len(rows_of(tmp_path / "g.csv"))) == (0, 4)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["conv_averge"], "did you mean conv_average?"),
        (["conv_average", "--questions", "25"], "from 1 to 24 questions, not 25"),
        (["conv_average", "--questions", "0"], "'0' is not a whole number of at least 1"),
        (["conv_average", "--wrt", "c_9"], "has no 'c_9'"),
        (["conv_average", "--out", "/proc/nothing"], "cannot be written to"),
        (["conv_average", "--regularise", "-1"], "λ must be a number"),
        (["w*x", "--wrt", "w", "--questions", "24"], "no more than"),
    ],
)
def test_worksheet_used_badly_is_one_sentence(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, told = run(capsys, "worksheet", *arguments)
    assert (code, out) == (2, "")
    assert words in told
    assert told.count("\n") == 1


def test_a_symbolic_link_is_read_inside_the_folder_and_named_where_it_leads_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Or a student's archive could have any file that the teacher may read graded, and its text in the table."""
    answers, (file,) = tmp_path / "answers", [name for name in made().files() if name.endswith(".json")]
    (answers / "ada").mkdir(parents=True)
    (tmp_path / file).write_text(made().files()[file], encoding="utf-8")
    text = f"sheet: {made().identifier}\nname: {{}}\nid: {{}}\nq1: secret_1\n".format
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "private.txt").write_text(text("Private", 99), encoding="utf-8")
    (answers / "ada" / "own.txt").write_text(text("Ada", 1), encoding="utf-8")
    links = {"again.txt": "ada/own.txt", "out.txt": "../elsewhere/private.txt", "folder": "../elsewhere"}
    links |= {"nowhere.txt": "nothing", "round.txt": "round.txt", "far.txt": tmp_path / "elsewhere" / "private.txt"}
    for name, target in links.items():
        (answers / name).symlink_to(target)
    (tmp_path / "by_link").symlink_to("answers")  # the folder itself is the teacher's choice
    for folder in ("answers", "by_link"):
        command = ["grade", str(tmp_path / folder), "--key", str(tmp_path / file), "--long"]
        assert main([*command, "-o", str(tmp_path / "grades.csv")]) == 0
        told = capsys.readouterr().err
        assert set(re.findall(r"microgradcnn: (\S+): not graded: a symbolic link", told)) == {*links} - {"again.txt"}
        table = (tmp_path / "grades.csv").read_text(encoding="utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(table)))
        assert {row["file"] for row in rows if row["name"] == "Ada"} == {"again.txt", str(Path("ada", "own.txt"))}
        assert "Private" not in table
