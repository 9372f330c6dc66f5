"""Layers, with PyTorch's argument names and array shapes; those that draw random numbers take a generator, `rng`.

They are typed for Values; of a raw array those without parameters make an array, like the functions that they call;
a Dropout that draws makes a Value, in whose graph its mask has a name.
"""

from microgradcnn.nn.layers.activations import GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Softmax, Tanh
from microgradcnn.nn.layers.attention import MultiheadAttention
from microgradcnn.nn.layers.containers import Flatten, Sequential
from microgradcnn.nn.layers.convolution import Conv1d, Conv2d, ConvTranspose2d
from microgradcnn.nn.layers.dropout import Dropout
from microgradcnn.nn.layers.linear import INITIALISATIONS, Embedding, Linear, manual_seed
from microgradcnn.nn.layers.normalisation import BatchNorm1d, BatchNorm2d, LayerNorm
from microgradcnn.nn.layers.pooling import AvgPool2d, MaxPool2d
from microgradcnn.nn.layers.recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell

__all__ = ["AvgPool2d", "BatchNorm1d", "BatchNorm2d", "Conv1d", "Conv2d", "ConvTranspose2d", "Dropout", "Embedding"]
__all__ += ["Flatten"]
__all__ += ["GELU", "GRU", "GRUCell"]
__all__ += ["INITIALISATIONS", "LSTM", "LSTMCell", "LayerNorm", "LeakyReLU", "Linear", "MaxPool2d"]
__all__ += ["MultiheadAttention"]
__all__ += ["RNN", "RNNCell", "ReLU", "Sequential", "SiLU", "Sigmoid", "Softmax", "Tanh", "manual_seed"]
