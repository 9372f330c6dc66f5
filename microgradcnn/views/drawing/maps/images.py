"""Which arrays of a graph are images, and through which windows one is computed from another.

What a convolution or a pooling takes and gives is an image (n, channels, height, width), and so is what has the same
numbers at the same places: an activation of it, a sum with a bias, the pixels that a reshape makes of a row. Signals
(n, channels, length), as conv1d takes and gives them, are images of one row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from microgradcnn.engine.kernels import NO_SIDES, Pair
from microgradcnn.engine.value import Constant, Value

Kind = Literal["picture", "maps", "filters", "row"]  # pixels as they are given, what is computed, kernels, units
CUT = ("getitem", "scatter")  # give some pixels of an image, or set it into a larger one
CONVOLUTIONS, POOLINGS = ("conv2d", "conv2d_input"), ("avg_pool2d", "max_pool2d")
APART = (*CONVOLUTIONS, "conv2d_kernel", *POOLINGS)  # whose value may have the shape of what it takes, not its places


@dataclass(frozen=True)
class Windows:
    """`output` is computed from the windows of `image` with `filters`, or pooled: nodes by their places in the order.

    A window at row r starts at pixel r · stride − before, in padding if that is negative. An image that is a raw array,
    and no node, has the place −1, the next one −2. Of a `transposed` convolution the windows lie in the output, each at
    a pixel of the image.
    """

    op: str
    output: int
    image: int
    filters: int | None
    size: Pair
    stride: Pair
    before: Pair
    dilation: Pair
    groups: int
    transposed: bool


@dataclass(frozen=True)
class Pointwise:
    """A node with as many pixels as its `image`, each computed from the one at its place, and from the `bias` added."""

    image: int
    op: str
    bias: int | None


@dataclass
class Images:
    """The images of a graph by their places in the order: what each is, and what it is computed from.

    `given` are the raw arrays that convolutions and poolings take, at the places −1, −2, ...
    """

    kinds: dict[int, Kind] = field(default_factory=dict)
    windows: list[Windows] = field(default_factory=list)
    steps: dict[int, Pointwise] = field(default_factory=dict)
    given: dict[Value, int] = field(default_factory=dict)


def images_of(order: Sequence[Value]) -> Images:
    """The images of the graph whose nodes are in `order`."""
    place = {node: i for i, node in enumerate(order)}
    found = Images()
    for node in order:
        found.windows += _windows(node, place, found.given)
        if node.op is None or node.op.name not in (*CONVOLUTIONS, *POOLINGS):
            continue
        image, *filters = node.parents
        found.kinds |= {place[v]: "maps" for v in (image, node) if v in place}
        if filters and filters[0] in place:
            found.kinds[place[filters[0]]] = "filters"
    alike = list(_alike(order, place))
    _spread(found.kinds, alike)
    for i, of in alike:
        kind, reshaped = found.kinds.get(i), order[i].shape != order[of].shape
        if (kind == "maps" or (kind == "filters" and reshaped)) and (step := _step(order[i], order[of], place)):
            found.steps[i] = step
    for i, kind in found.kinds.items():
        if kind == "maps" and _is_given(order[i]):
            found.kinds[i] = "picture"
    found.kinds |= dict.fromkeys(found.given.values(), "picture")
    return found


def _alike(order: Sequence[Value], place: dict[Value, int]) -> Iterator[tuple[int, int]]:
    """Pairs of a node and a parent with numbers of images, or of filters, at the same places."""
    for i, node in enumerate(order):
        if node.op is None or len(node.shape) not in (3, 4) or node.dtype.kind == "b" or node.op.name in APART:
            continue
        for parent in node.parents:
            cut = node.op.name in CUT and len(parent.shape) == 4 and parent.shape[:2] == node.shape[:2]
            same = parent.shape == node.shape or (
                node.op.name == "reshape" and image_shape(parent) == image_shape(node)
            )
            if type(parent) is not Constant and (same or cut) and parent.dtype.kind != "b":
                yield i, place[parent]


def image_shape(node: Value) -> tuple[int, ...]:
    """The shape of an image, of a signal as one of a single row."""
    return (*node.shape[:2], 1, node.shape[2]) if len(node.shape) == 3 else node.shape


def _spread(kinds: dict[int, Kind], alike: Sequence[tuple[int, int]]) -> None:
    """Give every node the kind of those that are like it."""
    near: dict[int, list[int]] = {}
    for a, b in alike:
        near.setdefault(a, []).append(b)
        near.setdefault(b, []).append(a)
    waiting = list(kinds)
    for i in waiting:
        new = [other for other in near.get(i, ()) if other not in kinds]
        kinds |= dict.fromkeys(new, kinds[i])
        waiting += new


def _step(node: Value, image: Value, place: dict[Value, int]) -> Pointwise | None:
    """How a node is computed pixel by pixel from an image; None if it takes another image as well."""
    assert node.op is not None
    others = [p for p in node.parents if p is not image]
    whole = image_shape(node) == image_shape(image) and node.op.name not in CUT
    if not whole or any(p.shape == node.shape and type(p) is not Constant for p in others):
        return None
    bias = others[0] if node.op.name == "add" and len(others) == 1 else None
    of_maps = bias is not None and bias.shape == (1, node.shape[1], 1, 1)[: len(node.shape)] and bias in place
    return Pointwise(place[image], node.op.name, place[bias] if of_maps and bias is not None else None)


def _windows(node: Value, place: dict[Value, int], raw: dict[Value, int]) -> Iterator[Windows]:
    """The windows that a node is computed from, if it is a convolution or a pooling, or that without its first rows.

    An image that is a `raw` array is put with the others.
    """
    computed, first = node, (0, 0)
    if node.op is not None and node.op.name == "getitem" and _without_first(node) is not None:
        computed, first = node.parents[0], _without_first(node) or first
    if computed.op is None or computed.op.name not in (*CONVOLUTIONS, *POOLINGS):
        return
    image, *filters = computed.parents
    if any(f not in place for f in filters):
        return
    given = computed.static
    size = filters[0].shape[2:] if filters else given["size"]
    padding = given.get("padding", (0, 0) if filters else NO_SIDES)
    stride = given["stride"]
    above, left = padding if filters else (padding[0][0], padding[1][0])
    transposed = computed.op.name == "conv2d_input"
    steps = (-1, -1) if transposed else stride
    yield Windows(
        computed.op.name,
        place[node],
        place[image] if image in place else raw.setdefault(image, -1 - len(raw)),
        place[filters[0]] if filters else None,
        (size[0], size[1]),
        stride,
        (above - first[0] * steps[0], left - first[1] * steps[1]),
        given.get("dilation", (1, 1)),
        given.get("groups", 1),
        transposed,
    )


def _without_first(node: Value) -> Pair | None:
    """How many of the first rows and columns of its images a node leaves out, None if it does anything else."""
    index = node.static["index"]
    if not isinstance(index, tuple) or len(index) != 4 or not all(isinstance(k, slice) for k in index):
        return None
    if any(k.stop is not None or k.step is not None for k in index) or any(k.start for k in index[:2]):
        return None
    return index[2].start or 0, index[3].start or 0


def _is_given(node: Value) -> bool:
    """Whether the numbers are those of a leaf, at most in another shape."""
    return node.op is None or (node.op.name in ("reshape", "transpose", *CUT) and _is_given(node.parents[0]))
