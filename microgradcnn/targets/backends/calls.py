"""What primitives are in calls of NumPy that write into memory made before, and how functions are put together."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.functions import BUILT_IN
from microgradcnn.engine.kernels import MULTIPLIED
from microgradcnn.engine.record import TABLE
from microgradcnn.targets.lines import Line, Rows, known_size, lengths, own_shape

# The ufunc that writes a primitive's value into a buffer, after its arguments.
UFUNCS: dict[str, str] = {
    name: op.forward.__name__ for name, op in TABLE.items() if name in BUILT_IN and isinstance(op.forward, np.ufunc)
}

Steps = Callable[[Line, str, list[str]], list[str]]


def _sigmoid(line: Line, out: str, args: list[str]) -> list[str]:
    return [f"negative({args[0]}, {out}); exp({out}, {out}); add({out}, 1.0, {out}); reciprocal({out}, {out})"]


def _power(line: Line, out: str, args: list[str]) -> list[str]:
    exponent = line.static["exponent"]
    if exponent not in range(3, MULTIPLIED + 1):
        return [f"power({args[0]}, {exponent!r}, {out})"]
    return [f"multiply({' * '.join(args * (int(exponent) - 1))}, {args[0]}, {out})"]


def _where(line: Line, out: str, args: list[str]) -> list[str]:
    (condition, a, b), (_, taken, rest) = args, line.args
    is_zero = rest.is_number(0.0) and math.copysign(1.0, rest.value) > 0.0
    if is_zero and taken.is_number(1.0) and line.args[0].dtype == np.bool_:
        return [f"copyto({out}, {condition})"]
    if not _is_masked(line, taken) or not (is_zero or _is_masked(line, rest)):
        return [f"copyto({out}, {b}); copyto({out}, {a}, where={condition})"]
    if is_zero:
        return [masked(line, out, condition, a)]
    bits = _bits(line)
    different = masked(line, out, condition, f"bitwise_xor({a}{bits}, {b}{bits})")
    return [different, f"bitwise_xor({out}{bits}, {b}{bits}, {out}{bits})"]


def masked(line: Line, out: str, condition: str, x: str) -> str:
    """Calls that write x where a condition holds, and 0 elsewhere: NumPy's own selection guesses a branch a number."""
    bits = _bits(line)  # of True as a mask: ones, as −1 is
    mask = f"negative({condition}.view('i1'), {out}{bits})"
    return f"{mask}; bitwise_and({out}{bits}, {x}{bits}, {out}{bits})"


def _bits(line: Line) -> str:
    return f".view('i{line.dtype.itemsize}')"


def _is_masked(line: Line, branch: Line) -> bool:
    """Whether a where() takes each number, or leaves it out, from one array of its own shape and type."""
    condition = line.args[0]
    alike = branch.dtype == line.dtype and own_shape(condition) == own_shape(branch) == own_shape(line) != ()
    return alike and condition.dtype == np.bool_ and line.dtype.kind == "f" and branch.op != "number"


# Primitives that take several calls, or calls with more arguments.
STEPS: dict[str, Steps] = {
    "sigmoid": _sigmoid,
    "where": _where,
    "relu": lambda line, out, args: [f"{out}.fill(0.0); maximum({args[0]}, {out}, out={out})"],  # a number takes longer
    "softplus": lambda line, out, args: [f"logaddexp(0.0, {args[0]}, {out})"],
    "power": _power,
    "astype": lambda line, out, args: [f"copyto({out}, {args[0]})"],
}


COPIED = frozenset({"getitem", "transpose", "broadcast_to", "parameter"})  # for kernels: often not in one piece
IN_PLACE = frozenset({*UFUNCS, "sigmoid", "softplus", "power"})
OF_IMAGES = frozenset({"conv2d", "conv2d_input", "avg_pool2d", "max_pool2d", "fold"})
KEEPING_ORDER = frozenset({*UFUNCS, *STEPS, "reshape", "broadcast_to", "unfold"})


def is_flat_product(line: Line) -> bool:
    """Whether a product is one that np.dot takes, which is faster than np.matmul."""
    return len(line.shape) <= 2 and all(len(arg.shape) <= 2 for arg in line.args)


def is_stack(line: Line) -> bool:
    """Whether arrays, not numbers, are put side by side along an axis."""
    return line.op == "stack" and all(len(arg.shape) == len(line.shape) - 1 > 0 for arg in line.args)


def places_in(line: Line) -> tuple[str, ...]:
    """The text of the index at which each argument of a stack of arrays, or of an assembled array, is put in it."""
    if is_stack(line):
        before = ":, " * (line.static["axis"] % len(line.shape))
        return tuple([f"[{before}{k}]" for k in range(len(line.args))])
    # With an ellipsis the place of a number is an array of no axes, to which can be written.
    return tuple([f"[{(*index, ...)!r}]" for index in line.static["indices"]]) if line.op == "assembled" else ()


def has_runs(line: Line) -> bool:
    """Whether the numbers along the last axis of each part lie side by side in the line."""
    if is_stack(line):
        return line.static["axis"] % len(line.shape) < len(line.shape) - 1
    ends = [index[-1] if len(index) == len(line.shape) else slice(None) for index in line.static.get("indices", ())]
    return bool(ends) and all(type(end) is slice and end.step in (None, 1) for end in ends)


def is_tiled(line: Line) -> bool:
    """Whether the parts of a line cover it, each number once."""
    if line.op != "assembled":
        return is_stack(line)
    times = np.zeros(lengths(line.shape, 1), np.int8)
    for index in line.static["indices"]:
        times[index] += 1
    return bool((times == 1).all())


def keeps_last(line: Line) -> bool:
    """Whether a transpose leaves the last axis, of several in a stack of matrices, where it is."""
    axes = line.static["axes"]
    return axes is not None and len(axes) > 2 and axes[-1] == len(axes) - 1


def turned_back(line: Line) -> str:
    """The text that undoes a transpose."""
    return f".transpose({tuple(np.argsort(line.static['axes']).tolist())!r})"


def takes_any_memory(product: Line) -> bool:
    """Whether NumPy writes a product into any memory as fast as into one piece."""
    return is_flat_product(product) or len(product.args[1].shape) > 2


def product(line: Line, out: str, args: Sequence[str]) -> str:
    """A call that writes a product; all rows of a stack go through one matrix in one product of np.dot."""
    a, b = line.args
    if is_flat_product(line):
        return f"dot({args[0]}, {args[1]}, {out})"
    if len(b.shape) != 2 or 0 in b.shape or own_shape(line)[:-1] != own_shape(a)[:-1]:
        return f"matmul({args[0]}, {args[1]}, {out})"
    inner, outer = b.shape
    return f"dot({args[0]}.reshape(-1, {inner}), {args[1]}, {out}.reshape(-1, {outer}))"


def summed(line: Line, name: str, x: str) -> tuple[str, str] | None:
    """What is made once, and a call that writes a sum of x, which is in one piece, to %s by a product with ones.

    That takes half of NumPy's time or less, over the first axes, over the last and, as a bias of images is summed, over
    all but axis 1; None for other sums.
    """
    axis, shape, size = line.static["axis"], line.args[0].shape, known_size(line.shape)
    first, last = axis == tuple(range(len(axis or ()))), axis == (len(shape) - 1,)
    pixels = 0 if any(isinstance(length, Rows) for length in shape[2:]) else known_size(shape[2:])
    of_images = axis == (0, *range(2, len(shape))) and pixels
    if not size or line.args[0].dtype.kind != "f" or not (first or last or of_images):
        return None
    f, o, parts = f"f_{name}", f"o_{name}", f"{name}_"
    lengths = f"-1, {size}" if first else f"{size}, -1" if last else f"-1, {pixels}"
    kind = str(line.args[0].dtype)
    made = f"{f} = {x}.reshape({lengths}); {o} = ones({f}.shape[{int(not first)}], {kind!r})"
    if first or last:
        return made, f"dot({f'{o}, {f}' if first else f'{f}, {o}'}, %s.reshape({size}))"
    made += f"; {parts} = empty({f}.shape[0], {kind!r})"
    return made, f"dot({f}, {o}, {parts}); sum_({parts}.reshape(-1, {size}), 0, None, %s.reshape({size}))"


@dataclass(eq=False)
class Guard:
    """where(c = c, c, where(g = 0, 0, c)): what backward passes write where 0 times infinity is to be 0.

    NumPy looks for a NaN in c first, which takes one product, and hardly ever finds any: the result is c itself then.
    """

    line: Line
    c: Line
    g: Line
    takes_strides = False

    @property
    def args(self) -> tuple[Line, Line]:
        """What has to be there before."""
        return self.c, self.g

    @property
    def outputs(self) -> list[Line]:
        """What it computes."""
        return [self.line]


@dataclass(eq=False)
class Sent:
    """where(z > 0, g, c), or where(z > 0, g, where(g = 0, 0, c)), with c = relu(z): what relu sends back of g.

    That is g or 0, by a mask, unless there is a NaN in c: `rest` is what stands for c then, wherever z > 0 is not.
    """

    line: Line
    c: Line
    g: Line
    condition: Line
    rest: Line
    takes_strides = False

    @property
    def is_guarded(self) -> bool:
        """Whether nothing is sent back of a 0."""
        return self.rest is not self.c

    @property
    def args(self) -> tuple[Line, Line, Line]:
        """What has to be there before."""
        return self.c, self.g, self.condition

    @property
    def outputs(self) -> list[Line]:
        """What it computes."""
        return [self.line]


def rows_innermost(items: Iterable[Any]) -> set[Line]:
    """The lines whose first axis lies innermost in memory: images as convolutions make them, and what is made of those.

    None where some lines are computed in groups, whose kernels take other layouts.
    """
    found: set[Line] = set()
    for item in items:
        if not isinstance(item, Line | Guard | Sent):
            return set()
        line = item if isinstance(item, Line) else item.line
        follows = line.op in KEEPING_ORDER and len(line.shape) >= 4 and not found.isdisjoint(line.args)
        if follows or line.op in OF_IMAGES:
            found.add(line)
    return found


def guarded(each: Sequence[Line], others: Iterable[Line]) -> list[Line | Guard | Sent]:
    """The lines with guards instead of the lines that these are written in; `others` need some of them as well."""
    users: dict[Line, set[Line]] = {}
    for user in each:
        for arg in user.args:
            users.setdefault(arg, set()).add(user)
    needed = {arg for line in others for arg in line.args} | set(others)
    free = set(each) - needed
    guards: dict[Line, Guard | Sent] = {}
    gone: set[Line] = set()
    for line in each:
        guard = _as_guard(line) or _as_sent(line)
        if guard is None:
            continue
        condition, c, otherwise = line.args
        if isinstance(guard, Sent):
            written, known = {otherwise} - {guard.c}, users[otherwise] == {line} or not guard.is_guarded
        else:
            written = {condition, otherwise}
            known = users[c] == {*written, line} and users[condition] == users[otherwise] == {line}
            known = known and c in free
        if not known or not written <= free:
            continue
        guards[line] = guard
        gone |= written
        if otherwise in written:
            zero = otherwise.args[0]
            users[zero].remove(otherwise)
            if not users[zero] and zero not in needed:
                gone.add(zero)
    return [guards.get(line, line) for line in each if line not in gone]


def _as_guard(line: Line) -> Guard | None:
    if line.op != "where" or line.args[2].op != "where":
        return None
    (is_number, c, _), (is_zero, zero, same) = line.args, line.args[2].args
    if is_number.op != "equal" or is_number.args != (c, c) or same is not c or not zero.is_number(0.0):
        return None
    alike = c.op in UFUNCS and own_shape(c) == own_shape(line) != () and c.dtype == line.dtype and c.dtype.kind == "f"
    found = is_zero.op == "equal" and is_zero.args[1].is_number(0.0) and math.copysign(1.0, zero.value) > 0.0
    return Guard(line, c, is_zero.args[0]) if alike and found else None


def _as_sent(line: Line) -> Sent | None:
    if line.op != "where":
        return None
    condition, g, rest = line.args
    c = rest
    if rest.op == "where":
        is_zero, zero, c = rest.args
        if is_zero.op != "equal" or is_zero.args[0] is not g or not is_zero.args[1].is_number(0.0):
            return None
        if not zero.is_number(0.0):
            return None
    if c.op != "relu" or condition.op != "greater" or condition.args[0] is not c.args[0]:
        return None
    known = condition.args[1].is_number(0.0) and _is_masked(line, g) and _is_masked(line, c)
    return Sent(line, c, g, condition, rest) if known else None


def guard(c: Array, g: Any) -> None:
    """0 where c is NaN and g is 0."""
    if _has_nan(c):
        np.copyto(c, 0.0, where=np.isnan(c) & (g == 0.0))


def sent_nan(out: Array, c: Array, g: Any) -> None:
    """NaN where c is NaN and g is not 0."""
    if _has_nan(c):
        np.copyto(out, c, where=np.isnan(c) & (g != 0.0))


def _has_nan(x: Array) -> bool:
    flat = x.ravel("K")
    return math.isnan(np.dot(flat, flat))


def row_by_row(forward: Callable[..., Any], *columns: Any, **static: Any) -> Any:
    """A primitive of numbers, for every row by itself."""
    return np.array([forward(*row, **static) for row in zip(*np.broadcast_arrays(*columns), strict=True)])


def address(array: Array) -> int:
    """Where the numbers of an array lie in memory."""
    place: int = array.__array_interface__["data"][0]
    return place


def strides(array: Array) -> tuple[int, ...]:
    """The steps from a number to the next along every axis, in numbers."""
    return tuple([step // array.itemsize for step in array.strides])


def listed(names: Sequence[str]) -> str:
    """Names as the text of a tuple."""
    return f"({', '.join(names)}{',' if len(names) == 1 else ''})"


def function(name: str, arguments: Iterable[str], body: Iterable[str], results: Sequence[str]) -> list[str]:
    """The text of a function that returns a tuple."""
    return [f"def {name}({', '.join(arguments)}):", *indented([*body, f"return {listed(results)}"])]


def indented(lines: Iterable[str]) -> list[str]:
    """Lines of text one step further in, without empty ones."""
    return [f"    {line}" for line in lines if line]
