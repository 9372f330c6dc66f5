"""`microgradcnn export`."""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn.classifier import DTYPE, MODELS, Classifier, load_classifier
from microgradcnn.cli.notices import warnings_told
from microgradcnn.cli.options import chosen_trained, network_argument, parameters_argument
from microgradcnn.cli.output import show, where_written
from microgradcnn.data.columns import PositionWarning
from microgradcnn.data.dataset import UNKNOWN
from microgradcnn.engine.value import Value
from microgradcnn.nn.summary import in_mode
from microgradcnn.targets.export.onnx import export_onnx
from microgradcnn.trained import Trained

SUMMARY = "write a trained network, and the scaling of its inputs, as an ONNX file"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `export` takes."""
    network_argument(parser, *MODELS)
    parameters_argument(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.onnx", help="the file to write")


@warnings_told()
def run(options: argparse.Namespace) -> int:
    """Write the file, which takes rows as they are in the data, and gives ŷ for each, or the classes' probabilities."""
    x, y, trained, description = _of_model(options) if options.network in MODELS else _of_network(options)
    if isinstance(trained, Trained) and trained.columns == UNKNOWN:
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


def _of_network(options: argparse.Namespace) -> tuple[Value, Value, Trained, str]:
    """Rows, what is predicted for them, the network, and what the first two are."""
    trained = chosen_trained(options)
    x = Value(np.zeros((2, trained.network.inputs)), label=trained.network.input_letter)
    y = trained.network.predict(_scaled(trained, x))
    return x, y, trained, _description(trained)


def _of_model(options: argparse.Namespace) -> tuple[Value, Value, Classifier, str]:
    """Rows of pixels, the probabilities of the classes, the model, and what the first two are."""
    trained = load_classifier(options.parameters, options.network)
    height, width = trained.image
    x = Value(np.zeros((2, height * width), DTYPE), label="p")
    with in_mode(trained.model, training=False):
        y = mg.softmax(trained.model(trained.prepared(x)))
    y.label = "probabilities"
    classes = ", ".join(trained.classes)
    what = f"{trained.name}: p is images of {height}×{width} pixels, unscaled; probabilities are of {classes}"
    return x, y, trained, what


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
    elif trained.columns.image is not None:
        rows += f": the pixels, row by row, of images of {'×'.join(map(str, trained.columns.image))}"
    elif trained.columns.features is not None:
        rows += f", in this order: {', '.join(trained.columns.features)}"
    return f"{network.name}: {rows}; y_hat ≥ 0.5 is {yes}, below is {no}"


def _metadata(trained: Trained | Classifier) -> dict[str, str]:
    """What the file says for programs, as JSON: the names of columns and classes, or the size of images."""
    about: dict[str, Any] = {
        "features": trained.columns.features,
        "image": trained.columns.image,
        "classes": trained.classes,
    }
    if isinstance(trained, Trained):
        about["shrink"] = trained.shrink
    return {name: json.dumps(value, ensure_ascii=False) for name, value in about.items() if value is not None}
