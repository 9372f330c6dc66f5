"""The lecture's gradients in closed form, for one example, to check the engine against.

The sign is right here: the lecture writes 2√f where 2(ŷ − y) is meant, and √f = |ŷ − y| loses it whenever ŷ < y.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from microgradcnn.networks import ConvNetwork, Network, SingleLayer

Array = np.ndarray[Any, np.dtype[Any]]


def closed_form(network: Network, x: Array, y: float) -> dict[str, Array]:
    """The gradients of (ŷ − y)² + λ Σ θ² for one row x, by parameter, in the shapes of the parameters."""
    data = {name: np.asarray(p.data) for name, p in network.parameters.items()}
    found = _single_layer(network, data, x, y) if isinstance(network, SingleLayer) else _conv(network, data, x, y)
    return {name: g.reshape(data[name].shape) + 2.0 * network.regularise * data[name] for name, g in found.items()}


def _single_layer(network: Network, p: dict[str, Array], x: Array, y: float) -> dict[str, Array]:
    """df/dw_j = 2e z_j and df/ds_i = 2e w_1 D_1 x_i, u and v likewise, with e = ŷ − y."""
    z, D = _units(network, p["S"] @ x)
    e = p["w"] @ z - y
    return {"S": 2.0 * e * np.outer(p["w"] * D, x), "w": 2.0 * e * z}


def _conv(network: Network, p: dict[str, Array], x: Array, y: float) -> dict[str, Array]:
    """df/dc_j = 2e Σ dŷ/dz_i D_i q_ij over the windows i of the filter, with pixel j of window i called q_ij."""
    assert isinstance(network, ConvNetwork)
    windows = np.lib.stride_tricks.sliding_window_view(x.reshape(network.image), network.kernel)
    q = windows.reshape(-1, p["c"][0].size)
    z, D = _units(network, p["c"].reshape(network.filters, -1) @ q.T)  # (filters, windows) each
    features = z.mean(axis=1) if network.pooling else z.ravel()
    weights = p["w"] if network.linear else np.full(features.size, 1.0 / features.size)
    of_z = np.repeat(weights / q.shape[0], q.shape[0]) if network.pooling else weights
    e = weights @ features - y
    found = {"c": 2.0 * e * (of_z.reshape(z.shape) * D) @ q}
    return {**found, "w": 2.0 * e * features} if network.linear else found


def _units(network: Network, a: Array) -> tuple[Array, Array]:
    """z and D = dz/da: z(1 − z) for the sigmoid, 1 where a > 0 for relu."""
    if network.activation == "relu":
        return np.maximum(a, 0.0), (a > 0.0).astype(float)
    with np.errstate(over="ignore"):  # exp(1000) is inf, and 1/inf the right answer
        z = 1.0 / (1.0 + np.exp(-a))
    return z, z * (1.0 - z)
