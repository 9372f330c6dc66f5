"""Products of several matrices in the order that costs least over many rows.

(x·A)·B is x·(A·B) where x has fewer numbers a row than x·A, and xᵀ·(g·B) is (xᵀ·g)·B: what is the same for all rows is
multiplied once, and what is added up over them is added up first. A one-hot row times an embedding is such an x·A.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from microgradcnn.targets.lines import Line, Lines, Rows, Shape, hashable


def reordered(lines: Lines) -> Lines:
    """The same program with its products of three matrices in the other order where that costs less."""
    return _Products(lines).rewritten()


class _Products:
    """Old lines in, new lines out, each kept once."""

    def __init__(self, lines: Lines) -> None:
        self.lines, self.order = lines, lines.order
        self.uses = Counter(arg for line in self.order for arg in line.args) + Counter(lines.outputs)
        self.new: dict[Line, Line] = {}
        self.kept: dict[Any, Line] = {}

    def rewritten(self) -> Lines:
        """The new program."""
        for line in self.order:
            args = tuple([self.new[arg] for arg in line.args])
            same = line if args == line.args else replace(line, args=args)
            found = self._product(line, same) if line.op == "matmul" else None
            self.new[line] = self._once(same) if found is None else replace(found, label=line.label)
        return self.lines.with_outputs([self.new[line] for line in self.lines.outputs])

    def _once(self, line: Line) -> Line:
        if not line.args:
            return line
        return self.kept.setdefault((line.op, line.args, hashable(line.static), line.shape), line)

    def _product(self, old: Line, line: Line) -> Line | None:
        """A product of three in the other order, if a factor is a product with what is the same for all rows."""
        a, b = line.args
        if not a.varies or len(a.shape) < 2:
            return None
        if len(b.shape) == 2 and not b.varies and (parts := self._parts(a)):
            x, left = parts
            if self._pays(old.args[0], x.shape[-1], left.shape[-1], b.shape[-1]):
                return self._made(x, self._made(left, b))
        if len(a.shape) == len(b.shape) == 2 and isinstance(a.shape[1], Rows):
            if parts := self._parts(b):
                g, right = parts
                if self._pays(old.args[1], right.shape[0], right.shape[1], a.shape[0]):
                    return self._made(self._over_rows(a, g), right)
            if a.op == "matmul" and not a.args[0].varies:
                left, x = a.args
                if self._pays(old.args[0], left.shape[1], left.shape[0], b.shape[1]):
                    return self._made(left, self._over_rows(x, b))
            if a.op == "transpose" and (parts := self._parts(a.args[0])):
                x, left = parts
                if self._pays(old.args[0].args[0], left.shape[0], left.shape[1], b.shape[-1]):
                    return self._made(self._transposed(left), self._over_rows(self._transposed(x), b))
        return None

    def _parts(self, line: Line) -> tuple[Line, Line] | None:
        """x and A where a line is x·A, of rows as long as those of the line, and A is the same for all of them."""
        whole = line.args[0] if line.op == "reshape" and line.shape[-1:] == line.args[0].shape[-1:] else line
        if whole.op != "matmul" or len(whole.args[0].shape) < 2:
            return None
        x, right = whole.args
        if len(right.shape) != 2 or right.varies or not x.varies:
            return None
        if whole is not line:
            shape = (*line.shape[:-1], x.shape[-1])
            x = self._once(replace(x, op="reshape", args=(x,), static={"shape": shape}, shape=shape, label=None))
        return x, right

    def _pays(self, old: Line, given: Any, between: Any, wanted: Any) -> bool:
        """Whether products of given·wanted numbers a row are fewer than given·between and between·wanted."""
        inner = old.args[0] if old.op == "reshape" else old
        alone = self.uses[old] == self.uses[inner] == 1
        return bool(given < between or (alone and given * wanted < (given + wanted) * between))

    def _made(self, a: Line, b: Line) -> Line:
        shape: Shape = (*a.shape[:-1], b.shape[-1])
        varies = any(isinstance(length, Rows) for length in shape)
        return self._once(Line("matmul", (a, b), shape=shape, dtype=a.dtype, varies=varies))

    def _over_rows(self, a: Line, b: Line) -> Line:
        """a·b, as the transpose of bᵀ·aᵀ where that is there."""
        if a.op == "transpose":
            turned = self.kept.get(("matmul", (self._transposed(b), a.args[0]), (), (b.shape[-1], a.shape[0])))
            if turned is not None:
                return self._transposed(turned)
        return self._made(a, b)

    def _transposed(self, line: Line) -> Line:
        if line.op == "transpose" and len(line.shape) == 2:
            return line.args[0]
        made = Line("transpose", (line,), {"axes": None}, line.shape[::-1], line.dtype, line.varies)
        return self._once(made)
