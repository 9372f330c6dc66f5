"""A network or model trained on one part of a data set, and measured on rows that training did not see."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from microgradcnn.data import as_images, check_numbers, dataset_of, split, with_classes, with_target
from microgradcnn.data.columns import columns_of
from microgradcnn.data.dataset import Columns, DataError, Dataset
from microgradcnn.data.loading import check_parts, tell_absent
from microgradcnn.data.scaling import Scaling, standardised, unit_pixels, unscaled
from microgradcnn.data.tables.missing import filled, means_by_name
from microgradcnn.experiment.parameters_file import built_network, known_network
from microgradcnn.experiment.trained import Trained, predict
from microgradcnn.fit import Training, accuracy, evaluate, fit, train
from microgradcnn.networks import Network
from microgradcnn.system.text_layout import how_many
from microgradcnn.training.accuracy import Confusion, confused, mean_absolute_error, r_squared

TEST_FRACTION = 0.2


@dataclass(frozen=True)
class Experiment:
    """What came out: the trained network, how training went, and the accuracies on both parts of the data.

    A model of images has losses too. A target of numbers has R² and the mean absolute error, in the target's units, and
    NaN for accuracies. `confusion` says which classes the rows of the test were taken for.
    """

    trained: Trained
    training: Training
    rows: tuple[int, int]
    train_accuracy: float
    test_accuracy: float
    train_loss: float | None = None
    test_loss: float | None = None
    train_r2: float | None = None
    test_r2: float | None = None
    train_mean_absolute_error: float | None = None
    test_mean_absolute_error: float | None = None
    confusion: Confusion | None = None


def experiment(
    name: str | type[Network],
    data: Dataset | str | Path,
    test: Dataset | str | Path | None = None,
    *,
    seed: int = 0,
    scale: bool = True,
    shrunk: int | None = None,
    columns: Columns | None = None,
    target_kind: str | None = None,
    network: dict[str, Any] | None = None,
    training: dict[str, Any] | None = None,
) -> Experiment:
    """Train the network or model called `name` on four fifths of `data`, and test it on the last fifth, or on `test`.

    A Network class may stand for its name; one of a module is trained by `fit`, as models are, others by `train`. Both
    are Datasets, or what `load` makes of a file or a name. A network tells two classes apart, 0 and 1, or if it takes
    `outputs` any number, or it learns numbers, scaled to mean 0 and deviation 1 if its loss is one of ŷ − y: what
    data.with_target makes of the target, unless it is 0 and 1 or has named classes; `target_kind` is "classes" or
    "number" where that is to be said.
    A model of images takes any number of classes, as data.with_classes gives them. `seed` draws the split, the start
    and the batches. `scale` brings pixels to [0, 1] and other columns to mean 0 and deviation 1; for missing values
    stand the means of the rows to train on. `shrunk` records the size to which images were shrunk before, and `columns`
    what they were then (those of `data`). `network` and `training` are further arguments of the network and of `train`,
    or `fit`; a `page` among these is told what is known of the rows. Raises ValueError if they do not fit, DataError
    for rows that are no images, a target that cannot be learnt, or a test of other classes.
    """
    kind = known_network(name) if isinstance(name, str) else name
    data, test = dataset_of(data), None if test is None else dataset_of(test)
    data = as_images(data) if kind is None or kind.takes_images() else data
    if kind is not None and (target_kind is not None or not _is_learnable(data)):
        data = with_target(data, target_kind, several=kind.takes_outputs())
        if test is not None and data.classes is not None:
            test = with_classes(test, data.classes)
        elif test is not None:
            check_numbers(test)
    learn, unseen = split(data, TEST_FRACTION, seed) if test is None else (data, test)
    columns, means = columns or columns_of(data), means_by_name(learn)
    if means is not None:
        columns, learn, unseen = replace(columns, means=means), filled(learn, means), filled(unseen, means)
    check_parts(learn, unseen)
    if test is None:
        tell_absent(learn, unseen)
    sizes = {"classes": len(data.classes or ()), "image": data.image} if kind is None else kind.sizes_for(data)
    built = built_network(name, seed=seed, **sizes | (network or {}))
    if isinstance(built, Network):
        built.check_rows(learn.x)
        if data.classes is not None and len(data.classes) != max(2, built.outputs):
            found, wanted = len(data.classes), max(2, built.outputs)
            raise DataError(f"{data.name} has {how_many(found, 'class')}, and {built.name} is for {wanted}")
    scaling = fit_scaling(learn) if scale and not built.whole_inputs else unscaled(data.x.shape[1])
    numbers = kind is not None and data.classes is None and (target_kind == "number" or not _is_learnable(data))
    own_units = isinstance(built, Network) and not built.of_differences
    target = (unscaled(1) if own_units else standardised(learn.y[:, None])) if numbers else None
    trained = Trained(built, scaling, data.classes, shrunk, columns, target)
    unseen = unseen if test is None else trained.arranged(unseen)
    (x, y), validation = (_rows(trained, part) for part in (learn, unseen))
    training = dict(training or {})
    if training.get("page") is not None:
        training["page"] = _page(training["page"], trained, data, validation)
    if built.module is None:
        run = train(built, x, y, seed=seed, **training)
    else:
        run = fit(built.module, x, y, loss=built.criterion, seed=seed, validation=validation, **training)
    measured = _measured("train", trained, learn) | _measured("test", trained, unseen)
    return Experiment(trained, run, (len(learn.x), len(unseen.x)), confusion=confusion(trained, unseen), **measured)


def _page(path: str | Path, trained: Trained, data: Dataset, test: tuple[Any, Any]) -> Any:
    """The page of a training with what is known of its rows."""
    from microgradcnn.views.pages.training.watching import TrainingPage

    image = trained.network.image if data.image is not None else None
    title = f"{trained.network.name} trained on {data.name}"
    return TrainingPage(path, title, test, data.name, data.classes, image)


def _rows(trained: Trained, data: Dataset) -> tuple[Any, Any]:
    """Rows and targets, scaled, as what is trained takes them."""
    network, x, y = trained.network, trained.scaled(data.x), data.y
    if trained.target is not None:
        y = np.asarray(trained.target.apply(y[:, None]))[:, 0]
    return (x, y) if network.module is None else (network.shaped(x), network.targets(y))


def confusion(trained: Trained, data: Dataset) -> Confusion | None:
    """Which classes the rows of a Dataset, as `trained` takes them, are taken for; None for a target of numbers."""
    names = trained.classes or ("0", "1")
    if trained.target is not None or not np.isin(data.y, range(len(names))).all():
        return None
    found = predict(trained, data.x)
    return confused(data.y, found >= trained.network.threshold if found.ndim == 1 else found.argmax(axis=1), names)


def _measured(part: str, trained: Trained, data: Dataset) -> dict[str, float]:
    """What an Experiment says of a part of the data."""
    network, measured = trained.network, dict[str, float]()
    if network.module is not None:
        measured = dict(evaluate(network.module, *_rows(trained, data), network.criterion))
    if trained.target is not None:
        found = np.asarray(trained.answer(data.x).data)
        right = {"r2": r_squared(found, data.y), "mean_absolute_error": mean_absolute_error(found, data.y)}
        measured |= {"accuracy": math.nan, **right}
    elif "accuracy" not in measured:
        measured["accuracy"] = accuracy(network, trained.scaled(data.x), data.y)
    return {f"{part}_{name}": value for name, value in measured.items()}


def _is_learnable(data: Dataset) -> bool:
    """Whether the labels are numbers of classes already."""
    return data.classes is not None or bool(np.isin(data.y, (0.0, 1.0)).all())


def fit_scaling(rows: Dataset) -> Scaling:
    """Pixels to [0, 1]; other columns to mean 0 and deviation 1; fitted on these rows."""
    return unit_pixels(rows.x) if rows.image is not None else standardised(rows.x)
