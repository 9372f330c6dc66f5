"""micrograd's own demonstration, a 2-16-16-1 network on 100 moons written scalar by scalar, forward and backward.

Needs micrograd and scikit-learn. Each library has a process of its own, because micrograd's garbage slows whoever
shares its process. Targets: with the garbage collector on, as users have it, at most a quarter of micrograd's time;
with micrograd's collector off, at most 1.5 times its time.
"""

import gc
import json
import random
import sys
import time
from functools import partial
from itertools import pairwise

import numpy as np
from harness import Benchmark, Quiet, Target, alone, check_equal, without_blas_settings

PENALTY = 1e-4
SIZES = [2, 16, 16, 1]
ROUNDS = 5


def data():
    from sklearn.datasets import make_moons

    x, y = make_moons(n_samples=100, noise=0.1, random_state=1337)
    return x.tolist(), (2.0 * y - 1.0).tolist()


def weights():
    """Rows of (weights, bias), layer by layer, the same for both libraries."""
    rng = random.Random(1337)
    return [
        [([rng.uniform(-1, 1) for _ in range(inputs)], 0.0) for _ in range(outputs)]
        for inputs, outputs in pairwise(SIZES)
    ]


def ours():
    """A function that runs forward and backward, and the parameters."""
    from microgradcnn import Value

    layers = [[([Value(w) for w in ws], Value(b)) for ws, b in layer] for layer in weights()]
    parameters = [p for layer in layers for ws, b in layer for p in (*ws, b)]
    x, y = data()

    def score(row):
        for layer in layers:
            outputs = []
            for ws, b in layer:
                total = b
                for w, v in zip(ws, row, strict=True):
                    total = total + w * v
                outputs.append(total if layer is layers[-1] else total.relu())
            row = outputs
        return row[0]

    def loss():
        total = 0.0
        for row, target in zip(x, y, strict=True):
            total = total + (1.0 - target * score(row)).relu()
        penalty = 0.0
        for p in parameters:
            penalty = penalty + p * p
        f = total / len(x) + PENALTY * penalty
        for p in parameters:
            p.grad = None
        f.backward()
        return f.item()

    return loss, parameters


def micrograd():
    """The same with micrograd's own classes, as its demonstration writes it."""
    from micrograd.engine import Value
    from micrograd.nn import MLP

    model = MLP(SIZES[0], SIZES[1:])
    for layer, given in zip(model.layers, weights(), strict=True):
        for neuron, (ws, b) in zip(layer.neurons, given, strict=True):
            neuron.b.data = b
            for parameter, w in zip(neuron.w, ws, strict=True):
                parameter.data = w
    parameters = model.parameters()
    x, y = data()

    def loss():
        scores = [model([Value(v) for v in row]) for row in x]
        losses = [(1 + -target * s).relu() for s, target in zip(scores, y, strict=True)]
        f = sum(losses) * (1.0 / len(losses)) + PENALTY * sum(p * p for p in parameters)
        model.zero_grad()
        f.backward()
        return f.data

    return loss, parameters


LIBRARIES = {"microgradcnn": ours, "micrograd": micrograd}


def measure(library, collector):
    """In a process of its own: the fastest of three steps, and what came out."""
    loss, parameters = LIBRARIES[library]()
    f = loss()
    gc.collect()
    if not collector:
        gc.disable()
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        loss()
        seconds.append(time.perf_counter() - start)
        if not collector:
            gc.collect()
    return {"seconds": min(seconds), "outcome": [f, *(float(p.grad) for p in parameters)]}


def main() -> int:
    without_blas_settings()
    run = Benchmark(__file__, ["moons"])
    if run.alone:
        print(json.dumps(measure(run.alone[0], run.alone[1] == "on")))
        return 0
    run.refuse_if_busy()
    title, quiet = "moons, 2-16-16-1, scalar by scalar, forward and backward", Quiet()
    samples: dict[str, list[float]] = {}
    outcomes: dict[str, list[np.ndarray]] = {}
    for _ in range(1 if run.check else run.rounds or ROUNDS):
        for library in LIBRARIES:
            for collector in ("on", "off"):
                found = quiet.sample(partial(alone, __file__, library, collector))
                samples.setdefault(f"{library}, collector {collector}", []).append(found["seconds"])
                outcomes[library] = [np.array(found["outcome"])]
    check_equal(outcomes, 1e-9)
    if run.check:
        print(f"{title}: {', '.join(LIBRARIES)} compute the same")
        return 0
    seconds = {name: float(np.median(values)) for name, values in samples.items()}
    targets = {
        f"time, as a share of micrograd's, collector {way}": Target(
            seconds[ours] / seconds[peer], most, ours=ours, peer=peer
        )
        for way, ours, peer, most in (
            ("on", "microgradcnn, collector on", "micrograd, collector on", 0.25),
            ("off", "microgradcnn, collector off", "micrograd, collector off", 1.5),
        )
    }
    run.report("moons", title, seconds, targets, unclean=quiet.unclean)
    return 0 if run.held else 1


if __name__ == "__main__":
    sys.exit(main())
