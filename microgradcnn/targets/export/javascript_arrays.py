"""Graphs of arrays as JavaScript: one line an operation on typed arrays, in the functions of views/pages/assets/arrays.

>>> from microgradcnn import Value
>>> W, x = Value([[1.0, 2.0], [3.0, 4.0]], label="W"), Value([0.5, -1.0], label="x")
>>> print(array_program([(2.0 * (W @ x)).sum()], [W, x]).text)
function program(v, constants) {
  const mul = xp.elementwise((a, b) => a * b);
  const W = xp.leaf(v, 0, [2, 2]);
  const x = xp.leaf(v, 4, [2]);
  const t1 = xp.matmul(W, x);
  const t2 = mul(2, t1);
  const t3 = xp.sum(t2, { axis: null, keepdims: false });
  return [t3];
}
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.functions import BUILT_IN
from microgradcnn.engine.value import Value
from microgradcnn.targets.export.javascript import (
    DEFINITIONS,
    EXPRESSIONS,
    Identifiers,
    TooLargeError,
    as_recorded,
    expression,
    listed,
    literal,
)
from microgradcnn.targets.lines import LEAVES, Line, Lines, in_order, known_size, plain
from microgradcnn.targets.simplify import simplified

SHORT = 16  # numbers of a constant that stand in the text
MOST_WORK = 10_000_000  # operations on numbers that a browser does at once, in some fifty milliseconds
TYPES = {np.dtype(np.float64): "", np.dtype(np.float32): "Float32Array", np.dtype(np.bool_): "Uint8Array"}
LETTERS = "abcdefghijklmnopqrstuvwxyz"


class ArrayFunction(NamedTuple):
    """The text of a function, and the numbers of its longer constants, one array after the other."""

    text: str
    constants: Array


def array_program(outputs: Sequence[Value], leaves: Sequence[Value], name: str = "program") -> ArrayFunction:
    """`function name(v, constants) { ... }`, which gives the arrays of `outputs` in a list.

    v, a Float64Array, has the numbers of `leaves`, `constants` those that come with the text. An array is {data,
    shape}, its numbers row by row. What works element by element is computed by the same row as on numbers, everything
    else by the function xp.* of its name. Leaves that are not named are constants, and all shapes are as they were
    recorded, the number of rows as well. Raises ValueError for what was computed among the leaves, and
    NoLineError for a primitive that JavaScript cannot compute, TooLargeError for more than 10,000,000 operations.
    """
    lines = simplified(as_recorded(outputs, leaves))
    if sum(map(_work, in_order(lines.outputs))) > MOST_WORK:
        raise TooLargeError(f"the graph takes more than {MOST_WORK} operations on numbers: too many for a page")
    constants = [line.value for line in _computed(lines) if _is_long(line)]
    return ArrayFunction(_text(lines, name), np.concatenate([[], *map(np.ravel, constants)]))


def _computed(lines: Lines) -> list[Line]:
    """Everything but leaves and numbers."""
    return [line for line in in_order(lines.outputs) if line.op not in LEAVES or line.op == "constant"]


def _is_long(line: Line) -> bool:
    return line.op == "constant" and known_size(line.shape) > SHORT


def _work(line: Line) -> int:
    """How many operations on numbers a line takes, roughly."""
    sizes = [known_size(arg.shape) for arg in line.args]
    if line.op == "matmul":
        return known_size(line.shape) * int(line.args[0].shape[-1])  # type: ignore[arg-type]
    if line.op in ("conv2d", "conv2d_input"):  # a window of a filter for every number that comes out, or goes in
        out = line if line.op == "conv2d" else line.args[0]
        return known_size(out.shape) * known_size(line.args[1].shape[1:])
    if line.op == "conv2d_kernel":
        return sizes[1] * known_size(line.shape[1:])
    return max([known_size(line.shape), *sizes])


def _text(lines: Lines, name: str) -> str:
    order = _computed(lines)
    functions = _Functions(order)
    names = Identifiers(name, [*lines.inputs, *functions.named], order, reserved=["xp", "constants"])
    body = list(dict.fromkeys(DEFINITIONS[line.op].strip() for line in order if line.op in DEFINITIONS))
    body += [f"const {names[line]} = {text};" for line, text in functions.named.items()]
    body += _leaves(lines.inputs, "v", names)
    body += _leaves([line for line in order if _is_long(line)], "constants", names)
    for line in order:
        if _is_long(line):
            continue
        function = functions.of.get(line)
        args = [names[arg] if function is not None else _array(arg, names) for arg in line.args]
        text = f"{names[function]}({', '.join(args)})" if function is not None else _call(line, args)
        body.append(f"const {names[line]} = {text};")
    body.append(f"return {listed([_array(line, names) for line in lines.outputs])};")
    inside = "\n".join(body).replace("\n", "\n  ")
    return f"function {name}(v, constants) {{\n  {inside}\n}}"


def _leaves(leaves: Sequence[Line], numbers: str, names: Identifiers) -> Iterator[str]:
    """The lines that take arrays out of the numbers of all."""
    place = 0
    for leaf in leaves:
        yield f"const {names[leaf]} = xp.leaf({_listed(numbers, place, leaf.shape, TYPES[leaf.dtype])});"
        place += known_size(leaf.shape)


class _Functions:
    """The functions of arrays that are made of rows for numbers: `of` the lines that call them, `named` their texts."""

    def __init__(self, order: Sequence[Line]) -> None:
        self.named: dict[Line, str] = {}
        self.of: dict[Line, Line] = {}
        by_text: dict[str, Line] = {}
        for line in order:
            if line.op == "constant" or (line.op in BUILT_IN and line.op not in EXPRESSIONS):
                continue
            letters = LETTERS[: len(line.args)]
            text = f"({', '.join(letters)}) => {expression(line, letters)}"
            text = f"xp.elementwise({_listed(text, TYPES[line.dtype])})"
            function = by_text.setdefault(text, Line("function", label=line.op))
            self.of[line] = function
            self.named[function] = text


def _call(line: Line, args: Sequence[str]) -> str:
    """A line that is no function of numbers: the function of its name, with what is no array by name."""
    if line.op == "constant":
        return f"xp.array({_listed(np.ravel(line.value).tolist(), line.shape, TYPES[line.dtype])})"
    static = line.static
    if line.op in ("reshape", "broadcast_to"):
        static = {"shape": line.shape}
    elif line.op in ("getitem", "scatter"):
        whole = line.args[0] if line.op == "getitem" else line
        static = {"shape": line.shape, **_places(static["index"], whole.shape)}
    given = ", ".join(f"{name}: {_literal(value)}" for name, value in static.items())
    return f"xp.{line.op}({', '.join([*args, *([f'{{ {given} }}'] if given else [])])})"


def _array(line: Line, names: Identifiers) -> str:
    """An argument that has to be an array."""
    if line.op != "number":
        return names[line]
    return f"xp.array({_listed([line.value], [], TYPES[line.dtype])})"


def _places(index: Any, shape: Any) -> dict[str, Any]:
    """Where x[index] lies in an x of this shape: an offset with strides, or the places of blocks of numbers."""
    parts = index if isinstance(index, tuple) else (index,)
    if all(isinstance(part, int | slice | None) or part is Ellipsis for part in map(plain, parts)):
        x = np.empty(shape, np.int8)
        view = x[(*parts, *([] if Ellipsis in parts else [Ellipsis]))]
        return {"strides": view.strides, "offset": max(0, view.ctypes.data - x.ctypes.data) if view.size else 0}
    parts = parts[:-1] if parts[-1] is Ellipsis else parts
    taken = sum(part.ndim if _is_mask(part) else part is not None for part in map(_as_index, parts))
    head = len(shape) if any(part is Ellipsis for part in parts) else taken
    places = np.arange(math.prod(shape[:head])).reshape(shape[:head])[parts]
    return {"places": places.ravel().tolist(), "block": math.prod(shape[head:])}


def _as_index(part: Any) -> Any:
    return np.asarray(part) if isinstance(part, list | np.ndarray) else part


def _is_mask(part: Any) -> bool:
    return isinstance(part, np.ndarray) and part.dtype == np.bool_


def _listed(*items: Any) -> str:
    """Arguments, without those that are empty texts."""
    return ", ".join(item if isinstance(item, str) else _literal(item) for item in items if item != "")


def _literal(value: Any) -> str:
    """A static argument as JavaScript writes it."""
    value = plain(value)
    if value is None:
        return "null"
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_literal, value))}]"
    return literal(value).strip("()")
