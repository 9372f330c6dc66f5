"""The six networks: every gradient found five ways, one of them written out by hand as a student would."""

from __future__ import annotations

import copy
import itertools
import math
import pickle
from typing import Any

import numpy as np
import pytest
import sympy
from many_cases import slow_but

from microgradcnn.engine.gradient import topological
from microgradcnn.networks import (
    LECTURE,
    NETWORKS,
    ConvNetwork,
    Network,
    conv_average,
    single_layer,
    two_conv_average,
    two_conv_linear,
)

EXACT = 1e-13  # relative to the largest component
BY_DIFFERENCES = 1e-8


def sigmoid(a: float) -> float:
    return 1.0 / (1.0 + math.exp(-a))


def relu(a: float) -> float:
    return max(a, 0.0)


def slope(z: float, activation: str) -> float:
    """dz/da: z(1 − z) for the sigmoid; for relu 1 where a > 0, which is where z > 0."""
    return z * (1.0 - z) if activation == "sigmoid" else float(z > 0.0)


# The lecture's networks as it writes them: for one example, the z's and ŷ, given the weights by label and the inputs.
# σ is a function of one number, so the same lines serve floats and SymPy's symbols.


def single_layer_forward(t: dict[str, Any], x: list[Any], σ: Any) -> tuple[list[Any], Any]:
    x1, x2 = x
    z1 = σ(t["s_1"] * x1 + t["s_2"] * x2)
    z2 = σ(t["u_1"] * x1 + t["u_2"] * x2)
    z3 = σ(t["v_1"] * x1 + t["v_2"] * x2)
    return [z1, z2, z3], t["w_1"] * z1 + t["w_2"] * z2 + t["w_3"] * z3


def first_filter(t: dict[str, Any], p: list[Any], σ: Any) -> list[Any]:
    p1, p2, p3, p4, p5, p6, p7, p8, p9 = p
    z1 = σ(t["c_1"] * p1 + t["c_2"] * p2 + t["c_3"] * p4 + t["c_4"] * p5)
    z2 = σ(t["c_1"] * p2 + t["c_2"] * p3 + t["c_3"] * p5 + t["c_4"] * p6)
    z3 = σ(t["c_1"] * p4 + t["c_2"] * p5 + t["c_3"] * p7 + t["c_4"] * p8)
    z4 = σ(t["c_1"] * p5 + t["c_2"] * p6 + t["c_3"] * p8 + t["c_4"] * p9)
    return [z1, z2, z3, z4]


def both_filters(t: dict[str, Any], p: list[Any], σ: Any) -> list[Any]:
    p1, p2, p3, p4, p5, p6, p7, p8, p9 = p
    z5 = σ(t["c_5"] * p1 + t["c_6"] * p2 + t["c_7"] * p4 + t["c_8"] * p5)
    z6 = σ(t["c_5"] * p2 + t["c_6"] * p3 + t["c_7"] * p5 + t["c_8"] * p6)
    z7 = σ(t["c_5"] * p4 + t["c_6"] * p5 + t["c_7"] * p7 + t["c_8"] * p8)
    z8 = σ(t["c_5"] * p5 + t["c_6"] * p6 + t["c_7"] * p8 + t["c_8"] * p9)
    return [*first_filter(t, p, σ), z5, z6, z7, z8]


def conv_average_forward(t: dict[str, Any], p: list[Any], σ: Any) -> tuple[list[Any], Any]:
    z1, z2, z3, z4 = z = first_filter(t, p, σ)
    return z, (z1 + z2 + z3 + z4) / 4


def conv_linear_forward(t: dict[str, Any], p: list[Any], σ: Any) -> tuple[list[Any], Any]:
    z1, z2, z3, z4 = z = first_filter(t, p, σ)
    return z, t["w_1"] * z1 + t["w_2"] * z2 + t["w_3"] * z3 + t["w_4"] * z4


def two_conv_average_forward(t: dict[str, Any], p: list[Any], σ: Any) -> tuple[list[Any], Any]:
    z1, z2, z3, z4, z5, z6, z7, z8 = z = both_filters(t, p, σ)
    return z, ((z1 + z2 + z3 + z4) / 4 + (z5 + z6 + z7 + z8) / 4) / 2


def two_conv_average_linear_forward(t: dict[str, Any], p: list[Any], σ: Any) -> tuple[list[Any], Any]:
    z1, z2, z3, z4, z5, z6, z7, z8 = z = both_filters(t, p, σ)
    return z, t["w_1"] * (z1 + z2 + z3 + z4) / 4 + t["w_2"] * (z5 + z6 + z7 + z8) / 4


def two_conv_linear_forward(t: dict[str, Any], p: list[Any], σ: Any) -> tuple[list[Any], Any]:
    z1, z2, z3, z4, z5, z6, z7, z8 = z = both_filters(t, p, σ)
    first = t["w_1"] * z1 + t["w_2"] * z2 + t["w_3"] * z3 + t["w_4"] * z4
    return z, first + t["w_5"] * z5 + t["w_6"] * z6 + t["w_7"] * z7 + t["w_8"] * z8


# The gradients of (ŷ − y)², written out: e = ŷ − y with its sign (not the lecture's √f), D the slopes dz/da.


def single_layer_gradients(
    t: dict[str, float], x: list[float], z: list[float], D: list[float], e: float
) -> dict[str, float]:
    x1, x2 = x
    z1, z2, z3 = z
    D1, D2, D3 = D
    return {
        "w_1": 2 * e * z1,
        "w_2": 2 * e * z2,
        "w_3": 2 * e * z3,
        "s_1": 2 * e * t["w_1"] * D1 * x1,
        "s_2": 2 * e * t["w_1"] * D1 * x2,
        "u_1": 2 * e * t["w_2"] * D2 * x1,
        "u_2": 2 * e * t["w_2"] * D2 * x2,
        "v_1": 2 * e * t["w_3"] * D3 * x1,
        "v_2": 2 * e * t["w_3"] * D3 * x2,
    }


def conv_average_gradients(
    t: dict[str, float], p: list[float], z: list[float], D: list[float], e: float
) -> dict[str, float]:
    p1, p2, p3, p4, p5, p6, p7, p8, p9 = p
    D1, D2, D3, D4 = D
    return {
        "c_1": e / 2 * (D1 * p1 + D2 * p2 + D3 * p4 + D4 * p5),
        "c_2": e / 2 * (D1 * p2 + D2 * p3 + D3 * p5 + D4 * p6),
        "c_3": e / 2 * (D1 * p4 + D2 * p5 + D3 * p7 + D4 * p8),
        "c_4": e / 2 * (D1 * p5 + D2 * p6 + D3 * p8 + D4 * p9),
    }


def conv_linear_gradients(
    t: dict[str, float], p: list[float], z: list[float], D: list[float], e: float
) -> dict[str, float]:
    p1, p2, p3, p4, p5, p6, p7, p8, p9 = p
    z1, z2, z3, z4 = z
    D1, D2, D3, D4 = D
    w1, w2, w3, w4 = t["w_1"], t["w_2"], t["w_3"], t["w_4"]
    return {
        "c_1": 2 * e * (w1 * D1 * p1 + w2 * D2 * p2 + w3 * D3 * p4 + w4 * D4 * p5),
        "c_2": 2 * e * (w1 * D1 * p2 + w2 * D2 * p3 + w3 * D3 * p5 + w4 * D4 * p6),
        "c_3": 2 * e * (w1 * D1 * p4 + w2 * D2 * p5 + w3 * D3 * p7 + w4 * D4 * p8),
        "c_4": 2 * e * (w1 * D1 * p5 + w2 * D2 * p6 + w3 * D3 * p8 + w4 * D4 * p9),
        "w_1": 2 * e * z1,
        "w_2": 2 * e * z2,
        "w_3": 2 * e * z3,
        "w_4": 2 * e * z4,
    }


def two_conv_average_gradients(
    t: dict[str, float], p: list[float], z: list[float], D: list[float], e: float
) -> dict[str, float]:
    p1, p2, p3, p4, p5, p6, p7, p8, p9 = p
    D1, D2, D3, D4, D5, D6, D7, D8 = D
    return {
        "c_1": e / 4 * (D1 * p1 + D2 * p2 + D3 * p4 + D4 * p5),
        "c_2": e / 4 * (D1 * p2 + D2 * p3 + D3 * p5 + D4 * p6),
        "c_3": e / 4 * (D1 * p4 + D2 * p5 + D3 * p7 + D4 * p8),
        "c_4": e / 4 * (D1 * p5 + D2 * p6 + D3 * p8 + D4 * p9),
        "c_5": e / 4 * (D5 * p1 + D6 * p2 + D7 * p4 + D8 * p5),
        "c_6": e / 4 * (D5 * p2 + D6 * p3 + D7 * p5 + D8 * p6),
        "c_7": e / 4 * (D5 * p4 + D6 * p5 + D7 * p7 + D8 * p8),
        "c_8": e / 4 * (D5 * p5 + D6 * p6 + D7 * p8 + D8 * p9),
    }


def two_conv_average_linear_gradients(
    t: dict[str, float], p: list[float], z: list[float], D: list[float], e: float
) -> dict[str, float]:
    p1, p2, p3, p4, p5, p6, p7, p8, p9 = p
    z1, z2, z3, z4, z5, z6, z7, z8 = z
    D1, D2, D3, D4, D5, D6, D7, D8 = D
    w1, w2 = t["w_1"], t["w_2"]
    return {
        "c_1": e / 2 * w1 * (D1 * p1 + D2 * p2 + D3 * p4 + D4 * p5),
        "c_2": e / 2 * w1 * (D1 * p2 + D2 * p3 + D3 * p5 + D4 * p6),
        "c_3": e / 2 * w1 * (D1 * p4 + D2 * p5 + D3 * p7 + D4 * p8),
        "c_4": e / 2 * w1 * (D1 * p5 + D2 * p6 + D3 * p8 + D4 * p9),
        "c_5": e / 2 * w2 * (D5 * p1 + D6 * p2 + D7 * p4 + D8 * p5),
        "c_6": e / 2 * w2 * (D5 * p2 + D6 * p3 + D7 * p5 + D8 * p6),
        "c_7": e / 2 * w2 * (D5 * p4 + D6 * p5 + D7 * p7 + D8 * p8),
        "c_8": e / 2 * w2 * (D5 * p5 + D6 * p6 + D7 * p8 + D8 * p9),
        "w_1": e / 2 * (z1 + z2 + z3 + z4),
        "w_2": e / 2 * (z5 + z6 + z7 + z8),
    }


def two_conv_linear_gradients(
    t: dict[str, float], p: list[float], z: list[float], D: list[float], e: float
) -> dict[str, float]:
    p1, p2, p3, p4, p5, p6, p7, p8, p9 = p
    z1, z2, z3, z4, z5, z6, z7, z8 = z
    D1, D2, D3, D4, D5, D6, D7, D8 = D
    w1, w2, w3, w4 = t["w_1"], t["w_2"], t["w_3"], t["w_4"]
    w5, w6, w7, w8 = t["w_5"], t["w_6"], t["w_7"], t["w_8"]
    return {
        "c_1": 2 * e * (w1 * D1 * p1 + w2 * D2 * p2 + w3 * D3 * p4 + w4 * D4 * p5),
        "c_2": 2 * e * (w1 * D1 * p2 + w2 * D2 * p3 + w3 * D3 * p5 + w4 * D4 * p6),
        "c_3": 2 * e * (w1 * D1 * p4 + w2 * D2 * p5 + w3 * D3 * p7 + w4 * D4 * p8),
        "c_4": 2 * e * (w1 * D1 * p5 + w2 * D2 * p6 + w3 * D3 * p8 + w4 * D4 * p9),
        "c_5": 2 * e * (w5 * D5 * p1 + w6 * D6 * p2 + w7 * D7 * p4 + w8 * D8 * p5),
        "c_6": 2 * e * (w5 * D5 * p2 + w6 * D6 * p3 + w7 * D7 * p5 + w8 * D8 * p6),
        "c_7": 2 * e * (w5 * D5 * p4 + w6 * D6 * p5 + w7 * D7 * p7 + w8 * D8 * p8),
        "c_8": 2 * e * (w5 * D5 * p5 + w6 * D6 * p6 + w7 * D7 * p8 + w8 * D8 * p9),
        "w_1": 2 * e * z1,
        "w_2": 2 * e * z2,
        "w_3": 2 * e * z3,
        "w_4": 2 * e * z4,
        "w_5": 2 * e * z5,
        "w_6": 2 * e * z6,
        "w_7": 2 * e * z7,
        "w_8": 2 * e * z8,
    }


BY_HAND = {
    "single_layer": (single_layer_forward, single_layer_gradients),
    "conv_average": (conv_average_forward, conv_average_gradients),
    "conv_linear": (conv_linear_forward, conv_linear_gradients),
    "two_conv_average": (two_conv_average_forward, two_conv_average_gradients),
    "two_conv_average_linear": (two_conv_average_linear_forward, two_conv_average_linear_gradients),
    "two_conv_linear": (two_conv_linear_forward, two_conv_linear_gradients),
}

NAMES = pytest.mark.parametrize("name", BY_HAND)
SETTINGS = pytest.mark.parametrize(
    ("name", "activation", "regularise", "above"),
    list(itertools.product(BY_HAND, ("sigmoid", "relu"), (0.0, 0.01), (True, False))),
)


def by_hand(network: Network, x: list[float], y: float) -> tuple[float, dict[str, float]]:
    """The loss of one example and its gradients by label, from the formulas above; 2λθ added."""
    forward, gradients = BY_HAND[network.name]
    t = weights(network)
    z, prediction = forward(t, x, {"sigmoid": sigmoid, "relu": relu}[network.activation])
    found = gradients(t, x, z, [slope(zi, network.activation) for zi in z], prediction - y)
    loss = (prediction - y) ** 2 + network.regularise * sum(value**2 for value in t.values())
    return loss, {label: found[label] + 2 * network.regularise * t[label] for label in t}


def weights(network: Network) -> dict[str, float]:
    """The parameters' numbers by label."""
    return by_label(network, {name: p.data for name, p in network.parameters.items()})


def by_label(network: Network, tensors: dict[str, Any]) -> dict[str, float]:
    """Numbers in the shapes of the parameters, by label."""
    return {
        label: number
        for name, tensor in tensors.items()
        for label, number in zip(network.labels(name), np.ravel(tensor).tolist(), strict=True)
    }


def scalar_form(network: Network, x: Any, y: float) -> dict[str, float]:
    example = network.example(x, y)
    example.loss.backward()
    return {label: value.grad for label, value in example.parameters.items()}


def tensor_form(network: Network, x: Any, y: Any) -> dict[str, float]:
    for p in network.parameters.values():
        p.grad = None
    network.loss(x, y).backward()
    return by_label(network, {name: p.grad for name, p in network.parameters.items()})


def central_differences(network: Network, x: Any, y: Any, h: float = 1e-3) -> dict[str, float]:
    """(8(f(h) − f(−h)) − (f(2h) − f(−2h)))/12h for every number of every parameter."""
    found = {}
    for name, p in network.parameters.items():
        start = p.data
        for label, index in zip(network.labels(name), np.ndindex(p.shape), strict=True):
            f = {}
            for k in (-2, -1, 1, 2):
                moved = start.copy()
                moved[index] += k * h
                p.data = moved
                f[k] = network.loss(x, y).item()
            found[label] = (8 * (f[1] - f[-1]) - (f[2] - f[-2])) / (12 * h)
        p.data = start
    return found


def distance(found: dict[str, float], wanted: dict[str, float]) -> float:
    """The largest difference, as a share of the largest component."""
    assert list(found) == list(wanted)
    return max(abs(found[label] - wanted[label]) for label in wanted) / max(map(abs, wanted.values()))


def case(name: str, activation: str, regularise: float, rows: int = 1) -> tuple[Network, np.ndarray[Any, Any]]:
    """A network with rows on which some units are on and some are off, all of them far from relu's kink."""
    for seed in range(1000):
        network = NETWORKS[name](activation=activation, regularise=regularise, seed=seed)
        x = np.random.default_rng(seed).normal(size=(rows, network.inputs))
        a = np.array([[v.parents[0].data for v in network.example(row, 0.0).z] for row in x])
        if (a > 0).any(axis=1).all() and (a < 0).any() and np.abs(a).min() > 0.02:
            return network, x
    raise AssertionError


@SETTINGS
def test_every_gradient_is_the_one_written_out_by_hand(
    name: str, activation: str, regularise: float, above: bool
) -> None:
    network, rows = case(name, activation, regularise)
    row = rows[0].tolist()
    prediction = network.predict(rows).data[0]
    y = prediction - 0.8 if above else prediction + 0.8
    loss, wanted = by_hand(network, row, y)

    assert network.example(row, y).loss.data == pytest.approx(loss, rel=EXACT)
    assert network.loss(rows, np.array([y])).item() == pytest.approx(loss, rel=EXACT)
    assert distance(scalar_form(network, row, y), wanted) <= EXACT
    assert distance(tensor_form(network, rows, np.array([y])), wanted) <= EXACT
    assert distance(by_label(network, network.closed_form(rows[0], y)), wanted) <= EXACT
    assert distance(central_differences(network, rows, np.array([y])), wanted) <= BY_DIFFERENCES


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
@pytest.mark.parametrize("name", slow_but("single_layer", "conv_average", among=BY_HAND))
def test_sympy_differentiates_the_lectures_loss_to_the_same_gradients(name: str, activation: str) -> None:
    network, rows = case(name, activation, regularise=0.01)
    y = network.predict(rows).item() + 0.8
    t = {label: sympy.Symbol(label) for label in weights(network)}
    σ = {"sigmoid": lambda a: 1 / (1 + sympy.exp(-a)), "relu": lambda a: sympy.Max(a, 0)}[activation]
    _, prediction = BY_HAND[name][0](t, [sympy.Float(v, 30) for v in rows[0].tolist()], σ)
    loss = (prediction - sympy.Float(y, 30)) ** 2 + sympy.Float(0.01, 30) * sum(s**2 for s in t.values())
    point = {t[label]: sympy.Float(number, 30) for label, number in weights(network).items()}

    wanted = {label: float(sympy.diff(loss, symbol).subs(point).evalf(20)) for label, symbol in t.items()}

    assert distance(scalar_form(network, rows[0], y), wanted) <= EXACT
    assert distance(tensor_form(network, rows, np.array([y])), wanted) <= EXACT


@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
@NAMES
def test_a_batch_is_the_mean_of_its_rows_and_lambda_counts_once(name: str, activation: str) -> None:
    network, rows = case(name, activation, regularise=0.01, rows=5)
    y = network.predict(rows).data + np.array([0.5, -0.5, 1.5, -0.1, 0.2])
    each = [by_hand(network, row, target) for row, target in zip(rows.tolist(), y.tolist(), strict=True)]
    wanted = {label: sum(gradients[label] for _, gradients in each) / 5 for label in weights(network)}

    assert network.loss(rows, y).item() == pytest.approx(sum(loss for loss, _ in each) / 5, rel=EXACT)
    assert distance(tensor_form(network, rows, y), wanted) <= EXACT
    assert distance(central_differences(network, rows, y), wanted) <= BY_DIFFERENCES


SIZES: list[tuple[str, dict[str, Any]]] = [
    *[("single_layer", {"m": m, "k": k}) for m in (1, 4) for k in (1, 3, 5)],
    *[(n, {"image": (4, 5), "kernel": (2, 3), "filters": 3}) for n in list(NETWORKS)[1:]],
    *[(n, {"image": (2, 2)}) for n in list(NETWORKS)[1:]],
    *[(n, {"image": (3, 1), "kernel": (1, 1), "filters": 2}) for n in list(NETWORKS)[1:]],
]


@pytest.mark.parametrize(("name", "sizes"), SIZES)
def test_both_forms_and_the_closed_form_agree_at_every_size(name: str, sizes: dict[str, Any]) -> None:
    network = NETWORKS[name](**sizes, regularise=0.1, seed=3)
    row = np.random.default_rng(5).normal(size=network.inputs)
    example, wanted = network.example(row, 0.25), by_label(network, network.closed_form(row, 0.25))

    assert network.predict(row[None]).item() == pytest.approx(example.prediction.data, rel=EXACT)
    assert distance(scalar_form(network, row, 0.25), wanted) <= EXACT
    assert distance(tensor_form(network, row[None], np.array([0.25])), wanted) <= EXACT


def test_a_kernel_walks_over_an_oblong_image_row_by_row() -> None:
    network = two_conv_linear(filters=3, image=(4, 5), kernel=(2, 3))
    image = np.random.default_rng(0).normal(size=(4, 5))
    c, w = network.parameters["c"].data, iter(network.parameters["w"].data.tolist())

    wanted = 0.0
    for f in range(3):
        for r in range(3):
            for s in range(3):
                wanted += next(w) * sigmoid(float((c[f, 0] * image[r : r + 2, s : s + 3]).sum()))

    assert network.parameters["w"].shape == (27,)
    assert network.predict(image.reshape(1, 20)).item() == pytest.approx(wanted, rel=EXACT)
    assert network.example(image, 0.0).prediction.data == pytest.approx(wanted, rel=EXACT)  # an image serves as a row


C4, C8 = ["c_1", "c_2", "c_3", "c_4"], [f"c_{i}" for i in range(1, 9)]
W4, W8 = ["w_1", "w_2", "w_3", "w_4"], [f"w_{i}" for i in range(1, 9)]
SUV = ["s_1", "s_2", "u_1", "u_2", "v_1", "v_2"]
PIXELS = [f"p_{i}" for i in range(1, 10)]


@pytest.mark.parametrize(
    ("name", "inputs", "parameters", "units"),
    [
        ("single_layer", ["x_1", "x_2"], [*SUV, "w_1", "w_2", "w_3"], 3),
        ("conv_average", PIXELS, C4, 4),
        ("conv_linear", PIXELS, [*C4, *W4], 4),
        ("two_conv_average", PIXELS, C8, 8),
        ("two_conv_average_linear", PIXELS, [*C8, "w_1", "w_2"], 8),
        ("two_conv_linear", PIXELS, [*C8, *W8], 8),
    ],
)
def test_every_scalar_has_the_lectures_name(name: str, inputs: list[str], parameters: list[str], units: int) -> None:
    example = NETWORKS[name](regularise=0.1).example(np.ones(len(inputs)), 1.0)
    z, a = [f"z_{i}" for i in range(1, units + 1)], [f"a_{i}" for i in range(1, units + 1)]
    nodes = topological(example.loss)

    assert [v.label for v in example.inputs] == inputs
    assert list(example.parameters) == [v.label for v in example.parameters.values()] == parameters
    assert [v.label for v in example.z] == z
    assert [v.parents[0].label for v in example.z] == a
    assert (example.y.label, example.prediction.label, example.loss.label) == ("y", "y_hat", "f")
    assert sorted(v.label for v in nodes if v.label) == sorted([*inputs, *parameters, *a, *z, "y", "y_hat", "f"])
    assert all(v.label for v in nodes if v.op is None)


@pytest.mark.parametrize(
    ("k", "labels"),
    [
        (1, ["s_1", "s_2"]),
        (2, ["s_1", "s_2", "u_1", "u_2"]),
        (3, SUV),
        (5, ["s_1_1", "s_1_2", "s_2_1", "s_2_2", "s_3_1", "s_3_2", "s_4_1", "s_4_2", "s_5_1", "s_5_2"]),
    ],
)
def test_rows_are_s_u_v_and_numbered_beyond_three(k: int, labels: list[str]) -> None:
    network = single_layer(m=2, k=k)
    assert network.labels("S") == labels
    assert list(network.example([1.0, 2.0], 0.0).parameters) == [*labels, *[f"w_{i}" for i in range(1, k + 1)]]


def test_an_image_of_one_window_keeps_both_names() -> None:
    example = conv_average(image=(2, 2)).example([1.0, 0.0, 0.0, 1.0], 1.0)
    assert example.z[0].label == "z_1"
    assert example.prediction.label == "y_hat"
    assert example.prediction.data == example.z[0].data


@NAMES
def test_the_scalars_stand_in_the_order_of_the_tensors(name: str) -> None:
    network = NETWORKS[name](seed=4)
    numbers = np.concatenate([p.data.ravel() for p in network.parameters.values()]).tolist()
    example = network.example(np.ones(network.inputs), 0.0)
    assert [v.data for v in example.parameters.values()] == numbers
    assert [p.label for p in network.parameters.values()] == list(network.parameters)


def test_exercise_2_comes_out_as_worked_by_hand() -> None:
    network = two_conv_average()
    network.parameters["c"].data = np.array([0.5, -0.5, 0.5, -0.5, 1.0, 0.0, -1.0, 0.5]).reshape(2, 1, 2, 2)
    image = [0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0]
    example = network.example(image, 1.0)
    example.loss.backward()
    c5 = example.parameters["c_5"]

    assert [f"{v.parents[0].data:.1f}" for v in example.z[4:]] == ["0.5", "0.0", "0.5", "0.0"]
    assert [f"{v.data:.4f}" for v in example.z[4:]] == ["0.6225", "0.5000", "0.6225", "0.5000"]
    assert f"{example.prediction.data:.4f}" == "0.5306"
    assert f"{example.loss.data:.4f}" == "0.2203"
    assert f"{c5.grad:.4f}" == "-0.0587"
    assert c5.grad == pytest.approx((example.prediction.data - 1.0) / 4 * 0.5, rel=EXACT)

    moved = network.parameters["c"].data.copy()
    moved[1, 0, 0, 0] = c5.data - 0.1 * c5.grad
    network.parameters["c"].data = moved
    assert f"{moved[1, 0, 0, 0]:.5f}" == "1.00587"
    assert f"{network.example(image, 1.0).loss.data:.4f}" == "0.2200"


@NAMES
def test_the_closed_form_is_silent_where_sigmoid_is_flat(name: str) -> None:
    network = NETWORKS[name](regularise=0.1, seed=1)
    row = np.full(network.inputs, -3000.0)
    assert distance(by_label(network, network.closed_form(row, 0.3)), tensor_form(network, row[None], [0.3])) <= EXACT


@NAMES
def test_no_rows_give_no_predictions(name: str) -> None:
    network = NETWORKS[name]()
    assert network.predict(np.empty((0, network.inputs))).shape == (0,)


@NAMES
def test_a_seed_gives_the_same_parameters_and_another_seed_others(name: str) -> None:
    first, same, other = NETWORKS[name](seed=7), NETWORKS[name](seed=7), NETWORKS[name](seed=8)
    assert weights(first) == weights(same)
    assert not set(weights(first).values()) & set(weights(other).values())


def test_parameters_are_drawn_with_deviation_one_half() -> None:
    S = single_layer(m=100, k=100).parameters["S"].data
    assert abs(S.mean()) < 0.02
    assert abs(S.std() - 0.5) < 0.02


@pytest.mark.parametrize("through", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
@NAMES
def test_a_copy_is_the_same_network_with_parameters_of_its_own(name: str, through: Any) -> None:
    network = NETWORKS[name](activation="relu", regularise=0.01, seed=2)
    x, y = np.random.default_rng(0).normal(size=(3, network.inputs)), np.array([0.0, 1.0, 2.0])
    before = tensor_form(network, x, y)
    twin = through(network)

    assert tensor_form(twin, x, y) == before
    assert twin.options() == network.options()
    for p in twin.parameters.values():
        p.data = p.data + 1.0
    assert tensor_form(network, x, y) == before
    assert tensor_form(twin, x, y) != before


@pytest.mark.parametrize("name", list(NETWORKS)[1:])
def test_a_network_pickled_when_the_five_were_one_class_loads(name: str) -> None:
    network = NETWORKS[name](regularise=0.1, seed=2)
    kept = vars(network) | {"name": name, "pooling": network.pooling, "linear": network.linear}
    old = ConvNetwork.__new__(ConvNetwork)
    vars(old).update(kept)
    again, x = pickle.loads(pickle.dumps(old)), np.random.default_rng(0).normal(size=(3, 9))
    assert again.name == name
    assert tensor_form(again, x, np.zeros(3)) == tensor_form(network, x, np.zeros(3))
    assert by_label(again, again.closed_form(x[0], 0.0)) == by_label(network, network.closed_form(x[0], 0.0))
    assert again.options() == network.options()


@pytest.mark.parametrize(("name", "sizes"), SIZES)
def test_options_build_the_network_again(name: str, sizes: dict[str, Any]) -> None:
    network = NETWORKS[name](**sizes, activation="relu", regularise=0.5, seed=6)
    again = NETWORKS[name](**network.options(), seed=6)
    assert weights(again) == weights(network)
    assert (again.activation, again.regularise, again.name) == ("relu", 0.5, name)


def test_the_lectures_table_lists_the_six_networks() -> None:
    assert list(LECTURE) == list(NETWORKS) == list(BY_HAND)


ROW9 = np.zeros((1, 9))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: single_layer().predict(np.zeros((4, 3))), "single_layer takes rows of 2 numbers, (n, 2), not (4, 3)"),
        (lambda: single_layer().predict(np.zeros(2)), "single_layer takes rows of 2 numbers, (n, 2), not (2,)"),
        (lambda: conv_average().predict(np.zeros((1, 3, 3))), "takes rows of 9 numbers, (n, 9), not (1, 3, 3)"),
        (lambda: conv_average().loss(np.zeros((5, 8)), np.zeros(5)), "takes rows of 9 numbers, (n, 9), not (5, 8)"),
        (lambda: conv_average().example(np.zeros(8), 1.0), "takes rows of 9 numbers, (n, 9), not (1, 8)"),
        (lambda: conv_average().example(np.zeros(9), np.ones(2)), "y of one example must be one number, not of"),
        (lambda: conv_average().loss(ROW9, np.zeros((1, 1))), "predictions have shape (1,) and the targets (1, 1)"),
        (lambda: conv_average().loss(ROW9, np.zeros(2)), "predictions have shape (1,) and the targets (2,)"),
        (lambda: single_layer(activation="tanh"), "the activation is sigmoid or relu, not 'tanh'"),
        (lambda: conv_average(regularise=-0.1), "λ must be a number ≥ 0, not -0.1"),
        (lambda: conv_average(regularise=math.nan), "λ must be a number ≥ 0, not nan"),
        (lambda: conv_average(regularise=math.inf), "λ must be a number ≥ 0, not inf"),
        (lambda: conv_average(kernel=(4, 2)), "conv_average: a kernel of 4×2 does not fit into 3×3 images"),
        (lambda: two_conv_average(image=(5, 1)), "two_conv_average: a kernel of 2×2 does not fit into 5×1 images"),
        (lambda: single_layer(k=0), "single_layer needs at least one of everything"),
        (lambda: single_layer(m=0), "single_layer needs at least one of everything"),
        (lambda: conv_average(filters=0), "conv_average needs at least one of everything"),
        (lambda: conv_average(filters=-1), "conv_average needs at least one of everything"),
        (lambda: conv_average(kernel=(0, 2)), "conv_average needs at least one of everything"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(wrong: Any, message: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011, the whole sentence is compared
        wrong()
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
