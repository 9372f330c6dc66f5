"""Your scalars were a matrix product: a layer and a convolution written number by number, then read as arrays.

The units of a layer do the same to different weights, and so do the windows of a filter. `program.arrays()` finds that
out from the program alone, and writes the array program that computes the same: S @ x for the layer, the windows of the
image times the filter for the convolution. It needs nothing but NumPy.
"""

import numpy as np

import microgradcnn as mg
from microgradcnn.networks import NETWORKS


def unit(weights, inputs):
    """σ(w_1 x_1 + w_2 x_2 + ...), number by number."""
    total = weights[0] * inputs[0]
    for w, x in zip(weights[1:], inputs[1:], strict=True):
        total = total + w * x
    return mg.sigmoid(total)


x = [mg.Value(0.0, label=f"x_{i}") for i in (1, 2, 3)]
y = mg.Value(0.0, label="y")
W = [[mg.Value(0.1 * (i - j), label=f"W_{i}_{j}") for j in (1, 2, 3)] for i in (1, 2, 3, 4)]
v = [mg.Value(0.5, label=f"v_{i}") for i in (1, 2, 3, 4)]
z = [unit(row, x) for row in W]
for i, value in enumerate(z, start=1):
    value.label = f"z_{i}"
y_hat = v[0] * z[0] + v[1] * z[1] + v[2] * z[2] + v[3] * z[3]
y_hat.label = "y_hat"
parameters = [*(w for row in W for w in row), *v]

program = mg.compile((y_hat - y) ** 2, wrt=parameters, inputs=[*x, y])
arrays = program.arrays()
print(program.source[:500], "...\n")
print(arrays.source)

rng = np.random.default_rng(0)
rows, targets = rng.standard_normal((1000, 3)), rng.standard_normal(1000)
loss, gradients = program(*rows.T, targets)
loss_of_arrays, (of_weights, of_v) = arrays(rows, targets)
print(f"the loss is {loss:.6f} and {loss_of_arrays:.6f}")
print(f"its gradients differ by {np.abs(np.append(of_weights, of_v) - gradients).max():.0e}\n")


def lines(source):
    """How many lines of a program compute something."""
    return sum(" = " in line for line in source[source.index("def program") :].splitlines())


print("network                   image      lines in scalars  in arrays")
for name in ("conv_linear", "two_conv_linear"):
    for size in (3, 5, 8):
        example = NETWORKS[name](image=(size, size)).example(np.zeros(size * size), 0.0)
        inputs = [*example.inputs, example.y]
        program = mg.compile(example.loss, wrt=list(example.parameters.values()), inputs=inputs)
        counts = lines(program.source), lines(program.arrays().source)
        print(f"{name:24}  {size} by {size}  {counts[0]:16}  {counts[1]:9}")
