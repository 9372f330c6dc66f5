"""Gradient checking: autodiff against finite differences, which know no chain rule.

Along a line through the point, φ(t) = f(x + t·d) is sampled at t = 0, ±h, ±rh and ±r²h, r = 5/2, and split in two:

    odd(t) = (φ(t) - φ(-t))/2t             even(t) = (φ(t) + φ(-t) - 2φ(0))/2t

The odd part gives the slope, to fourth order; what is left over says how far off that may be, the `doubt`:

    slope(h) = (r² odd(h) - odd(rh)) / (r² - 1)          φ'(0) for a smooth φ, with an error O(h⁴)
    slope(h) - slope(rh)                                 the terms left out, and rounding
    kink(h)  = (r³ bend(h) - bend(rh)) / (r³ - 1)        0 for a smooth φ, half the jump of φ' at a kink, where
    bend(h)  = (r even(h) - even(rh)) / (r - 1)
    2 Σ |df/dy · y| 2⁻⁵² / h, over the graph's nodes y    rounding: every node may be off in its last digit

h starts at r⁻⁸ of the element's magnitude, and gets finer or coarser while that lessens the doubt. If r were whole, all
of h, rh and r²h could meet the zeros of one wave or one grid of rounding. Order 2 is the same check of x ↦ ∇f(x)·d,
a graph that mg.grad gives; the search for the rule to blame is the same check of single nodes of the graph.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from microgradcnn.engine.arrays import glimpse, plain
from microgradcnn.engine.gradient import grad, topological
from microgradcnn.engine.record import Primitive
from microgradcnn.engine.table.elementary import stop_gradient
from microgradcnn.engine.value import Constant, Value

Array: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]
Function: TypeAlias = Callable[..., Value]

_R, _COARSEST, _FIRST, _FINEST = 2.5, 2, 8, 32  # h = r**-level steps
_SURE = 10.0  # autodiff is wrong where it is off by more than this many times the doubt


@dataclass(frozen=True)
class GradientCheck:
    """What check_gradients found: a verdict, and the element on which it rests, the worst.

    `verdict` is 'right', 'wrong' or 'undecidable'. `label` is `values[0]` where the Value has none, `index` is None
    along a random direction. `autodiff` and `difference` are two numbers for the derivative of `quantity`: f, or at
    order 2 ∇f·d for a fixed random d. `error` is how far they are apart and `doubt` how uncertain that is, relative to
    the largest component of the gradient of this Value. `primitive` is the name of the one whose chain rule is wrong
    by itself, if there is one. `checked` of the `elements` elements were checked one by one.
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
        where = " along a random direction" if self.index is None else str([*self.index]) if self.index else ""
        return self.label + where

    def __str__(self) -> str:
        why = {
            "right": f"this is the worst of {self.checked} out of {self.elements} elements and of random directions",
            "wrong": "every chain rule is right by itself, so a path leaves the graph (.data, float(), stop_gradient) "
            "or overflows",
            "undecidable": "a kink within the step, or rounding, forbids a verdict",
        }[self.verdict]
        why = f"the chain rule of {self.primitive} is wrong by itself" if self.primitive else why
        return (
            f"{self.verdict} at {self.element}: d({self.quantity})/d{self.label} is {self.autodiff:.12g} by autodiff, "
            f"{self.difference:.12g} by differences, relative error {self.error:.1e} ± {self.doubt:.0e}; {why}."
        )


def check_gradients(
    function: Function, *values: Value, order: int = 2, elements: int = 200, tolerance: float = 1e-7, seed: int = 0
) -> GradientCheck:
    """Check the gradient of function(*values) with respect to each of `values`, in float64 and on copies.

    The result may have any shape: a fixed random projection makes it a number. All elements are checked one by one if
    there are no more than `elements`, otherwise a random sample; every tensor along two random directions besides.
    'right' means that a relative error of `tolerance` is excluded, 'wrong' that the error is above tolerance/100 and
    ten times the doubt, 'undecidable' neither. Raises TypeError if there are no Values or function returns none,
    ValueError if the values or the result are empty, not finite, or not the same when computed again.
    """
    if not callable(function):
        raise TypeError(
            f"check_gradients(function, x, w) takes a function of its Values first, not {glimpse(function)}"
        )
    if order not in (1, 2) or not values:
        raise TypeError(f"check_gradients(function, x, w, order=2) needs Values, and order 1 or 2, not {order}")
    point, labels = [_numbers(value) for value in values], [value.label for value in values]
    examine = _Examiner(elements, tolerance, np.random.default_rng(seed))
    with np.errstate(all="ignore"):
        f, again = (function(*map(Value, point, labels)) for _ in range(2))
        if not np.array_equal(_numbers(f, "what the function returned"), again.data):
            raise ValueError("the function returned two results for the same Values: fix the random numbers it draws")
        seeds = [examine.signs(f.shape) if f.shape else 1.0]
        found = examine(_Field(lambda *xs: [function(*xs)], seeds, labels), point, "f", order, 0.0)
        if order == 2 and all(w.verdict != "wrong" for w in found):
            toward = [examine.signs(x.shape) * _steps(x) if len(point) > 1 or x.ndim else 1.0 for x in point]
            second = _Field(lambda *xs: grad(function(*xs), xs, *seeds), toward, labels)
            found += [replace(w, order=2) for w in examine(second, point, "∇f·d", 1, np.sum(abs(seeds[0] * f.data)))]
        closer = examine._replace(elements=16, tolerance=tolerance / 10)
        primitive = closer.blame(f, seeds[0], order) if any(w.verdict != "right" for w in found) else None
    hidden = "undecidable" if primitive else "right"  # zero on both sides; but a wrong rule may hide below rounding
    found = [replace(w, verdict=hidden) if w.verdict == "zero" else w for w in found]
    verdict = next(v for v in ("wrong", "undecidable", "right") if any(w.verdict == v for w in found))
    among, open_ = [w for w in found if w.verdict == verdict], verdict == "undecidable"
    worst = max(among, key=lambda w: (w.index is not None, open_ and -w.order, w.doubt if open_ else w.error))
    checked = sum(w.quantity == "f" and w.index is not None for w in found)
    return replace(worst, primitive=primitive, checked=checked, elements=sum(x.size for x in point))


class _Field(NamedTuple):
    """x ↦ Σ seed·root over the Values that `function` makes of fresh leaves: a number, by no node of its own."""

    function: Callable[..., Sequence[Any]]
    seeds: Sequence[Any]
    labels: Sequence[str | None]
    primitive: bool = False  # the function is a single one, which takes raw numbers as well

    def __call__(self, point: Sequence[Array]) -> float:
        if self.primitive:  # in half the time
            found = self.function(*map(plain, point))
        else:
            found = [root.data for root in self.function(*map(Value, point, self.labels))]
        return float(sum(np.vdot(seed, y) for y, seed in zip(found, self.seeds, strict=True)))

    def gradient(self, point: Sequence[Array], as_graph: bool = False) -> tuple[list[Array], float]:
        """The gradient by backward, and what rounding does to the number; or the numbers of the gradient by mg.grad."""
        leaves, found, rounding = list(map(Value, point, self.labels)), [np.zeros(x.shape) for x in point], 0.0
        for root, seed in zip(self.function(*leaves), self.seeds, strict=True):
            graph = [] if as_graph else [*leaves, *topological(root)]
            for node in graph:
                node.grad = None
            parts = [g.data for g in grad(root, leaves, seed)] if as_graph else root.backward(seed)
            parts = [leaf.grad for leaf in leaves] if parts is None else parts
            found = [total + part for total, part in zip(found, parts, strict=True)]
            rounding += sum(map(_rounding, graph))
        return [np.asarray(g) for g in found], rounding


class _Examiner(NamedTuple):
    """Holds autodiff against differences, for any function, within these limits."""

    elements: int
    tolerance: float
    random: np.random.Generator

    def __call__(self, field: _Field, point: list[Array], name: str, order: int, size: float) -> list[GradientCheck]:
        """A finding for every element and direction; at order 2 for mg.grad's numbers as well.

        Errors are relative to the largest component or, where that is nothing but rounding on both sides, to the
        function, which has that `size` at least; the verdict is then 'zero', which is nearly 'right'.
        """
        gradient, noise = field.gradient(point)
        answers = [gradient, field.gradient(point, as_graph=True)[0]] if order == 2 else [gradient]
        middle, wobble, total = field(point), [np.zeros(x.shape) for x in point], sum(x.size for x in point)
        for _ in range(2):  # autodiff's rounding is what changes with the last digits of x; the stencil has its own
            near = field.gradient([x + 2.0**-48 * x * self.signs(x.shape) for x in point])[0]
            wobble = [np.fmax(w, abs(a - b)) for w, a, b in zip(wobble, near, gradient, strict=True)]
            around = [x + 2.0**-7 * _steps(x) * self.signs(x.shape) for x in point]
            noise, size = max(noise, field.gradient(around)[1]), max(size, abs(middle), abs(field(around)))

        def along(v: int, d: Array, step: float = 1.0) -> tuple[Array, float, float, float]:
            enough = step * self.tolerance / 100 * np.max(abs(gradient[v]) * (np.count_nonzero(d) == 1 or abs(d)))
            phi = lambda t: field([*point[:v], point[v] + t * step * d, *point[v + 1 :]])  # noqa: E731
            slope, doubt = _slope(phi, middle, noise, enough if enough < math.inf else 0.0)
            return d, step, float(slope / step), float(doubt / step + 2 * np.sum(wobble[v] * abs(d)))

        found = []
        for v, x in enumerate(point):
            share = x.size if total <= self.elements else max(1, self.elements * x.size // total)
            drawn = np.sort(self.random.permutation(x.size)[:share])
            one_by_one = [along(v, np.eye(1, x.size, i).reshape(x.shape), _steps(x).flat[i]) for i in drawn]
            lines = one_by_one + [along(v, _steps(x) * self.signs(x.shape)) for _ in range(2) if x.size > 1]
            for i, g in enumerate(gradients[v] for gradients in answers):
                zero = np.max(abs(g)) <= 4 * np.max(wobble[v]) and all(abs(e[2]) <= e[3] < math.inf for e in lines)
                known = np.nan_to_num(abs(g), posinf=0.0)
                sizes = [np.max(known), *[abs(slope) for *_, slope, doubt in one_by_one if doubt < math.inf]]
                for d, step, slope, doubt in lines:
                    single, autodiff = np.count_nonzero(d) == 1, float(np.sum((g * d)[d != 0.0]))
                    scales = sizes if single else [np.max(known * abs(d)), abs(slope) / g.size]
                    gaps = np.nan_to_num([abs(autodiff - slope), doubt], nan=np.inf, posinf=np.inf)
                    error, doubt = (gaps / max(1e-300, zero * size / step, *scales)).tolist()
                    verdict = ("zero" if zero else "right") if error + doubt <= self.tolerance else "undecidable"
                    if doubt < math.inf and error > max(_SURE * doubt, self.tolerance / 100):
                        verdict = "wrong"
                    index = tuple(int(i) for i in np.argwhere(d)[0]) if single else None
                    label, what = field.labels[v] or f"values[{v}]", name + " by mg.grad" * i
                    found.append(GradientCheck(verdict, label, index, autodiff, slope, error, doubt, what, 1 + i))
        return found

    def blame(self, f: Value, seed: Any, order: int) -> str | None:
        """The primitive with the most wrong rule on the graph of f, every node taken by itself; None if all are right.

        Order 2 looks at the gradient's graph next; if its rules are right as numbers, one of f's is not as a graph.
        """
        nodes = topological(f)
        slopes = grad(f, [x for x in nodes if x.op is None], seed) if order == 2 else []
        more = list(dict.fromkeys(node for slope in slopes for node in topological(slope)))
        errors: dict[str, float] = {}
        for graph, as_graph in [(nodes, False), (more, False), (nodes, True)][: 2 * order - 1]:
            looked_at = Counter[str]()
            for i in self.random.permutation(0 if errors else len(graph)):
                if (op := graph[i].op) is not None and op.name not in errors and looked_at[op.name] < 50:
                    looked_at[op.name] += 1
                    wrong = [w.error for w in self.local(graph[i], op, order, as_graph) if w.verdict == "wrong"]
                    errors.update({op.name: max(wrong)} if wrong else {})
        return max(errors, key=lambda name: errors[name], default=None)

    def local(self, node: Value, op: Primitive, order: int, as_graph: bool) -> list[GradientCheck]:
        """The findings for one node as a function of its inputs; `as_graph` for the gradient that its rules make."""
        numbers = [type(p) is not Constant and p.dtype != np.bool_ for p in node.parents]
        free = [i for i, varies in enumerate(numbers) if varies and (op.chain[i] or _takes_numbers_near(node, op, i))]
        point = [np.array(node.parents[i].data, np.float64) for i in free]
        used = [np.asarray(p.data) for p in (node, *node.parents)]
        if not free or node.dtype == np.bool_ or not all(x.size and np.isfinite(x).all() for x in used):
            return []

        def value(*leaves: Any) -> list[Any]:
            chosen = dict(zip(free, leaves, strict=True))
            return [op(*[chosen.get(i, p.data) for i, p in enumerate(node.parents)], **node.static)]

        labels, g = [node.parents[i].label for i in free], np.asarray(self.signs(node.shape))
        if not as_graph:
            return self(_Field(value, [g], labels, primitive=True), point, "", order, 0.0)
        rules = _Field(lambda g, *xs: grad(value(*xs)[0], xs, g), [self.signs(x.shape) for x in point], [None, *labels])
        return self(rules, [g, *point], "", 1, 0.0)

    def signs(self, shape: tuple[int, ...]) -> Any:
        """Random numbers, from 1/2 to 1 in size."""
        return self.random.choice((-1.0, 1.0), shape) * self.random.uniform(0.5, 1.0, shape)


def _takes_numbers_near(node: Value, op: Primitive, k: int) -> bool:
    """Whether input k may be disturbed: not if it holds places, which are whole numbers and have no chain rule.

    Nor that of stop_gradient, which is asked to have none.
    """
    if op is stop_gradient:
        return False
    inputs = [p.data for p in node.parents]
    inputs[k] = plain(inputs[k] + 2.0**-7 * _steps(np.asarray(inputs[k])))
    try:
        op(*inputs, **node.static)
    except (TypeError, ValueError, IndexError):
        return False
    return True


def _slope(phi: Callable[[float], float], middle: float, noise: float, enough: float) -> tuple[float, float]:
    """φ'(0) and the doubt about it, from the h where that is least, or the first where it is `enough`."""
    sides: dict[int, tuple[float, float]] = {}  # by level: odd and even
    seen: dict[int, tuple[float, float]] = {}  # by level: the slope and what is left over

    def look(level: int) -> float:
        for k in (level, level - 1, level - 2):
            if k not in sides:
                up, down = phi(_R**-k), phi(-(_R**-k))
                sides[k] = (up - down) * _R**k / 2, ((up - middle) + (down - middle)) * _R**k / 2
        (o1, e1), (o2, e2), (o3, e3) = (sides[level - i] for i in range(3))
        slope, coarser = ((_R**2 * a - b) / (_R**2 - 1) for a, b in ((o1, o2), (o2, o3)))
        bend, wider = ((_R * a - b) / (_R - 1) for a, b in ((e1, e2), (e2, e3)))
        left = abs(slope - coarser) + abs(_R**3 * bend - wider) / (_R**3 - 1)
        seen[level] = slope, left if math.isfinite(left) else math.inf
        return doubt(level)

    def doubt(level: int) -> float:
        blur = seen.get(level - 1, (0.0, 0.0))[1] / 16  # so that luck at one level is not enough
        for k, (_, left) in seen.items():  # noise that a finer step shows is here too; so is noise that grew with 1/h
            if k >= level or left > 3 * seen.get(k - 2, (0.0, math.inf))[1]:
                blur = max(blur, left * _R ** (level - k))
        return blur + 2 * noise * _R**level

    best = max(look(_FIRST), look(_FIRST + 1))
    for way, last in ((1, _FINEST), (-1, _COARSEST)):  # finer until rounding takes over, coarser until the rest does
        level = max(way, 0) + _FIRST
        while best > enough and level != last and (5 * noise * _R**level if way == 1 else seen[level][1]) < best:
            level += way
            best = min(best, look(level))
    level = min(seen, key=doubt)
    slope, sure = seen[level][0], doubt(level)
    against = [abs(s - slope) for s, left in seen.values() if abs(s - slope) > _SURE * (sure + left)]
    return slope, max([sure, *against])


def _rounding(node: Value) -> float:
    """What an error in the last digit of every number of a node does to what was differentiated."""
    if not node.has_grad or node.dtype == np.bool_:
        return 0.0
    g, y = np.asarray(node.grad), np.asarray(node.data)
    moved = np.sum(abs(g * y)[(g != 0.0) & ~(np.isnan(g) & np.isfinite(y))])
    return float(np.finfo(y.dtype).eps * moved) if np.isfinite(moved) else math.inf


def _steps(x: Array) -> Array:
    """For each element of x three quarters of its magnitude, for a zero of the largest magnitude, or of 1."""
    size = np.where(abs(x) > 1e-100, abs(x), np.max(abs(x)))
    return np.asarray(0.75 * np.where(size > 1e-100, size, 1.0))


def _numbers(value: Value, what: str = "") -> Array:
    if not isinstance(value, Value) or value.dtype == np.bool_:
        given = f"{what or 'this'} is not one: {glimpse(value)}"
        raise TypeError(f"check_gradients(function, x, w) needs Values of real numbers, and {given}")
    if np.size(value.data) == 0 or not np.all(np.isfinite(value.data)):
        raise ValueError(f"{what or value.describe()} is empty or not finite, and has no gradient to check: {value!r}")
    return np.array(value.data, np.float64)
