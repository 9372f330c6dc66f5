"""Scalars side by side in grids of nodes: sums cut into parts of one kind, and the places where their factors stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from microgradcnn.targets.rerolling.picking import Index, Sizes
from microgradcnn.targets.rerolling.sums import Scalar

ScalarGrid: TypeAlias = np.ndarray[Any, Any]


@dataclass
class Addends:
    """Of sums, all that is of one kind: ± products of `factors`, each a grid (sums, terms) of one family."""

    sign: int
    factors: list[ScalarGrid]

    @property
    def terms(self) -> int:
        """How many terms every sum has of this kind."""
        return int(self.factors[0].shape[1])

    @property
    def varies(self) -> bool:
        """Whether every row has a value of its own."""
        return any(nodes[0, 0].varies for nodes in self.factors)

    def ordered(self, order: Index) -> Addends:
        """The same of the sums in another order."""
        return Addends(self.sign, [nodes[order] for nodes in self.factors])


def addends(nodes: Sequence[Scalar]) -> list[Addends]:
    """The parts of these sums, in the order of the terms of the first; in products, what varies comes last."""
    kinds: dict[Any, list[list[Sequence[Scalar]]]] = {}
    for i, node in enumerate(nodes):
        for term in node.terms:
            factors = sorted(term.factors, key=_rank)
            key = (term.sign, *(factor.family for factor in factors))
            if key not in kinds:
                kinds[key] = [[] for _ in nodes]
            kinds[key][i].append(factors)
    found = []
    for (sign, *_), rows in kinds.items():
        flat = gathered([node for row in rows for factors in row for node in factors])
        found.append(Addends(sign, list(np.moveaxis(flat.reshape(len(rows), len(rows[0]), -1), -1, 0))))
    return found


def _rank(node: Scalar) -> tuple[bool, int]:
    return node.varies, node.family


def gathered(nodes: Sequence[Scalar]) -> ScalarGrid:
    """ScalarGrid as an array of them."""
    found = np.empty(len(nodes), object)
    found[:] = nodes
    return found


def places(nodes: ScalarGrid) -> Index:
    """Where nodes stand in the array of their family."""
    return np.array([node.place for node in nodes.flat], np.int64).reshape(nodes.shape)


def crossed(a: Index, b: Index) -> tuple[Index, Sizes] | None:
    """An order in which scalars stand by a and b, if every a meets every b once; that first which changes less."""
    (some, left), (others, right) = (np.unique(x, return_inverse=True) for x in (a, b))
    if len(some) * len(others) != len(a) or len(np.unique(left * len(others) + right)) != len(a):
        return None
    if (np.diff(left) != 0).sum() <= (np.diff(right) != 0).sum():
        return np.argsort(left * len(others) + right), (len(some), len(others))
    return np.argsort(right * len(some) + left), (len(others), len(some))
