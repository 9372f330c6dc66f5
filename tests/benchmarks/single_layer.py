"""One gradient-descent step of `single_layer` over arrays, compiled: mean((σ(xSᵀ)w − y)²), n rows, m inputs, k units.

Needs llvmlite and threadpoolctl; of torch, jax, mygrad and autograd what is there takes part. Parts are the numbers of
rows. Targets: backend numpy at most 1.15 of the better NumPy written by hand at every size; backend jit at most 0.4 of
the fastest peer at the two small sizes and 0.85 at the three large ones. These are run three times, with arrays in
other places, and the median counts.
"""

import sys
from functools import partial

import numpy as np
import peers
from harness import Benchmark, Task, numbers, trained, without_blas_settings

RATE = 1e-3
SIZES = {n: (n, m, k) for n, m, k in [(1, 2, 3), (100, 2, 3), (1000, 30, 20), (10_000, 100, 100), (100_000, 100, 100)]}
SMALL = [1, 100]
RUNS, ROUNDS = 3, 7  # of the large sizes
MOST_OF_NUMPY, MOST_SMALL, MOST_LARGE = 1.15, 0.4, 0.85


def data(n, m, k):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((n, m)), rng.standard_normal(n)
    return x, y, [rng.standard_normal((k, m)) / np.sqrt(m), rng.standard_normal(k)]


def ours(backend, x, y, parameters):
    import microgradcnn as mg

    S, w = (mg.Value(p, label=label) for p, label in zip(parameters, "Sw", strict=True))
    # Recorded with a row or two: how many there are is decided where the program is bound.
    rows, targets = mg.Value(x[:2], label="x"), mg.Value(y[:2], label="y")
    loss = ((rows @ S.T).sigmoid() @ w - targets).square().mean()
    return trained(mg.compile(loss, wrt=[S, w], inputs=[rows, targets], backend=backend), [x, y], RATE)


def numpy_plain(x, y, parameters):
    S, w = (p.copy() for p in parameters)
    n = len(y)

    def both():
        h = x @ S.T
        np.negative(h, out=h)
        np.exp(h, out=h)
        h += 1.0
        np.reciprocal(h, out=h)
        residual = h @ w
        residual -= y
        loss = residual.dot(residual) / n

        residual *= 2.0 / n
        gradient_w = residual @ h
        g = 1.0 - h
        g *= h
        g *= residual[:, None]
        g *= w
        return loss, [g.T @ x, gradient_w]

    def step():
        for p, g in zip((S, w), both()[1], strict=True):
            g *= RATE
            p -= g

    return Task(step, lambda: numbers(*both(), [S, w]))


def numpy_blocked(x, y, parameters):
    """Blocks of rows that stay in the second-level cache, no array made twice, −S for −xSᵀ, and w left to the end."""
    S, w = (p.copy() for p in parameters)
    (k, m), n = S.shape, len(y)
    length = max(1, min(n, 40_000 // max(k, m)))
    h_, g_, residual_ = np.empty((length, k)), np.empty((length, k)), np.empty(length)
    blocks = []
    for start in range(0, n, length):
        rows = slice(start, min(start + length, n))
        count = rows.stop - start
        blocks.append((x[rows], y[rows], h_[:count], g_[:count], residual_[:count]))
    negative_S, gradient_S, gradient_w = np.empty_like(S), np.empty_like(S), np.empty_like(w)
    part_S, part_w = np.empty_like(S), np.empty_like(w)
    dot, exp, add, subtract, multiply = np.dot, np.exp, np.add, np.subtract, np.multiply

    def evaluate():
        np.negative(S, out=negative_S)
        transposed = negative_S.T
        gradient_S.fill(0.0)
        gradient_w.fill(0.0)
        loss = 0.0
        for x_b, y_b, h, g, residual in blocks:
            dot(x_b, transposed, out=h)
            exp(h, out=h)
            add(h, 1.0, out=h)
            np.reciprocal(h, out=h)
            dot(h, w, out=residual)
            subtract(residual, y_b, out=residual)
            loss += residual.dot(residual)
            dot(residual, h, out=part_w)
            add(gradient_w, part_w, out=gradient_w)
            subtract(1.0, h, out=g)
            multiply(g, h, out=g)
            multiply(g, residual[:, None], out=g)
            dot(g.T, x_b, out=part_S)
            add(gradient_S, part_S, out=gradient_S)
        multiply(gradient_S, w[:, None], out=gradient_S)
        multiply(gradient_S, 2.0 / n, out=gradient_S)
        multiply(gradient_w, 2.0 / n, out=gradient_w)
        return loss / n

    def step():
        evaluate()
        multiply(gradient_S, RATE, out=part_S)
        subtract(S, part_S, out=S)
        multiply(gradient_w, RATE, out=part_w)
        subtract(w, part_w, out=w)

    return Task(step, lambda: numbers(evaluate(), [gradient_S, gradient_w], [S, w]))


def autograd_loss(S, w, x, y):
    import autograd.numpy as anp
    from autograd.scipy.special import expit

    residual = anp.dot(expit(anp.dot(x, S.T)), w) - y
    return anp.mean(residual * residual)


def mygrad_loss(S, w, x, y):
    import mygrad as mg
    from mygrad.nnet.activations import sigmoid

    return mg.mean((mg.matmul(sigmoid(mg.matmul(x, S.T)), w) - y) ** 2)


def torch_loss(S, w, x, y):
    residual = (x @ S.T).sigmoid() @ w - y
    return (residual * residual).mean()


def jax_loss(S, w, x, y):
    from jax.nn import sigmoid

    residual = sigmoid(x @ S.T) @ w - y
    return (residual * residual).mean()


def of_library(make, loss, x, y, parameters):
    return make(loss, parameters, [x, y], RATE)


NUMPY = {"NumPy": numpy_plain, "NumPy, blocked": numpy_blocked}
PEERS = {
    **NUMPY,
    "HIPS autograd": partial(of_library, peers.hips_autograd, autograd_loss),
    "mygrad": partial(of_library, peers.mygrad, mygrad_loss),
    "PyTorch eager": partial(of_library, peers.torch_eager, torch_loss),
    "torch.compile": partial(of_library, peers.torch_compile, torch_loss),
    "torch.compile, whole step": partial(of_library, peers.torch_compile_step, torch_loss),
    "jax.jit": partial(of_library, peers.jax_jit, jax_loss),
}
OURS = {f"microgradcnn, {backend}": partial(ours, backend) for backend in ("numpy", "jit")}


def main() -> int:
    without_blas_settings()
    run = Benchmark(__file__, SIZES)
    for part in run.parts:
        size = SIZES[int(part)]
        x, y, parameters = data(*size)
        title = f"single_layer over arrays, (n, m, k) = {size}"
        ours_made, peers_made = (
            {name: partial(make, x, y, parameters) for name, make in makers.items()} for makers in (OURS, PEERS)
        )
        small = size[0] in SMALL
        repeats = {} if small else {"runs": RUNS, "rounds": ROUNDS}
        found = run.compare(title, ours_made, peers_made, **repeats)
        if found is None:
            continue
        most = MOST_SMALL if small else MOST_LARGE
        targets = {
            "numpy, as a share of NumPy written by hand": found.share("microgradcnn, numpy", NUMPY, MOST_OF_NUMPY),
            "jit, as a share of the fastest peer's time": found.share("microgradcnn, jit", PEERS, most),
        }
        run.report(part, title, found.seconds, targets, found.missing, found.unclean)
    return 0 if run.held else 1


if __name__ == "__main__":
    sys.exit(main())
