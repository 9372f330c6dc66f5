"""From a data set to a trained network or model, measured on rows that training did not see; on disk and back."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn.data import as_images, check_numbers, dataset_of, resampling, shrink, split, with_classes, with_target
from microgradcnn.data.columns import arranged, columns_of, different_texts, recorded, restored
from microgradcnn.data.dataset import UNKNOWN, Columns, Dataset
from microgradcnn.data.loading import check_parts, tell_absent
from microgradcnn.data.scaling import Scaling, standardised, unit_pixels, unscaled
from microgradcnn.data.tables.missing import filled, means_by_name
from microgradcnn.engine.arrays import Array, dtype_of
from microgradcnn.engine.value import Value
from microgradcnn.files import FileError, check_arrays, read_arrays, write_arrays
from microgradcnn.fit import Training, accuracy, evaluate, fit, train
from microgradcnn.networks import NETWORKS, Network, named
from microgradcnn.nn.models import DTYPE, MODELS, SIDE, new_model
from microgradcnn.nn.summary import in_mode
from microgradcnn.training.accuracy import Confusion, confused, mean_absolute_error, r_squared
from microgradcnn.training.batches import outputs
from microgradcnn.training.schedule import check_known

TEST_FRACTION = 0.2
KIND = "parameters file that train wrote"


class ImageModel:
    """A model of MODELS behind rows of pixels, with what a network of the lecture has.

    Rows are (n, h·w), images of (h, w) that are brought to SIDE × SIDE for the `module`. Raises ValueError for an image
    that is no height and width.
    """

    input_letter, unit_name = "p", "filter"

    def __init__(self, name: str, classes: int, image: tuple[int, int], seed: int = 0) -> None:
        height, width = image
        self.name, self.classes, self.image = name, classes, (height, width)
        self.module = new_model(name, classes, seed)

    @property
    def parameters(self) -> dict[str, Value]:
        """Every parameter by its dotted name."""
        return dict(self.module.named_parameters())

    @property
    def inputs(self) -> int:
        """The number of pixels."""
        return math.prod(self.image)

    def options(self) -> dict[str, Any]:
        """The arguments that build this model again, with its name."""
        return {"classes": self.classes, "image": list(self.image)}

    def pictures(self, image: tuple[int, ...] | None) -> Array:
        """The filters of the first convolution, as a Network gives its own."""
        return np.asarray(next(p.data for p in self.parameters.values() if p.ndim == 4))

    def images(self, x: Any) -> Any:
        """Rows, an array or a Value, as the module takes them: (n, 1, SIDE, SIDE)."""
        images = mg.reshape(x, (-1, 1, *self.image))
        if self.image == (SIDE, SIDE):
            return images
        rows, columns = (weights.astype(dtype_of(x)) for weights in resampling(self.image, SIDE))
        return rows @ images @ columns.T

    def predict(self, x: Any) -> Value:
        """The probabilities of all classes for rows, (n, classes); of an array they are no graph."""
        if isinstance(x, Value):
            with in_mode(self.module, training=False):
                found = mg.softmax(self.module(self.images(x)))
        else:
            found = Value(mg.softmax(outputs(self.module, self.images(x))))
        found.label = "probabilities"
        return found


def _built(name: str, **options: Any) -> Network | ImageModel:
    if name not in NETWORKS:
        return ImageModel(name, **options)
    built = NETWORKS[name](**options)
    built.name = name
    return built


@dataclass(frozen=True)
class Trained:
    """A network or model, and the preparation of its rows: images shrunk to `shrink`² (None: as they are), then scaled.

    `columns` are those that it was trained on, before images were shrunk; UNKNOWN where nobody knows them. `target` is
    the scaling of a target of numbers, None where it is classes. Raises ValueError for columns, a scaling or a number
    of classes that do not fit.
    """

    network: Any  # a Network or an ImageModel
    scaling: Scaling
    classes: tuple[str, ...] | None = None
    shrink: int | None = None
    columns: Columns = UNKNOWN
    target: Scaling | None = None

    def __post_init__(self) -> None:
        self.scaling.check_width(self.network.inputs)
        image, wanted = self.columns.image, getattr(self.network, "image", None)
        fits = image in (None, wanted) and self.columns.features is None
        if wanted is not None and self.shrink is None and not fits:
            raise ValueError(f"has columns of images of {image}, and a network for {wanted}")
        count = self.network.classes if isinstance(self.network, ImageModel) else max(2, self.network.outputs)
        if self.classes is not None and len(self.classes) != count:
            raise ValueError(f"has {len(self.classes)} classes, and a network for {count}")
        if self.target is not None:
            self.target.check_width(1)
            if self.classes is not None or count != 2:
                raise ValueError("has classes, and numbers for a target")

    def arranged(self, data: Any) -> Dataset:
        """A Dataset or a DataFrame as the network takes it, before scaling: its columns in order, its images shrunk.

        Where either side has no names of columns they go by position, with a PositionWarning. Raises DataError for
        columns or images that the network was not trained on, in a sentence that names them.
        """
        if self.shrink is None:
            return arranged(data, self.columns, self.network.inputs)
        small = (self.shrink, self.shrink)
        if isinstance(data, Dataset) and data.image == small:
            return data
        found = arranged(data, self.columns, None if self.columns.image is None else math.prod(self.columns.image))
        if found.x.shape[1] == self.network.inputs:
            return found
        return shrink(as_images(found, self.columns.image), self.shrink)

    def scaled(self, rows: Any) -> Any:
        """Rows (n, inputs), an array or a Value, as the network takes them: scaled in the type of its parameters."""
        if isinstance(self.network, Network):
            return self.scaling.apply(rows)
        return self.scaling.apply(rows if isinstance(rows, Value) else rows.astype(DTYPE), DTYPE)

    def answer(self, rows: Any) -> Value:
        """What is said of rows (n, inputs), an array or a Value, before scaling.

        It is ŷ, (n,), numbers in the units of the data, or the probabilities of more than two classes, or of a model,
        (n, classes).
        """
        found: Value = self.network.predict(self.scaled(rows))
        if isinstance(self.network, Network) and self.network.outputs > 1:
            return named(mg.softmax(found), "probabilities")
        if self.target is None:
            return found
        return named(found * self.target.scale.item() + self.target.shift.item(), "y_hat")


def predict(trained: Trained, data: Any) -> Array:
    """`Trained.answer` as numbers, for a Dataset, a DataFrame or an array (n, inputs): ŷ, or probabilities.

    Rows are as they are in the data, before scaling. Columns are found by their names, as `Trained.arranged` says; an
    array's go by position, after any shrinking.
    """
    rows = trained.arranged(data).x if isinstance(data, Dataset) or hasattr(data, "columns") else data
    return np.asarray(trained.answer(rows).data)


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
    name: str,
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

    Both are Datasets, or what `load` makes of a file or a name. A network tells two classes apart, 0 and 1, or if it
    takes `outputs` any number, or it learns numbers, scaled to mean 0 and deviation 1: what data.with_target makes of
    the target, unless it is 0 and 1 or has named classes; `target_kind` is "classes" or "number" where that is to be
    said. A model of images takes any number of classes, as data.with_classes gives them. `seed` draws the split, the
    start and the batches. `scale` brings pixels to [0, 1] and other columns to mean 0 and deviation 1; for missing
    values stand the means of the rows to train on. `shrunk` records the size to which images were shrunk before, and
    `columns` what they were then (those of `data`). `network` and `training` are further arguments of the network and
    of `train`, or `fit`. Raises ValueError if they do not fit, DataError for rows that are no images, a target that
    cannot be learnt, or a test of other classes.
    """
    check_known(name, [*NETWORKS, *MODELS])
    kind, data, test = NETWORKS.get(name), dataset_of(data), None if test is None else dataset_of(test)
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
    built = _built(name, seed=seed, **sizes | (network or {}))
    if isinstance(built, Network):
        built.check_rows(learn.x)
    scaling = fit_scaling(learn) if scale else unscaled(data.x.shape[1])
    numbers = kind is not None and data.classes is None and (target_kind == "number" or not _is_learnable(data))
    target = standardised(learn.y[:, None]) if numbers else None
    trained = Trained(built, scaling, data.classes, shrunk, columns, target)
    unseen = unseen if test is None else trained.arranged(unseen)
    x = trained.scaled(learn.x)
    y = learn.y if target is None else np.asarray(target.apply(learn.y[:, None]))[:, 0]
    if isinstance(built, Network):
        run = train(built, x, y, seed=seed, **(training or {}))
    else:
        validation = built.images(trained.scaled(unseen.x)), unseen.y
        run = fit(built.module, built.images(x), y, seed=seed, validation=validation, **(training or {}))
    measured = _measured("train", trained, learn) | _measured("test", trained, unseen)
    return Experiment(trained, run, (len(learn.x), len(unseen.x)), confusion=confusion(trained, unseen), **measured)


def confusion(trained: Trained, data: Dataset) -> Confusion | None:
    """Which classes the rows of a Dataset, as `trained` takes them, are taken for; None for a target of numbers."""
    names = trained.classes or ("0", "1")
    if trained.target is not None or not np.isin(data.y, range(len(names))).all():
        return None
    found = predict(trained, data.x)
    return confused(data.y, found >= 0.5 if found.ndim == 1 else found.argmax(axis=1), names)


def _measured(part: str, trained: Trained, data: Dataset) -> dict[str, float]:
    """What an Experiment says of a part of the data."""
    x, network = trained.scaled(data.x), trained.network
    if trained.target is not None:
        found = np.asarray(trained.answer(data.x).data)
        right = {"r2": r_squared(found, data.y), "mean_absolute_error": mean_absolute_error(found, data.y)}
        measured = {"accuracy": math.nan, **right}
    elif isinstance(network, Network):
        measured = {"accuracy": accuracy(network, x, data.y)}
    else:
        measured = evaluate(network.module, network.images(x), data.y)
        measured = {name: measured[name] for name in ("accuracy", "loss")}
    return {f"{part}_{name}": value for name, value in measured.items()}


def _is_learnable(data: Dataset) -> bool:
    """Whether the labels are numbers of classes already."""
    return data.classes is not None or bool(np.isin(data.y, (0.0, 1.0)).all())


def fit_scaling(rows: Dataset) -> Scaling:
    """Pixels to [0, 1]; other columns to mean 0 and deviation 1; fitted on these rows."""
    return unit_pixels(rows.x) if rows.image is not None else standardised(rows.x)


def save_trained(path: Path, trained: Trained) -> None:
    """Write an NPZ file, whole or not at all. Raises FileError where the folder cannot be written."""
    network = trained.network
    about: dict[str, Any] = {
        "network": network.name,
        "options": network.options(),
        "classes": trained.classes,
        "shrink": trained.shrink,
        "columns": recorded(trained.columns),
        "target": None if trained.target is None else [trained.target.shift.item(), trained.target.scale.item()],
    }
    if isinstance(network, ImageModel):
        about["architecture"] = network.module.architecture()
    scaling = {"shift": trained.scaling.shift, "scale": trained.scaling.scale}
    write_arrays(path, KIND, about, {n: p.data for n, p in _parameters(network).items()} | scaling)


def load_trained(path: Path) -> Trained:
    """Read what `save_trained` wrote; nothing is unpickled. Raises FileError in one sentence for anything else."""
    about, arrays = read_arrays(path, KIND)
    name = about.get("network")
    known = [*NETWORKS, *MODELS]
    if isinstance(name, str) and name not in known:
        raise FileError(f"{path} holds a {name}, which is none of {', '.join(known)}")
    try:
        if name in MODELS and "options" not in about:
            about, arrays = _of_today(about, arrays)
        network = _built(about["network"], **about["options"])
        classes, shrunk = about["classes"], about["shrink"]
        if not (classes is None or different_texts(classes)) or type(shrunk) not in (int, type(None)):
            raise ValueError("classes have different names, and an image a whole number of pixels")
        target = about.get("target") and Scaling(*(np.array([float(number)]) for number in about["target"]))
        columns = restored(about.get("columns"), network.inputs if shrunk is None else None)
        one, architecture = np.ones(network.inputs), []
        if isinstance(network, ImageModel):
            architecture = list(about["architecture"])
            columns = Columns(image=network.image) if columns == UNKNOWN else columns
    except (ValueError, KeyError, TypeError):
        raise FileError(f"{path} is damaged, or no {KIND}") from None
    parameters = _parameters(network)
    try:
        if isinstance(network, ImageModel):
            network.module.check_architecture(architecture)
        check_arrays(arrays, {n: p.data for n, p in parameters.items()} | {"shift": one, "scale": one}, network.name)
        scaling = Scaling(arrays["shift"], arrays["scale"])
        done = Trained(network, scaling, classes and tuple(classes), shrunk, columns, target)
    except ValueError as error:
        raise FileError(f"{path} {error}") from None
    for label, p in parameters.items():
        p.data = arrays[label]
    return done


def _parameters(network: Network | ImageModel) -> dict[str, Value]:
    """The parameters by their names in a file."""
    return {f"parameter_{name}": p for name, p in network.parameters.items()}


def _of_today(about: dict[str, Any], arrays: dict[str, Array]) -> tuple[dict[str, Any], dict[str, Array]]:
    """What a file says, of a model from before networks and models had one format."""
    image = about["image"]
    options = {"classes": len(about["classes"]), "image": image}
    renamed = {n if n in ("shift", "scale") else f"parameter_{n}": array for n, array in arrays.items()}
    return about | {"options": options, "shrink": None}, renamed
