"""Value: a number or an array that remembers how it was computed, and the chain rule run over that memory.

A Value made by hand is a leaf. Every operation makes a new Value that keeps the primitive which made it (`op`) and the
Values which went in (`parents`), so the last one, say the loss f, is a graph. The chain rule

    df/dx  =  the sum over every c computed from x of  df/dc · dc/dx

is run over that graph by gradient.py. No derivative is known here: the table in primitives.py has them all.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from microgradcnn.engine.arrays import Data, as_data, dtype_of, glimpse, is_array_like, quiet_context, settled, shape_of
from microgradcnn.engine.record import NO_RULE_BY_HAND, TABLE, Primitive
from microgradcnn.system.callers import ALONE, is_augmented

_next_birth = itertools.count(1).__next__
_recording: ContextVar[bool] = ContextVar("recording", default=True)
watcher: ContextVar[Any] = ContextVar("watcher", default=None)  # the Watcher of gradient.py who looks on

_new, _ndarray = object.__new__, np.ndarray
_lent: list[Any] = [None]  # what `data` gave last to be changed in place and assigned
_NO_STATIC: dict[str, Any] = {}  # shared: never changed
# The static of a leaf that was in no graph, or has left one; of one that was computed, and recorded no more
DETACHED: dict[str, Any] = {"detached": True}
TAKEN: dict[str, Any] = {"detached": True, "computed": True}

T = TypeVar("T")
Numbers: TypeAlias = float | np.ndarray[Any, np.dtype[Any]]  # what `data` and `grad` are; a np.float32 is as a float


def _operator(name: str) -> tuple[Callable[[Value, Any], Value], Callable[[Value, Any], Value]]:
    """The methods for `self op other` and `other op self`."""

    def straight(self: Value, other: Any) -> Value:
        op = TABLE[name]
        if type(other) is Value and op.scalar is not None:
            a, b = self._data, other._data
            if type(a) is float and type(b) is float:  # what a network written scalar by scalar is made of: no detours
                try:
                    return _node(op, self, other, op.scalar(a, b), _NO_STATIC)
                except ArithmeticError:
                    pass
        return _applied(op, (self, other), _NO_STATIC)

    def reflected(self: Value, other: Any) -> Value:
        return _applied(TABLE[name], (other, self), _NO_STATIC)

    return straight, reflected


class Value:
    """A node of a graph: `data`, the `op` and `parents` that gave it, and `grad` once a backward pass has reached it.

    `data` is a Python float, a np.float32 or a read-only array; `parents` is an ordered tuple, empty for a leaf. Raises
    TypeError or ValueError for anything that is not real numbers. Other attributes are the user's: `v.layer = 3`.
    """

    __slots__ = ("__dict__", "__weakref__", "_birth", "_data", "_first", "_grad", "_second", "label", "op", "static")

    _data: Any
    _first: Any  # the parents: see `parents`
    _second: Value | None
    _grad: Any  # what `grad` gives; None if it was never computed
    label: str | None
    op: Primitive | None
    static: dict[str, Any]

    def __init__(self, data: object, label: str | None = None, _op: str = "") -> None:
        if _op or not (label is None or isinstance(label, str)):  # micrograd's Value(data, (a, b), "+")
            raise TypeError(f"Value({glimpse(data)}, label='v') makes a leaf, and its label is text: {NO_RULE_BY_HAND}")
        if isinstance(data, Value):
            raise TypeError(
                f"{data.describe()} is a Value already: {data.describe()}.detach() makes a leaf of its data"
            )
        fill(self, as_data(data), label=label)

    @property
    def data(self) -> Numbers:
        """The number or read-only array. Only a leaf takes new data, and graphs computed from the old then refuse."""
        if type(self._data) is _ndarray and is_augmented(sys._getframe(1)):
            lent = _lent[0] = self._data.copy()  # which p.data -= step changes in place and assigns
            return lent
        return self._data

    @data.setter
    def data(self, data: ArrayLike) -> None:
        if self.op is not None:
            raise ValueError(f"{self.describe()} was computed by {self.op.name}: only a leaf can be given new data")
        lent, _lent[0] = data is _lent[0], None
        if lent and type(data) is _ndarray and sys.getrefcount(data) == ALONE:
            new = settled(data)
        else:
            new, old = as_data(data), self._data
            if not (type(new) is type(old) is _ndarray and new.shape == old.shape and new.dtype is old.dtype):
                if (shape := shape_of(new)) != self.shape:
                    raise ValueError(f"{self.describe()} has shape {self.shape} and cannot take data of shape {shape}")
                new = new if dtype_of(new) == dtype_of(old) else settled(np.asarray(new, self.dtype))
        self._data, self._birth = new, _next_birth()

    @property
    def parents(self) -> tuple[Value, ...]:
        """The Values that went in, in order; empty for a leaf."""
        # One or two lie in the node itself: a tuple for each node would double what the garbage collector visits.
        if self._second is not None:
            return self._first, self._second
        return self._first if type(self._first) is tuple else (self._first,)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape; `()` for a scalar."""
        return shape_of(self._data)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """float64, float32, or bool for a comparison."""
        return dtype_of(self._data)

    def item(self) -> float:
        """The one number inside, as a Python float; leaves the graph. Raises ValueError if there is not exactly one."""
        if np.size(self._data) != 1:
            raise ValueError(f"{self.describe()} has shape {self.shape}: only one number can become a Python float")
        return self._data if type(self._data) is float else float(np.asarray(self._data).item())

    def detach(self) -> Value:
        """A leaf with the same data and label, through which no gradient flows."""
        static = DETACHED if self.op is None else TAKEN
        return fill(Value.__new__(Value), self._data, label=self.label, static=static)

    def describe(self) -> str:
        """The label, cut in its middle if it is long, or what the node is: the name that errors use."""
        if self.label:
            return self.label if len(self.label) <= 100 else f"{self.label[:49]}…{self.label[-50:]}"
        return "an unlabelled leaf" if self.op is None else f"an unlabelled result of {self.op.name}"

    def __eq__(self, other: object) -> Any:
        if isinstance(other, Value):
            return self is other  # so that a Value is a dict key
        return apply(TABLE["equal"], self, other) if is_array_like(other) else NotImplemented

    def __ne__(self, other: object) -> Any:
        same = self == other
        return ~same if isinstance(same, Value) else not same

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        text = np.array2string(self._data, prefix="Value(") if self.shape else repr(self._data)
        label = "" if self.label is None else f", label={self.label!r}"
        op = "" if self.op is None else f", op={self.op.name!r}"
        return f"Value({text}{label}{op})"

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError(f"{self.describe()} is a scalar: it has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Value]:
        return (self[i] for i in range(len(self)))

    @property
    def T(self) -> Value:  # noqa: N802, NumPy's name
        """The axes reversed, as in NumPy."""
        return apply(TABLE["transpose"], self, axes=None)

    __add__, __radd__ = _operator("add")
    __sub__, __rsub__ = _operator("sub")
    __mul__, __rmul__ = _operator("mul")
    __truediv__, __rtruediv__ = _operator("div")
    __matmul__, __rmatmul__ = _operator("matmul")
    __lt__, _ = _operator("less")
    __le__, _ = _operator("less_equal")
    __gt__, _ = _operator("greater")
    __ge__, _ = _operator("greater_equal")

    # Attached where they are documented: engine/functions, gradient.py, accumulation.py, leaving.py, logic.py (~ & |)
    if TYPE_CHECKING:
        __bool__: Callable[[], bool]
        __float__: Callable[[], float]
        __int__: Callable[[], int]
        backward: Callable[..., None]
        backward_step: Callable[[], None]

        @property
        def has_grad(self) -> bool: ...  # noqa: D102, accumulation.py has it
        @property
        def grad(self) -> Numbers: ...  # noqa: D102, accumulation.py has it
        @grad.setter
        def grad(self, gradient: Numbers | None) -> None: ...

        def _attached(self, *inputs: Any, **static: Any) -> Value: ...
        def _left(self, *inputs: Any, **static: Any) -> Any: ...

        __and__ = __or__ = __xor__ = __invert__ = __pow__ = __rpow__ = __neg__ = __abs__ = __getitem__ = _attached
        __mod__ = __rmod__ = abs = arccos = arccosh = arcsin = arcsinh = arctan = arctan2 = arctanh = astype = _attached
        avg_pool2d = ceil = clip = conv2d = cos = cosh = cumsum = deg2rad = diagonal = dot = erf = exp = _attached
        exp2 = flatten = floor = gelu = hypot = isfinite = isinf = isnan = leaky_relu = log = log10 = log2 = _attached
        log_softmax = logaddexp = logaddexp2 = matmul = max = max_pool2d = maximum = mean = min = minimum = _attached
        mod = nan_to_num = prod = rad2deg = ravel = reciprocal = relu = repeat = reshape = sigmoid = sign = _attached
        silu = sin = sinc = sinh = softmax = softplus = sqrt = square = squeeze = std = sum = swapaxes = _attached
        take = tan = tanh = trace = transpose = var = __pos__ = _attached
        __round__ = argmax = argmin = argsort = _left


class Constant(Value):
    """A raw number or array among the parents of a node: no rule is run for it."""

    __slots__ = ()
    data = property(attrgetter("_data"))  # cannot be set
    _grad = label = op = None
    _first, _second, static, _birth = (), None, DETACHED, 0

    def __init__(self, data: object) -> None:
        self._data = data if type(data) is float else as_data(data, keep_bool=True)


def apply(op: Primitive, *inputs: Any, **static: Any) -> Value:
    """The Value of `op` on `inputs`; TypeError, ValueError or IndexError naming those that NumPy cannot take."""
    return _applied(op, inputs, static or _NO_STATIC)


def _applied(op: Primitive, inputs: tuple[Any, ...], static: dict[str, Any]) -> Value:
    parents: tuple[Value, ...] = inputs
    for x in inputs:
        if not isinstance(x, Value):
            parents = tuple([x if isinstance(x, Value) else Constant(x) for x in inputs])
            break
    first: Any  # the parents, as a node has them
    first, second = parents if len(parents) == 2 else (parents[0] if len(parents) == 1 else parents, None)
    if second is not None:
        given: tuple[Data, ...] = (first._data, second._data)
    else:
        given = (first._data,) if len(parents) == 1 else tuple([p._data for p in parents])
    try:
        arrays = type(given[0]) is _ndarray or type(given[-1]) is _ndarray  # as `evaluate`, without its detours
        data = quiet_context().run(op.forward, *given, **static) if arrays else op.evaluate(given, static)
        if type(data) is not float:
            data = settled(data)
    except (TypeError, ValueError, IndexError) as error:
        named = ", ".join(f"{p.describe()} of shape {p.shape}" for p in parents)
        kind = next(kind for kind in (IndexError, ValueError, TypeError) if isinstance(error, kind))
        raise kind(f"{op.name} cannot take {named}: {error}") from error
    return _node(op, first, second, data, static)


def _node(op: Primitive, first: Any, second: Any, data: Data, static: dict[str, Any]) -> Value:
    node = _new(Value)
    node._data, node._birth = data, _next_birth()
    node._grad = node.label = None
    node.op, node._first, node._second, node.static = op, first, second, static
    if (watch := watcher.get()) is not None:
        watch.value(node)
    if not _recording.get():
        node.op, node._first, node._second, node.static = None, (), None, TAKEN
    return node


def _call(op: Primitive, *inputs: Any, **static: Any) -> Any:
    for x in inputs:
        if isinstance(x, Value):
            return _applied(op, inputs, static or _NO_STATIC)
    return op.evaluate(inputs, static)


setattr(Primitive, "__call__", _call)  # noqa: B010, a primitive called on Values records a node


@contextmanager
def switched(variable: ContextVar[T], value: T) -> Iterator[None]:
    """A context, for this thread, in which the variable has that value."""
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


@contextmanager
def no_grad() -> Iterator[None]:
    """A context, for this thread, in which operations on Values record nothing: their results are leaves."""
    with switched(_recording, False):
        yield


def is_recording() -> bool:
    """Whether operations on Values record nodes in this thread: not inside no_grad()."""
    return _recording.get()


def fill(
    node: Value,
    data: Data,
    label: str | None = None,
    op: Primitive | None = None,
    parents: tuple[Value, ...] = (),
    static: dict[str, Any] = _NO_STATIC,
) -> Value:
    """`node` with its fields set, born now."""
    node._data, node.label, node.op, node.static = data, label, op, static
    node._first, node._second = parents if len(parents) == 2 else (parents, None)
    node._grad, node._birth = None, _next_birth()
    return node
