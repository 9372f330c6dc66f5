"""Rows shared out among threads, in parts that depend on n alone, so that sums come out the same on any machine."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any, TypeVar

LANES = 16  # parts that are added up apart: as many cores, at most, can share the work
ALIGNED = 64  # rows: a part begins where a vector may begin

T = TypeVar("T")
S = TypeVar("S")

_all_cores = threading.Lock()  # who asks for all cores waits until they are free, and BLAS's setting is its own again
_counting = threading.Lock()  # of those who are within one_blas_thread()
_within = 0
_limit: Any = None


def shares(n: int, worth: bool) -> list[range]:
    """n rows in parts, in order; in one part if more are not worth it."""
    count = min(LANES, max(1, n // ALIGNED)) if worth else 1
    edges = [n * i // count // ALIGNED * ALIGNED for i in range(count)]
    return [range(a, b) for a, b in zip(edges, [*edges[1:], n], strict=True)]


def in_lanes(work: Callable[[T, int], S], parts: Sequence[T]) -> list[S]:
    """`work(part, i)` for every part, in order, by thread i of as many as there are cores; BLAS uses one each."""
    workers = min(cores(), len(parts))
    if workers == 1:
        return [work(part, 0) for part in parts]
    ends = [len(parts) * i // workers for i in range(workers + 1)]

    def some(i: int) -> list[S]:
        return [work(part, i) for part in parts[ends[i] : ends[i + 1]]]

    with _all_cores, one_blas_thread(), _prompt_switches():
        crew = _crew(workers - 1)
        _keep_apart([worker.thread for worker in crew])
        others = [worker.executor.submit(some, i) for i, worker in enumerate(crew, start=1)]
        try:
            found = some(0)
        finally:  # also after Ctrl-C, so that nobody writes into buffers that are used again
            found_by_others = [other.result() for other in others]
        return [*found, *(result for results in found_by_others for result in results)]


def cores() -> int:
    """The cores that this process may use; 1 without threadpoolctl, which keeps BLAS from using all of them at once."""
    if _blas() is None:
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Worker:
    """A thread that waits for work, and its number in the system."""

    def __init__(self) -> None:
        from concurrent.futures import ThreadPoolExecutor

        self.executor = ThreadPoolExecutor(1, thread_name_prefix="microgradcnn")
        self.thread = self.executor.submit(threading.get_native_id).result()


@cache
def _crew(count: int) -> list[_Worker]:
    return [_Worker() for _ in range(count)]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_crew.cache_clear)  # a child has none of its parent's threads


def _keep_apart(threads: Sequence[int]) -> None:
    """Give every thread a core of its own, and none that of this thread.

    Linux wakes a thread on the core of the thread that woke it, and lets the two take turns there for milliseconds
    before it looks for an idle core. Elsewhere nothing is done.
    """
    if (here := _current_core()) is None:
        return
    free = sorted(os.sched_getaffinity(0) - {here})
    with suppress(OSError):  # some sandboxes refuse
        for thread, core in zip(threads, free, strict=False):
            os.sched_setaffinity(thread, {core})


def _current_core() -> int | None:
    function = _sched_getcpu()
    return None if function is None else function()


@cache
def _sched_getcpu() -> Callable[[], int] | None:
    import ctypes

    return getattr(ctypes.CDLL(None), "sched_getcpu", None) if hasattr(os, "sched_setaffinity") else None


@contextmanager
def _prompt_switches() -> Iterator[None]:
    """A context in which a thread that waits for the interpreter gets it at once.

    Our threads need it for moments only, between long calls; with Python's usual patience of 5 ms the one that has been
    asleep can miss all of these moments.
    """
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """A context in which BLAS computes a product in the thread that asks for it; who leaves last puts it back."""
    global _within, _limit
    with _counting:
        _within += 1
        if _within == 1 and (blas := _blas()) is not None:
            _limit = blas.limit(limits=1, user_api="blas")
    try:
        yield
    finally:
        with _counting:
            _within -= 1
            if _within == 0 and _limit is not None:
                _limit.restore_original_limits()
                _limit = None


@cache
def _blas() -> Any:
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController()
