"""Lines and tables in so many columns: nothing wider, nothing lost, and as they are where there is room."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradcnn.system.text_layout import columns, how_many, text_table, wrapped

WORDS = st.lists(st.text(alphabet="abŷ漢σ₁,()=+−", min_size=1, max_size=9), max_size=12).map(" ".join)
COSTS = [
    ("part", "operations", "order", "used again"),
    ("objective", "2nmk + nk + 2n", "O(nmk)", "2nmk + nk"),
    ("total", "4nmk + 7nk + 3n + mk + k", "O(nmk)", ""),
]


def pieces(text: str) -> str:
    return re.sub(r"\s", "", text)


@pytest.mark.parametrize(
    ("line", "width", "hanging", "rows"),
    [
        ("short", 40, 0, ["short"]),
        ("anything at all", None, 0, ["anything at all"]),
        ("f = a + b·c − d", 9, 0, ["f = a", "+ b·c − d"]),  # a sign starts a row
        ("   a word and more", 11, 0, ["   a word", "   and more"]),  # as far in as it was
        ("  operations: 2nmk + nk", 18, 2, ["  operations: 2nmk", "    + nk"]),
        ("written: /a/long/path/to/a/file.csv, b", 14, 0, ["written:", "/a/long/path/to/a/file.csv,", "b"]),
        ("--optimiser {adam,adamw,rmsprop}", 14, 0, ["--optimiser", "{adam,adamw,", "rmsprop}"]),
        ("漢漢 漢漢", 8, 0, ["漢漢", "漢漢"]),  # two columns each
    ],
)
def test_a_line_is_broken_at_spaces_before_signs_and_in_need_after_commas(
    line: str, width: int | None, hanging: int, rows: list[str]
) -> None:
    assert wrapped(line, width, hanging) == rows


@given(WORDS, st.integers(1, 40))
def test_of_a_line_nothing_is_lost_and_only_words_are_wider(line: str, width: int) -> None:
    rows = wrapped(line, width)
    assert pieces("".join(rows)) == pieces(line)
    assert all(columns(row) <= width or len(re.split(r" (?![-+−*·×⊙=<>≤≥] )|,(?=.)", row)) <= 2 for row in rows)


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (
            None,
            [
                "part       operations                order   used again",
                "objective  2nmk + nk + 2n            O(nmk)  2nmk + nk",
                "total      4nmk + 7nk + 3n + mk + k  O(nmk)",
            ],
        ),
        (
            45,
            [
                "part       operations      order   used again",
                "objective  2nmk + nk + 2n  O(nmk)  2nmk + nk",
                "total      4nmk + 7nk      O(nmk)",
                "           + 3n + mk + k",
            ],
        ),
        (
            28,
            [
                "part: objective",
                "  operations: 2nmk + nk + 2n",
                "  order: O(nmk)",
                "  used again: 2nmk + nk",
                "part: total",
                "  operations: 4nmk + 7nk",
                "      + 3n + mk + k",
                "  order: O(nmk)",
            ],
        ),
    ],
)
def test_a_table_gives_way_by_rows_in_a_cell_and_then_as_a_list(width: int | None, lines: list[str]) -> None:
    assert text_table(COSTS, width) == lines


def test_numbers_end_alike_and_titles_are_underlined() -> None:
    assert text_table([("n", "is"), ("10", "x"), ("9", "漢")], right={0}, rule=True) == [
        " n  is",
        "──────",
        "10  x",
        " 9  漢",
    ]


@given(st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=2, max_size=4), st.integers(1, 80))
def test_of_a_table_every_cell_is_there(rows: list[tuple[str, ...]], width: int) -> None:
    cells, shown = "".join(map("".join, rows[1:])), "".join(text_table(rows, width))
    assert not Counter(pieces(cells)) - Counter(pieces(shown))


@pytest.mark.parametrize(("count", "said"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (1437, "1437 rows")])
def test_one_row_is_no_rows(count: int, said: str) -> None:
    assert how_many(count, "row") == said
    assert how_many(count, "class") == said.replace("rows", "classes").replace("row", "class")
