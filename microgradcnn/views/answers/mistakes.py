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
from microgradcnn.views.answers.evidence import Array, Chain, Evidence, letter, ratio, same, slope
from microgradcnn.views.answers.paths import extra_paths, inner_text, wrong_inner, wrong_paths
from microgradcnn.views.derivations.named_graph import recomputed

_TRIES = 100_000  # parts of formulas that are evaluated in search of a wrong index


def diagnose(evidence: Evidence, answer: Value, a: Array) -> Found:
    """What is wrong with the `answer`, whose values are `a`: one mistake, two where one does not explain it."""
    if not np.all(np.isfinite(a)):
        return (Diagnosis("undefined", "your answer is not a number at some points where the gradient is one"),)
    read = _with_error(evidence, answer)
    if read is not None:
        root = _root(evidence)
        if evidence.error is None:
            return (root,)
        b = evidence.points(read)
        return (root,) if same(b, evidence.g) else (*_explain(evidence, read, b), root)
    if evidence.error is not None and same(a, evidence.g * np.sign(evidence.error)):
        return (Diagnosis("root", "|ŷ − y| has lost the sign of ŷ − y: it is wrong where ŷ < y", names=("y_hat", "y")),)
    return _explain(evidence, answer, a)


def _explain(evidence: Evidence, answer: Value, a: Array) -> Found:
    for explain in (_zero, _constant, _regularisation, _other):
        if found := explain(evidence, a):
            return found
    if found := _in_parts(evidence, answer, a):
        return found
    if evidence.decay:  # a second mistake beside a forgotten 2λθ
        b = a + evidence.regularisation
        if found := _constant(evidence, b) or _in_parts(evidence, answer, b):
            return (*found, _missing_regularisation(evidence))
    return (_unknown(evidence, answer, a),)


def _in_parts(evidence: Evidence, answer: Value, a: Array) -> Found:
    """A mistake in one factor, one term or one name."""
    found = _one_factor(evidence, answer, a) or wrong_paths(evidence, a) or _index(evidence, answer, a)
    return found or wrong_inner(evidence, a) or extra_paths(evidence, a)


def _unknown(evidence: Evidence, answer: Value, a: Array) -> Diagnosis:
    i = int(np.argmax(abs(a - evidence.g) > 1e-3 * abs(evidence.g)))  # the first point where it can be seen
    where = ", ".join(f"{name} = {evidence.values[name][i]:.3g}" for name in sorted(_used(answer))[:4])
    values = f"it gives {a[i]:.4g} where {evidence.name} is {evidence.g[i]:.4g}"
    return Diagnosis("unknown", f"none of the usual mistakes explains it; at {where or 'a random point'} {values}")


def _used(answer: Value) -> set[str]:
    """The names that a formula speaks of."""
    return {node.label for node in topological(answer) if node.label is not None}


# √f


def _with_error(evidence: Evidence, answer: Value) -> Value | None:
    """The answer with ŷ − y in the place of every √f; None if there is no √f in it."""
    roots = [x for x in topological(answer) if _is_root(x) and x.parents[0].label == evidence.loss]
    if not roots:
        return None
    read, copies = Context().run(recomputed, answer, dict.fromkeys(roots, math.nan))
    evidence.points.known |= dict.fromkeys([copies[root] for root in roots], evidence.error)
    return read


def _is_root(x: Value) -> bool:
    return x.op is not None and (x.op.name == "sqrt" or (x.op.name == "power" and x.static["exponent"] == 0.5))


def _root(evidence: Evidence) -> Diagnosis:
    if evidence.error is None:
        clause = "√f is not ŷ − y: over several rows it is no single difference"
        return Diagnosis("root", clause if evidence.several_errors else "√f does not belong here: this f is no square")
    if not same(evidence.values[evidence.loss], evidence.error**2):
        return Diagnosis("root", "√f is not |ŷ − y| here, for f is not (ŷ − y)² alone: write ŷ − y")
    if evidence.decay:
        return Diagnosis("root", "√f is not |ŷ − y| where λ > 0, and never negative: write ŷ − y")
    return Diagnosis("root", "√f is |ŷ − y|, which has lost the sign where ŷ < y: right only if you read √f as ŷ − y")


# The whole answer


def _zero(evidence: Evidence, a: Array) -> Found:
    if not np.any(evidence.g):
        return (Diagnosis("zero", f"{evidence.name} is 0 at every point, and your answer is not"),)
    return () if np.any(a) else (Diagnosis("zero", f"your answer is 0 at every point, and {evidence.name} is not"),)


def _constant(evidence: Evidence, a: Array) -> Found:
    return scaled(ratio(a, evidence.g), evidence.name)


def _regularisation(evidence: Evidence, a: Array) -> Found:
    if evidence.theta is None:
        return ()
    extra = _ratio_of_rest(a - evidence.g, evidence.points(evidence.theta), evidence.g)
    theta = evidence.theta.label
    if extra is None:
        return ()
    if not evidence.decay:
        clause = f"there is no regularisation in this f: leave out the term with {theta} alone"
    elif is_close(extra / evidence.decay, -1.0):
        return (_missing_regularisation(evidence),)
    else:
        k = (extra + evidence.decay) / evidence.decay
        clause = f"the regularisation gives 2λ{theta}: you have {number(k)} times that"
    return (Diagnosis("regularisation", clause, extra, (str(theta),)),)


def _missing_regularisation(evidence: Evidence) -> Diagnosis:
    theta = str(evidence.theta.label) if evidence.theta is not None else ""
    clause = f"the term 2λ{theta} of the regularisation is missing"
    return Diagnosis("regularisation", clause, -evidence.decay, (theta,))


def _ratio_of_rest(rest: Array, b: Array, size: Array) -> float | None:
    """The k for which `rest`, a difference of numbers of that `size`, is k·b at all points."""
    k = slope(rest, b)
    return k if k and np.max(abs(rest - k * b)) <= 1e-9 * np.max(abs(k * b)) + 1e-15 * np.max(abs(size)) else None


def _other(evidence: Evidence, a: Array) -> Found:
    theta = str(evidence.theta.label) if evidence.theta is not None else ""
    for label, gradient in evidence.others().items():
        k = ratio(a, gradient)
        if k is not None and (is_close(k, 1.0) or label in _kin(theta, evidence.values)):
            turned = "_".join([letter(label), *reversed(label.split("_")[1:])])
            clause = f"this is df/d{label}, not {evidence.name}{': the indices are exchanged' * (turned == theta)}"
            return (Diagnosis("other parameter", clause, None, (label,)), *scaled(k, f"df/d{label}"))
    return ()


# One factor: the answer times or over something


@dataclass(frozen=True)
class _Quantity:
    text: str
    values: Array
    family: str
    z: str = ""  # whose inner derivative it is


def _quantities(evidence: Evidence) -> list[_Quantity]:
    found = [_Quantity(label, x, letter(label)) for label, x in evidence.values.items() if label != evidence.loss]
    if evidence.error is not None:
        found.insert(0, _Quantity("(ŷ − y)", evidence.error, "error"))
    found += [_Quantity(inner_text(evidence, [z]), c.inner, "inner", z) for z, c in _chains(evidence).items()]
    found += [_Quantity(f"(1 − {z})", 1.0 - x, "one minus", z) for z, x in evidence.values.items() if letter(z) == "z"]
    return [q for q in found if np.all(np.isfinite(q.values))][:200]


def _chains(evidence: Evidence) -> dict[str, Chain]:
    return {path.z: path.chain for path in evidence.paths() if path.chain is not None}


def _one_factor(evidence: Evidence, answer: Value, a: Array) -> Found:
    quantities = _quantities(evidence)
    for exactly in (True, False):
        for q in quantities:
            for kind, k in (("missing", ratio(a * q.values, evidence.g)), ("extra", ratio(a, evidence.g * q.values))):
                if k is not None and (is_close(k, 1.0) or (not exactly and is_tidy(k))):
                    return (_factor_diagnosis(evidence, q, kind == "missing"), *scaled(k))
    used = _used(answer)
    for q in quantities:
        for p in quantities if (q.z or q.text) in used else ():
            if p.family == q.family and p is not q:
                k = ratio(a * p.values, evidence.g * q.values)
                if k is not None and is_tidy(k):
                    clause = f"{q.text} stands where {p.text} belongs"
                    return (Diagnosis("index", clause, None, (q.z or q.text, p.z or p.text)), *scaled(k))
    return ()


def _factor_diagnosis(evidence: Evidence, q: _Quantity, missing: bool) -> Diagnosis:
    if not missing:
        return Diagnosis("extra factor", f"the factor {q.text} is too much", None, (q.text,))
    z = q.z or q.text
    if z not in _chains(evidence):
        return Diagnosis("missing factor", f"the factor {q.text} is missing", None, (q.text,))
    if q.family == "inner":
        return Diagnosis("inner derivative", f"the inner derivative {q.text} is missing", None, (z,))
    clause = f"the inner derivative of {z} is {inner_text(evidence, [z])}: {q.text} is missing"
    return Diagnosis("inner derivative", clause, None, (z,))


# A wrong index


def _index(evidence: Evidence, answer: Value, a: Array) -> Found:
    order, tries, rest = topological(answer), 0, a - evidence.points(answer)
    for everywhere in (True, False):
        for used in sorted(_used(answer)):
            for right in _kin(used, evidence.values):
                for swapped, how in _swaps(evidence, order, used, right, everywhere):
                    if (tries := tries + len(order)) > _TRIES:
                        return ()
                    if same(evidence.points.instead(order, swapped) + rest, evidence.g):
                        return (Diagnosis("index", how.format(used, right), None, (used, right)),)
    return ()


def _kin(label: str, labels: Iterable[str]) -> list[str]:
    """The names that are easily taken for this one: those with another index, then those with another letter."""
    index = label.removeprefix(letter(label))
    alike = [x for x in labels if x != label and letter(x) == letter(label)]
    return alike + [x for x in labels if x != label and index and x.removeprefix(letter(x)) == index]


def _swaps(
    evidence: Evidence, order: list[Value], used: str, right: str, everywhere: bool
) -> Iterator[tuple[dict[Value, Array], str]]:
    """Values of leaves: those of `right` wherever `used` stands, and both exchanged; or in one place after another."""
    mentions, others = ([node for node in order if node.label == label] for label in (used, right))
    wrong, values = evidence.values[used], evidence.values[right]
    if everywhere:
        replaced = dict.fromkeys(mentions, values)
        yield replaced, "{} stands where {} belongs"
        yield {**replaced, **dict.fromkeys(others, wrong)}, "{} and {} are exchanged"
    else:
        yield from (({mention: values}, "{} stands once where {} belongs") for mention in mentions)
