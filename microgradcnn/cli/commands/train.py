"""`microgradcnn train`: a network or a model of layers trained on a data set, tested, saved and plotted."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from microgradcnn.cli.figure import description, print_chart, training_figure
from microgradcnn.cli.options import (
    OWN,
    chosen_checkpoints,
    chosen_kind,
    count,
    count_or_0,
    data_arguments,
    how_to_resume,
    network_argument,
    network_options,
    saving_arguments,
    seed_argument,
    table_arguments,
)
from microgradcnn.cli.output import HISTORY, PARAMETERS, Record, show, where_written, write_history
from microgradcnn.cli.user_scripts import is_script
from microgradcnn.data import as_images, load, load_parts, shrink, with_classes, with_target
from microgradcnn.data.columns import columns_of
from microgradcnn.data.dataset import Columns, Dataset, listed
from microgradcnn.data.tables.categories import source_of
from microgradcnn.experiment import Experiment, experiment, save_trained
from microgradcnn.files import make_folder, write_whole
from microgradcnn.networks import NETWORKS, Network
from microgradcnn.nn.models import MODELS, SIDE
from microgradcnn.nn.optim import OPTIMISERS, SCHEDULES
from microgradcnn.system import terminal
from microgradcnn.system.text_layout import how_many
from microgradcnn.targets.native.auto import AUTO
from microgradcnn.training.accuracy import MANY
from microgradcnn.training.batches import ENGINES
from microgradcnn.training.schedule import OF_NETWORKS, Schedule
from microgradcnn.views import plots

OF_LENET, SHIFT = Schedule(40, 2e-3, "cosine", 32, "adam"), 2  # where nothing else is said
REGULARISE = 1e-3
MEASURES = {"accuracy": ("accuracy", ".3f"), "r2": ("R²", ".3f"), "mean_absolute_error": ("mean absolute error", ".3g")}
PARTS = {"hidden": "k", "filters": "filters", "kernel": "kernel"}  # what options call a network's arguments
PARTS |= {"activation": "activation", "regularise": "regularise"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `train` takes."""
    network_argument(parser, models=True)
    data_arguments(parser)
    table_arguments(parser)
    parser.add_argument("--shrink", type=count, metavar="N", help="average images down to N×N pixels first")
    parser.add_argument("--hidden", type=count, metavar="K", help=f"hidden units of {_having('k')} (3)")
    parser.add_argument("--filters", type=count, metavar="N", help="filters of a convolutional network (1 or 2)")
    parser.add_argument("--kernel", type=count, metavar="N", help="size of the N×N filters (2)")
    network_options(parser, regularise=REGULARISE)
    parser.add_argument("--epochs", type=count, metavar="N", help=f"at most this many {_default('epochs')}")
    parser.add_argument("--rate", type=float, metavar="η", help=f"learning rate {_default('rate')}")
    parser.add_argument("--schedule", choices=tuple(SCHEDULES), help=f"how the rate decreases {_default('schedule')}")
    parser.add_argument("--optimiser", choices=tuple(OPTIMISERS), help=_default("optimiser"))
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        help="what computes the gradients; all take the same steps (auto: jit where it is installed and pays, else "
        "numpy; eager for layers that draw in every step)",
    )
    parser.add_argument("--batch", type=count, metavar="N", help=f"rows a step {_default('batch')}")
    parser.add_argument(
        "--shift",
        type=count_or_0,
        metavar="N",
        help=f"lenet: move images by up to N pixels at random in every step ({SHIFT}); of a Module of yours too (0)",
    )
    parser.add_argument("--no-scale", dest="scale", action="store_false", help="leave the inputs as they are")
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="where history.csv and parameters.npz go (.)"
    )
    parser.add_argument(
        "--plot", type=plot_file, metavar="FILE", help="draw loss, rate and what was learnt: .png, .svg or .pdf"
    )
    parser.add_argument(
        "--page",
        type=page_file,
        metavar="FILE.html",
        help="write a page, offline, in which it trains before your eyes: play, step, look back, other rates and data",
    )
    chart = "a chart of the loss in characters at the end (on a terminal)"
    parser.add_argument("--chart", action=argparse.BooleanOptionalAction, help=chart)
    saving_arguments(parser)
    seed_argument(parser)
    parser.set_defaults(regularise=None)  # of the networks only: `run` gives it
    parser.epilog = f"{OWN} A loss is trained as networks are, a Module as lenet is."


def _default(option: str) -> str:
    """What an option is where it is left out, for networks and for models of layers."""
    words = {"rate": "half the largest stable one", "batch": "all"}
    return f"({words.get(option) or OF_NETWORKS.about()[option]}; lenet: {OF_LENET.about()[option]})"


def _having(argument: str) -> str:
    """The networks that have such a part."""
    return ", ".join(name for name, kind in NETWORKS.items() if argument in kind.arguments())


def plot_file(text: str) -> Path:
    """A file whose name ends in a format of plots."""
    return _ending(text, plots.FORMATS)


def page_file(text: str) -> Path:
    """A file whose name is a page's, so that none of another kind, such as the data, is written over."""
    return Path(text) if Path(text).is_dir() else _ending(text, (".html", ".htm"))  # a folder has its own sentence


def _ending(text: str, suffixes: Sequence[str]) -> Path:
    path = Path(text)
    if path.suffix.lower() not in suffixes:
        raise argparse.ArgumentTypeError(f"{text!r} does not end in {', '.join(suffixes)}")
    return path


def run(options: argparse.Namespace) -> int:
    """Train, print the result, write history.csv and parameters.npz; 1 if the start was dead."""
    checkpoints, kind = chosen_checkpoints(options), chosen_kind(options)
    _check_options(options, kind)
    data, test, columns = _data(options, kind)
    target_kind = "number" if data.classes is None else "classes"
    make_folder(options.out)
    if options.plot is not None:
        make_folder(options.plot.parent)
        plots.figure()  # before the work: is matplotlib there?
    of_page = {} if options.page is None else {"page": options.page}
    done = experiment(
        kind if kind is not None and is_script(options.network) else options.network,
        data,
        test,
        seed=options.seed,
        scale=options.scale,
        shrunk=options.shrink,
        columns=columns,
        target_kind=None if kind is None else target_kind,
        network=_parts(options, kind),
        training=_training(options, kind) | {"checkpoints": checkpoints, "progress": True} | of_page,
    )
    history, parameters = write_run(options.out, done)
    head = {"network": options.network, "data": data.name, "classes": data.classes, "target": data.target}
    head |= {"target_kind": target_kind, "categories": data.categories, **_missing(data)}
    record = head | run_record(done, test) | {"history": str(history), "parameters": str(parameters)}
    told = "what the rows of the test were taken for:"
    table = None if done.confusion is None else f"{told}\n{done.confusion.text(terminal.columns(sys.stdout))}"
    if options.plot is not None and done.training.history:
        drawn, title = training_figure(done, data), f"{options.network} trained on {data.name}"
        write_whole(options.plot, plots.rendered(drawn, options.plot.suffix.lower(), title, description(done)))
        record["plot"] = str(options.plot)
    if options.page is not None and options.page.is_file():
        record["page"] = str(options.page)
    if done.training.status == "interrupted" and options.checkpoint is not None:
        record["resume"] = how_to_resume(options)
    target = _target(data, done.trained.network.name in NETWORKS)
    show(record if options.json else _text(record, table, target), options.json)
    if not options.json:
        print_chart(done.training.history, options.chart)
    return {"dead": 1, "interrupted": 130}.get(done.training.status, 0)


def _missing(data: Dataset) -> Record:
    """How many rows are left out, and how many values of each column, or of its first category, are filled in."""
    lacking = {} if data.missing is None else dict(zip(data.features, data.missing.sum(axis=0).tolist(), strict=True))
    filled = {source_of(name, data.categories): n for name, n in lacking.items() if n}
    return {"rows_left_out": data.left_out, "values_filled_in": filled}


def _check_options(options: argparse.Namespace, kind: type[Network] | None) -> None:
    """Raise ValueError for an option of other networks, or of models."""
    has = kind.arguments() if kind is not None else []
    reasons = {option: "it has no such part" for option, argument in PARTS.items() if argument not in has}
    if kind is None:
        reasons["shrink"] = f"it brings images to {SIDE}×{SIDE} itself"
        reasons["target_kind"] = "it learns classes"
    elif kind.module is None:
        reasons["shift"] = f"it moves the images of {', '.join(MODELS)}"
    for option, reason in reasons.items():
        if getattr(options, option) is not None:
            raise ValueError(f"--{option.replace('_', '-')} is not for {options.network}: {reason}")


def _parts(options: argparse.Namespace, kind: type[Network] | None) -> Record:
    """The network's own arguments."""
    has = kind.arguments() if kind is not None else []
    kernel = None if options.kernel is None else (options.kernel, options.kernel)
    given = {"k": options.hidden, "filters": options.filters, "kernel": kernel, "activation": options.activation}
    given["regularise"] = options.regularise
    return ({"regularise": REGULARISE} if "regularise" in has else {}) | _said(given)


def _training(options: argparse.Namespace, kind: type[Network] | None) -> Record:
    """The schedule, and what else training is asked for."""
    given = {name: getattr(options, name) for name in ("epochs", "rate", "batch", "optimiser")}
    usual = OF_NETWORKS if kind is not None and kind.module is None else OF_LENET
    schedule, module = (
        replace(usual, **_said(given | {"decay": options.schedule})),
        None if kind is None else kind.module,
    )
    draws = module is not None and any(part.in_each_step() for _, part in module.named_modules())
    found = {"schedule": schedule, "engine": options.engine or ("eager" if draws else AUTO)}
    if usual is OF_LENET:
        found["shift"] = options.shift if options.shift is not None else SHIFT * (kind is None)
    return found


def _said(given: Record) -> Record:
    return {name: value for name, value in given.items() if value is not None}


def _data(options: argparse.Namespace, kind: type[Network] | None) -> tuple[Dataset, Dataset | None, Columns | None]:
    """The data, the part for the test where they say so themselves, and the columns before images are shrunk."""
    chosen, test = (options.data, options.target, options.drop), None
    if kind is None:
        data, test = load_parts(*chosen) or (load(*chosen, missing=options.missing), None)
        data = with_classes(data, options.classes)
        return data, test and with_classes(test, data.classes), None
    loaded = load(*chosen, missing=options.missing)
    data = with_target(loaded, options.target_kind, options.classes, kind.takes_outputs())
    if kind.takes_images() or options.shrink is not None:
        data = as_images(data)
    columns = columns_of(data)
    return data if options.shrink is None else shrink(data, options.shrink), None, columns


def write_run(folder: Path, done: Experiment) -> tuple[Path, Path]:
    """Write parameters.npz and history.csv of a training run. Raises FileError where the folder cannot be written."""
    make_folder(folder)
    history, parameters = folder / HISTORY, folder / PARAMETERS
    save_trained(parameters, done.trained)  # first, for the disk may be full by then
    write_history(history, done.training.history)
    return history, parameters


def run_record(done: Experiment, test: Dataset | None = None) -> Record:
    """What a training run did, for JSON."""
    run = done.training
    record = {
        "rows": {"train": done.rows[0], "test": done.rows[1]},
        "status": run.status,
        "message": run.message,
        "epochs": len(run.history),
        "engine": run.engine,
        "confusion": done.confusion and done.confusion.record(),
    }
    measured = [measure for measure in MEASURES if (measure == "accuracy") == (done.trained.target is None)]
    record |= {f"{part}_{name}": getattr(done, f"{part}_{name}") for name in measured for part in ("train", "test")}
    if done.trained.network.module is not None:
        part = "a fifth, drawn with the seed" if test is None else "its own"
        record |= {"train_loss": done.train_loss, "test_loss": done.test_loss}
        return record | {"image": done.trained.network.image, "test_part": part}
    last = run.history[-1] if run.history else {}
    record |= {name: last.get(name) for name in ("loss", "gradient_norm")}
    return record | {"stable_rate": run.stable_rate, "rate": run.rate}


def _target(data: Dataset, by_name: bool) -> str:
    """What was decided of the target, in one line; numbers may be classes if they are whole.

    How it is learnt is known of networks that have a name; any other may have a loss of its own.
    """
    if data.classes is None:
        other = "" if np.any(data.y % 1) else " (--target-kind classes takes it for classes)"
        return f"target: {data.target} is a number{', learnt with the squared error' if by_name else ''}{other}"
    each = [f"{i} is {name}" for i, name in enumerate(data.classes)]
    named = f"classes: {', '.join(each if len(each) <= MANY else [*each[:10], '...', each[-1]])}"
    return named if len(each) == 2 else f"{named}; an output for each{', with softmax' if by_name else ''}"


def _table(record: Record) -> list[str]:
    """What was made of texts and missing values, a line each, where there are some."""
    lines = [f"{column}: a column for each of {listed(texts)}" for column, texts in record["categories"].items()]
    if record["rows_left_out"]:
        verb = "is" if record["rows_left_out"] == 1 else "are"
        lines.append(f"missing values: {how_many(record['rows_left_out'], 'row')} {verb} left out")
    if record["values_filled_in"]:
        filled = ", ".join(f"{n} of {column}" for column, n in record["values_filled_in"].items())
        lines.append(f"missing values: the mean of the rows to train on stands for {filled}")
    return lines


def _text(record: Record, table: str | None, target: str) -> str:
    name, rows = f"{record['network']} on {record['data']}", record["rows"]
    counts = f"{how_many(rows['train'], 'row')} to train on, {rows['test']} to test on"
    of_layers = "test_loss" in record
    if record["network"] in MODELS:
        size, resized = record["image"], "" if record["image"] == (SIDE, SIDE) else f", brought to {SIDE}×{SIDE}"
        lines = [f"{name}: images of {size[0]}×{size[1]}{resized}", f"classes: {', '.join(record['classes'])}"]
        lines.append(f"{counts} ({record['test_part']})")
    else:
        lines = [f"{name}: {counts}", target, *_table(record)]
    lines.append(f"computed by {record['engine']}")
    if of_layers:
        lines.append(record["message"])
        lines.append(f"loss {record['train_loss']:.5f} in training, {record['test_loss']:.5f} in the test")
    else:
        stable = f"the largest stable one is {record['stable_rate']:.3g}"
        lines += [f"learning rate: {record['rate']:.3g} at the start ({stable})", record["message"]]
        if record["loss"] is not None:
            lines.append(f"loss {record['loss']:.5f} after {record['epochs']} epoch{'s' * (record['epochs'] > 1)}")
    for measure, (words, form) in MEASURES.items():
        if f"train_{measure}" in record:
            form = ".4f" if of_layers and form == ".3f" else form
            train, test = (f"{record[f'{part}_{measure}']:{form}}" for part in ("train", "test"))
            lines.append(f"{words} {train} in training, {test} in the test")
    lines += [] if table is None else [table]
    lines.append(where_written(*(record[name] for name in ("history", "parameters", "plot", "page") if name in record)))
    return "\n".join([*lines, f"to go on: {record['resume']}"] if "resume" in record else lines)
