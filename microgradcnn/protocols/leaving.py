"""How a number leaves its graph: silently where that is written, and with a warning where Python does it by itself.

`.item()`, `.data`, `.detach()`, formatting and `bool` say that the number of this moment is meant. `float(v)` is what
math.exp, NumPy's assignment and many others call on their own, and what they compute has no gradient. What a program
is made of is told of `bool`: it would take one branch for all rows.
"""

from __future__ import annotations

import warnings
from typing import Any, NoReturn
from weakref import WeakKeyDictionary

import numpy as np

from microgradcnn.engine.value import Value, is_recording, watcher
from microgradcnn.system.callers import frames_to_the_user


class GraphLeft(UserWarning):
    """A Value that gradients flow from became a plain number, where nobody wrote `.item()` or a program needs it."""


asked_at: WeakKeyDictionary[Value, int] = WeakKeyDictionary()  # how old what it was compared in is, of each number


def _bool(self: Value) -> bool:
    if np.size(self._data) != 1:
        raise ValueError(f"{self.describe()} has shape {self.shape}: ask np.all(v.data) or np.any(v.data) of many")
    if (watch := watcher.get()) is not None:
        watch.asked(self)
    for number in self.parents:
        asked_at[number] = self._birth
    return bool(self._data)


def _float(self: Value) -> float:
    return _number(self, "float")


def _int(self: Value) -> int:
    return int(_number(self, "int"))


def _round(self: Value, digits: int | None = None) -> Any:
    return round(_number(self, "round"), digits)


def _index(self: Value) -> NoReturn:
    raise TypeError(
        f"{self.describe()} is a Value, and its number is a float, no index: int({self.label or 'v'}.item()) is the "
        "index of this moment"
    )


def _number(v: Value, asked: str) -> float:
    """The number inside, with a warning at the user's line if there is a gradient to lose."""
    number, name = v.item(), v.label or "v"
    if is_recording() and _depends_on_a_leaf(v):
        warnings.warn(
            f"{asked}() of {v.describe()} leaves the graph, so no gradient flows back from what uses it: write mg.exp "
            f"for math.exp, mg.stack for an array of Values, {name}.item() or .detach() where it is meant",
            GraphLeft,
            stacklevel=len([*frames_to_the_user()]),
        )
    return number


def _depends_on_a_leaf(v: Value) -> bool:
    """Whether a gradient can flow from `v` to a leaf that was not detached: not through a comparison."""
    seen, stack = {v}, [v]
    while stack:
        node = stack.pop()
        if node.dtype.kind == "b":
            continue
        if node.op is None and "detached" not in node.static:
            return True
        for parent in node.parents:
            if parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return False


for _name, _method in {
    "__bool__": _bool,
    "__float__": _float,
    "__int__": _int,
    "__trunc__": _int,
    "__round__": _round,
    "__index__": _index,
}.items():
    setattr(Value, _name, _method)
