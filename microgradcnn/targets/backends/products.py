"""Products of several matrices in the order that costs least over many rows.

(x·A)·B is x·(A·B) where x has fewer numbers a row than x·A, and xᵀ·(g·B) is (xᵀ·g)·B: what is the same for all rows is
multiplied once, and what is added up over them is added up first. A one-hot row times an embedding is such an x·A. And
x₁ᵀ·g₁ + x₂ᵀ·g₂ + ..., the gradient of a matrix that every step of a recurrence takes, is one product of stacks.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from microgradcnn.targets.lines import Line, Lines, Rows, Shape, hashable

FEW_ROWS = 16  # of a block: with so many rows, stacks of factors have to be smaller than what they are multiplied to


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
            found = self._sum(line) if line.op == "add" else found
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

    def _sum(self, old: Line) -> Line | None:
        """A sum with its products xᵀ·g of like shapes as one product, if there are several, and if that pays."""
        others: list[Line] = []
        alike: dict[Any, list[Line]] = {}
        for term in map(self.new.__getitem__, self._terms(old)):
            alike.setdefault(self._kind(term), []).append(term)
        for kind, terms in alike.items():
            others += terms if kind is None or len(terms) == 1 else [self._of_stacks(terms)]
        if len(others) == sum(map(len, alike.values())):
            return None
        total = others[0]
        for term in others[1:]:
            total = self._once(replace(old, args=(total, term), label=None))
        return total

    def _terms(self, line: Line) -> list[Line]:
        """What a sum is made of, in order, without sums that somebody else uses as well."""
        found, stack = list[Line](), list(line.args)[::-1]
        while stack:
            term = stack.pop()
            if term.op == "add" and self.uses[term] == 1 and term.shape == line.shape:
                stack += term.args[::-1]
            else:
                found.append(term)
        return found

    def _kind(self, line: Line) -> tuple[Shape, Shape] | None:
        """The shapes of x and g where a line is xᵀ·g that is larger than a few rows of both."""
        if line.op != "matmul" or len(line.shape) != 2 or line.args[0].op != "transpose":
            return None
        x, g = line.args[0].args[0], line.args[1]
        k, m = line.shape
        if not isinstance(k, int) or not isinstance(m, int) or k * m < FEW_ROWS * (k + m) or len(g.shape) != 2:
            return None
        return x.shape, g.shape

    def _of_stacks(self, products: list[Line]) -> Line:
        """The sum of products xᵀ·g of like shapes."""
        x, g = (self._stacked(parts) for parts in zip(*((p.args[0].args[0], p.args[1]) for p in products), strict=True))
        return self._once(replace(products[0], args=(self._transposed(x), g), label=None))

    def _stacked(self, parts: tuple[Line, ...]) -> Line:
        """Matrices of one shape below each other."""
        first, (rows, width), count = parts[0], parts[0].shape, len(parts)
        static = {"axis": 0}
        stack = self._once(
            replace(first, op="stack", args=parts, static=static, shape=(count, rows, width), label=None)
        )
        shape = (Rows(rows.factor * count) if isinstance(rows, Rows) else rows * count, width)
        return self._once(replace(stack, op="reshape", args=(stack,), static={"shape": shape}, shape=shape))

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
