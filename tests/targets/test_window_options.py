"""Convolution and pooling with all their options: PyTorch's numbers on every backend, and sums written out in loops."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from every_backend import BACKENDS, HERE, answer, from_source
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from many_cases import offenders, slow_but
from pytorch_windows import CASES, LAYERS, PATH, REFUSED, drawn, parameters

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.targets.native import jit

CLOSE = 1e-10


@pytest.fixture(scope="module")
def pytorch() -> dict[str, Any]:
    with np.load(PATH, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def function(name: str) -> Callable[..., Any]:
    called, options, _ = CASES[name]
    return lambda *arrays: getattr(mg, called)(*arrays, **options)


def cubes(name: str) -> Callable[..., Value]:
    """The loss whose derivatives are in the file: the mean of y³."""
    return lambda *leaves: (function(name)(*leaves) ** 3).mean()


def slope(name: str) -> Callable[..., Value]:
    """Its derivative along the direction of the case: its gradients are products with the matrix of second ones."""

    def along(*leaves: Value) -> Value:
        gradients = mg.grad(cubes(name)(*leaves), leaves)
        return sum(((g * d).sum() for g, d in zip(gradients, drawn(name)[1], strict=True)), Value(0.0))

    return along


def check_numbers(name: str, kind: str, found: Sequence[Any], expected: dict[str, Any], close: float = CLOSE) -> None:
    for i, numbers in enumerate(found):
        np.testing.assert_allclose(numbers, expected[f"{name}/{kind} {i}"], rtol=0, atol=close, err_msg=name)


# PyTorch's numbers


@pytest.mark.parametrize("way", slow_but("eager", "grad", "numpy", among=HERE))
def test_values_gradients_and_second_derivatives_are_pytorchs(way: str, pytorch: dict[str, Any]) -> None:
    def check(name: str) -> None:
        arrays, _ = drawn(name)
        y = function(name)(*arrays)
        assert type(y) is np.ndarray
        np.testing.assert_allclose(y, pytorch[f"{name}/y"], rtol=0, atol=CLOSE)
        check_numbers(name, "gradient", answer(way, cubes(name), arrays)[1], pytorch)
        check_numbers(name, "product", answer(way, slope(name), arrays)[1], pytorch)

    assert offenders(CASES, check) == []


def all_at_once(*leaves: Value) -> Value:
    """Every loss and every slope of CASES in one: their gradients are in different leaves."""
    left, total = list(leaves), Value(0.0)
    for name in CASES:
        own = [left.pop(0) for _ in CASES[name][2]]
        total = total + cubes(name)(*own) + slope(name)(*own)
    return total


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["numpy", "jit"])
def test_they_are_in_one_large_program(backend: str, pytorch: dict[str, Any]) -> None:
    """Which the jit does not open into scalars."""
    _, gradients = answer(backend, all_at_once, [array for name in CASES for array in drawn(name)[0]])
    for name in CASES:
        for i, _ in enumerate(CASES[name][2]):
            expected = pytorch[f"{name}/gradient {i}"] + pytorch[f"{name}/product {i}"]
            np.testing.assert_allclose(gradients.pop(0), expected, rtol=0, atol=CLOSE, err_msg=name)


MUCH = "in groups with everything", "transposed and dilated", "largest with everything"


@pytest.mark.slow
@pytest.mark.skipif("jax" not in BACKENDS, reason="jax is an extra")
def test_jax_has_them(pytorch: dict[str, Any]) -> None:
    def check(name: str) -> None:
        arrays, _ = drawn(name)
        check_numbers(name, "gradient", answer("jax", cubes(name), arrays)[1], pytorch)
        if name in MUCH:  # a program of second derivatives takes seconds to compile
            check_numbers(name, "product", answer("jax", slope(name), arrays)[1], pytorch)

    assert offenders(CASES, check) == []


def test_the_source_has_them(pytorch: dict[str, Any]) -> None:
    def check(name: str) -> None:
        leaves = [Value(array, label=f"p_{i}") for i, array in enumerate(drawn(name)[0])]
        program = mg.compile(cubes(name)(*leaves), leaves, backend="numpy")
        check_numbers(name, "gradient", from_source(program, *[leaf.data for leaf in leaves])[1], pytorch)

    assert offenders(CASES, check) == []


@pytest.mark.slow
def test_onnxruntime_has_them(pytorch: dict[str, Any], tmp_path: Path) -> None:
    def run(output: Value, leaves: list[Value]) -> Any:
        mg.export_onnx(output, path, leaves, dynamic=False)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        return session.run(None, {leaf.label: leaf.data.astype(np.float32) for leaf in leaves if leaf.label})[0]

    def check(name: str) -> None:
        leaves = [Value(array, label=f"p_{i}") for i, array in enumerate(drawn(name)[0])]
        np.testing.assert_allclose(run(function(name)(*leaves), leaves), pytorch[f"{name}/y"], rtol=0, atol=1e-5)
        gradients = [run(g, leaves) for g in mg.grad(cubes(name)(*leaves), leaves)]
        check_numbers(name, "gradient", gradients, pytorch, 1e-5)
        products = [run(h, leaves) for h in mg.grad(slope(name)(*leaves), leaves)]
        check_numbers(name, "product", products, pytorch, 1e-4)

    path = tmp_path / "graph.onnx"
    assert offenders(CASES, check) == []


@pytest.mark.parametrize(
    ("backend", "opened"), [("numpy", False), ("jit", False), pytest.param("jit", True, marks=pytest.mark.slow)]
)
def test_programs_take_any_number_of_images(backend: str, opened: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not opened:
        monkeypatch.setattr(jit, "OPENED", -1)

    def check(name: str) -> None:
        images, *kernels = drawn(name)[0]
        images, scale = np.concatenate([images, images[:1] ** 2, -images]), np.ones((1, *images.shape[1:]))

        def loss(x: Value, scale: Value, *kernels: Value) -> Value:
            return (function(name)(x * scale, *kernels) ** 2).mean()

        expected = answer("eager", loss, [scale, *kernels], [images])
        found = answer(backend, loss, [scale, *kernels], [images])
        assert found[0] == pytest.approx(expected[0], rel=1e-12)
        for a, b in zip(found[1], expected[1], strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=CLOSE)

    assert offenders(CASES, check) == []


def test_float32_stays_float32() -> None:
    def check(name: str) -> None:
        leaves = [Value(array.astype(np.float32)) for array in drawn(name)[0]]
        loss = cubes(name)(*leaves)
        gradients = mg.grad(loss, leaves)
        assert {loss.dtype, *(g.dtype for g in gradients)} == {np.dtype(np.float32)}

    assert offenders(CASES, check) == []


def test_layers_have_pytorchs_arguments_parameters_and_values(pytorch: dict[str, Any]) -> None:
    def check(name: str) -> None:
        kind, arguments, shape = LAYERS[name]
        layer = getattr(nn, kind)(*arguments, **({"rng": np.random.default_rng(0)} if "Conv" in kind else {}))
        shapes = {p: a.shape for p, a in layer.state_dict().items()}
        x, state = parameters(name, shape, shapes)
        layer.load_state_dict(state)
        np.testing.assert_allclose(layer(Value(x)).data, pytorch[f"layer {name}/y"], rtol=0, atol=CLOSE)
        theirs = {key.split("/")[1]: tuple(a) for key, a in pytorch.items() if key.startswith(f"layer {name}/")}
        assert shapes == {p: a for p, a in theirs.items() if p != "y"}

    assert offenders(LAYERS, check) == []


# Loops


def places(length: int, size: int, stride: int, dilation: int, padding: tuple[int, int]) -> list[list[int]]:
    """The numbers of the pixels of every window along an axis, those beyond the edges too."""
    last = length + sum(padding) - dilation * (size - 1) - 1
    return [[start - padding[0] + dilation * i for i in range(size)] for start in range(0, last + 1, stride)]


def correlated(x: Any, w: Any, down: list[list[int]], right: list[list[int]], groups: int) -> Any:
    y = np.zeros((len(x), len(w), len(down), len(right)))
    for n, f, r, s, c, i, j in product(*map(range, (*y.shape, *w.shape[1:]))):
        at = down[r][i], right[s][j]
        if 0 <= at[0] < x.shape[2] and 0 <= at[1] < x.shape[3]:
            y[n, f, r, s] += x[n, f * groups // len(w) * w.shape[1] + c, at[0], at[1]] * w[f, c, i, j]
    return y


few = st.integers(1, 3)
pairs = st.tuples(few, few)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(0, 3), groups=few, channels=few, filters=few, image=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    size=pairs, stride=pairs, dilation=pairs,
    padding=st.one_of(st.tuples(st.integers(0, 3), st.integers(0, 3)), st.sampled_from(["same", "valid"])),
)  # fmt: skip
def test_a_convolution_is_a_sum_over_windows(
    n: int, groups: int, channels: int, filters: int, image: Any, size: Any, stride: Any, dilation: Any, padding: Any
) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(n, groups * channels, *image)), rng.normal(size=(groups * filters, channels, *size))
    wide = [d * (k - 1) for k, d in zip(size, dilation, strict=True)]
    if padding == "same":
        stride, sides = (1, 1), [(total // 2, total - total // 2) for total in wide]
    else:
        sides = [(p, p) for p in ((0, 0) if padding == "valid" else padding)]
    assume(all(length + sum(side) > total for length, side, total in zip(image, sides, wide, strict=True)))
    down, right = (places(image[k], size[k], stride[k], dilation[k], sides[k]) for k in (0, 1))
    y = mg.conv2d(x, w, stride, padding, dilation, groups)
    np.testing.assert_allclose(y, correlated(x, w, down, right, groups), rtol=0, atol=1e-12)
    if padding == "same":
        assert y.shape[2:] == image


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(0, 3), groups=few, channels=few, filters=few, image=pairs, size=pairs, stride=pairs, dilation=pairs,
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)), more=st.tuples(st.integers(0, 2), st.integers(0, 2)),
)  # fmt: skip
def test_a_transposed_convolution_sends_every_pixel_to_its_window(
    n: int, groups: int, channels: int, filters: int, image: Any, size: Any, stride: Any, dilation: Any, padding: Any,
    more: Any,
) -> None:  # fmt: skip
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(n, groups * channels, *image)), rng.normal(size=(groups * channels, filters, *size))
    assume(all(m < max(s, d) for m, s, d in zip(more, stride, dilation, strict=True)))
    whole = [(image[k] - 1) * stride[k] + dilation[k] * (size[k] - 1) + 1 + more[k] for k in (0, 1)]
    assume(all(length > 2 * p for length, p in zip(whole, padding, strict=True)))
    y = np.zeros((n, groups * filters, *whole))
    for k, c, r, s, f, i, j in product(*map(range, (*x.shape, *w.shape[1:]))):
        at = stride[0] * r + dilation[0] * i, stride[1] * s + dilation[1] * j
        y[k, c // channels * filters + f, at[0], at[1]] += x[k, c, r, s] * w[c, f, i, j]
    inside = tuple(slice(p, length - p) for length, p in zip(whole, padding, strict=True))
    leaves = Value(x), Value(w)
    found = mg.conv_transpose2d(*leaves, stride, padding, more, groups, dilation)
    np.testing.assert_allclose(found.data, y[:, :, inside[0], inside[1]], rtol=0, atol=1e-12)
    (found * rng.normal(size=found.shape)).sum().backward()
    assert [leaf.grad.shape for leaf in leaves] == [x.shape, w.shape]


@settings(max_examples=60, deadline=None)
@given(
    image=st.tuples(st.integers(1, 7), st.integers(1, 7)), size=pairs, stride=pairs, dilation=pairs,
    halves=st.tuples(st.integers(0, 1), st.integers(0, 1)), ceil_mode=st.booleans(), counted=st.booleans(),
)  # fmt: skip
def test_pooling_is_over_the_pixels_of_a_window(
    image: Any, size: Any, stride: Any, dilation: Any, halves: Any, ceil_mode: bool, counted: bool
) -> None:
    x = np.random.default_rng(0).normal(size=(2, 2, *image))
    padding = tuple(k // 2 * half for k, half in zip(size, halves, strict=True))

    def windows(apart: tuple[int, int]) -> list[list[list[int]]]:
        along = []
        for k in (0, 1):
            left = image[k] + 2 * padding[k] - apart[k] * (size[k] - 1) - 1
            count = (math.ceil(left / stride[k]) if ceil_mode else left // stride[k]) + 1
            count -= ceil_mode and (count - 1) * stride[k] >= image[k] + padding[k]
            assume(count > 0)
            starts = [stride[k] * r - padding[k] for r in range(count)]
            along.append([[start + apart[k] * i for i in range(size[k])] for start in starts])
        return along

    def each(down: list[int], right: list[int], ring: tuple[int, int]) -> Any:
        """The pixels of a window that lie in the images, or in a ring around them, where they are 0."""
        wide = np.pad(x, ((0, 0), (0, 0), (ring[0],) * 2, (ring[1],) * 2))
        rows = [i + ring[0] for i in down if -ring[0] <= i < image[0] + ring[0]]
        columns = [j + ring[1] for j in right if -ring[1] <= j < image[1] + ring[1]]
        return wide[:, :, rows][..., columns]

    down, right = windows((1, 1))
    means = [[each(r, s, padding if counted else (0, 0)).mean((2, 3)) for s in right] for r in down]
    found = mg.avg_pool2d(x, size, stride, padding, ceil_mode, counted)
    np.testing.assert_allclose(found, np.transpose(means, (2, 3, 0, 1)), rtol=0, atol=1e-12)
    down, right = windows(dilation)
    largest = [[each(r, s, (0, 0)).max((2, 3), initial=-np.inf) for s in right] for r in down]
    found = mg.max_pool2d(x, size, stride, padding, dilation, ceil_mode)
    np.testing.assert_array_equal(found, np.transpose(largest, (2, 3, 0, 1)))


def test_ties_share_the_gradient_and_padding_has_no_part_in_it() -> None:
    x = Value(np.full((1, 1, 3, 3), -2.0))
    mg.max_pool2d(x, 3, 2, 1).sum().backward()
    np.testing.assert_array_equal(x.grad[0, 0], np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 4.0)


def test_integers_and_conditions_are_pooled_as_what_they_are() -> None:
    x = np.array([[[[-3, -2], [-5, -4]]]])
    for dtype, expected in ((np.int8, [-3, -2]), (float, [-3, -2]), (bool, [True, True])):
        y = mg.max_pool2d(x.astype(dtype), 2, 1, 1)
        assert y.dtype == dtype
        assert y[0, 0, 0, :2].tolist() == [x.astype(dtype)[0, 0, 0, 0], expected[1]]
    np.testing.assert_array_equal(mg.avg_pool2d(x, 2, ceil_mode=True), [[[[-3.5]]]])
    np.testing.assert_array_equal(mg.max_pool2d(np.zeros((1, 1, 2, 2), bool), 2, 2, 1), np.zeros((1, 1, 2, 2), bool))


def test_a_depthwise_convolution_is_one_of_each_channel() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 5, 6, 7)), rng.normal(size=(5, 1, 3, 2))
    alone = [mg.conv2d(x[:, c : c + 1], w[c : c + 1], 2, 1) for c in range(5)]
    np.testing.assert_allclose(mg.conv2d(x, w, 2, 1, groups=5), np.concatenate(alone, axis=1), rtol=0, atol=1e-13)


# What it says


SAYS = {
    "groups that do not share the channels": "cannot be shared out to 2 groups",
    "groups that do not share the filters": "cannot be shared out to 2 groups",
    "no groups": "groups must be at least 1, not 0",
    "same with strides": "padding='same' is for stride 1, not (2, 2)",
    "another word": "padding is a number, a pair, 'same' or 'valid', not 'full'",
    "no dilation": "dilation must be at least 1, not 0",
    "too wide a window": "a window of (5, 5) does not fit into images of shape (1, 2, 4, 4)",
    "kernels for images": "kernels (filters, channels, length) have three axes, not shape (2, 2, 2, 2)",
    "groups of rows": "cannot be shared out to 3 groups",
    "another number of channels": "(1, 2, 4, 4) and kernels (channels, filters, height, width) of shape (3, 2, 2, 2)",
    "groups, transposed": "which 2 groups share equally",
    "more than a stride": "output_padding must be smaller than stride or dilation: (1, 1) is not for (1, 1) and (1, 1)",
    "nothing left": "images of -1×-1 pixels would be left of 4×4",
    "mean, padding over half": "padding is at most half of kernel_size: (2, 2) is too much for (3, 3)",
    "largest, padding over half": "padding is at most half of kernel_size: (1, 2) is too much for (2, 3)",
    "negative padding": "padding must be at least 0, not -1",
    "no window, though it may stick out": "a window of (5, 5) does not fit into images of shape (1, 1, 2, 7)",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_pytorch_refuses_is_refused_in_a_sentence(name: str) -> None:
    called, options, shapes = REFUSED[name]
    for kind in (np.asarray, Value):
        with pytest.raises(ValueError) as refused:  # noqa: PT011, the sentence is compared
            getattr(mg, called)(*[kind(np.zeros(shape)) for shape in shapes], **options)
        assert SAYS[name] in str(refused.value)
        assert "\n" not in str(refused.value)
