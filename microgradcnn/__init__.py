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

from microgradcnn.checking.debug import NonFiniteError, debug
from microgradcnn.engine.functions import (
    abs,
    append,
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    argmax,
    argmin,
    argsort,
    array_split,
    astype,
    atleast_1d,
    atleast_2d,
    atleast_3d,
    avg_pool2d,
    batch_norm,
    broadcast_to,
    ceil,
    clip,
    column_stack,
    concatenate,
    conv1d,
    conv2d,
    conv_transpose2d,
    cos,
    cosh,
    cross,
    cross_entropy,
    cumsum,
    deg2rad,
    diag,
    diagflat,
    diagonal,
    diff,
    dot,
    dsplit,
    dstack,
    einsum,
    equal,
    erf,
    exp,
    exp2,
    expand_dims,
    expm1,
    flatten,
    flip,
    fliplr,
    flipud,
    floor,
    gelu,
    getitem,
    hsplit,
    hstack,
    hypot,
    inner,
    isfinite,
    isinf,
    isnan,
    kron,
    layer_norm,
    leaky_relu,
    linear,
    log,
    log1p,
    log2,
    log10,
    log_softmax,
    logaddexp,
    logaddexp2,
    logsumexp,
    matmul,
    max,
    max_pool2d,
    maximum,
    mean,
    min,
    minimum,
    mod,
    moveaxis,
    nan_to_num,
    negative,
    norm,
    normalised,
    ones_like,
    outer,
    pad,
    power,
    prod,
    rad2deg,
    ravel,
    reciprocal,
    relu,
    repeat,
    reshape,
    roll,
    rollaxis,
    rot90,
    scaled_dot_product_attention,
    select,
    sigmoid,
    sign,
    silu,
    sin,
    sinc,
    sinh,
    softmax,
    softplus,
    sort,
    split,
    sqrt,
    square,
    squeeze,
    stack,
    std,
    stop_gradient,
    sum,
    swapaxes,
    take,
    take_along_axis,
    tan,
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
    zeros_like,
)
from microgradcnn.engine.gradient import grad
from microgradcnn.engine.record import Primitive, primitive
from microgradcnn.engine.value import Value, no_grad
from microgradcnn.protocols import copying as _copying  # noqa: F401, gives Value its deepcopy and pickle
from microgradcnn.protocols import micrograd_names as _micrograd_names  # noqa: F401, gives Value _prev, _op, _backward
from microgradcnn.protocols import numpy as _interop  # noqa: F401, gives Value its place in NumPy's functions
from microgradcnn.protocols.leaving import GraphLeft
from microgradcnn.protocols.logic import logical_and, logical_not, logical_or, logical_xor, not_equal
from microgradcnn.protocols.old_pickles import MOVED as _MOVED
from microgradcnn.protocols.other_names import OF_PACKAGE as _OF_PACKAGE
from microgradcnn.protocols.other_names import lacking as _lacking
from microgradcnn.protocols.other_names import no_attribute as _no_attribute

if TYPE_CHECKING:
    from microgradcnn import estimator as estimator  # not in __all__: it needs scikit-learn
    from microgradcnn import nn
    from microgradcnn.checking.check import GradientCheck, check_gradients
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
    "checking.check": ("GradientCheck", "check_gradients"),
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
__all__ += ["Primitive", "Program", "Value", "Worksheet", "abs", "append", "arccos", "arccosh", "arcsin", "arcsinh"]
__all__ += ["arctan", "arctan2", "arctanh", "argmax", "argmin", "argsort", "array_split", "astype", "atleast_1d"]
__all__ += ["atleast_2d", "atleast_3d", "avg_pool2d", "batch_norm", "broadcast_to", "ceil", "check_answer"]
__all__ += ["check_gradients", "clip"]
__all__ += ["column_stack", "compile", "concatenate", "conv1d", "conv2d", "conv_transpose2d", "cos", "cosh", "cost"]
__all__ += ["cross", "cross_entropy", "cumsum", "debug", "deg2rad", "diag", "diagflat", "diagonal", "diff", "dot"]
__all__ += ["draw", "dsplit"]
__all__ += ["dstack", "einsum", "equal", "erf", "exp", "exp2", "expand_dims", "explain", "expm1", "export_onnx"]
__all__ += ["flatten", "flip", "fliplr", "flipud", "floor", "gelu", "getitem", "grad", "hsplit", "hstack", "hypot"]
__all__ += ["inner", "isfinite", "isinf", "isnan", "kron", "layer_norm", "leaky_relu", "ledger", "linear"]
__all__ += ["log", "log10"]
__all__ += ["log1p", "log2", "log_softmax", "logaddexp", "logaddexp2", "logical_and", "logical_not", "logical_or"]
__all__ += ["logical_xor", "logsumexp", "matmul", "max", "max_pool2d", "maximum", "mean", "min", "minimum", "mod"]
__all__ += ["moveaxis", "nan_to_num", "negative", "nn", "no_grad", "norm", "normalised", "not_equal", "ones_like"]
__all__ += ["optim", "outer", "pad", "power", "primitive", "prod", "rad2deg", "ravel", "reciprocal", "relu", "repeat"]
__all__ += ["reshape", "roll", "rollaxis", "rot90", "scaled_dot_product_attention"]
__all__ += ["select", "sigmoid", "sign", "silu", "sin", "sinc", "sinh"]
__all__ += ["softmax", "softplus", "sort", "split", "sqrt", "square", "squeeze", "stack", "std", "stop_gradient"]
__all__ += ["sum", "swapaxes"]
__all__ += ["take", "take_along_axis", "tan", "tanh", "tensordot", "tile", "trace", "transpose", "tril", "triu", "var"]
__all__ += ["vdot", "vsplit", "vstack", "where", "worksheet", "zeros_like"]


def __getattr__(name: str) -> _Any:
    """What is made of graphs is imported when it is first used: most programs do without."""
    if name in _MODULES:
        return import_module(f"microgradcnn.{_MODULES[name]}")
    for module, names in _LATER.items():
        if name in names:
            return getattr(import_module(f"microgradcnn.{module}"), name)
    if not name.startswith("_"):
        for part in ("nn", "optim"):
            if name in __getattr__(part).__all__:
                raise _lacking(f"module {__name__!r}", name, f"write mg.{part}.{name}")
    raise _no_attribute(__name__, name, _OF_PACKAGE, __all__)


def __dir__() -> list[str]:
    """What is offered, imported already or not, without the modules that only old pickles ask for."""
    return sorted({*globals()} - {*_MOVED} | {*__all__})
