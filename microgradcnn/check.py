"""Gradient checking: autodiff against finite differences, which know no chain rule.

Along a line through the point, φ(t) = f(x + t·d) is sampled at t = 0, ±h, ±2h, ±4h and split in two:

    odd(t) = (φ(t) - φ(-t))/2              even(t) = (φ(t) + φ(-t))/2 - φ(0)

The odd part gives the slope, to fourth order; what it leaves over says how far off that may be, the `doubt`:

    slope(h) = (8 odd(h) - odd(2h)) / 6h                      φ'(0) for a smooth φ, with an error O(h⁴)
    slope(h) - slope(2h)                                      the terms left out, and rounding
    kink(h)  = (64 even(h) - 20 even(2h) + even(4h)) / 28h    0 for a smooth φ, half the jump of φ' at a kink
    2 Σ |df/dy · y| 2⁻⁵² / h, over the nodes y of the graph   rounding: every node may be off in its last digit

h starts at 2⁻⁹ of a step, which is about half the element's magnitude, and is halved or doubled as long as that lessens
the doubt. The second order is the same check of another function, x ↦ ∇f(x)·d, which mg.grad gives as a graph; the
search for the rule to blame is the same check again, of one node of the graph as a function of what went in.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from microgradcnn.gradient import grad
from microgradcnn.value import Constant, Primitive, Value, topological

Array = np.ndarray[Any, np.dtype[np.float64]]

_STEP = 774541 / 2**20  # no power of two, or sin(2**k * π * x) shows only its zeros; 20 bits, so that x + h is exact
_FIRST, _FINEST = 9, 42  # h = 2**-level
_SURE = 10.0  # autodiff is wrong where it is off by more than this many times the doubt


@dataclass(frozen=True)
class GradientCheck:
    """What check_gradients found: a verdict, and the element on which it rests, the worst.

    `verdict` is 'right', 'wrong' or 'undecidable'. `label` is `values[0]` where the Value has none, `index` is None
    along a random direction. `autodiff` and `difference` are two numbers for the derivative of `quantity`: f, or at
    order 2 ∇f·d for a fixed random d. `error` is how far they are apart and `doubt` how uncertain that is, relative to
    the largest component of the gradient of this Value. `primitive` names the primitive whose chain rule is wrong by
    itself, if there is one. `checked` of the `elements` elements were checked one by one.
    """

    verdict: str
    label: str
    index: tuple[int, ...] | None
    autodiff: float
    difference: float
    error: float
    doubt: float
    quantity: str
    order: int
    primitive: str | None = None
    checked: int = 0
    elements: int = 0

    @property
    def ok(self) -> bool:
        """Whether the verdict is 'right'; the truth of the whole is the same."""
        return self.verdict == "right"

    def __bool__(self) -> bool:
        return self.ok

    @property
    def element(self) -> str:
        """The worst element as it is written: `w`, `S[1, 0]`, `S along a random direction`."""
        if self.index is None:
            return f"{self.label} along a random direction"
        return f"{self.label}[{', '.join(map(str, self.index))}]" if self.index else self.label

    def __str__(self) -> str:
        rule = f"the chain rule of {self.primitive} is wrong by itself"
        why = {
            "right": f"the worst of {self.checked} out of {self.elements} elements and of random directions",
            "undecidable": rule if self.primitive else "a kink within the step or rounding forbids a verdict",
            "wrong": rule if self.primitive else "every rule is right by itself: does a path leave the graph by .data?",
        }
        return (
            f"{self.verdict} at {self.element}: d({self.quantity})/d{self.label} is {self.autodiff:.12g} by autodiff, "
            f"{self.difference:.12g} by differences, relative error {self.error:.1e} ± {self.doubt:.0e}; "
            f"{why[self.verdict]}."
        )


def check_gradients(
    function: Callable[..., Value],
    *values: Value,
    order: int = 2,
    elements: int = 200,
    directions: int = 2,
    tolerance: float = 1e-7,
    seed: int = 0,
) -> GradientCheck:
    """Check the gradient of function(*values) with respect to each of `values`, in float64 and on copies.

    The result may have any shape: a fixed random projection makes it a number. All elements are checked one by one if
    there are no more than `elements`, otherwise a random sample; tensors along random `directions` besides. 'right'
    means that a relative error of `tolerance` is excluded, 'wrong' that the error is above tolerance/100 and ten times
    the doubt, 'undecidable' that it is neither. Raises TypeError if there are no Values or function returns none,
    ValueError if the values or the result are empty, not finite, or not the same when computed again.
    """
    if order not in (1, 2):
        raise ValueError(f"check_gradients knows order 1 and order 2, not {order}")
    point = [_numbers(value) for value in values]
    labels = [value.label or f"values[{i}]" for i, value in enumerate(values)]
    examine = _Examiner(elements, directions, tolerance, np.random.default_rng(seed))
    with np.errstate(all="ignore"):
        shape = _shape_of_result(function, point)
        ones = examine.signs(shape) if shape else 1.0
        found = examine(_Field(lambda *xs: [function(*xs)], [ones]), point, labels, "f", order)
        if order == 2 and all(f.verdict != "wrong" for f in found):
            toward = [examine.signs(x.shape) * _steps(x) if len(point) > 1 or x.ndim else 1.0 for x in point]
            slopes = _Field(lambda *xs: grad(function(*xs), xs, ones), toward)
            size = float(np.sum(abs(ones * function(*map(Value, point)).data)))
            found += [replace(f, order=2) for f in examine(slopes, point, labels, "∇f·d", 1, size)]
        primitive = None
        if any(f.verdict != "right" for f in found):
            primitive = examine.blame(function(*map(Value, point)), ones, order)
    nothing = "undecidable" if primitive else "right"  # zero on both sides; but a wrong rule may hide below rounding
    found = [replace(f, verdict=nothing) if f.verdict == "zero" else f for f in found]
    verdict = next(v for v in ("wrong", "undecidable", "right") if any(f.verdict == v for f in found))
    among = [f for f in found if f.verdict == verdict]
    worst = max(among, key=lambda f: (f.index is not None, f.doubt if verdict == "undecidable" else f.error))
    checked = len({(f.label, f.index) for f in found if f.index is not None})
    return replace(worst, primitive=primitive, checked=checked, elements=sum(x.size for x in point))


class _Field:
    """x ↦ Σ seed·root over the Values that `function` makes of fresh leaves: a number, by no node of its own."""

    def __init__(self, function: Callable[..., Sequence[Value]], seeds: Sequence[Any]) -> None:
        self.function, self.seeds = function, seeds

    def __call__(self, point: Sequence[Array]) -> float:
        roots = self.function(*map(Value, point))
        return float(sum(np.vdot(seed, root.data) for root, seed in zip(roots, self.seeds, strict=True)))

    def gradient(self, point: Sequence[Array], as_graph: bool = False) -> tuple[list[Array], float]:
        """The gradient by backward, and what rounding does to the number; or the numbers of the gradient by mg.grad."""
        leaves, rounding = [Value(x) for x in point], 0.0
        found = [np.zeros(x.shape) for x in point]
        for root, seed in zip(self.function(*leaves), self.seeds, strict=True):
            if as_graph:
                parts = [g.data for g in grad(root, leaves, seed)]
            else:
                graph = topological(root)
                for node in (*leaves, *graph):
                    node.grad = None
                root.backward(seed)
                rounding += sum(map(_rounding, graph))
                parts = [0.0 if leaf.grad is None else leaf.grad for leaf in leaves]
            found = [total + part for total, part in zip(found, parts, strict=True)]
        return [np.asarray(g) for g in found], rounding


class _Examiner(NamedTuple):
    """Holds autodiff against differences, for any function, within these limits."""

    elements: int
    directions: int
    tolerance: float
    random: np.random.Generator

    def __call__(
        self, field: _Field, point: list[Array], labels: list[str], quantity: str, order: int = 1, size: float = 0.0
    ) -> list[GradientCheck]:
        """A finding for every element and direction; at order 2 for mg.grad's numbers as well.

        Errors are relative to the largest component. Where that is nothing but rounding, on both sides, they are
        relative to the function, which has that `size` at least; the verdict is then 'zero' rather than 'right'.
        """
        gradient, noise = field.gradient(point)
        answers = [(gradient, quantity, 1)]
        if order == 2:
            answers.append((field.gradient(point, as_graph=True)[0], f"{quantity} in mg.grad", 2))
        middle, wobble, total = field(point), [np.zeros(x.shape) for x in point], sum(x.size for x in point)
        for _ in range(2):  # autodiff's rounding is what changes with the last digits of x; the stencil has its own
            near = field.gradient([x + 2.0**-48 * x * self.signs(x.shape) for x in point])[0]
            wobble = [np.fmax(w, abs(a - b)) for w, a, b in zip(wobble, near, gradient, strict=True)]
            around = [x + 2.0**-7 * _steps(x) * self.signs(x.shape) for x in point]
            noise, size = max(noise, field.gradient(around)[1]), max(size, abs(middle), abs(field(around)))

        def line(v: int, d: Array, step: float = 1.0) -> tuple[Array, float, float, float, bool]:
            """d, h's unit, the slope along d, the doubt about it, and whether autodiff is off."""
            x, g = point[v], gradient[v]
            phi = lambda t: field([*point[:v], x + t * step * d, *point[v + 1 :]])  # noqa: E731
            reach = max(1.0, np.max(abs(x))) / (4 * step * np.max(abs(d)))
            enough = step * self.tolerance / 100 * np.max(abs(g) if np.count_nonzero(d) == 1 else abs(g * d))
            slope, doubt = _slope(phi, middle, noise, float(reach), float(enough))
            slope, doubt = slope / step, doubt / step + 2 * _dot(wobble[v], abs(d))
            return d, step, slope, doubt, not abs(_dot(g, d) - slope) <= _SURE * doubt

        found = []
        for v, x in enumerate(point):
            places, lines = np.arange(x.size).reshape(x.shape), []
            share = x.size if total <= self.elements else max(1, self.elements * x.size // total)
            for i in np.sort(self.random.permutation(x.size)[:share]):
                lines.append(line(v, 1.0 * (places == i), float(_steps(x).flat[i])))
            off = any(e[-1] for e in lines)
            for _ in range(self.directions if x.size > 1 else 0):
                lines.append(line(v, _steps(x) * self.signs(x.shape)))
                while lines[-1][-1] and not off and np.count_nonzero(lines[-1][0]) > 1:
                    d = lines.pop()[0]  # the culprit is an element that was not drawn: find it by halving
                    half = line(v, np.where(places <= np.median(places[d != 0.0]), d, 0.0))
                    lines.append(half if half[-1] else line(v, d - half[0]))
            for gradients, what, of_order in answers:
                g = gradients[v]
                zero = np.max(abs(g)) <= 4 * np.max(wobble[v]) and all(abs(e[2]) <= e[3] < math.inf for e in lines)
                largest = max(
                    np.max(abs(g)), *(abs(e[2]) for e in lines if np.count_nonzero(e[0]) == 1 and e[3] < math.inf)
                )
                for d, step, slope, doubt, _ in lines:
                    single, autodiff = np.count_nonzero(d) == 1, _dot(g, d)
                    scale = largest if single else max(np.max(abs(g * d)), abs(slope) / g.size)
                    scale = max(scale, size / step) if zero else scale
                    error = np.nan_to_num(abs(autodiff - slope), nan=math.inf)
                    error, doubt = (float(np.divide(e, scale)) if e else 0.0 for e in (error, doubt))
                    index = tuple(int(i) for i in np.argwhere(d)[0]) if single else None
                    verdict = self.verdict(error, doubt, bool(zero))
                    found.append(
                        GradientCheck(verdict, labels[v], index, autodiff, slope, error, doubt, what, of_order)
                    )
        return found

    def verdict(self, error: float, doubt: float, zero: bool) -> str:
        """What an error and the doubt about it, both relative, allow to say."""
        if doubt < math.inf and error > max(_SURE * doubt, self.tolerance / 100):
            return "wrong"
        return ("zero" if zero and doubt else "right") if error + doubt <= self.tolerance else "undecidable"

    def blame(self, f: Value, seed: Any, order: int) -> str | None:
        """The primitive with the most wrong rule on the graph of f, every node taken by itself; None if all are right.

        Order 2 looks at the graph of the gradient too; if its rules are right as numbers, one of f's is not as a graph.
        """
        nodes = topological(f)
        stages = [(nodes, False)]
        if order == 2:
            slopes = grad(f, [x for x in nodes if x.op is None], seed)
            every = dict.fromkeys([*nodes, *[node for slope in slopes for node in topological(slope)]])
            stages = [(list(every), False), (nodes, True)]
        for graph, as_graph in stages:
            looked_at, errors = Counter[str](), dict[str, float]()
            for i in self.random.permutation(len(graph)):
                if (op := graph[i].op) is not None and op.name not in errors and looked_at[op.name] < 50:
                    looked_at[op.name] += 1
                    wrong = [f.error for f in self.local(graph[i], op, as_graph) if f.verdict == "wrong"]
                    if wrong:
                        errors[op.name] = max(wrong)
            if errors:
                return max(errors, key=lambda name: errors[name])
        return None

    def local(self, node: Value, op: Primitive, as_graph: bool) -> list[GradientCheck]:
        """The findings for one node as a function of its inputs; `as_graph` for the gradient that its rules make."""
        free = [i for i, p in enumerate(node.parents) if type(p) is not Constant and p.dtype != np.bool_]
        point = [np.array(node.parents[i].data, np.float64) for i in free]
        if (
            not free
            or node.dtype == np.bool_
            or not all(np.isfinite(x).all() and np.size(x) for x in [*point, node.data])
        ):
            return []

        def value(*leaves: Value) -> list[Value]:
            chosen = dict(zip(free, leaves, strict=True))
            return [op(*[chosen.get(i, p.data) for i, p in enumerate(node.parents)], **node.static)]

        few, g = self._replace(elements=16), np.asarray(self.signs(node.shape))
        if not as_graph:
            return few(_Field(value, [g]), point, [""] * len(free), "", 2)
        rules = _Field(lambda g, *xs: grad(value(*xs)[0], xs, g), [self.signs(x.shape) for x in point])
        return few(rules, [g, *point], [""] * (1 + len(free)), "")

    def signs(self, shape: tuple[int, ...]) -> Any:
        """Random numbers of a few bits, 1/2 to 1 in size."""
        return self.random.choice((-1.0, 1.0), shape) * self.random.integers(512, 1025, shape) / 1024


def _slope(
    phi: Callable[[float], float], middle: float, noise: float, reach: float, enough: float
) -> tuple[float, float]:
    """φ'(0) and the doubt about it, from the h below `reach` where that is least, or the first where it is `enough`."""
    sides: dict[int, tuple[float, float]] = {}  # odd and even part by level
    seen: dict[int, tuple[float, float]] = {}  # slope and spread by level

    def rounding(level: int) -> float:
        return 2 * noise * 2.0**level

    def doubt(level: int) -> float:
        for k in (level, level - 1, level - 2):
            if k not in sides:
                up, down = phi(2.0**-k), phi(-(2.0**-k))
                sides[k] = (up - down) / 2, (up - middle) / 2 + (down - middle) / 2
        h, ((o1, e1), (o2, e2), (o4, e4)) = 2.0**-level, (sides[level - i] for i in range(3))
        slope = (8 * o1 - o2) / (6 * h)
        spread = abs(slope - (8 * o2 - o4) / (12 * h)) + abs(64 * e1 - 20 * e2 + e4) / (28 * h)
        seen[level] = slope, spread if math.isfinite(spread) else math.inf
        return seen[level][1] + rounding(level)

    def goal(level: int) -> float:
        return max(enough, 1e-9 * abs(seen[level][0])) if math.isfinite(enough) else 0.0

    best, level = doubt(_FIRST), _FIRST
    while best > goal(level) and level < _FINEST and rounding(level + 1) < min(best, 100 * goal(level)):
        level += 1
        best = min(best, doubt(level))
    level = _FIRST
    while best > goal(level) and 2.0 ** (1 - level) <= reach and seen[level][1] < best:
        level -= 1
        best = min(best, doubt(level))

    found, least, blur = math.nan, math.inf, 0.0
    for level in sorted(seen, reverse=True):  # what the finer steps could not resolve blurs the coarser ones as well
        blur = max(blur, seen[level][1] * 2.0**-level)
        if (doubts := blur * 2.0**level + rounding(level)) < least:
            found, least = seen[level][0], doubts
    return found, least


def _dot(g: Array, d: Array) -> float:
    return float(np.sum((g * d)[d != 0.0]))


def _rounding(node: Value) -> float:
    """What an error in the last digit of every number of a node does to what was differentiated."""
    if node.grad is None or node.dtype == np.bool_:
        return 0.0
    return float(np.finfo(node.dtype).eps * np.nansum(abs(np.asarray(node.grad) * node.data)))


def _steps(x: Array) -> Array:
    """For each element of x a step of 0.37 to 0.74 of its magnitude, of the largest magnitude for a zero."""
    size = np.where(abs(x) > 1e-100, abs(x), np.max(abs(x)))
    return np.asarray(np.ldexp(_STEP, np.frexp(np.where(size > 1e-100, size, 1.0))[1] - 1))


def _numbers(value: Value) -> Array:
    if not isinstance(value, Value) or value.dtype == np.bool_:
        raise TypeError(f"check_gradients differentiates with respect to Values of real numbers, not {value!r}")
    if np.size(value.data) == 0 or not np.all(np.isfinite(value.data)):
        raise ValueError(f"{value.describe()} is empty or not finite: gradients are checked where there are numbers")
    return np.array(value.data, np.float64)


def _shape_of_result(function: Callable[..., Value], point: list[Array]) -> tuple[int, ...]:
    if not point:
        raise TypeError("check_gradients needs the Values to differentiate by: check_gradients(function, x, w)")
    first, again = (function(*map(Value, point)) for _ in range(2))
    if not isinstance(first, Value):
        raise TypeError(f"check_gradients needs a function that returns a Value, not {first!r}")
    if np.size(first.data) == 0 or not np.all(np.isfinite(first.data)):
        raise ValueError(f"the function returned {first!r}: gradients are checked where it is finite and not empty")
    if not np.array_equal(first.data, again.data):
        raise ValueError("the function returned two results for the same Values: fix the random numbers that it draws")
    return first.shape
