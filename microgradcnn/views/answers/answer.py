"""check_answer: whether a student's formula is the gradient, and if not, which of the usual mistakes it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from microgradcnn.engine.arrays import glimpse
from microgradcnn.engine.gradient import differentiated
from microgradcnn.engine.value import Value
from microgradcnn.views.answers.diagnosis import Diagnosis
from microgradcnn.views.answers.edits.precision import NOT_PROVED, could_differ_between, near, rounded
from microgradcnn.views.answers.edits.written import located
from microgradcnn.views.answers.evidence import Evidence
from microgradcnn.views.answers.mistakes import diagnose
from microgradcnn.views.answers.parser import parse, write
from microgradcnn.views.answers.points import COUNT, same
from microgradcnn.views.answers.proof import proved
from microgradcnn.views.answers.tokens import FormulaError, Names


@dataclass(frozen=True)
class Answer:
    """The verdict on a formula: whether it is right, in one sentence, and what is wrong with it.

    `read` is the formula as it was understood. `diagnoses` is empty for a right answer; it holds one mistake as a rule,
    several where one alone does not explain the answer. `proved` tells whether a right answer was shown to be right
    exactly, or only at random points; `digits`, to how many digits one with rounded numbers is right. The truth of the
    whole is `right`.
    """

    right: bool
    verdict: str
    diagnoses: tuple[Diagnosis, ...]
    read: str
    proved: bool = False
    digits: int | None = None

    @property
    def diagnosis(self) -> Diagnosis | None:
        """The first mistake, None if there is none."""
        return self.diagnoses[0] if self.diagnoses else None

    def __bool__(self) -> bool:
        return self.right

    def __str__(self) -> str:
        return self.verdict


def check_answer(
    answer: str, gradient: Value, loss: Value | None = None, wrt: Value | None = None, tolerance: float | None = None
) -> Answer:
    """Compare a formula in Python-like or LaTeX-like notation with `gradient`, a graph that mg.grad gave.

    Names are the labels of the scalars in the graph, f for the loss, and λ where it regularises; reading/notations.py
    says what is read how. Both are evaluated at random points in float64, with ŷ − y of both signs, to nine digits;
    where SymPy is installed they are compared as formulas too, and what it proves is right. `loss` and `wrt`, the
    function and what it was differentiated by, are found by themselves for a squared error, and help the diagnosis of
    any other; where an answer needs the loss, mg.grad knows what it gave `gradient` of. The answer to several
    gradients, mg.stack([g_1, g_2]), is a vector, such as 2(ŷ − y)(z_1, z_2).
    Numbers rounded to three digits or more, 1.333 for 4/3, are right to these digits; with a `tolerance` an answer is
    right that differs by this share at most, 0.01 for one in a hundred.
    Raises TypeError for what is no text or no Value, and ValueError (a FormulaError where the formula is to
    blame) if there is nothing to compare: an unknown name, an array, a gradient that is not finite.
    """
    if not isinstance(answer, str) or not isinstance(gradient, Value):
        raise TypeError(
            f"check_answer takes a formula and a gradient, not {glimpse(answer)} and {glimpse(gradient)}: write "
            'mg.check_answer("2*w", g) with g, = mg.grad(f, [w])'
        )
    if not answer.strip():
        raise FormulaError("the answer is empty: write a formula, such as 2*w")
    numbers = gradient.parents if gradient.op is not None and gradient.op.name == "stack" else (gradient,)
    for g in numbers:
        if g.shape != ():
            raise ValueError(f"an answer is about one number, and {g.describe()} has shape {g.shape}")
    if tolerance is not None and not 0.0 < tolerance < 1.0:
        raise ValueError(f"a tolerance is a share between 0 and 1, such as 0.01, not {glimpse(tolerance)}")
    with np.errstate(all="ignore"):
        remembered = _differentiated(numbers) if loss is None else None
        if remembered is None:
            return _checked(answer, gradient, loss, wrt, tolerance)
        try:
            found = _checked(answer, gradient, None, wrt, tolerance)
        except FormulaError:
            with suppress(FormulaError):  # a name that only the loss has
                return _checked(answer, gradient, remembered, wrt, tolerance)
            raise
        if not found and (
            (again := _checked(answer, gradient, remembered, wrt, tolerance)) or _guessed(found, numbers)
        ):
            return again
        return found


def _differentiated(gradients: Sequence[Value]) -> Value | None:
    """What `mg.grad` gave all these gradients of; None if that is a gradient too, as a slope of a slope is no df/dθ."""
    losses = {differentiated(g) for g in gradients}
    loss = losses.pop() if len(losses) == 1 else None
    return loss if loss is not None and differentiated(loss) is None else None


def _guessed(wrong: Answer, gradients: Sequence[Value]) -> bool:
    """Whether a mistake was looked for and not found, or found where no path from a parameter to the loss was known."""
    kinds = {diagnosis.kind for diagnosis in wrong.diagnoses}
    if "unknown" in kinds or kinds <= {"factor", "sign", "root", "zero", "undefined"}:  # of the whole answer
        return "unknown" in kinds
    return any(Evidence(gradient, None, None).theta is None for gradient in gradients)


def _checked(answer: str, gradient: Value, loss: Value | None, wrt: Value | None, tolerance: float | None) -> Answer:
    if gradient.shape == ():
        return _marked(answer, Evidence(gradient, loss, wrt), tolerance)
    evidences = [Evidence(g, loss, None) for g in gradient.parents]
    return _together([_marked(answer, e, tolerance, (i, len(evidences))) for i, e in enumerate(evidences)])


def _together(answers: list[Answer]) -> Answer:
    """The verdict on all of a gradient: right where each of its numbers is, else what is wrong with the first."""
    read = f"({', '.join(answer.read for answer in answers)})"
    for i, answer in enumerate(answers, 1):
        if not answer:
            return replace(answer, verdict=f"In number {i} of {len(answers)}: {answer.verdict}", read=read)
    return replace(answers[0], read=read, proved=all(answer.proved for answer in answers))


def _marked(answer: str, evidence: Evidence, tolerance: float | None, place: tuple[int, int] | None = None) -> Answer:
    names = Names([*evidence.values, *evidence.invented], evidence.activation, evidence.asked, place)
    formula = parse(answer, names, evidence.mentioned)
    values, read = evidence.points(formula), write(formula, answer)
    exactly = bool(np.all(np.isfinite(values))) and proved(evidence, formula)
    if exactly or same(values, evidence.g):
        how = "proved with SymPy" if exactly else f"at {COUNT} random points"
        doubt = "" if exactly or not could_differ_between(evidence, formula) else NOT_PROVED
        return Answer(True, f"Right: this is {evidence.name}, {how}{doubt}.", (), read, exactly)
    if digits := rounded(evidence, formula, values):
        return Answer(True, f"Right, but rounded: right to {digits} digits.", (), read, digits=digits)
    if tolerance is not None and near(values, evidence.g, tolerance):
        return Answer(True, f"Right within {tolerance:g}: this is nearly {evidence.name}.", (), read)
    diagnoses = tuple(located(found, answer, names) for found in diagnose(evidence, formula, values))
    times = Counter(d.clause for d in diagnoses)
    clauses = [clause if count == 1 else f"{clause}, in {count} places" for clause, count in times.items()]
    return Answer(False, f"Not quite: {'; and '.join(clauses)}.", diagnoses, read)
