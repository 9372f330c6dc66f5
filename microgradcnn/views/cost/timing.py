"""How long one iteration of gradient descent takes at several sizes, and the exponents that fit the times."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Data
from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Constant, Value, apply
from microgradcnn.views.cost.polynomial import Polynomial
from microgradcnn.views.documents import document
from microgradcnn.views.documents.document import Line, Step, Table
from microgradcnn.views.formulas.expression import symbol, value

ROUNDS = 20  # over all points; the shortest time counts, as whatever disturbs one only adds to it
UNITS = {"s": 1.0, "ms": 1e-3, "μs": 1e-6, "ns": 1e-9, "ps": 1e-12}


@dataclass(frozen=True)
class Measurement:
    """One iteration at these sizes: the operations counted, the seconds measured."""

    sizes: Mapping[str, int]
    operations: int
    seconds: float


@dataclass(frozen=True)
class Timing(Sequence[Measurement]):
    """Measurements over a grid of sizes. str() is a table of them and of the fitted exponents."""

    measurements: tuple[Measurement, ...]

    def __len__(self) -> int:
        return len(self.measurements)

    def __getitem__(self, index: Any) -> Any:
        return self.measurements[index]

    @property
    def of_time(self) -> dict[str, float]:
        """The exponent of each size in a power law for the seconds."""
        return exponents([m.sizes for m in self], [m.seconds for m in self])

    @property
    def of_operations(self) -> dict[str, float]:
        """The same for the operations: what the exponents would be if each took equally long."""
        return exponents([m.sizes for m in self], [m.operations for m in self])

    def step(self) -> Step:
        """The table."""
        names = list(self[0].sizes)
        sizes: list[Line] = [(symbol(name),) for name in names]
        rows: list[list[Line]] = []
        for m in self:
            times = (f"{m.operations:,}", shown(m.seconds), shown(m.seconds / m.operations))
            rows.append([(said,) for said in (*[str(m.sizes[name]) for name in names], *times)])
        step = Step("One iteration, measured")
        step.lines.append(Table([*sizes, ("operations",), ("time",), ("time for each",)], rows))
        step.say("Exponents of the power law that fits best (least squares between logarithms):")
        fits = [("of the time", self.of_time), ("of the operations", self.of_operations)]
        fitted: list[list[Line]] = [[(what,), *[(value(fit[name], 3),) for name in names]] for what, fit in fits]
        step.lines.append(Table([("",), *sizes], fitted))
        step.say("Functions and moving numbers take time too; large products of arrays are fast for their operations.")
        return step

    def __str__(self) -> str:
        return document.as_text([self.step()])


def timed(
    build: Callable[..., tuple[Value, Sequence[Value]]],
    operations: Polynomial,
    points: Sequence[Mapping[str, int]],
    timer: Callable[[], float],
) -> Timing:
    """The times of one iteration for the loss and parameters that `build` gives at each point."""
    counts = [int(operations(**sizes)) for sizes in points]
    exponents(points, counts)  # refuses points that cannot be fitted before anything takes time
    graphs = [build(**sizes) for sizes in points]
    orders = [topological(loss) for loss, _ in graphs]
    times = [math.inf] * len(points)
    for _ in range(ROUNDS):
        for i, (order, (_, parameters)) in enumerate(zip(orders, graphs, strict=True)):
            start = timer()
            _iterate(order, parameters)
            times[i] = min(times[i], timer() - start)
    return Timing(tuple([Measurement(*each) for each in zip(points, counts, times, strict=True)]))


def _iterate(order: Sequence[Value], parameters: Sequence[Value]) -> list[Data]:
    """Compute a graph again, differentiate it, and give the parameters that follow."""
    new: dict[Value, Value] = {}
    for node in order:
        if node.op is not None:
            parents = [p if type(p) is Constant else new.get(p, p) for p in node.parents]
            new[node] = apply(node.op, *parents, **node.static)
    for parameter in parameters:
        parameter.grad = None
    new[order[-1]].backward()
    return [p.data - 0.1 * p.grad for p in parameters]


def exponents(sizes: Sequence[Mapping[str, int]], amounts: Sequence[float]) -> dict[str, float]:
    """The a, b, ... for which c·n^a·m^b·... fits the amounts best: least squares between the logarithms.

    Raises ValueError for an amount that is not positive, or where the sizes do not tell the exponents apart.
    """
    names = list(sizes[0])
    if min(amounts) <= 0:
        raise ValueError(f"a power law fits positive amounts, not {min(amounts)}")
    logs = np.array([[1.0, *[np.log(at[name]) for name in names]] for at in sizes])
    if np.linalg.matrix_rank(logs) < len(names) + 1:
        raise ValueError(f"{len(sizes)} points do not tell the exponents of {', '.join(names)} apart: vary each size")
    found = np.linalg.lstsq(logs, np.log(np.asarray(amounts, float)), rcond=None)[0]
    return dict(zip(names, found[1:].tolist(), strict=True))


def shown(time: float) -> str:
    """Seconds in a fitting unit, to three digits."""
    unit = next((unit for unit, size in UNITS.items() if time >= size), "ps")
    return f"{time / UNITS[unit]:.3g} {unit}"
