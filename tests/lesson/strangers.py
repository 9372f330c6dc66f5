"""Networks of somebody who knows only the guide: a course of eleven, scalars and arrays, images and sequences."""

import numpy as np

import microgradcnn as mg
from microgradcnn import Value, exp, log, nn
from microgradcnn.networks import Network, dot, named, total

rng = np.random.default_rng(7)


def slope(g, y, x):
    return g * (mg.sigmoid(x) * (1.0 + x * (1.0 - mg.sigmoid(x))))


swish = mg.primitive("swishy", lambda x: x / (1.0 + np.exp(-x)), [slope], "x * sigmoid(x)")


class Classes(Network):
    """Three classes by softmax, with a bias."""

    formula = "−log softmax(Wx + b)"

    def __init__(self, m=4, outputs=3, activation="sigmoid", regularise=0.0, seed=0):
        self.m, self.outputs = m, outputs
        super().__init__(activation, regularise, seed)

    def shapes(self):
        return {"W": (self.outputs, self.m), "b": (self.outputs,)}

    def write_out(self, x, p):
        rows = [p["W"][i * self.m : (i + 1) * self.m] for i in range(self.outputs)]
        return [], [dot(row, x) + b for row, b in zip(rows, p["b"], strict=True)]


class Pool(Network):
    """A 2×2 filter over a 4×4 image in steps of 2, the largest of four."""

    formula = "(v·max σ(c∗p) − y)²"

    def __init__(self, image=(4, 4), activation="sigmoid", regularise=0.0, seed=0):
        self.image = tuple(image)
        super().__init__(activation, regularise, seed)

    def shapes(self):
        return {"c": (1, 1, 2, 2), "v": (1,)}

    def write_out(self, x, p):
        height, width = self.image
        corners = [r * width + s for r in range(0, height - 1, 2) for s in range(0, width - 1, 2)]
        z = [self.unit(p["c"], [x[i], x[i + 1], x[i + width], x[i + width + 1]], j) for j, i in enumerate(corners, 1)]
        best = z[0]
        for other in z[1:]:
            best = mg.maximum(best, other)
        return z, p["v"][0] * best


def pooled(filters=1):
    """Max pooling over a 4×4 image as a function of single numbers."""
    p = [Value(v, label=f"p_{i}") for i, v in enumerate(np.linspace(-1.0, 1.0, 16) ** 3, start=1)]
    outs = []
    for k in range(1, filters + 1):
        c = [Value(v, label=f"c_{k}_{i}") for i, v in enumerate((0.3, -0.2, 0.5, 0.1), start=1)]
        z = [dot(c, [p[i], p[i + 1], p[i + 4], p[i + 5]]).sigmoid() for i in (0, 2, 8, 10)]
        outs.append(mg.maximum(mg.maximum(z[0], z[1]), mg.maximum(z[2], z[3])) * Value(0.7, label=f"w_{k}"))
    return (named(total(outs), "y_hat") - Value(1.0, label="y")) ** 2


def recurrent(steps=3):
    """An RNN over three steps with shared weights."""
    w, u, b, v = (Value(number, label=label) for number, label in zip((0.5, -0.4, 0.1, 0.8), "wubv", strict=True))
    h = Value(0.0, label="h_0")
    for t in range(1, steps + 1):
        h = named((w * Value((-1.0) ** t * 0.5 * t, label=f"x_{t}") + u * h + b).tanh(), f"h_{t}")
    return (named(v * h, "y_hat") - Value(1.0, label="y")) ** 2


def attention():
    """Attention over two positions, with one number for query, key and value."""
    x_1, x_2, y = Value(0.7, label="x_1"), Value(-1.2, label="x_2"), Value(0.5, label="y")
    q, k, v = Value(0.9, label="q"), Value(-0.3, label="k"), Value(1.1, label="v")
    s_1, s_2 = named((q * x_2) * (k * x_1), "s_1"), named((q * x_2) * (k * x_2), "s_2")
    e_1, e_2 = named(exp(s_1), "e_1"), named(exp(s_2), "e_2")
    a_1, a_2 = named(e_1 / (e_1 + e_2), "a_1"), named(e_2 / (e_1 + e_2), "a_2")
    y_hat = named(a_1 * (v * x_1) + a_2 * (v * x_2), "y_hat")
    return (y_hat - y) ** 2


def deep(m=2):
    """Three hidden layers of two tanh units each."""
    numbers = np.random.default_rng(1)
    h = [Value(0.5 - i, label=f"x_{i + 1}") for i in range(m)]
    for layer, letter in enumerate("rst", start=1):
        rows = [[Value(numbers.normal(), label=f"{letter}_{i}_{j}") for j in range(1, len(h) + 1)] for i in (1, 2)]
        h = [named(dot(row, h).tanh(), f"h_{layer}_{i}") for i, row in enumerate(rows, start=1)]
    w = [Value(0.5, label="w_1"), Value(-0.7, label="w_2")]
    return (named(dot(w, h), "y_hat") - Value(1.0, label="y")) ** 2


def logistic(m=2):
    """A cross-entropy with a logarithm and a penalty λ."""
    x = [Value(0.5 * (-1) ** i, label=f"x_{i}") for i in range(1, m + 1)]
    w = [Value(0.3 * i, label=f"w_{i}") for i in range(1, m + 1)]
    y, b, penalty = Value(1.0, label="y"), Value(0.1, label="b"), Value(0.01, label="lambda")
    y_hat = named((dot(w, x) + b).sigmoid(), "y_hat")
    return -(y * log(y_hat) + (1.0 - y) * log(1.0 - y_hat)) + penalty * total([each**2 for each in w])


def own():
    """A primitive of one's own."""
    w, x, b, y = (Value(v, label=n) for n, v in (("w", 0.5), ("x", 2.0), ("b", -0.2), ("y", 1.0)))
    return (named(swish(w * x + b), "y_hat") - y) ** 2


def batch():
    """A loss over a batch in arrays."""
    x, y = Value(np.random.default_rng(2).normal(size=(5, 2)), label="x"), Value(np.array([0.0, 1, 0, 1, 1]), label="y")
    W, w = Value(np.random.default_rng(3).normal(size=(2, 3)), label="W"), Value([0.5, -0.5, 1.0], label="w")
    return (((x @ W).tanh() @ w - y) ** 2).mean()


mlp = nn.Sequential(nn.Linear(2, 6, rng=rng), nn.Tanh(), nn.Linear(6, 3, rng=rng))
mlp.example = rng.normal(size=(6, 2)), np.arange(6) % 3
cnn = nn.Sequential(nn.Conv2d(1, 2, 3, rng=rng), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 2, rng=rng))
cnn.example = rng.normal(size=(4, 1, 6, 6)), np.arange(4) % 2
