"""Images in pictures of graphs: every channel and every filter a map of its own, in colours that are the numbers'."""

from __future__ import annotations

import base64
import struct
import xml.etree.ElementTree as ET
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.engine.gradient import topological
from microgradcnn.views.drawing.colours import Grey, gradient_scale, value_scale
from microgradcnn.views.drawing.maps.drawn import short
from microgradcnn.views.drawing.maps.images import images_of
from microgradcnn.views.drawing.maps.tiles import tiles
from microgradcnn.views.drawing.svg import svg

SVG = "{http://www.w3.org/2000/svg}"


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def filtered(examples: int = 1, backward: bool = True) -> Value:
    """A mean over maps of an image: convolution, bias, relu, pooling."""
    x = Value(rng().uniform(size=(examples, 1, 8, 8)), label="x")
    w, b = Value(rng().normal(size=(6, 1, 3, 3)), label="w"), Value(np.linspace(-1.0, 1.0, 6), label="b")
    z = mg.conv2d(x, w) + b.reshape(1, 6, 1, 1)
    z.label = "z"
    a = mg.relu(z)
    a.label = "a"
    p = mg.max_pool2d(a, 2)
    p.label = "p"
    f = (p**2).sum()
    f.label = "f"
    if backward:
        f.backward()
    return f


def box(f: Value, name: str, **options: Any) -> ET.Element:
    root = ET.fromstring(mg.draw(f, open=True, **options).svg())
    found = [g for g in root.iter(SVG + "g") if "node" in g.get("class", "").split()]
    return next(g for g in found if "".join(g.find(SVG + "text").itertext()).split(" = ")[0] == name)  # type: ignore[union-attr]


def maps(g: ET.Element, kind: str) -> list[ET.Element]:
    (group,) = [e for e in g.iter(SVG + "g") if e.get("class") == f"{kind}-map"]
    return [e for e in group if e.get("class") == "map"]


def pixels(one: ET.Element) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The picture of a map, read as a PNG is: chunks with checksums, rows without filters."""
    href = one.find(SVG + "image").get("href", "")  # type: ignore[union-attr]
    data = base64.b64decode(href.removeprefix("data:image/png;base64,"))
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, {}
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        name, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack(">I", data[at + 8 + length : at + 12 + length])
        assert checksum == zlib.crc32(name + content)
        chunks[name], at = content, at + 12 + length
    width, height, depth, colours = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert (depth, colours) == (8, 2)
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + 3 * width)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, 3)


def middles(one: ET.Element, rows: int, columns: int) -> list[tuple[int, ...]]:
    """The colour in the middle of each cell."""
    picture = pixels(one)
    down, right = picture.shape[0] // rows, picture.shape[1] // columns
    return [tuple(picture[i * down + down // 2, j * right + right // 2]) for i in range(rows) for j in range(columns)]


@pytest.mark.parametrize("kind", ["value", "gradient"])
@pytest.mark.parametrize(("name", "count"), [("x", 1), ("w", 6), ("z", 6), ("a", 6), ("p", 6)])
def test_six_maps_are_six(name: str, count: int, kind: str) -> None:
    found = maps(box(filtered(), name), kind)
    assert [one.get("data-map") for one in found] == [str(k) for k in range(count)]
    frames = [one.find(SVG + "rect") for one in found]
    assert len({(frame.get("x"), frame.get("y")) for frame in frames}) == count  # type: ignore[union-attr]


def test_cells_have_the_colours_of_their_numbers() -> None:
    f = filtered()
    order = {v.label: v for v in topological(f)}
    for name, scale in (("z", value_scale), ("x", Grey)):
        data = np.asarray(order[name].data)[0]
        most = scale(float(np.abs(data).max()))
        for one, channel in zip(maps(box(f, name), "value"), data, strict=True):
            assert middles(one, *channel.shape) == [most.rgb(float(v)) for v in channel.ravel()]
    slopes = np.asarray(order["w"].grad)[:, 0]
    most = gradient_scale(float(np.abs(slopes).max()))
    for one, channel in zip(maps(box(f, "w"), "gradient"), slopes, strict=True):
        assert middles(one, 3, 3) == [most.rgb(float(v)) for v in channel.ravel()]


def test_a_signed_input_is_not_grey() -> None:
    x = Value(np.array([[[[-1.0, 0.5], [0.0, 1.0]]]]), label="x")
    f = mg.avg_pool2d(x, 2).sum()
    (one,) = maps(box(f, "x"), "value")
    assert middles(one, 2, 2) == [value_scale(1.0).rgb(v) for v in (-1.0, 0.5, 0.0, 1.0)]
    (one,) = maps(box(mg.avg_pool2d(mg.exp(x), 2).sum(), "t1"), "value")
    assert middles(one, 2, 2)[3] == value_scale(1.0).rgb(1.0)  # computed: no picture, though nothing is negative


def test_before_backward_there_are_frames_without_numbers() -> None:
    found = maps(box(filtered(backward=False), "z"), "gradient")
    assert len(found) == 6
    assert [one.find(SVG + "image").get("href") for one in found] == [None] * 6  # type: ignore[union-attr]
    assert all(one.find(SVG + "rect").get("stroke-dasharray") for one in found)  # type: ignore[union-attr]


def test_a_box_of_an_earlier_step_has_frames_for_what_is_not_computed() -> None:
    drawing = mg.draw(filtered(), open=True).drawing
    earlier = [
        replace(b, maps=(np.empty((0, 0)), None)) if b.tiles and b.words.startswith("z") else b for b in drawing.boxes
    ]
    root = ET.fromstring(svg(replace(drawing, boxes=earlier)))
    blank = [g for g in root.iter(SVG + "g") if g.get("class") == "map" and g[0].get("href") is None]
    assert len(blank) == 12


def note(g: ET.Element) -> str:
    return next("".join(e.itertext()) for e in g.iter(SVG + "text") if e.get("class") == "note")


def test_of_several_examples_the_first_is_shown_and_the_box_says_so() -> None:
    f = filtered(examples=3)
    order = {v.label: v for v in topological(f)}
    g = box(f, "z")
    assert note(g) == "3×6×6×6: first one"
    data = np.asarray(order["z"].data)
    most = value_scale(float(np.abs(data[0]).max()))
    assert middles(maps(g, "value")[2], 6, 6) == [most.rgb(float(v)) for v in data[0, 2].ravel()]
    assert note(box(f, "w")) == "6×1×3×3"


def test_what_is_too_much_is_left_out_and_said() -> None:
    x, w = Value(np.ones((1, 20, 3, 3)), label="x"), Value(np.ones((80, 20, 2, 2)), label="w")
    f = mg.conv2d(x, w).sum()
    filters = box(f, "w")
    assert note(filters) == "80×20×2×2: first 16×8"
    places = [int(one.get("data-map", "")) for one in maps(filters, "value")]
    assert places == [f * 20 + c for f in range(16) for c in range(8)]
    assert note(box(f, "t1")) == "1×80×2×2: first 64 maps"
    assert tiles(np.zeros((1, 1, 200, 300)), "maps").maps.shape == (1, 64, 64)


def test_numbers_stand_in_cells_that_have_room() -> None:
    x = Value(np.array([[[[0.0, 0.25], [0.5, -1.0]]]]), label="x")
    g = box(mg.avg_pool2d(x, 2).sum(), "x")
    texts = [e.text for e in maps(g, "value")[0].iter(SVG + "text")]
    assert texts == ["0", "0.25", "0.5", "−1"]
    assert maps(box(filtered(), "z"), "value")[0].find(SVG + "text") is None


SHORT = {0.0: "0", -0.0614: "−0.06", 0.25: "0.25", -2.44: "−2.4", 3.0: "3", -123.4: "−123", 0.0031: "3e−3"}
SHORT |= {-4.2e-12: "−4e−12", 45678.0: "5e4", float("nan"): "NaN", float("-inf"): "−∞"}


@pytest.mark.parametrize(("x", "said"), SHORT.items())
def test_a_number_in_a_cell_is_short(x: float, said: str) -> None:
    assert short(x) == said


def test_a_row_of_units_is_a_strip() -> None:
    h = Value(np.linspace(-1.0, 1.0, 120)[None], label="h")
    f = (h**2).sum()
    f.backward()
    (value,), (gradient,) = (maps(box(f, "h"), kind) for kind in ("value", "gradient"))
    assert middles(value, 1, 120) == [value_scale(1.0).rgb(float(v)) for v in np.ravel(h.data)]
    assert float(gradient[0].get("y", "")) > float(value[0].get("y", ""))  # below, since both are wide
    assert len(maps(box((Value(np.ones(300), label="v") ** 2).sum(), "v"), "value")) == 3


KINDS = {
    "an activation": (
        lambda x, w: mg.tanh(mg.conv2d(x, w)),
        {"x": "picture", "w": "filters", "t1": "maps", "t2": "maps"},
    ),
    "no image": (lambda x, w: x.reshape(1, 32) @ w.reshape(32, 3), {}),
    "pixels of a row": (
        lambda x, w: mg.conv2d((x * 1.0).reshape(1, 32).reshape(1, 2, 4, 4), w),
        {"t3": "maps", "t4": "maps", "w": "filters"},
    ),
    "a sum of images": (
        lambda x, w: mg.avg_pool2d(x + x * 2.0, 2),
        {"x": "picture", "t1": "maps", "t2": "maps", "t3": "maps"},
    ),
    "filters that are computed": (
        lambda x, w: mg.conv2d(x, w * 0.5),
        {"x": "picture", "w": "filters", "t1": "filters", "t2": "maps"},
    ),
    "transposed": (
        lambda x, w: mg.conv_transpose2d(x, w.reshape(2, 12, 2, 2)),
        {"x": "picture", "t1": "filters", "t2": "maps"},
    ),
}


@pytest.mark.parametrize("case", KINDS)
def test_what_an_image_is(case: str) -> None:
    x, w = Value(np.ones((1, 2, 4, 4)), label="x"), Value(np.ones((12, 2, 2, 2)), label="w")
    compute, expected = KINDS[case]
    order = topological(compute(x, w))
    names = iter(f"t{i}" for i in range(1, 9))
    called = [v.label or next(names) for v in order]
    assert {called[i]: kind for i, kind in images_of(order).kinds.items()} == expected


def test_layers_of_one_dimension_are_maps_of_one_row() -> None:
    layer = nn.Conv1d(2, 3, 3, rng=rng())
    order = topological(layer(Value(rng().normal(size=(1, 2, 9)), label="x")).sum())
    images = images_of(order)
    (windows,) = images.windows
    assert (order[windows.image].shape, windows.size) == ((1, 2, 1, 9), (1, 3))
    (x,) = [i for i, v in enumerate(order) if v.label == "x"]
    assert (images.kinds[x], images.steps[windows.image].image) == ("picture", x)
    added = next(i for i, v in enumerate(order) if v.op is not None and v.op.name == "add")
    assert images.kinds[added] == "maps"  # (1, 3, 7), as the layer gives them
    assert [order[i].label for i, kind in images.kinds.items() if kind == "filters" and order[i].label] == ["weight"]
