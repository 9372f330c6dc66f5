"""Derivations as pages in a real browser: nothing sticks out of the window, and what is wide scrolls by itself."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from conftest import needs_chromium
from playwright.sync_api import Page
from test_derivation import check_html, example, two_conv_average
from test_typeset import LABELS, OPTIONS

import microgradcnn as mg
from microgradcnn import Value, networks
from microgradcnn.views.derivations.derivation import Derivation, explain

pytestmark = needs_chromium

WIDTHS = (1280, 390)  # a laptop and a telephone
PAGE = '<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">'

# Boxes that stick out of the window or of the box that they are in, unless that box scrolls.
STICKING_OUT = """() => {
  const out = [], room = document.documentElement.clientWidth;
  for (const e of document.querySelectorAll(".derivation *")) {
    if (e.closest("style")) continue;
    const box = e.getBoundingClientRect();
    const scrolls = e.parentElement.closest(".wide, p");
    if (box.width > 0 && box.right > room + 1 && !scrolls) out.push(e.outerHTML.slice(0, 80));
  }
  if (document.documentElement.scrollWidth > room) out.push("the page scrolls to the side");
  return out;
}"""


def show(page: Page, derivation: Derivation, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.set_content(PAGE + derivation.mathml())


def derivations() -> Iterator[Derivation]:
    rng = np.random.default_rng(0)
    for name, options in product(networks.NETWORKS, OPTIONS.values()):
        ex = example(name, **options)
        first, *_, last = ex.parameters.values()
        yield explain(ex.loss, [first, last], written_out=True)
        network = networks.NETWORKS[name](seed=1, **options)
        x, y = Value(rng.normal(size=(5, network.inputs)), label="X"), Value(rng.normal(size=5), label="y")
        yield explain(network.loss(x, y), [*network.parameters.values(), x])


def test_every_derivation_stays_within_its_page(page: Page) -> None:
    markup = [derivation.mathml() for derivation in derivations()]
    whole: Any = Derivation()
    whole.mathml = lambda: "\n".join(markup)
    for width in WIDTHS:
        show(page, whole, width)
        assert page.evaluate(STICKING_OUT) == []
        assert page.locator("math").count() == whole.mathml().count("<math") > 1000
    for each in markup:
        check_html(each)


def test_what_is_wide_scrolls_in_its_own_box(page: Page) -> None:
    ex = example("two_conv_linear")
    derivation = explain(ex.loss, ex.parameters["c_1"], written_out=True)
    for width, least in ((390, 1), (320, 50)):  # a telephone, and the smallest
        show(page, derivation, width)
        boxes = page.locator(".wide")
        over = boxes.evaluate_all("boxes => boxes.map(b => b.scrollWidth - b.clientWidth)")
        assert max(over) >= least
        assert boxes.evaluate_all("boxes => boxes.map(b => { b.scrollLeft = 1e6; return b.scrollLeft })") == over
        assert set(boxes.evaluate_all("boxes => boxes.map(b => getComputedStyle(b).overflowX)")) == {"auto"}
        heights = page.locator(".wide, p").evaluate_all("boxes => boxes.map(b => b.scrollHeight - b.clientHeight)")
        assert max(heights) <= 0  # nothing is cut off below


def test_mathematics_is_typeset(page: Page) -> None:
    ex = two_conv_average()
    show(page, explain(ex.loss, ex.parameters["c_5"], through="z"), 1280)
    assert "Beware of" in page.inner_text("body")
    fraction = page.locator("mfrac").first
    above, below = (fraction.locator(":scope > *").nth(i).bounding_box() for i in (0, 1))
    assert above is not None
    assert below is not None
    assert above["y"] + above["height"] <= below["y"] + 1
    lefts = (
        page.locator(".aligned")
        .first.locator("td:nth-child(2)")
        .evaluate_all("cells => cells.map(c => Math.round(c.getBoundingClientRect().left))")
    )
    assert len(lefts) == 7
    assert len(set(lefts)) == 1  # all signs in one column


@pytest.mark.parametrize("label", LABELS, ids=ascii)
def test_a_label_is_shown_and_does_nothing(page: Page, label: str) -> None:
    label += "<img src=x onerror='document.title=1'>"
    a, b = Value(0.5, label=label), Value(np.ones(2), label=label + "2")
    derivation = explain((a * a).tanh() * b.sum() + a, [a, b])
    ElementTree.fromstring(derivation.mathml())
    show(page, derivation, 1280)
    assert page.title() == ""
    assert page.locator("img").count() == 0
    assert "onerror" in page.inner_text("body")


def test_what_sticks_out_is_noticed(page: Page) -> None:
    wide: Any = Derivation()
    wide.mathml = lambda: '<div class="derivation"><ol><li><b style="display:block;width:500px">x</b></li></ol></div>'
    show(page, wide, 390)
    assert len(page.evaluate(STICKING_OUT)) == 2
    show(page, wide, 1280)
    assert page.evaluate(STICKING_OUT) == []


def test_a_notebook_shows_the_page() -> None:
    derivation = explain(mg.square(x := Value(2.0, label="x")), x)
    assert derivation._repr_html_() == derivation.mathml()
