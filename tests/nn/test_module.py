"""Modules: parameters found by walking attributes, their names, modes, state, files, and the table of a model."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.files import FileError, read_arrays, write_arrays
from microgradcnn.nn.module import KIND


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


class Net(nn.Module):
    """A model of one's own: attributes of every kind."""

    width: int

    def __init__(self, seed: int = 0, width: int = 5) -> None:
        generator = rng(seed)
        self.width, self.note = width, "not declared"
        self.features = nn.Sequential(nn.Conv2d(1, 2, 3, rng=generator), nn.ReLU(), nn.Flatten())
        self.layers = [nn.Linear(8, width, rng=generator), nn.Linear(width, 5, rng=generator, bias=False)]
        self.scale = Value(2.0)
        self.offset = np.ones(5)  # an array is a constant
        self.heads = {"mean": (Value(np.ones(5)),)}
        self.dropout = nn.Dropout(0.5, rng=generator)

    def __call__(self, x: Any) -> Any:
        h = self.features(x)
        for layer in self.layers:
            h = self.dropout(layer(h).tanh())
        return h * self.scale + self.offset * self.heads["mean"][0]


NAMES = [
    *("features.0.weight", "features.0.bias", "layers.0.weight", "layers.0.bias", "layers.1.weight"),
    *("scale", "heads.mean.0"),
]


# Walking


def test_parameters_by_their_dotted_names_in_order() -> None:
    net = Net()
    assert [name for name, _ in net.named_parameters()] == NAMES
    assert net.parameters() == [p for _, p in net.named_parameters()]
    assert [name for name, _ in net.named_modules()] == [
        *("", "features", "features.0", "features.1", "features.2", "layers.0", "layers.1", "dropout")
    ]


def test_parameters_are_labelled_by_their_names() -> None:
    assert [p.label for p in Net().parameters()] == NAMES
    assert [p.label for p in nn.Sequential(nn.ReLU(), Net()).parameters()] == [f"1.{name}" for name in NAMES]


def test_a_label_of_ones_own_stays() -> None:
    net, w = nn.Module(), Value(1.0, label="w_1")
    net.weight = w
    assert (nn.Sequential(net).parameters(), w.label) == ([w], "w_1")


def test_a_layer_keeps_the_name_of_its_first_place() -> None:
    model = nn.Sequential(nn.ReLU(), nn.Linear(2, 2, rng=rng()))
    part = model[1:]
    assert [name for name, _ in part.named_parameters()] == ["0.weight", "0.bias"]
    assert [p.label for p in part.parameters()] == ["1.weight", "1.bias"]
    with pytest.raises(ValueError, match=r"^layer 1, Linear"):
        part(np.zeros(3))


def test_what_is_in_two_places_is_one_parameter_with_two_names() -> None:
    shared = nn.Linear(2, 2, rng=rng())
    model = nn.Sequential(shared, nn.Tanh(), shared)
    assert [name for name, _ in model.named_parameters()] == ["0.weight", "0.bias"]
    assert list(model.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert [name for name, _ in model.named_modules()] == ["", "0", "1"]
    model.load_state_dict(model.state_dict())
    state = model.state_dict() | {"2.bias": np.ones(2)}
    with pytest.raises(
        ValueError, match=r"^the state has different numbers in 0\.bias and 2\.bias, which are one para"
    ):
        model.load_state_dict(state)


def test_a_part_may_know_what_it_is_a_part_of() -> None:
    model = nn.Sequential(nn.Linear(1, 1, rng=rng()))
    model[0].__dict__["whole"] = model
    assert [name for name, _ in model.named_parameters()] == ["0.weight", "0.bias"]


def test_results_are_no_parameters() -> None:
    net = nn.Module()
    net.w = Value(1.0)
    net.kept = net.w * 2.0
    assert net.parameters() == [net.w]


class Running(nn.Module):
    """A mean that is kept as an attribute without being a Buffer, and a state that goes on from call to call."""

    def __init__(self) -> None:
        self.weight, self.mean, self.state = Value(np.ones(3)), np.zeros(3), None

    def forward(self, x: Value) -> Value:
        with mg.no_grad():
            self.mean = 0.9 * self.mean + 0.1 * x.mean(axis=0)
        self.state = (self.weight * x - self.mean).detach()
        return self.weight * x - self.mean


def test_what_was_computed_is_no_parameter_and_a_parameter_stays_one() -> None:
    model = Running()
    for again in (model, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        again(Value(np.ones((2, 3)))).sum().backward()
        for kept in (again, copy.deepcopy(again), pickle.loads(pickle.dumps(again))):
            assert isinstance(kept.mean, Value)
            assert [name for name, _ in kept.named_parameters()] == list(kept.state_dict()) == ["weight"]
        with mg.no_grad():
            again.weight -= 0.1 * again.weight.grad
        assert [name for name, _ in again.named_parameters()] == ["weight"]


def test_a_parameter_is_not_lost_to_an_operator_in_place() -> None:
    layer, before = nn.Linear(2, 3), nn.Linear(2, 3).weight
    layer.weight = before
    with pytest.raises(TypeError, match=r"^weight is a parameter, .*: write weight\.data in place of weight"):
        layer.weight *= 0.1
    layer.weight.data *= 0.1
    assert layer.parameters()[0] is layer.weight is before


class Started(nn.Module):
    """Parameters that start from what was computed."""

    def __init__(self) -> None:
        with mg.no_grad():
            self.weight = 0.1 * Value(np.ones(3))
        self.layers = [{"shift": (Value(np.ones(2)) * 0.1).detach()}]

    def forward(self, x: Value) -> Value:
        return self.weight * x


def test_what_init_sets_is_a_parameter_however_it_was_computed() -> None:
    model = Started()
    for kept in (model, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert [name for name, _ in kept.named_parameters()] == list(kept.state_dict()) == ["weight", "layers.0.shift"]
        kept.load_state_dict({name: 2.0 * p for name, p in kept.state_dict().items()})
    assert [p.op for p in model.parameters()] == [None, None]


class Recurrent(nn.Module):
    """A state that goes on from call to call, cut off from the graph of the call before."""

    def __init__(self) -> None:
        self.weight, self.state = Value(0.5), None

    def forward(self, x: Value) -> Value:
        self.state = x if self.state is None else self.state.detach()
        self.state = mg.tanh(self.state)
        return self.weight * self.state


def test_a_state_may_be_computed_from_itself() -> None:
    model = Recurrent()
    for _ in range(3):
        y = model(Value(1.0))
        assert [name for name, _ in model.named_parameters()] == ["weight"]
    assert y.item() == pytest.approx(0.5 * np.tanh(np.tanh(np.tanh(1.0))))


def test_a_dataclass_is_a_module() -> None:
    @dataclass
    class Scale(nn.Module):
        by: Value
        power: int = 1

        def forward(self, x: Any) -> Any:
            return x * self.by**self.power

    model = nn.Sequential(Scale(Value(2.0), power=2))
    assert model(Value(3.0)).data == 12.0
    assert [(name, p.label) for name, p in model.named_parameters()] == [("0.by", "0.by")]
    assert model[0].line() == "Scale(power=2)"


def test_a_sequential_is_a_sequence() -> None:
    layers = [nn.ReLU(), nn.Tanh(), nn.Sigmoid()]
    model = nn.Sequential(*layers)
    assert (list(model), len(model), model[0], model[-1]) == (layers, 3, layers[0], layers[2])
    assert list(model[1:]) == layers[1:]
    assert len(nn.Sequential(*[nn.ReLU()] * 11)) == 11
    assert nn.Sequential()(3.0) == 3.0
    with pytest.raises(IndexError):
        model[3]


@pytest.mark.parametrize(
    ("layers", "fix"),
    [
        ([nn.ReLU()], r"write nn\.Sequential\(\*layers\)$"),
        ({"first": nn.ReLU()}, r"write nn\.Sequential\(\*layers\.values\(\)\)$"),
        (mg.relu, r"no Module, such as nn\.ReLU\(\)$"),
    ],
)
def test_what_a_sequential_is_made_of_goes_in_one_by_one(layers: Any, fix: str) -> None:
    with pytest.raises(TypeError, match=fix):
        nn.Sequential(layers)


def test_a_model_without_a_forward_says_so() -> None:
    class Empty(nn.Module):
        pass

    with pytest.raises(NotImplementedError, match="Empty computes nothing yet: give it a method forward or __call__"):
        Empty()(1.0)


# Modes and gradients


def test_train_and_eval_reach_every_module() -> None:
    net = Net()
    assert {m.training for _, m in net.named_modules()} == {True}
    assert net.eval() is net
    assert {m.training for _, m in net.named_modules()} == {False}
    x = rng().random((2, 1, 4, 4))
    assert np.array_equal(net(x).data, net(x).data)
    assert not np.array_equal(net.train()(x).data, net(x).data)


def test_zero_grad_forgets_every_gradient() -> None:
    net = Net()
    mg.mean(net(rng().random((2, 1, 4, 4)))).backward()
    assert all(p.has_grad for p in net.parameters())
    optimiser = mg.optim.SGD(net.parameters())
    for holder in (net, optimiser):
        holder.zero_grad(set_to_none=False)
        assert all(p.has_grad and not np.any(p.grad) for p in net.parameters())
        holder.zero_grad(set_to_none=True)
        assert all(not p.has_grad for p in net.parameters())
    mg.mean(net(rng().random((2, 1, 4, 4)))).backward()
    net.zero_grad()
    assert all(not p.has_grad for p in net.parameters())


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_have_parameters_of_their_own(duplicate: Callable[[nn.Module], nn.Module]) -> None:
    model = nn.lenet(rng=rng())
    twin = duplicate(model)
    x = rng().random((1, 1, 28, 28))
    assert np.array_equal(twin(x).data, model(x).data)
    twin[0].bias.data = np.ones(6)
    assert not np.array_equal(twin(x).data, model(x).data)
    assert [p.label for p in twin.parameters()] == [p.label for p in model.parameters()]


# State


def test_a_state_makes_another_model_the_same() -> None:
    one, other = Net(0).eval(), Net(1).eval()
    x = rng().random((3, 1, 4, 4))
    state = one.state_dict()
    other.load_state_dict({name: state[name] for name in reversed(state)})
    assert np.array_equal(one(x).data, other(x).data)
    state["scale"] += 1.0  # a copy
    assert one.scale.data == 2.0


def changed(**changes: Any) -> dict[str, Any]:
    state = Net(1).state_dict() | {name.replace("_", "."): array for name, array in changes.items()}
    return {name: array for name, array in state.items() if array is not None}


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({}, "lacks features.0.weight, features.0.bias, layers.0.weight"),
        (changed(layers_0_bias=None), "lacks layers.0.bias"),
        (changed(layers_7_bias=np.ones(1)), "has layers.7.bias, which Net has not"),
        (changed(scale=None, size=np.ones(1)), "lacks scale and has size, which Net has not"),
        (changed(scale=np.ones(2)), "has scale as float64 of shape (2,), and Net as float64 of shape ()"),
        (
            changed(layers_1_weight=np.ones((5, 5)) * 1j),
            "has layers.1.weight as complex128 of shape (5, 5), and Net as",
        ),
        (changed(scale="2"), "has scale as <U1 of shape (), and Net as float64"),
        (changed(layers_0_bias=[0, 1, np.nan, 0, 0]), "has layers.0.bias with NaN or infinity in it"),
        (changed(layers_0_bias=[0, 1, -np.inf, 0, 0]), "has layers.0.bias with NaN or infinity in it"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_before_anything_changes(state: dict[str, Any], says: str) -> None:
    net = Net()
    before = net.state_dict()
    with pytest.raises(ValueError, match=re.escape(f"the state {says}")):
        net.load_state_dict(state)
    assert all(np.array_equal(before[name], p) for name, p in net.state_dict().items())


def test_a_number_too_large_for_float32_is_refused() -> None:
    layer = nn.Linear(1, 1, rng=rng(), dtype=np.float32)
    with pytest.raises(ValueError, match="the state has bias with NaN or infinity in it"):
        layer.load_state_dict({"weight": [[1.0]], "bias": [1e300]})
    layer.load_state_dict({"weight": [[1]], "bias": np.array([0.1])})
    assert layer.bias.data == np.float32(0.1)


# Files


def test_a_file_makes_another_model_the_same(tmp_path: Path) -> None:
    one, other = Net(0).eval(), Net(1).eval()
    one.save(tmp_path / "net.npz")
    assert other.load(str(tmp_path / "net.npz")) is other
    x = rng().random((3, 1, 4, 4))
    assert np.array_equal(one(x).data, other(x).data)
    with np.load(tmp_path / "net.npz") as archive:
        assert [name for name in archive.files if name != "description.json"] == NAMES
    about, _ = read_arrays(tmp_path / "net.npz", KIND)
    assert about["architecture"][:2] == ["the model: Net(width=5)", "features: Sequential()"]
    assert about["architecture"][2] == "features.0: Conv2d(in_channels=1, out_channels=2, kernel_size=(3, 3))"


SMALL: dict[str, Callable[[], nn.Module]] = {
    "as saved": lambda: nn.Sequential(nn.Linear(2, 3, rng=rng(9)), nn.Tanh(), nn.Linear(3, 1, rng=rng(9))),
    "relu": lambda: nn.Sequential(nn.Linear(2, 3, rng=rng()), nn.ReLU(), nn.Linear(3, 1, rng=rng())),
    "wider": lambda: nn.Sequential(nn.Linear(2, 4, rng=rng()), nn.Tanh(), nn.Linear(4, 1, rng=rng())),
    "longer": lambda: nn.Sequential(*SMALL["as saved"](), nn.Tanh()),
    "shorter": lambda: SMALL["as saved"]()[:2],
    "without bias": lambda: nn.Sequential(nn.Linear(2, 3, rng=rng()), nn.Tanh(), nn.Linear(3, 1, False, rng=rng())),
    "float32": lambda: nn.Sequential(
        nn.Linear(2, 3, rng=rng(), dtype="f4"), nn.Tanh(), nn.Linear(3, 1, rng=rng(), dtype="f4")
    ),
}
REFUSED = {
    "relu": "was written for a model with 1: Tanh(), where this one has 1: ReLU()",
    "wider": "0: Linear(in_features=2, out_features=3), where this one has 0: Linear(in_features=2, out_features=4)",
    "longer": "was written for a model with nothing more, where this one has 3: Tanh()",
    "shorter": "with 2: Linear(in_features=3, out_features=1), where this one has nothing more",
    "without bias": "where this one has 2: Linear(in_features=3, out_features=1, bias=None)",
    "float32": "has 0.weight as float64 of shape (3, 2), and Sequential as float32 of shape (3, 2)",
}


@pytest.mark.parametrize("other", REFUSED)
def test_a_file_for_another_model_is_refused_before_anything_changes(other: str, tmp_path: Path) -> None:
    path, model = tmp_path / "p.npz", SMALL[other]()
    SMALL["as saved"]().save(path)
    before = model.state_dict()
    with pytest.raises(FileError) as refused:
        model.load(path)
    assert str(refused.value).startswith(f"{path} ")
    assert REFUSED[other] in str(refused.value)
    assert all(np.array_equal(before[name], p) for name, p in model.state_dict().items())


def test_a_file_with_nan_is_neither_written_nor_read(tmp_path: Path) -> None:
    path, model = tmp_path / "p.npz", SMALL["as saved"]()
    model.save(path)
    whole = path.read_bytes()
    about, arrays = read_arrays(path, KIND)
    model[0].bias.data = [0.0, np.nan, 1.0]
    with pytest.raises(FileError, match=r"p\.npz is not written: the model has 0\.bias with NaN or infinity in it"):
        model.save(path)
    assert path.read_bytes() == whole
    write_arrays(path, KIND, {"architecture": about["architecture"]}, arrays | {"2.bias": np.array([np.inf])})
    with pytest.raises(FileError, match=r"p\.npz has 2\.bias with NaN or infinity in it"):
        SMALL["as saved"]().load(path)


def test_any_name_of_a_parameter_comes_back(tmp_path: Path) -> None:
    net = nn.Module()
    net.description, net.parts = (
        Value(1.0),
        {"a b": Value(2.0), "a.npy": Value(3.0), "Zürich/1": Value(4.0), 7: Value(5.0)},
    )
    net.save(tmp_path / "p.npz")
    saved = net.state_dict()
    for p in net.parameters():
        p.data = 0.0
    assert net.load(tmp_path / "p.npz").state_dict() == saved
    assert list(saved.values()) == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_two_parameters_of_one_name_are_refused(tmp_path: Path) -> None:
    net = nn.Module()
    net.parts = {1: Value(1.0), "1": Value(2.0)}
    with pytest.raises(ValueError, match=r"Module has two parameters called parts\.1: one needs another name"):
        net.save(tmp_path / "p.npz")


def test_other_files_are_refused(tmp_path: Path) -> None:
    path, model = tmp_path / "p.npz", SMALL["as saved"]()
    with pytest.raises(FileError, match=r"does not exist: give the model file that model\.save wrote"):
        model.load(path)
    np.savez(path, **model.state_dict())
    with pytest.raises(FileError, match=r"is damaged, or no model file that model\.save wrote"):
        model.load(path)
    write_arrays(path, "parameters file that train wrote", {}, {})
    with pytest.raises(FileError, match=r"is a parameters file that train wrote, and no model file that model\.save"):
        model.load(path)
    with pytest.raises(FileError, match="cannot be written"):
        model.save(tmp_path / "no" / "p.npz")


@pytest.mark.slow
def test_no_flipped_bit_and_no_missing_byte_loads_anything_else(tmp_path: Path) -> None:
    model, target = (nn.Sequential(nn.Linear(2, 1, rng=rng(seed))) for seed in (0, 2))
    path = tmp_path / "p.npz"
    model.save(path)
    whole, saved, other = path.read_bytes(), model.state_dict(), target.state_dict()
    bits = rng(1).integers(8, size=len(whole)).tolist()
    contents = [whole[:i] + bytes([whole[i] ^ 1 << bit]) + whole[i + 1 :] for i, bit in enumerate(bits)]
    contents += [whole[:length] for length in range(0, len(whole), 7)]
    loaded = 0
    for content in contents:
        path.write_bytes(content)
        expected = other
        try:
            target.load(path)
        except FileError:
            pass
        else:
            expected, loaded = saved, loaded + 1
        assert all(np.array_equal(expected[name], p) for name, p in target.state_dict().items())
        target.load_state_dict(other)
    assert 0 < loaded < len(whole) / 3  # a flipped date, say, which nobody reads


# The table


def test_a_model_prints_as_a_table() -> None:
    assert repr(nn.Conv2d(1, 2, 3, 2, (0, 1), False, rng=rng())) == (
        "Conv2d(in_channels=1, out_channels=2, kernel_size=(3, 3), stride=(2, 2), padding=(0, 1), bias=None)"
    )
    assert repr(nn.AvgPool2d(3, 1)) == "AvgPool2d(kernel_size=(3, 3), stride=(1, 1))"
    assert repr(nn.lenet(rng=rng())[7]) == "Linear(in_features=256, out_features=120)"
    assert repr(nn.Sequential(nn.Linear(2, 3, rng=rng()), nn.Dropout(0.5, rng=rng()))) == "\n".join(
        [
            "layer                                         parameters",
            "0      Linear(in_features=2, out_features=3)           9",
            "1      Dropout(p=0.5)                                  0",
            "total                                                  9",
        ]
    )


def test_the_table_of_lenet() -> None:
    """Operations by hand: 50 for each of 6·24·24 numbers (25 products, 24 sums, the bias), and so on."""
    found = nn.lenet(rng=rng()).summary((1, 28, 28))
    assert [(row.name, row.shape, row.parameters, row.operations) for row in found.rows] == [
        ("0", ("n", 6, 24, 24), 6 * 25 + 6, 50 * 6 * 24 * 24),
        ("1", ("n", 6, 24, 24), 0, 6 * 24 * 24),
        ("2", ("n", 6, 12, 12), 0, 4 * 6 * 12 * 12),
        ("3", ("n", 16, 8, 8), 16 * 150 + 16, 300 * 16 * 8 * 8),
        ("4", ("n", 16, 8, 8), 0, 16 * 8 * 8),
        ("5", ("n", 16, 4, 4), 0, 4 * 16 * 4 * 4),
        ("6", ("n", 256), 0, 0),
        ("7", ("n", 120), 257 * 120, 512 * 120),
        ("8", ("n", 120), 0, 120),
        ("9", ("n", 84), 121 * 84, 240 * 84),
        ("10", ("n", 84), 0, 84),
        ("11", ("n", 10), 85 * 10, 168 * 10),
    ]
    assert (found.parameters, found.operations) == (44_426, sum(row.operations for row in found.rows))
    lines = str(found).splitlines()
    assert lines[0].split() == ["layer", "output", "shape", "parameters", "operations"]
    row = ("3", "Conv2d(in_channels=6, out_channels=16, kernel_size=(5, 5))", "(n, 16, 8, 8)", "2,416", "307,200")
    assert re.split(r"  +", lines[4]) == list(row)
    assert lines[-1].split() == ["total", "44,426", f"{found.operations:,}"]
    assert len({len(line) for line in lines}) == 1


def test_the_table_of_a_model_of_ones_own() -> None:
    net = Net().train()
    net.features.eval()
    state = copy.deepcopy(net.dropout.rng.bit_generator.state)
    found = net.summary((1, 4, 4))
    assert [(row.name, row.parameters) for row in found.rows if row.parameters] == [
        *(("", 6), ("features.0", 20), ("layers.0", 45), ("layers.1", 25))
    ]
    assert [row.shape for row in found.rows if row.name in ("", "features.0")] == [("n", 5), ("n", 2, 2, 2)]
    assert "between the layers" in str(found)
    assert found.parameters == sum(np.size(p.data) for p in net.parameters())
    assert net.dropout.rng.bit_generator.state == state, "a table draws no random numbers"
    assert (net.training, net.dropout.training, net.features.training) == (True, True, False)


@pytest.mark.parametrize(
    ("layer", "shape", "operations"),
    [
        (nn.Sigmoid(), (3,), 3),
        (nn.MaxPool2d(2), (1, 4, 4), 4 * 3),
        (nn.AvgPool2d(3, 1), (1, 4, 4), 4 * 9),
        (nn.Conv2d(4, 6, 2, groups=2, bias=False, rng=rng()), (4, 3, 3), 6 * 4 * (8 + 7)),
        (nn.Conv1d(2, 3, 2, rng=rng()), (2, 5), 3 * 4 * (4 + 3 + 1)),
        # Every product but the first is added to others, for each of the 2·16 numbers: then comes the bias.
        (nn.ConvTranspose2d(3, 2, 2, stride=2, rng=rng()), (3, 2, 2), 2 * (3 * 4 * 2 * 4) - 32 + 32),
        (nn.Softmax(), (4,), 3 + 4 + 4 + 3 + 1 + 4 + 4),
        # For each row: a sum, a division, x − the mean, its squares, a sum, a division, + ε, √, the quotients.
        (nn.LayerNorm(4, elementwise_affine=False), (3, 4), 3 * (3 + 1 + 4 + 4 + 3 + 1 + 1 + 1 + 4)),
        (nn.LayerNorm((3, 4)), (2, 3, 4), 2 * (11 + 1 + 12 + 12 + 11 + 1 + 1 + 1 + 12) + 2 * 24),
        (nn.Flatten(), (2, 2, 2), 0),
        (nn.Linear(5, 1, bias=False, rng=rng()), (5,), 9),
        (nn.Sequential(nn.Tanh()), (2,), 2),
    ],
)
def test_operations(layer: nn.Module, shape: tuple[int, ...], operations: int) -> None:
    assert layer.summary(shape).operations == operations
    assert len(shape) > 1 or layer.summary(shape[0]).operations == operations


IN_ONE: dict[str, tuple[Callable[[Value], Value], Callable[[Value], Value]]] = {
    "linear": (lambda x: mg.linear(x, np.ones((5, 3)), np.ones(5)), lambda x: x @ np.ones((3, 5)) + np.ones(5)),
    "layer_norm": (
        lambda x: mg.layer_norm(x, 3, np.ones(3), np.ones(3)),
        lambda x: mg.normalised(x, -1) * np.ones(3) + np.ones(3),
    ),
    "batch_norm": (
        lambda x: mg.batch_norm(x, None, None, np.ones(4), np.ones(4), True),
        lambda x: mg.normalised(x, (0, 2)) * np.ones((4, 1)) + np.ones((4, 1)),
    ),
    "cross_entropy": (
        lambda x: mg.cross_entropy(x[0], [0, 2, 1, 1]),
        lambda x: -mg.mean(mg.log_softmax(x[0])[np.arange(4), [0, 2, 1, 1]]),
    ),
    "attention": (
        lambda x: mg.scaled_dot_product_attention(x, x, x, np.ones(4)),
        lambda x: mg.softmax(2.0 * (x @ mg.swapaxes(x, 1, 2)) + np.ones(4)) @ x,
    ),
}


@pytest.mark.parametrize("name", IN_ONE)
def test_a_function_of_layers_has_the_operations_of_its_steps(name: str) -> None:
    class Alone(nn.Module):
        def __init__(self, function: Callable[[Value], Value]) -> None:
            self.function = function

        def forward(self, x: Value) -> Value:
            return self.function(x)

    one, steps = (Alone(function).summary((4, 3)).operations for function in IN_ONE[name])
    assert one == steps > 0


def test_operations_between_layers() -> None:
    class Reduced(nn.Module):
        def forward(self, x: Any) -> Any:
            return mg.concatenate([mg.sum(x, axis=1), mg.mean(x, axis=1), mg.max(x, axis=1)]) * 2.0

    assert Reduced().summary((4,)).operations == 3 + 4 + 3 + 3


def test_a_layer_that_is_used_twice_works_twice() -> None:
    layer = nn.Linear(2, 2, bias=False, rng=rng())
    found = nn.Sequential(layer, layer).summary((2,))
    assert (found.parameters, found.operations, len(found.rows)) == (4, 12, 1)


def test_a_table_for_a_shape_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match=r"^layer 0, Conv2d.* not an input of shape \(1, 3, 28, 28\)$"):
        nn.lenet(rng=rng()).summary((3, 28, 28))


class Scaled(nn.Module):
    """A model whose forward has an argument with a name."""

    def __init__(self) -> None:
        self.layer = nn.Linear(2, 2, rng=np.random.default_rng(0))

    def forward(self, x: Value, *, factor: float = 1.0) -> Value:
        return factor * self.layer(x)


def test_arguments_with_names_reach_forward_watched_or_not() -> None:
    model, x = nn.Sequential(inner := Scaled()), Value(np.ones((1, 2)))
    np.testing.assert_array_equal(inner(x, factor=3.0).data, 3.0 * inner(x).data)
    np.testing.assert_array_equal(inner(x=x).data, model(x).data)
    assert model.summary(2).operations == 8 + 2
    with pytest.raises(TypeError, match="unexpected keyword argument 'factors'"):
        inner(x, factors=3.0)
