"""Losses, of numbers and of classes, that are right in both tails; shapes that mispair are refused.

Their options are PyTorch's. `reduction` is "mean", "sum", or "none" for a loss of each: a program of mg.compile takes
the mean, over rows that are weighed alike. A `weight` is an array, or a Value.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn.engine import primitives
from microgradcnn.engine.arrays import Array, bare_array, ieee, shape_of
from microgradcnn.engine.kernels import are_indices, row_numbers
from microgradcnn.engine.value import Value


def mse_loss(prediction: Any, target: Any, *, reduction: str = "mean", weight: Any = None) -> Value:
    """The mean of (prediction − target)², with a `weight` w in the same shape Σ w(prediction − target)² / Σ w.

    Raises ValueError unless all have one shape: broadcasting mispairs them.
    """
    _same_shape(prediction, target, weight)
    return _weighed(mg.square(prediction - target), weight, reduction)


def l1_loss(prediction: Any, target: Any, *, reduction: str = "mean", weight: Any = None) -> Value:
    """The mean of |prediction − target|, whose derivative at 0 is 0; all else is as in mse_loss."""
    _same_shape(prediction, target, weight)
    return _weighed(mg.abs(prediction - target), weight, reduction)


def huber_loss(
    prediction: Any, target: Any, *, reduction: str = "mean", delta: float = 1.0, weight: Any = None
) -> Value:
    """The mean of ½d² for a difference d of prediction and target up to δ, of δ(|d| − ½δ) beyond it (Huber 1964).

    `weight`, in the same shape, multiplies them; the mean is one over all. Raises ValueError for other shapes and for a
    `delta` that is not positive.
    """
    _same_shape(prediction, target, weight)
    if not delta > 0.0:
        raise ValueError(f"the difference from which the loss is straight must be positive, not {delta}")
    d = prediction - target
    size = mg.abs(d)
    losses = mg.where(size <= delta, 0.5 * mg.square(d), delta * (size - 0.5 * delta))
    return _reduced(losses if weight is None else losses * _plain(weight), reduction)


def smooth_l1_loss(prediction: Any, target: Any, *, reduction: str = "mean", beta: float = 1.0) -> Value:
    """huber_loss with δ = β, divided by β: its slope beyond β is 1; with β = 0 it is l1_loss."""
    if beta == 0.0:
        return l1_loss(prediction, target, reduction=reduction)
    return huber_loss(prediction, target, reduction=reduction, delta=beta) / beta


def binary_cross_entropy_with_logits(
    logits: Any, target: Any, weight: Any = None, *, reduction: str = "mean", pos_weight: Any = None
) -> Value:
    """The mean of −p y log σ(a) − (1 − y) log(1 − σ(a)) for logits a and targets y in [0, 1], both of one shape.

    Written with softplus, log(1 + exp(a)), so that a logit of −1000 against 1 costs 1000 and its gradient is −1. p is
    `pos_weight`, 1 unless given; `weight` multiplies the losses, whose mean is one over all; both broadcast to the
    logits. Raises ValueError for other shapes, or a target outside [0, 1].
    """
    _same_shape(logits, target)
    for name, given in (("weight", weight), ("pos_weight", pos_weight)):
        if given is not None and not _broadcasts(np.shape(given), np.shape(logits)):
            raise ValueError(
                f"{name} broadcasts to the logits, of shape {np.shape(logits)}, not from {np.shape(given)}"
            )
    target, numbers = _target(target)
    if not ((numbers >= 0.0) & (numbers <= 1.0)).all():
        raise ValueError(f"the targets must lie in [0, 1], and these go {_span(numbers)}")
    positive = target if pos_weight is None else _plain(pos_weight) * target
    losses = positive * mg.softplus(-logits) + (1.0 - target) * mg.softplus(logits)
    return _reduced(losses if weight is None else losses * _plain(weight), reduction)


def hinge_loss(score: Any, target: Any, *, reduction: str = "mean") -> Value:
    """The mean of max(0, 1 − y·score) for scores and targets y = ±1, both of one shape; its derivative at 1 is 0.

    Raises ValueError for other shapes, or a target that is neither −1 nor 1.
    """
    _same_shape(score, target)
    target, numbers = _target(target)
    if not np.isin(numbers, (-1.0, 1.0)).all():
        raise ValueError(f"the targets must be -1 or 1, and these go {_span(numbers)}")
    return _reduced(mg.relu(1.0 - target * score), reduction)


def cross_entropy(
    logits: Any,
    target: Any,
    weight: Any = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    sample_weight: Any = None,
) -> Value:
    """The mean of −log softmax(logits)[target] for logits (n, classes, ...) and class numbers (n, ...).

    A target in the shape of the logits holds probabilities p of the classes, and the loss is −Σ p log softmax(logits);
    with `label_smoothing` ε it is that of (1 − ε)p + ε/classes (Szegedy et al. 2016, section 7), for class numbers too.
    `weight` (classes,) multiplies the term of each class. The mean for class numbers is weighed by it, and leaves out
    those that are `ignore_index`; for probabilities it is one over all. `sample_weight` (n,), of mean 1, multiplies the
    loss of each row and what it counts in the mean: a row of weight 2 is the row twice. Logits (classes,) are one row,
    with one class number or probabilities (classes,).

    Class numbers in a Value may be inputs of a program; where it is called with one that is no class, the loss is NaN.
    Raises ValueError for other shapes, a target that is no class number, or probabilities whose sum is not 1.
    """
    if not 0.0 <= label_smoothing <= 1.0:
        raise ValueError(f"label_smoothing is a share from 0 to 1, not {label_smoothing}")
    if _is_one_row(logits, target):
        options: Any = {"ignore_index": ignore_index, "reduction": reduction, "label_smoothing": label_smoothing}
        return mg.squeeze(cross_entropy(*_as_rows(logits, target), weight, **options, sample_weight=sample_weight))
    axis = 1 - max(len(shape_of(logits)), 2)
    if len(shape_of(logits)) >= 2 and shape_of(logits) == np.shape(target):
        if ignore_index >= 0:
            raise ValueError(f"ignore_index={ignore_index} is for class numbers, and these targets are probabilities")
        p = _probabilities(target, shape_of(logits))
        return _against(mg.log_softmax(logits, axis), p, weight, sample_weight, reduction, label_smoothing)
    target, classes, ignored = _class_numbers("cross_entropy", "logits", logits, target, ignore_index)
    log_p = mg.log_softmax(logits, axis)
    return _picked(log_p, target, classes, ignored, weight, sample_weight, reduction, label_smoothing)


def nll_loss(
    log_probabilities: Any,
    target: Any,
    weight: Any = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    sample_weight: Any = None,
) -> Value:
    """The mean of −log p[target] for log p (n, classes, ...), such as mg.log_softmax, and class numbers (n, ...).

    All else is as in cross_entropy, which takes logits.
    """
    if _is_one_row(log_probabilities, target):
        options: Any = {"ignore_index": ignore_index, "reduction": reduction, "sample_weight": sample_weight}
        return mg.squeeze(nll_loss(*_as_rows(log_probabilities, target), weight, **options))
    target, classes, ignored = _class_numbers("nll_loss", "logarithms", log_probabilities, target, ignore_index)
    return _picked(log_probabilities, target, classes, ignored, weight, sample_weight, reduction)


def _is_one_row(given: Any, target: Any) -> bool:
    """Whether these are the classes of one row, without an axis for rows."""
    return len(shape_of(given)) == 1 and np.shape(target) in ((), shape_of(given))


def _as_rows(given: Any, target: Any) -> tuple[Any, Any]:
    return mg.expand_dims(given, 0), mg.expand_dims(_plain(target), 0)


def _class_numbers(loss: str, what: str, given: Any, target: Any, ignore_index: int) -> tuple[Any, Array, Any]:
    """The target as _target has it, and where it is to be ignored, None for nowhere.

    Raises ValueError unless it has a class number for each row that is given.
    """
    target, classes = _target(target)
    n, k, *more = shape_of(given) if len(shape_of(given)) >= 2 else (-1, -1)
    fits = classes.shape == (n, *more)
    if fits and are_indices(classes, k) and not 0 <= ignore_index < k:  # most often
        return target, classes, None
    if not fits or not _are_classes(classes, k, ignore_index):
        raise ValueError(
            f"{loss} takes {what} (n, classes) and n class numbers from 0, or (n, classes, ...) and (n, ...), not "
            f"{what} of shape {shape_of(given)} and targets of shape {classes.shape} ({_span(classes)})"
            + _misfit(what, shape_of(given), classes, ignore_index)
        )
    # One may come in a Value, because it is a class's number.
    may_ignore = (classes == ignore_index).any() or (isinstance(target, Value) and 0 <= ignore_index < k)
    return target, classes, mg.equal(target, ignore_index) if may_ignore else None


def _misfit(what: str, shape: tuple[int, ...], classes: Array, ignore_index: int) -> str:
    """What is probably meant by class numbers that do not fit: which one is none, or that classes are axis 1."""
    if len(shape) > 1 and classes.shape == (*shape[:1], *shape[2:]):
        place = tuple(np.argwhere(~np.isin(classes, [*range(shape[1]), ignore_index]))[0].tolist())
        where = ", ".join(map(str, place))
        return f": target[{where}] is {classes[place]}, and the {shape[1]} classes are 0 to {shape[1] - 1}"
    if len(shape) > 2 and classes.shape == shape[:-1]:
        return (
            f": classes are axis 1, so write {what}.reshape(-1, {shape[-1]}) and targets.reshape(-1) for classes last"
        )
    return ""


def _are_classes(numbers: Array, k: int, ignore_index: int) -> bool:
    """Whether all are whole numbers below k, or to be ignored."""
    if numbers.dtype.kind not in "biuf":
        return False
    valid = (numbers >= 0) & (numbers < k)
    if numbers.dtype.kind == "f":
        valid &= numbers == np.floor(numbers)
    return bool(valid.all() or (valid | (numbers == ignore_index)).all())


def _probabilities(target: Any, shape: tuple[int, ...]) -> Any:
    target, numbers = _target(target)
    sums = numbers.sum(axis=1) if numbers.dtype.kind in "biuf" else numbers
    if sums is numbers or not ((numbers >= 0.0).all() and (abs(sums - 1.0) <= 1e-3).all()):
        raise ValueError(
            f"targets in the shape of the logits, {shape}, are probabilities whose sum over the classes is 1, and "
            f"these go {_span(numbers)} with sums {_span(sums)}"
        )
    return target


def _against(log_p: Any, p: Any, weight: Any, sample_weight: Any, reduction: str, smoothing: float) -> Value:
    """−Σ p log p over the classes, each weighed, for probabilities p to be reached."""
    if not isinstance(p, Value):
        p = p.astype(log_p.dtype)
    if smoothing:
        p = (1.0 - smoothing) * p + smoothing / log_p.shape[1]
    terms = p * log_p if weight is None else p * log_p * _column(weight, log_p)
    return -_reduced(_by_row(mg.sum(terms, axis=1), sample_weight), reduction)


def _picked(
    log_p: Any,
    target: Any,
    classes: Array,
    ignored: Any,
    weight: Any,
    sample_weight: Any,
    reduction: str,
    smoothing: float = 0.0,
) -> Value:
    """−log p at the class numbers, each weighed by its class's weight and its row's, without those to be ignored."""
    one, column = log_p.dtype.type(1.0), None if weight is None else _column(weight, log_p)
    pick = _hit if isinstance(target, Value) else _indexed
    own, share = pick(log_p, column, target, ignored)
    losses = own if share is None else own * share
    if smoothing:
        rest = mg.sum(log_p if column is None else log_p * column, axis=1)
        losses = (1.0 - smoothing) * losses + smoothing / log_p.shape[1] * rest
    if ignored is not None:
        losses = mg.where(ignored, 0.0, losses)
        share = mg.where(ignored, 0.0 * one, one if share is None else share)
    losses = _by_row(losses, sample_weight)
    if share is None or reduction != "mean":
        return -_reduced(losses, reduction)
    return -(mg.sum(losses) / ieee(mg.sum(_by_row(share, sample_weight))))


def _indexed(log_p: Any, column: Any, classes: Array, ignored: Any) -> tuple[Any, Any]:
    """log p and the weights at class numbers in an array."""
    place, *places = (row_numbers(len(classes)),) if classes.ndim == 1 else np.indices(classes.shape)
    index = (place, (classes if ignored is None else np.where(ignored, 0, classes)).astype(int), *places)
    return primitives.getitem(log_p, index=index), None if column is None else mg.broadcast_to(column, log_p.shape)[
        index
    ]


def _hit(log_p: Any, column: Any, target: Value, ignored: Any) -> tuple[Any, Any]:
    """log p and the weights at class numbers in a Value; NaN where one is no class, and is not to be ignored."""
    one, numbers = log_p.dtype.type(1.0), np.arange(log_p.shape[1], dtype=log_p.dtype)
    hit = mg.equal(target.reshape(-1, 1, *log_p.shape[2:]), numbers.reshape(-1, *[1] * (log_p.ndim - 2)))
    hits = mg.sum(mg.where(hit, one, 0.0 * one), axis=1)  # 1, or 0 where the target is no class
    own = mg.sum(mg.where(hit, log_p, 0.0), axis=1) / (hits if ignored is None else mg.where(ignored, one, hits))
    return own, None if column is None else mg.sum(mg.where(hit, column, 0.0 * one), axis=1)


def _column(weight: Any, log_p: Any) -> Any:
    """The weights of the classes along axis 1 of log p, in its dtype. Raises ValueError unless each class has one."""
    k = log_p.shape[1]
    if np.shape(weight) != (k,):
        raise ValueError(f"weight has a number for each of the {k} classes, not the shape {np.shape(weight)}")
    weight = weight if isinstance(weight, Value) else bare_array(weight).astype(log_p.dtype)
    return mg.reshape(weight, k, *[1] * (log_p.ndim - 2))


def _by_row(numbers: Any, weights: Any) -> Any:
    """The numbers times the weight of their row. Raises ValueError unless each row has one."""
    if weights is None:
        return numbers
    if np.shape(weights) != shape_of(numbers)[:1]:
        raise ValueError(
            f"sample_weight has a number for each of the {len(numbers)} rows, not the shape {np.shape(weights)}"
        )
    weights = weights if isinstance(weights, Value) else bare_array(weights).astype(numbers.dtype)
    return numbers * (mg.reshape(weights, -1, *[1] * (numbers.ndim - 1)) if numbers.ndim > 1 else weights)


def _weighed(losses: Any, weight: Any, reduction: str) -> Value:
    """The losses times their weights; their mean is one over the sum of the weights."""
    if weight is None:
        return _reduced(losses, reduction)
    weight = _plain(weight)
    if reduction != "mean":
        return _reduced(losses * weight, reduction)
    return mg.sum(losses * weight) / ieee(mg.sum(weight))


def _reduced(losses: Any, reduction: str) -> Value:
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction is 'mean', 'sum' or 'none', not {reduction!r}")
    if reduction == "none":
        return losses
    return mg.mean(losses) if reduction == "mean" else mg.sum(losses)


def _broadcasts(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    lengths = zip(reversed(shape), reversed(wanted), strict=False)
    return len(shape) <= len(wanted) and all(a in (1, b) for a, b in lengths)


def _plain(given: Any) -> Any:
    return given if isinstance(given, Value) else bare_array(given)


def _target(target: Any) -> tuple[Any, Array]:
    """The target as a Value or an array, and its numbers."""
    target = _plain(target)
    return target, np.asarray(target.data) if isinstance(target, Value) else target


def _span(numbers: Array) -> str:
    if numbers.dtype.kind not in "biuf":
        return f"of type {numbers.dtype}"
    return f"from {numbers.min()} to {numbers.max()}" if numbers.size else "none"


def _same_shape(prediction: Any, target: Any, weight: Any = None) -> None:
    if np.shape(prediction) != np.shape(target):
        column = np.shape(prediction) == (*np.shape(target), 1)
        raise ValueError(
            f"the predictions have shape {np.shape(prediction)} and the targets {np.shape(target)}: "
            "broadcasting would pair each with every other, so reshape one of them"
            + (f": the targets as {np.shape(prediction)}, which is y.reshape(-1, 1) of a column" if column else "")
        )
    if weight is not None and np.shape(weight) != np.shape(target):
        raise ValueError(
            f"weight has a number for each target, in their shape {np.shape(target)}, not {np.shape(weight)}"
        )
