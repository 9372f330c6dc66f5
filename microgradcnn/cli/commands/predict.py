"""`microgradcnn predict`: a class, or a number, for every row of a data set, by what train wrote."""

from __future__ import annotations

import argparse
import sys

import numpy as np

from microgradcnn.cli.options import chosen_trained, data_arguments, network_argument, parameters_argument
from microgradcnn.cli.output import Record, show, table
from microgradcnn.data import class_name, class_names, load, with_classes
from microgradcnn.data.dataset import DataError, Dataset, dropping, listed, short
from microgradcnn.engine.arrays import Array
from microgradcnn.experiment import Trained, predict
from microgradcnn.system.terminal import columns
from microgradcnn.training.accuracy import Confusion, confused, mean_absolute_error, r_squared


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `predict` takes."""
    network_argument(parser, models=True)
    parameters_argument(parser)
    data_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """What is predicted for every row, and how right that is where the data have labels: by class, or R² and error."""
    trained = chosen_trained(options)
    data = load(options.data, options.target, options.drop, trained.columns)
    if trained.target is not None and options.classes is not None:
        raise DataError(f"{options.parameters} predicts numbers: leave out --classes")
    data = trained.arranged(data if options.classes is None else with_classes(data, options.classes))
    found, told = predict(trained, data.x), None
    if trained.target is None:
        names = trained.classes or ("0", "1")
        _check_classes(data, names)
        rows = [_row(i, each, names, trained) for i, each in enumerate(found, 1)]
        told = _told([row["class"] for row in rows], data, names)
        accuracy = None if told is None else float(np.trace(told.counts) / told.counts.sum())
        measured: Record = {"accuracy": accuracy, "confusion": told and told.record()}
        footer = "\n{table}\naccuracy {accuracy:.3f}"
    else:
        rows = [{"row": i, "prediction": float(number)} for i, number in enumerate(found, 1)]
        measured = _agreement(found, data)
        footer = "R² {r2:.3f}, mean absolute error {mean_absolute_error:.3g}"
    record = {"network": options.network, "data": data.name, **measured, "predictions": rows}
    shown = [
        table(rows),
        *([footer.format(table=told and told.text(columns(sys.stdout)), **measured)] if data.target else []),
    ]
    show(record if options.json else "\n".join(shown), options.json)
    return 0


def _agreement(found: Array, data: Dataset) -> Record:
    """R² and the mean absolute error; None if the data have no labels. Raises DataError if these are no numbers."""
    if not data.target:
        return {"r2": None, "mean_absolute_error": None}
    if data.y.dtype.kind != "f":
        drop = f": leave the column out with {dropping([data.target])}" if data.named else ""
        raise DataError(
            f"{data.name} has text in {data.target!r}, such as {short(str(data.y[0]))}, training had numbers{drop}"
        )
    return {"r2": r_squared(found, data.y), "mean_absolute_error": mean_absolute_error(found, data.y)}


def _row(number: int, found: Array, names: tuple[str, ...], trained: Trained) -> Record:
    """ŷ and the class it stands for, or the most probable of all classes with its probability."""
    if np.ndim(found) == 0:
        return {"row": number, "prediction": float(found), "class": names[int(found >= trained.network.threshold)]}
    return {"row": number, "probability": float(max(found)), "class": names[int(np.argmax(found))]}


def _check_classes(data: Dataset, names: tuple[str, ...]) -> None:
    """Raise DataError if the data have labels, and one that was not trained on."""
    found = class_names(data) if data.target else []
    if others := [name for name in found if name not in names]:
        known = [name for name in names if name in found]
        keep = f"keep the rows of others with --classes {','.join(known)}" if len(known) > 1 else "rename them"
        drop = f", or leave out the column with {dropping([data.target])}" if data.named else ""
        has = f"{data.name} has the classes {listed(others)} in {data.target!r}"
        raise DataError(f"{has}, training had {listed(names)}: {keep}{drop}")


def _told(predicted: list[str], data: Dataset, names: tuple[str, ...]) -> Confusion | None:
    """Which class every class was taken for; None if the data have no labels."""
    if not data.target:
        return None
    true = np.array([names.index(class_name(data, label)) for label in data.y.tolist()])
    return confused(true, np.array([names.index(name) for name in predicted]), names)
