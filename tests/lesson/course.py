"""A course of five networks of every kind, as a teacher writes them: what test_course.py makes pages of."""

import numpy as np

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.networks import Network, dot, named


class Softmax(Network):
    """Three classes, with a bias."""

    formula = "−log softmax(Wx + b)"

    def __init__(self, m=2, outputs=3, activation="sigmoid", regularise=0.0, seed=0):
        self.m, self.outputs = m, outputs
        super().__init__(activation, regularise, seed)

    def shapes(self):
        return {"W": (self.outputs, self.m), "b": (self.outputs,)}

    def write_out(self, x, p):
        rows = [p["W"][i * self.m : (i + 1) * self.m] for i in range(self.outputs)]
        return [], [dot(row, x) + b for row, b in zip(rows, p["b"], strict=True)]


class MaxPool(Network):
    """One filter over an image, the largest of its z's, weighed."""

    def __init__(self, image=(3, 3), activation="sigmoid", regularise=0.0, seed=0):
        self.image = tuple(image)
        super().__init__(activation, regularise, seed)

    def shapes(self):
        return {"c": (1, 1, 2, 2), "w": (1,), "b": (1,)}

    def write_out(self, x, p):
        height, width = self.image
        corners = [r * width + s for r in range(height - 1) for s in range(width - 1)]
        z = [self.unit(p["c"], [x[i], x[i + 1], x[i + width], x[i + width + 1]], j) for j, i in enumerate(corners, 1)]
        largest = z[0]
        for j, other in enumerate(z[1:], start=2):
            largest = named(mg.maximum(largest, other), f"m_{j}")
        return z, p["w"][0] * largest + p["b"][0]


def rnn(steps=3):
    """h_t = tanh(w x_t + u h_(t-1) + b) over some steps, and ŷ = v h of the last."""
    w, u, b, v = (Value(number, label=label) for number, label in zip((0.5, -0.4, 0.1, 0.8), "wubv", strict=True))
    h = None
    for t in range(1, steps + 1):
        x = Value((0.5, -1.0, 1.5)[(t - 1) % 3], label=f"x_{t}")
        a = named(w * x + b if h is None else w * x + u * h + b, f"a_{t}")
        h = named(a.tanh(), f"h_{t}")
    return named((named(v * h, "y_hat") - Value(1.0, label="y")) ** 2, "f")


rng = np.random.default_rng(0)
layers = nn.Sequential(nn.Linear(2, 4, rng=rng), nn.Tanh(), nn.Linear(4, 3, rng=rng))
layers.example = rng.normal(size=(6, 2)), np.arange(6) % 3
filters = nn.Sequential(nn.Conv2d(1, 2, 2, rng=rng), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(2, 2, rng=rng))
filters.example = rng.normal(size=(4, 1, 3, 3)), np.arange(4) % 2
