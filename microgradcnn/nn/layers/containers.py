"""What holds layers together: Sequential, one after another, and Flatten between those of images and of rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn.engine.arguments import check_integers
from microgradcnn.engine.value import Value
from microgradcnn.nn.module import Module


@dataclass(eq=False, repr=False)
class Flatten(Module):
    """The axes from start_dim to end_dim, both included, as one."""

    start_dim: int = 1
    end_dim: int = -1

    def __post_init__(self) -> None:
        check_integers(start_dim=self.start_dim, end_dim=self.end_dim)

    def forward(self, x: Any) -> Value:
        """(n, numbers), with the defaults."""
        shape = np.shape(x)
        first, last = (dim + len(shape) if dim < 0 else dim for dim in (self.start_dim, self.end_dim))
        if not 0 <= first <= last < len(shape):
            self.refuse(x, f"arrays with axes {self.start_dim} to {self.end_dim}, as (n, channels, height, width)")
        return mg.reshape(x, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


class Sequential(Module):
    """Layers one after another: layer 0 gets the input, each other one the output of the one before.

    `model[0]` is the first layer, `model[:2]` a Sequential of the first two, which share their parameters with it.
    Raises TypeError for what is no Module.
    """

    def __init__(self, *layers: Module) -> None:
        for i, layer in enumerate(layers):
            if not isinstance(layer, Module):
                is_class = isinstance(layer, type) and issubclass(layer, Module)
                fix = f": write {layer.__name__}(...)" if is_class else ", such as nn.ReLU()"
                if isinstance(layer, list | tuple | dict):
                    fix = f": write nn.Sequential(*layers{'.values()' * isinstance(layer, dict)})"
                raise TypeError(f"layer {i} of a Sequential is {layer!r}, which is no Module{fix}")
            setattr(self, str(i), layer)

    def forward(self, x: Any) -> Value:
        """What comes out of the last layer."""
        for layer in self:
            x = layer(x)
        return x

    def __iter__(self) -> Iterator[Module]:
        return iter([part for name, part in vars(self).items() if name.isdigit()])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __getitem__(self, index: int | slice) -> Module:
        layers = list(self)
        return Sequential(*layers[index]) if isinstance(index, slice) else layers[index]
