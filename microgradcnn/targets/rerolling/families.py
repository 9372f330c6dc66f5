"""Which scalars of a program do the same: they become one array each.

Two scalars are of one family if the same primitive makes them of families, down to the leaves; two leaves, if what the
loss does with them is of the same families. A scalar that is all that its family has stays a scalar.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from microgradcnn.targets.lines import hashable
from microgradcnn.targets.rerolling.sums import Scalar, Scalars, Term, forward

ROUNDS = 16  # of telling leaves apart; what the last of them leaves together may well stand in one array


def families(scalars: Scalars, values: Sequence[Scalar]) -> list[list[Scalar]]:
    """The families in the order of their first scalars; every node is told which of them it is of.

    Leaves are told apart by what these `values` need: the loss, and no gradient.
    """
    leaves = [*scalars.inputs, *scalars.parameters]
    ahead = forward(scalars, values)
    roles: dict[Scalar, Any] = dict.fromkeys(leaves, 0)
    found = 0
    for _ in range(ROUNDS):
        _number(scalars.nodes, roles)
        count = len({node.family for node in leaves})
        if count == found:
            break
        found, roles = count, _roles(leaves, ahead)
    members: dict[int, list[Scalar]] = {}
    for node in scalars.nodes:
        members.setdefault(node.family, []).append(node)
    for i, (family, nodes) in enumerate(sorted(members.items())):
        for node in nodes:
            node.family = i
        members[family] = nodes
    return [nodes for _, nodes in sorted(members.items())]


def _number(nodes: Sequence[Scalar], roles: dict[Scalar, Any]) -> None:
    """Give every node the number of its family, in the order in which families appear."""
    numbers: dict[Any, int] = {}
    for node in nodes:
        key = (node.op, node.line.dtype, node.varies, _made_of(node, roles))
        node.family = numbers.setdefault(key, len(numbers))


def _made_of(node: Scalar, roles: dict[Scalar, Any]) -> Any:
    if node in roles:
        return roles[node]
    if node.terms:
        return tuple(sorted(_kind(term) for term in node.terms))
    if node.op == "number":
        return node.line.power
    static = hashable(node.line.static) if node.line.static else ()
    return static, tuple([arg.family for arg in operands(node)])


def operands(node: Scalar) -> list[Scalar]:
    """The arguments of a node; those of a product in an order of their own, for a·b is b·a."""
    return sorted(node.args, key=_rank) if node.op == "mul" else list(node.args)


def _rank(node: Scalar) -> tuple[bool, bool, int]:
    return node.op != "number", not node.varies, node.family


def _kind(term: Term) -> tuple[int, ...]:
    return (term.sign, *sorted([factor.family for factor in term.factors]))


def _roles(leaves: Sequence[Scalar], ahead: Sequence[Scalar]) -> dict[Scalar, Any]:
    """What the loss does with every leaf: the families that it goes into, where, and with which others."""
    found: dict[Scalar, set[Any]] = {leaf: set() for leaf in leaves}
    for node in ahead:
        for i, arg in enumerate(node.args):
            if arg in found:
                found[arg].add((node.family, i))
        for term in node.terms:
            for factor in term.factors:
                if factor in found:
                    found[factor].add((node.family, *_kind(term)))
    return {leaf: (leaf.family, tuple(sorted(found[leaf]))) for leaf in leaves}
