"""Backpropagation from first principles: Values, the graphs that they record, and the gradients of those graphs.

>>> import microgradcnn as mg
>>> x = mg.Value(3.0, label="x")
>>> f = x**3
>>> f.backward()
>>> x.grad
27.0
"""

from microgradcnn.system import interrupts as _interrupts  # noqa: F401, first: Ctrl-C may come while the others load

# isort: split
from importlib import import_module
from typing import TYPE_CHECKING
from typing import Any as _Any

from microgradcnn.checking.check import GradientCheck, check_gradients
from microgradcnn.checking.debug import NonFiniteError, debug
from microgradcnn.engine.functions import (
    abs,
    append,
    argmax,
    argmin,
    argsort,
    array_split,
    astype,
    atleast_1d,
    atleast_2d,
    atleast_3d,
    avg_pool2d,
    broadcast_to,
    column_stack,
    concatenate,
    conv2d,
    cross,
    cumsum,
    diag,
    diagflat,
    diagonal,
    diff,
    dot,
    dsplit,
    dstack,
    einsum,
    equal,
    exp,
    expand_dims,
    expm1,
    flatten,
    flip,
    fliplr,
    flipud,
    getitem,
    hsplit,
    hstack,
    inner,
    kron,
    log,
    log1p,
    log_softmax,
    logsumexp,
    matmul,
    max,
    max_pool2d,
    maximum,
    mean,
    min,
    minimum,
    moveaxis,
    negative,
    norm,
    outer,
    pad,
    power,
    prod,
    ravel,
    relu,
    repeat,
    reshape,
    roll,
    rollaxis,
    rot90,
    select,
    sigmoid,
    softmax,
    softplus,
    sort,
    split,
    sqrt,
    square,
    squeeze,
    stack,
    std,
    sum,
    swapaxes,
    take,
    take_along_axis,
    tanh,
    tensordot,
    tile,
    trace,
    transpose,
    tril,
    triu,
    var,
    vdot,
    vsplit,
    vstack,
    where,
)
from microgradcnn.engine.gradient import grad
from microgradcnn.engine.record import Primitive, primitive
from microgradcnn.engine.value import Value, no_grad
from microgradcnn.protocols import copying as _copying  # noqa: F401, gives Value its deepcopy and pickle
from microgradcnn.protocols import numpy as _interop  # noqa: F401, gives Value its place in NumPy's functions
from microgradcnn.protocols.leaving import GraphLeft
from microgradcnn.protocols.logic import logical_and, logical_not, logical_or, logical_xor, not_equal
from microgradcnn.protocols.old_pickles import MOVED as _MOVED

if TYPE_CHECKING:
    from microgradcnn import estimator as estimator  # not in __all__: it needs scikit-learn
    from microgradcnn import nn
    from microgradcnn.nn import optim
    from microgradcnn.targets.export.onnx import export_onnx
    from microgradcnn.targets.program import Program, compile
    from microgradcnn.views.answers.answer import Answer, check_answer
    from microgradcnn.views.cost.cost import Cost, cost
    from microgradcnn.views.derivations.derivation import Derivation, explain
    from microgradcnn.views.derivations.ledger import Ledger, ledger
    from microgradcnn.views.pages.picture import Picture, draw
    from microgradcnn.views.worksheets.worksheet import Worksheet, worksheet

__version__ = "0.1.0"

_LATER = {
    "targets.export.onnx": ("export_onnx",),
    "targets.program": ("Program", "compile"),
    "views.answers.answer": ("Answer", "check_answer"),
    "views.cost.cost": ("Cost", "cost"),
    "views.derivations.derivation": ("Derivation", "explain"),
    "views.derivations.ledger": ("Ledger", "ledger"),
    "views.pages.picture": ("Picture", "draw"),
    "views.worksheets.worksheet": ("Worksheet", "worksheet"),
}
_MODULES = {"nn": "nn", "optim": "nn.optim", "estimator": "estimator"}

__all__ = ["Answer", "Cost", "Derivation", "GradientCheck", "GraphLeft", "Ledger", "NonFiniteError", "Picture"]
__all__ += ["Primitive", "Program", "Value", "Worksheet", "abs", "append", "argmax", "argmin", "argsort", "array_split"]
__all__ += ["astype", "atleast_1d", "atleast_2d", "atleast_3d", "avg_pool2d", "broadcast_to", "check_answer"]
__all__ += ["check_gradients", "column_stack", "compile", "concatenate", "conv2d", "cost", "cross", "cumsum", "debug"]
__all__ += ["diag", "diagflat", "diagonal", "diff", "dot", "draw", "dsplit", "dstack", "einsum", "equal", "exp"]
__all__ += ["expand_dims", "explain", "expm1", "export_onnx", "flatten", "flip", "fliplr", "flipud", "getitem", "grad"]
__all__ += ["hsplit", "hstack", "inner", "kron", "ledger", "log", "log1p", "log_softmax", "logical_and", "logical_not"]
__all__ += ["logical_or", "logical_xor", "logsumexp", "matmul", "max", "max_pool2d", "maximum", "mean", "min"]
__all__ += ["minimum", "moveaxis", "negative", "nn", "no_grad", "norm", "not_equal", "optim", "outer", "pad", "power"]
__all__ += ["primitive", "prod", "ravel", "relu", "repeat", "reshape", "roll", "rollaxis", "rot90", "select", "sigmoid"]
__all__ += ["softmax", "softplus", "sort", "split", "sqrt", "square", "squeeze", "stack", "std", "sum", "swapaxes"]
__all__ += ["take", "take_along_axis", "tanh", "tensordot", "tile", "trace", "transpose", "tril", "triu", "var", "vdot"]
__all__ += ["vsplit", "vstack", "where", "worksheet"]


def __getattr__(name: str) -> _Any:
    """What is made of graphs is imported when it is first used: most programs do without."""
    if name in _MODULES:
        return import_module(f"microgradcnn.{_MODULES[name]}")
    for module, names in _LATER.items():
        if name in names:
            return getattr(import_module(f"microgradcnn.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """What is offered, imported already or not, without the modules that only old pickles ask for."""
    return sorted({*globals()} - {*_MOVED} | {*__all__})
