"""Graphs that more_answers.json names as more_graphs.py:NAME, one example of each in labelled scalars."""

from __future__ import annotations

import functools
import math
import operator

import numpy as np

import microgradcnn as mg
from microgradcnn import Value


def leaves(letter: str, n: int, seed: int) -> list[Value]:
    """n leaves letter_1, letter_2, ... with numbers drawn from the seed."""
    numbers = np.random.default_rng(seed).normal(size=n).round(2)
    return [Value(float(number), label=f"{letter}_{i}") for i, number in enumerate(numbers, 1)]


def named(label: str, value: Value) -> Value:
    """The value with this label."""
    value.label = label
    return value


def total(values: list[Value]) -> Value:
    """values[0] + values[1] + ..."""
    return functools.reduce(operator.add, values)


def convolved(side: int, stride: int = 1) -> list[Value]:
    """a_1, a_2, ...: a filter c_1, c_2, ... of this side, moved over an image p_1, ..., p_16 of four rows of four."""
    p, c = leaves("p", 16, 5), leaves("c", side**2, 6)
    corners = [(row, column) for row in range(0, 5 - side, stride) for column in range(0, 5 - side, stride)]
    windows = [[p[4 * (r + i // side) + k + i % side] for i in range(side**2)] for r, k in corners]
    return [
        named(f"a_{n}", total([weight * pixel for weight, pixel in zip(c, window, strict=True)]))
        for n, window in enumerate(windows, 1)
    ]


def squared_error(y_hat: Value, y: float = 1.0) -> Value:
    """f = (y_hat - y)^2."""
    return named("f", (named("y_hat", y_hat) - Value(y, label="y")) ** 2)


def logistic_loss(q: Value, y: float = 1.0) -> Value:
    """f = -(y log q + (1 - y) log(1 - q))."""
    target = Value(y, label="y")
    return named("f", -(target * mg.log(named("q", q)) + (1.0 - target) * mg.log(1.0 - q)))


def conv44_mean() -> Value:
    """A 2x2 filter, nine tanh, their average."""
    z = [named(f"z_{n}", mg.tanh(a)) for n, a in enumerate(convolved(2), 1)]
    return squared_error(total(z) / 9.0)


def conv44_max() -> Value:
    """A 3x3 filter, four sigmoids, m the largest of them, y_hat = w m + b."""
    z = [named(f"z_{n}", mg.sigmoid(a)) for n, a in enumerate(convolved(3), 1)]
    m = named("m", functools.reduce(mg.maximum, z))
    return squared_error(Value(0.8, label="w") * m + Value(-0.3, label="b"))


def conv44_pool() -> Value:
    """A 2x2 filter of stride 2, four relu, o the average of them, q = sigmoid(o)."""
    z = [named(f"z_{n}", mg.relu(a)) for n, a in enumerate(convolved(2, stride=2), 1)]
    o = named("o", total(z) / 4.0)
    return logistic_loss(mg.sigmoid(o))


def softmax_hidden() -> Value:
    """Two inputs, two tanh, three classes with bias; y_1, y_2, y_3 are one-hot."""
    x, s, u, b, d = (leaves(letter, n, 7 + n) for letter, n in [("x", 2), ("s", 2), ("u", 2), ("b", 2), ("d", 3)])
    z = [named(f"z_{n}", mg.tanh(v[0] * x[0] + v[1] * x[1] + b[n - 1])) for n, v in enumerate((s, u), 1)]
    w = [leaves(f"w_{j}", 2, 20 + j) for j in (1, 2, 3)]
    o = [named(f"o_{j}", w[j - 1][0] * z[0] + w[j - 1][1] * z[1] + d[j - 1]) for j in (1, 2, 3)]
    e = [named(f"e_{j}", mg.exp(score)) for j, score in enumerate(o, 1)]
    S = named("S", total(e))
    q = [named(f"q_{j}", part / S) for j, part in enumerate(e, 1)]
    y = [Value(number, label=f"y_{j}") for j, number in enumerate((0.0, 1.0, 0.0), 1)]
    return named("f", -total([target * mg.log(part) for target, part in zip(y, q, strict=True)]))


def wave() -> Value:
    """y_hat = a sin(2 pi k x)."""
    a, k, x = (Value(number, label=label) for label, number in [("a", 1.3), ("k", 0.4), ("x", 0.7)])
    return squared_error(a * mg.sin(2.0 * math.pi * k * x), 0.2)
