"""The NumPy backend: blocks of rows that fit the cache, on all cores where there are many.

A block's length depends on the program and on n alone, and sums over blocks are added in a fixed order, so that a run
repeats bit for bit, however many cores there are. Memory beyond the data is a few blocks, however large n is.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Array, quiet
from microgradcnn.engine.value import Value
from microgradcnn.targets.backends import buffers as blocks
from microgradcnn.targets.backends.calls import guarded
from microgradcnn.targets.backends.threads import LANES, in_lanes, one_blas_thread
from microgradcnn.targets.backends.trainer import VectorTrainer
from microgradcnn.targets.lines import Line, lengths
from microgradcnn.targets.plan import Plan

BLOCK_BYTES = 1 << 20  # what a block may take of a core's second-level cache
LINE_SHARE = 34  # every line should write that part of it at least: a call takes as long as some kilobytes do
LEAST_ROWS = 16
LEAST_IMAGES = 32  # of which NumPy takes a pixel of all rows at a time
WORTH_THREADS = 1 << 22  # bytes to write before a second thread pays
FEW_CALLS = 64  # for which that holds; of more, each has to be as long: threads take turns at the interpreter
SHARED = 1 << 18  # multiplications from which OpenBLAS shares a product among threads
WORTH_SHARING = 3 << 18  # those from which it takes less time than to wake them
MANY_PRODUCTS = 8


class Blocks:
    """A plan in the form that NumPy runs."""

    def __init__(
        self, plan: Plan, items: Sequence[Any] = (), kernels: Sequence[Callable[..., None]] = (), ir: str = ""
    ) -> None:
        self.plan, self.ir = plan, ir
        self.functions = blocks.compiled(plan, items or guarded(plan.each, plan.sums), kernels)

    def lowered(self, wrt: Sequence[Value], inputs: Sequence[Any]) -> str:
        """The source of the functions that run, and of their kernels."""
        return "\n".join([self.ir, self.functions["text"]]).lstrip()

    def trainer(
        self, wrt: Sequence[Value], inputs: Sequence[Any], n: int, before: VectorTrainer | None = None
    ) -> BlocksTrainer:
        """The program bound to `inputs` of n rows, in the memory of the trainer `before`, if there is one."""
        return BlocksTrainer(self, wrt, inputs, n, before)


class BlocksTrainer(VectorTrainer):
    """Evaluates a program over its rows in blocks; by one thread at a time."""

    def __init__(
        self, program: Blocks, wrt: Sequence[Value], inputs: Sequence[Any], n: int, before: VectorTrainer | None = None
    ) -> None:
        super().__init__(wrt, before)
        plan, self.functions = program.plan, program.functions
        self.n, self.lines = n, plan.lines
        self.scalars = all(not v.shape for v in wrt)
        self.views = self.parts(self._flat)
        self.gradients = self.parts(self._gradient)
        lanes = _cut(n, *(self._lengths() if any(v.varies for v in plan.lines.inputs) else (max(n, 1), 1)))
        memory = dict(zip(plan.lines.gradients, self.gradients, strict=True))
        self.lanes = [_Lane(program, n, blocks, {} if i else memory) for i, blocks in enumerate(lanes)]
        kept = {line for line in plan.sums if line.shape}
        self.elsewhere = [
            (i, place)
            for i, (line, place) in enumerate(zip(plan.lines.gradients, self.gradients, strict=True))
            if not (line in kept and memory[line] is place)
        ]
        self._functions: dict[int, _Functions] = defaultdict(lambda: _Functions(program, n))  # by thread
        turns = max(1.0, self.functions["calls"] / FEW_CALLS)
        self.parallel = n * self.functions["row_traffic"] >= WORTH_THREADS * turns
        self._blas = (
            one_blas_thread if _has_short_products(plan, max(len(range(*b)) for b in lanes[0])) else nullcontext
        )
        self.set_inputs(inputs)

    def _lengths(self) -> tuple[int, int]:
        """How many rows a block may have, as many as the cache has room for, and how many are worth the calls."""
        row_bytes, of_a_line = self.functions["row_bytes"], self.functions["line_bytes"]
        worth_the_calls = math.ceil(BLOCK_BYTES / LINE_SHARE / max(of_a_line, 1))
        least = LEAST_IMAGES if self.functions["has_images"] else LEAST_ROWS
        return max(least, BLOCK_BYTES // max(row_bytes, 1), worth_the_calls), worth_the_calls

    def set_inputs(self, inputs: Sequence[Any]) -> None:
        """Take other rows, as many as before."""
        pairs = list(zip(self.lines.inputs, inputs, strict=True))
        self.rows = [x for line, x in pairs if line.varies]
        self.shared = [x for line, x in pairs if not line.varies]
        self.fixed = quiet(self.functions["views"], *self.shared, *self.views)

    def evaluate(self) -> float:
        """The loss at `flat`, over all rows."""
        with self._blas():
            return quiet(self._evaluate)

    def _evaluate(self) -> float:
        shared = [*self.shared, *(self._flat.tolist() if self.scalars else self.views), *self.fixed]
        once = [*shared, *self.functions["before"](self.n, *shared)]
        whole = len(self.lanes) == 1
        sums = self.lanes[0].run(self._functions[0], self.rows, once) if whole else self._in_lanes(once)
        loss, *rest = self.functions["after"](self.n, *once, *sums)
        if self.scalars:
            self._gradient[...] = rest[: len(self.gradients)]
        else:
            for i, place in self.elsewhere:
                place[...] = rest[i]
        self._also = [float(number) for number in rest[len(self.gradients) :]]
        return float(loss)

    def _in_lanes(self, once: Sequence[Any]) -> list[Any]:
        """The sums over all rows, lanes added in order; the arrays in the memory of the first."""

        def work(lane: _Lane, thread: int) -> list[Any]:
            return quiet(lane.run, self._functions[thread], self.rows, once)

        total, *others = in_lanes(work, self.lanes) if self.parallel else [work(lane, 0) for lane in self.lanes]
        for lane in others:
            for i, part in enumerate(lane):
                total[i] += part  # in place where it is an array
        return total


class _Functions(dict[int, Any]):
    """One thread's functions for blocks by their number of rows, made when first asked for, with buffers of its own."""

    def __init__(self, program: Blocks, n: int) -> None:
        self.make, self.n = program.functions["make"], n

    def __missing__(self, rows: int) -> Any:
        self[rows] = made = self.make(self.n, rows)
        return made


class _Lane:
    """Blocks to be added up in order, whichever thread takes them; `memory` says where some of the sums belong."""

    def __init__(self, program: Blocks, n: int, blocks: list[tuple[int, int]], memory: dict[Line, Array]) -> None:
        self.blocks, self.whole = blocks, blocks == [(0, n)]
        arrays = [line for line in program.plan.sums if line.shape]
        self.sums = [
            memory[line] if line in memory else np.empty(lengths(line.shape, 1), line.dtype) for line in arrays
        ]
        self.is_array = [bool(line.shape) for line in program.plan.sums]

    def run(self, functions: _Functions, rows: Sequence[Array], once: Sequence[Any]) -> list[Any]:
        """The sums over this lane's rows, in the order of the plan."""
        if self.whole:
            (_, count), *_ = self.blocks
            return functions[count][0](self.sums, *rows, *once)
        total: list[Any] = []
        for a, b in self.blocks:
            first, more = functions[b - a]
            found = (more if total else first)(self.sums, *[x[a:b] for x in rows], *once)
            if not total:
                total = [*found]
                continue
            for i, part in enumerate(found):
                if not self.is_array[i]:  # arrays are added up where they are
                    total[i] += part
        return total


def _has_short_products(plan: Plan, rows: int) -> bool:
    """Whether most products that BLAS would share among threads are too short for that, as those of steps in time."""
    found = []
    for line in {*plan.each, *plan.sums}:
        if line.op == "matmul":
            a, b = (lengths(arg.shape, rows) for arg in line.args)
            found.append(math.prod(a[-2:]) * (b[-1] if len(b) > 1 else 1))
    shared = sorted(size for size in found if size > SHARED)
    return len(shared) >= MANY_PRODUCTS and shared[len(shared) // 2] < WORTH_SHARING


def _cut(n: int, longest: int, least: int) -> list[list[tuple[int, int]]]:
    """The blocks that n rows are cut into, by lanes; all but the last are equally long, so that they share buffers."""
    length = math.ceil(n / max(1, min(math.ceil(n / longest), n // max(1, least))))
    blocks = [(a, min(a + length, n)) for a in range(0, n, length)]
    lanes = min(LANES, len(blocks))
    return [blocks[len(blocks) * i // lanes : len(blocks) * (i + 1) // lanes] for i in range(lanes)]
