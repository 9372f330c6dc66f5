"""Whether a student's formula is the gradient exactly, with SymPy's polynomials; without SymPy nothing is proved.

The gradient's graph, primitive by primitive, and the formula both become fractions of polynomials (views/ratios.py).
They are equal if the difference of their cross products is 0. That no proof is found says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from microgradcnn.engine.functions import BUILT_IN
from microgradcnn.engine.value import Value
from microgradcnn.views.answers.evidence import Question
from microgradcnn.views.answers.parser import Expression, Name, Number
from microgradcnn.views.answers.ratios import Ratio, Ratios, Undecided
from microgradcnn.views.formulas.expression import Expr, symbol
from microgradcnn.views.formulas.notation import asks_for_nan, formula

MOST_SYMBOLS, MOST_ATOMS = 120, 40  # leaves, and functions of them


def proved(question: Question, answer: Expression) -> bool:
    """Whether SymPy shows that the answer is the gradient; False if it cannot tell or is not installed."""
    try:
        from sympy.polys.domains import QQ
        from sympy.polys.rings import PolyRing
    except ImportError:
        return False
    leaves = [node for node in question.order if node.op is None and node.label is not None and node.shape == ()]
    if len(leaves) > MOST_SYMBOLS:
        return False
    algebra = Ratios(PolyRing([f"x{i}" for i in range(len(leaves) + MOST_ATOMS)], QQ))
    graph = _Graph(algebra, {leaf: algebra.ratio(x) for leaf, x in zip(leaves, algebra.ring.gens, strict=False)})
    algebra.free = list(algebra.ring.gens[len(leaves) :])
    try:
        return algebra.same(graph(question.gradient), _Answer(algebra, graph, question)(answer))
    except (Undecided, ArithmeticError, ValueError):
        return False


class _Graph:
    """The nodes of a graph as fractions: each primitive by its notation, from those of its parents."""

    def __init__(self, algebra: Ratios, known: dict[Value, Ratio]) -> None:
        self.algebra, self.known = algebra, known

    def __call__(self, node: Value) -> Ratio:
        """The fraction that a scalar is."""
        stack = [node]
        while stack:
            top = stack[-1]
            where = top.op is not None and top.op.name == "where" and asks_for_nan(top.parents[0])
            missing = [p for p in (top.parents[1:2] if where else top.parents) if p not in self.known]
            stack += missing
            if not missing:
                stack.pop()
                if top not in self.known:
                    self.known[top] = self.computed(top)
        return self.known[node]

    def computed(self, node: Value) -> Ratio:
        if node.shape != () or (node.op is not None and node.op.name not in BUILT_IN):
            raise Undecided  # a user's notation is for people: it need not be exact
        if node.op is None:
            return self.algebra.number(float(node.data))
        parents = dict.fromkeys(p for p in node.parents if p in self.known)
        names = {p: symbol(f"p_{i}") for i, p in enumerate(parents)}
        values = {str(name.value): self.known[p] for p, name in names.items()}
        return self.read(formula(node, names, top=True), values)

    def read(self, e: Expr, values: Mapping[str, Ratio]) -> Ratio:
        """A formula with its symbols' values."""
        algebra = self.algebra
        if e.head == "number":
            return algebra.number(e.value)
        if e.head == "symbol":
            return values[e.value]
        if e.head == "compare":
            return self.holds(e, values)
        x = [self.read(a, values) for a in e.args]
        if e.head in ("sum", "product"):
            total = x[0]
            for other in x[1:]:
                total = (algebra.plus if e.head == "sum" else algebra.times)(total, other)
            return total
        if e.head == "cases":
            return algebra.plus(algebra.times(x[0], x[1]), algebra.times(algebra.minus(algebra.number(1), x[0]), x[2]))
        if e.head == "quotient":
            return algebra.times(x[0], algebra.inverse(x[1]))
        if e.head == "power":
            return algebra.power(*x)
        if e.head == "call":
            return algebra.function(e.value, *x)
        raise Undecided

    def holds(self, e: Expr, values: Mapping[str, Ratio]) -> Ratio:
        """1 where a comparison holds, else 0."""
        a, b = (self.read(side, values) for side in e.args)
        if e.value in "<≤":
            a, b = b, a
        if e.value in "<≤>≥":
            return self.algebra.positive(self.algebra.minus(a, b))
        if self.algebra.same(a, b):
            return self.algebra.number(1 if e.value == "=" else 0)
        if self.algebra.seldom_zero(self.algebra.minus(a, b)):  # whose zeros are next to nothing
            return self.algebra.number(0 if e.value == "=" else 1)
        raise Undecided


class _Answer:
    """A student's formula as a fraction, its names those of the graph."""

    def __init__(self, algebra: Ratios, graph: _Graph, question: Question) -> None:
        self.algebra, self.graph, self.question = algebra, graph, question

    def __call__(self, x: Expression) -> Ratio:
        algebra = self.algebra
        if isinstance(x, Number):
            return algebra.number(x.value)
        if isinstance(x, Name):
            return self.named(x.label)
        values = [self(a) for a in x.arguments]
        if x.function in ("sum", "product"):
            total = values[0]
            for other in values[1:]:
                total = (algebra.plus if x.function == "sum" else algebra.times)(total, other)
            return total
        if x.function in ("greater", "at least"):
            return algebra.positive(algebra.minus(*values))
        if x.function in ("step", "relu'"):
            return algebra.positive(*values)
        if x.function == "negative":
            return algebra.minus(algebra.number(0), *values)
        if x.function == "inverse":
            return algebra.inverse(*values)
        if x.function == "power":
            return algebra.power(*values)
        if x.function.endswith("'"):
            y = algebra.function(x.function[:-1], *values)
            square = algebra.times(y, y)
            return algebra.minus(y if x.function == "sigmoid'" else algebra.number(1), square)
        return algebra.function(x.function, *values)

    def named(self, label: str) -> Ratio:
        """A node of the graph, the loss, or λ."""
        question = self.question
        if label in question.nodes:
            return self.graph(question.nodes[label])
        if label == "lambda":
            return self.algebra.number(float(f"{question.decay / 2.0:.12g}"))  # it was measured
        loss = question.given_loss if question.given_loss is not None else question.error_node
        if label != question.loss or loss is None:
            raise Undecided
        value = self.graph(loss)
        return value if loss is question.given_loss else self.algebra.times(value, value)
