"""Whether a student's formula is the gradient exactly, with SymPy's polynomials; without SymPy nothing is proved.

The two graphs become, primitive by primitive, fractions of polynomials in the leaves and in atoms. They are equal if
the difference of their cross products is 0. That no proof is found says nothing.

An atom stands for what is no rational function: σ(a), √a, [a > 0], log a. e^a is σ/(1 − σ), so sigmoid, tanh and exp of
one a share an atom; what is known of the others is √a·√a = a, cos² a = 1 − sin² a and [a > 0]² = [a > 0]. Nothing
is factored or searched for, and the work is bounded. Rules hold almost everywhere: not where a kink or a pole is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import reduce
from typing import Any, NamedTuple

from microgradcnn.engine.functions import BUILT_IN
from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Value
from microgradcnn.views.answers.edits.precision import plainly_other
from microgradcnn.views.answers.evidence import Evidence
from microgradcnn.views.formulas.expression import Expr, constant, number, symbol
from microgradcnn.views.formulas.notation import asks_for_nan, formula

MOST_SYMBOLS, MOST_ATOMS = 120, 40  # leaves, and functions of them
MOST_PRODUCTS, MOST_POWER = 30_000, 40  # products of two terms, and the largest exponent
_SHORT = 400  # pairs of terms of two polynomials whose common factor is looked for


def proved(evidence: Evidence, answer: Value) -> bool:
    """Whether SymPy shows that the answer is the gradient; False if it cannot tell or is not installed."""
    free = (node for node in evidence.order if node.op is None and node not in evidence.held)
    leaves = [node for node in free if node.label is not None and node.shape == ()]
    if len(leaves) > MOST_SYMBOLS or plainly_other(evidence, answer):
        return False
    try:
        from sympy.polys.domains import QQ
        from sympy.polys.rings import PolyRing
    except ImportError:
        return False
    algebra = Ratios(PolyRing([f"x{i}" for i in range(len(leaves) + MOST_ATOMS)], QQ))
    graph = _Graph(algebra, {leaf: algebra.ratio(x) for leaf, x in zip(leaves, algebra.ring.gens, strict=False)})
    algebra.free = list(algebra.ring.gens[len(leaves) :])
    try:
        wanted = graph(evidence.gradient)
        graph.known |= {x: graph(evidence.named[x.label]) for x in topological(answer) if x.label is not None}
        return algebra.same(wanted, graph(answer))
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
            return self.read(constant(float(node.data)), {})
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
            return values[e.value] if e.value in values else algebra.atom(e.value)  # π
        if e.head == "compare":
            return self.holds(e, values)
        x = [self.read(a, values) for a in e.args]
        if e.head in ("sum", "product"):
            return reduce(algebra.plus if e.head == "sum" else algebra.times, x)
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


class Undecided(Exception):  # noqa: N818, it is no error
    """What no polynomial can say, or what would take too long."""


class Ratio(NamedTuple):
    """above/below, two polynomials."""

    above: Any
    below: Any


class Ratios:
    """Sums, products, powers and functions of fractions; every function that is new becomes an atom."""

    def __init__(self, ring: Any) -> None:
        self.ring, self.one = ring, ring.one
        self.free: list[Any] = []
        self.left = MOST_PRODUCTS
        self.atoms: dict[Any, Any] = {}
        self.squares: list[tuple[int, Any]] = []  # the place of an atom, and its square: None if that is the atom

    def ratio(self, above: Any) -> Ratio:
        """A polynomial as a fraction."""
        return Ratio(above, self.one)

    def number(self, value: float | Fraction) -> Ratio:
        """A number, exactly."""
        exact = number(value).value
        if not isinstance(exact, Fraction):
            raise Undecided
        return self.ratio(self.ring(self.ring.domain(exact.numerator, exact.denominator)))

    def product(self, p: Any, q: Any) -> Any:
        """The product of two polynomials, within the bounds."""
        self.left -= len(p) * len(q)
        if self.left < 0:
            raise Undecided
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

    def times(self, a: Ratio, b: Ratio) -> Ratio:
        """a·b."""
        (up, down), (over, under) = self.shortened(a.above, b.below), self.shortened(b.above, a.below)
        return Ratio(self.product(up, over), self.product(under, down))

    def shortened(self, p: Any, q: Any) -> tuple[Any, Any]:
        """Two polynomials without what they have in common, where that is one of them: a softmax stays short."""
        signs = {(a > b) - (a < b) for a, b in zip(max(p) + min(p), max(q) + min(q), strict=True)} if p else set()
        if len(p) * len(q) > _SHORT or q == self.one or {-1, 1} <= signs:  # a factor's exponents are never larger
            return p, q
        (p_by_q, over), (q_by_p, under) = p.div(q), q.div(p) if p else (q, self.one)
        return (p_by_q, self.one) if not over else (p, q) if under else (self.one, q_by_p)

    def plus(self, a: Ratio, b: Ratio) -> Ratio:
        """a + b."""
        if a.below == b.below:
            return Ratio(a.above + b.above, a.below)
        one, other = self.shortened(a.below, b.below)
        above = self.product(a.above, other) + self.product(b.above, one)
        return Ratio(above, self.product(a.below, other))

    def minus(self, a: Ratio, b: Ratio) -> Ratio:
        """a − b."""
        return self.plus(a, Ratio(-b.above, b.below))

    def inverse(self, a: Ratio) -> Ratio:
        """1/a."""
        if not a.above:
            raise Undecided
        return Ratio(a.below, a.above)

    def same(self, a: Ratio, b: Ratio) -> bool:
        """Whether the difference of the cross products is 0."""
        return not self.reduced(self.product(a.above, b.below) - self.product(b.above, a.below))

    def whole_power(self, a: Ratio, n: int) -> Ratio:
        """a to the nth."""
        if abs(n) > MOST_POWER:
            raise Undecided
        found, base = self.ratio(self.one), a if n >= 0 else self.inverse(a)
        for _ in range(abs(n)):
            found = self.times(found, base)
        return found

    def power(self, base: Ratio, exponent: Ratio) -> Ratio:
        """base^(n + rest): the whole number apart, so that x^(y − 1) is x^y/x."""
        below = self.constant(Ratio(exponent.below, self.one))
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

    def constant(self, a: Ratio) -> Any:
        """The number that a fraction is; None for any other."""
        return a.above.coeff(1) / a.below.coeff(1) if a.above.is_ground and a.below.is_ground else None

    def seldom_zero(self, a: Ratio) -> bool:
        """Whether the numerator is a polynomial in the leaves and no zero, whether its few indicators are 0 or 1."""
        used = {i for monomial in a.above for i, exponent in enumerate(monomial) if exponent}
        atoms = [(key[0], atom) for key, atom in self.atoms.items() if self.ring.gens.index(atom) in used]
        if len(atoms) > 3 or any(kind != "positive" for kind, _ in atoms):
            return False
        polynomials = [a.above]
        for _, atom in atoms:
            polynomials = [p.compose(atom, self.ring(value)) for p in polynomials for value in (0, 1)]
        return all(polynomials)

    def canonical(self, a: Ratio) -> Ratio:
        """The same fraction whenever it can be cancelled easily, its denominator with leading coefficient 1."""
        above, below = (a.above, a.below) if len(a.above) * len(a.below) > _SHORT else a.above.cancel(a.below)
        return Ratio(above.quo_ground(below.LC), below.quo_ground(below.LC))

    def atom(self, kind: str, *arguments: Ratio, square: Any = None) -> Ratio:
        """The symbol that stands for a function of arguments."""
        key = (kind, *map(self.canonical, arguments))
        if key not in self.atoms:
            if not self.free:
                raise Undecided
            self.atoms[key] = found = self.free.pop(0)
            if kind == "positive" or square is not None:
                self.squares.append((self.ring.gens.index(found), square))
        return self.ratio(self.atoms[key])

    def root(self, a: Ratio) -> Ratio:
        """√a, whose square is a."""
        a = self.canonical(a)
        return self.atom("root", a, square=a.above if a.below == self.one else None)

    def positive(self, a: Ratio) -> Ratio:
        """[a > 0], from the signs of the factors that are symbols: that of x·y is that of x times that of y."""
        a = self.canonical(a)
        if (known := self.constant(a)) is not None:
            return self.number(1 if known > 0 else 0)
        if a.below != self.one:  # the sign of n/d is that of n·d
            return self.positive(self.ratio(self.product(a.above, a.below)))
        kinds = {atom: key[0] for key, atom in self.atoms.items()}
        rest, both, sign = a.above, self.number(1), self.number(1)
        for place, symbol_ in enumerate(self.ring.gens):
            times = min(monomial[place] for monomial in rest)
            kind = kinds.get(symbol_, "leaf")
            if times and kind in ("leaf", "positive", "sigmoid", "root"):
                rest = rest.quo(symbol_**times)
                if kind == "positive":
                    both = self.times(both, self.ratio(symbol_))
                elif kind == "leaf" and times % 2:
                    sign = self.times(sign, self.sign_of(symbol_))
        sign = self.times(sign, self.sign_of(rest))
        return self.times(both, self.times(self.plus(sign, self.number(1)), self.number(Fraction(1, 2))))

    def sign_of(self, p: Any) -> Ratio:
        """1 or −1, with an atom [p > 0] that −p shares."""
        if p.is_ground:
            return self.number(1 if p.LC > 0 else -1)
        hit = self.atom("positive", self.ratio(p.quo_ground(p.LC)))
        sign = self.minus(self.times(self.number(2), hit), self.number(1))
        return sign if p.LC > 0 else self.minus(self.number(0), sign)

    def exponential(self, a: Ratio) -> Ratio:
        """e^a, from σ of a part of a."""
        sigma, n = self.sigmoid_of_part(a)
        return self.whole_power(Ratio(sigma.above, self.one - sigma.above), n)

    def sigmoid(self, a: Ratio) -> Ratio:
        """σ(a)."""
        sigma, n = self.sigmoid_of_part(a)
        if n in (1, -1):
            return sigma if n == 1 else self.minus(self.number(1), sigma)
        e = self.exponential(a)
        return self.times(e, self.inverse(self.plus(self.number(1), e)))

    def sigmoid_of_part(self, a: Ratio) -> tuple[Ratio, int]:
        """σ(b) and n with a = n·b, the same b for all multiples of it."""
        a = self.canonical(a)
        if not a.above:
            return self.number(Fraction(1, 2)), 1
        content, part = a.above.primitive()
        if part.LC < 0:
            content, part = -content, -part
        n, denominator = int(content.numerator), int(content.denominator)
        return self.atom("sigmoid", Ratio(part.quo_ground(self.ring.domain(denominator)), a.below)), n

    def cosine(self, a: Ratio) -> Ratio:
        """cos a, whose square is 1 − sin² a."""
        sine = self.atom("sin", a).above
        return self.atom("cos", a, square=self.one - sine * sine)

    def function(self, name: str, *x: Ratio) -> Ratio:
        """A function by its name; what is not known is an atom."""
        one, two, half = self.number(1), self.number(2), self.number(Fraction(1, 2))
        if name in ("max", "min") and len(x) == 2:
            first = self.positive(self.minus(*x) if name == "max" else self.minus(*reversed(x)))
            return self.plus(self.times(first, x[0]), self.times(self.minus(one, first), x[1]))
        known: dict[str, Callable[[Ratio], Ratio]] = {
            "exp": self.exponential,
            "expm1": lambda a: self.minus(self.exponential(a), one),
            "sigmoid": self.sigmoid,
            "tanh": lambda a: self.minus(self.times(two, self.sigmoid(self.times(two, a))), one),
            "relu": lambda a: self.times(a, self.positive(a)),
            "abs": lambda a: self.times(a, self.minus(self.times(two, self.positive(a)), one)),
            "sign": lambda a: self.minus(self.times(two, self.positive(a)), one),
            "log1p": lambda a: self.atom("log", self.plus(one, a)),
            "log2": lambda a: self.times(self.atom("log", a), self.inverse(self.atom("log", two))),
            "log10": lambda a: self.times(self.atom("log", a), self.inverse(self.atom("log", self.number(10)))),
            "cos": self.cosine,
            "tan": lambda a: self.times(self.atom("sin", a), self.inverse(self.cosine(a))),
            "sinh": lambda a: self.times(half, self.minus(self.exponential(a), self.inverse(self.exponential(a)))),
            "cosh": lambda a: self.times(half, self.plus(self.exponential(a), self.inverse(self.exponential(a)))),
            "sqrt": self.root,
        }
        return known[name](*x) if name in known and len(x) == 1 else self.atom(name, *x)
