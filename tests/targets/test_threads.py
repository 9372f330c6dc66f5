"""Rows shared out among threads: in order, by all of them, and nothing left behind."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading

import pytest

from microgradcnn.targets.backends import threads
from microgradcnn.targets.backends.threads import in_lanes, shares


@pytest.mark.parametrize("n", [1, 63, 64, 65, 1000, 1024, 10**6 + 1])
def test_shares_cover_all_rows_once(n):
    for worth in (False, True):
        parts = shares(n, worth)
        assert [row for part in (parts[0], parts[-1]) for row in (part.start, part.stop)][::3] == [0, n]
        assert all(a.stop == b.start for a, b in itertools.pairwise(parts))
        assert all(part.start % 64 == 0 for part in parts)
        assert len(parts) == (min(16, max(1, n // 64)) if worth else 1)


def test_results_come_in_order_from_several_threads(monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 3)
    met = threading.Barrier(3, timeout=60)  # all three threads are at work at once, or nobody gets past it

    def work(part, thread):
        if part in (0, 3, 6):
            met.wait()
        return part, thread, threading.get_ident()

    found = in_lanes(work, list(range(9)))
    assert [part for part, _, _ in found] == list(range(9))
    assert [thread for _, thread, _ in found] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert len({ident for _, _, ident in found}) == 3
    assert found[0][2] == threading.get_ident()


def test_an_error_waits_for_the_others_and_puts_everything_back(monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 2)
    before, done = sys.getswitchinterval(), []

    def work(part, thread):
        if thread == 0:
            raise KeyboardInterrupt
        done.append(part)

    with pytest.raises(KeyboardInterrupt):
        in_lanes(work, [0, 1, 2, 3])
    assert done == [2, 3]
    assert sys.getswitchinterval() == before
    assert not threads._all_cores.locked()


def test_blas_has_one_thread_until_the_last_has_left():
    pytest.importorskip("threadpoolctl")

    def blas():
        return [library["num_threads"] for library in threads._blas().info() if library["user_api"] == "blas"]

    before = blas()
    with threads.one_blas_thread():
        with threads.one_blas_thread():
            assert blas() == [1] * len(before)
        assert blas() == [1] * len(before)
    assert blas() == before


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux tells threads where to run")
def test_threads_are_kept_apart(monkeypatch):
    asked = []
    monkeypatch.setattr(threads, "_current_core", lambda: 0)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2, 5})
    monkeypatch.setattr(os, "sched_setaffinity", lambda thread, cores: asked.append((thread, cores)))
    threads._keep_apart([11, 12, 13])
    assert asked == [(11, {2}), (12, {5})]
    monkeypatch.setattr(threads, "_current_core", lambda: None)
    threads._keep_apart([11])
    assert len(asked) == 2


FORKING = """
import os
from microgradcnn.targets.backends import threads
threads.cores = lambda: 2
assert threads.in_lanes(lambda part, thread: part, [0, 1]) == [0, 1]
child = os.fork()
if not child:
    os._exit(0 if threads.in_lanes(lambda part, thread: part, [0, 1]) == [0, 1] else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_has_threads_of_its_own():
    subprocess.run([sys.executable, "-c", FORKING], check=True, timeout=60)  # JAX, in this process, warns of forks
