"""What networks share of a loss that somebody has written as a graph: its roles, its sizes, the data that fit."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import microgradcnn.engine.functions as mg
from microgradcnn.data.dataset import DataError, Dataset
from microgradcnn.engine.arrays import bare_array
from microgradcnn.engine.value import Value
from microgradcnn.networks.example import Example
from microgradcnn.networks.losses.own_loss import OwnLossNetwork
from microgradcnn.networks.network import COUNTED_AT, CostSize
from microgradcnn.networks.roles import PREDICTION, letter, replayed, roles_of

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
    predictions: list[Value]  # nodes of the loss as it is taken over rows
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

    @abstractmethod
    def read(self) -> None:
        """Find `predictions`, `m` inputs of a row, `outputs`, and how the loss is taken over rows."""

    def predicted(self, count: int) -> list[Value]:
        """The predictions in the graph. Raises ValueError unless there are so many."""
        if len(self.predictions) != count:
            called = PREDICTION if count == 1 else f"{PREDICTION}_1 to {PREDICTION}_{count}"
            raise ValueError(f"{self.name} does not say what it predicts: label {called} what is compared with y")
        return self.predictions

    def hand_graph(self) -> Value:
        """The loss as it was written, of its own inputs and the network's parameters."""
        new = {leaf: Value(leaf.data, label=leaf.label) for leaf in (*self.written.inputs, *self.written.targets)}
        new |= {leaf: self.parameters[name] for name, (leaf,) in self.written.parameters.items()}
        return replayed([self.written.loss], new)[0]

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

    @staticmethod
    def of_classes(y: Any, count: int) -> list[Any]:
        """A column for each class, 1 in the rows whose class y, (n,), it is."""
        if isinstance(y, Value):
            return [mg.where(mg.equal(y, float(i)), 1.0, 0.0) for i in range(count)]
        return [(bare_array(y) == i).astype(float) for i in range(count)]


def sizes_of(make: Make) -> dict[str, int]:
    """The arguments that are whole numbers, but the seed, with their defaults."""
    parameters = inspect.signature(make).parameters
    return {name: p.default for name, p in parameters.items() if type(p.default) is int and name != "seed"}
