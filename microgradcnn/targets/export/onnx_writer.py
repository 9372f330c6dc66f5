"""An ONNX graph while it is being written: its nodes, its constants, and names that are given once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from microgradcnn.extras import require
from microgradcnn.targets.lines import Line, Rows, Shape


class Writer:
    """Collects nodes and initializers; `dtype` is that of all numbers in the file. Raises MissingExtra without onnx."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.onnx: Any = require("onnx", "onnx", package="onnx", needed_by="export_onnx")
        self.dtype = dtype
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.with_rows = ""  # the name of an input whose first axis is that of the rows
        self._taken: set[str] = set()
        self._node_names: set[str] = set()
        self._constants: dict[tuple[Any, ...], str] = {}

    def name(self, wanted: str) -> str:
        """A name that nothing has yet: the one that is wanted, or with a number behind it."""
        return _unused(wanted, self._taken)

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node, called after the layer whose weight it uses; returns the name of its output."""
        output = self.name(operator.lower())
        layer = next((name.removesuffix(".weight") for name in inputs if name.endswith(".weight")), output)
        name = _unused(layer, self._node_names)
        self.nodes.append(self.onnx.helper.make_node(operator, list(inputs), [output], name=name, **attributes))
        return output

    def rename(self, output: str, wanted: str) -> str:
        """Call the output of the newest node, which nothing has used yet, by the name that is wanted."""
        name = self.name(wanted)
        self._taken.discard(output)
        self.nodes[-1].output[0] = name
        return name

    def initializer(self, name: str, array: Any) -> str:
        """Add an array under that name, or one like it; numbers get the file's dtype. Raises ValueError beyond it."""
        array = np.asarray(array)
        with np.errstate(over="ignore"):
            stored = array.astype(self.dtype) if array.dtype.kind == "f" else array
        if array.dtype.kind == "f" and not np.array_equal(np.isfinite(array), np.isfinite(stored)):
            raise ValueError(f"{name} has numbers that are too large for {self.dtype}: export with dtype=np.float64")
        name = self.name(name)
        self.initializers.append(self.onnx.numpy_helper.from_array(np.asarray(stored, order="C"), name))
        return name

    def constant(self, value: Any, name: str = "constant") -> str:
        """An array or a number that may serve several nodes."""
        array = np.asarray(value)
        key = array.shape, array.dtype.str, array.tobytes()
        if key not in self._constants:
            self._constants[key] = self.initializer(name, array)
        return self._constants[key]

    def integers(self, *values: int) -> str:
        """A list of integers, as axes and shapes are given."""
        return self.constant(np.array(values, np.int64), "integers")

    def reshape(self, name: str, *lengths: int) -> str:
        """The same numbers in another shape, in which a length of 0 is one, and not the input's in that place."""
        zeros = {"allowzero": 1} if 0 in lengths and -1 not in lengths else {}
        return self.node("Reshape", name, self.integers(*lengths), **zeros)

    def cast(self, name: str, dtype: Any = None) -> str:
        """Booleans or integers as numbers of the file's dtype, or of another."""
        return self.node("Cast", name, to=self.element_type(self.dtype if dtype is None else dtype))

    def element_type(self, dtype: Any) -> int:
        """ONNX's number for a dtype."""
        return int(self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def _unused(wanted: str, taken: set[str]) -> str:
    found, i = wanted, 1
    while found in taken:
        i += 1
        found = f"{wanted}_{i}"
    taken.add(found)
    return found


Row: TypeAlias = str | Callable[[Writer, Line, list[str]], str]  # an operator, or what writes a line in some of them


def lengths_for_reshape(shape: Shape) -> list[int]:
    """A shape for Reshape, which counts the length that is -1 itself."""
    return [-1 if isinstance(length, Rows) else length for length in shape]


def fixed_lengths(shape: Shape) -> list[int]:
    """The lengths that do not depend on the number of rows."""
    return [length for length in shape if not isinstance(length, Rows)]
