"""network_of_loss: the Network class of a loss that somebody has written, for one example or over a batch."""

from __future__ import annotations

import inspect
from functools import cache

from microgradcnn.checking.constants import tell_constants
from microgradcnn.engine.value import Value
from microgradcnn.networks.example import Example
from microgradcnn.networks.losses.of_a_batch import BatchLossNetwork, is_batch
from microgradcnn.networks.losses.of_an_example import ExampleLossNetwork
from microgradcnn.networks.losses.written_loss import LossNetwork, Make
from microgradcnn.networks.roles import roles_of

__all__ = ["LossNetwork", "network_of_loss"]


def network_of_loss(make: Make | Value | Example, name: str) -> type[LossNetwork]:
    """The LossNetwork of a scalar loss with labelled leaves, of an Example, or of a function that gives one.

    The function's arguments that are whole numbers are the sizes of the network; `name` is what it is called in files.
    A loss over arrays is one of a batch where axis 0 of its inputs and its target are rows that a mean ends. Raises
    ValueError for a loss that is no number, and for leaves that have no label of their own. A GraphLeft warns of a
    number that left the graph.
    """
    made = cache((lambda: make) if isinstance(make, Value | Example) else make)  # leaves are never changed, but copied
    roles = roles_of(made(), name)
    parameters = [leaf for leaves in roles.parameters.values() for leaf in leaves]
    tell_constants([roles.loss], [*roles.inputs, *roles.targets], parameters)
    kind = BatchLossNetwork if is_batch(roles) else ExampleLossNetwork
    return type(name, (kind,), {"make": staticmethod(made), "name": name, "__doc__": inspect.getdoc(made)})
