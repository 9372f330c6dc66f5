"""The gradient of max pooling over windows that overlap, as one line of a program: no array holds all windows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.kernels import largest_back
from microgradcnn.targets.lines import Line


def pooled_back(line: Line) -> Line | None:
    """What max pooling sends back, of g, its value and the images, as a line "pooled_back"; None for another line.

    The chain rule sets g, in shares, into windows as axes, and folds these. Where no pixel is in two windows that is
    fast enough; where many are, the arrays of all windows are many times as large as the images.
    """
    if line.op != "fold" or (product := line.args[0]).op != "mul":
        return None
    for g, share in (product.args, product.args[::-1]):
        if (found := _shared(share)) is None:
            continue
        windows, top = found
        (x,), (y,), (size, stride) = windows.args, top.args, (windows.shape[4:], line.static["stride"])
        alike = g.shape == top.shape == (*y.shape, 1, 1) and x.shape == line.shape and line.dtype == x.dtype == y.dtype
        overlap = any(a > b for a, b in zip(size, stride, strict=True))
        if alike and overlap and windows.static.get("padding") == line.static.get("padding"):
            static = {name: given for name, given in windows.static.items() if name in ("stride", "padding")}
            return replace(line, op="pooled_back", args=(g, y, x), static=static | {"size": size})
    return None


def _shared(share: Line) -> tuple[Line, Line] | None:
    """The windows and the largest of each, where `share` is 1 for what is as large, by how many there are."""
    if share.op != "div" or share.args[1].op != "sum" or share.args[1].args != share.args[:1]:
        return None
    hit = share.args[0]
    if hit.op != "where" or hit.args[0].op != "greater_equal":
        return None
    reached, one, zero = hit.args
    windows, top = reached.args
    known = one.is_number(1.0) and zero.is_number(0.0) and windows.op == "unfold" and top.op == "reshape"
    return (windows, top) if known and "dilation" not in windows.static else None


def shared_out(g: Any, y: Array, x: Array, **static: Any) -> Array:
    """The value of a line "pooled_back", for g with two axes more than y."""
    return largest_back(np.broadcast_to(g, (*y.shape, 1, 1))[..., 0, 0], y, x, **static)
