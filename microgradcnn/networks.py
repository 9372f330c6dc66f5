"""The lecture's six networks, each in two forms to be laid side by side.

The scalar form is one example as the lecture writes it: every weight, input and z is a labelled Value of its own. The
tensor form is a batch of n rows. Both read the same parameters, and there are no biases, as in the lecture. The five
convolutional networks are one class, `ConvNetwork`, called five ways.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn import nn
from microgradcnn.engine.arrays import bare_array
from microgradcnn.engine.value import Value

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {"sigmoid": mg.sigmoid, "relu": mg.relu}
LECTURE_ROWS = "suv"  # the weight rows of the lecture's three hidden units


@dataclass(frozen=True)
class Example:
    """A network written out for one example: its labelled scalars, its prediction and its loss.

    `parameters` maps labels (`s_1`, `c_4`, `w_2`) to Values in the order of the tensors' elements; `z` holds z_1, ...
    """

    inputs: list[Value]
    y: Value
    parameters: dict[str, Value]
    z: list[Value]
    prediction: Value
    loss: Value


class Network(ABC):
    """What the six networks share: parameters, the squared loss and its regularisation.

    `parameters` maps names to tensor Values, drawn from N(0, 0.5²) with `seed`. `regularise` is the lecture's λ; it
    weighs all parameters here (the lecture: s, u, v, w). Raises ValueError for an unknown activation or a negative λ.
    """

    input_letter = "x"

    def __init__(
        self, name: str, shapes: dict[str, tuple[int, ...]], activation: str, regularise: float, seed: int
    ) -> None:
        if activation not in ACTIVATIONS:
            raise ValueError(f"the activation is {' or '.join(ACTIVATIONS)}, not {activation!r}")
        if not 0 <= regularise < math.inf:
            raise ValueError(f"λ must be a number ≥ 0, not {regularise}")
        if min(size for shape in shapes.values() for size in shape) < 1:
            raise ValueError(f"{name} needs at least one of everything, not parameters of shapes {shapes}")
        self.name, self.activation, self.regularise = name, activation, float(regularise)
        rng = np.random.default_rng(seed)
        self.parameters = {p: Value(rng.normal(0.0, 0.5, shape), label=p) for p, shape in shapes.items()}

    def predict(self, x: Any) -> Value:
        """ŷ of n rows (n, inputs), shape (n,): the tensor form."""
        return _name(self.head(_name(self.hidden(x), "z")), "y_hat")

    @abstractmethod
    def hidden(self, x: Any) -> Value:
        """The z's of n rows, (n, ...)."""

    @abstractmethod
    def head(self, z: Value) -> Value:
        """ŷ from the z's, shape (n,)."""

    def loss(self, x: Any, y: Any) -> Value:
        """The objective (1/n) Σ (ŷ − y)² + λ Σ θ² over n rows x, (n, inputs), and y, (n,)."""
        return self.objective(self.predict(x), y)

    def objective(self, prediction: Value, y: Any) -> Value:
        """The objective for predictions and y, both (n,). Raises ValueError if their shapes differ."""
        loss = nn.mse_loss(prediction, y)
        if self.regularise:
            loss = loss + self.regularise * _total([p.square().sum() for p in self.parameters.values()])
        return loss

    def example(self, x: Sequence[float] | np.ndarray[Any, Any], y: float) -> Example:
        """The scalar form for one row `x` and its `y`, at the parameters of this moment.

        Raises ValueError if x has not `inputs` numbers, or y is not one number.
        """
        if np.shape(y) != ():
            raise ValueError(f"y of one example must be one number, not of shape {np.shape(y)}")
        row = bare_array(x).astype(float).ravel()
        self._check_inputs(row[None])
        letter = self.input_letter
        inputs = [Value(v, label=f"{letter}_{i}") for i, v in enumerate(row.tolist(), start=1)]
        target = Value(y, label="y")
        tensors = {name: np.ravel(p.data).tolist() for name, p in self.parameters.items()}
        scalars = {n: [Value(v, label=t) for v, t in zip(tensors[n], self.labels(n), strict=True)] for n in tensors}
        z, prediction = self.write_out(inputs, scalars)
        _name(prediction, "y_hat")
        parameters = {str(v.label): v for row in scalars.values() for v in row}
        loss = (prediction - target).square()
        if self.regularise:
            loss = loss + self.regularise * _total([v.square() for v in parameters.values()])
        return Example(inputs, target, parameters, z, prediction, _name(loss, "f"))

    def labels(self, name: str) -> list[str]:
        """The labels of a parameter's elements in the scalar form, in the order of the tensor's."""
        return [f"{name}_{i}" for i in range(1, math.prod(self.parameters[name].shape) + 1)]

    @abstractmethod
    def write_out(self, x: list[Value], p: dict[str, list[Value]]) -> tuple[list[Value], Value]:
        """The z's and ŷ of one example, from its inputs and the scalars of every parameter."""

    @abstractmethod
    def units(self) -> list[np.ndarray[Any, Any]]:
        """The weights into and out of each hidden unit or filter, one vector each."""

    def options(self) -> dict[str, Any]:
        """The arguments that build this network again, as `build(name, **options)` takes them."""
        return {"activation": self.activation, "regularise": self.regularise}

    @property
    @abstractmethod
    def inputs(self) -> int:
        """How many numbers a row has."""

    def _check_inputs(self, x: Any) -> None:
        if len(np.shape(x)) != 2 or np.shape(x)[1] != self.inputs:
            raise ValueError(f"{self.name} takes rows of {self.inputs} numbers, (n, {self.inputs}), not {np.shape(x)}")

    def _activate(self, a: Any) -> Any:
        return ACTIVATIONS[self.activation](a)

    def _unit(self, weights: list[Value], inputs: list[Value], i: int) -> Value:
        """z_i = σ(a_i), a_i the products of weights and inputs, added up."""
        return _name(self._activate(_name(_dot(weights, inputs), f"a_{i}")), f"z_{i}")


class SingleLayer(Network):
    """The lecture's first section: m inputs, k hidden units with weight rows S, output weights w; (w·σ(Sx) − y)²."""

    def __init__(
        self, m: int = 2, k: int = 3, activation: str = "sigmoid", regularise: float = 0.0, seed: int = 0
    ) -> None:
        self.m, self.k = m, k
        super().__init__("single_layer", {"S": (k, m), "w": (k,)}, activation, regularise, seed)

    def hidden(self, x: Any) -> Value:
        """σ(Sx) of n rows, (n, k)."""
        self._check_inputs(x)
        z: Value = self._activate(x @ self.parameters["S"].T)
        return z

    def head(self, z: Value) -> Value:
        """w·z of n rows, (n,)."""
        return z @ self.parameters["w"]

    def write_out(self, x: list[Value], p: dict[str, list[Value]]) -> tuple[list[Value], Value]:
        """z_1 = σ(s_1 x_1 + s_2 x_2 + ...), z_2 from u, z_3 from v, and ŷ = w_1 z_1 + w_2 z_2 + ..."""
        rows = [p["S"][j * self.m : (j + 1) * self.m] for j in range(self.k)]
        z = [self._unit(row, x, j) for j, row in enumerate(rows, start=1)]
        return z, _dot(p["w"], z)

    def labels(self, name: str) -> list[str]:
        """s_1, s_2, u_1, ... for up to three hidden units; s_1_1, s_1_2, ... for more."""
        if name != "S":
            return super().labels(name)
        rows = LECTURE_ROWS if self.k <= len(LECTURE_ROWS) else [f"s_{j}" for j in range(1, self.k + 1)]
        return [f"{rows[j]}_{i}" for j in range(self.k) for i in range(1, self.m + 1)]

    def units(self) -> list[np.ndarray[Any, Any]]:
        """(s, w_1), (u, w_2), ..."""
        return list(np.column_stack([self.parameters["S"].data, self.parameters["w"].data]))

    @property
    def inputs(self) -> int:
        """m."""
        return self.m

    def options(self) -> dict[str, Any]:
        """m, k, the activation and λ."""
        return {"m": self.m, "k": self.k, **super().options()}


class ConvNetwork(Network):
    """The lecture's convolutional networks: filters over an image, σ, average pooling or none, average or linear head.

    `image` and `kernel` are (height, width). With pooling a filter gives one number, the mean of its z's; without, all
    of them. The head takes the mean of these numbers, or their product with weights w, filter by filter.
    """

    input_letter = "p"

    def __init__(
        self,
        name: str,
        pooling: bool,
        linear: bool,
        filters: int = 1,
        image: tuple[int, int] = (3, 3),
        kernel: tuple[int, int] = (2, 2),
        activation: str = "sigmoid",
        regularise: float = 0.0,
        seed: int = 0,
    ) -> None:
        rows, columns = image[0] - kernel[0] + 1, image[1] - kernel[1] + 1
        if rows < 1 or columns < 1:
            raise ValueError(
                f"{name}: a kernel of {kernel[0]}×{kernel[1]} does not fit into {image[0]}×{image[1]} images"
            )
        self.image, self.kernel, self.filters = tuple(image), tuple(kernel), filters
        self.pooling, self.linear, self.positions = pooling, linear, (rows, columns)
        shapes: dict[str, tuple[int, ...]] = {"c": (filters, 1, *kernel)}
        if linear:
            shapes["w"] = (filters if pooling else filters * rows * columns,)
        super().__init__(name, shapes, activation, regularise, seed)

    def hidden(self, x: Any) -> Value:
        """σ of the convolution of n rows of pixels, (n, filters, rows, columns)."""
        self._check_inputs(x)
        images = mg.reshape(x, (-1, 1, *self.image))
        z: Value = self._activate(mg.conv2d(images, self.parameters["c"]))
        return z

    def head(self, z: Value) -> Value:
        """ŷ from the z's: pooled or all of them, then their mean or w·, (n,)."""
        pooled: Value = mg.avg_pool2d(z, self.positions) if self.pooling else z
        features = pooled.reshape(-1, math.prod(pooled.shape[1:]))
        return features @ self.parameters["w"] if self.linear else features.mean(axis=1)

    def write_out(self, x: list[Value], p: dict[str, list[Value]]) -> tuple[list[Value], Value]:
        """z_1 = σ(c_1 p_1 + c_2 p_2 + c_3 p_4 + c_4 p_5) for the first window, and so on, filter by filter."""
        size, (_, width) = math.prod(self.kernel), self.image
        windows = [
            [x[(r + i) * width + s + j] for i in range(self.kernel[0]) for j in range(self.kernel[1])]
            for r in range(self.positions[0])
            for s in range(self.positions[1])
        ]
        kernels = [p["c"][f * size : (f + 1) * size] for f in range(self.filters)]
        pairs = [(kernel, window) for kernel in kernels for window in windows]
        z = [self._unit(kernel, window, i) for i, (kernel, window) in enumerate(pairs, start=1)]
        of_filter = [z[f * len(windows) : (f + 1) * len(windows)] for f in range(self.filters)]
        features = [_mean(zs) for zs in of_filter] if self.pooling else z
        if self.linear:
            return z, _dot(p["w"], features)
        return z, _mean(features) if len(features) > 1 else features[0]

    def units(self) -> list[np.ndarray[Any, Any]]:
        """A filter with its share of w, each."""
        return list(np.column_stack([np.reshape(p.data, (self.filters, -1)) for p in self.parameters.values()]))

    @property
    def inputs(self) -> int:
        """The number of pixels."""
        return math.prod(self.image)

    def options(self) -> dict[str, Any]:
        """Filters, image, kernel, the activation and λ."""
        sizes = {"filters": self.filters, "image": list(self.image), "kernel": list(self.kernel)}
        return {**sizes, **super().options()}


single_layer = SingleLayer
conv_average = partial(ConvNetwork, "conv_average", pooling=True, linear=False)
conv_linear = partial(ConvNetwork, "conv_linear", pooling=False, linear=True)
two_conv_average = partial(ConvNetwork, "two_conv_average", pooling=True, linear=False, filters=2)
two_conv_average_linear = partial(ConvNetwork, "two_conv_average_linear", pooling=True, linear=True, filters=2)
two_conv_linear = partial(ConvNetwork, "two_conv_linear", pooling=False, linear=True, filters=2)

NETWORKS: dict[str, Callable[..., Network]] = {
    "single_layer": single_layer,
    "conv_average": conv_average,
    "conv_linear": conv_linear,
    "two_conv_average": two_conv_average,
    "two_conv_average_linear": two_conv_average_linear,
    "two_conv_linear": two_conv_linear,
}

# Where the lecture has each, and its loss for one example.
LECTURE = {
    "single_layer": ("first section", "(w·σ(Sx) − y)²"),
    "conv_average": ("second section", "((z1 + z2 + z3 + z4)/4 − y)²"),
    "conv_linear": ("exercise 1", "(w·z − y)², w of 4"),
    "two_conv_average": ("exercise 2", "((mean of z1..z4 + mean of z5..z8)/2 − y)²"),
    "two_conv_average_linear": ("exercise 3", "(w1·mean of z1..z4 + w2·mean of z5..z8 − y)²"),
    "two_conv_linear": ("exercise 4", "(w·z − y)², w of 8"),
}

V = TypeVar("V", bound=Value)


def _name(value: V, label: str) -> V:
    value.label = label
    return value


def _total(values: Sequence[Value]) -> Value:
    """v1 + v2 + ..., from left to right."""
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total


def _dot(a: Sequence[Value], b: Sequence[Value]) -> Value:
    return _total([u * v for u, v in zip(a, b, strict=True)])


def _mean(values: Sequence[Value]) -> Value:
    return _total(values) / len(values)
