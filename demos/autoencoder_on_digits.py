"""Real digits pressed through two numbers and back: an autoencoder, whose middle layer is a map of the digits.

Needs scikit-learn and matplotlib: pip install 'microgradcnn[data,plot]'. Run it with a file to draw to, or
autoencoder.png.
"""

import sys
from pathlib import Path

import numpy as np

from microgradcnn import nn
from microgradcnn.data import load, split
from microgradcnn.fit import Schedule, evaluate, fit
from microgradcnn.views import plots

learn, test = split(load("digits"), 0.2, seed=0)
images, unseen = learn.x / 16.0, test.x / 16.0  # the pixels go from 0 to 16

encoder = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2))
decoder = nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 64), nn.Sigmoid())
model = nn.Sequential(encoder, decoder)
run = fit(model, images, images, Schedule(epochs=150, rate=0.005, decay="cosine"), loss=nn.mse_loss)

variance = float(((unseen - images.mean(axis=0)) ** 2).mean())
error = evaluate(model, unseen, unseen, nn.mse_loss)["loss"]
print(f"a pixel of a digit never seen is wrong by {error**0.5:.3f} (root mean square)")
print(f"two numbers a digit explain {1.0 - error / variance:.2f} of the variance of 64 pixels")

drawn = plots.figure(12.0, 6.0)
plane, pairs = drawn.subfigures(1, 2)
codes = encoder(unseen).data
scattered = (ax := plane.subplots()).scatter(*codes.T, c=test.y, cmap="tab10", vmin=-0.5, vmax=9.5, s=14)
ax.set(title="Digits never seen, by their two numbers")
plane.colorbar(scattered, ax=ax, ticks=range(10), label="digit")
pairs.suptitle("Above as they are, below as they come back")
shown = [int(np.flatnonzero(test.y == digit)[0]) for digit in range(10)]
panels = pairs.subplots(4, 5)
for column, row in enumerate(shown):
    for below, image in enumerate((unseen[row], model(unseen[row : row + 1]).data[0])):
        panel = panels[2 * (column // 5) + below, column % 5]
        panel.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0.0, vmax=1.0)
        panel.set_axis_off()
picture = Path(sys.argv[1] if len(sys.argv) > 1 else "autoencoder.png")
picture.write_bytes(plots.rendered(drawn, picture.suffix, "An autoencoder on digits", "Its codes, and ten digits"))
print(f"the map and ten digits are drawn in {picture}")
