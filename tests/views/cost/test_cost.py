"""The cost of one iteration: the counts of graphs, the polynomials through them, and what is said about them."""

from __future__ import annotations

import doctest
import itertools
import json
import math
import subprocess
import xml.etree.ElementTree as ElementTree
from fractions import Fraction
from functools import reduce
from importlib import import_module
from operator import add

import numpy as np
import pytest
from conftest import ROOT, needs_pdflatex
from hypothesis import given, settings
from hypothesis import strategies as st
from many_cases import slow_but

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.cli import main
from microgradcnn.engine.functions import BUILT_IN
from microgradcnn.engine.gradient import topological
from microgradcnn.engine.record import TABLE, WORKS, Primitive
from microgradcnn.lesson import cost as network_cost
from microgradcnn.networks import NETWORKS, SingleLayer
from microgradcnn.targets.scalars import opened_arrays
from microgradcnn.targets.trace import trace
from microgradcnn.views.cost import polynomial, timing, work
from microgradcnn.views.cost.building import built
from microgradcnn.views.cost.counting import counted
from microgradcnn.views.cost.polynomial import NotPolynomialError, Polynomial, interpolated
from microgradcnn.views.cost.timing import exponents, shown

RNG = np.random.default_rng(0)


def poly(variables, **terms):
    """A polynomial by hand: poly("nmk", nm=2, kk=3, _=1) is 2nm + 3k² + 1."""
    exponents_of = {"_": ""}
    return Polynomial(
        tuple(variables),
        {tuple(exponents_of.get(t, t).count(v) for v in variables): Fraction(c) for t, c in terms.items()},
    )


def layer(n, m, k, regularise=0.0, activation="sigmoid"):
    network = SingleLayer(m, k, regularise=regularise, activation=activation)
    loss = network.loss(RNG.normal(size=(n, m)), RNG.normal(size=n))
    return loss, {"hidden layer": network.parameters["S"], "final layer": network.parameters["w"]}


@pytest.fixture(scope="module")
def single_layer():
    return mg.cost(layer, ["n", "m", "k"])


def convolutional(name, n, filters, image, kernel):
    network = NETWORKS[name](filters=filters, image=image, kernel=kernel)
    loss = network.loss(RNG.normal(size=(n, network.inputs)), RNG.normal(size=n))
    return loss, {network.parts[p]: value for p, value in network.parameters.items()}


@pytest.fixture(scope="module")
def costs():
    """The costs of the convolutional networks, from images that are one row: so P and q may be any numbers."""

    def cost_of(name):
        def build(n, F, P, q):
            return convolutional(name, n, F, (1, P + q - 1), (1, q))

        return mg.cost(build, dict.fromkeys("nFPq", range(2, 6)))

    return {name: cost_of(name) for name in NETWORKS if name != "single_layer"}


# The lecture's Q1 and Q2: polynomials derived by hand, found by counting.


def test_q2(single_layer):
    parts = {part.name: part.operations for part in single_layer.parts}
    assert parts == {
        "objective": poly("nmk", nmk=2, nk=1, n=2),
        "final layer": poly("nmk", nk=2, n=1, k=1),
        "hidden layer": poly("nmk", nmk=2, nk=4, mk=1),
    }
    assert single_layer.total.operations == poly("nmk", nmk=4, nk=7, n=3, mk=1, k=1)
    assert single_layer.total.functions == {"sigmoid": poly("nmk", nk=1)}
    assert single_layer["objective"].functions == {"sigmoid": poly("nmk", nk=1)}
    assert not single_layer["final layer"].functions
    assert not single_layer["hidden layer"].functions
    assert [part.order for part in single_layer.parts] == ["O(nmk)", "O(nk)", "O(nmk)"]


def test_q1(single_layer):
    fixed = single_layer.at(k=3)
    assert fixed.total.operations == poly("nm", nm=12, n=24, m=3, _=3)
    assert str(fixed.total.operations) == "12nm + 24n + 3m + 3"
    assert fixed.total.functions == {"sigmoid": poly("nm", n=3)}
    assert fixed.total.all.order == "O(nm)"
    assert fixed.variables == ("n", "m")
    counted_so = mg.cost(lambda n, m: layer(n, m, 3), ["n", "m"])
    assert counted_so.parts == fixed.parts


def test_regularisation_adds_its_share(single_layer):
    more = mg.cost(lambda n, m, k: layer(n, m, k, regularise=0.25), ["n", "m", "k"])
    assert more["objective"].operations == single_layer["objective"].operations + poly("nmk", mk=2, k=2, _=1)
    assert more["hidden layer"].operations == single_layer["hidden layer"].operations + poly("nmk", mk=2)
    assert more["final layer"].operations == single_layer["final layer"].operations + poly("nmk", k=2)


def test_what_is_used_again(single_layer):
    # z and e serve the updates, the square and the mean do not; (2/n)e, counted with the final layer, serves the other.
    assert single_layer["objective"].shared.operations == poly("nmk", nmk=2, nk=1)
    assert single_layer["final layer"].shared.operations == poly("nmk", n=1)
    assert not single_layer["hidden layer"].shared.operations


def test_every_coordinate_by_itself(single_layer):
    # e from the data on: n(2mk + k); then (2/n)e, the product with z_j, its sum and the update: n + 2n - 1 + 2.
    assert single_layer["final layer"].separately.operations == poly("nmk", nmkk=2, nkk=1, nk=3, k=1)
    # The same e, (2/n)e, times w_j, times z_j(1 - z_j), in n(1 + 1 + 1 + 2), then as above.
    assert single_layer["hidden layer"].separately.operations == poly("nmk", nmmkk=2, nmkk=1, nmk=7, mk=1)
    assert single_layer["hidden layer"].separately.all.order == "O(nm²k²)"
    assert single_layer.separately.functions == {"sigmoid": poly("nmk", nkk=1, nmkk=1)}


def test_relu_is_counted_apart():
    found = mg.cost(lambda n, m, k: layer(n, m, k, activation="relu"), ["n", "m", "k"])
    assert found.total.operations == poly("nmk", nmk=4, nk=4, n=3, mk=1, k=1)
    assert found.total.functions == {name: poly("nmk", nk=1) for name in ("relu", "comparison", "where")}


@pytest.mark.slow
def test_conv_average_by_hand(costs):
    # A row: FP products of q terms, F means of P, their mean, e and its square; the mean over rows.
    average = costs["conv_average"]
    assert average["objective"].operations == poly("nFPq", nFPq=2, nF=1, n=3)
    # 2/(nFP)·e for every row; 1 - z, z(1 - z) and the product; Fq sums of nP products; the update.
    assert average["filters"].operations == poly("nFPq", nFPq=2, nFP=3, n=1, Fq=1)
    assert average["filters"].separately.all.order == "O(nF²Pq²)"


def test_conv_linear_by_hand(costs):
    linear = costs["conv_linear"]
    assert linear["objective"].operations == poly("nFPq", nFPq=2, nFP=1, n=2)
    assert linear["final layer"].operations == poly("nFPq", nFP=2, n=1, FP=1)
    assert linear["filters"].operations == poly("nFPq", nFPq=2, nFP=4, Fq=1)


# An independent counter: the lecture's formulas, carried out by hand with numbers that count.


class Counting:
    """A number that counts what is done with it."""

    done = 0

    def _operation(self, other):
        Counting.done += 1
        return Counting()

    __add__ = __sub__ = __mul__ = __truediv__ = __rsub__ = __rmul__ = _operation


def total(numbers):
    return reduce(add, numbers)


def operations_of(step):
    Counting.done = 0
    step()
    return Counting.done


def by_hand(n, windows, pooled, linear):
    """Carry out one iteration over n rows; `windows` are the numbers of weights, filters and positions of each."""
    q, filters, positions = windows
    c = [[Counting() for _ in range(q)] for _ in range(filters)]
    features = filters if pooled else filters * positions
    w = [Counting() for _ in range(features)] if linear else None
    pixels = [[Counting() for _ in range(q)] for _ in range(positions)]
    counts, z, e, sent = {}, [], [], []

    def objective():
        for _ in range(n):
            row = [[total([a * b for a, b in zip(weights, x, strict=True)]) for x in pixels] for weights in c]
            z.append(row)
            flat = [total(each) / Counting() for each in row] if pooled else list(itertools.chain(*row))
            y = total([a * b for a, b in zip(w, flat, strict=True)]) if linear else total(flat) / Counting()
            e.append((y - Counting(), flat))
        total([error * error for error, _ in e]) / Counting()

    def final():
        sent.extend(error * Counting() for error, _ in e)
        if linear:
            for j in range(features):
                gradient = total([s * flat[j] for s, (_, flat) in zip(sent, e, strict=True)])
                w[j] - Counting() * gradient

    def hidden():
        gradients = [[[] for _ in range(q)] for _ in range(filters)]
        for i in range(n):
            for f in range(filters):
                shared = (sent[i] * w[f]) / Counting() if linear and pooled else sent[i]
                for position in range(positions):
                    back = shared if pooled or not linear else sent[i] * w[f * positions + position]
                    back = back * (z[i][f][position] * (1 - z[i][f][position]))
                    for j in range(q):
                        gradients[f][j].append(back * pixels[position][j])
        for f in range(filters):
            for j in range(q):
                c[f][j] - Counting() * total(gradients[f][j])

    counts["objective"] = operations_of(objective)
    if linear:
        counts["final layer"] = operations_of(final)
        counts["filters"] = operations_of(hidden)
    else:
        counts["filters"] = operations_of(lambda: (final(), hidden()))
    return counts


@settings(max_examples=10)
@given(st.sampled_from([n for n in NETWORKS if n != "single_layer"]), *[st.integers(2, 6)] * 4)
def test_a_count_carried_out_by_hand(costs, name, n, filters, positions, q):
    network = NETWORKS[name]()
    expected = by_hand(n, (q, filters, positions), network.pooling, network.linear)
    found = costs[name].counts(n=n, F=filters, P=positions, q=q)
    assert {part: kinds["operations"] for part, kinds in found.items()} == expected


@settings(max_examples=10)
@given(*[st.integers(2, 9)] * 3)
def test_a_layer_carried_out_by_hand(single_layer, n, m, k):
    # A hidden layer is k filters of m weights at one position.
    expected = by_hand(n, (m, k, 1), False, True)
    found = single_layer.counts(n=n, m=m, k=k)
    assert found["objective"]["operations"] == expected["objective"]
    assert found["final layer"]["operations"] == expected["final layer"]
    assert found["hidden layer"]["operations"] == expected["filters"]


# The polynomials at sizes that the interpolation did not see.


LAYERS = {}


def assert_right(found, loss, groups, **sizes):
    """The polynomials, evaluated, are what the graph of these sizes gives."""
    parts = counted(loss, {name: [p] for name, p in groups.items()})
    assert [part.name for part in found.parts] == list(parts)
    for part in found.parts:
        for what in ("work", "shared", "separately"):
            amounts, count = getattr(part, what), getattr(parts[part.name], what)
            assert {kind: c(**sizes) for kind, c in amounts.kinds.items() if c(**sizes)} == count
    assert found.counts(**sizes) == {n: {"operations": 0, **part.work} for n, part in parts.items()}


@pytest.mark.slow
@settings(max_examples=20)
@given(*[st.integers(2, 11)] * 3, st.sampled_from([0.0, 0.5]), st.sampled_from(["sigmoid", "relu"]))
def test_single_layer_at_other_sizes(n, m, k, regularise, activation):
    key = regularise, activation
    if key not in LAYERS:
        LAYERS[key] = mg.cost(lambda n, m, k: layer(n, m, k, *key), dict.fromkeys("nmk", range(2, 6)))
    assert_right(LAYERS[key], *layer(n, m, k, *key), n=n, m=m, k=k)


@settings(max_examples=20)
@given(
    st.sampled_from([n for n in NETWORKS if n != "single_layer"]),
    st.integers(2, 7),
    st.integers(2, 5),
    *[st.tuples(st.integers(1, 5), st.integers(1, 5)).filter(lambda pair: math.prod(pair) > 1)] * 2,
)
def test_convolutional_networks_at_other_sizes(costs, name, n, filters, positions, kernel):
    image = tuple(p + k - 1 for p, k in zip(positions, kernel, strict=True))
    sizes = {"n": n, "F": filters, "P": math.prod(positions), "q": math.prod(kernel)}
    assert_right(costs[name], *convolutional(name, n, filters, image, kernel), **sizes)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["conv_linear", "two_conv_average_linear"])
def test_square_images_give_the_same_polynomials(costs, name):
    sizes = {size: about.counted for size, about in NETWORKS[name].cost_sizes().items()}
    assert mg.cost(network_cost.builder(name), sizes).parts == costs[name].parts


@pytest.mark.slow
def test_in_image_and_kernel(costs):
    def build(image, kernel):
        return convolutional("conv_average", 3, 2, (image, image), (kernel, kernel))

    found = mg.cost(build, {"image": range(9, 14), "kernel": range(2, 10)})
    positions_and_weights = costs["conv_average"].at(n=3, F=2)
    for image, kernel in itertools.product((9, 12, 28), (2, 5)):
        sizes = {"P": (image - kernel + 1) ** 2, "q": kernel**2}
        assert found.counts(image=image, kernel=kernel) == positions_and_weights.counts(**sizes)


# The count of a graph depends on what is computed, not on how it is written.


def in_scalars(network, n):
    """The objective over n rows, one Value for every weight, and all parameters by group."""
    x, y = RNG.normal(size=(n, network.inputs)).tolist(), RNG.normal(size=n).tolist()
    scalars = {name: [Value(v) for v in p.data.ravel().tolist()] for name, p in network.parameters.items()}
    rows = [network.write_out([Value(v) for v in row], scalars)[1] - Value(t) for row, t in zip(x, y, strict=True)]
    loss = total([e.square() for e in rows]) / n
    if network.regularise:
        loss = loss + network.regularise * total([v.square() for each in scalars.values() for v in each])
    return loss, scalars


@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
@pytest.mark.parametrize("regularise", [0.0, 0.5])
@pytest.mark.parametrize("name", slow_but("single_layer", "conv_linear", among=NETWORKS))
def test_scalars_and_arrays_count_alike(name, regularise, activation):
    sizes = {"m": 3, "k": 2} if name == "single_layer" else {"filters": 2, "image": (4, 3), "kernel": (2, 2)}
    network = NETWORKS[name](**sizes, regularise=regularise, activation=activation)
    arrays = counted(
        network.loss(RNG.normal(size=(3, network.inputs)), RNG.normal(size=3)),
        {name: [p] for name, p in network.parameters.items()},
    )
    assert counted(*in_scalars(network, 3)) == arrays


ARRAYS = {
    "matrices": (lambda a, b: (a @ b).square().sum(), (3, 4), (4, 2)),
    "stacks of matrices": (lambda a, b: (a @ b).sigmoid().mean(), (2, 3, 4), (4, 2)),
    "a vector and a matrix": (lambda a, b: (a @ b).square().sum(), (3,), (3, 2)),
    "vectors": (lambda a, b: (a @ b).square(), (3,), (3,)),
    "images": (lambda x, w: x.conv2d(w).square().sum(), (2, 2, 5, 4), (3, 2, 2, 3)),
    "images, in steps": (lambda x, w: x.conv2d(w, stride=(2, 1)).square().sum(), (2, 2, 4, 4), (3, 2, 2, 3)),
    "images, in groups": (lambda x, w: mg.conv2d(x, w, 1, 0, (1, 2), 2).square().sum(), (2, 4, 3, 4), (2, 2, 2, 2)),
    "images, transposed": (lambda x, w: mg.conv_transpose2d(x, w, 2).square().sum(), (1, 2, 3, 2), (2, 2, 2, 2)),
    "a bias": (lambda x, b: (x + b).sigmoid().sum(), (3, 4), (4,)),
    "a column": (lambda x, b: (x * b).square().mean(), (3, 4), (3, 1)),
    "stacked and joined": (lambda x, y: (mg.stack([x, y]) * mg.concatenate([x, y]).reshape(2, -1)).sum(), (3,), (3,)),
    "a quotient": (lambda x, y: (1.0 / (x * y)).sum(), (3, 4), (4,)),
    "a difference": (lambda x, y: (x - y.exp()).square().mean(), (3, 4), (4,)),
    "the larger": (lambda x, y: mg.maximum(x, y).square().mean(), (3, 4), (4,)),
    "relu": (lambda x, y: mg.relu(x @ y).mean(), (3, 4), (4, 2)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_opened_into_scalars_count_alike(name):
    compute, *shapes = ARRAYS[name]
    leaves = [Value(RNG.uniform(0.5, 1.0, shape), label=f"v{i}") for i, shape in enumerate(shapes)]
    loss = compute(*leaves)
    lines = trace(loss, leaves, [])
    (in_scalars,), grids = opened_arrays(lines.outputs[:1], lines.parameters)
    parameters = {leaf.label: grid.ravel().tolist() for leaf, grid in zip(leaves, grids, strict=True)}
    assert counted(in_scalars.item(), parameters) == counted(loss, {v.label: [v] for v in leaves})


@pytest.mark.slow
def test_a_graph_in_scalars(single_layer):
    def build(n, m, k):
        loss, scalars = in_scalars(SingleLayer(m, k), n)
        return loss, {"hidden layer": scalars["S"], "final layer": scalars["w"]}

    found = mg.cost(build, dict.fromkeys("nmk", range(2, 6)))
    assert found.parts == single_layer.parts


def test_a_graph_of_primitives():
    def build(n, m):
        x, y = RNG.normal(size=(n, m)), RNG.normal(size=n)
        w, b = Value(np.ones(m), label="w"), Value(0.0, label="b")
        return mg.mean(mg.square(x @ w + b - y)), [w, b]

    found = mg.cost(build, ["n", "m"])
    assert [part.name for part in found.parts] == ["objective", "b", "w"]
    assert found["objective"].operations == poly("nm", nm=2, n=3)
    assert found["b"].operations == poly("nm", n=2, _=1)  # (2/n)e, its sum over the rows, the update
    assert found["w"].operations == poly("nm", nm=2, m=1)
    assert found["b"].shared.operations == poly("nm", n=1)
    assert found["w"].separately.operations == poly("nm", nmm=2, nm=4, m=1)


def test_slices_of_one_parameter_cost_what_two_parameters_do():
    def build(n, m):
        theta = Value(np.ones(m + 1), label="theta")
        return (RNG.normal(size=(n, m)) @ theta[:m] + theta[m] - RNG.normal(size=n)).square().mean(), [theta]

    assert mg.cost(build, ["n", "m"])["theta"].operations == poly("nm", nm=2, n=2, m=1, _=1)


def test_a_primitive_of_ones_own(own_primitives):
    cube = mg.primitive("cube", lambda x: x**3, [lambda g, y, x: g * 3.0 * x * x], scalar=lambda x: x**3)
    found = mg.cost(lambda n: (cube(w := Value(np.ones(n), label="w")).sum(), [w]), ["n"])
    assert found["objective"].work.kinds == {"operations": poly("n", n=1, _=-1), "cube": poly("n", n=1)}
    assert found["w"].operations == poly("n", n=4)  # 3·x·x, and the update; the 1 from above is no factor
    roll = mg.primitive("roll", lambda x: np.roll(x, 1), [lambda g, y, x: roll(roll(g))])
    found = mg.cost(lambda n: (roll(w := Value(np.ones(n), label="w")).square().sum(), [w]), ["n"])
    assert found["w"].functions == {"roll": poly("n", n=2)}


def test_every_primitive_of_the_table_has_its_kind_of_work():
    for name in BUILT_IN:
        op = TABLE[name]
        assert op.work in WORKS or (
            op.work == "" and (op.elementwise or name in ("log_softmax", "logsumexp", "order"))
        ), name
    assert set(WORKS) > work.BY_TERMS


def ones(*shape):
    return Value(np.ones(shape), label="v")


# loss of the Value v of n numbers, then the operations of the objective and of the update, by kind
CASES = {
    "x times x": (lambda v: (v * v).sum(), {"operations": "2n − 1"}, {"operations": "3n"}),
    "a square": (lambda v: v.square().sum(), {"operations": "2n − 1"}, {"operations": "3n"}),
    "a power of 2": (lambda v: (v**2).sum(), {"operations": "2n − 1"}, {"operations": "3n"}),
    "a power of 1": (lambda v: (v**1).sum(), {"operations": "n − 1"}, {"operations": "n"}),
    "a power of 3": (lambda v: (v**3).sum(), {"operations": "n − 1", "power": "n"}, {"operations": "4n"}),
    "a mean": (lambda v: v.square().mean(), {"operations": "2n"}, {"operations": "3n"}),
    "minus": (lambda v: (1.0 - v).square().sum(), {"operations": "3n − 1"}, {"operations": "3n"}),
    "minus twice": (lambda v: mg.negative(-v).square().sum(), {"operations": "2n − 1"}, {"operations": "3n"}),
    "factors": (lambda v: (2.0 * (v / 3.0) * 5.0).square().sum(), {"operations": "3n − 1"}, {"operations": "3n"}),
    "equal twice": (lambda v: (v.exp() + v.exp()).sum(), {"operations": "2n − 1", "exp": "n"}, {"operations": "2n"}),
    "not of v": (lambda v: (v * ones(3).exp().sum()).sum(), {"operations": "2n − 1"}, {"operations": "2n"}),
    "an outer product": (
        lambda v: (v.reshape(-1, 1) @ v.reshape(1, -1)).square().sum(),
        {"operations": "3n² − 1"},
        {"operations": "5n² + n"},
    ),
    "a maximum": (lambda v: (v * v).max(), {"operations": "n", "max": "n − 1"}, None),
    "a minimum": (lambda v: (v * v).min(), {"operations": "n", "min": "n − 1"}, None),
    "a length": (lambda v: mg.norm(v), {"operations": "2n − 1"}, None),
    "running sums": (lambda v: mg.cumsum(v).square().sum(), {"operations": "3n − 1"}, {"operations": "4n"}),
    "put in order": (lambda v: mg.sort(v).square().sum(), {"operations": "2n − 1", "order": "n"}, {"operations": "3n"}),
    "taken": (
        lambda v: mg.take(v, Value(np.array([0.0, 0.0, 1.0])), 0).square().sum(),
        {"operations": "5"},
        {"operations": "2n + 5"},
    ),
    "stacked": (lambda v: mg.stack([v, v * v]).sum(), {"operations": "3n − 1"}, {"operations": "4n"}),
    "joined": (lambda v: mg.concatenate([v, v]).square().sum(), {"operations": "4n − 1"}, {"operations": "5n"}),
    "chosen": (
        lambda v: mg.where(v > 0.0, v, 0.0).sum(),
        {"operations": "n − 1", "comparison": "n", "where": "n"},
        None,
    ),
    "log-softmax": (lambda v: v.log_softmax(axis=0).square().sum(), {"operations": "2n − 1", "log_softmax": "n"}, None),
}


@pytest.mark.parametrize("name", CASES)
def test_a_case(name):
    compute, objective, update = CASES[name]
    found = mg.cost(lambda n: (compute(v := Value(np.linspace(1.0, 2.0, n), label="v")), [v]), ["n"])
    for part, expected in (("objective", objective), ("v", update)):
        if expected is not None:
            assert {kind: str(count) for kind, count in found[part].work.kinds.items()} == expected


# What is no polynomial, and what is wrong, is refused.


def sized(length):
    w = Value(np.ones(length), label="w")
    return w.square().sum(), {"weights": w}


NO_POLYNOMIALS = {
    "exponential": lambda n: 2**n,
    "logarithm": lambda n: n.bit_length(),
    "root": math.isqrt,
    "parity": lambda n: n + n % 2,
    "a step": lambda n: n + (n > 5),
    "the last": lambda n: n + (n == 8),
}


@pytest.mark.parametrize("name", NO_POLYNOMIALS)
def test_no_polynomial(name):
    with pytest.raises(NotPolynomialError, match=r"'(objective|weights)'.* polynomial .*degree.* give more sizes"):
        mg.cost(lambda n: sized(NO_POLYNOMIALS[name](n)), ["n"])


def test_no_polynomial_in_both_although_in_each():
    with pytest.raises(NotPolynomialError, match="at n = 5, m = 5, and 37 by the polynomial through other sizes"):
        mg.cost(lambda n, m: sized(n + m + (n > 3 and m > 3)), {"n": range(2, 6), "m": range(2, 6)})


def test_a_degree_that_is_hidden_where_it_is_sought_first():
    # At the second size, 3, the square of the other variable has no weight.
    fit = interpolated(lambda n, m: {"all": (m - 3) * n**2 + n}, {"n": range(2, 9), "m": range(2, 9)})
    assert fit.polynomials["all"] == poly("nm", nnm=1, nn=-3, n=1)


def test_too_few_sizes():
    with pytest.raises(NotPolynomialError, match="degree 0 or less; if it is one of a higher degree, give more sizes"):
        mg.cost(sized, {"length": (2, 3)})
    assert str(mg.cost(sized, {"length": (2, 3, 4)}).total.operations) == "5·length − 1"


def test_a_wrong_interpolation_is_found(monkeypatch):
    right = polynomial._coefficients
    monkeypatch.setattr(polynomial, "_coefficients", lambda points: right([point + 1 for point in points]))
    with pytest.raises(NotPolynomialError):
        mg.cost(layer, dict.fromkeys("nmk", range(2, 6)))


@pytest.mark.parametrize(
    ("owner", "name", "wrong"),
    [
        (work, "_amount", lambda does, terms: 2 * terms if does == "product" else terms),
        (work, "_unrepeated", lambda mask, shape: np.ones(shape, bool)),
        (Primitive, "elementwise", False),
    ],
)
def test_a_wrong_count_is_found(monkeypatch, single_layer, owner, name, wrong):
    monkeypatch.setattr(owner, name, wrong)
    loss, groups = layer(3, 4, 5)
    parts = counted(loss, {name: [p] for name, p in groups.items()})
    right = {part.name: part.separately.kinds for part in single_layer.parts}
    assert any({k: c(n=3, m=4, k=5) for k, c in right[name].items()} != parts[name].separately for name in parts)


W, V = Value(np.ones(2), label="w"), Value(1.0, label="v")
MISTAKES = [
    (TypeError, "build is a function", 3, ["n"]),
    (TypeError, "sizes are the names", lambda n: None, "n"),
    (TypeError, "sizes are the names", lambda n: None, []),
    (TypeError, "sizes are the names", lambda n: None, 5),
    (TypeError, "sizes are the names", lambda n: None, [3]),
    (TypeError, "the sizes of n are several", lambda n: None, {"n": 3}),
    (TypeError, "the sizes of n are several", lambda n: None, {"n": "23"}),
    (ValueError, "n cannot be 2.5", lambda n: None, {"n": (2, 2.5)}),
    (ValueError, "n cannot be True", lambda n: None, {"n": (True, 2)}),
    (ValueError, "n cannot be 0", lambda n: None, {"n": range(3)}),
    (ValueError, "n needs two sizes", lambda n: None, {"n": (4, 4)}),
    (TypeError, r"build\(n\) cannot be called with the sizes n, k", lambda n: None, ["n", "k"]),
    (TypeError, r"build\(n, m\) cannot be called with the sizes n: missing", lambda n, m: None, ["n"]),
    (TypeError, "build gives the loss and its groups .* it gave type NoneType", lambda n: None, ["n"]),
    (TypeError, "build gives the loss .* it gave type Value", lambda n: W.sum(), ["n"]),
    (TypeError, "build gives the loss .* it gave type list", lambda n: [np.ones((9, 9))], ["n"]),
    (TypeError, "holds type ndarray: parameters are Values", lambda n: (W.sum(), [np.ones((9, 9))]), ["n"]),
    (TypeError, "this loss is of type float, no Value", lambda n: (2.0, [W]), ["n"]),
    (ValueError, r"has shape \(2,\): a loss is one number", lambda n: (W * 2.0, [W]), ["n"]),
    (ValueError, "v was not computed", lambda n: (V, [V]), ["n"]),
    (TypeError, "these groups are of type int", lambda n: (W.sum(), 5), ["n"]),
    (TypeError, "these groups are of type list, with no parameters", lambda n: (W.sum(), []), ["n"]),
    (TypeError, "these groups are of type dict", lambda n: (W.sum(), {}), ["n"]),
    (ValueError, "the group 'a' has no parameters", lambda n: (W.sum(), {"a": []}), ["n"]),
    (TypeError, "the group 'a' holds type float: parameters are Values", lambda n: (W.sum(), {"a": 1.0}), ["n"]),
    (TypeError, "the group 'a' holds type str: parameters are Values", lambda n: (W.sum(), {"a": "w"}), ["n"]),
    (ValueError, "was computed: parameters are leaves", lambda n: (W.exp().sum(), [W.exp()]), ["n"]),
    (ValueError, "the loss was not computed from v in 'v'", lambda n: (W.sum(), [W, V]), ["n"]),
    (ValueError, "w in 'b' is a parameter twice", lambda n: (W.sum(), {"a": W, "b": W}), ["n"]),
    (ValueError, "two of w, w are the same", lambda n: (W.sum(), [W, W]), ["n"]),
    (ValueError, "cannot be called 'objective'", lambda n: (W.sum(), {"objective": W}), ["n"]),
]


@pytest.mark.parametrize(("kind", "message", "build", "sizes"), MISTAKES)
def test_mistakes(kind, message, build, sizes):
    with pytest.raises(kind, match=message) as error:
        mg.cost(build, sizes)
    assert "\n" not in str(error.value)


def test_one_parameter_needs_no_list():
    def build(n):
        w = Value(np.ones(n), label="w")
        return w.square().sum(), w

    assert mg.cost(build, ["n"])["w"].operations == poly("n", n=3)


def test_parts_and_sizes_that_there_are_not(single_layer):
    with pytest.raises(KeyError, match="no part 'hiden layer': the parts are objective, final layer, hidden layer"):
        single_layer["hiden layer"]
    with pytest.raises(TypeError, match="takes n, m, k, not h"):
        single_layer.at(h=3)
    with pytest.raises(TypeError, match="takes n, m, k, not n, m"):
        single_layer.counts(n=3, m=2)
    with pytest.raises(TypeError, match=r"k must be a whole number, not 2\.5"):
        single_layer.counts(n=3, m=2, k=2.5)


# Polynomials


@given(
    st.dictionaries(st.tuples(st.integers(0, 3), st.integers(0, 2)), st.integers(-9, 9), max_size=5),
    st.integers(1, 20),
    st.integers(1, 20),
)
def test_polynomials_are_found_again(terms, a, b):
    def value(x, y):
        return sum(c * x**i * y**j for (i, j), c in terms.items())

    found = interpolated(lambda x, y: {"it": value(x, y)}, {"x": range(2, 9), "y": (2, 3, 5, 8, 13)}).polynomials["it"]
    assert found.terms == {exponents: c for exponents, c in terms.items() if c}
    assert found(x=a, y=b) == value(a, b)
    assert found.at(y=b)(x=a) == value(a, b)
    assert (found + found)(x=a, y=b) == 2 * value(a, b)


@pytest.mark.parametrize(
    ("terms", "text", "order"),
    [
        ({}, "0", "0"),
        ({"_": 3}, "3", "O(1)"),
        ({"n": 1, "_": -1}, "n − 1", "O(n)"),
        ({"k": 1, "nk": -2, "nnk": 1}, "n²k − 2nk + k", "O(n²k)"),
        ({"nn": 1, "nkk": 1, "k": 7}, "n² + nk² + 7k", "O(n² + nk²)"),
        ({"nn": Fraction(1, 2), "n": Fraction(-1, 2)}, "½n² − ½n", "O(n²)"),
    ],
)
def test_how_polynomials_are_written(terms, text, order):
    assert str(poly("nk", **terms)) == text
    assert poly("nk", **terms).order == order


def test_long_names_and_fractions():
    sizes = dict.fromkeys(["image", "kernel"], range(2, 7))
    fit = interpolated(lambda image, kernel: {"it": kernel * image * (image + 1) // 2}, sizes)
    assert str(fit.polynomials["it"]) == "½·image²·kernel + ½·image·kernel"
    assert fit.polynomials["it"](image=3, kernel=1) == 6
    assert poly("n", n=Fraction(1, 2))(n=3) == Fraction(3, 2)


# Times


def timer_of(law, points, rounds):
    """A clock by which each iteration over the points takes what the law says."""
    now = 0.0
    for _ in range(rounds):
        for point in points:
            yield now
            now += law(**point)
            yield now


def test_measured_times(single_layer):
    sizes = {"n": (2, 4), "m": (2, 6), "k": (3, 5)}
    points = [dict(zip(sizes, point, strict=True)) for point in itertools.product(*sizes.values())]
    clock = timer_of(lambda n, m, k: 1e-3 * n**2 * m**0.5 / k, points, 20)
    times = single_layer.measure(sizes, lambda: next(clock))
    assert times.of_time == pytest.approx({"n": 2.0, "m": 0.5, "k": -1.0})
    assert [m.sizes for m in times] == points
    assert [m.operations for m in times] == [single_layer.total.operations(**point) for point in points]
    logs = [[1.0, *np.log(list(point.values()))] for point in points]
    by_hand = np.linalg.solve(np.transpose(logs) @ logs, np.transpose(logs) @ np.log([m.operations for m in times]))
    assert list(times.of_operations.values()) == pytest.approx(by_hand[1:].tolist())
    text = str(times)
    assert "operations  time" in text
    assert "of the time        2      0.5    −1" in text
    assert next(clock, None) is None


def test_the_shortest_time_counts(single_layer):
    sizes = {"n": (2, 4), "m": (2, 6), "k": (3, 5)}
    steps = itertools.chain.from_iterable((t, t + (1.0 if i >= 8 else 3.0)) for i, t in enumerate(range(0, 1600, 10)))
    assert {m.seconds for m in single_layer.measure(sizes, lambda: next(steps))} == {1.0}


def test_what_is_timed_is_one_iteration():
    loss, groups = layer(5, 3, 2)
    parameters = list(groups.values())
    moved = timing._iterate(topological(loss), parameters)
    for p, new, gradient in zip(parameters, moved, mg.grad(loss, parameters), strict=True):
        np.testing.assert_allclose(new, p.data - 0.1 * gradient.data, rtol=1e-14)


def test_exponents():
    sizes = [{"n": n, "m": m} for n in (2, 4, 8) for m in (3, 9)]
    assert exponents(sizes, [7.0 * s["n"] * s["m"] ** 2 for s in sizes]) == pytest.approx({"n": 1.0, "m": 2.0})
    with pytest.raises(ValueError, match=r"positive amounts, not 0\.0"):
        exponents(sizes, [1.0, 2.0, 0.0, 1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="2 points do not tell the exponents of n, m apart: vary each size"):
        exponents(sizes[:2], [1.0, 2.0])


def test_mistakes_in_measuring(single_layer):
    with pytest.raises(TypeError, match="measure takes sizes of n, m, k, not of n"):
        single_layer.measure({"n": (2, 3)})
    with pytest.raises(ValueError, match="k needs two sizes"):
        single_layer.measure({"n": (2, 3), "m": (2, 3), "k": (2,)})


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.5, "2.5 s"), (0.0123, "12.3 ms"), (4.5e-6, "4.5 μs"), (3e-9, "3 ns"), (5e-14, "0.05 ps")]
)
def test_times_as_text(seconds, text):
    assert shown(seconds) == text


# What is printed


TABLES = """
1. One iteration of gradient descent
   part          operations                functions  order   used again
   ─────────────────────────────────────────────────────────────────────
   objective     2nmk + nk + 2n            nk σ       O(nmk)  2nmk + nk
   final layer   2nk + n + k                          O(nk)   n
   hidden layer  2nmk + 4nk + mk                      O(nmk)
   total         4nmk + 7nk + 3n + mk + k  nk σ       O(nmk)
   The polynomials hold for n ≥ 2, m ≥ 1 and k ≥ 1: a mean of one, say, takes no division.

2. Every coordinate of the gradient by itself
   part          operations                 functions  order
   ────────────────────────────────────────────────────────────
   final layer   2nmk² + nk² + 3nk + k      nk² σ      O(nmk²)
   hidden layer  2nm²k² + nmk² + 7nmk + mk  nmk² σ     O(nm²k²)
   Each is a formula of its own, as one would print it: from the data on, nothing kept from another.
   O(nm²k²) instead of O(nmk): the difference is backpropagation.
   It computes once what the coordinates have in common.

3. Convention
"""


def test_as_text(single_layer):
    assert str(single_layer).startswith(TABLES.lstrip())
    assert single_layer.text() == str(single_layer)
    assert "through the counts of 18 graphs, and 11 more confirmed them." in str(single_layer)
    assert max(map(len, str(single_layer).splitlines())) <= 100


def test_where_backpropagation_saves_nothing_that_grows():
    found = mg.cost(lambda n: sized(n), ["n"])
    assert "Here backpropagation saves nothing that grows: both are O(n)." in str(found)


def test_the_number_of_graphs_is_the_number_that_was_built():
    built = []

    def build(n, m):
        built.append((n, m))
        return sized(n * m)

    found = mg.cost(build, ["n", "m"])
    assert found.seen + found.others == len(set(built)) == len(built)
    assert (8, 8) in built


# A polynomial is said to hold from a size on, and does; below it, it refuses.


def differing(found, **sizes):
    """The counts at these sizes that the polynomials of a cost do not give."""
    counts = counted(*built(found.build, **sizes))
    kinds = [(p, what, kind) for p in found.parts for what in ("work", "shared", "separately") for kind in KINDS]
    return [
        (p.name, what, kind)
        for p, what, kind in kinds
        if getattr(counts[p.name], what).get(kind, 0)
        != (getattr(p, what).kinds[kind](**sizes) if kind in getattr(p, what).kinds else 0)
    ]


KINDS = ("operations", "sigmoid", "relu", "where", "comparison")
SQUARES = {"P", "q"}


@pytest.mark.parametrize(("activation", "regularise"), [("sigmoid", 0.0), ("relu", 0.1)])
@pytest.mark.parametrize("name", slow_but("single_layer", among=NETWORKS))
def test_what_is_printed_holds_where_it_says_at_the_smallest_sizes_and_at_others(name, activation, regularise):
    counted_network = network_cost.network_cost(name, activation, regularise)
    for found in (counted_network.found, counted_network.lecture):
        assert found.least["n"] == 2
        ranges = [[found.least[v], 9 if v in SQUARES else 3] for v in found.variables]
        for sizes in itertools.product(*ranges):
            assert not differing(found, **dict(zip(found.variables, sizes, strict=True)))
        assert f"hold for {found.domain}" in str(found)
        below = dict.fromkeys(found.variables, 4) | {"n": 1}
        with pytest.raises(ValueError, match="holds for n ≥ 2, and n = 1 counts otherwise"):
            found.total.operations(**below)
        with pytest.raises(ValueError, match="holds for n ≥ 2"):
            found.at(n=1)


@pytest.mark.slow
def test_one_filter_is_below_where_the_polynomials_of_averages_hold(capsys):
    found = network_cost.network_cost("conv_average")
    assert found.found.least == {"n": 2, "F": 2, "P": 4, "q": 1}
    assert str(found.lecture.total.operations) == "80n + 4"
    assert [found.lecture.total.operations(n=n) for n in (2, 3, 10)] == [164, 244, 804]
    with pytest.raises(ValueError, match="holds for F ≥ 2, and F = 1"):
        found.found.at(F=1)
    _, out, _ = run(capsys, "cost", "conv_average")
    assert "The polynomials hold for n ≥ 2, F ≥ 2, P ≥ 4 and q ≥ 1" in out
    record = json.loads(run(capsys, "cost", "conv_average", "--json")[1])
    assert record["least"] == {"n": 2, "F": 2, "P": 4, "q": 1}
    assert record["lecture"]["least"] == {"n": 2}


@pytest.mark.parametrize(
    ("count", "least"),
    [
        (lambda n, m: n * m, {"n": 1, "m": 1}),
        (lambda n, m: n * m + (n == 1), {"n": 2, "m": 1}),
        (lambda n, m: n * m + (n == 1) + (m == 1), {"n": 2, "m": 2}),
        (lambda n, m: n * m + (n == m == 1), {"n": 2, "m": 2}),
        (lambda n, m: n * m + 0 // (m - 1), {"n": 1, "m": 2}),  # there is no graph of size 1
    ],
)
def test_from_which_sizes_a_polynomial_holds(count, least):
    fit = interpolated(lambda n, m: {"it": count(n, m)}, dict.fromkeys("nm", range(2, 6)))
    assert fit.least == fit.polynomials["it"].least == least
    assert interpolated(lambda n: {"it": 3 * n}, {"n": (10, 20, 30)}).least == {"n": 1}


def test_without_every_coordinate_by_itself(single_layer):
    found = mg.cost(layer, ["n", "m", "k"], separately=False)
    assert found.total == single_layer.total
    assert not found.separately.all
    assert "2. Convention" in str(found)


def test_in_notebooks(single_layer):
    assert single_layer._repr_latex_() == (
        "$$\\begin{aligned}\n"
        "\\text{objective} &= 2 n m k + n k + 2 n \\quad\\text{and $n k$ $\\sigma$} \\\\\n"
        "\\text{final layer} &= 2 n k + n + k \\\\\n"
        "\\text{hidden layer} &= 2 n m k + 4 n k + m k\n"
        "\\end{aligned}$$"
    )
    page = ElementTree.fromstring(single_layer._repr_html_())
    assert len(page.findall(".//table")) == 2


def test_the_guide_shows_this_table():
    page = (ROOT / "demos" / "guide" / "cost.md").read_text(encoding="utf-8")
    assert "\n".join(TABLES.splitlines()[2:8]) in page


HOSTILE = "<b>&_%$#{x}\\"


def test_names_are_escaped():
    def build(n):
        loss, groups = sized(n)
        return loss, {HOSTILE: groups["weights"]}

    found = mg.cost(build, ["n"])
    assert HOSTILE in str(found)
    page = ElementTree.fromstring(found.mathml())
    assert HOSTILE in "".join(page.itertext())
    assert r"\&\_\%\$\#\{x\}\textbackslash{}" in found.latex()


@pytest.mark.slow
@needs_pdflatex
def test_the_latex_compiles(tmp_path, costs):
    text = costs["conv_linear"].latex()
    head = r"\documentclass{article}\usepackage{amsmath,amssymb}\begin{document}"
    (tmp_path / "cost.tex").write_text(f"{head}\n{text}\n\\end{{document}}\n", encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "cost.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.parametrize("module", [import_module("microgradcnn.views.cost.cost"), polynomial])
def test_the_examples_in_the_modules(module):
    assert doctest.testmod(module).failed == 0


# The command


def run(capsys, *arguments):
    try:
        code = main(list(map(str, arguments)))
    except SystemExit as stop:
        code = stop.code
    out, err = capsys.readouterr()
    return code, out, err


def test_the_command(capsys):
    code, out, err = run(capsys, "cost", "single_layer")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[1] == "   single_layer: n rows, m inputs, k hidden units"
    assert [lines[0], *lines[2:9]] == TABLES.splitlines()[1:9]
    lecture = (
        "In all, with the lecture's k = 3, counted by themselves: 12nm + 24n + 3m + 3 and 3n σ, O(nm), for n ≥ 2 and"
    )
    assert f"{lecture} m ≥ 1." in " ".join(out.split())


@pytest.mark.slow
def test_the_command_for_a_convolutional_network(capsys):
    code, out, _ = run(capsys, "cost", "conv_average", "--regularise", "0.1", "--activation", "relu")
    assert code == 0
    assert "objective  2nFPq + nF + 3n + 2Fq + 1" in out
    # With one filter there is no mean over filters: 35n for the objective, 33n + 4 for the filter without z(1 - z),
    # 2·4 + 1 and 2·4 for λ.
    assert (
        "F = 1, P = 4, q = 4, counted by themselves: 68n + 21 and 4n relu, 4n where, 4n comparison, O(n), for n ≥ 2."
        in " ".join(out.split())
    )
    assert "O(nF²Pq²) instead of O(nFPq)" in out


def test_the_command_as_json(capsys):
    code, out, _ = run(capsys, "cost", "single_layer", "--json")
    record = json.loads(out)
    assert code == 0
    assert [part["part"] for part in record["parts"]] == ["objective", "final layer", "hidden layer", "total"]
    hidden = record["parts"][2]
    assert hidden["operations"]["text"] == "2nmk + 4nk + mk"
    assert {"coefficient": 4, "n": 1, "m": 0, "k": 1} in hidden["operations"]["terms"]
    assert record["parts"][0]["functions"]["sigmoid"]["text"] == "nk"
    assert record["every coordinate by itself"][1]["order"] == "O(nm²k²)"
    assert record["lecture"]["operations"]["text"] == "12nm + 24n + 3m + 3"
    assert "measured" not in record


def timed_at(monkeypatch, name, sizes):
    """Time small networks only."""
    usual = NETWORKS[name].cost_sizes()
    small = {size: about._replace(timed=sizes[size]) for size, about in usual.items()}
    monkeypatch.setattr(NETWORKS[name], "cost_sizes", lambda: small)


@pytest.mark.slow
def test_the_command_measures(capsys, monkeypatch):
    timed_at(monkeypatch, "single_layer", {"n": (2, 4), "m": (2, 3), "k": (2, 3)})
    code, out, _ = run(capsys, "cost", "single_layer", "--measure")
    assert code == 0
    assert "3. One iteration, measured\n   n  m  k  operations  time" in out
    code, out, _ = run(capsys, "cost", "single_layer", "--measure", "--json")
    record = json.loads(out)
    assert (code, len(record["measured"])) == (0, 8)
    assert record["measured"][0].keys() == {"n", "m", "k", "operations", "seconds"}
    assert record["exponents"]["operations"].keys() == record["exponents"]["time"].keys() == {"n", "m", "k"}


@pytest.mark.slow
def test_the_latex_has_every_character(capsys, monkeypatch):
    timed_at(monkeypatch, "conv_average", dict.fromkeys("nF", (2, 3)) | dict.fromkeys("Pq", (4, 9)))
    code, out, _ = run(capsys, "cost", "conv_average", "--measure", "--format", "latex")
    assert code == 0
    assert out.isascii()
    assert "U+" not in out  # how words are written that LaTeX's fonts lack


@pytest.mark.parametrize(
    ("form", "suffix"),
    [
        ("text", ".txt"),
        pytest.param("latex", ".tex", marks=pytest.mark.slow),
        pytest.param("mathml", ".html", marks=pytest.mark.slow),
    ],
)
def test_the_command_writes_a_file(capsys, tmp_path, form, suffix):
    _, printed, _ = run(capsys, "cost", "single_layer", "--format", form)
    path = tmp_path / f"cost{suffix}"
    assert run(capsys, "cost", "single_layer", "--out", path) == (0, f"written: {path}\n", "")
    written = path.read_text(encoding="utf-8")
    assert printed.strip() in written
    assert ("The cost of single" in written) == (form != "text")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["singel_layer"], "'singel_layer' is unknown: did you mean single_layer?"),
        ([], "the following arguments are required: NETWORK"),
        (["single_layer", "--format", "latx"], "'latx' is unknown: did you mean latex?"),
        (["single_layer", "--out", "/no/such/folder/cost.txt"], "/no/such/folder/cost.txt cannot be written"),
        (["single_layer", "--regularise", "-1"], "λ must be a number ≥ 0"),
    ],
)
def test_mistakes_on_the_command_line(capsys, arguments, message):
    code, out, err = run(capsys, "cost", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "function"), [("order", mg.sort), ("log_softmax", mg.log_softmax), ("logsumexp", mg.logsumexp)]
)
def test_the_convention_says_what_a_function_of_many_numbers_counts(name, function):
    def build(n):
        x = Value(np.linspace(0.0, 1.0, n), label="x")
        return mg.sum(function(x) * x), [x]

    told = mg.cost(build, ["n"], separately=False).text()
    assert [line for line in told.splitlines() if name in line and ("counts n order" in line or "counts one" in line)]
    plain = mg.cost(lambda n: (mg.sum((x := Value(np.ones(n), label="x")) * x), [x]), ["n"]).text()
    assert "order:" not in plain
    assert "counts one for each" not in plain
