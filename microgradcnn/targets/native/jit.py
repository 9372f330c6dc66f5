"""The jit backend: which programs become one compiled loop over rows, which are fused, what NumPy runs.

It takes programs of scalars, and programs over arrays that are small enough to be opened into scalars.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.value import Value
from microgradcnn.targets.backends.numpy import Blocks
from microgradcnn.targets.backends.products import reordered
from microgradcnn.targets.backends.threads import in_lanes, shares
from microgradcnn.targets.backends.trainer import VectorTrainer
from microgradcnn.targets.lines import Line, Lines, is_own
from microgradcnn.targets.native import fusion
from microgradcnn.targets.native.fusion import FusedGroup, grouped, written_out
from microgradcnn.targets.native.images import ImageKernel, image_kernel
from microgradcnn.targets.native.llvm import has_instructions
from microgradcnn.targets.native.loop import module
from microgradcnn.targets.native.machine_code import MachineCode, vector_bytes
from microgradcnn.targets.plan import in_blocks, planned
from microgradcnn.targets.scalars import is_mean_of_examples, opened, operations
from microgradcnn.targets.simplify import simplified

OPENED = 500  # a loss over arrays is opened into scalars if it has at most so many operations for one example
WORTH_THREADS = 5_000_000  # operations on numbers before a second thread pays
ASIDE = 4096  # rows that are copied at a time where inputs do not lie feature by feature
COPIED = 1 << 25  # bytes of inputs that are laid out anew, once, rather than again in every step


class Loop:
    """A program as one compiled loop over rows."""

    def __init__(self, lines: Lines) -> None:
        self.plan = planned(lines if _is_scalar(lines) else simplified(opened(lines)), by_terms=False)
        self.ir = module(self.plan, vector_bytes())
        self._code = MachineCode(self.ir)
        number = ctypes.c_double if self.plan.lines.loss.dtype == np.float64 else ctypes.c_float
        pointer, count = ctypes.c_void_p, ctypes.c_int64
        sums = (pointer, count, count, pointer, pointer, count)
        self.sums = self._function(None, "sums", *sums)
        self.finish = self._function(number, "finish", pointer, pointer, count, pointer, pointer)
        step = (pointer, count, pointer, pointer, pointer, pointer, number, ctypes.c_bool)
        self.step = self._function(number, "step", *step)

    def lowered(self, wrt: Sequence[Value], inputs: Sequence[Array]) -> str:
        """LLVM's IR."""
        return self.ir

    def trainer(
        self, wrt: Sequence[Value], inputs: Sequence[Array], n: int, before: VectorTrainer | None = None
    ) -> LoopTrainer:
        """The program bound to `inputs` of n rows, in the memory of the trainer `before`, if there is one."""
        return LoopTrainer(self, wrt, inputs, n, before)

    def _function(self, result: Any, name: str, *arguments: Any) -> Any:
        return ctypes.CFUNCTYPE(result, *arguments)(self._code.address(name))


class LoopTrainer(VectorTrainer):
    """Evaluates a compiled loop over its rows."""

    def __init__(
        self, program: Loop, wrt: Sequence[Value], inputs: Sequence[Array], n: int, before: VectorTrainer | None = None
    ) -> None:
        super().__init__(wrt, before)
        plan = program.plan
        self.n, self.program = n, program
        self._dtype = plan.lines.loss.dtype  # that of the parameters, if there are any
        self._sums = np.zeros(len(plan.sums) or 1, self._dtype)
        self._numbers = np.zeros(len(plan.lines.also) or 1, self._dtype)
        self._lanes = shares(n, n * len(plan.each) >= WORTH_THREADS)
        self.set_inputs(inputs)

    def set_inputs(self, inputs: Sequence[Array]) -> None:
        """Take other rows, as many as before."""
        scalars: list[Any] = []
        columns: list[Array] = []
        for x in inputs:
            if x.ndim:
                columns += list(x.reshape(self.n, -1).T)
            else:
                scalars.append(x)
        if scalars or self._flat.dtype != self._dtype:
            self._shared = np.concatenate([np.array(scalars, self._dtype), self._flat], dtype=self._dtype)
            self._flat = self._shared[len(scalars) :]
        else:
            self._shared = self._flat
        small = sum(c.nbytes for c in columns) <= COPIED
        self._columns = [np.ascontiguousarray(c) if small else c for c in columns]
        self._aside = [not c.flags.c_contiguous for c in self._columns]
        self._pointers = np.array([c.ctypes.data for c in self._columns] or [0], np.uintp)
        addresses = [a.ctypes.data for a in (self._pointers, self._shared, self._sums, self._gradient, self._numbers)]
        self._arguments = (addresses[0], self.n, *addresses[1:])

    def evaluate(self) -> float:
        """The loss at `flat`, over all rows."""
        return self._run(0.0, False)

    def step(self, rate: float) -> float:
        """One step of gradient descent; returns the loss before it."""
        return self._run(rate, True)

    @property
    def also(self) -> list[float]:
        """The further numbers that were found last."""
        return self._numbers[: len(self.program.plan.lines.also)].tolist()

    def _run(self, rate: float, move: bool) -> float:
        if len(self._lanes) == 1 and not any(self._aside):
            loss: float = self.program.step(*self._arguments, rate, move)
            return loss
        parts = in_lanes(self._lane, self._lanes)
        self._sums[...] = parts[0]
        for part in parts[1:]:
            self._sums += part
        _, n, shared, sums, gradient, also = self._arguments
        loss = self.program.finish(shared, sums, n, gradient, also)
        if move:
            self._descend(rate)
        return loss

    def _lane(self, rows: range, thread: int) -> Array:
        """The sums over some rows."""
        sums, shared = np.zeros_like(self._sums), self._arguments[2]
        if not any(self._aside):
            pointers = self._arguments[0]
            self.program.sums(pointers, rows.start, rows.stop, shared, sums.ctypes.data, self.n)
            return sums
        total = np.zeros_like(sums)
        copies = np.empty((len(self._columns), ASIDE), self._dtype)
        aside = np.array([copy.ctypes.data for copy in copies], np.uintp)
        for start in range(rows.start, rows.stop, ASIDE):
            count = min(ASIDE, rows.stop - start)
            for copy, column in zip(copies, self._columns, strict=True):
                copy[:count] = column[start : start + count]
            self.program.sums(aside.ctypes.data, 0, count, shared, sums.ctypes.data, self.n)
            total += sums
        return total


def fused(lines: Lines) -> Blocks:
    """A program over arrays in blocks of rows, with NumPy's products and compiled passes for what lies between them."""
    plan, dtype = in_blocks(written_out(reordered(lines))), lines.loss.dtype
    lanes = vector_bytes() // dtype.itemsize
    found = {line: image_kernel(line, dtype, lanes) for line in (*plan.each, *plan.sums)}
    kernels = {line: kernel for line, kernel in found.items() if kernel is not None}
    items: list[Line | FusedGroup | ImageKernel] = [
        kernels.get(item, item) if isinstance(item, Line) else item for item in grouped(plan)
    ]
    items += [kernels[line] for line in plan.sums if line in kernels]
    groups = [item for item in items if not isinstance(item, Line)]
    ir, functions = fusion.module(groups, vector_bytes())
    return Blocks(plan, items, fusion.compiled(ir, functions), ir)


def is_small(lines: Lines) -> bool:
    """Whether a program is one for this backend's loop: of scalars, or few enough of them, all of one type.

    A primitive of the user's own without instructions is known to NumPy only, which runs what is not fused then.
    """
    order = lines.order
    types = {line.dtype for line in order if line.op != "number"} - {np.dtype(np.bool_)}
    if len(types) > 1 or run_by_numpy(lines):
        return False
    return _is_scalar(lines) or (operations(lines) <= OPENED and is_mean_of_examples(lines))


def run_by_numpy(lines: Lines) -> list[Line]:
    """The lines that are primitives of the user's own without instructions."""
    return [line for line in lines.order if is_own(line) and not has_instructions(line)]


def _is_scalar(lines: Lines) -> bool:
    return lines.per_example and not any(line.shape for line in lines.order)
