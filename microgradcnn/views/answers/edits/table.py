"""The mistakes as data: what may stand where a local derivative belongs, the sentences, and how far a search goes.

Formulas are in the notation of answers, of v, the value of a function, x, its input, d, its derivative, and s, its
derivative at v where that at x is meant. Pages have the same table: all that is in SPECIFICATION.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from microgradcnn.views.answers.diagnosis import Diagnosis, Found, Kind, is_close, nice, number

LINEAR = ("add", "sub", "mul", "div", "neg")  # operations whose derivative is no inner derivative
WRITTEN = {"sigmoid": "{z}(1 − {z})", "tanh": "1 − {z}²"}  # how inner derivatives are written, where not σ'(a)

# The most edges of paths, nodes of them of which any two are looked at, and any two with names, nodes of a cut, names
# that may be taken for another, numbers between two of a kind, quantities that may be a factor, paths of which each is
# tried with every one, edges of which any two are edited, and parts of formulas that are evaluated for a wrong name.
BOUNDS = {"edges": 160, "linked": 64, "named": 40, "cut": 64, "kin": 16, "shift": 8, "quantities": 200, "paths": 8}
BOUNDS |= {"paired": 60, "written": 100_000, "steps": 1_000_000}

INNER = "the inner derivative of {zs} is {inner}, "
# What may stand in place of dz/da: the kind of the mistake, the words, the formula.
INSTEAD: list[tuple[Kind, str, str]] = [
    ("inner derivative", "the inner derivative {inner} is missing for {zs}", "1"),
    ("inner derivative", INNER + "not the value alone", "v"),
    ("inner derivative", INNER + "not {one} alone", "1 - v"),
    ("inner derivative", INNER + "not sigmoid's z(1 − z)", "v*(1 - v)"),
    ("inner derivative", INNER + "not tanh's 1 − z²", "1 - v^2"),
    ("inner derivative", INNER + "with a minus and not a plus", "v*(1 + v)"),
    ("inner derivative", INNER + "with a minus and not a plus", "1 + v^2"),
    ("inner derivative", INNER + "with a square", "1 + v"),
    ("inner derivative", INNER + "in terms of z and not of a", "x*(1 - x)"),
    ("inner derivative", INNER + "in terms of z and not of a", "1 - x^2"),
    ("inner derivative", INNER + "taken at a and not at z", "s"),
    ("inner derivative", INNER + "not the value squared", "v^2"),
    ("inner derivative", INNER + "not the argument", "x"),
    ("inner derivative", INNER + "not a step", "[x > 0]"),
    ("inner derivative", INNER + "not sigmoid's at {a}", "sigmoid(x)*(1 - sigmoid(x))"),
    ("inner derivative", INNER + "not tanh's at {a}", "1 - tanh(x)^2"),
    ("inner derivative", INNER + "which is not 1/{inner}", "1/d"),
    ("inner derivative", "the inner derivative of {zs} stands there squared", "d^2"),
]

# What is said of the others by their names: the kind of the mistake, and the words. A path goes through {n}, and
# through {m} before it.
SAID: dict[str, tuple[Kind, str]] = {
    "nothing": ("zero", "{df} is 0 at every point, and your answer is not"),
    "zero": ("zero", "your answer is 0 at every point, and {df} is not"),
    "undefined": ("undefined", "your answer is not a number at some points where the gradient is one"),
    "unknown": ("unknown", "none of the usual mistakes explains it; at {at} it gives {a} where {df} is {g}"),
    "minus": ("sign", "the sign is wrong"),
    "minus the gradient": ("sign", "the sign is wrong: it is −{of}"),
    "times": ("factor", "a constant factor is wrong: it is {k} times {of}"),
    "other": ("other parameter", "this is df/d{q}, not {df}"),
    "turned": ("other parameter", "this is df/d{q}, not {df}: the indices are exchanged"),
    "root of several": ("root", "√f is not ŷ − y: over several rows it is no single difference"),
    "root of no square": ("root", "√f does not belong here: this f is no square"),
    "root of more": ("root", "√f is not |ŷ − y| here, for f is not (ŷ − y)² alone: write ŷ − y"),
    "root beside λ": ("root", "√f is not |ŷ − y| where λ > 0, and never negative: write ŷ − y"),
    "root": ("root", "√f is |ŷ − y|, which has lost the sign where ŷ < y: write ŷ − y"),
    "root alone": ("root", "√f is |ŷ − y|, which has lost the sign where ŷ < y: right only if you read √f as ŷ − y"),
    "absolute": ("root", "|ŷ − y| has lost the sign of ŷ − y: it is wrong where ŷ < y"),
    "λ alone": ("regularisation", "the regularisation gives 2λ{q}: it stands there without its {q}"),
    "λ and a square": (
        "regularisation",
        "the regularisation gives 2λ{q}: it stands there as λ{q}², which is not derived",
    ),
    "λ of no loss": ("regularisation", "there is no regularisation in this f: leave out the term with {q} alone"),
    "λ only": ("missing path", "the term 2λ{q} of the regularisation stands there alone: the rest of {df} is missing"),
    "λ missing": ("regularisation", "the term 2λ{q} of the regularisation is missing"),
    "λ times": ("regularisation", "the regularisation gives 2λ{q}: you have {k} times that"),
    "λ of others": ("regularisation", "the regularisation gives 2λ{q} alone: {p} stand there too"),
    "paths missing": ("missing path", "{through} {are} missing"),
    "paths twice": ("extra path", "{through} {are} counted twice"),
    "paths minus": ("sign", "{through} {have} the wrong sign"),
    "paths times": ("factor", "{through} {are} {k} times what it should be"),
    "paths of another": ("extra path", "{through} {are} too much: that is how {q} acts"),
    "gradient of another": ("extra path", "the paths from {q} to f are too much: they belong to df/d{q}"),
    "term of another": ("index", "the term of {zs} is that of df/d{q}, not of {df}"),
    "last": ("missing factor", "da/d{theta} is missing in the term of {zs}"),
    "factor too much": ("extra factor", "the factor {q} is too much"),
    "factor missing": ("missing factor", "the factor {q} is missing"),
    "inner missing": ("inner derivative", "the inner derivative {q} is missing"),
    "of inner missing": ("inner derivative", "the inner derivative of {z} is {inner}: {q} is missing"),
    "another": ("index", "{q} stands where {p} belongs"),
    "another once": ("index", "{q} stands once where {p} belongs"),
    "exchanged": ("index", "{q} and {p} are exchanged"),
    "node": ("missing path", "the path through {n} is missing"),
    "edge": ("missing path", "the path from {m} to {n} is missing"),
    "node twice": ("extra path", "the path through {n} is counted twice"),
    "edge twice": ("extra path", "the path from {m} to {n} is counted twice"),
    "node minus": ("sign", "the path through {n} has the wrong sign"),
    "edge minus": ("sign", "the path from {m} to {n} has the wrong sign"),
    "two nodes": ("missing path", "the path through {m} and {n} is missing"),
    "cut": ("missing factor", "{slope} is missing in the chain"),
    "cut inner": ("inner derivative", "{slope} is missing in the chain"),
    "factor": ("missing factor", "the factor {q} is missing in the path through {n}"),
    "factor twice": ("extra factor", "the factor {q} stands twice in the path through {n}"),
    "factor more": ("extra factor", "the factor {q} is too much in the path through {n}"),
    "factors": ("missing factor", "the factors {q} are missing in all paths"),
    "factors twice": ("extra factor", "the factors {q} stand twice in all paths"),
    "one factor": ("missing factor", "the factor {q} is missing in all paths"),
    "one factor twice": ("extra factor", "the factor {q} stands twice in all paths"),
    "two factors": ("missing factor", "the factors {p} and {q} are missing"),
    "all of a maximum": ("extra path", "a {op} sends its gradient to one input alone, not to each of {p}"),
    "sibling": ("index", "{q} stands where {p} belongs, in the path through {n}"),
    "siblings": ("index", "{q} stand where {p} belong"),
    "instead of siblings": ("index", "{q} stands in all paths where {p} belong"),
    "another's path": ("extra path", "a path with {q} is too much: only {p} belongs there"),
    "minuend": ("missing y", "{q} stands where {q} − {y} belongs"),
    "subtrahend": ("missing y", "{y} stands where {q} − {y} belongs"),
    "plus": ("sign", "{q} + {y} stands where {q} − {y} belongs"),
    "one": ("missing -1", "{q} stands where {q} − 1 belongs"),
    "product of sums": (
        "product of sums",
        "a product of sums is no sum of products: every path has factors of its own",
    ),
    "of another": ("inner derivative", "the inner derivative stands there of {q}, not of {zs}"),
    "summand": ("extra path", "a term with {q} is too much in a sum"),
    "added": ("added", "a sum stands where a product belongs"),
    "multiplied": ("multiplied", "a product stands where a sum belongs"),
}

# All of this, as data for pages.
SPECIFICATION: dict[str, Any] = {
    "linear": LINEAR,
    "written": WRITTEN,
    "bounds": BOUNDS,
    "instead": INSTEAD,
    "said": SAID,
}


def said(name: str, names: tuple[str, ...] = (), factor: float | None = None, /, **words: str) -> Diagnosis:
    """A mistake in the words of the table."""
    nodes = tuple(words[key] for key in ("m", "n") if key in words)
    return replace(told(*SAID[name], names, factor, nodes, **words), direct=name.startswith("edge"))


def told(
    kind: Kind, sentence: str, names: tuple[str, ...], factor: float | None, nodes: tuple[str, ...], /, **words: str
) -> Diagnosis:
    """A mistake in the words of a sentence."""
    factor = -1.0 if kind == "sign" else factor
    return Diagnosis(kind, sentence.format(**words), factor, names, nodes=nodes)


def scaled(k: float | None, of: str = "") -> Found:
    """What to say of an answer that is k times what it should be, `of` by name; nothing for 1."""
    if k is None or is_close(k, 1.0):
        return ()
    if is_close(k, -1.0):
        return (said("minus the gradient" if of else "minus", of=of),)
    return (said("times", (), nice(k), k=number(k), of=of or "what it should be"),)
