"""What every test gets: a check that it leaks no global state, and Hypothesis without chance or clock."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from microgradcnn import value

settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.load_profile("repeatable")


def _global_state() -> dict[str, Any]:
    return {
        "whether operations are recorded": value._recording.get(),
        "the watcher of mg.debug()": value.watcher.get(),
        "the table of primitives": dict(value.TABLE),
        "NumPy's error handling": np.geterr(),
        "the garbage collector's switch": gc.isenabled(),
        "the recursion limit": sys.getrecursionlimit(),
    }


@pytest.fixture(autouse=True)
def no_leaked_state() -> Iterator[None]:
    """Fails a test that leaves global state changed, and puts the table right for the tests after it."""
    before = _global_state()
    yield
    after = _global_state()
    _restore(before["the table of primitives"])
    leaked = [what for what in before if before[what] != after[what]]
    assert not leaked, f"the test changed {' and '.join(leaked)}"


@pytest.fixture
def own_primitives() -> Iterator[None]:
    """For a test that defines primitives with mg.primitive: takes them out of the table again."""
    before = dict(value.TABLE)
    yield
    _restore(before)


@pytest.fixture
def no_garbage_collector() -> Iterator[None]:
    """For a test that nodes are freed by reference counts alone."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def _restore(table: dict[str, Any]) -> None:
    value.TABLE.clear()
    value.TABLE.update(table)
