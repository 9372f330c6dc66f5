"""Colours of a graph's page, from its style sheet: what is read or seen stands out, light and dark, reached or not."""

from __future__ import annotations

import re

import pytest

from microgradcnn.views.pages.assets import asset

CSS = asset("graph/page.css")
LIGHT, DARK = (dict(re.findall(r"--([\w-]+): (#\w{6})", block)) for block in re.findall(r":root \{([^}]*)\}", CSS)[:2])
BOXES = ("paper", "desk")  # of a box, and of a leaf's
TINTS = ("value-below", "value-above", "gradient-below", "gradient-above")


def luminance(colour: str) -> float:
    """As WCAG 2.1 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    low, high = sorted(map(luminance, (a, b)))
    return (high + 0.05) / (low + 0.05)


def fill(selector: str, name: str = "fill") -> str:
    """The variable that a rule paints with."""
    found = re.search(re.escape(selector) + r" \{ " + name + r": var\(--(\w+)\)", CSS)
    assert found is not None, selector
    return found[1]


def test_contrast_as_wcag_has_it() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_boxes_not_reached_yet_can_be_read(scheme: dict[str, str]) -> None:
    """Their text by 4.5:1, their outlines and arrows by 3:1, on both papers; nothing makes them fainter."""
    text, line = fill(".later text"), fill(".edge path", "stroke")
    for paper in BOXES:
        assert contrast(scheme[text], scheme[paper]) >= 4.5
        assert contrast(scheme[line], scheme[paper]) >= 3.0
    assert not re.findall(r"\.later[^{]*\{[^}]*opacity", CSS)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_numbers_and_what_is_lit_stand_out(scheme: dict[str, str]) -> None:
    for paper in BOXES:
        for name in ("ink", "faint"):
            assert contrast(scheme[name], scheme[paper]) >= 4.5
        for name in ("accent", "path", "focus", "line"):
            assert contrast(scheme[name], scheme[paper]) >= 3.0
    for tint in TINTS:
        assert contrast(scheme["ink"], scheme[tint]) >= 4.5
