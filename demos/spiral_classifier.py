"""Three arms of a spiral told apart by two hidden layers of tanh, trained row by row of a plane that no line divides.

Needs matplotlib for the picture: pip install 'microgradcnn[plot]'. Run it with a file to draw to, or spiral.png.
"""

import sys
from pathlib import Path

import numpy as np

from microgradcnn import nn
from microgradcnn.fit import Schedule, evaluate, fit
from microgradcnn.views import plots

ARMS, POINTS = 3, 150
rng = np.random.default_rng(0)


def spiral(rng):
    """Points (n, 2) on arms that wind once around 0, each shaken by a little noise, and the arm of each."""
    arm = np.repeat(np.arange(ARMS), POINTS)
    radius = np.tile(np.linspace(0.05, 1.0, POINTS), ARMS)
    angle = 4.0 * radius + arm * 2.0 * np.pi / ARMS + rng.normal(0.0, 0.15, arm.size)
    return radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1), arm


x, y = spiral(rng)
unseen, arms = spiral(rng)
model = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, ARMS))
run = fit(model, x, y, Schedule(epochs=200, rate=0.01, batch=32, decay="cosine"))
print(f"loss {run.history[0]['loss']:.3f} at first, {run.history[-1]['loss']:.3f} at the end")
print(f"accuracy {evaluate(model, unseen, arms)['accuracy']:.3f} on {len(unseen)} points drawn anew")

across, up = np.meshgrid(np.linspace(-1.1, 1.1, 200), np.linspace(-1.1, 1.1, 200))
winner = model(np.stack([across, up], axis=-1).reshape(-1, 2)).data.argmax(axis=1).reshape(across.shape)
drawn = plots.figure(12.0, 5.5)
losses, plane = drawn.subplots(1, 2)
plots.loss(run.history, losses)
colours = ["#0072B2", "#E69F00", "#009E73"]
plane.contourf(across, up, winner, levels=np.arange(ARMS + 1) - 0.5, colors=colours, alpha=0.25)
plane.scatter(*unseen.T, c=[colours[arm] for arm in arms], s=12)
plane.set(title="The arm that the network sees", aspect="equal")
picture = Path(sys.argv[1] if len(sys.argv) > 1 else "spiral.png")
picture.write_bytes(plots.rendered(drawn, picture.suffix, "A spiral classifier", "The loss, and the plane by arm"))
print(f"the loss and the plane are drawn in {picture}")
