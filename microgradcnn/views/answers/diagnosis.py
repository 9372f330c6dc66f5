"""What a diagnosis is, and the words for numbers and lists in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal[
    "factor",  # a constant factor
    "sign",
    "missing path",  # of the sum over the z's
    "extra path",
    "inner derivative",  # z(1 − z), or relu's
    "missing factor",
    "extra factor",
    "index",  # one name where a sibling belongs
    "other parameter",  # right, but of another parameter
    "root",  # √f where ŷ − y is meant
    "added",  # a sum where a product belongs
    "multiplied",  # a product where a sum belongs
    "product of sums",  # where a sum of products belongs
    "missing y",  # ŷ or y where ŷ − y belongs
    "missing -1",  # q where q − 1 belongs
    "regularisation",
    "zero",
    "undefined",
    "unknown",
]


@dataclass(frozen=True)
class Diagnosis:
    """One mistake: its kind, a clause that says it, the wrong factor if there is one, and the names concerned.

    `names` holds the z's of a path; (used, right) for an index; the parameter whose gradient it is. `columns` are where
    the first of them stands in the answer, if it is what is wrong there; `mention` is which of several mentions it is.
    `nodes` are those of the graph that the paths concerned go through, where it is about paths: one after the other, or
    each on a path of its own, as the graph has them; `direct` ones go from the first to the second at once.
    """

    kind: Kind
    clause: str
    factor: float | None = None
    names: tuple[str, ...] = ()
    columns: tuple[int, ...] = ()
    mention: int | None = None
    nodes: tuple[str, ...] = ()
    direct: bool = False


Found: TypeAlias = tuple[Diagnosis, ...]  # empty if nothing fits


def is_close(k: float, wanted: float) -> bool:
    """Whether k is the number wanted, but for rounding."""
    return abs(k - wanted) <= 1e-8 * abs(wanted)


def nice(k: float) -> float:
    """k as a fraction with a small denominator, if it is one but for rounding."""
    near = _near(k)
    return near if abs(k - near) <= 1e-6 * max(1e-3, abs(k)) else k


def is_tidy(k: float) -> bool:
    """Whether k is a fraction with a small denominator, and no number out of all proportion."""
    return abs(k) < 1e6 and abs(k - _near(k)) <= 1e-8 * abs(k)


def number(k: float) -> str:
    """A factor in words: 2, 1/4, 0.3333."""
    if is_tidy(k):
        return str(Fraction(k).limit_denominator(64)).replace("-", "−")
    words = f"{k:.4g}"
    return words if abs(float(words)) != 1.0 else f"{k:.9g}"  # "1 times" would say that it is right


def _near(k: float) -> float:
    return float(Fraction(k).limit_denominator(64)) if abs(k) < 1e15 else k


def listed(names: Sequence[str]) -> str:
    """z_1, z_2 and z_3."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
