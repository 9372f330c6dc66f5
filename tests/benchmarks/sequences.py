"""One step of a character RNN, of makemore's MLP with embeddings and BatchNorm, and of a small GPT block.

Needs llvmlite and torch. Targets, against the fastest of PyTorch's eager ways: ours eager at most its time, ours compiled
at most half of it. The parts are `rnn`, `mlp` and `gpt`, in float32, as PyTorch users run them, and `rnn64` and so on in
float64. Ours are written with functions of arrays, PyTorch's with its fused layers, and the RNN also step by step.
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

CHARACTERS, HIDDEN, STEPS, BATCH = 65, 128, 24, 32  # of the RNN
NAMES, BLOCK, EMBEDDING, UNITS, ROWS = 27, 3, 10, 200, 32  # of the MLP: makemore's own
WIDTH, HEADS, CONTEXT, SEQUENCES = 64, 4, 32, 16  # of the GPT block
EPS = 1e-5


def weights(dtype, *shapes):
    """An array for each shape; those of two axes as a Linear draws them, vectors near 0."""
    rng = np.random.default_rng(0)
    return [(rng.uniform(-1.0, 1.0, s) / np.sqrt(s[-1] if len(s) > 1 else 64)).astype(dtype) for s in shapes]


def characters(count, *shape):
    return np.random.default_rng(1).integers(0, count, shape)


# The character RNN: h ← tanh(W_x e + W_h h + b) over a sequence, and every h tells the next character.
def rnn_data(dtype):
    text = characters(CHARACTERS, BATCH, STEPS + 1)
    C, H = CHARACTERS, HIDDEN
    shapes = [(C, H), (H, H), (H, H), (H,), (H,), (C, H), (C,)]
    return [text[:, :-1].copy(), text[:, 1:].copy()], weights(dtype, *shapes)


def rnn(E, Wx, Wh, bx, bh, Wo, bo, text, after):
    into = E[text.T] @ Wx.T + (bx + bh)  # (step, row, unit)
    h, states = mg.tanh(into[0]), []
    states.append(h)
    turned = Wh.T
    for t in range(1, STEPS):
        h = mg.tanh(into[t] + h @ turned)
        states.append(h)
    logits = mg.stack(states) @ Wo.T + bo
    return mg.nn.cross_entropy(logits.reshape(-1, CHARACTERS), after.T.reshape(-1))


def torch_rnn(E, Wx, Wh, bx, bh, Wo, bo, text, after):
    import torch
    from torch.nn.functional import cross_entropy, linear

    start = torch.zeros(1, len(text), HIDDEN, dtype=E.dtype)
    states, _ = torch.rnn_tanh(E[text], start, [Wx, Wh, bx, bh], True, 1, 0.0, True, False, True)  # what nn.RNN calls
    return cross_entropy(linear(states, Wo, bo).flatten(0, 1), after.flatten())


def torch_rnn_by_steps(E, Wx, Wh, bx, bh, Wo, bo, text, after):
    import torch
    from torch.nn.functional import cross_entropy, linear

    h, states = torch.zeros(len(text), HIDDEN, dtype=E.dtype), []
    for t in range(STEPS):
        h = torch.tanh(linear(E[text[:, t]], Wx, bx) + linear(h, Wh, bh))
        states.append(h)
    return cross_entropy(linear(torch.stack(states, 1), Wo, bo).flatten(0, 1), after.flatten())


# Makemore's MLP: the embeddings of some characters, a layer with BatchNorm and tanh, and the next character's logits.
def mlp_data(dtype):
    arrays = [characters(NAMES, ROWS, BLOCK), characters(NAMES, ROWS)]
    shapes = [(NAMES, EMBEDDING), (UNITS, BLOCK * EMBEDDING), (UNITS,), (UNITS,), (NAMES, UNITS), (NAMES,)]
    E, W1, gain, shift, W2, b2 = weights(dtype, *shapes)
    return arrays, [E, W1, gain + dtype(1.0), shift, W2, b2]


def normalised(x, axis):
    centred = x - mg.mean(x, axis=axis, keepdims=True)
    return centred / mg.sqrt(mg.mean(mg.square(centred), axis=axis, keepdims=True) + EPS)


def mlp(E, W1, gain, shift, W2, b2, block, after):
    x = E[block].reshape(-1, BLOCK * EMBEDDING)
    h = mg.tanh(normalised(x @ W1.T, 0) * gain + shift)
    return mg.nn.cross_entropy(h @ W2.T + b2, after)


def torch_mlp(E, W1, gain, shift, W2, b2, block, after):
    import torch
    from torch.nn.functional import batch_norm, cross_entropy, linear

    x = E[block].flatten(1)
    h = torch.tanh(batch_norm(linear(x, W1), None, None, gain, shift, True, 0.1, EPS))
    return cross_entropy(linear(h, W2, b2), after)


# The GPT block: attention and a GELU MLP, each after a layer norm and added to what came in.
def gpt_data(dtype):
    text = characters(CHARACTERS, SEQUENCES, CONTEXT + 1)
    C, V = WIDTH, CHARACTERS
    shapes = [(V, C), (CONTEXT, C), (C,), (C,), (3 * C, C), (3 * C,), (C, C), (C,), (C,), (C,)]
    shapes += [(4 * C, C), (4 * C,), (C, 4 * C), (C,), (C,), (C,), (V, C), (V,)]
    made = weights(dtype, *shapes)
    for i in (2, 8, 14):
        made[i] = made[i] + dtype(1.0)
    return [text[:, :-1].copy(), text[:, 1:].copy()], made


def gelu(x):
    return 0.5 * x * (1.0 + mg.tanh(np.sqrt(2.0 / np.pi) * (x + 0.044715 * x * x * x)))


def gpt(E, P, g1, s1, Wa, ba, Wp, bp, g2, s2, Wu, bu, Wd, bd, g3, s3, Wo, bo, text, after):
    n, head = len(text), WIDTH // HEADS
    x = E[text] + P
    qkv = (normalised(x, -1) * g1 + s1) @ Wa.T + ba
    q, k, v = qkv.reshape(n, CONTEXT, 3, HEADS, head).transpose(2, 0, 3, 1, 4)
    scores = q @ k.transpose(0, 1, 3, 2) * (1.0 / np.sqrt(head))
    scores = mg.where(np.tri(CONTEXT, dtype=bool), scores, -np.inf)
    mixed = (mg.softmax(scores) @ v).transpose(0, 2, 1, 3).reshape(n, CONTEXT, WIDTH)
    x = x + mixed @ Wp.T + bp
    x = x + gelu((normalised(x, -1) * g2 + s2) @ Wu.T + bu) @ Wd.T + bd
    logits = (normalised(x, -1) * g3 + s3) @ Wo.T + bo
    return mg.nn.cross_entropy(logits.reshape(-1, CHARACTERS), after.reshape(-1))


def torch_gpt(E, P, g1, s1, Wa, ba, Wp, bp, g2, s2, Wu, bu, Wd, bd, g3, s3, Wo, bo, text, after, fused=True):
    import torch
    from torch.nn import functional as F  # noqa: N812, as PyTorch's users write it

    n, shape = len(text), (WIDTH,)
    x = E[text] + P
    qkv = F.linear(F.layer_norm(x, shape, g1, s1, EPS), Wa, ba)
    q, k, v = (a.view(n, CONTEXT, HEADS, -1).transpose(1, 2) for a in qkv.split(WIDTH, 2))
    if fused:
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    else:
        scores = q @ k.transpose(-2, -1) * (1.0 / np.sqrt(WIDTH // HEADS))
        scores = scores.masked_fill(~torch.tril(torch.ones(CONTEXT, CONTEXT, dtype=torch.bool)), -torch.inf)
        mixed = F.softmax(scores, -1) @ v
    x = x + F.linear(mixed.transpose(1, 2).reshape(x.shape), Wp, bp)
    h = F.gelu(F.linear(F.layer_norm(x, shape, g2, s2, EPS), Wu, bu), approximate="tanh")
    x = x + F.linear(h, Wd, bd)
    return F.cross_entropy(F.linear(F.layer_norm(x, shape, g3, s3, EPS), Wo, bo).flatten(0, 1), after.flatten())


PROGRAMS = {
    "rnn": ("a character RNN", rnn_data, rnn, {"nn.RNN": torch_rnn, "a step of time at a time": torch_rnn_by_steps}),
    "mlp": ("makemore's MLP with BatchNorm", mlp_data, mlp, {"": torch_mlp}),
    "gpt": ("a GPT block", gpt_data, gpt, {"": torch_gpt, "attention written out": partial(torch_gpt, fused=False)}),
}


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
            p.data = p.data - RATE * p.grad

    def outcome():
        return numbers(backward().item(), [p.grad for p in parameters], [p.data for p in parameters])

    return Task(step, outcome)


def compiled(backend, loss, arrays, parameters):
    """The program of this batch: embeddings take their rows when it is compiled, so it has no inputs."""
    parameters = [mg.Value(p) for p in parameters]
    return trained(mg.compile(loss(*parameters, *arrays), wrt=parameters, backend=backend), [], RATE)


def step(run, part):
    title, data, loss, of_torch = PROGRAMS[part.removesuffix("64")]
    dtype = np.float64 if part.endswith("64") else np.float32
    arrays, parameters = data(dtype)
    ours = {"microgradcnn, eager": partial(eager, loss, arrays, parameters)}
    ours |= {f"microgradcnn, {b}": partial(compiled, b, loss, arrays, parameters) for b in ("numpy", "jit")}
    torch = {
        "PyTorch eager" + (way and f", {way}"): partial(peers.torch_eager, loss, parameters, arrays, RATE)
        for way, loss in of_torch.items()
    }
    kind = np.dtype(dtype).name
    title = f"{title}, {kind}"
    found = run.compare(title, ours, torch, runs=RUNS, rounds=ROUNDS, tolerance=TOLERANCES[kind])
    if found is None:
        return
    targets = {}
    if len(torch) > len(found.missing):
        targets["eager, as a share of PyTorch eager's time"] = found.share("microgradcnn, eager", torch, MOST_EAGER)
        for backend in ("numpy", "jit"):
            name = f"microgradcnn, {backend}"
            targets[f"{backend}, as a share of PyTorch eager's time"] = found.share(name, torch, MOST_COMPILED)
    run.report(part, title, found.seconds, targets, found.missing, found.unclean)


def main() -> int:
    without_blas_settings()
    run = Benchmark(__file__, [f"{part}{bits}" for bits in ("", "64") for part in PROGRAMS])
    for part in run.parts:
        step(run, part)
    return 0 if run.held else 1


if __name__ == "__main__":
    sys.exit(main())
