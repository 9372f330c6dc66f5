"""The numbers of one block of rows as a Python function that calls NumPy with buffers made once.

The text is for the machine, not for reading: `python.py` writes the program that people read. A buffer is used again
as soon as no later line needs what is in it, so that a block stays in the cache.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from microgradcnn.targets.backends.block import Block
from microgradcnn.targets.backends.calls import UFUNCS, function, indented, listed
from microgradcnn.targets.backends.names import LineNames
from microgradcnn.targets.lines import Line, lengths, own_shape
from microgradcnn.targets.plan import Plan, made_once

WORTH_TURNING = 4  # products with a transposed matrix of which BLAS would turn a part in each, again and again
OTHERS = (
    *("dot", "matmul", "reciprocal", "copyto", "bitwise_and", "bitwise_xor", "empty", "ones", "logaddexp"),
    *("broadcast_to", "ascontiguousarray", "array", "float32"),
)


def compiled(plan: Plan, items: Sequence[Any], kernels: Sequence[Callable[..., None]] = ()) -> dict[str, Any]:
    """The functions `before`, `make` and `after` of a plan, from generated source.

    `items` are the lines of every row in the order of their running; those that are groups of lines have a kernel each.

    `views(*shared)` gives what no step changes, `before(n, *shared, *views)` what else rows need and have not of
    their own; shared are inputs without rows and parameters, and all three together are `once`. `make(n, rows)`
    gives two functions of `sums`, the inputs of a block of `rows` rows and once: they write the arrays among the sums
    over rows into `sums`, or add to them, and return all sums. `after(n, *once, *sums)` gives the outputs. `row_bytes`
    is what a row takes while a block is computed, `row_traffic` what is written for it, `line_bytes` that by a line;
    `calls` is how many calls a block takes, `has_images` says that rows lie innermost in memory.
    """
    writer = _Writer(plan, items, kernels)
    text = writer.text()
    namespace = {**{name: getattr(np, name) for name in {*UFUNCS.values(), *OTHERS}}, **writer.namespace}
    exec(compile(text, "<program in blocks>", "exec"), namespace)
    inputs = [line for line in plan.lines.inputs if line.varies]
    namespace["text"] = text
    namespace["row_bytes"] = sum(map(_row_bytes, [*inputs, *(line for line in writer.block.memory if line.varies)]))
    namespace["row_traffic"] = sum(map(_row_bytes, plan.each))
    namespace["calls"] = len(items) + len(plan.sums)
    namespace["has_images"] = bool(writer.block.turned)
    namespace["line_bytes"] = namespace["row_traffic"] / max(1, len(plan.each))
    return namespace


class _Writer(LineNames):
    """Writes the functions of a plan."""

    def text(self) -> str:
        """The source of views, before, make and after."""
        names, plan = self.names, self.plan
        for_rows = plan.needed_by_rows()
        needed = [line for line in plan.before if line in for_rows]
        turned = self._turned_often()
        fixed = made_once([line for line in needed if line not in turned])
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

    def _turned_often(self) -> set[Line]:
        """Transposed parameters that so many products with few rows take that laying them out anew costs less."""
        plan = self.plan
        uses = Counter(line.args[1] for line in plan.each if line.op == "matmul" and len(line.args[0].shape) == 2)
        return {line for line in plan.before if line.op == "transpose" and uses[line] >= WORTH_TURNING}

    def _make(self, once: Sequence[str]) -> list[str]:
        """The function that makes buffers, and the two functions that compute a block in them."""
        names, plan = self.names, self.plan
        rows = [names[v] for v in plan.lines.inputs if v.varies]
        sums = [f"t_{names[line]}" if line.shape else names[line] for line in plan.sums]
        arrays = [name for name, line in zip(sums, plan.sums, strict=True) if line.shape]
        block = self.block = Block(self)
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
        turned = self._turned_often()
        calls = ((self.names[line], self.call(line), line in turned) for line in lines)
        return [f"{name} = {f'ascontiguousarray({call})' if anew else call}" for name, call, anew in calls]


def _row_bytes(line: Line) -> int:
    return math.prod(lengths(own_shape(line), 1)) * line.dtype.itemsize
