"""Layers of sequences, embeddings, recurrent ones, attention: how they start, what they may see, what they refuse."""

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
from microgradcnn.fit import evaluate, fit

KINDS = ("RNN", "LSTM", "GRU")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def recurrent(kind: str, *sizes: int, **options: Any) -> Any:
    return getattr(nn, kind)(*sizes, rng=rng(), **options)


def attention(*sizes: int, **options: Any) -> nn.MultiheadAttention:
    return nn.MultiheadAttention(*sizes, rng=rng(), **options)


# How they start


def test_how_their_weights_are_drawn() -> None:
    for kind, gates in (("RNN", 1), ("LSTM", 4), ("GRU", 3)):
        for layer in (recurrent(kind, 40, 25, 2), recurrent(f"{kind}Cell", 40, 25)):
            drawn = np.concatenate([np.ravel(p.data) for p in layer.parameters()])
            assert np.abs(drawn).max() <= 0.2
            assert np.abs(drawn).max() > 0.19
            assert drawn.var() == pytest.approx(0.04 / 3, rel=0.05)
            assert layer.parameters()[0].shape == (gates * 25, 40)
    table = nn.Embedding(200, 30, padding_idx=3, rng=rng()).weight.data
    assert (table.mean(), table.std()) == (pytest.approx(0.0, abs=0.05), pytest.approx(1.0, abs=0.05))
    assert not table[3].any()
    layer = attention(32, 4)
    bound = (6 / (32 + 96)) ** 0.5
    assert np.abs(layer.in_proj_weight.data).max() == pytest.approx(bound, rel=0.01)
    assert np.abs(layer.out_proj.weight.data).max() == pytest.approx(32**-0.5, rel=0.01)
    assert not layer.in_proj_bias.data.any()
    assert not layer.out_proj.bias.data.any()


def test_the_generator_decides_alone_and_float32_is_the_same_rounded() -> None:
    for build in (
        lambda **o: nn.LSTM(3, 2, 2, rng=rng(4), **o),
        lambda **o: nn.GRUCell(3, 2, rng=rng(4), **o),
        lambda **o: nn.Embedding(3, 2, rng=rng(4), **o),
        lambda **o: nn.MultiheadAttention(4, 2, rng=rng(4), **o),
    ):
        one, other, small = build().state_dict(), build().state_dict(), build(dtype=np.float32).state_dict()
        for name, array in one.items():
            np.testing.assert_array_equal(array, other[name])
            np.testing.assert_array_equal(array.astype(np.float32), small[name])


@pytest.mark.parametrize("kind", [*KINDS, "RNNCell", "LSTMCell", "GRUCell", "MultiheadAttention", "Embedding"])
def test_float32_stays_float32(kind: str) -> None:
    x = rng(1).random((2, 3, 4), np.float32)
    if kind == "MultiheadAttention":
        layer: Any = attention(4, 2, dtype=np.float32)
        y = layer(x, x, x, attn_mask=np.zeros((2, 2)), is_causal=True)[0]
    elif kind == "Embedding":
        layer = nn.Embedding(3, 2, padding_idx=1, dtype=np.float32, rng=rng())
        y = mg.concatenate([layer(np.array([0, 1])), layer(Value(np.array([0, 1], np.float32)))])
    else:
        layer = recurrent(kind, 4, 2, dtype=np.float32)
        y = layer(x[0] if "Cell" in kind else x)
        y = y if isinstance(y, Value) else y[0]
    mg.mean(y).backward()
    assert {y.dtype, *(p.grad.dtype for p in layer.parameters())} == {np.dtype(np.float32)}


# Time


@pytest.mark.parametrize("kind", KINDS)
@given(time=st.integers(1, 4), n=st.integers(1, 3), both=st.booleans(), first=st.booleans())
def test_a_layer_is_its_cell_in_a_loop(kind: str, time: int, n: int, both: bool, first: bool) -> None:
    layer = recurrent(kind, 3, 2, bidirectional=both, batch_first=first)
    x = rng(1).normal(size=(n, time, 3) if first else (time, n, 3))
    steps = np.swapaxes(x, 0, 1) if first else x
    found, _ = layer(x)
    by_time = np.swapaxes(found.data, 0, 1) if first else found.data
    for name, part, order in (("", slice(0, 2), 1), ("_reverse", slice(2, 4), -1))[: 1 + both]:
        cell = recurrent(f"{kind}Cell", 3, 2)
        cell.load_state_dict({path: getattr(layer, f"{path}_l0{name}").data for path in cell.state_dict()})
        state = None
        for x_t, y_t in zip(steps[::order], by_time[::order], strict=True):
            state = cell(x_t, state)
            h = state[0] if kind == "LSTM" else state
            np.testing.assert_allclose(y_t[:, part], h.data, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_may_come_in_two_parts(kind: str) -> None:
    layer, x = recurrent(kind, 3, 2, 2), rng(1).normal(size=(5, 2, 3))
    whole, end = layer(x)
    first, state = layer(x[:2])
    second, last = layer(x[2:], state)
    np.testing.assert_allclose(np.concatenate([first.data, second.data]), whole.data, rtol=1e-13, atol=1e-15)
    for one, other in zip(*((s if isinstance(s, tuple) else (s,)) for s in (end, last)), strict=True):
        np.testing.assert_allclose(one.data, other.data, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_is_between_layers_and_off_in_eval_mode(kind: str) -> None:
    x = rng(1).normal(size=(3, 2, 3))
    plain, dropping, single = (recurrent(kind, 3, 4, k, dropout=p) for k, p in ((2, 0.0), (2, 0.5), (1, 0.5)))
    dropping.load_state_dict(plain.state_dict())
    assert not np.array_equal(plain(x)[0].data, dropping(x)[0].data)
    ends = [layer(x)[1] for layer in (plain, dropping)]
    firsts = [(end[0] if kind == "LSTM" else end).data[0] for end in ends]
    np.testing.assert_array_equal(*firsts)  # the first layer has nothing before it
    np.testing.assert_array_equal(plain(x)[0].data, dropping.eval()(x)[0].data)
    np.testing.assert_array_equal(single(x)[0].data, single(x)[0].data)
    assert "dropout=0.5" in dropping.line()


# Attention


def test_a_causal_mask_hides_what_comes_later() -> None:
    layer, x = attention(4, 2, batch_first=True), rng(1).normal(size=(2, 5, 4))
    found, weights = layer(x, x, x, is_causal=True)
    assert not np.triu(weights.data, 1).any()
    np.testing.assert_allclose(weights.data.sum(-1), 1.0, rtol=1e-14)
    other = x.copy()
    other[:, 3:] += 1.0
    np.testing.assert_array_equal(layer(other, other, other, is_causal=True)[0].data[:, :3], found.data[:, :3])
    blocked = np.triu(np.ones((5, 5), bool), 1)
    for mask in (blocked, np.where(blocked, -np.inf, 0.0), Value(np.where(blocked, -1e9, 0.0))):
        np.testing.assert_allclose(layer(x, x, x, attn_mask=mask)[0].data, found.data, rtol=1e-14)


def test_a_query_that_may_look_nowhere_looks_everywhere_alike() -> None:
    layer, x = attention(4, 2), rng(1).normal(size=(3, 4))
    _, weights = layer(x, x, x, attn_mask=np.ones((3, 3), bool))
    np.testing.assert_allclose(weights.data, 1 / 3, rtol=1e-14)


def test_masks_leave_no_infinity_for_debug_to_find() -> None:
    layer, x = attention(4, 2), Value(rng(1).normal(size=(3, 4)))
    with mg.debug():
        mg.mean(layer(x, x, x, is_causal=True, key_padding_mask=np.array([False, False, True]))[0]).backward()


def test_dropout_of_weights() -> None:
    layer, x = attention(4, 2, dropout=0.5), rng(1).normal(size=(6, 2, 4))
    _, weights = layer(x, x, x, average_attn_weights=False)
    assert 0.3 < np.mean(weights.data == 0.0) < 0.7
    assert layer.eval()(x, x, x)[1].data.all()


# Embeddings


def test_rows_are_picked_and_get_the_gradients_of_their_places() -> None:
    layer = nn.Embedding(4, 2, padding_idx=0, rng=rng())
    layer.weight.data = np.arange(8.0).reshape(4, 2) + 1.0
    x = np.array([[3, 0], [3, 1]])
    for given_x in (x, x.tolist(), Value(x), x.astype(float)):
        layer.zero_grad()
        y = layer(given_x)
        np.testing.assert_array_equal(y.data, layer.weight.data[x])
        mg.sum(y).backward()
        np.testing.assert_array_equal(layer.weight.grad, [[0, 0], [1, 1], [0, 0], [2, 2]])


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["eager", "numpy"])
def test_fit_trains_them_together(engine: str) -> None:
    """The class is whether the first of four numbers is above the last, which the LSTM has to remember."""

    class Model(nn.Module):
        def __init__(self) -> None:
            generator = rng(3)
            self.embed = nn.Embedding(4, 4, rng=generator)
            self.lstm = nn.LSTM(4, 8, batch_first=True, rng=generator)
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True, rng=generator)
            self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 2, rng=generator)

        def forward(self, x: Any) -> Any:
            h, _ = self.lstm(self.embed(x))
            h = self.norm(h + self.attention(h, h, h, need_weights=False)[0])
            return self.head(h[:, -1])

    x = rng(1).integers(4, size=(64, 4))
    y = x[:, 0] > x[:, -1]
    model = Model()
    fit(model, x, y, rate=0.02, epochs=25, batch=16, engine=engine)
    assert evaluate(model, x, y)["accuracy"] > 0.9


def test_fit_compiles_no_dropout_inside_a_layer() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            self.gru = nn.GRU(2, 2, 2, batch_first=True, dropout=0.5, rng=rng())

        def forward(self, x: Any) -> Any:
            return self.gru(x)[0][:, -1]

    x, y = rng().normal(size=(4, 3, 2)), np.array([0, 1, 0, 1])
    with pytest.raises(ValueError, match=r"^layer gru\.between is a Dropout, which draws anew in every step: take eng"):
        fit(Model(), x, y, epochs=1)
    fit(Model(), x, y, epochs=1, engine="eager")


# What they refuse

T = np.zeros((3, 2, 4))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            lambda: recurrent("LSTM", 3, 2)(T),
            "LSTM(input_size=3, hidden_size=2) takes sequences (time, n, 3) or one (time, 3), not an input of shape (3",
        ),
        (
            lambda: recurrent("GRU", 4, 2, batch_first=True)(T[0, 0]),
            "takes sequences (n, time, 4) or one (time, 4), not an input of shape (4,)",
        ),
        (
            lambda: recurrent("RNN", 4, 2)(T[:0]),
            "takes sequences (time, n, 4) or one (time, 4), not an input of shape (0, 2, 4)",
        ),
        (
            lambda: recurrent("RNN", 4, 2)(T, np.zeros((1, 3, 2))),
            "takes a state h of shape (1, 2, 2), not an input of shape (1, 3, 2)",
        ),
        (
            lambda: recurrent("LSTM", 4, 2)(T, np.zeros((1, 2, 2))),
            "takes a pair (h, c) of shape (1, 2, 2), not an input of shape (2, 2)",
        ),
        (
            lambda: recurrent("GRUCell", 4, 2)(T),
            "takes rows (n, 4) or one of 4 numbers, not an input of shape (3, 2, 4)",
        ),
        (
            lambda: recurrent("LSTMCell", 4, 2)(T[0], (np.zeros(2), np.zeros(2))),
            "takes a pair (h, c) of shape (2, 2), not an input of shape (2,)",
        ),
        (
            lambda: attention(4, 2)(T, T, T[0]),
            "takes sequences (length, n, 4) or one (length, 4), all alike, not an input of shape (2, 4)",
        ),
        (
            lambda: attention(4, 2)(T, T, T[:2]),
            "takes as many values as keys (3, 2, 4) and as many sequences as queries, not an input of",
        ),
        (
            lambda: attention(4, 2)(T, T, T, attn_mask=np.zeros((2, 3))),
            "takes a mask of shape (3, 3) or (4, 3, 3), not an input of shape (2, 3)",
        ),
        (
            lambda: attention(4, 2)(T, T, T, key_padding_mask=np.zeros(3)),
            "takes a mask of shape (2, 3), not an input of shape (3,)",
        ),
        (lambda: nn.Embedding(3, 2, rng=rng())([0, 3]), "takes whole numbers from 0 to 2, not 3"),
        (lambda: nn.Embedding(3, 2, rng=rng())(Value(0.5)), "takes whole numbers from 0 to 2, not 0.5"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(call: Callable[[], Any], says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        call()


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        (
            lambda: nn.LSTM(3, 0, rng=rng()),
            ValueError,
            "LSTM needs one input and one hidden unit at least, not LSTM(in",
        ),
        (lambda: nn.GRU(3, 2, 0, rng=rng()), ValueError, "num_layers must be at least 1, not 0"),
        (lambda: nn.RNN(3, 2, nonlinearity="gelu", rng=rng()), ValueError, "nonlinearity is tanh or relu, not 'gelu'"),
        (lambda: nn.RNNCell(3, 2, True, "elu", rng=rng()), ValueError, "nonlinearity is tanh or relu, not 'elu'"),
        (lambda: nn.LSTM(3, 2, dropout=1.5, rng=rng()), ValueError, "from 0 to below 1, not 1.5"),
        (
            lambda: nn.LSTMCell(3, 2, rng=1),
            TypeError,
            "rng is a random generator such as np.random.default_rng(0), not 1",
        ),
        (lambda: nn.GRUCell(3, 2, rng=rng(), dtype=int), TypeError, "float64 or float32, not int64"),
        (lambda: attention(5, 2), ValueError, "embed_dim is a multiple of num_heads, both at least 1, not 5 of 2"),
        (lambda: attention(4, 2, dropout=-0.5), ValueError, "from 0 to below 1, not -0.5"),
        (lambda: nn.Embedding(0, 2, rng=rng()), ValueError, "a row of one number at least, not 0 of 2"),
        (lambda: nn.Embedding(3, 2, padding_idx=3, rng=rng()), ValueError, "padding_idx is one of 3 rows, not 3"),
        (lambda: nn.GELU("erf"), ValueError, "approximate is none or tanh, not 'erf'"),
    ],
)
def test_bad_arguments_are_refused(wrong: Callable[[], Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=re.escape(says)):
        wrong()


# The table


def test_the_table_of_a_model_of_sequences() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            self.lstm = nn.LSTM(3, 4, batch_first=True, rng=rng())
            self.attention = nn.MultiheadAttention(4, 2, batch_first=True, bias=False, rng=rng())

        def forward(self, x: Any) -> Any:
            h, _ = self.lstm(x)
            return self.attention(h, h, h)[0]

    found = Model().summary((5, 3))
    rows = {row.name: row for row in found.rows}
    assert {name: (row.shape, row.parameters) for name, row in rows.items()} == {
        "lstm": (("n", 5, 4), 16 * 3 + 16 * 4 + 32),
        "attention": (("n", 5, 4), 48),
        "attention.out_proj": (("n", 5, 4), 16),
    }
    # Of each step: two products with biases and their sum; σ, σ, tanh, σ and tanh; c from two products, h from one.
    first, more = 16 * (5 + 1 + 7 + 1 + 1) + 4 * 8 + 4, 5
    assert rows["lstm"].operations == more * first
    assert rows["attention.out_proj"].operations == 5 * 4 * 7
    assert found.operations == sum(row.operations for row in found.rows)
