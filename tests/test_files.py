"""Trained networks on disk: what is read is what was written, or a sentence."""

import io
import json
import os

import numpy as np
import pytest

from microgradcnn.files import FileError, Trained, load_trained, make_folder, save_trained, write_whole
from microgradcnn.networks import NETWORKS
from microgradcnn.scaling import Scaling


def trained(name, **options):
    network = NETWORKS[name](seed=3, **options)
    scaling = Scaling(np.linspace(-1, 1, network.inputs), np.linspace(1, 2, network.inputs))
    return Trained(network, scaling, ("cat", "dog"), 3)


@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
@pytest.mark.parametrize("name", NETWORKS)
def test_round_trip(tmp_path, name, activation):
    saved = trained(name, activation=activation, regularise=0.25)
    save_trained(tmp_path / "p.npz", saved)
    loaded = load_trained(tmp_path / "p.npz")
    assert (loaded.classes, loaded.shrink) == (("cat", "dog"), 3)
    assert loaded.network.options() == saved.network.options()
    assert np.array_equal(loaded.scaling.shift, saved.scaling.shift)
    x = np.random.default_rng(0).normal(size=(4, saved.network.inputs))
    assert np.array_equal(loaded.network.predict(x).data, saved.network.predict(x).data)


def test_a_file_keeps_other_sizes(tmp_path):
    saved = trained("two_conv_linear", filters=3, image=(5, 4), kernel=(3, 2))
    save_trained(tmp_path / "p.npz", saved)
    assert load_trained(tmp_path / "p.npz").network.parameters["c"].shape == (3, 1, 3, 2)


def altered(tmp_path, **changes):
    """A parameters file with some of its arrays replaced, or left out where the change is None."""
    save_trained(tmp_path / "whole.npz", trained("single_layer"))
    with np.load(tmp_path / "whole.npz") as archive:
        arrays = {name: archive[name] for name in archive.files}
    arrays = {name: a for name, a in {**arrays, **changes}.items() if a is not None}
    np.savez(tmp_path / "altered.npz", **arrays)
    return tmp_path / "altered.npz"


DESCRIPTION = {"format": 1, "network": "single_layer", "options": {"m": 2, "k": 3}, "classes": None, "shrink": None}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"parameter_S": np.ones((2, 2))}, "shape (3, 2)"),
        ({"parameter_S": np.full((3, 2), np.nan)}, "finite"),
        ({"parameter_S": None}, "single_layer has ['S', 'w']"),
        ({"parameter_T": np.ones(1)}, "single_layer has ['S', 'w']"),
        ({"shift": None}, "damaged"),
        ({"description": None}, "damaged"),
        ({"description": np.array("{")}, "damaged"),
        ({"description": np.array("[]")}, "damaged"),
        ({"description": np.array(json.dumps({**DESCRIPTION, "network": "resnet"}))}, "damaged"),
        ({"description": np.array(json.dumps({**DESCRIPTION, "format": 2}))}, "format 2"),
        ({"description": np.array(json.dumps({**DESCRIPTION, "options": {"m": -1}}))}, "damaged"),
        ({"description": np.array(json.dumps({**DESCRIPTION, "options": {"q": 1}}))}, "damaged"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(tmp_path, changes, says):
    path = altered(tmp_path, **changes)
    with pytest.raises(FileError) as caught:
        load_trained(path)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"PK", b"a,b\n1,2\n", b"\x80\x04", os.urandom(64)])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "p.npz").write_bytes(content)
    with pytest.raises(FileError, match="no parameters file"):
        load_trained(tmp_path / "p.npz")


def test_every_truncation_is_refused(tmp_path):
    save_trained(tmp_path / "p.npz", trained("conv_linear"))
    whole = (tmp_path / "p.npz").read_bytes()
    for length in range(0, len(whole), 97):
        (tmp_path / "cut.npz").write_bytes(whole[:length])
        with pytest.raises(FileError):
            load_trained(tmp_path / "cut.npz")


def test_pickles_are_never_loaded(tmp_path):
    content = io.BytesIO()
    np.savez(content, description=np.array([{"format": 1}], dtype=object))
    (tmp_path / "p.npz").write_bytes(content.getvalue())
    with pytest.raises(FileError, match="no parameters file"):
        load_trained(tmp_path / "p.npz")


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(FileError, match="does not exist"):
        load_trained(tmp_path / "none.npz")
    with pytest.raises(FileError, match="cannot be read"):
        load_trained(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="cannot be written"):
        make_folder(tmp_path / "file" / "folder")
    with pytest.raises(FileError, match="cannot be written"):
        write_whole(tmp_path / "no" / "p.npz", b"")


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "p.npz"
    write_whole(path, b"old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match="No space left on device"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["p.npz"]
