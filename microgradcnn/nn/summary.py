"""A model as a table: every layer with its output shape, its parameters and its operations, found by running it."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from microgradcnn.engine.gradient import Watcher, watching
from microgradcnn.engine.record import TABLE, Primitive, syntax_of
from microgradcnn.engine.value import Value, no_grad, switched

Shape: TypeAlias = tuple[int | str, ...]

# Set while a model is watched: it gets every Module that is called, with its inputs, and gives the output.
observer: ContextVar[Callable[[Any, tuple[Any, ...], dict[str, Any]], Any] | None] = ContextVar(
    "observer", default=None
)


@dataclass(frozen=True)
class LayerRow:
    """A layer: its dotted name, how it was built, the shape of its output for n examples, and its counts.

    `shape` is None where the layer was not run.
    """

    name: str
    layer: str
    shape: Shape | None
    parameters: int
    operations: int


@dataclass(frozen=True)
class Summary:
    """The layers of a model in order, and the totals; printed it is a table.

    Operations are those of a forward pass of one example: each +, −, ×, ÷, comparison and function value counts one.
    They are None if the model was not run.
    """

    rows: list[LayerRow]
    parameters: int
    operations: int | None

    def __str__(self) -> str:
        lines = [("layer", "", "output shape", "parameters", "operations")]
        lines += [(r.name, r.layer, _written(r.shape), f"{r.parameters:,}", f"{r.operations:,}") for r in self.rows]
        done = self.operations or 0
        if between := done - sum(row.operations for row in self.rows):
            lines.append(("", "between the layers", "", "", f"{between:,}"))
        lines.append(("total", "", "", f"{self.parameters:,}", f"{done:,}"))
        shown = (0, 1, 3) if self.operations is None else range(5)
        widths = [max(len(line[i]) for line in lines) for i in range(5)]
        cells = [[line[i].rjust(widths[i]) if i > 2 else line[i].ljust(widths[i]) for i in shown] for line in lines]
        return "\n".join("  ".join(line) for line in cells)

    __repr__ = __str__


def summarised(model: Any, shape: tuple[int, ...] | None) -> Summary:
    """The table of a Module, run on one example of `shape`, or not run. Raises what the model does if it cannot be."""
    run = _Run()
    if shape is not None:
        run.through(model, shape)
    rows = []
    for name, module in model.named_modules():
        inner = _inner(module)
        inside = {p for part in inner for p in part.parameters()}
        own = [p for p in module.parameters() if p not in inside]
        if own or not inner:
            output, operations = run.shapes.get(id(module)), run.operations.get(id(module), 0)
            rows.append(LayerRow(name, module.line(), output, _size(own), operations))
    return Summary(rows, _size(model.parameters()), None if shape is None else run.count)


class _Run(Watcher):
    """A forward pass that is watched: what shape comes out of every Module, and how many operations are in it."""

    def __init__(self) -> None:
        self.count = self.inside = 0
        self.shapes: dict[int, Shape] = {}
        self.operations: dict[int, int] = {}

    def through(self, model: Any, shape: tuple[int, ...]) -> None:
        dtype = next((p.dtype for p in model.parameters()), np.float64)
        # Not in training mode: a table draws no random numbers.
        with watching(self), switched(observer, self.called), no_grad(), in_mode(model, training=False):
            self.shapes[id(model)] = _for_n(model.of_rows(Value(np.zeros((1, *shape), dtype), label="x")))

    def called(self, module: Any, inputs: tuple[Any, ...], named: dict[str, Any]) -> Any:
        before, outside, self.inside = self.count, self.inside, 0
        output = module.forward(*inputs, **named)
        self.shapes[id(module)] = _for_n(output)
        # What layers inside have done is theirs; a layer that is used twice works twice.
        self.operations[id(module)] = self.operations.get(id(module), 0) + self.count - before - self.inside
        self.inside = outside + self.count - before
        return output

    def value(self, node: Value) -> None:
        self.count += _work(node)


@contextmanager
def in_mode(model: Any, training: bool) -> Iterator[None]:
    """A context in which the model and every Module inside is in train() or in eval() mode."""
    before = [(module, module.training) for _, module in model.named_modules()]
    model.train(training)
    try:
        yield
    finally:
        for module, mode in before:
            module.training = mode


def _inner(module: Any) -> list[Any]:
    return [part for _, part in module.named_modules()][1:]


def _for_n(output: Any) -> Shape:
    """The shape of an output, of several that of the first, with n where there was one example."""
    shape = np.shape(output[0] if isinstance(output, list | tuple) else output)
    return ("n", *shape[1:]) if shape[:1] == (1,) else shape


def _size(parameters: list[Value]) -> int:
    return sum(math.prod(p.shape) for p in parameters)


def _written(shape: Shape | None) -> str:
    return "" if shape is None else f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def _work(node: Value) -> int:
    """The operations on numbers that a node takes."""
    assert node.op is not None
    return round(_work_of_a_number(node, node.op) * math.prod(node.shape))


def _work_of_a_number(y: Value, op: Primitive) -> float:
    if op.work == "moves":
        return 0
    if op.work == "product":
        return 2 * _products(y, op) - 1
    if op.work in ("sum", "mean", "max"):
        share = math.prod(y.parents[0].shape) / (math.prod(y.shape) or 1)
        return math.prod(y.static.get("size", (share,))) - (op.work != "mean")
    if op.name == "linear":
        return 2 * y.parents[1].shape[1]
    if op.name == "attention_weights":  # a product, times the scale, plus the mask, log_softmax, exp
        return 2 * y.parents[0].shape[-1] + 7 - 1 / y.shape[-1]
    if op.name == "log_softmax":  # the largest, x − it, exp, their sum, log, minus that
        return 5 - 1 / y.shape[y.static["axis"]]
    if op.name == "cross_entropy":  # log_softmax of every row, the mean of what is picked, minus that
        n, k = y.parents[0].shape
        return n * (5 * k - 1) + n + 1
    if op.name in ("normalised", "layer_norm", "batch_norm"):
        # The mean, x − it, squared, their mean, the quotient; + ε, √ once for all
        axis, more = y.static["axis"], 0 if op.name == "normalised" else 2
        return 5 + more + 2 / math.prod(y.shape if axis is None else (y.shape[i] for i in axis))
    return _in_notation(op, ())


def _products(y: Value, op: Primitive) -> float:
    """The products of two that are added up for a number: by @, by a convolution, or by its adjoint in the images."""
    a, b = (p.shape for p in y.parents)
    if op.infix == "@":
        return a[-1]
    sent = math.prod(a) / (math.prod(y.shape) or 1) if op.name == "conv2d_input" else 1
    return math.prod(b[1:]) * sent


def _in_notation(op: Primitive, above: tuple[Primitive, ...]) -> int:
    """How many operations and function values a notation is made of, those of a user's own functions opened in turn."""
    if op.opaque:
        return 1
    try:
        parts = list(ast.walk(syntax_of(op.notation)))
    except ValueError:
        return 1
    called = [part.func.id for part in parts if isinstance(part, ast.Call) and isinstance(part.func, ast.Name)]
    inside = [TABLE[name] for name in called if name in TABLE and TABLE[name] not in (*above, op)]
    signs = sum(isinstance(part, ast.BinOp | ast.UnaryOp | ast.Compare) for part in parts)
    return max(1, signs + len(called) - len(inside) + sum(_in_notation(f, (*above, op)) for f in inside))
