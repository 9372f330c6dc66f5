"""A small convolutional network of layers on real handwritten digits: trained as a program, kept in a file.

Needs scikit-learn: pip install 'microgradcnn[data]'
"""

import tempfile
from pathlib import Path

import numpy as np

import microgradcnn as mg
from microgradcnn import nn
from microgradcnn.data import load, split
from microgradcnn.nn import optim

rng = np.random.default_rng(0)


def network(rng):
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, rng=rng, init="he"), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(72, 10, rng=rng)
    )


learn, test = split(load("digits"), 0.2, seed=0)
images, unseen = (part.x.reshape(-1, 1, 8, 8) / 16 for part in (learn, test))
model = network(rng)
print(model.summary((1, 8, 8)))

x, y = mg.Value(images[:2], label="x"), mg.Value(learn.y[:2], label="y")
program = mg.compile(nn.cross_entropy(model(x), y), model.parameters(), [x, y])
optimiser = optim.Adam(model.parameters(), lr=0.01)
for epoch in range(8):
    losses = []
    for rows in np.array_split(rng.permutation(len(images)), 23):
        loss, gradients = program(images[rows], learn.y[rows])
        losses.append(loss)
        for p, gradient in zip(model.parameters(), gradients, strict=True):
            p.grad = gradient
        optimiser.step()
    print(f"epoch {epoch + 1}: loss {np.mean(losses):.4f}")

with tempfile.TemporaryDirectory() as folder:
    model.save(Path(folder) / "digits.npz")
    again = network(rng).load(Path(folder) / "digits.npz")
guesses = again(unseen).data.argmax(axis=1)
print(f"accuracy {np.mean(guesses == test.y):.3f} on {len(unseen)} digits never seen, with the network from the file")
