"""Module, what layers and models are: parameters and buffers found by walking attributes, by dotted names."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from inspect import get_annotations
from itertools import zip_longest
from pathlib import Path
from typing import Any, NoReturn, Protocol, TypeVar

import numpy as np

from microgradcnn.engine.arrays import Array, bare_array
from microgradcnn.engine.value import Value
from microgradcnn.files import FileError, check_arrays, read_arrays, write_arrays
from microgradcnn.nn.summary import Summary, observer, summarised
from microgradcnn.protocols.other_names import OF_MODULES, Elsewhere

KIND = "model file that model.save wrote"

M = TypeVar("M", bound="Module")
V = TypeVar("V", Value, "Buffer", "Module")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Computing(Protocol[R_co]):
    """What has a `forward`: a call gives what that gives."""

    @property
    def forward(self) -> Callable[..., R_co]:
        """The output for the inputs."""


class Buffer:
    """An array that a Module keeps and saves beside its parameters, but no optimiser changes: running statistics, say.

    `data` is read-only, and takes other numbers of the same shape, in the dtype that it has. A graph takes `leaf()`.
    """

    label: str | None = None

    def __init__(self, data: Any) -> None:
        self._data = _frozen(bare_array(data))

    @property
    def data(self) -> Array:
        """The numbers. Raises ValueError for some of another shape."""
        return self._data

    @data.setter
    def data(self, data: Any) -> None:
        new = bare_array(data).astype(self._data.dtype)
        if new.shape != self._data.shape:
            raise ValueError(
                f"{self.label or 'a buffer'} has shape {self._data.shape} and cannot take data of shape {new.shape}"
            )
        self._data = _frozen(new)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype that the numbers keep."""
        return self._data.dtype

    def leaf(self) -> Value:
        """A Value of the numbers of this moment, with the buffer's label."""
        return Value(self._data, label=self.label)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self._data, dtype) if copy else np.asarray(self._data, dtype)

    def __repr__(self) -> str:
        return f"Buffer({np.array2string(self._data, prefix='Buffer(')})"


class Module:
    """A layer or a model: attributes, and a `forward` or a `__call__` that computes with them.

    Its parameters are the leaf Values among its attributes and among those of the Modules, lists, tuples and dicts in
    there, named by the way to them: `conv1.weight`, `layers.0.bias`; Buffers are found in the same way. What is
    computed under no_grad(), or detached, after `__init__` is none, such as a running mean. Attributes that the class
    declares (`p: float`) and that are plain are how it was built: they are printed, and a file of parameters has to
    agree with them.
    """

    training = True  # as train() and eval() set it; Dropout and BatchNorm ask
    _path = ""  # its dotted name in the model that it was put into first

    def __setattr__(self, name: str, value: Any) -> None:
        before, caller = vars(self).get(name), sys._getframe(1)
        starts = caller.f_code.co_name in ("__init__", "__post_init__")
        if isinstance(before, Value) and before.op is None and not _was_computed(before):
            goes_on = not starts and caller.f_locals.get("self") is self  # its own methods may, from a state
            if _was_computed(value):
                value.static = before.static  # a parameter that took a step under no_grad() stays one
            elif isinstance(value, Value) and before in value.parents and not goes_on:
                raise TypeError(
                    f"{name} is a parameter, and what is computed from it would be none: write {name}.data in place of "
                    f"{name} for a step or a start, and another name for a result"
                )
        super().__setattr__(name, value)
        for path, part in _walked(value, name):
            _named(part, path)
            if starts and _was_computed(part):
                part.static = {}  # a parameter that starts from what was computed

    def __call__(self: Computing[R], *inputs: Any, **named: Any) -> R:
        """The output for the inputs: Values, arrays, or tables of pandas."""
        inputs = tuple([bare_array(x) if hasattr(x, "__array__") and not isinstance(x, Value) else x for x in inputs])
        watched = observer.get()
        return self.forward(*inputs, **named) if watched is None else watched(self, inputs, named)

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """The output for the inputs. Raises NotImplementedError where a class has neither this nor a `__call__`."""
        raise NotImplementedError(f"{type(self).__name__} computes nothing yet: give it a method forward or __call__")

    def of_rows(self, x: Value) -> Any:
        """The output for rows x, (n, ...), as `fit` has it: what a call gives, unless a model takes no rows."""
        return self(x)

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """Every parameter once, with its dotted name, in the order of the attributes."""
        return _once(self, Value)

    def parameters(self) -> list[Value]:
        """Every parameter once, in the order of the attributes."""
        return [p for _, p in self.named_parameters()]

    def named_buffers(self) -> Iterator[tuple[str, Buffer]]:
        """Every Buffer once, with its dotted name, in the order of the attributes."""
        return _once(self, Buffer)

    def buffers(self) -> list[Buffer]:
        """Every Buffer once, in the order of the attributes."""
        return [b for _, b in self.named_buffers()]

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """The Module itself, named "", and every Module inside once, with its dotted name."""
        return _once(self, Module)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget every gradient, or make it 0: a backward pass adds to what is there."""
        for p in self.parameters():
            p.grad = None if set_to_none else 0.0

    def train(self: M, mode: bool = True) -> M:
        """Switch to training, here and in every Module inside; returns the Module.

        Dropout draws then, and BatchNorm takes the statistics of the batch.
        """
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self: M) -> M:
        """Switch Dropout off, and BatchNorm to its running statistics, here and in every Module inside; returns it."""
        return self.train(False)

    def state_dict(self) -> dict[str, Array]:
        """A copy of every parameter and Buffer by its dotted name, which is PyTorch's for the same architecture.

        A parameter that is in two places has two names. `{k: torch.from_numpy(a) for k, a in state.items()}` is what
        PyTorch's load_state_dict takes.
        """
        return {path: np.array(p.data) for path, p in self._places().items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the numbers of arrays or tensors by their dotted names; every parameter keeps its dtype.

        Raises ValueError, and changes nothing, unless names and shapes are those of the parameters and Buffers and all
        numbers are finite.
        """
        places = self._places()
        arrays = {path: _as(places[path].dtype, a) if path in places else a for path, a in state.items()}
        try:
            self._take(arrays)
        except ValueError as error:
            raise ValueError(f"the state {error}") from None

    def save(self, path: str | Path) -> None:
        """Write the parameters and Buffers to an NPZ file, whole or not at all, with a SHA-256 of everything in it.

        Raises FileError where the file cannot be written, or where a parameter is NaN or infinite.
        """
        state = self.state_dict()
        try:
            check_arrays(state, state, type(self).__name__)
        except ValueError as error:
            raise FileError(f"{path} is not written: the model {error}") from None
        write_arrays(Path(path), KIND, {"architecture": self.architecture()}, state)

    def load(self: M, path: str | Path) -> M:
        """Take the parameters and Buffers that `save` wrote for the same architecture; returns the Module.

        Raises FileError, and changes nothing, for a file that is missing, damaged or not for this architecture, names,
        shapes and dtypes.
        """
        description, arrays = read_arrays(Path(path), KIND)
        try:
            self.check_architecture(description.get("architecture", ()))
            self._take(arrays)
        except ValueError as error:
            raise FileError(f"{path} {error}") from None
        return self

    def check_architecture(self, architecture: Iterable[str]) -> None:
        """Raise ValueError unless this is the Module's architecture: what a file was written for."""
        for theirs, ours in zip_longest(architecture, self.architecture(), fillvalue="nothing more"):
            if theirs != ours:
                raise ValueError(f"was written for a model with {theirs}, where this one has {ours}")

    def summary(self, shape: int | tuple[int, ...]) -> Summary:
        """The layers with their output shapes, parameters and operations, for inputs of (n, *shape); print it.

        Raises ValueError if the model cannot take that shape.
        """
        return summarised(self, (shape,) if isinstance(shape, int) else tuple(shape))

    def line(self) -> str:
        """The class and the declared attributes that are not at their defaults, as `Linear(in_features=4, ...)`."""
        kind = type(self)
        names = [name for c in kind.__mro__ for name in get_annotations(c) if hasattr(self, name)]
        given = {name: getattr(self, name) for name in names}
        shown = [f"{n}={v!r}" for n, v in given.items() if isinstance(v, _PLAIN) and v != getattr(kind, n, Module)]
        return f"{kind.__name__}({', '.join(shown)})"

    def in_each_step(self) -> str:
        """What training does anew in each step, so that no compiled program can stand for it; "" for nothing."""
        return ""

    def named(self, part: str) -> str:
        """What a graph calls a part of the layer, by the layer's place in the model: `1.mask`."""
        return f"{self._path}.{part}" if self._path else part

    def refuse(self, x: Any, wanted: str, found: str = "") -> NoReturn:
        """Raise ValueError for an input x: the layer, by its place in the model, takes what is `wanted`, not `found`.

        Unless that is said, it is the shape of x.
        """
        who = f"layer {self._path}, {self.line()}," if self._path else self.line()
        raise ValueError(f"{who} takes {wanted}, not {found or f'an input of shape {np.shape(x)}'}")

    def __repr__(self) -> str:
        layers = [module for _, module in self.named_modules()]
        return self.line() if len(layers) == 1 else str(summarised(self, None))

    def _places(self) -> dict[str, Value | Buffer]:
        """Every parameter and Buffer by its dotted name, one that is in two places by both."""
        places: dict[str, Value | Buffer] = {}
        for path, part in _walked(self):
            kept = isinstance(part, Value | Buffer) and not _was_computed(part)
            if kept and places.setdefault(path, part) is not part:
                raise ValueError(f"{type(self).__name__} has two parameters called {path}: one needs another name")
        return places

    def architecture(self) -> list[str]:
        """A line for the model and for every Module inside, with how it was built."""
        return [f"{path or 'the model'}: {module.line()}" for path, module in self.named_modules()]

    def _take(self, arrays: Mapping[str, Any]) -> None:
        """Give every parameter its array, or raise ValueError before the first is touched."""
        places = self._places()
        check_arrays(arrays, {path: p.data for path, p in places.items()}, type(self).__name__)
        first: dict[Value | Buffer, str] = {}
        for path, p in places.items():
            other = first.setdefault(p, path)
            if not np.array_equal(arrays[path], arrays[other]):
                raise ValueError(f"has different numbers in {other} and {path}, which are one parameter")
        for path, p in places.items():
            p.data = arrays[path]


for _name, _advice in OF_MODULES.items():
    setattr(Module, _name, Elsewhere(_name, _advice))

_PLAIN = (bool, int, float, str, tuple, type(None))


def _walked(thing: Any, path: str = "", above: tuple[Any, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every leaf Value, Buffer and Module in a Module, list, tuple or dict, itself included, with its dotted name."""
    if isinstance(thing, Buffer) or (isinstance(thing, Value) and thing.op is None):
        yield path, thing
        return
    parts: Any = ()
    if isinstance(thing, Module):
        yield path, thing
        parts = vars(thing).items()
    elif isinstance(thing, dict):
        parts = thing.items()
    elif isinstance(thing, list | tuple):
        parts = enumerate(thing)
    for name, part in parts:
        if not any(part is outer for outer in (*above, thing)):  # a part may know what it is a part of
            yield from _walked(part, f"{path}.{name}" if path else str(name), (*above, thing))


def _once(model: Module, kind: type[V]) -> Iterator[tuple[str, V]]:
    """Every part of a kind once, with the first of its names; a Value is a parameter."""
    seen = set()
    for path, part in _walked(model):
        if isinstance(part, kind) and id(part) not in seen and not _was_computed(part):
            seen.add(id(part))
            yield path, part


def _was_computed(part: Any) -> bool:
    """Whether it is a leaf that left a graph, by detach() or under no_grad()."""
    return isinstance(part, Value) and "computed" in part.static


def _named(part: Any, path: str) -> None:
    """Call a part by its place in a larger model, unless it has a name of its own."""
    attribute = "_path" if isinstance(part, Module) else "label"
    name = getattr(part, attribute)
    if not name or f".{path}".endswith(f".{name}"):
        setattr(part, attribute, path)


def _frozen(array: Array) -> Array:
    """A copy that nobody can write to, so that graphs and states may share it."""
    copy = np.array(array)
    copy.setflags(write=False)
    return copy


def _as(dtype: np.dtype[Any], array: Any) -> Array:
    """Numbers in the dtype of a parameter; what is too large for it becomes an infinity, which is refused."""
    found = bare_array(array)
    with np.errstate(over="ignore"):
        return found.astype(dtype) if found.dtype.kind in "biuf" else found
