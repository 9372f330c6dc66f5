"""A mask is never dropped: masked entries are refused wherever data comes in; and what pandas holds works as arrays."""

from __future__ import annotations

import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from many_cases import offenders
from sklearn.exceptions import ConvergenceWarning

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.data import load
from microgradcnn.data.readers import DataError, Dataset
from microgradcnn.estimator import MicrogradClassifier, MicrogradRegressor
from microgradcnn.experiment import experiment
from microgradcnn.fit import evaluate, fit, train
from microgradcnn.networks import single_layer


def masked(data: Any) -> np.ma.MaskedArray:
    """An array whose second entry, and no other, is masked."""
    array = np.ma.array(data)
    mask = np.zeros(array.size, bool)
    mask[1] = True
    return np.ma.array(data, mask=mask.reshape(array.shape))


THREE = masked([1.0, 2.0, 3.0])
V = np.array([1.0, -2.0, 0.5])

HELD: list[tuple[str, Any]] = [  # with a masked entry
    ("one of three", THREE),
    ("all of them", np.ma.masked_all(3)),
    ("whole numbers", masked([1, 2, 3])),
    ("float32", masked(np.ones(3, np.float32))),
    ("booleans", masked([True, False, True])),
    ("the masked constant", np.ma.masked),
    ("one number", np.ma.array(2.0, mask=True)),
    ("NaN behind the mask", np.ma.masked_invalid([1.0, np.nan, 3.0])),
    ("a matrix", masked(np.ones((2, 3)))),
    ("a view", masked(np.arange(6.0))[:3]),
    ("read-only", masked(np.ones(3))),
    ("a list of rows", [masked(np.ones(3)), np.ones(3)]),
    ("a tuple of rows", (np.ones(3), masked(np.ones(3)))),
    ("a constant in a list", [1.0, np.ma.masked, 3.0]),
    ("hard", np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0], hard_mask=True)),
]
HELD[10][1].flags.writeable = False


def refused(call: Callable[[], Any], about: str = "mask") -> None:
    """The call raises a sentence about the mask."""
    with pytest.raises((TypeError, ValueError), match=about) as caught:
        call()
    assert "\n" not in str(caught.value)


def works_or_is_refused(call: Callable[[], Any], expected: Any) -> None:
    """The call gives a Value of these numbers, or raises a sentence; never an array that has left the graph."""
    try:
        y = call()
    except TypeError as error:
        assert "\n" not in str(error)  # noqa: PT017, either is right
        return
    assert type(y) is Value
    np.testing.assert_allclose(y.data, expected, rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize("data", [h[1] for h in HELD], ids=[h[0] for h in HELD])
def test_no_value_holds_a_masked_entry(data: Any) -> None:
    refused(lambda: Value(data))
    refused(lambda: Value(data, label="x"))
    refused(lambda: Value(2.0) * data)
    refused(lambda: mg.maximum(Value(2.0), data))


OPERATORS = [
    *[operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.matmul],
    *[operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne],
]


@pytest.mark.parametrize("operate", OPERATORS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("data", [h[1] for h in HELD[:8]], ids=[h[0] for h in HELD[:8]])
def test_operators_refuse_a_masked_entry_on_either_side(operate: Callable[[Any, Any], Any], data: Any) -> None:
    if operate is operator.matmul and np.ndim(data) == 0:
        return
    for v in (Value(V, label="v"), Value(V, label="v") * 2.0):
        refused(lambda v=v: operate(v, data))
        refused(lambda v=v: operate(data, v), "mask|graph")  # where NumPy's own method runs first


IMAGES = np.ones((1, 1, 3, 3))

FUNCTIONS: list[tuple[str, Callable[[Value], Any]]] = [
    ("maximum", lambda v: mg.maximum(v, THREE)),
    ("maximum on the left", lambda v: mg.maximum(THREE, v)),
    ("minimum", lambda v: mg.minimum(v, THREE)),
    ("equal", lambda v: mg.equal(THREE, v)),
    ("power", lambda v: mg.power(v, THREE)),
    ("power on the left", lambda v: mg.power(THREE, v)),
    ("matmul", lambda v: mg.matmul(v, THREE)),
    ("matmul on the left", lambda v: mg.matmul(THREE, v)),
    ("where, condition", lambda v: mg.where(THREE > 1, v, 0.0)),
    ("where, first", lambda v: mg.where(v > 0, THREE, v)),
    ("where, second", lambda v: mg.where(v > 0, 0.0, THREE)),
    ("stack", lambda v: mg.stack([v, THREE])),
    ("concatenate", lambda v: mg.concatenate([THREE, v])),
    ("conv2d, image", lambda v: mg.conv2d(masked(IMAGES), Value(IMAGES))),
    ("conv2d, kernel", lambda v: mg.conv2d(Value(IMAGES), masked(IMAGES))),
    ("np.multiply", lambda v: np.multiply(v, THREE)),
    ("np.multiply on the left", lambda v: np.multiply(THREE, v)),
    ("np.add", lambda v: np.add(THREE, v)),
    ("np.matmul", lambda v: np.matmul(THREE, v)),
    ("np.maximum", lambda v: np.maximum(THREE, v)),
    ("np.where", lambda v: np.where(v > 0, THREE, v)),
    ("np.stack", lambda v: np.stack([v, THREE])),
    ("np.equal", lambda v: np.equal(THREE, v)),
    ("backward", lambda v: (v * 2.0).backward(THREE)),
    ("grad", lambda v: mg.grad(v * 2.0, [v], seed=THREE)),
    ("data", lambda v: setattr(v, "data", THREE)),
    ("mse_loss", lambda v: nn.mse_loss(v, THREE)),
    ("mse_loss, prediction", lambda v: nn.mse_loss(THREE, v)),
    ("hinge_loss", lambda v: nn.hinge_loss(v, masked(np.ones(3)))),
    ("binary_cross_entropy", lambda v: nn.binary_cross_entropy_with_logits(v, masked(np.ones(3)))),
    ("cross_entropy", lambda v: nn.cross_entropy(mg.stack([v, v]), masked([0, 1]))),
]


@pytest.mark.parametrize("call", [f[1] for f in FUNCTIONS], ids=[f[0] for f in FUNCTIONS])
def test_functions_refuse_a_masked_entry(call: Callable[[Value], Any]) -> None:
    refused(lambda: call(Value(V, label="v")))


# fmt: off
OF_RAW = [
    mg.abs, mg.exp, mg.expm1, mg.log, mg.log1p, mg.log_softmax, mg.max, mg.mean, mg.negative, mg.relu, mg.sigmoid,
    mg.softmax, mg.softplus, mg.sqrt, mg.square, mg.sum, mg.tanh, mg.transpose,
    *[lambda m, f=f: f(m, 1.0) for f in (mg.maximum, mg.minimum, mg.power, mg.equal)],
    lambda m: mg.reshape(m, 3, 1), lambda m: mg.broadcast_to(m, (2, 3)), lambda m: mg.getitem(m, slice(0, 2)),
    lambda m: mg.where(m > 0, m, 0.0), lambda m: mg.matmul(m, m), lambda m: mg.stack([m, m]),
    lambda m: mg.concatenate([m, m]), lambda m: mg.astype(m, np.float32),
]
# fmt: on


@pytest.mark.parametrize("function", OF_RAW, ids=lambda f: f.__name__)
def test_a_function_of_raw_numbers_refuses_or_keeps_the_mask(function: Callable[[Any], Any]) -> None:
    try:
        result = function(masked([1.0, 2.0, 3.0]))
    except (TypeError, ValueError) as error:
        sentence = str(error)
    else:
        assert np.ma.is_masked(result)
        return
    assert "mask" in sentence
    assert "\n" not in sentence


# Where rows come in

ROWS, CLASSES = np.linspace(-1, 1, 24).reshape(8, 3), np.arange(8) % 2
NUMBERS = ROWS.sum(1)


def linear(outputs: int = 2) -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, outputs, rng=np.random.default_rng(0)))


def program() -> mg.Program:
    w, x, y = Value(np.ones(3), label="w"), Value(ROWS[:2], label="x"), Value(NUMBERS[:2], label="y")
    return mg.compile((x @ w - y).square().mean(), [w], [x, y])


def in_scalars() -> mg.Program:
    w, x = Value(1.0, label="w"), Value(2.0, label="x")
    return mg.compile((w * x - 1.0) ** 2, [w], [x])


def network() -> Any:
    return single_layer(m=3, k=2)


def estimator(kind: Any) -> Any:
    return kind(hidden_layer_sizes=(2,), max_iter=2, random_state=0)


@pytest.fixture(scope="module")
def trained() -> dict[str, Any]:
    with pytest.warns(ConvergenceWarning):
        return {
            "classifier": estimator(MicrogradClassifier).fit(ROWS, CLASSES),
            "regressor": estimator(MicrogradRegressor).fit(ROWS, NUMBERS),
        }


def dataset(x: Any, y: Any) -> Dataset:
    return Dataset(x, y, ("a", "b", "c"), "y", None, "rows")


PLACES: list[tuple[str, Callable[[], Any]]] = [
    ("a layer", lambda: linear()[0](masked(ROWS))),
    ("a model", lambda: linear()(masked(ROWS))),
    ("a convolution", lambda: nn.Conv2d(1, 1, 2, rng=np.random.default_rng(0))(masked(IMAGES))),
    ("fit, rows", lambda: fit(linear(), masked(ROWS), CLASSES, epochs=1)),
    ("fit, eager", lambda: fit(linear(), masked(ROWS), CLASSES, epochs=1, engine="eager")),
    ("fit, classes", lambda: fit(linear(), ROWS, masked(CLASSES), epochs=1)),
    ("fit, targets", lambda: fit(linear(1), ROWS, masked(NUMBERS[:, None]), loss=nn.mse_loss, epochs=1)),
    ("fit, validation", lambda: fit(linear(), ROWS, CLASSES, epochs=1, validation=(masked(ROWS), CLASSES))),
    ("fit, validation's y", lambda: fit(linear(), ROWS, CLASSES, epochs=1, validation=(ROWS, masked(CLASSES)))),
    ("evaluate, rows", lambda: evaluate(linear(), masked(ROWS), CLASSES)),
    ("evaluate, classes", lambda: evaluate(linear(), ROWS, masked(CLASSES))),
    ("load_state_dict", lambda: linear().load_state_dict({"0.weight": masked(np.ones((2, 3))), "0.bias": np.ones(2)})),
    ("train, rows", lambda: train(network(), masked(ROWS), CLASSES.astype(float), epochs=1)),
    ("train, labels", lambda: train(network(), ROWS, masked(CLASSES.astype(float)), epochs=1)),
    ("train, eager", lambda: train(network(), masked(ROWS), CLASSES.astype(float), epochs=1, engine="eager")),
    ("a network's loss", lambda: network().loss(masked(ROWS), CLASSES.astype(float))),
    ("a network's labels", lambda: network().loss(ROWS, masked(CLASSES.astype(float)))),
    ("a network's prediction", lambda: network().predict(masked(ROWS))),
    ("a network's example", lambda: network().example(masked(ROWS[0]), 1.0)),
    ("a program, rows", lambda: program()(masked(ROWS), NUMBERS)),
    ("a program, targets", lambda: program()(ROWS, masked(NUMBERS))),
    ("a program in scalars", lambda: in_scalars()(masked(NUMBERS))),
    ("a program, masked", lambda: in_scalars()(np.ma.masked)),
    ("bind, rows", lambda: program().bind(masked(ROWS), NUMBERS)),
    ("bind, targets", lambda: program().bind(ROWS, masked(NUMBERS))),
    ("bind in scalars", lambda: in_scalars().bind(masked(NUMBERS))),
    ("a classifier, rows", lambda: estimator(MicrogradClassifier).fit(masked(ROWS), CLASSES)),
    ("a classifier, classes", lambda: estimator(MicrogradClassifier).fit(ROWS, masked(CLASSES))),
    ("a regressor, rows", lambda: estimator(MicrogradRegressor).fit(masked(ROWS), NUMBERS)),
    ("a regressor, targets", lambda: estimator(MicrogradRegressor).fit(ROWS, masked(NUMBERS))),
    ("a data set, rows", lambda: dataset(masked(ROWS), CLASSES.astype(float))),
    ("a data set, labels", lambda: dataset(ROWS, masked(CLASSES.astype(float)))),
    ("an experiment", lambda: experiment("single_layer", dataset(masked(ROWS), CLASSES.astype(float)))),
]


@pytest.mark.parametrize("call", [p[1] for p in PLACES], ids=[p[0] for p in PLACES])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_rows_with_a_masked_entry_are_refused(call: Callable[[], Any]) -> None:
    refused(call)


@pytest.mark.parametrize("ask", ["predict", "predict_proba", "score"])
def test_a_trained_classifier_refuses_a_masked_entry(trained: dict[str, Any], ask: str) -> None:
    arguments = [masked(ROWS), CLASSES][: 2 if ask == "score" else 1]
    refused(lambda: getattr(trained["classifier"], ask)(*arguments))


def test_a_trained_regressor_refuses_a_masked_entry(trained: dict[str, Any]) -> None:
    refused(lambda: trained["regressor"].predict(masked(ROWS)))


def test_an_array_that_masks_nothing_is_an_array() -> None:
    for data in (np.ma.array(V), np.ma.array(V, mask=False), np.ma.array(V, mask=[False] * 3)):
        v = Value(V, label="v")
        assert type(Value(data).data) is np.ndarray
        for y, expected in (
            (v * data, V * V),
            (v @ data, V @ V),
            (v < data, V < V),
            (v == data, V == V),
            (np.add(data, v), V + V),
            (mg.maximum(data, v), V),
        ):
            assert type(y) is Value
            assert type(y.data) is not np.ma.MaskedArray
            assert np.array_equal(y.data, expected)
        for operate in OPERATORS:
            if operate is not operator.pow:  # of a negative number
                works_or_is_refused(lambda f=operate, d=data, v=v: f(d, v), operate(V, V))
        assert np.array_equal(linear()(np.ma.array(ROWS)).data, linear()(ROWS).data)


@pytest.mark.parametrize("cell", ["", "NA", "nan", "--", "NULL"])
def test_a_cell_that_is_missing_in_a_file_is_refused_by_its_place(cell: str, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(f"a,b,y\n1,2,0\n3,{cell},1\n5,6,0\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"3.*\bb\b|\bb\b.*3") as caught:
        load(path, target="y")
    assert "\n" not in str(caught.value)


# pandas

SERIES, FRAME = pd.Series([1.0, 2.0, 3.0]), pd.DataFrame(ROWS, columns=list("abc"))
HERE: list[tuple[str, Any]] = [
    ("a Series", SERIES),
    ("whole numbers", pd.Series([1, 2, 3])),
    ("booleans", pd.Series([True, False, True])),
    ("float32", pd.Series(np.ones(3, np.float32))),
    ("an index of its own", pd.Series([1.0, 2.0, 3.0], index=list("zyx"), name="price")),
    ("a Float64", pd.Series([1.0, 2.0, 3.0], dtype="Float64")),
    ("an Int64", pd.Series([1, 2, 3], dtype="Int64")),
    ("a DataFrame", FRAME),
    ("a DataFrame of two types", pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5], "c": [3, 4]})),
    ("a row of a DataFrame", FRAME.iloc[1]),
    ("an Index", pd.Index([1.0, 2.0, 3.0])),
    ("a column of one", pd.DataFrame({"a": [1.0, 2.0]})),
]
ELEMENTWISE = [f for f in OPERATORS if f is not operator.matmul]


@pytest.mark.parametrize("operate", ELEMENTWISE, ids=lambda f: f.__name__)
def test_operators_take_what_pandas_holds_as_the_array_inside(operate: Callable[[Any, Any], Any]) -> None:
    def check(held: Any) -> None:
        inside = np.asarray(held).astype(np.float32 if getattr(held, "dtype", None) == np.float32 else float)
        for data in (np.array([2.0, -1.0, 3.0]), 2.0):
            for left, right, expected in (
                (Value(data), held, operate(Value(data), inside)),
                (held, Value(data), operate(inside, Value(data))),
            ):
                y = operate(left, right)
                assert type(y) is Value
                assert y.dtype == expected.dtype
                assert np.array_equal(y.data, expected.data, equal_nan=True)

    assert offenders((held for _, held in HERE), check) == []


@pytest.mark.parametrize("held", [SERIES, FRAME, FRAME.iloc[0]], ids=["Series", "DataFrame", "row"])
def test_gradients_flow_through_operators_with_what_pandas_holds(held: Any) -> None:
    v, inside = Value([2.0, -1.0, 0.5], label="v"), np.asarray(held)
    for f in (held * v, v * held, (held - v) * -inside, inside * (v - held)):
        v.grad = None
        f.sum().backward()
        np.testing.assert_allclose(v.grad, inside if inside.ndim == 1 else inside.sum(0), rtol=1e-15)


def test_products_of_matrices_take_what_pandas_holds() -> None:
    v, M = Value([2.0, -1.0, 0.5], label="v"), Value(np.arange(6.0).reshape(3, 2), label="M")
    for y, expected in (
        (v @ FRAME.T, v.data @ ROWS.T),
        (v @ SERIES, np.asarray(SERIES) @ v.data),
        (M.T @ FRAME.T, M.data.T @ ROWS.T),
        (M.T @ SERIES, M.data.T @ np.asarray(SERIES)),
        (mg.matmul(FRAME, v), ROWS @ v.data),
        (mg.matmul(SERIES, M), np.asarray(SERIES) @ M.data),
        (np.matmul(M.T, FRAME.T), M.data.T @ ROWS.T),
    ):
        assert type(y) is Value
        np.testing.assert_allclose(y.data, expected, rtol=1e-15, atol=1e-15)
    mg.matmul(FRAME, v).sum().backward()
    np.testing.assert_allclose(v.grad, ROWS.sum(0), rtol=1e-12, atol=1e-15)
    # pandas' own @ asks what is on its right for an array, and never gives way
    works_or_is_refused(lambda: FRAME @ v, ROWS @ v.data)
    works_or_is_refused(lambda: SERIES @ v, np.asarray(SERIES) @ v.data)
    works_or_is_refused(lambda: FRAME @ M, ROWS @ M.data)
    works_or_is_refused(lambda: np.matmul(FRAME, v), ROWS @ v.data)


UFUNCS = [np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum, np.less, np.greater_equal, np.equal]


@pytest.mark.parametrize("ufunc", [*UFUNCS, np.not_equal, np.power], ids=lambda f: f.__name__)
def test_numpys_functions_take_what_pandas_holds_beside_a_value(ufunc: Any) -> None:
    v = Value([2.0, -1.0, 3.0], label="v")
    for held in (SERIES, FRAME):
        for y, expected in ((ufunc(v, held), ufunc(v.data, held)), (ufunc(held, v), ufunc(held, v.data))):
            assert type(y) is Value
            assert np.array_equal(y.data, np.asarray(expected), equal_nan=True)


def test_functions_take_what_pandas_holds_beside_a_value() -> None:
    v = Value([2.0, -1.0, 3.0], label="v")
    for y, expected in (
        (mg.maximum(SERIES, v), [2.0, 2.0, 3.0]),
        (mg.where(SERIES > 1.5, v, 0.0), [0.0, -1.0, 3.0]),
        (mg.where(v > 0.0, SERIES, v), [1.0, -1.0, 3.0]),
        (mg.stack([SERIES, v]), [[1.0, 2.0, 3.0], [2.0, -1.0, 3.0]]),
        (mg.concatenate([v, SERIES]), [2.0, -1.0, 3.0, 1.0, 2.0, 3.0]),
    ):
        assert y.data.tolist() == expected


def test_models_and_programs_take_frames_as_arrays() -> None:
    model = linear()
    layer = model[0]
    expected = layer(ROWS).data
    for made in (layer(FRAME), model(FRAME), nn.Sequential(layer, nn.ReLU())(FRAME), model.eval()(FRAME)):
        assert type(made) is Value
    assert np.array_equal(model(FRAME).data, expected)
    loss = nn.cross_entropy(model(FRAME), pd.Series(CLASSES))
    loss.backward()
    assert loss.item() == nn.cross_entropy(model(ROWS), CLASSES).item()
    assert nn.mse_loss(linear(1)(FRAME).reshape(8), pd.Series(NUMBERS)).item() >= 0.0
    found, wanted = program()(FRAME, pd.Series(NUMBERS)), program()(ROWS, NUMBERS)
    assert found[0] == wanted[0]
    assert np.array_equal(found[1][0], wanted[1][0])


def test_fit_and_the_estimators_take_frames_as_arrays() -> None:
    histories = [
        fit(linear(), x, y, epochs=2, batch=4).history for x, y in ((FRAME, pd.Series(CLASSES)), (ROWS, CLASSES))
    ]
    assert histories[0] == histories[1]
    assert evaluate(linear(), FRAME, pd.Series(CLASSES)) == evaluate(linear(), ROWS, CLASSES)
    with pytest.warns(ConvergenceWarning):
        by_frame = estimator(MicrogradClassifier).fit(FRAME, pd.Series(CLASSES))
    with pytest.warns(ConvergenceWarning):
        by_array = estimator(MicrogradClassifier).fit(ROWS, CLASSES)
    assert np.array_equal(by_frame.predict_proba(FRAME), by_array.predict_proba(ROWS))


NOT_NUMBERS: list[tuple[str, Any]] = [
    ("text", pd.Series(["a", "b", "c"])),
    ("a column of text", pd.DataFrame({"a": [1.0], "b": ["x"]})),
    ("dates", pd.Series(pd.date_range("2020-01-01", periods=3))),
    ("complex", pd.Series([1j, 2j, 3j])),
]


@pytest.mark.parametrize("held", [h[1] for h in NOT_NUMBERS], ids=[h[0] for h in NOT_NUMBERS])
def test_what_pandas_holds_and_is_no_number_is_refused_in_one_sentence(held: Any) -> None:
    v = Value(2.0, label="v")
    for call in (lambda: Value(held), lambda: v * held, lambda: held * v, lambda: linear()(held)):
        with pytest.raises((TypeError, ValueError)) as caught:
            call()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "boolean"])
def test_a_missing_number_in_pandas_is_nan_or_refused(dtype: str) -> None:
    held = pd.Series([1, None, 0], dtype=dtype)
    for call in (lambda: Value(held), lambda: Value(1.0) * held, lambda: held * Value(1.0)):
        try:
            data = call().data
        except (TypeError, ValueError) as error:
            assert "\n" not in str(error)  # noqa: PT017, either is right
        else:
            assert np.isnan(data).tolist() == [False, True, False]


def test_frames_of_other_shapes_are_refused_in_one_sentence() -> None:
    v = Value(np.ones(4), label="v")
    for call in (
        lambda: FRAME * v,
        lambda: v * FRAME,
        lambda: mg.matmul(FRAME, v),
        lambda: linear()(FRAME[["a", "b"]]),
    ):
        with pytest.raises(ValueError, match=r"\(") as caught:
            call()
        assert "\n" not in str(caught.value)
