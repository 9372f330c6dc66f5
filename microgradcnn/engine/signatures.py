"""How functions of Values are typed: with a Value among the operands they give a Value, otherwise plain data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Concatenate, ParamSpec, Protocol, cast, overload

from microgradcnn.engine.value import Value

P = ParamSpec("P")


class OfOne(Protocol[P]):
    """A function of one operand, and of arguments that are no operands."""

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


def of_one(function: Callable[Concatenate[Any, P], Any]) -> OfOne[P]:
    """The function itself."""
    return cast(OfOne[P], function)


def of_two(function: Callable[Concatenate[Any, Any, P], Any]) -> OfTwo[P]:
    """The function itself."""
    return cast(OfTwo[P], function)


def of_three(function: Callable[[Any, Any, Any], Any]) -> OfThree:
    """The function itself."""
    return cast(OfThree, function)


def of_many(function: Callable[Concatenate[Any, P], Any]) -> OfMany[P]:
    """The function itself."""
    return cast(OfMany[P], function)
