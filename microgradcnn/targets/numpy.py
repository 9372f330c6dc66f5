"""The NumPy backend: blocks of rows that fit the cache, on all cores where there are many.

A block's length depends on the program and on n alone, and sums over blocks are added in a fixed order, so that a run
repeats bit for bit, however many cores there are. Memory beyond the data is a few blocks, however large n is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from microgradcnn.arrays import quiet
from microgradcnn.targets import blocks
from microgradcnn.targets.lines import Line, lengths
from microgradcnn.targets.plan import Plan
from microgradcnn.targets.threads import LANES, in_lanes
from microgradcnn.targets.trainer import Array, VectorTrainer
from microgradcnn.value import Value

BLOCK_BYTES = 1 << 20  # what a block may take of a core's second-level cache
LEAST_ROWS = 16
WORTH_THREADS = 1 << 22  # bytes to write before a second thread pays


class Blocks:
    """A plan in the form that NumPy runs."""

    def __init__(
        self, plan: Plan, items: Sequence[Any] = (), kernels: Sequence[Callable[..., None]] = (), ir: str = ""
    ) -> None:
        self.plan, self.ir = plan, ir
        self.functions = blocks.compiled(plan, items or plan.each, kernels)

    def lowered(self, wrt: Sequence[Value], inputs: Sequence[Any]) -> str:
        """The source of the functions that run, and of their kernels."""
        return "\n".join([self.ir, self.functions["text"]]).lstrip()

    def trainer(self, wrt: Sequence[Value], inputs: Sequence[Any], n: int) -> BlocksTrainer:
        """The program bound to `inputs` of n rows."""
        return BlocksTrainer(self, wrt, inputs, n)


class BlocksTrainer(VectorTrainer):
    """Evaluates a program over its rows in blocks; by one thread at a time."""

    def __init__(self, program: Blocks, wrt: Sequence[Value], inputs: Sequence[Any], n: int) -> None:
        super().__init__(wrt)
        plan, self.functions = program.plan, program.functions
        self.n, self.lines = n, plan.lines
        self.scalars = all(not v.shape for v in wrt)
        self.views = self.parts(self._flat)
        self.gradients = self.parts(self._gradient)
        self.edges, lanes = _cut(n, self.functions["row_bytes"] if any(v.varies for v in plan.lines.inputs) else 0)
        self.lanes = [_Lane(program, n, self.edges, blocks, self._memory(i)) for i, blocks in enumerate(lanes)]
        memory = self._memory(0)
        kept = {line for line in plan.sums if line.shape}
        self.elsewhere = [
            (i, place)
            for i, (line, place) in enumerate(zip(plan.lines.gradients, self.gradients, strict=True))
            if not (line in kept and memory[line] is place)
        ]
        self.parallel = n * self.functions["row_traffic"] >= WORTH_THREADS
        self.set_inputs(inputs)

    def set_inputs(self, inputs: Sequence[Any]) -> None:
        """Take other rows, as many as before."""
        pairs = list(zip(self.lines.inputs, inputs, strict=True))
        self.rows = [x for line, x in pairs if line.varies]
        self.shared = [x for line, x in pairs if not line.varies]
        self.fixed = self.functions["views"](*self.shared, *self.views)

    def evaluate(self) -> float:
        """The loss at `flat`, over all rows."""
        return quiet(self._evaluate)

    def _evaluate(self) -> float:
        shared = [*self.shared, *(self._flat.tolist() if self.scalars else self.views), *self.fixed]
        once = [*shared, *self.functions["before"](self.n, *shared)]
        if len(self.lanes) == 1:
            sums = self.lanes[0].run(self.rows, once)
        else:
            work = partial(quiet, _Lane.run, rows=self.rows, once=once)
            sums = self._added(in_lanes(work, self.lanes) if self.parallel else [work(lane) for lane in self.lanes])
        loss, *rest = self.functions["after"](self.n, *once, *sums)
        if self.scalars:
            self._gradient[...] = rest[: len(self.gradients)]
        else:
            for i, place in self.elsewhere:
                place[...] = rest[i]
        self._also = [float(number) for number in rest[len(self.gradients) :]]
        return float(loss)

    def _added(self, lanes: list[list[Any]]) -> list[Any]:
        """The sums of all lanes, added in order; the arrays in the memory of the first."""
        total = lanes[0]
        for lane in lanes[1:]:
            for i, part in enumerate(lane):
                total[i] += part  # in place where it is an array
        return total

    def _memory(self, lane: int) -> dict[Line, Array]:
        """Where the first lane adds up what is a gradient as it is."""
        return {} if lane else dict(zip(self.lines.gradients, self.gradients, strict=True))


class _Lane:
    """Blocks that one thread takes in order, with the buffers that it needs."""

    def __init__(self, program: Blocks, n: int, edges: Sequence[int], blocks: range, memory: dict[Line, Array]) -> None:
        plan = program.plan
        self.bounds = [(edges[b], edges[b + 1]) for b in blocks]
        self.whole = len(edges) == 2
        self.sums = [
            memory[line] if line in memory and line.shape else np.empty(lengths(line.shape, 1), line.dtype)
            for line in plan.sums
            if line.shape
        ]
        self.made = {rows: program.functions["make"](n, rows, self.sums) for rows in {b - a for a, b in self.bounds}}
        self.functions = [self.made[b - a][0 if i == 0 else 1] for i, (a, b) in enumerate(self.bounds)]
        self.is_array = [bool(line.shape) for line in plan.sums]

    def run(self, rows: Sequence[Array], once: Sequence[Any]) -> list[Any]:
        """The sums over this lane's rows, in the order of the plan."""
        if self.whole:
            return self.functions[0](*rows, *once)
        total: list[Any] = []
        for (a, b), function in zip(self.bounds, self.functions, strict=True):
            found = function(*[x[a:b] for x in rows], *once)
            for i, part in enumerate(found):
                if len(total) < len(found):
                    total.append(part)
                elif not self.is_array[i]:  # arrays are added up where they are
                    total[i] += part
        return total


def _cut(n: int, row_bytes: int) -> tuple[list[int], list[range]]:
    """The edges of the blocks that n rows are cut into, and which blocks go into each lane."""
    longest = max(LEAST_ROWS, BLOCK_BYTES // row_bytes) if row_bytes else max(n, 1)
    count = max(1, math.ceil(n / longest))
    lanes = min(LANES, count)
    edges = [n * i // count for i in range(count + 1)]
    return edges, [range(count * i // lanes, count * (i + 1) // lanes) for i in range(lanes)]
