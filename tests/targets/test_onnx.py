"""ONNX files, run by onnxruntime: every primitive, layer and network has the numbers that it has here."""

from __future__ import annotations

import json
import sys

import numpy as np
import onnx
import onnx.reference
import onnxruntime
import pytest
from many_cases import offenders
from test_backends import ROWS
from test_primitives import CASES

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.cli import main
from microgradcnn.data.scaling import Scaling
from microgradcnn.engine.functions import BUILT_IN
from microgradcnn.engine.record import TABLE
from microgradcnn.experiment import Trained, load_trained, predict, save_trained
from microgradcnn.extras import MissingExtra
from microgradcnn.files import FileError
from microgradcnn.networks import NETWORKS
from microgradcnn.targets.export import onnx_operators

CLOSE = 1e-6  # of float32, by norm


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.onnx"


def run(path, *arrays):
    """What onnxruntime makes of a file and its inputs, in order."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    taken = session.get_inputs()
    assert len(taken) == len(arrays)
    (found,) = session.run(None, {i.name: np.asarray(a, np.float32) for i, a in zip(taken, arrays, strict=True)})
    return found


def assert_close(found, expected, tolerance=CLOSE, least=1e-30):
    """`least` is the norm that errors are relative to where that of what is expected is smaller."""
    expected = np.asarray(expected)
    assert found.shape == expected.shape
    assert (found.dtype == np.bool_) == (expected.dtype == np.bool_)
    difference = np.linalg.norm(np.subtract(found, expected, dtype=float).ravel())
    assert difference <= tolerance * max(np.linalg.norm(expected.astype(float).ravel()), least)


def rounded(array):
    """A number or an array as float32 has it, in float64: with these, a file has no excuse."""
    return np.asarray(array) if np.asarray(array).dtype.kind == "b" else np.asarray(array, np.float32).astype(float)


def nodes(path):
    """The operators of a file, in order."""
    return [node.op_type for node in onnx.load(path).graph.node]


# Primitives


def test_every_primitive_has_its_operators():
    made = {"gemm", "softmax"}  # of several lines
    assert set(onnx_operators.OPERATORS) - made == BUILT_IN, "add a row to OPERATORS in targets/onnx_operators.py"


@pytest.mark.parametrize("name", CASES)
def test_primitives(name, path):
    def check(case):
        arrays = [rounded(x) for x in case.inputs]
        fixed = [i for i, x in enumerate(arrays) if x.dtype.kind == "b"]
        leaves = [x if i in fixed else Value(x, label=f"x{i}") for i, x in enumerate(arrays)]
        inputs = [v for v in leaves if isinstance(v, Value)]
        mg.export_onnx(TABLE[name](*leaves, **case.static), path, inputs, dynamic=False)
        cancels = np.linalg.norm(arrays[0].ravel()) if name in ("sum", "mean", "avg_pool2d") else 1e-30
        assert_close(run(path, *[v.data for v in inputs]), case.formula(np, *arrays), least=cancels)

    assert offenders(CASES[name], check) == []


@pytest.mark.parametrize(("name", "function"), [(name, f) for name, functions in ROWS.items() for f in functions])
def test_primitives_over_rows(name, function, path):
    rng = np.random.default_rng(0)
    x, p = Value(rounded(rng.normal(size=(4, 2, 3))), label="x"), Value(rounded(rng.uniform(0.5, 1.5, (2, 3))))
    y = function(x, p)
    mg.export_onnx(y, path, x)
    for n in (1, 3, 8):
        rows = rounded(rng.uniform(0.5, 1.5, (n, 2, 3)) * (1 if name in POSITIVE else rng.choice([-1, 1], (n, 2, 3))))
        assert_close(run(path, rows), function(Value(rows), p).data, 2e-6)


POSITIVE = {"log", "sqrt", "power", "pow", "log1p"}


@pytest.mark.parametrize("size", [1e-6, 1e-3, 0.3, 1.0, 5.0])
@pytest.mark.parametrize("function", [mg.expm1, mg.log1p, mg.softmax, mg.log_softmax, mg.tanh])
def test_small_numbers_keep_their_digits(function, size, path):
    x = Value(rounded(size * np.linspace(-0.9 if size <= 1.0 else 0.1, 0.9, 20)), label="x")
    mg.export_onnx(function(x), path, x, dynamic=False)
    assert_close(run(path, x.data), function(x).data)


def test_expm1_and_log1p_where_others_overflow(path):
    x = Value(np.array([-np.inf, -500.0, 500.0, np.inf]), label="x")
    mg.export_onnx(mg.expm1(x), path, x)
    assert run(path, x.data).tolist() == [-1.0, -1.0, np.inf, np.inf]
    mg.export_onnx(mg.log1p(x), path, x)
    np.testing.assert_allclose(run(path, [-1.0, 1e30, np.inf]), [-np.inf, np.log(1e30), np.inf])


# Networks and layers


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
def test_networks(name, activation, path):
    network, rng = NETWORKS[name](activation=activation, seed=1), np.random.default_rng(0)
    x = Value(rng.normal(size=(2, network.inputs)), label="x")
    mg.export_onnx(network.predict(x), path, x)
    for n in (1, 2, 100):
        rows = rounded(rng.normal(size=(n, network.inputs)))
        assert_close(run(path, rows), network.predict(rows).data)


RNG = np.random.default_rng(0)
LAYERS = {
    "Linear": (nn.Linear(4, 3, rng=RNG), (4,), ["Gemm"]),
    "Linear without bias": (nn.Linear(4, 3, bias=False, rng=RNG), (4,), ["Gemm"]),
    "Linear of sequences": (nn.Linear(4, 3, rng=RNG), (5, 4), ["Transpose", "MatMul", "Add"]),
    "Conv2d": (nn.Conv2d(2, 3, 3, rng=RNG), (2, 6, 7), ["Conv"]),
    "Conv2d with strides": (nn.Conv2d(2, 3, (3, 2), (2, 1), (1, 2), rng=RNG), (2, 6, 7), ["Conv"]),
    "Conv2d without bias": (nn.Conv2d(2, 3, 3, bias=False, rng=RNG), (2, 6, 7), ["Conv"]),
    "Conv2d in groups": (nn.Conv2d(4, 6, 3, padding=2, dilation=2, groups=2, rng=RNG), (4, 6, 7), ["Conv"]),
    "Conv2d of the same size": (nn.Conv2d(2, 3, (3, 5), padding="same", rng=RNG), (2, 6, 7), ["Conv"]),
    "Conv2d of the same size, even": (
        nn.Conv2d(2, 3, 4, padding="same", bias=False, rng=RNG),
        (2, 6, 7),
        ["Conv", "Slice"],
    ),
    "Conv1d": (nn.Conv1d(2, 3, 3, 2, 1, rng=RNG), (2, 9), ["Reshape"] * 2 + ["Conv"] + ["Reshape"] * 2 + ["Add"]),
    "ConvTranspose2d": (nn.ConvTranspose2d(2, 3, 3, 2, 1, 1, rng=RNG), (2, 4, 3), ["ConvTranspose"]),
    "ConvTranspose2d in groups": (
        nn.ConvTranspose2d(4, 6, 2, groups=2, dilation=3, bias=False, rng=RNG),
        (4, 4, 3),
        ["ConvTranspose"],
    ),
    "AvgPool2d": (nn.AvgPool2d(2), (2, 5, 6), ["AveragePool"]),
    "AvgPool2d with padding": (nn.AvgPool2d(3, 2, 1), (2, 5, 6), ["AveragePool"]),
    "AvgPool2d of pixels only": (nn.AvgPool2d(3, 2, 1, True, False), (2, 4, 6), ["AveragePool", "Mul"]),
    "MaxPool2d with padding": (nn.MaxPool2d(3, 2, 1), (2, 5, 6), ["MaxPool"]),
    "MaxPool2d with everything": (nn.MaxPool2d(3, 2, 1, 2, ceil_mode=True), (2, 8, 9), ["MaxPool"]),
    "AvgPool2d with strides": (nn.AvgPool2d((3, 2), 1), (2, 5, 6), ["AveragePool"]),
    "MaxPool2d": (nn.MaxPool2d(2), (2, 5, 6), ["MaxPool"]),
    "MaxPool2d with strides": (nn.MaxPool2d(3, (1, 2)), (2, 5, 6), ["MaxPool"]),
    "Flatten": (nn.Flatten(), (2, 3, 4), ["Flatten"]),
    "Flatten the last": (nn.Flatten(2), (2, 3, 4), ["Reshape"]),
    "ReLU": (nn.ReLU(), (4,), ["Relu"]),
    "Sigmoid": (nn.Sigmoid(), (4,), ["Sigmoid"]),
    "Tanh": (nn.Tanh(), (4,), ["Tanh"]),
    "Softmax": (nn.Softmax(), (4,), ["Softmax"]),
    "Softmax of images": (nn.Softmax(1), (4, 2, 3), ["Softmax"]),
    "Dropout": (nn.Dropout(rng=RNG), (4,), ["Identity"]),
    "Sequential": (nn.Sequential(nn.Linear(4, 8, rng=RNG), nn.ReLU(), nn.Softmax()), (4,), ["Gemm", "Relu", "Softmax"]),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name, path):
    layer, shape, expected = LAYERS[name]
    mg.export_onnx(layer, path, shape)
    assert nodes(path) == expected
    assert layer.training  # as it was, though eval() is what was exported
    rng = np.random.default_rng(1)
    for n in (1, 2, 33):
        x = rounded(rng.normal(size=(n, *shape)))
        assert_close(run(path, x), x if name == "Dropout" else layer(Value(x)).data)


# What several operators each make up: tests/nn/test_compiled_layers.py exports all of them.
COMPOSED = {"Embedding", "RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell", "MultiheadAttention", "LayerNorm"}
COMPOSED |= {"BatchNorm1d", "BatchNorm2d", "LeakyReLU", "GELU", "SiLU"}


def test_every_layer_is_among_them():
    layers = {name for name in nn.__all__ if isinstance(getattr(nn, name), type)} - {"Buffer", "Module"}
    assert {type(layer).__name__ for layer, _, _ in LAYERS.values()} | COMPOSED == layers


def test_lenet(path):
    model = nn.lenet(rng=np.random.default_rng(0), dtype=np.float32)
    mg.export_onnx(model, path, (1, 28, 28))
    conv, dense = ["Conv", "Relu", "AveragePool"], ["Gemm", "Relu"]
    assert nodes(path) == [*conv, *conv, "Flatten", *dense, *dense, "Gemm"]
    graph = onnx.load(path).graph
    assert [i.name for i in graph.initializer] == [name for name, _ in model.named_parameters()]
    for initializer in graph.initializer:
        assert np.array_equal(onnx.numpy_helper.to_array(initializer), model.state_dict()[initializer.name])
    assert [node.name for node in graph.node if node.op_type in ("Conv", "Gemm")] == ["0", "3", "7", "9", "11"]
    for n in (1, 64):
        x = np.random.default_rng(1).normal(size=(n, 1, 28, 28)).astype(np.float32)
        assert_close(run(path, x), model(Value(x)).data)


def test_float64_to_the_last_digits_by_the_reference_implementation(path):
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3, rng=RNG), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(8, 3, rng=RNG)
    )
    mg.export_onnx(model, path, (1, 6, 6), dtype=np.float64)
    x = np.random.default_rng(1).normal(size=(5, 1, 6, 6))
    (found,) = onnx.reference.ReferenceEvaluator(str(path)).run(None, {"x": x})
    assert_close(found, model(Value(x)).data, 1e-14)


@pytest.mark.parametrize("operator", ["Tanh", "Identity"])
def test_a_wrong_operator_is_noticed(operator, path, monkeypatch):
    monkeypatch.setitem(onnx_operators.OPERATORS, "sigmoid", operator)
    mg.export_onnx(nn.Sigmoid(), path, 3)
    x = np.ones((2, 3))
    with pytest.raises(AssertionError):
        assert_close(run(path, x), mg.sigmoid(x))


# Graphs


def test_one_example_in_scalars(path):
    w, b = Value(0.5, label="w"), Value(-0.2, label="b")
    x, y = Value(2.0, label="x"), Value(1.0, label="y")
    loss = ((w * x + b).sigmoid().sum() - y) ** 2
    mg.export_onnx(loss, path, [x, y])
    xs, ys = np.linspace(-1, 1, 7), np.linspace(0, 2, 7)
    assert_close(run(path, xs, ys), (1 / (1 + np.exp(0.2 - 0.5 * xs)) - ys) ** 2)
    mg.export_onnx(loss, path, [x, y], dynamic=False)
    assert_close(run(path, 2.0, 1.0), loss.data)


def test_a_loss_over_rows(path):
    rng = np.random.default_rng(0)
    model = nn.Linear(4, 3, rng=rng)
    x, y = Value(rng.normal(size=(2, 4)), label="x"), Value(np.array([0.0, 2.0]), label="y")
    mg.export_onnx(nn.cross_entropy(model(x), y), path, [x, y])
    rows, classes = rounded(rng.normal(size=(9, 4))), np.arange(9) % 3
    assert_close(run(path, rows, classes), nn.cross_entropy(model(Value(rows)), classes).data)


# How a recurrence begins, and what a new part of every row is filled with.
ROWS_OF_ZEROS = {
    "joined": lambda x: mg.concatenate([x, np.zeros((len(x), 2))], axis=1),
    "stacked": lambda x: mg.stack([np.zeros(x.shape), x], axis=1),
    "one number a row": lambda x: mg.stack([np.zeros(len(x)), x[:, 0]], axis=1),
}


@pytest.mark.parametrize("name", ROWS_OF_ZEROS)
def test_rows_of_zeros_are_as_many_as_the_input_has(name, path):
    x = Value(np.ones((3, 4)), label="x")
    mg.export_onnx(ROWS_OF_ZEROS[name](x), path, x)
    rows = rounded(np.random.default_rng(0).normal(size=(5, 4)))
    assert_close(run(path, rows), ROWS_OF_ZEROS[name](Value(rows)).data)


def test_gradients_are_graphs_too(path):
    rng = np.random.default_rng(0)
    layers = nn.Conv2d(1, 2, 3, 2, 1, rng=rng), nn.Tanh(), nn.MaxPool2d(2, 1), nn.AvgPool2d(2), nn.Flatten()
    model = nn.Sequential(*layers, nn.Linear(2, 3, rng=rng))
    x = Value(rounded(rng.normal(size=(4, 1, 7, 7))), label="x")
    loss = nn.cross_entropy(model(x), np.arange(4) % 3)
    for leaf in (x, *model.parameters()):
        (gradient,) = mg.grad(loss, [leaf])
        mg.export_onnx(gradient, path, x, dynamic=False)
        assert_close(run(path, x.data), gradient.data)


def test_the_file_says_what_is_in_it(path):
    w = Value(np.ones((3, 2), np.float32), label="S")
    x = Value(np.ones((2, 2)), label="x")
    y = (x @ w.T).sigmoid()
    y.label = "y_hat"
    mg.export_onnx(y, path, x, description="a layer")
    model = onnx.load(path)
    assert (model.producer_name, model.doc_string) == ("microgradcnn", "a layer")
    assert (model.opset_import[0].version, model.ir_version) == (16, 8)
    graph = model.graph
    assert [i.name for i in graph.initializer] == ["S"]
    for value, name, shape in ((graph.input[0], "x", ["n", 2]), (graph.output[0], "y_hat", ["n", 3])):
        assert value.name == name
        assert [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim] == shape
    before = path.read_bytes()
    mg.export_onnx(y, path, x, description="a layer")
    assert path.read_bytes() == before


def test_names_that_are_there_twice_or_odd(path):
    a, b, x = Value(np.ones(2), label="x"), Value(np.ones(2), label="x"), Value(np.ones((2, 2)), label="x")
    y = x * a + b * 2.0
    y.label = "a [strange] name/…"
    mg.export_onnx(y, path, x)
    assert_close(run(path, np.ones((3, 2))), np.full((3, 2), 3.0))
    mg.export_onnx(x, path, x)
    assert nodes(path) == ["Identity"]


# Errors, each in one sentence


def test_a_primitive_of_ones_own_is_named_and_can_be_given_a_row(path, own_primitives, monkeypatch):
    double = mg.primitive("double", lambda x: 2.0 * x, [lambda g, y, x: 2.0 * g])
    x = Value(np.ones((2, 3)), label="x")
    with pytest.raises(ValueError, match=r"^the primitive 'double' has no line in ONNX: .* targets=\{'onnx': "):
        mg.export_onnx(double(x), path, x)
    assert not path.exists()
    monkeypatch.setitem(onnx_operators.OPERATORS, "double", lambda w, line, args: w.node("Add", *args, *args))
    mg.export_onnx(double(x), path, x)
    assert_close(run(path, x.data), 2.0 * x.data)


class OverRows(nn.Module):
    """A layer that every row has to be there for."""

    def forward(self, x: Value) -> Value:
        return mg.normalised(x, axis=0)


ALONE = "mixes rows: .*; or give dynamic=False to export it for {} alone"
X, W = Value(np.ones((2, 3)), label="x"), Value(np.array([1e300, 1.0, 1.0]), label="w")
REFUSED = {
    "rows that mix": (lambda: (X.sum(axis=0), X), ValueError, "mixes rows by sum.*; or give dynamic=False"),
    "rows of a model": (lambda: (OverRows(), 3), ValueError, ALONE.format("one row")),
    "rows of a graph": (lambda: (mg.normalised(X, axis=0), X), ValueError, ALONE.format("as many rows as it was.*")),
    "numbers beyond float32": (lambda: (X * W, X), ValueError, "w has numbers that are too large for float32"),
    "an input that was computed": (lambda: (X * 2.0, X * 1.0), ValueError, "not an unlabelled result of mul"),
    "an input that is no Value": (
        lambda: (X * 2.0, [np.ones(2)]),
        ValueError,
        "leaves, Values made by hand, not array",
    ),
    "no graph": (lambda: (np.ones(2), X), TypeError, "takes a model or a Value"),
    "a model with inputs": (lambda: (nn.ReLU(), X), TypeError, "with the shape of one example"),
    "a shape that does not fit": (lambda: (nn.Linear(4, 3, rng=RNG), 5), ValueError, r"Linear.* takes rows of 4"),
    "sums of booleans": (lambda: ((X > 0.0) + (X > 1.0), X), ValueError, "add of booleans has no operator"),
    "rows that are moved": (
        lambda: (X.reshape(-1, 3, 1, 1)[:, [0, 1], :, [0, 0]].transpose(1, 0, 2)[:, :, 0], X),
        ValueError,
        "rows",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name, path):
    make, kind, message = REFUSED[name]
    with pytest.raises(kind, match=message) as refused:
        mg.export_onnx(*make()[:1], path, *make()[1:])
    assert "\n" not in str(refused.value)
    assert not path.exists()


def test_files_that_cannot_be_written_and_types_that_files_lack(tmp_path):
    with pytest.raises(FileError, match="cannot be written"):
        mg.export_onnx(nn.ReLU(), tmp_path / "missing" / "model.onnx", 3)
    with pytest.raises(TypeError, match="float32 or float64, not int64"):
        mg.export_onnx(nn.ReLU(), tmp_path / "model.onnx", 3, dtype=int)


def test_without_onnx(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtra, match=r"^export_onnx needs onnx, .*: pip install 'microgradcnn\[onnx\]'$"):
        mg.export_onnx(nn.ReLU(), path, 3)


# The command line


def test_export_of_a_trained_network_takes_raw_rows(tmp_path, capsys):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 2)) * [5.0, 0.1] + [30.0, -2.0]
    table, out = tmp_path / "table.csv", tmp_path / "model.onnx"
    rows = [f"{a},{b},{'yes' if a > 30.0 else 'no'}" for a, b in x]
    table.write_text("a,b,label\n" + "\n".join(rows) + "\n")
    assert main(["train", "single_layer", "--data", str(table), "--epochs", "20", "--out", str(tmp_path)]) == 0
    parameters = ["--parameters", str(tmp_path / "parameters.npz")]
    capsys.readouterr()
    assert main(["export", "single_layer", *parameters, "--out", str(out)]) == 0
    about = "single_layer: x is rows of 2 numbers, unscaled, in this order: a, b; y_hat ≥ 0.5 is yes, below is no"
    assert capsys.readouterr().out == f"written: {out}\n{about}\n"
    assert nodes(out) == ["Sub", "Div", "Gemm", "Sigmoid", "MatMul"]
    assert sorted(tensor.name for tensor in onnx.load(out).graph.initializer) == ["S", "scale", "shift", "w"]
    assert onnx.load(out).doc_string == about
    properties = {entry.key: json.loads(entry.value) for entry in onnx.load(out).metadata_props}
    assert properties == {"features": ["a", "b"], "classes": ["no", "yes"]}
    assert_close(run(out, x), predict(load_trained(tmp_path / "parameters.npz"), x))
    assert main(["export", "conv_average", *parameters, "--out", str(out)]) == 2
    assert capsys.readouterr().err.endswith("holds a single_layer, not a conv_average\n")


@pytest.mark.parametrize("name", NETWORKS)
def test_export_of_every_network(name, tmp_path, capsys):
    network, rng = NETWORKS[name](seed=1), np.random.default_rng(0)
    scaling = Scaling(np.zeros(network.inputs), np.full(network.inputs, 255.0))
    save_trained(tmp_path / "p.npz", Trained(network, scaling, ("6", "7"), 3))
    out = tmp_path / "model.onnx"
    assert main(["export", name, "--parameters", str(tmp_path / "p.npz"), "--out", str(out), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["written"], record["input"]["shape"]) == (str(out), ["n", network.inputs])
    assert "shrunk to 3×3; y_hat ≥ 0.5 is 7, below is 6" in record["description"]
    x = rounded(rng.uniform(0, 255, (5, network.inputs)))
    assert_close(run(out, x), network.predict(x / 255.0).data)
