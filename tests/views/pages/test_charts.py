"""Small charts: where the points of curves lie, how long bars are, what tiles show; and names stay text."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from microgradcnn.lesson.lecture import LECTURE
from microgradcnn.views.pages.charts import bars, curves, tiles

SVG = "{http://www.w3.org/2000/svg}"


def parsed(html: str) -> ET.Element:
    return ET.fromstring(f"<div>{html}</div>")


def test_a_curve_lies_where_its_losses_are() -> None:
    chart = curves({"side": [1.0, 0.1, 0.01]}, "a loss")
    points = [tuple(map(float, p.split(","))) for p in re.findall(r'points="([^"]*)"', chart)[0].split()]
    assert points == [(56.0, 20.0), (336.0, 125.0), (616.0, 230.0)]  # equal steps on a logarithmic scale
    assert {text.text for text in parsed(chart).iter(f"{SVG}text")} >= {"1", "0.1", "0.01", "0", "2", "epochs", "loss"}


def test_what_has_no_logarithm_is_left_out() -> None:
    chart = curves({"a": [0.5, math.nan, math.inf, 0.0, 0.05], "b": [0.3]}, "losses")
    first, second = re.findall(r'points="([^"]*)"', chart)
    assert (len(first.split()), len(second.split())) == (2, 1)
    with pytest.raises(ValueError, match="needs one above 0: a has none"):
        curves({"a": [0.0, math.nan]}, "")


def test_powers_of_ten_are_written_as_such() -> None:
    chart = curves({"a": [20_000.0, 1e-6]}, "a loss")
    ticks = re.findall(r'text-anchor="end">([^<]+)<', chart)[:-1]
    assert ticks == ["10⁻⁶", "10⁻⁵", "10⁻⁴", "10⁻³", "0.01", "0.1", "1", "10", "100", "1000", "10⁴", "10⁵"]


def test_long_curves_are_thinned_and_ticks_are_round() -> None:
    chart = curves({"a": np.linspace(1.0, 0.5, 10_917).tolist()}, "a loss")
    assert len(re.findall(r'points="([^"]*)"', chart)[0].split()) == 300
    assert {"0", "2000", "10000"} <= {text.text for text in parsed(chart).iter(f"{SVG}text")}


def test_bars_are_as_long_as_what_they_show() -> None:
    chart = bars({"half": 0.5, "three quarters": 0.75, "all": 1.0}, "shares")
    assert re.findall(r"width:([\d.]+)%", chart) == ["0.0", "40.0", "80.0"]
    assert "".join(parsed(chart).itertext()) == "half0.50three quarters0.75all1.00bars begin at 0.5"


def test_tiles_show_numbers_or_greys() -> None:
    shown = tiles(np.array([[1.0, -0.5], [0.0, 0.25]]), "filter")
    assert [t.text for t in parsed(shown).iter(f"{SVG}text")] == ["1.00", "−0.50", "0.00", "0.25"]
    assert 'aria-label="filter: 1.00, −0.50; 0.00, 0.25"' in shown
    grey = [r.attrib["fill"] for r in parsed(tiles(np.array([0.0, 0.5, 2.0]), "row", grey=True)).iter(f"{SVG}rect")]
    assert grey == ["#000000", "#808080", "#ffffff"]


def test_names_are_text() -> None:
    name = '<script>alert("1")</script>'
    for html in (curves({name: [1.0]}, name), bars({name: 1.0}, name), tiles(np.ones((1, 1)), name)):
        assert "<script" not in html
        assert name in " ".join(["".join(parsed(html).itertext()), *parsed(html)[0].attrib.values()])


def test_students_are_asked_where_the_slip_is_a_part_of_the_key() -> None:
    told = LECTURE.words.noted
    assert "2(ŷ − y)" in told("single_layer", False, "exercise")
    assert "2(ŷ − y)" not in told("single_layer", True, "exercise")
    assert told("conv_average", True) == told("conv_average", False)
    assert "numbers pixels twice" in told("conv_average", True)
    for student in (True, False):
        slips = LECTURE.words.errata(student)
        assert len(slips) == 9
        assert all(parsed(f"<p>{slip}</p>") is not None for slip in slips)
