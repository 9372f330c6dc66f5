"""`microgradcnn export`: what train wrote, with the scaling of its inputs, as an ONNX file."""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path

import numpy as np

from microgradcnn.cli.options import chosen_trained, network_argument, parameters_argument
from microgradcnn.cli.output import Record, show, where_written
from microgradcnn.data.columns import PositionWarning
from microgradcnn.data.dataset import UNKNOWN
from microgradcnn.engine.value import Value
from microgradcnn.experiment import ImageModel, Trained
from microgradcnn.system.text_layout import how_many
from microgradcnn.targets.export.onnx import export_onnx


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `export` takes."""
    network_argument(parser, models=True)
    parameters_argument(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.onnx", help="the file to write")


def run(options: argparse.Namespace) -> int:
    """Write the file, which takes rows as they are in the data, and gives ŷ for each, or the classes' probabilities."""
    trained = chosen_trained(options)
    network = trained.network
    dtype = next(iter(network.parameters.values())).dtype
    x = Value(np.zeros((2, network.inputs), dtype), label=network.input_letter)
    y, description = trained.answer(x), _description(trained)
    if trained.columns == UNKNOWN:
        said = f"{options.parameters} does not say what columns are called: the file takes them by position"
        warnings.warn(said, PositionWarning, stacklevel=1)
    export_onnx(y, options.out, x, description=description, metadata=_metadata(trained))
    record = {
        "written": str(options.out),
        "network": options.network,
        "input": {"name": x.label, "shape": ["n", *x.shape[1:]]},
        "output": {"name": y.label, "shape": ["n", *y.shape[1:]]},
        "description": description,
        "features": trained.columns.features,
        "classes": trained.classes,
    }
    show(record if options.json else f"{where_written(options.out)}\n{description}", options.json)
    return 0


def _description(trained: Trained) -> str:
    """What goes into the file, and what comes out."""
    network, letter, columns = trained.network, trained.network.input_letter, trained.columns
    if isinstance(network, ImageModel):
        size, classes = "×".join(map(str, network.image)), ", ".join(trained.classes or ())
        return f"{network.name}: {letter} is images of {size} pixels, unscaled; probabilities are of {classes}"
    rows = f"{letter} is rows of {how_many(network.inputs, 'number')}, unscaled"
    if trained.shrink is not None:
        rows += f": the pixels of images that were shrunk to {trained.shrink}×{trained.shrink}"
    elif columns.image is not None:
        rows += f": the pixels, row by row, of images of {'×'.join(map(str, columns.image))}"
    elif columns.features is not None:
        rows += f", in this order: {', '.join(columns.features)}"
    if trained.target is not None:
        return f"{network.name}: {rows}; y_hat is {columns.target or 'the target'}, a number in its own units"
    if network.outputs > 1:
        return f"{network.name}: {rows}; probabilities are of {', '.join(trained.classes or ())}"
    no, yes = trained.classes or ("0", "1")
    return f"{network.name}: {rows}; y_hat ≥ {network.threshold:g} is {yes}, below is {no}"


def _metadata(trained: Trained) -> dict[str, str]:
    """What the file says for programs, as JSON: the names of columns and classes, or the size of images.

    The texts of columns that are one-hot, and the means of missing values, are there if training had such.
    """
    columns = trained.columns
    about: Record = {
        "features": columns.features,
        "image": columns.image,
        "classes": trained.classes,
        "shrink": trained.shrink,
    }
    about |= {"categories": columns.categories or None, "means": columns.means}
    return {name: json.dumps(value, ensure_ascii=False) for name, value in about.items() if value is not None}
