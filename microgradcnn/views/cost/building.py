"""A graph of any size: the callable that builds it, its sizes, and what it gives, checked."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Constant, Value

OBJECTIVE = "objective"
SIZES = range(2, 9)  # unless it is said at which sizes to build

Groups: TypeAlias = Mapping[str, Value | Sequence[Value]] | Sequence[Value]
Build: TypeAlias = Callable[..., tuple[Value, Groups]]
Sizes: TypeAlias = Sequence[str] | Mapping[str, Iterable[int]]

WANTED = 'build gives the loss and its groups of parameters, such as (loss, {"hidden layer": [S], "final layer": [w]})'


def checked_sizes(build: Build, sizes: Sizes) -> dict[str, tuple[int, ...]]:
    """The sizes of every variable, in order. Raises TypeError or ValueError for what is no such thing."""
    if not callable(build):
        raise TypeError(f"build is a function of sizes that makes a graph, not {build!r}")
    if isinstance(sizes, str) or not isinstance(sizes, Mapping | Sequence) or not sizes:
        raise TypeError(
            f'sizes are the names of build\'s arguments, ["n", "m"], or {{"n": range(2, 8)}}, not {sizes!r}'
        )
    found: dict[str, tuple[int, ...]] = {}
    for name in sizes:
        if not isinstance(name, str):
            raise TypeError(f"sizes are the names of build's arguments, not {name!r}")
        at: Any = sizes[name] if isinstance(sizes, Mapping) else SIZES
        if isinstance(at, str) or not isinstance(at, Iterable):
            raise TypeError(f"the sizes of {name} are several whole numbers, such as range(2, 8), not {at!r}")
        numbers = tuple(at)
        for number in numbers:
            if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < 1:
                raise ValueError(f"{name} cannot be {number!r}: a size is a whole number of at least 1")
        if len(set(numbers)) < 2:
            raise ValueError(f"{name} needs two sizes at least, and two more than its degree, not {list(numbers)}")
        found[name] = tuple(sorted({int(number) for number in numbers}))
    _check_names(build, found)
    return found


def built(build: Build, **sizes: int) -> tuple[Value, dict[str, list[Value]]]:
    """The loss that `build` gives, and its parameters by group. Raises TypeError or ValueError for anything else."""
    given: Any = build(**sizes)
    if not isinstance(given, tuple) or len(given) != 2:
        raise TypeError(f"{WANTED}; it gave type {type(given).__name__}")
    loss, groups = given
    if not isinstance(loss, Value) or type(loss) is Constant:
        raise TypeError(f"{WANTED}; this loss is of type {type(loss).__name__}, no Value")
    if loss.shape:
        raise ValueError(f"{loss.describe()} has shape {loss.shape}: a loss is one number")
    if loss.op is None:
        raise ValueError(f"{loss.describe()} was not computed: a loss is the result of operations")
    nodes, seen = set(topological(loss)), set[Value]()
    found = {name: _listed(group) for name, group in _named(groups)}
    for name, group in found.items():
        if name == OBJECTIVE:
            raise ValueError(
                f"a group cannot be called {name!r}, as the part before the updates is: choose another name"
            )
        if not group:
            raise ValueError(f"the group {name!r} has no parameters")
        for p in group:
            if not isinstance(p, Value) or type(p) is Constant:
                raise TypeError(f"the group {name!r} holds type {type(p).__name__}: parameters are Values")
            if p.op is not None:
                raise ValueError(f"{p.describe()} in {name!r} was computed: parameters are leaves, Values made by hand")
            if p not in nodes:
                raise ValueError(f"the loss was not computed from {p.describe()} in {name!r}: there is no gradient")
            if p in seen:
                raise ValueError(f"{p.describe()} in {name!r} is a parameter twice")
            seen.add(p)
    return loss, found


def _check_names(build: Build, names: Iterable[str]) -> None:
    try:
        signature = inspect.signature(build)
    except ValueError:  # a function written in C
        return
    try:
        signature.bind(**dict.fromkeys(names, 2))
    except TypeError as error:
        raise TypeError(f"build{signature} cannot be called with the sizes {', '.join(names)}: {error}") from None


def _named(groups: Any) -> list[tuple[str, Any]]:
    if isinstance(groups, Mapping) and groups:
        return [(str(name), group) for name, group in groups.items()]
    if isinstance(groups, Value):
        groups = [groups]
    if isinstance(groups, Mapping | str) or not isinstance(groups, Sequence) or not groups:
        raise TypeError(f"{WANTED}; these groups are of type {type(groups).__name__}, with no parameters")
    labels = [p.label if isinstance(p, Value) and p.label else f"parameter {i}" for i, p in enumerate(groups, 1)]
    if len(set(labels)) < len(labels):
        raise ValueError(f'two of {", ".join(labels)} are the same: name the groups, {{"hidden layer": [S], ...}}')
    return list(zip(labels, groups, strict=True))


def _listed(group: Any) -> list[Any]:
    return list(group) if isinstance(group, Sequence) and not isinstance(group, str) else [group]
