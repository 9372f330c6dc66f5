"""New names, letter by letter, from an MLP over the last three letters: embeddings, batch normalisation, cross-entropy.

The network is that of Bengio et al. 2003, with batch normalisation (Ioffe and Szegedy 2015). It learns from the names
in names.txt. Needs matplotlib for the picture: pip install 'microgradcnn[plot]'. Run it with a file to draw to, or
names.png.
"""

import sys
from pathlib import Path

import numpy as np

from microgradcnn import nn, no_grad, optim
from microgradcnn.views import plots

CONTEXT, ALPHABET = 3, ".abcdefghijklmnopqrstuvwxyz"  # the full stop begins and ends a name
rng = np.random.default_rng(0)
names = rng.permutation(Path(__file__).with_name("names.txt").read_text().split())
numbers = {letter: i for i, letter in enumerate(ALPHABET)}


def examples(names):
    """Every letter of the names, as a number (n,), with the numbers of the letters before it (n, CONTEXT)."""
    texts = ["." * CONTEXT + name + "." for name in names]
    pairs = [(text[i - CONTEXT : i], text[i]) for text in texts for i in range(CONTEXT, len(text))]
    return np.array([[numbers[letter] for letter in before] for before, _ in pairs]), np.array(
        [numbers[letter] for _, letter in pairs]
    )


x, y = examples(names[:-40])
unseen, after = examples(names[-40:])
embedding = nn.Embedding(27, 8)
model = nn.Sequential(
    *(embedding, nn.Flatten(), nn.Linear(CONTEXT * 8, 100, bias=False), nn.BatchNorm1d(100), nn.Tanh()),
    nn.Linear(100, 27),
)
optimiser = optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.05)
history = []
for epoch in range(1, 16):
    losses = []
    for rows in np.array_split(rng.permutation(len(x)), len(x) // 64):
        optimiser.zero_grad()
        loss = nn.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    model.eval()
    with no_grad():
        validation = nn.cross_entropy(model(unseen), after).item()
    model.train()
    history.append({"epoch": epoch, "loss": float(np.mean(losses)), "validation_loss": validation})
print(f"loss {history[0]['loss']:.3f} at first, {history[-1]['loss']:.3f} at the end; {np.log(27):.3f} is chance")
print(f"loss {min(row['validation_loss'] for row in history):.3f} at best on names never seen")


def new_name():
    """A name, each letter drawn with the probabilities that the model gives it after those before."""
    text = "." * CONTEXT
    while text[-1] != "." or len(text) == CONTEXT:
        p = probabilities(np.array([[numbers[letter] for letter in text[-CONTEXT:]]])).data[0]
        text += ALPHABET[rng.choice(27, p=p)]
    return text.strip(".")


model.eval()
probabilities = nn.Sequential(model, nn.Softmax())
print("new names:", ", ".join(new_name() for _ in range(12)))

drawn = plots.figure(12.0, 5.5)
losses, plane = drawn.subplots(1, 2)
plots.loss(history, losses)
table = embedding.weight.data - embedding.weight.data.mean(axis=0)
places = table @ np.linalg.svd(table)[2][:2].T
for letter, (across, up) in zip(ALPHABET, places, strict=True):
    plane.text(across, up, letter, color="#D55E00" if letter in "aeiou" else "#0072B2", fontsize=18, ha="center")
plane.set(title="Embeddings of letters, by their two main axes", xlim=(-3, 3), ylim=(-3, 3))
picture = Path(sys.argv[1] if len(sys.argv) > 1 else "names.png")
picture.write_bytes(plots.rendered(drawn, picture.suffix, "An MLP of names", "The loss, and the letters by embedding"))
print(f"the loss and the letters are drawn in {picture}")
