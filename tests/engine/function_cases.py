"""The functions that people meet, as calls by name, with what NumPy and SciPy have for them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.special
from many_cases import offenders

import microgradcnn as mg

Shape = tuple[int, ...]


class Case(NamedTuple):
    """f(*arrays of these shapes, *rest, **keywords); `listed` puts the arrays into one list."""

    name: str
    shapes: tuple[Shape, ...]
    rest: tuple[Any, ...] = ()
    keywords: dict[str, Any] = {}  # noqa: RUF012, never changed
    listed: bool = False

    def __call__(self, function: Callable[..., Any], arrays: list[Any]) -> Any:
        if self.name == "einsum":
            return function(*self.rest, *arrays)
        return function(*([arrays] if self.listed else arrays), *self.rest, **self.keywords)

    def __str__(self) -> str:
        parts = [*map(str, self.shapes), *map(str, self.rest), *(f"{k}={v}" for k, v in self.keywords.items())]
        return f"{self.name}: {', '.join(parts)}".replace("\n", " ")


MATRIX, CUBE = (2, 3), (2, 3, 4)
PAIRS: tuple[tuple[Shape, Shape], ...] = (
    ((), ()),
    ((2, 3), (3,)),
    ((2, 1), (1, 3)),
    ((), (3,)),
    ((2, 3), ()),
    ((0, 3), (3,)),
)
ONE = "sin cos tan sinh cosh tanh arcsin arccos arctan arcsinh arccosh arctanh log log2 log10 log1p exp exp2 expm1"
ONE += " erf gelu silu leaky_relu sign floor ceil reciprocal sqrt square abs negative sigmoid relu softplus deg2rad"
ONE += " rad2deg sinc nan_to_num zeros_like ones_like"
TWO = "arctan2 hypot logaddexp logaddexp2 mod maximum minimum power"
AXES: tuple[dict[str, Any], ...] = (
    *({}, {"axis": 0}, {"axis": -1}, {"axis": (0, 2)}, {"axis": (-1, -3)}, {"axis": (0, 1, 2)}, {"axis": ()}),
    *({"keepdims": True}, {"axis": 1, "keepdims": True}, {"axis": (0, -1), "keepdims": True}),
)
NOTHING = np.zeros((0,))

CASES = [
    *[Case(name, (shape,)) for name in ONE.split() for shape in (MATRIX, (), (0, 2))],
    *[Case(name, pair) for name in TWO.split() for pair in PAIRS],
    Case("gelu", (MATRIX,), (), {"approximate": "tanh"}),
    Case("leaky_relu", (MATRIX,), (0.3,)),
    Case("leaky_relu", (MATRIX,), (), {"negative_slope": -1.0}),
    Case("clip", (MATRIX,), (-0.5, 0.5)),
    Case("clip", (MATRIX,), (None, 0.5)),
    Case("clip", (MATRIX,), (), {"min": -0.5, "max": None}),
    Case("clip", (MATRIX,), (np.array([-0.5, 0.1, -2.0]), np.array([[0.5], [0.2]]))),
    Case("clip", (MATRIX, (3,), ())),
    *[Case(f, (CUBE,), (), k) for f in ("sum", "mean", "max", "min", "prod", "var", "std") for k in AXES],
    *[Case(f, (CUBE,), (), {"ddof": d, **k}) for f in ("var", "std") for d in (1, 0.5) for k in AXES[:5] + AXES[-2:]],
    *[Case("logsumexp", (CUBE,), (), k) for k in AXES if k.get("axis") != ()],
    *[Case("norm", (CUBE,), (), k) for k in ({}, {"axis": 0}, {"axis": -1}, {"axis": (0, 2)}, {"axis": (-1, 0)})],
    *[Case("norm", (MATRIX,), (), {"keepdims": True, **k}) for k in ({}, {"axis": 0}, {"axis": (0, 1)})],
    *[Case("norm", (MATRIX,), (o,), {"axis": 1}) for o in (1, 2, 3, 2.5, -1, -2.5, math.inf, -math.inf)],
    *[Case("norm", (CUBE,), (o,), {"axis": (2, 0)}) for o in ("fro", 1, -1, math.inf, -math.inf)],
    *[Case("norm", ((4,),), (o,)) for o in (None, 1, 3, 0, math.inf)],
    *[Case("cumsum", (CUBE,), (), k) for k in AXES[:3]],
    *[Case(f, (s,)) for f in ("sum", "prod", "cumsum") for s in ((), (0,), (0, 3), (1,))],
    *[Case(f, ((0, 3),), (), {"axis": 1}) for f in ("sum", "mean", "max", "min", "prod", "var", "std", "logsumexp")],
    *[Case("softmax", (CUBE,), (a,)) for a in (0, -1)],
    *[Case("log_softmax", (CUBE,), (a,)) for a in (1, -1)],
    *[
        Case("dot", pair)
        for pair in (
            *(((), ()), ((), (2, 3)), ((2, 3), ()), ((3,), (3,)), ((2, 3), (3,)), ((2,), (2, 3)), ((2, 3), (3, 4))),
            *(((2, 2, 3), (3,)), ((2, 2, 3), (2, 3, 2)), ((0, 3), (3, 2)), ((2, 0), (0, 3)), ((3,), (2, 3, 4))),
        )
    ],
    *[Case("outer", pair) for pair in (((2,), (3,)), ((2, 2), (3,)), ((), (3,)), ((0,), (3,)))],
    *[Case("inner", pair) for pair in (((3,), (3,)), ((2, 3), (4, 3)), ((), (2, 3)))],
    *[Case("tensordot", (CUBE, (4, 3)), (), {"axes": ((1, 2), (1, 0))}), Case("tensordot", (MATRIX, (3, 2)), (1,))],
    *[Case("vdot", (MATRIX, MATRIX)), Case("kron", (MATRIX, (2, 1))), Case("cross", (MATRIX, (3,)))],
    *[Case("trace", (CUBE,), (1, 1, 2)), Case("diff", (CUBE,), (), {"n": 2}), Case("diff", (CUBE,), (), {"axis": 0})],
    *[Case("ravel", (s,)) for s in (CUBE, (), (0, 2))],
    *[Case("flatten", (s,)) for s in (CUBE, (), (0, 2))],
    *[Case("squeeze", ((1, 3, 1, 2),), r) for r in ((), (0,), (-2,), ((0, 2),), ((),))],
    *[Case("expand_dims", (MATRIX,), (a,)) for a in (0, 2, -1, (0, 3), (-1, -3), ())],
    *[Case("expand_dims", ((),), (0,)), Case("squeeze", ((1, 1),))],
    *[Case("swapaxes", (CUBE,), a) for a in ((0, 1), (-1, 0), (1, 1))],
    *[Case("moveaxis", (CUBE,), a) for a in ((0, -1), ((0, 1), (-1, 0)), ([2, 0], [0, 1]), ((), ()))],
    *[Case("rollaxis", (CUBE,), a) for a in ((2,), (0, 3), (-1, 1))],
    *[Case("transpose", (CUBE,), r) for r in ((), ((2, 0, 1),), ((-1, 0, -2),))],
    *[Case("flip", (CUBE,), r) for r in ((), (0,), (-1,), ((0, -1),), ((),))],
    *[Case(f, (MATRIX,)) for f in ("flipud", "fliplr", "rot90", "diagflat", "atleast_1d", "atleast_2d", "atleast_3d")],
    *[Case("roll", (MATRIX,), r) for r in ((2,), (-1, 1), (7, 0), ((1, 2), (0, 1)), (1, (0, 1)), ((1, 2), 1), (0,))],
    *[Case("repeat", (MATRIX,), r) for r in ((2,), (3, 1), (0, 0), ([1, 2], 0), (np.array([2, 0, 1]), -1), ([2], 1))],
    *[Case("repeat", ((),), (3,)), Case("repeat", ((3,),), ([0, 2, 1],))],
    *[Case("tile", (MATRIX,), (r,)) for r in (2, (2,), (2, 1), (2, 1, 3), 0, (), [1, 2])],
    *[Case("tile", ((),), (3,))],
    *[Case("pad", (MATRIX,), (w,)) for w in (1, (1, 2), ((0, 1), (2, 0)), 0, ((1,), (2,)))],
    *[Case("pad", (MATRIX,), (1,), {"constant_values": c}) for c in (3.0, (1.0, 2.0), ((1.0, 2.0), (3.0, 4.0)))],
    *[Case("pad", (MATRIX,), (((1, 1), (2, 1)), m)) for m in ("constant", "edge", "reflect", "symmetric", "wrap")],
    *[Case("pad", (MATRIX,), (((5, 3), (0, 7)), m)) for m in ("edge", "reflect", "symmetric", "wrap")],  # longer than x
    *[Case("pad", ((1,),), ((2, 3), m)) for m in ("edge", "reflect", "symmetric", "wrap")],
    *[Case(f, (MATRIX, (2, 1)), (), {}, True) for f in ("hstack", "column_stack")],
    *[Case(f, ((3,), (2,)), (), {}, True) for f in ("hstack",)],
    *[Case(f, ((), ()), (), {}, True) for f in ("hstack", "vstack", "stack", "dstack", "column_stack")],
    *[Case("vstack", shapes, (), {}, True) for shapes in (((3,), MATRIX), (MATRIX, (0, 3)), ((3,), (3,)))],
    *[Case("concatenate", (CUBE, (2, 1, 4)), (), {"axis": a}, True) for a in (1, -2)],
    *[Case("stack", (MATRIX, MATRIX), (), {"axis": a}, True) for a in (0, 1, 2, -1, -3)],
    *[Case(f, (CUBE, (2, 3, 4)), (), {}, True) for f in ("dstack", "vstack", "hstack")],
    *[Case("append", (MATRIX, MATRIX), r) for r in ((), (0,), (-1,))],
    *[Case("diagonal", (CUBE,), r) for r in ((), (1,), (-1, 1, 2), (0, 2, 0), (5,), (-5,), (0, -1, -2))],
    *[Case("diag", (s,), (k,)) for s in (MATRIX, (3,)) for k in (0, 1, -2)],
    *[Case(f, (CUBE,), (), {"k": k}) for f in ("tril", "triu") for k in (0, 1, -1, 9, -9)],
    *[Case(f, ((3,),)) for f in ("tril", "triu")],
    *[Case("sort", (CUBE,), r) for r in ((), (0,), (1,), (-1,), (None,))],
    *[Case("sort", (s,)) for s in ((0,), (1,), (0, 3))],
    *[Case("take", (CUBE,), r) for r in ((3,), ([0, 0, -1],), ([[2, 0], [1, 1]], 1), (-1, 0), ([], 1), (True, 0))],
    Case("take", (CUBE,), ([0, 1], -1)),
    *[
        Case("take_along_axis", (MATRIX,), (np.array(i), a))
        for i, a in (([[0, 2, 2], [1, 1, -1]], 1), ([[1, 0, 1]], 0))
    ],
    Case("take_along_axis", (MATRIX,), (np.array([5, 0, 0]), None)),
    *[Case("split", (CUBE,), r) for r in ((2,), ([1], 0), ([1, 2], 1), (2, -1), ([], 0), ([2, 9, 1], 1))],
    *[Case("array_split", (CUBE,), r) for r in ((3,), (5, 1), (3, -1))],
    *[Case("vsplit", (CUBE,), (2,)), Case("hsplit", (CUBE,), ([2],)), Case("hsplit", ((4,),), (2,))],
    *[
        Case("dsplit", (CUBE,), (2,)),
        Case("reshape", (CUBE,), ((3, -1),)),
        Case("broadcast_to", (MATRIX,), ((2, 2, 3),)),
    ],
    *[Case("where", (MATRIX, (3,)), ())],
]

EINSUMS: dict[str, tuple[Shape, ...]] = {
    **{"ij,jk->ik": ((2, 3), (3, 4)), "ij,jk": ((2, 3), (3, 4)), "ba": ((2, 3),), "ii": ((3, 3),), "ii->i": ((3, 3),)},
    **{"ijk->": (CUBE,), "ijk->ki": (CUBE,), "i,i": ((3,), (3,)), "i,j->ji": ((2,), (3,)), ",ij->j": ((), (2, 3))},
    **{"...ij,...j->...i": ((4, 2, 3), (3,)), "...ii->...": ((2, 3, 3),), "i...->...": (CUBE,), "...": (MATRIX,)},
    **{"bqhd,bkhd->bhqk": ((2, 3, 2, 2), (2, 4, 2, 2)), "iji->j": ((2, 3, 2),), "iii->i": ((2, 2, 2),)},
    **{"i,i,i->i": ((3,), (3,), (3,)), "ij,jk,kl,lm->im": ((2, 3), (3, 2), (2, 3), (3, 2)), "ij,k->": ((2, 3), (2,))},
    **{"...,...": ((2, 1), (3,)), "a...b,b...->...a": ((2, 4, 3), (3, 4)), " i j , j -> i ": ((2, 3), (3,))},
    **{"ij,ij->": (MATRIX, MATRIX), "ij->ji": ((0, 3),), "i,i->": ((0,), (0,)), "->": ((),), ",->": ((), ())},
}


def _domain(name: str, place: int) -> tuple[float, float]:
    """What the numbers of an argument are drawn from."""
    if name in ("log", "log2", "log10", "sqrt", "hypot") or (name, place) in (("power", 0), ("mod", 1)):
        return 0.2, 3.0
    return {"arcsin": (-0.9, 0.9), "arccos": (-0.9, 0.9), "arctanh": (-0.9, 0.9), "log1p": (-0.8, 3.0)}.get(
        name, (1.1, 4.0) if name == "arccosh" else (-2.0, 2.0)
    )


def arrays_of(case: Case) -> list[Any]:
    rng = np.random.default_rng(len(str(case)))
    drawn = [rng.uniform(*_domain(case.name, i), size=shape) for i, shape in enumerate(case.shapes)]
    return [x if x.ndim else float(x) for x in drawn]


# What NumPy and SciPy say, by name where NumPy has none


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    return np.linalg.norm(x, ord, axis, keepdims)


def phi(n: Any, erf: Any, x: Any, approximate: str) -> Any:
    if approximate == "tanh":
        return 0.5 * x * (1.0 + n.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1.0 + erf(x / math.sqrt(2.0)))


def log_softmax(n: Any, logsumexp: Any, x: Any, axis: int) -> Any:
    return x - logsumexp(x, axis=axis, keepdims=True)


NUMPYS: dict[str, Callable[..., Any]] = {
    "norm": _norm,
    "erf": scipy.special.erf,
    "logsumexp": scipy.special.logsumexp,
    "softmax": scipy.special.softmax,
    "log_softmax": scipy.special.log_softmax,
    "sigmoid": scipy.special.expit,
    "softplus": lambda x: np.logaddexp(0.0, x),
    "relu": lambda x: np.maximum(x, 0.0),
    "silu": lambda x: x * scipy.special.expit(x),
    "gelu": lambda x, approximate="none": phi(np, scipy.special.erf, x, approximate),
    "leaky_relu": lambda x, negative_slope=0.01: np.where(np.greater(x, 0.0), x, negative_slope * np.asarray(x)),
    "flatten": np.ravel,
    "where": lambda a, b: np.where(np.greater(a, 0.3), a, b),
    "einsum": np.einsum,
}
OURS: dict[str, Callable[..., Any]] = {"where": lambda a, b: mg.where(a > 0.3, a, b)}


EVERY = [*CASES, *(Case("einsum", shapes, (text,)) for text, shapes in EINSUMS.items())]


def numpys(case: Case) -> Callable[..., Any]:
    return NUMPYS.get(case.name) or getattr(np, case.name)


def ours(case: Case) -> Callable[..., Any]:
    return OURS.get(case.name) or getattr(mg, case.name)


def parts(y: Any) -> list[Any]:
    return list(y) if isinstance(y, list | tuple) else [y]


def of_each_name(cases: Sequence[Case]) -> Callable[[Callable[[Case], None]], Callable[[str], None]]:
    """A check of one case as a test for each function, which lists every case of it that is at fault."""

    def test_of(check: Callable[[Case], None]) -> Callable[[str], None]:
        @pytest.mark.parametrize("name", sorted({case.name for case in cases}))
        def test(name: str) -> None:
            assert offenders([case for case in cases if case.name == name], check) == []

        return test

    return test_of
