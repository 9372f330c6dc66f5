"""The edits as data: what may stand where a local derivative belongs, and the sentences for every mistake.

Formulas are in the notation of answers, of v, the value of a function, x, its input, d, its derivative, and s, its
derivative at v where that at x is meant. The page has the same table (assets/edits.js).
"""

from __future__ import annotations

INNER = "the inner derivative of {zs} is {inner}, "
# What may stand in place of dz/da: the kind of the mistake, the words, the formula.
INSTEAD: list[tuple[str, str, str]] = [
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

# Where what comes after an inner derivative is left out.
LAST = ("missing factor", "da/d{theta} is missing in the term of {zs}")

# What is said of the other edits, by the name of the edit: the kind of the mistake, and the words. A path goes through
# {n}, and through {m} before it.
SAID: dict[str, tuple[str, str]] = {
    "node": ("missing path", "the path through {n} is missing"),
    "edge": ("missing path", "the path from {m} to {n} is missing"),
    "node twice": ("extra path", "the path through {n} is counted twice"),
    "edge twice": ("extra path", "the path from {m} to {n} is counted twice"),
    "node minus": ("sign", "the path through {n} has the wrong sign"),
    "edge minus": ("sign", "the path from {m} to {n} has the wrong sign"),
    "two nodes": ("missing path", "the path through {m} and {n} is missing"),
    "cut": ("missing factor", "d{n}/d{m} is missing in the chain"),
    "cut inner": ("inner derivative", "d{n}/d{m} is missing in the chain"),
    "factor": ("missing factor", "the factor {q} is missing in the path through {n}"),
    "factor twice": ("extra factor", "the factor {q} stands twice in the path through {n}"),
    "factor more": ("extra factor", "the factor {q} is too much in the path through {n}"),
    "factors": ("missing factor", "the factors {q} are missing in all paths"),
    "factors twice": ("extra factor", "the factors {q} stand twice in all paths"),
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
