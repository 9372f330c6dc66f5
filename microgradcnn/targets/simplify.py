"""Fewer lines with the same numbers: constants folded, duplicates merged, what does nothing dropped.

Every rule holds for NaN and infinities too: x·1, x + 0 and −(−x) are dropped, x·0 and x − x are not. Products of
numbers are taken together, which changes a result by a rounding at most.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context
from dataclasses import replace
from typing import Any

import numpy as np

from microgradcnn.engine.functions import BUILT_IN
from microgradcnn.engine.record import TABLE
from microgradcnn.targets.lines import LEAVES, Line, Lines, broadcast, hashable, is_own, known_size
from microgradcnn.targets.notation import UnopenedError
from microgradcnn.targets.trace import steps_of

Rule = Callable[["_Simplifier", Line], Line | None]


def simplified(lines: Lines) -> Lines:
    """The same outputs from fewer lines; those that no output needs are gone."""
    return _rewritten(lines, _Simplifier(RULES))


def opened(lines: Lines, *targets: str) -> Lines:
    """The same with what the notations are made of for primitives of the user's own, where that can be had.

    Those stay that have a line of their own for all `targets`, and those whose notation says less, or something else,
    than they compute. All gradients are there already, by the rules that the user gave.
    """
    if not any(map(is_own, lines.order)):
        return lines
    # In a context of its own: neither no_grad() nor debug() is about the nodes that are made on the way.
    return Context().run(_rewritten, lines, _Simplifier({}, targets))


def _rewritten(lines: Lines, simplifier: _Simplifier) -> Lines:
    for leaf in (*lines.inputs, *lines.parameters):
        simplifier.new[leaf] = leaf
    for line in lines.order:
        simplifier.take(line)
    for old, new in list(simplifier.new.items()):
        simplifier.explain(old, new)
    return lines.with_outputs([simplifier.new[line] for line in lines.outputs])


class _Simplifier:
    """Old lines in, new lines out, each kept once."""

    def __init__(self, rules: Mapping[str, tuple[Rule, ...]], targets: Sequence[str] = ()) -> None:
        self.rules, self.targets = rules, targets
        self.new: dict[Line, Line] = {}
        self.kept: dict[Any, Line] = {}

    def take(self, line: Line) -> None:
        """Find what stands for `line`, whose arguments have been taken."""
        if line in self.new:
            return
        args = tuple([self.new[arg] for arg in line.args])
        taken = line if args == line.args else line.changed(line.op, args)
        self.new[line] = self.opened(taken, line) if is_own(line) else self.made(taken)

    def opened(self, line: Line, before: Line) -> Line:
        """What a notation is made of, for `line`, which is `before` on new arguments; itself if it cannot be had."""
        try:
            steps = [] if all(target in TABLE[line.op].targets for target in self.targets) else steps_of(line)
        except UnopenedError:
            steps = []
        self.new.update((arg, arg) for arg in line.args)
        for step in steps[:-1]:
            step.within = before.sent or before.within
        for part in (part for step in steps for part in (*step.args, step)):
            self.take(part)
        return self.new[steps[-1]] if steps else self.made(line)

    def made(self, line: Line) -> Line:
        """`line` simplified, or the equal one that there is already."""
        if 0 in line.shape and line.op not in LEAVES:
            line = _of_no_numbers(line)
        for rule in self.rules.get(line.op, ()):
            found = rule(self, line)
            if found is not None:
                return found
        return self.kept.setdefault(_key(line), line)

    def line(self, op: str, *args: Line, like: Line, **static: Any) -> Line:
        """A new line, simplified, with the shape, type and name of `like`."""
        return self.made(like.changed(op, args, static))

    def number(self, value: float, power: int, like: Line) -> Line:
        """value·n^power, of the type of `like`."""
        return self.made(Line("number", dtype=like.dtype, value=value, power=power, label=like.label))

    def explain(self, old: Line, new: Line) -> None:
        """Give `new` the place of `old` in the chain rule, and its name where it has none."""
        if new.op in LEAVES or (old is new and not (old.sent or old.within or old.totals)):
            return
        if old is new:
            new.sent, new.within = self._pair(old.sent), self._pair(old.within)
            new.totals = tuple([self.new.get(x, x) for x in old.totals])
            return
        new.label = new.label or old.label
        new.sent, new.within = new.sent or self._pair(old.sent), new.within or self._pair(old.within)
        new.totals += tuple(x for x in (self.new.get(x, x) for x in old.totals) if x not in new.totals)

    def _pair(self, pair: tuple[Line, Line] | None) -> tuple[Line, Line] | None:
        return pair and (self.new.get(pair[0], pair[0]), self.new.get(pair[1], pair[1]))


def _of_no_numbers(line: Line) -> Line:
    """An array without a number, whatever it is computed from: where there is nothing, nothing can be undefined."""
    zero = Line("number", dtype=line.dtype, value=line.dtype.type(0).item())
    return line.changed("broadcast_to", (zero,), {"shape": line.shape})


def _key(line: Line) -> Any:
    if line.op == "number":
        return line.op, repr(line.value), line.power, line.dtype
    if line.op == "constant":
        return line.op, id(line.value)
    return line.op, line.args, hashable(line.static) if line.static else (), line.shape, line.dtype


def _fold(self: _Simplifier, line: Line) -> Line | None:
    """Numbers and arrays that are known now are computed now, if that makes nothing larger."""
    if line.varies or not all(arg.op in ("number", "constant") and not arg.power for arg in line.args):
        return None
    if known_size(line.shape) > max(known_size(arg.shape) for arg in line.args):
        return None
    value = TABLE[line.op].evaluate([arg.value for arg in line.args], line.static)
    if np.shape(value):
        return self.made(Line("constant", shape=line.shape, dtype=line.dtype, value=value, label=line.label))
    return self.number(np.asarray(value).item(), 0, line)


def _fold_counts(self: _Simplifier, line: Line) -> Line | None:
    """Products, quotients and negatives of multiples of n."""
    if line.varies or not all(arg.op == "number" and isinstance(arg.value, float) for arg in line.args):
        return None
    a, b = (line.args * 2)[:2]
    if line.op == "mul":
        return self.number(a.value * b.value, a.power + b.power, line)
    if line.op == "neg":
        return self.number(-a.value, a.power, line)
    return self.number(a.value / b.value, a.power - b.power, line) if b.value else None


def _neutral(number: float, places: tuple[int, ...]) -> Rule:
    """x op number is x, with the number at one of the places."""

    def rule(self: _Simplifier, line: Line) -> Line | None:
        for place in places:
            x = line.args[1 - place]
            if line.args[place].is_number(number) and x.shape == line.shape and x.dtype == line.dtype:
                return x
        return None

    return rule


def _same(self: _Simplifier, line: Line) -> Line | None:
    """A new shape or type that is the old one."""
    x = line.args[0]
    return x if x.shape == line.shape and x.dtype == line.dtype else None


def _quotients_to_share(self: _Simplifier, line: Line) -> Line | None:
    """where(c, a, b)/s as where(c, a/s, b/s) for numbers a and b: what others divide by s has the same quotients."""
    choice, s = line.args
    if line.shape or choice.op != "where" or not all(arg.op == "number" for arg in choice.args[1:]):
        return None
    quotients = [self.line("div", number, s, like=line) for number in choice.args[1:]]
    return self.line("where", choice.args[0], *quotients, like=line)


def _number_first(self: _Simplifier, line: Line) -> Line | None:
    a, b = line.args
    if b.op == "number" and a.op != "number":
        return self.line("mul", b, a, like=line)
    return None


def _numbers_together(self: _Simplifier, line: Line) -> Line | None:
    """c·(d·x) and c·(−x) with one number; −1·x as −x."""
    c, x = line.args
    if c.op != "number":
        return None
    if c.is_number(-1.0) and x.shape == line.shape and x.dtype == line.dtype:
        return self.line("neg", x, like=line)
    if x.op == "mul" and x.args[0].op == "number" and _is_ordinary(c.value * x.args[0].value, line.dtype):
        number = self.number(c.value * x.args[0].value, c.power + x.args[0].power, c)
        return self.line("mul", number, x.args[1], like=line)
    if x.op == "neg":
        return self.line("mul", self.number(-c.value, c.power, c), x.args[0], like=line)
    return None


def _is_ordinary(product: float, dtype: np.dtype[Any]) -> bool:
    """Whether a product of numbers neither overflowed nor vanished: c·(d·x) need not do so, whatever c·d does."""
    return bool(np.finfo(dtype).tiny <= abs(product) <= np.finfo(dtype).max)


def _minus(self: _Simplifier, line: Line) -> Line | None:
    """−(−x) as x, −(c·x) as (−c)·x."""
    (x,) = line.args
    if x.op == "neg":
        return x.args[0]
    if x.op == "mul" and x.args[0].op == "number":
        c, rest = x.args
        return self.line("mul", self.number(-c.value, c.power, c), rest, like=line)
    return None


def _minus_in_sum(self: _Simplifier, line: Line) -> Line | None:
    """a + (−b) as a − b, a − (−b) as a + b, (−a) + b as b − a."""
    a, b = line.args
    if b.op == "neg":
        return self.line("sub" if line.op == "add" else "add", a, b.args[0], like=line)
    if line.op == "add" and a.op == "neg":
        return self.line("sub", b, a.args[0], like=line)
    return None


def _small_power(self: _Simplifier, line: Line) -> Line | None:
    exponent, x = line.static["exponent"], line.args[0]
    if exponent == 1:
        return x
    return self.line("square", x, like=line) if exponent == 2 else None


def _no_need_to_repeat(self: _Simplifier, line: Line) -> Line | None:
    """An argument that was repeated to a shape which the other arguments give the result anyway."""
    for i, arg in enumerate(line.args if line.shape else ()):
        source = arg.args[0] if arg.op == "broadcast_to" else None
        if source is None:
            continue
        others = [source.shape, *(a.shape for j, a in enumerate(line.args) if j != i)]
        if broadcast(others) == line.shape:
            args = [source if j == i else a for j, a in enumerate(line.args)]
            return self.line(line.op, *args, like=line, **line.static)
    return None


def _column_times_row(self: _Simplifier, line: Line) -> Line | None:
    """A matrix product with one term is a product element by element."""
    a, b = line.args
    if len(a.shape) >= 2 and len(b.shape) >= 2 and a.shape[-1] == 1 and broadcast([a.shape, b.shape]) == line.shape:
        return self.line("mul", a, b, like=line)
    return None


def _no_new_axis(self: _Simplifier, line: Line) -> Line | None:
    """(1, ..., k) where (k,) broadcasts alike."""
    for i, arg in enumerate(line.args if line.shape else ()):
        if arg.op == "reshape" and arg.shape[:1] == (1,) and arg.shape[1:] == arg.args[0].shape:
            args = [arg.args[0] if j == i else a for j, a in enumerate(line.args)]
            if broadcast([a.shape for a in args]) == line.shape:
                return self.line(line.op, *args, like=line, **line.static)
    return None


def _transposed(self: _Simplifier, line: Line) -> Line | None:
    """(xᵀ)ᵀ as x, (a·b)ᵀ as bᵀ·aᵀ: a product is transposed before it is taken, when that costs nothing."""
    (x,) = line.args
    if len(x.shape) < 2 or line.static["axes"] == tuple(range(len(x.shape))):
        return x
    if len(x.shape) > 2 or line.static["axes"] not in (None, (1, 0)):
        return None
    if x.op == "transpose" and x.static["axes"] in (None, (1, 0)):
        return x.args[0]
    if x.op == "matmul" and all(len(arg.shape) == 2 for arg in x.args):
        a, b = (self.line("transpose", arg, like=replace(arg, shape=arg.shape[::-1]), axes=None) for arg in x.args)
        return self.line("matmul", b, a, like=line)
    return None


def _reshaped_again(self: _Simplifier, line: Line) -> Line | None:
    (x,) = line.args
    if x.op == "reshape":
        return self.line("reshape", x.args[0], like=line, **line.static)
    return None


def _reduced(line: Line) -> list[Any]:
    """The lengths of the axes that a reduction takes away."""
    shape, axis = line.args[0].shape, line.static["axis"]
    return [*shape] if axis is None else [shape[a] for a in axis]


def _nothing_to_reduce(self: _Simplifier, line: Line) -> Line | None:
    x = line.args[0]
    if all(length == 1 for length in _reduced(line)):
        return self.line("reshape", x, like=line, shape=line.shape)
    return x if x.shape == line.shape == () else None


def _mean_of_nothing(self: _Simplifier, line: Line) -> Line | None:
    """NaN, of which NumPy's own mean would warn."""
    if 0 not in _reduced(line):
        return None
    nan = self.number(math.nan, 0, line)
    return self.line("broadcast_to", nan, like=line, shape=line.shape) if line.shape else nan


def _nothing_to_guard(self: _Simplifier, line: Line) -> Line | None:
    """where(c = c, c, where(g = 0, 0, c)) as c, where c chooses between g and numbers: no NaN can come of g = 0.

    So backward passes write what may come of a 0 that a where() sent back. Where c is relu's rule, only the relu, which
    is 0 or NaN there, is guarded.
    """
    is_number, c, otherwise = line.args
    if is_number.op != "equal" or is_number.args != (c, c) or otherwise.op != "where" or c.op != "where":
        return None
    is_zero, zero, same = otherwise.args
    if is_zero.op != "equal" or not is_zero.args[1].is_number(0.0) or not zero.is_number(0.0) or same is not c:
        return None
    (g, _), (condition, then, rest) = is_zero.args, c.args
    if all(x is g or (x.op == "number" and not math.isnan(x.value)) for x in (then, rest)):
        return c
    if then is g and rest.op == "relu":
        return self.line("where", condition, g, self.line("where", is_zero, zero, rest, like=c), like=line)
    return None


_REPEATED = (_no_need_to_repeat, _no_new_axis)
RULES: dict[str, tuple[Rule, ...]] = {name: (_fold, *_REPEATED) for name in BUILT_IN if TABLE[name].elementwise}
RULES |= {
    "add": (_fold, *_REPEATED, _neutral(0.0, (0, 1)), _minus_in_sum),
    "sub": (_fold, *_REPEATED, _neutral(0.0, (1,)), _minus_in_sum),
    "mul": (_fold, _fold_counts, *_REPEATED, _neutral(1.0, (0, 1)), _number_first, _numbers_together),
    "div": (_fold, _fold_counts, *_REPEATED, _neutral(1.0, (1,)), _quotients_to_share),
    "neg": (_fold, _fold_counts, *_REPEATED, _minus),
    "power": (_fold, *_REPEATED, _small_power),
    "where": (_fold, *_REPEATED, _nothing_to_guard),
    "astype": (_fold, _same),
    "reshape": (_fold, _same, _reshaped_again),
    "broadcast_to": (_same,),
    "transpose": (_fold, _transposed),
    "matmul": (_fold, _column_times_row),
    "sum": (_fold, _nothing_to_reduce),
    "mean": (_fold, _mean_of_nothing, _nothing_to_reduce),
    **dict.fromkeys(("max", "min", "logsumexp"), (_fold, _nothing_to_reduce)),
    **dict.fromkeys(("getitem", "cumsum", "order", "take", "take_along_axis"), (_fold,)),
}
