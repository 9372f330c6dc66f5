"""ledger: what every `+=` of a backward pass is, checked against the pass itself and against formulas by hand."""

from __future__ import annotations

import doctest
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.cli import main
from microgradcnn.engine.gradient import Watcher, topological, watching
from microgradcnn.engine.value import watcher
from microgradcnn.networks import NETWORKS
from microgradcnn.views.derivations import ledger as module
from microgradcnn.views.derivations.ledger import Closing, Entry, ledger


def scalars(**data: float) -> list[Value]:
    return [Value(x, label=label) for label, x in data.items()]


def neuron() -> tuple[Value, Value, Value]:
    """w, x and f = (σ(wx) − 1)², with z = σ(a)."""
    w, x = scalars(w=0.5, x=2.0)
    a = w * x
    a.label = "a"
    z = a.sigmoid()
    z.label = "z"
    f = (z - 1.0).square()
    f.label = "f"
    return w, x, f


def test_every_contribution_of_a_neuron_by_hand() -> None:
    z = 1.0 / (1.0 + math.exp(-1.0))
    g, slope = 2.0 * (z - 1.0), z * (1.0 - z)
    found = ledger(neuron()[2])
    expected = [
        ("f", "square(t1)", "t1", 1.0, g, g),
        ("t1", "z - 1", "z", g, 1.0, g),
        ("z", "sigmoid(a)", "a", g, slope, g * slope),
        ("a", "w * x", "w", g * slope, 2.0, 2.0 * g * slope),
        ("a", "w * x", "x", g * slope, 0.5, 0.5 * g * slope),
    ]
    assert len(found) == len(expected)
    for step, (entry, (sender, operation, receiver, cotangent, local, sent)) in enumerate(
        zip(found, expected, strict=True), 1
    ):
        assert (entry.step, entry.sender, entry.operation, entry.receiver, entry.nth) == (
            step,
            sender,
            operation,
            receiver,
            1,
        )
        assert [entry.cotangent, entry.local, entry.sent, entry.total] == pytest.approx([cotangent, local, sent, sent])
    assert found[0].sender == "f"
    assert found.start == "f"
    assert found.seed == 1.0


def test_the_table_and_its_explanations() -> None:
    x, y = scalars(x=3.0, y=-2.0)
    f = x * x + x * y
    f.label = "f"
    assert (
        str(ledger(f))
        == """\
#  from         to  df/dfrom  dfrom/dto  sent  total
1  f = t1 + t2  t1  1         1          1     1
2  f = t1 + t2  t2  1         1          1     1
3  t2 = x * y   x   1         -2         -2    -2
4  t2 = x * y   y   1         3          3     3
5  t1 = x * x   x   1         3          3     1
6  t1 = x * x   x   1         3          3     4
The pass starts from f with df/df = 1.
x is used 3 times: what comes back (steps 3, 5 and 6) is added up."""
    )


def test_the_example_in_the_documentation() -> None:
    assert doctest.testmod(module).attempted >= 4
    assert doctest.testmod(module).failed == 0


def test_nothing_is_written_and_the_switches_stay() -> None:
    w, x, f = neuron()
    w.grad = 7.0
    with watching(watch := Watcher()):
        ledger(f)
        assert watcher.get() is watch
    assert w.grad == 7.0
    assert [node for node in topological(f) if node.has_grad] == [w]
    assert not x.has_grad


def test_the_switches_stay_when_a_rule_fails(own_primitives: None) -> None:
    def fails(g: Any, y: Any, x: Any) -> Any:
        raise RuntimeError("no rule")

    bad = mg.primitive("bad", lambda x: x, [fails], "x")
    with pytest.raises(RuntimeError, match="no rule"):
        ledger(bad(Value(1.0)))
    assert watcher.get() is None


def test_reuse_is_explained() -> None:
    (x,) = scalars(x=0.7)
    z = x.sigmoid()
    z.label = "z"
    f = z * z * z
    f.label = "f"
    found = ledger(f)
    into = found.into("z")
    assert [entry.nth for entry in into] == [1, 2, 3]
    assert into[-1].total == pytest.approx(3.0 * z.data**2)
    assert "z is used 3 times: what comes back (steps 2, 3 and 4) is added up." in found.notes
    assert sum("is used" in note for note in found.notes) == 1


def test_a_second_backward_is_explained() -> None:
    w, _, f = neuron()
    assert all(c.before is None and c.after == c.gradient for c in ledger(f).closings)
    f.backward()
    once = w.grad
    found = ledger(f)
    assert Closing("w", once, once, once + once) in found.closings
    (note,) = [note for note in found.notes if ".grad" in note]
    assert note.startswith("The .grad of w and x holds this very gradient already: backward() has run before,")
    assert f"w: {once:.6g} + {once:.6g} = {2 * once:.6g}; x: " in note
    assert note.endswith("Set .grad = None first for the gradient of f alone.")
    f.backward()
    assert w.grad == found.closings[0].after
    assert "holds what another pass left" in str(ledger(f))


def test_a_forgotten_reset_is_explained() -> None:
    w, x, f = neuron()
    f.backward()
    before = w.grad
    w.data = w.data - 0.1 * before
    again = ((w * x).sigmoid() - 1.0).square()
    again.label = "f"
    x.grad = None
    (note,) = [note for note in ledger(again).notes if ".grad" in note]
    assert note.startswith(
        "The .grad of w holds what another pass left, and this one adds to it: a forgotten reset? (w: "
    )
    again.backward()
    assert f"= {w.grad:.6g})" in note


def test_a_reset_leaves_nothing_to_say() -> None:
    w, x, f = neuron()
    f.backward()
    w.grad, x.grad = None, 0.0
    assert not any(".grad" in note for note in ledger(f).notes)


def test_a_long_note_names_three() -> None:
    leaves = scalars(**{f"x_{i}": float(i) for i in range(1, 6)})
    f = leaves[0] * leaves[1] * leaves[2] * leaves[3] * leaves[4]
    f.backward()
    (note,) = [note for note in ledger(f).notes if ".grad" in note]
    assert note.count(" = ") == 4
    assert "; ...)" in note


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
def test_the_networks(name: str, activation: str) -> None:
    network = NETWORKS[name](seed=2, activation=activation, regularise=0.1)
    example = network.example(np.linspace(-1.0, 1.0, network.inputs), 1.0)
    found = ledger(example.loss)
    example.loss.backward()
    for label, parameter in example.parameters.items():
        assert found.into(label)[-1].total == parameter.grad
        assert math.fsum(e.sent for e in found.into(label)) == pytest.approx(parameter.grad, rel=1e-12, abs=1e-15)
    for entry in found:
        assert entry.sent == pytest.approx(entry.cotangent * entry.local, rel=1e-12, abs=1e-15)
    assert {c.leaf: c.after for c in found.closings if c.leaf in example.parameters} == {
        label: p.grad for label, p in example.parameters.items()
    }


def test_arrays() -> None:
    S, x = Value(np.ones((3, 2)), label="S"), Value(np.array([1.0, 2.0]), label="x")
    f = (S @ x).sigmoid().sum()
    f.label = "f"
    found = ledger(f)
    f.backward()
    np.testing.assert_array_equal(found.into("S")[-1].total, S.grad)
    np.testing.assert_array_equal(found.into("x")[-1].sent, x.grad)
    assert found[0].local is None
    text = str(found)
    assert "f = sum(t2, axis=None, keepdims=False)  t2  1 " in text
    assert "t1 = S @ x" in text
    assert "array (3, 2)" in text


def test_an_array_used_twice_gets_each_piece() -> None:
    """Even where a piece is lost in the sum: 1e20 + 1 is 1e20, and its difference to 1e20 is nothing."""
    x = Value(np.array([1.0, 2.0]), label="x")
    found = ledger((x * x + 1e20 * x).sum())
    np.testing.assert_array_equal([entry.sent for entry in found.into("x")], [[1e20, 1e20], [1.0, 2.0], [1.0, 2.0]])
    np.testing.assert_array_equal(found.into("x")[-1].total, [1e20, 1e20])


def test_a_seed() -> None:
    x = Value(np.array([1.0, 2.0]), label="x")
    y = x * x
    y.label = "y"
    found = ledger(y, seed=np.array([1.0, -1.0]))
    np.testing.assert_allclose(found.into("x")[-1].total, [2.0, -4.0])
    assert found.notes[0] == "The pass starts from y with dy/dy = array (2,)."
    np.testing.assert_allclose(ledger(y, seed=Value(np.array([1.0, -1.0]))).into("x")[-1].total, [2.0, -4.0])
    with pytest.raises(ValueError, match="give a seed of that shape"):
        ledger(y)


def test_what_gets_nothing_does_not_appear() -> None:
    x, y = scalars(x=2.0, y=3.0)
    f = mg.where(x > 0.0, x * 5.0, y)
    assert ledger(f).into("y")[0].sent == 0.0  # where() sends 0 to the branch not taken
    assert not ledger(f).into("t1")  # and nothing to its condition


def test_not_a_number_says_so() -> None:
    (x,) = scalars(x=0.0)
    found = ledger(x.sqrt())
    assert found[0].local == math.inf
    assert "inf" in str(found)


def test_integers_and_powers_where_python_would_raise() -> None:
    x, e = scalars(x=0.0, e=-1.0)
    found = ledger(x**e + (x * 0.0 + 1.0) / x)
    assert len(found) > 4


def test_labels_that_are_missing_or_shared() -> None:
    a, b = Value(2.0, label="x"), Value(3.0, label="x")
    t1 = Value(4.0, label="t1")
    found = ledger(a * b * t1 + Value(1.0))
    assert len({entry.receiver for entry in found}) == len(found)
    assert {"x", "t1", "t2"} <= {entry.receiver for entry in found}


def test_a_leaf_alone() -> None:
    (x,) = scalars(x=2.0)
    found = ledger(x)
    assert len(found) == 0
    assert found.closings == (Closing("x", None, 1.0, 1.0),)
    assert str(found) == "#  from  to  df/dfrom  dfrom/dto  sent  total\nThe pass starts from x with dx/dx = 1."


def test_a_long_ledger_is_cut() -> None:
    (x,) = scalars(x=1.0)
    y = x
    for _ in range(500):
        y = y * 1.01
    found = ledger(y)
    assert len(found) == 500
    assert "... and 300 more" in str(found)
    assert len(str(found).splitlines()) == 203


def test_a_changed_leaf_is_refused() -> None:
    w, _, f = neuron()
    w.data = 1.0
    with pytest.raises(ValueError, match="w was changed"):
        ledger(f)


def test_the_rows_are_a_sequence() -> None:
    found = ledger(neuron()[2])
    assert isinstance(found[0], Entry)
    assert found[-2:] == found.entries[-2:]
    assert next(reversed(found)) == found[-1]
    assert found[0] in found


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=30))
def test_random_graphs_add_up_to_what_backward_writes(steps: list[tuple[int, int, int]]) -> None:
    nodes = scalars(a=0.7, b=-1.3, c=0.2)
    leaves = list(nodes)
    for kind, i, j in steps:
        x, y = nodes[i % len(nodes)], nodes[j % len(nodes)]
        made = [x + y, x * y, x - y, x.tanh(), x.sigmoid(), mg.maximum(x, y)][kind]
        made.label = f"n_{len(nodes)}"
        nodes.append(made)
    found = ledger(nodes[-1])
    nodes[-1].backward()
    for node in topological(nodes[-1])[:-1]:
        if not node.has_grad:
            assert not found.into(node.label or "")
            continue
        rows = found.into(str(node.label))
        assert rows[-1].total == node.grad
        assert [row.nth for row in rows] == list(range(1, len(rows) + 1))
        assert math.fsum(row.sent for row in rows) == pytest.approx(node.grad, rel=1e-9, abs=1e-12)
        assert all(
            row.sent == row.cotangent * row.local or row.sent == pytest.approx(row.cotangent * row.local)
            for row in rows
        )
    assert {c.leaf for c in found.closings} == {str(leaf.label) for leaf in leaves if leaf.has_grad}


def test_a_loss_without_a_label_is_f_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = "from microgradcnn import Value\n\ndef net():\n    w, y = Value(0.5, label='w'), Value(1.0, label='y')\n"
    Path("own.py").write_text(f"{text}    return (w * Value(2.0, label='x') - y) ** 2\n", encoding="utf-8")
    assert main(["ledger", "own.py:net"]) == 0
    assert "The pass starts from f with df/df = 1." in capsys.readouterr().out
