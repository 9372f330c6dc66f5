"""worksheet: the questions that a seed draws from a loss in scalars as a sheet, its key and a file for the answers.

sheet = worksheet(f, [w_1, w_2], seed="a long one")
for name, text in sheet.files().items():
    Path(name).write_text(text, encoding="utf-8")
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from microgradcnn.engine.arguments import check_value, several
from microgradcnn.engine.value import Value
from microgradcnn.files import json_text
from microgradcnn.views.documents.document import Block, Table
from microgradcnn.views.formulas.expression import add, call, divide, equation, minus, number, symbol, value
from microgradcnn.views.worksheets import handout
from microgradcnn.views.worksheets.derivation_task import Lines, Material, Task
from microgradcnn.views.worksheets.draw import Draw
from microgradcnn.views.worksheets.grading import FORMAT, SCHEME
from microgradcnn.views.worksheets.handout import Section
from microgradcnn.views.worksheets.planted import Mistakes
from microgradcnn.views.worksheets.predicted import ARGUMENTS, TABLED, TOLERANCE, Wanted, given, predict, predictions

MOST = 24  # questions on a sheet
HOW_TO = (
    "Each question gives one mark. Write your answers into the file that came with this sheet: formulas as in "
    "3(a_1 + b_2)/4 or a_1*b_2^2, in any of the names above, and numbers with a decimal point."
)
_PROMPTS = {
    "derive": "a formula for the gradient by {}",
    "mistake": "the letter of the line that goes wrong, and the right formula for the gradient by {}",
    "number": f"a number, to within {TOLERANCE}",
}


@dataclass(frozen=True)
class Worksheet:
    """A worksheet and its key.

    The sheet is known by `identifier`, which is of the seed and of all that it asks. Whoever knows the seed can make
    the key again: only the key names it. `name` and `student` are whose sheet it is, empty where it says that
    themselves.
    """

    identifier: str
    seed: str
    title: str
    introduction: tuple[Section, ...]
    tasks: tuple[Task, ...]
    numbers: dict[str, float]
    loss: list[dict[str, Any]]
    name: str = ""
    student: str = ""

    def sheet(self) -> list[Section]:
        """What the students get, with room to write."""
        asked = [Section(f"Question {i}", task.asked, task.room) for i, task in enumerate(self.tasks, start=1)]
        return [*self.introduction, Section("Your answers", [(HOW_TO,)]), *asked]

    def solutions(self) -> list[Section]:
        """What the teacher gets: every question with its solution."""
        marks = Section("Marks", [(f"This is the key to seed {self.seed}.",), *((line,) for line in SCHEME)])
        solved = [
            Section(f"Question {i}", [*task.asked, ("Solution:",), *task.solution])
            for i, task in enumerate(self.tasks, start=1)
        ]
        return [marks, *self.introduction, *solved]

    def key(self) -> dict[str, Any]:
        """What `grade` marks by: the loss as plain data, the answer to every question, and whose sheet it is."""
        head = {"format": FORMAT, "sheet": self.identifier, "seed": self.seed, "title": self.title, "scheme": SCHEME}
        questions = [{"kind": task.kind, "label": task.label, **task.record} for task in self.tasks]
        head |= {"student": self.student} if self.student else {}
        return {**head, "questions": questions, "numbers": self.numbers, "loss": self.loss}

    def answer_file(self) -> str:
        """A plain text for a student to fill in."""
        lines = [f"# Answers to sheet {self.identifier}, {self.title}. Write after the colons.", ""]
        lines += [f"sheet: {self.identifier}", f"name: {self.name}", f"id: {self.student}"]
        for i, task in enumerate(self.tasks, start=1):
            lines += ["", f"# Question {i}: {_PROMPTS[task.kind].format(task.label)}"]
            lines += [f"q{i} line: "] if task.kind == "mistake" else []
            lines.append(f"q{i}: ")
        return "\n".join(lines) + "\n"

    def files(self) -> dict[str, str]:
        """The sheet, the answer file and the key, by the names under which they are kept."""
        sheet, key, title = self.sheet(), self.solutions(), f"{self.title}: key"
        owner = self.name, self.student
        return {
            f"sheet-{self.identifier}.tex": handout.as_latex(self.title, self.identifier, sheet, owner),
            f"sheet-{self.identifier}.html": handout.as_html(self.title, self.identifier, sheet, owner),
            f"answers-{self.identifier}.txt": self.answer_file(),
            f"key-{self.identifier}.tex": handout.as_latex(title, self.identifier, key),
            f"key-{self.identifier}.html": handout.as_html(title, self.identifier, key),
            f"key-{self.identifier}.json": json_text(self.key(), indent=1) + "\n",
        }


def worksheet(
    loss: Value, wrt: Value | Sequence[Value], seed: int | str = 0, questions: int = 6, title: str = "Backpropagation"
) -> Worksheet:
    """A worksheet of so many `questions` about the gradients of a scalar loss by the labelled leaves `wrt`.

    Gradients to derive, derivations with a planted mistake and numbers to predict take turns, as far as there are
    any. The graph consists of scalars, labelled where an answer may speak of them; the numbers in it do not matter.
    The same loss, seed, questions and title give the same files. Every answer is checked before it is
    written: formulas by `check_answer`, numbers with finite differences, and planted mistakes must be called wrong, and
    what they are. Raises ValueError for arrays, missing labels, or where there is not enough to ask.
    """
    return sheets_of(loss, wrt, questions, title)(seed)


def sheets_of(
    loss: Value, wrt: Value | Sequence[Value], questions: int, title: str
) -> Callable[[int | str], Worksheet]:
    """What makes the worksheet of a seed, for one seed after the other in less time. Raises as `worksheet` does."""
    if not 1 <= questions <= MOST:
        raise ValueError(f"a worksheet has from 1 to {MOST} questions, not {questions}")
    check_value(loss, "worksheet takes the Value of a loss", "mg.worksheet({}, wrt)")
    mistakes, title = Mistakes(Material(loss, several(wrt))), " ".join(title.split())
    return lambda seed: _drawn(mistakes, str(seed), questions, title)


def _drawn(mistakes: Mistakes, seed: str, questions: int, title: str) -> Worksheet:
    material, rng = mistakes.material, Random(seed)
    plan = Draw(mistakes, rng).tasks(questions)
    wanted = [task for task in plan if isinstance(task, Wanted)]
    found = predictions(material, wanted, rng)
    tasks = [predict(material, found, task) if isinstance(task, Wanted) else task for task in plan]
    introduction = [Section("What is computed", _computed(material))]
    if wanted:
        introduction.append(Section("Numbers", [*given(found.numbers), *_tables(material)]))
    content = json.dumps([seed, title, material.entries, found.numbers, [*map(_what_is_asked, tasks)]])
    identifier = hashlib.sha256(content.encode()).hexdigest()[:8]
    return Worksheet(identifier, seed, title, (*introduction,), (*tasks,), found.numbers, material.entries)


def _what_is_asked(task: Task) -> list[str | float | None]:
    """What tells a question from others: where a later version draws another one, the sheet is another one too."""
    planted = task.record.get("planted", {})
    drawn = (task.record.get(part) for part in ("line", "what", "rate"))
    return [task.kind, task.label, *drawn, planted.get("formula")]


def _computed(material: Material) -> Lines:
    """What is computed from what, and how an answer says where something holds."""
    lines = [*material.definitions()]
    if material.has_conditions:
        lines.append(("Write [a > b] in an answer for what is 1 where a > b holds, and else 0.",))
    if "log" in material.taken:
        lines.append(("Logarithms are natural ones.",))
    return lines


def _tables(material: Material) -> Lines:
    """A table of each function that the loss takes and nobody knows by heart."""
    a = symbol("a")
    minus_a = {
        "sigmoid": add(number(1), minus(call("sigmoid", a))),
        "exp": divide(number(1), call("exp", a)),
        "tanh": minus(call("tanh", a)),
    }
    lines: list[Block] = []
    for name in TABLED:
        if name in material.taken:
            of_minus_a = equation(call(name, minus(a)), minus_a[name])
            header = [(a,), *((value(x),) for x in ARGUMENTS)]
            row = [(call(name, a),), *((value(TABLED[name](x)),) for x in ARGUMENTS)]
            lines += [("A table of ", call(name, a), "; ", of_minus_a, ":"), Table(header, [row])]
    return lines
