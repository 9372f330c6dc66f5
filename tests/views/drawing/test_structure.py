"""Groups that people mean: variables' names, layers and neurons, steps of a loop; and models drawn with an example."""

from __future__ import annotations

import sys
from collections import namedtuple
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace

import numpy as np
import pytest
from drawn_networks import MLP, RNG, lenet
from seen import unpacked

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.engine.gradient import topological
from microgradcnn.networks import NETWORKS
from microgradcnn.views.drawing.scene import drawn


def words(picture: mg.Picture) -> list[str]:
    return [box.words for box in picture.drawing.boxes]


def members(picture: mg.Picture, name: str) -> list[Value]:
    (group,) = [group for group in picture.drawing.groups if group.name == name]
    order = topological(picture.f)
    return [order[i] for i in group.members]


def test_a_network_of_scalars_shows_its_layers_and_neurons() -> None:
    model = MLP(2, 16, 16, 1)
    x = [Value(0.5), Value(-1.0)]
    yhat = model(x)
    loss = (yhat - 1.0) ** 2
    picture = mg.draw(loss, names={"model": model, "x": x, "yhat": yhat, "loss": loss})
    assert [w for w in words(picture) if "=" not in w] == ["x₁", "x₂", "Layer 1", "Layer 2", "Layer 3: yhat"]
    assert words(picture)[-1].startswith("loss = ")
    neuron = model.layers[1].neurons[4]
    assert {*neuron.w, neuron.b} <= set(members(picture, "Neuron 2.5"))
    assert len(members(picture, "Neuron 2.5")) == 16 + 1 + 16 + 16 + 1  # weights, bias, products, sums, tanh
    assert {v.label for v in topological(loss)} == {None}  # the names are the picture's, not the nodes'
    opened = mg.draw(loss, names={"model": model, "yhat": yhat}, open=["Layer 3", "Neuron 3.1"])
    assert {"w₃₁₁", "w₃,₁,₁₆", "b₃₁", "Layer 1", "Layer 2"} <= set(words(opened))


class Slotted:
    __slots__ = ("b", "w")

    def __init__(self) -> None:
        self.w, self.b = [Value(0.5), Value(-0.5)], Value(0.1)


class Anything:
    """Says to have whatever it is asked for."""

    def __getattr__(self, name: str) -> int:
        return 3


Parameters = namedtuple("Parameters", "w v")


def test_parameters_are_found_wherever_people_keep_them() -> None:
    def neuron(inputs: int) -> Callable[[Sequence[Value]], Value]:
        w = [Value(0.5) for _ in range(inputs)]
        return lambda x: sum((a * b for a, b in zip(w, x, strict=True)), Value(0.0)).tanh()

    first, x = [neuron(2) for _ in range(8)], [Value(1.0), Value(2.0)]
    last = neuron(8)
    picture = mg.draw(last([each(x) for each in first]), names={"first": first, "last": last, "x": x})
    assert words(picture)[2:4] == ["first 1: t₆", "first 2: t₁₂"]
    assert words(picture)[-1] == "last: t₆₆"
    slotted, kept = Slotted(), Parameters([Value(0.5), Value(1.0)], Value(2.0))
    f = slotted.w[0] * kept.w[0] + slotted.w[1] * kept.w[1] + slotted.b * kept.v
    found = words(mg.draw(f, names={"stranger": Anything(), "slotted": slotted, "kept": kept}, open=True))
    assert {"b", "v", "w₁", "w₂"} <= {*found}


def test_names_from_variables_are_labels_where_there_are_none() -> None:
    a, b = Value(-4.0), Value(2.0, label="own")
    c = a + b
    d = c * c
    picture = mg.draw(d, names={"a": a, "b": b, "c": c, "d": d, "_hidden": a, "own": a, "unrelated": 3})
    assert words(picture) == ["a", "own", "c = a + own", "d = cc"]
    assert words(mg.draw(d)) == ["t₁", "own", "t₂ = t₁ + own", "t₃ = t₂t₂"]
    page = mg.draw(d, names={"a": a, "c": c}).html()
    assert '"name":"c"' in unpacked(page, "told")
    assert a.label is None


def test_a_notebooks_variables_are_names_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    a = Value(1.0)
    shell = SimpleNamespace(user_ns={"seen": a, "In": [a], "_1": a})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))  # type: ignore[arg-type]
    assert words(mg.draw(a * 2.0))[0] == "seen"
    assert words(mg.draw(a * 2.0, names=False))[0] == "t₁"
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))  # type: ignore[arg-type]
    assert words(mg.draw(a * 2.0))[0] == "t₁"


def test_layers_hold_their_parameters() -> None:
    model = lenet()
    image = np.linspace(0.0, 1.0, 784).reshape(1, 1, 28, 28)
    picture = mg.draw(model, image)
    kinds = [w.split(" = ")[-1].split("(")[0] for w in words(picture)]
    assert kinds == [
        *("x", "Conv2d 1: t₃", "relu", "max_pool2d", "Conv2d 2: t₈", "relu", "max_pool2d", "reshape"),
        *("Linear 3: t₁₄", "relu", "Linear 4: t₁₈", "relu", "Linear 5: output"),
    ]
    assert {model[0].weight, model[0].bias} <= set(members(picture, "Conv2d 1"))
    box = next(box for box in picture.drawing.boxes if box.group == "Conv2d 1")
    assert box.note == "1×6×24×24"
    bare = mg.draw(model(Value(image)))  # without names: the parameters' labels tell
    assert [w.partition(":")[0] for w in words(bare) if w.startswith(("conv2d", "linear"))] == [
        *("conv2d 1", "conv2d 2", "linear 3", "linear 4", "linear 5")
    ]


class Block(nn.Module):
    def __init__(self) -> None:
        self.first, self.second = nn.Linear(3, 3, rng=RNG), nn.Linear(3, 3, rng=RNG)

    def forward(self, x: Value) -> Value:
        return x + self.second(mg.relu(self.first(x)))


def test_repeated_blocks_are_groups_of_layers() -> None:
    model = nn.Sequential(*(Block() for _ in range(4)))
    picture = mg.draw(model, np.ones((2, 3)))
    outer = {group.name: group.outer.name if group.outer else None for group in picture.drawing.groups}
    assert (outer["0.first"], outer["3.second"], outer["Block 2"]) == ("Block 1", "Block 4", None)
    boxes = [w.partition(":")[0] for w in words(picture) if "=" not in w]
    assert boxes == ["x", *(f"Block {i}" for i in range(1, 5))]
    relu = [v for v in topological(picture.f) if v.op is not None and v.op.name == "relu"]
    assert [v in members(picture, f"Block {i}") for i, v in enumerate(relu, 1)] == [True] * 4


class Embedded(nn.Module):
    def __init__(self) -> None:
        self.table, self.blocks = Value(RNG.normal(size=(5, 3))), [Block() for _ in range(3)]
        self.head = nn.Linear(3, 5, rng=RNG)

    def forward(self, tokens: list[int]) -> Value:
        x = self.table[tokens]
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def test_a_model_is_drawn_by_its_layers_and_not_as_one() -> None:
    """Though it has a parameter of its own: the rows of a table, which the first block is given."""
    model = Embedded()
    logits = model([0, 2, 1])
    picture = mg.draw(logits.square().mean(), names={"model": model, "logits": logits})
    boxes = [w.partition(":")[0] for w in words(picture) if "=" not in w]
    assert boxes == ["table", "Block 1", "Block 2", "Block 3", "head"]
    assert {"blocks.0.first", "blocks.2.second"} <= set(picture.groups)


def loops() -> Iterator[tuple[str, Value, int, int]]:
    """A loop over time of some kind: its output, how many steps, how many operations each."""
    w, u, b, h = (Value(x) for x in (0.5, 0.3, 0.1, 0.0))
    for t in range(10):
        h = (w * h + u * Value(0.1 * t) + b).tanh()
    yield "scalars", (h - 1.0) ** 2, 10, 5
    W, U, h = Value(np.eye(3) * 0.5), Value(np.ones((3, 2))), Value(np.zeros(3))
    for _ in range(7):
        h = mg.tanh(W @ h + U @ Value(np.ones(2)))
    yield "arrays", h.sum(), 7, 4
    layer = nn.RNN(3, 4, rng=RNG)
    yield "layer", layer(Value(np.ones((8, 1, 3))))[0].sum(), 8, 5
    yield "gates", gated(4, lstm), 4, 25
    yield "gates of which one is within another", gated(5, gru), 5, 23
    yield "layers above each other", gated(4, lstm, layers=2), 4, 2 * 25
    yield "an output in every step", gated(4, lstm, every=True), 4, 25 + 5


def array(*shape: int) -> Value:
    return Value(RNG.normal(size=shape))


def lstm(x: Value, h: Value, c: Value, weights: list[Value]) -> tuple[Value, Value]:
    """An LSTM as it is written by hand: gates that all take the last state."""
    i, f, o, g = (w @ x + u @ h + b for w, u, b in zip(weights[:4], weights[4:8], weights[8:], strict=True))
    c = mg.sigmoid(f) * c + mg.sigmoid(i) * mg.tanh(g)
    return mg.sigmoid(o) * mg.tanh(c), c


def gru(x: Value, h: Value, c: Value, weights: list[Value]) -> tuple[Value, Value]:
    w, u = weights[:3], weights[3:6]
    z, r = mg.sigmoid(x @ w[0].T + h @ u[0].T), mg.sigmoid(x @ w[1].T + h @ u[1].T)
    return (1.0 - z) * h + z * mg.tanh(x @ w[2].T + (r * h) @ u[2].T), c


def gated(steps: int, cell: Callable[..., tuple[Value, Value]], layers: int = 1, every: bool = False) -> Value:
    weights = [[*(array(3, 3) for _ in range(8)), *(array(3) for _ in range(4))] for _ in range(layers)]
    states, v, loss = [(array(3), array(3)) for _ in range(layers)], array(2, 3), Value(0.0)
    for _ in range(steps):
        x = array(3)
        for k, own in enumerate(weights):
            states[k] = cell(x, *states[k], own)
            x = states[k][0]
        if every:
            loss = loss + (v @ x - 1.0).square().sum()
    return loss.sqrt() if every else x.sum()


@pytest.mark.parametrize("case", list(loops()), ids=lambda case: case[0])
def test_steps_of_a_loop_over_time(case: tuple[str, Value, int, int]) -> None:
    _, f, steps, operations = case
    picture = mg.draw(f)
    names = [group.name for group in picture.drawing.groups if group.kind == "step"]
    assert names == [f"step {t}" for t in range(1, steps + 1)]
    for name in names[1:]:
        assert sum(v.op is not None for v in members(picture, name)) == operations
    assert all(f is not v for name in names for v in members(picture, name))
    assert len(words(picture)) < len(topological(f)) / 2


@pytest.mark.parametrize("kind", ["polynomial", "network", "shared"])
def test_what_is_no_loop_has_no_steps(kind: str) -> None:
    x, w = Value(0.5, label="x"), Value(0.2, label="w")
    f = {
        "polynomial": x * x * x * x * x,
        "network": MLP(2, 4, 1)([x, w]),
        "shared": (w * x + 1.0) * (w * x + 2.0) * (w * x + 3.0),
    }[kind]
    assert [group for group in mg.draw(f).drawing.groups if group.kind == "step"] == []


def test_a_family_that_is_named_is_found_though_steps_hold_its_members() -> None:
    u, h = Value(0.5, label="u"), Value(0.1, label="h_0")
    for t in range(12):
        h = mg.tanh(u * h + Value(0.1 * t, label=f"x_{t}"))
    assert "step 3" in mg.draw(h).groups
    assert "x₀, … , x₁₁" in words(mg.draw(h, collapse=["x"]))


def test_layers_of_neurons_hold_their_activations() -> None:
    """Those of mg.nn are Modules, and yet what they compute from numbers ends with their relu."""
    picture = mg.draw(nn.MLP(2, [3, 4, 1]), [Value(1.0), Value(2.0)], open=False, collapse=["Layer *"])
    assert words(picture)[2:] == ["Layer 1", "Layer 2", "Layer 3: output"]


def test_a_model_of_numbers_takes_a_list() -> None:
    picture = mg.draw(MLP(2, 3, 1), [1.0, 2.0])
    assert words(picture) == ["x₁", "x₂", "Layer 1", "Layer 2: output"]
    assert {"Neuron 1.1", "Layer 1"} <= set(picture.groups)
    with pytest.raises(TypeError, match="draw takes a Value, not 3"):
        mg.draw(lambda x: 3, 1.0)


@pytest.mark.parametrize(("depth", "layers"), [(15, [".first", ".second"]), (16, [""]), (40, [""])])
def test_labels_are_read_as_paths_of_at_most_sixteen_names(depth: int, layers: list[str]) -> None:
    """Two layers within so many objects: deeper, they are one with what is around them."""
    h = Value(np.ones((2, 3)), label="x")
    path = [f"l{i}" for i in range(depth)]
    for layer in (".first", ".second"):
        h = mg.relu(h @ Value(np.ones((3, 3)), label=f"{'.'.join(path)}{layer}.weight"))
    groups = mg.draw((h @ Value(np.ones((3, 1)), label="head.weight")).sum()).drawing.groups
    found = [group.name for group in groups if group.kind == "layer"]
    assert found == [*(".".join(path[:16]) + layer for layer in layers), "head"]


def test_an_example_of_a_network_is_no_layer() -> None:
    example = NETWORKS["conv_average"](seed=0).example([0, 1, 0, 0, 1, 0, 0, 1, 0], y=1.0)
    alone, among_variables = (mg.draw(example.loss, names=names) for names in (False, {"example": example}))
    assert among_variables.groups == alone.groups
    assert len(among_variables.drawing.boxes) == len(alone.drawing.boxes) > 20


def test_a_formula_that_uses_its_nodes_again_and_again_is_cut_there() -> None:
    f = Value(0.5, label="x")
    for _ in range(12):
        f = f * f + f  # as one formula of x, 2 ** 12 times as long
    segments = [group.members for group in drawn(f).groups if group.kind == "segment"]
    assert [len(members) for members in segments] == [2] * 12


def test_a_network_of_numbers_is_layers_for_raw_inputs_and_without_names() -> None:
    """As one calls micrograd's: model([1.0, -2.0]), whose products with raw numbers belong to the first layer alone."""
    model = nn.MLP(2, [4, 4, 1])
    loss = (model([1.0, -2.0]) - 1.0) ** 2
    for names, layer in (({"model": model}, "Layer"), (False, "layer")):
        picture = mg.draw(loss, names=names)
        assert [w.partition(":")[0] for w in words(picture) if "=" not in w] == [f"{layer} {i}" for i in (1, 2, 3)]
        neuron = model.layers[1].neurons[2]
        kind = "Neuron" if layer == "Layer" else "neuron"
        assert {*neuron.w, neuron.b} <= set(members(picture, f"{kind} 2.3")) <= set(members(picture, f"{layer} 2"))


def test_a_layer_of_a_raw_image_ends_with_its_bias() -> None:
    model, x = lenet(), RNG.normal(size=(1, 1, 28, 28))
    picture = mg.draw((model(x) ** 2).sum(), names={"model": model})
    assert [name for name in picture.groups if name[0] in "CL"] == [
        *("Conv2d 1", "Conv2d 2", "Linear 3", "Linear 4", "Linear 5")
    ]
    assert not any(v.op is not None and v.op.name == "max_pool2d" for v in members(picture, "Conv2d 1"))


def test_the_last_step_in_time_ends_with_the_state() -> None:
    """The head's product behind it is like that of a next step, and is none."""
    rng = np.random.default_rng(0)
    cell, head = nn.RNNCell(3, 4, rng=rng), nn.Linear(4, 2, rng=rng)
    h = Value(np.zeros((1, 4)))
    for x in rng.normal(size=(5, 1, 3)):
        h = cell(x, h)
    picture = mg.draw(head(h).sum(), names={"cell": cell, "head": head, "h": h})
    assert [w for w in words(picture) if "=" not in w] == [
        *("cell", "step 1: t₉", "step 2: t₁₇", "step 3: t₂₅", "step 4: t₃₃", "step 5: h", "head: t₄₃")
    ]


@pytest.mark.parametrize("collapse", ["G", "z"])
def test_a_group_that_gives_one_number_is_drawn_with_it(collapse: str) -> None:
    x = Value(0.5, label="x")
    z = x.sin()
    z.label = "z_1"
    z_2 = z.exp()
    z_2.label = "z_2"
    f = z_2 * x
    f.backward()
    picture = mg.draw(f, groups={"G": [z, z_2]} if collapse == "G" else None, collapse=[collapse])
    (closed,) = [box for box in picture.drawing.boxes if box.group == collapse]
    assert closed.maps is None
    assert closed.value == f"{z_2.item():.4g}"
    local = (z_2 * x.cos()).item()
    assert [edge.local for edge in picture.drawing.edges if edge.child == closed.index] == [f"{local:.4g}"]
