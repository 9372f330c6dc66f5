"""What networks are made of, with PyTorch's names and shapes: layers, losses, optimisers, models by name."""

from typing import TYPE_CHECKING

from microgradcnn.engine import functions as _functions
from microgradcnn.nn.layers import (
    GELU,
    GRU,
    LSTM,
    RNN,
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    Conv1d,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Embedding,
    Flatten,
    GRUCell,
    LayerNorm,
    LeakyReLU,
    Linear,
    LSTMCell,
    MaxPool2d,
    MultiheadAttention,
    ReLU,
    RNNCell,
    Sequential,
    Sigmoid,
    SiLU,
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
from microgradcnn.nn.module import Buffer, Module
from microgradcnn.nn.neurons import MLP as MLP  # not in __all__, as the two below: micrograd's, of single numbers
from microgradcnn.nn.neurons import Layer as Layer
from microgradcnn.nn.neurons import Neuron as Neuron
from microgradcnn.nn.safetensors_files import load_safetensors, save_safetensors
from microgradcnn.protocols.other_names import OF_NN as _OF_NN
from microgradcnn.protocols.other_names import refusing as _refusing

__all__ = ["AvgPool2d", "BatchNorm1d", "BatchNorm2d", "Buffer", "Conv1d", "Conv2d", "ConvTranspose2d", "Dropout"]
__all__ += ["Embedding", "Flatten"]
__all__ += ["GELU", "GRU", "GRUCell"]
__all__ += ["LSTM", "LSTMCell", "LayerNorm", "LeakyReLU", "Linear", "MaxPool2d", "Module", "MultiheadAttention"]
__all__ += ["RNN", "RNNCell", "ReLU", "Sequential", "SiLU", "Sigmoid", "Softmax", "Tanh"]
__all__ += ["binary_cross_entropy_with_logits", "cross_entropy", "hinge_loss", "huber_loss", "l1_loss", "lenet"]
__all__ += ["load_safetensors", "manual_seed", "mse_loss", "nll_loss", "save_safetensors", "smooth_l1_loss"]

if not TYPE_CHECKING:  # a type checker is to refuse what is not there
    __getattr__ = _refusing(__name__, _OF_NN | {name: f"write mg.{name}" for name in _functions.__all__}, __all__)
