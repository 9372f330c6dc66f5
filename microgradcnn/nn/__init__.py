"""What networks are made of, with PyTorch's names and shapes: layers, losses, optimisers, models by name."""

from microgradcnn.nn.layers import (
    AvgPool2d,
    Conv1d,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
)
from microgradcnn.nn.losses import binary_cross_entropy_with_logits, cross_entropy, hinge_loss, mse_loss
from microgradcnn.nn.models import lenet
from microgradcnn.nn.module import Module

__all__ = ["AvgPool2d", "Conv1d", "Conv2d", "ConvTranspose2d", "Dropout", "Flatten", "Linear", "MaxPool2d", "Module"]
__all__ += [
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "hinge_loss",
    "lenet",
]
__all__ += ["mse_loss"]
