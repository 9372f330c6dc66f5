"""One step of a character RNN, of makemore's MLP with embeddings and BatchNorm, and of a small GPT block.

Needs llvmlite and torch. Targets, against the fastest of PyTorch's eager ways: ours eager at most its time, ours
compiled at most half of it. The parts are "rnn float32", as PyTorch users run it, and so on. Both are written with
the functions of layers that each has, PyTorch's RNN also step by step.
"""

import sys
from functools import partial

import numpy as np
import peers
from harness import Benchmark, Task, numbers, trained, without_blas_settings

import microgradcnn as mg

RATE = 0.01
RUNS, ROUNDS = 3, 15
TOLERANCES = {"float32": 2e-4, "float64": 1e-9}
MOST_EAGER, MOST_COMPILED = 1.0, 0.5

HEADS, EPS = 4, 1e-5


def weights(dtype, *shapes):
    """An array for each shape; those of two axes as a Linear draws them, vectors near 0."""
    rng = np.random.default_rng(0)
    return [(rng.uniform(-1.0, 1.0, s) / np.sqrt(s[-1] if len(s) > 1 else 64)).astype(dtype) for s in shapes]


def embedded(E, numbers):
    """The rows of E for an array of whole numbers, or for an input of a program, which no index can be."""
    if not isinstance(numbers, mg.Value):
        return E[numbers]
    one = E.dtype.type(1.0)
    return mg.where(mg.equal(numbers.reshape(*numbers.shape, 1), np.arange(len(E), dtype=E.dtype)), one, 0.0 * one) @ E


def cross_entropy(logits, after):
    """In one node for class numbers in an array, by its steps for an input of a program."""
    return (mg.nn if isinstance(after, mg.Value) else mg).cross_entropy(logits, after)


def characters(count, *shape):
    return np.random.default_rng(1).integers(0, count, shape)


# The character RNN: h ← tanh(W_x e + W_h h + b) over a sequence, and every h tells the next character.
def rnn_data(dtype, rows, steps, C, H):
    text = characters(C, rows, steps + 1)
    shapes = [(C, H), (H, H), (H, H), (H,), (H,), (C, H), (C,)]
    return [text[:, :-1].copy(), text[:, 1:].copy()], weights(dtype, *shapes)


def rnn(E, Wx, Wh, bx, bh, Wo, bo, text, after):
    into = mg.linear(embedded(E, text), Wx, bx + bh)  # (row, step, unit)
    h, states = mg.tanh(into[:, 0]), []
    states.append(h)
    turned = Wh.T
    for t in range(1, text.shape[1]):
        h = mg.tanh(into[:, t] + h @ turned)
        states.append(h)
    logits = mg.linear(mg.stack(states, axis=1), Wo, bo)
    return cross_entropy(logits.reshape(-1, len(Wo)), after.reshape(-1))


def torch_rnn(E, Wx, Wh, bx, bh, Wo, bo, text, after):
    import torch
    from torch.nn.functional import cross_entropy, linear

    start = torch.zeros(1, len(text), len(Wh), dtype=E.dtype)
    states, _ = torch.rnn_tanh(E[text], start, [Wx, Wh, bx, bh], True, 1, 0.0, True, False, True)  # what nn.RNN calls
    return cross_entropy(linear(states, Wo, bo).flatten(0, 1), after.flatten())


def torch_rnn_by_steps(E, Wx, Wh, bx, bh, Wo, bo, text, after):
    import torch
    from torch.nn.functional import cross_entropy, linear

    h, states = torch.zeros(len(text), len(Wh), dtype=E.dtype), []
    for t in range(text.shape[1]):
        h = torch.tanh(linear(E[text[:, t]], Wx, bx) + linear(h, Wh, bh))
        states.append(h)
    return cross_entropy(linear(torch.stack(states, 1), Wo, bo).flatten(0, 1), after.flatten())


# Makemore's MLP: the embeddings of some characters, a layer with BatchNorm and tanh, and the next character's logits.
def mlp_data(dtype, rows, block, C, width, H):
    arrays = [characters(C, rows, block), characters(C, rows)]
    shapes = [(C, width), (H, block * width), (H,), (H,), (C, H), (C,)]
    E, W1, gain, shift, W2, b2 = weights(dtype, *shapes)
    return arrays, [E, W1, gain + dtype(1.0), shift, W2, b2]


def mlp(E, W1, gain, shift, W2, b2, block, after):
    x = embedded(E, block).reshape(len(block), -1)
    h = mg.tanh(mg.batch_norm(mg.linear(x, W1), None, None, gain, shift, True, 0.1, EPS))
    return cross_entropy(mg.linear(h, W2, b2), after)


def torch_mlp(E, W1, gain, shift, W2, b2, block, after):
    import torch
    from torch.nn.functional import batch_norm, cross_entropy, linear

    x = E[block].flatten(1)
    h = torch.tanh(batch_norm(linear(x, W1), None, None, gain, shift, True, 0.1, EPS))
    return cross_entropy(linear(h, W2, b2), after)


# The GPT block: attention and a GELU MLP, each after a layer norm and added to what came in.
def gpt_data(dtype, rows, T, V, C):
    text = characters(V, rows, T + 1)
    shapes = [(V, C), (T, C), (C,), (C,), (3 * C, C), (3 * C,), (C, C), (C,), (C,), (C,)]
    shapes += [(4 * C, C), (4 * C,), (C, 4 * C), (C,), (C,), (C,), (V, C), (V,)]
    made = weights(dtype, *shapes)
    for i in (2, 8, 14):
        made[i] = made[i] + dtype(1.0)
    return [text[:, :-1].copy(), text[:, 1:].copy()], made


def gpt(E, P, g1, s1, Wa, ba, Wp, bp, g2, s2, Wu, bu, Wd, bd, g3, s3, Wo, bo, text, after):
    n, (T, C) = len(text), P.shape
    x = (embedded(E, text) + P).reshape(-1, C)  # a row for each character
    qkv = mg.linear(mg.layer_norm(x, C, g1, s1, EPS), Wa, ba).reshape(n, T, 3, HEADS, C // HEADS)
    q, k, v = (qkv[:, :, i].transpose(0, 2, 1, 3) for i in range(3))
    mixed = mg.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(0, 2, 1, 3).reshape(-1, C)
    x = x + mg.linear(mixed, Wp, bp)
    h = mg.gelu(mg.linear(mg.layer_norm(x, C, g2, s2, EPS), Wu, bu), approximate="tanh")
    x = x + mg.linear(h, Wd, bd)
    return cross_entropy(mg.linear(mg.layer_norm(x, C, g3, s3, EPS), Wo, bo), after.reshape(-1))


def torch_gpt(E, P, g1, s1, Wa, ba, Wp, bp, g2, s2, Wu, bu, Wd, bd, g3, s3, Wo, bo, text, after, fused=True):
    import torch
    from torch.nn import functional as F  # noqa: N812, as PyTorch's users write it

    n, (T, C), shape = len(text), P.shape, P.shape[1:]
    x = E[text] + P
    qkv = F.linear(F.layer_norm(x, shape, g1, s1, EPS), Wa, ba)
    q, k, v = (a.view(n, T, HEADS, -1).transpose(1, 2) for a in qkv.split(C, 2))
    if fused:
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    else:
        scores = q @ k.transpose(-2, -1) * (1.0 / np.sqrt(C // HEADS))
        scores = scores.masked_fill(~torch.tril(torch.ones(T, T, dtype=torch.bool)), -torch.inf)
        mixed = F.softmax(scores, -1) @ v
    x = x + F.linear(mixed.transpose(1, 2).reshape(x.shape), Wp, bp)
    h = F.gelu(F.linear(F.layer_norm(x, shape, g2, s2, EPS), Wu, bu), approximate="tanh")
    x = x + F.linear(h, Wd, bd)
    return F.cross_entropy(F.linear(F.layer_norm(x, shape, g3, s3, EPS), Wo, bo).flatten(0, 1), after.flatten())


WAYS = {
    "rnn": (rnn_data, rnn, {"nn.RNN": torch_rnn, "step by step": torch_rnn_by_steps}),
    "mlp": (mlp_data, mlp, {"": torch_mlp}),
    "gpt": (gpt_data, gpt, {"": torch_gpt, "attention written out": partial(torch_gpt, fused=False)}),
}
PARTS = {
    "rnn": ("character RNN, 32 times 16 of 27 characters, 64 units", (32, 16, 27, 64)),
    "mlp": (
        "makemore's MLP with BatchNorm, 32 times 3 of 27 characters in 10 numbers, 200 units",
        (32, 3, 27, 10, 200),
    ),
    "gpt": ("GPT block, 16 times 16 of 65 characters in 32 numbers", (16, 16, 65, 32)),
    "rnn-large": ("character RNN, 32 times 32 of 65 characters, 128 units", (32, 32, 65, 128)),
    "gpt-large": ("GPT block, 16 times 32 of 65 characters in 64 numbers", (16, 32, 65, 64)),
}


def of_part(part, kind):
    """The arrays, the parameters, our loss and PyTorch's."""
    data, ours, of_torch = WAYS[part.partition("-")[0]]
    return *data(np.dtype(kind).type, *PARTS[part][1]), ours, of_torch


def eager(loss, arrays, parameters):
    parameters = [mg.Value(p) for p in parameters]

    def backward():
        for p in parameters:
            p.grad = None
        value = loss(*parameters, *arrays)
        value.backward()
        return value

    def step():
        backward()
        for p in parameters:
            p.data -= RATE * p.grad

    def outcome():
        return numbers(backward().item(), [p.grad for p in parameters], [p.data for p in parameters])

    return Task(step, outcome)


def compiled(backend, loss, arrays, parameters):
    """A program for any number of rows; of BatchNorm, which mixes them, one for this batch."""
    parameters = [mg.Value(p) for p in parameters]
    if loss is mlp:
        return trained(mg.compile(loss(*parameters, *arrays), wrt=parameters, backend=backend), [], RATE)
    inputs = [mg.Value(a[:2].astype(parameters[0].dtype)) for a in arrays]
    program = mg.compile(loss(*parameters, *inputs), wrt=parameters, inputs=inputs, backend=backend)
    return trained(program, arrays, RATE)


def step(run, part, kind):
    arrays, parameters, loss, of_torch = of_part(part, kind)
    ours = {"microgradcnn, eager": partial(eager, loss, arrays, parameters)}
    ours |= {f"microgradcnn, {b}": partial(compiled, b, loss, arrays, parameters) for b in ("numpy", "jit")}
    torch = {
        "PyTorch eager" + (way and f", {way}"): partial(peers.torch_eager, loss, parameters, arrays, RATE)
        for way, loss in of_torch.items()
    }
    title = f"{PARTS[part][0]}, {kind}"
    found = run.compare(title, ours, torch, runs=RUNS, rounds=ROUNDS, tolerance=TOLERANCES[kind])
    if found is None:
        return
    targets = {}
    if len(torch) > len(found.missing):
        for name in ours:
            most = MOST_EAGER if name.endswith("eager") else MOST_COMPILED
            targets[f"{name.split()[1]}, as a share of PyTorch eager's time"] = found.share(name, torch, most)
    run.report(f"{part} {kind}", title, found.seconds, targets, found.missing, found.unclean)


def main() -> int:
    without_blas_settings()
    run = Benchmark(__file__, [f"{part} {kind}" for kind in TOLERANCES for part in PARTS])
    for part in run.parts:
        step(run, *part.split())
    return 0 if run.held else 1


if __name__ == "__main__":
    sys.exit(main())
