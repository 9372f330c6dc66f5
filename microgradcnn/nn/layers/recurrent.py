"""Recurrent layers, RNN, LSTM and GRU, and their cells: one time step, made of primitives, and a loop over time.

A step gets W_ih x + b_ih, W_hh h + b_hh and the state before, h or (h, c), and gives the state after. Its gates lie one
after another in the last axis, in PyTorch's order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn.engine.arguments import check_integers
from microgradcnn.engine.value import Value
from microgradcnn.nn.layers.dropout import Dropout
from microgradcnn.nn.layers.linear import Generator, check_dtype, check_generator
from microgradcnn.nn.module import Module
from microgradcnn.system.text_layout import how_many

State: TypeAlias = tuple[Any, ...]  # (h,) or (h, c)
Step: TypeAlias = Callable[[Any, Any, State], State]

H = TypeVar("H")  # what callers give and get as a state: h, or (h, c)


def tanh_step(x: Any, h: Any, state: State) -> State:
    """tanh(W_ih x + b_ih + W_hh h + b_hh). (Elman 1990.)"""
    return (mg.tanh(x + h),)


def relu_step(x: Any, h: Any, state: State) -> State:
    """The same with relu for tanh."""
    return (mg.relu(x + h),)


def lstm_step(x: Any, h: Any, state: State) -> State:
    """c' = σ(f) c + σ(i) tanh(g) and h' = σ(o) tanh(c'), with gates i, f, g, o of W_ih x + b_ih + W_hh h + b_hh.

    (Hochreiter and Schmidhuber 1997; the forget gate f is that of Gers, Schmidhuber and Cummins 2000.)
    """
    i, f, g, o = _gates(x + h, 4)
    c = mg.sigmoid(f) * state[1] + mg.sigmoid(i) * mg.tanh(g)
    return mg.sigmoid(o) * mg.tanh(c), c


def gru_step(x: Any, h: Any, state: State) -> State:
    """h' = (1 − z) n + z h, with r = σ(r_x + r_h), z = σ(z_x + z_h), n = tanh(n_x + r n_h), of gates r, z, n of each.

    (Cho et al. 2014; r comes after the product with W_hn, as in PyTorch.)
    """
    (r_x, z_x, n_x), (r_h, z_h, n_h) = _gates(x, 3), _gates(h, 3)
    r, z = mg.sigmoid(r_x + r_h), mg.sigmoid(z_x + z_h)
    n = mg.tanh(n_x + r * n_h)
    return ((1.0 - z) * n + z * state[0],)


def _gates(a: Any, count: int) -> list[Any]:
    width = np.shape(a)[-1] // count
    return [a[..., k * width : (k + 1) * width] for k in range(count)]


PLAIN: dict[str, Step] = {"tanh": tanh_step, "relu": relu_step}


def plain_step(nonlinearity: str) -> Step:
    """The step of an RNN. Raises ValueError for another nonlinearity."""
    if nonlinearity not in PLAIN:
        raise ValueError(f"nonlinearity is {' or '.join(PLAIN)}, not {nonlinearity!r}")
    return PLAIN[nonlinearity]


class Recurrence(Module, Generic[H]):
    """What cells and layers share: parameters from U(−1/√hidden_size, 1/√hidden_size), and a step that takes them.

    They raise TypeError or ValueError for arguments that fit no layer.
    """

    step: Step
    gates: ClassVar[int] = 1
    states: ClassVar[int] = 1  # arrays in a state

    input_size: int
    hidden_size: int
    bias: bool = True

    def draw(self, name: str, inputs: int, rng: Generator | None, dtype: Any) -> None:
        """Draw the weights, and the biases if there are any, of a step from `inputs` numbers, all called `name`."""
        rng = check_generator(rng)
        check_dtype(dtype)
        check_integers(input_size=inputs, hidden_size=self.hidden_size)
        if min(inputs, self.hidden_size) < 1:
            raise ValueError(f"{type(self).__name__} needs one input and one hidden unit at least, not {self.line()}")
        rows, bound = self.gates * self.hidden_size, 1.0 / math.sqrt(self.hidden_size)
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, inputs), "weight_hh": (rows, self.hidden_size)}
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        for part, shape in shapes.items():
            setattr(self, part + name, Value(rng.uniform(-bound, bound, shape).astype(dtype)))

    def affine(self, name: str) -> Callable[[Any], Any]:
        """W x + b of x, with the weight and the bias of that name, `ih` or `hh` with what comes behind."""
        weight = getattr(self, f"weight_{name}").T
        if not self.bias:
            return lambda x: x @ weight
        bias = getattr(self, f"bias_{name}")
        return lambda x: x @ weight + bias

    def start(self, hx: Any, shape: tuple[int, ...]) -> State | None:
        """The state that is given, None for none. Raises ValueError unless it has that shape."""
        if hx is None:
            return None
        state = (hx,) if self.states == 1 else tuple(hx)
        for part in state:
            if len(state) != self.states or np.shape(part) != shape:
                self.refuse(part, f"{'a state h' if self.states == 1 else 'a pair (h, c)'} of shape {shape}")
        return state

    def bare(self, state: State) -> H:
        """The state as callers have it."""
        bare: Any = state if self.states > 1 else state[0]
        return bare

    def zeros(self) -> State:
        """The state to start from unless one is given: one row for all, so that it fits any number of them."""
        return (np.zeros(self.hidden_size, self.parameters()[0].dtype),) * self.states


class Cell(Recurrence[H]):
    """One step: `weight_ih`, `weight_hh`, and with `bias` `bias_ih` and `bias_hh`; it starts at 0 without a state."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        rng: Generator | None = None,
        dtype: Any = np.float64,
    ) -> None:
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        self.draw("", input_size, rng, dtype)

    def forward(self, x: Any, hx: Any = None) -> H:
        """h' for x (n, input_size) or (input_size,) and h in the same axes; (h', c') for an LSTMCell and (h, c)."""
        shape = np.shape(x)
        if len(shape) not in (1, 2) or shape[-1] != self.input_size:
            self.refuse(x, f"rows (n, {self.input_size}) or one of {how_many(self.input_size, 'number')}")
        state = self.start(hx, (*shape[:-1], self.hidden_size)) or self.zeros()
        return self.bare(self.step(self.affine("ih")(x), self.affine("hh")(state[0]), state))


class RNNCell(Cell[Value]):
    """One step of an RNN: h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu for the nonlinearity tanh."""

    nonlinearity: str = "tanh"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        rng: Generator | None = None,
        dtype: Any = np.float64,
    ) -> None:
        self.nonlinearity, self.step = nonlinearity, plain_step(nonlinearity)
        super().__init__(input_size, hidden_size, bias, rng=rng, dtype=dtype)


class LSTMCell(Cell[tuple[Value, Value]]):
    """One step of an LSTM, as `lstm_step` says, with a state (h, c)."""

    gates, states, step = 4, 2, staticmethod(lstm_step)


class GRUCell(Cell[Value]):
    """One step of a GRU, as `gru_step` says."""

    gates, step = 3, staticmethod(gru_step)


class Layers(Recurrence[H]):
    """Steps over time, for `num_layers` layers, of which each gets the states h of the one before.

    x is (time, n, input_size), with `batch_first` (n, time, input_size), or (time, input_size) for one sequence. The
    parameters of layer k are `weight_ih_l{k}`, `weight_hh_l{k}` and, with `bias`, `bias_ih_l{k}` and `bias_hh_l{k}`. If
    `bidirectional` a second step, with parameters `..._reverse`, goes back in time, and its h stands behind the other
    in the last axis. `dropout` is the probability of a 0 in what one layer gives to the next in train() mode. A program
    of mg.compile for any number of rows takes `batch_first`, and no state; its length grows with the time.
    """

    input_size: int
    hidden_size: int
    num_layers: int = 1
    bias: bool = True
    batch_first: bool = False
    dropout: float = 0.0
    bidirectional: bool = False

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        rng: Generator | None = None,
        dtype: Any = np.float64,
    ) -> None:
        check_integers(num_layers=num_layers)
        if num_layers < 1:
            raise ValueError(f"num_layers must be at least 1, not {num_layers}")
        self.input_size, self.hidden_size, self.num_layers, self.bias = input_size, hidden_size, num_layers, bias
        self.batch_first, self.dropout, self.bidirectional = batch_first, dropout, bidirectional
        between = Dropout(dropout, rng=check_generator(rng))
        self.between = between if dropout > 0.0 and num_layers > 1 else None
        for k in range(num_layers):
            for name in self._names(k):
                self.draw(name, hidden_size * len(self._names(k)) if k else input_size, rng, dtype)

    def forward(self, x: Any, hx: Any = None) -> tuple[Value, H]:
        """Every h of the last layer, in the axes of x, and the last state of every step, (steps, n, hidden_size).

        That is h for an RNN and a GRU and (h, c) for an LSTM; `hx`, the state to start from, has its shape.
        """
        shape = np.shape(x)
        along = 1 if self.batch_first and len(shape) == 3 else 0  # the axis of time
        if len(shape) not in (2, 3) or shape[-1] != self.input_size or not shape[along]:
            order = "n, time" if self.batch_first else "time, n"
            self.refuse(x, f"sequences ({order}, {self.input_size}) or one (time, {self.input_size})")
        rows = tuple(length for axis, length in enumerate(shape[:-1]) if axis != along)
        names = [name for layer in range(self.num_layers) for name in self._names(layer)]
        given = self.start(hx, (len(names), *rows, self.hidden_size))
        states = {n: self.zeros() if given is None else tuple(part[i] for part in given) for i, n in enumerate(names)}
        x = mg.transpose(x, (1, 0, 2)) if along else x
        for layer in range(self.num_layers):
            if layer and self.between is not None:
                x = self.between(x)
            directions = []
            for name in self._names(layer):
                hs, states[name] = self._through(x, name, states[name])
                directions.append(hs)
            x = directions[0] if len(directions) == 1 else mg.concatenate(directions, axis=-1)
        ends = self.bare(tuple(mg.stack(parts) for parts in zip(*states.values(), strict=True)))
        return mg.transpose(x, (1, 0, 2)) if along else x, ends

    def _through(self, x: Any, name: str, state: State) -> tuple[Value, State]:
        """Every h of a step over x, (time, ...), and the state after the last; `..._reverse` goes back in time."""
        of_x, of_h = self.affine(f"ih{name}")(x), self.affine(f"hh{name}")  # W_ih x + b_ih for all times at once
        times = range(len(x))[:: -1 if name.endswith("_reverse") else 1]
        hs = []
        for t in times:
            state = self.step(of_x[t], of_h(state[0]), state)
            hs.append(state[0])
        return mg.stack(hs[:: times.step]), state

    def _names(self, layer: int) -> list[str]:
        """What the parameters of a layer are called, for each direction."""
        return [f"_l{layer}", *([f"_l{layer}_reverse"] if self.bidirectional else [])]


class RNN(Layers[Value]):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu for the nonlinearity tanh, over time as Layers says."""

    nonlinearity: str = "tanh"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        rng: Generator | None = None,
        dtype: Any = np.float64,
    ) -> None:
        self.nonlinearity, self.step = nonlinearity, plain_step(nonlinearity)
        more = (num_layers, bias, batch_first, dropout, bidirectional)
        super().__init__(input_size, hidden_size, *more, rng=rng, dtype=dtype)


class LSTM(Layers[tuple[Value, Value]]):
    """The long short-term memory: `lstm_step` over time as Layers says, with a state (h, c)."""

    gates, states, step = 4, 2, staticmethod(lstm_step)


class GRU(Layers[Value]):
    """The gated recurrent unit: `gru_step` over time as Layers says."""

    gates, step = 3, staticmethod(gru_step)
