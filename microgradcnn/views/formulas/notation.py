"""How a graph is written: each primitive's notation, a Python expression in its inputs, put together to formulas.

formula(z, {c1: symbol("c_1"), ...})     the formula of a Value in terms of the named ones
text(e), latex(e), mathml(e), python(e)  a formula in four languages
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from microgradcnn.engine.record import TABLE, Primitive, free_names, input_names, syntax_of
from microgradcnn.engine.value import Constant, Value
from microgradcnn.views.formulas.algebra import simplified
from microgradcnn.views.formulas.arguments import indexed, settings
from microgradcnn.views.formulas.expression import (
    Expr,
    add,
    call,
    cases,
    constant,
    divide,
    equation,
    flattened,
    functions,
    minus,
    multiply,
    number,
    power,
    replaced,
    symbol,
)
from microgradcnn.views.formulas.expression import text as words
from microgradcnn.views.formulas.latex import Latex
from microgradcnn.views.formulas.mathml import MathML, Python
from microgradcnn.views.formulas.typeset import Text

__all__ = ["definitions", "equation", "formula", "latex", "mathml", "number", "parsed", "python", "symbol", "text"]

_COMPARISONS = {ast.Lt: "<", ast.LtE: "≤", ast.Gt: ">", ast.GtE: "≥", ast.Eq: "=", ast.NotEq: "≠"}
_POWERS = {"sqrt": 0.5, "square": 2}
Operands = Mapping[str, Any]  # what each name of a notation stands for: a Part, several, or the formula of a setting


class _Part:
    """A formula under construction, and whether it stands for an array."""

    __slots__ = ("array", "formula")

    def __init__(self, formula: Expr, array: bool) -> None:
        self.formula, self.array = formula, array


def text(e: Expr) -> str:
    """The formula as one line of Unicode."""
    return Text()(e)


def latex(e: Expr) -> str:
    """The formula in LaTeX, for mathematics mode with amsmath."""
    return Latex()(e)


def mathml(e: Expr, block: bool = False) -> str:
    """The formula as a <math> element of MathML Core; `block` puts it on a line of its own."""
    display = ' display="block"' if block else ""
    return f'<math xmlns="http://www.w3.org/1998/Math/MathML"{display}>{MathML()(e)}</math>'


def python(e: Expr) -> str:
    """The formula as a Python expression that SymPy reads exactly."""
    return Python()(e)


def formula(value: Value, names: Mapping[Value, Expr], *, top: bool = False, gradient: bool = False) -> Expr:
    """The formula of a Value as it was computed, down to the Values in `names`; `top` looks behind its own name.

    In the graph of a `gradient` cases are simplified on the way, because the rules write g into each case.
    Raises ValueError for an array that has no name. Time and size grow with the unnamed part of the graph: a node that
    is used twice is written twice unless it is named.
    """
    found: dict[Value, Expr] = {}
    stack = [value]
    while stack:
        node = stack[-1]
        if node in found:
            stack.pop()
            continue
        if node in names and not (top and node is value):
            found[node] = names[node]
            continue
        if node.op is None:
            found[node] = _atom(node)
            continue
        missing = [p for p in node.parents if p not in found]
        if missing:
            stack += missing
        else:
            e = _applied(node, node.op, [_Part(found[p], p.ndim > 0) for p in node.parents])
            found[node] = simplified(e) if gradient and e.head == "cases" else e
    return flattened(found[value])


def parsed(notation: str, operands: Operands) -> Expr:
    """The formula that a notation stands for. Raises ValueError if it is no Python expression that can be written."""
    return _read(syntax_of(notation), operands).formula


def _atom(leaf: Value) -> Expr:
    if leaf.label is not None:
        return symbol(leaf.label)
    data = np.asarray(leaf.data)
    if data.size and (data == data.flat[0]).all():  # an array of equal numbers broadcasts as the number does
        return constant(float(data.flat[0]))
    kind = "a constant" if type(leaf) is Constant else leaf.describe()
    raise ValueError(f"{kind} of shape {leaf.shape} has no name to write it by: give it a label")


def _applied(node: Value, op: Primitive, parts: Sequence[_Part]) -> Expr:
    if op.name == "where" and asks_for_nan(node.parents[0]):
        return parts[1].formula  # formulas hold where everything is finite
    if op.name == "where" and _never_holds(node.parents[0]):
        return parts[2].formula
    if op.name == "where" and _is_relus_rule(node.parents[0], node.parents[2]):
        parts = [*parts[:2], _Part(number(0), parts[2].array)]
    if (rearranged := _rearranged(node, op, [part.formula for part in parts])) is not None:
        return rearranged
    if op.elementwise:
        parts = [
            _Part(_aligned(q.formula, p.shape, node.ndim), q.array) for p, q in zip(node.parents, parts, strict=True)
        ]
    return _written(op, parts, node.static)


def _written(op: Primitive, parts: Sequence[_Part], static: Mapping[str, Any]) -> Expr:
    """The primitive of these inputs: by its name, or as its notation has it."""
    names, said = input_names(op, len(parts), tuple(static)), settings(op.name, static)
    numbers = (item for item in static.items() if isinstance(item[1], int | float | np.number))
    operands: dict[str, Any] = {**said, **{key: number(given) for key, given in numbers if key != "index"}}
    if op.by_name:
        definition(op)  # raises for a notation that cannot be written
        first = {} if op.composed else {name: operands[name] for name in free_names(op) if name in said}
        return _call(op.name, [*parts, *[_Part(e, False) for e in {**first, **said, **first}.values()]]).formula
    for i, name in enumerate(names):
        operands[name] = parts[i:] if i == len(names) - 1 and len(names) < len(parts) else parts[i]
    return parsed(op.notation, operands)


def definitions(formulas: Iterable[Expr], told: set[str], composed: bool = False) -> list[Expr]:
    """What the functions in the formulas stand for, such as swish(x) = xσ(x), where their notation says so.

    Those in `told` are left out, and those found are put there; `composed` asks for gelu_tanh and its like, too.
    """
    found: list[Expr] = []
    for name in dict.fromkeys(name for e in formulas for name in functions(e)):
        if name not in TABLE or (TABLE[name].composed and not composed):
            continue
        if name not in told and (e := definition(TABLE[name])) is not None:
            told.add(name)
            found += [e, *definitions(e.args, told, composed)]
    return found


def spelled_out(e: Expr, above: tuple[str, ...] = ()) -> Expr:
    """The formula with what its functions stand for in their places, where their notation says so."""
    args = tuple([spelled_out(a, above) for a in e.args])
    known = e.head == "call" and e.value in TABLE and e.value not in above
    if not known or (meant := definition(TABLE[e.value])) is None:
        return Expr(e.head, args, e.value) if args else e
    left, right = meant.args
    body = spelled_out(right, (*above, e.value))
    return replaced(body, {x.value: a for x, a in zip(left.args, args, strict=False)})


@lru_cache(maxsize=256)
def definition(op: Primitive) -> Expr | None:
    """What a primitive written by its name stands for; None if only for itself. Raises ValueError as `parsed` does."""
    if not op.by_name or op.opaque:
        return None
    names = dict.fromkeys([*input_names(op, op.inputs or 0, ()), *free_names(op)])
    right = parsed(op.notation, {name: _Part(symbol(name), "@" in op.notation) for name in names})
    return equation(call(op.name, *map(symbol, names)), flattened(right))


def asks_for_nan(condition: Value) -> bool:
    """Whether a condition is x = x."""
    return condition.op is not None and condition.op.name == "equal" and condition.parents[0] is condition.parents[1]


def _never_holds(condition: Value) -> bool:
    """Whether a condition is x < x."""
    return condition.op is not None and condition.op.name == "less" and condition.parents[0] is condition.parents[1]


def _is_relus_rule(condition: Value, otherwise: Value) -> bool:
    """Whether relu(x) is taken where x > 0 does not hold: it is 0 there, or NaN."""
    if condition.op is None or condition.op.name != "greater" or otherwise.op is None or otherwise.op.name != "relu":
        return False
    x, zero = condition.parents
    return x is otherwise.parents[0] and zero.shape == () and zero.data == 0.0


def _rearranged(node: Value, op: Primitive, args: Sequence[Expr]) -> Expr | None:
    """What repeats or rearranges numbers, as mathematics writes it: vectors are columns, a row is a transposed one."""
    first, old, new = node.parents[0], node.parents[0].shape, node.shape
    if op.name == "broadcast_to":
        return _aligned(args[0], old, len(new))
    if op.name == "astype":
        return args[0]
    if op.name == "reshape":
        return _reshaped(args[0], old, new)
    if op.name == "transpose":
        return _transposed(args[0], node.static["axes"] or tuple(reversed(range(len(new)))))
    if op.name == "matmul":
        return _matrices(node, args)
    if op.name == "fold" and first.op is not None and first.op.name == "broadcast_to":
        return call("spread", args[0], *settings("spread", {"size": first.shape[4:], **node.static}).values())
    if node.static.get("keepdims") and (axis := node.static["axis"]) is not None:
        axes = [i % len(old) for i in axis]
        reduced = tuple([n for i, n in enumerate(old) if i not in axes])
        written = call(op.name, args[0], *settings(op.name, node.static).values())
        return _reshaped(written, reduced, new) or _to_shape(written, new)
    return None


def _reshaped(e: Expr, old: tuple[int, ...], new: tuple[int, ...]) -> Expr | None:
    """A reshape that is none, or a transposition: a vector is a column, and axes of length 1 at the end are none."""
    if _without_ones(old) == _without_ones(new):
        return e
    if (old == (1, *new) and len(new) == 1) or (new == (1, *old) and len(old) == 1):
        return e.args[0] if e.head == "transpose" else Expr("transpose", (e,))
    return None


def _to_shape(e: Expr, shape: tuple[int, ...]) -> Expr:
    return call("reshape", e, words(str(shape), f"shape={shape}"))


def _aligned(e: Expr, shape: tuple[int, ...], ndim: int) -> Expr:
    """What NumPy puts to the right of other axes: a vector is a row there, and so it is written."""
    if not 0 < len(shape) < ndim:
        return e
    new = (1,) * (ndim - len(shape)) + shape
    return _reshaped(e, shape, new) or _to_shape(e, new)


def _transposed(e: Expr, axes: tuple[int, ...]) -> Expr:
    if axes == tuple(range(len(axes))):
        return e
    if len(axes) == 2:
        return Expr("transpose", (e,))
    return call("transpose", e, *settings("transpose", {"axes": axes}).values())


def _matrices(node: Value, args: Sequence[Expr]) -> Expr | None:
    """A product with a vector in it, or of more axes than two."""
    left, right = (p.ndim for p in node.parents)
    if left == 1 and right == 1:
        return Expr("matmul", (Expr("transpose", (args[0],)), args[1]))
    if left == 1 and right == 2:
        return Expr("matmul", (Expr("transpose", (args[1],)), args[0]))
    if max(left, right) <= 2:
        return None
    columns = [p.op is not None and p.op.name == "reshape" and p.ndim > 2 and p.shape[-1] == 1 for p in node.parents]
    each = zip(node.parents, args, columns, strict=True)
    return call("matmul", *[_to_shape(e, p.shape) if column else e for p, e, column in each])


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without the axes of length 1 at its end."""
    while shape and shape[-1] == 1:
        shape = shape[:-1]
    return shape


def _read(node: ast.expr, operands: Operands) -> _Part:
    if isinstance(node, ast.Name):
        return _name(node.id, operands)
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return _Part(constant(node.value), False)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        x = _read(node.operand, operands)
        return _Part(minus(x.formula), x.array)
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        a, b = _read(node.left, operands), _read(node.right, operands)
        return _Part(_BINARY[type(node.op)](a, b), a.array or b.array)
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARISONS:
        a, b = _read(node.left, operands), _read(node.comparators[0], operands)
        return _Part(Expr("compare", (a.formula, b.formula), _COMPARISONS[type(node.ops[0])]), a.array or b.array)
    if isinstance(node, ast.Attribute) and node.attr == "T":
        return _Part(Expr("transpose", (_read(node.value, operands).formula,)), True)
    if isinstance(node, ast.Subscript):
        x = _read(node.value, operands)
        inside = ast.unparse(node).removeprefix(ast.unparse(node.value))[1:-1]
        known = operands.get(inside)  # a setting; in a definition its name
        return _Part(indexed(x.formula, known if isinstance(known, Expr) else words(inside, inside)), x.array)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        parts = [part for a in node.args for part in _arguments(a, operands)]
        keywords = [_Part(e, False) for e in _keywords(node.func.id, node.keywords).values()]
        return _call(node.func.id, [*parts, *keywords])
    raise ValueError(f"a notation is arithmetic on the inputs: {ast.unparse(node)!r} cannot be written")


def _name(name: str, operands: Operands) -> _Part:
    found = operands.get(name)
    return found if isinstance(found, _Part) else _Part(symbol(name) if found is None else found, False)


def _arguments(node: ast.expr, operands: Operands) -> list[_Part]:
    """One argument, or those that a star stands for."""
    if not isinstance(node, ast.Starred):
        return [_read(node, operands)]
    assert isinstance(node.value, ast.Name)
    found = operands[node.value.id]
    return [found] if isinstance(found, _Part) else list(found)


def _call(name: str, parts: Sequence[_Part]) -> _Part:
    array, args = any(part.array for part in parts), [part.formula for part in parts]
    if name in _POWERS:
        return _Part(power(args[0], number(_POWERS[name])), array)
    return _Part(cases(*args) if name == "where" else call(name, *args), array)


def _keywords(name: str, given: Sequence[ast.keyword]) -> dict[str, Expr]:
    """The settings in a call, written out or under the names of static arguments."""
    named = {str(k.arg): k.value.id for k in given if isinstance(k.value, ast.Name)}
    written = {str(k.arg): ast.literal_eval(k.value) for k in given if not isinstance(k.value, ast.Name)}
    return settings(name, written) | {
        key: words(of if of == key else f"{key} {of}", f"{key}={of}") for key, of in named.items()
    }


def _times(a: _Part, b: _Part) -> Expr:
    both = (a.formula, b.formula)
    return Expr("hadamard", both) if a.array and b.array else multiply(*both)


_BINARY: dict[type[ast.operator], Callable[[_Part, _Part], Expr]] = {
    ast.Add: lambda a, b: add(a.formula, b.formula),
    ast.Sub: lambda a, b: add(a.formula, minus(b.formula)),
    ast.Mult: _times,
    ast.Div: lambda a, b: divide(a.formula, b.formula),
    ast.Pow: lambda a, b: power(a.formula, b.formula),
    ast.MatMult: lambda a, b: Expr("matmul", (a.formula, b.formula)),
}
