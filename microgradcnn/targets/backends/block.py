"""The lines of one block of rows as calls that write into buffers made once.

A buffer is used again as soon as no later line needs what is in it, so that a block stays in the cache. What is put
together from parts, a stack or a transposed product, is written where it belongs by whoever computes the parts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from microgradcnn.targets.backends.calls import (
    COPIED,
    IN_PLACE,
    STEPS,
    UFUNCS,
    Guard,
    Sent,
    has_runs,
    is_flat_product,
    is_tiled,
    keeps_last,
    listed,
    masked,
    places_in,
    product,
    rows_innermost,
    summed,
    takes_any_memory,
    turned_back,
)
from microgradcnn.targets.backends.names import LineNames
from microgradcnn.targets.lines import Line, Rows, Shape, is_own, is_plain, own_shape
from microgradcnn.targets.plan import SUMS, VIEWS

SHARING = VIEWS | {"getitem", "unfold"}  # these share memory with their argument too, as NumPy computes them
SHORT = 512  # numbers of a row


class Block:
    """The lines of a block: `made` sets buffers up, `code` computes, then `written` or `added` are the sums."""

    def __init__(self, writer: LineNames) -> None:
        self.writer, self.names = writer, writer.names
        self.made: list[str] = []
        self.code: list[str] = []
        self.kept: list[str] = []  # what is read or written through addresses
        self.fixed: set[Line] = set()  # buffers, and views of them, which are made once
        self.whole: set[Line] = set()  # those that are buffers
        plan = writer.plan
        self.results = set(plan.each) & set(plan.sums)  # of a program without rows
        self.placed = self._places()
        self.turned = rows_innermost(writer.items)
        guards = {item.line: item for item in writer.items if isinstance(item, Guard)}
        self.sources: dict[Line, Line] = {}  # whose memory a line lies in
        for line in plan.each:
            self.sources[line] = self.sources.get(line.args[0], line.args[0]) if line.op in SHARING else line
            if line in self.placed:
                self.sources[line] = self.placed[line][0]
            elif line in guards:
                self.sources[line] = self.sources[guards[line].c]
        self.last: dict[Line, int] = {}
        for i, item in enumerate((*writer.items, *plan.sums)):
            for arg in item.args:
                self.last[self.sources.get(arg, arg)] = i
        self.last |= {self.sources[line]: len(self.last) + len(writer.items) for line in self.results}
        self.buffers: dict[Line, str] = {}
        self.free: dict[Any, list[str]] = {}
        self.memory: list[Line] = []  # a line for every buffer, and for every array that is made anew
        for i, item in enumerate(writer.items):
            if isinstance(item, Line):
                self._write(i, item)
            elif isinstance(item, Sent):
                self._send(i, item)
            elif isinstance(item, Guard):
                self._guard(item)
            else:
                self._write_group(i, item)
            self._release(i, item.args)
        self.written: list[str] = []  # sums over the block's rows, written where they belong
        self.added: list[str] = []  # the same, added to what is there
        for line in plan.sums:
            self._sum(line)

    def _places(self) -> dict[Line, tuple[Line, str]]:
        """What is written into the memory of another line, and which part of that it is."""
        plan, found = self.writer.plan, dict[Line, tuple[Line, str]]()
        lines = [item for item in self.writer.items if isinstance(item, Line) and item not in self.results]
        products = {line for line in lines if line.op == "matmul"}
        groups = [item for item in self.writer.items if not isinstance(item, Line) and item.takes_strides]
        of_groups = {line for group in groups for line in group.outputs if line.shape[-1] != 1} - self.results
        uses = Counter(arg for line in (*plan.each, *plan.sums) for arg in line.args)

        def place(part: Line, whole: Line, where: str) -> None:
            if part.op == "transpose" and uses[part] == 1 and keeps_last(part):
                place(part.args[0], whole, f"{where}{turned_back(part)}")
            elif part not in found and (part in of_groups or (part in products and takes_any_memory(part))):
                found[part] = whole, where

        for line in lines:
            if has_runs(line) and is_tiled(line):
                for part, where in zip(line.args, places_in(line), strict=True):
                    if line.args.count(part) == 1 and part.dtype == line.dtype:
                        place(part, line, where)
        for line in lines:
            if line.op == "transpose" and line.args[0].op == "matmul" and keeps_last(line):
                place(line.args[0], line, turned_back(line))
        return found

    def _write(self, i: int, line: Line) -> None:
        name, args = self.names[line], [self.writer.name(arg) for arg in line.args]
        if line in self.buffers and line.op == "transpose":
            return
        if self._is_view(line):
            self._view(line, name, args)
        elif own_shape(line) and (line.op in UFUNCS or line.op in STEPS or line.op == "matmul" or places_in(line)):
            self._own(i, line, line.args if line.op in IN_PLACE else ())
            if line.op in STEPS:
                self.code += STEPS[line.op](line, name, args)
            elif line.op == "matmul":
                in_parts = line in self.placed and self.placed[line][1]
                self.code.append(f"matmul({', '.join(args)}, {name})" if in_parts else product(line, name, args))
            elif places_in(line):
                self._put_together(line, name, args)
            else:
                # By position is faster, but the two selections warn of it.
                out = f"out={name}" if line.op in ("maximum", "minimum") else name
                self.code.append(f"{UFUNCS[line.op]}({', '.join(args)}, {out})")
        elif self._is_short_sum(line):
            self._own(i, line, ())
            self._sum_of_rows(line, name, args[0])
        else:
            self.memory.append(line)
            value = self.writer.call(line, self._static(line))
            value = f"array({value})" if is_own(line) else value  # a view of an argument, perhaps
            self.code.append(f"{name} = {value}")

    def _put_together(self, line: Line, name: str, args: list[str]) -> None:
        """Write parts where they belong, but those that were computed there; what overlaps, or leaves gaps, into 0."""
        parts, tiled = zip(line.args, places_in(line), args, strict=True), is_tiled(line)
        call = "copyto({0}, {1})" if tiled else "add({0}, {1}, {0})"
        self.code += () if tiled else (f"{name}.fill(0.0)",)
        self.code += [call.format(f"{name}{where}", a) for part, where, a in parts if not self._is_in(part, line)]

    def _is_short_sum(self, line: Line) -> bool:
        """Whether short rows, which lie in one piece, are added up: a product with ones takes a third of the time."""
        if line.op not in ("sum", "mean") or not own_shape(line):
            return False
        shape = line.args[0].shape
        along = line.static["axis"] in ((-1,), (len(shape) - 1,)) and line.dtype.kind == "f"
        return along and shape[-1] in range(2, SHORT) and self._is_whole(line.args[0])

    def _sum_of_rows(self, line: Line, name: str, x: str) -> None:
        length = line.args[0].shape[-1]
        self.made.append(f"f_{name} = {x}.reshape(-1, {length}); o_{name} = ones({length}, {str(line.dtype)!r})")
        self.made.append(f"l_{name} = {name}.reshape(-1)")
        self.code.append(f"dot(f_{name}, o_{name}, l_{name})")
        if line.op == "mean":
            self.code.append(f"divide(l_{name}, {length}, l_{name})")

    def _guard(self, guard: Guard) -> None:
        """A guard's result is what it guards, which nobody else needs."""
        name, (c, g) = self.names[guard.line], (self.writer.name(arg) for arg in guard.args)
        self.made.append(f"{name} = {c}")
        self.code.append(f"guard({c}, {g})")
        self.fixed.add(guard.line)
        if guard.c in self.whole:
            self.whole.add(guard.line)

    def _send(self, i: int, sent: Sent) -> None:
        """What relu sends back, in memory of its own."""
        self._own(i, sent.line, ())
        name, (c, g, condition) = self.names[sent.line], (self.writer.name(arg) for arg in sent.args)
        self.code += [masked(sent.line, name, condition, g), f"sent_nan({name}, {c}, {g if sent.is_guarded else 1.0})"]

    def _is_in(self, part: Line, whole: Line) -> bool:
        """Whether a part of a stack has been written there."""
        while part.op == "transpose" and part not in self.placed:
            part = part.args[0]
        return part in self.placed and self.placed[part][0] is whole

    def _write_group(self, i: int, group: Any) -> None:
        """A call of the group's kernel, with the addresses of its operands and results, its numbers and its counts."""
        for line in group.outputs:
            self._own(i, line, group.args if group.in_place else ())
        q, v, steps = f"q{i}", f"v{i}", []
        arrays = [*group.arrays, *group.outputs]
        self.made.append(
            f"{q} = empty({len(arrays)}, 'uintp'); {v} = empty({len(group.numbers)}, {str(group.dtype)!r})"
        )
        for j, line in enumerate(arrays):
            name, own, kind = self.writer.name(line), f"{q}_{j}", str(line.dtype)
            in_parts = group.takes_strides and line in self.fixed and self._has_neighbours(line)
            steps.append(f"strides({name})" if in_parts else "None")
            if in_parts or self._is_whole(line):
                self.made.append(f"{q}[{j}] = address({name})")
                self.kept.append(name)
            elif line.op == "constant":
                self.made.append(f"{own} = ascontiguousarray({name}, {kind!r}); {q}[{j}] = address({own})")
                self.kept.append(own)
            elif line.op in COPIED:
                self.made.append(f"{own} = empty({_shape(own_shape(line))}, {kind!r}); {q}[{j}] = address({own})")
                self.code.append(f"copyto({own}, {name})")
            else:  # in its type: what is made of plain numbers alone is float64
                self.code.append(f"{own} = ascontiguousarray({name}, {kind!r}); {q}[{j}] = address({own})")
        for j, line in enumerate(group.numbers):
            (self.made if line.op == "number" else self.code).append(f"{v}[{j}] = {self.writer.name(line)}")
        kernel, counts = (self.writer.constant(x) for x in (next(self.writer.kernels), group.counts))
        self.made.append(f"m{i} = {counts}(rows, {listed(steps)})")
        self.kept += [q, v, f"m{i}"]
        self.made.append(f"q{i}_, v{i}_, m{i}_ = address({q}), address({v}), address(m{i})")
        self.code.append(f"{kernel}(q{i}_, v{i}_, m{i}_)")

    def _has_neighbours(self, line: Line) -> bool:
        """Whether the numbers along the last axis lie side by side, wherever others lie."""
        if self._is_whole(line) or line.shape[-1:] in ((), (1,)):
            return self._is_whole(line)
        if line in self.placed:
            return True
        plain = line.op == "transpose" and keeps_last(line)
        if line.op == "getitem":
            index = line.static["index"]
            indices = index if type(index) is tuple else (index,)
            plain = len(indices) < len(line.args[0].shape) and not any(i is None for i in indices)
        return plain and self._has_neighbours(line.args[0])

    def _is_whole(self, line: Line) -> bool:
        """Whether a line lies in memory of its own from one call to the next, without gaps and in order."""
        if line.op == "reshape" and line in self.fixed:
            return self._is_whole(line.args[0])
        return line in self.whole

    def _own(self, i: int, line: Line, spare: Sequence[Line]) -> None:
        """Give a line memory of its own: that of one of `spare` which is not needed any more, or a buffer."""
        if line in self.whole:
            return
        self.fixed.add(line)
        if line in self.placed:
            whole, where = self.placed[line]
            self._own(i, whole, ())
            self.made.append(f"{self.names[line]} = {self.names[whole]}{where}")
            return
        if line not in self.turned:
            self.whole.add(line)
        self.made.append(f"{self.names[line]} = {self._buffer(i, line, spare)}")

    def _is_view(self, line: Line) -> bool:
        """A reshape of something that is not contiguous would be a copy, which has to be made anew for every block."""
        x = line.args[0]
        if line.op == "getitem":
            return bool(own_shape(line)) and bool(x.shape) and is_plain(line.static["index"])
        return line.op in VIEWS and (line.op != "reshape" or x in self.whole or self.sources.get(x) is None)

    def _view(self, line: Line, name: str, args: list[str]) -> None:
        if line.op == "getitem":
            view = f"{args[0]}[{self.writer.constant(line.static['index'])}]"
        else:
            view = {
                "transpose": f"{args[0]}.transpose({line.static.get('axes')!r})",
                "reshape": f"{args[0]}.reshape({_shape(line.shape)})",
                "broadcast_to": f"broadcast_to({self.writer.typed(line.args[0])}, {_shape(line.shape)})",
            }[line.op if line.args[0].shape else "broadcast_to"]  # a number may be a float of Python's
        if fixed := line.args[0] in self.fixed:
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
        key = self._kind(line)
        for arg in spare:
            last = self.sources.get(arg) is arg and self.last.get(arg) == i and arg in self.buffers
            if last and self._kind(arg) == key and self._once(spare, arg):
                self.buffers[line] = self.buffers.pop(arg)
                return self.buffers[line]
        if self.free.get(key):
            self.buffers[line] = self.free[key].pop()
        else:
            self.memory.append(line)
            self.buffers[line] = name = f"b{len(self.memory)}"
            self.made.append(f"{name} = {self._empty(line)}")
        return self.buffers[line]

    def _empty(self, line: Line) -> str:
        """Memory for a line, in the order in which it is to lie there."""
        shape = own_shape(line)
        if line not in self.turned:
            return f"empty({_shape(shape)}, {str(line.dtype)!r})"
        back = (len(shape) - 1, *range(len(shape) - 1))
        return f"empty({_shape((*shape[1:], shape[0]))}, {str(line.dtype)!r}).transpose({back})"

    def _kind(self, line: Line) -> Any:
        """What two lines have in common of which one can lie where the other lay."""
        return own_shape(line), line.dtype, line in self.turned

    def _once(self, args: Sequence[Line], arg: Line) -> bool:
        """Whether no other argument lies in the memory of `arg`, in another layout."""
        return all(other is arg or self.sources.get(other) is not arg for other in args)

    def _release(self, i: int, args: Sequence[Line]) -> None:
        for arg in dict.fromkeys(self.sources.get(arg, arg) for arg in args):
            if self.last[arg] == i and arg in self.buffers:
                self.free.setdefault(self._kind(arg), []).append(self.buffers.pop(arg))

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
        """A call that writes a sum to %s."""
        found = summed(line, name, args) if self._is_whole(line.args[0]) else None
        if found is None:
            return f"sum_({args}, {line.static['axis']!r}, None, %s, {line.static['keepdims']})"
        made, call = found
        self.made.append(made)
        return call


def _shape(shape: Shape) -> str:
    parts = [f"{s.factor} * rows" if isinstance(s, Rows) else str(s) for s in shape]
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
