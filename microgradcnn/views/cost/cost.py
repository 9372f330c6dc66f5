"""cost: the counts of a graph at several sizes put together, part by part, and told as text, LaTeX and HTML.

>>> import numpy as np
>>> import microgradcnn as mg
>>> def line(n, m):
...     w = mg.Value(np.ones(m), label="w")
...     return (np.ones((n, m)) @ w - 1.0).square().mean(), {"weights": w}
>>> found = mg.cost(line, ["n", "m"])
>>> print(found["weights"].operations, "of", found.total.operations)
2nm + n + m of 4nm + 3n + m
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial, reduce
from itertools import product
from operator import add
from typing import NamedTuple

from microgradcnn.engine.value import Value
from microgradcnn.views.cost.building import Build, Sizes, built, checked_sizes
from microgradcnn.views.cost.counting import counted
from microgradcnn.views.cost.polynomial import Polynomial, interpolated
from microgradcnn.views.cost.timing import Timing, timed
from microgradcnn.views.cost.work import ARITHMETIC
from microgradcnn.views.documents.document import Line, Step, Table, as_text
from microgradcnn.views.documents.html import as_html, notebook_bundle
from microgradcnn.views.documents.latex import as_latex, equations
from microgradcnn.views.formulas.expression import Expr, derivative, equation, function_name, minus, multiply, symbol
from microgradcnn.views.formulas.expression import add as plus
from microgradcnn.views.formulas.expression import text as words

HEADER: tuple[Line, ...] = (("part",), ("operations",), ("functions",), ("order",))

THETA = symbol("theta")
UPDATE = plus(THETA, minus(multiply(symbol("eta"), derivative(symbol("f"), THETA))))
CONVENTION: tuple[Line, ...] = (
    ("Counted is the recorded graph of the loss f, of its gradients and of the updates ", UPDATE, "."),
    ("An addition, subtraction, multiplication or division of two numbers is one operation.",),
    ("Functions and comparisons are counted apart. Moving numbers (transposing, repeating) is free.",),
    ("A sum of m terms takes m − 1 additions, and a mean of them one division more.",),
    ("A product of matrices takes m multiplications and m − 1 additions for each of its numbers.",),
    ("What is used twice is computed once, and counted with the part that needs it first.",),
    ("The objective comes first, then the updates in the order of the backward pass.",),
    ("Used again are those operations of a part whose results a later part needs as well.",),
    ("What no parameter goes into, such as 2/n, is known before the first iteration.",),
    ("Plain numbers are multiplied first: 1/n·(2·e) is one multiplication by 2/n, for n = 2 as well.",),
)
AS_ONE: dict[str, Line] = {  # functions of many numbers, of which each number of the value counts one
    "order": ("The order of n numbers counts n order: the n log n comparisons that it takes are no polynomial.",),
    "log_softmax": ("A log_softmax counts one for each of its numbers, with its maximum, sum and exponentials.",),
    "logsumexp": ("A logsumexp counts one for each of its numbers, with its maximum, sum and exponentials.",),
}


@dataclass(frozen=True)
class Amounts:
    """How much work of each kind: polynomials by "operations" (+ − × ÷) and by the names of functions."""

    kinds: Mapping[str, Polynomial]

    @property
    def operations(self) -> Polynomial:
        """How many additions, subtractions, multiplications and divisions."""
        return self.kinds[ARITHMETIC]

    @property
    def functions(self) -> dict[str, Polynomial]:
        """How many evaluations of each function."""
        return {kind: count for kind, count in self.kinds.items() if kind != ARITHMETIC and count}

    @property
    def all(self) -> Polynomial:
        """Work of all kinds added up, of which the order is taken."""
        return reduce(add, self.kinds.values())

    def at(self, **sizes: int) -> Amounts:
        """The same in the variables that are left where these have a size."""
        return Amounts({kind: count.at(**sizes) for kind, count in self.kinds.items()})

    def __add__(self, other: Amounts) -> Amounts:
        nothing = Polynomial(self.operations.variables, {}, self.operations.least)
        kinds = {**self.kinds, **other.kinds}
        return Amounts({k: self.kinds.get(k, nothing) + other.kinds.get(k, nothing) for k in kinds})

    def pieces(self) -> Line:
        """How often each function is evaluated, in words and formulas."""
        pieces: list[str | Expr] = []
        for kind, count in self.functions.items():
            before, after = ("(", ")") if len(count.terms) > 1 else ("", "")
            pieces += [(", " if pieces else "") + before, count.formula, f"{after} {function_name(kind)}"]
        return tuple(pieces)


@dataclass(frozen=True)
class Part:
    """What a part of an iteration takes: `work` is counted here, and `shared` is what of it later parts use again.

    `separately` is what the part takes if each of its coordinates is computed by itself.
    """

    name: str
    work: Amounts
    shared: Amounts
    separately: Amounts

    @property
    def operations(self) -> Polynomial:
        """How many additions, subtractions, multiplications and divisions."""
        return self.work.operations

    @property
    def functions(self) -> dict[str, Polynomial]:
        """How many evaluations of each function."""
        return self.work.functions

    @property
    def order(self) -> str:
        """O(...) of all the work."""
        return self.work.all.order

    def at(self, **sizes: int) -> Part:
        """The same in the variables that are left where these have a size."""
        return Part(self.name, self.work.at(**sizes), self.shared.at(**sizes), self.separately.at(**sizes))


@dataclass(frozen=True, repr=False)
class Cost:
    """What one iteration of gradient descent costs: its parts, the objective first; `cost["objective"]` is one.

    The polynomials went through the counts at `seen` combinations of sizes, and `others` confirmed them; `least` is
    the smallest size of each variable for which they hold.
    """

    parts: tuple[Part, ...]
    seen: int
    others: int
    least: Mapping[str, int]
    build: Build = field(repr=False)

    def __getitem__(self, name: str) -> Part:
        for part in self.parts:
            if part.name == name:
                return part
        raise KeyError(f"there is no part {name!r}: the parts are {', '.join(part.name for part in self.parts)}")

    @property
    def variables(self) -> tuple[str, ...]:
        """What the polynomials are in."""
        return self.parts[0].operations.variables

    @property
    def total(self) -> Amounts:
        """All parts together."""
        return reduce(add, [part.work for part in self.parts])

    @property
    def updates(self) -> Amounts:
        """All parts together but the objective."""
        return reduce(add, [part.work for part in self.parts[1:]])

    @property
    def separately(self) -> Amounts:
        """The same if every coordinate is computed by itself."""
        return reduce(add, [part.separately for part in self.parts[1:]])

    def at(self, **sizes: int) -> Cost:
        """The cost in the variables that are left where these have a size.

        Raises TypeError for any other name, and ValueError for a size below `least`.
        """
        parts = tuple([part.at(**sizes) for part in self.parts])
        least = {name: size for name, size in self.least.items() if name not in sizes}
        return Cost(parts, self.seen, self.others, least, partial(self.build, **sizes))

    def counts(self, **sizes: int) -> dict[str, dict[str, int]]:
        """The numbers at these sizes, of every part and kind of work. Raises ValueError for a size below `least`."""
        return {p.name: {kind: int(count(**sizes)) for kind, count in p.work.kinds.items()} for p in self.parts}

    def measure(self, sizes: Mapping[str, Iterable[int]], timer: Callable[[], float] = time.perf_counter) -> Timing:
        """The time of one iteration for every combination of `sizes`, and the exponents that fit.

        The graph that `build` gives is computed again and differentiated as `backward` does, and the parameters that
        follow are computed. Raises TypeError if the sizes are not those of all variables.
        """
        if set(sizes) != set(self.variables):
            raise TypeError(f"measure takes sizes of {', '.join(self.variables)}, not of {', '.join(sizes) or 'none'}")
        at = checked_sizes(self.build, sizes)
        points = [dict(zip(at, point, strict=True)) for point in product(*at.values())]

        def build(**sizes: int) -> tuple[Value, list[Value]]:
            loss, groups = built(self.build, **sizes)
            return loss, [p for group in groups.values() for p in group]

        return timed(build, self.total.operations, points, timer)

    def steps(self) -> list[Step]:
        """What there is to say: the parts, every coordinate by itself, the convention."""
        return [self._iteration(), *([self._coordinates()] if self.separately.all else []), self._convention()]

    def text(self) -> str:
        """The tables in Unicode, for a terminal."""
        return as_text(self.steps())

    def latex(self) -> str:
        """The tables as the body of a LaTeX document with amsmath."""
        return as_latex(self.steps())

    def mathml(self) -> str:
        """The tables as HTML whose formulas are MathML Core."""
        return as_html(self.steps())

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self.mathml()

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return notebook_bundle(self.mathml(), self.text())

    def _repr_latex_(self) -> str:
        sides = [(equation(words(p.name), p.operations.formula), p.work.pieces()) for p in self.parts]
        lines = [(side, *(("and ", *functions) if functions else ())) for side, functions in sides]
        return equations([Step("", lines=[*lines])])

    def _iteration(self) -> Step:
        rows = [
            [*_row(p.name, p.work), (p.shared.operations.formula if p.shared.operations else "",)] for p in self.parts
        ]
        table = Table([*HEADER, ("used again",)], [*rows, [*_row("total", self.total), ("",)]])
        step = Step("One iteration of gradient descent", lines=[table])
        one = ": a mean of one, say, takes no division" if max(self.least.values()) > 1 else ""
        step.say(f"The polynomials hold for {self.domain}{one}.")
        return step

    @property
    def domain(self) -> str:
        """For which sizes the polynomials hold, as in "n ≥ 2 and m ≥ 1"."""
        *most, last = [f"{name} ≥ {size}" for name, size in self.least.items()]
        return f"{', '.join(most)} and {last}" if most else last

    def _coordinates(self) -> Step:
        step = Step("Every coordinate of the gradient by itself")
        step.lines.append(Table(HEADER, [_row(p.name, p.separately) for p in self.parts[1:]]))
        step.say("Each is a formula of its own, as one would print it: from the data on, nothing kept from another.")
        once, alone = self.updates.all, self.separately.all
        if once.leading == alone.leading:
            step.say("Here backpropagation saves nothing that grows: both are ", once.growth, ".")
        else:
            step.say(alone.growth, " instead of ", once.growth, ": the difference is backpropagation.")
            step.say("It computes once what the coordinates have in common.")
        return step

    def _convention(self) -> Step:
        kinds = {*self.total.functions, *self.separately.functions}
        step = Step("Convention", lines=[*CONVENTION, *(line for kind, line in AS_ONE.items() if kind in kinds)])
        step.say(f"The polynomials go through the counts of {self.seen} graphs, and {self.others} more confirmed them.")
        return step


class _Key(NamedTuple):
    """What one polynomial counts."""

    part: str
    what: str
    kind: str

    def __str__(self) -> str:
        how = {"work": "", "shared": " that serve other parts", "separately": ", every coordinate by itself"}
        return f"the number of {self.kind} in {self.part!r}{how[self.what]}"


def cost(build: Build, sizes: Sizes, separately: bool = True) -> Cost:
    """Count the operations of one iteration of gradient descent, exactly, as polynomials in the sizes of a graph.

    `build(n=2, m=3, ...)` gives the scalar loss and its groups of parameters, `{"hidden layer": [S], ...}` or a list of
    leaves; its data are arrays or Values, as plain numbers are taken for factors such as 2/n. `sizes` names the
    arguments, and as a mapping says at which sizes to count, at least two more than the degree (2 to 8 unless it does).
    `separately=False` leaves out the count of every coordinate by itself, which takes long for thousands of parameters.
    Raises TypeError or ValueError for anything else, and NotPolynomialError, a ValueError, for counts that are no
    polynomials.
    """
    at = checked_sizes(build, sizes)
    names: dict[str, None] = {}

    def count(**point: int) -> dict[_Key, int]:
        loss, groups = built(build, **point)
        found: Counter[_Key] = Counter()
        for name, part in counted(loss, groups, separately).items():
            names[name] = None
            for what, work in (("work", part.work), ("shared", part.shared), ("separately", part.separately)):
                found.update({_Key(name, what, kind): number for kind, number in work.items()})
        return found

    fit = interpolated(count, at)
    nothing = Polynomial(tuple(at), {}, fit.least)

    def amounts(name: str, what: str) -> Amounts:
        found = {key.kind: count for key, count in fit.polynomials.items() if (key.part, key.what) == (name, what)}
        return Amounts({ARITHMETIC: nothing, **found})

    parts = [Part(name, *[amounts(name, what) for what in ("work", "shared", "separately")]) for name in names]
    return Cost(tuple(parts), fit.seen, fit.others, fit.least, build)


def _row(name: str, amounts: Amounts) -> list[Line]:
    return [(name,), (amounts.operations.formula,), amounts.pieces() or ("",), (amounts.all.growth,)]
