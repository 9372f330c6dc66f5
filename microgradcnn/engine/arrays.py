"""Raw data: what a Value may hold, and how it is taken in so that nobody can change it behind the graph's back."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import Context
from numbers import Number
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Data: TypeAlias = Any  # a Python float (float64), a np.float32, a bool, or a read-only ndarray of one of these

_FLOAT64, _FLOAT32 = np.dtype(np.float64), np.dtype(np.float32)
_QUIET = Context()
_QUIET.run(np.seterr, all="ignore")  # NumPy keeps its error state in the context

# A step makes many arrays and frees them. C's allocator on Linux gives such memory back to the system and asks for it
# anew in the next step, a page fault for every 4 kB, unless it has once seen a block as large as this come and go.
np.empty(2**25 - 2**16, np.uint8)


def as_data(x: object, keep_bool: bool = False) -> Data:
    """`x` as a Value holds it: a Python float, a np.float32, or a read-only array that nobody else can write.

    Integers, booleans (unless `keep_bool`) and float16 become float64. An array that is read-only already is shared,
    any other is copied. Raises TypeError for text, objects and complex or long numbers, ValueError for ragged lists and
    for masked entries.
    """
    if type(x) is float:
        return x
    if type(x) is np.ndarray and (x.dtype is _FLOAT64 or x.dtype is _FLOAT32) and x.ndim:  # most often
        if x.flags.writeable or not _is_frozen(x):
            return settled(x.copy("K"))
        return x
    if keep_bool and type(x) is bool:
        return x
    if type(x) is int and abs(x) < 1 << 1023:  # larger ones become objects, and are refused
        return float(x)
    check_unmasked(x)
    try:
        array = x if type(x) is np.ndarray and _is_frozen(x) else np.array(x)
    except ValueError as error:
        raise ValueError(f"a Value needs numbers in the shape of a box, not {glimpse(x)}: {error}") from None
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind in "iu" or (kind == "b" and not keep_bool) or (kind == "f" and size == 2):
        array = array.astype(np.float64)
    elif kind == "f" and not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    elif kind not in "fb" or size > 8:
        raise TypeError(f"a Value holds real numbers (float64 or float32), not {glimpse(x)} of type {array.dtype}")
    return settled(array)


def settled(data: Any) -> Data:
    """What a computation gave, as a Value holds it: 0-d as a Python number, arrays read-only, integers as float64."""
    if type(data) is np.ndarray and data.ndim:
        if data.dtype.kind != "f":
            if data.dtype.kind in "iu":
                data = data.astype(np.float64)
            elif data.dtype.kind != "b":
                raise TypeError(f"a Value holds real numbers, not an array of {data.dtype}")
        data.setflags(False)  # by place, which takes half the time
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
    if shape_of(data):
        return np.asarray(data)  # of a class of its own, as a pandas Series
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


quiet_context = _QUIET.copy  # a context whose `run` is `quiet`, without the time of one more call


def quiet(function: Any, /, *args: Any, **kwargs: Any) -> Any:
    """`function(*args, **kwargs)` on raw data as IEEE arithmetic has it: 1/0 is inf, sqrt(-1) NaN, without a warning.

    It runs in a context of its own (a quarter of the time of np.errstate), so it must not ask for no_grad() or debug().
    """
    return quiet_context().run(function, *args, **kwargs)


def is_array_like(x: object) -> bool:
    """Whether `x` is a number, or what NumPy, pandas and others make arrays of; text and types are neither."""
    if isinstance(x, str | bytes | type):
        return False
    return isinstance(x, Number | Sequence) or hasattr(x, "__array__")


def check_unmasked(x: object) -> None:
    """Raise ValueError for an array with masked entries, in a list too: as plain numbers they would be data again."""
    if isinstance(x, list | tuple):
        for part in x:
            if type(part) is not float:
                check_unmasked(part)
    elif type(x) is not np.ndarray and isinstance(x, np.ndarray) and np.any(getattr(x, "mask", False)):
        raise ValueError(
            f"{glimpse(x)} has masked entries, and a Value has no mask: .filled(number) puts numbers there, "
            ".compressed() leaves them out"
        )


def bare_array(x: Any) -> np.ndarray[Any, Any]:
    """`x` as NumPy's own array, without the labels of pandas. Raises ValueError for masked entries."""
    check_unmasked(x)
    return np.asarray(x)


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


def glimpse(x: object) -> str:
    """`x` as an error shows it: on one line, and cut where it is long."""
    text = " ".join(repr(x).split())
    return text if len(text) <= 40 else text[:37] + "..."
