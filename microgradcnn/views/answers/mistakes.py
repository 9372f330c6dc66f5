"""Which mistake a wrong answer has: the cheapest edits of the gradient, or of the answer, that explain all its numbers.

First what the whole answer is (0, a multiple, the gradient by another parameter, without the regularisation), then one
factor, one path, one place; then two at once.
"""

from __future__ import annotations

import math
from contextlib import suppress
from contextvars import Context

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Value
from microgradcnn.views.answers.diagnosis import Diagnosis, Found, is_close, listed, number
from microgradcnn.views.answers.edits.paths import solved
from microgradcnn.views.answers.edits.program import OutOfSteps
from microgradcnn.views.answers.edits.search import Search, used_names
from microgradcnn.views.answers.edits.single import kin
from microgradcnn.views.answers.edits.table import said, scaled
from microgradcnn.views.answers.evidence import Evidence
from microgradcnn.views.answers.points import letter, ratio, same, slope
from microgradcnn.views.derivations.named_graph import recomputed


def diagnose(evidence: Evidence, answer: Value, a: Array) -> Found:
    """What is wrong with the `answer`, whose values are `a`: one mistake, two where one does not explain it."""
    if not np.all(np.isfinite(a)):
        return (said("undefined"),)
    read = _with_error(evidence, answer)
    if read is not None:
        if evidence.error is None:
            return (_root(evidence, False),)
        b = evidence.points(read)
        alone = same(b, evidence.g)
        return (*(() if alone else _explain(evidence, read, b)), _root(evidence, alone))
    if evidence.error is not None and same(a, evidence.g * np.sign(evidence.error)):
        return (said("absolute", ("y_hat", "y")),)
    return _explain(evidence, answer, a)


def _explain(evidence: Evidence, answer: Value, a: Array) -> Found:
    for explain in (_zero, _constant, _regularisation, _other):
        if found := explain(evidence, a):
            return found
    with suppress(OutOfSteps):
        if found := _searched(evidence, Search(evidence, answer), a):
            return found
    return (_unknown(evidence, answer, a),)


def _searched(evidence: Evidence, search: Search, a: Array) -> Found:
    targets: list[tuple[Array, Found]] = [(a, ())]
    if evidence.decay:  # a second mistake beside a forgotten 2λθ, or λθ for it
        targets.append((a + evidence.regularisation, (_missing_regularisation(evidence),)))
        targets.append((a + evidence.regularisation / 2.0, (_regularisation_times(evidence, 0.5),)))
    for find in (search.one, search.edited_or_rewritten, search.two):
        for target, besides in targets:
            constant = _constant(evidence, target) if besides and find == search.one else ()
            if found := constant or find(target):
                return (*found, *besides)
    return ()


def _unknown(evidence: Evidence, answer: Value, a: Array) -> Diagnosis:
    i = int(np.argmax(abs(a - evidence.g) > 1e-3 * abs(evidence.g)))  # the first point where it can be seen
    at = ", ".join(f"{name} = {evidence.values[name][i]:.3g}" for name in sorted(used_names(answer))[:4])
    return said("unknown", at=at or "a random point", a=f"{a[i]:.4g}", df=evidence.name, g=f"{evidence.g[i]:.4g}")


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
        return said("root of several" if evidence.several_errors else "root of no square")
    if not same(evidence.values[evidence.loss], evidence.error**2):
        return said("root of more")
    return said("root beside λ" if evidence.decay else "root alone" if alone else "root")


# The whole answer


def _zero(evidence: Evidence, a: Array) -> Found:
    if not np.any(evidence.g):
        return (said("nothing", df=evidence.name),)
    return () if np.any(a) else (said("zero", df=evidence.name),)


def _constant(evidence: Evidence, a: Array) -> Found:
    return scaled(ratio(a, evidence.g), evidence.name)


def _regularisation(evidence: Evidence, a: Array) -> Found:
    if evidence.theta is None:
        return ()
    fit, own, names = evidence.g - evidence.regularisation, evidence.points(evidence.theta), (evidence.label,)
    for name, wrong in {"λ alone": own**0, "λ and a square": own**2}.items() if evidence.decay else ():
        if (k := _ratio_of_rest(a - fit, wrong, fit)) is not None:
            return (said(name, names, k, q=evidence.label),)
    if evidence.decay and same(a, evidence.regularisation):
        return (said("λ only", names, q=evidence.label, df=evidence.name),)
    extra = _ratio_of_rest(a - evidence.g, own, evidence.g)
    if extra is None:
        return _regularisation_of_others(evidence, a)
    if not evidence.decay:
        return (said("λ of no loss", names, extra, q=evidence.label),)
    if is_close(extra / evidence.decay, -1.0):
        return (_missing_regularisation(evidence),)
    return (_regularisation_times(evidence, (extra + evidence.decay) / evidence.decay),)


def _regularisation_of_others(evidence: Evidence, a: Array) -> Found:
    """The terms of other parameters, which are constants where θ varies."""
    others = evidence.penalised
    k = solved(list(others.values()), a - evidence.g) if others else None
    if k is None:
        return ()
    names = tuple(name for name, x in zip(others, k.tolist(), strict=True) if x)
    return (said("λ of others", names, q=evidence.label, p=listed(names)),)


def _missing_regularisation(evidence: Evidence) -> Diagnosis:
    return said("λ missing", (evidence.label,), -evidence.decay, q=evidence.label)


def _regularisation_times(evidence: Evidence, k: float) -> Diagnosis:
    return said("λ times", (evidence.label,), (k - 1.0) * evidence.decay, q=evidence.label, k=number(k))


def _ratio_of_rest(rest: Array, b: Array, size: Array) -> float | None:
    """The k for which `rest`, a difference of numbers of that `size`, is k·b at all points."""
    k = slope(rest, b)
    small = 1e-12 * float(np.max(abs(size)))
    if abs(k) * np.max(abs(b)) <= small:
        return None
    return k if np.max(abs(rest - k * b)) <= 1e-9 * np.max(abs(k * b)) + 1e-3 * small else None


def _other(evidence: Evidence, a: Array) -> Found:
    inner = [down for n, down in evidence.flow.down.items() if n != evidence.flow.theta]
    for label, gradient in evidence.others.items():
        k = ratio(a, gradient)
        if letter(label) != letter(evidence.label) and any(ratio(gradient, down) for down in inner):
            continue  # as that by a bias, or by y, is: more likely the chain of θ was cut there
        if k is not None and (is_close(k, 1.0) or label in kin(evidence.label, evidence.values)):
            turned = "_".join([letter(label), *reversed(label.split("_")[1:])]) == evidence.label
            told = said("turned" if turned else "other", (label,), q=label, df=evidence.name)
            return (told, *scaled(k, f"df/d{label}"))
    return ()
