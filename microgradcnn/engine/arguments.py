"""Calls of functions on Values: how they are typed, and the one sentence for a call that does not fit."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from inspect import Parameter, signature
from numbers import Integral, Real
from typing import Any, Concatenate, ParamSpec, Protocol, TypeAlias, TypeVar, overload

import numpy as np

from microgradcnn.engine.arrays import glimpse
from microgradcnn.engine.value import Value

P = ParamSpec("P")
R = TypeVar("R")

Operand: TypeAlias = Any  # a Value, a number or an array
Axis: TypeAlias = int | Sequence[int] | None

_OURS = {  # how our names for them start
    **{"dim": "ax", "dims": "ax", "keepdim": "keepdims", "unbiased": "ddof", "correction": "ddof"},
    **{"outputs": "f", "inputs": "wrt", "grad_outputs": "seed", "gradient": "seed"},
}
_NEEDLESS = {
    "retain_graph": "leave it out, for a graph stays as it is",
    "create_graph": "leave it out, for what mg.grad gives is always a graph",
    "allow_unused": "leave it out, for the gradient of what is unused is zero",
}


def explained(function: Callable[P, R]) -> Callable[P, R]:
    """`function`, which raises TypeError in one sentence, with its signature, for a call that does not fit that."""

    @wraps(function)
    def call(*args: P.args, **keywords: P.kwargs) -> R:
        try:
            return function(*args, **keywords)
        except TypeError:
            try:
                signature(function).bind(*args, **keywords)
            except TypeError as misfit:
                message = _message(function, keywords, str(misfit))
            else:
                raise  # what is wrong is inside
        raise TypeError(message)

    return call


def _message(function: Callable[..., Any], keywords: Iterable[str], misfit: str) -> str:
    parameters = dict(signature(function).parameters)
    name = f"{'mg' if parameters.pop('self', None) is None else 'v'}.{function.__name__}"
    shown = ", ".join(str(p.replace(annotation=Parameter.empty)) for p in parameters.values())
    names = [p for p in parameters if parameters[p].kind is Parameter.POSITIONAL_OR_KEYWORD]
    for word in keywords:
        if word not in names:
            alike = [p for p in names if p.startswith(_OURS.get(word, word))]
            from difflib import get_close_matches  # for mistakes only: importing it takes 1 ms

            alike = alike or get_close_matches(word, names, n=1)
            fix = _NEEDLESS.get(word) or (f"did you mean {alike[0]}=?" if alike else "")
            misfit = f"it has no {word}=" + (f", {fix}" if fix else "")
            break
    return f"{name} is called as {name}({shown}): {misfit}"


def check_value(f: object, wanted: str, call: str) -> None:
    """Raise TypeError for what is no Value of a graph: what is `wanted`, and the `call` to write, as `mg.draw({})`."""
    if isinstance(f, Value):
        return
    if callable(f):
        name = getattr(f, "__name__", "model").replace("<lambda>", "f")
        fix = f"write {call.format(f'{name}(x)')}, or that of a loss of {name}(x)"
    elif isinstance(f, list | tuple | Mapping):
        fix = f"write {call.format('...')} of one of them, or {call.format('mg.stack([...]).sum()')}"
    else:
        fix = "no Value went into it, so compute it from w = mg.Value(...); bool(), float() and .item() leave the graph"
    raise TypeError(f"{wanted}, not {shown(f)}: {fix}")


def several(leaves: Any, what: str = "wrt") -> list[Value]:
    """One Value or several as a list. Raises TypeError for a model, a mapping or what else is neither."""
    if isinstance(leaves, Value):
        return [leaves]
    if hasattr(leaves, "parameters"):
        fix = "write its .parameters" + "()" * callable(leaves.parameters)
    elif isinstance(leaves, Mapping):
        fix = "write its .values()"
    elif isinstance(leaves, Iterable) and not isinstance(leaves, str):
        return list(leaves)
    else:
        fix = "name the Values themselves"
    raise TypeError(f"{what} is a Value or several, not {shown(leaves)}: {fix}")


def no_value(x: object) -> str:
    """What stands in place of a Value among several, and what to write."""
    return f"{shown(x)}: {'write its .parameters()' if hasattr(x, 'parameters') else 'wrap it in Value(...) first'}"


def shown(x: object) -> str:
    """`x` as an error shows it: short, by its type where it has no text of its own."""
    return f"a {type(x).__name__}" if callable(x) or type(x).__repr__ is object.__repr__ else glimpse(x)


def axes_of(function: str, axis: Axis) -> tuple[int, ...] | None:
    """The axes of a reduction as the table has them: a tuple, or None for all. Raises TypeError as `axis_of` does."""
    if axis is None or type(axis) is int:  # most often
        return axis if axis is None else (axis,)
    return tuple([axis_of(function, a) for a in listed(axis)])


def listed(axis: Any) -> list[Any]:
    """One axis or several, in a sequence or an array, as a list."""
    several = isinstance(axis, Sequence) and not isinstance(axis, str)
    return list(axis) if several or (isinstance(axis, np.ndarray) and axis.ndim) else [axis]


def axis_of(function: str, axis: Any) -> int:
    """The axis as an integer. Raises TypeError, by the name of the function, for what is none."""
    if isinstance(axis, Value):
        raise TypeError(
            f"the axis of {function} is an integer, not {axis.describe()}: mg.stack and mg.concatenate take their "
            "Values in one list, mg.maximum and mg.minimum take two"
        )
    try:
        if not isinstance(axis, bool):
            return operator.index(axis)
    except TypeError:
        pass
    raise TypeError(f"the axis of {function} is an integer, such as -1 for the last, not {axis!r}")


def integers_of(what: str, given: Any, least: int | None = None) -> Any:
    """An integer, or several as an array. Raises TypeError, as `what`, for what is none, ValueError below `least`."""
    found = None if isinstance(given, Value) else np.asarray(given)
    if found is None or (found.size and found.dtype.kind not in "iub"):
        raise TypeError(f"{what} is an integer, or several, not {shown(given)}")
    if least is not None and (found < least).any():
        raise ValueError(f"{what} is {least} or more, not {shown(given)}")
    return found.astype(np.intp)


class OfOne(Protocol[P]):
    """A function of one operand, and of arguments that are no operands: a Value of a Value, else plain data."""

    __name__: str

    @overload
    def __call__(self, x: Value, /, *args: P.args, **kwargs: P.kwargs) -> Value: ...
    @overload
    def __call__(self, x: Any, /, *args: P.args, **kwargs: P.kwargs) -> Any: ...


class OfTwo(Protocol[P]):
    """A function of two operands."""

    __name__: str

    @overload
    def __call__(self, a: Value, b: Any, /, *args: P.args, **kwargs: P.kwargs) -> Value: ...
    @overload
    def __call__(self, a: Any, b: Value, /, *args: P.args, **kwargs: P.kwargs) -> Value: ...
    @overload
    def __call__(self, a: Any, b: Any, /, *args: P.args, **kwargs: P.kwargs) -> Any: ...


class OfThree(Protocol):
    """A function of a condition and two operands."""

    __name__: str

    @overload
    def __call__(self, condition: Value, a: Any, b: Any, /) -> Value: ...
    @overload
    def __call__(self, condition: Any, a: Value, b: Any, /) -> Value: ...
    @overload
    def __call__(self, condition: Any, a: Any, b: Value, /) -> Value: ...
    @overload
    def __call__(self, condition: Any, a: Any, b: Any, /) -> Any: ...


class OfMany(Protocol[P]):
    """A function of a sequence of operands."""

    __name__: str

    @overload
    def __call__(self, values: Sequence[Value], /, *args: P.args, **kwargs: P.kwargs) -> Value: ...
    @overload
    def __call__(self, values: Sequence[Any], /, *args: P.args, **kwargs: P.kwargs) -> Any: ...


def _itself(function: Any) -> Any:
    return function


# Decorators that change nothing but what a type checker knows of the function.
of_one: Callable[[Callable[Concatenate[Any, P], Any]], OfOne[P]] = _itself
of_two: Callable[[Callable[Concatenate[Any, Any, P], Any]], OfTwo[P]] = _itself
of_three: Callable[[Callable[[Any, Any, Any], Any]], OfThree] = _itself
of_many: Callable[[Callable[Concatenate[Any, P], Any]], OfMany[P]] = _itself


def check_real(**numbers: Any) -> None:
    """Raise TypeError, by its name, for what is no number: None, a text, an array of several."""
    for name, number in numbers.items():
        if not (isinstance(number, Real) or (hasattr(number, "dtype") and np.shape(number) == ())):
            raise TypeError(f"{name} is a number, not {number!r}")


def check_integers(**numbers: Any) -> None:
    """Raise TypeError, by its name, for what is no whole number."""
    for name, number in numbers.items():
        if not isinstance(number, Integral) or isinstance(number, bool):
            raise TypeError(f"{name} is a whole number, not {number!r}")
