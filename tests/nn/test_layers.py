"""Layers: what they compute, how they start, and what they say to what they cannot take."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.nn.layers import INITIALISATIONS
from microgradcnn.targets.row_axis import RowsError


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# What a layer computes, against loops


@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(3, 5), st.integers(1, 2), st.integers(0, 1))
def test_a_convolution_is_a_sum_over_its_window(n: int, c: int, f: int, size: int, stride: int, padding: int) -> None:
    layer = nn.Conv2d(c, f, (2, 3), stride, padding, rng=rng())
    x = rng(1).normal(size=(n, c, size, size))
    y = layer(x).data
    padded = np.pad(x, ((0, 0), (0, 0), (padding,) * 2, (padding,) * 2))
    assert y.shape == (n, f, (size + 2 * padding - 2) // stride + 1, (size + 2 * padding - 3) // stride + 1)
    for i, k, r, s in np.ndindex(*y.shape):
        window = padded[i, :, r * stride : r * stride + 2, s * stride : s * stride + 3]
        assert y[i, k, r, s] == pytest.approx((window * layer.weight.data[k]).sum() + layer.bias.data[k], abs=1e-12)


@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.booleans())
def test_a_linear_layer_is_a_sum_over_its_inputs(n: int, m: int, k: int, bias: bool) -> None:
    layer = nn.Linear(m, k, bias, rng=rng())
    x = rng(1).normal(size=(n, m))
    for i, j in np.ndindex(n, k):
        expected = sum(x[i, a] * layer.weight.data[j, a] for a in range(m)) + (layer.bias.data[j] if bias else 0.0)
        assert layer(x).data[i, j] == pytest.approx(expected, abs=1e-12)
        assert layer(x[i]).data[j] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("layer", [nn.ReLU(), nn.Sigmoid(), nn.Tanh(), nn.Softmax(0), nn.Flatten(), nn.AvgPool2d(1)])
def test_plain_arrays_stay_plain(layer: nn.Module) -> None:
    assert isinstance(layer(np.ones((1, 1, 2, 2))), np.ndarray)


@pytest.mark.parametrize("kind", ["Linear", "Conv2d", "Conv1d", "ConvTranspose2d"])
def test_gradients_of_a_layer(kind: str) -> None:
    shape, layer = {
        "Linear": ((3, 4), nn.Linear(4, 2, rng=rng())),
        "Conv2d": ((1, 1, 3, 2), nn.Conv2d(1, 2, 2, stride=(2, 1), padding=1, rng=rng())),
        "Conv1d": ((1, 2, 4), nn.Conv1d(2, 2, 2, padding="same", groups=2, rng=rng())),
        "ConvTranspose2d": ((1, 2, 2, 2), nn.ConvTranspose2d(2, 2, 2, 2, output_padding=(1, 0), groups=2, rng=rng())),
    }[kind]

    def function(x: Value, weight: Value, bias: Value) -> Any:
        layer.weight, layer.bias = weight, bias
        return mg.tanh(layer(x))

    check = mg.check_gradients(function, Value(rng(1).normal(size=shape)), *layer.parameters())
    assert check, check


def test_a_float32_layer_computes_in_float32() -> None:
    x = rng(1).random((2, 1, 6, 6), np.float32)
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3, rng=rng(), dtype=np.float32),
        *(nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.5, rng=rng()), nn.Flatten()),
        *(nn.Linear(8, 3, rng=rng(), dtype="float32"), nn.Tanh()),
    )
    for target in ([0, 1], Value(np.array([0, 1], np.float32))):
        loss = nn.cross_entropy(model(x), target)
        loss.backward()
        assert {loss.dtype, *(p.grad.dtype for p in model.parameters())} == {np.dtype(np.float32)}


# How it starts


@pytest.mark.parametrize(
    ("layer", "fan_in", "fan_out"),
    [
        (lambda init: nn.Linear(300, 100, rng=rng(), init=init), 300, 100),
        (lambda init: nn.Conv2d(8, 32, (5, 6), rng=rng(), init=init), 8 * 30, 32 * 30),
        (lambda init: nn.Conv2d(32, 32, (5, 6), groups=4, rng=rng(), init=init), 8 * 30, 32 * 30),
        (lambda init: nn.Conv1d(8, 40, 30, rng=rng(), init=init), 8 * 30, 40 * 30),
        (lambda init: nn.ConvTranspose2d(8, 32, (5, 6), rng=rng(), init=init), 32 * 30, 8 * 30),
    ],
)
def test_how_weights_are_drawn(layer: Callable[[str], Any], fan_in: int, fan_out: int) -> None:
    """Moments and bounds as the papers have them, over thousands of weights."""
    for init, variance, bound in (
        ("uniform", 1 / (3 * fan_in), fan_in**-0.5),
        ("glorot", 2 / (fan_in + fan_out), (6 / (fan_in + fan_out)) ** 0.5),
        ("he", 2 / fan_in, np.inf),
    ):
        built = layer(init)
        w, b = built.weight.data, built.bias.data
        assert w.var() == pytest.approx(variance, rel=0.05)
        assert abs(w.mean()) < 4 * (variance / w.size) ** 0.5
        assert np.abs(w).max() <= bound
        assert bound == np.inf or np.abs(w).max() > 0.99 * bound
        assert (np.abs(b).max() <= bound and b.std() > bound / 3) if init == "uniform" else not b.any()
    assert set(INITIALISATIONS) == {"uniform", "glorot", "he"}


def test_he_keeps_the_size_of_values_under_relu_and_glorot_without() -> None:
    x = rng(1).normal(size=(50, 100))
    for init, layers in (("he", [nn.ReLU()]), ("glorot", [])):
        generator = rng(2)
        parts = [nn.Sequential(nn.Linear(100, 100, rng=generator, init=init), *layers) for _ in range(10)]
        assert 0.4 < np.square(nn.Sequential(*parts)(x).data).mean() < 2.0, init


def test_the_generator_is_the_callers_and_decides_alone() -> None:
    one, other = nn.lenet(rng=rng(5)).state_dict(), nn.lenet(rng=rng(5)).state_dict()
    assert all(np.array_equal(one[name], other[name]) for name in one)
    generator = rng(5)
    first, second = nn.Linear(3, 2, rng=generator), nn.Linear(3, 2, rng=generator)
    assert not np.array_equal(first.weight.data, second.weight.data)
    small = nn.lenet(rng=rng(5), dtype=np.float32).state_dict()
    assert all(np.array_equal(one[name].astype(np.float32), small[name]) for name in one)


# Dropout


def test_dropout_zeroes_a_share_and_keeps_the_mean() -> None:
    layer = nn.Dropout(0.3, rng=rng())
    x = np.ones((100, 200))
    y = layer(x).data
    assert set(np.unique(y)) == {0.0, 1.0 / 0.7}
    assert (y == 0.0).mean() == pytest.approx(0.3, abs=0.01)
    assert not np.array_equal(y, layer(x).data)
    assert np.array_equal(y, nn.Dropout(0.3, rng=rng())(x).data)
    assert layer.eval()(x) is x
    assert layer.train()(x).shape == x.shape
    assert nn.Dropout(0.0, rng=rng())(x) is x


@pytest.mark.parametrize("dtype", [int, np.uint8, bool, np.float32, float])
def test_dropout_scales_whole_numbers_too(dtype: Any) -> None:
    y = nn.Dropout(0.3, rng=rng())(np.ones(50, dtype)).data
    np.testing.assert_allclose(np.unique(y), [0.0, 1.0 / 0.7], rtol=1e-6)
    assert y.dtype == (np.float32 if dtype is np.float32 else np.float64)


WITHOUT_PARAMETERS = [nn.ReLU(), nn.GELU(), nn.SiLU(), nn.Sigmoid(), nn.Tanh(), nn.Softmax(), nn.LeakyReLU()]
WITHOUT_PARAMETERS += [nn.Flatten(), nn.MaxPool2d(2), nn.AvgPool2d(2), nn.Dropout().eval(), nn.Dropout(0.0)]


@pytest.mark.parametrize("layer", WITHOUT_PARAMETERS, ids=repr)
def test_of_an_array_a_layer_without_parameters_makes_an_array(layer: Any) -> None:
    x = np.ones((2, 2, 4, 4))
    assert type(layer(x)) is np.ndarray
    assert isinstance(layer(Value(x)), Value)
    assert isinstance(nn.Dropout(0.5, rng=rng())(x), Value)


def test_gradients_flow_where_dropout_kept() -> None:
    x = Value(np.arange(12.0).reshape(3, 4) + 1.0)
    y = nn.Dropout(0.5, rng=rng())(x)
    y.sum().backward()
    assert np.array_equal(x.grad, np.where(y.data == 0.0, 0.0, 2.0))


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_a_program_does_not_take_one_mask_for_all_time(n: int) -> None:
    x, w = Value(np.ones((n, 3)), label="x"), Value(np.ones(3), label="w")
    model = nn.Sequential(nn.Tanh(), nn.Dropout(0.5, rng=rng()))
    with pytest.raises(RowsError, match=r"1\.mask of shape"):
        mg.compile(mg.mean(model(x * w)), w, [x])
    assert mg.compile(mg.mean(model.eval()(x * w)), w, [x])(np.ones((5, 3)))[0] == pytest.approx(np.tanh(1.0))


# What it says

IMAGES, ROWS = np.zeros((2, 3, 8, 8)), np.zeros((4, 5))
SEQUENCES = np.zeros((2, 3, 5))
CONV, AFTER = nn.Conv2d(1, 2, 3, rng=rng()), nn.Conv2d(3, 2, 9, padding=(0, 1), rng=rng())

WRONG: dict[str, tuple[nn.Module, Any, str]] = {
    "Linear": (nn.Linear(4, 2, rng=rng()), ROWS, "rows of 4 numbers, (n, 4), not an input of shape (4, 5)"),
    "Linear, of a number": (nn.Linear(4, 2, rng=rng()), 1.0, "rows of 4 numbers, (n, 4), not an input of shape ()"),
    "Conv2d": (CONV, IMAGES, "images (n, 1, height, width) of 3×3 at least, not an input of shape (2, 3, 8, 8)"),
    "Conv2d, of rows": (CONV, ROWS, "images (n, 1, height, width) of 3×3 at least, not an input of shape (4, 5)"),
    "Conv2d, too small": (
        AFTER,
        IMAGES,
        "images (n, 3, height, width) of 9×7 at least, not an input of shape (2, 3, 8",
    ),
    "Conv2d, dilated": (nn.Conv2d(3, 3, 3, dilation=4, groups=3, rng=rng()), IMAGES, "height, width) of 9×9 at least"),
    "Conv2d, of the same size": (
        nn.Conv2d(1, 2, 9, padding="same", rng=rng()),
        IMAGES,
        "images (n, 1, height, width),",
    ),
    "Conv1d": (
        nn.Conv1d(4, 2, 3, rng=rng()),
        SEQUENCES,
        "rows (n, 4, length) of 3 at least, not an input of shape (2,",
    ),
    "Conv1d, too short": (
        nn.Conv1d(3, 2, 4, padding=1, dilation=3, rng=rng()),
        SEQUENCES,
        "length) of 8 at least, not",
    ),
    "Conv1d, of images": (
        nn.Conv1d(3, 2, 1, rng=rng()),
        IMAGES,
        "rows (n, 3, length), not an input of shape (2, 3, 8,",
    ),
    "ConvTranspose2d": (
        nn.ConvTranspose2d(1, 2, 3, rng=rng()),
        IMAGES,
        "images (n, 1, height, width), not an input of",
    ),
    "AvgPool2d, sticking out": (nn.AvgPool2d(9, 1, ceil_mode=True), IMAGES, "height, width) of 9×9 at least, not"),
    "MaxPool2d, dilated": (nn.MaxPool2d(3, padding=1, dilation=5), IMAGES, "height, width) of 9×9 at least, not"),
    "AvgPool2d": (nn.AvgPool2d(2), ROWS, "images (n, channels, height, width) of 2×2 at least, not an input of"),
    "AvgPool2d, too small": (nn.AvgPool2d((1, 9)), IMAGES, "images (n, channels, height, width) of 1×9 at least, not"),
    "MaxPool2d": (nn.MaxPool2d(1), ROWS, "images (n, channels, height, width), not an input of shape (4, 5)"),
    "Flatten": (
        nn.Flatten(),
        np.zeros(3),
        "arrays with axes 1 to -1, as (n, channels, height, width), not an input of",
    ),
    "Flatten, backwards": (nn.Flatten(2, 1), IMAGES, "arrays with axes 2 to 1"),
    "Softmax": (nn.Softmax(2), ROWS, "arrays with an axis 2, not an input of shape (4, 5)"),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("kind", [np.asarray, Value])
def test_a_wrong_shape_is_refused_by_name(case: str, kind: Callable[[Any], Any]) -> None:
    layer, x, says = WRONG[case]
    for model, name in (
        (layer, ""),
        (nn.Sequential(nn.ReLU(), layer), "layer 1, "),
        (nn.Sequential(nn.ReLU(), nn.Sequential(nn.ReLU(), nn.Tanh(), layer)), "layer 1.2, "),
    ):
        layer._path = ""
        model = nn.Sequential(*model) if isinstance(model, nn.Sequential) else model
        with pytest.raises(ValueError) as refused:  # noqa: PT011, the sentence is compared
            model(kind(x))
        assert str(refused.value).startswith(f"{name}{type(layer).__name__}("), name
        assert says in str(refused.value)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        (lambda: nn.Linear(3, 2, rng=0), TypeError, "such as np.random.default_rng(0), not 0"),
        (lambda: nn.Dropout(0.5, rng=np.random), TypeError, "such as np.random.default_rng(0), not <module"),
        (lambda: nn.Linear(3, 2, rng=False), TypeError, "such as np.random.default_rng(0), not False"),
        (lambda: nn.Linear(0, 2, rng=rng()), ValueError, "one of everything at least, not a weight of shape (2, 0)"),
        (lambda: nn.Conv2d(1, 2, 0, rng=rng()), ValueError, "kernel_size must be at least 1, not 0"),
        (lambda: nn.Conv2d(1, 2, 3, padding=-1, rng=rng()), ValueError, "padding must be at least 0, not -1"),
        (lambda: nn.Conv2d(1, 2, 3, padding="full", rng=rng()), ValueError, "a pair, 'same' or 'valid', not 'full'"),
        (
            lambda: nn.Conv2d(3, 4, 3, groups=2, rng=rng()),
            ValueError,
            "in_channels must be divisible by groups: 3 is not",
        ),
        (lambda: nn.Conv1d(4, 3, 3, groups=2, rng=rng()), ValueError, "out_channels must be divisible by groups: 3 is"),
        (lambda: nn.ConvTranspose2d(3, 4, 3, groups=2.0, rng=rng()), TypeError, "groups is a number, not 2.0"),
        (lambda: nn.Conv1d(1, 2, 3, 2, "same", rng=rng()), ValueError, "padding='same' is for stride 1, not (1, 2)"),
        (lambda: nn.Conv1d(1, 2, (3, 3), rng=rng()), TypeError, "kernel_size is a number, not (3, 3)"),
        (
            lambda: nn.MaxPool2d(3, 1, 2),
            ValueError,
            "padding is at most half of kernel_size: (2, 2) is too much for (3",
        ),
        (lambda: nn.AvgPool2d(2, 0), ValueError, "stride must be at least 1, not 0"),
        (lambda: nn.MaxPool2d((2, 2, 2)), TypeError, "kernel_size is a number or a pair, not (2, 2, 2)"),
        (lambda: nn.Linear(3, 2, rng=rng(), init="xavier"), ValueError, "init is uniform, glorot, he, not 'xavier'"),
        (lambda: nn.Linear(3, 2, rng=rng(), dtype=int), TypeError, "float64 or float32, not int64"),
        (lambda: nn.Dropout(1.0, rng=rng()), ValueError, "from 0 to below 1, not 1.0"),
        (lambda: nn.Sequential(nn.ReLU), TypeError, "which is no Module: write ReLU(...)"),
        (lambda: nn.Sequential(nn.ReLU(), mg.relu), TypeError, "layer 1 of a Sequential is <function relu"),
    ],
)
def test_bad_arguments_are_refused(wrong: Callable[[], Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=re.escape(says)):
        wrong()
