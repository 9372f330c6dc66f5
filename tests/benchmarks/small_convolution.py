"""One gradient-descent step of `two_conv_average_linear` over 3×3 images: ours written in scalars, for one example.

Needs llvmlite and threadpoolctl; of torch, jax, mygrad and autograd what is there takes part. Parts are batch sizes,
`strided`, `cores` and `growth`. Targets, backend jit: at most 0.35 of the fastest peer's time for 1, 100 and 10⁴
images; a call of the program with columns of other 10⁴ images every time, which lie apart in memory, at most 0.35 of a
call of jax.jit, or else of NumPy, with the same images; two cores
at least 1.5 times as fast as one at 10⁶; on one core, which a second one cannot flatter, a step's time a row grows by
less than half from 10³ to 10⁷ rows; at 10⁷ rows on all cores the peak of memory is at most 64 MB above what the process
took with its data before it bound them.
"""

import itertools
import json
import os
import sys
from functools import partial

import numpy as np
import peers
from harness import (
    Benchmark,
    Comparison,
    Quiet,
    Target,
    Task,
    alone,
    check_equal,
    medians,
    numbers,
    peak_memory,
    trained,
    without_blas_settings,
)
from numpy.lib.stride_tricks import sliding_window_view

RATE = 1e-2
BATCHES = [1, 100, 10_000]
MOST_OF_A_PEER = 0.35
STRIDED, SETS = 10_000, 4
MANY, PAIRS, TIMES_ONE_CORE = 1_000_000, 3, 1.5
ROWS, GROWTH, MEGABYTES = [10**e for e in range(3, 8)], 1.5, 64.0
ALL = 0  # cores
ROUNDS_ALONE, PATIENCE_ALONE = 5, 20.0


def data(n):
    """Images (n, 3, 3), y, and the parameters: two filters (2, 2, 2) and w (2,)."""
    rng = np.random.default_rng(0)
    images, y = rng.standard_normal((n, 3, 3)), rng.standard_normal(n)
    return images, y, [rng.standard_normal((2, 2, 2)), rng.standard_normal(2)]


def compiled(backend, parameters):
    import microgradcnn as mg
    from microgradcnn.networks import two_conv_average_linear

    network = two_conv_average_linear()
    for p, given in zip(network.parameters.values(), parameters, strict=True):
        p.data = given.reshape(p.shape)
    example = network.example(np.linspace(-1.0, 1.0, 9), 0.5)
    wrt = list(example.parameters.values())
    return mg.compile(example.loss, wrt=wrt, inputs=[*example.inputs, example.y], backend=backend)


def ours(backend, images, y, parameters):
    pixels = np.ascontiguousarray(images.reshape(len(y), 9).T)
    return trained(compiled(backend, parameters), [*pixels, y], RATE)


def numpy_plain(images, y, parameters):
    filters, w = (p.copy() for p in parameters)
    n = len(y)

    def both():
        windows = sliding_window_view(images, (2, 2), axis=(1, 2)).reshape(n * 4, 4)
        h = windows @ filters.reshape(2, 4).T
        np.negative(h, out=h)
        np.exp(h, out=h)
        h += 1.0
        np.reciprocal(h, out=h)
        means = h.reshape(n, 4, 2).mean(1)
        residual = means @ w
        residual -= y
        loss = residual.dot(residual) / n

        residual *= 2.0 / n
        gradient_w = residual @ means
        g = 1.0 - h
        g *= h
        by_image = g.reshape(n, 4, 2)
        by_image *= residual[:, None, None]
        by_image *= w * 0.25
        return loss, [(g.T @ windows).reshape(2, 2, 2), gradient_w]

    def step():
        for p, g in zip((filters, w), both()[1], strict=True):
            g *= RATE
            p -= g

    return Task(step, lambda: numbers(*both(), [filters, w]))


def numpy_lean(images, y, parameters):
    """Images along the last axis, so that every row is long and contiguous, and no array or view made twice."""
    filters, w = parameters[0].reshape(2, 4).copy(), parameters[1].copy()
    n = len(y)
    windows = sliding_window_view(images, (2, 2), axis=(1, 2)).transpose(3, 4, 1, 2, 0)
    copies = np.empty((2, 2, 2, 2, n))
    patches = copies.reshape(4, 4 * n)
    patches_T = patches.T
    h, g = np.empty((2, 2, 4 * n))
    h_by_image, g_by_image = h.reshape(2, 4, n), g.reshape(2, 4, n)
    means, residual, quarters = np.empty((2, n)), np.empty(n), np.full(4, 0.25)
    negative, gradient, gradient_w = np.empty((2, 4)), np.empty((2, 4)), np.empty(2)
    dot, multiply, subtract = np.dot, np.multiply, np.subtract

    def evaluate():
        np.copyto(copies, windows)
        np.negative(filters, out=negative)
        dot(negative, patches, out=h)
        np.exp(h, out=h)
        np.add(h, 1.0, out=h)
        np.reciprocal(h, out=h)
        np.matmul(quarters, h_by_image, out=means)
        dot(w, means, out=residual)
        subtract(residual, y, out=residual)
        loss = residual.dot(residual) / n
        multiply(residual, 2.0 / n, out=residual)
        dot(means, residual, out=gradient_w)
        subtract(1.0, h, out=g)
        multiply(g, h, out=g)
        multiply(g_by_image, residual, out=g_by_image)
        dot(g, patches_T, out=gradient)
        multiply(gradient, (0.25 * w)[:, None], out=gradient)
        return loss

    def step():
        evaluate()
        filters[...] -= RATE * gradient
        w[...] -= RATE * gradient_w

    return Task(step, lambda: numbers(evaluate(), [gradient, gradient_w], [filters, w]))


def autograd_loss(filters, w, images, y):
    import autograd.numpy as anp
    from autograd.scipy.special import expit

    windows = sliding_window_view(images, (2, 2), axis=(1, 2)).reshape(-1, 4)  # data: nothing to differentiate
    h = expit(anp.dot(windows, anp.reshape(filters, (2, 4)).T))
    residual = anp.dot(anp.mean(anp.reshape(h, (-1, 4, 2)), 1), w) - y
    return anp.mean(residual * residual)


def mygrad_loss(filters, w, images, y):
    import mygrad as mg
    from mygrad.nnet.activations import sigmoid

    windows = sliding_window_view(images, (2, 2), axis=(1, 2)).reshape(-1, 4)
    h = sigmoid(mg.matmul(windows, filters.reshape(2, 4).T))
    return mg.mean((mg.matmul(mg.mean(h.reshape(-1, 4, 2), axis=1), w) - y) ** 2)


def torch_convolved(filters, w, images, y):
    from torch.nn.functional import conv2d

    residual = conv2d(images[:, None], filters[:, None]).sigmoid().mean((2, 3)) @ w - y
    return (residual * residual).mean()


def torch_unfolded(filters, w, images, y):
    n = images.shape[0]
    windows = images.unfold(1, 2, 1).unfold(2, 2, 1).reshape(n * 4, 4)
    residual = (windows @ filters.reshape(2, 4).T).sigmoid().reshape(n, 4, 2).mean(1) @ w - y
    return (residual * residual).mean()


def jax_convolved(filters, w, images, y):
    import jax

    h = jax.lax.conv_general_dilated(images[:, None], filters[:, None], (1, 1), "VALID")
    residual = jax.nn.sigmoid(h).mean((2, 3)) @ w - y
    return (residual * residual).mean()


def jax_sliced(filters, w, images, y):
    import jax

    slices = [images[:, i : i + 2, j : j + 2] for i in (0, 1) for j in (0, 1)]
    h = jax.nn.sigmoid(jax.numpy.stack(slices, -1).reshape(-1, 4) @ filters.reshape(2, 4).T)
    residual = h.reshape(-1, 4, 2).mean(1) @ w - y
    return (residual * residual).mean()


def of_library(make, loss, images, y, parameters):
    return make(loss, parameters, [images, y], RATE)


def by_calls(call, n, parameters):
    """A task that is a call with one of some sets of images, in turn; no step, so that all of it is the call."""
    sets = [np.random.default_rng(seed).standard_normal((n, 10)) for seed in range(SETS)]
    turn = itertools.cycle(sets)

    def outcome():
        loss, gradients = call(sets[0])
        return numbers(loss, [np.ravel(g) for g in gradients], parameters)

    return Task(lambda: call(next(turn)), outcome)


def ours_by_calls(n, parameters):
    program = compiled("jit", parameters)
    return by_calls(lambda rows: program(*rows.T), n, parameters)  # columns of the table of pixels and y


def numpy_by_calls(n, parameters):
    def call(rows):
        images = np.ascontiguousarray(rows[:, :9]).reshape(-1, 3, 3)
        loss, gradient, _ = numpy_lean(images, rows[:, 9], parameters).outcome()
        return loss, [gradient]

    return by_calls(call, n, parameters)


def jax_by_calls(n, parameters):
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax

    jax.config.update("jax_enable_x64", True)
    held = [jax.numpy.array(p) for p in parameters]

    @jax.jit
    def both(filters, w, rows):
        images, y = rows[:, :9].reshape(-1, 3, 3), rows[:, 9]
        return jax.value_and_grad(jax_sliced, (0, 1))(filters, w, images, y)

    def call(rows):
        loss, gradients = both(*held, rows)
        return float(loss), gradients

    return by_calls(call, n, parameters)


OURS = {f"microgradcnn, {backend}": partial(ours, backend) for backend in ("jit", "numpy")}
PEERS = {
    "NumPy": numpy_plain,
    "NumPy, lean": numpy_lean,
    "HIPS autograd": partial(of_library, peers.hips_autograd, autograd_loss),
    "mygrad": partial(of_library, peers.mygrad, mygrad_loss),
    "PyTorch eager, conv2d": partial(of_library, peers.torch_eager, torch_convolved),
    "PyTorch eager, unfold": partial(of_library, peers.torch_eager, torch_unfolded),
    "torch.compile": partial(of_library, peers.torch_compile, torch_unfolded),
    "torch.compile, whole step": partial(of_library, peers.torch_compile_step, torch_unfolded),
    "jax.jit, convolution": partial(of_library, peers.jax_jit, jax_convolved),
    "jax.jit, slices": partial(of_library, peers.jax_jit, jax_sliced),
}


def measure(n, cores):
    """In a process of its own, on so many cores or ALL: seconds for a step of n rows, bytes beyond the data."""
    if cores:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    rng = np.random.default_rng(0)
    columns = [rng.standard_normal(n) for _ in range(10)]  # nine pixels and y, each contiguous
    _, _, parameters = data(1)
    program = compiled("jit", parameters)
    before = peak_memory()
    task = trained(program, columns, RATE)
    outcome = task.outcome()
    quiet = Quiet(PATIENCE_ALONE)
    seconds = medians({"ours": task}, rounds=ROUNDS_ALONE, quiet=quiet)["ours"]
    peak = peak_memory() - before
    check_equal({"NumPy": by_hand(columns, parameters), "ours": outcome[:2]}, 1e-9)
    return {"seconds": seconds, "bytes": peak, "unclean": quiet.unclean}


def by_hand(columns, parameters, length=100_000):
    """Loss and gradients for columns of pixels and y by NumPy, some rows at a time: all at once take gigabytes."""
    n, total = len(columns[0]), [0.0, 0.0]
    for start in range(0, n, length):
        *pixels, y = [column[start : start + length] for column in columns]
        loss, gradients, _ = numpy_plain(np.column_stack(pixels).reshape(-1, 3, 3), y, parameters).outcome()
        total = [t + part * (len(y) / n) for t, part in zip(total, (loss, gradients), strict=True)]
    return total


def step(run, part):
    images, y, parameters = data(int(part))
    title = f"two_conv_average_linear in scalars, {int(part):,} {'image' if part == '1' else 'images'}"
    ours_made, peers_made = (
        {name: partial(make, images, y, parameters) for name, make in makers.items()} for makers in (OURS, PEERS)
    )
    found = run.compare(title, ours_made, peers_made)
    if found is not None:
        share = found.share("microgradcnn, jit", PEERS, MOST_OF_A_PEER)
        targets = {"jit, as a share of the fastest peer's time": share}
        run.report(part, title, found.seconds, targets, found.missing, found.unclean)


def of_strided_columns(run):
    n, (_, _, parameters) = STRIDED, data(1)
    makers = {"NumPy, lean": numpy_by_calls, "jax.jit": jax_by_calls}
    ours_made = {"microgradcnn, jit": partial(ours_by_calls, n, parameters)}
    title = f"two_conv_average_linear in scalars, calls with {n:,} images in columns that lie apart"
    found = run.compare(title, ours_made, {name: partial(make, n, parameters) for name, make in makers.items()})
    if found is not None:
        share = found.share("microgradcnn, jit", makers, MOST_OF_A_PEER)
        targets = {"jit, a call, as a share of the fastest peer's": share}
        run.report("strided", title, found.seconds, targets, found.missing, found.unclean)


def on_two_cores(run):
    if not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2:
        print("two cores are not compared with one: here is one, or no way to choose", file=sys.stderr)
        return
    pairs = [{cores: alone(__file__, MANY, cores) for cores in (1, 2)} for _ in range(1 if run.check else PAIRS)]
    if run.check:
        print("one core and two compute what NumPy does")
        return
    names = {1: "one core", 2: "two cores"}
    found = Comparison([{names[cores]: pair[cores]["seconds"] for cores in names} for pair in pairs])
    times = float(np.median([seconds["one core"] / seconds["two cores"] for seconds in found.runs]))
    targets = {"jit, two cores, times as fast as one": Target(times, TIMES_ONE_CORE, True, "two cores", "one core")}
    unclean = sum(f["unclean"] for pair in pairs for f in pair.values())
    title = f"two_conv_average_linear in scalars, {MANY:,} images"
    run.report("cores", title, found.seconds, targets, unclean=unclean)


def growing(run):
    run.refuse_if_busy()
    one = 1 if hasattr(os, "sched_setaffinity") else ALL
    found = {n: alone(__file__, n, one) for n in (ROWS[:1] if run.check else ROWS)}
    if run.check:
        print(f"{ROWS[0]:,} rows give what NumPy gives")
        return
    seconds = {f"a row of {n:,}": f["seconds"] / n for n, f in found.items()}
    first, *_, last = seconds
    beyond = alone(__file__, ROWS[-1], ALL)["bytes"] / 2**20
    targets = {
        f"jit, one core, growth of the time a row from {ROWS[0]:,} to {ROWS[-1]:,} rows": Target(
            seconds[last] / seconds[first], GROWTH, ours=last, peer=first
        ),
        f"jit, MB beyond the data, {ROWS[-1]:,} rows": Target(beyond, MEGABYTES, unit="MB"),
    }
    unclean = sum(f["unclean"] for f in found.values())
    run.report("growth", "two_conv_average_linear in scalars, any number of images", seconds, targets, unclean=unclean)


def main() -> int:
    without_blas_settings()
    run = Benchmark(__file__, [*BATCHES, "strided", "cores", "growth"])
    if run.alone:
        print(json.dumps(measure(*map(int, run.alone))))
        return 0
    for part in run.parts:
        if part == "cores":
            run.refuse_if_busy()
            on_two_cores(run)
        elif part == "strided":
            of_strided_columns(run)
        elif part == "growth":
            growing(run)
        else:
            step(run, part)
    return 0 if run.held else 1


if __name__ == "__main__":
    sys.exit(main())
