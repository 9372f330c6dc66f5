"""Mistakes in the sum over the z's: a wrong answer is taken apart into the terms that the sum is made of.

df/dθ = Σ df/dz_i · dz_i/da_i · da_i/dθ. The answer is solved for the numbers by which such terms add up to it: the
right ones, those of another parameter, or those with something else in place of the inner derivative.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from microgradcnn.views.answers.diagnosis import Diagnosis, Found, Kind, listed, nice, number, scaled
from microgradcnn.views.answers.evidence import Array, Chain, Evidence, Path, letter, same


def inner_text(evidence: Evidence, zs: Sequence[str]) -> str:
    """dz/da as it is written, with an index i for several z's."""
    z = zs[0] if len(zs) == 1 else f"{letter(zs[0])}_i"
    return f"{z}(1 − {z})" if evidence.activation == "sigmoid" else f"{evidence.activation}'({z.replace('z', 'a', 1)})"


def wrong_paths(evidence: Evidence, a: Array) -> Found:
    """Paths that are missing, counted twice or weighed wrongly."""
    paths = evidence.paths()
    k = _solved([path.total for path in paths], a - evidence.regularisation) if paths else None
    return () if k is None or not np.any(k) else _of_coefficients(paths, k, evidence.name)


def _of_coefficients(paths: Sequence[Path], k: Array, name: str) -> Found:
    usual = 1.0 if np.any(k == 1.0) else float(Counter(k[k != 0.0].tolist()).most_common(1)[0][0])
    groups: dict[float, list[str]] = {}
    for path, x in zip(paths, k.tolist(), strict=True):
        groups.setdefault(nice(x / usual), []).append(path.z)
    found: list[Diagnosis] = []
    for x, zs in groups.items():
        through, be, have = _through(zs)
        wrong: dict[float, tuple[Kind, str]] = {
            0.0: ("missing path", f"{be} missing"),
            2.0: ("extra path", f"{be} counted twice"),
            -1.0: ("sign", f"{have} the wrong sign"),
        }
        kind, words = wrong.get(x, ("factor", f"{be} {number(x)} times what it should be"))
        if x != 1.0:
            found.append(Diagnosis(kind, f"{through} {words}", None if x in (0.0, 2.0) else x, tuple(zs)))
    return (*found, *scaled(usual, "" if found else name))


def _through(zs: Sequence[str]) -> tuple[str, str, str]:
    """The path through z_1 is and has, or the paths through z_1 and z_2 are and have."""
    some, be, have = ("paths", "are", "have") if len(zs) > 1 else ("path", "is", "has")
    return f"the {some} through {listed(zs)}", be, have


def extra_paths(evidence: Evidence, a: Array) -> Found:
    """Terms that belong to a sibling of θ: too much, or in the place of θ's own."""
    own, theta = evidence.paths(), evidence.theta
    if not own or theta is None:
        return ()
    kin = [v for v in evidence.leaves() if v is not theta and letter(str(v.label)) == letter(str(theta.label))]
    for other in kin:
        theirs = evidence.paths(other)
        k = _solved([path.total for path in (*own, *theirs)], a - evidence.regularisation) if theirs else None
        if k is None:
            continue
        lost = [path.z for path, x in zip(own, k, strict=False) if x == 0.0]
        more = [path.z for path, x in zip(theirs, k[len(own) :], strict=True) if x != 0.0]
        if np.all(k[: len(own)] == 1.0) and more:
            through, be, _ = _through(more)
            clause = f"{through} {be} too much: that is how {other.label} acts"
            return (Diagnosis("extra path", clause, None, tuple(more)),)
        if more and more == lost:
            clause = f"the term of {listed(more)} is that of df/d{other.label}, not of {evidence.name}"
            return (Diagnosis("index", clause, None, (str(other.label), str(theta.label))),)
    return ()


# What may stand in place of dz/da · da/dθ, and how to say so.
_INNER = "the inner derivative of {zs} is {inner}, "
_INSTEAD: list[tuple[Kind, str, Callable[[Chain], Array]]] = [
    ("inner derivative", "the inner derivative {inner} is missing for {zs}", lambda c: c.last),
    ("inner derivative", _INNER + "not the value alone", lambda c: c.last * c.z),
    ("inner derivative", _INNER + "not 1 − z alone", lambda c: c.last * (1.0 - c.z)),
    ("inner derivative", _INNER + "not sigmoid's z(1 − z)", lambda c: c.last * c.z * (1.0 - c.z)),
    ("inner derivative", _INNER + "not tanh's 1 − z²", lambda c: c.last * (1.0 - c.z**2)),
    ("inner derivative", _INNER + "in terms of z and not of a", lambda c: c.last * c.a * (1.0 - c.a)),
    ("inner derivative", "the inner derivative of {zs} stands there squared", lambda c: c.last * c.inner**2),
    ("missing factor", "da/d{theta} is missing in the term of {zs}", lambda c: c.inner),
]


def wrong_inner(evidence: Evidence, a: Array) -> Found:
    """Something else in place of the inner derivative, in some of the terms or in all."""
    paths = evidence.paths()
    chains = [path.chain for path in paths if path.chain is not None]
    if not paths or len(chains) < len(paths) or evidence.theta is None:
        return ()
    for kind, wrong, instead in _INSTEAD:
        terms = [chain.outer * instead(chain) for chain in chains]
        k = _solved([*(path.total for path in paths), *terms], a - evidence.regularisation)
        if k is None or not np.any(k):
            continue
        right, wrongly = k[: len(paths)], k[len(paths) :]
        usual = float(k[k != 0.0][0])
        if np.any(wrongly) and np.all(right + wrongly == usual) and np.all(right * wrongly == 0.0):
            zs = [path.z for path, x in zip(paths, wrongly, strict=True) if x != 0.0]
            clause = wrong.format(inner=inner_text(evidence, zs), zs=listed(zs), theta=evidence.theta.label)
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
