"""Answers are judged where a loss means something: bounds keep their signs and their order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from answers_table import Case

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.views.answers.points import Points, bounds_in


def leaves(**numbers: float) -> list[Value]:
    return [Value(number, label=label) for label, number in numbers.items()]


def of_an_error(form: Callable[[Value, Value], Value], **bound: float) -> tuple[Value, Value]:
    """form(u, δ) of the error u = wx − y, and w."""
    w, x, y, delta = leaves(w=0.5, x=1.5, y=1.0, **bound)
    u = w * x - y
    u.label = "u"
    f = form(u, delta)
    f.label = "f"
    return f, w


def least(u: Value, delta: Value) -> Value:
    m = mg.minimum(mg.abs(u), delta)
    return 0.5 * m**2 + delta * (mg.abs(u) - m)


HUBER: dict[str, Callable[[Value, Value], Value]] = {
    "by size": lambda u, d: mg.where(mg.abs(u) <= d, 0.5 * u**2, d * (mg.abs(u) - 0.5 * d)),
    "by sides": lambda u, d: mg.where(u > d, d * (u - 0.5 * d), mg.where(u < -d, d * (-u - 0.5 * d), 0.5 * u**2)),
    "by the least": least,
    "by relu": lambda u, d: 0.5 * u**2 - 0.5 * mg.relu(mg.abs(u) - d) ** 2,
}
ANSWERS = {
    "max(-δ, min(u, δ)) x": True,
    "min(δ, max(u, -δ))x": True,
    "{u if |u| <= δ, else δ sign(u)}x": True,
    "u x": False,
    "δ sign(u) x": False,
    "max(-δ, min(u, δ))": False,
    "-max(-δ, min(u, δ)) x": False,
}
CASES = [
    Case(*of_an_error(form, delta=0.4), text, right, (), name)
    for name, form in HUBER.items()
    for text, right in ANSWERS.items()
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.told}: {case.answer}")
def test_a_huber_loss_of_a_leaf_is_judged_where_its_bound_is_one(case: Case) -> None:
    assert case.check().right == case.right


def test_bounds_keep_their_order() -> None:
    w, x, low, high = leaves(w=0.5, x=1.5, a=0.25, b=0.5)
    z = w * x
    f = mg.where(z > high, high, mg.where(z < low, low, z)) ** 2
    assert {*bounds_in(f)} == {low, high}
    for near in (False, True):
        points = Points([f], near, bounds=bounds_in(f))
        assert (points(low) > 0.0).all()
        assert np.allclose(points(high) / points(low), 2.0, rtol=1e-12)
    (g,) = mg.grad(f, [w])
    assert mg.check_answer("2max(a, min(wx, b)) x {1 if wx > a, else 0} {1 if wx < b, else 0}", g, f, w)


def test_targets_inputs_and_what_is_not_compared_are_no_bounds() -> None:
    w, x, y, v = leaves(w=0.5, x=1.5, y=1.0, v=2.0)
    q = w * x
    loss = mg.where(q > y, q - y, 0.5 * (y - q)) + mg.relu(w + v * q) + mg.maximum(x, v) + mg.abs(q - v)
    assert bounds_in(loss) == []
