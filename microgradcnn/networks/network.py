"""What a network is: parameters, one example written out in scalars, n rows at once, and the squared loss.

A network of your own is one subclass with the `shapes` of its parameters and `write_out`, the formulas as the lecture
writes them. NETWORKS[name] = TheClass lets it be named in functions, in files and on the command line.
"""

from __future__ import annotations

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn import nn
from microgradcnn.data import as_images
from microgradcnn.data.dataset import Dataset
from microgradcnn.engine.arrays import Array, bare_array
from microgradcnn.engine.value import Value
from microgradcnn.networks.example import Example
from microgradcnn.networks.writing import dot, named, total

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {"sigmoid": mg.sigmoid, "relu": mg.relu}
COUNTED_AT = range(2, 6)  # sizes whose operations are counted to find the cost of any size
MEANINGS = {"n": "rows", "m": "inputs", "k": "hidden units"}  # what the lecture's letters for sizes count

# Numbers that can be followed by hand, for parameters and inputs of these letters and for others. p is a vertical bar.
BY_HAND: Mapping[str, Sequence[float]] = {
    "S": (0.5, -0.5, 1.0, 1.5, -0.5, 1.0),
    "c": (0.5, -0.5, 0.5, -0.5, 1.0, 0.0, -1.0, 0.5),
    "w": (0.5, -1.0, 1.0, 0.5, -0.5, 1.0, -1.0, 0.5),
    "x": (1.0, -0.5),
    "p": (0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0),
}
OTHERS_BY_HAND = (0.5, -0.5, 1.0)


class CostSize(NamedTuple):
    """A size that the cost of a network depends on: where operations are counted, where timed, and what it counts."""

    counted: Sequence[int]
    timed: tuple[int, int]
    meaning: str = ""


class Network(ABC):
    """What all networks share; a subclass gives `shapes` and `write_out`.

    It has `m`, how many numbers a row has, or `image`, (height, width). Where a constructor takes them, and further
    sizes, it keeps each argument but the seed under its own name, and hands on those that are here.
    One that takes `outputs` learns as many classes, 0, 1, ..., where they are more than one: it gives a ŷ for each, the
    larger the likelier, and its loss is −log softmax(ŷ)_y. With one output ŷ is a number, and the loss (ŷ − y)².
    `parameters` maps names to tensor Values, drawn from N(0, 0.5²) with `seed`; the first of them meets the inputs.
    `regularise` is the lecture's λ; it weighs all parameters here (the lecture: s, u, v, w). Raises ValueError for an
    unknown activation, a negative λ or a size below 1, and TypeError if the constructor does not keep an argument.
    """

    name: str  # the class's own unless it gives another; the one in NETWORKS for what is built from there
    section: ClassVar[str] = ""  # where the lecture has it
    formula: ClassVar[str] = "(ŷ − y)²"  # its loss for one example
    unit_name: ClassVar[str] = "hidden unit"  # what a row of the first parameter makes
    parts: ClassVar[Mapping[str, str]] = {"S": "hidden layer", "c": "filters", "w": "final layer"}  # told in the cost
    by_hand: ClassVar[Mapping[str, Sequence[float]]] = BY_HAND  # numbers for letters, repeated where more are needed

    m: int
    image: tuple[int, ...] | None = None
    outputs: int = 1
    threshold: float = 0.5  # the ŷ of one output from which on it is class 1
    of_differences: bool = True  # whether the loss is one of ŷ − y, so that targets of numbers may be scaled
    scalar: bool = True  # whether there is a scalar form, one `example` of labelled numbers
    module: nn.Module | None = None  # what computes it, for `fit` to train, where it is made of layers
    whole_inputs: bool = False  # whether rows are whole numbers, such as those of words, which no scaling may change

    def __init_subclass__(cls) -> None:
        cls.name = vars(cls).get("name", cls.__name__)

    def __init__(self, activation: str = "sigmoid", regularise: float = 0.0, seed: int = 0) -> None:
        self.activation, self.regularise = activation, float(regularise)
        for name in (*self.arguments(), *([] if self.image else ["m"])):
            if not hasattr(self, name):
                raise TypeError(f"{self.name} has no {name}: keep self.{name} before super().__init__(...)")
        if activation not in ACTIVATIONS:
            raise ValueError(f"the activation is {' or '.join(ACTIVATIONS)}, not {activation!r}")
        if not 0 <= regularise < math.inf:
            raise ValueError(f"λ must be a number ≥ 0, not {regularise}")
        shapes = self.shapes()
        if min(self.outputs, *(size for shape in shapes.values() for size in (*shape, 1))) < 1:
            raise ValueError(f"{self.name} needs at least one of everything, not parameters of shapes {dict(shapes)}")
        rng = np.random.default_rng(seed)
        self.parameters = {p: Value(rng.normal(0.0, 0.5, shape), label=p) for p, shape in shapes.items()}

    @abstractmethod
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """The parameters' names and shapes, in order."""

    @abstractmethod
    def write_out(self, x: list[Value], p: dict[str, list[Value]]) -> tuple[list[Value], Value | list[Value]]:
        """The z's and ŷ of one example, from its inputs and the scalars of every parameter; a list of several ŷ."""

    def predict(self, x: Any) -> Value:
        """ŷ of n rows (n, inputs), shape (n,), or (n, outputs) where there are several.

        It is what is written out, over whole columns, unless a subclass is faster.
        """
        return self._over_columns(x)[1]

    def hidden(self, x: Any) -> Value:
        """The z's of n rows, (n, ...)."""
        return mg.stack(self._over_columns(x)[0], axis=1)

    def loss(self, x: Any, y: Any) -> Value:
        """The objective, the error plus λ Σ θ², over n rows x, (n, inputs), and y, (n,)."""
        return self.objective(self.predict(x), y)

    def measured(self, x: Any, y: Any) -> tuple[Value, Value, Value]:
        """The objective and the error over n rows, and their predictions, for a training."""
        prediction = self.predict(x)
        return self.objective(prediction, y), self.error(prediction, y), prediction

    def probabilities(self, prediction: Value) -> Value:
        """Those of all classes, (n, outputs), where predictions are of several."""
        found: Value = mg.softmax(prediction)
        return found

    @property
    def error_name(self) -> str:
        """What the error is called in the history of a training."""
        return "mean_squared_error" if self.outputs == 1 else "cross_entropy"

    def error(self, prediction: Value, y: Any) -> Value:
        """The mean of (ŷ − y)² over predictions and y, both (n,); of several outputs that of −log softmax(ŷ)_y.

        Raises ValueError if the shapes do not fit, or y is no class.
        """
        return nn.mse_loss(prediction, y) if self.outputs == 1 else nn.cross_entropy(prediction, y)

    def error_of_guessing(self, y: Array) -> float:
        """The error of the best ŷ that is the same for all rows: the variance of y, or the entropy of its classes."""
        if self.outputs == 1:
            return float(np.var(y))
        shares = np.unique(y, return_counts=True)[1] / len(y)
        return float(-np.sum(shares * np.log(shares)))

    def objective(self, prediction: Value, y: Any) -> Value:
        """The error of predictions and y, plus λ Σ θ². Raises ValueError as `error` does."""
        return self.regularised(self.error(prediction, y), self.parameters.values())

    def regularised(self, loss: Value, parameters: Iterable[Value]) -> Value:
        """The loss plus λ Σ θ², of parameters that are numbers or arrays."""
        if not self.regularise:
            return loss
        return loss + self.regularise * total([p.square().sum() if p.shape else p.square() for p in parameters])

    def example(self, x: Sequence[float] | Array, y: float) -> Example:
        """The scalar form for one row `x` and its `y`, at the parameters of this moment.

        Of several outputs y is the class, and f = log(exp(ŷ_1) + exp(ŷ_2) + ...) − (y_1 ŷ_1 + y_2 ŷ_2 + ...), with 1
        for the class and 0 for every other. Raises ValueError if x has not `inputs` numbers, or y is not one number, or
        no class.
        """
        row = self.checked_row(x, y)
        letter = self.input_letter
        inputs = [Value(v, label=f"{letter}_{i}") for i, v in enumerate(row.tolist(), start=1)]
        targets = [Value(y, label="y")]
        if self.outputs > 1:
            targets = [Value(float(y == i), label=f"y_{i + 1}") for i in range(self.outputs)]
        tensors = {name: np.ravel(p.data).tolist() for name, p in self.parameters.items()}
        scalars = {n: [Value(v, label=t) for v, t in zip(tensors[n], self.labels(n), strict=True)] for n in tensors}
        z, found = self.write_out(inputs, scalars)
        parameters = {str(v.label): v for row in scalars.values() for v in row}
        if isinstance(found, Value):
            outputs = [named(found, "y_hat")]
            loss = (found - targets[0]).square()
        else:
            outputs = [named(v, f"y_hat_{i}") for i, v in enumerate(found, start=1)]
            loss = mg.log(total([mg.exp(v) for v in outputs])) - dot(targets, outputs)
        loss = self.regularised(loss, parameters.values())
        return Example(inputs, targets, parameters, z, outputs, named(loss, "f"))

    def checked_row(self, x: Sequence[float] | Array, y: float) -> Array:
        """The numbers of one row, (inputs,). Raises ValueError as `example` does, which takes it with its y."""
        self.check_scalar()
        if np.shape(y) != ():
            raise ValueError(f"y of one example must be one number, not of shape {np.shape(y)}")
        if self.outputs > 1 and y not in range(self.outputs):
            raise ValueError(f"y must be one of the classes 0 to {self.outputs - 1}, not {y}")
        row: Array = bare_array(x).astype(float).ravel()
        self.check_rows(row[None])
        return row

    def check_scalar(self) -> None:
        """Raise ValueError if there is no scalar form."""
        if not self.scalar:
            raise ValueError(f"{self.name} is computed over arrays: it has no example in scalars")

    def hand_example(self) -> Example:
        """One example with y = 1, whose weights and inputs, `by_hand`, the network has from now on.

        Raises ValueError if there is no scalar form.
        """
        self.check_scalar()
        for name, p in self.parameters.items():
            p.data = np.resize(self.by_hand.get(name, OTHERS_BY_HAND), p.shape)
        return self.example(np.resize(self.by_hand.get(self.input_letter, OTHERS_BY_HAND), self.inputs), 1.0)

    def hand_graph(self) -> Value:
        """The loss of `hand_example`, or where there is no scalar form that over rows of the network's own."""
        return self.hand_example().loss

    def drawn_rows(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Rows x, (n, inputs), and y, (n,), numbers or classes, that the loss can be taken of."""
        x = rng.normal(size=(n, self.inputs))
        return x, rng.normal(size=n) if self.outputs == 1 else np.arange(n) % self.outputs

    def groups(self) -> dict[str, list[Value]]:
        """The parameters by what a cost calls them: `parts`, or their own names."""
        return {self.parts.get(name, name): [p] for name, p in self.parameters.items()}

    def labels(self, name: str) -> list[str]:
        """The labels of a parameter's elements in the scalar form, in the order of the tensor's."""
        return [f"{name}_{i}" for i in range(1, math.prod(self.parameters[name].shape) + 1)]

    def units(self) -> list[Array]:
        """The weights into and out of each hidden unit or filter, one vector each: those alike stay alike for ever."""
        return []

    def closed_form(self, x: Array, y: float) -> dict[str, Array] | None:
        """The gradients of the objective for one row x, by parameter, to check the engine against.

        None if nobody has worked them out: a subclass that has gives `worked_out`.
        """
        if (found := self.worked_out(x, y)) is None:
            return None
        data = {name: np.asarray(p.data) for name, p in self.parameters.items()}
        return {name: g.reshape(data[name].shape) + 2.0 * self.regularise * data[name] for name, g in found.items()}

    def worked_out(self, x: Array, y: float) -> dict[str, Array] | None:
        """The gradients of the error for one row x in closed form, the elements in the order of the parameters'."""
        return None

    def slopes(self, prediction: Array, y: float) -> Array:
        """The error's derivative by every ŷ of one row: 2(ŷ − y), or softmax(ŷ) − 1 for the class y, − 0 for others."""
        if self.outputs == 1:
            return 2.0 * (prediction - y)
        powers = np.exp(prediction - prediction.max())
        return np.asarray(powers / powers.sum() - (np.arange(self.outputs) == y))

    def pictures(self, image: tuple[int, ...] | None) -> Array | None:
        """The first parameter as pictures, (units, height, width), if a row of it meets every pixel of an `image`."""
        weights = np.asarray(next(iter(self.parameters.values())).data)
        if image is None or weights.shape[1:] != (math.prod(image),):
            return None
        return weights.reshape(-1, *image)

    @classmethod
    def arguments(cls) -> list[str]:
        """The names of the constructor's arguments, but the seed."""
        return [name for name in inspect.signature(cls).parameters if name != "seed"]

    def options(self) -> dict[str, Any]:
        """The arguments that build this network again, as `NETWORKS[name](**options)` takes them, ready for JSON.

        `outputs` is among them where there are several.
        """
        found = {name: getattr(self, name) for name in self.arguments() if name != "outputs" or self.outputs > 1}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}

    @classmethod
    def takes_images(cls) -> bool:
        """Whether rows are images, of a size that the constructor takes."""
        return "image" in cls.arguments()

    @classmethod
    def takes_outputs(cls) -> bool:
        """Whether it may have several outputs, and so learn more than two classes."""
        return "outputs" in cls.arguments()

    @classmethod
    def sizes_for(cls, data: Dataset) -> dict[str, Any]:
        """The arguments that the data decide: the size of the images, or m, and an output for each of several classes.

        Raises DataError for rows that are no images.
        """
        sizes: dict[str, Any] = {"image": as_images(data).image} if cls.takes_images() else {"m": data.x.shape[1]}
        if len(data.classes or ()) > 2:
            sizes["outputs"] = len(data.classes or ())
        return {name: size for name, size in sizes.items() if name in cls.arguments()}

    @classmethod
    def cost_sizes(cls) -> dict[str, CostSize]:
        """What the cost is a polynomial in: n rows, and every argument that is a whole number."""
        whole = [name for name, size in cls().options().items() if type(size) is int]
        timed = {"n": (200, 1000), "m": (200, 1000)}
        return {s: CostSize(COUNTED_AT, timed.get(s, (10, 50)), MEANINGS.get(s, "")) for s in ("n", *whole)}

    @classmethod
    def of_sizes(cls, sizes: Mapping[str, int]) -> dict[str, Any]:
        """The arguments that make a network of these sizes, those of `cost_sizes` but n."""
        return dict(sizes)

    def own_sizes(self) -> dict[str, int]:
        """The sizes of `cost_sizes` that no data decide, at this network."""
        return {name: size for name, size in self.options().items() if type(size) is int and name not in ("n", "m")}

    @property
    def inputs(self) -> int:
        """How many numbers a row has: m, or the pixels of an image."""
        return self.m if self.image is None else math.prod(self.image)

    @property
    def input_letter(self) -> str:
        """The lecture's letter for the inputs: p for pixels, else x."""
        return "x" if self.image is None else "p"

    def check_rows(self, x: Any) -> None:
        """Raise ValueError unless x is (n, inputs)."""
        if len(np.shape(x)) != 2 or np.shape(x)[1] != self.inputs:
            raise ValueError(f"{self.name} takes rows of {self.inputs} numbers, (n, {self.inputs}), not {np.shape(x)}")

    def activate(self, a: Any) -> Any:
        """σ(a)."""
        return ACTIVATIONS[self.activation](a)

    def activated(self, a: Array) -> tuple[Array, Array]:
        """σ(a) of numbers, and the slopes dσ/da: z(1 − z) for the sigmoid, 1 where a > 0 for relu."""
        if self.activation == "relu":
            return np.maximum(a, 0.0), (a > 0.0).astype(float)
        with np.errstate(over="ignore"):  # exp(1000) is inf, and 1/inf the right answer
            z = 1.0 / (1.0 + np.exp(-a))
        return z, z * (1.0 - z)

    def unit(self, weights: list[Value], inputs: list[Value], i: int) -> Value:
        """z_i = σ(a_i), a_i the products of weights and inputs, added up."""
        return named(self.activate(named(dot(weights, inputs), f"a_{i}")), f"z_{i}")

    def _over_columns(self, x: Any) -> tuple[list[Value], Value]:
        """What is written out, each scalar a column of n numbers."""
        self.check_rows(x)
        rows: Any = x if isinstance(x, Value) else bare_array(x)
        scalars = {
            name: [named(p.reshape(-1)[i], label) for i, label in enumerate(self.labels(name))]
            for name, p in self.parameters.items()
        }
        z, found = self.write_out([rows[:, i] for i in range(self.inputs)], scalars)
        return z, named(found if isinstance(found, Value) else mg.stack(found, axis=1), "y_hat")
