"""How a program runs over many rows: what is computed once, what for every row, what is added up over them.

Whatever has an argument that varies by row, and does not vary itself, is a sum over rows: sums over blocks of rows add
up to it. So memory need not grow with n, and blocks can go to several threads.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from microgradcnn.targets.lines import LEAVES, Line, Lines, Rows, is_plain
from microgradcnn.targets.row_axis import RowsError

VIEWS = frozenset({"reshape", "transpose", "broadcast_to"})  # lines that may share the memory of their argument
SUMS = frozenset({"sum", "total", "inner", "matmul", "index_add", "conv2d_kernel"})


@dataclass
class Plan:
    """The lines of a program in the order of their running.

    `before` is computed once, `each` for every block of rows, `sums` are added up over the blocks, `after` is computed
    once from these. `lines` is the program itself, with the means over rows written as sums. Besides the primitives
    there are four operations: "total" adds a number of every row up, "inner" the products of two, "assembled" has
    parts, each at its index, and "pooled_back" is the gradient of max pooling. A program without rows is one block,
    whose results are its sums; those that it goes on with itself are in `each` as well.
    """

    lines: Lines
    before: list[Line]
    each: list[Line]
    sums: list[Line]
    after: list[Line]

    def needed_by_rows(self) -> set[Line]:
        """What rows need of `before`, and of all else."""
        needed = {arg for line in (*self.each, *self.sums) for arg in line.args}
        for line in reversed(self.before):
            if line in needed:
                needed.update(line.args)
        return needed


def planned(lines: Lines, by_terms: bool) -> Plan:
    """The plan of a program. Raises RowsError if a row needs what is known only when all rows have been seen.

    `by_terms` adds the terms of a sum up one by one, each product without forming it: for backends that pay by the
    pass over the rows, and not by the number of sums.
    """
    lines = _Summing(by_terms).rewritten(lines)
    plan = Plan(lines, [], [], [], [])
    late: set[Line] = set()
    for line in lines.order:
        if line.op in LEAVES:
            continue
        needs_all = not late.isdisjoint(line.args)
        if line.varies:
            if needs_all:
                raise RowsError(
                    "the loss does more with its mean over rows than to end with it: every row's gradient would need "
                    "all other rows first"
                )
            plan.each.append(line)
        elif any(arg.varies for arg in line.args):
            if line.op not in SUMS or needs_all:
                raise RowsError(f"{line.op} mixes rows: a program adds up over rows, and does nothing else")
            plan.sums.append(line)
            late.add(line)
        else:
            (plan.after if needs_all else plan.before).append(line)
            late.update([line] if needs_all else [])
    return plan


def in_blocks(lines: Lines) -> Plan:
    """The plan of a program that is computed a block at a time. Raises RowsError as `planned` does."""
    plan = planned(lines, by_terms=True)
    if plan.each or plan.sums:
        return plan
    once = set(made_once(plan.before))
    each = [line for line in plan.before if line not in once]
    used = {arg for line in each for arg in line.args}
    results = [line for line in each if line in plan.lines.outputs]
    each = [line for line in each if line in used or line not in results]
    return Plan(plan.lines, [line for line in plan.before if line in once], each, results, [])


def made_once(lines: Sequence[Line]) -> list[Line]:
    """Those of the lines, in order, that no step changes: views of parameters, and what is made of constants alone."""
    views, constant = set[Line](), set[Line]()
    for line in lines:
        if all(arg in constant or arg.op == "constant" or (arg.op == "number" and not arg.power) for arg in line.args):
            constant.add(line)
        elif line.op in VIEWS and (line.args[0] in views or (line.args[0].op == "parameter" and line.args[0].shape)):
            views.add(line)
    return [line for line in lines if line in constant or line in views]


class _Summing:
    """Writes means over rows as sums over rows, and takes out of these sums what every row has in common."""

    def __init__(self, by_terms: bool) -> None:
        self.by_terms = by_terms
        self.new: dict[Line, Line] = {}
        self.sums: dict[Line, Line] = {}
        self.uses: Counter[Line] = Counter()
        self.inner: set[Line] = set()  # sums that are terms of sums

    def rewritten(self, lines: Lines) -> Lines:
        """The same program; outputs that vary, of a program written for one example, become means."""
        order = lines.order
        self.uses.update(chain.from_iterable(line.args for line in order))
        self.uses.update(lines.outputs)
        self.inner = {arg for line in order if line.op == "add" for arg in line.args if self._is_inner(arg, line)}
        for line in order:
            self.new[line] = line if line.op in LEAVES else self._line(line)
        return lines.with_outputs([self._mean(o) if o.varies else self.new[o] for o in lines.outputs])

    def _line(self, line: Line) -> Line:
        args = tuple([self.new[arg] for arg in line.args])
        if line.op == "add" and line.shape and line not in self.inner and (found := self._put_together(line)):
            return found
        if self.by_terms and (found := _pooled_back(line)):
            return replace(found, args=tuple([self.new[arg] for arg in found.args]))
        if line.varies or not args[0].varies or line.op not in ("sum", "mean"):
            return line if args == line.args else replace(line, args=args)
        total = replace(line, op="sum", args=args, label=None)
        if line.shape == () and self._is_product(line.args[0]):
            total = replace(total, op="inner", args=(args[0].args * 2)[:2], static={})
        return total if line.op == "sum" else replace(line, op="div", args=(total, _count(args[0], line)), static={})

    def _mean(self, output: Line) -> Line:
        """The mean over rows of a number that every row has: what all rows share is added once."""
        terms = self._terms(output)
        own, shared = ([self.new[t] for t in terms if t.varies == varies] for varies in (True, False))
        n = Line("number", dtype=output.dtype, value=1.0, power=1)
        total = _added([self._total(t) for t in terms if t.varies]) if self.by_terms else self._sum(_added(own))
        mean = _added([_once("div", total, n), *shared])
        mean.label = output.label
        return mean

    def _put_together(self, line: Line) -> Line | None:
        """A sum of arrays that are set into zeros: each is put, or added, where it belongs, which fills zeros once.

        Gradients of steps in time, and of parts of an array, are such sums: term by term, each takes the time of all.
        """
        terms = [t for arg in line.args for t in (self._terms(arg) if self._is_inner(arg, line) else [arg])]
        # One part may be there twice: a list, not a set.
        parts = [t for t in terms if t.op == "scatter" and _is_alike(t, line) and is_plain(t.static["index"])]
        if len(parts) < 2:
            return None
        indices = [_as_tuple(p.static["index"]) for p in parts]
        op, static = "stack", dict[str, Any]()
        if side_by_side := _side_by_side(parts, indices):
            static["axis"] = len(indices[0]) - 1
        elif self.by_terms:
            op, static = "assembled", {"indices": tuple(indices), "shape": line.shape}
        else:
            return None
        total = replace(line, op=op, args=tuple([self.new[p.args[0]] for p in side_by_side or parts]), static=static)
        others = set(terms).difference(parts)
        for term in terms:
            if term in others:
                total = replace(line, args=(total, self.new[term]))
        return total

    def _is_inner(self, line: Line, whole: Line) -> bool:
        """Whether a sum is part of another that alone needs it."""
        return line.op == "add" and _is_alike(line, whole) and self.uses[line] == 1

    def _terms(self, line: Line) -> list[Line]:
        """What a sum that nobody else uses is made of, in order."""
        terms, stack = [], [line]
        while stack:
            at = stack.pop()
            if self._is_inner(at, line):
                stack += reversed(at.args)
            else:
                terms.append(at)
        return terms

    def _total(self, term: Line) -> Line:
        """The sum over rows of a term, without forming it if it is a product that nobody else uses."""
        if self._is_product(term):
            a, b = ((self.new[arg]) for arg in (term.args * 2)[:2])
            if a.varies and b.varies:
                return Line("inner", (a, b), dtype=term.dtype)
            # A number is taken out of the sum, but no parameter: one that is infinite makes NaN of rows of both signs.
            number, rest = (a, b) if b.varies else (b, a)
            if number.op == "number" and math.isfinite(number.value):
                return _once("mul", number, self._sum(rest))
        return self._sum(self.new[term])

    def _sum(self, line: Line) -> Line:
        return self.sums.setdefault(line, Line("total", (line,), dtype=line.dtype))

    def _is_product(self, line: Line) -> bool:
        """Whether this is a product of factors of its own shape that need not be formed to be added up."""
        alike = all(arg.shape == line.shape for arg in line.args)
        return line.op in ("mul", "square") and self.uses[line] == 1 and alike and (len(line.shape) < 2)


def _is_alike(a: Line, b: Line) -> bool:
    return a.shape == b.shape and a.varies == b.varies and a.dtype == b.dtype


def _as_tuple(index: Any) -> tuple[Any, ...]:
    return index if type(index) is tuple else (index,)


def _side_by_side(parts: list[Line], indices: list[tuple[Any, ...]]) -> list[Line]:
    """The parts in order, if each has a place of its own along one axis by its index, and together they fill that."""
    places: dict[int, Line] = {}
    for part, (*before, last) in zip(parts, indices, strict=True):
        length = part.shape[len(before)]
        if type(last) is not int or any(i != slice(None) for i in before) or length != len(parts):
            return []
        places[last % len(parts)] = part
    alike = len(set(map(len, indices))) == 1
    return [places[i] for i in sorted(places)] if alike and len(places) == len(parts) else []


def _pooled_back(line: Line) -> Line | None:
    """What max pooling sends back, of g, its value and the images, as a line "pooled_back"; None for another line.

    The chain rule sets g, in shares, into windows as axes, and folds these. Where no pixel is in two windows that is
    fast enough; where many are, the arrays of all windows are many times as large as the images.
    """
    if line.op != "fold" or (product := line.args[0]).op != "mul":
        return None
    for g, share in (product.args, product.args[::-1]):
        if (found := _shares(share)) is None:
            continue
        windows, top = found
        (x,), (y,), (size, stride) = windows.args, top.args, (windows.shape[4:], line.static["stride"])
        alike = g.shape == top.shape == (*y.shape, 1, 1) and x.shape == line.shape and line.dtype == x.dtype == y.dtype
        overlap = any(a > b for a, b in zip(size, stride, strict=True))
        if alike and overlap and windows.static.get("padding") == line.static.get("padding"):
            static = {name: given for name, given in windows.static.items() if name in ("stride", "padding")}
            return replace(line, op="pooled_back", args=(g, y, x), static=static | {"size": size})
    return None


def _shares(share: Line) -> tuple[Line, Line] | None:
    """The windows and the largest of each, where `share` is 1 for what is as large, by how many there are."""
    if share.op != "div" or share.args[1].op != "sum" or share.args[1].args != share.args[:1]:
        return None
    hit = share.args[0]
    if hit.op != "where" or hit.args[0].op != "greater_equal":
        return None
    reached, one, zero = hit.args
    windows, top = reached.args
    known = one.is_number(1.0) and zero.is_number(0.0) and windows.op == "unfold" and top.op == "reshape"
    return (windows, top) if known and "dilation" not in windows.static else None


def _once(op: str, a: Line, b: Line) -> Line:
    """a op b, of numbers that all rows share."""
    return Line(op, (a, b), dtype=a.dtype)


def _added(terms: list[Line]) -> Line:
    total = terms[0]
    for term in terms[1:]:
        total = Line("add", (total, term), dtype=total.dtype, varies=total.varies or term.varies)
    return total


def _count(x: Line, mean: Line) -> Line:
    """How many numbers of x go into each of its mean, as a multiple of n."""
    axes = range(len(x.shape)) if mean.static["axis"] is None else mean.static["axis"]
    count = 1
    for length in (x.shape[axis] for axis in axes):
        count *= length.factor if isinstance(length, Rows) else length
    return Line("number", dtype=mean.dtype, value=float(count), power=1)
