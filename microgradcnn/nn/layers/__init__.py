"""Layers, with PyTorch's argument names and array shapes; those that draw random numbers take a generator, `rng`.

They are typed for Values; of a raw array those without parameters make an array, like the functions that they call.
"""

from microgradcnn.nn.layers.activations import ReLU, Sigmoid, Softmax, Tanh
from microgradcnn.nn.layers.containers import Flatten, Sequential
from microgradcnn.nn.layers.convolution import Conv2d
from microgradcnn.nn.layers.dropout import Dropout
from microgradcnn.nn.layers.linear import INITIALISATIONS, Linear, manual_seed
from microgradcnn.nn.layers.pooling import AvgPool2d, MaxPool2d

__all__ = ["INITIALISATIONS", "AvgPool2d", "Conv2d", "Dropout", "Flatten", "Linear", "MaxPool2d", "ReLU", "Sequential"]
__all__ += ["Sigmoid", "Softmax", "Tanh", "manual_seed"]
