"""mg.debug(): stop at the first value or gradient that becomes NaN or infinite, and say where it came from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from inspect import unwrap
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from microgradcnn.engine.arrays import quiet
from microgradcnn.engine.gradient import Watcher, cotangents, watching
from microgradcnn.engine.value import Value
from microgradcnn.system.callers import frames_to_the_user

_RULES = unwrap(cotangents).__code__  # the function from which all chain rules are called


class NonFiniteError(ArithmeticError):
    """A value or a gradient became NaN or infinite inside mg.debug(); `brief` says so without the place."""

    def __init__(self, message: str, brief: str = "") -> None:
        super().__init__(message)
        self.brief = brief


@contextmanager
def debug() -> Iterator[None]:
    """A context in which the first value or gradient that is NaN or infinite raises NonFiniteError.

    The error names the primitive, the values that went in, and the line of the user's code that computed the node (the
    lines of nodes made before the context are not known). Everything inside runs a few times slower.
    """
    with watching(_Debugger()):
        yield


class _Debugger(Watcher):
    def __init__(self) -> None:
        self.lines: WeakKeyDictionary[Value, str] = WeakKeyDictionary()

    def value(self, node: Value) -> None:
        self.lines[node], in_a_rule = _users_line()
        if not in_a_rule and not _finite(node._data):  # what a rule gives comes to gradient()
            raise self._error(
                f"{_what(node._data)} came out of {node.op.name if node.op else ''}", node, _inputs(node.parents)
            )

    def start(self, root: Value, seed: Any) -> None:
        for what, data in ((root.describe(), root._data), ("the seed", _raw(seed))):
            if not _finite(data):
                raise self._error(f"{what} is {_what(data)} before any gradient is taken", root, _inputs(root.parents))

    def gradient(self, node: Value, k: int, parent: Value, g: Any, sent: Any, total: Any) -> None:
        if not _finite(_raw(total)):
            what = f"{_what(_raw(total))} came out of the chain rule of {node.op.name if node.op else ''}"
            details = f"df/dy = {_show(_raw(g))}, y = {_show(node._data)}, {_inputs(node.parents)}"
            raise self._error(f"{what} for {parent.describe()}", node, details)

    def _error(self, what: str, node: Value, details: str) -> NonFiniteError:
        where = self.lines.get(node, "a line outside mg.debug()")
        return NonFiniteError(f"{what}, computed at {where}: {details}", brief=f"{what}: {details}")


def _users_line() -> tuple[str, bool]:
    """The line of the user's that is being executed, and whether it is a gradient that is being computed."""
    in_a_rule = False
    for frame in frames_to_the_user():
        in_a_rule = in_a_rule or frame.f_code is _RULES
    return f"{frame.f_code.co_filename}, line {frame.f_lineno}", in_a_rule


def _raw(x: Any) -> Any:
    return x._data if isinstance(x, Value) else x


def _finite(data: Any) -> bool:
    return bool(np.all(np.isfinite(data)))


def _what(data: Any) -> str:
    return "NaN" if np.any(np.isnan(data)) else "an infinity"


def _inputs(parents: tuple[Value, ...]) -> str:
    return ", ".join(f"{p.label or f'input {i}'} = {_show(p._data)}" for i, p in enumerate(parents))


def _show(data: Any) -> str:
    if np.ndim(data) == 0:
        return repr(data)
    finite = np.asarray(data)[np.isfinite(data)]
    odd = np.size(data) - finite.size
    span = f"{quiet(np.min, finite):.6g} to {quiet(np.max, finite):.6g}" if finite.size else "nothing finite"
    return f"array {np.shape(data)} from {span}" + (f", {odd} of them NaN or infinite" if odd else "")
