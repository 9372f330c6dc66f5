"""A program over rows as instructions for a page: loops in JavaScript, kernels, over columns of a block of rows.

A line that is used once is computed within the kernel of the line that uses it, so that the windows of a filter, or the
units of a layer, share one kernel. What is an instruction's is numbers: its kernel, where its result goes, and where
its operands are. Columns whose numbers nobody needs any more are used again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from microgradcnn.targets.export.javascript import DEFINITIONS, rounded
from microgradcnn.targets.lines import Line, in_order
from microgradcnn.targets.plan import Plan

BLOCK = 64  # rows in a column
MOST_OPERANDS, MOST_LINES = 12, 24  # of a kernel
Tree: TypeAlias = "tuple[Line, list[Tree | Line]]"


class Kernels:
    """The kernels of all programs of a page, each once, by their numbers."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._definitions: dict[str, None] = {}

    def number(self, lines: Sequence[Line], text: str) -> int:
        """That of a kernel's text, which may call what the lines' operations need."""
        self._definitions.update({DEFINITIONS[line.op].strip(): None for line in lines if line.op in DEFINITIONS})
        return self._numbers.setdefault(text, len(self._numbers))

    def script(self) -> str:
        """`const KERNELS = [...]` with the functions that they call."""
        return "\n".join([*self._definitions, "const KERNELS = [", ",\n".join(self._numbers), "];"])


@dataclass
class Memory:
    """Where the numbers of lines are: single ones first, then the columns."""

    single: dict[Line, int] = field(default_factory=dict)
    column: dict[Line, int] = field(default_factory=dict)
    free: list[int] = field(default_factory=list)
    columns: int = 0

    def own(self, line: Line) -> None:
        """Give a line a place of its own."""
        if line.varies:
            self.column[line] = self.columns
            self.columns += 1
        else:
            self.single.setdefault(line, len(self.single))

    def take(self, line: Line) -> None:
        """Give a line a column, perhaps one that is free."""
        if self.free:
            self.column[line] = self.free.pop()
        else:
            self.own(line)

    def at(self, line: Line) -> int:
        """The place of the first number."""
        return len(self.single) + BLOCK * self.column[line] if line.varies else self.single[line]


def program(plan: Plan, kernels: Kernels) -> dict[str, Any]:
    """A plan of lines in scalars as a page has it.

    `before` runs once, `each` for a block of rows, which also adds up the `sums`, and `after` runs once. The numbers of
    `parameters` and of `inputs` come from outside. Of `outputs`, those of the lines, some may be columns.
    """
    lines, memory, outputs = plan.lines, Memory(), plan.lines.outputs
    order = in_order(outputs)
    numbers = [line for line in order if line.op == "number"]
    for line in (*lines.parameters, *numbers, *plan.before, *plan.sums, *plan.after, *lines.inputs):
        memory.own(line)
    both = {*plan.each, *plan.sums}
    rows = list(_instructions([line for line in order if line in both], {*outputs}))
    _place(rows, memory, {*outputs})
    return {
        "size": [len(memory.single), memory.columns],
        "numbers": [[memory.at(line), _told(line.value), line.power] for line in numbers],
        "parameters": [memory.at(line) for line in lines.parameters],
        "inputs": [memory.at(line) for line in lines.inputs],
        "sums": [memory.at(line) for line in plan.sums],
        "before": _code(_instructions(plan.before, {*plan.before}), memory, kernels),
        "each": _code(rows, memory, kernels),
        "after": _code(_instructions(plan.after, {*plan.after}), memory, kernels),
        "outputs": [memory.at(line) for line in outputs],
    }


def _told(number: float) -> Any:
    """A number as JSON holds it; JavaScript's Number reads both."""
    return number if np.isfinite(number) else repr(float(number)).replace("inf", "Infinity").replace("nan", "NaN")


def _instructions(order: Sequence[Line], results: Collection[Line]) -> Iterator[Tree]:
    """Trees of lines, each in the order of their computing: what is used once stands within what uses it."""
    uses = Counter(arg for line in order for arg in line.args)
    waiting: dict[Line, Tree] = {}
    for line in order:
        inside: list[Tree | Line] = []
        room, operands = MOST_LINES - 1, MOST_OPERANDS - len({*line.args})
        for arg in line.args:
            tree = waiting.pop(arg, None)
            if tree is None:
                inside.append(arg)
                continue
            lines, leaves = _parts(tree)
            if len(lines) <= room and len(leaves) - 1 <= operands:
                room, operands = room - len(lines), operands - len(leaves) + 1
                inside.append(tree)
            else:
                yield tree
                inside.append(arg)
        found: Tree = (line, inside)
        if uses[line] == 1 and line.varies and line not in results:
            waiting[line] = found
        else:
            yield found


def _parts(tree: Tree) -> tuple[list[Line], dict[Line, int]]:
    """The lines that a tree computes, each after its arguments, and its operands with their numbers."""
    lines: list[Line] = []
    operands: dict[Line, int] = {}

    def walk(at: Tree) -> None:
        for part in at[1]:
            if isinstance(part, Line):
                operands.setdefault(part, len(operands))
            else:
                walk(part)
        lines.append(at[0])

    walk(tree)
    return lines, operands


def _place(rows: Sequence[Tree], memory: Memory, kept: Collection[Line]) -> None:
    """Give every result a column, and free those of operands that are used for the last time."""
    last: dict[Line, int] = {}
    for i, tree in enumerate(rows):
        last.update(dict.fromkeys(_parts(tree)[1], i))
    inputs = {*memory.column}
    for i, tree in enumerate(rows):
        done = [x for x in _parts(tree)[1] if x.varies and last[x] == i and x not in kept and x not in inputs]
        memory.free += [memory.column[x] for x in done]
        if tree[0].varies:
            memory.take(tree[0])


def _code(trees: Iterator[Tree] | Sequence[Tree], memory: Memory, kernels: Kernels) -> list[int]:
    code: list[int] = []
    for tree in trees:
        lines, operands = _parts(tree)
        code += [kernels.number(lines, _kernel(lines, operands)), memory.at(lines[-1]), *map(memory.at, operands)]
    return code


def _kernel(lines: Sequence[Line], operands: dict[Line, int]) -> str:
    """The loop of a tree over the rows of a block, or over the one row of single numbers; it gives where it ended.

    A kernel has no name of a line in it, so that trees of one shape have one kernel.
    """
    heads = ["d = c[p]"]
    names: dict[Line, str] = {}
    for x, i in operands.items():
        at = f"c[p + {i + 1}]"
        heads.append(f"a{i} = {at}" if x.varies else f"x{i} = M[{at}]")
        names[x] = f"M[a{i} + i]" if x.varies else f"x{i}"
    *body, last = lines
    steps = []
    for k, line in enumerate(body):
        steps.append(f"const t{k} = {rounded(line, [names[arg] for arg in line.args])};")
        names[line] = f"t{k}"
    inner, args = " ".join(steps), [names[arg] for arg in last.args]
    rows = "for (let i = 0; i < n; i++)"
    end = f"return p + {len(operands) + 1};"
    if last.op in ("total", "inner"):
        term = " * ".join(args)
        loop = f"let s = 0; {rows} {{ {inner} s += {term}; }} M[d] += s;"
    else:
        loop = f"{rows} {{ {inner} M[d + i] = {rounded(last, args)}; }}"
    return f"(M, c, p, n) => {{ const {', '.join(heads)}; {loop} {end} }}"
