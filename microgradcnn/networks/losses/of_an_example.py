"""A network of a loss that somebody has written for one example: its graph, replayed over the columns of many rows."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn.data.dataset import DataError, Dataset
from microgradcnn.engine.arrays import Array, bare_array
from microgradcnn.engine.value import Value
from microgradcnn.networks.example import Example
from microgradcnn.networks.losses.own_loss import OwnLossNetwork, add_up_to_1
from microgradcnn.networks.network import COUNTED_AT, CostSize
from microgradcnn.networks.roles import PREDICTION, in_scalars, letter, replayed, roles_of
from microgradcnn.networks.writing import named
from microgradcnn.targets.trace import reached

SCALARS_TIMED = (4, 16)  # sizes of a graph written number by number
Make = Callable[..., Value | Example]


class UntrainableError(DataError):
    """No data whatever fit a network: nothing in it is an input, or nothing a target."""


class LossNetwork(OwnLossNetwork):
    """What `network_of_loss` makes subclasses of.

    Leaves called x or p, with any index, are inputs, those called y targets, one called lambda is a constant; all
    others are parameters, and start at the numbers that they were made with, whatever the seed. `loss` over n rows is
    the mean of what each row costs. The predictions are the nodes called y_hat, or y_hat_1, y_hat_2, ...; failing that,
    the last ones that no target goes into. Of several targets one is 1, for the class, and every other 0.
    """

    make: ClassVar[Make]
    rows_are_a_size: ClassVar[bool] = False  # whether it may have an argument n for rows

    def __init__(self, seed: int = 0, **sizes: int) -> None:
        known = sizes_of(type(self).make)
        for name in sizes:
            if name not in known:
                raise TypeError(f"{self.name} has no size {name}: it has {', '.join(known) or 'none'}")
        self.sizes = known | sizes
        drawn = {"seed": seed} if "seed" in inspect.signature(type(self).make).parameters else {}
        self.written = roles_of(type(self).make(**self.sizes, **drawn), self.name)
        self.scalar = self.written.is_scalar
        self.parameters = {name: Value(leaf.data, label=name) for name, (leaf,) in self.written.parameters.items()}
        self.read()

    def read(self) -> None:
        """Open the loss into scalars, of which the inputs and the targets are then columns."""
        self._opened = in_scalars(self.written)
        self.predictions = [*self._opened.outputs]
        self.m, self.outputs = len(self._opened.inputs), max(1, len(self._opened.targets))
        self.are_shares = add_up_to_1(np.array([float(node.data) for node in self.predictions]))

    def write_out(self, x: list[Value], p: dict[str, list[Value]]) -> tuple[list[Value], Value | list[Value]]:
        """The nodes called z, and the predictions. Raises ValueError unless there is one for each target."""
        outputs = self.predicted(self.outputs)
        z = [node for node in reached(outputs) if node.op is not None and letter(node) == "z"]
        found = replayed([*z, *outputs], self._leaves(x, p))
        return found[: len(z)], found[-1] if self.outputs == 1 else found[len(z) :]

    def own_loss(self, x: Any, y: Any) -> Value:
        """The mean of what each row costs."""
        return self._over_rows(x, y, [])[0]

    def measured(self, x: Any, y: Any) -> tuple[Value, Value, Value]:
        """As Network has it; the error is the loss that was written."""
        error, *outputs = self._over_rows(x, y, self.predicted(self.outputs))
        prediction = outputs[0] if self.outputs == 1 else mg.stack(outputs, axis=1)
        objective = self.regularised(error, self.parameters.values())
        return objective, error, named(prediction, PREDICTION)

    def example(self, x: Sequence[float] | Array, y: float) -> Example:
        """The loss as it was written, for one row and its y, at the parameters of this moment.

        Raises ValueError as Network's does, and for a loss over arrays.
        """
        row = self.checked_row(x, y)
        targets = [float(y == i) for i in range(self.outputs)] if self.outputs > 1 else [y]
        numbers = dict(zip(self.written.inputs, row.tolist(), strict=True))
        numbers |= dict(zip(self.written.targets, targets, strict=False))
        return self._example(numbers, self.parameters)

    def hand_example(self) -> Example:
        """The example as it was written, at numbers of its own. Raises ValueError for a loss over arrays."""
        if not self.scalar:
            raise ValueError(f"{self.name} is computed over arrays: it has no example in scalars")
        return self._example({}, {name: leaf for name, (leaf,) in self.written.parameters.items()})

    def hand_graph(self) -> Value:
        """The loss as it was written, of its own inputs and the network's parameters."""
        new = {leaf: Value(leaf.data, label=leaf.label) for leaf in (*self.written.inputs, *self.written.targets)}
        new |= {leaf: self.parameters[name] for name, (leaf,) in self.written.parameters.items()}
        return replayed([self.written.loss], new)[0]

    def drawn_rows(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Rows near the numbers that the loss was written with, and their y; of several targets classes in turn."""
        own, targets = ([float(v.data) for v in leaves] for leaves in (self._opened.inputs, self._opened.targets))
        x = np.array(own) + 0.1 * rng.normal(size=(n, len(own)))
        return x, np.arange(n) % self.outputs if self.outputs > 1 else np.resize(targets or 0.0, n)

    def predicted(self, count: int) -> list[Value]:
        """The predictions in the graph. Raises ValueError unless there are so many."""
        if len(self.predictions) != count:
            called = PREDICTION if count == 1 else f"{PREDICTION}_1 to {PREDICTION}_{count}"
            raise ValueError(f"{self.name} does not say what it predicts: label {called} what is compared with y")
        return self.predictions

    def labels(self, name: str) -> list[str]:
        """The label of a parameter, or those of the numbers in it."""
        return [str(leaf.label) for leaf in self._opened.parameters[name]]

    def groups(self) -> dict[str, list[Value]]:
        """The parameters by their letters."""
        found: dict[str, list[Value]] = {}
        for p in self.parameters.values():
            found.setdefault(letter(p), []).append(p)
        return found

    @property
    def input_letter(self) -> str:
        """x or p, as the inputs are called."""
        return letter(self.written.inputs[0]) if self.written.inputs else "x"

    @classmethod
    def arguments(cls) -> list[str]:
        """The names of the sizes."""
        return list(sizes_of(cls.make))

    def options(self) -> dict[str, Any]:
        """The sizes."""
        return dict(self.sizes)

    @classmethod
    def takes_outputs(cls) -> bool:
        """Whether there are several targets, each for a class."""
        return cls().outputs > 1

    @classmethod
    def sizes_for(cls, data: Dataset) -> dict[str, Any]:
        """The sizes with an input for each column of the data, and of several targets one for each class.

        Raises DataError where no sizes have these, an UntrainableError where there can be none.
        """
        network = cls()
        wanted = {"m": data.x.shape[1], "outputs": len(data.classes or ()) if network.outputs > 1 else 1}
        sizes = {}
        for name, size in network.sizes.items():
            larger = cls(**{name: size + 1})
            for what, number in wanted.items():
                now, step = getattr(network, what), getattr(larger, what) - getattr(network, what)
                if step and (number - now) % step == 0 and size + (number - now) // step >= 1:
                    sizes[name] = size + (number - now) // step
        built = cls(**sizes)
        if not built.written.targets:
            raise UntrainableError(
                f"{cls.name} has no target: call what is to be learnt y, or y_1, y_2, ... for classes"
            )
        if not built.written.inputs:
            weights = ", ".join(built.written.parameters)
            raise UntrainableError(
                f"{cls.name} has no inputs: call them x, or x_1, x_2, ...; now {weights} are its weights"
            )
        built.check_data(data)
        return sizes

    @classmethod
    def cost_sizes(cls) -> dict[str, CostSize]:
        """n rows, and the sizes. Raises ValueError for one that is called n."""
        if "n" in cls.arguments() and not cls.rows_are_a_size:
            raise ValueError(f"n counts rows in a cost: call the size n of {cls.name} by another letter")
        return {"n": super().cost_sizes()["n"]} | {
            size: CostSize(COUNTED_AT, SCALARS_TIMED) for size in cls.arguments() if size != "n"
        }

    def _leaves(self, x: Sequence[Any], p: Mapping[str, Sequence[Any]]) -> dict[Value, Any]:
        """What stands for the inputs, and for the numbers of the parameters."""
        new = dict(zip(self._opened.inputs, x, strict=True))
        for name, leaves in self._opened.parameters.items():
            new |= dict(zip(leaves, p[name], strict=True))
        return new

    def _over_rows(self, x: Any, y: Any, outputs: Sequence[Value]) -> list[Value]:
        """The mean loss of n rows, and the columns of the outputs."""
        self.check_rows(x)
        rows: Any = x if isinstance(x, Value) else bare_array(x)
        numbers = {name: [p.reshape(-1)[i] for i in range(math.prod(p.shape))] for name, p in self.parameters.items()}
        new = self._leaves([rows[:, i] for i in range(self.m)], numbers)
        new |= dict(zip(self._opened.targets, self._columns_of(y), strict=True))
        loss, *found = replayed([self._opened.loss, *outputs], new)
        return [loss.mean() if loss.shape else loss, *found]

    def _columns_of(self, y: Any) -> list[Any]:
        """The numbers for every target: y, or of several 1 where it is the class y."""
        if self.outputs > 1:
            return self.of_classes(y, self.outputs)
        return [y if isinstance(y, Value) else bare_array(y)][: len(self._opened.targets)]

    @staticmethod
    def of_classes(y: Any, count: int) -> list[Any]:
        """A column for each class, 1 in the rows whose class y, (n,), it is."""
        if isinstance(y, Value):
            return [mg.where(mg.equal(y, float(i)), 1.0, 0.0) for i in range(count)]
        return [(bare_array(y) == i).astype(float) for i in range(count)]

    def _example(self, numbers: Mapping[Value, float], parameters: Mapping[str, Value]) -> Example:
        """The graph once more, on leaves of its own."""
        roles, z = self.written, [node for node in reached([self.written.loss]) if letter(node) == "z"]
        new = {leaf: Value(numbers.get(leaf, leaf.data), label=leaf.label) for leaf in (*roles.inputs, *roles.targets)}
        own = {name: Value(p.data, label=name) for name, p in parameters.items()}
        new |= {leaf: own[name] for name, (leaf,) in roles.parameters.items()}
        loss, *found = replayed([roles.loss, *z, *roles.outputs], new)
        inputs, targets = ([new[leaf] for leaf in leaves] for leaves in (roles.inputs, roles.targets))
        outputs = found[len(z) :]
        for i, output in enumerate(outputs, start=1):
            output.label = output.label or (PREDICTION if len(outputs) == 1 else f"{PREDICTION}_{i}")
        loss = named(self.regularised(loss, own.values()), roles.loss.label or "f")
        return Example(inputs, targets, own, found[: len(z)], outputs, loss)


def sizes_of(make: Make) -> dict[str, int]:
    """The arguments that are whole numbers, but the seed, with their defaults."""
    parameters = inspect.signature(make).parameters
    return {name: p.default for name, p in parameters.items() if type(p.default) is int and name != "seed"}
