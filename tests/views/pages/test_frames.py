"""Frames of open groups: none meets a box or a frame that is not inside it, whichever groups are open."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import needs_chromium

import microgradcnn as mg
from microgradcnn import Value

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = needs_chromium

# How many frames the page has, and the pairs of rectangles of boxes and frames that meet though none is a frame around
# the other.
MEETING = """() => {
  const rects = [...microgradcnn.canvas.picture.svg.querySelectorAll(".frame-of rect, .camera .box")];
  const found = rects.map((r) => r.getBoundingClientRect());
  const groups = rects.map((r) => r.closest(".node, .group, .frame-of"));
  const inside = (a, b) =>
    a.left >= b.left - 0.1 && a.right <= b.right + 0.1 && a.top >= b.top - 0.1 && a.bottom <= b.bottom + 0.1;
  const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  const pairs = found.flatMap((a, i) => found.slice(i + 1).flatMap((b, j) => {
    const framed = groups[i].matches(".frame-of") || groups[i + 1 + j].matches(".frame-of");
    const same = groups[i] === groups[i + 1 + j]; // a group has shadows
    return !same && meet(a, b) && !(framed && (inside(a, b) || inside(b, a))) ? [[i, i + 1 + j]] : [];
  }));
  return { frames: groups.filter((g) => g.matches(".frame-of")).length, pairs };
}"""


class Cell:
    """A few parameters of its own."""

    def __init__(self, chance: random.Random) -> None:
        self.w = [Value(chance.uniform(-1.0, 1.0)) for _ in range(2)]

    def __call__(self, a: Value, b: Value) -> Value:
        return (self.w[0] * a + self.w[1] * b).tanh()


class Stage:
    """Some cells, each fed by any two values that there are so far."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.cells = [Cell(chance) for _ in range(chance.randint(2, 4))]

    def __call__(self, values: list[Value]) -> list[Value]:
        return [cell(self.chance.choice(values), self.chance.choice(values)) for cell in self.cells]


@pytest.mark.parametrize("seed", range(3))
def test_no_frame_meets_what_is_not_inside_it(page: Page, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    stages = [Stage(chance) for _ in range(3)]
    values = [Value(0.5, label="x_1"), Value(-1.0, label="x_2")]
    for stage in stages:
        values += stage(values)
    f = sum(values[3:], values[2])
    f.backward()
    path = tmp_path / "f.html"
    mg.draw(f, names={"stages": stages}).save(str(path))
    page.goto(path.as_uri())
    page.wait_for_function("() => globalThis.microgradcnn")
    most = 0
    for _ in range(8):
        seen = page.evaluate(MEETING)
        assert seen["pairs"] == []
        most = max(most, seen["frames"])
        shut = page.locator("#groups input:not(:checked)").count()
        which = ":not(:checked)" if shut and chance.random() < 0.8 else ""
        place = chance.randrange(shut if which else page.locator("#groups input").count())
        page.evaluate("([kind, i]) => document.querySelectorAll(`#groups input${kind}`)[i].click()", [which, place])
        page.wait_for_function("!document.querySelector('.moving')")
    assert most >= 3
