"""What compiling takes, cold and from the cache, from a hundred to a hundred thousand lines of scalars.

Needs llvmlite and threadpoolctl. A part is a number of lines, roughly: of a tanh network 2-k-k-1, whose scalars fold
into arrays, and of a chain of units, in which nothing is like anything else; each in processes of its own, everything
imported before, from the recorded loss to the first step over 100 rows. Targets, from 10⁴ lines on, where what every
program takes no longer counts: at most 0.15 ms a line cold, and from the cache; the default, which begins by NumPy, is
at its first step in at most half of the jit's cold time for a chain, and in no more than all of it for a network.
"""

import json
import os
import sys
import tempfile
import time
from functools import partial

import numpy as np
from harness import Benchmark, Quiet, Target, alone, import_the_jit, without_blas_settings

LINES = [100, 1_000, 10_000, 100_000]
WIDTHS = {100: 3, 1_000: 13, 10_000: 43, 100_000: 140}  # k of the networks
A_STEP = 8  # lines of a unit of a chain, with its gradients
ROWS, RATE = 100, 1e-3
LONG, MOST_OF_A_LINE = 10_000, 0.15
KINDS = {"network": 1.0, "chain": 0.5}  # and the most of the jit's cold time that the default may take


def network(lines):
    """(ŷ − y)² of a tanh network, its weights and its inputs."""
    from microgradcnn import Value

    rng, widths = np.random.default_rng(0), [2, WIDTHS[lines], WIDTHS[lines], 1]
    row = inputs = [Value(0.5), Value(-0.25)]
    weights = []
    for width in widths[1:]:
        scale, before = 1.0 / np.sqrt(len(row)), row
        layer = [[Value(w) for w in rng.normal(scale=scale, size=len(row))] for _ in range(width)]
        row = []
        for ws in layer:
            total = ws[0] * before[0]
            for w, v in zip(ws[1:], before[1:], strict=True):
                total = total + w * v
            row.append(total.tanh() if width > 1 else total)
        weights += [w for ws in layer for w in ws]
    target = Value(0.0)
    return (row[0] - target) ** 2, weights, [*inputs, target]


def chain(lines):
    """x through units one after another, each with two parameters."""
    from microgradcnn import Value

    rng, x, y = np.random.default_rng(0), Value(0.5), Value(0.0)
    parameters = [Value(p) for p in rng.normal(size=2 * max(1, lines // A_STEP))]
    total = x
    for weight, bias in zip(parameters[::2], parameters[1::2], strict=True):
        total = (weight * total + bias).tanh()
    return (total - y) ** 2, parameters, [x, y]


def first_step(kind, lines, backend):
    """In a process of its own: seconds to the first step, and how many lines there are."""
    import microgradcnn as mg
    from microgradcnn.targets.rerolling.program import length

    import_the_jit()
    loss, wrt, inputs = {"network": network, "chain": chain}[kind](int(lines))
    columns = np.random.default_rng(1).standard_normal((len(inputs), ROWS))
    start = time.perf_counter()
    program = mg.compile(loss, wrt, inputs, backend)
    found = program.bind(*columns).step(RATE)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "lines": length(program._lines), "loss": found}


def measured(run, kind, lines, quiet):
    """Seconds by what was asked for, and the number of lines. Raises ValueError unless all computed the same."""
    with tempfile.TemporaryDirectory() as folder:
        times = [("cold", "jit"), ("from the cache", "jit"), ("by default", "auto")]
        found = {}
        for name, backend in times:
            work = partial(alone, __file__, kind, lines, backend, MICROGRADCNN_CACHE=folder)
            found[name] = quiet.sample(work)
        if not os.listdir(folder):
            raise ValueError("nothing was kept: the second start was as cold as the first")
    losses = [f["loss"] for f in found.values()]
    if not np.allclose(losses, losses[0], rtol=1e-9):
        raise ValueError(f"the losses are {losses}: not the same computation")
    return {name: f["seconds"] for name, f in found.items()}, found["cold"]["lines"]


def main() -> int:
    without_blas_settings()
    run = Benchmark(__file__, LINES)
    if run.alone:
        print(json.dumps(first_step(*run.alone)))
        return 0
    run.refuse_if_busy()
    for part in run.parts:
        quiet, seconds, targets = Quiet(), {}, {}
        for kind, share in KINDS.items():
            found, lines = measured(run, kind, int(part), quiet)
            seconds |= {f"{kind} of {lines:,} lines, {name}": value for name, value in found.items()}
            if int(part) >= LONG:
                for name in ("cold", "from the cache"):
                    value = 1e3 * found[name] / lines
                    targets[f"{kind}, ms a line, {name}"] = Target(value, MOST_OF_A_LINE, unit="ms")
                ours, peer = (f"{kind} of {lines:,} lines, {name}" for name in ("by default", "cold"))
                value = seconds[ours] / seconds[peer]
                targets[f"{kind}, first step by default, of the jit's"] = Target(value, share, ours=ours, peer=peer)
        title = f"programs of some {int(part):,} lines of scalars, compiled"
        if run.check:
            print(f"{title}: took a step, cold, from the cache and by default")
        else:
            run.report(part, title, seconds, targets, unclean=quiet.unclean)
    return 0 if run.held else 1


if __name__ == "__main__":
    sys.exit(main())
