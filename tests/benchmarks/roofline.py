"""How near compiled steps come to what the machine can do: the share of a roofline that the jit reaches.

Needs llvmlite and threadpoolctl. A step can take no less than its operations take at the machine's highest rate, that
of a matrix product in the cache, and no less than its data take to come from memory, as a copy of large arrays does;
both are measured here, on all cores. Operations are counted from the graph, each of + − × ÷ and a choice as one and a
function as what it takes to evaluate; data are inputs once and parameters and gradients twice. Parts: `moons` is
micrograd's network over 100 points, `convolution` the lecture's two filters over 10⁶ images, `lenet` LeNet over 256.
Targets: at least 0.5 for the last two.
"""

import os
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import lenet
import moons_mlp
import numpy as np
import small_convolution
from harness import Benchmark, Target, Task, without_blas_settings

IMAGES, LENET_BATCH = 1_000_000, 256
LEAST = 0.5
RUNS, ROUNDS = 3, 7
SIZES, COPIED = (128, 256, 512, 1024), 1 << 26  # of products, and bytes that no cache holds
A_FUNCTION = 30  # exp to 2 ulp: reduced by three FMAs, a polynomial of ten, the scaling, and what is made of it
ONE = {"operations", "relu", "where", "comparison"}


def operations(loss, parameters):
    """The operations of one iteration of gradient descent, at the size that the graph has."""
    from microgradcnn.views.cost.counting import counted

    work = sum((part.work for part in counted(loss, {"all": parameters}, False).values()), Counter())
    return sum(count * (1 if kind in ONE else A_FUNCTION) for kind, count in work.items())


def moons():
    """The step, its operations, the bytes of its data, and the type of its numbers."""
    loss, parameters, inputs = moons_mlp.recorded()
    rows = len(moons_mlp.data()[0])
    moved = 8 * (rows * len(inputs) + 4 * len(parameters))
    return moons_mlp.ours("jit"), rows * operations(loss, parameters), moved, np.float64


def convolution():
    """The same, of the lecture's network."""
    from microgradcnn.networks import two_conv_average_linear

    images, y, parameters = small_convolution.data(IMAGES)
    example = two_conv_average_linear().example(np.linspace(-1.0, 1.0, 9), 0.5)
    count = IMAGES * operations(example.loss, list(example.parameters.values()))
    task = small_convolution.ours("jit", images, y, parameters)
    return task, count, images.nbytes + y.nbytes, np.float64


def of_lenet():
    """The same, of LeNet: what grows with its images is counted with one and with two of them."""
    import microgradcnn as mg

    images, classes, parameters = lenet.data(LENET_BATCH)
    one, two = (
        operations(
            mg.nn.cross_entropy((model := lenet.model_of(parameters))(images[:n]), classes[:n]), model.parameters()
        )
        for n in (1, 2)
    )
    count = one + (LENET_BATCH - 1) * (two - one)
    moved = images.nbytes + 4 * sum(p.nbytes for p in parameters)
    return lenet.compiled("jit", images, classes, parameters), count, moved, np.float32


def products(size, dtype):
    """A task that multiplies matrices, and its operations."""
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((size, size)).astype(dtype) for _ in range(2))
    out, repeats = np.empty_like(a), max(1, 512 // size) ** 2

    def step():
        for _ in range(repeats):
            np.dot(a, b, out=out)

    return Task(step, _nothing), 2 * size**3 * repeats


def copies():
    """A task in which every core copies a part of a large array, and the bytes that it reads and writes."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parts = [(np.ones(COPIED // cores, np.uint8), np.zeros(COPIED // cores, np.uint8)) for _ in range(cores)]
    threads = ThreadPoolExecutor(cores)
    return Task(lambda: list(threads.map(lambda pair: np.copyto(pair[1], pair[0]), parts)), _nothing), 2 * COPIED


def _nothing():
    return [np.zeros(1)]


def peaks(run, dtype):
    """Operations a second and bytes a second, the highest that were found; None if nothing is to be timed."""
    made = {f"product of {size}×{size}": products(size, dtype) for size in SIZES} | {"copy": copies()}
    found = run.compare("the machine's peaks", {name: partial(_first, pair) for name, pair in made.items()}, {})
    if found is None:
        return None
    rates = {name: count / found.seconds[name] for name, (_, count) in made.items()}
    bytes_a_second = rates.pop("copy")
    return max(rates.values()), bytes_a_second


def _first(pair):
    return pair[0]


PARTS = {
    "moons": (moons, "micrograd's network, 100 points", 0.0),
    "convolution": (convolution, f"two_conv_average_linear, {IMAGES:,} images", LEAST),
    "lenet": (of_lenet, f"LeNet in float32, {LENET_BATCH} images", LEAST),
}


def main() -> int:
    without_blas_settings()
    run = Benchmark(__file__, PARTS)
    run.refuse_if_busy()
    for part in run.parts:
        make, title, least = PARTS[part]
        task, count, moved, dtype = make()
        found = run.compare(title, {"microgradcnn, jit": lambda task=task: task}, {}, runs=RUNS, rounds=ROUNDS)
        reached = peaks(run, dtype)
        if found is None or reached is None:
            continue
        at_least = {"operations alone": count / reached[0], "data alone": moved / reached[1]}
        limit = max(at_least, key=at_least.__getitem__)
        seconds = found.seconds | at_least
        print(
            f"  peak {reached[0] / 1e9:.1f} Gflop/s, {reached[1] / 1e9:.1f} GB/s: {count / moved:.2g} operations a byte"
        )
        share = Target(at_least[limit] / seconds["microgradcnn, jit"], least, least=True)
        run.report(part, f"{title}, of the roofline", seconds, {f"share reached, by {limit}": share}, (), found.unclean)
    return 0 if run.held else 1


if __name__ == "__main__":
    sys.exit(main())
