"""Which mistake a wrong answer has: the cheapest edits of the gradient, or of the answer, that explain all its numbers.

First what the whole answer is (0, a multiple, the gradient by another parameter, without the regularisation), then one
factor, one path, one place; then two at once.
"""

from __future__ import annotations

import math
from contextvars import Context

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Value
from microgradcnn.views.answers.diagnosis import Diagnosis, Found, is_close, listed, number, scaled
from microgradcnn.views.answers.edits.paths import solved
from microgradcnn.views.answers.edits.search import Search, used_names
from microgradcnn.views.answers.edits.single import kin
from microgradcnn.views.answers.evidence import Evidence, letter, ratio, same, slope
from microgradcnn.views.derivations.named_graph import recomputed


def diagnose(evidence: Evidence, answer: Value, a: Array) -> Found:
    """What is wrong with the `answer`, whose values are `a`: one mistake, two where one does not explain it."""
    if not np.all(np.isfinite(a)):
        return (Diagnosis("undefined", "your answer is not a number at some points where the gradient is one"),)
    read = _with_error(evidence, answer)
    if read is not None:
        if evidence.error is None:
            return (_root(evidence, False),)
        b = evidence.points(read)
        alone = same(b, evidence.g)
        return (*(() if alone else _explain(evidence, read, b)), _root(evidence, alone))
    if evidence.error is not None and same(a, evidence.g * np.sign(evidence.error)):
        return (Diagnosis("root", "|ŷ − y| has lost the sign of ŷ − y: it is wrong where ŷ < y", names=("y_hat", "y")),)
    return _explain(evidence, answer, a)


def _explain(evidence: Evidence, answer: Value, a: Array) -> Found:
    for explain in (_zero, _constant, _regularisation, _other):
        if found := explain(evidence, a):
            return found
    search = Search(evidence, answer)
    targets: list[tuple[Array, Found]] = [(a, ())]
    if evidence.decay:  # a second mistake beside a forgotten 2λθ, or λθ for it
        targets.append((a + evidence.regularisation, (_missing_regularisation(evidence),)))
        targets.append((a + evidence.regularisation / 2.0, (_regularisation_times(evidence, 0.5),)))
    for find in (search.one, search.edited_or_rewritten):
        for target, besides in targets:
            if found := (_constant(evidence, target) if besides else ()) or find(target):
                return (*found, *besides)
    return search.two(targets) or (_unknown(evidence, answer, a),)


def _unknown(evidence: Evidence, answer: Value, a: Array) -> Diagnosis:
    i = int(np.argmax(abs(a - evidence.g) > 1e-3 * abs(evidence.g)))  # the first point where it can be seen
    where = ", ".join(f"{name} = {evidence.values[name][i]:.3g}" for name in sorted(used_names(answer))[:4])
    values = f"it gives {a[i]:.4g} where {evidence.name} is {evidence.g[i]:.4g}"
    return Diagnosis("unknown", f"none of the usual mistakes explains it; at {where or 'a random point'} {values}")


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


def _root(evidence: Evidence, alone: bool) -> Diagnosis:
    """What to say of √f; `alone` if nothing else is wrong."""
    if evidence.error is None:
        clause = "√f is not ŷ − y: over several rows it is no single difference"
        return Diagnosis("root", clause if evidence.several_errors else "√f does not belong here: this f is no square")
    if not same(evidence.values[evidence.loss], evidence.error**2):
        return Diagnosis("root", "√f is not |ŷ − y| here, for f is not (ŷ − y)² alone: write ŷ − y")
    if evidence.decay:
        return Diagnosis("root", "√f is not |ŷ − y| where λ > 0, and never negative: write ŷ − y")
    rest = "right only if you read √f as ŷ − y" if alone else "write ŷ − y"
    return Diagnosis("root", f"√f is |ŷ − y|, which has lost the sign where ŷ < y: {rest}")


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
    fit, own, theta = evidence.g - evidence.regularisation, evidence.points(evidence.theta), evidence.theta.label
    if evidence.decay:
        for wrong, words in ((own**0, f"without its {theta}"), (own**2, f"as λ{theta}², which is not derived")):
            if (k := _ratio_of_rest(a - fit, wrong, fit)) is not None:
                clause = f"the regularisation gives 2λ{theta}: it stands there {words}"
                return (Diagnosis("regularisation", clause, k, (str(theta),)),)
    extra = _ratio_of_rest(a - evidence.g, own, evidence.g)
    if extra is None:
        return _regularisation_of_others(evidence, a)
    if not evidence.decay:
        clause = f"there is no regularisation in this f: leave out the term with {theta} alone"
    elif is_close(extra / evidence.decay, -1.0):
        return (_missing_regularisation(evidence),)
    else:
        return (_regularisation_times(evidence, (extra + evidence.decay) / evidence.decay),)
    return (Diagnosis("regularisation", clause, extra, (str(theta),)),)


def _regularisation_of_others(evidence: Evidence, a: Array) -> Found:
    """The terms of other parameters, which are constants where θ varies."""
    others = evidence.penalised
    k = solved(list(others.values()), a - evidence.g) if others else None
    if k is None:
        return ()
    names = tuple(name for name, x in zip(others, k.tolist(), strict=True) if x)
    clause = f"the regularisation gives 2λ{evidence.name.removeprefix('df/d')} alone: {listed(names)} stand there too"
    return (Diagnosis("regularisation", clause, None, names),)


def _missing_regularisation(evidence: Evidence) -> Diagnosis:
    theta = str(evidence.theta.label) if evidence.theta is not None else ""
    clause = f"the term 2λ{theta} of the regularisation is missing"
    return Diagnosis("regularisation", clause, -evidence.decay, (theta,))


def _regularisation_times(evidence: Evidence, k: float) -> Diagnosis:
    theta = str(evidence.theta.label) if evidence.theta is not None else ""
    clause = f"the regularisation gives 2λ{theta}: you have {number(k)} times that"
    return Diagnosis("regularisation", clause, (k - 1.0) * evidence.decay, (theta,))


def _ratio_of_rest(rest: Array, b: Array, size: Array) -> float | None:
    """The k for which `rest`, a difference of numbers of that `size`, is k·b at all points."""
    k = slope(rest, b)
    small = 1e-12 * float(np.max(abs(size)))
    if abs(k) * np.max(abs(b)) <= small:
        return None
    return k if np.max(abs(rest - k * b)) <= 1e-9 * np.max(abs(k * b)) + 1e-3 * small else None


def _other(evidence: Evidence, a: Array) -> Found:
    theta = str(evidence.theta.label) if evidence.theta is not None else ""
    for label, gradient in evidence.others().items():
        k = ratio(a, gradient)
        if k is not None and (is_close(k, 1.0) or label in kin(theta, evidence.values)):
            turned = "_".join([letter(label), *reversed(label.split("_")[1:])])
            clause = f"this is df/d{label}, not {evidence.name}{': the indices are exchanged' * (turned == theta)}"
            return (Diagnosis("other parameter", clause, None, (label,)), *scaled(k, f"df/d{label}"))
    return ()
