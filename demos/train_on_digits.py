"""Train the lecture's largest network on real handwritten digits, and look at the filters that it learns.

Needs scikit-learn: pip install 'microgradcnn[data]'
"""

import numpy as np

from microgradcnn.data import load, shrink, two_classes
from microgradcnn.experiment import experiment

digits = shrink(two_classes(load("digits"), ("6", "7")), 3)  # sixes and sevens, 8×8 averaged down to 3×3
done = experiment("two_conv_linear", digits, network={"regularise": 1e-3})

run = done.training
print(f"{len(digits.x)} images; the largest stable rate is {run.stable_rate:.3g}, so we start at {run.rate:.3g}")
for row in run.history[:: max(len(run.history) // 8, 1)]:
    epoch, rate, loss, norm = (row[key] for key in ("epoch", "rate", "loss", "gradient_norm"))
    print(f"  epoch {epoch:5d}   rate {rate:.4f}   loss {loss:.5f}   |gradient| {norm:.1e}")
print(run.message)
print(f"accuracy {done.train_accuracy:.3f} on the training images, {done.test_accuracy:.3f} on images never seen")

for number, kernel in enumerate(done.trained.network.parameters["c"].data, start=1):
    print(f"filter {number}:\n{np.array2string(kernel[0], precision=2, sign=' ')}")
