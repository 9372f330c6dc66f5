"""mg.compile: a loss and its gradients as one straight-line program, to read, to call and to train with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import Context
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, Protocol
from warnings import warn

import numpy as np

from microgradcnn.checking.constants import tell_constants
from microgradcnn.engine.arguments import several
from microgradcnn.engine.arrays import Array, bare_array
from microgradcnn.engine.value import Value
from microgradcnn.system.callers import frames_to_the_user
from microgradcnn.system.collector import without_collections
from microgradcnn.system.text_layout import how_many
from microgradcnn.targets.backends.trainer import Trainer
from microgradcnn.targets.export.source import source
from microgradcnn.targets.lines import Line, Lines, lengths, own_shape
from microgradcnn.targets.native.auto import AUTO, CANNOT, Gain, Gradual, LineByLine, Workload
from microgradcnn.targets.notation import missing_line
from microgradcnn.targets.python import shape_text
from microgradcnn.targets.rerolling.program import Rerolled, length, rerolled
from microgradcnn.targets.rerolling.running import ByRows, RerolledBlocks, of_numpy, stacked
from microgradcnn.targets.simplify import opened, simplified
from microgradcnn.targets.trace import trace

# So many times as many lines of scalars as of arrays: NumPy then runs the arrays, for few rows or for any number
WORTH_REROLLING, WORTH_MANY_ROWS = 2, 5
MANY = 4096  # rows over which a call of NumPy's own time does not count: small networks are columns there, not windows
# From LONG lines on, products of matrices overtake a compiled loop of scalars, the earlier the more rows there are. One
# core (EPYC, AVX-512; tanh networks 2-k-k-1) breaks even at 2,000 rows of 5,667 lines, 500 of 8,683, 128 of 12,339 and
# 32 of 21,571, which is a product of rows and the cube of lines; below 3,500 lines the loop is faster over any rows.
# Not measured on every machine: a run would then take the one or the other by a clock, and not repeat to the bit, for
# little, since near the crossover both take the same.
LONG, CROSSOVER = 4000, 32 * 21_571**3


def compile(
    loss: Value,
    wrt: Value | Sequence[Value],
    inputs: Sequence[Value] = (),
    backend: str = AUTO,
    also: Sequence[Value] = (),
) -> Program:
    """`loss` and its gradients with respect to `wrt` as one program, for any number of rows of the `inputs`.

    Either all inputs are scalars and the loss is that of one example: the program takes an array with a number for
    every row for each of them, and gives means. Or rows are axis 0 of the inputs, and the loss may end in one mean over
    them; a plain number that was computed from x.shape stays what it was. Leaves that are named in neither list are
    constants. `also` are further scalars to compute on the way. The backend is "numpy", which runs scalars as arrays
    where these are at most half as many lines, "jit" (LLVM, extra `jit`), "jax" (extra `jax`) or "auto": the jit where
    it is installed and the program gains by it, by NumPy until that pays, and otherwise NumPy; `Program.backend` says
    which. A GraphLeft warns of a number that left the graph, where that can be seen, as it stays what it was. A
    primitive of your own is opened by its notation; one that cannot be, and has no line in `targets`, is run by NumPy,
    also for the jit, which warns. Raises ValueError for what is no scalar or no leaf, for a leaf that was changed after
    the loss was computed, for a loss that mixes rows and for a primitive that JAX cannot run, TypeError for what is no
    Value, MissingExtra where an extra is not installed. The time to compile grows with the number of operations.
    """
    # In a context of its own: neither no_grad() nor debug() is about the nodes that are made on the way.
    with without_collections():
        leaves, given, more = several(wrt), several(inputs, "inputs"), several(also, "also")
        program = Context().run(Program, loss, leaves, given, backend, more)
    tell_constants([loss, *more], given, leaves)
    return program


def compile_for(
    run: Workload, loss: Value, wrt: Sequence[Value], inputs: Sequence[Value], backend: str, also: Sequence[Value] = ()
) -> Program:
    """The same for a run that is known: under "auto" one backend has all of it, so that it repeats to the bit."""
    with without_collections():
        return Context().run(Program, loss, [*wrt], [*inputs], backend, [*also], run)


class Program:
    """A compiled loss: call it with inputs, or `bind` it to them to train; `source` is what it computes, to read.

    `backend` is what runs it, under "auto" the one that was taken.
    """

    def __init__(
        self,
        loss: Value,
        wrt: list[Value],
        inputs: list[Value],
        backend: str,
        also: list[Value],
        run: Workload | None = None,
    ) -> None:
        if backend not in (*BACKENDS, AUTO):
            raise ValueError(f"the backend is {', '.join((*BACKENDS, AUTO))}, not {backend!r}")
        targets = ("python", "llvm") if backend == "jit" else ("python",)
        self._lines = simplified(opened(trace(loss, wrt, inputs, also), *targets))
        self._wrt, self._names = wrt, [v.describe() for v in inputs]
        self._asked, self._run = backend, run
        self.backend, self._engine = _engine(self._lines, backend, run)

    @cached_property
    def source(self) -> str:
        """The program in Python: `def program(<inputs>, <wrt>, xp=numpy)`, which needs NumPy and nothing else.

        It returns the loss, the list of gradients and, if `also` was given, the list of these. With `xp=jax.numpy` it
        runs on JAX.
        """
        return self.source_of(self._wrt)

    def source_of(self, wrt: Sequence[Value]) -> str:
        """`source` with the gradients of some of the program's `wrt` alone, in the order given."""
        gradients = dict(zip(self._wrt, self._lines.gradients, strict=True))
        return source(replace(self._lines, gradients=[gradients[v] for v in wrt]))

    def arrays(self) -> Program:
        """The same over arrays: scalars that are treated alike are one array, sums of products are matrix products.

        Its `source` says which scalars each array is. It takes such arrays, (rows, ...), or the columns that this
        program takes, and gives gradients in the shapes of the arrays; results are the same up to rounding. What has
        nothing like it stays a scalar. A program over arrays is its own.
        """
        found = rerolled(self._lines)
        return self if found is None else ArrayProgram(self, found)

    def lowered(self, *inputs: Any) -> str:
        """What the backend makes of it for such inputs: calls of NumPy, LLVM's IR, or the jaxpr."""
        return self._engine.lowered(self._wrt, self._taken(inputs)[0])

    def __call__(self, *inputs: Any) -> tuple[float, list[Any]]:
        """The loss and its gradients at the parameters of this moment, in the shapes of `wrt`."""
        trainer = self.bind(*inputs)
        loss = trainer.evaluate()
        return loss, [part.copy() if part.ndim else part.item() for part in trainer.parts(trainer.gradient)]

    def bind(self, *inputs: Any) -> Trainer:
        """A trainer over these inputs, starting from the parameters of this moment.

        Raises TypeError for a wrong number of inputs, ValueError for shapes that do not fit.
        """
        arrays, n = self._taken(inputs)
        return self._engine.trainer(self._wrt, arrays, n)

    def _taken(self, inputs: Sequence[Any]) -> tuple[list[Array], int]:
        """The inputs as arrays of the recorded types, and their number of rows."""
        leaves = self._lines.inputs
        if len(inputs) != len(leaves):
            raise TypeError(
                f"the program takes {how_many(len(leaves), 'input')} ({', '.join(self._names)}), not {len(inputs)}"
            )
        arrays = [_array(*each) for each in zip(self._names, inputs, leaves, strict=True)]
        counts = [len(a) for a, leaf in zip(arrays, leaves, strict=True) if leaf.varies and a.ndim]
        n = max(counts, default=1)
        if 0 in counts:
            raise ValueError("there are no rows: a mean needs one at least")
        return [self._fitted(*each, n) for each in zip(self._names, arrays, leaves, strict=True)], n

    def _fitted(self, name: str, array: Array, leaf: Line, n: int) -> Array:
        """An input in the shape of its leaf; a single number for a scalar of one example is that of every row."""
        shape = own_shape(leaf)
        if leaf.varies and not leaf.shape and not array.ndim:
            array = np.full(n, array)
        if array.shape != lengths(shape, n):
            raise ValueError(f"{name} must have shape {shape_text(shape)} with n = {n} rows, not {array.shape}")
        return array


class ArrayProgram(Program):
    """A program of scalars over arrays of them, at the scalars' data of this moment."""

    def __init__(self, scalars: Program, found: Rerolled) -> None:
        self._asked, self._run = scalars._asked, scalars._run
        self._scalars, self._found = scalars, found
        self._lines = found.lines
        self._wrt = [Value(x, label=leaf.label) for leaf, x in zip(found.lines.parameters, self._data(), strict=True)]
        self._names = [leaf.label or leaf.op for leaf in found.lines.inputs]
        self.backend, self._engine = _engine(found.lines, self._asked, self._run)

    def source_of(self, wrt: Sequence[Value]) -> str:
        """`source` with the gradients of some of the program's arrays alone, in the order given."""
        gradients = dict(zip(self._wrt, self._lines.gradients, strict=True))
        return source(replace(self._lines, gradients=[gradients[v] for v in wrt]), self._found.notes)

    def bind(self, *inputs: Any) -> Trainer:
        """A trainer over arrays, or over columns of scalars, starting from the scalars' data of this moment."""
        for v, x in zip(self._wrt, self._data(), strict=True):
            v.data = x
        return super().bind(*inputs)

    def _data(self) -> list[Array]:
        return stacked(self._found.lines.parameters, self._found.parameters, [v.data for v in self._scalars._wrt], None)

    def _taken(self, inputs: Sequence[Any]) -> tuple[list[Array], int]:
        if len(inputs) != len(self._lines.inputs) and len(inputs) == len(self._scalars._names):
            columns, n = self._scalars._taken(inputs)
            return stacked(self._lines.inputs, self._found.inputs, columns, n), n
        return super()._taken(inputs)


def _array(name: str, x: Any, leaf: Line) -> Array:
    array = bare_array(x.data if isinstance(x, Value) else x)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be real numbers, not {array.dtype}")
    return array.astype(leaf.dtype, copy=False)


class Backend(Protocol):
    """What runs a program's lines."""

    def lowered(self, wrt: Sequence[Value], inputs: Sequence[Array]) -> str:
        """What it makes of them, to read."""

    def trainer(self, wrt: Sequence[Value], inputs: Sequence[Array], n: int) -> Trainer:
        """The program bound to `inputs` of n rows, starting from the data of `wrt`."""


def _engine(lines: Lines, asked: str, run: Workload | None) -> tuple[str, Backend]:
    """The backend that is taken, by its name, and what it makes of the lines."""
    if asked != AUTO:
        return asked, BACKENDS[asked](lines)
    gain, numpy = Gain(lines), BACKENDS["numpy"]
    if not gain.possible or (run is not None and not gain.pays(run)):
        return "numpy", numpy(lines)
    if run is None and all(leaf.varies for leaf in lines.inputs):
        first: Backend = LineByLine(lines) if gain.is_long else numpy(lines)
        by_numpy = partial(numpy, lines) if gain.is_long else lambda: first
        return "jit", Gradual(gain, first, partial(BACKENDS["jit"], lines), by_numpy)
    try:
        return "jit", BACKENDS["jit"](lines)
    except CANNOT:
        return "numpy", numpy(lines)


def _numpy(lines: Lines) -> Backend:
    arrays = rerolled(lines)
    times = 0.0 if arrays is None else length(lines) / max(1, arrays.length)
    if arrays is not None and times >= WORTH_MANY_ROWS:
        return RerolledBlocks(arrays)
    scalars = partial(of_numpy, lines)
    if arrays is None or times < WORTH_REROLLING:
        return scalars()
    return ByRows(partial(RerolledBlocks, arrays), scalars, MANY)


def _jit(lines: Lines) -> Backend:
    from microgradcnn.targets.native.jit import Loop, fused, is_small, run_by_numpy
    from microgradcnn.targets.native.machine_code import vector_bytes

    for line in {line.op: line for line in run_by_numpy(lines)}.values():
        said = f"NumPy runs a part of this program, not the jit: {missing_line(line, 'llvm')}"
        warn(said, stacklevel=len([*frames_to_the_user()]))
    if not is_small(lines):
        return fused(lines)
    arrays = rerolled(lines) if length(lines) >= LONG else None
    if arrays is None or length(lines) < WORTH_MANY_ROWS * arrays.length:
        return Loop(lines)
    vector_bytes()  # without llvmlite, it is missed here
    many = CROSSOVER // length(lines) ** 3
    return ByRows(partial(Loop, lines), partial(RerolledBlocks, arrays, fused), many)


def _jax(lines: Lines) -> Backend:
    from microgradcnn.targets.backends.jax import JaxProgram

    return JaxProgram.of(lines)


BACKENDS: dict[str, Callable[[Lines], Backend]] = {"numpy": _numpy, "jit": _jit, "jax": _jax}
