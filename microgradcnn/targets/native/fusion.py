"""Element-by-element operations over arrays, fused: one compiled pass over memory for many lines.

A group is a run of lines of one shape, rows by the rest. Its operands are arrays of that shape, one number a row, one
row for all, one number a channel, or single numbers; what only the group itself uses stays in registers.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from microgradcnn.targets.lines import Line, Rows, Shape, lengths
from microgradcnn.targets.native.images import ImageKernel
from microgradcnn.targets.native.llvm import FUNCTIONS, LIBRARY, FunctionEmitter, called, has_instructions
from microgradcnn.targets.native.machine_code import MachineCode
from microgradcnn.targets.plan import Plan

WORTH_A_PASS = FUNCTIONS | LIBRARY.keys() | {"power", "where"}  # worth a compiled pass even alone

FULL, PER_ROW, ONE_ROW, PER_CHANNEL, NUMBER = range(5)  # how an operand lies beside the group's shape


@dataclass(eq=False)
class FusedGroup:
    """Lines to be computed in one pass; `arrays` are its operands in memory, `numbers` the single ones."""

    shape: Shape
    lines: list[Line] = field(default_factory=list)
    outputs: list[Line] = field(default_factory=list)
    arrays: list[Line] = field(default_factory=list)
    numbers: list[Line] = field(default_factory=list)

    in_place = True  # an operand that is not needed any more may make room for a result

    @property
    def args(self) -> list[Line]:
        """What has to be there before."""
        return [*self.arrays, *self.numbers]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its numbers."""
        return next(line.dtype for line in self.lines if line.dtype != np.bool_)

    @property
    def channels(self) -> int:
        """The length of axis 1 if an operand has one number for each of its places, otherwise 1."""
        per_channel = any(_kind(arg, self.shape) == PER_CHANNEL for arg in self.arrays)
        return int(lengths(self.shape, 1)[1]) if per_channel else 1

    @property
    def is_flat(self) -> bool:
        """Whether rows need not be told apart."""
        return all(_kind(arg, self.shape) == FULL for arg in self.arrays)

    def text(self, name: str, lanes: int) -> str:
        """LLVM's text of the function `name`."""
        return _pass(name, self, {"float64": "double", "float32": "float"}[str(self.dtype)], lanes, self.dtype.itemsize)

    def close(self, used_outside: Callable[[Line, FusedGroup], bool]) -> None:
        """Find out what goes in and what goes out."""
        inside = set(self.lines)
        args = dict.fromkeys(arg for line in self.lines for arg in line.args if arg not in inside)
        kinds = {arg: _kind(arg, self.shape) for arg in args}
        self.arrays = [arg for arg, kind in kinds.items() if kind != NUMBER]
        self.numbers = [arg for arg, kind in kinds.items() if kind == NUMBER and not _is_constant(arg)]
        self.outputs = [line for line in self.lines if used_outside(line, self)]


def grouped(plan: Plan) -> list[Line | FusedGroup]:
    """The lines of every row in an order that can be run, with those that go together in groups."""
    items: list[Line | FusedGroup] = []
    open_groups: dict[Shape, FusedGroup] = {}
    owner: dict[Line, FusedGroup] = {}
    users: dict[Line, list[Line]] = {}
    for line in (*plan.each, *plan.sums):
        for arg in line.args:
            users.setdefault(arg, []).append(line)

    def close(group: FusedGroup) -> None:
        if open_groups.get(group.shape) is group:
            del open_groups[group.shape]
            for arg in {arg for line in group.lines for arg in line.args}:
                if arg in owner and owner[arg] is not group:
                    close(owner[arg])
            items.append(group)

    for line in plan.each:
        fits = _is_fusable(line, plan.lines.loss.dtype)
        group = open_groups.get(line.shape) if fits else None
        for arg in line.args:
            if arg in owner and owner[arg] is not group:
                close(owner[arg])
        if not fits:
            items.append(line)
            continue
        if group is None or open_groups.get(line.shape) is not group:
            group = open_groups[line.shape] = FusedGroup(line.shape)
        group.lines.append(line)
        owner[line] = group
    for group in list(open_groups.values()):
        close(group)

    def used_outside(line: Line, group: FusedGroup) -> bool:
        return any(owner.get(user) is not group for user in users.get(line, ())) or line in plan.lines.outputs

    flat: list[Line | FusedGroup] = []
    for item in items:
        if isinstance(item, Line):
            flat.append(item)
            continue
        item.close(used_outside)
        booleans = any(line.dtype == np.bool_ for line in (*item.outputs, *item.arrays))
        alone = len(item.lines) == 1 and item.lines[0].op not in WORTH_A_PASS
        flat += item.lines if booleans or alone else [item]
    return flat


def compiled(ir: str, count: int) -> Sequence[Callable[..., None]]:
    """A function for each group: of the addresses of operands and results, of those of numbers, of rows and length."""
    code = MachineCode(ir)
    prototype = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
    functions = [prototype(code.address(f"group{i}")) for i in range(count)]
    for function in functions:
        function.code = code  # type: ignore[attr-defined]  # which must live as long as they do
    return functions


def module(groups: Sequence[FusedGroup | ImageKernel], vector_bytes: int) -> str:
    """The LLVM IR of the functions of groups and of kernels over images."""
    if not groups:
        return ""
    dtype = groups[0].dtype
    kind = {"float64": "double", "float32": "float"}[str(dtype)]
    lanes = vector_bytes // dtype.itemsize
    lines = [line for group in groups for line in group.lines]
    passes = [group.text(f"group{i}", lanes) for i, group in enumerate(groups)]
    return "\n".join([called(lines, kind, (lanes,)), *passes])


def _pass(name: str, group: FusedGroup, kind: str, lanes: int, size: int) -> str:
    """Loops over rows, over channels where they matter, and along the numbers of each, a vector at a time.

    Only what is left at the end is masked: on some processors a masked store takes as long as ten others.
    """
    f = FunctionEmitter(kind, lanes)
    f.add(f"define void @{name}(ptr %arrays, ptr %numbers, i64 %rows, i64 %inner) {{", "entry:")
    for i in range(len(group.arrays) + len(group.outputs)):
        f.add(f"%q{i} = getelementptr ptr, ptr %arrays, i64 {i}", f"%p{i} = load ptr, ptr %q{i}")
    for i, number in enumerate(group.numbers):
        f.names[number] = f.splat(f.load("%numbers", i))
    whole = f.make(f"udiv i64 %inner, {lanes}")
    all_vectors = f.make(f"udiv i64 {f.offset(('%inner', 1), start=lanes - 1)}, {lanes}")
    kinds = {arg: FULL if group.is_flat else _kind(arg, group.shape) for arg in group.arrays}
    with f.loop("0", "%rows") as (row, _), f.loop("0", str(group.channels)) as (channel, _):
        above = f.make(f"mul i64 {channel}, %inner")
        base = f.make(f"mul i64 {f.offset((row, group.channels), (channel, 1))}, %inner")
        for i, arg in enumerate(group.arrays):
            if kinds[arg] in (PER_ROW, PER_CHANNEL):
                place = f.address(f"%p{i}", row if kinds[arg] == PER_ROW else channel)
                f.names[arg] = f.splat(f.make(f"load {kind}, ptr {place}"))
        for start, stop in (("0", whole), (whole, all_vectors)):
            with f.loop(start, stop) as (count, _):
                column = f.offset((count, lanes))
                within = _within(f, column) if start == whole else None
                at = f.make(f"add i64 {base}, {column}")
                for i, arg in enumerate(group.arrays):
                    if kinds[arg] in (FULL, ONE_ROW):
                        index = at if kinds[arg] == FULL else f.make(f"add i64 {above}, {column}")
                        f.names[arg] = f.load_vector(f.address(f"%p{i}", index), size, within)
                for line in group.lines:
                    f.line(line)
                for i, line in enumerate(group.outputs, start=len(group.arrays)):
                    f.store_vector(f.value(line), f.address(f"%p{i}", at), size, within)
    f.add("ret void", "}")
    return f.text()


def _within(f: FunctionEmitter, column: str) -> str:
    """Which numbers of the vector at `column` there are."""
    ramp = f"<{', '.join(f'i64 {i}' for i in range(f.lanes))}>" if f.lanes > 1 else "0"
    position = f.make(f"add <{f.lanes} x i64> {_splat_count(f, column)}, {ramp}")
    return f.make(f"icmp slt <{f.lanes} x i64> {position}, {_splat_count(f, '%inner')}")


def _splat_count(f: FunctionEmitter, count: str) -> str:
    wide = f"<{f.lanes} x i64>"
    one = f.make(f"insertelement {wide} poison, i64 {count}, i32 0")
    return f.make(f"shufflevector {wide} {one}, {wide} poison, <{f.lanes} x i32> zeroinitializer")


def _is_fusable(line: Line, dtype: np.dtype[Any]) -> bool:
    """Whether a line is computed element by element, from operands of that type which lie beside it in a known way."""
    if not has_instructions(line) or line.op in ("reshape", "astype") or line.axis not in (0, None) or not line.shape:
        return False
    floats = {arg.dtype for arg in (line, *line.args) if arg.dtype != np.bool_ and arg.op != "number"}
    return floats == {dtype} and all(_kind(arg, line.shape) is not None for arg in line.args)


def _kind(arg: Line, shape: Shape) -> int | None:
    """How an operand lies beside a shape whose first axis are the rows, if there are any; None for any other way."""
    if arg.shape == shape:
        return FULL
    if all(length == 1 for length in arg.shape):
        return NUMBER if not arg.shape else None
    if isinstance(shape[0], Rows) and shape[0] != Rows(1):
        return None
    if len(arg.shape) == len(shape) and arg.shape[0] == shape[0]:
        return PER_ROW if all(n == 1 for n in arg.shape[1:]) else None
    if arg.varies:
        return None
    lead = len(shape) - len(arg.shape)
    if (*[1] * lead, *arg.shape) == (1, shape[1], *[1] * (len(shape) - 2)) and any(n != 1 for n in shape[2:]):
        return PER_CHANNEL
    rest = arg.shape if lead == 1 else arg.shape[1:] if lead == 0 and arg.shape[0] == 1 else None
    return ONE_ROW if rest == shape[1:] else None


def _is_constant(arg: Line) -> bool:
    return arg.op == "number" and not arg.power
