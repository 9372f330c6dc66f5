"""The families of a program as arrays: in which order their scalars stand, and the lines that compute them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from microgradcnn.targets.lines import FLOAT64, Line, Rows, Shape
from microgradcnn.targets.rerolling.addends import Addends, ScalarGrid, addends, crossed, gathered, places
from microgradcnn.targets.rerolling.contraction import Grid, grid, over_rows, product
from microgradcnn.targets.rerolling.families import operands
from microgradcnn.targets.rerolling.picking import DType, Index, Picker, Sizes, Stack, combined, made, reshaped, whole
from microgradcnn.targets.rerolling.sums import Scalar


class Stacking:
    """The arrays of the families, each made after those that it needs.

    `stacks` are the arrays by family, `leaves` those among them that are given, as they are given, and `made` all that
    were made, with the scalars that they are.
    """

    def __init__(self, families: Sequence[list[Scalar]]) -> None:
        self.families = families
        self.stacks: dict[int, Stack] = {}
        self.leaves: dict[int, Line] = {}
        self.made: list[tuple[Stack, list[Line]]] = []
        self.picker = Picker()
        for nodes in families:
            _place(nodes, range(len(nodes)))

    def run(self) -> None:
        """Make the arrays of all families but means; a leaf stands in the order of its first use."""
        for family in self._order():
            nodes = self.families[family]
            if nodes[0].terms and nodes[0].op != "mean":
                self._keep(family, self._sums(nodes))
            elif nodes[0].args:
                self._keep(family, self._elementwise(nodes))

    def stack(self, family: int) -> Stack:
        """The array of a family; of leaves that nothing needs, in the order of the program."""
        if family not in self.stacks:
            count = len(self.families[family])
            self._decide(family, np.arange(count), (count,) if count > 1 else ())
        return self.stacks[family]

    def means(self, family: int, order: Index, sizes: Sizes) -> None:
        """Make the means over rows of one family, in this order an array of these sizes."""
        nodes = self.families[family]
        _place(nodes, order)
        total: Stack | None = None
        for part in addends(nodes):
            total = _added(total, part.sign, self._mean(part.ordered(order), sizes), nodes[0].line.dtype)
        assert total is not None
        self._keep(family, whole(total, sizes))

    def taken(self, nodes: Sequence[Scalar], sizes: Sizes) -> Stack:
        """Scalars of any families as one array."""
        grid = gathered(nodes)
        kinds = list(dict.fromkeys(node.family for node in nodes))
        if len(kinds) == 1:
            return whole(self._taken(grid.reshape(sizes)), sizes)
        groups = [grid[[node.family == kind for node in nodes]] for kind in kinds]
        joined = [whole(self._taken(group), (len(group),)).line for group in groups]
        at = {id(node): i for i, node in enumerate(np.concatenate(groups))}
        index = np.array([at[id(node)] for node in nodes], np.int64)
        return self.picker.pick(made("concatenate", joined, {"axis": 0}, (len(nodes),)), index.reshape(sizes))

    def _order(self) -> list[int]:
        """Families after those that they need; those with rows first, so that these say how parameters stand."""
        needs = [list(dict.fromkeys(node.family for node in nodes[0].needs())) for nodes in self.families]
        depth: dict[int, int] = {}
        for i in _after_needs(range(len(needs)), needs):
            depth[i] = 1 + max((depth[j] for j in needs[i]), default=0)
        return _after_needs(sorted(depth, key=lambda i: (not self.families[i][0].varies, depth[i], i)), needs)

    def _keep(self, family: int, stack: Stack) -> None:
        self.stacks[family] = stack
        nodes = sorted(self.families[family], key=lambda node: node.place)
        self.made.append((stack, [node.line for node in nodes]))

    # Leaves

    def _decide(self, family: int, order: Iterable[int], sizes: Sizes) -> None:
        """Let a family of leaves stand in this order."""
        nodes = self.families[family]
        _place(nodes, order)
        first = nodes[0].line
        shape: Shape = (Rows(), *sizes) if first.varies else sizes
        leaf = self.leaves[family] = Line(first.op, (), {}, shape, first.dtype, first.varies)
        if first.varies and sizes:  # rows are its first axis, as of all inputs
            axes = None if len(sizes) == 1 else (*range(1, len(shape)), 0)
            leaf = made("transpose", [leaf], {"axes": axes}, sizes).line
        self._keep(family, Stack(leaf, sizes))

    def _is_open(self, node: Scalar) -> bool:
        """Whether a leaf may stand in any order yet."""
        return node.op in ("input", "parameter") and node.family not in self.stacks

    def _settle(self, nodes: ScalarGrid) -> None:
        """Let leaves that are open stand as they are asked for, if each is asked for once."""
        members = self.families[nodes.flat[0].family]
        asked = [id(node) for node in nodes.flat]
        if not self._is_open(nodes.flat[0]) or len(asked) != len(members) or len(set(asked)) != len(asked):
            return
        at = {id(node): i for i, node in enumerate(members)}
        self._decide(nodes.flat[0].family, [at[i] for i in asked], nodes.shape if len(asked) > 1 else ())

    def _taken(self, nodes: ScalarGrid) -> Stack:
        """These scalars of one family; axes along which all are the same are of length 1."""
        if nodes.flat[0].op == "number":
            return _numbers([node.line for node in nodes.flat], nodes.shape)
        return self.picker.pick(self.stack(nodes.flat[0].family), places(nodes))

    def _laid(self, nodes: ScalarGrid) -> Stack:
        """These scalars, which say how leaves stand if nothing else has."""
        self._settle(nodes)
        return self._taken(nodes)

    # Primitives, element by element

    def _elementwise(self, nodes: list[Scalar]) -> Stack:
        first = nodes[0]
        grid = gathered([arg for node in nodes for arg in operands(node)]).reshape(len(nodes), -1)
        columns = list(grid.T)
        order, sizes = self._arranged(columns, len(nodes))
        _place(nodes, order)
        args = [self._laid(column[order].reshape(sizes)) for column in columns]
        args = args if operands(first)[0] is first.args[0] else args[::-1]  # as the first of them is written
        return whole(combined(first.op, args, first.line.static, first.line.dtype), sizes)

    def _arranged(self, columns: Sequence[ScalarGrid], count: int) -> tuple[Index, Sizes]:
        """In which order so many scalars stand that are made of these columns: as those stand already, if they can."""
        if count == 1:
            return np.zeros(1, np.int64), ()
        indices = [(column[0], places(column)) for column in columns if column[0].op != "number"]
        best: tuple[Any, Index, Sizes] | None = None
        for node, index in indices:
            if len(np.unique(index)) < count:
                continue
            entire, is_open = len(self.families[node.family]) == count, self._is_open(node)
            rank = (not is_open, entire, node.varies)
            if best is None or rank > best[0]:
                best = rank, np.argsort(index), self.stacks[node.family].sizes if entire and not is_open else (count,)
        if best is not None:
            return best[1:]
        pairs = ((a, b) for i, (_, a) in enumerate(indices) for _, b in indices[i + 1 :])
        return next((found for a, b in pairs if (found := crossed(a, b)) is not None), (np.arange(count), (count,)))

    # Sums of products

    def _sums(self, nodes: list[Scalar]) -> Stack:
        kinds = addends(nodes)
        order, sizes = self._sums_arranged(kinds, len(nodes))
        _place(nodes, order)
        total: Stack | None = None
        terms = 0
        for part in kinds:
            total = _added(total, part.sign, self._part(part.ordered(order), sizes), nodes[0].line.dtype)
            terms += part.terms
            if all(terms in node.named and terms < len(node.terms) for node in nodes):
                self.made.append((total, [nodes[i].named[terms] for i in order]))
        assert total is not None
        return whole(total, sizes)

    def _sums_arranged(self, kinds: Sequence[Addends], count: int) -> tuple[Index, Sizes]:
        """In which order sums stand: as a matrix product has them, if one of their parts is one."""
        found: tuple[Index, Sizes] | None = None
        for part in sorted(kinds, key=lambda part: not part.varies):
            g = self._grid(part)
            if g is None:
                continue
            for nodes, rows in zip(part.factors, (g.left, g.right), strict=True):
                by_place = {node.place: node for node in nodes.flat}
                self._settle(gathered([by_place[i] for i in rows.flat]).reshape(rows.shape).squeeze())
            if found is None:
                sizes = tuple([size for size in (len(g.left), len(g.right)) if size > 1])
                found = np.argsort(g.places), sizes
        columns = [nodes[:, 0] for part in kinds if part.terms == 1 for nodes in part.factors]
        return found or self._arranged(columns, count)

    def _grid(self, part: Addends) -> Grid | None:
        """A part as a matrix product, of what all rows share with something, None if it is none."""
        if len(part.factors) < 2 or part.terms == 1 or part.factors[0][0, 0].varies:
            return None
        a, b = part.factors
        return grid(places(a), places(b), by_right=self._is_open(a[0, 0]) or not self._is_open(b[0, 0]))

    def _part(self, part: Addends, sizes: Sizes) -> Stack:
        if part.terms == 1:
            return _multiplied([self._laid(nodes[:, 0].reshape(sizes)) for nodes in part.factors])
        g = self._grid(part)
        if g is None:
            return _summed(self._terms(part, sizes), part.terms)
        a, b = (self.stack(nodes[0, 0].family) for nodes in part.factors)
        return self.picker.pick(product(self.picker, a, b, g), g.places.reshape(sizes))

    def _terms(self, part: Addends, sizes: Sizes) -> Stack:
        """The terms of every sum, as one more axis."""
        order = np.argsort(places(part.factors[0]), axis=-1, kind="stable")
        factors = [np.take_along_axis(nodes, order, -1) for nodes in part.factors]
        return _multiplied([self._taken(nodes.reshape((*sizes, -1))) for nodes in factors])

    # Means over rows

    def _mean(self, part: Addends, sizes: Sizes) -> Stack:
        if not part.varies:
            return self._part(part, sizes)
        if len(part.factors) == 1 and part.terms == 1:
            (nodes,) = part.factors
            every = _over_rows(self.stack(nodes[0, 0].family))
            return self.picker.pick(every, places(nodes[:, 0]).reshape(sizes))
        if (found := self._mean_of_products(part, sizes)) is not None:
            return found
        if part.terms == 1:
            return _over_rows(self._part(part, sizes))
        return _summed(_over_rows(self._terms(part, sizes)), part.terms)

    def _mean_of_products(self, part: Addends, sizes: Sizes) -> Stack | None:
        """The mean of a part as a product over all rows, None if it is none, or of one number alone."""
        if len(part.factors) == 1 or not part.factors[0][0, 0].varies or part.factors[0].size == 1:
            return None
        left, right = map(places, part.factors)
        g = grid(left, right, by_right=False)
        if g is None:
            return None
        a, b = (self.stack(nodes[0, 0].family) for nodes in part.factors)
        if g.turned.in_order:
            a, b, g = b, a, g.turned
        found = over_rows(self.picker, a, b, g)
        n = Line("number", dtype=found.line.dtype, value=1.0, power=1)
        return self.picker.pick(made("div", [found.line, n], {}, found.sizes), g.places.reshape(sizes))


def _place(nodes: Sequence[Scalar], order: Iterable[int]) -> None:
    """Let nodes stand in this order."""
    for place, i in enumerate(order):
        nodes[i].place = place


def _after_needs(starts: Iterable[int], needs: Sequence[Sequence[int]]) -> list[int]:
    """All, from these on, each after what it needs."""
    done: dict[int, None] = {}
    for start in starts:
        stack = [start]
        while stack:
            missing = [i for i in needs[stack[-1]] if i not in done]
            stack += reversed(missing)
            if not missing:
                done[stack.pop()] = None
    return list(done)


def _numbers(lines: Sequence[Line], shape: Sizes) -> Stack:
    """Numbers as one number, if they are all the same, else as an array."""
    first = lines[0]
    if all(line.value == first.value or line.value is first.value for line in lines):
        return Stack(first, ())
    array = np.array([line.value for line in lines], first.dtype).reshape(shape)
    return Stack(Line("constant", shape=shape, dtype=first.dtype, value=array), shape)


def _multiplied(factors: Sequence[Stack]) -> Stack:
    if len(factors) == 1:
        return factors[0]
    a, b = factors
    return combined("square", [a], {}) if a.line is b.line else combined("mul", factors, {})


def _added(total: Stack | None, sign: int, part: Stack, dtype: DType) -> Stack:
    if total is None:
        return part if sign > 0 else combined("neg", [part], {})
    return combined("add" if sign > 0 else "sub", [total, part], {}, dtype)


def _summed(x: Stack, terms: int) -> Stack:
    """The sums along the last axis, of so many terms."""
    if not x.sizes or x.sizes[-1] < terms:  # all the same
        number = Line("number", dtype=x.line.dtype, value=float(terms))
        return combined("mul", [Stack(number, ()), reshaped(x, x.sizes[:-1])], {})
    line, axis = x.line, len(x.sizes) - 1
    axes = line.static["axes"] if line.op == "transpose" else None
    if axes is not None and _is_sorted([a for a in axes if a != axes[axis]]):
        line, axis = line.args[0], axes[axis]
    return made("sum", [line], {"axis": (axis,), "keepdims": False}, x.sizes[:-1])


def _is_sorted(axes: list[int]) -> bool:
    return axes == sorted(axes)


def _over_rows(x: Stack) -> Stack:
    if x.line.dtype == np.bool_:  # a share of the rows
        x = combined("astype", [x], {"dtype": FLOAT64}, FLOAT64)
    static = {"axis": (len(x.sizes),) if x.sizes else None, "keepdims": False}
    return Stack(Line("mean", (x.line,), static, x.sizes, x.line.dtype, False), x.sizes)
