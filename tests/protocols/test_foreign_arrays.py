"""Masked arrays, whose mask must not be dropped, and the tables of pandas, which count as the arrays inside."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.estimator import MicrogradRegressor
from microgradcnn.fit import accuracy, fit, train
from microgradcnn.networks import NETWORKS

A = np.array([1.0, 2.0, 3.0])
ROWS = np.array([[1.0, 2.0], [0.5, 0.0], [3.0, 1.0]])
MASKED = np.ma.array(A, mask=[False, True, False])
MASKED_ROWS = np.ma.array(ROWS, mask=np.eye(3, 2, dtype=bool))
MASKED_BITS = np.ma.array([0.0, 1.0, 1.0], mask=[True, False, False])


def model() -> nn.Linear:
    return nn.Linear(2, 1, rng=np.random.default_rng(0))


def network() -> Any:
    return NETWORKS["single_layer"](m=2)


def program() -> Any:
    x = Value(A, label="x")
    return mg.compile(mg.mean(x * x), [], [x])


TAKEN_IN: dict[str, Callable[[Value], Any]] = {  # wherever data come in, given a Value of the same shape
    "Value": lambda v: Value(MASKED),
    "integers": lambda v: Value(np.ma.array([1, 2], mask=[True, False])),
    "a list": lambda v: Value([A, MASKED]),
    "a nested list": lambda v: Value([[A], (MASKED,)]),
    "masked": lambda v: Value(np.ma.masked),
    "a list with masked": lambda v: Value([1.0, np.ma.masked]),
    **{f"v {f.__name__}": lambda v, f=f: f(v, MASKED) for f in (operator.add, operator.lt, operator.eq)},
    **{f"{f.__name__} v": lambda v, f=f: f(MASKED, v) for f in (operator.add, operator.mul, operator.lt, operator.eq)},
    "maximum": lambda v: mg.maximum(v, MASKED),
    "where": lambda v: mg.where(MASKED_BITS > 0, v, 0.0),
    "stack": lambda v: mg.stack([v, MASKED]),
    "sum": lambda v: mg.sum(MASKED),
    "reshape": lambda v: mg.reshape(MASKED, (3, 1)),
    "np.add": lambda v: np.add(v, MASKED),
    "new data": lambda v: setattr(v, "data", MASKED),
    "a seed": lambda v: (v * 2.0).backward(MASKED),
    "a seed of grad": lambda v: mg.grad(v * 2.0, [v], seed=MASKED),
    "an index": lambda v: v[np.ma.array([0, 1], mask=[True, False])],
    "a boolean index": lambda v: v[np.ma.array([True, True, False], mask=[True, False, False])],
    "a model": lambda v: model()(MASKED_ROWS),
    "a state": lambda v: model().load_state_dict({"weight": MASKED_ROWS[:1], "bias": np.zeros(1)}),
    "fit x": lambda v: fit(model(), MASKED_ROWS, ROWS[:, :1], epochs=1),
    "fit y": lambda v: fit(model(), ROWS, MASKED[:, None], epochs=1),
    "a network": lambda v: network().predict(MASKED_ROWS),
    "an example": lambda v: network().example(MASKED_ROWS[0], 1.0),
    "train x": lambda v: train(network(), MASKED_ROWS, A, epochs=1),
    "train y": lambda v: train(network(), ROWS, MASKED_BITS, epochs=1),
    "accuracy": lambda v: accuracy(network(), ROWS, MASKED_BITS),
    "a program": lambda v: program()(MASKED),
    "a trainer": lambda v: program().bind(MASKED),
    "an estimator": lambda v: MicrogradRegressor().fit(MASKED_ROWS, A),
    "an estimator's targets": lambda v: MicrogradRegressor().fit(ROWS, MASKED),
    "mse": lambda v: nn.mse_loss(v, MASKED),
    "cross-entropy": lambda v: nn.cross_entropy(Value(np.eye(3)), MASKED_BITS),
    "binary cross-entropy": lambda v: nn.binary_cross_entropy_with_logits(v, MASKED_BITS),
    "hinge": lambda v: nn.hinge_loss(v, np.ma.array([1.0, -1.0, 1.0], mask=[True, False, False])),
}


@pytest.mark.parametrize("where", TAKEN_IN)
def test_masked_entries_are_refused(where: str) -> None:
    with pytest.raises((TypeError, ValueError), match="mask") as caught:
        TAKEN_IN[where](Value(A, label="v"))
    assert "\n" not in str(caught.value)
    assert ".filled(number)" in str(caught.value)


def test_an_array_that_masks_nothing_is_an_array() -> None:
    whole = np.ma.array(A)
    assert Value(whole).data.tolist() == A.tolist()
    assert (Value(A) * whole).data.tolist() == (A * A).tolist()
    assert Value(whole.compressed()).data.tolist() == A.tolist()
    assert model()(np.ma.array(ROWS)).data.tolist() == model()(ROWS).data.tolist()


TABLES = [pd.Series(A), pd.Series(A, index=list("abc")), pd.Index(A), pd.DataFrame(ROWS.T), pd.Series([1, 2, 3])]
OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.lt, operator.ge]


@pytest.mark.parametrize("table", TABLES, ids=lambda t: f"{type(t).__name__} {t.shape}")
@pytest.mark.parametrize("operate", [*OPERATORS, operator.eq, operator.ne], ids=lambda f: f.__name__)
def test_a_table_in_an_operator_is_the_array_inside(operate: Callable[..., Any], table: Any) -> None:
    for v in (Value(A + 0.5), Value(2.0)):
        with np.errstate(divide="ignore"):
            right, left = operate(table.to_numpy(), v.data), operate(v.data, table.to_numpy())
        for found, expected in ((operate(table, v), right), (operate(v, table), left)):
            assert type(found) is Value
            np.testing.assert_allclose(found.data, expected, rtol=1e-15)
            assert found.op is not None


def test_a_table_in_a_product() -> None:
    table, v = pd.DataFrame(ROWS), Value([0.5, -1.0], label="v")
    for found in (mg.matmul(table, v), v @ table.T):
        np.testing.assert_allclose(found.data, ROWS @ v.data, rtol=1e-15)
    for product in (lambda: table @ v, lambda: pd.Series(v.data) @ v):  # pandas asks for an array before it asks us
        with pytest.raises(TypeError, match=r"mg\.matmul\(df, v\)"):
            product()


def test_a_table_in_a_model_and_a_function() -> None:
    table = pd.DataFrame(ROWS, columns=["a", "b"])
    np.testing.assert_array_equal(model()(table).data, model()(ROWS).data)
    deep = nn.Sequential(nn.ReLU(), model())
    np.testing.assert_array_equal(deep(table).data, deep(ROWS).data)
    np.testing.assert_array_equal(mg.exp(table), np.exp(ROWS))
    np.testing.assert_array_equal(mg.exp(table["a"]), np.exp(ROWS[:, 0]))
