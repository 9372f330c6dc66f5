"""A trained network on disk: its parameters, how its inputs are prepared, and what its classes are called."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from microgradcnn.networks import NETWORKS, Network
from microgradcnn.scaling import Scaling
from microgradcnn.writing import FileError as FileError
from microgradcnn.writing import make_folder as make_folder
from microgradcnn.writing import write_whole as write_whole

FORMAT = 1


@dataclass(frozen=True)
class Trained:
    """A network and the preparation of its inputs: images shrunk to `shrink`² (None: as they are), then scaled."""

    network: Network
    scaling: Scaling
    classes: tuple[str, str] | None = None
    shrink: int | None = None


def save_trained(path: Path, trained: Trained) -> None:
    """Write an NPZ file, whole or not at all. Raises FileError where the folder cannot be written."""
    network = trained.network
    description = {
        "format": FORMAT,
        "network": network.name,
        "options": network.options(),
        "classes": trained.classes,
        "shrink": trained.shrink,
    }
    arrays = {f"parameter_{name}": p.data for name, p in network.parameters.items()}
    arrays |= {"shift": trained.scaling.shift, "scale": trained.scaling.scale, "description": json.dumps(description)}
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    write_whole(path, content.getvalue())


def load_trained(path: Path) -> Trained:
    """Read what `save_trained` wrote; nothing is unpickled. Raises FileError in one sentence for anything else."""
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        description = json.loads(str(arrays.pop("description")))
        if description["format"] != FORMAT:
            raise FileError(f"{path} has format {description['format']}, this version reads {FORMAT}")
        network = NETWORKS[description["network"]](**description["options"])
        scaling = Scaling(arrays.pop("shift"), arrays.pop("scale"))
        _fill_in(network, {name.removeprefix("parameter_"): data for name, data in arrays.items()}, path)
        classes = description["classes"]
        return Trained(network, scaling, tuple(classes) if classes else None, description["shrink"])
    except FileNotFoundError:
        raise FileError(f"{path} does not exist: give the parameters.npz that train wrote") from None
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}") from None
    except FileError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile, zlib.error):
        raise FileError(f"{path} is damaged, or no parameters file that train wrote") from None


def _fill_in(network: Network, arrays: dict[str, Any], path: Path) -> None:
    if set(arrays) != set(network.parameters):
        raise FileError(f"{path} has parameters {sorted(arrays)}, {network.name} has {sorted(network.parameters)}")
    for name, data in arrays.items():
        if data.shape != network.parameters[name].shape or not np.isfinite(data).all():
            raise FileError(f"{path}: {name} must be finite and of shape {network.parameters[name].shape}")
    for name, data in arrays.items():
        network.parameters[name].data = data
