"""Mistakes in the sum over the z's: a wrong answer is taken apart into the terms that the sum is made of.

df/dθ = Σ df/dz_i · dz_i/da_i · da_i/dθ. The answer is solved for the numbers by which such terms add up to it: the
right ones, those of another parameter, or those with something else in place of the inner derivative.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from microgradcnn.views.answers.diagnosis import Diagnosis, Found, Kind, listed, nice, number, scaled
from microgradcnn.views.answers.evidence import Array, Chain, Path, Question, letter, same


def inner_text(question: Question, zs: Sequence[str]) -> str:
    """dz/da as it is written, with an index i for several z's."""
    z = zs[0] if len(zs) == 1 else f"{letter(zs[0])}_i"
    return f"{z}(1 − {z})" if question.activation == "sigmoid" else f"{question.activation}'({z.replace('z', 'a', 1)})"


def wrong_paths(question: Question, a: Array) -> Found:
    """Paths that are missing, counted twice or weighed wrongly."""
    paths = question.paths()
    k = _solved([path.total for path in paths], a - question.regularisation) if paths else None
    return () if k is None or not np.any(k) else _of_coefficients(paths, k, question.name)


def _of_coefficients(paths: Sequence[Path], k: Array, name: str) -> Found:
    usual = 1.0 if np.any(k == 1.0) else float(Counter(k[k != 0.0].tolist()).most_common(1)[0][0])
    groups: dict[float, list[str]] = {}
    for path, x in zip(paths, k.tolist(), strict=True):
        groups.setdefault(nice(x / usual), []).append(path.z)
    found: list[Diagnosis] = []
    for x, zs in groups.items():
        several, names = len(zs) > 1, tuple(zs)
        through = f"the path{'s' if several else ''} through {listed(zs)}"
        if x == 0.0:
            found.append(Diagnosis("missing path", f"{through} {'are' if several else 'is'} missing", None, names))
        elif x == 2.0:
            found.append(Diagnosis("extra path", f"{through} {'are' if several else 'is'} counted twice", None, names))
        elif x == -1.0:
            found.append(Diagnosis("sign", f"{through} {'have' if several else 'has'} the wrong sign", -1.0, names))
        elif x != 1.0:
            wrong = f"{through} {'are' if several else 'is'} {number(x)} times what it should be"
            found.append(Diagnosis("factor", wrong, x, names))
    return (*found, *scaled(usual, "" if found else name))


def extra_paths(question: Question, a: Array) -> Found:
    """Terms that belong to a sibling of θ: too much, or in the place of θ's own."""
    own, theta = question.paths(), question.theta
    if not own or theta is None:
        return ()
    kin = [v for v in question.leaves() if v is not theta and letter(str(v.label)) == letter(str(theta.label))]
    for other in kin:
        theirs = question.paths(other)
        k = _solved([path.total for path in (*own, *theirs)], a - question.regularisation) if theirs else None
        if k is None:
            continue
        lost = [path.z for path, x in zip(own, k, strict=False) if x == 0.0]
        more = [path.z for path, x in zip(theirs, k[len(own) :], strict=True) if x != 0.0]
        if np.all(k[: len(own)] == 1.0) and more:
            through = f"the path{'s' if len(more) > 1 else ''} through {listed(more)}"
            clause = f"{through} {'are' if len(more) > 1 else 'is'} too much: that is how {other.label} acts"
            return (Diagnosis("extra path", clause, None, tuple(more)),)
        if more and more == lost:
            clause = f"the term of {listed(more)} is that of df/d{other.label}, not of {question.name}"
            return (Diagnosis("index", clause, None, (str(other.label), str(theta.label))),)
    return ()


# What may stand in place of dz/da · da/dθ, and how to say so.
_INSTEAD: list[tuple[Kind, str, Callable[[Chain], Array]]] = [
    ("inner derivative", "the inner derivative {inner} is missing for {zs}", lambda c: c.last),
    ("inner derivative", "the inner derivative of {zs} is {inner}, not the value alone", lambda c: c.last * c.z),
    ("inner derivative", "the inner derivative of {zs} is {inner}, not 1 − z alone", lambda c: c.last * (1.0 - c.z)),
    (
        "inner derivative",
        "the inner derivative of {zs} is {inner}, not sigmoid's z(1 − z)",
        lambda c: c.last * c.z * (1.0 - c.z),
    ),
    (
        "inner derivative",
        "the inner derivative of {zs} is {inner}, not tanh's 1 − z²",
        lambda c: c.last * (1.0 - c.z**2),
    ),
    (
        "inner derivative",
        "the inner derivative of {zs} is {inner}, in terms of z and not of a",
        lambda c: c.last * c.a * (1.0 - c.a),
    ),
    ("inner derivative", "the inner derivative of {zs} stands there squared", lambda c: c.last * c.inner**2),
    ("missing factor", "da/d{theta} is missing in the term of {zs}", lambda c: c.inner),
]


def wrong_inner(question: Question, a: Array) -> Found:
    """Something else in place of the inner derivative, in some of the terms or in all."""
    paths = question.paths()
    chains = [path.chain for path in paths if path.chain is not None]
    if not paths or len(chains) < len(paths) or question.theta is None:
        return ()
    for kind, wrong, instead in _INSTEAD:
        terms = [chain.outer * instead(chain) for chain in chains]
        k = _solved([*(path.total for path in paths), *terms], a - question.regularisation)
        if k is None or not np.any(k):
            continue
        right, wrongly = k[: len(paths)], k[len(paths) :]
        usual = float(k[k != 0.0][0])
        if np.any(wrongly) and np.all(right + wrongly == usual) and np.all(right * wrongly == 0.0):
            zs = [path.z for path, x in zip(paths, wrongly, strict=True) if x != 0.0]
            clause = wrong.format(inner=inner_text(question, zs), zs=listed(zs), theta=question.theta.label)
            return (Diagnosis(kind, clause, None, tuple(zs)), *scaled(usual))
    return ()


def _solved(columns: Sequence[Array], target: Array) -> Array | None:
    """The numbers by which the columns add up to the target at all points, tidied up; None if there are none."""
    if 2 * len(columns) > len(target):
        return None
    matrix = np.stack(columns, axis=1)
    k = np.array([nice(float(x)) for x in np.linalg.lstsq(matrix, target, rcond=None)[0]])
    k[np.max(abs(matrix), axis=0) == 0.0] = 0.0
    return k if same(matrix @ k, target, 1e-7) else None
