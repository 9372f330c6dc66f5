"""Which windows touched a weight or a pixel: what a derivation says of convolution and pooling.

Windows, weights and pixels are counted from 0, by row and column, as the arrays' indices are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import numpy as np

from microgradcnn.engine.kernels import NO_SIDES, unfold
from microgradcnn.engine.value import Value
from microgradcnn.views.derivations.named_graph import Graph
from microgradcnn.views.documents.document import Line, Step, Table
from microgradcnn.views.formulas.arguments import indexed, times
from microgradcnn.views.formulas.expression import (
    Expr,
    add,
    divide,
    equation,
    minus,
    multiply,
    number,
    size,
    symbol,
    value,
)
from microgradcnn.views.formulas.expression import text as words
from microgradcnn.views.formulas.notation import formula
from microgradcnn.views.formulas.notation import text as written

MOST_WINDOWS, MOST_ROWS = 9, 25  # a larger table is left out
LONGEST_NAME = 8  # an array with a longer formula is called by what it is

Pair = tuple[int, ...]  # of a row and a column


def windows_step(graph: Graph, path: Collection[Value]) -> Step | None:
    """The windows of all convolutions and poolings on the path to x; None if there are none."""
    step = Step("Windows")
    for node in graph.order:
        name = node.op.name if node.op is not None and node in path else ""
        if name in ("conv2d", "conv2d_input", "conv2d_kernel"):
            step.lines += _Convolution(graph, node, name).told(path)
        elif name in ("avg_pool2d", "max_pool2d"):
            step.lines += _pooling(graph, node, name)
    return step if step.lines else None


class _Convolution:
    """Images, kernels and the values in the windows, for convolution and its two partners."""

    def __init__(self, graph: Graph, node: Value, name: str) -> None:
        a, b = node.parents
        self.graph, self.node = graph, node
        self.images, self.kernels, values = {
            "conv2d": (a, b, node), "conv2d_input": (node, b, a), "conv2d_kernel": (a, node, b)
        }[name]  # fmt: skip
        self.positions: Pair = values.shape[2:]
        self.stride: Pair = node.static["stride"]
        self.padding: Pair = node.static["padding"]
        self.dilation: Pair = node.static.get("dilation", (1, 1))
        self.groups: int = node.static.get("groups", 1)
        self.channel = "0" if self.kernels.shape[1] == 1 else "channel"

    def told(self, path: Collection[Value]) -> Iterator[Line | Table]:
        """Where the windows lie; which pixels each weight met and which weights each pixel, for what is on the path."""
        images = _called(self.graph, self.images, "the image")
        meets = (" meets the pixel ", _places(self.stride, self.padding, self.dilation), " of ", images)
        several = f" of {self.images.shape[1]} channels" if self.images.shape[1] > 1 else ""
        if self.groups > 1:
            several += f" in {self.groups} groups, counted within the group of the filter"
        number = f": there are {times(self.positions)} windows in each of {self.images.shape[0]} images{several}."
        yield self.weight(("i", "j")), *meets, " in the window ", WINDOW, number
        if self.kernels in path and self.kernels is not self.node:
            yield from self.table("weight", self.kernels.shape[2:], lambda at: (self.weight(at),), self.pixel_under)
        if self.images in path and self.images is not self.node:
            yield from self.table("pixel", self.images.shape[2:], self.pixel, self.weight_over)

    def weight(self, at: tuple[int | str, ...]) -> Expr:
        """c[f, 0, i, j]."""
        name = _called(self.graph, self.kernels, "the kernel")
        return indexed(name, words(", ".join(["f", self.channel, *map(str, at)])))

    def pixel(self, at: Pair) -> Line:
        """(1, 1), with the name of the element where the images are rows of numbers."""
        op = self.images.op
        rows = self.images.parents[0] if op is not None and op.name == "reshape" else self.images
        if rows.ndim != 2 or self.images.shape[1] > 1 or rows not in self.graph.names:
            return (_pair(at),)
        element = words(f"n, {at[0] * self.images.shape[3] + at[1]}")
        return indexed(self.graph.names[rows], element), f" at {_pair(at)}"

    def pixel_under(self, weight: Pair, window: Pair) -> str:
        """The pixel that a weight meets in a window."""
        at = tuple(self.stride[k] * window[k] + self.dilation[k] * weight[k] - self.padding[k] for k in (0, 1))
        return _pair(at) if _within(at, self.images.shape[2:]) else "–"

    def weight_over(self, pixel: Pair, window: Pair) -> str:
        """The weight that a pixel meets in a window; nothing where the pixel lies outside."""
        away = tuple(pixel[k] + self.padding[k] - self.stride[k] * window[k] for k in (0, 1))
        at = tuple(away[k] // self.dilation[k] for k in (0, 1))
        met = all(away[k] % self.dilation[k] == 0 for k in (0, 1))
        return _pair(at) if met and _within(at, self.kernels.shape[2:]) else ""

    def table(
        self, what: str, shape: Pair, name: Callable[[Pair], Line], cell: Callable[[Pair, Pair], str]
    ) -> Iterator[Line | Table]:
        """A row for every weight or pixel, a column for every window."""
        if max(math.prod(self.positions) / MOST_WINDOWS, math.prod(shape) / MOST_ROWS) > 1:
            return
        yield (_CELLS[what] + (", – for padding:" if what == "weight" and any(self.padding) else ":"),)
        first, *others = places = list(np.ndindex(self.positions))
        header: list[Line] = [(what,), (f"window {_pair(first)}",), *((_pair(place),) for place in others)]
        yield Table(header, [[name(at), *((cell(at, place),) for place in places)] for at in np.ndindex(shape)])


_CELLS = {"weight": "The pixels that each weight met", "pixel": "The weights that each pixel met"}
_AT_WINDOW, _AT_PIXEL = words("r, s"), words("u, v")
WINDOW, PLACE, PIXEL = (Expr("vector", tuple(map(symbol, pair))) for pair in ("rs", "ij", "uv"))


def pooled(graph: Graph, node: Value) -> Expr:
    """A pooling as mathematics: y[r, s] = max over i, j of x[2r + i, 2s + j], in every channel of every image."""
    assert node.op is not None
    (images,) = node.parents
    size = node.static["size"]
    pixel = indexed(_called(graph, images, "the image"), words(_met(node.static, _starts(node.static))))
    best = Expr("over", (pixel,), ("max" if node.op.name == "max_pool2d" else "Σ", "i, j"))
    mean = best if node.op.name == "max_pool2d" else multiply(number(1 / math.prod(size)), best)
    return equation(indexed(graph.names[node], _AT_WINDOW), mean)


def counted(graph: Graph, node: Value) -> Line:
    """What the numbers are that an average is multiplied by where windows stick out; nothing if it is not."""
    for average, share in (node.parents, node.parents[::-1]) if node.op is not None and node.op.name == "mul" else ():
        if average.op is not None and average.op.name == "avg_pool2d" and share.op is None and share in graph.names:
            of = math.prod(average.static["size"])
            return graph.names[share], f" is {of}/m, where m of the {of} pixels of a window count."
    return ()


def sent_back(graph: Graph, node: Value, symbol_of: Callable[[Value], Expr]) -> Expr:
    """What a pixel of a pooling gets, as a sum over the windows that it is in."""
    assert node.op is not None
    (images,) = node.parents
    window = indexed(symbol_of(node), _AT_WINDOW)
    if node.op.name == "avg_pool2d":
        return multiply(number(1 / math.prod(node.static["size"])), Expr("over", (window,), ("Σ", "r, s")))
    pair = indexed(graph.names[images], _AT_PIXEL), indexed(graph.names[node], _AT_WINDOW)
    hit = multiply(window, Expr("indicator", (Expr("compare", pair, "="),)))
    return Expr("over", (divide(hit, indexed(symbol("m"), _AT_WINDOW)),), ("Σ", "r, s"))


ROLES = {  # of what goes into a convolution and its two partners, and of what comes out
    "conv2d": ("image", "kernel", "values"),
    "conv2d_input": ("values", "kernel", "image"),
    "conv2d_kernel": ("image", "values", "kernel"),
}


def convolved(graph: Graph, node: Value, out: str, cotangent: Expr | None = None) -> tuple[str, Expr]:
    """Where a number of what has the role `out` stands, and what it is, as a sum over windows.

    With a `cotangent` of the node that is what comes back to it: all three convolutions are the same sum of products.
    """
    assert node.op is not None
    roles, static = ROLES[node.op.name], node.static
    nodes = dict(zip(roles, (*node.parents, node), strict=True))
    names = {role: _called(graph, each, f"the {role}") for role, each in nodes.items()}
    names[roles[-1]] = cotangent or graph.names[node]
    channel = "0" if nodes["kernel"].shape[1] == 1 and static.get("groups", 1) == 1 else channel_letter(graph)
    weight = ", ".join(_at_pixel(*each) for each in _axes(static, static["padding"])) if out == "image" else "i, j"
    pixel = "u, v" if out == "image" else _met(static, static["padding"])
    places = {"image": f"n, {channel}, {pixel}", "kernel": f"f, {channel}, {weight}", "values": "n, f, r, s"}
    over = {"values": f"{channel}, i, j".removeprefix("0, "), "kernel": "n, r, s", "image": "f, r, s"}[out]
    factors = [indexed(names[role], words(places[role])) for role in ("values", "image", "kernel") if role != out]
    return places[out], Expr("over", (multiply(*factors),), ("Σ", over))


def channel_letter(graph: Graph) -> str:
    """A letter for channels that is no name in the graph."""
    return next(letter for letter in "khtq" if symbol(letter) not in graph.names.values())


def _axes(static: Mapping[str, Any], starts: Pair) -> Iterator[tuple[str, str, int, int, int]]:
    """For rows and columns: the letters of windows and pixels or weights, the stride, the padding, the dilation."""
    return zip("rs", "ij", static["stride"], starts, static.get("dilation", (1, 1)), strict=True)


def _starts(static: Mapping[str, Any]) -> Pair:
    padding = static.get("padding", NO_SIDES)
    return padding[0][0], padding[1][0]


def _met(static: Mapping[str, Any], starts: Pair) -> str:
    """2r + i − 1, 2s + j − 1: the pixel that stands at (i, j) of the window (r, s)."""
    return ", ".join([written(_along(*each)) for each in _axes(static, starts)])


def _at_pixel(window: str, offset: str, stride: int, padding: int, dilation: int) -> str:
    """u + 1 − 2r: where the pixel (u, v) stands in the window (r, s)."""
    steps = symbol(window) if stride == 1 else multiply(number(stride), symbol(window))
    away = written(add(symbol({"i": "u", "j": "v"}[offset]), *([number(padding)] if padding else []), minus(steps)))
    return away if dilation == 1 else f"({away})/{dilation}"


def _pooling(graph: Graph, node: Value, name: str) -> Iterator[Line | Table]:
    (images,) = node.parents
    size, padding = node.static["size"], node.static.get("padding", NO_SIDES)
    places = _places(node.static["stride"], (padding[0][0], padding[1][0]), node.static.get("dilation", (1, 1)))
    holds = (" holds the pixels ", places, " of ", _called(graph, images, "the image"))
    ranges = " and ".join(f"{letter} = {_range(n)}" for letter, n in zip("ij", size, strict=True))
    number_of_them = f": there are {times(node.shape[2:])} windows."
    beyond = f" (beyond its edges {'0' if name == 'avg_pool2d' else '−∞'})" if padding != NO_SIDES else ""
    what = "average" if name == "avg_pool2d" else "maximum"
    yield "The window ", WINDOW, f" of the {what}", *holds, f"{beyond} for {ranges}", number_of_them
    if name == "avg_pool2d":
        yield "Each of these pixels gets ", number(1 / math.prod(size)), " of the gradient of the window."
    else:
        yield ("The largest of these pixels gets the gradient of the window; equal ones share it.",)
        if math.prod(node.shape[1:]) <= MOST_ROWS:
            yield ("In image 0:",)
            yield _largest(node, images)


def _largest(node: Value, images: Value) -> Table:
    """Which pixels were the largest, for the first image."""
    places, rows = node.static, list[list[Line]]()
    seen = unfold(np.asarray(images.data), **places, beyond=-np.inf)[0]
    (top, _), (left, _) = places.get("padding", NO_SIDES)
    for channel, r, s in np.ndindex(node.shape[1:]):
        window = seen[channel, r, s]
        hit = np.argwhere(window == window.max()) * places.get("dilation", (1, 1))
        hit += np.array([r, s]) * places["stride"] - (top, left)
        largest = ", ".join(_pair(tuple(at)) for at in hit.tolist())
        rows.append([(str(channel),), (_pair((r, s)),), (largest,), (value(float(window.max())),)])
    return Table([("channel",), ("window",), ("largest pixel",), ("its value",)], rows)


def _places(stride: Pair, padding: Pair, dilation: Pair) -> Expr:
    """(2r + i − 1, 2s + j − 1): the pixel at (i, j) of the window (r, s)."""
    return Expr("vector", tuple([_along(*each) for each in zip("rs", "ij", stride, padding, dilation, strict=True)]))


def _along(window: str, offset: str, stride: int, padding: int, dilation: int) -> Expr:
    steps = [
        symbol(name) if n == 1 else multiply(number(n), symbol(name))
        for name, n in ((window, stride), (offset, dilation))
    ]
    return add(*steps, *([minus(number(padding))] if padding else []))


def _called(graph: Graph, node: Value, otherwise: str) -> Expr:
    """A short name or formula of an array."""
    e = graph.names.get(node) or formula(node, graph.names)
    return e if size(e) <= LONGEST_NAME else words(otherwise)


def _within(at: Pair, shape: Pair) -> bool:
    return all(0 <= a < n for a, n in zip(at, shape, strict=True))


def _range(n: int) -> str:
    return ", ".join(map(str, range(n))) if n < 4 else f"0, …, {n - 1}"


def _pair(at: Pair) -> str:
    return f"({at[0]}, {at[1]})"
