"""The lecture's six networks, each in two forms to be laid side by side, and NETWORKS, all that are known by name.

The scalar form is one example as the lecture writes it: every weight, input and z is a labelled Value of its own. The
tensor form is a batch of n rows. Both read the same parameters, and there are no biases, as in the lecture. A seventh
network is one class, a `Network`, and a row in NETWORKS.
"""

from microgradcnn.networks.convolutional import (
    ConvAverage,
    ConvLinear,
    ConvNetwork,
    TwoConvAverage,
    TwoConvAverageLinear,
    TwoConvLinear,
)
from microgradcnn.networks.example import Example
from microgradcnn.networks.network import ACTIVATIONS, Network
from microgradcnn.networks.of_a_loss import LossNetwork, network_of_loss
from microgradcnn.networks.of_a_module import ModuleNetwork, network_of_module
from microgradcnn.networks.single_layer import SingleLayer
from microgradcnn.networks.writing import dot, mean, named, total

__all__ = ["ACTIVATIONS", "LECTURE", "NETWORKS", "ConvNetwork", "Example", "Network", "SingleLayer"]
__all__ += ["dot", "mean", "named", "total"]  # to write a network with
__all__ += ["LossNetwork", "ModuleNetwork", "network_of_loss", "network_of_module"]
__all__ += ["conv_average", "conv_linear", "single_layer"]
__all__ += ["two_conv_average", "two_conv_average_linear", "two_conv_linear"]

single_layer = SingleLayer
conv_average = ConvAverage
conv_linear = ConvLinear
two_conv_average = TwoConvAverage
two_conv_average_linear = TwoConvAverageLinear
two_conv_linear = TwoConvLinear

NETWORKS: dict[str, type[Network]] = {
    kind.name: kind
    for kind in (SingleLayer, ConvAverage, ConvLinear, TwoConvAverage, TwoConvAverageLinear, TwoConvLinear)
}

# Where the lecture has each, and its loss for one example.
LECTURE = {name: (kind.section, kind.formula) for name, kind in NETWORKS.items()}
