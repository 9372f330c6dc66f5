"""Filters over an image, the networks of the lecture's second section and exercises: a class, and five that set it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn.engine.arrays import Array
from microgradcnn.engine.value import Value
from microgradcnn.networks.network import COUNTED_AT, CostSize, Network
from microgradcnn.networks.writing import dot, mean, named

SQUARES = (4, 9, 16, 25)


class ConvNetwork(Network):
    """The lecture's convolutional networks: filters over an image, σ, average pooling or none, average or linear head.

    `image` and `kernel` are (height, width). With `pooling` a filter gives one number, the mean of its z's; without,
    all of them. The head takes the mean of these numbers, or if it is `linear` their product with weights w, filter by
    filter. Raises ValueError for a kernel that does not fit.
    """

    pooling: bool = True
    linear: bool = False
    filters: int = 1
    image: tuple[int, ...]
    unit_name = "filter"

    def __init__(
        self,
        filters: int | None = None,
        image: tuple[int, int] = (3, 3),
        kernel: tuple[int, int] = (2, 2),
        activation: str = "sigmoid",
        regularise: float = 0.0,
        seed: int = 0,
    ) -> None:
        rows, columns = image[0] - kernel[0] + 1, image[1] - kernel[1] + 1
        if rows < 1 or columns < 1:
            raise ValueError(
                f"{self.name}: a kernel of {kernel[0]}×{kernel[1]} does not fit into {image[0]}×{image[1]} images"
            )
        self.image, self.kernel, self.positions = tuple(image), tuple(kernel), (rows, columns)
        self.filters = self.filters if filters is None else filters
        super().__init__(activation, regularise, seed)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The kernels c, and w if there is a linear head."""
        kernels = {"c": (self.filters, 1, *self.kernel)}
        features = self.filters * (1 if self.pooling else math.prod(self.positions))
        return {**kernels, "w": (features,)} if self.linear else {**kernels}

    def hidden(self, x: Any) -> Value:
        """σ of the convolution of n rows of pixels, (n, filters, rows, columns)."""
        self.check_rows(x)
        images = mg.reshape(x, (-1, 1, *self.image))
        z: Value = self.activate(mg.conv2d(images, self.parameters["c"]))
        return z

    def predict(self, x: Any) -> Value:
        """ŷ of n rows of pixels, (n,): the z's, pooled or all of them, then their mean or w·."""
        z = named(self.hidden(x), "z")
        pooled: Value = mg.avg_pool2d(z, self.positions) if self.pooling else z
        features = pooled.reshape(-1, math.prod(pooled.shape[1:]))
        return named(features @ self.parameters["w"] if self.linear else features.mean(axis=1), "y_hat")

    def write_out(self, x: list[Value], p: dict[str, list[Value]]) -> tuple[list[Value], Value]:
        """z_1 = σ(c_1 p_1 + c_2 p_2 + c_3 p_4 + c_4 p_5) for the first window, and so on, filter by filter."""
        size, (_, width) = math.prod(self.kernel), self.image
        windows = [
            [x[(r + i) * width + s + j] for i in range(self.kernel[0]) for j in range(self.kernel[1])]
            for r in range(self.positions[0])
            for s in range(self.positions[1])
        ]
        kernels = [p["c"][f * size : (f + 1) * size] for f in range(self.filters)]
        pairs = [(kernel, window) for kernel in kernels for window in windows]
        z = [self.unit(kernel, window, i) for i, (kernel, window) in enumerate(pairs, start=1)]
        of_filter = [z[f * len(windows) : (f + 1) * len(windows)] for f in range(self.filters)]
        features = [mean(zs) for zs in of_filter] if self.pooling else z
        if self.linear:
            return z, dot(p["w"], features)
        return z, mean(features) if len(features) > 1 else features[0]

    def worked_out(self, x: Array, y: float) -> dict[str, Array]:
        """df/dc_j = 2e Σ dŷ/dz_i D_i q_ij over the windows i of the filter, with pixel j of window i called q_ij."""
        p = {name: np.asarray(value.data) for name, value in self.parameters.items()}
        windows = np.lib.stride_tricks.sliding_window_view(x.reshape(self.image), self.kernel)
        q = windows.reshape(-1, p["c"][0].size)
        z, D = self.activated(p["c"].reshape(self.filters, -1) @ q.T)  # (filters, windows) each
        features = z.mean(axis=1) if self.pooling else z.ravel()
        weights = p["w"] if self.linear else np.full(features.size, 1.0 / features.size)
        of_z = np.repeat(weights / q.shape[0], q.shape[0]) if self.pooling else weights
        e = weights @ features - y
        found = {"c": 2.0 * e * (of_z.reshape(z.shape) * D) @ q}
        return {**found, "w": 2.0 * e * features} if self.linear else found

    def units(self) -> list[Array]:
        """A filter with its share of w, each."""
        return list(np.column_stack([np.reshape(p.data, (self.filters, -1)) for p in self.parameters.values()]))

    def pictures(self, image: tuple[int, ...] | None) -> Array:
        """The filters, (filters, height, width)."""
        return np.asarray(self.parameters["c"].data)[:, 0]

    @classmethod
    def cost_sizes(cls) -> dict[str, CostSize]:
        """n images, F filters, P positions of each and q pixels under it: squares, as image and kernel are."""
        return {
            "n": CostSize(COUNTED_AT, (20, 80), "images"),
            "F": CostSize(COUNTED_AT, (4, 16), "filters"),
            "P": CostSize(SQUARES, (64, 256), "positions of each"),
            "q": CostSize(SQUARES, (9, 25), "weights of each"),
        }

    @classmethod
    def of_sizes(cls, sizes: Mapping[str, int]) -> dict[str, Any]:
        """The filters, the image and the kernel that have such F, P and q."""
        positions, kernel = math.isqrt(sizes["P"]), math.isqrt(sizes["q"])
        return {"filters": sizes["F"], "image": (positions + kernel - 1,) * 2, "kernel": (kernel, kernel)}

    def own_sizes(self) -> dict[str, int]:
        """F, P and q."""
        return {"F": self.filters, "P": math.prod(self.positions), "q": math.prod(self.kernel)}


class ConvAverage(ConvNetwork):
    """The lecture's second section: one filter, averaged."""

    name, section, formula = "conv_average", "second section", "((z1 + z2 + z3 + z4)/4 − y)²"


class ConvLinear(ConvNetwork):
    """Exercise 1: one filter, and weights for each of its z's."""

    name, section, formula = "conv_linear", "exercise 1", "(w·z − y)², w ∈ ℝ⁴"
    pooling, linear = False, True


class TwoConvAverage(ConvNetwork):
    """Exercise 2: two filters, each averaged, and averaged again."""

    name, section = "two_conv_average", "exercise 2"
    formula = "((mean of z1..z4 + mean of z5..z8)/2 − y)²"
    filters = 2


class TwoConvAverageLinear(ConvNetwork):
    """Exercise 3: two filters, each averaged, and a weight for each."""

    name, section = "two_conv_average_linear", "exercise 3"
    formula = "(w1·mean of z1..z4 + w2·mean of z5..z8 − y)²"
    linear, filters = True, 2


class TwoConvLinear(ConvNetwork):
    """Exercise 4: two filters, and weights for each of their z's."""

    name, section, formula = "two_conv_linear", "exercise 4", "(w·z − y)², w ∈ ℝ⁸"
    pooling, linear, filters = False, True, 2
