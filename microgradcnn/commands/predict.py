"""`microgradcnn predict`."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

import microgradcnn.experiment as experiments
from microgradcnn.classifier import MODELS, load_classifier
from microgradcnn.commands.options import chosen_trained, data_arguments, network_argument, parameters_argument
from microgradcnn.commands.output import Record, show, table
from microgradcnn.data import Dataset, as_images, class_name, load, shrink, two_classes, with_classes
from microgradcnn.files import FileError
from microgradcnn.trained import Trained

SUMMARY = "predict with the parameters that train wrote"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `predict` takes."""
    network_argument(parser, *MODELS)
    parameters_argument(parser)
    data_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """What is predicted for every row, and the accuracy over the rows whose class is one that was trained."""
    names, data, rows = _by_model(options) if options.network in MODELS else _by_network(options)
    accuracy = _accuracy([row["class"] for row in rows], data, names)
    record = {"network": options.network, "data": data.name, "accuracy": accuracy, "predictions": rows}
    footer = "" if accuracy is None else f"\naccuracy {accuracy:.3f}"
    show(record if options.json else table(rows) + footer, options.json)
    return 0


def _by_network(options: argparse.Namespace) -> tuple[tuple[str, ...], Dataset, list[Record]]:
    """The two classes, the data, and ŷ and the class of every row."""
    trained = chosen_trained(options)
    data = load(options.data, options.target)
    if options.classes is not None:
        data = two_classes(data, options.classes)
    predictions = experiments.predict(trained, _inputs_of(data, trained))
    names = trained.classes or ("0", "1")
    return (
        names,
        data,
        [{"row": i, "prediction": float(p), "class": names[int(p >= 0.5)]} for i, p in enumerate(predictions, 1)],
    )


def _by_model(options: argparse.Namespace) -> tuple[tuple[str, ...], Dataset, list[Record]]:
    """The classes, the data, and the most probable class of every row with its probability."""
    trained = load_classifier(options.parameters, options.network)
    data = load(options.data, options.target)
    if options.classes is not None:
        data = with_classes(data, options.classes)
    probabilities, names = trained.probabilities(data), trained.classes
    return (
        names,
        data,
        [
            {"row": i, "probability": float(max(p)), "class": names[int(np.argmax(p))]}
            for i, p in enumerate(probabilities, 1)
        ],
    )


def _inputs_of(data: Dataset, trained: Trained) -> Any:
    """The rows as the network takes them: shrunk if it was trained on shrunk images, with or without a label column.

    Raises FileError if their number of columns is not the network's.
    """
    wanted = trained.network.inputs
    if trained.shrink is not None and data.x.shape[1] != wanted:
        data = shrink(as_images(data), trained.shrink)
    if data.x.shape[1] == wanted - 1 and data.y.dtype.kind == "f" and data.classes is None:
        return np.column_stack([data.x, data.y])  # a file without labels: its last column was taken for them
    if data.x.shape[1] != wanted:
        raise FileError(f"{data.name} has {data.x.shape[1]} input columns, but the network was trained on {wanted}")
    return data.x


def _accuracy(predicted: list[str], data: Dataset, names: tuple[str, ...]) -> float | None:
    """The share of rows predicted right, of those whose label is one of the classes; None if there are none."""
    if data.x.shape[0] != len(predicted):
        return None
    true = [class_name(data, label) for label in data.y.tolist()]
    known = [p == t for p, t in zip(predicted, true, strict=True) if t in names]
    return sum(known) / len(known) if known else None
