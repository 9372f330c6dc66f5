"""Element-by-element operations over arrays, fused: one compiled pass over memory for many lines.

A group is a run of lines of one shape, rows by the rest. Its operands are arrays of that shape, one number a row, one
row for all, or single numbers; what only the group itself uses stays in registers.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from microgradcnn.targets.lines import Line, Rows, Shape
from microgradcnn.targets.llvm import BINARY, EMITTED, FUNCTIONS, RELATIONS, Emitter, needs_pow
from microgradcnn.targets.llvm_functions import definitions
from microgradcnn.targets.machine_code import MachineCode
from microgradcnn.targets.plan import Plan

WORTH_A_PASS = FUNCTIONS | {"power", "where"}  # worth a compiled pass even alone

FULL, PER_ROW, ONE_ROW, NUMBER = range(4)  # how an operand lies beside the group's shape


@dataclass(eq=False)
class Group:
    """Lines to be computed in one pass; `arrays` are its operands in memory, `numbers` the single ones."""

    shape: Shape
    lines: list[Line] = field(default_factory=list)
    outputs: list[Line] = field(default_factory=list)
    arrays: list[Line] = field(default_factory=list)
    numbers: list[Line] = field(default_factory=list)

    @property
    def args(self) -> list[Line]:
        """What has to be there before."""
        return [*self.arrays, *self.numbers]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its numbers."""
        return next(line.dtype for line in self.lines if line.dtype != np.bool_)

    @property
    def is_flat(self) -> bool:
        """Whether rows need not be told apart."""
        return all(_kind(arg, self.shape) == FULL for arg in self.arrays)

    def close(self, used_outside: Callable[[Line, Group], bool]) -> None:
        """Find out what goes in and what goes out."""
        inside = set(self.lines)
        args = dict.fromkeys(arg for line in self.lines for arg in line.args if arg not in inside)
        kinds = {arg: _kind(arg, self.shape) for arg in args}
        self.arrays = [arg for arg, kind in kinds.items() if kind != NUMBER]
        self.numbers = [arg for arg, kind in kinds.items() if kind == NUMBER and not _is_constant(arg)]
        self.outputs = [line for line in self.lines if used_outside(line, self)]


def grouped(plan: Plan) -> list[Line | Group]:
    """The lines of every row in an order that can be run, with those that go together in groups."""
    items: list[Line | Group] = []
    open_groups: dict[Shape, Group] = {}
    owner: dict[Line, Group] = {}
    users: dict[Line, list[Line]] = {}
    for line in (*plan.each, *plan.sums):
        for arg in line.args:
            users.setdefault(arg, []).append(line)

    def close(group: Group) -> None:
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
            group = open_groups[line.shape] = Group(line.shape)
        group.lines.append(line)
        owner[line] = group
    for group in list(open_groups.values()):
        close(group)

    def used_outside(line: Line, group: Group) -> bool:
        return any(owner.get(user) is not group for user in users.get(line, ())) or line in plan.lines.outputs

    flat: list[Line | Group] = []
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


def module(groups: Sequence[Group], vector_bytes: int) -> str:
    """The LLVM IR of the groups' functions."""
    if not groups:
        return ""
    dtype = groups[0].dtype
    kind = {"float64": "double", "float32": "float"}[str(dtype)]
    lanes = vector_bytes // dtype.itemsize
    lines = [line for group in groups for line in group.lines]
    used = {line.op for line in lines} | ({"pow"} if any(map(needs_pow, lines)) else set())
    functions = sorted(used & FUNCTIONS)
    passes = [_pass(f"group{i}", group, kind, lanes, dtype.itemsize) for i, group in enumerate(groups)]
    return "\n".join([definitions(functions, kind, lanes), *passes])


def _pass(name: str, group: Group, kind: str, lanes: int, size: int) -> str:
    """One loop over rows and one along them, a vector at a time; the last vector of a row is masked."""
    f = Emitter(kind, lanes)
    vector, mask = f.type, f.mask
    short = f"v{lanes}{'f64' if kind == 'double' else 'f32'}.p0"
    f.add(f"define void @{name}(ptr %arrays, ptr %numbers, i64 %rows, i64 %inner) {{", "entry:")
    arrays = [*group.arrays, *group.outputs]
    for i in range(len(arrays)):
        f.add(f"%q{i} = getelementptr ptr, ptr %arrays, i64 {i}", f"%p{i} = load ptr, ptr %q{i}")
    for i, number in enumerate(group.numbers):
        f.names[number] = f.splat(f.load("%numbers", i))
    inner = _splat_count(f, "%inner")
    ramp = f"<{', '.join(f'i64 {i}' for i in range(lanes))}>" if lanes > 1 else "0"
    f.add("br label %row", "row:", "%r = phi i64 [ 0, %entry ], [ %r1, %rowend ]", "%base = mul i64 %r, %inner")
    flat = group.is_flat
    for i, arg in enumerate(group.arrays):
        if _kind(arg, group.shape) == PER_ROW and not flat:
            place = f.make(f"getelementptr {kind}, ptr %p{i}, i64 %r")
            f.names[arg] = f.splat(f.make(f"load {kind}, ptr {place}"))
    f.add("br label %column", "column:", "%j = phi i64 [ 0, %row ], [ %j1, %column ]", "%at = add i64 %base, %j")
    position = f.make(f"add <{lanes} x i64> {_splat_count(f, '%j')}, {ramp}")
    within = f.make(f"icmp slt <{lanes} x i64> {position}, {inner}")
    for i, arg in enumerate(group.arrays):
        if arg in f.names:
            continue
        index = "%j" if _kind(arg, group.shape) == ONE_ROW else "%at"
        place = f.make(f"getelementptr {kind}, ptr %p{i}, i64 {index}")
        masked = f"ptr {place}, i32 {size}, {mask} {within}, {vector} zeroinitializer"
        f.names[arg] = f.make(f"call {vector} @llvm.masked.load.{short}({masked})")
    for line in group.lines:
        f.line(line)
    for i, line in enumerate(group.outputs, start=len(group.arrays)):
        place = f.make(f"getelementptr {kind}, ptr %p{i}, i64 %at")
        masked = f"{vector} {f.value(line)}, ptr {place}, i32 {size}, {mask} {within}"
        f.add(f"call void @llvm.masked.store.{short}({masked})")
    f.add(f"%j1 = add i64 %j, {lanes}", "%more = icmp slt i64 %j1, %inner", "br i1 %more, label %column, label %rowend")
    f.add("rowend:", "%r1 = add i64 %r, 1", "%others = icmp slt i64 %r1, %rows")
    f.add("br i1 %others, label %row, label %done", "done:", "ret void", "}")
    return f.text()


def _splat_count(f: Emitter, count: str) -> str:
    wide = f"<{f.lanes} x i64>"
    one = f.make(f"insertelement {wide} poison, i64 {count}, i32 0")
    return f.make(f"shufflevector {wide} {one}, {wide} poison, <{f.lanes} x i32> zeroinitializer")


def _is_fusable(line: Line, dtype: np.dtype[Any]) -> bool:
    """Whether a line is computed element by element, from operands of that type which lie beside it in a known way."""
    known = line.op in BINARY or line.op in RELATIONS or line.op in FUNCTIONS or line.op in EMITTED
    known = (known or line.op in ("where", "power")) and line.op not in ("reshape", "astype")
    if not known or line.axis != 0 or len(line.shape) < 1:
        return False
    floats = {arg.dtype for arg in (line, *line.args) if arg.dtype != np.bool_ and arg.op != "number"}
    return floats == {dtype} and all(_kind(arg, line.shape) is not None for arg in line.args)


def _kind(arg: Line, shape: Shape) -> int | None:
    """How an operand lies beside a shape whose first axis are the rows; None for any other way."""
    if arg.shape == shape:
        return FULL
    if all(length == 1 for length in arg.shape):
        return NUMBER if not arg.shape else None
    if arg.varies:
        per_row = len(arg.shape) == len(shape) and arg.shape[0] == shape[0] and all(n == 1 for n in arg.shape[1:])
        return PER_ROW if per_row and isinstance(shape[0], Rows) and shape[0].factor == 1 else None
    lead = len(shape) - len(arg.shape)
    rest = arg.shape if lead == 1 else arg.shape[1:] if lead == 0 and arg.shape[0] == 1 else None
    return ONE_ROW if rest == shape[1:] and shape[0] == Rows(1) else None


def _is_constant(arg: Line) -> bool:
    return arg.op == "number" and not arg.power
