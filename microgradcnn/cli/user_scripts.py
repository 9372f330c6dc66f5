"""A Value from a user's own Python file: `model.py:loss` runs the file and takes what is called loss there.

The file runs on purpose, with everything that it does, as `import model` would; what it prints goes to stderr.
"""

from __future__ import annotations

import difflib
import inspect
import re
import runpy
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import Any

from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Value
from microgradcnn.networks import Example
from microgradcnn.views.answers.tokens import canonical

_SCRIPT = re.compile(r"(?P<path>.+\.py)(?::(?P<name>.*))?")
_MODULE = "script"  # what __name__ is while the file runs


class ScriptError(ValueError):
    """A user's file cannot be run, or has no such Value in it; the message says where."""


def is_script(what: str) -> bool:
    """Whether a text looks like `file.py` or `file.py:name`."""
    return _SCRIPT.fullmatch(what) is not None


def find_in_script(what: str) -> Value | Example:
    """The Value or Example that `file.py:name` names, or that the function of that name there returns.

    Nodes of its graph without a label get the names that they have in the file, other leaves v_1, v_2, ... Raises
    ScriptError, in one sentence with file and line, for what goes wrong in the file, and for a name that it does not
    have.
    """
    match = _SCRIPT.fullmatch(what)
    if match is None:
        raise ScriptError(f"{what!r} is no file.py:name")
    path, name = Path(match["path"]), match["name"] or ""
    if not path.is_file():
        raise ScriptError(f"{path} does not exist")
    with _in_its_place(path):
        namespace = runpy.run_path(str(path), run_name=_MODULE)
        found = _chosen(namespace, name, path)
        if inspect.isroutine(found):
            found = found()
    if isinstance(found, Example):
        return found
    if not isinstance(found, Value):
        raise ScriptError(f"{path}:{name} is of type {type(found).__name__}, not a Value")
    _label(found, namespace)
    return found


def _chosen(namespace: dict[str, Any], name: str, path: Path) -> Any:
    if name in namespace and (not inspect.isroutine(namespace[name]) or _needs_nothing(namespace[name])):
        return namespace[name]
    offered = [key for key, value in namespace.items() if _is_offered(value)]
    has = f"it has {', '.join(offered)}" if offered else "no Value is computed at its top level"
    if not name:
        raise ScriptError(f"say what in {path}, as {path}:name; {has}")
    if name in namespace:
        raise ScriptError(f"{path}:{name} needs arguments: name a Value, or a function without any; {has}")
    meant = difflib.get_close_matches(name, offered, n=1)
    raise ScriptError(f"{path} has no {name!r}" + (f": did you mean {meant[0]}?" if meant else f": {has}"))


def _is_offered(value: Any) -> bool:
    if inspect.isfunction(value):
        return value.__module__ == _MODULE and _needs_nothing(value)
    return isinstance(value, Example) or (isinstance(value, Value) and value.op is not None)


def _needs_nothing(function: Any) -> bool:
    try:
        inspect.signature(function).bind()
    except (TypeError, ValueError):  # arguments are missing, or it does not say which it takes
        return False
    return True


def _label(loss: Value, namespace: dict[str, Any]) -> None:
    order = topological(loss)
    nodes, taken = set(order), {node.label for node in order}
    for name, value in namespace.items():
        label = canonical(name) or name
        if isinstance(value, Value) and value in nodes and value.label is None and label not in taken:
            value.label = label
            taken.add(label)
    free = (label for i in range(1, 2 * len(order) + 1) if (label := f"v_{i}") not in taken)
    for leaf in order:
        if leaf.op is None and leaf.label is None:
            leaf.label = next(free)


@contextmanager
def _in_its_place(path: Path) -> Iterator[None]:
    """A file finds its folder in sys.path and its own name in sys.argv; its errors become a sentence."""
    argv, folders = sys.argv, sys.path
    sys.argv, sys.path = [str(path)], [str(path.resolve().parent), *sys.path]
    try:
        with redirect_stdout(sys.stderr):
            yield
    except (ScriptError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise ScriptError(_told(error, path)) from None
    finally:
        sys.argv, sys.path = argv, folders


def _told(error: BaseException, path: Path) -> str:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    said = ""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        lines = [error.lineno]
        said = error.msg
    else:
        with suppress(Exception):  # an exception of the user's own may fail to say what it is
            said = next(iter(str(error).splitlines()), "")
    what = f"{type(error).__name__}: {said}" if said else type(error).__name__
    return f"{path}, line {lines[-1]}: {what}" if lines else f"{path}: {what}"
