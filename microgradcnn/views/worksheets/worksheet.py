"""worksheet: which questions a seed draws from a loss in scalars; the sheet, its key and the file for answers.

sheet = worksheet(f, [w_1, w_2], seed="a long one")
for name, text in sheet.files().items():
    Path(name).write_text(text, encoding="utf-8")
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from random import Random
from typing import Any

from microgradcnn.engine.arguments import check_value, several
from microgradcnn.engine.value import Value
from microgradcnn.files import json_text
from microgradcnn.views.derivations.steps import by_letter
from microgradcnn.views.documents.document import Table
from microgradcnn.views.formulas.expression import add, call, equation, minus, number, symbol, value
from microgradcnn.views.worksheets import handout
from microgradcnn.views.worksheets.derivation_task import Lines, Material, Task, derive
from microgradcnn.views.worksheets.grading import FORMAT, SCHEME
from microgradcnn.views.worksheets.handout import Section
from microgradcnn.views.worksheets.planted import mend, plants
from microgradcnn.views.worksheets.predicted import RATES, SIGMOIDS, TOLERANCE, Wanted, given, predict, predictions

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

    The sheet is known by `identifier`. Whoever knows the seed can make the key again: only the key names it.
    """

    identifier: str
    seed: str
    title: str
    introduction: tuple[Section, ...]
    tasks: tuple[Task, ...]
    numbers: dict[str, float]
    loss: list[dict[str, Any]]

    def sheet(self) -> list[Section]:
        """What the students get, with room to write."""
        asked = [Section(f"Question {i}", task.asked, task.room) for i, task in enumerate(self.tasks, start=1)]
        return [*self.introduction, Section("Your answers", [(HOW_TO,)]), *asked]

    def solutions(self) -> list[Section]:
        """What the teacher gets: every question with its solution."""
        marks = Section("Marks", [(line,) for line in SCHEME])
        solved = [
            Section(f"Question {i}", [*task.asked, ("Solution:",), *task.solution])
            for i, task in enumerate(self.tasks, start=1)
        ]
        return [marks, *self.introduction, *solved]

    def key(self) -> dict[str, Any]:
        """What `grade` marks by: the loss as plain data, and the answer to every question."""
        head = {"format": FORMAT, "sheet": self.identifier, "seed": self.seed, "title": self.title, "scheme": SCHEME}
        questions = [{"kind": task.kind, "label": task.label, **task.record} for task in self.tasks]
        return {**head, "questions": questions, "numbers": self.numbers, "loss": self.loss}

    def answer_file(self) -> str:
        """A plain text for a student to fill in."""
        lines = [f"# Answers to sheet {self.identifier}, {self.title}. Write after the colons.", ""]
        lines += [f"sheet: {self.identifier}", "name: ", "id: "]
        for i, task in enumerate(self.tasks, start=1):
            lines += ["", f"# Question {i}: {_PROMPTS[task.kind].format(task.label)}"]
            lines += [f"q{i} line: "] if task.kind == "mistake" else []
            lines.append(f"q{i}: ")
        return "\n".join(lines) + "\n"

    def files(self) -> dict[str, str]:
        """The sheet, the answer file and the key, by the names under which they are kept."""
        sheet, key, title = self.sheet(), self.solutions(), f"{self.title}: key to seed {self.seed}"
        return {
            f"sheet-{self.identifier}.tex": handout.as_latex(self.title, self.identifier, sheet, True),
            f"sheet-{self.identifier}.html": handout.as_html(self.title, self.identifier, sheet, True),
            f"answers-{self.identifier}.txt": self.answer_file(),
            f"key-{self.identifier}.tex": handout.as_latex(title, self.identifier, key, False),
            f"key-{self.identifier}.html": handout.as_html(title, self.identifier, key, False),
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
    if not 1 <= questions <= MOST:
        raise ValueError(f"a worksheet has from 1 to {MOST} questions, not {questions}")
    check_value(loss, "worksheet takes the Value of a loss", "mg.worksheet({}, wrt)")
    material, rng = Material(loss, several(wrt)), Random(str(seed))
    plan, title = _planned(material, questions, rng), " ".join(title.split())
    wanted = [task for task in plan if isinstance(task, Wanted)]
    found = predictions(material, wanted, rng)
    tasks = [predict(material, found, task) if isinstance(task, Wanted) else task for task in plan]
    introduction = [Section("What is computed", material.definitions())]
    if wanted:
        introduction.append(Section("Numbers", [*given(found.numbers), *_sigmoids(material)]))
    content = json.dumps([str(seed), questions, title, material.entries])
    identifier = hashlib.sha256(content.encode()).hexdigest()[:8]
    return Worksheet(identifier, str(seed), title, (*introduction,), (*tasks,), found.numbers, material.entries)


def _planned(material: Material, questions: int, rng: Random) -> list[Task | Wanted]:
    """Tasks of all kinds in turn; a kind of which nothing is left drops out."""
    labels = _mixed(list(material.rules), rng)
    middle = len(labels) // 2
    sources: list[Iterator[Task | Wanted]] = [
        (derive(material, label) for label in labels),
        _mistakes(material, labels[::-1], rng),
        _wanted(material, [*labels[middle:], *labels[:middle]], rng),
    ]
    rng.shuffle(sources)
    plan: list[Task | Wanted] = []
    while len(plan) < questions and sources:
        source = sources.pop(0)
        if (task := next(source, None)) is not None:
            plan.append(task)
            sources.append(source)
    if len(plan) < questions:
        raise ValueError(
            f"there are no more than {len(plan)} different questions to ask about {material.loss.describe()}"
        )
    return plan


def _mixed(labels: Sequence[str], rng: Random) -> list[str]:
    """The labels shuffled, with their letters in turn."""
    families = by_letter(rng.sample(labels, len(labels)))
    return [label for turn in zip_longest(*families) for label in turn if label is not None]


def _mistakes(material: Material, labels: Sequence[str], rng: Random) -> Iterator[Task]:
    """Derivations to mend: a parameter after the other, each time with the kind of mistake that was rarest so far."""
    left = {label: [(rng.random(), plant) for plant in plants(material.rules[label])] for label in labels}
    kinds = sorted({plant.kind for some in left.values() for _, plant in some})
    used, rank = Counter[str](), {kind: rng.random() for kind in kinds}
    while any(left.values()):
        for label in labels:
            for chance, plant in sorted(left[label], key=lambda p: (used[p[1].kind], rank[p[1].kind], p[0])):
                left[label].remove((chance, plant))
                if (task := mend(material, label, plant)) is not None:
                    used[plant.kind] += 1
                    left[label] = [other for other in left[label] if other[1].kind != plant.kind]
                    yield task
                    break


def _wanted(material: Material, labels: Sequence[str], rng: Random) -> Iterator[Wanted]:
    """Numbers to predict: values, gradients and steps in turn."""
    results = [label for label in ("y_hat", material.graph.label(material.loss)) if label in material.nodes]
    turns = [
        [Wanted("value", label) for label in rng.sample(results, len(results)) if label not in material.leaves],
        [Wanted("gradient", label) for label in labels],
        [Wanted("update", label, rng.choice(RATES)) for label in labels[::-1]],
    ]
    rng.shuffle(turns)
    return (wanted for turn in zip_longest(*turns) for wanted in turn if wanted is not None)


def _sigmoids(material: Material) -> Lines:
    """A table of σ, if the loss takes it."""
    if not material.has_sigmoid:
        return []
    a = symbol("a")
    header = [(a,), *((value(x),) for x in SIGMOIDS)]
    row = [(call("sigmoid", a),), *((value(1.0 / (1.0 + math.exp(-x))),) for x in SIGMOIDS)]
    return [
        (
            "A table of ",
            call("sigmoid", a),
            "; ",
            equation(call("sigmoid", minus(a)), add(number(1), minus(call("sigmoid", a)))),
            ":",
        ),
        Table(header, [row]),
    ]
