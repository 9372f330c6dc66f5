"""Trained networks on disk: what is read is what was written, or a sentence."""

import io
import json
import math
import os
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest

from microgradcnn.data.scaling import Scaling
from microgradcnn.experiment import KIND, Trained, load_trained, save_trained
from microgradcnn.files import FileError, json_text, make_folder, read_arrays, write_arrays, write_whole
from microgradcnn.networks import NETWORKS


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


def altered(tmp_path, description, changes):
    """A parameters file, whole, with some of what is in it replaced, or left out where the change is None."""
    save_trained(str(tmp_path / "whole.npz"), trained("single_layer"))  # a path may be text
    about, arrays = read_arrays(tmp_path / "whole.npz", KIND)
    about, arrays = (
        {n: a for n, a in both.items() if a is not None} for both in (about | description, arrays | changes)
    )
    kind = about.pop("kind")
    write_arrays(tmp_path / "altered.npz", kind, about, arrays)
    return tmp_path / "altered.npz"


@pytest.mark.parametrize(
    ("description", "changes", "says"),
    [
        (
            {},
            {"parameter_S": np.ones((2, 2))},
            " has parameter_S as float64 of shape (2, 2), and single_layer as float64 ",
        ),
        (
            {},
            {"parameter_S": np.ones((3, 2), np.float32)},
            "has parameter_S as float32 of shape (3, 2), and single_layer",
        ),
        ({}, {"parameter_S": np.array([["a"] * 2] * 3)}, "has parameter_S as <U1"),
        ({}, {"parameter_S": np.full((3, 2), np.nan)}, "has parameter_S with NaN or infinity in it"),
        ({}, {"scale": np.array([1.0, np.inf])}, "has scale with NaN or infinity in it"),
        ({}, {"scale": np.ones(3)}, "has scale as float64 of shape (3,)"),
        ({}, {"parameter_S": None}, "lacks parameter_S"),
        ({}, {"parameter_S": None, "T": np.ones(1)}, "lacks parameter_S and has T, which single_layer has not"),
        ({}, {"shift": None}, "lacks shift"),
        ({"kind": "poem"}, {}, "is a poem, and no parameters file that train wrote"),
        ({"network": "resnet"}, {}, "holds a resnet, which is none of single_layer"),
        ({"network": None}, {}, "damaged"),
        ({"network": []}, {}, "damaged"),
        ({"options": {"m": -1}}, {}, "damaged"),
        ({"options": {"q": 1}}, {}, "damaged"),
        ({"options": 7}, {}, "damaged"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(tmp_path, description, changes, says):
    path = altered(tmp_path, description, changes)
    with pytest.raises(FileError) as caught:
        load_trained(path)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def repacked(content, change):
    """The file with its description changed by hand, zipped as it should be."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["description.json"] = change(members["description.json"])
    new = io.BytesIO()
    with zipfile.ZipFile(new, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return new.getvalue()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text.replace(b'"format": 2', b'"format": 3'), "has format 3, this version reads 2"),
        (lambda text: text.replace(b"single_layer", b"conv_average"), "damaged"),
        (lambda text: text.replace(b'"cat"', b'"bat"'), "damaged"),
        (lambda text: text.replace(b'"sha256"', b'"sha257"'), "damaged"),
        (lambda text: b"[]", "damaged"),
        (lambda text: b"{", "damaged"),
        (lambda text: b"[" * 100_000, "damaged"),
        (lambda text: b"\xff", "damaged"),
    ],
)
def test_a_description_changed_by_hand_is_refused(tmp_path, change, says):
    save_trained(tmp_path / "p.npz", trained("single_layer"))
    (tmp_path / "p.npz").write_bytes(repacked((tmp_path / "p.npz").read_bytes(), change))
    with pytest.raises(FileError, match=says):
        load_trained(tmp_path / "p.npz")


def test_the_format_before_had_no_sha256(tmp_path):
    np.savez(tmp_path / "p.npz", description=np.array('{"format": 1}'), parameter_S=np.ones(2))
    with pytest.raises(FileError, match="has format 1, this version reads 2"):
        load_trained(tmp_path / "p.npz")


def test_numpy_opens_the_file_and_it_says_what_it_is(tmp_path):
    save_trained(tmp_path / "p.npz", trained("single_layer"))
    with np.load(tmp_path / "p.npz") as archive:
        assert archive["parameter_S"].shape == (3, 2)
    with zipfile.ZipFile(tmp_path / "p.npz") as archive:
        about = json.loads(archive.read("description.json"))
    assert about["arrays"]["parameter_S"] == {"dtype": "float64", "shape": [3, 2]}
    assert (about["format"], about["network"], len(about["sha256"])) == (2, "single_layer", 64)


def test_the_same_content_gives_the_same_bytes(tmp_path):
    save_trained(tmp_path / "a.npz", trained("conv_linear"))
    save_trained(tmp_path / "b.npz", trained("conv_linear"))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("content", [b"", b"PK", b"a,b\n1,2\n", b"\x80\x04", np.random.default_rng(0).bytes(64)])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "p.npz").write_bytes(content)
    with pytest.raises(FileError, match="no parameters file"):
        load_trained(tmp_path / "p.npz")


ARRAYS = {"w": np.array([[0.1, -2.0]]), "b": np.float32(3.0), "0.n": np.arange(3)}


def same(found):
    about, arrays = found
    whole = all(np.array_equal(arrays[n], a) and arrays[n].dtype == np.asarray(a).dtype for n, a in ARRAYS.items())
    return whole and list(arrays) == list(ARRAYS) and about == {"kind": "test", "epoch": 7}


def verdicts(path, contents):
    """How often a file was refused in a sentence and how often read; what is read must be what was written."""
    refused = read = 0
    for content in contents:
        path.write_bytes(content)
        try:
            found = read_arrays(path, "test")
        except FileError as error:
            refused += "\n" not in str(error)
        else:
            assert same(found)
            read += 1
    return refused, read


@pytest.mark.slow
def test_a_flipped_bit_never_reads_as_something_else(tmp_path):
    path = tmp_path / "p.npz"
    write_arrays(path, "test", {"epoch": 7}, ARRAYS)
    whole = path.read_bytes()
    bits = np.random.default_rng(0).integers(8, size=len(whole)).tolist()
    flipped = (whole[:i] + bytes([whole[i] ^ 1 << bit]) + whole[i + 1 :] for i, bit in enumerate(bits))
    refused, read = verdicts(path, flipped)
    assert refused > 3 * read > 0  # a date in the zip's own lists is nobody's content


def test_a_damaged_stretch_never_reads_as_something_else(tmp_path):
    path = tmp_path / "p.npz"
    write_arrays(path, "test", {"epoch": 7}, ARRAYS)
    whole, rng = path.read_bytes(), np.random.default_rng(1)
    contents = []
    for _ in range(300):
        start, length = rng.integers(len(whole)), rng.integers(1, 200)
        noise = [bytes(length), rng.bytes(length), whole[: int(length)], b""][rng.integers(4)]
        contents.append(whole[:start] + noise + whole[start + length :])
    refused, _ = verdicts(path, contents)
    assert refused > 200


def test_every_truncation_is_refused(tmp_path):
    path = tmp_path / "p.npz"
    write_arrays(path, "test", {"epoch": 7}, ARRAYS)
    whole = path.read_bytes()
    assert same(read_arrays(path, "test"))
    assert verdicts(path, (whole[:length] for length in range(len(whole)))) == (len(whole), 0)


def test_pickles_are_never_loaded(tmp_path):
    content = io.BytesIO()
    np.savez(content, weight=np.array([{"format": 1}], dtype=object))
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


def test_a_system_that_opens_no_folders_gets_its_file(tmp_path, monkeypatch):
    real = os.open

    def opened(path, *arguments):
        if os.path.isdir(path):
            raise PermissionError(13, "Permission denied")
        return real(path, *arguments)

    monkeypatch.setattr(os, "open", opened)
    write_whole(tmp_path / "p.npz", b"new")
    assert (tmp_path / "p.npz").read_bytes() == b"new"


# The mode of a file, and where a link leads.


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o022, 0o027, 0o077, 0o000], ids=oct)
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_a_new_file_has_the_mode_that_the_umask_leaves_and_a_private_one_is_its_owners(tmp_path, umask):
    write_whole(tmp_path / "new", b"new")
    write_whole(tmp_path / "key", b"secret", private=True)
    assert (mode(tmp_path / "new"), mode(tmp_path / "key")) == (0o666 & ~umask, 0o600)


@pytest.mark.parametrize("before", [0o600, 0o640, 0o755, 0o444], ids=oct)
def test_a_file_that_was_there_keeps_its_mode(tmp_path, umask, before):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(before)
    write_whole(path, b"new")
    assert (path.read_bytes(), mode(path)) == (b"new", before)
    write_whole(path, b"secret", private=True)
    assert mode(path) == 0o600


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path):
    (tmp_path / "shelf").mkdir()
    for name in ("there", "not yet"):
        (tmp_path / name).symlink_to(tmp_path / "shelf" / name)
    (tmp_path / "shelf" / "there").write_bytes(b"old")
    for name in ("there", "not yet"):
        write_whole(tmp_path / name, b"new")
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / "shelf" / name).read_bytes() == b"new"
    assert len(list((tmp_path / "shelf").iterdir())) == 2
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(FileError, match="loop cannot be written"):
        write_whole(tmp_path / "loop", b"new")


def test_what_is_no_file_is_written_to_and_stays_what_it_is(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_whole(pipe, b"new")
    assert os.read(reader, 10) == b"new"
    os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    write_whole(Path(os.devnull), b"new")
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


# JSON has no words for NaN and infinities.


def test_json_is_strict_at_any_depth():
    data = {"a": [math.nan, (math.inf, 1.5)], "b": {"c": -math.inf, "d": np.float64("nan")}, "e": "σ"}
    text = json_text(data)
    assert text == '{"a": [null, [null, 1.5]], "b": {"c": null, "d": null}, "e": "σ"}'
    assert json.loads(json_text(data, ensure_ascii=True)) == json.loads(text)


def test_a_description_is_strict_json_and_comes_back_with_its_infinite_numbers(tmp_path):
    write_arrays(tmp_path / "a.npz", "list", {"rates": [math.inf, -math.inf, math.nan, 0.5]}, {})
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        text = archive.read("description.json").decode()
    json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert repr(read_arrays(tmp_path / "a.npz", "list")[0]["rates"]) == "[inf, -inf, nan, 0.5]"


@pytest.mark.parametrize(("inside", "names"), [((), ""), (("b.npz", "a.npz", "c.csv"), ", one of a.npz, b.npz")])
def test_a_folder_is_no_file(tmp_path: Path, inside: tuple[str, ...], names: str) -> None:
    for name in inside:
        (tmp_path / name).touch()
    with pytest.raises(FileError) as caught:
        read_arrays(tmp_path, "thing that was saved")
    assert str(caught.value) == f"{tmp_path} cannot be read: it is a folder; give the thing that was saved{names}"
