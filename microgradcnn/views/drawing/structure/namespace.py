"""Names of nodes from a user's variables, and the objects that hold parameters: model.layers[0].neurons[3].w[1]."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FunctionType, MethodType, ModuleType
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
    """What the variables of a namespace call these nodes: the variables themselves first, then what is in objects.

    What is in a list is numbered from 1, by all the lists that it is in: the second weight of neuron 4 of layer 1 is
    w_1_4_2. Variables that begin with _, and the In and Out of IPython, name nothing.
    """
    walk = _Walk(set(nodes))
    variables = {
        name: thing
        for name, thing in namespace.items()
        if name[:1] != "_" and name not in ("In", "Out", "exit", "quit")
    }
    for name, thing in sorted(variables.items(), key=lambda pair: not isinstance(pair[1], Value)):
        walk.visit(thing, name, (), ())
    taken = {node.label for node in nodes}
    found = {node: name for node, name in walk.found.names.items() if node.label is None and name not in taken}
    unique = {name: node for node, name in reversed(found.items())}
    return Meaning({node: name for name, node in unique.items()}, walk.found.owners)


class _Walk:
    """A walk through variables; what was seen once is not entered again."""

    def __init__(self, nodes: Collection[Value]) -> None:
        self.nodes, self.seen, self.found = nodes, set[int](), Meaning()

    def visit(self, thing: Any, name: str, indices: tuple[int, ...], owners: tuple[Owner, ...]) -> None:
        """Look at a thing that is called `name`, with `indices` in lists, within the objects `owners`."""
        if isinstance(thing, Value):
            if thing in self.nodes:
                self.found.names.setdefault(thing, "_".join([name, *map(str, indices)]))
                if owners and thing.op is None:
                    self.found.owners.setdefault(thing, owners)
        elif self._enter(thing, owners):
            nested = isinstance(thing, Module) and bool(owners)
            for part, called, index in _parts(thing):
                called = f"{name}.{called}" if nested and called else called
                inside = owners if isinstance(thing, _HOLDERS) else (*owners, _owner(thing, name, indices))
                self.visit(part, called or name, (*indices, index) if index else indices, inside)

    def _enter(self, thing: Any, owners: tuple[Owner, ...]) -> bool:
        known = id(thing) in self.seen or len(self.seen) > MOST or len(owners) > DEEPEST
        if known or isinstance(thing, type | ModuleType | FunctionType | MethodType):
            return False
        own = type(thing).__module__.split(".")[0] not in sys.stdlib_module_names and hasattr(thing, "__dict__")
        if not (own or isinstance(thing, list | tuple | dict)):
            return False
        self.seen.add(id(thing))
        return True


def _parts(thing: Any) -> Iterator[tuple[Any, str, int]]:
    """What is in a thing: with a name of its own, or a number in a list."""
    if isinstance(thing, list | tuple):
        yield from ((part, "", i) for i, part in enumerate(thing, start=1))
    else:
        named = thing if isinstance(thing, dict) else vars(thing)
        yield from ((part, name, 0) for name, part in list(named.items()) if isinstance(name, str))


def _owner(thing: Any, name: str, indices: tuple[int, ...]) -> Owner:
    kind, number = type(thing).__name__, ".".join(map(str, indices))
    if isinstance(thing, Module):
        called_by_place = number or name.rpartition(".")[2].isdigit()
        return id(thing), f"{kind} {PLACED}{number}" if called_by_place else name
    return id(thing), f"{kind} {number}".strip()
