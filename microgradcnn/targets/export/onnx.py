"""mg.export_onnx: a model or a graph as an ONNX file, for any number of rows, in the operators that people expect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from contextvars import Context
from pathlib import Path
from typing import Any

import numpy as np

from microgradcnn.checking.constants import called, check_constants, tell_constants
from microgradcnn.engine.arguments import check_value, several, shown
from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Value
from microgradcnn.files import write_whole
from microgradcnn.nn.module import Module
from microgradcnn.nn.summary import in_mode
from microgradcnn.targets.export.onnx_operators import IR_VERSION, OPSET, operator
from microgradcnn.targets.export.onnx_writer import Writer
from microgradcnn.targets.lines import LEAVES, Line, Lines, Rows, Shape, in_order, own_shape
from microgradcnn.targets.row_axis import FEW, RowsError
from microgradcnn.targets.simplify import opened
from microgradcnn.targets.trace import trace_forward


def export_onnx(
    model: Module | Value,
    path: str | Path,
    inputs: int | tuple[int, ...] | Value | Sequence[Value],
    *,
    dtype: Any = np.float32,
    dynamic: bool = True,
    description: str = "",
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a model, or the graph of a Value, as an ONNX file, whole or not at all, checked by onnx itself.

    A model comes with the shape of one example, as `model.summary` takes it, and is exported in eval() mode; a graph
    with the leaf Values that are its inputs. All other leaves become initializers, under their dotted names or labels.
    Rows are axis 0 of the inputs (or the inputs are scalars, for one example), and the file takes any number n of them,
    unless `dynamic` is False: then all shapes are as recorded. All numbers become `dtype`, float32 or float64, whatever
    they were (few runtimes have float64 convolutions). `description` and `metadata` are for whoever opens the file, in
    Netron or as onnxruntime's `get_modelmeta()`. Opset 16. Raises ValueError for a primitive of your own
    that ONNX cannot compute, for what is no leaf and for a graph that mixes rows, TypeError for
    anything else than a model or a Value, FileError where the file cannot be written, MissingExtra without onnx.
    """
    if np.dtype(dtype) not in (np.float32, np.float64):
        raise TypeError(f"the numbers of a file are float32 or float64, not {np.dtype(dtype)}")
    # In a context of its own: neither no_grad() nor debug() is about the nodes that are made on the way.
    content = Context().run(_exported, model, inputs, np.dtype(dtype), dynamic, description, metadata or {})
    write_whole(Path(path), content)


def _exported(
    model: Any, inputs: Any, dtype: np.dtype[Any], dynamic: bool, description: str, metadata: Mapping[str, str]
) -> bytes:
    writer = Writer(dtype)
    if isinstance(model, Module):
        names = {p: name for name, p in model.named_parameters()}
        output, leaves = _called(model, inputs, FEW if dynamic else 1)
        title = type(model).__name__
    else:
        output, leaves, names = model, several(inputs, "inputs"), {}
        title = "graph"
    _check(output, leaves)
    if isinstance(model, Module):
        _check_numbers(model, output, leaves[0])
    else:
        tell_constants([output], leaves, ())
    parameters = [v for v in topological(output) if v.op is None and v not in set(leaves)]
    try:
        lines = _idiomatic(opened(trace_forward(output, parameters, leaves, dynamic), "onnx"))
    except RowsError as error:
        rows = "one row" if isinstance(model, Module) else "as many rows as it was recorded with"
        raise RowsError(f"{error}; or give dynamic=False to export it for {rows} alone") from None
    labels = [names.get(v) or v.label or f"parameter_{i}" for i, v in enumerate(parameters, 1)]
    graph = _graph(writer, lines, dict(zip(lines.parameters, zip(labels, parameters, strict=True), strict=True)), title)
    onnx = writer.onnx
    whole = onnx.helper.make_model(
        graph,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="microgradcnn",
        doc_string=description,
    )
    onnx.helper.set_model_props(whole, dict(metadata))
    onnx.checker.check_model(whole, full_check=True)
    content: bytes = whole.SerializeToString(deterministic=True)
    return content


def _called(model: Module, shape: Any, n: int) -> tuple[Any, list[Value]]:
    """The model's output for n examples of that shape, in eval() mode, and its input."""
    if not isinstance(shape, int | tuple) or not all(isinstance(m, int) for m in np.atleast_1d(shape).tolist()):
        raise TypeError(
            f"a model is exported with the shape of one example, as (1, 28, 28), not a {type(shape).__name__}"
        )
    dtype = next((p.dtype for p in model.parameters()), np.float64)
    x = Value(np.zeros((n, *((shape,) if isinstance(shape, int) else shape)), dtype), label="x")
    with in_mode(model, training=False):
        return model.of_rows(x), [x]


def _check_numbers(model: Module, output: Value, x: Value) -> None:
    """Raise ConstantError if the model takes numbers of its input for constants, or asks them by an if."""
    other = Value(np.resize([1.0, 0.0], x.shape).astype(x.dtype))  # classes as well
    with in_mode(model, training=False), suppress(IndexError):  # of fewer classes
        check_constants([output], called(lambda x: [model.of_rows(x)], [other], ()), {x, other})


def _check(output: Any, inputs: list[Any]) -> None:
    check_value(
        output,
        "export_onnx takes a model or a Value, or a model that gives one Value",
        "mg.export_onnx({}, path, inputs)",
    )
    for v in inputs:
        if not isinstance(v, Value) or v.op is not None:
            what = f"{v.describe()}, which was computed" if isinstance(v, Value) else shown(v)
            raise ValueError(f"the inputs of a graph are leaves, Values made by hand, not {what}")


def _graph(writer: Writer, lines: Lines, parameters: dict[Line, tuple[str, Value]], title: str) -> Any:
    """Write all lines; the names of inputs, output and parameters are given first, so that they stay as they are."""
    names: dict[Line, str] = {}
    for i, line in enumerate(lines.inputs, 1):
        names[line] = writer.name(line.label or ("x" if len(lines.inputs) == 1 else f"x_{i}"))
        if isinstance(next(iter(own_shape(line)), None), Rows):
            writer.with_rows = names[line]
    order = in_order([lines.loss])
    for line in order:
        if line in parameters:
            label, leaf = parameters[line]
            names[line] = writer.initializer(label, leaf.data)
    for line in order:
        if line not in names:
            names[line] = _written(writer, line, names, line.label or ("output" if line is lines.loss else None))
    result = names[lines.loss]
    if all(result != node.output[0] for node in writer.nodes):  # an input or a parameter as it is
        result = writer.rename(writer.node("Identity", result), "output")
    infos = [_info(writer, names[line], line) for line in lines.inputs], [_info(writer, result, lines.loss)]
    return writer.onnx.helper.make_graph(writer.nodes, title, *infos, initializer=writer.initializers)


def _written(writer: Writer, line: Line, names: dict[Line, str], wanted: str | None) -> str:
    """Write one line, whose arguments have names; returns its own, the one that is wanted if a node makes it."""
    if line.op == "number":
        return writer.constant(float(line.value) if type(line.value) is int else line.value)
    if line.op == "constant":
        return writer.constant(line.value, line.label or "constant")
    before = len(writer.nodes)
    name = operator(writer, line, [names[arg] for arg in line.args])
    return writer.rename(name, wanted) if wanted and len(writer.nodes) > before else name


def _info(writer: Writer, name: str, line: Line) -> Any:
    """What the file says of an input or output: its type, and its shape with n by name."""
    kind = line.dtype if line.dtype.kind == "b" else writer.dtype
    shape = [str(length) if isinstance(length, Rows) else length for length in own_shape(line)]
    return writer.onnx.helper.make_tensor_value_info(name, writer.element_type(kind), shape)


def _idiomatic(lines: Lines) -> Lines:
    """The same with one line for what is one operator in ONNX: Conv and Gemm with their biases, Softmax."""
    order = in_order([lines.loss])
    uses = Counter([lines.loss, *(arg for line in order for arg in line.args)])
    new: dict[Line, Line] = {}
    for line in order:
        args = tuple(new[arg] for arg in line.args)
        once = [uses[arg] == 1 for arg in line.args]
        new[line] = line if line.op in LEAVES else _fused(line, args, once) or line.changed(line.op, args)
    return Lines(lines.inputs, lines.parameters, new[lines.loss], [], [], lines.per_example)


def _fused(line: Line, args: tuple[Line, ...], once: list[bool]) -> Line | None:
    """A line together with the lines of those of its arguments that are used by nothing else, or None."""
    if line.op == "exp" and args[0].op == "log_softmax" and once[0]:
        return line.changed("softmax", args[0].args, args[0].static)
    if line.op == "matmul" and all(len(arg.shape) == 2 for arg in args):
        turned = [arg.op == "transpose" for arg in args]
        if any(turned):
            plain = tuple(arg.args[0] if turn else arg for arg, turn in zip(args, turned, strict=True))
            return line.changed("gemm", plain, {"transA": int(turned[0]), "transB": int(turned[1])})
    if line.op == "add":
        for product, bias, alone in ((args[0], args[1], once[0]), (args[1], args[0], once[1])):
            if alone and len(product.args) == 2 and product.shape == line.shape:
                if product.op in ("conv2d", "conv2d_input") and (vector := _vector(bias, product.shape)) is not None:
                    return line.changed(product.op, (*product.args, vector), product.static)
                if product.op in ("gemm", "matmul") and len(line.shape) == 2 and bias.shape == line.shape[1:]:
                    return line.changed("gemm", (*product.args, bias), product.static)
    return None


def _vector(bias: Line, images: Shape) -> Line | None:
    """The numbers for every channel that were reshaped to be added to images, or None."""
    channels = images[1]
    if (
        bias.op == "reshape"
        and bias.args[0].shape == (channels,)
        and bias.shape in ((1, channels, 1, 1), (channels, 1, 1))
    ):
        return bias.args[0]
    return None
