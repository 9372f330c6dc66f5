"""Gradient descent until the gradient is small: the rate, the history, and a word on what went wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from microgradcnn import engines
from microgradcnn.checking.debug import NonFiniteError, debug
from microgradcnn.engine.arrays import bare_array
from microgradcnn.engine.gradient import grad
from microgradcnn.engine.value import no_grad
from microgradcnn.engines import ENGINES, Engine, accuracy_of
from microgradcnn.networks import Network
from microgradcnn.nn.optim import OPTIMISERS, SCHEDULES
from microgradcnn.training.checkpoint import Checkpoints, digest, interval
from microgradcnn.training.descent import Descent, Recorder
from microgradcnn.training.progress import bar

CONVERGED = 1e-3  # the gradient's norm, as a share of what it was at the start
BELOW_VARIANCE = 0.9  # the mean squared error of a converged network, at most, as a share of the variance of y
KRYLOV = 50  # Hessian-vector products, at most, to find λmax

Array = np.ndarray[Any, np.dtype[Any]]


class DivergedError(ArithmeticError):
    """A loss or a gradient became NaN or infinite; the network was given back the best parameters that were seen."""


@dataclass
class Training:
    """What a training run did.

    `history` has one row an epoch: epoch, rate, loss, gradient_norm, mean_squared_error, accuracy. `status` is
    "converged", "epochs" (they ran out), "interrupted" or "dead"; `message` says it in a sentence. `stable_rate` is
    2/λmax at the start.
    """

    stable_rate: float
    rate: float
    status: str = "epochs"
    message: str = ""
    history: list[dict[str, float]] = field(default_factory=list)

    @property
    def converged(self) -> bool:
        """Whether the gradient became small and the mean squared error clearly smaller than the variance of y."""
        return self.status == "converged"


@np.errstate(over="ignore", invalid="ignore")  # divergence is an error of its own
def train(
    network: Network,
    x: Array,
    y: Array,
    *,
    epochs: int = 20_000,
    rate: float | None = None,
    schedule: str = "inverse",
    optimiser: str = "gradient_descent",
    batch: int | None = None,
    seed: int = 0,
    progress: bool = False,
    engine: str = "numpy",
    checkpoint: str | Path | None = None,
    every: int | None = None,
    resume: bool = False,
) -> Training:
    """Train `network` on rows x, (n, inputs), and y, (n,), until it has converged or the epochs have run out.

    Converged means ‖∇f‖ ≤ 1e-3 of its start and a mean squared error below 0.9 of the variance of y: under a decreasing
    rate a loss that hardly changes proves nothing. The rate is chosen from the largest stable one unless given. Steps
    take all rows, or `batch` of them shuffled with `seed`. Ctrl-C keeps the best parameters so far. `engine` is "eager"
    or a backend of mg.compile; all take the same steps. An epoch costs a forward and backward pass of n rows, two with
    batches.

    `checkpoint` names a folder in which the run is saved after `every` epochs (a hundredth of them), at its end and on
    Ctrl-C, so that `resume` goes on to the bit as if it had never stopped; the network's own numbers are not used then.
    Raises ValueError for bad arguments, DivergedError at the first NaN or infinity, MissingExtra for an engine that is
    not installed, FileError for a checkpoint that is damaged, of another run or cannot be written.
    """
    _check_arguments(x, y, epochs, rate, batch, {schedule: SCHEDULES, optimiser: OPTIMISERS, engine: ENGINES})
    every = interval(epochs, checkpoint, every, resume)
    x, y = _frozen(x), _frozen(y)
    check_finite(x, y)
    checkpoints = found = None
    if checkpoint is not None:
        settings = {"epochs": epochs, "rate": rate, "schedule": schedule, "optimiser": optimiser, "batch": batch}
        checkpoints = Checkpoints(checkpoint, _about(network, x, y) | settings | {"seed": seed, "engine": engine})
        found = checkpoints.begin(resume)
    if found is None:
        stable = largest_stable_rate(network, x, y)
        run = Training(stable, default_rate(stable, optimiser) if rate is None else float(rate))
        if (dead := _dead_start(network, x)) is not None:
            run.status, run.message = "dead", dead
            return run
        equal = _equal_units(network)
    else:
        stable_rate, start_rate, equal = found.state["start"]
        run = Training(stable_rate, start_rate, found.state["status"])
    runner = engines.engine(engine, network, x, y)
    descent = Descent(runner, optimiser, seed)
    run.history = descent.history
    recorder = Recorder(checkpoints, every, descent, {"start": [run.stable_rate, run.rate, equal]})
    if found is not None:
        recorder.go_on(found)
    first = len(run.history) if run.status == "epochs" else epochs
    try:
        for epoch in bar(epochs, progress, lambda: f"loss {run.history[-1]['loss']:.4g}" if run.history else "", first):
            now = run.rate * SCHEDULES[schedule](epoch, epochs)
            measured = runner.measure()
            _stop_if_diverged(measured, epoch, run, lambda: _again(runner, network, x, y))
            descent.see({"epoch": epoch, "rate": now, **measured})
            if _has_converged(run.history, y):
                run.status = "converged"
            elif measured["gradient_norm"] == 0.0:
                run.status = "dead"
            elif batch is None:
                descent.step(now)
            else:
                for rows in descent.batches(len(x), batch):
                    runner.differentiate(rows)
                    descent.step(now)
            recorder.epoch_done(run.status)
            if run.status != "epochs":
                break
        recorder.save()
    except KeyboardInterrupt:
        run.status = "interrupted"
        recorder.save()
    finally:
        if run.status != "converged":
            descent.return_to_best()
        runner.write()
    run.message = _report(run, equal, y)
    return run


def default_rate(stable: float, optimiser: str = "gradient_descent") -> float:
    """The learning rate to start with: half the largest stable one, at most 100 where the loss is nearly flat.

    At most 0.1 for Adam, which moves a weight by about the rate however small its gradient is.
    """
    return min(0.5 * stable, 0.1 if optimiser == "adam" else 100.0)


def largest_stable_rate(network: Network, x: Array, y: Array, seed: int = 0) -> float:
    """2/λmax, λmax the largest eigenvalue of the Hessian of the loss at the parameters of this moment.

    Gradient descent on the quadratic nearest to the loss is stable below this rate. λmax is found from Hessian-vector
    products Hv = ∇(∇f·v), each about two gradients' work; the rate is infinite if no curvature is positive.
    """
    parameters = list(network.parameters.values())
    gradients = grad(network.loss(x, y), parameters)
    ends = np.cumsum([math.prod(p.shape) for p in parameters])

    def hessian(v: Array) -> Array:
        parts = np.split(v, ends[:-1])
        along: Any = sum(g.reshape(-1) @ part for g, part in zip(gradients, parts, strict=True))
        return np.concatenate([np.ravel(product.data) for product in grad(along, parameters)])

    largest = _largest_eigenvalue(hessian, np.random.default_rng(seed).normal(size=ends[-1]))
    return 2.0 / largest if largest > 0 else math.inf


def accuracy(network: Network, x: Array, y: Array) -> float:
    """The share of rows whose ŷ ≥ ½ agrees with y, 0 or 1; NaN if y is neither."""
    with no_grad():
        prediction, y = np.asarray(network.predict(_frozen(x)).data), bare_array(y)
    if y.shape != prediction.shape:
        raise ValueError(f"y must have one number for each of the {len(prediction)} rows, not shape {y.shape}")
    return accuracy_of(prediction, y)


@np.errstate(over="ignore", invalid="ignore")
def _largest_eigenvalue(matrix: Callable[[Array], Array], v: Array) -> float:
    """The largest (not: largest in size) eigenvalue of a symmetric matrix, to four digits; 0 if none is positive.

    It is that of the matrix restricted to v, Av, A²v, ...: power iteration that forgets no step (Lanczos). Power
    iteration alone crawls where the largest and the smallest eigenvalue are nearly opposite, as they are near saddles.
    """
    basis, images, largest = np.empty((0, v.size)), np.empty((0, v.size)), 0.0
    for _ in range(min(KRYLOV, v.size)):
        basis = np.vstack([basis, v / _norm([v])])
        images = np.vstack([images, matrix(basis[-1])])
        if not np.isfinite(images[-1]).all():
            return math.inf
        values, vectors = np.linalg.eigh(basis @ images.T)
        largest = float(values[-1]) if values[-1] > 1e-12 * -values[0] else 0.0
        v = images[-1]
        for _ in range(2):  # once leaves rounding behind
            v = v - (basis @ v) @ basis
        if _norm([v]) * abs(vectors[-1, -1]) <= 1e-4 * largest or _norm([v]) <= 1e-12 * _norm([images[-1]]):
            break
    return largest


def _again(runner: Engine, network: Network, x: Array, y: Array) -> None:
    """The last pass again, by the graph, so that debug() can say where it went wrong."""
    runner.write()
    network.loss(x, y).backward()


def _has_converged(history: list[dict[str, float]], y: Array) -> bool:
    first, last = history[0], history[-1]
    small = last["gradient_norm"] <= CONVERGED * first["gradient_norm"]
    return small and last["mean_squared_error"] < BELOW_VARIANCE * float(np.var(y))


def _stop_if_diverged(measured: dict[str, float], epoch: int, run: Training, again: Callable[[], object]) -> None:
    if math.isfinite(measured["loss"]) and math.isfinite(measured["gradient_norm"]):
        return
    what = "the norm of the gradient overflowed"
    try:
        with debug():
            again()
    except NonFiniteError as error:
        what = error.brief
    if epoch == 0:
        raise DivergedError(f"training cannot start, at epoch 0: {what}; bring the inputs to a smaller scale")
    slower = 0.5 * run.stable_rate if run.rate > run.stable_rate else 0.1 * run.rate
    raise DivergedError(
        f"training diverged at epoch {epoch}: {what}; the rate {run.rate:.3g} is too large, try {slower:.2g}"
    )


def _dead_start(network: Network, x: Array) -> str | None:
    with no_grad():
        if network.activation != "relu" or np.any(network.hidden(x).data):
            return None
    return "a dead start: every relu is 0 for every row, so no gradient reaches the weights before it; try another seed"


def _equal_units(network: Network) -> tuple[int, int] | None:
    """Two hidden units with the same weights in and out, which gradient descent can never tell apart."""
    units = [unit.tolist() for unit in network.units()]
    pairs = ((units.index(unit), j) for j, unit in enumerate(units))
    return next(((i + 1, j + 1) for i, j in pairs if i < j), None)


def _report(run: Training, equal: tuple[int, int] | None, y: Array) -> str:
    if not run.history:
        return "interrupted before the first step: the parameters are as they were"
    last = run.history[-1]
    shrunk = last["gradient_norm"] / run.history[0]["gradient_norm"] if run.history[0]["gradient_norm"] else 0.0
    words = {
        "converged": f"converged at epoch {last['epoch']}: the gradient is {shrunk:.1e} of its start",
        "dead": f"stopped at epoch {last['epoch']}: the gradient is exactly 0, so nothing can be learnt any more "
        "(relus that a large step left at 0 for every row?); try another seed or a smaller rate",
        "interrupted": f"interrupted at epoch {last['epoch']}: the best parameters so far are kept",
        "epochs": f"not converged after {len(run.history)} epochs: the gradient is {shrunk:.1e} of its start",
    }[run.status]
    variance = float(np.var(y))
    if last["mean_squared_error"] >= BELOW_VARIANCE * variance:
        error = last["mean_squared_error"]
        words += f"; the mean squared error {error:.3g} is hardly better than that of always guessing ({variance:.3g})"
    if equal is not None:
        first, second = equal
        words += f"; hidden units {first} and {second} started equal and stay equal for ever: start them differently"
    return words


def _norm(arrays: Iterable[Array]) -> float:
    return math.sqrt(sum(float(np.sum(np.square(a))) for a in arrays))


def _frozen(array: Array) -> Array:
    """A read-only float64 copy, which Values share instead of copying it in every step."""
    copy = np.array(bare_array(array), dtype=np.float64)
    copy.setflags(write=False)
    return copy


def _check_arguments(
    x: Array, y: Array, epochs: int, rate: float | None, batch: int | None, words: dict[str, Iterable[str]]
) -> None:
    if len(np.shape(x)) != 2 or len(x) == 0 or np.shape(y) != (len(x),):
        raise ValueError(f"x must be (n, inputs) and y (n,) with n ≥ 1, not {np.shape(x)} and {np.shape(y)}")
    if epochs < 1 or (batch is not None and batch < 1):
        raise ValueError(f"epochs and batch must be at least 1, not {epochs} and {batch}")
    if rate is not None and not 0 < rate < math.inf:
        raise ValueError(f"the learning rate must be a positive number, not {rate}")
    for word, known in words.items():
        if word not in known:
            raise ValueError(f"{word!r} is none of {', '.join(known)}")


def _about(network: Network, x: Array, y: Array) -> dict[str, Any]:
    """What is trained on what, for the checkpoints of a run."""
    data = {"shape": x.shape, "SHA-256": digest(x, y)}
    return {"network": network.name, "options": network.options(), "data": data}


def check_finite(x: Array, y: Array) -> None:
    """Raise ValueError, naming the first, where x or y has a NaN or an infinity."""
    for name, array in (("x", x), ("y", y)):
        if not np.isfinite(array).all():
            where = tuple(np.argwhere(~np.isfinite(array))[0].tolist())
            raise ValueError(f"{name}[{', '.join(map(str, where))}] is {array[where]}: training needs finite numbers")
