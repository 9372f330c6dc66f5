"""What the notation of a primitive stands for, as a value: read as a tree, never run as text, and held against forward.

A target that has no line for a primitive of the user's own writes the lines that its notation is made of. Whether it is
made of what the targets know, and gives the numbers of `forward`, is found out here. A line for Python is held against
these as well, and run for it.
"""

from __future__ import annotations

import ast
import inspect
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from microgradcnn.engine import functions
from microgradcnn.engine.arrays import as_data, quiet
from microgradcnn.engine.functions import BUILT_IN
from microgradcnn.engine.record import TABLE, Primitive, input_names, syntax_of
from microgradcnn.system.text_layout import how_many
from microgradcnn.targets.lines import Line, hashable, lengths

# Where a notation is held against forward: both signs, small, large, and where exp overflows.
POINTS = (-800.0, -30.0, -3.7, -1.0, -0.6, 0.0, 0.3, 1.0, 2.9, 30.0, 800.0)
DRAWN = 256  # points, or a few arrays of them
CLOSE = {"float64": 1e-9, "float32": 1e-4}  # of the number, or a thousandth of it absolute

_NAME = r"(?<![\w.])[^\W\d]\w*"  # in an expression, unless it is an attribute's
Form = tuple[tuple[int, ...], np.dtype[Any]]  # of an input: its shape and type

_compared: dict[Any, str | None] = {}  # what differs, by primitives, forms and static arguments

EXAMPLES = {
    "python": ("Python", "xp.sinh(x)"),
    "javascript": ("JavaScript", "Math.sinh(x)"),
    "llvm": ("LLVM", "sinh"),
    "onnx": ("ONNX", "Sinh"),
}


class UnopenedError(ValueError):
    """Why a notation does not stand for its primitive."""


def missing_line(line: Line, target: str) -> str:
    """The sentence about a primitive that a target has no line for, with the fix."""
    language, example = EXAMPLES[target]
    why = _difference_of(line) or f"its notation, {TABLE[line.op].notation}, does not give what its forward gives"
    return (
        f"the primitive {line.op!r} has no line in {language}: {why}; give mg.primitive a notation in mg functions "
        f"that agrees with forward, or a line of its own, such as targets={{{target!r}: {example!r}}} for sinh(x)"
    )


def _difference_of(line: Line, text: str = "") -> str | None:
    """Why the notation, or a line in Python, does not stand for a primitive on such arguments, None if it does."""
    forms = [(lengths(arg.shape, 2), arg.dtype) for arg in line.args]
    try:
        return disagreement(TABLE[line.op], forms, lengths(line.static, 2), text)
    except UnopenedError as error:
        return str(error)


def rows(target: str) -> dict[str, str]:
    """The lines that records of the package's own table have for a target, with {0}, {1}, ... for their inputs."""
    found = {}
    for op in (TABLE[name] for name in sorted(BUILT_IN) if target in TABLE[name].targets):
        places = {name: f"{{{i}}}" for i, name in enumerate(input_names(op, op.inputs or 0, ()))}
        pieces = re.split(rf"({_NAME})", op.targets[target])
        found[op.name] = "".join([places.get(piece, piece) for piece in pieces])
    return found


def own_line(line: Line, target: str, args: Sequence[str], literal: Callable[[Any], str]) -> str:
    """The user's own expression for a primitive, in these arguments. Raises ValueError for none, or a wrong one."""
    op = TABLE[line.op]
    if target not in op.targets:
        raise ValueError(missing_line(line, target))
    text = op.targets[target]
    if target == "python" and (why := _difference_of(line, text)):
        raise ValueError(f"the primitive {line.op!r} cannot be written in Python: {why}; correct its line in targets=")
    static = {**_defaults(op), **line.static}
    given = {name: literal(static[name]) for name in re.findall(_NAME, text) if name in static}
    given |= zip(input_names(op, len(args), tuple(line.static)), args, strict=False)
    return re.sub(_NAME, lambda found: given.get(found[0], found[0]), text)


def by_notation(op: Primitive, inputs: Sequence[Any], static: Mapping[str, Any]) -> Any:
    """The value of a primitive by its notation, on Values or arrays.

    Raises UnopenedError where the notation is made of anything else than operators, numbers and functions of mg.
    """
    names = {**_defaults(op), **static}
    called = input_names(op, len(inputs), tuple(static))
    if len(called) > len(inputs):
        raise UnopenedError(
            f"its notation, {op.notation}, has the names {', '.join(called)} for {how_many(len(inputs), 'input')}"
        )
    for i, name in enumerate(called):
        is_rest = i == len(called) - 1 and len(called) < len(inputs)
        names[name] = tuple(inputs[i:]) if is_rest else inputs[i]
    try:
        return _value(_tree(op), names)
    except UnopenedError:
        raise
    except (ArithmeticError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise UnopenedError(f"its notation, {op.notation}, cannot be taken: {error}") from None


def _by_line(line: str, op: Primitive, inputs: Sequence[Any], static: Mapping[str, Any]) -> Any:
    """The value of a primitive by its line in Python, on arrays. Raises UnopenedError where that raises anything."""
    try:
        called = zip(input_names(op, len(inputs), tuple(static)), inputs, strict=False)
        return eval(line.strip(), {"xp": np, "numpy": np, **_defaults(op), **static, **dict(called)})
    except Exception as error:  # whatever the user's line refuses numbers with
        raise UnopenedError(f"its line, {line}, cannot be taken: {error}") from None


def disagreement(op: Primitive, forms: Sequence[Form], static: Mapping[str, Any], line: str = "") -> str | None:
    """What differs between notation, or a `line` in Python, and forward on inputs of these forms, None if nothing does.

    Compared are numbers drawn from POINTS, in the shapes of the inputs unless the primitive works element by element.
    Where forward refuses all inputs a line is taken as given, and so is the notation of what the table has composed, in
    which such numbers cancel. Raises UnopenedError as `by_notation` and `_by_line` do.
    """
    if op.composed:
        return None
    key = (op, line) if line else _made_of(op), tuple(forms), hashable(dict(static))
    if key not in _compared:
        _compared[key] = _disagreement(op, forms, dict(static), line)
    return _compared[key]


def _disagreement(op: Primitive, forms: Sequence[Form], static: dict[str, Any], line: str) -> str | None:
    its = f"its line, {line}," if line else f"its notation, {op.notation},"
    rng = np.random.default_rng(0)
    shapes = [(DRAWN,) if op.elementwise else shape for shape, _ in forms]
    rounds = max(3, DRAWN // max(1, *map(math.prod, shapes)))
    compared = 0
    for dtype in ["float64", *[str(dtype) for _, dtype in forms if dtype == np.float32][:1]] * rounds:
        points: list[Any] = [
            rng.choice(POINTS, shape).astype(dtype) if kind != np.bool_ else rng.choice((False, True), shape)
            for shape, (_, kind) in zip(shapes, forms, strict=True)
        ]
        try:
            expected = op.evaluate(points, static)
        except Exception:  # whatever the user's forward refuses numbers with
            continue
        compared += 1
        found = quiet(_by_line, line, op, points, static) if line else quiet(by_notation, op, points, static)
        if (said := _difference(f"{its} gives", points, found, expected, CLOSE[dtype])) is not None:
            return said
    return None if compared or line else f"{its} cannot be compared with its forward"


def _difference(its: str, points: Sequence[Any], found: Any, expected: Any, close: float) -> str | None:
    found, expected = (np.asarray(as_data(x, keep_bool=True)) for x in (found, expected))
    if found.shape != expected.shape:
        return f"{its} shape {found.shape} where its forward gives {expected.shape}"
    if found.dtype != expected.dtype:
        return f"{its} {found.dtype} where its forward gives {expected.dtype}"
    alike = np.isclose(found, expected, close, close / 1000, equal_nan=True)
    if alike.all():
        return None
    place = np.unravel_index(int(np.argmin(alike)), alike.shape)
    at = ""
    if all(np.shape(x) == found.shape for x in points):
        at = " at " + ", ".join(f"{x[place]:g}" for x in points)
    return f"{its} {found[place]:g}{at}, where its forward gives {expected[place]:g}"


@lru_cache(maxsize=256)
def _tree(op: Primitive) -> ast.expr:
    try:
        return syntax_of(op.notation)
    except ValueError:
        raise UnopenedError(f"its notation, {op.notation}, is no Python expression") from None


def _made_of(op: Primitive, above: tuple[Primitive, ...] = ()) -> tuple[Primitive, ...]:
    """The primitive and those of the user's own in its notation, and in theirs.

    Raises UnopenedError if it is made of itself, at once or through others.
    """
    if op in above:
        raise UnopenedError(f"its notation, {op.notation}, is not made of mg functions")
    calls = [node.func for node in ast.walk(_tree(op)) if isinstance(node, ast.Call)]
    names = {f.id for f in calls if isinstance(f, ast.Name)} - BUILT_IN - _FUNCTIONS.keys()
    inner = [part for name in sorted(names & TABLE.keys()) for part in _made_of(TABLE[name], (*above, op))]
    return op, *inner


def _defaults(op: Primitive) -> dict[str, Any]:
    """The static arguments that forward has defaults for."""
    try:
        parameters = inspect.signature(op.forward).parameters.values()
    except (TypeError, ValueError):  # a ufunc has no signature
        return {}
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def _value(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """What a part of a notation is: operators and functions of mg, on what its names stand for."""
    match node:
        case ast.Constant(value=int() | float() | None):
            return node.value
        case ast.Name(id=name) if name in names or name == "pi":
            return names.get(name, math.pi)
        case ast.UnaryOp(op=ast.USub()):
            return -_value(node.operand, names)
        case ast.BinOp() if type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)](_value(node.left, names), _value(node.right, names))
        case ast.Compare(ops=[relation], comparators=[right]) if type(relation) in _OPERATORS:
            return _OPERATORS[type(relation)](_value(node.left, names), _value(right, names))
        case ast.Attribute(attr="T"):
            return _value(node.value, names).T
        case ast.Subscript():
            return functions.getitem(_value(node.value, names), _value(node.slice, names))
        case ast.Slice():
            ends = (node.lower, node.upper, node.step)
            return slice(*[None if end is None else _value(end, names) for end in ends])
        case ast.Tuple() | ast.List():
            return tuple(_arguments(node.elts, names))
        case ast.Call(func=ast.Name(id=name)):
            settings = {str(k.arg): _value(k.value, names) for k in node.keywords}
            return _function(name, len(node.args))(*_arguments(node.args, names), **settings)
    raise UnopenedError(f"{ast.unparse(node)!r} in its notation is nothing that the targets know")


def _arguments(nodes: Sequence[ast.expr], names: Mapping[str, Any]) -> list[Any]:
    """All of them, with those that a star stands for."""
    found: list[Any] = []
    for node in nodes:
        found += _value(node.value, names) if isinstance(node, ast.Starred) else [_value(node, names)]
    return found


def _function(name: str, count: int) -> Callable[..., Any]:
    """The function of mg of that name, or a primitive; max and min of two are maximum and minimum, as in the table."""
    if name in ("max", "min") and count == 2:
        return functions.maximum if name == "max" else functions.minimum
    if name not in _FUNCTIONS and name not in TABLE:
        raise UnopenedError(f"{name!r} in its notation is no function of mg")
    return _FUNCTIONS.get(name) or TABLE[name]


def _power(base: Any, exponent: Any) -> Any:
    return (float(base) if type(base) is int else base) ** exponent


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: getattr(functions, name) for name in {*BUILT_IN, "softmax", "swapaxes"} if hasattr(functions, name)
}
_OPERATORS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    **{ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv},
    **{ast.Pow: _power, ast.MatMult: operator.matmul, ast.Eq: functions.equal},
    **{ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge},
}
