"""NumPy functions called on Values become the functions of the same names here, or refuse; never an object array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from microgradcnn.engine import functions, primitives
from microgradcnn.engine.arguments import explained
from microgradcnn.engine.arrays import Array
from microgradcnn.engine.value import Value
from microgradcnn.protocols import logic
from microgradcnn.protocols.other_names import OF_VALUES


@explained
def clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """`mg.clip`, whose bounds NumPy calls a_min and a_max as well."""
    return functions.clip(a, min if a_min is None else a_min, max if a_max is None else a_max)


_ARRAYS = (  # functions of NumPy that its arrays do not have as methods
    *(
        "append",
        "array_split",
        "atleast_1d",
        "atleast_2d",
        "atleast_3d",
        "column_stack",
        "cross",
        "diag",
        "diagflat",
        "diff",
    ),
    *("dsplit", "dstack", "einsum", "expand_dims", "flip", "fliplr", "flipud", "hsplit", "hstack", "inner", "kron"),
    *("moveaxis", "outer", "pad", "roll", "rollaxis", "rot90", "select", "sort", "split", "stack", "take_along_axis"),
    *("tensordot", "tile", "tril", "triu", "vdot", "vsplit", "vstack"),
)
BY_NUMPY_NAME: dict[str, Callable[..., Any]] = {
    **{f.__name__: f for f in functions.METHODS},
    "add": primitives.add,
    "subtract": primitives.sub,
    "multiply": primitives.mul,
    "divide": primitives.div,
    "negative": functions.negative,
    "positive": Value.__pos__,
    "absolute": primitives.abs,
    "less": primitives.less,
    "less_equal": primitives.less_equal,
    "greater": primitives.greater,
    "greater_equal": primitives.greater_equal,
    "fabs": functions.abs,
    "remainder": functions.mod,
    "radians": functions.deg2rad,
    "degrees": functions.rad2deg,
    "clip": clip,
    "amax": functions.max,
    "amin": functions.min,
    "invert": logic.logical_not,
    "bitwise_and": logic.logical_and,
    "bitwise_or": logic.logical_or,
    "bitwise_xor": logic.logical_xor,
    "where": explained(functions.where),
    **{f.__name__: f for f in (functions.power, functions.equal, functions.transpose, logic.not_equal)},
    **{f.__name__: f for f in (functions.broadcast_to, functions.concatenate, functions.stack, logic.logical_not)},
    **{f.__name__: f for f in (functions.zeros_like, functions.ones_like)},
    **{name: getattr(functions, name) for name in _ARRAYS},
    **{f"linalg.{name}": getattr(functions, name) for name in ("matmul", "norm", "outer", "tensordot")},
    **{f.__name__: f for f in (logic.logical_and, logic.logical_or, logic.logical_xor)},
    "shape": lambda value: value.shape,
    "ndim": lambda value: value.ndim,
    "size": lambda value: value._data.size if value.shape else 1,
}


def _array(self: Value, dtype: Any = None, copy: Any = None) -> Array:
    raise TypeError(
        f"NumPy cannot make an array of {self.describe()} without losing its graph: mg.stack joins Values, "
        ".data is the number or array inside (and where pandas asks for one in df @ v, write mg.matmul(df, v))"
    )


def _mask(self: Value) -> NoReturn:
    raise TypeError(
        f"a masked array records no graph with {self.describe()}: write {self.describe()} first, or .filled(number) of "
        "the masked array"
    )


def _array_ufunc(self: Value, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    known = _counterpart(ufunc)
    if method != "__call__" or kwargs:
        name = _full_name(ufunc)
        how = f".{method}" if method != "__call__" else f" with {'= and '.join(kwargs)}="
        raise TypeError(
            f"{name}{how} cannot record a graph: write {name}(...) of the inputs alone, as in a = a + v for a += v, or "
            "leave the graph with .data"
        )
    return known(*inputs)


def _array_function(self: Value, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
    known = _counterpart(function)
    try:
        return known(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{_full_name(function)} of Values: {error}") from error


def _counterpart(numpy_function: Any) -> Callable[..., Any]:
    module = getattr(numpy_function, "__module__", None) or "numpy"
    name = f"{module}.{numpy_function.__name__}".removeprefix("numpy.")
    if name not in BY_NUMPY_NAME:
        ways = (
            "compose it from what mg has, as dir(mg) lists it, write it as an mg.primitive with its chain rule, or "
            "leave the graph with .data"
        )
        raise TypeError(f"{_full_name(numpy_function)} does not know Values: {OF_VALUES.get(name, ways)}")
    return BY_NUMPY_NAME[name]


def _full_name(numpy_function: Any) -> str:
    """`np.linalg.norm` and the like; a ufunc from elsewhere does not say where it is from."""
    module = getattr(numpy_function, "__module__", None)
    return f"{module}.{numpy_function.__name__}".replace("numpy.", "np.", 1) if module else str(numpy_function.__name__)


for _name, _attribute in {
    "__array__": _array,
    "__array_ufunc__": _array_ufunc,
    "__array_function__": _array_function,
    "_mask": property(_mask),  # np.ma would take the mask and the _data of whatever has them
    "__pandas_priority__": 5000,  # above that of a DataFrame, 4000: its operators leave Values to theirs
}.items():
    setattr(Value, _name, _attribute)
