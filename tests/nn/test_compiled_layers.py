"""Recurrent layers, attention, norms, embeddings and activations, compiled over rows, are what the engine computes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from every_backend import BACKENDS
from many_cases import slow_but
from threadpoolctl import threadpool_limits

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.targets.native import jit
from microgradcnn.targets.row_axis import RowsError


@pytest.fixture(autouse=True)
def no_cache_and_one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MICROGRADCNN_CACHE", "")
    with threadpool_limits(1):
        yield


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


class Attentive(nn.Module):
    """Self-attention, with a mask, in a residual block."""

    def __init__(self, **options: Any) -> None:
        self.norm = nn.LayerNorm(4, dtype=options.get("dtype", np.float64))
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True, rng=rng(), **options)

    def forward(self, x: Any) -> Any:
        h = self.norm(x)
        return x + self.attention(h, h, h, is_causal=True)[0]


class Last(nn.Module):
    """What a recurrent layer gives at the last time, and its last state."""

    def __init__(self, layer: nn.Module) -> None:
        self.layer = layer

    def forward(self, x: Any) -> Any:
        y, h = self.layer(x)
        return mg.concatenate([y[:, -1], mg.sum(h[0] if isinstance(h, tuple) else h, axis=0)], axis=1)


class First(nn.Module):
    """The first output of a layer of several."""

    def __init__(self, layer: nn.Module) -> None:
        self.layer = layer

    def forward(self, x: Any) -> Any:
        return self.layer(x)[0]


def last(kind: str, **options: Any) -> Callable[[], nn.Module]:
    return lambda: Last(getattr(nn, kind)(4, 3, batch_first=True, rng=rng(), **options))


def evaluated_norm(kind: Any) -> nn.Module:
    layer = kind(3)
    for _ in range(2):
        layer(rng(1).normal(size=(4, 3, 2, 2)[: max(layer.axes)]))
    return layer.eval()


# A model, the shape of a row, and how many classes a number of a row is one of, 0 if it is none.
MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], int]] = {
    "RNN": (last("RNN", nonlinearity="relu"), (3, 4), 0),
    "LSTM": (last("LSTM", num_layers=2), (3, 4), 0),
    "GRU": (last("GRU", bias=False), (3, 4), 0),
    "RNNCell": (lambda: nn.RNNCell(4, 3, rng=rng()), (4,), 0),
    "LSTMCell": (lambda: First(nn.LSTMCell(4, 3, rng=rng())), (4,), 0),
    "GRUCell": (lambda: nn.GRUCell(4, 3, bias=False, rng=rng()), (4,), 0),
    "attention": (Attentive, (3, 4), 0),
    "LayerNorm": (lambda: nn.LayerNorm((2, 3)), (2, 3), 0),
    "BatchNorm1d": (lambda: evaluated_norm(nn.BatchNorm1d), (3,), 0),
    "BatchNorm2d": (lambda: evaluated_norm(nn.BatchNorm2d), (3, 2, 2), 0),
    "Embedding": (lambda: nn.Embedding(5, 3, padding_idx=1, rng=rng()), (4,), 5),
    "Embedding into an LSTM": (
        lambda: nn.Sequential(nn.Embedding(5, 4, rng=rng()), last("LSTM", bidirectional=True)()),
        (3,),
        5,
    ),
    "activations": (lambda: nn.Sequential(nn.LeakyReLU(0.1), nn.GELU("tanh"), nn.SiLU(), nn.LayerNorm(3)), (3,), 0),
    "GELU": (lambda: nn.Sequential(nn.Linear(3, 2, rng=rng()), nn.GELU()), (3,), 0),
}


def numbers(n: int, shape: tuple[int, ...], classes: int) -> Any:
    return rng(n).integers(classes, size=(n, *shape)) if classes else rng(n).normal(size=(n, *shape))


def compiled(model: nn.Module, x: Any, backend: str = "numpy") -> mg.Program:
    leaf = Value(x, label="x")
    return mg.compile(mg.mean(mg.square(model(leaf) + 0.5)), model.parameters(), [leaf], backend)


ALL = [(name, backend) for name in MODELS for backend in BACKENDS]


@pytest.mark.parametrize("case", slow_but(*[(name, "numpy") for name in MODELS], among=ALL))
def test_a_program_is_what_the_engine_computes(case: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    name, backend = case
    build, shape, classes = MODELS[name]
    model = build()
    for opened in (3000, -1) if backend == "jit" else (0,):  # into scalars, or operations on arrays fused
        monkeypatch.setattr(jit, "OPENED", opened)
        program = compiled(model, numbers(2, shape, classes), backend)
        for n in (1, 5) if backend != "jax" else (5,):
            at = numbers(n, shape, classes)
            model.zero_grad()
            eager = mg.mean(mg.square(model(at if classes else Value(at)) + 0.5))
            eager.backward()
            loss, gradients = program(at)
            assert loss == pytest.approx(eager.item(), rel=1e-12)
            for (path, p), g in zip(model.named_parameters(), gradients, strict=True):
                np.testing.assert_allclose(g, p.grad, rtol=1e-11, atol=1e-13, err_msg=path)


def test_every_layer_that_is_composed_is_among_them() -> None:
    """Those that are one operator of a file each are in tests/targets/test_onnx.py."""
    found = {type(part).__name__ for build, *_ in MODELS.values() for _, part in build().named_modules()}
    expected = {"Embedding", "RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell", "MultiheadAttention", "LayerNorm"}
    assert found >= expected | {"BatchNorm1d", "BatchNorm2d", "LeakyReLU", "GELU", "SiLU"}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", slow_but("LSTM", among=MODELS))
def test_an_onnx_file_computes_what_the_model_does(name: str, dtype: Any, tmp_path: Path) -> None:
    """In float64 by the reference implementation, as onnxruntime lacks operators there."""
    onnx, onnxruntime = pytest.importorskip("onnx.reference"), pytest.importorskip("onnxruntime")
    build, shape, classes = MODELS[name]
    model, path = build(), tmp_path / "model.onnx"
    mg.export_onnx(model, path, shape, dtype=dtype)
    session = onnx.ReferenceEvaluator(str(path)) if dtype is np.float64 else onnxruntime.InferenceSession(path)
    at = numbers(4, shape, classes)
    (found,) = session.run(None, {"x": at.astype(dtype)})
    exact = dtype is np.float64 and name != "GELU"  # the reference's Erf is one of float32
    tolerance = 1e-10 if exact else 1e-4
    np.testing.assert_allclose(found, model(Value(at)).data, rtol=tolerance, atol=tolerance)


# What mixes rows


@pytest.mark.parametrize("n", [2, 3, 6])
@pytest.mark.parametrize(
    ("kind", "shape"), [(nn.BatchNorm1d, (3,)), (nn.BatchNorm1d, (3, 2)), (nn.BatchNorm2d, (3, 2, 2))]
)
def test_a_program_over_rows_does_not_take_the_statistics_of_a_batch(kind: Any, shape: tuple[int, ...], n: int) -> None:
    x, w = Value(rng().normal(size=(n, *shape)), label="x"), Value(1.0, label="w")
    for tracked in (True, False):
        model = nn.Sequential(nn.Tanh(), kind(3, track_running_stats=tracked))
        with pytest.raises(RowsError, match=r"^1\.centred mixes rows: it uses a mean over rows"):
            mg.compile(mg.mean(model(x * w)), w, [x])


def test_a_program_of_one_whole_batch_takes_its_statistics() -> None:
    """Without inputs there are no rows to keep apart."""
    batch = rng().normal(size=(5, 3))
    model = nn.Sequential(nn.Linear(3, 2, rng=rng()), nn.BatchNorm1d(2), nn.Tanh())
    loss = mg.mean(mg.square(model(batch) - 0.3))
    program = mg.compile(loss, model.parameters())
    model[0].weight.data = rng(1).normal(size=(2, 3))
    eager = mg.mean(mg.square(model(batch) - 0.3))
    eager.backward()
    found, gradients = program()
    assert found == pytest.approx(eager.item(), rel=1e-13)
    for g, p in zip(gradients, model.parameters(), strict=True):
        np.testing.assert_allclose(g, p.grad, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_time_first_is_refused_as_rows(kind: str) -> None:
    layer = getattr(nn, kind)(2, 2, rng=rng())
    x = Value(rng().normal(size=(3, 2, 2)), label="x")
    with pytest.raises(RowsError, match="mixes rows by"):
        mg.compile(mg.mean(layer(x)[0]), layer.parameters(), [x])


def test_a_number_of_no_row_is_refused_by_a_program() -> None:
    program = compiled(nn.Embedding(3, 2, rng=rng()), np.array([0, 1]))
    assert np.isfinite(program([2, 0])[0])
    with pytest.raises(IndexError, match="index 3 is out of bounds"):
        program([3, 0])
