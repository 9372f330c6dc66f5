"""What a user's own Python file has: `model.py:loss` runs the file and takes what is called loss there.

That is a Value or an Example, a function that gives one, a Network class, or a Module with an example. The file runs on
purpose, with everything that it does, as `import model` would; what it prints goes to stderr.
"""

from __future__ import annotations

import difflib
import inspect
import re
import runpy
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Value
from microgradcnn.lesson.course import Course, LeftOutWarning
from microgradcnn.networks import Example, Network, network_of_loss, network_of_module
from microgradcnn.nn.module import Module
from microgradcnn.views.answers.tokens import canonical

_SCRIPT = re.compile(r"(?P<path>.+\.py)(?::(?P<name>.*))?")
WHAT_TO_WRITE = "a function that returns a loss, a Network class or a Module"
_MODULE = "script"  # what __name__ is while the file runs


class ScriptError(ValueError):
    """A user's file cannot be run, or has no such Value in it; the message says where."""


class IncompleteError(ScriptError):
    """What a name stands for lacks something that makes it a network; the message says what to write."""


def is_script(what: str) -> bool:
    """Whether a text looks like `file.py` or `file.py:name`."""
    return _SCRIPT.fullmatch(what) is not None


def find_in_script(what: str) -> Value | Example | type[Network]:
    """What `file.py:name` names: a Value or an Example, or what a function there gives, or else as a Network class.

    Nodes of a graph without a label get the names that they have in the file, other leaves v_1, v_2, ... Raises
    ScriptError, in one sentence with file and line, for what goes wrong in the file, and for a name that it does not
    have.
    """
    script, name = _run(what)
    found = script.chosen(name)
    return script.network(name) if isinstance(found, Module | type) else script.made(name)()


def network_in_script(what: str) -> type[Network]:
    """The Network class that `file.py:name` names, or that is made of what it names. Raises as `find_in_script`."""
    script, name = _run(what)
    return script.network(name)


def course_in_script(what: str) -> Course:
    """The Course that `file.py` has at its top level, or one of all that it offers; of `file.py:name` that alone.

    Offered are its classes, its modules, its functions that give a loss, and its losses: Values, computed at the top
    level, that no other there is computed from. What stands not for itself, a module without an example, is left out
    with a LeftOutWarning. Raises as `find_in_script`, and for a file that offers nothing.
    """
    script, name = _run(what)
    if name:
        return Course({name: script.network(name)}, others=[other for other in script.offered() if other != name])
    if courses := [value for value in script.names.values() if isinstance(value, Course)]:
        return courses[0]
    found, faults = dict[str, type[Network]](), list[str]()
    for name in script.offered():
        try:
            if script.is_whole(name):
                found[name] = script.network(name)
        except IncompleteError as error:
            faults.append(str(error))
    if not found:
        raise ScriptError(next(iter([*faults, *script.needing()]), f"{what} offers nothing: write {WHAT_TO_WRITE}"))
    for fault in faults:
        warnings.warn(f"{fault}; the course goes without", LeftOutWarning, stacklevel=2)
    return Course(found)


def did_you_mean(path: Path) -> str:
    """A guess at the Python file that was meant by a path that leads to none: "did you mean rain.py?", or ""."""
    near = {file.name: file for file in path.parent.glob("*.py")} if path.parent.is_dir() else {}
    meant = difflib.get_close_matches(path.with_suffix(".py").name, near, n=1)
    return f"did you mean {near[meant[0]]}?" if meant else ""


def run_script(what: str) -> None:
    """Run the file of `file.py` or `file.py:name`, for what it does, such as to define primitives; raises as above."""
    _run(what)


def told(error: BaseException) -> str | None:
    """An error from a user's file, or of what one there led to, as a sentence with file and line; None for others."""
    for each in (error, error.__cause__):
        frames = traceback.walk_tb(None if each is None else each.__traceback__)
        paths = [frame.f_code.co_filename for frame, _ in frames if frame.f_globals.get("__name__") == _MODULE]
        if each is not None and paths:
            return _told(each, Path(paths[-1]))
    return None


def _run(what: str) -> tuple[_Script, str]:
    match = _SCRIPT.fullmatch(what)
    if match is None:
        raise ScriptError(f"{what!r} is no file.py:name")
    path = Path(match["path"])
    if not path.is_file():
        guess = f": {meant}" if (meant := did_you_mean(path)) else ""
        raise ScriptError(f"{path} does not exist{guess}")
    with _in_its_place(path):
        return _Script(path, runpy.run_path(str(path), run_name=_MODULE)), match["name"] or ""


@dataclass(frozen=True)
class _Script:
    """A file that has run, and the names that it has then."""

    path: Path
    names: dict[str, Any]

    def offered(self) -> list[str]:
        """The names that may be asked for."""
        return [name for name, value in self.names.items() if _is_offered(value)]

    def is_whole(self, name: str) -> bool:
        """Whether something that is offered stands for itself: no step towards another loss, nor for the file alone.

        Raises IncompleteError for a function that gives None.
        """
        value = self.names[name]
        if inspect.isfunction(value):
            made = None if name.startswith("_") else self._called(name, {})
            if made is None and not name.startswith("_"):
                raise IncompleteError(f"{self.path}:{name} gives None: let it return its loss")
            return isinstance(made, Value | Example)
        others = (v.loss if isinstance(v, Example) else v for n, v in self.names.items() if n != name)
        computed = [v for v in others if isinstance(v, Value) and v is not value]
        return not isinstance(value, Value) or not (value.shape or any(value in topological(v) for v in computed))

    def needing(self) -> list[str]:
        """A sentence for each function that would have to be given something to be called."""
        functions = {name: value for name, value in self.names.items() if inspect.isfunction(value)}
        own = {name: value for name, value in functions.items() if value.__module__ == _MODULE}
        return [
            f"{self.path}:{name} needs {', '.join(needs)}: give every argument a default, such as {needs[0]}=3"
            for name, value in own.items()
            if (needs := [p.name for p in inspect.signature(value).parameters.values() if p.default is p.empty])
        ]

    def chosen(self, name: str) -> Any:
        """What is called so. Raises ScriptError, with a guess, for a name that is not there or needs arguments."""
        if name in self.names and (not inspect.isroutine(self.names[name]) or _needs_nothing(self.names[name])):
            return self.names[name]
        offered, path = self.offered(), self.path
        has = f"it has {', '.join(offered)}" if offered else "no Value is computed at its top level"
        if not name:
            raise ScriptError(f"say what in {path}, as {path}:name; {has}")
        if name in self.names:
            raise ScriptError(f"{path}:{name} needs arguments: name a Value, or a function without any; {has}")
        meant = difflib.get_close_matches(name, offered, n=1)
        raise ScriptError(f"{path} has no {name!r}" + (f": did you mean {meant[0]}?" if meant else f": {has}"))

    def network(self, name: str) -> type[Network]:
        """The Network class of that name, or of the module or the loss of that name."""
        found = self.chosen(name)
        if isinstance(found, type) and issubclass(found, Network):
            if left_out := sorted(found.__abstractmethods__):
                raise IncompleteError(f"{self.path}:{name} is a Network without {' and '.join(left_out)}: write that")
            if not _needs_nothing(found, seed=0):
                raise IncompleteError(
                    f"{self.path}:{name} is built by itself, and from a seed: let its constructor take "
                    "seed=0, hand it on, and give every other argument a default"
                )
            return found
        if not isinstance(found, Module):
            return network_of_loss(self.made(name), name)
        beside = self.names.get("example")
        example = getattr(found, "example", beside if isinstance(beside, tuple | list) else None)
        if example is None:
            where = f"{self.path}:{name}"
            raise IncompleteError(
                f"{where} has no example: write {name}.example = x, y, a batch of inputs and its targets"
            )
        return network_of_module(found, example, name)

    def made(self, name: str) -> Callable[..., Value | Example]:
        """A function of the sizes, if there are any, that gives the loss of that name, its leaves labelled."""
        found = self.chosen(name)

        def make(**sizes: Any) -> Value | Example:
            loss = self._called(name, sizes) if inspect.isroutine(found) else found
            if isinstance(loss, Example):
                return loss
            if not isinstance(loss, Value):
                kinds = "not a Value, an Example, a Network class or a Module"
                if isinstance(loss, type):
                    raise ScriptError(f"{self.path}:{name} is a class, {kinds}: name what is made by {name}(...)")
                raise ScriptError(f"{self.path}:{name} is of type {type(loss).__name__}, {kinds}")
            _label(loss, self.names)
            return loss

        return wraps(found)(make) if inspect.isroutine(found) else make

    def _called(self, name: str, sizes: dict[str, int]) -> Any:
        with _in_its_place(self.path):
            return self.names[name](**sizes)


def _is_offered(value: Any) -> bool:
    if inspect.isfunction(value):
        return value.__module__ == _MODULE and _needs_nothing(value)
    if inspect.isclass(value):
        return value.__module__ == _MODULE and issubclass(value, Network) and not inspect.isabstract(value)
    return isinstance(value, Example | Module) or (isinstance(value, Value) and value.op is not None)


def _needs_nothing(function: Any, **given: Any) -> bool:
    try:
        inspect.signature(function).bind(**given)
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
