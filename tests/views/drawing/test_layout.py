"""Layout: what a drawing of any graph has to keep to, and what a few graphs look like."""

from __future__ import annotations

import random
from itertools import combinations, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgradcnn.views.drawing import layout as module
from microgradcnn.views.drawing import ordering, placing
from microgradcnn.views.drawing.layout import Layout, Point, columns_of, layout
from microgradcnn.views.drawing.ordering import crossings, ordered
from microgradcnn.views.drawing.placing import heights

Graph = tuple[list[tuple[float, float]], list[tuple[int, int]], list[float]]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Boxes of any size, and edges from lower numbers to higher ones, some of them twice."""
    count = draw(st.integers(1, 16))
    sizes = draw(
        st.lists(
            st.tuples(st.sampled_from((1.0, 60.0, 300.0)), st.sampled_from((1.0, 50.0, 200.0))),
            min_size=count,
            max_size=count,
        )
    )
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(lambda p: p[0] != p[1])
    edges = [(min(p), max(p)) for p in draw(st.lists(pairs, max_size=30))]
    return sizes, edges, draw(st.lists(st.floats(0, 60), min_size=len(edges), max_size=len(edges)))


def square(count: int, edges: list[tuple[int, int]], labels: float = 10.0) -> Layout:
    """The layout of equal boxes."""
    return layout([(60.0, 50.0)] * count, edges, [labels] * len(edges))


def along(route: list[Point]) -> list[Point]:
    """Points of a route: of its straight stretches both ends, of its curves, which are cubic, twenty."""
    found = [route[0]]
    for i in range(1, len(route), 2):
        a, b, end = route[i - 1], route[i], route[i + 1]
        for k in range(21):
            t = k / 20
            x = a.x + (b.x - a.x) * (1.5 * t * (1 - t) ** 2 + 1.5 * t**2 * (1 - t) + t**3)
            found.append(Point(x, a.y + (b.y - a.y) * (3 * t**2 - 2 * t**3)))
        found.append(end)
    return found


@settings(max_examples=50)
@given(graphs())
def test_no_two_boxes_overlap_and_all_lie_in_the_drawing(graph: Graph) -> None:
    placed = layout(*graph)
    width, height = placed.size
    for box, (wide, high) in zip(placed.boxes, graph[0], strict=True):
        assert box.width >= wide
        assert box.height == high
        assert -1e-6 <= box.x <= box.x + box.width <= width + 1e-6
        assert -1e-6 <= box.y <= box.y + box.height <= height + 1e-6
    for a, b in combinations(placed.boxes, 2):
        apart = a.x + a.width < b.x or b.x + b.width < a.x
        assert apart or a.y + a.height < b.y + 1e-6 or b.y + b.height < a.y + 1e-6


@settings(max_examples=50)
@given(graphs())
def test_an_edge_runs_from_its_node_to_the_right_and_through_no_other(graph: Graph) -> None:
    placed = layout(*graph)
    for (a, b), route, label in zip(graph[1], placed.routes, graph[2], strict=True):
        start, end = placed.boxes[a], placed.boxes[b]
        assert route[0].x == pytest.approx(start.x + start.width)
        assert start.y <= route[0].y <= start.y + start.height
        assert route[-1].x == pytest.approx(end.x)
        assert end.y - 1e-6 <= route[-1].y <= end.y + end.height + 1e-6
        assert len(route) % 2 == 1
        assert all(p.x <= q.x + 1e-9 for p, q in pairwise(route))
        assert all(route[i].y == route[i + 1].y for i in range(1, len(route), 2))
        assert route[-1].x - route[-2].x >= label - 1e-6
        for other in [box for i, box in enumerate(placed.boxes) if i not in (a, b)]:
            inside = [p for p in along(route) if other.x < p.x < other.x + other.width]
            assert not any(other.y < p.y < other.y + other.height for p in inside)


@settings(max_examples=50)
@given(graphs())
def test_the_same_graph_is_laid_out_the_same(graph: Graph) -> None:
    assert layout(*graph) == layout(*graph)


@settings(max_examples=50)
@given(graphs())
def test_ordering_never_adds_crossings(graph: Graph) -> None:
    items = module._Items(columns_of(len(graph[0]), graph[1]), graph[1])
    start, weights = items.columns(), items.weights()
    end = ordered(start, items.before, items.after, weights)
    assert [sorted(column) for column in end] == [sorted(column) for column in start]
    assert crossings(end, items.after, weights) <= crossings(start, items.after, weights)


@settings(max_examples=50)
@given(graphs())
def test_crossings_are_counted_as_every_pair_of_edges_tells(graph: Graph) -> None:
    items = module._Items(columns_of(len(graph[0]), graph[1]), graph[1])
    columns, weights = items.columns(), items.weights()
    place = {item: i for column in columns for i, item in enumerate(column)}
    edges = [(a, b) for column in columns for a in column for b in items.after[a]]
    crossed = 0.0
    for (a, b), (c, d) in combinations(edges, 2):
        if items.column[a] == items.column[c] and (place[a] - place[c]) * (place[b] - place[d]) < 0:
            crossed += weights[a] * weights[c]
    assert crossings(columns, items.after, weights) == crossed


@settings(max_examples=50)
@given(graphs())
def test_columns_go_right_and_leaves_stand_before_their_first_use(graph: Graph) -> None:
    count, edges = len(graph[0]), graph[1]
    column = columns_of(count, edges)
    assert min(column) == 0
    assert all(column[a] < column[b] for a, b in edges)
    for leaf in set(range(count)) - {b for _, b in edges}:
        uses = [column[b] for a, b in edges if a == leaf]
        assert not uses or column[leaf] == min(uses) - 1


def test_products_of_shared_weights_wait_for_their_sum() -> None:
    """c1·p1 + c2·p2 + c3·p3 and c1·q1 + c2·q2 + c3·q3: the third products stand beside the first sums."""
    c, p, q, products, sums = range(3), range(3, 6), range(6, 9), range(9, 15), range(15, 19)
    edges = [(c[i % 3], products[i]) for i in range(6)]
    edges += [((*p, *q)[i], products[i]) for i in range(6)]
    edges += [(9, 15), (10, 15), (15, 16), (11, 16), (12, 17), (13, 17), (17, 18), (14, 18)]
    column = columns_of(19, edges)
    assert [column[i] for i in products] == [1, 1, 2, 1, 1, 2]
    assert [column[i] for i in sums] == [2, 3, 2, 3]
    assert column[c[2]] == column[p[2]] == 1


def test_a_chain_is_straight() -> None:
    placed = square(60, [(i, i + 1) for i in range(59)])
    assert len({box.y for box in placed.boxes}) == 1
    assert all(len({point.y for point in route}) == 1 for route in placed.routes)


def test_a_diamond_is_symmetric() -> None:
    placed = square(4, [(0, 1), (0, 2), (1, 3), (2, 3)])
    top, middle, low = placed.boxes[1].y, placed.boxes[0].y, placed.boxes[2].y
    assert middle - top == pytest.approx(low - middle)
    assert placed.boxes[3].y == pytest.approx(middle)
    assert placed.boxes[1].x == placed.boxes[2].x


def test_nodes_of_a_tree_stand_near_the_middle_of_their_parents() -> None:
    edges = [(i, 8 + i // 2) for i in range(8)] + [(8 + i, 12 + i // 2) for i in range(4)] + [(12, 14), (13, 14)]
    y = [box.y for box in square(15, edges).boxes]
    for child in range(8, 15):
        first, second = (y[a] for a, b in edges if b == child)
        assert first < y[child] < second
        assert abs(y[child] - (first + second) / 2) <= (second - first) / 4
    assert y[14] == pytest.approx((y[12] + y[13]) / 2)


def test_two_edges_between_the_same_nodes_end_side_by_side() -> None:
    first, second = square(2, [(0, 1), (0, 1)]).routes
    assert abs(first[-1].y - second[-1].y) >= 10.0


def test_a_long_edge_is_straight_while_it_passes_others() -> None:
    edges = [(i, i + 1) for i in range(9)] + [(0, 9)]
    route = square(10, edges).routes[-1]
    assert len({point.y for point in route[2:-2]}) == 1


def test_one_node_and_none() -> None:
    assert square(1, []).size == (60.0, 50.0)
    assert layout([], [], []) == Layout([], [], (0.0, 0.0))


def test_a_narrow_box_stays_narrow_in_a_wide_column() -> None:
    placed = layout([(40.0, 50.0), (200.0, 50.0), (60.0, 50.0)], [(0, 2), (1, 2)], [0.0, 0.0])
    narrow, wide = placed.boxes[:2]
    assert (narrow.width, wide.width) == (40.0, 200.0)
    assert narrow.x + narrow.width == wide.x + wide.width


def test_memory_is_linear_where_one_leaf_is_used_all_along_a_chain() -> None:
    for length in (100, 400):
        edges = [(i, i + 1) for i in range(1, length)] + [(0, i) for i in range(2, length + 1)]
        items = module._Items(columns_of(length + 1, edges), edges)
        assert len(items.column) <= 2 * length + 2
        assert sum(map(len, square(length + 1, edges).routes)) <= 6 * len(edges)


def test_the_work_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    count: dict[str, int] = {}

    def counted(where: Any, name: str) -> None:
        real = getattr(where, name)

        def call(*arguments: Any, **named: Any) -> Any:
            count[name] = count.get(name, 0) + 1
            return real(*arguments, **named)

        monkeypatch.setattr(where, name, call)

    counted(ordering, "_swept")
    counted(placing, "_settle")
    rng = random.Random(0)
    edges = [(rng.randrange(node), node) for node in range(1, 300) for _ in range(2)]
    square(300, edges)
    columns = max(columns_of(300, edges)) + 1
    assert count["_swept"] <= 2 * ordering.SWEEPS
    assert count["_settle"] == placing.SWEEPS * columns


@given(
    st.lists(st.floats(-100, 100), min_size=1, max_size=8),
    st.lists(st.floats(1, 40), min_size=8, max_size=8),
    st.lists(st.floats(-1, 1), min_size=8, max_size=8),
)
def test_heights_of_a_column_are_the_least_squares(wanted: list[float], tall: list[float], moves: list[float]) -> None:
    """Each item of the left column is drawn to one of the right, which stays: no allowed change comes nearer."""
    n = len(wanted)
    found = [0.0] * n + sorted(wanted)
    offsets = placing._offsets(range(n), tall, [0.0] * n)
    neighbours = [[(n + i, 1.0)] for i in range(n)]
    placing._settle(range(n), offsets, neighbours, found)

    def distance(ys: list[float]) -> float:
        return sum((y - found[n + i]) ** 2 for i, y in enumerate(ys))

    def allowed(ys: list[float]) -> bool:
        return all(b - a >= (tall[i] + tall[i + 1]) / 2 - 1e-9 for i, (a, b) in enumerate(pairwise(ys)))

    best = found[:n]
    assert allowed(best)
    for scale in (0.01, 1.0, 10.0):
        other = [y + scale * move for y, move in zip(best, moves, strict=False)]
        assert not allowed(other) or distance(other) >= distance(best) - 1e-9


def test_heights_keep_sizes_and_gaps() -> None:
    found = heights(
        [[0, 1, 2], [3]], [10.0, 20.0, 30.0, 10.0], [4.0] * 4, [[(3, 1.0)]] * 3 + [[(i, 1.0) for i in range(3)]]
    )
    assert found[1] - found[0] >= 19.0 - 1e-9
    assert found[2] - found[1] >= 29.0 - 1e-9
