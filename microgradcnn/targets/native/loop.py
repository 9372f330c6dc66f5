"""A scalar program as LLVM IR: one loop over rows whose body is the program, many rows at once in vector registers.

Three functions come out. `sums` adds up, over the rows from `begin` to `end`, what the program adds up over rows.
`finish` makes the loss and the gradients of these sums. `step` does both and moves the parameters. Inputs lie feature
by feature, so that a vector holds the same input of neighbouring rows; the last few rows, fewer than a vector has room
for, are copied aside and filled up, and what the filling gives is not added.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from microgradcnn.targets.lines import Line
from microgradcnn.targets.native.llvm import FAST, FunctionEmitter, called, literal
from microgradcnn.targets.plan import Plan

IN_REGISTERS = 24  # sums over rows that stay in registers through the loop; more lie in the first-level cache
PIECE = 500  # lines of text of a piece of the loop, which is compiled, and keeps its numbers in registers, by itself
SHORT_PIECE = 100  # of what is computed once: only the time to compile it counts


def module(plan: Plan, vector_bytes: int) -> str:
    """The IR of a plan whose lines are all scalars of one type, each of which has instructions."""
    return _Module(plan, vector_bytes).text()


class _Pieces:
    """Cuts a long function into blocks of bounded length, which LLVM compiles one by one.

    Its time for a block grows faster than the block, and in a long one it moves what uses a number far from what
    computes it. It would put blocks together again that nothing keeps apart: each ends with a branch never taken.
    """

    def __init__(self, f: FunctionEmitter, longest: int) -> None:
        self.f, self.longest = f, longest
        self.begun, self.count = f.length, 0

    def cut(self) -> bool:
        """Begin a new block if this one is long enough."""
        if self.f.length - self.begun < self.longest:
            return False
        k = self.count = self.count + 1
        self.f.add(f"%never{k} = load volatile i1, ptr %never", f"br i1 %never{k}, label %quit, label %piece{k}")
        self.f.add(f"piece{k}:")
        self.begun = self.f.length
        return True


class _Module:
    """Writes the functions of a plan."""

    def __init__(self, plan: Plan, vector_bytes: int) -> None:
        self.plan = plan
        self.dtype = plan.lines.loss.dtype
        self.kind = {"float64": "double", "float32": "float"}[str(self.dtype)]
        self.lanes = vector_bytes // self.dtype.itemsize
        self.vector = f"<{self.lanes} x {self.kind}>"
        self.columns = [leaf for leaf in plan.lines.inputs if leaf.varies]
        needed = plan.needed_by_rows()
        self.once = [line for line in plan.before if line in needed]  # before the loop
        self.rest = [line for line in (*plan.before, *plan.after) if line not in set(self.once) or line in self._late()]
        self.in_registers = len(plan.sums) <= IN_REGISTERS

    def _late(self) -> set[Line]:
        """What finish() needs, so that it computes anew what was computed before the loop."""
        needed = set(self.plan.lines.outputs)
        for line in reversed([*self.plan.before, *self.plan.after]):
            if line in needed:
                needed.update(line.args)
        return needed

    def text(self) -> str:
        """The whole module."""
        body = "\n".join([self._rows(), self._sums(), self._finish(), self._step()])
        lines = (*self.plan.before, *self.plan.each, *self.plan.after)
        return "\n".join([called(lines, self.kind, (self.lanes, 1)), body])

    def _rows(self) -> str:
        """The loop: whole vectors of rows from begin to end, added to the sums at %acc, a vector each."""
        V, plan = self.vector, self.plan
        f = FunctionEmitter(self.kind, self.lanes)
        f.add("define internal void @rows(ptr %columns, i64 %begin, i64 %end, ptr %once, ptr %acc) {", "entry:")
        for i, _ in enumerate(self.columns):
            f.add(f"%cp{i} = getelementptr ptr, ptr %columns, i64 {i}", f"%c{i} = load ptr, ptr %cp{i}")
        shared = [leaf for leaf in (*plan.lines.inputs, *plan.lines.parameters) if not leaf.varies]
        uses = {arg for line in (*plan.each, *plan.sums) for arg in line.args}

        places = {line: i for i, line in enumerate([*shared, *self.once])}

        loaded: list[Line] = []

        def load_shared(lines: Iterable[Line]) -> None:
            for line in lines:
                if line in places and line not in f.names:
                    loaded.append(line)
                    f.names[line] = f.splat(f.load("%once", places[line]))
                    if line.dtype == np.bool_:  # kept as a number
                        f.names[line] = f.compare("une", f.names[line], f.constant(0.0))

        def add_up(j: int) -> None:
            value = f.value(plan.sums[j].args[0])
            if self.in_registers:
                f.add(f"%a{j}n = fadd {FAST} {V} %a{j}, {value}")
                return
            f.add(
                f"%a{j}p = getelementptr {V}, ptr %acc, i64 {j}", f"%a{j}s = load {V}, ptr %a{j}p, align {self._align}"
            )
            f.add(f"%a{j}n = fadd {FAST} {V} %a{j}s, {value}", f"store {V} %a{j}n, ptr %a{j}p, align {self._align}")

        if self.in_registers:
            load_shared(line for line in places if line in uses)
            for j in range(len(plan.sums)):
                f.add(
                    f"%a{j}p = getelementptr {V}, ptr %acc, i64 {j}",
                    f"%a{j}s = load {V}, ptr %a{j}p, align {self._align}",
                )
        f.add("%never = alloca i1", "store volatile i1 false, ptr %never")
        f.add("br label %loop", "loop:", "%i = phi i64 [ %begin, %entry ], [ %next, %turn ]")
        if self.in_registers:
            for j in range(len(plan.sums)):
                f.add(f"%a{j} = phi {V} [ %a{j}s, %entry ], [ %a{j}n, %turn ]")
        for i, leaf in enumerate(self.columns):
            if leaf in uses:
                f.add(f"%xp{i} = getelementptr {self.kind}, ptr %c{i}, i64 %i")
                f.add(f"%x{i} = load {V}, ptr %xp{i}, align {self.dtype.itemsize}")
                f.names[leaf] = f"%x{i}"
        if self.in_registers:
            for line in plan.each:
                f.line(line)
            for j in range(len(plan.sums)):
                add_up(j)
        else:
            self._in_pieces(f, load_shared, add_up, loaded)
        f.add("br label %turn", "turn:", f"%next = add nsw i64 %i, {self.lanes}", "%more = icmp slt i64 %next, %end")
        f.add("br i1 %more, label %loop, label %done", "done:")
        if self.in_registers:
            f.add(*(f"store {V} %a{j}n, ptr %a{j}p, align {self._align}" for j in range(len(plan.sums))))
        f.add("ret void", "quit:", "ret void", "}")
        return f.text()

    def _in_pieces(
        self,
        f: FunctionEmitter,
        load_shared: Callable[[Iterable[Line]], None],
        add_up: Callable[[int], None],
        loaded: list[Line],
    ) -> None:
        """All lines in blocks of bounded length, each of which loads what it needs and adds up what it has found."""
        pieces = _Pieces(f, PIECE)
        sums: dict[Line, list[int]] = {}
        for j, line in enumerate(self.plan.sums):
            sums.setdefault(line.args[0], []).append(j)

        def cut() -> None:
            if pieces.cut():
                for line in loaded:
                    del f.names[line]
                loaded.clear()

        for line in self.plan.each:
            load_shared(line.args)
            f.line(line)
            for j in sums.pop(line, ()):
                add_up(j)
            cut()
        for line, found in sums.items():  # what is no line of every row: an input, or a number
            for j in found:
                load_shared([line])
                add_up(j)
                cut()

    @property
    def _align(self) -> int:
        return self.lanes * self.dtype.itemsize

    def _sums(self) -> str:
        """The sums over the rows from begin to end: whole vectors, then the last rows set aside."""
        T, V, W, count = self.kind, self.vector, self.lanes, len(self.plan.sums)
        f = FunctionEmitter(T, 1)
        f.add("define void @sums(ptr %columns, i64 %begin, i64 %end, ptr %shared, ptr %sums, i64 %n) {", "entry:")
        if not count:  # no row has anything of its own, and there may be no columns to read
            f.add("ret void", "}")
            return f.text()
        f.add("%never = alloca i1", "store volatile i1 false, ptr %never", f"%nf = sitofp i64 %n to {T}")
        columns, size = max(1, len(self.columns)), len(self._shared_leaves()) + len(self.once)
        for name, kind, length in (
            *(("once", T, max(1, size)), ("acc", V, count), ("tail", V, count)),
            *(("aside", T, columns * W), ("pointers", "ptr", columns)),
        ):
            f.add(f"%{name} = alloca [{length} x {kind}], align {self._align}")
        pieces, once, leaves = _Pieces(f, SHORT_PIECE), set(self.once), self._shared_leaves()
        for i, line in enumerate([*leaves, *self.once]):
            if line in once:
                f.line(line)
            else:
                f.names[line] = f.load("%shared", i)
            f.store(f.value(line), "%once", i)
            pieces.cut()
        f.add(
            f"""%count = sub i64 %end, %begin
%over = and i64 %count, {W - 1}
%whole = sub i64 %end, %over
call void @clear(ptr %acc)
call void @clear(ptr %tail)
%any = icmp sgt i64 %whole, %begin
br i1 %any, label %vectors, label %last
vectors:
call void @rows(ptr %columns, i64 %begin, i64 %whole, ptr %once, ptr %acc)
br label %last
last:
%left = icmp sgt i64 %over, 0
br i1 %left, label %column, label %done
column:
%c = phi i64 [ 0, %last ], [ %c1, %copied ]
%from_p = getelementptr ptr, ptr %columns, i64 %c
%from = load ptr, ptr %from_p
%to_i = mul i64 %c, {W}
%to = getelementptr {T}, ptr %aside, i64 %to_i
%to_p = getelementptr ptr, ptr %pointers, i64 %c
store ptr %to, ptr %to_p
br label %row
row:
%r = phi i64 [ 0, %column ], [ %r1, %row ]
%wanted = add i64 %whole, %r
%final = sub i64 %end, 1
%within = icmp slt i64 %wanted, %end
%which = select i1 %within, i64 %wanted, i64 %final
%src = getelementptr {T}, ptr %from, i64 %which
%v = load {T}, ptr %src
%dst = getelementptr {T}, ptr %to, i64 %r
store {T} %v, ptr %dst
%r1 = add i64 %r, 1
%again = icmp slt i64 %r1, {W}
br i1 %again, label %row, label %copied
copied:
%c1 = add i64 %c, 1
%others = icmp slt i64 %c1, {len(self.columns)}
br i1 %others, label %column, label %run
run:
call void @rows(ptr %pointers, i64 0, i64 {W}, ptr %once, ptr %tail)
br label %done
done:
call void @horizontal(ptr %acc, ptr %tail, i64 %over, ptr %sums)
ret void
quit:
ret void
}}"""
        )
        return "\n".join([self._clear(), self._horizontal(), f.text()])

    def _clear(self) -> str:
        """Zero vectors at %acc."""
        size = len(self.plan.sums) * self.lanes * self.dtype.itemsize
        return (
            "define internal void @clear(ptr %acc) {\n"
            f"call void @llvm.memset.p0.i64(ptr align {self._align} %acc, i8 0, i64 {size}, i1 false)\nret void\n}}"
        )

    def _horizontal(self) -> str:
        """Every vector at %acc, and the first %over numbers of every one at %tail, added up into %sums."""
        T, V, W = self.kind, self.vector, self.lanes
        ramp = ", ".join(f"i64 {i}" for i in range(W))
        name = f"llvm.vector.reduce.fadd.v{W}f{8 * self.dtype.itemsize}"
        return f"""define internal void @horizontal(ptr %acc, ptr %tail, i64 %over, ptr %sums) {{
entry:
%one = insertelement <{W} x i64> poison, i64 %over, i32 0
%all = shufflevector <{W} x i64> %one, <{W} x i64> poison, <{W} x i32> zeroinitializer
%real = icmp slt <{W} x i64> <{ramp}>, %all
br label %sum
sum:
%j = phi i64 [ 0, %entry ], [ %j1, %sum ]
%vp = getelementptr {V}, ptr %acc, i64 %j
%v = load {V}, ptr %vp, align {self._align}
%tp = getelementptr {V}, ptr %tail, i64 %j
%t = load {V}, ptr %tp, align {self._align}
%kept = select <{W} x i1> %real, {V} %t, {V} zeroinitializer
%both = fadd {V} %v, %kept
%total = call reassoc {T} @{name}({T} {literal(0.0, T)}, {V} %both)
%sp = getelementptr {T}, ptr %sums, i64 %j
store {T} %total, ptr %sp
%j1 = add i64 %j, 1
%more = icmp slt i64 %j1, {len(self.plan.sums)}
br i1 %more, label %sum, label %done
done:
ret void
}}"""

    def _shared_leaves(self) -> list[Line]:
        lines = self.plan.lines
        return [leaf for leaf in (*lines.inputs, *lines.parameters) if not leaf.varies]

    def _finish(self) -> str:
        """The loss, returned, the gradients and the further numbers, from the sums over all rows."""
        lines, T = self.plan.lines, self.kind
        f = FunctionEmitter(T, 1)
        f.add(
            f"define {T} @finish(ptr %shared, ptr %sums, i64 %n, ptr %gradient, ptr %also) {{",
            "entry:",
            "%never = alloca i1",
            "store volatile i1 false, ptr %never",
            f"%nf = sitofp i64 %n to {T}",
        )
        pieces = _Pieces(f, SHORT_PIECE)
        for i, leaf in enumerate(self._shared_leaves()):
            f.names[leaf] = f.load("%shared", i)
            pieces.cut()
        for j, line in enumerate(self.plan.sums):
            f.names[line] = f.load("%sums", j)
            pieces.cut()
        for line in self.rest:
            f.line(line)
            pieces.cut()
        for place, found in (("%gradient", lines.gradients), ("%also", lines.also)):
            for i, line in enumerate(found):
                f.store(f.value(line), place, i)
                pieces.cut()
        f.add(f"ret {T} {f.value(lines.loss)}", "quit:", f"ret {T} {literal(0.0, T)}", "}")
        return f.text()

    def _step(self) -> str:
        """Everything over all rows at once; the parameters, the last of %shared, move if %move."""
        T, parameters = self.kind, len(self.plan.lines.parameters)
        first = len(self._shared_leaves()) - parameters
        buffers = "ptr %shared, ptr %sums, ptr %gradient, ptr %also"
        return f"""define {T} @step(ptr %columns, i64 %n, {buffers}, {T} %rate, i1 %move) {{
entry:
call void @sums(ptr %columns, i64 0, i64 %n, ptr %shared, ptr %sums, i64 %n)
%loss = call {T} @finish(ptr %shared, ptr %sums, i64 %n, ptr %gradient, ptr %also)
br i1 %move, label %moving, label %done
moving:
%flat = getelementptr {T}, ptr %shared, i64 {first}
br label %one
one:
%i = phi i64 [ 0, %moving ], [ %i1, %one ]
%gp = getelementptr {T}, ptr %gradient, i64 %i
%g = load {T}, ptr %gp
%pp = getelementptr {T}, ptr %flat, i64 %i
%p = load {T}, ptr %pp
%d = fmul {T} %g, %rate
%q = fsub {T} %p, %d
store {T} %q, ptr %pp
%i1 = add i64 %i, 1
%more = icmp slt i64 %i1, {parameters}
br i1 %more, label %one, label %done
done:
ret {T} %loss
}}"""
