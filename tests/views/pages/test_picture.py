"""Pictures: what is drawn of a graph, its numbers against closed forms, its groups, and the files that hold it."""

from __future__ import annotations

import base64
import doctest
import math
import re
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from seen import cell_colours

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.cli import main
from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Constant
from microgradcnn.extras import MissingExtra
from microgradcnn.files import FileError
from microgradcnn.networks import NETWORKS
from microgradcnn.views.drawing.boxes import said, shown
from microgradcnn.views.drawing.colours import gradient_scale, plane, value_scale
from microgradcnn.views.drawing.groups import READABLE
from microgradcnn.views.formulas.expression import symbol
from microgradcnn.views.formulas.typeset import shortened, typeset, width
from microgradcnn.views.pages import picture as module
from microgradcnn.views.pages.picture import Picture, draw

SVG = "{http://www.w3.org/2000/svg}"
Element = ElementTree.Element


def parsed(picture: Picture, prefix: str = "") -> Element:
    return ElementTree.fromstring(picture.svg(prefix))


def of_class(root: Element, tag: str, name: str) -> list[Element]:
    return [e for e in root.iter(SVG + tag) if name in e.get("class", "").split()]


def text(root: Element, name: str) -> str:
    """The text of the one <text> of a class."""
    (found,) = of_class(root, "text", name)
    return "".join(found.itertext())


def nodes(root: Element) -> dict[int, Element]:
    return {int(e.attrib["data-node"]): e for e in of_class(root, "g", "node")}


def named(root: Element, heading: str) -> Element:
    boxes = {id(e): e for name in ("node", "group") for e in of_class(root, "g", name)}
    (found,) = [box for box in boxes.values() if text(box, "name") == heading]
    return found


def labelled(value: Value, label: str) -> Value:
    value.label = label
    return value


def neuron() -> tuple[Value, Value, Value]:
    """w, x and f = (σ(wx) − 1)², with z = σ(a)."""
    w, x = Value(0.5, label="w"), Value(2.0, label="x")
    z = labelled(labelled(w * x, "a").sigmoid(), "z")
    return w, x, labelled((z - 1.0) ** 2, "f")


def example(name: str) -> Value:
    network = NETWORKS[name](seed=0)
    loss = network.example(np.linspace(-1.0, 1.0, network.inputs), 1.0).loss
    loss.backward()
    return loss


def unrolled(steps: int, labels: bool = True) -> Value:
    """A recurrent network of one unit: h_t = tanh(u·h_(t−1) + w·x_t)."""
    u, w, h = Value(0.5, label="u"), Value(-0.3, label="w"), Value(0.1, label="h_0")
    for t in range(1, steps + 1):
        a = u * h + w * Value(0.01 * t, label=f"x_{t}")
        h = a.tanh()
        if labels:
            a.label, h.label = f"a_{t}", f"h_{t}"
    return h


def test_a_neuron_by_hand() -> None:
    f = neuron()[2]
    f.backward()
    z = 1.0 / (1.0 + math.exp(-1.0))
    outer, inner = 2.0 * (z - 1.0), z * (1.0 - z)
    root = parsed(draw(f))
    expected = [
        ("w", 0.5, 2.0 * outer * inner),
        ("x", 2.0, 0.5 * outer * inner),
        ("a = wx", 1.0, outer * inner),
        ("z = σ(a)", z, outer),
        ("t1 = z − 1", z - 1.0, outer),
        ("f = t12", (z - 1.0) ** 2, 1.0),
    ]
    for heading, value, gradient in expected:
        box = named(root, heading)
        assert text(box, "value") == f"{value:.4g}".replace("-", "−")
        assert text(box, "gradient") == f"{gradient:.4g}".replace("-", "−")
        assert of_class(box, "rect", "box")
    locals_ = [text(edge, "local") for edge in of_class(root, "g", "edge")]
    assert locals_ == ["2", "0.5", f"{inner:.4g}", "1", f"{outer:.4g}".replace("-", "−")]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_node_and_every_argument_of_the_six_networks(name: str) -> None:
    loss = example(name)
    order = topological(loss)
    place = {node: i for i, node in enumerate(order)}
    root = parsed(draw(loss))
    found = nodes(root)
    assert list(range(len(order))) == sorted(found)
    for i, node in enumerate(order):
        assert found[i].get("id") == f"node-{i}"
        assert text(found[i], "value") == shown(node.item())
        assert text(found[i], "gradient") == shown(node.grad)
    edges = {
        (int(e.attrib["data-from"]), int(e.attrib["data-to"]), int(e.attrib["data-argument"])): e
        for e in of_class(root, "g", "edge")
    }
    parents = [
        (place[p], i, k) for i, n in enumerate(order) for k, p in enumerate(n.parents) if type(p) is not Constant
    ]
    assert sorted(edges) == sorted(parents)
    for (a, b, k), edge in edges.items():
        node, step = order[b], 1e-6
        assert node.op is not None
        near = [[p.data + s * (i == k) for i, p in enumerate(node.parents)] for s in (step, -step)]
        high, low = (float(node.op.evaluate(data, node.static)) for data in near)
        said_local = float(text(edge, "local").replace("−", "-"))
        assert said_local == pytest.approx((high - low) / (2 * step), rel=2e-3, abs=1e-5), (a, b, k)
        (path,) = edge.iter(SVG + "path")
        assert path.attrib["d"].startswith("M")


def test_before_backward_no_gradient_is_computed() -> None:
    root = parsed(draw(neuron()[2]))
    assert {text(node, "gradient") for node in nodes(root).values()} == {"not computed"}


def test_a_comparison_has_no_gradient_and_dashed_edges() -> None:
    x, y = Value(1.0, label="x"), Value(2.0, label="y")
    f = mg.where(x > y, x, y)
    f.backward()
    root = parsed(draw(f))
    assert text(named(root, "t1 = x > y"), "gradient") == "none"
    assert text(named(root, "t1 = x > y"), "value") == "false"
    dashed = of_class(root, "g", "none")
    assert [(e.get("data-to"), text(e, "local")) for e in dashed] == [("2", ""), ("2", ""), ("3", "")]


def test_drawing_changes_nothing_and_is_repeatable() -> None:
    w, _, f = neuron()
    f.backward()
    before = w.grad
    assert draw(f).svg() == draw(f).svg()
    assert w.grad == before


@pytest.mark.parametrize(
    ("make", "heading"),
    [
        (lambda x: x / 4.0, "t1 = x/4"),
        (lambda x: x * 0.123456789, "t1 = x·0.1235"),
        (lambda x: x * 1e-7, "t1 = x·10−7"),
        (lambda x: x**3, "t1 = x3"),
        (lambda x: x.maximum(0.5), "t1 = max(x, ½)"),
        (lambda x: x * np.array([1.0, 2.0]), "t1 = x·[2]"),
    ],
)
def test_raw_constants_stand_in_the_formula(make: Callable[[Value], Value], heading: str) -> None:
    (root, *_) = [parsed(draw(make(Value(2.0, label="x"))))]
    assert named(root, heading) is not None
    assert len(nodes(root)) == 2


def test_names_have_real_subscripts() -> None:
    (name,) = of_class(parsed(draw(Value(1.0, label="s_1_2"))), "text", "name")
    assert [(e.get("class"), e.text) for e in name] == [("i", "s"), ("s", "12")]
    assert "".join(run.text for run in typeset(symbol("y_hat"))) == "ŷ"


ODD = ["<script>alert(1)</script>", '"]; x [label="', "a|b{c}<d>", "&amp;", "-->", "\x00\x1b\ud800\ue002", "]]>", "\\"]


@pytest.mark.parametrize("label", ODD)
def test_a_label_is_text_wherever_it_is_written(label: str) -> None:
    f = labelled(Value(1.0, label=label) * Value(2.0, label=label), label)
    picture = draw(f, groups={label + "group": [f]}, collapse=True)
    root = parsed(picture)
    assert not list(root.iter(SVG + "script"))
    shown_label = re.sub("[\x00\x1b\ud800\ue002]", "\ufffd", label)
    names = ["".join(e.itertext()) for e in of_class(root, "text", "name")]
    assert names[0] == shown_label

    class Tags(HTMLParser):
        tags: set[str] = set()  # noqa: RUF012

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            self.tags.add(tag)

    Tags().feed(picture._repr_html_())
    assert Tags.tags == {"style", "div", "iframe", "img"}
    statement = r'  n\d+( -> n\d+)? \[label="(?:[^"\\]|\\.)*"(, style=dashed)?\];'
    head, _, *body, last = picture.dot().splitlines()
    assert (head, last) == ("digraph {", "}")
    assert all(re.fullmatch(statement, line) for line in body)


def test_dot_has_records_and_local_derivatives() -> None:
    f = neuron()[2]
    f.backward()
    lines = draw(f).dot().splitlines()
    assert '  n0 [label="w|0.5|−0.2115"];' in lines
    assert '  n0 -> n2 [label="2"];' in lines


def test_alternative_text_and_prefixes() -> None:
    root = parsed(draw(neuron()[2]), prefix="a-")
    assert root.get("role") == "img"
    ids = [e.attrib["id"] for e in root.iter() if "id" in e.attrib]
    assert root.attrib["aria-labelledby"].split() == ids[:2]
    assert all(i.startswith("a-") for i in ids)
    assert len(set(ids)) == len(ids)
    title, about = ("".join(e.itertext()) for e in list(root)[:2])
    assert title == "The graph of f"
    assert about == "6 nodes, 2 of them leaves, from left to right up to f, which is 0.07233."
    assert "z = σ(a): value 0.7311, gradient not computed" in [e.text for e in root.iter(SVG + "title")]


def test_arrays_show_shape_range_and_heat_maps() -> None:
    S = Value(np.array([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]]), label="S")
    f = (S * S).sum()
    assert text(named(parsed(draw(f)), "S"), "gradient") == "not computed"
    f.backward()
    box = named(parsed(draw(f)), "S")
    assert (text(box, "note"), text(box, "value"), text(box, "gradient")) == ("2×3", "−2 … 3", "−4 … 6")
    for kind, numbers, scale in (("value", S.data, value_scale(3.0)), ("gradient", S.grad, gradient_scale(6.0))):
        ((image, frame),) = of_class(box, "g", f"{kind}-map")
        assert frame.get("class") == "frame"
        assert cell_colours(image.attrib["href"], 2, 3) == [(*scale.rgb(float(x)), 255) for x in np.ravel(numbers)]
    assert not [e for e in of_class(parsed(draw(f)), "g", "edge") if text(e, "local")]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (2.0, "2"),
        (np.float32(0.1), "0.1"),
        (-0.0, "0"),
        (-1.23456, "−1.235"),
        (1e-9, "1e−09"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (math.nan, "NaN"),
        (True, "true"),
        (np.array([1.0, math.nan]), "NaN"),
        (np.array([121.0, -3.0]), "−3 … 121"),
        (np.zeros((0, 3)), "empty"),
        (np.ones(3, np.float32), "1"),
    ],
)
def test_numbers_as_they_are_shown(data: Any, words: str) -> None:
    assert said(data) == words


def test_numbers_that_are_not_finite_are_drawn() -> None:
    x = Value(-1.0, label="x")
    f = x.sqrt() + 1.0 / (x + 1.0)
    f.backward()
    root = parsed(draw(f))
    assert text(named(root, "t1 = √x"), "value") == "NaN"
    assert text(named(root, "t3 = 1/t2"), "value") == "∞"


def test_planes_of_heat_maps() -> None:
    a = np.arange(32.0 * 48).reshape(32, 48)
    np.testing.assert_allclose(plane(a), a.reshape(16, 2, 16, 3).mean(axis=(1, 3)))
    assert plane(np.zeros((1000, 1000))).shape == (16, 16)
    assert plane(np.arange(4.0)).tolist() == [[0.0, 1.0, 2.0, 3.0]]
    assert plane(np.arange(30.0)).shape == (5, 6)
    images = np.arange(16.0).reshape(2, 2, 2, 2)
    assert plane(images).tolist() == [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]
    assert plane(np.zeros((0, 4))).size == 0


def rgb(colour: str) -> list[float]:
    return [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]


def luminance(colour: str) -> float:
    """WCAG 2's relative luminance."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


# Machado, Oliveira and Fernandes 2009, severity 1: how protanopes and deuteranopes see a colour.
BLIND = [
    np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
]


@pytest.mark.parametrize("scale", [value_scale, gradient_scale])
def test_colours_can_be_read_on_and_told_apart_by_colour_blind_eyes(scale: Callable[[float], Any]) -> None:
    tints = [scale(2.0).colour(x) for x in (-2.0, -0.5, -0.01, 0.0, 0.01, 0.5, 2.0)]
    assert tints[3] == "#ffffff"
    for tint in tints:
        assert (luminance(tint) + 0.05) / (luminance("#1b1f24") + 0.05) >= 4.5
    for matrix in BLIND:
        below, above = (matrix @ np.array(rgb(tints[i])) for i in (0, -1))
        assert np.abs(below - above).max() >= 0.2
    assert scale(2.0).colour(math.inf) == scale(2.0).colour(2.0)
    assert scale(2.0).colour(math.nan) not in tints
    assert scale(0.0).colour(0.0) == "#ffffff"


def test_a_long_heading_is_cut_but_said_in_full() -> None:
    label = "weight" * 16
    root = parsed(draw(Value(1.0, label=label)))
    (box,) = of_class(root, "g", "node")
    assert text(box, "name").endswith("…")
    assert label in (box.find(f"{SVG}title").text or "")  # type: ignore[union-attr]
    runs = shortened(typeset(symbol(label)), 14.0, 100.0)
    assert width(runs, 14.0) <= 100.0


def test_headings_fit_into_their_boxes() -> None:
    for box, at in zip((p := draw(example("conv_linear"))).drawing.boxes, p.drawing.layout.boxes, strict=True):
        assert width(box.heading, 14.0) <= at.width


def test_groups_of_a_network() -> None:
    picture = draw(example("conv_average"))
    kinds = {g.name: g.kind for g in picture.drawing.groups}
    assert kinds == {
        **dict.fromkeys(("a_1", "a_2", "a_3", "a_4", "y_hat", "f"), "segment"),
        **dict.fromkeys(("p", "c", "a", "z"), "family"),
    }
    assert picture.groups == list(kinds)


def test_a_collapsed_segment_has_the_formula_and_the_derivatives_through_it() -> None:
    loss = example("conv_average")
    values = {v.label: v for v in topological(loss)}
    root = parsed(draw(loss, collapse=["a_*", "y_hat", "f"]))
    assert len(of_class(root, "g", "group")) == 6
    box = named(root, "a1 = c1p1 + c2p2 + c3p4 + c4p5")
    assert box.get("data-group") == "a_1"
    assert text(box, "value") == shown(values["a_1"].item())
    place = {v: i for i, v in enumerate(topological(loss))}
    edges = {(e.get("data-from"), e.get("data-to")): text(e, "local") for e in of_class(root, "g", "edge")}
    for child, parent, local in (("a_1", "c_1", "p_1"), ("a_1", "p_5", "c_4"), ("a_2", "c_4", "p_6")):
        assert edges[str(place[values[parent]]), str(place[values[child]])] == shown(values[local].item())
    e = values["y_hat"].item() - 1.0
    assert edges[str(place[values["y_hat"]]), str(place[loss])] == shown(2.0 * e)
    assert edges[str(place[values["y"]]), str(place[loss])] == shown(-2.0 * e)


def test_a_collapsed_family_shows_its_values_together() -> None:
    loss = example("conv_average")
    root = parsed(draw(loss, collapse="z"))
    box = named(root, "z1, … , z4")
    zs = [v for v in topological(loss) if (v.label or "").startswith("z_")]
    low, high = (f"{x:.2g}" for x in (min(z.item() for z in zs), max(z.item() for z in zs)))
    assert text(box, "value") == f"{low} … {high}"
    assert text(box, "note") == "4 nodes"
    assert "data-argument" not in of_class(root, "g", "edge")[-5].attrib or box.get("data-group") == "z"
    assert (
        draw(loss, collapse=True, open=["z", "a"]).svg() == draw(loss, collapse=["p", "c", "a_?", "y_hat", "f"]).svg()
    )


def test_a_node_within_a_family_opens_by_itself() -> None:
    loss = example("conv_average")
    count = len(draw(loss, collapse=["a"], open=["a_1"]).drawing.boxes)
    assert count == len(draw(loss, collapse=["a"]).drawing.boxes)  # the family hides its members
    assert len(draw(loss, collapse=True, open=["a"]).drawing.boxes) == len(draw(loss, collapse=True).drawing.boxes) + 3


def test_families_that_need_each_other_are_not_both_groups() -> None:
    picture = draw(unrolled(5))
    assert "x" in picture.groups
    assert not {"a", "h"} & set(picture.groups)
    for collapse in (["a_*"], ["x"], True):
        parsed(draw(unrolled(5), collapse=collapse))


def test_groups_by_the_user() -> None:
    w, x, f = neuron()
    (a,) = [v for v in topological(f) if v.label == "a"]
    picture = draw(f, groups={"input": [w, x], "unit": [a]}, collapse=["input"])
    assert {"input", "unit", "f"} == set(picture.groups)
    assert {e.get("data-group") for e in of_class(parsed(picture), "g", "group")} == {"input"}


def test_groups_that_cannot_be() -> None:
    w, x, f = neuron()
    a, z = (v for v in topological(f) if v.label in ("a", "z"))
    with pytest.raises(
        ValueError, match="the group 'g' cannot be drawn as one: what is between its nodes is not in it"
    ):
        draw(f, groups={"g": [a, f]})
    with pytest.raises(ValueError, match="w is in two groups, 'g' and 'h'"):
        draw(f, groups={"g": [w], "h": [w, x]})
    with pytest.raises(ValueError, match="v is in the group 'g', but not in the graph of f"):
        draw(f, groups={"g": [Value(1.0, label="v")]})
    with pytest.raises(ValueError, match="the group 'f' has the name of a node that is a group by itself"):
        draw(f, groups={"f": [z]})
    with pytest.raises(ValueError, match=r"the graph has no group 'ff': did you mean 'f'\?"):
        draw(f, collapse=["ff"])
    with pytest.raises(ValueError, match="the graph has no group 'q': it has none"):
        draw(w, open=["q"])


def perceptron(width: int, labels: bool) -> Value:
    rng = np.random.default_rng(0)

    def leaf(label: str) -> Value:
        return Value(float(rng.normal()), label=label if labels else None)

    h = [leaf(f"x_{i}") for i in range(2)]
    for layer in ("u", "v"):
        rows = [[leaf(f"{layer}_{i}_{j}") for j in range(len(h))] for i in range(width)]
        h = [sum((a * b for a, b in zip(row, h, strict=True)), 0.0).relu() for row in rows]  # type: ignore[misc]
    return labelled(sum(h, Value(0.0)).square(), "f")


@pytest.mark.parametrize("labels", [True, False])
def test_a_large_graph_starts_collapsed_and_can_be_opened(labels: bool) -> None:
    f = perceptron(16, labels)
    f.backward()
    count = len(topological(f))
    assert count > 800
    picture = draw(f)
    assert 3 <= len(picture.drawing.boxes) <= 2 * READABLE
    opened = draw(f, open="v" if labels else "layer 1")
    assert len(opened.drawing.boxes) > len(picture.drawing.boxes)
    parsed(picture)


@pytest.mark.slow
def test_a_large_graph_opened_whole_has_every_node() -> None:
    f = unrolled(180, labels=False)
    assert len(topological(f)) > 500
    assert len(draw(f, open=True).drawing.boxes) == len(topological(f))
    assert len(draw(f).drawing.boxes) <= 2 * READABLE


def test_a_deep_graph_needs_no_recursion() -> None:
    x = Value(0.5, label="x")
    f = x
    for i in range(3 * sys.getrecursionlimit()):
        f = f * x + float(i)
    picture = draw(f)
    assert len(picture.drawing.boxes) <= 2 * READABLE
    assert len(of_class(parsed(picture), "g", "group")) >= 1


@pytest.mark.usefixtures("own_primitives")
def test_a_primitive_of_ones_own_is_drawn() -> None:
    swish = mg.primitive("swish", lambda x: x / (1 + np.exp(-x)), [lambda g, y, x: g * (y + mg.sigmoid(x) * (1 - y))])
    f = swish(Value(0.0, label="x"))
    root = parsed(draw(f))
    assert text(named(root, "t1 = swish(x)"), "value") == "0"
    assert [text(e, "local") for e in of_class(root, "g", "edge")] == ["0.5"]


@pytest.mark.parametrize("suffix", [".svg", ".html", ".dot", ".png", ".SVG"])
def test_saving(tmp_path: Path, suffix: str) -> None:
    picture = draw(neuron()[2])
    path = picture.save(tmp_path / f"f{suffix}")
    content = path.read_bytes()
    start = {".svg": b"<svg", ".html": b"<!DOCTYPE html>", ".dot": b"digraph", ".png": b"\x89PNG"}[suffix.lower()]
    assert content.startswith(start)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_saving_where_it_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = draw(neuron()[2])
    for name in ("f.bmp", "f", ".svg"):
        told = f"a picture is saved as .svg, .html, .dot, .png, .pdf, .gif, .mp4, .tex: {name!r}"
        with pytest.raises(ValueError, match=re.escape(told)):
            picture.save(tmp_path / name)
    (tmp_path / "file").touch()
    for folder, why in (("none", "does not exist: make it first"), ("file", "is a file, no folder: name another")):
        with pytest.raises(FileError, match=f"cannot be written: the folder .*{folder} {why}"):
            picture.save(tmp_path / folder / "f.svg")
    monkeypatch.setattr(Picture, "gif", lambda *_: pytest.fail("a film was drawn, which nobody can keep"))
    with pytest.raises(FileError):
        picture.save(tmp_path / "none" / "f.gif")
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(MissingExtra, match=r"pip install 'microgradcnn\[png\]'"):
        picture.save(tmp_path / "f.png")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_png_has_two_pixels_for_one() -> None:
    picture = draw(neuron()[2])
    size = [int.from_bytes(picture.png()[i : i + 4]) for i in (16, 20)]
    root = parsed(picture)
    assert size == [2 * int(root.attrib[side]) for side in ("width", "height")]
    other = draw(labelled(Value(0.5), "v")).png()
    assert other != draw(labelled(Value(0.5), "w")).png()  # text is drawn


def test_in_a_notebook_an_image_is_left_when_the_page_is_cleansed_away() -> None:
    picture = draw(neuron()[2])
    html = picture._repr_html_()
    left = re.sub(r"(?s)<style>.*?</style>|<iframe.*?</iframe>", "", html)
    match = re.search(
        r'^<div [^<>]+><img src="data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)" alt="[^"<>]+"></div>$', left
    )
    assert match is not None
    assert base64.b64decode(match[1]).decode() == picture.svg()


def test_draw_takes_a_value() -> None:
    with pytest.raises(TypeError, match=r"draw takes a Value, not 3\.0"):
        draw(3.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [str, Path])
def test_draw_takes_no_file_and_says_how_one_is_written(kind: type) -> None:
    with pytest.raises(TypeError, match=r"takes no file: mg\.draw\(f\)\.save\('f\.html'\) writes it"):
        draw(neuron()[2], kind("f.html"))


def test_the_example_in_the_documentation() -> None:
    assert doctest.testmod(module).attempted >= 3
    assert mg.draw is draw


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "f.svg"
    assert main(["graph", "conv_average", "-o", str(out), "--collapse", "a_*,f"]) == 0
    assert capsys.readouterr().out == f"written: {out}\n"
    root = ElementTree.parse(out).getroot()
    assert len(of_class(root, "g", "group")) == 5
    assert "not computed" not in out.read_text(encoding="utf-8")
    for arguments, told in (
        (
            ["-o", str(tmp_path / "f.bmp")],
            "a picture is saved as .svg, .html, .dot, .png, .pdf, .gif, .mp4, .tex: 'f.bmp'",
        ),
        (["-o", str(out), "--collapse", "zz"], "the graph has no group 'zz'"),
    ):
        assert main(["graph", "conv_average", *arguments]) == 2
        assert told in capsys.readouterr().err
