"""Random programs, on which every engine must give one answer: losses over scalars, arrays, images and windows.

    python tests/random_programs.py --count 20000 --seed 0

Program i of a seed depends on (seed, i) alone. It is recorded at one point and asked for its loss and all its gradients
at another, by backward(), by mg.grad and by the compiled programs, which must agree to 1e-12 of max(1, |v|). The data
are small integers, mostly, so that ties are everywhere; what has a kink is applied only where the numbers compared are
exact in every order of summation, equal by construction, or well apart: a disagreement is never one of rounding. One
that is found is made as short as it can be, and printed as a program to paste.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

import microgradcnn as mg

TOLERANCE = 1e-12
LARGEST = 60.0  # no number on the way is larger: cancellation costs at most a digit or two
APART = 1e-6  # numbers that a kink compares differ by more, or not at all
EXACT, SAME, ROUNDED = range(3)  # dyadic; equal where the arguments are; no more than close to what another order gives

Shape = tuple[int, ...]
Point = dict[str, np.ndarray]


# What a program is


@dataclass(frozen=True)
class Line:
    """name = text, with the names of args in the places {0}, {1}, ...; `rowed` if it depends on inputs that take rows.

    Its axis 0 is the rows then, or it is a number, computed for every row.
    """

    name: str
    text: str
    args: tuple[str, ...]
    shape: Shape
    rowed: bool

    def __str__(self) -> str:
        return f"{self.name} = {self.text.format(*self.args)}"


@dataclass(frozen=True)
class Program:
    """A loss over leaves: its lines, how it ends, and the points where it is recorded and asked."""

    inputs: tuple[str, ...]  # leaves that take rows
    wrt: tuple[str, ...]
    lines: tuple[Line, ...]
    shapes: dict[str, tuple[Shape, bool]]  # of the leaves, and whether axis 0 is rows
    ends: tuple[str, ...]  # whose weighted sums are the loss; where axis 0 is rows, their mean
    penalty: bool  # whether the squares of the gradients are added to the loss
    recorded: Point
    at: Point
    scalars: bool  # whether the inputs are numbers, of which a call gets one for every row

    @property
    def leaves(self) -> tuple[str, ...]:
        return self.inputs + self.wrt

    def shape_of(self, name: str) -> tuple[Shape, bool]:
        return (
            self.shapes[name] if name in self.shapes else next((k.shape, k.rowed) for k in self.lines if k.name == name)
        )

    def ending(self) -> list[str]:
        rows, terms = [], []
        for name in self.ends:
            shape, rowed = self.shape_of(name)
            weighed = f"{name} * {_written(_weights(shape[1:] if rowed else shape))}"
            rest = tuple(range(1, len(shape)))
            if rowed and not self.scalars:
                rows.append(f"mg.sum({weighed}, axis={rest})" if rest else weighed)
            else:
                terms.append(f"mg.sum({weighed})" if shape else weighed)
        if rows:
            terms.insert(0, f"mg.mean({' + '.join(rows)})")
        lines = [f"f = {' + '.join(terms)}"]
        if self.penalty:
            squares = f"mg.sum(mg.square(g)) for g in mg.grad(f, [{', '.join(self.wrt)}])"
            lines.append(f"f = f + 0.25 * sum({squares})")
        return lines

    def function(self) -> str:
        lines = [*map(str, self.lines), *self.ending(), "return f"]
        return "\n    ".join([f"def loss({', '.join(self.leaves)}):", *lines])

    def pasted(self) -> str:
        """The program as a script that prints every engine's answer."""
        points = f"recorded = {_point(self.recorded, self.leaves)}\nat = {_point(self.at, self.leaves)}"
        names = f"inputs, wrt = {list(self.inputs)}, {list(self.wrt)}"
        eager = EACH_ROW if self.scalars and self.inputs else AT_ONCE
        return "\n".join([IMPORTS, self.function(), "", points, names, eager, COMPILED])


IMPORTS = "import numpy as np\nimport microgradcnn as mg\n"
AT_ONCE = """
v = {k: mg.Value(x, label=k) for k, x in at.items()}
f = loss(**v)
print("eager", f.item(), [g.data for g in mg.grad(f, [v[k] for k in wrt])])"""
EACH_ROW = """
rows = []
for i in range(len(at[inputs[0]])):
    v = {k: mg.Value(x[i] if k in inputs else x, label=k) for k, x in at.items()}
    f = loss(**v)
    rows.append([f.item(), *[g.data for g in mg.grad(f, [v[k] for k in wrt])]])
print("eager", *np.mean(rows, axis=0).tolist())"""
COMPILED = """
for backend in ("numpy", "jit"):
    v = {k: mg.Value(x, label=k) for k, x in recorded.items()}
    program = mg.compile(loss(**v), [v[k] for k in wrt], [v[k] for k in inputs], backend)
    for k in wrt:
        v[k].data = at[k]
    print(backend, *program(*[at[k] for k in inputs]))"""


def _point(point: Point, names: Sequence[str]) -> str:
    return "{" + ", ".join(f'"{name}": {_written(point[name])}' for name in names) + "}"


def _written(x: np.ndarray) -> str:
    return repr(x.item()) if x.ndim == 0 else f"np.array({x.tolist()})" if x.size else f"np.zeros({x.shape})"


def _weights(shape: Shape) -> np.ndarray:
    """Numbers of which no two in a row are alike, so that gradients which change places are seen."""
    return (np.arange(int(np.prod(shape))) * 3 % 7 * 0.25 - 0.5).reshape(shape)


# How every engine answers


def by_backward(loss: Callable[..., Any], program: Program) -> list[Any]:
    def answer(leaves: dict[str, mg.Value], f: mg.Value) -> list[Any]:
        f.backward()
        return [leaves[k].grad for k in program.wrt]

    return _eager(loss, program, answer)


def by_grad(loss: Callable[..., Any], program: Program) -> list[Any]:
    return _eager(loss, program, lambda leaves, f: [g.data for g in mg.grad(f, [leaves[k] for k in program.wrt])])


def _eager(loss: Callable[..., Any], program: Program, gradients: Callable[..., list[Any]]) -> list[Any]:
    answers = []
    for point in _worlds(program):
        leaves = {name: mg.Value(point[name], label=name) for name in program.leaves}
        f = loss(**leaves)
        answers.append([f.data, *gradients(leaves, f)])
    return [np.mean(parts, axis=0) for parts in zip(*answers, strict=True)]


def _worlds(program: Program) -> Iterator[Point]:
    """The points at which the engine is asked: one, or with inputs in scalars one for each row."""
    if not (program.scalars and program.inputs):
        yield program.at
        return
    for i in range(len(program.at[program.inputs[0]])):
        yield {k: x[i] if k in program.inputs else x for k, x in program.at.items()}


def by_program(backend: str) -> Callable[..., list[Any]]:
    def answer(loss: Callable[..., Any], program: Program) -> list[Any]:
        leaves = {name: mg.Value(program.recorded[name], label=name) for name in program.leaves}
        wrt, inputs = [leaves[k] for k in program.wrt], [leaves[k] for k in program.inputs]
        compiled = mg.compile(loss(**leaves), wrt, inputs, backend)
        for leaf, name in zip(wrt, program.wrt, strict=True):
            leaf.data = program.at[name]
        value, gradients = compiled(*[program.at[k] for k in program.inputs])
        return [value, *gradients]

    return answer


ENGINES: dict[str, Callable[..., list[Any]]] = {
    "eager": by_backward,
    "mg.grad": by_grad,
    "numpy": by_program("numpy"),
    "jit": by_program("jit"),
}


def disagreement(program: Program) -> str:
    """What every engine answers where they disagree, otherwise nothing."""
    namespace: dict[str, Any] = {"np": np, "mg": mg}
    exec(program.function(), namespace)
    answers: dict[str, Any] = {}
    for name, engine in ENGINES.items():
        try:
            answers[name] = engine(namespace["loss"], program)
        except Exception as error:  # an engine that fails where another answers disagrees
            answers[name] = f"{type(error).__name__}: {error}"
    first = answers["eager"]
    if all(_agree(found, first) for found in answers.values()):
        return ""
    return "\n".join(f"{name:8} {_shown(found)}" for name, found in answers.items())


def _agree(found: Any, expected: Any) -> bool:
    if isinstance(found, str) or isinstance(expected, str):
        return isinstance(found, str) and isinstance(expected, str)
    return all(_close(np.asarray(a), np.asarray(b)) for a, b in zip(found, expected, strict=True))


def _close(found: np.ndarray, expected: np.ndarray) -> bool:
    if found.shape != expected.shape or not np.array_equal(np.isnan(found), np.isnan(expected)):
        return False
    off = np.abs(found - expected)[~np.isnan(expected)]
    largest = np.max(np.abs(expected[~np.isnan(expected)]), initial=1.0)
    return bool(np.all(off <= TOLERANCE * largest))


def _shown(answer: Any) -> str:
    return answer if isinstance(answer, str) else ", ".join(str(np.asarray(part).tolist()) for part in answer)


# How a program is drawn


@dataclass
class Variable:
    """A name with its numbers at every point where the program is asked, and how exact they are."""

    name: str
    worlds: list[np.ndarray]
    exact: int
    rowed: bool = False

    @property
    def shape(self) -> Shape:
        return self.worlds[0].shape

    @property
    def ndim(self) -> int:
        return self.worlds[0].ndim

    def within(self, low: float, high: float = LARGEST) -> bool:
        return all(np.all((x >= low) & (x <= high)) for x in self.worlds)


class Unfit(Exception):  # noqa: N818, no error: this choice does not fit, and another is drawn
    """The operation that was drawn does not fit the variables that were drawn for it."""


@dataclass
class Draft:
    """A program being drawn."""

    rng: np.random.Generator
    variables: list[Variable] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    def choose(self, options: Sequence[Any]) -> Any:
        if not options:
            raise Unfit
        return options[self.rng.integers(len(options))]

    def any(self, ndim: int | None = None, rowed: bool | None = None) -> Variable:
        """One of the variables, the latest with every second draw."""
        fit = [v for v in self.variables if ndim in (None, v.ndim) and rowed in (None, v.rowed)]
        if not fit:
            raise Unfit
        return fit[-1] if self.rng.random() < 0.5 else self.choose(fit)

    def add(self, text: str, *args: Variable, exact: int, rowed: bool | None = None) -> None:
        names = tuple(v.name for v in args)
        rowed = any(v.rowed for v in args) if rowed is None else rowed
        code = compile(text.format(*names), "line", "eval")
        worlds = []
        for i in range(max(len(v.worlds) for v in args)):
            given = {v.name: _number(v.worlds[i % len(v.worlds)]) for v in args}
            with np.errstate(all="ignore"):
                worlds.append(np.asarray(eval(code, {"np": np, "mg": mg}, given), float))
        variable = Variable(f"t{len(self.lines) + 1}", worlds, exact, rowed)
        if len(worlds) > 1 and variable.ndim:
            raise Unfit  # with inputs in scalars, what is computed from them is scalars throughout
        if not variable.within(-LARGEST) or not variable.worlds[0].size or variable.worlds[0].size > 3000:
            raise Unfit
        self.variables.append(variable)
        self.lines.append(Line(variable.name, text, names, variable.shape, rowed))


def _number(x: np.ndarray) -> Any:
    return x.item() if x.ndim == 0 else x


def _compared(exact: int, *gaps: np.ndarray) -> None:
    """Numbers may be compared if all that differ do so by more than rounding, and if those that tie do so anyhow."""
    for gap in gaps:
        near = np.abs(gap) <= APART
        if np.any(near & (gap != 0.0)) or (exact == ROUNDED and np.any(near)):
            raise Unfit


def _each(*variables: Variable) -> Iterator[tuple[np.ndarray, ...]]:
    for i in range(max(len(v.worlds) for v in variables)):
        yield tuple(v.worlds[i % len(v.worlds)] for v in variables)


def _below_largest(x: np.ndarray, axes: Any) -> np.ndarray:
    """How far all but the first of the largest lie below it."""
    return np.max(x, axis=axes, keepdims=True) - x


# One function for each kind of line; it raises Unfit where what was drawn cannot be


def smooth(d: Draft) -> None:
    name, low, high = d.choose(
        [
            *[("tanh", -9, 9), ("sigmoid", -9, 9), ("softplus", -9, 9), ("exp", -9, 3), ("expm1", -9, 3)],
            *[("log", 0.25, LARGEST), ("log1p", -0.5, LARGEST), ("sqrt", 0.25, LARGEST)],
        ]
    )
    x = d.any()
    if not x.within(low, high):
        raise Unfit
    d.add(f"mg.{name}({{0}})", x, exact=max(x.exact, SAME))


def polynomial(d: Draft) -> None:
    x = d.any()
    text, low, exact = d.choose(
        [("-{0}", -LARGEST, EXACT), ("mg.square({0})", -LARGEST, EXACT), ("{0} * 0.5", -LARGEST, EXACT)]
        + [(f"{{0}} ** {e}", -LARGEST, EXACT) for e in (0, 1, 2, 3)]
        + [(f"{{0}} ** {e}", 0.25, SAME) for e in (-1, -2, 0.5, 1.5, -0.5)]
        + [("1.5 - {0}", -LARGEST, EXACT), ("2.0 / {0}", 0.25, SAME), ("0.5 ** {0}", -5, SAME)]
    )
    if not x.within(low, 5 if "0.5 **" in text else LARGEST):
        raise Unfit
    d.add(text, x, exact=max(x.exact, exact))


def kink(d: Draft) -> None:
    x = d.any()
    for (a,) in _each(x):
        _compared(x.exact, a)
    d.add(d.choose(["mg.relu({0})", "mg.abs({0})", "mg.maximum({0}, 0.0)", "mg.minimum(0.0, {0})"]), x, exact=x.exact)


def _pair(d: Draft) -> tuple[Variable, Variable]:
    a, b = d.any(), d.any()
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError as error:
        raise Unfit from error
    if a.rowed != b.rowed and max(a.ndim, b.ndim) and (a.ndim <= b.ndim if a.rowed else b.ndim <= a.ndim):
        raise Unfit  # the rows would meet another axis
    if a.rowed and b.rowed and a.ndim != b.ndim:
        raise Unfit
    return a, b


def arithmetic(d: Draft) -> None:
    a, b = _pair(d)
    text = d.choose(["{0} + {1}", "{0} - {1}", "{0} * {1}", "{0} / {1}", "mg.power({0}, {1})"])
    exact = EXACT if a.exact == b.exact == EXACT else ROUNDED
    if "/" in text or "power" in text:
        exact = ROUNDED
        if not b.within(0.25, 4.0) or ("power" in text and not a.within(0.25, 4.0)):
            raise Unfit
    d.add(text, a, b, exact=exact)


def comparison(d: Draft) -> None:
    a, b = _pair(d)
    exact = max(a.exact, b.exact)
    for x, y in _each(a, b):
        _compared(exact, x - y)
    relation = d.choose(["{0} < {1}", "{0} <= {1}", "{0} > {1}", "{0} >= {1}", "mg.equal({0}, {1})"])
    texts = ["mg.maximum({0}, {1})", "mg.minimum({0}, {1})"]
    texts += [f"mg.where({relation}, {{0}}, {{1}})", f"mg.where({relation}, {{1}} * 0.5, {{0}})"]
    d.add(d.choose(texts), a, b, exact=exact)


def condition(d: Draft) -> None:
    """where by a number: one side a number too."""
    a = d.any()
    for (x,) in _each(a):
        _compared(a.exact, x - 1.0)
    relation = d.choose(["<", "<=", ">", ">="])
    d.add(
        d.choose([f"mg.where({{0}} {relation} 1.0, {{0}}, 0.25)", f"({{0}} {relation} 1.0) * {{0}}"]), a, exact=a.exact
    )


def _axes(d: Draft, x: Variable) -> Any:
    """None, a number or a tuple; never the rows."""
    first = 1 if x.rowed else 0
    if x.ndim <= first:
        raise Unfit
    axes = sorted(d.rng.permutation(np.arange(first, x.ndim))[: d.rng.integers(1, x.ndim - first + 1)].tolist())
    if len(axes) == x.ndim and d.rng.random() < 0.5:
        return None
    return axes[0] - d.choose([0, x.ndim]) if len(axes) == 1 else tuple(axes)


def reduction(d: Draft) -> None:
    x = d.any()
    axes, keepdims = _axes(d, x), d.choose(["", ", keepdims=True"])
    name = d.choose(["sum", "mean", "max", "max"])
    exact = x.exact
    if name == "max":
        for (a,) in _each(x):
            _compared(x.exact, _below_largest(a, axes)) if x.exact != ROUNDED else _lonely(
                _below_largest(a, axes), axes
            )
    else:
        count = x.worlds[0].size // np.sum(x.worlds[0], axis=axes).size
        exact = EXACT if x.exact == EXACT and (name == "sum" or count & (count - 1) == 0) else ROUNDED
    d.add(f"mg.{name}({{0}}, axis={axes}{keepdims})", x, exact=exact)


def _lonely(gap: np.ndarray, axes: Any) -> None:
    """One number is the largest, and by more than rounding."""
    if np.any(np.sum(gap <= APART, axis=axes) > 1):
        raise Unfit


def shares(d: Draft) -> None:
    x = d.any()
    first = 1 if x.rowed else 0
    if x.ndim <= first:
        raise Unfit
    axis = d.choose(range(first, x.ndim))
    d.add(f"mg.{d.choose(['softmax', 'log_softmax'])}({{0}}, axis={axis})", x, exact=ROUNDED)


def shape(d: Draft) -> None:
    x = d.any()
    if x.ndim == 0:
        raise Unfit
    choice = d.rng.integers(3)
    if choice == 0:
        inner = x.shape[1:] if x.rowed else x.shape
        size = int(np.prod(inner))
        options = [(size,), (size, 1), (1, size), *[(k, size // k) for k in (2, 3, 4) if size % k == 0]]
        new = d.choose(options)
        d.add(f"mg.reshape({{0}}, {(-1, *new) if x.rowed else new})", x, exact=x.exact)
    elif choice == 1:
        first = [0] if x.rowed else []
        axes = (*first, *d.rng.permutation(np.arange(len(first), x.ndim)).tolist())
        d.add("{0}.T" if not x.rowed and d.rng.random() < 0.3 else f"mg.transpose({{0}}, {axes})", x, exact=x.exact)
    else:
        if x.rowed:
            raise Unfit
        d.add(f"mg.broadcast_to({{0}}, {(2, *x.shape)})", x, exact=x.exact)


def index(d: Draft) -> None:
    x = d.any()
    if x.ndim == 0:
        raise Unfit
    parts: list[str] = []
    arrays = 0
    for axis, n in enumerate(x.shape):
        options = [":", ":"] if axis or not x.rowed else [":"]
        if axis or not x.rowed:
            options += [f"{d.rng.integers(n)}:", "::-1", f":{n}:2"]
            if not (x.rowed and arrays):
                options += [str(d.rng.integers(-n, n))]
            if not (arrays or (x.rowed and any(part.lstrip("-").isdigit() for part in parts))):
                picks = d.rng.integers(-n, n, size=d.choose([1, 2, 3])).tolist()
                mask = [True, *(d.rng.random(n - 1) < 0.5).tolist()]
                options += [f"np.array({picks})", f"{picks}", f"np.array({mask})"]
        part = d.choose(options)
        arrays += "[" in part
        parts.append(part)
    if d.rng.random() < 0.15 and not x.rowed:
        parts.insert(d.rng.integers(len(parts) + 1), "None")
    if d.rng.random() < 0.2 and not arrays and len(parts) > 1 and not x.rowed:
        parts[-1:] = ["...", parts[-1]]
    d.add(f"{{0}}[{', '.join(parts)}]", x, exact=x.exact)


def joining(d: Draft) -> None:
    a, b = d.any(), d.any()
    first = 1 if a.rowed else 0
    if a.rowed != b.rowed or a.ndim != b.ndim:
        raise Unfit
    if d.rng.random() < 0.5 and a.shape == b.shape:
        axis = d.choose(range(first, a.ndim + 1))
        d.add(f"mg.stack([{{0}}, {{1}}], axis={axis})", a, b, exact=max(a.exact, b.exact))
        return
    fit = [i for i in range(first, a.ndim) if a.shape[:i] + a.shape[i + 1 :] == b.shape[:i] + b.shape[i + 1 :]]
    if not fit:
        raise Unfit
    d.add(f"mg.concatenate([{{0}}, {{1}}], axis={d.choose(fit)})", a, b, exact=max(a.exact, b.exact))


def product(d: Draft) -> None:
    a, b = d.any(), d.any()
    if a.ndim == 0 or b.ndim == 0 or b.rowed or (a.rowed and (a.ndim < 2 or b.ndim > 2)):
        raise Unfit
    if a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
        if b.ndim != 2 or b.shape[1] != a.shape[-1]:
            raise Unfit
        text = "{0} @ {1}.T"
    else:
        text = "{0} @ {1}"
    try:
        np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError as error:
        raise Unfit from error
    d.add(text, a, b, exact=EXACT if a.exact == b.exact == EXACT else ROUNDED)


def convolution(d: Draft) -> None:
    x, w = d.any(ndim=4), d.any(ndim=4, rowed=False)
    stride, padding = d.choose([1, 1, 2, (1, 2)]), d.choose([0, 0, 1, (1, 0)])
    rows, columns = [
        n + 2 * p for n, p in zip(x.shape[2:], padding if isinstance(padding, tuple) else (padding,) * 2, strict=True)
    ]
    if x.shape[1] != w.shape[1] or w.shape[2] > rows or w.shape[3] > columns:
        raise Unfit
    options = f", stride={stride}, padding={padding}" if (stride, padding) != (1, 0) else ""
    d.add(
        f"mg.conv2d({{0}}, {{1}}{options})",
        x,
        w,
        exact=EXACT if x.exact == w.exact == EXACT else ROUNDED,
        rowed=x.rowed,
    )


def pooling(d: Draft) -> None:
    x = d.any(ndim=4)
    size, stride = d.choose([2, 2, (1, 2), (2, 1), 3, (2, 3)]), d.choose(["", "", ", stride=1", ", stride=(2, 1)"])
    kh, kw = size if isinstance(size, tuple) else (size, size)
    if x.shape[2] < kh or x.shape[3] < kw:
        raise Unfit
    if d.rng.random() < 0.4:
        exact = EXACT if x.exact == EXACT and kh * kw in (1, 2, 4) else ROUNDED
        d.add(f"mg.avg_pool2d({{0}}, {size}{stride})", x, exact=exact)
        return
    for (a,) in _each(x):
        windows = np.lib.stride_tricks.sliding_window_view(a, (kh, kw), axis=(2, 3))
        gap = _below_largest(windows, (4, 5))
        _compared(x.exact, gap) if x.exact != ROUNDED else _lonely(gap, (4, 5))
    d.add(f"mg.max_pool2d({{0}}, {size}{stride})", x, exact=x.exact)


IN_SCALARS = (
    smooth,
    polynomial,
    kink,
    kink,
    arithmetic,
    arithmetic,
    comparison,
    comparison,
    condition,
    joining,
    reduction,
)
IN_ARRAYS = (
    *(smooth, polynomial, kink, arithmetic, arithmetic, comparison, condition, reduction, reduction, reduction),
    *(shares, shape, index, index, joining, product, product),
)
OF_IMAGES = (*IN_ARRAYS, convolution, convolution, pooling, pooling, pooling)
KINDS: dict[str, tuple[Sequence[Callable[[Draft], None]], Sequence[Callable[[Draft], None]]]] = {
    # what comes first, and what may follow
    "scalar": ((arithmetic, comparison, kink), IN_SCALARS),
    "tensor": ((arithmetic, product, reduction, comparison), IN_ARRAYS),
    "conv": ((convolution,), OF_IMAGES),
    "pool": ((pooling,), OF_IMAGES),
}


def drawn(seed: int, index: int) -> Program:
    """Program `index` of a seed."""
    rng = np.random.default_rng([seed, index])
    kind = list(KINDS)[index % len(KINDS)]
    while True:
        d = Draft(rng)
        shapes, inputs = _leaves(d, kind)
        recorded = {name: _numbers(rng, (2, *s[1:]) if rowed and s else s) for name, (s, rowed) in shapes.items()}
        scalars = kind == "scalar"
        at = {name: _numbers(rng, (5,) if scalars and name in inputs else s) for name, (s, _) in shapes.items()}
        for name, (_, rowed) in shapes.items():
            x = at[name]
            exact = EXACT if np.array_equal(x, np.round(2 * x) / 2) else SAME
            worlds = [np.asarray(number) for number in x] if scalars and name in inputs else [x]
            d.variables.append(Variable(name, worlds, exact, rowed))
        starts, steps = KINDS[kind]
        if _extended(d, starts, 1) and _extended(d, steps, int(rng.integers(1, 7))):
            break
    wrt = tuple(name for name in shapes if name not in inputs)
    used = {name for line in d.lines for name in line.args}
    ends = tuple(line.name for line in d.lines if line.name not in used)
    # Inputs in scalars may enter no array, as compile says; with a penalty they would, through a gradient.
    without_arrays = scalars and all(v.shape == () for v in d.variables)
    penalty = bool(rng.random() < 0.25 and (without_arrays or not inputs))
    program = Program(tuple(inputs), wrt, tuple(d.lines), shapes, ends, penalty, recorded, at, scalars)
    return _without_unused(program)


def _extended(d: Draft, steps: Sequence[Callable[[Draft], None]], count: int) -> bool:
    """Whether as many lines could be added."""
    tries = 0
    wanted = len(d.lines) + count
    while len(d.lines) < wanted and tries < 60:
        tries += 1
        with contextlib.suppress(Unfit):
            d.choose(steps)(d)
    return len(d.lines) == wanted


def _leaves(d: Draft, kind: str) -> tuple[dict[str, tuple[Shape, bool]], list[str]]:
    """The shapes of the leaves, and which take rows: none in half of the programs."""
    rng, with_rows, wide = d.rng, d.rng.random() < 0.5, d.rng.random() < 0.15
    if kind == "scalar":
        names = ["x", "y", "a", "b", "c"][: rng.integers(3, 6)]
        inputs = names[: rng.integers(1, 3)] if with_rows else []
        return {name: ((), name in inputs) for name in names}, inputs
    if kind == "tensor":
        sizes = [1, 2, 4, 11] if wide else [1, 2, 2, 4]
        common = tuple(d.choose(sizes) for _ in range(3))

        def part() -> Shape:
            whole = common[rng.integers(0, 3) :]
            return tuple(1 if rng.random() < 0.15 else n for n in whole)

        shapes: dict[str, tuple[Shape, bool]] = {}
        if with_rows:
            shapes["x"] = ((3, *part()), True)
        shapes.update(a=(part(), False), b=(part(), False))
        if rng.random() < 0.3:
            shapes["c"] = ((), False)
        return shapes, ["x"] if with_rows else []
    channels, height, width = (
        d.choose([1, 2]),
        d.choose([9, 10] if wide else [3, 4]),
        d.choose([7, 8] if wide else [3, 4, 5]),
    )
    shapes = {"x": ((3 if with_rows else d.choose([1, 2]), channels, height, width), with_rows)}
    kernel = (d.choose([1, 2]), channels, d.choose([1, 2, 3]), d.choose([2, 3]))
    shapes["w"] = (kernel, False)
    if rng.random() < 0.5 or kind == "pool":
        shapes["b"] = ((width,), False)
    return shapes, ["x"] if with_rows else []


def _numbers(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Small integers, or halves, or seldom any numbers."""
    kind = rng.random()
    if kind < 0.7:
        return rng.integers(-2, 3, size=shape) * np.ones(shape)
    if kind < 0.85:
        return rng.integers(-1, 2, size=shape) * np.full(shape, 0.5)
    return np.asarray(np.round(rng.normal(size=shape), 3), float)


# How a program that was found is made short


def shortest(program: Program, wrong: Callable[[Program], Any]) -> Program:
    """The program with lines, gradients and numbers taken away, as long as `wrong` holds of what is left."""
    again = True
    while again:
        again = False
        for candidate in _shorter(program):
            if wrong(candidate):
                program, again = candidate, True
                break
    return program


def _shorter(program: Program) -> Iterator[Program]:
    if program.penalty:
        yield replace(program, penalty=False)
    for end in program.ends if len(program.ends) > 1 else ():
        yield _without_unused(replace(program, ends=tuple(other for other in program.ends if other != end)))
    for line in program.lines:
        if line.name not in program.ends:
            yield _without_unused(replace(program, ends=(line.name,)))
    for i, line in enumerate(program.lines):
        for other in (*program.leaves, *[before.name for before in program.lines[:i]]):
            if program.shape_of(other) == program.shape_of(line.name):
                yield _without_unused(_renamed(program, line.name, other))
    for name in program.leaves:
        if np.ptp(program.at[name]) > 0.0:
            for number in (0.0, 1.0):
                yield replace(program, at={**program.at, name: np.full_like(program.at[name], number)})
        recorded, at = program.recorded[name], program.at[name]
        if recorded.shape == at.shape and not np.array_equal(recorded, at):
            yield replace(program, recorded={**program.recorded, name: at})


def _renamed(program: Program, name: str, other: str) -> Program:
    """`other` wherever `name` was used."""
    lines = [
        replace(line, args=tuple(other if arg == name else arg for arg in line.args))
        for line in program.lines
        if line.name != name
    ]
    return replace(
        program, lines=tuple(lines), ends=tuple(dict.fromkeys(other if end == name else end for end in program.ends))
    )


def _without_unused(program: Program) -> Program:
    needed, lines = set(program.ends), []
    for line in reversed(program.lines):
        if line.name in needed:
            needed.update(line.args)
            lines.append(line)
    inputs = tuple(k for k in program.inputs if k in needed)
    wrt = tuple(k for k in program.wrt if k in needed) or program.wrt[:1]
    kept = {*inputs, *wrt}
    points = [{k: x for k, x in point.items() if k in kept} for point in (program.recorded, program.at)]
    return replace(program, lines=tuple(reversed(lines)), inputs=inputs, wrt=wrt, recorded=points[0], at=points[1])


# The run


def disagreements(seed: int, indices: Sequence[int]) -> Iterator[tuple[int, Program, str]]:
    """The programs on which the engines disagree: index, program made short, and the answers to it."""
    for i in indices:
        program = drawn(seed, i)
        if disagreement(program):
            short = shortest(program, disagreement)
            yield i, short, disagreement(short)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=20000, help="how many programs (default 20000)")
    parser.add_argument("--seed", type=int, default=0, help="which programs (default 0)")
    parser.add_argument("--start", type=int, default=0, help="the index of the first (default 0)")
    options = parser.parse_args(arguments)
    os.environ["MICROGRADCNN_CACHE"] = ""  # nothing that is compiled here is needed again
    found = 0
    for i, program, answers in disagreements(options.seed, range(options.start, options.start + options.count)):
        found += 1
        print(f"# seed {options.seed}, program {i}\n{program.pasted()}\n# {answers.replace(chr(10), chr(10) + '# ')}\n")
        sys.stdout.flush()
    print(f"{options.count} programs of seed {options.seed}: {found} on which the engines disagree")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
