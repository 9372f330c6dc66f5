"""The data set `bars`, a vertical or horizontal bar anywhere, as a ladder of what each network of the lecture adds.

One filter, averaged, cannot tell the bars apart: it adds up the same four numbers whatever is where. Two filters with a
linear head can. The best of four starts each, gradient descent at η = 0.5, λ = 0, 4,000 epochs, all rows.
"""

from microgradcnn.data import load
from microgradcnn.networks import NETWORKS
from microgradcnn.train import accuracy, train

LADDER = ["conv_average", "two_conv_average", "conv_linear", "two_conv_average_linear", "two_conv_linear"]

bars = load("bars")
for name in LADDER:
    best = 0.0
    for seed in range(4):
        network = NETWORKS[name](seed=seed)
        train(network, bars.x, bars.y, rate=0.5, schedule="constant", epochs=4000)
        best = max(best, accuracy(network, bars.x, bars.y))
    print(f"{name:25s} {best:.3f}", flush=True)
