"""One step of `single_layer`, forward, backward and update, written with arrays, against other eager libraries.

Needs torch, mygrad and autograd. Target: faster than each at (n, m, k) = (100, 2, 3) and (1000, 30, 20).
"""

import sys
from functools import partial

import numpy as np
from harness import Benchmark, Task, without_blas_settings

RATE = 1e-3
SIZES = [(100, 2, 3), (1000, 30, 20)]


def data(n, m, k):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n, m)), rng.normal(size=n)
    x.setflags(write=False)
    y.setflags(write=False)
    return x, y, rng.normal(size=(k, m)) / np.sqrt(m), rng.normal(size=k)


def ours(x, y, S0, w0):
    from microgradcnn import Value

    S, w = Value(S0, label="S"), Value(w0, label="w")

    def backward():
        S.grad = w.grad = None
        f = ((x @ S.T).sigmoid() @ w - y).square().mean()
        f.backward()
        return f

    def step():
        backward()
        S.data = S.data - RATE * S.grad
        w.data = w.data - RATE * w.grad

    return Task(step, lambda: [np.asarray(backward().item()), S.grad, w.grad])


def ours_writeable(x, y, S0, w0):
    """The same on arrays that somebody could still write to, which have to be copied in every step."""
    return ours(x.copy(), y.copy(), S0, w0)


def torch_eager(x, y, S0, w0):
    import torch

    x, y = torch.tensor(x), torch.tensor(y)
    S, w = (torch.tensor(p, requires_grad=True) for p in (S0, w0))

    def backward():
        S.grad = w.grad = None
        f = ((x @ S.T).sigmoid() @ w - y).square().mean()
        f.backward()
        return f

    def step():
        backward()
        with torch.no_grad():
            S.sub_(S.grad, alpha=RATE)
            w.sub_(w.grad, alpha=RATE)

    return Task(step, lambda: [backward().detach().numpy(), S.grad.numpy(), w.grad.numpy()])


def mygrad(x, y, S0, w0):
    import mygrad as mg
    from mygrad.nnet.activations import sigmoid

    mg.turn_memory_guarding_off()
    S, w = mg.tensor(S0.copy()), mg.tensor(w0.copy())

    def backward():
        f = mg.mean((mg.matmul(sigmoid(mg.matmul(x, S.T)), w) - y) ** 2)
        f.backward()
        return f

    def step():
        backward()
        S.data -= RATE * S.grad
        w.data -= RATE * w.grad

    return Task(step, lambda: [np.asarray(backward().item()), S.grad, w.grad])


def hips_autograd(x, y, S0, w0):
    import autograd.numpy as anp
    from autograd import value_and_grad
    from autograd.scipy.special import expit

    parameters = [S0.copy(), w0.copy()]

    def loss(p):
        return anp.mean((anp.dot(expit(anp.dot(x, p[0].T)), p[1]) - y) ** 2)

    both = value_and_grad(loss)

    def step():
        for p, g in zip(parameters, both(parameters)[1], strict=True):
            p -= RATE * g

    def outcome():
        f, gradients = both(parameters)
        return [np.asarray(f), *gradients]

    return Task(step, outcome)


OURS = {"microgradcnn": ours, "microgradcnn, writeable arrays": ours_writeable}
PEERS = {"torch eager": torch_eager, "mygrad": mygrad, "autograd": hips_autograd}


def of_data(make, size):
    return make(*data(*size))


def main() -> int:
    without_blas_settings()
    sizes = {str(size[0]): size for size in SIZES}
    run = Benchmark(__file__, sizes)
    for part in run.parts:
        size = sizes[part]
        title = f"single_layer, one step, (n, m, k) = {size}, float64"
        # Each has arrays of its own: some write into them.
        made = [{name: partial(of_data, make, size) for name, make in makers.items()} for makers in (OURS, PEERS)]
        found = run.compare(title, *made)
        if found is None:
            continue
        there = [name for name in PEERS if name not in found.missing]
        targets = {f"time, as a share of {n}'s": found.share("microgradcnn", [n], 1.0) for n in there}
        run.report(part, title, found.seconds, targets, found.missing, found.unclean)
    return 0 if run.held else 1


if __name__ == "__main__":
    sys.exit(main())
