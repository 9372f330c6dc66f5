"""Cases of which a few stand for all while one works: the others are marked slow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from _pytest.mark import ParameterSet


def slow_but(*fast: Any, among: Iterable[Any]) -> list[ParameterSet]:
    """The cases as values of one parameter of a test, marked slow but for the fast ones."""
    cases = list(among)
    assert all(case in cases for case in fast), f"of {fast}, not every one is among {cases}"
    return [pytest.param(case, marks=() if case in fast else pytest.mark.slow) for case in cases]
