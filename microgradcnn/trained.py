"""A trained network of the lecture's: its parameters, how its inputs are prepared, what its classes are called."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from microgradcnn.data import as_images, shrink
from microgradcnn.data.columns import arranged, different_texts, restored
from microgradcnn.data.dataset import UNKNOWN, Columns, Dataset
from microgradcnn.data.scaling import Scaling
from microgradcnn.files import FileError, check_arrays, read_arrays, write_arrays
from microgradcnn.networks import NETWORKS, Network

KIND = "parameters file that train wrote"


@dataclass(frozen=True)
class Trained:
    """A network and the preparation of its inputs: images shrunk to `shrink`² (None: as they are), then scaled.

    `columns` are those that the network was trained on, before images were shrunk; UNKNOWN where nobody knows them.
    Raises ValueError for columns or a scaling that do not fit the network.
    """

    network: Network
    scaling: Scaling
    classes: tuple[str, ...] | None = None
    shrink: int | None = None
    columns: Columns = UNKNOWN

    def __post_init__(self) -> None:
        self.scaling.check_width(self.network.inputs)
        image = self.columns.image if self.shrink is None else None
        if None not in (image, self.network.image) and image != self.network.image:
            raise ValueError(f"has columns of images of {image}, and a network for {self.network.image}")

    def arranged(self, data: Any) -> Dataset:
        """A Dataset or a DataFrame as the network takes it, before scaling: its columns in order, its images shrunk.

        Where either side has no names of columns they go by position, with a PositionWarning. Raises DataError for
        columns or images that the network was not trained on, in a sentence that names them.
        """
        if self.shrink is None:
            return arranged(data, self.columns, self.network.inputs)
        small = (self.shrink, self.shrink)
        if isinstance(data, Dataset) and data.image == small:
            return data
        found = arranged(data, self.columns, None if self.columns.image is None else math.prod(self.columns.image))
        if found.x.shape[1] == self.network.inputs:
            return found
        return shrink(as_images(found, self.columns.image), self.shrink)


def save_trained(path: Path, trained: Trained) -> None:
    """Write an NPZ file, whole or not at all. Raises FileError where the folder cannot be written."""
    network = trained.network
    description = {
        "network": network.name,
        "options": network.options(),
        "classes": trained.classes,
        "shrink": trained.shrink,
        "columns": asdict(trained.columns),
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
        named = classes is None or (different_texts(classes) and len(classes) == 2)
        if not named or type(shrink) not in (int, type(None)):
            raise ValueError("there are two classes, and a whole number of pixels")
        columns = restored(description.get("columns"), network.inputs if shrink is None else None)
    except (ValueError, KeyError, TypeError):
        raise FileError(f"{path} is damaged, or no {KIND}") from None
    wanted = {f"parameter_{name}": p.data for name, p in network.parameters.items()}
    wanted |= {"shift": np.zeros(network.inputs), "scale": np.zeros(network.inputs)}
    try:
        check_arrays(arrays, wanted, network.name)
        scaling = Scaling(arrays["shift"], arrays["scale"])
        done = Trained(network, scaling, classes and tuple(classes), shrink, columns)
    except ValueError as error:
        raise FileError(f"{path} {error}") from None
    for name, p in network.parameters.items():
        p.data = arrays[f"parameter_{name}"]
    return done
