"""A sheet as a category of questions in Moodle's XML, each with all that it needs.

as_moodle  for any Moodle: numbers and letters are marked, formulas are left to the teacher, who is shown the solution,
           for Moodle compares texts and would call a right formula wrong
as_stack   for a Moodle with the question type STACK, where Maxima marks formulas as well
"""

from __future__ import annotations

from collections.abc import Iterator
from string import ascii_uppercase
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from microgradcnn.views.documents.document import Lettered
from microgradcnn.views.worksheets.derivation_task import Task
from microgradcnn.views.worksheets.exports.markup import MOODLE, words
from microgradcnn.views.worksheets.exports.stack import Formulas, Node, add_input, add_prt, add_settings
from microgradcnn.views.worksheets.worksheet import Worksheet

_LETTER = "<p>Which line goes wrong? Write its letter.</p>"
_FORMULA = "<p>Write the right formula of the last line.</p>"


def as_moodle(sheet: Worksheet) -> dict[str, str]:
    """One file, by its name: numerical, short answer and essay questions, a mark for each question of the sheet."""
    return _file(sheet, "moodle", [part for i, task in enumerate(sheet.tasks, 1) for part in _plain(sheet, task, i)])


def as_stack(sheet: Worksheet) -> dict[str, str]:
    """One file, by its name: a question of the type STACK for each question of the sheet.

    Raises ValueError for a function that Maxima does not have.
    """
    formulas = Formulas(sheet.loss)
    return _file(sheet, "stack", [_stack(sheet, task, i, formulas) for i, task in enumerate(sheet.tasks, 1)])


def _file(sheet: Worksheet, kind: str, questions: list[Element]) -> dict[str, str]:
    quiz = Element("quiz")
    category = SubElement(quiz, "question", type="category")
    name = f"{sheet.title}, sheet {sheet.identifier}".replace("/", "//")  # a single one would begin a category in it
    _text(SubElement(category, "category"), f"$course$/top/{name}")
    quiz.extend(questions)
    indent(quiz)
    xml = tostring(quiz, encoding="unicode", xml_declaration=False)
    return {f"{kind}-{sheet.identifier}.xml": f'<?xml version="1.0" encoding="UTF-8"?>\n{xml}\n'}


def _text(parent: Element, content: str) -> None:
    SubElement(parent, "text").text = content


def _question(kind: str, name: str, text: str, grade: float, feedback: str = "") -> Element:
    question = Element("question", type=kind)
    _text(SubElement(question, "name"), name)
    _text(SubElement(question, "questiontext", format="html"), text)
    _text(SubElement(question, "generalfeedback", format="html"), feedback)
    for tag, content in (("defaultgrade", f"{grade:g}"), ("penalty", "0"), ("hidden", "0")):
        SubElement(question, tag).text = content
    return question


def _asked(sheet: Worksheet, task: Task) -> str:
    """The question with what is computed and the numbers, as it may stand alone."""
    parts = [f"<h4>{words(s.heading)}</h4>\n{MOODLE.html(s.lines)}" for s in sheet.introduction]
    return "\n".join([*parts, "<h4>Question</h4>", MOODLE.html(task.asked)])


def _plain(sheet: Worksheet, task: Task, number: int) -> Iterator[Element]:
    name, asked, solution = f"{sheet.identifier} q{number}", _asked(sheet, task), MOODLE.html(task.solution)
    if task.kind == "number":
        question = _question("numerical", name, asked, 1.0, solution)
        for answer, tolerance, share, clause in numbers(task.record):
            _answer(question, f"{answer:.8g}", share, clause, tolerance)
        yield question
        return
    whole = task.kind == "derive"
    if not whole:
        letter, line = _question("shortanswer", f"{name} line", asked + _LETTER, 0.5), task.record["line"]
        SubElement(letter, "usecase").text = "0"
        for spelt in (line, f"({line})", f"line {line}", f"{line}."):
            _answer(letter, spelt, 1.0, "")
        yield letter
    essay = _question("essay", name, asked + ("" if whole else _FORMULA), 1.0 if whole else 0.5, solution)
    settings = {"responseformat": "plain", "responserequired": "1", "responsefieldlines": "5", "attachments": "0"}
    for tag, content in settings.items():
        SubElement(essay, tag).text = content
    _text(SubElement(essay, "graderinfo", format="html"), f"<p>Right: {words(task.record['answer'])}</p>\n{solution}")
    yield essay


def _answer(question: Element, text: str, share: float, feedback: str, tolerance: float | None = None) -> None:
    answer = SubElement(question, "answer", fraction=f"{100 * share:g}", format="plain_text")
    _text(answer, text)
    _text(SubElement(answer, "feedback", format="html"), words(feedback))
    if tolerance is not None:
        SubElement(answer, "tolerance").text = f"{tolerance:g}"


def numbers(record: dict[str, Any]) -> Iterator[tuple[float, float, float, str]]:
    """What a number may be, within which tolerance, its share of the mark and why: the first that fits counts."""
    answer, tolerance, near = record["answer"], record["tolerance"], record["near"]
    yield answer, tolerance, 1.0, "Right."
    for miss, share, clause in record["misses"]:
        yield miss, tolerance, share, f"Not quite: {clause}."
    yield answer, near, 0.5, "Not quite, but near."


def _stack(sheet: Worksheet, task: Task, number: int, formulas: Formulas) -> Element:
    text = f"{_asked(sheet, task)}\n{_to_fill(task, formulas)}"
    question = _question("stack", f"{sheet.identifier} q{number}", text, 1.0, MOODLE.html(task.solution))
    feedback = "[[feedback:prt1]]" + ("[[feedback:prt2]]" if task.kind == "mistake" else "")
    if task.kind == "number":
        add_settings(question, "", feedback)
        add_input(question, "ans1", "numerical", f"{task.record['answer']:.8g}")
        add_prt(
            question,
            "prt1",
            1.0,
            "",
            [
                Node("NumAbsolute", "ans1", f"{answer:.8g}", share, words(clause), f"{tolerance:g}")
                for answer, tolerance, share, clause in numbers(task.record)
            ],
        )
        return question
    add_settings(question, formulas.variables(task.label), feedback)
    add_input(question, "ans1", "algebraic", "ta", formulas.functions)
    nodes = formulas.nodes_for(task.label, _FACTORS)
    add_prt(question, "prt1", 0.5 if task.kind == "mistake" else 1.0, formulas.values_of("ans1"), nodes)
    if task.kind == "mistake":
        lines, line = sum(len(block.lines) for block in task.asked if isinstance(block, Lettered)), task.record["line"]
        choices = ",".join(f'["{letter}",{str(letter == line).lower()}]' for letter in ascii_uppercase[:lines])
        add_input(question, "ans2", "dropdown", f"[{choices}]")
        add_prt(question, "prt2", 0.5, "", [Node("String", "ans2", f'"{line}"', 1.0, "The line is right.")])
    return question


_FACTORS = (
    ("1", 1.0, "Right."),
    ("(-1)", 0.5, "The sign is wrong."),
    ("(1/2)", 0.5, "It is half of that: is a 2 missing?"),
    ("2", 0.5, "It is twice that."),
)


def _to_fill(task: Task, formulas: Formulas) -> str:
    field = "[[input:{0}]] [[validation:{0}]]"
    if task.kind == "number":
        return f"<p>{field.format('ans1')}</p>"
    line = f"<p>The line: {field.format('ans2')}</p>" if task.kind == "mistake" else ""
    return f"<p>{words(formulas.how_to())}</p>{line}<p>{field.format('ans1')}</p>"
