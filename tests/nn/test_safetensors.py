"""Safetensors files: read as PyTorch wrote them, written as it reads them, whole or refused, missed in one sentence."""

from __future__ import annotations

import gzip
import json
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytorch_safetensors import PATH, numbers

from microgradcnn import nn
from microgradcnn.extras import MissingExtra
from microgradcnn.files import FileError


def safetensors() -> Any:
    return pytest.importorskip("safetensors.numpy")


def written(header: dict[str, Any], data: bytes = b"") -> bytes:
    """A file by hand: the length of the header, the header, the numbers."""
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def test_a_lenet_of_pytorch_comes_in_and_goes_out_unchanged(tmp_path: Path) -> None:
    safetensors()
    theirs, ours = tmp_path / "theirs.safetensors", tmp_path / "ours.safetensors"
    theirs.write_bytes(gzip.decompress(PATH.read_bytes()))
    model = nn.lenet(dtype=np.float32)
    expected = numbers({name: p.shape for name, p in model.state_dict().items()})
    state = nn.load_safetensors(theirs)
    assert set(state) == set(expected)
    for name, array in expected.items():
        assert state[name].dtype == array.dtype
        np.testing.assert_array_equal(state[name], array)
    model.load_state_dict(state)
    nn.save_safetensors(model, ours)
    assert ours.read_bytes() == theirs.read_bytes()
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["ours.safetensors", "theirs.safetensors"]


DTYPES = ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?"]


@pytest.mark.parametrize("dtype", [*DTYPES, ">f8", ">i4"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 2)])
def test_every_type_of_numbers_and_every_shape(dtype: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    library = safetensors()
    array = (np.arange(np.prod(shape, dtype=int)) % 2).reshape(shape[::-1]).astype(dtype).T  # not in the order of rows
    path = tmp_path / "a.safetensors"
    nn.save_safetensors({"a": array, "b.c": np.float32(0.5)}, path)
    for found in (nn.load_safetensors(path), library.load_file(path)):
        assert set(found) == {"a", "b.c"}
        assert (found["a"].dtype, found["a"].shape) == (array.dtype.newbyteorder("="), shape)
        np.testing.assert_array_equal(found["a"], array)
    assert nn.load_safetensors(path)["a"].flags.writeable


def test_a_file_is_replaced_whole_and_stays_where_writing_is_refused(tmp_path: Path) -> None:
    safetensors()
    path = tmp_path / "a.safetensors"
    nn.save_safetensors({"a": np.ones(3)}, path)
    nn.save_safetensors({"a": np.zeros(2)}, str(path))
    assert nn.load_safetensors(str(path))["a"].tolist() == [0.0, 0.0]
    before = path.read_bytes()
    model = nn.Linear(2, 1)
    model.bias.data = np.array([np.nan])
    wrong: list[tuple[Any, str]] = [
        (model, "the state has bias with NaN or infinity in it"),
        ({"a": np.array([1.0, np.inf])}, "the state has a with NaN or infinity in it"),
        ({"a": np.array(["x"])}, "the state has a as <U1, which is no type of a safetensors file"),
        ({"a": np.array([1j])}, "the state has a as complex128, which is no type of a safetensors file"),
    ]
    for state, message in wrong:
        with pytest.raises(FileError) as refused:
            nn.save_safetensors(state, path)
        assert str(refused.value) == f"{path} is not written: {message}"
    with pytest.raises(FileError, match="cannot be written: "):
        nn.save_safetensors({"a": np.ones(3)}, tmp_path / "nowhere" / "a.safetensors")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


WHOLE = written({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, bytes(8))
DAMAGED: dict[str, bytes] = {
    "empty": b"",
    "cut": WHOLE[:-3],
    "longer": WHOLE + b"x",
    "text": b"a,b\n1,2\n",
    "a zip": b"PK\x03\x04" + bytes(60),
    "a header without an end": struct.pack("<Q", 10**17) + b"{}",
    "a shape that does not fit": written({"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}, bytes(8)),
    "no offsets": written({"a": {"dtype": "F32", "shape": [2]}}, bytes(8)),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_no_whole_file_is_refused(name: str, tmp_path: Path) -> None:
    safetensors()
    path = tmp_path / "a.safetensors"
    path.write_bytes(WHOLE)
    assert nn.load_safetensors(path)["a"].tolist() == [0.0, 0.0]
    path.write_bytes(DAMAGED[name])
    with pytest.raises(FileError) as refused:
        nn.load_safetensors(path)
    assert str(refused.value) == f"{path} is damaged, or no safetensors file"


def test_what_is_missing_or_of_another_type_is_named(tmp_path: Path) -> None:
    safetensors()
    path = tmp_path / "a.safetensors"
    with pytest.raises(FileError, match=r"a\.safetensors does not exist: give the safetensors file$"):
        nn.load_safetensors(path)
    with pytest.raises(FileError, match="cannot be read: "):
        nn.load_safetensors(tmp_path)
    path.write_bytes(written({"0.weight": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}, bytes(4)))
    with pytest.raises(FileError, match=r" has 0\.weight as BF16, which NumPy has not: write it as F32 first$"):
        nn.load_safetensors(path)
    model = nn.Linear(2, 3)
    nn.save_safetensors({"weight": np.ones((3, 2))}, path)
    with pytest.raises(ValueError, match=r"^the state lacks bias$"):
        model.load_state_dict(nn.load_safetensors(path))
    nn.save_safetensors({"weight": np.ones((2, 3)), "bias": np.ones(3)}, path)
    with pytest.raises(ValueError, match=r"^the state has weight as float64 of shape \(2, 3\), and Linear as"):
        model.load_state_dict(nn.load_safetensors(path))


def test_without_the_package_one_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    for name, use in (
        ("save_safetensors", lambda: nn.save_safetensors(nn.Linear(2, 1), tmp_path / "a")),
        ("load_safetensors", lambda: nn.load_safetensors(tmp_path / "a")),
    ):
        with pytest.raises(MissingExtra) as missed:
            use()
        needs = f"{name} needs safetensors, which is not installed: pip install 'microgradcnn[safetensors]'"
        assert str(missed.value) == needs
    assert list(tmp_path.iterdir()) == []
