"""A network of a module of layers and a batch of examples, which say what goes in and what is to come out."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy
from typing import Any, ClassVar

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn import nn
from microgradcnn.data import as_images, with_classes
from microgradcnn.data.dataset import DataError, Dataset
from microgradcnn.engine.arrays import Array, bare_array
from microgradcnn.engine.value import Value, no_grad
from microgradcnn.networks.losses.own_loss import OwnLossNetwork, add_up_to_1
from microgradcnn.networks.roles import replayed
from microgradcnn.networks.writing import named
from microgradcnn.nn.summary import in_mode

MOST_BY_HAND = 8  # rows of an example that a loss is looked at over
FEWEST_ROWS = 10  # of an example that is data to train on and to test with


class ModuleNetwork(OwnLossNetwork):
    """What `network_of_module` makes subclasses of: a copy of a module, in eval() mode, with a loss over arrays.

    Rows x, (n, inputs), are brought to the shape of the example's, (n, ...), and so are targets. The loss is the
    module's own, `module.loss(prediction, y)`, if it has one; failing that cross-entropy for whole numbers as targets
    of several outputs, and the mean squared error for others.
    """

    batch: ClassVar[tuple[Array, Array]]
    scalar = False
    module: nn.Module  # of the class the one that was given, of a network a copy

    def __init__(self, seed: int = 0) -> None:
        self.module = deepcopy(type(self).module)
        vars(self.module).pop("example", None)
        x, y = self.batch
        self.m, self.whole_inputs = math.prod(x.shape[1:]), x.dtype.kind in "iub"
        self.image = x.shape[2:] if self.takes_images() else None
        self.parameters = dict(self.module.named_parameters())
        with no_grad():
            found = self._called(x)
        self.outputs = found.shape[1] if found.ndim > 1 else 1
        self.criterion = self._criterion(found, y)
        self.are_shares = found.ndim == 2 and add_up_to_1(np.asarray(found.data))

    def write_out(self, x: list[Value], p: dict[str, list[Value]]) -> Any:
        """Raises ValueError: there is no scalar form."""
        self.check_scalar()

    def predict(self, x: Any) -> Value:
        """What the module gives for n rows, (n,), or (n, outputs); of a loss that takes logits of one, their σ."""
        return named(self._told(self._called(self.shaped(x))), "y_hat")

    def own_loss(self, x: Any, y: Any) -> Value:
        """The module's loss."""
        return self.criterion(self._called(self.shaped(x)), self.targets(y))

    def hand_graph(self) -> Value:
        """The loss over the example's first rows, x and y."""
        x, y = (Value(part[:MOST_BY_HAND], label=name) for part, name in zip(self.batch, ("x", "y"), strict=True))
        return named(self.criterion(self._called(x), y), "f")

    def drawn_rows(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """The rows of the example, (n, inputs), and their targets, over again where more are needed."""
        x, y = (np.resize(part, (n, *part.shape[1:])) for part in self.batch)
        return x.reshape(n, -1), y

    def shaped(self, x: Any) -> Any:
        """Rows (n, inputs), an array or a Value, as the module takes them."""
        self.check_rows(x)
        if not isinstance(x, Value):
            x = bare_array(x).astype(self.batch[0].dtype)
        return mg.reshape(x, (-1, *self.batch[0].shape[1:]))

    def targets(self, y: Any) -> Any:
        """A target for each row, as the module's loss takes them."""
        shape = self.batch[1].shape[1:]
        y = y if isinstance(y, Value) else bare_array(y)
        return y if y.shape[1:] == shape else mg.reshape(y, (-1, *shape))

    @classmethod
    def takes_images(cls) -> bool:
        """Whether rows are images of one channel, (n, 1, height, width)."""
        return cls.batch[0].ndim == 4 and cls.batch[0].shape[1] == 1

    @classmethod
    def takes_outputs(cls) -> bool:
        """Whether there are several outputs, each for a class."""
        return cls().outputs > 1

    @classmethod
    def arguments(cls) -> list[str]:
        """None: a module has the sizes that it was built with."""
        return []

    @classmethod
    def sizes_for(cls, data: Dataset) -> dict[str, Any]:
        """None. Raises DataError for data that do not fit the module, or a target of several numbers a row."""
        network = cls()
        if network.image is not None and (found := as_images(data).image) != network.image:
            theirs, ours = ("×".join(map(str, size or ())) for size in (found, network.image))
            raise DataError(f"{cls.name} takes images of {ours} pixels, and {data.name} has {theirs}")
        if cls.batch[1].size != len(cls.batch[1]):
            raise DataError(f"{cls.name} has targets of shape {cls.batch[1].shape}, and {data.name} one for each row")
        network.check_data(data)
        return {}

    @classmethod
    def given_rows(cls) -> Dataset | None:
        """The example as data, None where its rows are few, or have a target of several numbers."""
        x, y = cls.batch
        kinds = len(np.unique(y))
        if len(x) < FEWEST_ROWS or y.size != len(y) or kinds < 2:
            return None
        rows, image = x.reshape(len(x), -1).astype(np.float64), x.shape[2:] if cls.takes_images() else None
        names = tuple(f"x_{i}" for i in range(1, rows.shape[1] + 1))
        found = Dataset(rows, y.reshape(-1).astype(np.float64), names, "y", image, "example")
        return with_classes(found) if kinds == 2 or (cls.takes_outputs() and not np.any(y % 1)) else found

    def pictures(self, image: tuple[int, ...] | None) -> Array | None:
        """The first filters of one channel, (filters, height, width), or weights as Network's."""
        filters = [np.asarray(p.data)[:, 0] for p in self.parameters.values() if p.ndim == 4 and p.shape[1] == 1]
        return filters[0] if filters else super().pictures(image)

    def _called(self, x: Any) -> Value:
        """What the module gives in eval() mode, at the network's parameters, which may be others than its own."""
        with in_mode(self.module, training=False):
            found: Value = self.module(x)
        own = dict(self.module.named_parameters())
        if all(p is self.parameters[name] for name, p in own.items()):
            return found
        return replayed([found], {p: self.parameters[name] for name, p in own.items()})[0]

    def _told(self, found: Value) -> Value:
        """The output of one number a row as ŷ, (n,)."""
        if self.criterion is nn.binary_cross_entropy_with_logits:
            found = mg.sigmoid(found)
        return found if self.outputs > 1 else found.reshape(-1)

    def _criterion(self, found: Value, y: Array) -> Callable[[Any, Any], Value]:
        own: Any = getattr(self.module, "loss", None)
        if own is not None:
            return own
        if self.outputs > 1 and y.shape != found.shape and not np.any(y % 1):
            return nn.cross_entropy
        return squared_error


def squared_error(prediction: Any, y: Any) -> Value:
    """The mean of (ŷ − y)², the predictions in the shape of y."""
    return nn.mse_loss(prediction if prediction.shape == y.shape else prediction.reshape(y.shape), y)


def network_of_module(module: nn.Module, example: Any, name: str) -> type[ModuleNetwork]:
    """The ModuleNetwork of a module and its example, a pair of a batch of inputs and a batch of targets.

    `name` is what it is called in files. Raises ValueError for an example that is no such pair,
    and for a module without parameters.
    """
    if not isinstance(example, tuple | list) or len(example) != 2:
        raise ValueError(f"the example of {name} is a pair of inputs and targets: write {name}.example = x, y")
    x, y = (bare_array(part.data if isinstance(part, Value) else part) for part in example)
    if not x.ndim or not y.ndim or len(x) != len(y) or not len(x):
        raise ValueError(
            f"the example of {name} is a batch: as many rows of inputs as of targets, not {x.shape} and {y.shape}"
        )
    if not module.parameters():
        raise ValueError(f"{name} has no parameters: there is nothing in it to learn")
    about = {"module": module, "batch": (x, y), "name": name, "__doc__": type(module).__doc__}
    return type(name, (ModuleNetwork,), about)
