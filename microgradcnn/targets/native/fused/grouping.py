"""Which lines of a program are computed in one pass, and in which order lines and passes run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from microgradcnn.targets.lines import Line, Lines, Shape
from microgradcnn.targets.native.fused.groups import NEUTRAL, FusedGroup, padded
from microgradcnn.targets.native.llvm import RELATIONS, has_instructions
from microgradcnn.targets.plan import Plan

LONGEST_ROW = 4096  # numbers of a row that is reduced: what waits for its sum should stay in the first-level cache


def written_out(lines: Lines) -> Lines:
    """The same with log_softmax along the last axis as the operations it is made of, which a pass takes together."""
    new: dict[Line, Line] = {}
    for line in lines.order:
        args = tuple([new[arg] for arg in line.args])
        taken = line if args == line.args else replace(line, args=args)
        is_last = line.op == "log_softmax" and line.static["axis"] in (-1, len(line.shape) - 1)
        new[line] = _log_softmax(taken) if is_last and _has_rows_to_reduce(line.shape) else taken
    return lines.with_outputs([new[line] for line in lines.outputs])


def _log_softmax(line: Line) -> Line:
    """x - m - log1p(Σ exp(x - m)), with one of the largest left out of the sum."""
    (x,) = line.args

    def made(op: str, *args: Line, **static: Any) -> Line:
        shape = (*x.shape[:-1], 1) if op in NEUTRAL else max((a.shape for a in args), key=len)
        shape = x.shape if any(a.shape == x.shape for a in args) and op not in NEUTRAL else shape
        return Line(op, args, static, shape, np.dtype(bool) if op in RELATIONS else x.dtype, x.varies)

    one, zero = (Line("number", dtype=x.dtype, value=value) for value in (1.0, 0.0))
    over = {"axis": (len(x.shape) - 1,), "keepdims": True}
    top = made("max", x, **over)
    shifted, is_top = made("sub", x, top), made("equal", x, top)
    rest = made("sum", made("where", is_top, zero, made("exp", shifted)), **over)
    count = made("sum", made("where", is_top, one, zero), **over)
    more = made("add", made("sub", count, one), made("sub", top, top))  # NaN where two are infinite
    others = made("where", made("greater", count, one), more, zero)
    return replace(line, op="sub", args=(shifted, made("log1p", made("add", rest, others))), static={})


def _has_rows_to_reduce(shape: Shape) -> bool:
    return len(shape) > 1 and isinstance(shape[-1], int) and 1 < shape[-1] <= LONGEST_ROW


def grouped(plan: Plan) -> list[Line | FusedGroup]:
    """The lines of every row in an order that can be run, with those that go together in groups."""
    return list(_Grouping(plan).items())


class _Grouping:
    """Sorts lines into groups, each open until something outside needs a line of it.

    A comparison is computed wherever it is needed: a mask in memory costs more than its numbers.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan, self.dtype = plan, plan.lines.loss.dtype
        self.found: list[Line | FusedGroup] = []
        self.open: dict[Shape, FusedGroup] = {}
        self.owner: dict[Line, FusedGroup] = {}
        self.masks = {line for line in plan.each if self._is_mask(line)}
        self.written: set[Line] = set()  # masks that are in memory, too
        self.users: dict[Line, list[Line]] = {}
        for line in (*plan.each, *plan.sums):
            for arg in line.args:
                self.users.setdefault(arg, []).append(line)

    def items(self) -> Iterator[Line | FusedGroup]:
        """Lines and groups in order."""
        for line in self.plan.each:
            if line not in self.masks:
                self._take(line)
        taken = set(self.plan.each)  # with the results of a program without rows, which are among its sums
        self._write([arg for line in self.plan.sums if line not in taken for arg in line.args])
        self._write(self.plan.lines.outputs)
        for group in list(self.open.values()):
            self._close(group)
        for item in self.found:
            yield from item.lines if isinstance(item, FusedGroup) and not item.is_worth_it else [item]

    def _take(self, line: Line) -> None:
        group = self._home(line)
        was_open = group is not None and self.open.get(group.shape) is group
        self._close_others(self._needed(line), group)
        if group is not None and was_open and self.open.get(group.shape) is not group:
            group = self._home(line)
        if group is None:
            self._write(line.args)
            self._close_others(line.args, None)
            self.found.append(line)
            return
        self.open[group.shape] = group
        of_a_row = self._is_of_a_row(line, group)
        for arg in line.args:
            if arg in self.masks and arg not in group.inside:
                self._put(arg, group, arg.shape in group.row_shapes())
        self._put(line, group, of_a_row)
        self.owner[line] = group

    def _put(self, line: Line, group: FusedGroup, of_a_row: bool) -> None:
        for arg in line.args:
            if arg.shape and arg not in group.inside:
                group.laid[arg] = self._beside(line, arg, group, of_a_row) or ()
        if of_a_row:
            group.of_rows.add(line)
        group.inside.add(line)
        group.lines.append(line)

    def _needed(self, line: Line) -> list[Line]:
        """The arguments of a line, those of a mask for the mask."""
        return [part for arg in line.args for part in (arg.args if arg in self.masks else (arg,))]

    def _home(self, line: Line) -> FusedGroup | None:
        """The group that a line can go to, open or new; None if it is none to fuse."""
        if line.axis not in (0, None) or not line.shape or line.dtype != self.dtype:
            return None
        shape = line.shape
        if line.op in NEUTRAL:
            shape = line.args[0].shape
            if not _has_rows_to_reduce(shape) or line.static["axis"] not in ((-1,), (len(shape) - 1,)):
                return None
        elif not has_instructions(line) or line.op == "astype":
            return None
        else:
            owners = [self.owner[arg] for arg in self._needed(line) if arg in self.owner]
            homes = [g for g in owners if self.open.get(g.shape) is g and self._is_of_a_row(line, g)]
            if homes and self._fits(line, homes[0]):
                return homes[0]
        group = self.open.get(shape) or FusedGroup(shape)
        return group if line.op != "reshape" and self._fits(line, group) else None

    def _is_of_a_row(self, line: Line, group: FusedGroup) -> bool:
        of_rows = any(arg in group.of_rows for arg in self._needed(line))
        return line.op in NEUTRAL or (of_rows and line.shape in group.row_shapes())

    def _fits(self, line: Line, group: FusedGroup) -> bool:
        """Whether a line is computed element by element, from operands of its type that lie beside the group."""
        of_a_row = self._is_of_a_row(line, group)
        return all(self._is_operand(line, arg, group, of_a_row) for arg in line.args)

    def _is_operand(self, line: Line, arg: Line, group: FusedGroup, of_a_row: bool) -> bool:
        if not arg.shape:
            return arg.op == "number" or arg.dtype == self.dtype
        if arg in self.masks:
            of_rows = arg.shape in group.row_shapes()
            if any(not self._is_operand(arg, further, group, of_rows) for further in arg.args):
                return False
        elif arg.dtype != self.dtype and (arg.dtype != np.bool_ or arg.op != "constant" or of_a_row):
            return False
        if line.op == "reshape":
            return arg in group.of_rows
        return self._beside(line, arg, group, of_a_row) is not None

    def _beside(self, line: Line, arg: Line, group: FusedGroup, of_a_row: bool) -> Shape | None:
        """The shape of an operand of `line` with all axes of the group; None if it does not lie beside them so."""
        short, kept = group.row_shapes()
        if arg in group.of_rows or (arg in self.masks and arg.shape in (short, kept)):
            return kept if arg.shape == (line.shape if of_a_row else kept) else None
        is_short = of_a_row and line.op not in NEUTRAL and line.shape == short
        shape = padded((*arg.shape, 1) if is_short else arg.shape, len(group.shape))
        fits = len(shape) == len(group.shape) and all(n in (1, m) for n, m in zip(shape, group.shape, strict=True))
        if of_a_row and line.op not in NEUTRAL:
            fits = fits and shape[-1] == 1
        return shape if fits and group.laid.get(arg, shape) == shape else None

    def _is_mask(self, line: Line) -> bool:
        """Whether a line is a comparison of numbers of the program's type."""
        floats = {arg.dtype for arg in line.args if arg.op != "number"}
        return line.op in RELATIONS and bool(line.shape) and floats == {self.dtype} and line.axis in (0, None)

    def _write(self, args: Sequence[Line]) -> None:
        """Masks that somebody else needs are lines of their own."""
        for mask in args:
            if mask in self.masks and mask not in self.written:
                self.written.add(mask)
                self._close_others(mask.args, None)
                self.found.append(mask)

    def _close_others(self, args: Sequence[Line], group: FusedGroup | None) -> None:
        for arg in args:
            if arg in self.owner and self.owner[arg] is not group:
                self._close(self.owner[arg])

    def _close(self, group: FusedGroup) -> None:
        if self.open.get(group.shape) is not group:
            return
        del self.open[group.shape]
        self._close_others([arg for line in group.lines for arg in line.args], group)
        group.close(self._used_outside)
        self.found.append(group)

    def _used_outside(self, line: Line, group: FusedGroup) -> bool:
        users = self.users.get(line, ())
        by_masks = [user for mask in users if mask in self.masks for user in self.users.get(mask, ())]
        written = any(mask in self.written for mask in users)
        outside = any(self.owner.get(user) is not group for user in (*users, *by_masks) if user not in self.masks)
        return outside or written or line in self.plan.lines.outputs
