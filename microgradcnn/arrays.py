"""Raw data: what a Value may hold, and how it is taken in so that nobody can change it behind the graph's back."""

from __future__ import annotations

from contextvars import Context
from typing import Any, TypeAlias

import numpy as np

Data: TypeAlias = Any  # a Python float (float64), a np.float32, a bool, or a read-only ndarray of one of these

_FLOAT64 = np.dtype(np.float64)
_QUIET = Context()
_QUIET.run(np.seterr, all="ignore")  # NumPy keeps its error state in the context


def as_data(x: object, keep_bool: bool = False) -> Data:
    """`x` as a Value holds it: a Python float, a np.float32, or a read-only array that nobody else can write.

    Integers, booleans (unless `keep_bool`) and float16 become float64. An array that is read-only already is shared,
    any other is copied. Raises TypeError for text, objects and complex or long numbers, ValueError for ragged lists.
    """
    if type(x) is float or (type(x) is np.ndarray and x.dtype is _FLOAT64 and x.ndim and _is_frozen(x)):
        return x
    if type(x) is int and abs(x) < 1 << 1023:  # larger ones become objects, and are refused
        return float(x)
    try:
        array = x if type(x) is np.ndarray and _is_frozen(x) else np.array(x)
    except ValueError as error:
        raise ValueError(f"a Value needs numbers in the shape of a box, not {_glimpse(x)}: {error}") from None
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind in "iu" or (kind == "b" and not keep_bool) or (kind == "f" and size == 2):
        array = array.astype(np.float64)
    elif kind == "f" and not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    elif kind not in "fb" or size > 8:
        raise TypeError(f"a Value holds real numbers (float64 or float32), not {_glimpse(x)} of type {array.dtype}")
    return settled(array)


def settled(data: Any) -> Data:
    """What a computation gave, as a Value holds it: 0-d as a Python number, arrays read-only, integers as float64."""
    if type(data) is np.ndarray and data.ndim:
        if data.dtype.kind != "f":
            if data.dtype.kind in "iu":
                data = data.astype(np.float64)
            elif data.dtype.kind != "b":
                raise TypeError(f"a Value holds real numbers, not an array of {data.dtype}")
        data.setflags(write=False)
        return data
    return plain(data)


def plain(data: Any) -> Data:
    """`data`, with every 0-d float64 or integer as a Python float and every 0-d boolean as a bool."""
    if type(data) is np.ndarray:
        if data.ndim:
            return data
        data = data[()]
    if isinstance(data, np.float32):
        return data
    return bool(data) if isinstance(data, bool | np.bool_) else float(data)


def shape_of(x: Any) -> tuple[int, ...]:
    """The shape of a Value, an array or a number (which is `()`)."""
    return getattr(x, "shape", ())


def dtype_of(x: Any) -> np.dtype[Any]:
    """The dtype of a Value, an array or a number."""
    if type(x) is float:
        return _FLOAT64
    dtype = getattr(x, "dtype", None)
    return dtype if dtype is not None else np.dtype(type(x))


def quiet(function: Any, /, *args: Any, **kwargs: Any) -> Any:
    """`function(*args, **kwargs)` on raw data as IEEE arithmetic has it: 1/0 is inf, sqrt(-1) NaN, without a warning.

    It runs in a context of its own (a quarter of the time of np.errstate), so it must not ask for no_grad() or debug().
    """
    return _QUIET.copy().run(function, *args, **kwargs)


def ieee(x: Any) -> Any:
    """A Python float as np.float64, which divides by zero as arrays do; anything else as it is."""
    return np.float64(x) if type(x) is float else x


def _is_frozen(array: np.ndarray) -> bool:
    """Whether nobody can write to `array`, not even through an array that it is a view of."""
    base: Any = array
    while type(base) is np.ndarray:
        if base.flags.writeable:
            return False
        base = base.base
    return base is None or type(base) is bytes


def _glimpse(x: object) -> str:
    text = repr(x)
    return text if len(text) <= 40 else text[:37] + "..."
