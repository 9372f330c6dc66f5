"""What networks are made of, with PyTorch's names and shapes: layers, losses, optimisers, models by name."""

from microgradcnn.nn.layers import (
    AvgPool2d,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
    manual_seed,
)
from microgradcnn.nn.losses import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge_loss,
    huber_loss,
    l1_loss,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
)
from microgradcnn.nn.models import lenet
from microgradcnn.nn.module import Module
from microgradcnn.nn.safetensors_files import load_safetensors, save_safetensors

__all__ = ["AvgPool2d", "Conv2d", "Dropout", "Flatten", "Linear", "MaxPool2d", "Module", "ReLU", "Sequential"]
__all__ += ["Sigmoid", "Softmax", "Tanh", "binary_cross_entropy_with_logits", "cross_entropy", "hinge_loss"]
__all__ += ["huber_loss", "l1_loss", "lenet", "load_safetensors", "manual_seed", "mse_loss", "nll_loss"]
__all__ += ["save_safetensors", "smooth_l1_loss"]
