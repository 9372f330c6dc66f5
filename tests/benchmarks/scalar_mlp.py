"""One gradient-descent step of a tanh network 5-8-8-1, written scalar by scalar and run as arrays: (ŷ − y)², n rows.

Needs llvmlite and threadpoolctl for the jit; of jax and autograd what is there takes part. Parts are the numbers of
rows. Target: backend numpy, which finds the arrays itself, at most 2.0 of the better NumPy written by hand over arrays,
and so is the default where there is no llvmlite.
"""

import sys
from functools import partial
from itertools import pairwise

import numpy as np
import peers
from harness import Benchmark, Task, numbers, trained, without_blas_settings, without_llvmlite

RATE = 1e-3
WIDTHS = (5, 8, 8, 1)
ROWS = [1, 200, 20_000]
MOST_OF_NUMPY = 2.0


def data(n):
    """Rows (n, 5), y, and the parameters: W (outputs, inputs) and b of every layer."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((n, WIDTHS[0])), rng.standard_normal(n)
    shapes = [shape for inputs, outputs in pairwise(WIDTHS) for shape in ((outputs, inputs), (outputs,))]
    return x, y, [rng.standard_normal(shape) / np.sqrt(shape[-1]) for shape in shapes]


def ours(backend, x, y, parameters):
    import microgradcnn as mg

    leaves = [[mg.Value(v) for v in p.ravel()] for p in parameters]
    inputs, target = [mg.Value(v) for v in x[0]], mg.Value(y[0])
    row = inputs
    for k in range(0, len(leaves), 2):
        width, sums = len(row), []
        for j, b in enumerate(leaves[k + 1]):
            total = b
            for w, v in zip(leaves[k][j * width : (j + 1) * width], row, strict=True):
                total = total + w * v
            sums.append(total)
        row = sums if k == len(leaves) - 2 else [mg.tanh(s) for s in sums]
    wrt = [v for part in leaves for v in part]
    program = mg.compile((row[0] - target) ** 2, wrt, [*inputs, target], backend)
    return trained(program, [*x.T, y], RATE)


def by_default(x, y, parameters):
    """What somebody gets who has installed no extra and names no backend."""
    with without_llvmlite():
        return ours("auto", x, y, parameters)


def numpy_plain(x, y, parameters):
    W1, b1, W2, b2, W3, b3 = parameters = [p.copy() for p in parameters]
    n = len(y)

    def both():
        h1 = x @ W1.T
        h1 += b1
        np.tanh(h1, out=h1)
        h2 = h1 @ W2.T
        h2 += b2
        np.tanh(h2, out=h2)
        residual = h2 @ W3[0]
        residual += b3
        residual -= y
        loss = residual.dot(residual) / n

        residual *= 2.0 / n
        g2 = 1.0 - h2 * h2
        g2 *= residual[:, None]
        g2 *= W3
        g1 = g2 @ W2
        g1 *= 1.0 - h1 * h1
        return loss, [g1.T @ x, g1.sum(0), g2.T @ h1, g2.sum(0), residual @ h2, residual.sum()]

    def step():
        for p, g in zip(parameters, both()[1], strict=True):
            p -= RATE * g

    return Task(step, lambda: numbers(*both(), parameters))


def numpy_lean(x, y, parameters):
    """Rows along the last axis, biases as one more column of the weights, and no array made twice."""
    shapes = [(outputs, inputs + 1) for inputs, outputs in pairwise(WIDTHS)]
    ends = np.cumsum([0, *(a * b for a, b in shapes)])
    flat, gradient, move = np.empty((3, ends[-1]))
    (A1, A2, A3), (G1, G2, G3) = (
        [vector[a:b].reshape(s) for (a, b), s in zip(pairwise(ends), shapes, strict=True)]
        for vector in (flat, gradient)
    )
    for A, W, b in zip((A1, A2, A3), parameters[::2], parameters[1::2], strict=True):
        A[:, :-1], A[:, -1] = W, b
    n = len(y)
    rows, h1, h2 = (np.ones((width + 1, n)) for width in WIDTHS[:-1])
    rows[:-1] = x.T
    u1, u2, g1, g2, residual = h1[:-1], h2[:-1], np.empty((8, n)), np.empty((8, n)), np.empty(n)
    s1, s2, w3, g3, W2 = np.empty((8, n)), np.empty((8, n)), A3[0], G3[0], A2[:, :-1]
    dot, multiply, subtract, tanh = np.dot, np.multiply, np.subtract, np.tanh

    def evaluate():
        dot(A1, rows, out=s1)
        tanh(s1, u1)
        dot(A2, h1, out=s2)
        tanh(s2, u2)
        dot(w3, h2, out=residual)
        subtract(residual, y, residual)
        loss = residual.dot(residual) / n

        multiply(residual, 2.0 / n, residual)
        dot(h2, residual, out=g3)
        multiply(u2, u2, g2)
        subtract(1.0, g2, g2)
        multiply(g2, residual, g2)
        multiply(g2, w3[:-1, None], g2)
        dot(g2, h1.T, out=G2)
        dot(W2.T, g2, out=g1)
        multiply(u1, u1, s1)
        subtract(1.0, s1, s1)
        multiply(g1, s1, g1)
        dot(g1, rows.T, out=G1)
        return loss

    def step():
        evaluate()
        multiply(gradient, RATE, move)
        subtract(flat, move, flat)

    def layers(*whole):
        return [part for A in whole for part in (A[:, :-1], A[:, -1])]

    return Task(step, lambda: numbers(evaluate(), layers(G1, G2, G3), layers(A1, A2, A3)))


def autograd_loss(W1, b1, W2, b2, W3, b3, x, y):
    import autograd.numpy as anp

    h = anp.tanh(anp.dot(anp.tanh(anp.dot(x, W1.T) + b1), W2.T) + b2)
    return anp.mean((anp.dot(h, W3[0]) + b3 - y) ** 2)


def jax_loss(W1, b1, W2, b2, W3, b3, x, y):
    import jax.numpy as jnp

    h = jnp.tanh(jnp.tanh(x @ W1.T + b1) @ W2.T + b2)
    return ((h @ W3[0] + b3 - y) ** 2).mean()


def of_library(make, loss, x, y, parameters):
    return make(loss, parameters, [x, y], RATE)


NUMPY = {"NumPy": numpy_plain, "NumPy, lean": numpy_lean}
PEERS = {
    **NUMPY,
    "HIPS autograd": partial(of_library, peers.hips_autograd, autograd_loss),
    "jax.jit": partial(of_library, peers.jax_jit, jax_loss),
}
OURS = {f"microgradcnn, {backend}": partial(ours, backend) for backend in ("numpy", "jit")}
OURS["microgradcnn, default without jit"] = by_default


def main() -> int:
    without_blas_settings()
    run = Benchmark(__file__, ROWS)
    for part in run.parts:
        arguments = data(int(part))
        title = f"tanh network 5-8-8-1 in scalars, {int(part):,} row{'s' * (part != '1')}"
        ours_made, peers_made = (
            {name: partial(make, *arguments) for name, make in makers.items()} for makers in (OURS, PEERS)
        )
        found = run.compare(title, ours_made, peers_made)
        if found is not None:
            share = found.share("microgradcnn, numpy", NUMPY, MOST_OF_NUMPY)
            targets = {"numpy, as a share of NumPy written by hand over arrays": share}
            share = found.share("microgradcnn, default without jit", NUMPY, MOST_OF_NUMPY)
            targets["default without jit, as a share of NumPy written by hand over arrays"] = share
            run.report(part, title, found.seconds, targets, found.missing, found.unclean)
    return 0 if run.held else 1


if __name__ == "__main__":
    sys.exit(main())
