"""Timing contenders against each other in one process: results equal first, then samples taken in turn.

What to beware of, learnt the hard way: OpenBLAS workers spin for about a tenth of a second after a call, so every
sample is preceded by a rest that outlasts them; a machine's speed drifts, so only ratios within one run count, and a
gap under 15 % is a tie; a sample during which anything else used the CPU is thrown away.
"""

from __future__ import annotations

import gc
import json
import os
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

REST = 0.15  # seconds before a sample
SAMPLE = 0.02  # seconds that a sample should take
ROUNDS = 15
PATIENCE = 60.0  # seconds to spend on rejected samples, all in all
RESULTS = Path(__file__).parent / "results"


@dataclass
class Task:
    """A contender: `step` is what is timed, `outcome` gives the numbers that must equal the others'."""

    step: Callable[[], object]
    outcome: Callable[[], list[np.ndarray]]


def without_blas_settings() -> None:
    """Start this script again without the settings that would pin OpenBLAS to other kernels than users have."""
    pinned = {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"} & set(os.environ)
    if pinned:
        rest = {name: value for name, value in os.environ.items() if name not in pinned}
        os.execve(sys.executable, [sys.executable, *sys.argv], rest)


def check_equal(outcomes: dict[str, list[np.ndarray]], tolerance: float) -> None:
    """Raise ValueError unless every contender's numbers are the first one's, relative to the largest."""
    reference, *others = outcomes
    for other in others:
        for a, b in zip(outcomes[reference], outcomes[other], strict=True):
            off = np.max(np.abs(np.asarray(a) - np.asarray(b))) / max(np.max(np.abs(a)), 1e-300)
            if not off <= tolerance:
                raise ValueError(f"{other} is {off:.1e} away from {reference}: not the same computation")


def medians(tasks: dict[str, Task], tolerance: float = 1e-9) -> dict[str, float]:
    """The median seconds of a step of each contender, sampled in a new random order every round."""
    check_equal({name: task.outcome() for name, task in tasks.items()}, tolerance)
    inner = {name: max(1, int(SAMPLE / min(_timed(task, 1) for _ in range(5)))) for name, task in tasks.items()}
    samples: dict[str, list[float]] = {name: [] for name in tasks}
    order, patience = random.Random(0), PATIENCE
    gc.collect()
    for _ in range(ROUNDS):
        for name in order.sample(list(tasks), len(tasks)):
            seconds, clean, spent = _sample(tasks[name], inner[name])
            while not clean and patience > 0:
                patience -= spent
                seconds, clean, spent = _sample(tasks[name], inner[name])
            samples[name].append(seconds)
    if patience <= 0:
        print("the machine was busy: some samples are not clean", file=sys.stderr)
    return {name: float(np.median(seconds)) for name, seconds in samples.items()}


def report(title: str, seconds: dict[str, float], targets: dict[str, tuple[float, float]]) -> bool:
    """Print and record a table of medians and of (ratio, most it may be) targets; whether all targets hold."""
    print(f"\n{title}")
    for name, value in sorted(seconds.items(), key=lambda item: item[1]):
        print(f"  {name:<34}{value * 1e6:>14.2f} µs")
    for name, (value, most) in targets.items():
        print(f"  {name:<60}{value:8.3f}  at most {most:g}  {'holds' if value <= most else 'MISSED'}")
    RESULTS.mkdir(exist_ok=True)
    with open(RESULTS / "results.jsonl", "a") as stream:
        stream.write(json.dumps({"title": title, "seconds": seconds, "targets": targets}) + "\n")
    return all(value <= most for value, most in targets.values())


def _timed(task: Task, inner: int) -> float:
    start = time.perf_counter()
    for _ in range(inner):
        task.step()
    return (time.perf_counter() - start) / inner


def _sample(task: Task, inner: int) -> tuple[float, bool, float]:
    """Seconds a step, whether nothing else used the CPU meanwhile, and how long the sample took."""
    start, busy, own = time.perf_counter(), _machine_seconds(), sum(os.times()[:4])
    time.sleep(REST)
    _timed(task, 1)
    seconds = _timed(task, inner)
    spent = time.perf_counter() - start
    foreign = (_machine_seconds() - busy) - (sum(os.times()[:4]) - own)
    return seconds, foreign <= 0.025 + 0.04 * spent, spent


def _machine_seconds() -> float:
    """CPU seconds used on the whole machine, all but idle and waiting, since it started (0 where nobody counts)."""
    try:
        with open("/proc/stat") as stream:
            user, nice, system, _, _, irq, softirq, steal = map(int, stream.readline().split()[1:9])
    except OSError:
        return 0.0
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
