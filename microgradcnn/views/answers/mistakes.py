"""The usual mistakes in a derivative, recognised by their numbers at random points.

Every mistake predicts what the wrong answer must be: the gradient times a number, without one path's term, with the
inner derivative left out. The first prediction that holds at all points is the diagnosis.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextvars import Context
from dataclasses import dataclass

import numpy as np

from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Value
from microgradcnn.views.answers.diagnosis import Diagnosis, Found, is_close, is_tidy, number, scaled
from microgradcnn.views.answers.evidence import Array, Chain, Question, letter, ratio, same, slope
from microgradcnn.views.answers.paths import extra_paths, inner_text, wrong_inner, wrong_paths
from microgradcnn.views.derivations.named_graph import recomputed

_TRIES = 100_000  # parts of formulas that are evaluated in search of a wrong index


def diagnose(question: Question, answer: Value, a: Array) -> Found:
    """What is wrong with the `answer`, whose values are `a`: one mistake, two where one does not explain it."""
    if not np.all(np.isfinite(a)):
        return (Diagnosis("undefined", "your answer is not a number at some points where the gradient is one"),)
    read = _with_error(question, answer)
    if read is not None:
        root = _root(question)
        if question.error is None:
            return (root,)
        b = question.points(read)
        return (root,) if same(b, question.g) else (*_explain(question, read, b), root)
    if question.error is not None and same(a, question.g * np.sign(question.error)):
        return (Diagnosis("root", "|ŷ − y| has lost the sign of ŷ − y: it is wrong where ŷ < y", names=("y_hat", "y")),)
    return _explain(question, answer, a)


def _explain(question: Question, answer: Value, a: Array) -> Found:
    for explain in (_zero, _constant, _regularisation, _other):
        if found := explain(question, a):
            return found
    if found := _in_parts(question, answer, a):
        return found
    if question.decay:  # a second mistake beside a forgotten 2λθ
        b = a + question.regularisation
        if found := _constant(question, b) or _in_parts(question, answer, b):
            return (*found, _missing_regularisation(question))
    return (_unknown(question, answer, a),)


def _in_parts(question: Question, answer: Value, a: Array) -> Found:
    """A mistake in one factor, one term or one name."""
    found = _one_factor(question, answer, a) or wrong_paths(question, a) or _index(question, answer, a)
    return found or wrong_inner(question, a) or extra_paths(question, a)


def _unknown(question: Question, answer: Value, a: Array) -> Diagnosis:
    i = int(np.argmax(abs(a - question.g) > 1e-3 * abs(question.g)))  # the first point where it can be seen
    where = ", ".join(f"{name} = {question.values[name][i]:.3g}" for name in sorted(_used(answer))[:4])
    values = f"it gives {a[i]:.4g} where {question.name} is {question.g[i]:.4g}"
    return Diagnosis("unknown", f"none of the usual mistakes explains it; at {where or 'a random point'} {values}")


def _used(answer: Value) -> set[str]:
    """The names that a formula speaks of."""
    return {node.label for node in topological(answer) if node.label is not None}


# √f


def _with_error(question: Question, answer: Value) -> Value | None:
    """The answer with ŷ − y in the place of every √f; None if there is no √f in it."""
    roots = [x for x in topological(answer) if _is_root(x) and x.parents[0].label == question.loss]
    if not roots:
        return None
    read, copies = Context().run(recomputed, answer, dict.fromkeys(roots, math.nan))
    question.points.known |= dict.fromkeys([copies[root] for root in roots], question.error)
    return read


def _is_root(x: Value) -> bool:
    return x.op is not None and (x.op.name == "sqrt" or (x.op.name == "power" and x.static["exponent"] == 0.5))


def _root(question: Question) -> Diagnosis:
    if question.error is None:
        clause = "√f is not ŷ − y: over several rows it is no single difference"
        return Diagnosis("root", clause if question.several_errors else "√f does not belong here: this f is no square")
    if not same(question.values[question.loss], question.error**2):
        return Diagnosis("root", "√f is not |ŷ − y| here, for f is not (ŷ − y)² alone: write ŷ − y")
    if question.decay:
        return Diagnosis("root", "√f is not |ŷ − y| where λ > 0, and never negative: write ŷ − y")
    return Diagnosis("root", "√f is |ŷ − y|, which has lost the sign where ŷ < y: right only if you read √f as ŷ − y")


# The whole answer


def _zero(question: Question, a: Array) -> Found:
    if not np.any(question.g):
        return (Diagnosis("zero", f"{question.name} is 0 at every point, and your answer is not"),)
    return () if np.any(a) else (Diagnosis("zero", f"your answer is 0 at every point, and {question.name} is not"),)


def _constant(question: Question, a: Array) -> Found:
    return scaled(ratio(a, question.g), question.name)


def _regularisation(question: Question, a: Array) -> Found:
    if question.theta is None:
        return ()
    extra = ratio_of_rest(a - question.g, question.points(question.theta), question.g)
    theta = question.theta.label
    if extra is None:
        return ()
    if not question.decay:
        clause = f"there is no regularisation in this f: leave out the term with {theta} alone"
    elif is_close(extra / question.decay, -1.0):
        return (_missing_regularisation(question),)
    else:
        k = (extra + question.decay) / question.decay
        clause = f"the regularisation gives 2λ{theta}: you have {number(k)} times that"
    return (Diagnosis("regularisation", clause, extra, (str(theta),)),)


def _missing_regularisation(question: Question) -> Diagnosis:
    theta = str(question.theta.label) if question.theta is not None else ""
    clause = f"the term 2λ{theta} of the regularisation is missing"
    return Diagnosis("regularisation", clause, -question.decay, (theta,))


def ratio_of_rest(rest: Array, b: Array, size: Array) -> float | None:
    """The k for which `rest`, a difference of numbers of that `size`, is k·b at all points."""
    k = slope(rest, b)
    return k if k and np.max(abs(rest - k * b)) <= 1e-9 * np.max(abs(k * b)) + 1e-15 * np.max(abs(size)) else None


def _other(question: Question, a: Array) -> Found:
    theta = str(question.theta.label) if question.theta is not None else ""
    for label, gradient in question.others().items():
        k = ratio(a, gradient)
        if k is not None and (is_close(k, 1.0) or label in _kin(theta, question.values)):
            turned = "_".join([letter(label), *reversed(label.split("_")[1:])])
            clause = f"this is df/d{label}, not {question.name}{': the indices are exchanged' * (turned == theta)}"
            return (Diagnosis("other parameter", clause, None, (label,)), *scaled(k, f"df/d{label}"))
    return ()


# One factor: the answer times or over something


@dataclass(frozen=True)
class _Quantity:
    text: str
    values: Array
    family: str
    z: str = ""  # whose inner derivative it is


def _quantities(question: Question) -> list[_Quantity]:
    found = [_Quantity(label, x, letter(label)) for label, x in question.values.items() if label != question.loss]
    if question.error is not None:
        found.insert(0, _Quantity("(ŷ − y)", question.error, "error"))
    found += [_Quantity(inner_text(question, [z]), c.inner, "inner", z) for z, c in _chains(question).items()]
    found += [_Quantity(f"(1 − {z})", 1.0 - x, "one minus", z) for z, x in question.values.items() if letter(z) == "z"]
    return [q for q in found if np.all(np.isfinite(q.values))][:200]


def _chains(question: Question) -> dict[str, Chain]:
    return {path.z: path.chain for path in question.paths() if path.chain is not None}


def _one_factor(question: Question, answer: Value, a: Array) -> Found:
    quantities = _quantities(question)
    for exactly in (True, False):
        for q in quantities:
            for kind, k in (("missing", ratio(a * q.values, question.g)), ("extra", ratio(a, question.g * q.values))):
                if k is not None and (is_close(k, 1.0) or (not exactly and is_tidy(k))):
                    return (_factor_diagnosis(question, q, kind == "missing"), *scaled(k))
    used = _used(answer)
    for q in quantities:
        for p in quantities if (q.z or q.text) in used else ():
            if p.family == q.family and p is not q:
                k = ratio(a * p.values, question.g * q.values)
                if k is not None and is_tidy(k):
                    clause = f"{q.text} stands where {p.text} belongs"
                    return (Diagnosis("index", clause, None, (q.z or q.text, p.z or p.text)), *scaled(k))
    return ()


def _factor_diagnosis(question: Question, q: _Quantity, missing: bool) -> Diagnosis:
    if not missing:
        return Diagnosis("extra factor", f"the factor {q.text} is too much", None, (q.text,))
    z = q.z or q.text
    if z not in _chains(question):
        return Diagnosis("missing factor", f"the factor {q.text} is missing", None, (q.text,))
    if q.family == "inner":
        return Diagnosis("inner derivative", f"the inner derivative {q.text} is missing", None, (z,))
    clause = f"the inner derivative of {z} is {inner_text(question, [z])}: {q.text} is missing"
    return Diagnosis("inner derivative", clause, None, (z,))


# A wrong index


def _index(question: Question, answer: Value, a: Array) -> Found:
    order, tries, rest = topological(answer), 0, a - question.points(answer)
    for everywhere in (True, False):
        for used in sorted(_used(answer)):
            for right in _kin(used, question.values):
                for swapped, how in _swaps(question, order, used, right, everywhere):
                    if (tries := tries + len(order)) > _TRIES:
                        return ()
                    if same(question.points.instead(order, swapped) + rest, question.g):
                        return (Diagnosis("index", how.format(used, right), None, (used, right)),)
    return ()


def _kin(label: str, labels: Iterable[str]) -> list[str]:
    """The names that are easily taken for this one: those with another index, then those with another letter."""
    index = label.removeprefix(letter(label))
    alike = [x for x in labels if x != label and letter(x) == letter(label)]
    return alike + [x for x in labels if x != label and index and x.removeprefix(letter(x)) == index]


def _swaps(
    question: Question, order: list[Value], used: str, right: str, everywhere: bool
) -> Iterator[tuple[dict[Value, Array], str]]:
    """Values of leaves: those of `right` wherever `used` stands, and both exchanged; or in one place after another."""
    mentions, others = ([node for node in order if node.label == label] for label in (used, right))
    wrong, values = question.values[used], question.values[right]
    if everywhere:
        replaced = dict.fromkeys(mentions, values)
        yield replaced, "{} stands where {} belongs"
        yield {**replaced, **dict.fromkeys(others, wrong)}, "{} and {} are exchanged"
    else:
        yield from (({mention: values}, "{} stands once where {} belongs") for mention in mentions)
