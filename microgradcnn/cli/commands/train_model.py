"""`microgradcnn train` for a model of images, such as lenet, in place of a network of the lecture."""

from __future__ import annotations

import argparse

from microgradcnn.classification import Classification, classification
from microgradcnn.classifier import SIDE, save_classifier
from microgradcnn.cli.figure import model_description, model_figure
from microgradcnn.cli.options import settle
from microgradcnn.cli.output import HISTORY, PARAMETERS, Record, show, where_written, write_history
from microgradcnn.cli.saving import how_to_resume
from microgradcnn.data import load, load_parts, with_classes
from microgradcnn.data.dataset import Dataset
from microgradcnn.files import make_folder, write_whole
from microgradcnn.views import plots

DEFAULTS: Record = {"epochs": 40, "rate": 2e-3, "schedule": "cosine", "optimiser": "adam", "batch": 32, "shift": 2}
# What only networks of the lecture have.
FOREIGN = ("hidden", "filters", "kernel", "activation", "regularise", "shrink")


def run(options: argparse.Namespace, saving: Record) -> int:
    """Train, print the result, write history.csv and parameters.npz; `saving` are arguments of `fit`."""
    for name in FOREIGN:
        if getattr(options, name) is not None:
            reason = f"it brings images to {SIDE}×{SIDE} itself" if name == "shrink" else "it has no such part"
            raise ValueError(f"--{name} is not for {options.network}: {reason}")
    data, test = _parts(options)
    make_folder(options.out)
    if options.plot is not None:
        make_folder(options.plot.parent)
        plots.figure()  # before the work: is matplotlib there?
    settle(options, DEFAULTS)
    training = {name: getattr(options, name) for name in (*DEFAULTS, "engine")} | saving | {"progress": True}
    done = classification(options.network, data, test, seed=options.seed, scale=options.scale, training=training)
    record = {"network": options.network, "data": data.name, **_record(done, test is not None)}
    history, parameters = options.out / HISTORY, options.out / PARAMETERS
    write_history(history, done.run.history)
    save_classifier(parameters, done.classifier)
    record |= {"history": str(history), "parameters": str(parameters)}
    if options.plot is not None and done.run.history:
        title = f"{options.network} trained on {data.name}"
        drawn, words = model_figure(done), model_description(done)
        write_whole(options.plot, plots.rendered(drawn, options.plot.suffix.lower(), title, words))
        record["plot"] = str(options.plot)
    if done.run.status == "interrupted" and options.checkpoint is not None:
        record["resume"] = how_to_resume(options)
    show(record if options.json else _text(record), options.json)
    return 130 if done.run.status == "interrupted" else 0


def _parts(options: argparse.Namespace) -> tuple[Dataset, Dataset | None]:
    """The data, and the part that is for the test where they say so themselves, with classes 0, 1, ...."""
    parts = load_parts(options.data, options.target, options.drop)
    if parts is None:
        return with_classes(load(options.data, options.target, options.drop), options.classes), None
    learn = with_classes(parts[0], options.classes)
    return learn, with_classes(parts[1], learn.classes)


def _record(done: Classification, own_test: bool) -> Record:
    """What a training run did, for JSON."""
    return {
        "classes": done.classifier.classes,
        "image": done.classifier.image,
        "rows": {"train": done.rows[0], "test": done.rows[1]},
        "test_part": "its own" if own_test else "a fifth, drawn with the seed",
        "status": done.run.status,
        "message": done.run.message,
        "epochs": len(done.run.history),
        "train_loss": done.train["loss"],
        "test_loss": done.test["loss"],
        "train_accuracy": done.train["accuracy"],
        "test_accuracy": done.test["accuracy"],
    }


def _text(record: Record) -> str:
    rows, image = record["rows"], "×".join(map(str, record["image"]))
    resized = "" if record["image"] == (SIDE, SIDE) else f", brought to {SIDE}×{SIDE}"
    written = [record[name] for name in ("history", "parameters", "plot") if name in record]
    return "\n".join(
        [
            f"{record['network']} on {record['data']}: images of {image}{resized}",
            f"classes: {', '.join(record['classes'])}",
            f"{rows['train']} rows to train on, {rows['test']} to test on ({record['test_part']})",
            record["message"],
            f"loss {record['train_loss']:.5f} in training, {record['test_loss']:.5f} in the test",
            f"accuracy {record['train_accuracy']:.4f} in training, {record['test_accuracy']:.4f} in the test",
            where_written(*written),
            *([f"to go on: {record['resume']}"] if "resume" in record else []),
        ]
    )
