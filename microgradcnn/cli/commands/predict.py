"""`microgradcnn predict`."""

from __future__ import annotations

import argparse

import numpy as np

from microgradcnn.classifier import MODELS, load_classifier
from microgradcnn.cli.notices import warnings_told
from microgradcnn.cli.options import chosen_trained, data_arguments, network_argument, parameters_argument
from microgradcnn.cli.output import Record, show, table
from microgradcnn.data import class_name, class_names, load, with_classes
from microgradcnn.data.dataset import Columns, DataError, Dataset, dropping, listed

SUMMARY = "predict with the parameters that train wrote"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `predict` takes."""
    network_argument(parser, *MODELS)
    parameters_argument(parser)
    data_arguments(parser)


@warnings_told()
def run(options: argparse.Namespace) -> int:
    """What is predicted for every row, and the accuracy where the data have labels."""
    data, rows = _by_model(options) if options.network in MODELS else _by_network(options)
    accuracy = _accuracy([row["class"] for row in rows], data)
    record = {"network": options.network, "data": data.name, "accuracy": accuracy, "predictions": rows}
    footer = "" if accuracy is None else f"\naccuracy {accuracy:.3f}"
    show(record if options.json else table(rows) + footer, options.json)
    return 0


def _by_network(options: argparse.Namespace) -> tuple[Dataset, list[Record]]:
    """The data, and ŷ and the class of every row."""
    trained = chosen_trained(options)
    names = trained.classes or ("0", "1")
    data = trained.arranged(_data(options, trained.columns))
    _check_classes(data, names)
    predictions = np.asarray(trained.network.predict(trained.scaling.apply(data.x)).data)
    return data, [
        {"row": i, "prediction": float(p), "class": names[int(p >= 0.5)]} for i, p in enumerate(predictions, 1)
    ]


def _by_model(options: argparse.Namespace) -> tuple[Dataset, list[Record]]:
    """The data, and the most probable class of every row with its probability."""
    trained = load_classifier(options.parameters, options.network)
    names = trained.classes
    data = trained.arranged(_data(options, trained.columns))
    _check_classes(data, names)
    return data, [
        {"row": i, "probability": float(max(p)), "class": names[int(np.argmax(p))]}
        for i, p in enumerate(trained.probabilities(data), 1)
    ]


def _data(options: argparse.Namespace, columns: Columns) -> Dataset:
    """The rows of the classes that are asked for; what was the label in training, or left out, is so here."""
    data = load(options.data, options.target, options.drop, columns)
    return data if options.classes is None else with_classes(data, options.classes)


def _check_classes(data: Dataset, names: tuple[str, ...]) -> None:
    """Raise DataError if the data have labels, and one that was not trained on."""
    found = class_names(data) if data.target else []
    if others := [name for name in found if name not in names]:
        known = [name for name in names if name in found]
        keep = f"keep the rows of others with --classes {','.join(known)}" if len(known) > 1 else "rename them"
        drop = f", or leave out the column with {dropping([data.target])}" if data.named else ""
        has = f"{data.name} has the classes {listed(others)} in {data.target!r}"
        raise DataError(f"{has}, training had {listed(names)}: {keep}{drop}")


def _accuracy(predicted: list[str], data: Dataset) -> float | None:
    """The share of rows predicted right; None if the data have no labels."""
    if not data.target:
        return None
    return float(np.mean([p == class_name(data, label) for p, label in zip(predicted, data.y.tolist(), strict=True)]))
