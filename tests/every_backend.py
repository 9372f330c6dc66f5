"""One question to every engine: what are a loss and its gradients at these numbers?

WAYS has the engine itself, by backward() and by mg.grad, and the backends of mg.compile. A program is recorded at other
numbers, and with another number of rows, than it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from many_cases import slow_but

import microgradcnn as mg
from microgradcnn import Value

Answer = tuple[float, list[Any]]

HERE = ("eager", "grad", "numpy", "jit")  # JAX takes a third of a second to compile a program: it gets many in one
WAYS = (*HERE, *(["jax"] if find_spec("jax") else []))
BACKENDS = WAYS[2:]
SIZES = ("small", "large")  # what the jit opens into scalars, and what it does not: above 500 operations an example

every_way = pytest.mark.parametrize("way", WAYS)
every_way_here = pytest.mark.parametrize("way", HERE)
every_backend = pytest.mark.parametrize("backend", BACKENDS)
every_size = pytest.mark.parametrize("size", slow_but("small", among=SIZES))


def answer(way: str, loss: Callable[..., Value], parameters: Sequence[Any], inputs: Sequence[Any] = ()) -> Answer:
    """loss(*inputs, *parameters), as a number, and its gradients with respect to the parameters."""
    if way in ("eager", "grad"):
        xs, ps = _leaves("x", inputs), _leaves("p", parameters)
        f = loss(*xs, *ps)
        if way == "grad":
            return f.item(), [g.data for g in mg.grad(f, ps)]
        f.backward()
        return f.item(), [p.grad for p in ps]
    program = compiled(way, loss, [_elsewhere(p) for p in parameters], [_elsewhere(x[:2]) for x in inputs])
    for p, data in zip(program.parameters, parameters, strict=True):
        p.data = data
    return program(*inputs)


class compiled:  # noqa: N801, called as a function is
    """A program with the leaves that it was recorded with."""

    def __init__(self, backend: str, loss: Callable[..., Value], parameters: Any, inputs: Any = ()) -> None:
        xs, self.parameters = _leaves("x", inputs), _leaves("p", parameters)
        self.program = mg.compile(loss(*xs, *self.parameters), self.parameters, xs, backend)

    def __call__(self, *inputs: Any) -> Answer:
        return self.program(*inputs)


def from_source(program: Any, *arguments: Any) -> Answer:
    """The answer of a program's source, run where there is nothing but NumPy."""
    namespace = {"numpy": np}
    exec(program.source, namespace)
    return namespace["program"](*arguments)


def padded(size: str, loss: Callable[..., Value], parameters: Sequence[Any], inputs: Sequence[Any] = ()) -> Any:
    """The same, for "large" with 600 more terms that are 0 and have gradient 1, in a parameter (and an input) more."""
    if size == "small":
        return loss, list(parameters), list(inputs)
    more, count = np.zeros(600), len(inputs)
    if not inputs:
        return (lambda *ps: loss(*ps[:-1]) + mg.sum(mg.tanh(ps[-1]))), [*parameters, more], []

    def longer(*leaves: Any) -> Value:
        x, p = leaves[count], leaves[-1]
        return loss(*leaves[:count], *leaves[count + 1 : -1]) + mg.mean(mg.sum(mg.tanh(x * p), axis=1))

    return longer, [*parameters, more], [*inputs, np.ones((len(inputs[0]), 600))]


def _leaves(name: str, arrays: Sequence[Any]) -> list[Value]:
    return [Value(x, label=f"{name}_{i}") for i, x in enumerate(arrays)]


def _elsewhere(x: Any) -> Any:
    """Other numbers of the same shape, among which nothing ties."""
    x = np.asarray(x)
    return (0.37 + 0.11 * np.arange(x.size)).reshape(x.shape)
