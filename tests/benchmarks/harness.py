"""Timing contenders against each other in one process: results equal first, then samples taken in turn.

What to beware of, learnt the hard way: OpenBLAS workers spin for about a tenth of a second after a call, so every
sample is preceded by a rest that outlasts them; a machine's speed drifts, so only ratios within one run count, and a
gap under 15 % is a tie; a sample during which anything else used the CPU is thrown away; and how fast a program runs
depends on where its arrays happen to lie, so a close race is run several times, with contenders made anew.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import importlib.metadata
import json
import os
import platform
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

REST = 0.15  # seconds before a sample
SAMPLE = 0.02  # seconds that a sample should take
WARM = 0.003  # seconds of steps before it, which wake the contender's threads and fill the caches again
ROUNDS = 15
PATIENCE = 60.0  # seconds to spend on rejected samples, all in all
IDLE, MOST_OF_OTHERS = 2.0, 0.1  # seconds to watch a machine before recording, and what others may use of a core
TOLERANCE = 1e-9  # relative to the largest number, in float64
STEPS = 3  # after which contenders must still agree: a wrong update shows in the next loss
RESULTS = Path(__file__).parent / "results"
SPEED = Path(__file__).parent / "speed.json"  # what the guide's table is made from

T = TypeVar("T")


@dataclass
class Task:
    """A contender: `step` is what is timed, `outcome` gives the numbers that must equal the others'.

    `sync` waits for steps that were only dispatched; it is called once at the end of every sample.
    """

    step: Callable[[], object]
    outcome: Callable[[], list[np.ndarray]]
    sync: Callable[[], object] = lambda: None


class Target(NamedTuple):
    """A measured value and the most that it may be (or the least, if `least`).

    `ours` and `peer` name the two times whose ratio it is; `unit` is empty for a ratio.
    """

    value: float
    limit: float
    least: bool = False
    ours: str = ""
    peer: str = ""
    unit: str = ""

    @property
    def holds(self) -> bool:
        return self.value >= self.limit if self.least else self.value <= self.limit


class Quiet:
    """Takes a sample again if anything else used the CPU meanwhile, until it has lost its patience."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self.patience, self.unclean = patience, 0

    def sample(self, work: Callable[[], T]) -> T:
        while True:
            start, busy, own = time.perf_counter(), _machine_seconds(), sum(os.times()[:4])
            found = work()
            spent = time.perf_counter() - start
            foreign = (_machine_seconds() - busy) - (sum(os.times()[:4]) - own)
            if foreign <= 0.025 + 0.04 * spent:
                return found
            if self.patience <= 0:
                self.unclean += 1
                return found
            self.patience -= spent


@dataclass
class Comparison:
    """The medians of several runs of the same contenders, and the peers that are not installed."""

    runs: list[dict[str, float]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unclean: int = 0

    @property
    def seconds(self) -> dict[str, float]:
        """The median over the runs."""
        return {name: float(np.median([run[name] for run in self.runs])) for name in self.runs[0]}

    def share(self, ours: str, peers: Iterable[str], most: float) -> Target:
        """Our time as a share of the fastest of `peers`, in the run where that share is the median."""
        peers = [name for name in peers if name in self.runs[0]]
        fastest = [min(peers, key=run.__getitem__) for run in self.runs]
        shares = sorted((run[ours] / run[peer], peer) for run, peer in zip(self.runs, fastest, strict=True))
        value, peer = shares[len(shares) // 2]
        return Target(value, most, ours=ours, peer=peer)


class Benchmark:
    """What a script's command line asks for, and where its results go. `held` tells whether all targets hold."""

    def __init__(self, script: str, parts: Iterable[object], arguments: Sequence[str] | None = None) -> None:
        self.script, self.all_parts, self.held = script, list(map(str, parts)), True
        parser = argparse.ArgumentParser(description=f"The benchmark {Path(script).stem}.")
        parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(self.all_parts)}; else all")
        parser.add_argument("--check", action="store_true", help="only check that all compute the same")
        parser.add_argument("--record", action="store_true", help=f"keep the results in {SPEED.name}")
        parser.add_argument("--rounds", type=int, help="samples of every contender in a run")
        parser.add_argument("--alone", nargs="+", metavar="WORK", help=argparse.SUPPRESS)  # of `alone`
        options = parser.parse_args(arguments)
        unknown = [part for part in options.parts if part not in self.all_parts]
        if unknown:
            parser.error(f"no part {unknown[0]!r}: there are {', '.join(self.all_parts)}")
        self.parts = options.parts or self.all_parts
        self.check, self.alone, self.rounds = options.check, options.alone, options.rounds
        self._record = options.record
        self._refuse = parser.error

    def refuse_if_busy(self) -> None:
        """End with one sentence where results are to be recorded and others use the machine: they would be told."""
        share = used_by_others() if self._record and not self.check else 0.0
        if share > MOST_OF_OTHERS:
            self._refuse(
                f"the machine is busy: other processes use {share:.0%} of a core, and what is recorded may meet with "
                f"{MOST_OF_OTHERS:.0%} at most; leave out --record, or wait until they are done"
            )

    def compare(
        self,
        title: str,
        ours: dict[str, Callable[[], Task]],
        peers: dict[str, Callable[[], Task]],
        runs: int = 1,
        rounds: int = ROUNDS,
        tolerance: float = TOLERANCE,
    ) -> Comparison | None:
        """Contenders timed in `runs` runs, made anew for each; None if it was only to be checked that they agree.

        A peer that raises ImportError does not take part. The first peer is the reference.
        """
        self.refuse_if_busy()
        found, quiet = Comparison(), Quiet()
        for _ in range(1 if self.check else runs):
            tasks, found.missing = _made(ours, peers)
            if self.check:
                check_tasks(tasks, tolerance)
                print(f"{title}: {', '.join(tasks)} compute the same")
                return None
            found.runs.append(medians(tasks, tolerance, self.rounds or rounds, quiet))
            del tasks
            gc.collect()
        found.unclean = quiet.unclean
        return found

    def report(
        self,
        part: object,
        title: str,
        seconds: dict[str, float],
        targets: dict[str, Target],
        missing: Sequence[str] = (),
        unclean: int = 0,
    ) -> None:
        """Print and record what was found, for the guide too if the command line says so."""
        self.held &= report(title, seconds, dict(targets))
        if self._record:
            entry = {"title": title, "machine": machine(), "seconds": seconds, "missing": list(missing)}
            entry |= {"unclean": unclean, "targets": {name: target._asdict() for name, target in targets.items()}}
            record(Path(self.script).stem, self.all_parts, str(part), entry)


def without_blas_settings() -> None:
    """Start this script again without the settings that would pin OpenBLAS to other kernels than users have."""
    pinned = {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"} & set(os.environ)
    if pinned:
        rest = {name: value for name, value in os.environ.items() if name not in pinned}
        os.execve(sys.executable, [sys.executable, *sys.argv], rest)


def numbers(loss: Any, gradients: Iterable[Any], parameters: Iterable[Any]) -> list[np.ndarray]:
    """An outcome: the loss, one vector of all gradients and one of all parameters, both copied."""
    vectors = [np.concatenate([np.ravel(a) for a in arrays]) for arrays in (gradients, parameters)]
    return [np.array(float(loss)), *vectors]


def trained(program: Any, inputs: Sequence[np.ndarray], rate: float) -> Task:
    """A compiled program of ours, bound to its rows."""
    trainer = program.bind(*inputs)
    return Task(partial(trainer.step, rate), lambda: numbers(trainer.evaluate(), [trainer.gradient], [trainer.flat]))


def products(layers: Callable[[int], list[tuple[int, int, int]]], batch: int, parts: int) -> Task:
    """The matrix products of a step in float32 and nothing else: W·x and both gradients, but that of the first x.

    `layers` gives (outputs, inputs, columns) of each for so many rows. The batch is cut into `parts`, on a core each if
    there are several.
    """
    from threadpoolctl import threadpool_limits

    rng = np.random.default_rng(0)

    def operands() -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        for i, (out, into, count) in enumerate(layers(batch // parts)):
            W, x, g = (rng.standard_normal(s).astype(np.float32) for s in ((out, into), (into, count), (out, count)))
            calls = [(W, x, np.empty_like(g)), (g, x.T, np.empty_like(W)), (W.T, g, np.empty_like(x))]
            yield from calls[: 2 if i == 0 else 3]

    made = [list(operands()) for _ in range(parts)]

    def run(calls: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> None:
        for a, b, out in calls:
            np.dot(a, b, out=out)

    threads = ThreadPoolExecutor(parts)

    def together() -> None:
        with threadpool_limits(1, user_api="blas"):  # which takes half a millisecond by itself
            list(threads.map(run, made))

    return Task(together if parts > 1 else partial(run, made[0]), lambda: [np.zeros(1)])


@contextmanager
def without_llvmlite() -> Iterator[None]:
    """A context in which llvmlite is not installed."""
    names = ["llvmlite", "llvmlite.binding"]
    there = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    sys.modules.update(dict.fromkeys(names))  # type: ignore[arg-type]  # None is how Python says that
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]
        sys.modules.update(there)


def check_equal(outcomes: dict[str, list[np.ndarray]], tolerance: float) -> None:
    """Raise ValueError unless every contender's numbers are the first one's, relative to the largest."""
    reference, *others = outcomes
    for other in others:
        for a, b in zip(outcomes[reference], outcomes[other], strict=True):
            if np.shape(a) != np.shape(b):
                raise ValueError(f"{other} gives shape {np.shape(b)}, {reference} {np.shape(a)}")
            off = np.max(np.abs(np.asarray(a) - np.asarray(b))) / max(np.max(np.abs(a)), 1e-300)
            if not off <= tolerance:
                raise ValueError(f"{other} is {off:.1e} away from {reference}: not the same computation")


def check_tasks(tasks: dict[str, Task], tolerance: float = TOLERANCE) -> None:
    """Raise ValueError unless the contenders agree, and still do after a few steps."""
    check_equal({name: task.outcome() for name, task in tasks.items()}, tolerance)
    for task in tasks.values():
        _timed(task, STEPS)
    check_equal({name: task.outcome() for name, task in tasks.items()}, tolerance)


def medians(
    tasks: dict[str, Task], tolerance: float = TOLERANCE, rounds: int = ROUNDS, quiet: Quiet | None = None
) -> dict[str, float]:
    """The median seconds of a step of each contender, sampled in a new random order every round."""
    check_tasks(tasks, tolerance)
    fastest = {name: min(_timed(task, 1) for _ in range(5)) for name, task in tasks.items()}
    samples: dict[str, list[float]] = {name: [] for name in tasks}
    order, quiet = random.Random(0), quiet or Quiet()
    gc.collect()
    gc.freeze()  # or whoever makes objects pays for looking through all that other libraries have made
    for _ in range(rounds):
        for name in order.sample(list(tasks), len(tasks)):
            samples[name].append(quiet.sample(partial(_sample, tasks[name], fastest[name])))
    gc.unfreeze()
    if quiet.unclean:
        print("the machine was busy: some samples are not clean", file=sys.stderr)
    return {name: float(np.median(seconds)) for name, seconds in samples.items()}


def report(title: str, seconds: dict[str, float], targets: dict[str, Any]) -> bool:
    """Print and record a table of medians and of targets, (value, most it may be) or Target; whether all hold."""
    found = {name: Target(*target) for name, target in targets.items()}
    print(f"\n{title}")
    for name, value in sorted(seconds.items(), key=lambda item: item[1]):
        print(f"  {name:<34}{duration(value):>14}")
    for name, target in found.items():
        bound = f"at {'least' if target.least else 'most'} {target.limit:g}"
        verdict = "holds" if target.holds else "MISSED"
        against = f" ({target.peer})" if target.peer else ""
        print(f"  {name:<60}{target.value:10.3f}  {bound}  {verdict}{against}", flush=True)
    RESULTS.mkdir(exist_ok=True)
    with open(RESULTS / "results.jsonl", "a") as stream:
        stream.write(json.dumps({"title": title, "seconds": seconds, "targets": found}) + "\n")
    return all(target.holds for target in found.values())


def record(script: str, parts: Sequence[str], part: str, entry: dict[str, Any]) -> None:
    """Put one part's results in the place of its earlier ones, with the parts in their order."""
    everything = json.loads(SPEED.read_text(encoding="utf-8")) if SPEED.exists() else {}
    found = {**everything.get(script, {}), part: entry}
    everything[script] = {name: found[name] for name in parts if name in found}
    text = json.dumps(everything, indent=1, sort_keys=False, ensure_ascii=False)
    SPEED.write_text(text + "\n", encoding="utf-8")


def three_digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 99.95 else f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


def duration(seconds: float) -> str:
    """Three digits and a unit that they fit."""
    for unit, size in [("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)]:
        if seconds >= 0.9995 * size:
            return f"{three_digits(seconds / size)} {unit}"
    return f"{three_digits(seconds / 1e-9)} ns"


def alone(script: str, *work: object, **environment: str) -> Any:
    """What a script finds when it does this work in a process of its own."""
    command = [sys.executable, script, "--alone", *map(str, work)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env={**os.environ, **environment})
    return json.loads(done.stdout)


def import_the_jit() -> None:
    """Import all that the jit compiles with, so that what is timed after it is compiling alone."""
    for module in (
        "llvmlite.binding",
        "threadpoolctl",
        "microgradcnn.targets.native.jit",
        "microgradcnn.targets.program",
    ):
        importlib.import_module(module)


def peak_memory() -> int:
    """The most bytes that this process has held in memory so far.

    Linux hands `ru_maxrss` on to a process that a larger one starts, so there the program's own mark is read.
    """
    try:
        with open("/proc/self/status", encoding="ascii") as stream:
            [kilobytes] = [line.split()[1] for line in stream if line.startswith("VmHWM:")]
    except (OSError, ValueError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else 1024 * peak
    return 1024 * int(kilobytes)


def machine() -> dict[str, Any]:
    """What the results depend on: processor and versions, but neither names nor paths."""
    versions = {"Python": platform.python_version()}
    for package in ("numpy", "llvmlite", "autograd", "mygrad", "torch", "jax", "micrograd", "tinygrad"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"cores": cores, "processor": _processor(), "system": platform.system(), "versions": versions}


def _processor() -> str:
    """The processor's name and its widest vectors, as far as the system tells."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as stream:
            facts = dict(map(str.strip, line.split(":", 1)) for line in stream.read().split("\n\n")[0].splitlines())
    except OSError:
        return platform.processor() or platform.machine()
    name = facts.get("model name", platform.machine()).replace("(R)", "").replace("(TM)", "")
    flags = facts.get("flags", "").split()
    vectors = [label for flag, label in [("avx512f", "AVX-512"), ("avx2", "AVX2")] if flag in flags]
    return ", ".join([" ".join(name.split()), *vectors[:1]])


def _made(
    ours: dict[str, Callable[[], Task]], peers: dict[str, Callable[[], Task]]
) -> tuple[dict[str, Task], list[str]]:
    """All contenders, peers first, and the peers that are not there."""
    if "torch._dynamo" in sys.modules:
        sys.modules["torch._dynamo"].reset()  # or torch.compile has to choose among what it compiled for other sizes
    tasks, missing = {}, []
    for name, make in peers.items():
        try:
            tasks[name] = make()
        except ImportError as error:
            print(f"{name} does not take part: {error}", file=sys.stderr)
            missing.append(name)
    return tasks | {name: make() for name, make in ours.items()}, missing


def _timed(task: Task, inner: int) -> float:
    start = time.perf_counter()
    for _ in range(inner):
        task.step()
    task.sync()
    return (time.perf_counter() - start) / inner


def _sample(task: Task, fastest: float) -> float:
    """Seconds a step, for a contender whose fastest step so far is given."""
    time.sleep(REST)
    _timed(task, max(1, int(WARM / fastest)))
    return _timed(task, max(1, int(SAMPLE / fastest)))


def used_by_others(seconds: float = IDLE) -> float:
    """What processes other than this one use of the CPU while it sleeps, as a share of one core."""
    start, busy, own = time.perf_counter(), _machine_seconds(), sum(os.times()[:4])
    time.sleep(seconds)
    used = (_machine_seconds() - busy) - (sum(os.times()[:4]) - own)
    return max(0.0, used / (time.perf_counter() - start))


def _machine_seconds() -> float:
    """CPU seconds used on the whole machine, all but idle and waiting, since it started (0 where nobody counts)."""
    try:
        with open("/proc/stat") as stream:
            user, nice, system, _, _, irq, softirq, steal = map(int, stream.readline().split()[1:9])
    except OSError:
        return 0.0
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
