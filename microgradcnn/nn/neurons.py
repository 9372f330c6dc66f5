"""Neuron, Layer and MLP of single numbers, as micrograd has them: to be written down, drawn and stepped through."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import microgradcnn.engine.functions as mg
from microgradcnn.engine.arguments import check_integers
from microgradcnn.engine.arrays import glimpse, shape_of
from microgradcnn.engine.value import Value
from microgradcnn.nn.module import Module
from microgradcnn.system.text_layout import how_many


class OfColumns(Module):
    """A model of single numbers, whose `forward` takes a list of them, one example, or of columns of many examples."""

    def of_rows(self, x: Value) -> Value:
        """The output for rows x, (n, inputs), by their columns: (n,) of one number, (n, k) of a list of k."""
        found = self([x[:, i] for i in range(x.shape[1])] if x.ndim == 2 else x)
        return mg.stack(found, axis=1) if isinstance(found, list | tuple) else found


class Neuron(OfColumns):
    """w_0 x_0 + w_1 x_1 + ... + b of `nin` numbers or Values, and relu of it unless `nonlin` is false.

    Weights are drawn from U(−1, 1) by Python's own `random`, in micrograd's order, and b starts at 0: after
    random.seed(1337) they are micrograd's. Raises TypeError for what is no number of inputs.
    """

    nin: int
    nonlin: bool = True

    def __init__(self, nin: int, nonlin: bool = True) -> None:
        check_integers(nin=nin)
        self.nin, self.nonlin = nin, nonlin
        self.w = [Value(random.uniform(-1.0, 1.0)) for _ in range(nin)]
        self.b = Value(0.0)

    def forward(self, x: Sequence[Any]) -> Value:
        """One number, or for columns, [x[:, 0], x[:, 1]], one for each row. Raises ValueError unless there are nin."""
        if not hasattr(x, "__len__") or len(x) != self.nin or len(shape_of(x)) > 1:
            rows = len(shape_of(x)) == 2 or (isinstance(x, list) and any(map(shape_of, x)))
            wanted = f"a list of {how_many(self.nin, 'number')}, one example, or of as many columns"
            self.refuse(x, wanted, glimpse(x) + ("; of rows x, (n, inputs), list(x.T) has the columns" * rows))
        total = self.b
        for weight, number in zip(self.w, x, strict=True):
            total = total + weight * number
        return total.relu() if self.nonlin else total


class Layer(OfColumns):
    """`nout` Neurons of the same `nin` inputs. Raises TypeError for what is no number of them."""

    def __init__(self, nin: int, nout: int, nonlin: bool = True) -> None:
        check_integers(nout=nout)
        self.neurons = [Neuron(nin, nonlin) for _ in range(nout)]

    def forward(self, x: Sequence[Any]) -> Any:
        """A list of what each neuron gives; if there is one neuron, that itself."""
        outputs = [neuron(x) for neuron in self.neurons]
        return outputs[0] if len(outputs) == 1 else outputs


class MLP(OfColumns):
    """Layers one after another, of `nouts` neurons each, all but the last with relu: MLP(2, [16, 16, 1])."""

    def __init__(self, nin: int, nouts: Sequence[int]) -> None:
        sizes, last = [nin, *nouts], len(nouts) - 1
        self.layers = [Layer(sizes[i], sizes[i + 1], nonlin=i != last) for i in range(len(nouts))]

    def forward(self, x: Sequence[Any]) -> Any:
        """What the last layer gives."""
        for layer in self.layers:
            x = layer(x)
        return x
