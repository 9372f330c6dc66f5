"""Names of PyTorch's and others: what is written here instead, and that nothing else finds them."""

from __future__ import annotations

import copy
import importlib
import pickle
import re
import sys
from typing import Any

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.protocols import other_names as names

V = Value(np.ones((2, 3)), label="v")
MODEL = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
OWNERS: dict[str, tuple[Any, dict[str, str]]] = {
    "Value": (V, names.OF_VALUES),
    "Module": (MODEL, names.OF_MODULES),
    "mg": (mg, names.OF_PACKAGE),
    "nn": (nn, names.OF_NN),
    "optimiser": (mg.optim.SGD([Value(1.0)]), names.OF_OPTIMISERS),
    "optim": (mg.optim, names.OF_OPTIM),
}
ASKED = [(owner, name) for owner, (_, table) in OWNERS.items() for name in table]
ASKED.remove(("mg", "fit"))  # which is there, as a module, once somebody has imported from it


@pytest.mark.parametrize(("owner", "name"), ASKED)
def test_the_error_says_what_is_written_here(owner: str, name: str) -> None:
    thing, table = OWNERS[owner]
    with pytest.raises(AttributeError) as caught:
        getattr(thing, name)
    assert re.search(rf"has no attribute '{name}': ", str(caught.value))
    assert str(caught.value).endswith(table[name])
    assert not hasattr(thing, name)
    assert name not in dir(V)


@pytest.mark.parametrize("advice", sorted({advice for _, table in OWNERS.values() for advice in table.values()}))
def test_what_is_advised_is_there(advice: str) -> None:
    for module, name in re.findall(r"from ([\w.]+) import (\w+)", advice):
        assert callable(getattr(importlib.import_module(module), name))
    advice = re.sub(r"from [\w.]+ import \w+", "", advice)
    known = {"mg": mg, "nn": nn, "np": np, "v": V, "x": V, "model": MODEL, "weight": V, "microgradcnn": mg}
    for first, rest in re.findall(r"(?<![\w.])(mg|nn|np|v|x|model|weight|microgradcnn)((?:\.[A-Za-z]\w*)+)", advice):
        found = known[first]
        if first == "microgradcnn":  # modules that the package does not import by itself
            module, _, attribute = rest.removeprefix(".").rpartition(".")
            found, rest = importlib.import_module(f"microgradcnn.{module}"), f".{attribute}"
        for attribute in rest.split(".")[1:]:
            found = getattr(found, attribute)


# What else is asked for, of whom, and how its error ends.
OTHERS = [
    (V, "median", "'median': take a place of mg.sort(v), or np.median(v.data) and the like"),
    (mg, "sinn", "has no attribute 'sinn': did you mean sin?"),
    (mg, "Linear", "has no attribute 'Linear': write mg.nn.Linear"),
    (mg, "SGD", "has no attribute 'SGD': write mg.optim.SGD"),
    (nn, "relu", "has no attribute 'relu': write mg.relu"),
    (nn, "Linaer", "has no attribute 'Linaer': did you mean Linear?"),
    (mg.optim, "Adm", "has no attribute 'Adm': did you mean Adam?"),
    (mg, "qqqqqq", "module 'microgradcnn' has no attribute 'qqqqqq'"),
    (mg, "__wrapped__", "module 'microgradcnn' has no attribute '__wrapped__'"),
    (V, "qqqqqq", "'Value' object has no attribute 'qqqqqq'"),
    (V, "double", "write v.astype(np.float32), or np.float64"),
    (V, "long", "write v.data.astype(int), numbers that leave the graph"),
    (mg, "one_hot", "write np.eye(classes)[numbers]"),
    (MODEL, "qqqqqq", "'Sequential' object has no attribute 'qqqqqq'"),
]


@pytest.mark.parametrize(("thing", "name", "ends"), OTHERS, ids=[name for _, name, _ in OTHERS])
def test_other_names(thing: Any, name: str, ends: str) -> None:
    with pytest.raises(AttributeError) as caught:
        getattr(thing, name)
    assert str(caught.value).endswith(ends)


@pytest.mark.parametrize("owner", [V, MODEL, mg, nn, mg.optim], ids=["Value", "Module", "mg", "nn", "optim"])
@pytest.mark.parametrize("name", ["tann", "size", "float", "Linaer", "Adamm", "MSELoss", "mse_loss"])
def test_a_traceback_has_one_suggestion(owner: Any, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Python appends its own, which may be another."""
    with pytest.raises(AttributeError) as caught:
        getattr(owner if name != "mse_loss" else mg, name)
    sys.__excepthook__(caught.type, caught.value, None)
    said = capsys.readouterr().err.casefold()
    assert len(re.findall(r"did you mean|: write|: v\.", said)) <= 1, said


def test_fit_is_found_before_anything_is_imported_from_it() -> None:
    error = names.no_attribute("microgradcnn", "fit", names.OF_PACKAGE, mg.__all__)
    assert str(error) == "module 'microgradcnn' has no attribute 'fit': write from microgradcnn.fit import fit"


def test_a_value_takes_no_attribute_of_these_names() -> None:
    value: Any = Value(1.0)
    with pytest.raises(AttributeError, match="all leaves get a gradient"):
        value.requires_grad = False


def test_a_module_may_have_its_own_of_these_names() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            self.modules: Any = [nn.Linear(2, 2)]

        def apply(self, x: Any) -> Any:
            return self.modules[0](x)

        @property
        def broken(self) -> Any:
            raise AttributeError("the property's own error")

    net: Any = Net()
    assert net.apply(np.ones((1, 2))).shape == (1, 2)
    assert len(net.parameters()) == 2
    with pytest.raises(AttributeError, match=r"^the property's own error$"):
        net.broken  # noqa: B018, asking is the test


def test_copies_pickles_and_numpy_find_nothing() -> None:
    f = (V * 2.0).sum()
    for again in (copy.copy(f), copy.deepcopy(f), pickle.loads(pickle.dumps(f))):
        assert again.item() == 12.0
    for model in (copy.deepcopy(MODEL), pickle.loads(pickle.dumps(MODEL))):
        assert model(np.ones((1, 3))).shape == (1, 2)
    assert np.size(V) == 6
    assert np.sum(V).item() == 6.0
    with pytest.raises(TypeError, match="without losing its graph"):
        np.asarray(V)
