"""The numbers of one block of rows as a Python function that calls NumPy with buffers made once.

The text is for the machine, not for reading: `python.py` writes the program that people read. A buffer is used again
as soon as no later line needs what is in it, so that a block stays in the cache.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from microgradcnn.engine.functions import BUILT_IN
from microgradcnn.engine.record import TABLE
from microgradcnn.targets.backends.calls import (
    COPIED,
    IN_PLACE,
    STEPS,
    UFUNCS,
    address,
    function,
    indented,
    is_flat_product,
    listed,
    product,
    row_by_row,
)
from microgradcnn.targets.lines import Line, Rows, Shape, known_size, lengths, own_shape
from microgradcnn.targets.plan import SUMS, VIEWS, Plan, made_once

SHARING = VIEWS | {"getitem", "unfold"}  # these too, as NumPy computes them

OTHERS = (
    *("dot", "matmul", "reciprocal", "copyto", "bitwise_and", "bitwise_xor", "empty", "ones", "logaddexp"),
    *("broadcast_to", "ascontiguousarray", "array"),
)


def compiled(plan: Plan, items: Sequence[Any], kernels: Sequence[Callable[..., None]] = ()) -> dict[str, Any]:
    """The functions `before`, `make` and `after` of a plan, from generated source.

    `items` are the lines of every row in the order of their running; those that are groups of lines have a kernel each.

    `views(*shared)` gives what no step changes, `before(n, *shared, *views)` what else rows need and have not of
    their own; shared are inputs without rows and parameters, and all three together are `once`. `make(n, rows)`
    gives two functions of `sums`, the inputs of a block of `rows` rows and once: they write the arrays among the sums
    over rows into `sums`, or add to them, and return all sums. `after(n, *once, *sums)` gives the outputs. `row_bytes`
    is what a row takes while a block is computed, `row_traffic` what is written for it.
    """
    writer = _Writer(plan, items, kernels)
    text = writer.text()
    namespace = {**{name: getattr(np, name) for name in {*UFUNCS.values(), *OTHERS}}, **writer.namespace}
    exec(compile(text, "<program in blocks>", "exec"), namespace)
    inputs = [line for line in plan.lines.inputs if line.varies]
    namespace["text"] = text
    namespace["row_bytes"] = sum(map(_row_bytes, [*inputs, *(line for line in writer.block.memory if line.varies)]))
    namespace["row_traffic"] = sum(map(_row_bytes, plan.each))
    return namespace


class _Writer:
    """Writes the functions of a plan; `namespace` holds what their text refers to besides NumPy."""

    def __init__(self, plan: Plan, items: Sequence[Any], kernels: Sequence[Callable[..., None]]) -> None:
        self.plan, self.items, self.kernels = plan, items, iter(kernels)
        self.names: dict[Line, str] = {}
        self.namespace: dict[str, Any] = {"sum_": np.add.reduce, "lengths": lengths, "address": address}
        for kind, lines in (
            ("x", plan.lines.inputs),
            ("p", plan.lines.parameters),
            ("e", plan.before),
            ("r", plan.each),
            ("s", plan.sums),
            ("a", plan.after),
        ):
            self.names |= {line: f"{kind}{i}" for i, line in enumerate(lines)}

    def text(self) -> str:
        """The source of views, before, make and after."""
        names, plan = self.names, self.plan
        for_rows = plan.needed_by_rows()
        needed = [line for line in plan.before if line in for_rows]
        fixed = made_once(needed)
        given = [line for line in needed if line not in fixed]
        views, others = ([names[line] for line in lines] for lines in (fixed, given))
        shared = [names[v] for v in (*plan.lines.inputs, *plan.lines.parameters) if not v.varies]
        once = [*shared, *views, *others]
        make = self._make(once)
        after = [line for line in (*plan.before, *plan.after) if line not in needed]
        outputs = [self.name(line) for line in plan.lines.outputs]
        return "\n".join(
            [
                *function("views", shared, self._computed(fixed), views),
                *function("before", ["n", *shared, *views], self._computed(given), others),
                *make,
                *function("after", ["n", *once, *(names[v] for v in plan.sums)], self._computed(after), outputs),
            ]
        )

    def _make(self, once: Sequence[str]) -> list[str]:
        """The function that makes buffers, and the two functions that compute a block in them."""
        names, plan = self.names, self.plan
        rows = [names[v] for v in plan.lines.inputs if v.varies]
        sums = [f"t_{names[line]}" if line.shape else names[line] for line in plan.sums]
        arrays = [name for name, line in zip(sums, plan.sums, strict=True) if line.shape]
        block = self.block = _Block(self)
        code = [*([f"{listed(arrays)} = sums"] if arrays else []), *block.code]
        functions = [
            text
            for name, way in (("first", block.written), ("more", block.added))
            for text in function(name, ["sums", *rows, *once], [*code, *way], sums)
        ]
        # Kernels know addresses only: what lies there must live as long as the functions.
        kept = f"first.kept = {listed(block.kept)}"
        return ["def make(n, rows):", *indented([*block.made, *functions, kept, "return first, more"])]

    def _computed(self, lines: Iterable[Line]) -> list[str]:
        return [f"{self.names[line]} = {self.call(line)}" for line in lines]

    def name(self, line: Line) -> str:
        """How the text refers to a line: a name, or a number written out."""
        if line.op == "number":
            if line.power:
                return (
                    f"({line.value!r} * n ** {line.power})"
                    if line.power > 0
                    else f"({line.value!r} / n ** {-line.power})"
                )
            return repr(line.value) if math.isfinite(line.value) else f"float('{line.value}')"
        if line.op == "constant":
            return self.constant(line.value)
        return self.names[line]

    def constant(self, value: Any) -> str:
        """A name for something that the text refers to."""
        name = f"c{len(self.namespace)}"
        self.namespace[name] = value
        return name

    def call(self, line: Line, static: str = "") -> str:
        """The value of a line by its primitive, in memory of its own."""
        args = [self.name(arg) for arg in line.args]
        if line.static:
            args.append(f"**{static or self.constant(line.static)}")
        forward = TABLE[line.op].forward
        if line.varies and not line.shape and line.op not in BUILT_IN and TABLE[line.op].scalar is None:
            forward = partial(row_by_row, forward)  # which nobody said to work element by element
        text = f"{self.constant(forward)}({', '.join(args)})"
        return f"float({text})" if own_shape(line) == () and line.dtype == np.float32 else text


class _Block:
    """The lines of a block: `made` sets buffers up, `code` computes, then `written` or `added` are the sums."""

    def __init__(self, writer: _Writer) -> None:
        self.writer, self.names = writer, writer.names
        self.made: list[str] = []
        self.code: list[str] = []
        self.kept: list[str] = []  # what is read or written through addresses
        self.fixed: set[Line] = set()  # views of buffers, which are made once
        plan = writer.plan
        self.sources: dict[Line, Line] = {}  # whose memory a line lies in
        for line in plan.each:
            self.sources[line] = self.sources.get(line.args[0], line.args[0]) if line.op in SHARING else line
        self.last: dict[Line, int] = {}
        for i, item in enumerate((*writer.items, *plan.sums)):
            for arg in item.args:
                self.last[self.sources.get(arg, arg)] = i
        self.results = set(plan.each) & set(plan.sums)  # of a program without rows
        self.last |= {self.sources[line]: len(self.last) + len(writer.items) for line in self.results}
        self.buffers: dict[Line, str] = {}
        self.free: dict[Any, list[str]] = {}
        self.memory: list[Line] = []  # a line for every buffer, and for every array that is made anew
        for i, item in enumerate(writer.items):
            if isinstance(item, Line):
                self._write(i, item)
            else:
                self._write_group(i, item)
            self._release(i, item.args)
        self.written: list[str] = []  # sums over the block's rows, written where they belong
        self.added: list[str] = []  # the same, added to what is there
        for line in plan.sums:
            self._sum(line)

    def _write(self, i: int, line: Line) -> None:
        name, args = self.names[line], [self.writer.name(arg) for arg in line.args]
        if line.op in VIEWS and self._is_view(line):
            self._view(line, name, args)
        elif own_shape(line) and (line.op in UFUNCS or line.op in STEPS or line.op == "matmul"):
            self._own(i, line, line.args if line.op in IN_PLACE else ())
            if line.op in STEPS:
                self.code += STEPS[line.op](line, name, args)
            elif line.op == "matmul":
                self.code.append(product(line, name, args))
            else:
                # By position is faster, but the two selections warn of it.
                out = f"out={name}" if line.op in ("maximum", "minimum") else name
                self.code.append(f"{UFUNCS[line.op]}({', '.join(args)}, {out})")
        else:
            self.memory.append(line)
            value = self.writer.call(line, self._static(line))
            if line.op not in BUILT_IN:  # which may give a view of an argument, too
                value = f"array({value})"
            self.code.append(f"{name} = {value}")

    def _write_group(self, i: int, group: Any) -> None:
        """A call of the group's kernel, with the addresses of its operands and results, and its numbers."""
        for line in group.outputs:
            self._own(i, line, group.args if group.in_place else ())
        q, v = f"q{i}", f"v{i}"
        arrays = [*group.arrays, *group.outputs]
        self.kept += [q, v, *(self.names[line] for line in arrays if self._is_whole(line))]
        self.made.append(
            f"{q} = empty({len(arrays)}, 'uintp'); {v} = empty({len(group.numbers)}, {str(group.dtype)!r})"
        )
        for j, line in enumerate(arrays):
            name, own, kind = self.writer.name(line), f"{q}_{j}", str(line.dtype)
            if self._is_whole(line):
                self.made.append(f"{q}[{j}] = address({name})")
            elif line.op in COPIED:
                self.made.append(f"{own} = empty({_shape(own_shape(line))}, {kind!r}); {q}[{j}] = address({own})")
                self.code.append(f"copyto({own}, {name})")
            else:  # in its type: what is made of plain numbers alone is float64
                self.code.append(f"{own} = ascontiguousarray({name}, {kind!r}); {q}[{j}] = address({own})")
        for j, line in enumerate(group.numbers):
            (self.made if line.op == "number" else self.code).append(f"{v}[{j}] = {self.writer.name(line)}")
        whole = " * ".join(
            [f"{length.factor} * rows" if isinstance(length, Rows) else str(length) for length in group.shape]
        )
        inner = math.prod(lengths(group.shape[1:], 1)) // group.channels
        kernel = self.writer.constant(next(self.writer.kernels))
        rows = "rows" if any(line.varies for line in (*group.args, *group.outputs)) else str(group.shape[0])
        counts = f"1, {whole}" if group.is_flat else f"{rows}, {inner}"
        self.made.append(f"q{i}_, v{i}_, m{i} = address({q}), address({v}), ({counts})")
        self.code.append(f"{kernel}(q{i}_, v{i}_, *m{i})")

    def _is_whole(self, line: Line) -> bool:
        """Whether a line lies in memory of its own from one call to the next, without gaps and in order."""
        if line.op == "reshape" and line in self.fixed:
            return self._is_whole(line.args[0])
        return line in self.fixed and line.op not in VIEWS

    def _own(self, i: int, line: Line, spare: Sequence[Line]) -> None:
        """Give a line memory of its own: that of one of `spare` which is not needed any more, or a buffer."""
        self.made.append(f"{self.names[line]} = {self._buffer(i, line, spare)}")
        self.fixed.add(line)

    def _is_view(self, line: Line) -> bool:
        """A reshape of something that is not contiguous would be a copy, which has to be made anew for every block."""
        x = line.args[0]
        return line.op != "reshape" or x in self.buffers or self.sources.get(x) is None

    def _view(self, line: Line, name: str, args: list[str]) -> None:
        whole = f"broadcast_to({args[0]}, {_shape(line.shape)})"
        view = {
            "transpose": f"{args[0]}.transpose({line.static.get('axes')!r})",
            "reshape": f"{args[0]}.reshape({_shape(line.shape)})",
            "broadcast_to": whole,
        }[line.op if line.args[0].shape else "broadcast_to"]  # a number may be a float of Python's
        fixed = line.args[0] in self.fixed
        if fixed:
            self.fixed.add(line)
        (self.made if fixed else self.code).append(f"{name} = {view}")

    def _static(self, line: Line) -> str:
        """The arguments that are no arrays, with n replaced by the block's rows; made once."""
        if not line.static:
            return ""
        name = f"k_{self.names[line]}"
        self.made.append(f"{name} = lengths({self.writer.constant(line.static)}, rows)")
        return name

    def _buffer(self, i: int, line: Line, spare: Sequence[Line]) -> str:
        key = (own_shape(line), line.dtype)
        for arg in spare:
            last = self.sources.get(arg) is arg and self.last.get(arg) == i and arg in self.buffers
            if last and (own_shape(arg), arg.dtype) == key and self._once(spare, arg):
                self.buffers[line] = self.buffers.pop(arg)
                return self.buffers[line]
        if self.free.get(key):
            self.buffers[line] = self.free[key].pop()
        else:
            self.memory.append(line)
            self.buffers[line] = name = f"b{len(self.memory)}"
            self.made.append(f"{name} = empty({_shape(own_shape(line))}, {str(line.dtype)!r})")
        return self.buffers[line]

    def _once(self, args: Sequence[Line], arg: Line) -> bool:
        """Whether no other argument lies in the memory of `arg`, in another layout."""
        return all(other is arg or self.sources.get(other) is not arg for other in args)

    def _release(self, i: int, args: Sequence[Line]) -> None:
        for arg in dict.fromkeys(self.sources.get(arg, arg) for arg in args):
            if self.last[arg] == i and arg in self.buffers:
                self.free.setdefault((own_shape(arg), arg.dtype), []).append(self.buffers.pop(arg))

    def _sum(self, line: Line) -> None:
        """A sum over the block's rows: a number is returned, an array written into memory that the caller gives."""
        name, args = self.names[line], ", ".join(self.writer.name(arg) for arg in line.args)
        axis = line.static.get("axis")
        if line in self.results and not line.shape:
            first = more = ""
        elif line in self.fixed or line in self.results:  # it has been written into memory of its own
            first, more = f"copyto(t_{name}, {name})", f"add(t_{name}, {name}, t_{name})"
        elif not line.shape and line.op not in SUMS:
            first = more = f"{name} = {self.writer.call(line)}"
        elif not line.shape:
            text = f"dot({args})" if line.op in ("inner", "matmul") else f"sum_({args}, {axis!r})"
            text = f"{name} = float({text})" if line.dtype == np.float32 else f"{name} = {text}"
            first, more = text, text
        elif line.op == "sum" or (line.op == "matmul" and is_flat_product(line)):
            call = f"dot({args}, %s)" if line.op == "matmul" else self._sum_call(line, name, args)
            self.made.append(f"u_{name} = empty({_shape(line.shape)}, {str(line.dtype)!r})")
            first, more = call % f"t_{name}", f"{call % f'u_{name}'}; add(t_{name}, u_{name}, t_{name})"
        else:
            value = self.writer.call(line, self._static(line))
            first, more = f"copyto(t_{name}, {value})", f"add(t_{name}, {value}, t_{name})"
        self.written.append(first)
        self.added.append(more)

    def _sum_call(self, line: Line, name: str, args: str) -> str:
        """A call that writes a sum to %s; over the first axes or the last by a product with ones, in half the time."""
        axis, x, size = line.static["axis"], line.args[0], known_size(line.shape)
        first = axis == tuple(range(len(axis or ())))
        if not size or not (first or axis == (len(x.shape) - 1,)) or not self._is_whole(x) or x.dtype.kind != "f":
            return f"sum_({args}, {axis!r}, None, %s, {line.static['keepdims']})"
        f, o, shape = f"f_{name}", f"o_{name}", f"-1, {size}" if first else f"{size}, -1"
        self.made.append(f"{f} = {args}.reshape({shape}); {o} = ones({f}.shape[{int(not first)}], {str(x.dtype)!r})")
        return f"dot({f'{o}, {f}' if first else f'{f}, {o}'}, %s.reshape({size}))"


def _row_bytes(line: Line) -> int:
    return math.prod(lengths(own_shape(line), 1)) * line.dtype.itemsize


def _shape(shape: Shape) -> str:
    parts = [f"{s.factor} * rows" if isinstance(s, Rows) else str(s) for s in shape]
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
