"""A curve in characters: how high its columns are, what its axes say, and how wide it is."""

from __future__ import annotations

import numpy as np
import pytest

from microgradcnn.views.text_chart import BLOCKS, HEIGHT, PLAIN, WIDEST, text_chart

ENDS = ("epoch 0", "9")


def heights(chart: str, blocks: str = BLOCKS) -> list[int]:
    """How much of every column is filled, from the least that there is."""
    rows = [row for row in chart.splitlines() if "┤" in row or "│" in row or "|" in row]
    assert len(rows) == HEIGHT
    cells = [row[max(row.rfind(side) for side in "┤│|") + 1 :] for row in rows]
    wide = max(map(len, cells))
    return [sum(blocks.index(row.ljust(wide)[i]) for row in cells) for i in range(wide)]


def test_the_columns_are_as_high_as_the_numbers() -> None:
    found = heights(text_chart([3.0, 2.0, 1.0, 2.0], "loss", ENDS, 80))
    assert len(found) == WIDEST
    whole = HEIGHT * (len(BLOCKS) - 1)
    assert [found[0], found[15], found[30], found[45]] == [
        whole,
        1 + round((whole - 1) / 2),
        1,
        1 + round((whole - 1) / 2),
    ]


def test_numbers_apart_are_on_a_logarithmic_axis() -> None:
    assert heights(text_chart([100.0, 10.0, 1.0], "loss", ENDS, 80))[::20] == [48, 25, 1]
    assert text_chart([100.0, 10.0, 1.0], "loss", ENDS, 80).startswith("loss, logarithmic\n100 ┤█")
    assert text_chart([9.0, 1.0], "loss", ENDS, 80).startswith("loss\n9 ┤█")
    assert text_chart([9.0, 0.0], "loss", ENDS, 80).startswith("loss\n9 ┤█")  # 0 has no logarithm


def test_many_numbers_are_means() -> None:
    numbers = np.repeat(np.linspace(6.0, 1.0, 30), 100)
    assert (
        heights(text_chart(numbers, "loss", ENDS, 80)) == sorted(heights(text_chart(numbers, "loss", ENDS, 80)))[::-1]
    )


@pytest.mark.parametrize("width", [40, 60, 80, 200])
@pytest.mark.parametrize("count", [2, 3, 59, 60, 61, 1000])
def test_no_line_is_as_wide_as_the_terminal(width: int, count: int) -> None:
    chart = text_chart(1e-7 + np.geomspace(1.0, 1e-5, count), "loss", ("epoch 0", f"{count - 1}"), width)
    assert max(map(len, chart.splitlines())) < width
    last = chart.splitlines()[-1]
    assert last.split() == ["epoch", "0", f"{count - 1}"]


def test_in_ascii() -> None:
    chart = text_chart([2.0, 1.0], "loss", ENDS, 40, PLAIN)
    assert chart.isascii()
    assert heights(chart, PLAIN)[:: len(heights(chart, PLAIN)) - 1] == [HEIGHT, 1]


@pytest.mark.parametrize("numbers", [[], [1.0], [1.0, float("nan")], [float("inf"), 1.0]])
def test_of_what_has_no_curve_there_is_none(numbers: list[float]) -> None:
    assert text_chart(numbers, "loss", ENDS, 80) == ""


def test_a_constant_is_a_line() -> None:
    assert set(heights(text_chart([1.0, 1.0, 1.0], "loss", ENDS, 80))) == {1}
