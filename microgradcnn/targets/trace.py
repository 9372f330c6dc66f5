"""From the graph of a loss to lines: the engine takes the gradients, and what depends on the number of rows is found.

A loss over arrays is run again with two rows and with three, and its gradients are taken of both. Whatever differs
between the two graphs, a length or a count, is a multiple of n: no primitive has to be told about rows, and nothing of
the recording's own number of rows is left in the program.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from microgradcnn.engine.arguments import check_value, no_value
from microgradcnn.engine.gradient import Watcher, grad, reached, topological, watching
from microgradcnn.engine.record import TABLE
from microgradcnn.engine.value import Constant, Value, no_grad
from microgradcnn.targets.lines import Line, Lines, Rows, Shape, lengths, plain
from microgradcnn.targets.notation import UnopenedError, by_notation, disagreement
from microgradcnn.targets.row_axis import FEW, MANY, RowsError, refuse_along_rows, replay


def trace(loss: Value, wrt: Sequence[Value], inputs: Sequence[Value], also: Sequence[Value] = ()) -> Lines:
    """The lines of `loss`, of its gradients with respect to `wrt`, and of the scalars `also`.

    Raises TypeError for what is no Value, ValueError for what is no scalar or no leaf and for a leaf that was changed
    after the loss was computed, RowsError if the loss mixes rows.
    """
    _check(loss, wrt, inputs, also)
    outputs = [loss, *also]
    per_example = bool(inputs) and not any(v.ndim for v in inputs)
    order = reached(outputs)
    if not inputs or per_example:
        graph = _Graph(outputs, wrt, {v: v for v in order})
        return _Reader(graph, graph, wrt, inputs, per_example).lines()
    few, many = replay(order, inputs, wrt)
    lines = _Reader(_Graph(outputs, wrt, few), _Graph(outputs, wrt, many), wrt, inputs, per_example).lines()
    _refuse_what_needs_all_rows(lines)
    return lines


def trace_scalars(
    outputs: Sequence[Value],
    gradients: Sequence[Value],
    parameters: Sequence[Value],
    inputs: Sequence[Value],
    shared: Collection[Value],
) -> Lines:
    """The lines of a loss and further scalars for one example, with gradients that are scalars of the same graph.

    Inputs that are `shared` are the same for all rows.
    """
    graph = _Graph(list(outputs), (), {}, gradients)
    return _Reader(graph, graph, parameters, inputs, True, shared).lines()


def recorded(outputs: Sequence[Value], leaves: Sequence[Value]) -> Lines:
    """The lines of `outputs`, one at least, as they were recorded: all are shapes, none of them rows.

    The leaves are the inputs, which keep their data as `value`; all others are constants.
    """
    graph = _Graph(list(outputs), (), {})
    lines = _Reader(graph, graph, (), leaves, per_example=False, shared=leaves).lines()
    for line, leaf in zip(lines.inputs, leaves, strict=True):
        line.value = leaf.data
    return lines


def trace_forward(output: Value, parameters: Sequence[Value], inputs: Sequence[Value], dynamic: bool = True) -> Lines:
    """The lines of `output`, which may have any shape, without gradients; it takes the place of the loss.

    With inputs that are all scalars it is written for one example; unless `dynamic`, every length is as recorded.
    Raises ValueError for a leaf that was changed after the output was computed, RowsError if the output mixes rows.
    """
    topological(output)  # refuses a leaf that was changed
    per_example = dynamic and bool(inputs) and not any(v.ndim for v in inputs)
    order = reached([output])
    if dynamic and inputs and not per_example:
        few, many = (_Graph([output], (), new) for new in replay(order, inputs, parameters))
    else:
        few = many = _Graph([output], (), {})
    return _Reader(few, many, parameters, inputs, per_example).lines()


def steps_of(line: Line) -> list[Line]:
    """The lines that the notation of a primitive of the user's own is made of; the last one stands for `line`.

    Raises UnopenedError where the notation is made of other things, or gives other numbers than forward, and RowsError
    where it mixes rows.
    """
    few, many = (_by_notation(line, n) for n in (FEW, MANY))
    graphs = _Graph([few[1]], (), {}), _Graph([many[1]], (), {})
    reader = _Reader(*graphs, (), (), per_example=line.varies and line.axis is None)
    reader.found.update(zip(few[0], line.args, strict=True))
    pairs = {a: (a, b) for a, b in zip(graphs[0].order, graphs[1].order, strict=True)}
    for node in pairs:
        if node.op is not None:
            refuse_along_rows(node, pairs)
    reader.read()
    found = reader.found[few[1]]
    if (found.shape, found.dtype) != (line.shape, line.dtype):
        raise UnopenedError(f"its notation gives {found.dtype} of shape {found.shape}, its forward {line.dtype}")
    return [*(reader.found[a] for a in pairs if a not in few[0]), found]


def _by_notation(line: Line, n: int) -> tuple[list[Value], Value]:
    """Leaves for the arguments of a line, with n rows, and the Value of its notation on them."""
    op, static = TABLE[line.op], lengths(line.static, n)
    leaves = [_example(arg, n) for arg in line.args]
    if n == FEW and (why := disagreement(op, [(v.shape, v.dtype) for v in leaves], static)) is not None:
        raise UnopenedError(why)
    plain_numbers = [arg.op == "number" and not arg.power for arg in line.args]
    some = not all(plain_numbers)
    given = [v.data if some and is_plain else v for v, is_plain in zip(leaves, plain_numbers, strict=True)]
    value = by_notation(op, given, static)
    if not isinstance(value, Value):
        raise UnopenedError(f"its notation, {op.notation}, is the same whatever its inputs are")
    return leaves, value


def _example(arg: Line, n: int) -> Value:
    """A leaf like an argument: with its numbers if they are known, else with others."""
    shape = lengths(arg.shape, n)
    data = arg.value if arg.op in ("number", "constant") else np.linspace(-1.0, 1.0, math.prod(shape)).reshape(shape)
    leaf = Value(np.asarray(data, arg.dtype))
    with no_grad():
        return leaf > 0.0 if arg.dtype == np.bool_ else leaf


class _Graph(Watcher):
    """The nodes of a loss and of its gradients, in order of birth, and what the engine said about each gradient.

    `new` are the nodes to differentiate by those that were recorded, where these are others; `gradients` are gradients
    that are in the graph already. `sent[v]` is (y, x) if v is df/dy·dy/dx, and `totals[v]` holds every x of which v is
    df/dx.
    """

    def __init__(
        self, outputs: list[Value], wrt: Sequence[Value], new: dict[Value, Value], gradients: Sequence[Value] = ()
    ) -> None:
        self.new = new
        self.sent: dict[Value, tuple[Value, Value]] = {}
        self.totals: dict[Value, list[Value]] = {}
        self._latest: dict[Value, Value] = {}
        self.outputs = [new.get(v, v) for v in outputs]
        self.gradients = self._differentiated([new.get(v, v) for v in wrt]) if wrt else list(gradients)
        self.order = reached([*self.outputs, *self.gradients])

    def _differentiated(self, wrt: list[Value]) -> list[Value]:
        loss = self.outputs[0]
        with watching(self):
            return grad(loss, wrt, Value(np.ones((), loss.dtype)))

    def start(self, f: Value, seed: Value) -> None:
        self.totals[seed] = [f]

    def gradient(self, node: Value, k: int, parent: Value, g: Any, sent: Any, total: Any) -> None:
        if not isinstance(total, Value):
            return
        before = self._latest.get(parent)
        if before is not None:
            self.totals[before].remove(parent)
        if isinstance(sent, Value):
            self.sent.setdefault(sent, (node, parent))
        self.totals.setdefault(total, []).append(parent)
        self._latest[parent] = total


class _Reader:
    """Reads two graphs that differ in their number of rows, or one graph twice, as lines."""

    def __init__(
        self,
        few: _Graph,
        many: _Graph,
        wrt: Sequence[Value],
        inputs: Sequence[Value],
        per_example: bool,
        shared: Collection[Value] = (),
    ) -> None:
        self.few, self.many, self.per_example = few, many, per_example
        self.found: dict[Value, Line] = {}
        self.inputs, self.parameters = [few.new.get(v, v) for v in inputs], [few.new.get(v, v) for v in wrt]
        same = {few.new.get(v, v) for v in shared}
        for leaves, leaves_many, op in (
            (self.inputs, [many.new.get(v, v) for v in inputs], "input"),
            (self.parameters, [many.new.get(v, v) for v in wrt], "parameter"),
        ):
            for a, b in zip(leaves, leaves_many, strict=True):
                shape = _merged(a.shape, b.shape)
                if (
                    op == "input" and a.ndim and few is not many
                ):  # an input that nothing was computed from has not been resized
                    shape = (Rows(), *a.shape[1:])
                varies = op == "input" and (per_example or bool(a.ndim)) and a not in same
                self.found[a] = Line(op, shape=shape, dtype=a.dtype, label=a.label, varies=varies)

    def read(self) -> None:
        """Find the lines of all nodes."""
        for a, b in zip(self.few.order, self.many.order, strict=True):
            if a not in self.found:
                self.found[a] = self._line(a, b)

    def lines(self) -> Lines:
        """All lines, with the names that the chain rule has for them."""
        self.read()
        self._explain()
        found, few = self.found, self.few
        return Lines(
            [found[v] for v in self.inputs],
            [found[v] for v in self.parameters],
            found[few.outputs[0]],
            [found[g] for g in few.gradients],
            [found[v] for v in few.outputs[1:]],
            self.per_example,
        )

    def _line(self, a: Value, b: Value) -> Line:
        if a.op is None:
            return _constant(a.data, b.data, a.label)
        args, static, shape = self._alone(a) if a is b else self._both(a, b)
        varies = True in [arg.varies for arg in args]
        if self.per_example and varies and shape:
            raise RowsError(
                f"{a.describe()} has shape {a.shape}, but the inputs are scalars: write the loss of one example in "
                "scalars throughout, or give the inputs an axis for the rows"
            )
        if not self.per_example:
            varies = any(isinstance(length, Rows) for length in shape)
        return Line(a.op.name, args, static, shape, a.dtype, varies, label=a.label)

    def _both(self, a: Value, b: Value) -> tuple[tuple[Line, ...], dict[str, Any], Shape]:
        """What a node is computed from, with which arguments, and its shape."""
        pairs = zip(a.parents, b.parents, strict=True)
        args = [_constant(p.data, q.data) if type(p) is Constant else self.found[p] for p, q in pairs]
        static = {name: _merged(plain(value), plain(b.static[name])) for name, value in a.static.items()}
        return tuple(args), static, _merged(a.shape, b.shape)

    def _alone(self, a: Value) -> tuple[tuple[Line, ...], dict[str, Any], Shape]:
        """The same of a node that both graphs have, as all of a program of scalars are."""
        found = self.found
        args = [found[p] if type(p) is not Constant else _constant(p.data, p.data) for p in a.parents]
        return tuple(args), {name: plain(value) for name, value in a.static.items()} if a.static else {}, a.shape

    def _explain(self) -> None:
        """Give every line of a gradient its place in the chain rule."""
        few, found, recorded = self.few, self.found, set(self.few.new.values())
        ahead: tuple[Line, Line] | None = None
        for v in reversed(few.order):  # a step within comes before what it leads to
            line = found[v]
            if v in few.sent:
                y, x = few.sent[v]
                if y in found and x in found:
                    ahead = line.sent = found[y], found[x]
            elif v not in recorded and v not in few.totals:
                line.within = ahead
            line.totals = tuple(found[x] for x in few.totals.get(v, ()) if x in found)


def _check(loss: Value, wrt: Sequence[Value], inputs: Sequence[Value], also: Sequence[Value]) -> None:
    for v in (loss, *also):
        check_value(v, "compile takes the Value of a loss", "mg.compile({}, wrt)")
        if v.shape:
            raise ValueError(f"{v.describe()} has shape {v.shape}: compile takes a loss that is one number")
        topological(v)  # refuses a leaf that was changed
    for what, leaves in (("wrt", wrt), ("inputs", inputs)):
        for v in leaves:
            if not isinstance(v, Value):
                raise TypeError(f"{what} holds Values, not {no_value(v)}")
            if v.op is not None:
                raise ValueError(f"{v.describe()} was computed: {what} holds leaves, Values made by hand")
    seen: set[Value] = set()
    for v in (*wrt, *inputs):
        if v in seen:
            raise ValueError(f"{v.describe()} is named twice: a leaf is in wrt or in inputs, once")
        seen.add(v)


def _refuse_what_needs_all_rows(lines: Lines) -> None:
    """Raise RowsError if a row needs what is known only when all rows have been seen."""
    late: set[Line] = set()
    for line in lines.order:
        needs_all = any(arg in late for arg in line.args)
        if needs_all and line.varies:
            raise RowsError(
                "the loss does more with its mean over rows than to end with it: every row's gradient would need all "
                "other rows first"
            )
        if needs_all or (not line.varies and any(arg.varies for arg in line.args)):
            late.add(line)


def _merged(few: Any, many: Any) -> Any:
    """An argument of two runs: what differs is a multiple of the number of rows."""
    if isinstance(few, tuple):
        return tuple(_merged(a, b) for a, b in zip(few, many, strict=True))
    if not isinstance(few, int) or few == many:
        return few
    factor = few // FEW
    if (few, many) != (factor * FEW, factor * MANY):
        raise RowsError(f"a length is {few} with {FEW} rows and {many} with {MANY}: it must be a multiple of them")
    return Rows(factor)


def _constant(few: Any, many: Any, label: str | None = None) -> Line:
    """A number or an array; a number that differs between the runs is a multiple of n, or of 1/n."""
    shape, dtype = _merged(np.shape(few), np.shape(many)), np.asarray(few).dtype
    if any(isinstance(length, Rows) for length in shape):  # zeros and ones in the shape of something with rows
        first = np.ravel(few)[0]
        if not (np.equal(few, first).all() and np.equal(many, first).all()):
            raise RowsError("an array of constants has as many rows as the inputs: name it in inputs as well")
        number = Line("number", value=first.item(), dtype=dtype)
        return Line("broadcast_to", (number,), {"shape": shape}, shape, dtype, varies=True)
    if shape:
        return Line("constant", shape=shape, dtype=dtype, value=few, label=label)
    few, many = np.asarray(few).item(), np.asarray(many).item()
    if few == many or few != few:
        return Line("number", dtype=dtype, value=few, label=label)
    if few * MANY == many * FEW:
        return Line("number", dtype=dtype, value=few / FEW, power=1)
    raise RowsError(f"a number is {few} with {FEW} rows and {many} with {MANY}: it must be a multiple of them")
