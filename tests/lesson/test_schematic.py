"""Networks drawn as the lecture draws them: all there, named, in its place, and a filter that can be put still."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest
from conftest import needs_chromium

from microgradcnn import Value
from microgradcnn.lesson.schematic import schematic, sliding
from microgradcnn.networks import NETWORKS, network_of_loss

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SVG = "{http://www.w3.org/2000/svg}"


def texts(picture: str) -> list[str]:
    return ["".join(element.itertext()) for element in ET.fromstring(picture).iter(f"{SVG}text")]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_input_weight_and_z_is_named(name: str) -> None:
    network = NETWORKS[name]()
    example = network.example([0.0] * network.inputs, 0.0)
    shown = texts(schematic(network))
    for label in [*(str(v.label) for v in example.inputs), *example.parameters, *(str(z.label) for z in example.z)]:
        assert label.replace("_", "") in shown
    assert "ŷ" in shown
    assert "f = (ŷ − y)2" in shown
    assert any(text.startswith("ŷ = ") for text in shown)


def test_the_window_takes_every_place() -> None:
    picture = schematic(NETWORKS["two_conv_linear"]())
    windows = re.findall(r'class="at at-(\d)"><rect class="window" x="([\d.]+)" y="([\d.]+)"', picture)
    assert [place for place, _, _ in windows] == ["1", "2", "3", "4"]
    assert len({(x, y) for _, x, y in windows}) == 4
    ends = re.findall(r'<line x1="[\d.]+" y1="[\d.]+" x2="([\d.]+)" y2="[\d.]+"/><rect class="filter-\d lit"', picture)
    assert len(ends) == 8
    assert len({*ends}) == 1  # beside the z's, through none
    assert "a4 = c1p5 + c2p6 + c3p8 + c4p9,   z4 = σ(a4)" in texts(picture)
    assert "a7 = c5p4 + c6p5 + c7p7 + c8p8,   z7 = σ(a7)" in texts(picture)
    assert "@keyframes slide-4{0%{opacity:1}25%{opacity:0}" in picture
    assert "@keyframes" not in schematic(NETWORKS["two_conv_linear"](), equations=False)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("single_layer", "The network single_layer: 2 inputs, 3 hidden units, one output."),
        ("conv_average", "1 filter of 2×2 over an image of 3×3 pixels: 4 z's each, averaged."),
        (
            "two_conv_linear",
            "2 filters of 2×2 over an image of 3×3 pixels: 4 z's each, flattened, weighed and added up.",
        ),
    ],
)
def test_the_alternative_text(name: str, words: str) -> None:
    root = ET.fromstring(schematic(NETWORKS[name]()))
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"].endswith(words)


def test_large_networks_are_drawn_in_part() -> None:
    shown = texts(schematic(NETWORKS["single_layer"](m=30, k=9)))
    assert {"x1", "x5", "x30", "z9", "⋮"} <= set(shown)
    assert "x6" not in shown
    assert {"p20", "z24"} <= set(texts(schematic(NETWORKS["two_conv_linear"](image=(4, 5)))))
    assert "p1" not in texts(schematic(NETWORKS["conv_average"](image=(28, 28), kernel=(27, 27))))  # too small to read


def test_equations_end_where_the_filter_does_if_they_are_to() -> None:
    shown = sliding(NETWORKS["two_conv_average"](), "drawn", loss=False)
    assert "at-4" in shown
    assert not re.search(r'class="formula"[^>]*>(?:<[^>]*>)*[ŷf]', shown)
    assert re.search(r'class="formula"[^>]*>(?:<[^>]*>)*[ŷf]', sliding(NETWORKS["two_conv_average"](), "drawn"))


@needs_chromium
def test_the_window_slides_or_stays_where_it_is_put(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content(sliding(NETWORKS["conv_average"](), "drawn"))
    seen = "[...document.querySelectorAll('.at')].map((g) => getComputedStyle(g).opacity)"
    moving = "document.getAnimations().length"
    assert page.evaluate(moving) == 4
    page.get_by_role("radio", name="3").check()
    assert page.evaluate(seen) == ["0", "0", "1", "0"]
    page.keyboard.press("ArrowRight")
    assert page.evaluate(seen) == ["0", "0", "0", "1"]
    page.get_by_role("radio", name="slide").check()
    page.emulate_media(reduced_motion="reduce")
    assert (page.evaluate(moving), page.evaluate(seen)) == (0, ["1", "0", "0", "0"])
    page.emulate_media(reduced_motion="no-preference", media="print")
    assert (page.evaluate(moving), page.evaluate(seen)) == (0, ["1", "0", "0", "0"])
    page.close()


def neuron(with_bias: bool) -> Value:
    """Two units with a bias each if there is to be one, and an output without."""
    x, y = Value(1.0, label="x"), Value(1.0, label="y")
    w, v, b = Value(0.5, label="w"), Value(0.25, label="v"), Value(0.125, label="b")
    h = (w * x + b if with_bias else w * x).tanh()
    h.label = "h"
    return (v * h - y) ** 2


@pytest.mark.parametrize("with_bias", [False, True])
def test_a_bias_stands_at_its_unit(with_bias: bool) -> None:
    drawn = texts(schematic(network_of_loss(lambda: neuron(with_bias), "neuron")(), equations=False))
    assert sum(text == "+ b" for text in drawn) == with_bias


def test_a_bias_after_a_unit_stands_at_the_output() -> None:
    def pooled() -> Value:
        x_1, x_2 = Value(1.0, label="x_1"), Value(2.0, label="x_2")
        m = Value(0.5, label="w") * x_1 + Value(0.5, label="u") * x_2
        m.label = "m"
        y_hat = m.relu() - Value(0.25, label="b")
        y_hat.label = "y_hat"
        return (y_hat - Value(1.0, label="y")) ** 2

    assert "− b" in " ".join(texts(schematic(network_of_loss(pooled, "pooled")(), equations=False)))
