"""A chain y ← y · 1.0000001 + 1e-9 of up to a million links (two nodes each), forward and backward.

Needs nothing. Targets: time a node grows by less than half from 10⁴ to 10⁶ links (it is linear), and the peak of memory
is at most 600 bytes a node, as the resident memory of a process of its own counts it.
"""

import json
import sys
import time

from harness import Benchmark, Target, alone, peak_memory, without_blas_settings

LINKS = [10_000, 100_000, 1_000_000]


def chain(links):
    """Seconds of the backward pass of a chain, whose gradient is checked."""
    from microgradcnn import Value

    x = y = Value(1.0)
    for _ in range(links):
        y = y * 1.0000001 + 1e-9
    start = time.perf_counter()
    y.backward()
    seconds = time.perf_counter() - start
    if abs(x.grad / 1.0000001**links - 1.0) > 1e-9:
        raise ValueError(f"the gradient of {links} links is {x.grad}")
    return seconds


def measure(links):
    chain(10)
    before = peak_memory()
    seconds = chain(links)
    peak = peak_memory() - before
    return {"seconds": seconds / links / 2, "bytes": peak / links / 2}


def main() -> int:
    without_blas_settings()
    run = Benchmark(__file__, ["chain"])
    if run.alone:
        print(json.dumps(measure(int(run.alone[0]))))
        return 0
    if run.check:
        chain(LINKS[0])
        print("a deep chain of scalars: its gradient is right")
        return 0
    run.refuse_if_busy()
    repeats = range(run.rounds or 1)
    found = {links: min((alone(__file__, links) for _ in repeats), key=lambda f: f["seconds"]) for links in LINKS}
    seconds = {f"backward, a node, {links:>9,} links": f["seconds"] for links, f in found.items()}
    growth = found[LINKS[-1]]["seconds"] / found[LINKS[0]]["seconds"]
    targets = {
        "growth of the time a node from 10⁴ to 10⁶ links": Target(growth, 1.5),
        "bytes a node at the peak, 10⁶ links": Target(found[LINKS[-1]]["bytes"], 600.0),
    }
    run.report("chain", "a deep chain of scalars", seconds, targets)
    return 0 if run.held else 1


if __name__ == "__main__":
    sys.exit(main())
