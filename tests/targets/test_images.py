"""Convolution and pooling over images, in NumPy and as compiled loops, against sums written out pixel by pixel."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.engine import kernels
from microgradcnn.engine.kernels import windows
from microgradcnn.targets.backends import numpy as in_numpy
from microgradcnn.targets.lines import Line, Rows
from microgradcnn.targets.native import jit
from microgradcnn.targets.native.convolution import lanes_for
from microgradcnn.targets.native.images import ImageKernel, image_kernel

TOLERANCE = {np.float64: 1e-12, np.float32: 2e-5}


@pytest.fixture(autouse=True)
def _never_opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("MICROGRADCNN_CACHE", str(tmp_path))
    monkeypatch.setattr(jit, "OPENED", -1)


def pairs(x: Any, w: Any, g: Any, stride: Any, padding: Any) -> Any:
    """Every product x·w that goes into a place of g: the three indices, if the pixel is not beyond the edge."""
    (n, filters, rows, columns), (_, channels, kh, kw) = g.shape, w.shape
    for m, f, c, r, s, i, j in product(*map(range, (n, filters, channels, rows, columns, kh, kw))):
        down, right = r * stride[0] + i - padding[0], s * stride[1] + j - padding[1]
        if 0 <= down < x.shape[2] and 0 <= right < x.shape[3]:
            yield (m, c, down, right), (f, c, i, j), (m, f, r, s)


def direct(x: Any, w: Any, stride: Any, padding: Any) -> Any:
    rows, columns = ((x.shape[2 + k] + 2 * padding[k] - w.shape[2 + k]) // stride[k] + 1 for k in (0, 1))
    y = np.zeros((len(x), len(w), rows, columns))
    for a, b, place in pairs(x, w, y, stride, padding):
        y[place] += x[a] * w[b]
    return y


def direct_input(g: Any, w: Any, x: Any, stride: Any, padding: Any) -> Any:
    sent = np.zeros(x.shape)
    for a, b, place in pairs(x, w, g, stride, padding):
        sent[a] += g[place] * w[b]
    return sent


def direct_kernel(x: Any, g: Any, w: Any, stride: Any, padding: Any) -> Any:
    sent = np.zeros(w.shape)
    for a, b, place in pairs(x, w, g, stride, padding):
        sent[b] += g[place] * x[a]
    return sent


def assert_close(found: Any, expected: Any, tolerance: float) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * max(1.0, np.abs(expected).max(initial=0.0)))


lengths = st.integers(1, 4)
pairs_of = st.tuples(st.integers(1, 3), st.integers(1, 3))


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(0, 5), c=lengths, f=lengths, size=pairs_of, stride=pairs_of, more=pairs_of,
    padding=st.tuples(st.integers(0, 3), st.integers(0, 3)), copied=st.sampled_from([1, 100, 1 << 18]),
    dtype=st.sampled_from([np.float64, np.float32]),
)  # fmt: skip
def test_numpys_convolutions_are_sums_over_windows(
    n: int, c: int, f: int, size: Any, stride: Any, more: Any, padding: Any, copied: int, dtype: Any
) -> None:
    rng = np.random.default_rng(0)
    image = (size[0] + more[0], size[1] + more[1])
    x, w = rng.normal(size=(n, c, *image)).astype(dtype), rng.normal(size=(f, c, *size)).astype(dtype)
    expected = direct(x, w, stride, padding)
    g = rng.normal(size=expected.shape).astype(dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "COPIED", copied)  # so many images at a time
        found = kernels.convolve(x, w, stride, padding)
        sent = kernels.convolve_input(g, w, stride, padding, image)
        weights = kernels.convolve_kernel(x, g, stride, padding, size)
    assert {found.dtype, sent.dtype, weights.dtype} == {np.dtype(dtype)}
    assert_close(found, expected, TOLERANCE[dtype])
    assert_close(sent, direct_input(g, w, x, stride, padding), TOLERANCE[dtype])
    assert_close(weights, direct_kernel(x, g, w, stride, padding), TOLERANCE[dtype])


def two_layers(x: Any, v: Any, w: Any, first: Any, second: Any) -> Any:
    """The loss of two convolutions, (stride, padding) each, and its gradients in v and w, by direct sums."""
    h = direct(x, v, *first)
    y = direct(h, w, *second)
    g = 2.0 * y / y.size
    sent = direct_input(g, w, h, *second)
    return np.mean(y * y), direct_kernel(x, sent, v, *first), direct_kernel(h, g, w, *second)


def program(x: Any, v: Any, w: Any, first: Any, second: Any) -> mg.Program:
    v, w, recorded = Value(v), Value(w), Value(x[:2])
    y = mg.conv2d(mg.conv2d(recorded, v, *first), w, *second)
    return mg.compile(y.square().mean(), wrt=[v, w], inputs=[recorded], backend="jit")


def kernels_in(compiled: mg.Program) -> int:
    return compiled._engine.ir.count("%out = load ptr")


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(
    n=st.integers(2, 3), c=st.integers(1, 2), filters=st.tuples(st.integers(1, 3), st.integers(1, 7)),
    size=st.tuples(st.integers(1, 3), st.integers(1, 4)), padding=st.tuples(st.integers(0, 2), st.integers(0, 3)),
    image=st.tuples(st.integers(4, 5), st.integers(5, 17)), vector_bytes=st.sampled_from([16, 32]),
    dtype=st.sampled_from([np.float64, np.float32]),
)  # fmt: skip
def test_compiled_convolutions_are_sums_over_windows(
    n: int, c: int, filters: Any, size: Any, padding: Any, image: Any, vector_bytes: int, dtype: Any
) -> None:
    rng = np.random.default_rng(0)
    padding = min(padding[0], size[0] - 1), min(padding[1], size[1] - 1)
    x = rng.normal(size=(n, c, *image)).astype(dtype)
    v, w = (rng.normal(size=s).astype(dtype) for s in ((filters[0], c, 2, 3), (filters[1], filters[0], *size)))
    first, second = ((1, 1), (1, 2)), ((1, 1), padding)
    loss, *gradients = two_layers(x, v, w, first, second)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jit, "vector_bytes", lambda: vector_bytes)
        compiled = program(x, v, w, first, second)
    assert kernels_in(compiled) == 5  # two forward, two for the kernels, one for the images between
    found = compiled(x)
    assert_close(found[0], loss, TOLERANCE[dtype])
    for a, b in zip(found[1], gradients, strict=True):
        assert_close(a, b, TOLERANCE[dtype])


@pytest.mark.parametrize(
    ("first", "second", "count"),
    [
        (((2, 1), (0, 0)), ((1, 2), (1, 1)), 0),  # with a stride NumPy's convolutions take over
        (((1, 1), (0, 0)), ((1, 1), (2, 0)), 2),  # and where padding is as high as the kernel
    ],
)
def test_other_convolutions_are_numpys(first: Any, second: Any, count: int) -> None:
    rng = np.random.default_rng(0)
    x, v, w = (rng.normal(size=s) for s in ((3, 2, 8, 9), (3, 2, 2, 3), (2, 3, 2, 2)))
    loss, *gradients = two_layers(x, v, w, first, second)
    compiled = program(x, v, w, first, second)
    assert kernels_in(compiled) == count
    found = compiled(x)
    assert_close(found[0], loss, 1e-12)
    for a, b in zip(found[1], gradients, strict=True):
        assert_close(a, b, 1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("size", "stride"),
    [((2, 2), (2, 2)), ((1, 3), (2, 4)), ((3, 2), (1, 1)), ((2, 3), (3, 2)), ((6, 7), (6, 7)), ((3, 1), (3, 1))],
)
def test_compiled_pooling_is_a_mean_over_windows(size: Any, stride: Any, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    x, p = rng.normal(size=(5, 2, 6, 7)).astype(dtype), rng.normal(size=(1, 2, 6, 7)).astype(dtype)
    leaf, recorded = Value(p), Value(x[:2])
    loss = mg.avg_pool2d(recorded * leaf, size, stride).square().mean()
    compiled = mg.compile(loss, wrt=[leaf], inputs=[recorded], backend="jit")
    assert kernels_in(compiled) == 2

    window = np.full((1, 1, *size), 1.0 / (size[0] * size[1]))
    planes = (x * p).reshape(10, 1, 6, 7).astype(np.float64)
    y = direct(planes, window, stride, (0, 0))
    sent = direct_input(2.0 * y / y.size, window, planes, stride, (0, 0)).reshape(x.shape)
    found = compiled(x)
    assert_close(found[0], np.mean(y * y), TOLERANCE[dtype])
    assert_close(found[1][0], (sent * x).sum(0, keepdims=True), TOLERANCE[dtype])


def test_a_bias_of_every_channel_is_added_in_the_pass_that_uses_it() -> None:
    rng = np.random.default_rng(0)
    x, b, c = rng.normal(size=(40, 3, 5, 3)), rng.normal(size=(3, 1, 1)), rng.normal(size=(3, 5, 3))
    bias, whole, recorded = Value(b), Value(c), Value(x[:2])
    loss = (((recorded + bias).tanh() * whole + bias.reshape(1, 3, 1, 1)).sigmoid()).mean()
    compiled = mg.compile(loss, wrt=[bias, whole], inputs=[recorded], backend="jit")
    assert compiled._engine.ir.count("define void @group") == 1
    loss, (g_bias, g_whole) = compiled(x)
    t = np.tanh(x + b)
    y = 1.0 / (1.0 + np.exp(-(t * c + b)))
    g = y * (1.0 - y) / y.size
    assert loss == pytest.approx(y.mean(), rel=1e-13)
    assert_close(g_bias, (g + g * c * (1.0 - t * t)).sum((0, 2, 3)).reshape(3, 1, 1), 1e-13)
    assert_close(g_whole, (g * t).sum(0), 1e-13)


@pytest.mark.parametrize(("columns", "lanes"), [(1, 2), (2, 2), (3, 4), (8, 8), (9, 16), (24, 16)])
def test_no_more_lanes_than_a_row_of_pixels_fills(columns: int, lanes: int) -> None:
    images, weights, result = (Line("input", shape=s) for s in ((5, 1, 9, 30), (2, 1, 3, 3), (5, 2, 7, columns)))
    for op, args, shape in (("conv2d", (images, weights), result.shape), ("conv2d_kernel", (images, result), (2, 1))):
        assert lanes_for(Line(op, args, shape=shape), 16) == lanes


def test_only_lines_whose_rows_are_images_have_kernels() -> None:
    def line(op: str, shape: Any, args: Any = (), dtype: Any = np.float64, **static: Any) -> Line:
        return Line(op, args, static, shape, np.dtype(dtype), varies=True)

    def pooled(images: Line, shape: Any) -> ImageKernel | None:
        return image_kernel(line("avg_pool2d", shape, (images,), size=(2, 2), stride=(2, 2)), np.dtype(float), 4)

    assert pooled(line("input", (Rows(), 3, 4, 4)), (Rows(), 3, 2, 2)) is not None
    assert pooled(line("input", (Rows(2), 3, 4, 4)), (Rows(2), 3, 2, 2)) is None
    assert pooled(line("input", (3, Rows(), 4, 4)), (3, Rows(), 2, 2)) is None
    assert pooled(line("input", (Rows(), 3, 4, 4), dtype=np.float32), (Rows(), 3, 2, 2)) is None


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_choice_against_zero_keeps_every_bit(dtype: Any) -> None:
    a = np.array([[1.5, np.nan, -np.inf, -0.0], [np.inf, -0.0, 3.0, np.nan]], dtype)
    condition = np.array([[True, False, False, True], [True, False, False, True]])
    for part in (np.s_[:], np.s_[:, ::2], np.s_[:0]):
        for zero in (0.0, -0.0):
            found, expected = kernels.where(condition[part], a[part], zero), np.where(condition[part], a[part], zero)
            assert found.dtype == expected.dtype
            assert found.tobytes() == expected.tobytes()
    assert kernels.where(condition, condition, 0.0).dtype == np.float64


# What may stand between two convolutions: lines whose rows lie innermost for NumPy, views of these, and sums over them.
BETWEEN = {
    "relu": lambda h, b: mg.relu(h + mg.reshape(b, (1, -1, 1, 1))),
    "largest": lambda h, b: mg.max_pool2d(mg.relu(h), 2, stride=1),
    "guarded": lambda h, b: mg.tanh(h) * mg.sqrt(mg.relu(h) + 1.0),
    "selected": lambda h, b: mg.where(h > 0.1, h, h * h),
    "by rows": lambda h, b: h - mg.mean(h, axis=(1, 2, 3), keepdims=True),
    "by pixels": lambda h, b: h * mg.softmax(mg.reshape(h, (-1, 2, 25)), axis=-1).reshape((-1, 2, 5, 5)),
    "turned": lambda h, b: mg.relu(mg.transpose(h, (0, 1, 3, 2))) + h,
    "stacked": lambda h, b: mg.concatenate([mg.relu(h), h], axis=2),
    "channels": lambda h, b: mg.sigmoid(h[:, ::-1]) * mg.broadcast_to(mg.mean(h, axis=(2, 3), keepdims=True), h.shape),
}


@pytest.mark.parametrize("name", BETWEEN)
def test_what_stands_between_convolutions_is_computed_in_blocks_as_it_is_eagerly(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_numpy, "BLOCK_BYTES", 1 << 10)
    rng = np.random.default_rng(5)
    v, w, b = (Value(rng.standard_normal(s)) for s in ((2, 1, 3, 3), (3, 2, 2, 2), (2,)))

    def loss_of(x: Any) -> Any:
        y = mg.conv2d(BETWEEN[name](mg.conv2d(x, v), b), w)
        return mg.mean(mg.sum(mg.reshape(mg.relu(y), (y.shape[0], -1)) ** 2, axis=-1))

    images = rng.standard_normal((75, 1, 7, 7))
    x = Value(images[:2], label="x")
    loss = loss_of(x)
    wrt = [p for p in (v, w, b) if mg.grad(loss, p)[0] is not None]
    trainer = mg.compile(loss, wrt=wrt, inputs=[x], backend="numpy").bind(images)
    assert len([block for lane in trainer.lanes for block in lane.blocks]) == 3
    expected = loss_of(Value(images))
    for p in (v, w, b):
        p.grad = None
    expected.backward()
    assert_close(trainer.evaluate(), expected.item(), 1e-12)
    assert_close(trainer.gradient, np.concatenate([np.ravel(p.grad) for p in wrt]), 1e-12)


@pytest.mark.parametrize("selected", [False, True])
def test_relu_sends_back_nan_of_nan_unless_nothing_was_sent_to_it(selected: bool) -> None:
    """Nothing of a place of which a where() sent 0 back, and nothing of an infinity where relu is 0."""
    images = np.stack([np.full((1, 2, 2), number) for number in (1.0, np.nan, -1.0, np.nan)])
    factors = np.array([np.inf, 2.0, np.inf, 0.0]).reshape(4, 1, 1, 1)
    x, w = Value(images), Value(np.ones((1, 1, 1, 1)))
    h = mg.relu(mg.conv2d(x, w))
    loss = mg.sum(mg.where(factors != 0.0, h, 0.0) * factors if selected else h * factors)
    loss.backward()
    _, (of_x, of_w) = mg.compile(loss, wrt=[x, w], backend="numpy")()
    np.testing.assert_array_equal(of_x, x.grad)
    np.testing.assert_array_equal(of_w, w.grad)
    expected = [np.inf, np.nan, 0.0, 0.0 if selected else np.nan]
    np.testing.assert_array_equal(of_x[:, 0, 0, 0], expected)
