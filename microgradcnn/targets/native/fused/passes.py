"""The text of a fused pass: loops over rows of numbers, and along each row as often as what is added up over it needs.

Where everything lies is known when memory is made: lengths and strides are arguments. Only along the last axis an
operand has either its next number for the next place, or one number for the whole row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import pairwise

import numpy as np

from microgradcnn.targets.lines import Line
from microgradcnn.targets.native.fused.groups import NEUTRAL, FusedGroup
from microgradcnn.targets.native.llvm import EMITTED, FunctionEmitter, literal

UNROLLED = 5  # vectors of a row that are written out one after the other instead of as a loop


class PassEmitter(FunctionEmitter):
    """Writes the function of a group.

    Its lines fall into phases, each one turn along the row: what is reduced in one is known in the next. `phase` says
    in which a line is computed, or, of one number a row, before which.
    """

    def __init__(self, group: FusedGroup, kind: str, lanes: int, size: int) -> None:
        super().__init__(kind, lanes)
        self.group, self.size = group, size
        self.memory = {line: i for i, line in enumerate([*group.arrays, *group.outputs])}
        self.phase: dict[Line, int] = {}
        self.last = 0
        for line in group.lines:
            given = max((self.phase[arg] for arg in line.args if arg in self.phase), default=0)
            self.phase[line] = given + group.is_reduction(line)
            if not group.is_of_a_row(line) or group.is_reduction(line):
                self.last = max(self.last, given)
        self.aside: dict[Line, str] = {}  # where numbers wait for a later phase

    def function(self, name: str) -> str:
        """All of it."""
        group, depth = self.group, self.group.depth
        self.add(f"define void @{name}(ptr %arrays, ptr %numbers, ptr %counts) {{", "entry:")
        for i in range(len(self.memory)):
            self.add(f"%q{i} = getelementptr ptr, ptr %arrays, i64 {i}", f"%p{i} = load ptr, ptr %q{i}")
        for i, number in enumerate(group.numbers):
            self.names[number] = self.splat(self.load("%numbers", i))
        counts = [self._length(i) for i in range(depth + 1)]
        strides = [[self._length((1 + i) * depth + 1 + k) for k in range(depth)] for i in range(len(self.memory))]
        self.inner = counts[depth] if group.width is None else str(group.width)
        self._set_aside()
        if group.width is None:
            self.whole = self.make(f"udiv i64 {self.inner}, {self.lanes}")
            self.every = self.make(f"udiv i64 {self.offset((self.inner, 1), start=self.lanes - 1)}, {self.lanes}")
        with ExitStack() as loops:
            at = [loops.enter_context(self.loop("0", count))[0] for count in counts[:depth]]
            self.bases = [self._base(f"%p{i}", at, strides[i]) for i in range(len(self.memory))]
            self._row()
        self.add("ret void", "}")
        return self.text()

    def _length(self, i: int) -> str:
        return self.make(f"load i64, ptr {self.make(f'getelementptr i64, ptr %counts, i64 {i}')}")

    def _base(self, pointer: str, at: Sequence[str], strides: Sequence[str]) -> str:
        place = "0"
        for index, stride in zip(at, strides, strict=True):
            place = self.make(f"add i64 {place}, {self.make(f'mul i64 {index}, {stride}')}")
        return self.make(f"getelementptr {self.kind}, ptr {pointer}, i64 {place}")

    def _set_aside(self) -> None:
        """Room for a row of what a later phase needs and nobody else keeps; masks are computed again."""
        group = self.group

        def need(arg: Line, phase: int) -> None:
            if arg not in self.phase or self.phase[arg] >= phase or group.is_of_a_row(arg):
                return
            if arg.dtype == np.bool_:
                for further in arg.args:
                    need(further, phase)
            elif arg not in self.memory and arg not in self.aside:
                room = -(-(group.width or 0) // self.lanes) * self.lanes
                self.aside[arg] = self.make(f"alloca [{room} x {self.kind}], align {self.lanes * self.size}")

        for line in group.lines:
            for arg in line.args:
                need(arg, self._phase_of(line))

    def _phase_of(self, line: Line) -> int:
        """The turn in which a line uses its arguments."""
        return self.phase[line] - self.group.is_reduction(line)

    def _row(self) -> None:
        """One row: what it has one number of, then phase by phase along it."""
        group = self.group
        for line, i in self.memory.items():
            if line in group.arrays and not group.is_along(line):
                self.names[line] = self.splat(self.make(f"load {self.kind}, ptr {self.bases[i]}"))
        for phase in range(self.last + 1):
            self._of_the_row(phase)
            self._along(phase)
        self._of_the_row(self.last + 1)
        for line in group.outputs:
            if group.is_of_a_row(line):
                one = self.make(f"extractelement {self.type} {self.value(line)}, i32 0")
                self.add(f"store {self.kind} {one}, ptr {self.bases[self.memory[line]]}")

    def _of_the_row(self, phase: int) -> None:
        for line in self.group.lines:
            if self.phase[line] == phase and self.group.is_of_a_row(line) and not self.group.is_reduction(line):
                self.line(line)

    def _along(self, phase: int) -> None:
        """A turn along the row: its lines, and what they are reduced to."""
        group = self.group
        lines = [line for line in group.lines if self._phase_of(line) == phase and not group.is_of_a_row(line)]
        reduced = [line for line in group.lines if self._phase_of(line) == phase and group.is_reduction(line)]
        if not lines and not reduced:
            return
        totals = [self.constant(NEUTRAL[line.op]) for line in reduced]
        if group.width is not None and group.width <= UNROLLED * self.lanes:
            for column in range(0, group.width, self.lanes):
                inside = [column + lane < group.width for lane in range(self.lanes)]
                mask = None if all(inside) else f"<{', '.join(f'i1 {str(bit).lower()}' for bit in inside)}>"
                totals = self._vector(phase, lines, reduced, totals, str(column), mask)
        else:
            whole = self.whole if group.width is None else str(group.width // self.lanes)
            every = self.every if group.width is None else str(-(-group.width // self.lanes))
            for start, stop in pairwise(("0", whole, every)):
                if start == stop:
                    continue
                with self.loop(start, stop, totals) as (count, state):
                    column_at = self.offset((count, self.lanes))
                    within = self._within(column_at) if start == whole else None
                    state[:] = self._vector(phase, lines, reduced, state, column_at, within)
                totals = state
        for line, total in zip(reduced, totals, strict=True):
            self.names[line] = self._over_lanes(line, total)

    def _vector(
        self,
        phase: int,
        lines: Sequence[Line],
        reduced: Sequence[Line],
        totals: Sequence[str],
        column: str,
        within: str | None,
    ) -> list[str]:
        """The lines of a phase at one vector of the row; what has been reduced with it."""
        group, here = self.group, set(lines)
        loaded: set[Line] = set()

        def fetch(arg: Line) -> None:
            if arg in here or arg in loaded or group.is_of_a_row(arg):
                return
            if arg in self.aside:
                self.names[arg] = self.load_vector(self.address(self.aside[arg], column), self.size, None)
            elif arg in self.memory and group.is_along(arg):
                place = self.address(self.bases[self.memory[arg]], column)
                self.names[arg] = self.load_vector(place, self.size, within)
            elif arg in self.phase:  # a mask of an earlier phase
                for further in arg.args:
                    fetch(further)
                self.line(arg)
            loaded.add(arg)

        for line in lines:
            for arg in line.args:
                fetch(group.stand_ins.get(arg, arg))
                if arg in group.stand_ins:
                    number = self.names[group.stand_ins[arg]]
                    self.names[arg] = self.compare("une", number, self.constant(0.0))
            self.line(line)
            if line in self.aside:
                self.store_vector(self.value(line), self.address(self.aside[line], column), self.size, None)
        found = []
        for line, total in zip(reduced, totals, strict=True):
            (arg,) = line.args
            fetch(arg)
            value = self.value(arg)
            if within is not None:
                value = self.select(within, value, self.constant(NEUTRAL[line.op]))
            found.append(self._both(line, total, value))
        for line in lines:  # after all has been read: a result may lie where an operand does
            if line in group.outputs:
                place = self.address(self.bases[self.memory[line]], column)
                self.store_vector(self.value(line), place, self.size, within)
        return found

    def _both(self, line: Line, a: str, b: str) -> str:
        if line.op in ("sum", "mean"):
            return self.binary("fadd", a, b)
        return str(EMITTED["maximum" if line.op == "max" else "minimum"](self, a, b))

    def _over_lanes(self, line: Line, total: str) -> str:
        """What all lanes together come to, in every lane; NaN from any of them."""
        given, suffix = f"{self.type} {total}", f"v{self.lanes}f{8 * self.size}"
        if line.op in ("sum", "mean"):
            start = f"{self.kind} {literal(0.0, self.kind)}"
            one = self.make(f"call reassoc {self.kind} @llvm.vector.reduce.fadd.{suffix}({start}, {given})")
        else:
            name = "fmax" if line.op == "max" else "fmin"
            number = self.make(f"call {self.kind} @llvm.vector.reduce.{name}.{suffix}({given})")
            lost = f"{self.mask} {self.compare('uno', total, total)}"
            any_lost = self.make(f"call i1 @llvm.vector.reduce.or.v{self.lanes}i1({lost})")
            nan = literal(math.nan, self.kind)
            one = self.make(f"select i1 {any_lost}, {self.kind} {nan}, {self.kind} {number}")
        if line.op == "mean":
            one = self.make(f"fdiv {self.kind} {one}, {literal(float(self.group.width or 1), self.kind)}")
        return self.splat(one)

    def _within(self, column: str) -> str:
        """Which numbers of the vector at `column` there are."""
        ramp = f"<{', '.join(f'i64 {i}' for i in range(self.lanes))}>"
        position = self.make(f"add <{self.lanes} x i64> {self._splat_count(column)}, {ramp}")
        return self.make(f"icmp slt <{self.lanes} x i64> {position}, {self._splat_count(self.inner)}")

    def _splat_count(self, count: str) -> str:
        wide = f"<{self.lanes} x i64>"
        one = self.make(f"insertelement {wide} poison, i64 {count}, i32 0")
        return self.make(f"shufflevector {wide} {one}, {wide} poison, <{self.lanes} x i32> zeroinitializer")
