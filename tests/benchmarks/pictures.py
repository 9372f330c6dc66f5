"""How long a picture takes, drawn and written as SVG, of perceptrons written scalar by scalar. Needs nothing.

Targets: 65 nodes in 100 ms and 500 in 1 s, every one with a box of its own; 10,000, in groups, in 5 s.
"""

import random
import sys
import time

from harness import Benchmark, Target

from microgradcnn import Value, draw
from microgradcnn.engine.gradient import topological

SIZES = {(1, 3): 0.1, (1, 11): 1.0, (17, 16): 5.0}  # rows and width of both hidden layers: seconds
ROUNDS = 5


def perceptron(rows: int, width: int) -> Value:
    """The mean squared loss of a network 2-width-width-1 over random rows, its gradients computed."""
    rng = random.Random(0)

    def leaf(label: str) -> Value:
        return Value(rng.gauss(0.0, 0.5), label=label)

    first = [[leaf(f"u_{i}_{j}") for j in range(2)] for i in range(width)]
    second = [[leaf(f"v_{i}_{j}") for j in range(width)] for i in range(width)]
    last = [leaf(f"w_{i}") for i in range(width)]
    losses = []
    for row in range(rows):
        h = [leaf(f"x_{row}_{i}") for i in range(2)]
        for layer in (first, second):
            h = [dot(weights, h).relu() for weights in layer]
        losses.append((dot(last, h) - 1.0) ** 2)
    loss = total(losses) / rows
    loss.backward()
    return loss


def dot(a: list[Value], b: list[Value]) -> Value:
    return total([x * y for x, y in zip(a, b, strict=True)])


def total(values: list[Value]) -> Value:
    found = values[0]
    for value in values[1:]:
        found = found + value
    return found


def seconds(f: Value) -> float:
    start = time.perf_counter()
    text = draw(f).svg()
    spent = time.perf_counter() - start
    assert text.endswith("</svg>")
    return spent


def main() -> int:
    run = Benchmark(__file__, ["pictures"])
    run.refuse_if_busy()
    best, targets = {}, {}
    for size, most in SIZES.items():
        f = perceptron(*size)
        name = f"{len(topological(f))} nodes in {len(draw(f).drawing.boxes)} boxes"
        best[name] = min(seconds(f) for _ in range(1 if run.check else run.rounds or ROUNDS))
        targets[name] = Target(best[name], most)
    if run.check:
        print(f"pictures: drawn, {', '.join(targets)}")
        return 0
    run.report("pictures", "pictures", best, targets)
    return 0 if run.held else 1


if __name__ == "__main__":
    sys.exit(main())
