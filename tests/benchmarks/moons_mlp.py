"""One training step of micrograd's moons network, 2-16-16-1 over 100 points: ours written scalar by scalar.

Needs llvmlite, threadpoolctl and scikit-learn; of torch, jax, mygrad, autograd and micrograd what is there takes part.
The peers write the network with arrays; micrograd, scalar by scalar too, has a process of its own, because its garbage
slows whoever shares its process. Targets, backend jit: at most 0.4 of the fastest peer's time over arrays, at least
30,000 times as fast as micrograd; from the recorded loss to the first step at most 2 s in a fresh process and 0.05 s
where the program was compiled before, imports excluded. Backend numpy, which runs the scalars as arrays: at most 2.0 of
the better NumPy written by hand, and so does the default where there is no llvmlite.
"""

import json
import os
import sys
import tempfile
import time
from functools import partial
from itertools import pairwise

import eager_scalar
import numpy as np
import peers
from eager_scalar import PENALTY, SIZES, weights
from harness import (
    Benchmark,
    Quiet,
    Target,
    Task,
    alone,
    check_equal,
    import_the_jit,
    numbers,
    trained,
    without_blas_settings,
    without_llvmlite,
)

RATE = 0.05
PARTS = ["step", "compile"]
PROCESSES = 3
MOST_OF_A_PEER, MOST_OF_NUMPY, TIMES_MICROGRAD, COLD, KEPT = 0.4, 2.0, 30_000.0, 2.0, 0.05


def data():
    """Points (100, 2), y of ±1, and the weights and biases of every layer in turn, (outputs, inputs) and (outputs,)."""
    points, y = map(np.array, eager_scalar.data())
    layers = [(np.array([ws for ws, _ in layer]), np.array([b for _, b in layer])) for layer in weights()]
    return points, y, [p for layer in layers for p in layer]


def recorded():
    """The loss of one example, the 337 parameters in the order of `data`, and the inputs."""
    from microgradcnn import Value

    points, y, _ = data()
    inputs = [Value(v, label=f"x_{i}") for i, v in enumerate(points[0], start=1)]
    target = Value(y[0], label="y")
    layers = [[([Value(w) for w in ws], Value(b)) for ws, b in layer] for layer in weights()]
    row = inputs
    for layer in layers:
        outputs = []
        for ws, b in layer:
            total = b
            for w, v in zip(ws, row, strict=True):
                total = total + w * v
            outputs.append(total if layer is layers[-1] else total.relu())
        row = outputs
    parameters = [p for layer in layers for p in (*(w for ws, _ in layer for w in ws), *(b for _, b in layer))]
    penalty = 0.0
    for p in parameters:
        penalty = penalty + p * p
    return (1.0 - target * row[0]).relu() + PENALTY * penalty, parameters, [*inputs, target]


def ours(backend):
    import microgradcnn as mg

    loss, parameters, inputs = recorded()
    points, y, _ = data()
    return trained(mg.compile(loss, wrt=parameters, inputs=inputs, backend=backend), [*points.T, y], RATE)


def by_default():
    """What somebody gets who has installed no extra and names no backend."""
    with without_llvmlite():
        return ours("auto")


def numpy_plain():
    points, y, parameters = data()
    W1, b1, W2, b2, W3, b3 = parameters
    n, y = len(y), y[:, None]

    def both():
        h1 = points @ W1.T
        h1 += b1
        np.maximum(h1, 0.0, out=h1)
        h2 = h1 @ W2.T
        h2 += b2
        np.maximum(h2, 0.0, out=h2)
        margins = h2 @ W3.T
        margins += b3
        margins *= y
        np.subtract(1.0, margins, out=margins)
        missed = margins > 0.0
        loss = margins[missed].sum() / n
        for p in parameters:
            vector = p.ravel()
            loss += PENALTY * vector.dot(vector)

        g3 = missed * y
        g3 *= -1.0 / n
        g2 = g3 * W3
        g2 *= h2 > 0.0
        g1 = g2 @ W2
        g1 *= h1 > 0.0
        gradients = [g1.T @ points, g1.sum(0), g2.T @ h1, g2.sum(0), g3.T @ h2, g3.sum(0)]
        for g, p in zip(gradients, parameters, strict=True):
            g += 2.0 * PENALTY * p
        return loss, gradients

    def step():
        for p, g in zip(parameters, both()[1], strict=True):
            g *= RATE
            p -= g

    return Task(step, lambda: numbers(*both(), parameters))


def numpy_lean():
    """Parameters in one vector, biases as one more column of the weights, and no array made twice."""
    points, y, parameters = data()
    n = len(y)
    shapes = [(outputs, inputs + 1) for inputs, outputs in pairwise(SIZES)]
    ends = np.cumsum([0, *(outputs * inputs for outputs, inputs in shapes)])
    flat, gradient, move = np.empty((3, ends[-1]))

    def layers(vector):
        return [vector[a:b].reshape(s) for (a, b), s in zip(pairwise(ends), shapes, strict=True)]

    def split(vector):
        return [part for layer in layers(vector) for part in (layer[:, :-1], layer[:, -1])]

    for place, p in zip(split(flat), parameters, strict=True):
        place[...] = p
    (A1, A2, A3), (G1, G2, G3) = layers(flat), layers(gradient)
    A1t, A2t, A2w, a3, w3, g3 = A1.T, A2.T, A2[:, :-1], A3[0], A3[0, :-1], G3[0]
    x = np.column_stack([points, np.ones(n)])
    h1, h2 = np.ones((2, n, 17))  # the last column stays: the biases' input
    h1_units, h2_units = h1[:, :-1], h2[:, :-1]
    z, d, on, s, share = np.empty((n, 16)), np.empty((n, 16)), np.empty((n, 16), bool), np.empty(n), y / -n
    dot, maximum, multiply, subtract, greater = np.dot, np.maximum, np.multiply, np.subtract, np.greater

    def evaluate():
        dot(x, A1t, out=z)
        maximum(z, 0.0, out=h1_units)
        dot(h1, A2t, out=z)
        maximum(z, 0.0, out=h2_units)
        dot(h2, a3, out=s)
        multiply(s, y, out=s)
        subtract(1.0, s, out=s)
        maximum(s, 0.0, out=s)
        loss = s.sum() / n + PENALTY * dot(flat, flat)

        g = (s > 0.0) * share
        dot(g, h2, out=g3)
        multiply(g[:, None], w3, out=d)
        greater(h2_units, 0.0, out=on)
        multiply(d, on, out=d)
        dot(d.T, h1, out=G2)
        dot(d, A2w, out=z)
        greater(h1_units, 0.0, out=on)
        multiply(z, on, out=z)
        dot(z.T, x, out=G1)
        multiply(flat, 2.0 * PENALTY, out=move)
        np.add(gradient, move, out=gradient)
        return loss

    def step():
        evaluate()
        multiply(gradient, RATE, out=move)
        subtract(flat, move, out=flat)

    return Task(step, lambda: numbers(evaluate(), split(gradient), split(flat)))


def autograd_loss(W1, b1, W2, b2, W3, b3, x, y):
    import autograd.numpy as anp

    h = anp.maximum(anp.dot(x, W1.T) + b1, 0.0)
    h = anp.maximum(anp.dot(h, W2.T) + b2, 0.0)
    loss = anp.mean(anp.maximum(1.0 - y * (anp.dot(h, W3.T) + b3), 0.0))
    for p in (W1, b1, W2, b2, W3, b3):
        loss = loss + PENALTY * anp.sum(p * p)
    return loss


def mygrad_loss(W1, b1, W2, b2, W3, b3, x, y):
    import mygrad as mg
    from mygrad.nnet.activations import relu

    h = relu(mg.matmul(x, W1.T) + b1)
    h = relu(mg.matmul(h, W2.T) + b2)
    loss = mg.mean(relu(1.0 - y * (mg.matmul(h, W3.T) + b3)))
    for p in (W1, b1, W2, b2, W3, b3):
        loss = loss + PENALTY * mg.sum(p * p)
    return loss


def torch_loss(W1, b1, W2, b2, W3, b3, x, y):
    from torch.nn.functional import linear

    h = linear(x, W1, b1).relu()
    h = linear(h, W2, b2).relu()
    loss = (1.0 - y * linear(h, W3, b3)).relu().mean()
    return loss + PENALTY * sum((p * p).sum() for p in (W1, b1, W2, b2, W3, b3))


def jax_loss(W1, b1, W2, b2, W3, b3, x, y):
    from jax.nn import relu

    h = relu(x @ W1.T + b1)
    h = relu(h @ W2.T + b2)
    loss = relu(1.0 - y * (h @ W3.T + b3)).mean()
    return loss + PENALTY * sum((p * p).sum() for p in (W1, b1, W2, b2, W3, b3))


def over_arrays(make, loss):
    points, y, parameters = data()
    return make(loss, parameters, [points, y[:, None]], RATE)


OURS = {f"microgradcnn, {backend}": partial(ours, backend) for backend in ("jit", "numpy")}
OURS["microgradcnn, default without jit"] = by_default
PEERS = {
    "NumPy": numpy_plain,
    "NumPy, lean": numpy_lean,
    "HIPS autograd": partial(over_arrays, peers.hips_autograd, autograd_loss),
    "mygrad": partial(over_arrays, peers.mygrad, mygrad_loss),
    "PyTorch eager": partial(over_arrays, peers.torch_eager, torch_loss),
    "torch.compile": partial(over_arrays, peers.torch_compile, torch_loss),
    "torch.compile, whole step": partial(over_arrays, peers.torch_compile_step, torch_loss),
    "jax.jit": partial(over_arrays, peers.jax_jit, jax_loss),
}


def micrograd():
    """In a process of its own: the median of three steps, and the loss and gradients before them."""
    loss, parameters = eager_scalar.micrograd()

    def step():
        loss()
        for p in parameters:
            p.data -= RATE * p.grad

    outcome = [loss(), *(float(p.grad) for p in parameters)]
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return {"seconds": float(np.median(seconds)), "outcome": outcome}


def compiling():
    """In a process of its own: seconds from the recorded loss to the first step, everything imported before."""
    import microgradcnn as mg

    import_the_jit()
    loss, parameters, inputs = recorded()
    points, y, _ = data()
    start = time.perf_counter()
    program = mg.compile(loss, wrt=parameters, inputs=inputs, backend="jit")
    program.bind(*points.T, y).step(RATE)
    return time.perf_counter() - start


def by_neuron():
    """Loss and gradients before the first step in the order of `eager_scalar`: weights and bias, neuron by neuron."""
    loss, gradient, _ = numpy_plain().outcome()
    parts, start = [], 0
    for inputs, outputs in pairwise(SIZES):
        end = start + inputs * outputs
        parts.append(np.column_stack([gradient[start:end].reshape(outputs, inputs), gradient[end : end + outputs]]))
        start = end + outputs
    return np.concatenate([loss[None], *(part.ravel() for part in parts)])


def step(run, title):
    found = run.compare(title, OURS, PEERS)
    seconds, targets, missing, quiet = {}, {}, [], Quiet()
    if found is not None:
        seconds, missing = found.seconds, found.missing
        share = found.share("microgradcnn, jit", PEERS, MOST_OF_A_PEER)
        targets["jit, as a share of the fastest peer's time"] = share
        by_hand = [name for name in PEERS if name.startswith("NumPy")]
        share = found.share("microgradcnn, numpy", by_hand, MOST_OF_NUMPY)
        targets["numpy, as a share of NumPy written by hand over arrays"] = share
        share = found.share("microgradcnn, default without jit", by_hand, MOST_OF_NUMPY)
        targets["default without jit, as a share of NumPy written by hand over arrays"] = share
    try:
        import micrograd  # noqa: F401
    except ImportError as error:
        print(f"micrograd does not take part: {error}", file=sys.stderr)
        missing = [*missing, "micrograd"]
    else:
        takes = 1 if run.check else PROCESSES
        outcomes = [quiet.sample(partial(alone, __file__, "micrograd")) for _ in range(takes)]
        check_equal({"NumPy": [by_neuron()], "micrograd": [np.array(outcomes[0]["outcome"])]}, 1e-9)
        print(f"{title}: micrograd computes the same")
        if found is not None:
            seconds["micrograd"] = float(np.median([outcome["seconds"] for outcome in outcomes]))
            times = seconds["micrograd"] / seconds["microgradcnn, jit"]
            name = "jit, how many times as fast as micrograd"
            targets[name] = Target(times, TIMES_MICROGRAD, True, "microgradcnn, jit", "micrograd")
    if found is not None:
        run.report("step", title, seconds, targets, missing, found.unclean + quiet.unclean)


def compile_times(run, title):
    run.refuse_if_busy()
    cold, kept, quiet = [], [], Quiet()
    for _ in range(1 if run.check else PROCESSES):
        # A folder can only be empty once, so every cold start has a new one, and leaves it to a start from the cache.
        def cold_start():
            folder = tempfile.TemporaryDirectory()
            return folder, alone(__file__, "compile", MICROGRADCNN_CACHE=folder.name)

        folder, seconds = quiet.sample(cold_start)
        with folder:
            if not os.listdir(folder.name):
                raise ValueError("nothing was kept: the second start would be as cold as the first")
            cold.append(seconds)
            kept.append(quiet.sample(partial(alone, __file__, "compile", MICROGRADCNN_CACHE=folder.name)))
    if run.check:
        print(f"{title}: took a step, cold and from the cache")
    else:
        seconds = {"cold": float(np.median(cold)), "from the cache": float(np.median(kept))}
        targets = {
            "jit, seconds to the first step, cold": Target(seconds["cold"], COLD, unit="s"),
            "jit, seconds to the first step, from the cache": Target(seconds["from the cache"], KEPT, unit="s"),
        }
        run.report("compile", title, seconds, targets, unclean=quiet.unclean)


def main() -> int:
    without_blas_settings()
    run = Benchmark(__file__, PARTS)
    if run.alone:
        print(json.dumps({"micrograd": micrograd, "compile": compiling}[run.alone[0]]()))
        return 0
    if "step" in run.parts:
        step(run, "moons MLP 2-16-16-1 in scalars, 100 rows")
    if "compile" in run.parts:
        compile_times(run, "moons MLP in scalars, compiled")
    return 0 if run.held else 1


if __name__ == "__main__":
    sys.exit(main())
