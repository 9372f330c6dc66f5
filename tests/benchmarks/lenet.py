"""One step of LeNet by gradient descent, float32, eager and compiled, for batches of 64 and 256 images, and its memory.

Needs llvmlite and threadpoolctl; of torch, jax, mygrad and tinygrad what is there takes part. Targets: backend jit
ahead of PyTorch eager and of torch.compile; backend numpy ahead of NumPy written by hand; eager at most 1.2 of PyTorch
eager's time, and half of mygrad's; the peak of memory of a compiled step of 256 images beyond what was there before at
most 1.5 times PyTorch eager's. `limit` is BLAS alone: the matrix products of the step, one after another on all cores
and in halves of the batch on a core each.
"""

import json
import sys
from functools import partial

import numpy as np
import peers
from harness import Benchmark, Target, Task, alone, numbers, peak_memory, products, trained, without_blas_settings

RATE = 0.01
BATCHES = [64, 256]
RUNS, ROUNDS = 3, 9
TOLERANCE = 1e-4  # of float32: sums over 147,456 numbers, in another order
MOST_OF_TORCH, MOST_OF_NUMPY, MOST_EAGER, MOST_OF_MYGRAD, MOST_MEMORY = 1.0, 1.0, 1.2, 0.5, 1.5


def data(batch):
    import microgradcnn as mg

    rng = np.random.default_rng(0)
    images, classes = rng.standard_normal((batch, 1, 28, 28)).astype(np.float32), rng.integers(0, 10, batch)
    return images, classes, [p.data for p in mg.nn.lenet(rng=rng, dtype=np.float32).parameters()]


def model_of(parameters):
    import microgradcnn as mg

    model = mg.nn.lenet(rng=np.random.default_rng(0), dtype=np.float32)
    for p, start in zip(model.parameters(), parameters, strict=True):
        p.data = start
    return model


def eager(images, classes, parameters):
    import microgradcnn as mg

    model = model_of(parameters)  # and the images an array, to which no gradient goes, as with the other libraries
    parameters = model.parameters()

    def backward():
        for p in parameters:
            p.grad = None
        loss = mg.nn.cross_entropy(model(images), classes)
        loss.backward()
        return loss

    def step():
        backward()
        for p in parameters:
            p.data = p.data - np.float32(RATE) * p.grad

    def outcome():
        return numbers(backward().item(), [p.grad for p in parameters], [p.data for p in parameters])

    return Task(step, outcome)


def compiled(backend, images, classes, parameters):
    import microgradcnn as mg

    model = model_of(parameters)
    x, target = mg.Value(images[:2], label="x"), mg.Value(classes[:2].astype(np.float32), label="target")
    loss = mg.nn.cross_entropy(model(x), target)
    program = mg.compile(loss, wrt=model.parameters(), inputs=[x, target], backend=backend)
    return trained(program, [images, classes], RATE)


def numpy_channels_first(images, classes, parameters):
    """The layout (channel, row, column, image), in which windows and pooling are long runs, and buffers made once."""
    W1, b1, W2, b2, W3, b3, W4, b4, W5, b5 = parameters = [p.copy() for p in parameters]
    n, rows = len(images), np.arange(len(images))
    quarter = np.float32(0.25)

    def buffer(*shape):
        return np.empty(shape, np.float32)

    x = buffer(1, 28, 28, n)
    first = _Convolution(x, W1, b1)
    second = _Convolution(first.pooled, W2, b2, with_input=True)
    features = second.pooled.reshape(256, n)
    h3, h4, logits = buffer(120, n), buffer(84, n), buffer(10, n)
    g3, g4, flat = buffer(120, n), buffer(84, n), buffer(256, n)
    gradients = [np.empty_like(p) for p in parameters]
    G1, g_b1, G2, g_b2, G3, g_b3, G4, g_b4, G5, g_b5 = gradients

    def dense(W, b, h, out):
        np.dot(W, h, out=out)
        np.add(out, b[:, None], out=out)

    def dense_back(g, W, h, G, g_b, out):
        np.dot(g, h.T, out=G)
        g.sum(1, out=g_b)
        np.dot(W.T, g, out=out)

    def evaluate():
        np.copyto(x[0], images.reshape(n, 784).T.reshape(28, 28, n))
        first.forward()
        second.forward()
        dense(W3, b3, features, h3)
        np.maximum(h3, 0, out=h3)
        dense(W4, b4, h3, h4)
        np.maximum(h4, 0, out=h4)
        dense(W5, b5, h4, logits)
        np.subtract(logits, logits.max(0), out=logits)
        of_class = logits[classes, rows].sum()
        np.exp(logits, out=logits)
        total = logits.sum(0)
        loss = (np.log(total).sum() - of_class) / n

        np.divide(logits, total * n, out=logits)
        logits[classes, rows] -= np.float32(1 / n)
        dense_back(logits, W5, h4, G5, g_b5, g4)
        np.multiply(g4, h4 > 0, out=g4)
        dense_back(g4, W4, h3, G4, g_b4, g3)
        np.multiply(g3, h3 > 0, out=g3)
        dense_back(g3, W3, features, G3, g_b3, flat)
        np.multiply(flat, quarter, out=flat)
        g = second.backward(flat.reshape(16, 4, 4, n), G2, g_b2)
        np.multiply(g, quarter, out=g)
        first.backward(g, G1, g_b1)
        return loss

    def step():
        evaluate()
        for p, g in zip(parameters, gradients, strict=True):
            np.multiply(g, np.float32(RATE), out=g)
            np.subtract(p, g, out=p)

    return Task(step, lambda: numbers(evaluate(), gradients, parameters))


class _Convolution:
    """A 5×5 convolution with relu and 2×2 average pooling over (channel, row, column, image), in buffers of its own."""

    def __init__(self, x, W, b, with_input=False):
        height, n, filters = x.shape[1], x.shape[3], len(W)
        size = height - 4
        self.W, self.b = W.reshape(filters, -1), b
        windows = np.lib.stride_tricks.sliding_window_view(x, (5, 5), axis=(1, 2))
        self.windows = windows.transpose(0, 4, 5, 1, 2, 3)
        self.columns = np.empty(self.windows.shape, x.dtype)
        self.z = np.empty((filters, size, size, n), x.dtype)
        self.halves = np.empty((filters, size, size // 2, n), x.dtype)
        self.pooled = np.empty((filters, size // 2, size // 2, n), x.dtype)
        self.g, self.positive = np.empty_like(self.z), np.empty(self.z.shape, bool)
        if with_input:
            self.g_columns, self.g_x = np.empty_like(self.columns), np.empty_like(x)
        self.with_input, self.size = with_input, size

    def forward(self):
        np.copyto(self.columns, self.windows)
        z = self.z.reshape(len(self.W), -1)
        np.dot(self.W, self.columns.reshape(self.W.shape[1], -1), out=z)
        np.add(z, self.b[:, None], out=z)
        np.maximum(z, 0, out=z)
        np.add(self.z[:, :, 0::2], self.z[:, :, 1::2], out=self.halves)
        np.add(self.halves[:, 0::2], self.halves[:, 1::2], out=self.pooled)
        np.multiply(self.pooled, np.float32(0.25), out=self.pooled)

    def backward(self, g_pooled, G, g_b):
        """The gradients of kernel and bias, and what each input receives, from a quarter of the pooled cotangent."""
        half, n = self.size // 2, g_pooled.shape[-1]
        np.greater(self.z, 0, out=self.positive)
        split = (len(self.W), half, 2, half, 2, n)
        np.multiply(self.positive.reshape(split), g_pooled[:, :, None, :, None], out=self.g.reshape(split))
        g, columns = self.g.reshape(len(self.W), -1), self.columns.reshape(self.W.shape[1], -1)
        np.dot(g, columns.T, out=G.reshape(self.W.shape))
        g.sum(1, out=g_b)
        if not self.with_input:
            return None
        np.dot(self.W.T, g, out=self.g_columns.reshape(columns.shape))
        self.g_x.fill(0.0)
        for i in range(5):
            for j in range(5):
                place = self.g_x[:, i : i + self.size, j : j + self.size]
                np.add(place, self.g_columns[:, i, j], out=place)
        return self.g_x


def mygrad_loss(W1, b1, W2, b2, W3, b3, W4, b4, W5, b5, images, classes):
    import mygrad as mg
    from mygrad.nnet.activations import relu
    from mygrad.nnet.layers import conv_nd
    from mygrad.nnet.losses import softmax_crossentropy

    def pooled(h):
        n, channels, height, width = h.shape
        return mg.mean(h.reshape(n, channels, height // 2, 2, width // 2, 2), axis=(3, 5))

    h = pooled(relu(conv_nd(images, W1, stride=1) + b1.reshape(1, 6, 1, 1)))
    h = pooled(relu(conv_nd(h, W2, stride=1) + b2.reshape(1, 16, 1, 1))).reshape(len(images), 256)
    h = relu(mg.matmul(h, W3.T) + b3)
    h = relu(mg.matmul(h, W4.T) + b4)
    return softmax_crossentropy(mg.matmul(h, W5.T) + b5, classes)


def torch_loss(W1, b1, W2, b2, W3, b3, W4, b4, W5, b5, images, classes):
    from torch.nn.functional import avg_pool2d, conv2d, cross_entropy, linear

    h = avg_pool2d(conv2d(images, W1, b1).relu(), 2)
    h = avg_pool2d(conv2d(h, W2, b2).relu(), 2).flatten(1)
    h = linear(h, W3, b3).relu()
    h = linear(h, W4, b4).relu()
    return cross_entropy(linear(h, W5, b5), classes)


def jax_loss(W1, b1, W2, b2, W3, b3, W4, b4, W5, b5, images, classes):
    import jax

    def pooled(h, W, b):
        h = jax.nn.relu(jax.lax.conv_general_dilated(h, W, (1, 1), "VALID") + b[:, None, None])
        n, channels, height, width = h.shape
        return h.reshape(n, channels, height // 2, 2, width // 2, 2).mean((3, 5))

    h = pooled(pooled(images, W1, b1), W2, b2).reshape(len(images), 256)
    h = jax.nn.relu(h @ W3.T + b3)
    h = jax.nn.relu(h @ W4.T + b4)
    log_p = jax.nn.log_softmax(h @ W5.T + b5)
    return -jax.numpy.take_along_axis(log_p, classes[:, None], 1).mean()


def tinygrad_loss(W1, b1, W2, b2, W3, b3, W4, b4, W5, b5, images, classes):
    h = images.conv2d(W1, b1).relu().avg_pool2d(2)
    h = h.conv2d(W2, b2).relu().avg_pool2d(2).flatten(1)
    h = h.linear(W3.T, b3).relu().linear(W4.T, b4).relu().linear(W5.T, b5)
    return h.sparse_categorical_crossentropy(classes)


def of_library(make, loss, images, classes, parameters):
    return make(loss, parameters, [images, classes], RATE)


TORCH = {
    "PyTorch eager": partial(of_library, peers.torch_eager, torch_loss),
    "torch.compile": partial(of_library, peers.torch_compile, torch_loss),
}
PEERS = {
    "NumPy": numpy_channels_first,
    "mygrad": partial(of_library, peers.mygrad, mygrad_loss),
    **TORCH,
    "jax.jit": partial(of_library, peers.jax_jit, jax_loss),
    "tinygrad": partial(of_library, peers.tinygrad_jit, tinygrad_loss),
}
OURS = {
    "microgradcnn, eager": eager,
    "microgradcnn, numpy": partial(compiled, "numpy"),
    "microgradcnn, jit": partial(compiled, "jit"),
}


def layers(n):
    """(outputs, inputs, columns) of each layer's product, over windows as (weights of a filter, pixels·images)."""
    return [(6, 25, 576 * n), (16, 150, 64 * n), (120, 256, n), (84, 120, n), (10, 84, n)]


def step(run, batch):
    images, classes, parameters = data(batch)
    title = f"LeNet in float32, {batch} images"
    ours_made, peers_made = (
        {name: partial(make, images, classes, parameters) for name, make in makers.items()} for makers in (OURS, PEERS)
    )
    found = run.compare(title, ours_made, peers_made, runs=RUNS, rounds=ROUNDS, tolerance=TOLERANCE)
    if found is None:
        return
    targets = {
        f"jit, as a share of {peer}'s time": found.share("microgradcnn, jit", [peer], MOST_OF_TORCH)
        for peer in TORCH
        if peer not in found.missing
    }
    targets["numpy, as a share of the time of NumPy by hand"] = found.share(
        "microgradcnn, numpy", ["NumPy"], MOST_OF_NUMPY
    )
    if "PyTorch eager" not in found.missing:
        targets["eager, as a share of PyTorch eager's time"] = found.share(
            "microgradcnn, eager", ["PyTorch eager"], MOST_EAGER
        )
    if "mygrad" not in found.missing:
        targets["eager, as a share of mygrad's time"] = found.share("microgradcnn, eager", ["mygrad"], MOST_OF_MYGRAD)
    run.report(str(batch), title, found.seconds, targets, found.missing, found.unclean)


def limit(run):
    for batch in BATCHES:
        images, classes, parameters = data(batch)
        ours_made = {"microgradcnn, jit": partial(compiled, "jit", images, classes, parameters)}
        whole = run.compare("", ours_made, {}, rounds=ROUNDS, tolerance=TOLERANCE)
        alone_made = {f"BLAS alone, {p} at a time": partial(products, layers, batch, p) for p in (1, 2)}
        blas = run.compare("", alone_made, {}, rounds=ROUNDS)
        if whole is not None and blas is not None:
            seconds = blas.seconds | whole.seconds
            run.report("limit", f"LeNet in float32, {batch} images, beside its matrix products", seconds, {})


def memory(batch, name):
    """Bytes that a few steps take at their peak beyond what was there: in a process of its own."""
    images, classes, parameters = data(batch)
    make = (OURS | PEERS)[name]
    make(*(a[:2] for a in (images, classes)), parameters).step()  # all that is needed whatever the batch
    before = peak_memory()
    task = make(images, classes, parameters)
    for _ in range(5):
        task.step()
    return peak_memory() - before


def memories(run):
    batch = BATCHES[-1]
    names = [*OURS, "NumPy", "PyTorch eager"]
    found = {name: alone(__file__, batch, name) / 2**20 for name in names}
    for name, size in found.items():
        print(f"  {name:<34}{size:10.1f} MB")
    if run.check:
        return
    ratio = found["microgradcnn, jit"] / found["PyTorch eager"]
    targets = {"jit, peak of memory as a share of PyTorch eager's": Target(ratio, MOST_MEMORY)}
    run.report("memory", f"LeNet in float32, {batch} images, memory", {}, targets)


def main() -> int:
    without_blas_settings()
    run = Benchmark(__file__, [*BATCHES, "limit", "memory"])
    if run.alone:
        batch, name = run.alone
        print(json.dumps(memory(int(batch), name)))
        return 0
    for part in run.parts:
        if part == "limit":
            limit(run)
        elif part == "memory":
            memories(run)
        else:
            step(run, int(part))
    return 0 if run.held else 1


if __name__ == "__main__":
    sys.exit(main())
