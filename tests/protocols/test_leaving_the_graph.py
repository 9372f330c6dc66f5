"""A number that leaves its graph without anybody having written so is told of, at the user's own line."""

from __future__ import annotations

import copy
import math
import operator
import pickle
import statistics
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import Value


def node() -> Value:
    """s² at s = 2.25, from a leaf of the user's."""
    s = Value(2.25, label="s")
    return s * s


def caught(call: Callable[[], Any]) -> tuple[Any, list[warnings.WarningMessage]]:
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        return call(), found


def into(array: np.ndarray, v: Value) -> float:
    array[0] = v
    return array[0]


LEAVES: dict[str, tuple[Callable[[Value], Any], Any]] = {  # what leaves the graph, and what it gives for 2.25² = 5.0625
    "float": (float, 5.0625),
    "complex": (complex, 5.0625 + 0j),
    "int": (int, 5),
    "round": (round, 5),
    "round to digits": (lambda v: round(v, 2), 5.06),
    "trunc": (math.trunc, 5),
    "floor": (math.floor, 5),
    "ceil": (math.ceil, 6),
    "math.exp": (math.exp, math.exp(5.0625)),
    "math.sqrt": (math.sqrt, 2.25),
    "math.pow": (lambda v: math.pow(v, 2), 5.0625**2),
    "math.fsum": (lambda v: math.fsum([v, 1.0]), 6.0625),
    "math.isclose": (lambda v: math.isclose(v, 5.0625), True),
    "np.float64": (np.float64, 5.0625),
    "assignment": (lambda v: into(np.zeros(2), v), 5.0625),
    "assignment, float32": (lambda v: into(np.zeros(2, np.float32), v), 5.0625),
    "fill": (lambda v: np.zeros(2).fill(v), None),
    "percent": (lambda v: "%.2f" % v, "5.06"),  # noqa: UP031
    "a function of the standard library": (lambda v: statistics.fmean([v]), 5.0625),
}


@pytest.mark.parametrize("how", LEAVES)
def test_python_takes_the_number_and_the_user_is_told_where(how: str) -> None:
    use, expected = LEAVES[how]
    got, found = caught(lambda: use(node()))
    assert got == expected
    assert found
    for warning in found:
        assert warning.category is mg.GraphLeft
        assert warning.filename == __file__
        text = str(warning.message)
        assert "\n" not in text
        for part in ("an unlabelled result of mul", "mg.exp", "mg.stack", ".item()", ".detach()"):
            assert part in text


SCRIPT = """
import math
import numpy as np
import microgradcnn as mg

w = mg.Value(0.5, label="w")
a = np.zeros(1)
for _ in range(3):
    f = w * math.exp(w)
    a[0] = f
"""


@pytest.mark.slow
def test_python_shows_it_once_a_line() -> None:
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    shown = [line for line in run.stderr.splitlines() if "GraphLeft" in line]
    assert [line.split(" ")[0] for line in shown] == ["<string>:9:", "<string>:10:"]
    assert "float() of w leaves the graph" in shown[0]
    assert "w.item()" in shown[0]


QUIET: dict[str, Callable[[Value], Any]] = {
    "item": Value.item,
    "format": lambda v: f"{v:.4f} {v}",
    "print": print,
    "repr": repr,
    "bool": bool,
    "not": operator.not_,
    "data": lambda v: math.exp(v.data),
    "detach": lambda v: float(v.detach()),
    "a node of detached leaves": lambda v: float((v.detach() * 2.0).exp()),
    "a copy of a detached leaf": lambda v: float(copy.deepcopy(v.detach())),
    "a detached leaf from another process": lambda v: float(pickle.loads(pickle.dumps(v.detach()))),
    "a constant of the graph": lambda v: float((v * 2.0).parents[1]),
    "a comparison": lambda v: float(v > 1.0),
    "an accuracy": lambda v: float(mg.mean((mg.stack([v, v]) > 1.0) == np.array([True, False]))),
    "sum": lambda v: sum([v, v]),
    "max": lambda v: max(v, v + 1.0),
}


@pytest.mark.parametrize("how", QUIET)
def test_what_is_meant_stays_quiet(how: str) -> None:
    assert not caught(lambda: QUIET[how](node()))[1]


def test_what_was_not_recorded_has_left_already() -> None:
    s = Value(2.0)
    with mg.no_grad():
        assert not caught(lambda: float(s))[1]
        squared = s * s
    assert not caught(lambda: float(squared + 1.0))[1]
    assert caught(lambda: float(squared + s))[1]


@pytest.mark.parametrize("make", [lambda: Value(2.0), lambda: copy.copy(Value(2.0)), lambda: copy.deepcopy(Value(2.0))])
def test_a_leaf_of_the_users_is_told_of(make: Callable[[], Value]) -> None:
    assert caught(lambda: float(make()))[1]
    assert caught(lambda: float(pickle.loads(pickle.dumps(make() * 2.0))))[1]


INDEX = [lambda v: [1, 2][v], range, operator.index, lambda v: slice(v).indices(3)]


@pytest.mark.parametrize("use", INDEX)
def test_a_value_is_no_index(use: Callable[[Value], Any]) -> None:
    with pytest.raises(TypeError, match=r"s is a Value, and its number is a float, no index: int\(s\.item\(\)\)"):
        use(Value(1.0, label="s"))


@pytest.mark.parametrize("use", [float, int, round, math.exp, complex])
def test_more_than_one_number_is_refused_without_a_warning(use: Callable[[Any], Any]) -> None:
    with pytest.raises(ValueError, match=r"w has shape \(2,\): only one number can become a Python float"):
        use(Value([1.0, 2.0], label="w"))
