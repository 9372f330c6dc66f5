"""`microgradcnn export`."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from microgradcnn.commands.options import chosen_trained, network_argument, parameters_argument
from microgradcnn.commands.output import show
from microgradcnn.targets.onnx import export_onnx
from microgradcnn.trained import Trained
from microgradcnn.value import Value

SUMMARY = "write a trained network, and the scaling of its inputs, as an ONNX file"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `export` takes."""
    network_argument(parser)
    parameters_argument(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.onnx", help="the file to write")


def run(options: argparse.Namespace) -> int:
    """Write the file, which takes rows as they are in the data, and gives ŷ for each."""
    trained = chosen_trained(options)
    network, letter = trained.network, trained.network.input_letter
    x = Value(np.zeros((2, network.inputs)), label=letter)
    export_onnx(network.predict(_scaled(trained, x)), options.out, x, description=_description(trained))
    record = {
        "written": str(options.out),
        "network": network.name,
        "input": {"name": letter, "shape": ["n", network.inputs]},
        "output": {"name": "y_hat", "shape": ["n"]},
        "description": _description(trained),
    }
    show(record if options.json else f"written: {options.out}\n{_description(trained)}", options.json)
    return 0


def _scaled(trained: Trained, x: Value) -> Value:
    """(x − shift)/scale, without what changes nothing."""
    shift, scale = Value(trained.scaling.shift, label="shift"), Value(trained.scaling.scale, label="scale")
    if np.any(shift.data):
        x = x - shift
    return x / scale if np.any(scale.data != 1.0) else x


def _description(trained: Trained) -> str:
    network, shrink = trained.network, trained.shrink
    no, yes = trained.classes or ("0", "1")
    rows = f"{network.input_letter} is rows of {network.inputs} numbers, unscaled"
    if shrink is not None:
        rows += f": the pixels of images that were shrunk to {shrink}×{shrink}"
    return f"{network.name}: {rows}; y_hat ≥ 0.5 is {yes}, below is {no}"
