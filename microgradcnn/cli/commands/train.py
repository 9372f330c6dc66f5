"""`microgradcnn train`."""

from __future__ import annotations

import argparse
from pathlib import Path

import microgradcnn.experiment as experiments
from microgradcnn.classifier import MODELS
from microgradcnn.cli.commands import train_model
from microgradcnn.cli.figure import description, training_figure
from microgradcnn.cli.notices import warnings_told
from microgradcnn.cli.options import (
    count,
    count_or_0,
    data_arguments,
    network_argument,
    network_options,
    seed_argument,
    settle,
)
from microgradcnn.cli.output import HISTORY, PARAMETERS, Record, show, where_written, write_history
from microgradcnn.cli.saving import chosen_saving, how_to_resume, saving_arguments
from microgradcnn.data import as_images, load, shrink, two_classes
from microgradcnn.data.columns import columns_of
from microgradcnn.engines import ENGINES
from microgradcnn.experiment import Experiment
from microgradcnn.files import make_folder, write_whole
from microgradcnn.networks import NETWORKS
from microgradcnn.nn.optim import OPTIMISERS, SCHEDULES
from microgradcnn.trained import save_trained
from microgradcnn.views import plots

SUMMARY = "train a network on a CSV, NPZ or IDX file, or on a data set by name"
DEFAULTS: Record = {
    "epochs": 20_000,
    "schedule": "inverse",
    "optimiser": "gradient_descent",
    "activation": "sigmoid",
    "regularise": 1e-3,
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `train` takes."""
    network_argument(parser, *MODELS)
    data_arguments(parser)
    parser.add_argument("--shrink", type=count, metavar="N", help="average images down to N×N pixels first")
    parser.add_argument("--hidden", type=count, metavar="K", help="hidden units of single_layer (3)")
    parser.add_argument("--filters", type=count, metavar="N", help="filters of a convolutional network (1 or 2)")
    parser.add_argument("--kernel", type=count, metavar="N", help="size of the N×N filters (2)")
    network_options(parser, "sigmoid", 1e-3)
    parser.add_argument("--epochs", type=count, metavar="N", help=f"at most this many {_default('epochs')}")
    parser.add_argument("--rate", type=float, metavar="η", help=f"learning rate {_default('rate')}")
    parser.add_argument("--schedule", choices=tuple(SCHEDULES), help=f"how the rate decreases {_default('schedule')}")
    parser.add_argument("--optimiser", choices=tuple(OPTIMISERS), help=_default("optimiser"))
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default="numpy",
        help="what computes the gradients; all take the same steps (numpy)",
    )
    parser.add_argument("--batch", type=count, metavar="N", help=f"rows a step {_default('batch')}")
    shift = train_model.DEFAULTS["shift"]
    parser.add_argument(
        "--shift",
        type=count_or_0,
        metavar="N",
        help=f"lenet: move images by up to N pixels at random in every step ({shift})",
    )
    parser.add_argument("--no-scale", dest="scale", action="store_false", help="leave the inputs as they are")
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="where history.csv and parameters.npz go (.)"
    )
    parser.add_argument(
        "--plot", type=plot_file, metavar="FILE", help="draw loss, rate and what was learnt: .png, .svg or .pdf"
    )
    saving_arguments(parser)
    seed_argument(parser)
    parser.set_defaults(activation=None, regularise=None)  # of the networks only: `run` gives them


def _default(option: str) -> str:
    """What an option is where it is left out, for networks and for models."""
    words = {"rate": "half the largest stable one", "batch": "all"}
    return f"({words.get(option) or DEFAULTS[option]}; lenet: {train_model.DEFAULTS[option]})"


def plot_file(text: str) -> Path:
    """A file whose name ends in a format of plots."""
    path = Path(text)
    if path.suffix.lower() not in plots.FORMATS:
        raise argparse.ArgumentTypeError(f"{text!r} does not end in {', '.join(plots.FORMATS)}")
    return path


@warnings_told()
def run(options: argparse.Namespace) -> int:
    """Train, print the result, write history.csv and parameters.npz; 1 if the start was dead."""
    saving = chosen_saving(options)
    if options.network in MODELS:
        return train_model.run(options, saving)
    if options.shift is not None:
        raise ValueError(f"--shift is not for {options.network}: it moves the images of {', '.join(MODELS)}")
    settle(options, DEFAULTS)
    data = two_classes(load(options.data, options.target, options.drop), options.classes)
    if NETWORKS[options.network].takes_images() or options.shrink is not None:
        data = as_images(data)
    columns = columns_of(data)
    if options.shrink is not None:
        data = shrink(data, options.shrink)
    make_folder(options.out)
    if options.plot is not None:
        make_folder(options.plot.parent)
        plots.figure()  # before the work: is matplotlib there?
    done = experiments.experiment(
        options.network,
        data,
        seed=options.seed,
        scale=options.scale,
        shrunk=options.shrink,
        columns=columns,
        network=_network_arguments(options),
        training={
            **{name: getattr(options, name) for name in ("epochs", "rate", "schedule", "optimiser", "batch", "engine")},
            **saving,
            "progress": True,
        },
    )
    history, parameters = write_run(options.out, done)
    record = {"network": options.network, "data": data.name, "classes": data.classes, **run_record(done)}
    record |= {"history": str(history), "parameters": str(parameters)}
    if options.plot is not None and done.training.history:
        drawn, title = training_figure(done, data), f"{options.network} trained on {data.name}"
        write_whole(options.plot, plots.rendered(drawn, options.plot.suffix.lower(), title, description(done)))
        record["plot"] = str(options.plot)
    if done.training.status == "interrupted" and options.checkpoint is not None:
        record["resume"] = how_to_resume(options)
    show(record if options.json else _train_text(record), options.json)
    return {"dead": 1, "interrupted": 130}.get(done.training.status, 0)


def write_run(folder: Path, done: Experiment) -> tuple[Path, Path]:
    """Write history.csv and parameters.npz of a training run. Raises FileError where the folder cannot be written."""
    make_folder(folder)
    history, parameters = folder / HISTORY, folder / PARAMETERS
    write_history(history, done.training.history)
    save_trained(parameters, done.trained)
    return history, parameters


def run_record(done: Experiment) -> Record:
    """What a training run did, for JSON."""
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
    written = [record[name] for name in ("history", "parameters", "plot") if name in record]
    lines.append(where_written(*written))
    return "\n".join([*lines, f"to go on: {record['resume']}"] if "resume" in record else lines)


def _network_arguments(options: argparse.Namespace) -> Record:
    """The network's own arguments. Raises ValueError for one that this network does not have."""
    given: Record = {"activation": options.activation, "regularise": options.regularise}
    kernel = None if options.kernel is None else (options.kernel, options.kernel)
    for flag, argument, value in (
        ("--hidden", "k", options.hidden),
        ("--filters", "filters", options.filters),
        ("--kernel", "kernel", kernel),
    ):
        if value is None:
            continue
        if argument not in NETWORKS[options.network].arguments():
            raise ValueError(f"{flag} is not for {options.network}: it has no such part")
        given[argument] = value
    return given
