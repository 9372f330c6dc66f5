"""Every function, layer and loss, with the options that change how it is computed, as cases of backends_page.py.

A case is built from arguments that have rows as axis 0, unless `rows` is False, and from a module (NumPy or mg, which
have a function of one name) or a layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import microgradcnn as mg
from microgradcnn import nn


@dataclass(frozen=True)
class Arg:
    """An argument of a case: the shape of a row, and what its numbers are."""

    shape: tuple[int, ...] = (4,)
    kind: str = "real"  # or "unit", between 0 and 1; "classes" of three; "signs"; "booleans"
    rows: bool = True

    @property
    def moves(self) -> bool:
        """Whether there is a gradient with respect to it."""
        return self.kind in ("real", "unit")

    def draw(self, rng: np.random.Generator, n: int) -> Any:
        """Its numbers, for n rows."""
        shape = (n, *self.shape) if self.rows else self.shape
        draws: dict[str, Callable[[], Any]] = {
            "real": lambda: rng.normal(size=shape),
            "unit": lambda: rng.uniform(0.1, 0.9, size=shape),
            "classes": lambda: rng.integers(3, size=shape),
            "signs": lambda: rng.choice([-1.0, 1.0], size=shape),
            "distributions": lambda: rng.dirichlet(np.ones(shape[-1]), size=shape[:-1]),
        }
        return draws[self.kind]()


@dataclass(frozen=True)
class Case:
    """What is computed: of a module with functions and of arguments, or of a layer that `make` builds."""

    name: str
    option: str
    build: Callable[..., Any]
    args: Sequence[Arg] = (Arg(),)
    make: Callable[[], Any] = lambda: mg
    still: int | None = None  # the row of the layer's parameter that gets no gradient, though the value depends on it

    @property
    def key(self) -> str:
        """What names it in the table."""
        return f"{self.name}, {self.option}" if self.option else self.name


X, U, M = Arg(), Arg(kind="unit"), Arg((3, 4))
SQUARE, IMAGE, SIGNAL = Arg((3, 3)), Arg((2, 5, 5)), Arg((2, 6))


def fixed(*shape: int) -> Arg:
    """Numbers that are the same for all rows, as weights are."""
    return Arg(shape, rows=False)


def numbers(name: str, *args: Arg, **options: Any) -> Case:
    """A function called with its arguments alone."""
    return Case(f"mg.{name}", _told(options), lambda m, *xs: getattr(m, name)(*xs, **options), args or (X,))


def function(name: str, option: str, build: Callable[..., Any], *args: Arg) -> Case:
    """A function called in a way of its own."""
    return Case(f"mg.{name}", option, build, args or (X,))


def _told(options: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in options.items())


ELEMENTWISE = (
    *("sin", "cos", "tan", "sinh", "cosh", "arctan", "arcsinh", "exp", "exp2", "expm1", "square", "abs", "negative"),
    *("sinc", "deg2rad", "rad2deg", "erf", "sigmoid", "tanh", "relu", "softplus", "leaky_relu", "silu", "gelu"),
    *("nan_to_num",),
)
OF_UNITS = ("arcsin", "arccos", "arctanh", "log", "log1p", "log2", "log10", "sqrt", "reciprocal")
OF_TWO = ("arctan2", "logaddexp", "logaddexp2", "hypot", "maximum", "minimum")
STEPS = ("sign", "floor", "ceil", "zeros_like", "ones_like")  # the gradient is 0: each with a factor that has one
CONDITIONS = ("isnan", "isinf", "isfinite")
REDUCTIONS = ("sum", "mean", "max", "min", "prod", "var", "std", "norm", "logsumexp")
CASES = [
    *[numbers(name) for name in ELEMENTWISE],
    *[numbers(name, U) for name in OF_UNITS],
    *[numbers(name, X, X) for name in OF_TWO],
    *[function(name, "", lambda m, x, f=name: getattr(m, f)(x) * x + x) for name in STEPS],
    function("stop_gradient", "", lambda m, x: m.stop_gradient(m.sign(x)) * x + x),  # as differences see it, too
    *[function(name, "", lambda m, x, f=name: m.where(getattr(m, f)(x), x, 2.0 * x)) for name in CONDITIONS],
    *[numbers(name, M, axis=1) for name in REDUCTIONS],
    *[numbers(name, M, axis=(1, 2)) for name in ("sum", "mean", "max", "var")],
    *[numbers(name, M) for name in REDUCTIONS],
    numbers("gelu", approximate="tanh"),
    numbers("leaky_relu", negative_slope=0.2),
    function("arccosh", "", lambda m, x: m.arccosh(x + 1.0), U),
    function("mod", "", lambda m, x, y: m.mod(x, y + 1.0), X, U),
    function("power", "a number", lambda m, x: m.power(x, 3)),
    function("power", "a Value", lambda m, x, y: m.power(x, y), U, X),
    function("clip", "", lambda m, x: m.clip(x, -0.5, 0.5)),
    function("clip", "bounds that are Values", lambda m, x, y: m.clip(x, -y, y), X, U),
    function("equal", "", lambda m, x, y: m.where(m.equal(x, 0.0 * y + 0.5), x, y * x), X, X),
    function("not_equal", "", lambda m, x, y: m.where(m.not_equal(x, 0.0 * y + 0.5), x, y), X, X),
    function("where", "", lambda m, x, y: m.where(x > y, x * y, y), X, X),
    function("select", "", lambda m, x, y: m.select([x > y, x > 0.0], [x * y, y], x), X, X),
    function("logical_not", "", lambda m, x: m.where(m.logical_not(x > 0.0), x, 2.0 * x)),
    *[
        function(f, "", lambda m, x, y, f=f: m.where(getattr(m, f)(x > 0.0, y > 0.0), x, y), X, X)
        for f in ("logical_and", "logical_or", "logical_xor")
    ],
    numbers("norm", M, ord=1, axis=1),
    numbers("norm", M, ord=np.inf, axis=2),
    numbers("norm", M, ord="fro", axis=(1, 2)),
    numbers("var", M, axis=1, ddof=1),
    numbers("sum", M, axis=1, keepdims=True),
    numbers("cumsum", M, axis=1),
    numbers("cumsum", M, axis=0),
    numbers("softmax"),
    numbers("softmax", M, axis=1),
    numbers("log_softmax"),
    numbers("log_softmax", M, axis=1),
    numbers("normalised", M, axis=1),
    numbers("normalised", axis=0),
    function("layer_norm", "", lambda m, x, w, b: mg.layer_norm(x, 4, w, b), M, fixed(4), fixed(4)),
    *[
        function("batch_norm", option, build, shape, *[fixed(4 if shape is X else 3)] * 2)
        for option, build, shape in (
            ("training=True", lambda m, x, w, b: mg.batch_norm(x, None, None, w, b, True), X),
            ("of sequences, training=True", lambda m, x, w, b: mg.batch_norm(x, None, None, w, b, True), M),
            ("", lambda m, x, w, b: mg.batch_norm(x, np.linspace(-1.0, 1.0, 4), np.linspace(0.5, 2.0, 4), w, b), X),
        )
    ],
    function("cross_entropy", "", lambda m, x: mg.cross_entropy(x, np.arange(len(x)) % 4)),
    # Shapes
    function("reshape", "", lambda m, x: m.reshape(x, (-1, 12)), M),
    function("ravel", "", lambda m, x: m.ravel(x)),
    function("flatten", "", lambda m, x: mg.flatten(x)),
    function("squeeze", "", lambda m, x: m.squeeze(x, axis=1), Arg((1, 4))),
    function("expand_dims", "", lambda m, x: m.expand_dims(x, 1)),
    function("swapaxes", "", lambda m, x: m.swapaxes(x, 1, 2), M),
    function("swapaxes", "with axis 0", lambda m, x: m.swapaxes(x, 0, 1)),
    function("moveaxis", "", lambda m, x: m.moveaxis(x, 1, 2), M),
    function("rollaxis", "", lambda m, x: m.rollaxis(x, 2, 1), M),
    function("transpose", "", lambda m, x: m.transpose(x, (0, 2, 1)), M),
    function("transpose", "of all axes", lambda m, x: m.transpose(x)),
    function("flip", "", lambda m, x: m.flip(x, 1)),
    function("flip", "axis=0", lambda m, x: m.flip(x, 0)),
    function("fliplr", "", lambda m, x: m.fliplr(x)),
    function("flipud", "", lambda m, x: m.flipud(x)),
    function("rot90", "", lambda m, x: m.rot90(x, 1, (1, 2)), M),
    *[numbers(f"atleast_{d}d") for d in (1, 2, 3)],
    function("broadcast_to", "", lambda m, x: m.broadcast_to(x, (len(x), 3, 4)), Arg((1, 4))),
    function("astype", "", lambda m, x: mg.astype(x > 0.0, np.float64) * x),
    function("getitem", "", lambda m, x: mg.getitem(x, (slice(None), [0, 2, 2])), M),
    function("getitem", "of rows", lambda m, x: mg.getitem(x, slice(1, None)), M),
    function("concatenate", "", lambda m, x, y: m.concatenate([x, y], axis=1), X, X),
    function("concatenate", "axis=0", lambda m, x, y: m.concatenate([x, y], axis=0), X, X),
    function("stack", "", lambda m, x, y: m.stack([x, y], axis=1), X, X),
    function("append", "", lambda m, x, y: m.append(x, y, axis=1), X, X),
    function("hstack", "", lambda m, x, y: m.hstack([x, y]), X, X),
    function("vstack", "", lambda m, x, y: m.vstack([x, y]), X, X),
    function("dstack", "", lambda m, x, y: m.dstack([x, y]), X, X),
    function("column_stack", "", lambda m, x, y: m.column_stack([x, y]), X, X),
    function("split", "", lambda m, x: m.split(x, 2, axis=1)),
    function("array_split", "", lambda m, x: m.array_split(x, 3, axis=1)),
    function("hsplit", "", lambda m, x: m.hsplit(x, 2)),
    function("vsplit", "", lambda m, x: m.vsplit(x, [1])),
    function("dsplit", "", lambda m, x: m.dsplit(x, 2), M),
    function("roll", "", lambda m, x: m.roll(x, 1, axis=1)),
    function("roll", "axis=0", lambda m, x: m.roll(x, 1, axis=0)),
    function("repeat", "", lambda m, x: m.repeat(x, 2, axis=1)),
    function("tile", "", lambda m, x: m.tile(x, (1, 2))),
    function("pad", "", lambda m, x: m.pad(x, ((0, 0), (1, 2)))),
    *[
        function("pad", f"mode={mode!r}", lambda m, x, mode=mode: m.pad(x, ((0, 0), (1, 2)), mode=mode))
        for mode in ("edge", "reflect", "wrap")
    ],
    function("diff", "", lambda m, x: m.diff(x, axis=1)),
    function("diagonal", "", lambda m, x: m.diagonal(x, 0, 1, 2), SQUARE),
    function("trace", "", lambda m, x: m.trace(x, 0, 1, 2), SQUARE),
    function("diag", "", lambda m, x: m.diag(x)),
    function("diagflat", "", lambda m, x: m.diagflat(x)),
    function("tril", "", lambda m, x: m.tril(x), SQUARE),
    function("triu", "", lambda m, x: m.triu(x, 1), SQUARE),
    # Order and places
    function("sort", "", lambda m, x: m.sort(x, axis=1)),
    function("sort", "axis=0", lambda m, x: m.sort(x, axis=0)),
    function("argmax", "as places", lambda m, x: m.take(x, m.argmax(np.array([0.1, 0.7, 0.3])), axis=1)),
    function("argmin", "as places", lambda m, x: m.take(x, m.argmin(np.array([0.1, 0.7, 0.3])), axis=1)),
    function("argsort", "as places", lambda m, x: m.take(x, m.argsort(np.array([0.1, 0.7, 0.3])), axis=1)),
    function("take", "", lambda m, x: m.take(x, [0, 2, 2], axis=1)),
    function(
        "take", "places that are a Value", lambda m, w, i: m.take(w, i, axis=0), fixed(3, 4), Arg((2,), "classes")
    ),
    function("take_along_axis", "", lambda m, x, i: m.take_along_axis(x, i, axis=1), Arg((3,)), Arg((2,), "classes")),
    # Products
    function("matmul", "", lambda m, x, w: m.matmul(x, w), X, fixed(4, 3)),
    function("matmul", "of stacks", lambda m, x, y: m.matmul(x, y), M, Arg((4, 2))),
    function("linear", "", lambda m, x, w, b: mg.linear(x, w, b), X, fixed(3, 4), fixed(3)),
    function("linear", "of sequences", lambda m, x, w, b: mg.linear(x, w, b), M, fixed(2, 4), fixed(2)),
    *[
        function("scaled_dot_product_attention", option, build, M, M, Arg((3, 2)))
        for option, build in {
            "": lambda m, q, k, v: mg.scaled_dot_product_attention(q, k, v),
            "is_causal=True": lambda m, q, k, v: mg.scaled_dot_product_attention(q, k, v, is_causal=True),
        }.items()
    ],
    function("dot", "", lambda m, x, w: m.dot(x, w), X, fixed(4)),
    function("inner", "", lambda m, x, w: m.inner(x, w), X, fixed(3, 4)),
    function("vdot", "", lambda m, x, y: m.vdot(x, y), X, X),
    function("outer", "", lambda m, x, w: m.outer(x, w), Arg(()), fixed(3)),
    function("kron", "", lambda m, x, w: m.kron(x, w), X, fixed(1, 2)),
    function("cross", "", lambda m, x, y: m.cross(x, y), Arg((3,)), Arg((3,))),
    function("tensordot", "", lambda m, x, w: m.tensordot(x, w, axes=1), M, fixed(4, 2)),
    function("einsum", "", lambda m, x, y: m.einsum("nij,nkj->nik", x, y), M, M),
    function("einsum", "of three", lambda m, x, y, w: m.einsum("nij,nkj,k->ni", x, y, w), M, M, fixed(3)),
    # Windows
    function("conv1d", "", lambda m, x, w: mg.conv1d(x, w), SIGNAL, fixed(3, 2, 3)),
    *[
        function(
            "conv1d", _told(o), lambda m, x, w, o=o: mg.conv1d(x, w, **o), SIGNAL, fixed(4, 2 // o.get("groups", 1), 3)
        )
        for o in ({"stride": 2, "padding": 1}, {"dilation": 2}, {"groups": 2}, {"padding": "same"})
    ],
    function("conv2d", "", lambda m, x, w: mg.conv2d(x, w), IMAGE, fixed(3, 2, 3, 3)),
    *[
        function(
            "conv2d",
            _told(o),
            lambda m, x, w, o=o: mg.conv2d(x, w, **o),
            IMAGE,
            fixed(4, 2 // o.get("groups", 1), 3, 3),
        )
        for o in ({"stride": 2, "padding": 1}, {"dilation": 2}, {"groups": 2}, {"padding": "same"})
    ],
    function("conv_transpose2d", "", lambda m, x, w: mg.conv_transpose2d(x, w), IMAGE, fixed(2, 2, 3, 3)),
    *[
        function(
            "conv_transpose2d", _told(o), lambda m, x, w, o=o: mg.conv_transpose2d(x, w, **o), IMAGE, fixed(2, 2, 3, 3)
        )
        for o in ({"stride": 2, "padding": 1, "output_padding": 1}, {"dilation": 2}, {"groups": 2})
    ],
    *[
        function(f, _told({"kernel_size": 2, **o}), lambda m, x, f=f, o=o: getattr(mg, f)(x, 2, **o), IMAGE)
        for f, options in (
            ("avg_pool2d", ({}, {"stride": 1}, {"ceil_mode": True}, {"padding": 1, "count_include_pad": False})),
            ("max_pool2d", ({}, {"stride": 1}, {"ceil_mode": True}, {"padding": 1}, {"dilation": 2})),
        )
        for o in options
    ],
]
NO_FUNCTIONS = {  # names of mg that take no Value to compute with it, or are what the columns are
    *(
        "check_answer",
        "check_gradients",
        "compile",
        "cost",
        "debug",
        "draw",
        "explain",
        "export_onnx",
        "grad",
        "ledger",
    ),
    *("nn", "no_grad", "optim", "primitive", "worksheet"),
}


def layer(
    kind: str, *given: Any, on: Sequence[Arg] = (X,), train: bool = True, call: Any = None, **options: Any
) -> Case:
    """A layer built with those arguments, from the same numbers each time."""

    def make() -> Any:
        drawn = {} if kind in DRAWING_NOTHING else {"rng": np.random.default_rng(0)}
        return _moved(getattr(nn, kind)(*given, **options, **drawn)).train(train)

    mode = [] if kind not in MODES and "dropout" not in options else ["train()" if train else "eval()"]
    told = ", ".join([*mode, *([_told(options)] if options else []), *([call[0]] if call and call[0] else [])])
    build = call[1] if call else lambda model, *xs: _flat(model(*xs))
    return Case(f"nn.{kind}", told, build, on, make, options.get("padding_idx"))


def _moved(model: Any) -> Any:
    """The layer with running statistics that are not those of the beginning."""
    for name, buffer in model.named_buffers():
        if name.startswith("running"):
            buffer.data = buffer.data + 0.5
    return model


def _flat(y: Any) -> Any:
    return [part for each in y for part in _flat(each)] if isinstance(y, tuple) else [] if y is None else [y]


MODES = ("BatchNorm1d", "BatchNorm2d", "Dropout")
DRAWING_NOTHING = (
    *("ReLU", "LeakyReLU", "GELU", "SiLU", "Sigmoid", "Tanh", "Softmax", "Flatten", "AvgPool2d", "MaxPool2d"),
    *("BatchNorm1d", "BatchNorm2d", "LayerNorm"),
)
TIMES, FIRST = Arg((2, 2)), {"batch_first": True}
IDS = Arg((2,), "classes")
BLOCKED = np.array([[False, True], [False, False]])
CASES += [
    *[layer(kind) for kind in ("ReLU", "LeakyReLU", "GELU", "SiLU", "Sigmoid", "Tanh", "Softmax")],
    layer("GELU", approximate="tanh"),
    layer("Softmax", dim=1),
    layer("Flatten", on=(M,)),
    Case(
        "nn.Sequential",
        "",
        lambda model, x: model(x),
        (X,),
        lambda: nn.Sequential(nn.Linear(4, 3, rng=np.random.default_rng(0)), nn.Tanh()),
    ),
    layer("Linear", 4, 3),
    layer("Linear", 4, 3, bias=False),
    layer("Embedding", 3, 4, on=(IDS,)),
    layer("Embedding", 3, 4, on=(IDS,), padding_idx=1),
    layer("Dropout", 0.5),
    layer("Dropout", 0.5, train=False),
    *[layer("BatchNorm1d", 4, train=train) for train in (True, False)],
    *[layer("BatchNorm1d", 4, train=train, momentum=None) for train in (True, False)],
    *[layer("BatchNorm1d", 4, train=train, track_running_stats=False) for train in (True, False)],
    layer("BatchNorm1d", 4, affine=False),
    layer("BatchNorm1d", 3, on=(M,), call=("(n, numbers, length)", lambda model, x: model(x))),
    *[layer("BatchNorm2d", 2, on=(Arg((2, 3, 3)),), train=train) for train in (True, False)],
    layer("LayerNorm", 4),
    layer("LayerNorm", (3, 4), on=(M,), call=("of two axes", lambda model, x: model(x))),
    layer("LayerNorm", 4, elementwise_affine=False),
    layer("LayerNorm", 4, bias=False),
    *[layer(kind, 4, 3) for kind in ("RNNCell", "LSTMCell", "GRUCell")],
    layer("RNNCell", 4, 3, nonlinearity="relu"),
    layer("GRUCell", 4, 3, on=(X, Arg((3,))), call=("a state given", lambda model, x, h: model(x, h))),
    *[layer(kind, 2, 2, on=(TIMES,), **FIRST) for kind in ("RNN", "LSTM", "GRU")],
    *[layer(kind, 2, 2, on=(TIMES,), **FIRST, bidirectional=True) for kind in ("RNN", "LSTM", "GRU")],
    *[layer(kind, 2, 2, on=(TIMES,), **FIRST, num_layers=2) for kind in ("RNN", "LSTM", "GRU")],
    layer("RNN", 2, 2, on=(TIMES,), nonlinearity="relu", **FIRST),
    layer("LSTM", 2, 2, on=(TIMES,)),
    layer("GRU", 2, 2, on=(TIMES,), num_layers=2, dropout=0.5, **FIRST),
    layer("GRU", 2, 2, on=(TIMES,), num_layers=2, dropout=0.5, train=False, **FIRST),
    layer(
        "GRU",
        2,
        2,
        on=(TIMES, Arg((2,))),
        **FIRST,
        call=("a state given", lambda model, x, h: _flat(model(x, mg.expand_dims(h, 0)))),
    ),
    layer("MultiheadAttention", 2, 2, on=(TIMES, TIMES, TIMES), **FIRST),
    layer(
        "MultiheadAttention",
        2,
        2,
        on=(TIMES,),
        call=("axes (length, n, numbers)", lambda model, x: _flat(model(x, x, x))),
    ),
    layer(
        "MultiheadAttention",
        2,
        2,
        on=(TIMES,),
        **FIRST,
        call=("is_causal=True", lambda model, x: _flat(model(x, x, x, is_causal=True))),
    ),
    layer(
        "MultiheadAttention",
        2,
        2,
        on=(TIMES,),
        **FIRST,
        call=("attn_mask=", lambda model, x: _flat(model(x, x, x, attn_mask=BLOCKED))),
    ),
    layer(
        "MultiheadAttention",
        2,
        2,
        on=(TIMES, Arg((2,), "classes")),
        **FIRST,
        call=("key_padding_mask=", lambda model, x, i: _flat(model(x, x, x, key_padding_mask=mg.equal(i, 2)))),
    ),
    layer(
        "MultiheadAttention",
        2,
        2,
        on=(TIMES,),
        **FIRST,
        call=("need_weights=False", lambda model, x: _flat(model(x, x, x, need_weights=False))),
    ),
    layer(
        "MultiheadAttention", 2, 2, on=(TIMES,), dropout=0.5, **FIRST, call=("", lambda model, x: _flat(model(x, x, x)))
    ),
    layer("Conv1d", 2, 4, 3, on=(SIGNAL,)),
    *[
        layer("Conv1d", 2, 4, 3, on=(SIGNAL,), **o)
        for o in ({"stride": 2, "padding": 1}, {"dilation": 2}, {"groups": 2}, {"padding": "same"}, {"bias": False})
    ],
    layer("Conv2d", 2, 4, 3, on=(IMAGE,)),
    *[
        layer("Conv2d", 2, 4, 3, on=(IMAGE,), **o)
        for o in ({"stride": 2, "padding": 1}, {"dilation": 2}, {"groups": 2}, {"padding": "same"}, {"bias": False})
    ],
    layer("ConvTranspose2d", 2, 4, 3, on=(IMAGE,)),
    *[
        layer("ConvTranspose2d", 2, 4, 3, on=(IMAGE,), **o)
        for o in ({"stride": 2, "padding": 1, "output_padding": 1}, {"dilation": 2}, {"groups": 2})
    ],
    layer("AvgPool2d", 2, on=(IMAGE,)),
    *[
        layer("AvgPool2d", 2, on=(IMAGE,), **o)
        for o in ({"ceil_mode": True}, {"padding": 1, "count_include_pad": False})
    ],
    layer("MaxPool2d", 2, on=(IMAGE,)),
    *[layer("MaxPool2d", 2, on=(IMAGE,), **o) for o in ({"ceil_mode": True}, {"padding": 1}, {"dilation": 2})],
]
NO_LAYERS = {"Buffer", "Module"}  # of which layers are made

LOGITS, CLASS = Arg((3,)), Arg((), "classes")
WEIGHT = np.array([0.5, 1.0, 2.0])


def loss(name: str, *args: Arg, **options: Any) -> list[Case]:
    """A loss with an option, in each reduction where there is none."""

    def of(**options: Any) -> Case:
        told = ", ".join("weight=" if k in ("weight", "pos_weight") else _told({k: v}) for k, v in options.items())
        told = told.replace("weight=", "pos_weight=") if "pos_weight" in options else told
        return Case(f"nn.{name}", told, lambda m, *xs: getattr(nn, name)(*xs, **options), args)

    return [of(**options)] if options else [of(), of(reduction="sum"), of(reduction="none")]


CASES += [
    *[case for name in ("mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss") for case in loss(name, X, X)],
    *loss("huber_loss", X, X, delta=0.5),
    *loss("smooth_l1_loss", X, X, beta=0.5),
    *[
        Case(f"nn.{name}", "weight=, a Value", lambda m, p, y, w, f=name: getattr(nn, f)(p, y, weight=w), (X, X, U))
        for name in ("mse_loss", "l1_loss", "huber_loss")
    ],
    *loss("binary_cross_entropy_with_logits", X, U),
    *loss("binary_cross_entropy_with_logits", X, U, weight=np.array([0.5, 1.0, 2.0, 1.0])),
    *loss("binary_cross_entropy_with_logits", X, U, pos_weight=np.array([0.5, 1.0, 2.0, 1.0])),
    *loss("hinge_loss", X, Arg(kind="signs")),
    *loss("cross_entropy", LOGITS, CLASS),
    *loss("cross_entropy", LOGITS, CLASS, weight=WEIGHT),
    *loss("cross_entropy", LOGITS, CLASS, weight=WEIGHT, reduction="none"),
    *loss("cross_entropy", LOGITS, CLASS, ignore_index=1),
    *loss("cross_entropy", LOGITS, CLASS, ignore_index=1, reduction="none"),
    *loss("cross_entropy", LOGITS, CLASS, label_smoothing=0.1),
    Case("nn.cross_entropy", "classes (n, ...)", lambda m, a, y: nn.cross_entropy(a, y), (M, Arg((4,), "classes"))),
    Case(
        "nn.cross_entropy",
        "probabilities",
        lambda m, a, p: nn.cross_entropy(a, p),
        (LOGITS, Arg((3,), "distributions")),
    ),
    Case(
        "nn.cross_entropy",
        "probabilities, weight=, label_smoothing=0.1",
        lambda m, a, p: nn.cross_entropy(a, p, WEIGHT, label_smoothing=0.1),
        (LOGITS, Arg((3,), "distributions")),
    ),
    *loss("nll_loss", LOGITS, CLASS),
    *loss("nll_loss", LOGITS, CLASS, weight=WEIGHT),
    *loss("nll_loss", LOGITS, CLASS, ignore_index=1),
]
NO_LOSSES = {"lenet", "load_safetensors", "manual_seed", "save_safetensors"}  # lower-case names of nn besides
