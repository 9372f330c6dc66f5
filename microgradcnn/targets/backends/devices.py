"""A program's lines on JAX's devices: what mg.compile asks of a backend, by way of targets/jax.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from microgradcnn.engine.value import Value
from microgradcnn.targets.backends.jax import JaxProgram
from microgradcnn.targets.export.source import source
from microgradcnn.targets.lines import Lines
from microgradcnn.targets.trainer import Array, Trainer


class Devices:
    """A program as JAX runs it, from the same source that people read."""

    def __init__(self, lines: Lines) -> None:
        namespace: dict[str, Any] = {}
        exec(source(lines), namespace)

        def program(*arrays: Any, xp: Any) -> Any:
            return (*namespace["program"](*arrays, xp=xp), ())[:3]  # the further numbers only if there are any

        self._program = JaxProgram(program, lines.loss.dtype, [leaf.varies for leaf in lines.inputs])

    def lowered(self, wrt: Sequence[Value], inputs: Sequence[Array]) -> str:
        """The jaxpr."""
        return self._program.jaxpr(inputs, _data(wrt))

    def trainer(self, wrt: Sequence[Value], inputs: Sequence[Array], n: int) -> DevicesTrainer:
        """The program bound to `inputs`, which with several processes are the rows of this one."""
        return DevicesTrainer(self._program, wrt, inputs)


class DevicesTrainer(Trainer):
    """Gradient descent on JAX's devices: `flat` and `gradient` are copies, and a step is dispatched without waiting."""

    def __init__(self, program: JaxProgram, wrt: Sequence[Value], inputs: Sequence[Array]) -> None:
        super().__init__(wrt)
        self._program = program
        self._bound = program.bind(inputs, _data(wrt))

    @property
    def flat(self) -> Array:
        """The parameters: a copy, which waits for the steps dispatched so far; assign a vector to change them."""
        return self._bound.flat

    @flat.setter
    def flat(self, vector: Array) -> None:
        self._bound.flat = vector

    @property
    def gradient(self) -> Array:
        """The gradient that was found last: a copy."""
        return self._bound.gradient

    @property
    def also(self) -> list[float]:
        """The further numbers that were found last."""
        return self._bound.also

    def set_inputs(self, inputs: Sequence[Array]) -> None:
        """Take other rows, as many as before."""
        self._bound = self._program.bind(inputs, self.parts(self.flat))

    def evaluate(self) -> float:
        """The loss at `flat`; sets `gradient` and `also`."""
        return self._bound.evaluate()

    def step(self, rate: float) -> Any:
        """One step of gradient descent; returns the loss before it as a JAX scalar: whoever reads it waits for it."""
        return self._bound.step(rate)

    def synchronise(self) -> None:
        """Wait for all steps dispatched so far."""
        self._bound.synchronise()


def _data(wrt: Sequence[Value]) -> list[Array]:
    return [np.asarray(v.data) for v in wrt]
