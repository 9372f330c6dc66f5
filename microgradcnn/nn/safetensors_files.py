"""Parameters in and out as safetensors files, which PyTorch and others read and write (extra `safetensors`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Array, bare_array
from microgradcnn.extras import require
from microgradcnn.files import FileError, check_arrays, read_whole, write_whole
from microgradcnn.nn.module import Module

KIND = "safetensors file"

# Types of numbers by their names in a file, where they are little-endian.
TYPES: dict[str, np.dtype[Any]] = {
    **{name: np.dtype(f"<f{size}") for name, size in (("F64", 8), ("F32", 4), ("F16", 2))},
    **{name: np.dtype(f"<i{size}") for name, size in (("I64", 8), ("I32", 4), ("I16", 2), ("I8", 1))},
    **{name: np.dtype(f"<u{size}") for name, size in (("U64", 8), ("U32", 4), ("U16", 2), ("U8", 1))},
    "BOOL": np.dtype(bool),
}


def save_safetensors(model_or_state: Module | Mapping[str, Any], path: str | Path) -> None:
    """Write a model's parameters, or a state_dict, by their names, whole or not at all.

    `model.load_state_dict(safetensors.torch.load_file(path))` takes the file in PyTorch, for the same architecture.
    Raises FileError where the file cannot be written, or where a number is NaN, infinite or none, MissingExtra where
    safetensors is not installed.
    """
    safetensors = require("safetensors.numpy", "safetensors", package="safetensors", needed_by="save_safetensors")
    state = model_or_state.state_dict() if isinstance(model_or_state, Module) else model_or_state
    arrays = {name: np.array(bare_array(given), order="C") for name, given in state.items()}
    try:
        for name, array in arrays.items():
            if array.dtype.newbyteorder("<") not in TYPES.values():
                raise ValueError(f"has {name} as {array.dtype}, which is no type of a {KIND}")
        check_arrays(arrays, arrays, "")
    except ValueError as error:
        raise FileError(f"{path} is not written: the state {error}") from None
    write_whole(Path(path), safetensors.save(arrays))


def load_safetensors(path: str | Path) -> dict[str, Array]:
    """The arrays of a file by their names, for `model.load_state_dict`, which refuses what is missing or too much.

    Raises FileError for a file that is missing, damaged, of another kind, or has a type of numbers that NumPy has not,
    MissingExtra where safetensors is not installed.
    """
    safetensors = require("safetensors", "safetensors", package="safetensors", needed_by="load_safetensors")
    content = read_whole(Path(path), KIND)
    try:
        tensors = safetensors.deserialize(content)
    except safetensors.SafetensorError:
        raise FileError(f"{path} is damaged, or no {KIND}") from None
    arrays = {}
    for name, tensor in tensors:
        if tensor["dtype"] not in TYPES:
            raise FileError(f"{path} has {name} as {tensor['dtype']}, which NumPy has not: write it as F32 first")
        numbers = np.frombuffer(tensor["data"], TYPES[tensor["dtype"]]).reshape(tensor["shape"])
        arrays[name] = numbers.astype(numbers.dtype.newbyteorder("="))
    return arrays
