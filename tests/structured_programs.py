"""Random scalar programs with repeated structure, written unit by unit: what re-rolling has to see through.

    python tests/structured_programs.py --count 5000 --ways jit jax
    python tests/structured_programs.py --networks --ways jit jax

Program i of a seed depends on (seed, i) alone. Layers, windows, recurrences, gates and penalties are written out in
scalars, in any order of their terms and factors, some with units left out, so that much of one folds and some does not.
The array program must give the loss and all gradients of the scalar one to 1e-12 of max(1, |v|), as its source says, as
NumPy runs it and on every backend that is named.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import cycle
from typing import Any

import numpy as np

import microgradcnn as mg
from microgradcnn.networks import NETWORKS, Network
from microgradcnn.targets.backends.numpy import Blocks
from microgradcnn.targets.export.source import source
from microgradcnn.targets.lines import Lines
from microgradcnn.targets.plan import in_blocks
from microgradcnn.targets.program import BACKENDS, Program
from microgradcnn.targets.rerolling.program import rerolled
from microgradcnn.targets.rerolling.running import RerolledBlocks

TOLERANCE = 1e-12
ACTIVATIONS: Sequence[Callable[[Any], Any]] = (
    mg.sigmoid,
    mg.tanh,
    mg.relu,
    mg.softplus,
    lambda v: v * v * 0.25,
    lambda v: v / (1.0 + v * v),
    lambda v: -v,
    lambda v: mg.maximum(v, 0.125),
    lambda v: 1.0 - v,
    lambda v: v**3 / 8.0,
)


class Writer:
    """Writes one program; `parameters` and `inputs` are its leaves."""

    def __init__(self, seed: int, number: int) -> None:
        self.rng = np.random.default_rng((seed, number))
        self.parameters: list[mg.Value] = []
        self.inputs: list[mg.Value] = []
        self.labelled = self.chance(0.5)

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def number(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def parameter(self, name: str) -> mg.Value:
        label = f"{name}_{len(self.parameters) + 1}" if self.labelled else None
        self.parameters.append(mg.Value(self.rng.normal(0.0, 0.7), label=label))
        return self.parameters[-1]

    def several(self, name: str, count: int) -> list[mg.Value]:
        return [self.parameter(name) for _ in range(count)]

    def total(self, terms: Sequence[Any]) -> Any:
        """The terms added up in some order, some of them by subtraction of what is negative."""
        terms = [terms[i] for i in self.rng.permutation(len(terms))] if self.shuffled else list(terms)
        found = terms[0]
        for term in terms[1:]:
            found = found + term if not self.backwards else term + found
        return found

    def times(self, a: Any, b: Any) -> Any:
        return b * a if self.shuffled and self.chance(0.3) else a * b

    def style(self) -> None:
        self.shuffled, self.backwards = self.chance(0.3), self.chance(0.2)

    # What a layer may be: from a list of scalars to a list of scalars

    def dense(self, x: list[Any]) -> list[Any]:
        count, bias = self.number(1, 5), self.chance(0.5)
        weights = [self.several("w", len(x)) for _ in range(count)]
        biases = self.several("b", count)
        sums = [self.total([self.times(w, v) for w, v in zip(row, x, strict=True)]) for row in weights]
        return [s + b for s, b in zip(sums, biases, strict=True)] if bias else sums

    def sparse(self, x: list[Any]) -> list[Any]:
        rows = [[v for v in x if self.chance(0.7)] or x[:1] for _ in range(self.number(1, 4))]
        return [self.total([self.times(self.parameter("s"), v) for v in row]) for row in rows]

    def windows(self, x: list[Any]) -> list[Any]:
        width = self.number(1, min(4, len(x)))
        height, step = len(x) // width, self.number(1, 2)
        tall, wide = self.number(1, height), self.number(1, width)
        padding = int(self.chance(0.2))
        found = []
        for _ in range(self.number(1, 3)):
            kernel = self.several("c", tall * wide)
            for r in range(-padding, height - tall + 1 + padding, step):
                for s in range(-padding, width - wide + 1 + padding, step):
                    places = [(r + i, s + j) for i in range(tall) for j in range(wide)]
                    terms = [
                        self.times(c, x[i * width + j])
                        for c, (i, j) in zip(kernel, places, strict=True)
                        if 0 <= i < height and 0 <= j < width
                    ]
                    if terms:
                        found.append(self.total(terms))
        return found[:24] or x

    def pooled(self, x: list[Any]) -> list[Any]:
        size = self.number(1, len(x))
        groups = [x[i : i + size] for i in range(0, len(x), size)]
        return [self.total(group) / len(group) for group in groups]

    def each(self, x: list[Any]) -> list[Any]:
        activation = ACTIVATIONS[self.number(0, len(ACTIVATIONS) - 1)]
        odd = self.number(0, len(x) - 1) if self.chance(0.2) else None
        return [mg.sigmoid(v) if i == odd else activation(v) for i, v in enumerate(x)]

    def scaled(self, x: list[Any]) -> list[Any]:
        return [self.times(self.parameter("g"), v) for v in x]

    def turned(self, x: list[Any]) -> list[Any]:
        return [x[i] for i in self.rng.permutation(len(x))] if self.chance(0.5) else x[::-1]

    def recurrent(self, x: list[Any]) -> list[Any]:
        size = self.number(1, 3)
        within, into = [self.several("r", size) for _ in range(size)], self.several("u", size)
        h: list[Any] = self.several("h", size)
        for v in x[:4]:
            h = [
                mg.tanh(self.total([*(self.times(w, k) for w, k in zip(row, h, strict=True)), self.times(u, v)]))
                for row, u in zip(within, into, strict=True)
            ]
        return h

    def gated(self, x: list[Any]) -> list[Any]:
        gates = self.dense(x)
        return [self.times(mg.sigmoid(gates[i % len(gates)]), v) for i, v in enumerate(x)]

    def paired(self, x: list[Any]) -> list[Any]:
        x = x[:4]
        return [self.times(a, b) for a in x for b in x]

    def weighted(self, x: list[Any]) -> list[Any]:
        powers = [mg.exp(mg.tanh(v)) for v in x]
        whole = self.total(powers)
        return [p / whole for p in powers]

    def attention(self, x: list[Any]) -> list[Any]:
        keys, values = self.several("k", len(x)), self.several("v", len(x))
        found = []
        for q in x[:3]:
            scores = [mg.exp(mg.tanh(q * k * v)) for k, v in zip(keys, x, strict=True)]
            whole = self.total(scores)
            found.append(self.total([s / whole * v for s, v in zip(scores, values, strict=True)]))
        return found

    def residual(self, x: list[Any]) -> list[Any]:
        return [a + b for a, b in zip(x, self.each(x), strict=True)]

    def loss(self) -> Any:
        """All of it: layers, a loss, and maybe a penalty."""
        self.style()
        rows = self.chance(0.85)
        leaves = [mg.Value(v, label=f"x_{i + 1}") for i, v in enumerate(self.rng.normal(0.0, 1.0, self.number(1, 9)))]
        y = mg.Value(0.5, label="y")
        self.inputs = [*leaves, y] if rows else []
        x: list[Any] = list(leaves) if rows else [float(v.data) for v in leaves]
        if not rows:
            x = self.dense(x)
        layers = (
            *(self.dense, self.dense, self.each, self.each, self.windows, self.windows, self.sparse, self.pooled),
            *(self.scaled, self.turned, self.recurrent, self.gated, self.paired, self.weighted, self.residual),
            self.attention,
        )
        for _ in range(self.number(1, 4)):
            x = layers[self.number(0, len(layers) - 1)](x)[:24]
            self.style()
            if self.labelled and self.chance(0.5):
                for i, v in enumerate(v for v in x if v.label is None):
                    v.label = f"a_{i + 1}"
        if self.chance(0.5):
            found = self.total([self.times(w, v) for w, v in zip(self.several("o", len(x)), x, strict=True)])
            target = y if rows else 0.5
            found = [(found - target) ** 2, mg.relu(1.0 - found * target), mg.softplus(found) - target * found][
                self.number(0, 2)
            ]
        else:
            found = self.total([(v - (y if rows else 0.5)) ** 2 for v in x])
        if not self.parameters:
            found = found * self.parameter("p")
        if self.chance(0.4):
            found = found + 0.01 * self.total([p * p for p in self.parameters if self.chance(0.9)] or self.parameters)
        return found


def program(seed: int, number: int) -> tuple[Program, Writer]:
    """Program number i of a seed, compiled for NumPy, and who wrote it."""
    writer = Writer(seed, number)
    loss = writer.loss()
    return mg.compile(loss, writer.parameters, writer.inputs), writer


def difference(found: Sequence[Any], expected: Sequence[Any]) -> float:
    """By how much numbers differ, of max(1, |v|)."""
    a, b = (np.concatenate([np.ravel(np.asarray(v, float)) for v in side]) for side in (found, expected))
    with np.errstate(invalid="ignore"):
        return float(
            np.max(np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, abs(a - b) / np.maximum(1.0, abs(b))))
        )


def check(seed: int, number: int, ways: Sequence[str] = ()) -> float:
    """The largest difference between the scalar program and its array program."""
    compiled, writer = program(seed, number)
    n = writer.number(1, 5)
    columns = [writer.rng.normal(0.0, 1.0, n) for _ in writer.inputs]
    return disagreement(compiled._lines, writer.parameters, columns, n, ways)


def disagreement(
    lines: Lines, wrt: Sequence[mg.Value], columns: Sequence[np.ndarray], n: int, ways: Sequence[str]
) -> float:
    """By how much the arrays of a scalar program differ from it: as their source says, and on these backends."""
    arrays = rerolled(lines)
    assert arrays is not None
    scalar = Blocks(in_blocks(lines)).trainer(wrt, columns, n)
    expected = scalar.evaluate(), scalar.gradient
    stacked = RerolledBlocks(arrays).trainer(wrt, columns, n)
    inputs, parameters = stacked.arrays(columns), stacked.trainer.parts(stacked.trainer.flat)
    names: dict[str, Any] = {}
    exec(source(arrays.lines), names)
    loss, gradients, *_ = names["program"](*inputs, *parameters)
    found = [(stacked.evaluate(), stacked.gradient)]
    found.append((loss, np.concatenate([np.ravel(g) for g in gradients])[stacked.back]))
    for way in ways:
        trainer = BACKENDS[way](arrays.lines).trainer([mg.Value(p) for p in parameters], inputs, n)
        found.append((trainer.evaluate(), np.asarray(trainer.gradient)[stacked.back]))
    return max(difference(pair, expected) for pair in found)


def networks() -> Iterator[tuple[str, Network]]:
    """The lecture's networks in all sizes up to 64 units, and to 16 filters over images of 12×12."""
    for name, kind in NETWORKS.items():
        options: list[dict[str, Any]] = [{"m": m, "k": k} for m, k in ((2, 3), (5, 16), (12, 33), (20, 64))]
        if name != "single_layer":
            images = [((3, 3), (2, 2)), ((5, 7), (2, 3)), ((9, 8), (3, 3)), ((12, 12), (3, 3)), ((12, 12), (5, 5))]
            filters = [{"filters": f} for f in (2, 5, 16)] if name.startswith("two") else [{}]
            options = [{"image": i, "kernel": k, **f} for i, k in images for f in filters]
        for sizes, activation in zip(options, cycle(("sigmoid", "relu"))):
            net = kind(**sizes, activation=activation, regularise=0.1)
            yield f"{name} {sizes}", net


def check_network(net: Network, ways: Sequence[str], n: int = 5) -> float:
    """The same of a network, at its first parameters and random rows."""
    rng, size = np.random.default_rng(0), math.prod(net.image) if net.image else net.m
    example = net.example(rng.normal(0.0, 1.0, size), 0.5)
    wrt = list(example.parameters.values())
    compiled = mg.compile(example.loss, wrt, [*example.inputs, example.y], "numpy")
    return disagreement(compiled._lines, wrt, list(rng.normal(0.0, 1.0, (size + 1, n))), n, ways)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="the number of the first program")
    parser.add_argument("--ways", nargs="*", default=[], choices=BACKENDS, help="backends to run the arrays on")
    parser.add_argument("--networks", action="store_true", help="the lecture's networks instead, in all sizes")
    options = parser.parse_args()
    os.environ["MICROGRADCNN_CACHE"] = ""  # nothing that is compiled here is needed again
    cases: Iterable[tuple[str, Callable[[], float]]]
    if options.networks:
        cases = ((name, partial(check_network, net, options.ways)) for name, net in networks())
    else:
        numbers = range(options.first, options.first + options.count)
        cases = ((f"seed {options.seed}, program {i}", partial(check, options.seed, i, options.ways)) for i in numbers)
    worst, count = 0.0, 0
    for name, run in cases:
        try:
            found = run()
        except Exception as error:
            print(f"{name}: {type(error).__name__}: {error}")
            raise
        if not found <= TOLERANCE:
            print(f"{name}: differs by {found}")
            return 1
        worst, count = max(worst, found), count + 1
    print(f"{count} programs agree to {worst:.1e}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
