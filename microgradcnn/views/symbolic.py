"""Whether a student's formula is the gradient exactly, with SymPy's polynomials; without SymPy nothing is proved.

The gradient's graph and the formula both become fractions of polynomials in the leaves and in atoms: σ(a), √a, [a > 0]
and whatever else is no rational function. e^a is σ/(1 − σ), so sigmoid, tanh and exp of one a share an atom; what is
known of the others is √a·√a = a and [a > 0]² = [a > 0]. Two fractions are equal if the difference of their cross
products is 0. Nothing is factored or searched for and the work is bounded, so it ends soon; that no proof is found says
nothing. Equal means almost everywhere: not where a kink or a pole is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from microgradcnn.value import Value
from microgradcnn.views.expression import Expr, number, symbol
from microgradcnn.views.formula import Expression, Name, Number
from microgradcnn.views.notation import formula
from microgradcnn.views.question import Question

MOST_SYMBOLS, MOST_ATOMS, MOST_PRODUCTS = 120, 40, 30_000  # leaves, atoms, and products of two terms
MOST_POWER = 40


class _Undecided(Exception):  # noqa: N818, it is no error
    """What no polynomial can say, or what would take too long."""


class _Ratio(NamedTuple):
    """above/below, two polynomials."""

    above: Any
    below: Any


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
    algebra = _Algebra(PolyRing([f"x{i}" for i in range(len(leaves) + MOST_ATOMS)], QQ))
    graph = _Graph(algebra, {leaf: algebra.ratio(x) for leaf, x in zip(leaves, algebra.ring.gens, strict=False)})
    algebra.free = list(algebra.ring.gens[len(leaves) :])
    try:
        return algebra.same(graph(question.gradient), _Answer(algebra, graph, question)(answer))
    except (_Undecided, ArithmeticError, ValueError):
        return False


class _Algebra:
    """Sums, products, powers and functions of fractions; every function that is new becomes an atom."""

    def __init__(self, ring: Any) -> None:
        self.ring, self.one = ring, ring.one
        self.free: list[Any] = []
        self.left = MOST_PRODUCTS
        self.atoms: dict[Any, Any] = {}
        self.squares: list[tuple[int, Any]] = []  # the place of an atom, and its square: None if that is the atom

    def ratio(self, above: Any) -> _Ratio:
        return _Ratio(above, self.one)

    def number(self, value: float | Fraction) -> _Ratio:
        exact = number(value).value
        if not isinstance(exact, Fraction):
            raise _Undecided
        return self.ratio(self.ring(self.ring.domain(exact.numerator, exact.denominator)))

    def product(self, p: Any, q: Any) -> Any:
        """The product of two polynomials, within the bounds."""
        self.left -= len(p) * len(q)
        if self.left < 0:
            raise _Undecided
        return self.reduced(p * q)

    def reduced(self, p: Any) -> Any:
        """With what the square of an atom is in place of it; the newest first, for it may speak of older ones."""
        for place, square in reversed(self.squares):
            high = {monomial: p[monomial] for monomial in p if monomial[place] > 1}
            if high:
                p = self.ring.from_dict({monomial: c for monomial, c in p.items() if monomial not in high})
            for monomial, coefficient in high.items():
                rest, times = list(monomial), monomial[place] // 2
                rest[place] = 1 if square is None else monomial[place] % 2
                term = self.ring.term_new(tuple(rest), coefficient)
                for _ in range(0 if square is None else times):
                    term = self.product(term, square)
                p += term
        return p

    def times(self, a: _Ratio, b: _Ratio) -> _Ratio:
        if a.below == b.above:
            return _Ratio(a.above, b.below)
        if a.above == b.below:
            return _Ratio(b.above, a.below)
        return _Ratio(self.product(a.above, b.above), self.product(a.below, b.below))

    def plus(self, a: _Ratio, b: _Ratio) -> _Ratio:
        if a.below == b.below:
            return _Ratio(a.above + b.above, a.below)
        above = self.product(a.above, b.below) + self.product(b.above, a.below)
        return _Ratio(above, self.product(a.below, b.below))

    def minus(self, a: _Ratio, b: _Ratio) -> _Ratio:
        return self.plus(a, _Ratio(-b.above, b.below))

    def inverse(self, a: _Ratio) -> _Ratio:
        if not a.above:
            raise _Undecided
        return _Ratio(a.below, a.above)

    def same(self, a: _Ratio, b: _Ratio) -> bool:
        return not self.reduced(self.product(a.above, b.below) - self.product(b.above, a.below))

    def whole_power(self, a: _Ratio, n: int) -> _Ratio:
        if abs(n) > MOST_POWER:
            raise _Undecided
        found, base = self.ratio(self.one), a if n >= 0 else self.inverse(a)
        for _ in range(abs(n)):
            found = self.times(found, base)
        return found

    def power(self, base: _Ratio, exponent: _Ratio) -> _Ratio:
        """base^(n + rest): the whole number apart, so that x^(y − 1) is x^y/x."""
        below = self.constant(_Ratio(exponent.below, self.one))
        if below is None:
            return self.atom("power", base, exponent)
        above = exponent.above.quo_ground(below)
        start = Fraction(int(above.coeff(1).numerator), int(above.coeff(1).denominator))
        whole = int(start // 1)
        rest = above - whole
        found = self.whole_power(base, whole)
        if not rest:
            return found
        if rest == self.ring(self.ring.domain(1, 2)):
            return self.times(found, self.root(base))
        return self.times(found, self.atom("power", base, self.ratio(rest)))

    def constant(self, a: _Ratio) -> Any:
        """The number that a fraction is; None for any other."""
        return a.above.coeff(1) / a.below.coeff(1) if a.above.is_ground and a.below.is_ground else None

    def canonical(self, a: _Ratio) -> _Ratio:
        """The same fraction whenever it can be cancelled easily, its denominator with leading coefficient 1."""
        above, below = (a.above, a.below) if len(a.above) * len(a.below) > 400 else a.above.cancel(a.below)
        return _Ratio(above.quo_ground(below.LC), below.quo_ground(below.LC))

    def atom(self, kind: str, *arguments: _Ratio, square: Any = None) -> _Ratio:
        """The symbol that stands for a function of arguments."""
        key = (kind, *map(self.canonical, arguments))
        if key not in self.atoms:
            if not self.free:
                raise _Undecided
            self.atoms[key] = found = self.free.pop(0)
            if kind == "positive" or square is not None:
                self.squares.append((self.ring.gens.index(found), square))
        return self.ratio(self.atoms[key])

    def root(self, a: _Ratio) -> _Ratio:
        a = self.canonical(a)
        return self.atom("root", a, square=a.above if a.below == self.one else None)

    def positive(self, a: _Ratio) -> _Ratio:
        """[a > 0]; that of −a is 1 − [a > 0]."""
        a = self.canonical(a)
        if (known := self.constant(a)) is not None:
            return self.number(1 if known > 0 else 0)
        if a.below != self.one:  # the sign of n/d is that of n·d
            return self.positive(self.ratio(self.product(a.above, a.below)))
        for key, atom in self.atoms.items():  # [a > 0]·b is relu: positive where both are
            place = self.ring.gens.index(atom)
            if key[0] == "positive" and all(monomial[place] for monomial in a.above):
                return self.times(self.ratio(atom), self.positive(self.ratio(a.above.quo(atom))))
        if a.above.LC < 0:
            return self.minus(self.number(1), self.positive(self.ratio(-a.above)))
        return self.atom("positive", self.ratio(a.above.quo_ground(a.above.LC)))

    def exponential(self, a: _Ratio) -> _Ratio:
        sigma, n = self.sigmoid_of_part(a)
        return self.whole_power(_Ratio(sigma.above, self.one - sigma.above), n)

    def sigmoid(self, a: _Ratio) -> _Ratio:
        sigma, n = self.sigmoid_of_part(a)
        if n in (1, -1):
            return sigma if n == 1 else self.minus(self.number(1), sigma)
        e = self.exponential(a)
        return self.times(e, self.inverse(self.plus(self.number(1), e)))

    def sigmoid_of_part(self, a: _Ratio) -> tuple[_Ratio, int]:
        """σ(b) and n with a = n·b, the same b for all multiples of it."""
        a = self.canonical(a)
        if not a.above:
            return self.number(Fraction(1, 2)), 1
        content, part = a.above.primitive()
        if part.LC < 0:
            content, part = -content, -part
        n, denominator = int(content.numerator), int(content.denominator)
        return self.atom("sigmoid", _Ratio(part.quo_ground(self.ring.domain(denominator)), a.below)), n

    def function(self, name: str, *x: _Ratio) -> _Ratio:
        """A function by its name; what is not known is an atom."""
        one, two = self.number(1), self.number(2)
        if name in ("max", "min") and len(x) == 2:
            first = self.positive(self.minus(*x) if name == "max" else self.minus(*reversed(x)))
            return self.plus(self.times(first, x[0]), self.times(self.minus(one, first), x[1]))
        known: dict[str, Callable[[_Ratio], _Ratio]] = {
            "exp": self.exponential,
            "expm1": lambda a: self.minus(self.exponential(a), one),
            "sigmoid": self.sigmoid,
            "tanh": lambda a: self.minus(self.times(two, self.sigmoid(self.times(two, a))), one),
            "relu": lambda a: self.times(a, self.positive(a)),
            "abs": lambda a: self.times(a, self.minus(self.times(two, self.positive(a)), one)),
            "sign": lambda a: self.minus(self.times(two, self.positive(a)), one),
            "log1p": lambda a: self.atom("log", self.plus(one, a)),
            "sqrt": self.root,
        }
        return known[name](*x) if name in known and len(x) == 1 else self.atom(name, *x)


class _Graph:
    """The nodes of a graph as fractions: each primitive by its notation, from those of its parents."""

    def __init__(self, algebra: _Algebra, known: dict[Value, _Ratio]) -> None:
        self.algebra, self.known = algebra, known

    def __call__(self, node: Value) -> _Ratio:
        """The fraction that a scalar is."""
        stack = [node]
        while stack:
            top = stack[-1]
            missing = [p for p in top.parents if p not in self.known]
            stack += missing
            if not missing:
                stack.pop()
                if top not in self.known:
                    self.known[top] = self.computed(top)
        return self.known[node]

    def computed(self, node: Value) -> _Ratio:
        if node.shape != ():
            raise _Undecided
        if node.op is None:
            return self.algebra.number(float(node.data))
        names = {p: symbol(f"p_{i}") for i, p in enumerate(dict.fromkeys(node.parents))}
        values = {str(name.value): self.known[p] for p, name in names.items()}
        return self.read(formula(node, names, top=True), values)

    def read(self, e: Expr, values: Mapping[str, _Ratio]) -> _Ratio:
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
        raise _Undecided

    def holds(self, e: Expr, values: Mapping[str, _Ratio]) -> _Ratio:
        """1 where a comparison holds, else 0."""
        a, b = (self.read(side, values) for side in e.args)
        if e.value in "<≤":
            a, b = b, a
        if e.value in "<≤>≥":
            return self.algebra.positive(self.algebra.minus(a, b))
        if self.algebra.same(a, b):
            return self.algebra.number(1 if e.value == "=" else 0)
        raise _Undecided


class _Answer:
    """A student's formula as a fraction, its names those of the graph."""

    def __init__(self, algebra: _Algebra, graph: _Graph, question: Question) -> None:
        self.algebra, self.graph, self.question = algebra, graph, question

    def __call__(self, x: Expression) -> _Ratio:
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

    def named(self, label: str) -> _Ratio:
        """A node of the graph, the loss, or λ."""
        question = self.question
        if label in question.nodes:
            return self.graph(question.nodes[label])
        if label == "lambda":
            return self.algebra.number(float(f"{question.decay / 2.0:.12g}"))  # it was measured
        loss = question.given_loss if question.given_loss is not None else question.error_node
        if label != question.loss or loss is None:
            raise _Undecided
        value = self.graph(loss)
        return value if loss is question.given_loss else self.algebra.times(value, value)
