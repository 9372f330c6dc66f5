"""A trained network of the lecture's: its parameters, how its inputs are prepared, what its classes are called."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from microgradcnn.files import FileError, check_arrays, read_arrays, write_arrays
from microgradcnn.networks import NETWORKS, Network
from microgradcnn.scaling import Scaling

KIND = "parameters file that train wrote"


@dataclass(frozen=True)
class Trained:
    """A network and the preparation of its inputs: images shrunk to `shrink`² (None: as they are), then scaled."""

    network: Network
    scaling: Scaling
    classes: tuple[str, ...] | None = None
    shrink: int | None = None


def save_trained(path: Path, trained: Trained) -> None:
    """Write an NPZ file, whole or not at all. Raises FileError where the folder cannot be written."""
    network = trained.network
    description = {
        "network": network.name,
        "options": network.options(),
        "classes": trained.classes,
        "shrink": trained.shrink,
    }
    arrays = {f"parameter_{name}": p.data for name, p in network.parameters.items()}
    write_arrays(path, KIND, description, arrays | {"shift": trained.scaling.shift, "scale": trained.scaling.scale})


def load_trained(path: Path) -> Trained:
    """Read what `save_trained` wrote; nothing is unpickled. Raises FileError in one sentence for anything else."""
    description, arrays = read_arrays(path, KIND)
    name = description.get("network")
    if isinstance(name, str) and name not in NETWORKS:
        raise FileError(f"{path} holds a {name}, which is none of {', '.join(NETWORKS)}")
    try:
        network = NETWORKS[description["network"]](**description["options"])
        classes, shrink = description["classes"], description["shrink"]
    except (ValueError, KeyError, TypeError):
        raise FileError(f"{path} is damaged, or no {KIND}") from None
    wanted = {f"parameter_{name}": p.data for name, p in network.parameters.items()}
    wanted |= {"shift": np.zeros(network.inputs), "scale": np.zeros(network.inputs)}
    try:
        check_arrays(arrays, wanted, network.name)
    except ValueError as error:
        raise FileError(f"{path} {error}") from None
    for name, p in network.parameters.items():
        p.data = arrays[f"parameter_{name}"]
    return Trained(network, Scaling(arrays["shift"], arrays["scale"]), tuple(classes) if classes else None, shrink)
