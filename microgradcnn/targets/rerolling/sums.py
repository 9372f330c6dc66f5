"""A scalar program as sums of signed products: chains of additions taken together, and the products within them.

What a chain adds up may be added in any order, so that a reader need not know in which it was written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from microgradcnn.engine.functions import BUILT_IN
from microgradcnn.engine.record import TABLE
from microgradcnn.targets.lines import LEAVES, Line, Lines

ADDITIONS = frozenset({"add", "sub", "neg"})
PRODUCTS = frozenset({"mul", "square"})


@dataclass(frozen=True, slots=True)
class Term:
    """±a or ±a·b."""

    sign: int
    factors: tuple[Scalar, ...]


@dataclass(eq=False, slots=True)
class Scalar:
    """One scalar: a leaf, a primitive of its `args`, a "sum" of `terms`, or the "mean" of this sum over rows.

    `named` are lines of the user's that are the sum of the first so many terms.
    """

    line: Line
    op: str
    args: tuple[Scalar, ...] = ()
    terms: tuple[Term, ...] = ()
    named: dict[int, Line] = field(default_factory=dict)
    family: int = -1
    place: int = -1  # in the array of its family

    @property
    def varies(self) -> bool:
        """Whether every row has a value of its own."""
        return self.line.varies and self.op != "mean"

    def needs(self) -> Iterator[Scalar]:
        """What it is computed from."""
        yield from self.args
        for term in self.terms:
            yield from term.factors


@dataclass
class Scalars:
    """The scalars of a program, each after what it needs, and those that it returns, in the order of its outputs.

    `absorbed` are lines that are none of them, each with the sums that it is a part of, the shortest first.
    """

    nodes: list[Scalar]
    inputs: list[Scalar]
    parameters: list[Scalar]
    outputs: list[Scalar]
    absorbed: dict[Line, list[Line]]


def is_scalar(lines: Lines) -> bool:
    """Whether all that a program computes are scalars, by primitives that work element by element."""
    return all(
        not line.shape and (line.op in LEAVES or line.op == "astype" or (line.op in BUILT_IN and _is_elementwise(line)))
        for line in (*lines.inputs, *lines.parameters, *lines.order)
    )


def _is_elementwise(line: Line) -> bool:
    return TABLE[line.op].elementwise


def scalars_of(lines: Lines) -> Scalars:
    """The program's sums of products, and all else as it is."""
    return _Reader(lines).read()


class _Reader:
    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.order = lines.order
        outputs = set(lines.outputs)
        self.uses = Counter(arg for line in self.order for arg in line.args)
        self.uses.update(lines.outputs)
        additions = [line for line in self.order if line.op in ADDITIONS and _is_of_one_type(line)]
        added = {arg for line in additions for arg in line.args}
        added |= {line for line in outputs if line.varies}  # to be added up over rows
        once = {line for line in self.order if self.uses[line] == 1 and line in added and _is_of_one_type(line)}
        self.sums = {line for line in once if line.op in ADDITIONS}
        self.products = {line for line in once if line.op in PRODUCTS and all(arg.op != "number" for arg in line.args)}
        self.nodes: dict[Line, Scalar] = {}
        self.absorbed: dict[Line, list[Line]] = {}

    def read(self) -> Scalars:
        leaves = [*self.lines.inputs, *self.lines.parameters]
        for leaf in leaves:
            self.nodes[leaf] = Scalar(leaf, leaf.op)
        for line in self.order:
            if line in self.nodes or line in self.sums or line in self.products:
                continue
            if line.op in ADDITIONS and _is_of_one_type(line):
                self.nodes[line] = self._sum(line, "sum")
            else:
                self.nodes[line] = Scalar(line, line.op, tuple([self.nodes[arg] for arg in line.args]))
        outputs = [self._sum(line, "mean") if line.varies else self.nodes[line] for line in self.lines.outputs]
        means = [node for node in outputs if node.op == "mean"]
        inputs, parameters = ([self.nodes[v] for v in part] for part in (self.lines.inputs, self.lines.parameters))
        return Scalars([*self.nodes.values(), *means], inputs, parameters, outputs, self.absorbed)

    def _sum(self, root: Line, op: str) -> Scalar:
        """The terms of a chain of additions, from left to right; a line that is no addition is one term."""
        node, terms, absorbed = Scalar(root, op), list[Term](), list[tuple[Line, int]]()
        stack: list[tuple[int, Line, bool, bool]] = [(1, root, True, False)]  # sign, line, first of all, done
        while stack:
            sign, line, first, done = stack.pop()
            if line in self.sums or line in self.products:
                absorbed.append((line, len(terms)))
            if done:
                node.named[len(terms)] = line
            elif line in self.sums or (line is root and op == "sum"):
                if first and line.label is not None:
                    stack.append((sign, line, first, True))
                signs = (-sign,) if line.op == "neg" else (sign, -sign if line.op == "sub" else sign)
                parts = list(zip(signs, line.args, strict=True))
                stack += [(s, arg, first and not i and s > 0, False) for i, (s, arg) in enumerate(parts)][::-1]
            else:
                terms.append(Term(sign, self._factors(line)))
        node.terms = tuple(terms)
        for line, before in absorbed:
            self.absorbed[line] = [*(named for count, named in sorted(node.named.items()) if count > before), root]
        return node

    def _factors(self, line: Line) -> tuple[Scalar, ...]:
        if line not in self.products:
            return (self.nodes[line],)
        return tuple([self.nodes[arg] for arg in (line.args * 2)[:2]])


def _is_of_one_type(line: Line) -> bool:
    """Whether arguments are of the type of the result, and no booleans that count as numbers."""
    return all(arg.dtype == line.dtype or arg.op == "number" for arg in line.args)


def forward(scalars: Scalars, outputs: Sequence[Scalar]) -> list[Scalar]:
    """The nodes that these outputs need, in order."""
    needed = set(outputs)
    stack = list(outputs)
    while stack:
        for node in stack.pop().needs():
            if node not in needed:
                needed.add(node)
                stack.append(node)
    return [node for node in scalars.nodes if node in needed]
