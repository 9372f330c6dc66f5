"""Names of nodes from a user's variables, and the objects that hold parameters: model.layers[0].neurons[3].w[1]."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any

from microgradcnn.engine.value import Value
from microgradcnn.networks.example import Example
from microgradcnn.nn.module import Module

DEEPEST, MOST = 8, 100_000  # objects within each other, and all that are looked at
_HOLDERS = (list, tuple, dict, Example)  # what holds parameters and is no part of a model
PLACED = "#"  # after the kind of a module that is called by its place, and before its number in lists: see layers
Owner = tuple[int, str]  # an object by its identity, and what it is called
Owners = Mapping[Value, tuple[Owner, ...]]  # the objects around parameters, from the outermost to the innermost


@dataclass
class Meaning:
    """Names of unlabelled nodes, the objects around every parameter from the outermost to the innermost."""

    names: dict[Value, str] = field(default_factory=dict)
    owners: dict[Value, tuple[Owner, ...]] = field(default_factory=dict)

    @contextmanager
    def labelled(self) -> Iterator[None]:
        """While it lasts, the nodes have these names as labels."""
        unlabelled = [node for node in self.names if node.label is None]
        try:
            for node in unlabelled:
                node.label = self.names[node]
            yield
        finally:
            for node in unlabelled:
                node.label = None


def notebook_namespace() -> Mapping[str, Any]:
    """The variables of a running IPython, of which a notebook is one; none elsewhere."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return dict(shell.user_ns) if shell is not None else {}


def meaning(namespace: Mapping[str, Any], nodes: Collection[Value]) -> Meaning:
    """What the variables of a namespace call these nodes: the variables themselves first, then what is in objects, and
    last what functions hold that were made within another.

    What is in a list is numbered from 1, by all the lists that it is in: the second weight of neuron 4 of layer 1 is
    w_1_4_2. Variables that begin with _, and the In and Out of IPython, name nothing.
    """
    walk = _Walk(set(nodes))
    variables = {
        name: thing
        for name, thing in namespace.items()
        if name[:1] != "_" and name not in ("In", "Out", "exit", "quit")
    }
    for name, thing in sorted(variables.items(), key=lambda pair: _turn(pair[1])):
        walk.visit(thing, name, (), ())
    taken = {node.label for node in nodes}
    found = {node: name for node, name in walk.found.names.items() if node.label is None and name not in taken}
    unique = {name: node for node, name in reversed(found.items())}
    return Meaning({node: name for name, node in unique.items()}, walk.found.owners)


class _Walk:
    """A walk through variables; what was seen once is not entered again."""

    def __init__(self, nodes: Collection[Value]) -> None:
        self.nodes, self.seen, self.found = nodes, set[int](), Meaning()

    def visit(
        self, thing: Any, name: str, indices: tuple[int, ...], owners: tuple[Owner, ...], listed: bool = False
    ) -> None:
        """Look at a thing that is called `name`, with `indices` in lists, within the objects `owners`.

        It is `listed` if a list has it, not a name of its own.
        """
        if isinstance(thing, Value):
            if thing in self.nodes:
                self.found.names.setdefault(thing, "_".join([name, *map(str, indices)]))
                if owners and thing.op is None:
                    self.found.owners.setdefault(thing, owners)
        elif self._enter(thing, owners):
            own, inside = "", owners
            if not isinstance(thing, _HOLDERS):
                inside = (*owners, _owner(thing, name, indices, listed, bool(owners)))
                if isinstance(thing, Module) and owners:  # its layers are called by their places in the whole
                    own = f"{name}.{indices[-1] - 1}." if listed else f"{name}."
            for part, called, index in _parts(thing):
                if index:
                    self.visit(part, name, (*indices, index), inside, listed=True)
                else:
                    self.visit(part, own + called, indices, inside)

    def _enter(self, thing: Any, owners: tuple[Owner, ...]) -> bool:
        known = id(thing) in self.seen or len(self.seen) > MOST or len(owners) > DEEPEST
        if known or isinstance(thing, type | ModuleType | MethodType):
            return False
        own = type(thing).__module__.split(".")[0] not in sys.stdlib_module_names and bool(_attributes(thing))
        if not (own or isinstance(thing, list | tuple | dict | FunctionType)):
            return False
        self.seen.add(id(thing))
        return True


def _parts(thing: Any) -> Iterator[tuple[Any, str, int]]:
    """What is in a thing: with a name of its own, or a number in a list."""
    if isinstance(thing, list | tuple) and not hasattr(type(thing), "_fields"):
        yield from ((part, "", i) for i, part in enumerate(thing, start=1))
    else:
        named = thing if isinstance(thing, dict) else _attributes(thing)
        yield from ((part, name, 0) for name, part in list(named.items()) if isinstance(name, str))


def _attributes(thing: Any) -> Mapping[str, Any]:
    """What an object holds by name, be it in slots or a named tuple; a function, what it has from the one around it."""
    if isinstance(thing, FunctionType):
        held = zip(thing.__code__.co_freevars, thing.__closure__ or (), strict=True)
        return {name: cell.cell_contents for name, cell in held if cell != CellType()}
    slots = [getattr(kind, "__slots__", ()) for kind in type(thing).__mro__]
    listed = [[each] if isinstance(each, str) else each for each in (*slots, getattr(type(thing), "_fields", ()))]
    names = [name for each in listed for name in each]
    return {name: getattr(thing, name) for name in names if hasattr(thing, name)} | getattr(thing, "__dict__", {})


def _owner(thing: Any, name: str, indices: tuple[int, ...], listed: bool, within: bool) -> Owner:
    """By its name; what is in lists by its place and what it is: of a function that is what made it.

    In the list of a variable it is called as that, the second of `neurons` neuron 2.
    """
    kind, number = type(thing).__name__, ".".join(map(str, indices))
    if isinstance(thing, FunctionType):
        kind = thing.__qualname__.removesuffix(".<locals>." + thing.__name__).rpartition(".")[2]
    if isinstance(thing, Module) and (listed or name.rpartition(".")[2].isdigit()):
        return id(thing), f"{kind} {PLACED}{number}"
    if not indices or isinstance(thing, Module):
        return id(thing), name
    return id(thing), f"{kind if within else name.removesuffix('s')} {number}"


def _turn(thing: Any) -> int:
    return 0 if isinstance(thing, Value) else 2 if isinstance(thing, FunctionType) else 1
