"""What was trained, on disk and back: a network by its name and its arguments, and every number of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from microgradcnn.data.columns import different_texts, recorded, restored
from microgradcnn.data.dataset import UNKNOWN, Columns
from microgradcnn.data.scaling import Scaling
from microgradcnn.engine.arrays import Array
from microgradcnn.engine.value import Value
from microgradcnn.experiment.image_model import ImageModel
from microgradcnn.experiment.trained import Trained
from microgradcnn.files import FileError, check_arrays, read_arrays, write_arrays
from microgradcnn.networks import NETWORKS, Network
from microgradcnn.nn.models import MODELS
from microgradcnn.nn.module import Buffer
from microgradcnn.training.schedule import check_known

KIND = "parameters file that train wrote"


def save_trained(path: str | Path, trained: Trained) -> None:
    """Write an NPZ file, whole or not at all. Raises FileError where the folder cannot be written."""
    network = trained.network
    about: dict[str, Any] = {
        "network": network.name,
        "options": network.options(),
        "classes": trained.classes,
        "shrink": trained.shrink,
        "columns": recorded(trained.columns),
        "target": None if trained.target is None else [trained.target.shift.item(), trained.target.scale.item()],
    }
    if network.module is not None:
        about["architecture"] = network.module.architecture()
    scaling = {"shift": trained.scaling.shift, "scale": trained.scaling.scale}
    write_arrays(Path(path), KIND, about, {n: p.data for n, p in _arrays(network).items()} | scaling)


def load_trained(path: str | Path, kind: type[Network] | None = None) -> Trained:
    """Read what `save_trained` wrote of a network known by name, or of a `kind`; nothing is unpickled.

    Raises FileError in one sentence for anything else.
    """
    path = Path(path)
    about, arrays = read_arrays(path, KIND)
    name, known = about.get("network"), [*NETWORKS, *MODELS]
    if kind is not None and isinstance(name, str) and name != kind.name:
        raise FileError(f"{path} holds a {name}, not a {kind.name}")
    if kind is None and isinstance(name, str) and name not in known:
        raise FileError(f"{path} holds a {name}, which is none of {', '.join(known)}")
    try:
        if name in MODELS and "options" not in about:
            about, arrays = _of_today(about, arrays)
        network = _as_then(path, kind or about["network"], about["options"])
        classes, shrunk = about["classes"], about["shrink"]
        if not (classes is None or different_texts(classes)) or type(shrunk) not in (int, type(None)):
            raise ValueError("classes have different names, and an image a whole number of pixels")
        target = about.get("target") and Scaling(*(np.array([float(number)]) for number in about["target"]))
        columns = restored(about.get("columns"), network.inputs if shrunk is None else None)
        one, architecture = np.ones(network.inputs), []
        if network.module is not None:
            architecture = list(about["architecture"])
        if isinstance(network, ImageModel):
            columns = Columns(image=network.image) if columns == UNKNOWN else columns
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"{path} is damaged, or no {KIND}") from None
    parameters = _arrays(network)
    try:
        if network.module is not None:
            network.module.check_architecture(architecture)
        check_arrays(arrays, {n: p.data for n, p in parameters.items()} | {"shift": one, "scale": one}, network.name)
        scaling = Scaling(arrays["shift"], arrays["scale"])
        done = Trained(network, scaling, classes and tuple(classes), shrunk, columns, target)
    except ValueError as error:
        raise FileError(f"{path} {error}") from None
    for label, p in parameters.items():
        p.data = arrays[label]
    return done


def known_network(name: str) -> type[Network] | None:
    """The class of a network's name, None of a model's. Raises ValueError for any other."""
    check_known(name, [*NETWORKS, *MODELS])
    return NETWORKS.get(name)


def built_network(which: str | type[Network], **options: Any) -> Any:
    """A network of a class, or a network or model known by name, with these arguments."""
    if isinstance(which, type):
        return which(**options)
    if which not in NETWORKS:
        return ImageModel(which, **options)
    built = NETWORKS[which](**options)
    built.name = which
    return built


def _as_then(path: Path, which: str | type[Network], options: dict[str, Any]) -> Any:
    """The network with the arguments that it had when the file was written."""
    try:
        return built_network(which, **options)
    except (TypeError, ValueError) as error:
        if isinstance(which, str):
            raise
        given = ", ".join(f"{name}={value!r}" for name, value in options.items())
        raise FileError(f"{path} holds a {which.name} with {given}, which it is not built with now: {error}") from None


def _arrays(network: Any) -> dict[str, Value | Buffer]:
    """The parameters by their names in a file, and what a module keeps beside them."""
    found: dict[str, Value | Buffer] = {f"parameter_{name}": p for name, p in network.parameters.items()}
    buffers = () if network.module is None else network.module.named_buffers()
    return found | {f"buffer_{name}": buffer for name, buffer in buffers}


def _of_today(about: dict[str, Any], arrays: dict[str, Array]) -> tuple[dict[str, Any], dict[str, Array]]:
    """What a file says, of a model from before networks and models had one format."""
    image = about["image"]
    options = {"classes": len(about["classes"]), "image": image}
    renamed = {n if n in ("shift", "scale") else f"parameter_{n}": array for n, array in arrays.items()}
    return about | {"options": options, "shrink": None}, renamed
