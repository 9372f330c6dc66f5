"""Rows shared out among threads, in parts that depend on n alone, so that sums come out the same on any machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any, TypeVar

LANES = 16  # parts that are added up apart: as many cores, at most, can share the work
ALIGNED = 64  # rows: a part begins where a vector may begin

T = TypeVar("T")
S = TypeVar("S")


def shares(n: int, worth: bool) -> list[range]:
    """n rows in parts, in order; in one part if more are not worth it."""
    count = min(LANES, max(1, n // ALIGNED)) if worth else 1
    edges = [n * i // count // ALIGNED * ALIGNED for i in range(count)]
    return [range(a, b) for a, b in zip(edges, [*edges[1:], n], strict=True)]


def in_lanes(work: Callable[[T], S], parts: Sequence[T]) -> list[S]:
    """`work` done on every part, in order, by as many threads as there are cores, with BLAS on one thread in each."""
    workers = min(cores(), len(parts))
    if workers == 1:
        return [work(part) for part in parts]
    ends = [len(parts) * i // workers for i in range(workers + 1)]

    def some(i: int) -> list[S]:
        return [work(part) for part in parts[ends[i] : ends[i + 1]]]

    with _one_blas_thread():
        others = [_pool().submit(some, i) for i in range(1, workers)]
        found = some(0)
        return [*found, *(result for other in others for result in other.result())]


def cores() -> int:
    """The cores that this process may use; 1 without threadpoolctl, which keeps BLAS from using all of them at once."""
    if _blas() is None:
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _pool() -> Any:
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(max(1, cores() - 1), thread_name_prefix="microgradcnn")


def _one_blas_thread() -> AbstractContextManager[Any]:
    blas = _blas()
    return nullcontext() if blas is None else blas.limit(limits=1, user_api="blas")


@cache
def _blas() -> Any:
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController()
