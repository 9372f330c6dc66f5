"""Inner derivatives, those of functions such as σ and not of a sum or a product: how they are written, and mistaken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Value
from microgradcnn.views.answers.diagnosis import listed, number
from microgradcnn.views.answers.edits.program import Edge, LossProgram
from microgradcnn.views.answers.edits.table import LINEAR, WRITTEN
from microgradcnn.views.answers.parser import parse
from microgradcnn.views.answers.tokens import Names


def is_inner(program: LossProgram, edge: Edge) -> bool:
    """Whether an edge goes into a function of one input that is no constant."""
    n, _ = edge
    return program.ops[n] not in LINEAR and sum(not program.constant[p] for p in program.parents[n]) == 1


def instead(program: LossProgram, edge: Edge, formula: str) -> Array:
    """What a formula of the table gives in place of the local derivative of an edge."""
    n, k = edge
    v, inputs = program.values[n], [program.values[p] for p in program.parents[n]]
    values = {"v": v, "x": inputs[k], "d": program.slopes[n][k]}
    read = _read(formula)
    if any(node.label == "s" for node in topological(read)):
        inputs[k] = v
        values["s"] = program.slopes_at(n, program.value_at(n, *inputs), *inputs)[k]
    return program.ones * evaluated(read, values)


@lru_cache(maxsize=256)
def _read(formula: str) -> Value:
    return parse(formula, Names("vxds"))


def evaluated(formula: Value, values: Mapping[str, Array]) -> Array:
    """The numbers of a formula that was read, at the numbers of its names."""
    found: dict[Value, Any] = {}
    for node in topological(formula):
        if node.op is None:
            found[node] = node.data if node.label is None else values[node.label]
        else:
            found[node] = node.op.evaluate([found.get(p, p.data) for p in node.parents], node.static)
    return np.asarray(found[formula])


def inner_words(program: LossProgram, edges: Sequence[Edge]) -> dict[str, str]:
    """What sentences call the inner derivatives: zs, those of which functions; inner, as it is written; z and a."""
    nodes = [n for n, _ in edges]
    names = [program.words(n) for n in nodes]
    inputs = [program.words(program.parents[n][k]) for n, k in edges]
    z, a = (own[0] if len(own) == 1 else f"{own[0].partition('_')[0]}_i" for own in (names, inputs))
    if program.labels[nodes[0]] is not None and program.labels[program.parents[nodes[0]][edges[0][1]]] is None:
        a = z.replace("z", "a", 1)
    op = program.ops[nodes[0]]
    written = WRITTEN.get(op) if program.labels[nodes[0]] is not None else None
    base = program.factor(program.parents[nodes[0]][edges[0][1]]) if len(edges) == 1 else a
    inner = (written or derived(program.nodes[nodes[0]])).format(z=z, a=a, base=base)
    return {"zs": listed(names), "inner": inner, "z": z, "a": a, "one": f"1 − {z}"}


def derived(node: Value) -> str:
    """How the derivative of a node's function is written, of its input {a}, in brackets where it is no name {base}."""
    assert node.op is not None
    if node.op.name != "power":
        return f"{node.op.name}'({{a}})"
    exponent = float(node.static["exponent"])
    factor, less = number(exponent), number(exponent - 1.0)
    return {2.0: "2{base}", 0.5: "1/(2√{base})", -1.0: "−1/{base}²"}.get(exponent, f"{factor}·{{base}}^({less})")
