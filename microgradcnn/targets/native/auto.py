"""engine="auto": what a program gains by the jit, and programs that begin by NumPy and go on with the jit.

The jit is taken where llvmlite is installed, NumPy would run no part of the program for it, and what it saves is more
than what compiling takes. Both are estimated from the program alone, never from a clock, so that a run repeats bit for
bit. Measured on two cores (AMD EPYC and Intel Xeon, AVX-512), cold: a program of scalars compiles in 0.05 s and 0.1 ms
a line, one over arrays in 0.05 s and 1 ms a line. An evaluation takes NumPy 0.5 µs more for every call, of which arrays
made of scalars take some 40, and 0.1 ns more for every number that is computed for a row, products of matrices aside,
which both leave to BLAS. So micrograd's network over 100 rows is worth compiling for 6,000 steps, over 10,000 for 130.
What is longer than 5,000 lines takes NumPy's backend a second to prepare, too: it begins line by line, at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from threading import Thread, current_thread
from typing import Any, NamedTuple

import numpy as np

from microgradcnn.engine.arrays import Array, quiet
from microgradcnn.engine.record import TABLE
from microgradcnn.engine.value import Value
from microgradcnn.targets.backends.trainer import Trainer, VectorTrainer
from microgradcnn.targets.lines import LEAVES, Line, Lines, is_own, known_size

AUTO = "auto"
LONG, A_LINE_READ, A_NUMBER_READ, IN_MEMORY = 5000, 2e-6, 2e-9, 1 << 22  # lines, seconds, numbers
TO_COMPILE, A_LINE, A_LINE_OF_ARRAYS = 0.05, 8e-5, 1e-3  # seconds
A_CALL, A_NUMBER, CALLS = 5e-7, 1e-10, 40  # seconds, and calls of arrays that are made of scalars
BESIDE = 0.25  # the share of what compiling takes that NumPy has cost when it begins
CANNOT = (ImportError, OSError, RuntimeError)  # what llvmlite raises where it, or LLVM, does not work here
PLACED = frozenset({"take", "take_along_axis", "index_add", "scatter_add"})  # NumPy tells places that are none


class Workload(NamedTuple):
    """What a program is compiled for: so many evaluations over so many rows."""

    evaluations: int
    rows: int


class Gain:
    """What the jit saves of a program's time, and what it takes to compile."""

    def __init__(self, lines: Lines) -> None:
        order = lines.order
        computed = [line for line in order if line.op not in LEAVES]
        scalar = not any(line.shape for line in order)
        self.is_long, self.lines = scalar and lines.per_example and len(computed) >= LONG, len(computed)
        self.possible = find_spec("llvmlite") is not None and not any(map(_is_numpys, computed))
        self.possible = self.possible and str(lines.loss.dtype) in ("float32", "float64")
        self.seconds = TO_COMPILE + (A_LINE if scalar else A_LINE_OF_ARRAYS) * len(computed)
        self._calls = A_CALL * (min(len(computed), CALLS) if scalar else len(computed))
        numbers = sum(known_size(line.shape) for line in computed if line.varies and line.op != "matmul")
        self._row = A_NUMBER * numbers

    def of(self, evaluations: int, rows: int) -> float:
        """The seconds that so many evaluations over so many rows take less, compiling aside."""
        return evaluations * (self._calls + self._row * rows)

    def pays(self, run: Workload) -> bool:
        """Whether a run saves more than it takes to compile."""
        return self.possible and self.of(*run) >= self.seconds

    def spent(self, rows: int) -> float:
        """The seconds that an evaluation over so many rows has cost for want of the jit."""
        if not self.is_long:
            return self.of(1, rows)
        fits = self.lines * rows <= IN_MEMORY
        return self.lines * (A_LINE_READ + A_NUMBER_READ * rows) if fits else self.seconds


def _is_numpys(line: Line) -> bool:
    """Whether a line is better left to NumPy: one without instructions, or one that finds places out of range."""
    if is_own(line):
        from microgradcnn.targets.native.llvm import has_instructions, is_in_the_library

        kind = "float" if line.dtype.itemsize == 4 else "double"
        return not (has_instructions(line) and is_in_the_library(line, kind))
    return line.op in PLACED and line.varies


class Gradual:
    """A program that runs as `first` until its evaluations have cost what compiling takes, and by the jit from then on.

    It is compiled in a thread meanwhile: LLVM works without Python's lock. When the jit takes over depends on what has
    been evaluated, and not on when the thread is done, which is waited for.
    """

    def __init__(self, gain: Gain, first: Any, jit: Callable[[], Any], numpy: Callable[[], Any]) -> None:
        self.gain, self.engine, self.final = gain, first, False
        self._jit, self._numpy, self._made, self._spent = jit, numpy, list[Any](), 0.0
        self._thread: Thread | None = None

    def lowered(self, wrt: Sequence[Value], inputs: Sequence[Array]) -> str:
        """What the jit makes of it, if it can, or else NumPy."""
        self._compile()
        text: str = self._made[0].lowered(wrt, inputs)
        return text

    def trainer(self, wrt: Sequence[Value], inputs: Sequence[Array], n: int) -> Trainer:
        """The program bound to `inputs` of n rows."""
        bound: Trainer = self.engine.trainer(wrt, inputs, n)
        return bound if self.final or not isinstance(bound, VectorTrainer) else GradualTrainer(self, bound, inputs, n)

    def count(self, rows: int) -> None:
        """Count an evaluation over so many rows that is about to be done, and go on with the jit where that pays."""
        self._spent += self.gain.spent(rows)
        if self._spent >= self.gain.seconds:
            self._compile()
            self.engine, self.final = self._made[0], True
        elif self._spent >= BESIDE * self.gain.seconds and self._thread is None:
            self._thread = Thread(target=self._compile, name="microgradcnn compiles")
            self._thread.start()

    def _compile(self) -> None:
        """Compile it, once; where that cannot be done it is NumPy's."""
        if self._thread not in (None, current_thread()):
            self._thread.join()
        if self._made:
            return
        try:
            self._made.append(self._jit())
        except CANNOT:
            self._made.append(self._numpy())


class LineByLine:
    """A program of scalars run as it stands, a line after the other over all rows: slow, but nothing is to be made."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines

    def lowered(self, wrt: Sequence[Value], inputs: Sequence[Array]) -> str:
        """The lines' operations."""
        return "\n".join(line.op for line in self.lines.order)

    def trainer(self, wrt: Sequence[Value], inputs: Sequence[Array], n: int) -> LineByLineTrainer:
        """The program bound to `inputs` of n rows."""
        return LineByLineTrainer(self.lines, wrt, inputs, n)


class LineByLineTrainer(VectorTrainer):
    """Evaluates the lines, each by its primitive's `forward`; all that they give is in memory at once."""

    def __init__(self, lines: Lines, wrt: Sequence[Value], inputs: Sequence[Array], n: int) -> None:
        super().__init__(wrt)
        self.lines, self.n = lines, n
        self.set_inputs(inputs)

    def set_inputs(self, inputs: Sequence[Array]) -> None:
        """Take other rows, as many as before."""
        self.inputs = list(inputs)

    def evaluate(self) -> float:
        """The loss at `flat`, over all rows."""
        loss, *rest = quiet(self._means)
        self._gradient[...] = rest[: len(self._flat)]
        self._also = rest[len(self._flat) :]
        return loss

    def _means(self) -> list[float]:
        lines = self.lines
        found: dict[Line, Any] = dict(zip([*lines.inputs, *lines.parameters], [*self.inputs, *self._flat], strict=True))
        for line in lines.order:
            if line.op == "number":
                found[line] = line.dtype.type(line.value * float(self.n) ** line.power if line.power else line.value)
            elif line not in found:
                found[line] = TABLE[line.op].forward(*[found[arg] for arg in line.args], **line.static)
        return [float(np.mean(found[output])) for output in lines.outputs]


class GradualTrainer(Trainer):
    """A program bound to its rows, by NumPy at first; `flat` and `gradient` stay where they are."""

    def __init__(self, program: Gradual, first: VectorTrainer, inputs: Sequence[Array], n: int) -> None:
        super().__init__(first.wrt)
        self._program, self._engine, self._trainer = program, program.engine, first
        self._inputs, self._n = inputs, n

    @property
    def flat(self) -> Array:
        """The parameters, to be read and written in place."""
        return self._trainer.flat

    @flat.setter
    def flat(self, vector: Array) -> None:
        self._trainer.flat = vector

    @property
    def gradient(self) -> Array:
        """The gradient, in memory that the next evaluation writes to."""
        return self._trainer.gradient

    @property
    def also(self) -> list[float]:
        """The further numbers that were found last."""
        return self._trainer.also

    def set_inputs(self, inputs: Sequence[Array]) -> None:
        """Take other rows, as many as before."""
        self._inputs = inputs
        self._trainer.set_inputs(inputs)

    def evaluate(self) -> float:
        """The loss at `flat`, over all rows."""
        return self._counted().evaluate()

    def step(self, rate: float) -> float:
        """One step of gradient descent; returns the loss before it."""
        return self._counted().step(rate)

    def _counted(self) -> VectorTrainer:
        if not self._program.final:
            self._program.count(self._n)
        if self._engine is not self._program.engine:
            self._engine = self._program.engine
            self._trainer = self._engine.trainer(self._wrt, self._inputs, self._n, self._trainer)
        return self._trainer
