"""A scalar program run as its array program: the columns of its inputs and its parameters laid into arrays and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.value import Value
from microgradcnn.targets.backends.numpy import Blocks, BlocksTrainer
from microgradcnn.targets.backends.products import reordered
from microgradcnn.targets.backends.trainer import VectorTrainer
from microgradcnn.targets.lines import Line, Lines, lengths
from microgradcnn.targets.plan import in_blocks
from microgradcnn.targets.rerolling.picking import Index
from microgradcnn.targets.rerolling.program import Rerolled

COPIED = 1 << 25  # bytes of columns that are laid out one after the other, once, also where they lie evenly already


def of_numpy(lines: Lines) -> Blocks:
    """A program in blocks of rows, all of it by NumPy."""
    return Blocks(in_blocks(reordered(lines)))


class RerolledBlocks:
    """What runs the array program of a scalar program, for the scalars."""

    def __init__(self, program: Rerolled, blocks: Callable[[Lines], Blocks] = of_numpy) -> None:
        self.program, self.blocks = program, blocks(program.lines)

    def lowered(self, wrt: Sequence[Value], inputs: Sequence[Any]) -> str:
        """The source of the functions that run."""
        return self.blocks.lowered(wrt, inputs)

    def trainer(
        self, wrt: Sequence[Value], inputs: Sequence[Any], n: int, before: VectorTrainer | None = None
    ) -> RerolledTrainer:
        """The program bound to columns of n rows, in the memory of the trainer `before`, if there is one."""
        return RerolledTrainer(self, wrt, inputs, n, before)


class ByRows:
    """A program of scalars that is best run in one way over few rows and in another from `many` on.

    Each is made when it is first asked for.
    """

    def __init__(self, of_few: Callable[[], Any], of_many: Callable[[], Any], many: int) -> None:
        self.of_few, self.of_many, self.many = cache(of_few), cache(of_many), many

    def lowered(self, wrt: Sequence[Value], inputs: Sequence[Any]) -> str:
        """The source of the functions that run over so many rows."""
        text: str = self.over(max((len(x) for x in inputs if np.ndim(x)), default=1)).lowered(wrt, inputs)
        return text

    def trainer(
        self, wrt: Sequence[Value], inputs: Sequence[Any], n: int, before: VectorTrainer | None = None
    ) -> VectorTrainer:
        """The program that n rows are for, bound to their columns."""
        trainer: VectorTrainer = self.over(n).trainer(wrt, inputs, n, before)
        return trainer

    def over(self, n: int) -> Any:
        """The program that n rows are for."""
        return self.of_few() if n < self.many else self.of_many()


class RerolledTrainer(VectorTrainer):
    """Evaluates an array program; `flat` and `gradient` are those of the scalars."""

    def __init__(
        self,
        program: RerolledBlocks,
        wrt: Sequence[Value],
        inputs: Sequence[Any],
        n: int,
        before: VectorTrainer | None = None,
    ) -> None:
        super().__init__(wrt, before)
        self.program, self.n = program.program, n
        lines, places = self.program.lines, self.program.parameters
        data = stacked(lines.parameters, places, [v.data for v in wrt], None)
        self.order = np.concatenate(places) if places else np.zeros(0, np.int64)
        self.back = np.argsort(self.order)
        self.alike = bool((self.order == np.arange(len(self.order))).all())
        memory = before if self.alike else None
        self.trainer = BlocksTrainer(program.blocks, [Value(x) for x in data], self.arrays(inputs), n, memory)
        if self.alike:  # in the same memory
            self._flat, self._gradient = self.trainer.flat, self.trainer.gradient

    def set_inputs(self, inputs: Sequence[Array]) -> None:
        """Take other rows, as many as before."""
        self.trainer.set_inputs(self.arrays(inputs))

    def evaluate(self) -> float:
        """The loss at `flat`, over all rows."""
        if self.alike:
            return self.trainer.evaluate()
        np.take(self._flat, self.order, out=self.trainer.flat)
        loss = self.trainer.evaluate()
        np.take(self.trainer.gradient, self.back, out=self._gradient)
        return loss

    @property
    def also(self) -> list[float]:
        """The further numbers that were found last."""
        return self.trainer.also

    def arrays(self, inputs: Sequence[Any]) -> list[Array]:
        """The columns of inputs as the arrays that they are laid into."""
        return stacked(self.program.lines.inputs, self.program.inputs, inputs, self.n)


def stacked(leaves: Sequence[Line], places: Sequence[Index], scalars: Sequence[Any], n: int | None) -> list[Array]:
    """Scalars, or columns of n rows of them, as the arrays that these leaves stand for."""
    return [_stack(leaf, [scalars[i] for i in index], n) for leaf, index in zip(leaves, places, strict=True)]


def _stack(leaf: Line, scalars: Sequence[Any], n: int | None) -> Array:
    sizes = lengths(leaf.shape[1:] if leaf.varies else leaf.shape, 1)
    if not sizes:
        return np.asarray(scalars[0])
    if not leaf.varies or n is None:
        return np.array(scalars, leaf.dtype).reshape(sizes)
    together = _as_one(scalars)
    if together is None or together.nbytes <= COPIED:
        together = np.array(scalars)  # column after column
    return np.moveaxis(together.reshape(*sizes, n), -1, 0)


def _as_one(columns: Sequence[Array]) -> Array | None:
    """Columns that lie evenly in one array as its rows, in the same memory."""
    first = columns[0]
    if first.base is None or any(c.base is not first.base or c.strides != first.strides for c in columns):
        return None
    starts = np.array([c.__array_interface__["data"][0] for c in columns])
    apart = int(starts[1] - starts[0])
    if apart <= 0 or (np.diff(starts) != apart).any():
        return None
    shape, strides = (len(columns), len(first)), (apart, first.strides[0])
    return np.lib.stride_tricks.as_strided(first, shape, strides, writeable=False)
