"""Many cases of one kind: a few that stand for all while one works, and one test that lists all at fault."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest


def slow_but(*fast: Any, among: Iterable[Any]) -> list[Any]:
    """The cases as values of one parameter of a test, marked slow but for the fast ones."""
    cases = list(among)
    assert all(case in cases for case in fast), f"of {fast}, not every one is among {cases}"
    return [pytest.param(case, marks=() if case in fast else pytest.mark.slow) for case in cases]


def offenders(cases: Iterable[Any], check: Callable[[Any], None]) -> list[str]:
    """What is wrong with which of many cases, each of which raises what it finds: empty if nothing is."""
    found = []
    for case in cases:
        try:
            check(case)
        except (Exception, pytest.fail.Exception) as error:
            found.append(f"{case!r:.200}: {type(error).__name__}: {error}")
    return found
