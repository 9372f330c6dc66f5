"""What each command of the command line does: it prints a table, or JSON, and returns an exit code."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

import microgradcnn.experiment as experiments
import microgradcnn.lesson as lessons
from microgradcnn.data import Dataset, as_images, class_name, load, shrink, two_classes
from microgradcnn.experiment import Experiment
from microgradcnn.files import FileError, make_folder, write_whole
from microgradcnn.networks import ACTIVATIONS, LECTURE, NETWORKS
from microgradcnn.targets.program import compile
from microgradcnn.trained import Trained, load_trained, save_trained
from microgradcnn.value import Value

HISTORY, PARAMETERS = "history.csv", "parameters.npz"

Record = dict[str, Any]


def networks(options: argparse.Namespace) -> int:
    """The six networks with their places in the lecture and their losses."""
    rows = [
        {"network": name, "lecture": where, "loss for one example": loss} for name, (where, loss) in LECTURE.items()
    ]
    _print(rows if options.json else table(rows), options.json)
    return 0


def lesson(options: argparse.Namespace) -> int:
    """A line for each network as soon as it is done; 0 if every gradient agrees and every training converged."""
    rows = []
    if options.out is not None:
        make_folder(options.out)
    for row in lessons.lesson(options.seed, progress=True):
        rows.append(row)
        if not options.json:
            print(_lesson_line(row, header=len(rows) == 1), flush=True)
        if options.out is not None:
            for data_name, run in row.runs.items():
                write_run(options.out / row.network / data_name, run)
    records = [_lesson_record(row) for row in rows]
    if options.out is not None:
        write_whole(options.out / "lesson.json", (json.dumps(records, indent=2) + "\n").encode())
    _print(records if options.json else _lesson_verdict(rows), options.json)
    return 0 if all(row.right for row in rows) else 1


def train(options: argparse.Namespace) -> int:
    """Train, print the result, write history.csv and parameters.npz; 1 if the start was dead."""
    data = two_classes(load(options.data, options.target), options.classes)
    if options.shrink is not None:
        data = shrink(as_images(data), options.shrink)
    make_folder(options.out)
    done = experiments.experiment(
        options.network,
        data,
        seed=options.seed,
        scale=options.scale,
        shrunk=options.shrink,
        network=_network_arguments(options),
        training={
            **{name: getattr(options, name) for name in ("epochs", "rate", "schedule", "optimiser", "batch", "engine")},
            "progress": True,
        },
    )
    history, parameters = write_run(options.out, done)
    record = {"network": options.network, "data": data.name, "classes": data.classes, **_run_record(done)}
    record |= {"history": str(history), "parameters": str(parameters)}
    _print(record if options.json else _train_text(record), options.json)
    return {"dead": 1, "interrupted": 130}.get(done.training.status, 0)


def predict(options: argparse.Namespace) -> int:
    """ŷ and the class of every row, and the accuracy over the rows whose class is one of the two."""
    trained = load_trained(options.parameters)
    if trained.network.name != options.network:
        raise FileError(f"{options.parameters} holds a {trained.network.name}, not a {options.network}")
    data = load(options.data, options.target)
    if options.classes is not None:
        data = two_classes(data, options.classes)
    predictions = experiments.predict(trained, _inputs_of(data, trained))
    names = trained.classes or ("0", "1")
    rows: list[Record] = [
        {"row": i, "prediction": float(p), "class": names[int(p >= 0.5)]} for i, p in enumerate(predictions, 1)
    ]
    accuracy = _accuracy([row["class"] for row in rows], data, names)
    record = {"network": options.network, "data": data.name, "accuracy": accuracy, "predictions": rows}
    footer = "" if accuracy is None else f"\naccuracy {accuracy:.3f}"
    _print(record if options.json else table(rows) + footer, options.json)
    return 0


def gradcheck(options: argparse.Namespace) -> int:
    """The gradients of a network, sigmoid and relu, λ = 0 and 0.1, found in four ways; 1 if they disagree."""
    rows = []
    for activation in ACTIVATIONS:
        for regularise in (0.0, 0.1):
            network = NETWORKS[options.network](activation=activation, regularise=regularise, seed=options.seed)
            checks = lessons.check_network(network, options.seed)
            rows.append({"activation": activation, "λ": regularise, **_checks_record(checks)})
    right = all(row["worst"] <= lessons.TOLERANCE for row in rows)
    verdict = "every gradient is right" if right else "a gradient is wrong"
    explained = f"{verdict}: the largest difference from the tensor form's, as a share of the largest component"
    _print({"right": right, "checks": rows} if options.json else f"{table(rows)}\n{explained}", options.json)
    return 0 if right else 1


def source(options: argparse.Namespace) -> int:
    """The program of a network's loss and gradients, in Python or as a backend has it."""
    network = NETWORKS[options.network](activation=options.activation, regularise=options.regularise)
    row = np.linspace(0.0, 1.0, network.inputs)
    if options.arrays:
        inputs = [Value(row[None], label=network.input_letter), Value([1.0], label="y")]
        loss, parameters = network.loss(*inputs), network.parameters
    else:
        example = network.example(row, 1.0)
        inputs, loss, parameters = [*example.inputs, example.y], example.loss, example.parameters
        inputs += [v for name, v in parameters.items() if options.wrt and name not in options.wrt]
    unknown = [name for name in options.wrt if name not in parameters]
    if unknown:
        raise ValueError(f"{options.network} has no parameter {unknown[0]!r}: it has {', '.join(parameters)}")
    wrt = [parameters[name] for name in options.wrt or parameters]
    program = compile(loss, wrt, inputs, options.backend or "numpy")
    text = program.lowered(*inputs) if options.backend else program.source
    record = {"network": options.network, "wrt": [v.label for v in wrt], "backend": options.backend, "source": text}
    _print(record if options.json else text.rstrip(), options.json)
    return 0


def write_run(folder: Path, done: Experiment) -> tuple[Path, Path]:
    """Write history.csv and parameters.npz of a training run. Raises FileError where the folder cannot be written."""
    make_folder(folder)
    history, parameters = folder / HISTORY, folder / PARAMETERS
    lines: list[list[object]] = [list(row.values()) for row in done.training.history]
    lines[:0] = [list(row) for row in done.training.history[:1]]
    write_whole(history, "".join(",".join(map(str, line)) + "\n" for line in lines).encode())
    save_trained(parameters, done.trained)
    return history, parameters


def table(rows: list[Record]) -> str:
    """Rows with the same keys as columns under their names, numbers to the right, separated by two spaces."""
    if not rows:
        return ""
    names = list(rows[0])
    cells = [[_cell(row[name]) for name in names] for row in rows]
    widths = [max(len(name), *(len(line[i]) for line in cells)) for i, name in enumerate(names)]
    right = [isinstance(rows[0][name], int | float) for name in names]

    def line(texts: list[str]) -> str:
        padded = [t.rjust(w) if r else t.ljust(w) for t, w, r in zip(texts, widths, right, strict=True)]
        return "  ".join(padded).rstrip()

    return "\n".join([line(names), *map(line, cells)])


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _print(what: Any, as_json: bool) -> None:
    print(json.dumps(what, indent=2, ensure_ascii=False) if as_json else what)


def _lesson_line(row: lessons.Row, header: bool) -> str:
    """One network's line, below two lines of titles for the first: fixed widths, as each is printed when it is done."""
    checks = row.checks
    columns = [("", "network", 24, row.network), ("", "lecture", 15, row.section), ("", "weights", 8, row.parameters)]
    columns += [
        ("gradients apart by", "scalar", 8, f"{checks.scalar_form:.0e}"),
        ("", "closed", 8, f"{checks.closed_form:.0e}"),
        ("", "differences", 12, f"{checks.differences:.0e}"),
    ]
    for name, run in row.runs.items():
        columns += [
            (name, "epochs", 8, len(run.training.history)),
            ("", "loss", 8, f"{run.training.history[-1]['loss']:.4f}"),
            ("", "test", 7, f"{run.test_accuracy:.3f}"),
        ]

    def line(cells: list[str]) -> str:
        return "".join(cell.ljust(width) for cell, (_, _, width, _) in zip(cells, columns, strict=True))

    groups, text = "", line([str(cell) for _, _, _, cell in columns]) + _mark(row.right)
    if not header:
        return text
    start = 0
    for group, _, width, _ in columns:
        groups = groups.ljust(start) + group if group else groups
        start += width
    return "\n".join([groups, line([title for _, title, _, _ in columns]).rstrip(), text])


def _lesson_verdict(rows: list[lessons.Row]) -> str:
    worst = max(row.checks.worst for row in rows)
    gradients = f"gradients: at most {worst:.1e} apart (relative to the largest component), in four ways"
    failed = [
        f"{row.network} on {name}: {run.training.message}"
        for row in rows
        for name, run in row.runs.items()
        if not run.training.converged
    ]
    training = "every training converged" if not failed else "; ".join(failed)
    lines = [
        "scalar, closed and differences: the scalar form, the lecture's closed form and finite differences against the",
        "tensor form; test: accuracy on the fifth of the rows that training did not see; λ = 1e-3.",
        f"{gradients}; {training}.",
    ]
    if "digits" not in rows[0].runs:
        lines.append("The digits need scikit-learn: pip install 'microgradcnn[data]'")
    return "\n".join(lines)


def _mark(right: bool) -> str:
    text = "right" if right else "WRONG"
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\033[{32 if right else 31}m{text}\033[0m"


def _lesson_record(row: lessons.Row) -> Record:
    runs = {name: _run_record(run) for name, run in row.runs.items()}
    shown = {"network": row.network, "lecture": row.section, "loss": row.loss, "parameters": row.parameters}
    return {**shown, "checks": _checks_record(row.checks), "runs": runs, "right": row.right}


def _checks_record(checks: lessons.Checks) -> Record:
    return {
        "scalar form": checks.scalar_form,
        "closed form": checks.closed_form,
        "differences": checks.differences,
        "worst": checks.worst,
    }


def _run_record(done: Experiment) -> Record:
    run = done.training
    last = run.history[-1] if run.history else {}
    return {
        "rows": {"train": done.rows[0], "test": done.rows[1]},
        "status": run.status,
        "message": run.message,
        "stable_rate": run.stable_rate,
        "rate": run.rate,
        "epochs": len(run.history),
        "loss": last.get("loss"),
        "gradient_norm": last.get("gradient_norm"),
        "train_accuracy": done.train_accuracy,
        "test_accuracy": done.test_accuracy,
    }


def _train_text(record: Record) -> str:
    rows, classes = record["rows"], record["classes"]
    lines = [
        f"{record['network']} on {record['data']}: {rows['train']} rows to train on, {rows['test']} to test on",
        f"classes: 0 is {classes[0]}, 1 is {classes[1]}",
        f"learning rate: {record['rate']:.3g} at the start (the largest stable one is {record['stable_rate']:.3g})",
        record["message"],
    ]
    if record["loss"] is not None:
        lines.append(f"loss {record['loss']:.5f} after {record['epochs']} epochs")
    lines.append(f"accuracy {record['train_accuracy']:.3f} in training, {record['test_accuracy']:.3f} in the test")
    return "\n".join([*lines, f"written: {record['history']}, {record['parameters']}"])


def _network_arguments(options: argparse.Namespace) -> Record:
    """The network's own arguments. Raises ValueError for one that this network does not have."""
    given: Record = {"activation": options.activation, "regularise": options.regularise}
    for name, argument, value in (
        ("single_layer", "k", options.hidden),
        ("conv", "filters", options.filters),
        ("conv", "kernel", None if options.kernel is None else (options.kernel, options.kernel)),
    ):
        if value is None:
            continue
        if (name == "single_layer") != (options.network == "single_layer"):
            flag = "--hidden" if argument == "k" else f"--{argument}"
            raise ValueError(f"{flag} is not for {options.network}: it has no such part")
        given[argument] = value
    return given


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


def _accuracy(predicted: list[str], data: Dataset, names: tuple[str, str]) -> float | None:
    """The share of rows predicted right, of those whose label is one of the two classes; None if there are none."""
    if data.x.shape[0] != len(predicted):
        return None
    true = [class_name(data, label) for label in data.y.tolist()]
    known = [p == t for p, t in zip(predicted, true, strict=True) if t in names]
    return sum(known) / len(known) if known else None
