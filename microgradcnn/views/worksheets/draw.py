"""Which questions a seed draws: derivations, mistakes to find and numbers in turn, of which none answers another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from itertools import zip_longest
from random import Random
from typing import Any

from microgradcnn.views.derivations.steps import by_letter
from microgradcnn.views.formulas.expression import name_of
from microgradcnn.views.worksheets.derivation_task import Material, Task, derive
from microgradcnn.views.worksheets.planted import Mistakes
from microgradcnn.views.worksheets.predicted import RATES, Wanted, related_numbers

_STRICT, _LOOSE, _NOT = 2, 1, 0  # how far questions are apart


class Draw:
    """Questions of all kinds in turn, of which none answers another; a kind of which nothing is left drops out.

    A sheet of more questions than there are such gets some that do: first the step of a parameter whose gradient
    follows from another's, as in a softmax of two classes, then any.
    """

    def __init__(self, mistakes: Mistakes, rng: Random) -> None:
        self.mistakes, self.rng = mistakes, rng
        self.chosen: list[Task | Wanted] = []
        labels = _mixed(list(mistakes.material.rules), rng)
        middle = len(labels) // 2
        self.derivations = [derive(mistakes.material, label) for label in labels]
        self.wanted = _wanted(mistakes.material, [*labels[middle:], *labels[:middle]], rng)
        self.related = related_numbers(mistakes.material, self.wanted)
        self.to_mend = labels[::-1]
        self.used = Counter[str]()  # kinds of mistakes
        self.left = {
            (label, line, i): plant.kind
            for label in self.to_mend
            for line, planted in mistakes.by_line[label].items()
            for i, plant in enumerate(planted)
        }
        self.rank = {kind: rng.random() for kind in sorted(set(self.left.values()))}

    def tasks(self, questions: int) -> list[Task | Wanted]:
        """So many questions. Raises ValueError if there are not as many."""
        sources: list[Callable[[int], Task | Wanted | None]] = [
            partial(self._next_of, self.derivations),
            self._next_mistake,
            partial(self._next_of, self.wanted),
        ]
        self.rng.shuffle(sources)
        for apart in _STRICT, _LOOSE, _NOT:
            waiting = [*sources]
            while len(self.chosen) < questions and waiting:
                source = waiting.pop(0)
                if (task := source(apart)) is not None:
                    self.chosen.append(task)
                    waiting.append(source)
        if len(self.chosen) < questions:
            name = self.mistakes.material.loss.describe()
            raise ValueError(f"there are no more than {len(self.chosen)} different questions to ask about {name}")
        return self.chosen

    def _fits(self, task: Task | Wanted, apart: int) -> bool:
        return not (apart and any(self._answers(task, other, apart) for other in self.chosen))

    def _answers(self, one: Task | Wanted, other: Task | Wanted, apart: int) -> bool:
        """Whether one of two questions answers the other, as a gradient gives the step."""
        if isinstance(one, Task) and isinstance(other, Task):
            return one.answers(other)
        if not isinstance(one, Wanted) or not isinstance(other, Wanted) or frozenset((one, other)) not in self.related:
            return False
        return apart == _STRICT or one.label == other.label or "update" not in (one.what, other.what)

    def _next_of(self, tasks: list[Any], apart: int) -> Task | Wanted | None:
        task = next((task for task in tasks if self._fits(task, apart)), None)
        if task is not None:
            tasks.remove(task)
        return task

    def _next_mistake(self, apart: int) -> Task | None:
        """A derivation to mend, a parameter after the other.

        Its line is drawn first, so that all are equally likely, and then what goes wrong there: the kind of mistake
        that was rarest so far. Once questions may answer each other, rare kinds come first in any line.
        """
        for label in [*self.to_mend]:
            places = [place for place in self.left if place[0] == label]
            lines = sorted({line for _, line, _ in places})
            self.rng.shuffle(lines)
            order = {line: i if apart else 0 for i, line in enumerate(lines)}
            chance = {place: self.rng.random() for place in places}
            for place in sorted(places, key=lambda p: (order[p[1]], *self._rarity(p), chance[p])):
                draft = self.mistakes.draft(place)
                if draft is not None and not self._fits(draft, apart):
                    continue
                del self.left[place]
                if draft is not None and (task := self.mistakes.task(place)) is not None:
                    self._take(task)
                    return task
        return None

    def _rarity(self, place: tuple[str, int, int]) -> tuple[int, float]:
        kind = self.left[place]
        return self.used[kind], self.rank[kind]

    def _take(self, task: Task) -> None:
        """The parameter is at the end of the queue now, and not asked for with that kind of mistake again."""
        kind = task.record["planted"]["kind"]
        self.used[kind] += 1
        self.to_mend.remove(task.label)
        self.to_mend.append(task.label)
        self.left = {place: k for place, k in self.left.items() if place[0] != task.label or k != kind}


def _mixed(labels: Sequence[str], rng: Random) -> list[str]:
    """The labels shuffled, with their letters in turn."""
    families = by_letter(rng.sample(labels, len(labels)))
    return [label for turn in zip_longest(*families) for label in turn if label is not None]


def _wanted(material: Material, labels: Sequence[str], rng: Random) -> list[Wanted]:
    """Numbers to predict: values, gradients and steps in turn."""
    predicted = [label for label in material.nodes if name_of(label).base == "q" or name_of(label).accent == "hat"]
    results = list(dict.fromkeys([*predicted, material.graph.label(material.loss)]))
    turns = [
        [Wanted("value", label) for label in rng.sample(results, len(results)) if label not in material.leaves],
        [Wanted("gradient", label) for label in labels],
        [Wanted("update", label, rng.choice(RATES)) for label in labels[::-1]],
    ]
    rng.shuffle(turns)
    return [wanted for turn in zip_longest(*turns) for wanted in turn if wanted is not None]
