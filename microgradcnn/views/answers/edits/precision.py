"""How exactly an answer is right: with rounded numbers, within a tolerance, at points between which it may differ."""

from __future__ import annotations

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Value
from microgradcnn.views.answers.evidence import Evidence

LEAST = 3  # digits of a number that may be a rounded one
NOT_PROVED = "; that is no proof: what differs between the points alone would not be seen"
_STEEP = {"where", "less", "less_equal", "greater", "greater_equal", "equal", "abs", "sign", "relu"}
_STEEP |= {"maximum", "minimum", "floor", "ceil", "round"}
_SMALL = 1e4  # numbers whose rounding cannot be seen
_LARGE = 1e3  # a number that can make something steep


def digits_of(x: float) -> int:
    """How many digits a decimal has that matter; 0 for a whole number."""
    if x.is_integer():
        return 0
    return len(repr(abs(x)).split("e")[0].replace(".", "").lstrip("0"))


def half_a_unit(x: float) -> float:
    """Half a unit in the last place of a decimal."""
    mantissa, _, exponent = repr(abs(x)).partition("e")
    return 0.5 * 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))


def rounded(evidence: Evidence, answer: Value, values: Array) -> int:
    """To how many digits an answer with rounded numbers is right; 0 if it is not."""
    order = topological(answer)
    numbers = [x for x in order if x.op is None and x.label is None and digits_of(float(x.data)) >= LEAST]
    allowed = 1e-12 * np.max(abs(evidence.g)) + 0.0 * values
    for number in numbers:
        moved = evidence.points(number) + half_a_unit(float(number.data))
        allowed = allowed + abs(evidence.points.instead(order, {number: moved}) - values)
    right = bool(numbers) and bool(np.all(abs(values - evidence.g) <= 1.001 * allowed))
    return min(digits_of(float(x.data)) for x in numbers) if right else 0


def near(values: Array, wanted: Array, tolerance: float) -> bool:
    """Whether two gradients differ by a share of their size at most, at every point."""
    size = np.maximum(np.maximum(abs(values), abs(wanted)), np.mean(abs(wanted)))
    return bool(np.all(abs(values - wanted) <= tolerance * size))


def plainly_other(evidence: Evidence, answer: Value) -> bool:
    """Whether an answer differs at most points, and by far more than rounding could make of numbers that are small."""
    values = evidence.points(answer)
    far = abs(values - evidence.g) > 1e-3 * np.maximum(abs(values), abs(evidence.g)) + 1e-6
    return float(np.mean(far)) > 0.5 and all(np.max(abs(x)) < _SMALL for x in evidence.points.known.values())


def could_differ_between(evidence: Evidence, answer: Value) -> bool:
    """Whether a formula has steps or large numbers in it that the gradient has not, and so could be steep somewhere."""
    steep = _STEEP - {node.op.name for node in evidence.order if node.op is not None}
    order = topological(answer)
    large = any(x.op is None and x.label is None and abs(float(x.data)) > _LARGE for x in order)
    return large or any(x.op is not None and x.op.name in steep for x in order)
