"""The static arguments of a primitive, as axes, windows and indices are written: for people, and as Python reads them.

An argument that has its usual value is not shown, nor what the shapes beside a formula say already; Python gets all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from microgradcnn.views.formulas.expression import Expr, text

_LONGEST = 8  # an array of more numbers is shown by its ends
_WINDOWS = ("avg_pool2d", "max_pool2d", "unfold", "spread")  # whose usual stride is their size
_USUAL_AXIS = {"log_softmax": -1, "concatenate": 0, "stack": 0, "take": 0, "index_add": 0, "order": -1}
_USUAL_AXIS |= {"take_along_axis": -1, "scatter_add": -1}


def settings(name: str, static: Mapping[str, Any]) -> dict[str, Expr]:
    """Every argument of the primitive of that name; keepdims is left out, for it is seen in the shape."""
    said = {key: given for key, given in static.items() if key != "keepdims" and not (key == "axis" and given is None)}
    return {key: _setting(name, key, given, static) for key, given in said.items()}


def indexed(x: Expr, index: Any) -> Expr:
    """x[index]; an index may be written already, as a setting."""
    return Expr("index", (x,), index.value if isinstance(index, Expr) else _index(index))


def _setting(name: str, key: str, given: Any, static: Mapping[str, Any]) -> Expr:
    if key == "index":
        shown, code = _index(given)
        return text(shown, code if name == "getitem" else f"index=s_[{code}]")
    if key == "shape" and name in ("reshape", "broadcast_to"):
        return text(str(given).replace("-", "−"), f"shape={given}")
    return text(_shown(name, key, given, static), f"{key}={given!r}")


def _shown(name: str, key: str, given: Any, static: Mapping[str, Any]) -> str:
    """An argument for people, nothing where they need not see it."""
    usual: dict[str, Any] = {"axis": _USUAL_AXIS.get(name), "padding": (0, 0)}
    usual["stride"] = static["size"] if name in _WINDOWS else (1, 1)
    if (
        key in ("image", "shape", "length")
        or (key in usual and given == usual[key])
        or (name, key) == ("conv2d_kernel", "size")
    ):
        return ""
    if key in ("axis", "axes"):
        axes = given if isinstance(given, tuple) else (given,)
        return f"{key} {', '.join(map(str, axes))}".replace("-", "−")
    if key == "size":
        return times(given)
    if key == "beyond":  # for max_pool2d
        return "−∞ beyond the edges"
    if key in ("stride", "padding", "dilation"):
        return f"{key} {_of_both_axes(given)}"
    return f"{key} {given}"


def _of_both_axes(given: Any) -> str:
    """A number or a pair for each axis of an image, once where they are alike."""
    if given[0] == given[1]:
        return _of_both_axes(given[0]) if isinstance(given[0], tuple) else str(given[0])
    return str(given) if isinstance(given[0], tuple) else times(given)


def times(shape: Sequence[int]) -> str:
    """Lengths as people write them: 2×3."""
    return "×".join(map(str, shape))


def _index(given: Any) -> tuple[str, str]:
    """What stands between the brackets, shown and in Python."""
    parts = given if isinstance(given, tuple) else (given,)
    shown, code = (", ".join(_part(part, longest) for part in parts) for longest in (_LONGEST, None))
    return shown, code or "()"


def _part(part: Any, longest: int | None) -> str:
    if isinstance(part, slice):
        ends = ["" if end is None else str(end) for end in (part.start, part.stop)]
        return ":".join(ends if part.step is None else [*ends, str(part.step)])
    if part is ...:
        return "..."
    if not isinstance(part, np.ndarray):
        return str(part)
    if longest is not None and part.size > longest:
        ends = part.ravel()[[0, 1, -1]].tolist()
        return f"[{ends[0]}, {ends[1]}, ..., {ends[2]}]"
    return str(part.tolist())
