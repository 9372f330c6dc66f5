"""The array program of a scalar program: its lines, and which scalars each of its leaves stands for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter

import numpy as np

from microgradcnn.targets.lines import LEAVES, Line, Lines
from microgradcnn.targets.rerolling import naming
from microgradcnn.targets.rerolling.families import families
from microgradcnn.targets.rerolling.picking import Index, Sizes
from microgradcnn.targets.rerolling.stacking import Stacking
from microgradcnn.targets.rerolling.sums import Scalar, Scalars, is_scalar, scalars_of
from microgradcnn.targets.simplify import simplified


@dataclass
class Rerolled:
    """Lines over arrays.

    `inputs` has, for each array among the inputs, the places of its numbers among the scalar inputs, and `parameters`
    the same for parameters. `notes` say of arrays, by their labels, which scalars they are.
    """

    lines: Lines
    inputs: list[Index]
    parameters: list[Index]
    notes: dict[str, str]

    @property
    def length(self) -> int:
        """How many lines compute something."""
        return length(self.lines)


def length(lines: Lines) -> int:
    """How many lines of a program compute something."""
    return sum(line.op not in LEAVES for line in lines.order)


def rerolled(lines: Lines) -> Rerolled | None:
    """The array program with the same results, up to rounding; None for a program that is not one of scalars alone."""
    if not is_scalar(lines):
        return None
    return _Writer(lines, scalars_of(lines)).written()


class _Writer:
    """Writes the outputs of a program, given the arrays of its families."""

    def __init__(self, lines: Lines, read: Scalars) -> None:
        self.read = read
        end = 1 + len(lines.gradients)
        self.values, self.gradients = [read.outputs[0], *read.outputs[end:]], read.outputs[1:end]
        self.stacking = Stacking(families(read, self.values))

    def written(self) -> Rerolled:
        """The lines, and what they stand for."""
        stacking, read = self.stacking, self.read
        stacking.run()
        inputs, parameters = self._by_family(read.inputs), self._by_family(read.parameters)
        at = _numbered(read.parameters)
        gradients = [
            self._returned([self.gradients[at[id(node)]] for node in nodes], stacking.stack(family).sizes)
            for family, nodes in parameters.items()
        ]
        loss, *also = [self._returned([node], ()) for node in self.values]
        notes = naming.named(stacking.made, read.absorbed)
        own = [[stacking.leaves[family] for family in part] for part in (inputs, parameters)]
        places = [_places(inputs.values(), read.inputs), _places(parameters.values(), read.parameters)]
        for kind, leaves, groups, index in zip(("input", "parameter"), own, (inputs, parameters), places, strict=True):
            scalars = [[node.line for node in nodes] for nodes in groups.values()]
            naming.name_leaves(kind, leaves, scalars, index, notes)
        lines = Lines(own[0], own[1], loss, gradients, also, per_example=False)
        return Rerolled(simplified(lines), places[0], places[1], notes)

    def _by_family(self, leaves: Sequence[Scalar]) -> dict[int, list[Scalar]]:
        """The leaves that stand in one array, in their order there, for each array."""
        found = {}
        for family in dict.fromkeys(leaf.family for leaf in leaves):
            self.stacking.stack(family)
            found[family] = sorted(self.stacking.families[family], key=attrgetter("place"))
        return found

    def _returned(self, wanted: list[Scalar], sizes: Sizes) -> Line:
        """These as one array; the means among them in this order, where a family is all of them."""
        for family in dict.fromkeys(node.family for node in wanted if node.op == "mean"):
            nodes = self.stacking.families[family]
            if family in self.stacking.stacks:
                continue
            if set(wanted) == set(nodes) and len(wanted) == len(nodes):
                at = _numbered(nodes)
                self.stacking.means(family, np.array([at[id(node)] for node in wanted]), sizes)
            else:
                self.stacking.means(family, np.arange(len(nodes)), (len(nodes),) if len(nodes) > 1 else ())
        return self.stacking.taken(wanted, sizes).line


def _numbered(nodes: Sequence[Scalar]) -> dict[int, int]:
    return {id(node): i for i, node in enumerate(nodes)}


def _places(groups: Iterable[Sequence[Scalar]], among: Sequence[Scalar]) -> list[Index]:
    at = _numbered(among)
    return [np.array([at[id(node)] for node in nodes], np.int64) for nodes in groups]
