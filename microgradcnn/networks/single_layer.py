"""One hidden layer, the network of the lecture's first section: m inputs, k units, one or more linear outputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.value import Value
from microgradcnn.networks.network import Network
from microgradcnn.networks.writing import dot, named

LECTURE_ROWS = "suv"  # the weight rows of the lecture's three hidden units


class SingleLayer(Network):
    """The lecture's first section: m inputs, k hidden units with weight rows S, output weights w; (w·σ(Sx) − y)².

    Of several outputs each has weights of its own, a row of w, over the same hidden units.
    """

    name, section, formula = "single_layer", "first section", "(w·σ(Sx) − y)²"

    def __init__(
        self,
        m: int = 2,
        k: int = 3,
        activation: str = "sigmoid",
        regularise: float = 0.0,
        seed: int = 0,
        outputs: int = 1,
    ) -> None:
        self.m, self.k, self.outputs = m, k, outputs
        super().__init__(activation, regularise, seed)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """S of k rows, and w; of several outputs a row for each."""
        return {"S": (self.k, self.m), "w": (self.k,) if self.outputs == 1 else (self.outputs, self.k)}

    def hidden(self, x: Any) -> Value:
        """σ(Sx) of n rows, (n, k)."""
        self.check_rows(x)
        z: Value = self.activate(x @ self.parameters["S"].T)
        return z

    def predict(self, x: Any) -> Value:
        """w·z of n rows, (n,), or (n, outputs)."""
        w = self.parameters["w"]
        return named(named(self.hidden(x), "z") @ (w if self.outputs == 1 else w.T), "y_hat")

    def write_out(self, x: list[Value], p: dict[str, list[Value]]) -> tuple[list[Value], Value | list[Value]]:
        """z_1 = σ(s_1 x_1 + s_2 x_2 + ...), z_2 from u, z_3 from v, and ŷ = w_1 z_1 + w_2 z_2 + ...

        Of several outputs ŷ_1 = w_1_1 z_1 + w_1_2 z_2 + ..., and so on.
        """
        rows = [p["S"][j * self.m : (j + 1) * self.m] for j in range(self.k)]
        z = [self.unit(row, x, j) for j, row in enumerate(rows, start=1)]
        if self.outputs == 1:
            return z, dot(p["w"], z)
        return z, [dot(p["w"][i * self.k : (i + 1) * self.k], z) for i in range(self.outputs)]

    def labels(self, name: str) -> list[str]:
        """s_1, s_2, u_1, ... for up to three hidden units; s_1_1, s_1_2, ... for more, and w likewise."""
        if name == "w" and self.outputs > 1:
            return [f"w_{i}_{j}" for i in range(1, self.outputs + 1) for j in range(1, self.k + 1)]
        if name != "S":
            return super().labels(name)
        rows = LECTURE_ROWS if self.k <= len(LECTURE_ROWS) else [f"s_{j}" for j in range(1, self.k + 1)]
        return [f"{rows[j]}_{i}" for j in range(self.k) for i in range(1, self.m + 1)]

    def worked_out(self, x: Array, y: float) -> dict[str, Array]:
        """df/dw_j = 2e z_j and df/ds_i = 2e w_1 D_1 x_i, u and v likewise, with e = ŷ − y and D = dz/da.

        Of several outputs each has softmax(ŷ) − y in place of 2e, and what reaches a hidden unit is the sum of all.
        """
        S, w = (np.asarray(p.data) for p in self.parameters.values())
        z, D = self.activated(S @ x)
        slopes = self.slopes(w @ z, y)
        return {"S": np.outer(np.dot(slopes, w) * D, x), "w": np.outer(slopes, z)}

    def units(self) -> list[Array]:
        """(s, w_1), (u, w_2), ..."""
        return list(np.column_stack([self.parameters["S"].data, np.transpose(self.parameters["w"].data)]))
