"""Long layouts in rows: they fit a slide, are read as lines of text, and no arrow meets a box that is not its own."""

from __future__ import annotations

import re
from itertools import combinations, pairwise

import numpy as np
import pytest
from drawn_networks import lenet
from hypothesis import given, settings
from test_layout import Graph, along, graphs, square

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.views.drawing.layout import Place, Point, layout
from microgradcnn.views.drawing.rows.breaks import breaks, columns, legs
from microgradcnn.views.drawing.rows.wrapped import SLIDE, in_rows, wrapped


def inside(point: Point, box: Place) -> bool:
    return box.x < point.x < box.x + box.width and box.y < point.y < box.y + box.height


@settings(max_examples=50)
@given(graphs())
def test_a_layout_in_rows_keeps_what_one_row_keeps(graph: Graph) -> None:
    """With a row for each column that few arrows leave, the most that there can be."""
    placed = layout(*graph)
    ends = breaks(columns(placed), max(box.width for box in placed.boxes) + 150.0) or []
    found = wrapped(placed, ends)
    assert [(box.width, box.height) for box in found.boxes] == [(box.width, box.height) for box in placed.boxes]
    for a, b in combinations(found.boxes, 2):
        apart = a.x + a.width < b.x or b.x + b.width < a.x
        assert apart or a.y + a.height < b.y + 1e-6 or b.y + b.height < a.y + 1e-6
    for (a, b), route in zip(graph[1], found.routes, strict=True):
        start, end = found.boxes[a], found.boxes[b]
        assert route[0].x == pytest.approx(start.x + start.width)
        assert route[-1].x == pytest.approx(end.x)
        assert end.y - 1e-6 <= route[-1].y <= end.y + end.height + 1e-6
        assert len(route) % 2 == 1
        for point in along(route):
            assert -1e-6 <= point.x <= found.size[0] + 1e-6
            assert -1e-6 <= point.y <= found.size[1] + 1e-6
            assert not any(inside(point, box) for i, box in enumerate(found.boxes) if i not in (a, b))


@settings(max_examples=50)
@given(graphs())
def test_legs_are_the_route(graph: Graph) -> None:
    placed = layout(*graph)
    ends = [column.end for column in columns(placed)[:-1]]
    for route in placed.routes:
        parts = legs(route, ends)
        assert [row for row, _ in parts] == list(range(parts[0][0], parts[-1][0] + 1))
        assert all(len(leg) % 2 == 1 for _, leg in parts)
        assert all(before[-1] == after[0] for (_, before), (_, after) in pairwise(parts))
        assert {*route} <= {point for _, leg in parts for point in leg}


def test_a_chain_is_read_as_lines_of_text() -> None:
    found = in_rows(square(60, [(i, i + 1) for i in range(59)]))
    assert found.size[0] <= SLIDE[0]
    assert found.size[1] <= SLIDE[1]
    rows = sorted({box.y for box in found.boxes})
    assert 2 <= len(rows) <= 8
    assert [(box.y, box.x) for box in found.boxes] == sorted((box.y, box.x) for box in found.boxes)
    turns = [route for route in found.routes if route[-1].y > route[0].y]
    assert len(turns) == len(rows) - 1  # each leads from the last box of a row to the first of the next
    assert all(route[0].x > route[-1].x for route in turns)


@pytest.mark.parametrize("count", [1, 8, 16])
def test_what_a_slide_has_room_for_stays_one_row(count: int) -> None:
    placed = square(count, [(i, i + 1) for i in range(count - 1)])
    assert in_rows(placed) is placed


def test_lines_of_several_nodes_go_on_side_by_side() -> None:
    """A weight that every step uses, and the state: two lines from row to row, which do not meet."""
    edges = [edge for i in range(1, 40) for edge in ((0, i), (i, i + 1))]
    found = in_rows(square(41, sorted(edges)))
    assert found.size[0] <= SLIDE[0]
    first = found.boxes[0]
    assert sum(box.y + box.height < first.y + 2 * first.height + 60 for box in found.boxes) < 41  # more rows than one


def test_many_lines_keep_a_layout_in_one_row() -> None:
    """Ten nodes that all columns use: no row ends where ten lines would go on."""
    chain = [(10 + i, 11 + i) for i in range(40)]
    placed = square(51, sorted([(w, 10 + i) for w in range(10) for i in range(1, 41)] + chain))
    assert breaks(columns(placed), 500.0) is None
    assert in_rows(placed) is placed


def test_lenet_fits_a_slide() -> None:
    """Text 12 pixels high is 10 where the picture is 1280 wide, and it is about 16:9."""
    model = lenet()
    loss = nn.cross_entropy(model(Value(np.linspace(0.0, 1.0, 784).reshape(1, 1, 28, 28))), np.array([3]))
    picture = mg.draw(loss, names={"model": model})
    wide, high = map(float, re.findall(r'<svg [^>]*width="(\d+)" height="(\d+)"', picture.svg())[0])
    assert wide <= 1536
    assert 1.5 < wide / high < 2.2
    assert picture.drawing.layout.size[0] > 3000  # the page has it in one row
