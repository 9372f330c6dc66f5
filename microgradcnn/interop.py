"""NumPy functions called on Values become the functions of the same names here, or refuse; never an object array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from microgradcnn import functions, primitives
from microgradcnn.value import Value

BY_NUMPY_NAME: dict[str, Callable[..., Any]] = {
    **{f.__name__: f for f in functions.METHODS},
    "add": primitives.add,
    "subtract": primitives.sub,
    "multiply": primitives.mul,
    "divide": primitives.div,
    "negative": primitives.neg,
    "absolute": primitives.abs,
    "less": primitives.less,
    "less_equal": primitives.less_equal,
    "greater": primitives.greater,
    "greater_equal": primitives.greater_equal,
    "amax": functions.max,
    **{f.__name__: f for f in (functions.power, functions.equal, functions.where, functions.transpose)},
    **{f.__name__: f for f in (functions.broadcast_to, functions.concatenate, functions.stack)},
    "shape": lambda value: value.shape,
    "ndim": lambda value: value.ndim,
    "size": lambda value: value._data.size if value.shape else 1,
}


def _array(self: Value, dtype: Any = None, copy: Any = None) -> np.ndarray[Any, Any]:
    raise TypeError(
        f"NumPy cannot make an array of {self.describe()} without losing its graph: "
        "mg.stack joins Values, .data is the number or array inside"
    )


def _array_ufunc(self: Value, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    known = _counterpart(ufunc)
    if method != "__call__" or kwargs:
        how = f"np.{ufunc.__name__}" + (f".{method}" if method != "__call__" else f" with {'= and '.join(kwargs)}=")
        raise TypeError(
            f"{how} cannot record a graph: write np.{ufunc.__name__}(...) of the inputs alone, as in a = a + v for "
            "a += v, or leave the graph with .data"
        )
    return known(*inputs)


def _array_function(self: Value, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
    return _counterpart(function)(*args, **kwargs)


def _counterpart(numpy_function: Any) -> Callable[..., Any]:
    name = numpy_function.__name__
    if name not in BY_NUMPY_NAME:
        raise TypeError(
            f"np.{name} does not know Values: compose it from mg functions ({', '.join(sorted(BY_NUMPY_NAME))}), "
            "or leave the graph with .data"
        )
    return BY_NUMPY_NAME[name]


for _name, _method in {
    "__array__": _array,
    "__array_ufunc__": _array_ufunc,
    "__array_function__": _array_function,
}.items():
    setattr(Value, _name, _method)
