"""The loss that a page is about: one example in scalars, or a batch of arrays where scalars are too many or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Value
from microgradcnn.networks import Network, named

Pieces: TypeAlias = dict[str, object]  # of a section of a page, by their names in its template
MOST_NODES = 1500  # of an example that is told in scalars
ROWS = 3  # of a batch that a page shows
MOST_WEIGHTS = 40  # that a page speaks of one by one; of more, those that represent them


@dataclass(frozen=True)
class Subject:
    """A loss with its parts: the parameters that it depends on, the leaves that are given, and what is found from them.

    `scalar` says whether all of them are single numbers.
    """

    loss: Value
    parameters: Mapping[str, Value]
    given: list[Value]
    found: list[Value]
    scalar: bool

    @property
    def told(self) -> list[str]:
        """The labels of the parameters that a page speaks of: all, or some that represent them."""
        return list(self.parameters) if len(self.parameters) <= MOST_WEIGHTS else representatives(self)

    @property
    def asked(self) -> bool:
        """Whether students can be asked for every derivative."""
        return self.scalar and len(self.parameters) <= MOST_WEIGHTS

    @property
    def labels(self) -> set[str]:
        """The labels in the loss."""
        return {node.label for node in topological(self.loss) if node.label}

    @property
    def operations(self) -> set[str]:
        """The names of the primitives in the loss."""
        return {node.op.name for node in topological(self.loss) if node.op is not None}


def subject(network: Network) -> Subject:
    """What the page of a network is about, at numbers that can be followed by hand where it has some."""
    if network.scalar:
        example = network.hand_example()
        nodes = topological(example.loss)
        if len(nodes) <= MOST_NODES:
            wrt = {label: p for label, p in example.parameters.items() if p in set(nodes)}
            found = [*dict.fromkeys([*example.z, *example.outputs, example.loss])]
            return Subject(example.loss, wrt, [*example.inputs, *example.targets], found, True)
        loss = named(network.loss(*network.drawn_rows(ROWS, np.random.default_rng(0))), "f")
    else:
        loss = network.hand_graph()
    nodes = topological(loss)
    leaves = {str(node.label): node for node in nodes if node.op is None and node.label}
    wrt = {label: leaves[label] for label in network.parameters if label in leaves}
    given = [leaf for label, leaf in leaves.items() if label not in wrt]
    between = [node for node in nodes if node.op is not None and node.label and node is not loss]
    return Subject(named(loss, loss.label or "f"), wrt, given, [*between, loss], False)


def representatives(of: Subject) -> list[str]:
    """A parameter of every kind, those nearest to the loss first.

    Of a kind are those of one letter that go into the same named nodes; of the kinds of a letter that go into as many
    there are at most two, and one where weights are many.
    """
    most = 2 if len(of.parameters) <= MOST_WEIGHTS else 1
    reached = _reached_names(of.loss)
    alike: dict[tuple[str, int], dict[frozenset[str], str]] = {}
    for label, p in of.parameters.items():
        names = reached[p]
        alike.setdefault((label.partition("_")[0], len(names)), {}).setdefault(names, label)
    kept = {label for kinds in alike.values() for label in list(kinds.values())[:most]}
    return sorted(filter(kept.__contains__, of.parameters), key=lambda label: len(reached[of.parameters[label]]))


def _reached_names(loss: Value) -> dict[Value, frozenset[str]]:
    """The labels of the nodes that each node goes into."""
    found: dict[Value, frozenset[str]] = {loss: frozenset()}
    for node in reversed(topological(loss)):
        names = found[node] | ({str(node.label)} if node.label else set())
        for parent in node.parents:
            found[parent] = found.get(parent, frozenset()) | names
    return found
