"""One gradient-descent step of an MLP 784-128-10 in float32, relu and cross-entropy, over arrays: long products.

Needs llvmlite and threadpoolctl; of torch and jax what is there takes part. Parts are batch sizes. Targets, backend
jit: at most 0.6 of the fastest peer's time, and never slower than backend numpy, beyond what is a tie. `limit` is BLAS
alone: the matrix products of the step, one after another. On one core they take 0.87 of the whole step of NumPy by hand
for 64 rows and all of it for 512, so who leaves them to BLAS does not get below that.
"""

import sys
from functools import partial

import numpy as np
import peers
from harness import Benchmark, Task, numbers, products, trained, without_blas_settings

RATE = 1e-2
WIDTHS = (784, 128, 10)
BATCHES = [64, 512]
MOST_OF_A_PEER, MOST_OF_NUMPY = 0.6, 1.05
TOLERANCE = 1e-4  # of float32


def data(n):
    """Rows (n, 784), classes one-hot (n, 10), and the parameters: W (inputs, outputs) and b of both layers."""
    rng = np.random.default_rng(0)
    inputs, hidden, classes = WIDTHS
    x = rng.random((n, inputs), dtype=np.float32)
    y = np.eye(classes, dtype=np.float32)[rng.integers(0, classes, n)]
    shapes = [(inputs, hidden), (hidden,), (hidden, classes), (classes,)]
    return x, y, [(rng.standard_normal(s) / np.sqrt(s[0])).astype(np.float32) for s in shapes]


def ours(backend, x, y, parameters):
    import microgradcnn as mg

    leaves = [mg.Value(p) for p in parameters]
    rows, targets = mg.Value(x[:2]), mg.Value(y[:2])
    W, b, V, c = leaves
    shares = mg.log_softmax(mg.relu(rows @ W + b) @ V + c, axis=1)
    program = mg.compile(-(targets * shares).sum(axis=1).mean(), leaves, [rows, targets], backend)
    return trained(program, [x, y], RATE)


def numpy_plain(x, y, parameters):
    W, b, V, c = parameters = [p.copy() for p in parameters]
    n = len(x)

    def both():
        h = x @ W
        h += b
        np.maximum(h, 0.0, out=h)
        logits = h @ V
        logits += c
        logits -= logits.max(1, keepdims=True)
        shares = np.exp(logits)
        totals = shares.sum(1, keepdims=True)
        loss = (np.log(totals[:, 0]) - (logits * y).sum(1)).mean()
        shares /= totals
        shares -= y
        shares *= np.float32(1.0 / n)
        g = shares @ V.T
        g *= h > 0.0
        return loss, [x.T @ g, g.sum(0), h.T @ shares, shares.sum(0)]

    def step():
        for p, g in zip(parameters, both()[1], strict=True):
            g *= np.float32(RATE)
            p -= g

    return Task(step, lambda: numbers(*both(), parameters))


def torch_loss(W, b, V, c, x, y):
    from torch.nn.functional import cross_entropy

    return cross_entropy((x @ W + b).relu() @ V + c, y)


def jax_loss(W, b, V, c, x, y):
    import jax

    shares = jax.nn.log_softmax(jax.nn.relu(x @ W + b) @ V + c)
    return -(y * shares).sum(1).mean()


def layers(n):
    """(outputs, inputs, columns) of each layer's product."""
    inputs, hidden, classes = WIDTHS
    return [(hidden, inputs, n), (classes, hidden, n)]


def of_library(make, loss, x, y, parameters):
    return make(loss, parameters, [x, y], RATE)


OURS = {f"microgradcnn, {backend}": partial(ours, backend) for backend in ("jit", "numpy")}
PEERS = {
    "NumPy": numpy_plain,
    "PyTorch eager": partial(of_library, peers.torch_eager, torch_loss),
    "torch.compile": partial(of_library, peers.torch_compile, torch_loss),
    "jax.jit": partial(of_library, peers.jax_jit, jax_loss),
}


def of_batch(n):
    """What makes our contenders, and what makes the peers, for so many rows."""
    arguments = data(n)
    return ({name: partial(make, *arguments) for name, make in makers.items()} for makers in (OURS, PEERS))


def step(run, batch):
    title = f"MLP 784-128-10 in float32, {batch} rows"
    found = run.compare(title, *of_batch(batch), runs=3, tolerance=TOLERANCE)
    if found is not None:
        targets = {
            "jit, as a share of the fastest peer's time": found.share("microgradcnn, jit", PEERS, MOST_OF_A_PEER),
            "jit, as a share of numpy's time": found.share("microgradcnn, jit", ["microgradcnn, numpy"], MOST_OF_NUMPY),
        }
        run.report(str(batch), title, found.seconds, targets, found.missing, found.unclean)


def limit(run):
    for batch in BATCHES:
        title = f"MLP 784-128-10 in float32, {batch} rows, beside its matrix products"
        ours_made, peers_made = of_batch(batch)
        whole = run.compare(title, ours_made, {"NumPy": peers_made["NumPy"]}, tolerance=TOLERANCE)
        blas = run.compare("", {"BLAS alone": partial(products, layers, batch, 1)}, {})
        if whole is not None and blas is not None:
            run.report("limit", title, blas.seconds | whole.seconds, {})


def main() -> int:
    without_blas_settings()
    run = Benchmark(__file__, [*BATCHES, "limit"])
    for part in run.parts:
        if part == "limit":
            limit(run)
        else:
            step(run, int(part))
    return 0 if run.held else 1


if __name__ == "__main__":
    sys.exit(main())
