"""What PyTorch and others call something that has another name here: asked for, it says what to write.

A `__getattr__` of Value would make every access to a node slower, so each of the names is a descriptor that raises
AttributeError: hasattr, copies, pickles and NumPy's protocols find nothing, as before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

from microgradcnn.engine.value import Value

_ON_THE_CPU = "leave it out, for all numbers are NumPy's, on the CPU"
_DTYPE = "write v.astype(np.float32), or np.float64"
_INTEGERS = "write v.data.astype(int), numbers that leave the graph"
_BUILT = "give the layers dtype=np.float32 when they are made"
_RAW = "write mg.Value of NumPy's array, which np.random.default_rng(0) draws at random"
_IN_PLACE = "write v.data = ... of a leaf, for the numbers of a graph stay what they were"
_ONE_HOT = "write np.eye(classes)[numbers]"
_HIGHER = "write mg.grad of what mg.grad gave, or of its sum with a vector"
_SHARES = "write mg.optim.LambdaLR(optimiser, share), of a function that gives each epoch's share of the rate"
_BY_FUNCTION = ("cross", "diag", "flip", "kron", "logsumexp", "norm", "outer", "roll", "tile")

# Of Values, Modules, mg, mg.nn, optimisers and mg.optim: the name that is asked for, and what to do.
OF_VALUES = {
    **dict.fromkeys(("view", "view_as", "reshape_as", "contiguous"), "write v.reshape(...)"),
    **dict.fromkeys(("size", "numel", "nelement"), "v.shape is the shape, np.size(v.data) how many numbers there are"),
    **dict.fromkeys(("dim", "ndimension"), "write v.ndim"),
    **dict.fromkeys(("permute", "movedim"), "write v.transpose(axes) or mg.moveaxis"),
    **dict.fromkeys(("t", "mT", "adjoint"), "write v.T, or v.swapaxes(-1, -2) of a stack"),
    **dict.fromkeys(("numpy", "tolist"), "write v.data, the number or array inside, or v.item()"),
    **dict.fromkeys(("cpu", "cuda", "to", "device", "is_cuda"), f"{_ON_THE_CPU}; for a dtype {_DTYPE}"),
    **dict.fromkeys(("double", "float", "half", "type", "type_as"), _DTYPE),
    **dict.fromkeys(("long", "int", "short"), _INTEGERS),
    **dict.fromkeys(("add", "sub", "mul", "div", "neg", "pow"), "write v + a, v - a, v * a, v / a, -v or v**a"),
    **dict.fromkeys(("mm", "bmm", "mv"), "write v @ a"),
    **dict.fromkeys(("eq", "ne", "gt", "ge", "lt", "le"), "write v > a and the like, or mg.equal(v, a)"),
    **dict.fromkeys(("any", "all"), "write np.any(v.data) or np.all(v.data)"),
    **dict.fromkeys(
        ("median", "quantile", "percentile"), "take a place of mg.sort(v), or np.median(v.data) and the like"
    ),
    **dict.fromkeys(
        ("requires_grad", "requires_grad_"),
        "leave it out, for all leaves get a gradient, and v.detach() lets none through",
    ),
    **dict.fromkeys(("grad_fn", "creator", "prev"), "v.op is what made it, v.parents are what went in"),
    **dict.fromkeys(("retain_grad", "is_leaf"), "v.op is None for a leaf, and v.grad is there for every node"),
    **dict.fromkeys(("clone", "copy"), "take v itself, whose numbers do not change in place, or v.detach()"),
    **dict.fromkeys(("add_", "sub_", "mul_", "div_", "copy_", "fill_", "zero_", "normal_", "uniform_"), _IN_PLACE),
    "zero_grad": "write v.grad = None, or zero_grad() of the optimiser",
    "masked_fill": "write mg.where(mask, number, v)",
    "unsqueeze": "write mg.expand_dims(v, axis)",
    **dict.fromkeys(("expand", "expand_as"), "write mg.broadcast_to(v, shape)"),
    "clamp": "write v.clip(a, b)",
    "gather": "write mg.take_along_axis(v, indices, axis)",
    "index_select": "write v.take(indices, axis)",
    **dict.fromkeys(("chunk", "split", "unbind"), "write mg.split or mg.array_split"),
    "rsqrt": "write 1 / v.sqrt()",
    "where": "write mg.where(condition, v, a)",
    "masked_select": "write v[mask]",
    "repeat_interleave": "write mg.repeat(v, n, axis)",
    "topk": "take places of mg.sort(v), or of mg.argsort(v)",
    "round": "write np.round(v.data), which has no gradient",
    "register_hook": "after backward() every node has its v.grad, and that of a leaf may be set",
    **dict.fromkeys(("new_zeros", "new_ones", "new_full", "new_tensor"), _RAW),
    **{name: f"write mg.{name}(v, ...)" for name in (*_BY_FUNCTION, "tril", "triu")},
}
OF_MODULES = {
    **dict.fromkeys(("to", "cuda", "cpu", "device"), f"{_ON_THE_CPU}; for a dtype {_BUILT}"),
    **dict.fromkeys(("double", "float", "half"), _BUILT),
    **dict.fromkeys(("modules", "children", "named_children"), "write model.named_modules(), names with Modules"),
    "apply": "write for name, module in model.named_modules(): ...",
    "register_buffer": "write self.name = nn.Buffer(array)",
    "register_parameter": "write self.name = mg.Value(array)",
    **dict.fromkeys(("add_module", "append", "add"), "write self.name = layer, or nn.Sequential(*layers, another)"),
    "requires_grad_": "give the optimiser the parameters that are to move, or write mg.stop_gradient(layer(x))",
    "compile": "write mg.compile(...), or microgradcnn.fit.fit(model, x, y, engine='jit')",
    "fit": "write microgradcnn.fit.fit(model, x, y)",
    "predict": "write model(x), in model.eval() mode",
}
OF_PACKAGE = {
    **dict.fromkeys(("cat", "concat"), "write mg.concatenate"),
    **dict.fromkeys(("tensor", "Tensor", "from_numpy", "as_tensor", "array", "asarray"), "write mg.Value(data)"),
    **dict.fromkeys(("zeros", "ones", "full", "empty", "eye", "arange", "linspace"), _RAW),
    **dict.fromkeys(("randn", "rand", "randint", "randperm", "normal", "randn_like", "rand_like"), _RAW),
    **dict.fromkeys(("add", "sub", "subtract", "mul", "multiply", "div", "divide"), "write a + b, a - b, a * b, a / b"),
    **dict.fromkeys(("mm", "bmm"), "write mg.matmul, or a @ b"),
    **dict.fromkeys(("save", "load"), "write model.save(path) and model.load(path), or pickle a Value"),
    **dict.fromkeys(("autograd", "value_and_grad", "jacobian"), "write mg.grad(f, leaves), or f.backward()"),
    **dict.fromkeys(("device", "cuda"), _ON_THE_CPU),
    **dict.fromkeys(("float32", "float64"), "write np.float32 or np.float64"),
    **{name: f"write from microgradcnn.fit import {name}" for name in ("fit", "Schedule", "evaluate")},
    **{
        name: f"write from microgradcnn.estimator import {name}"
        for name in ("MicrogradClassifier", "MicrogradRegressor")
    },
    **dict.fromkeys(("hessian", "hvp", "hessian_vector_product", "jvp", "vjp", "make_vjp"), _HIGHER),
    **dict.fromkeys(("elementwise_grad", "egrad"), "write mg.grad(f.sum(), leaves)"),
    "linalg": "there is mg.norm; the rest of np.linalg can be an mg.primitive, with its chain rule",
    "multinomial": "write rng.choice(len(p), p=p.data), with rng = np.random.default_rng(0)",
    "topk": "take places of mg.sort, or of mg.argsort",
    "masked_fill": "write mg.where(mask, number, v)",
    "is_tensor": "write isinstance(v, mg.Value)",
    "allclose": "write np.allclose(v.data, a)",
    "dropout": "write mg.nn.Dropout(p)(x)",
    "Function": "write mg.primitive(...)",
    "vmap": "leave it out, for functions take whole arrays",
    "one_hot": _ONE_HOT,
    "manual_seed": "write mg.nn.manual_seed",
    "unsqueeze": "write mg.expand_dims",
    "permute": "write mg.transpose",
    "pow": "write mg.power, or a**b",
    "clamp": "write mg.clip",
    "gather": "write mg.take_along_axis",
    "chunk": "write mg.array_split",
    "jit": "write mg.compile(..., backend='jit')",
    "set_grad_enabled": "write with mg.no_grad():",
    "inference_mode": "write with mg.no_grad():",
}
OF_NN = {
    "CrossEntropyLoss": "write nn.cross_entropy",
    "MSELoss": "write nn.mse_loss",
    "L1Loss": "write nn.l1_loss",
    "SmoothL1Loss": "write nn.smooth_l1_loss",
    "HuberLoss": "write nn.huber_loss",
    "NLLLoss": "write nn.nll_loss",
    "BCEWithLogitsLoss": "write nn.binary_cross_entropy_with_logits",
    **dict.fromkeys(
        ("BCELoss", "binary_cross_entropy"), "write nn.binary_cross_entropy_with_logits, of what goes into the sigmoid"
    ),
    "functional": "functions are in mg, such as mg.relu, and losses in nn, such as nn.cross_entropy",
    **dict.fromkeys(("ModuleList", "ParameterList"), "a plain list will do: what is in it is found"),
    **dict.fromkeys(("ModuleDict", "ParameterDict"), "a plain dict will do: what is in it is found"),
    "Parameter": "write mg.Value(array): every leaf among the attributes is a parameter",
    "init": "give a layer init='he' or 'glorot', or set weight.data",
    "utils": "write mg.optim.clip_grad_norm_",
    "Identity": "write nn.Sequential()",
    **dict.fromkeys(("Dropout1d", "Dropout2d", "Dropout3d"), "write nn.Dropout"),
    "LogSoftmax": "write mg.log_softmax",
    "Softplus": "write mg.softplus",
    "AdaptiveAvgPool2d": "write x.mean(axis=(2, 3))",
    "Unflatten": "write x.reshape(...)",
    "one_hot": _ONE_HOT,
    "normalize": "write x / mg.norm(x, axis=1, keepdims=True)",
    **dict.fromkeys(
        ("CosineSimilarity", "cosine_similarity"),
        "write mg.sum(a * b, axis=1) / (mg.norm(a, axis=1) * mg.norm(b, axis=1))",
    ),
    **dict.fromkeys(
        ("TripletMarginLoss", "triplet_margin_loss"),
        "write mg.mean(mg.relu(mg.norm(a - p, axis=1) - mg.norm(a - n, axis=1) + 1.0))",
    ),
    **dict.fromkeys(("KLDivLoss", "kl_div"), "write mg.sum(p * (mg.log(p) - mg.log(q)))"),
    **dict.fromkeys(("ELU", "elu"), "write mg.where(x > 0, x, mg.expm1(x))"),
    **dict.fromkeys(
        ("TransformerEncoderLayer", "TransformerDecoderLayer", "Transformer"),
        "write a module of nn.MultiheadAttention, nn.LayerNorm and nn.Linear",
    ),
}
OF_OPTIMISERS = {"param_groups": "write optimiser.lr = rate, and make an optimiser for every group"}
OF_OPTIM = {
    "Optimizer": "write mg.optim.Optimiser",
    "lr_scheduler": "the schedulers are in mg.optim, such as mg.optim.StepLR",
    **dict.fromkeys(("LinearLR", "OneCycleLR", "SequentialLR", "CosineAnnealingWarmRestarts"), _SHARES),
    "LBFGS": "write scipy.optimize.minimize(f, start, jac=True), of a function f that gives .item() and .grad",
}


def no_attribute(module: str, name: str, ours: Mapping[str, str], known: Iterable[str]) -> AttributeError:
    """The error about a name that a module lacks: what to write for it, or which of those that are known is near."""
    advice = ours.get(name, "")
    if not advice and not name.startswith("_"):
        from difflib import get_close_matches  # for mistakes only: importing it takes 1 ms

        near = get_close_matches(name, list(known), n=1, cutoff=0.7)
        advice = f"did you mean {near[0]}?" if near else ""
    if advice:
        return lacking(f"module {module!r}", name, advice)
    return AttributeError(f"module {module!r} has no attribute {name!r}")


def lacking(owner: str, name: str, advice: str) -> AttributeError:
    """The error about a name that somebody lacks, with advice, to which Python's traceback adds no guess of its own."""
    # It guesses where it is told `obj`.
    return AttributeError(f"{owner} has no attribute {name!r}: {advice}", name=name)


def refusing(module: str, ours: Mapping[str, str], known: Iterable[str]) -> Callable[[str], NoReturn]:
    """The `__getattr__` of a module that has nothing else: it raises what `no_attribute` makes."""

    def asked(name: str) -> NoReturn:
        raise no_attribute(module, name, ours, known)

    return asked


class Elsewhere:
    """An attribute that is not there, with the advice that its AttributeError gives."""

    def __init__(self, name: str, advice: str) -> None:
        self.name, self.advice, self.__doc__ = name, advice, f"Not here: {advice}."

    def __get__(self, instance: object, owner: type) -> NoReturn:
        raise lacking(f"{owner.__name__!r} object", self.name, self.advice)


class _ElsewhereOfSlots(Elsewhere):
    """The same where nothing can be set either."""

    def __set__(self, instance: object, value: object) -> NoReturn:
        self.__get__(instance, type(instance))


def _dir(self: Value) -> list[str]:
    return [name for name in object.__dir__(self) if name not in OF_VALUES]


for _name, _advice in OF_VALUES.items():
    setattr(Value, _name, _ElsewhereOfSlots(_name, _advice))
_method: Any = _dir
setattr(Value, "__dir__", _method)  # noqa: B010, a name that is not here is not to be completed
