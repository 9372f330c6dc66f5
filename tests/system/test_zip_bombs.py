"""Small files that unpack to gigabytes, or say that they do, are refused for their sizes before anything is unpacked.

All commands run in one process whose memory is limited, and which tells how much it took at its most.
"""

from __future__ import annotations

import io
import json
import os
import re
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import one_sentence, run
from conftest import ROOT

from microgradcnn import nn

LIMIT = 1 << 30  # of address space, a half of which the libraries take
PEAK = 300 << 20  # of memory in use; a training of nothing takes about a third
HUGE = 4 << 30
REASON = r"unpack|[GM]i?B\b|bytes|too large|larger|\bsize|\bshape"

CHILD = """
import json, re, resource, sys, traceback
import numpy
from command_line import Done, run
from microgradcnn import nn

resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)

def load(path):
    try:
        nn.lenet(rng=numpy.random.default_rng(0)).load(path)
    except (ValueError, OSError) as error:
        return Done(2, "", f"microgradcnn: {error}\\n")
    return Done(0, "", "")

for command in json.load(sys.stdin):
    try:
        done = load(*command[1:]) if command[0] == "load" else run(*command)
    except BaseException:
        done = Done(1, "", traceback.format_exc())
    peak = re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1]
    print(json.dumps([done.code, done.err, int(peak) << 10]), flush=True)
"""


@dataclass(frozen=True)
class Outcome:
    """The exit code and stderr of a command, and the most memory that was in use until then."""

    code: int
    err: str
    peak: int


def bounded(folder: Path, commands: dict[str, tuple[str, ...]]) -> dict[str, Outcome]:
    """What becomes of commands, one after the other in a folder, that may not take more than LIMIT."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    settings = os.environ | {"PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1"}
    program = [sys.executable, "-P", "-c", CHILD, str(LIMIT)]
    content = json.dumps(list(commands.values()))
    done = subprocess.run(
        program, input=content, capture_output=True, text=True, check=True, env=settings, cwd=folder, timeout=200
    )
    return {name: Outcome(*json.loads(line)) for name, line in zip(commands, done.stdout.splitlines(), strict=True)}


# Zip files written by hand, so that they may say anything


def block(content: bytes, end: int) -> bytes:
    """A deflated stream, or a part of one that needs nothing which came before it."""
    packer = zlib.compressobj(9, wbits=-15)
    return packer.compress(content) + packer.flush(end)


MEBIBYTE = block(bytes(1 << 20), zlib.Z_FULL_FLUSH)


def of_zeros(head: bytes, zeros: int) -> tuple[bytes, int]:
    """A deflated stream of the bytes in `head` and so many zeros, and its CRC; zeros in whole mebibytes."""
    packed = block(head, zlib.Z_FULL_FLUSH) + MEBIBYTE * (zeros >> 20) + block(b"", zlib.Z_FINISH)
    return packed, crc_after_zeros(zlib.crc32(head), zeros)


def crc_after_zeros(crc: int, zeros: int) -> int:
    """The CRC of bytes with this CRC and then so many zeros, by squaring the matrix of one zero bit."""
    matrix, bits = [0xEDB88320, *(1 << i for i in range(31))], zeros * 8
    register = crc ^ 0xFFFFFFFF
    while bits:
        if bits & 1:
            register = times(matrix, register)
        matrix, bits = [times(matrix, row) for row in matrix], bits >> 1
    return register ^ 0xFFFFFFFF


def times(matrix: Sequence[int], vector: int) -> int:
    result = 0
    for i, row in enumerate(matrix):
        if vector >> i & 1:
            result ^= row
    return result


def npy_header(shape: tuple[int, ...] | str, dtype: str = "<f8") -> bytes:
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}"
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


class Member:
    """One file in a zip file: what it is called, its deflated bytes, and what the directory says of it."""

    def __init__(self, name: str, head: bytes, zeros: int = 0, said: int | None = None) -> None:
        self.name, self.head, self.zeros = name, head, zeros
        self.size = len(head) + zeros if said is None else said

    @cached_property
    def deflated(self) -> tuple[bytes, int]:
        """The bytes in the file, and the CRC of what they unpack to."""
        return of_zeros(self.head, self.zeros)

    def entry(self, where: int | None) -> bytes:
        """The header before the bytes, or, with the place of that, the line in the directory; both in ZIP64."""
        sizes, name = struct.pack("<QQ", self.size, len(self.deflated[0])), self.name.encode()
        fields = (45, 0, 8, 0, 33, self.deflated[1], 0xFFFFFFFF, 0xFFFFFFFF, len(name))
        if where is None:
            return struct.pack("<4s5H3L2H", b"PK\3\4", *fields, 20) + name + struct.pack("<HH", 1, 16) + sizes
        more = struct.pack("<HH", 1, 24) + sizes + struct.pack("<Q", where)
        last = (len(more), 0, 0, 0, 0, 0xFFFFFFFF)
        return struct.pack("<4s6H3L5H2L", b"PK\1\2", 45, *fields, *last) + name + more


def zip_file(path: Path, members: Sequence[Member], overlapping: int = 1) -> Path:
    """Write a zip file; each member stands so many times in the directory, under other names from the second on."""
    with open(path, "wb") as stream:
        lines = []
        for member in members:
            where = stream.tell()
            stream.write(member.entry(None) + member.deflated[0])
            lines.append(member.entry(where))
            for i in range(1, overlapping):
                again = Member(f"{i}{member.name}", b"")
                again.deflated, again.size = member.deflated, member.size
                lines.append(again.entry(where))
        start, directory = stream.tell(), b"".join(lines)
        count, size = len(lines), len(directory)
        stream.write(directory)
        end = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, start)
        stream.write(end + struct.pack("<4sLQL", b"PK\6\7", 0, start + size, 1))
        stream.write(
            struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, min(count, 0xFFFF), min(count, 0xFFFF), 2**32 - 1, 2**32 - 1, 0)
        )
    assert path.stat().st_size < 40 << 20
    return path


def test_these_zip_files_are_whole(tmp_path: Path) -> None:
    """What is written by hand reads as what it says, where it is small enough to be read."""
    path = zip_file(tmp_path / "t.npz", [Member("x.npy", npy_header((1 << 14, 64)), 8 << 20), Member("d.json", b"[1]")])
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.read("d.json") == b"[1]"
    with np.load(path) as arrays:
        assert arrays["x"].shape == (1 << 14, 64)
        assert not arrays["x"].any()


def rest(count: int = 4) -> Member:
    """Labels that are in order."""
    content = io.BytesIO()
    np.save(content, np.arange(count) % 2.0)
    return Member("y.npy", content.getvalue())


def bombs() -> dict[str, Sequence[Member]]:
    """Members of NPZ files, by what is wrong with them."""
    whole = npy_header((HUGE // 8 // 1024, 1024))
    words = npy_header((2,), "<U400000000")
    return {
        "gibibytes of zeros": [Member("x.npy", whole, HUGE), rest(HUGE // 8192)],
        "as bytes, as images": [Member("x.npy", npy_header((HUGE >> 20, 1024, 1024), "|u1"), HUGE), rest(HUGE >> 20)],
        "labels of that size": [Member("x.npy", npy_header((1, 1)) + bytes(8)), Member("y.npy", whole, HUGE)],
        "words of gigabytes": [Member("x.npy", npy_header((2, 1)) + bytes(16)), Member("y.npy", words, 3200 << 20)],
        "a header that lies": [Member("x.npy", whole + bytes(64)), rest()],
        "a header that lies beyond 64 bits": [Member("x.npy", npy_header((1 << 62, 1 << 62)) + bytes(64)), rest()],
        "a header of ten thousand digits": [Member("x.npy", npy_header(f"({'9' * 9000}, 2)") + bytes(64)), rest()],
        "a header that lies of one axis": [Member("x.npy", npy_header((1 << 40,)) + bytes(64)), rest()],
        "a negative shape": [Member("x.npy", npy_header((-1, 1 << 31)) + bytes(64)), rest()],
        "a directory that lies": [Member("x.npy", whole, HUGE, said=len(whole) + 4096), rest()],
        "a directory and a header that lie": [Member("x.npy", npy_header((4, 2)), HUGE, said=192), rest()],
        "a directory that lies the other way": [Member("x.npy", npy_header((4, 2)) + bytes(64), said=HUGE), rest()],
        "a zip file in a zip file": [Member("x.npy", b"PK\3\4", HUGE), rest()],
        "an old header": [Member("x.npy", b"\x93NUMPY\x02\x00" + struct.pack("<L", (1 << 32) - 1), HUGE), rest()],
    }


BOMBS = bombs()
MALFORMED = (
    "a negative shape",
    "a header of ten thousand digits",
    "a directory and a header that lie",
)  # no size at all


SAYING_SO = ("an array", "the description", "a description that says so")  # the others may be called damaged
WAYS = [*SAYING_SO, "an array whose header lies", "one array more", "many times the same"]


def members_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def spoilt(path: Path, source: Path, how: str) -> Path:
    """A file of parameters, or a checkpoint, with one member in the place of another, or one more."""
    whole = members_of(source)
    array = next(name for name in whole if name.endswith(".npy"))
    about = json.loads(whole["description.json"])
    bomb = {
        "an array": Member(array, npy_header((HUGE // 8192, 1024)), HUGE),
        "an array whose header lies": Member(array, npy_header((HUGE // 8192, 1024)) + bytes(64)),
        "one array more": Member("more.npy", npy_header((HUGE // 8192, 1024)), HUGE),
        "the description": Member("description.json", b" ", HUGE),
        "a description that says so": Member(array, npy_header((HUGE // 8192, 1024)), HUGE),
        "many times the same": Member("more.npy", npy_header((1 << 15, 1024)), 256 << 20),
    }[how]
    if how == "a description that says so":
        about["arrays"][array.removesuffix(".npy")]["shape"] = [HUGE // 8192, 1024]
        whole["description.json"] = json.dumps(about).encode()
    members = [Member(name, content) for name, content in whole.items() if name != bomb.name]
    return zip_file(path, [*members, bomb], overlapping=64 if how == "many times the same" else 1)


# Packed with gzip


def gzip_file(path: Path, head: bytes, zeros: int) -> Path:
    packed, crc = of_zeros(head, zeros)
    size = (len(head) + zeros) % (1 << 32)
    path.write_bytes(b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + packed + struct.pack("<LL", crc, size))
    return path


def idx_header(*shape: int) -> bytes:
    return bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)


IMAGES = {"many": (1 << 20, 128, 128), "beyond 64 bits": (2**32 - 1, 2**32 - 1, 2**32 - 1), "few": (4, 2, 2)}
TABLES = {"nothing": b"", "a row": b"a,b,kind\n1,2,x\n3,4,"}  # and then an endless line

RUN = ("train", "conv_linear", "--data", "side", "--epochs", "4", "--out", "out", "--resume", "--checkpoint")
COMMANDS: dict[str, tuple[str, ...]] = {
    **{f"train single_layer: {name}": ("train", "single_layer", "--data", f"{name}.npz") for name in BOMBS},
    **{f"train lenet: {name}": ("train", "lenet", "--data", f"{name}.npz") for name in BOMBS},
    **{
        f"predict: {name}": ("predict", "conv_linear", "--parameters", "parameters.npz", "--data", f"{name}.npz")
        for name in BOMBS
    },
    **{
        f"predict with {how}": ("predict", "conv_linear", "--parameters", f"{how}.npz", "--data", "side")
        for how in WAYS
    },
    **{f"export {how}": ("export", "conv_linear", "--parameters", f"{how}.npz", "--out", "m.onnx") for how in WAYS},
    **{f"load {how}": ("load", f"model of {how}.npz") for how in WAYS},
    **{f"resume {how}": (*RUN, how) for how in WAYS},
    "resume all": (*RUN, "all"),
    **{f"images: {name}": ("train", "lenet", "--data", f"{name}-images-idx3-ubyte.gz") for name in IMAGES},
    **{f"table: {name}": ("train", "single_layer", "--data", f"{name}.csv.gz") for name in TABLES},
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """What becomes of all commands, in a folder with a run of training on side, its checkpoints, and all bombs."""
    folder = tmp_path_factory.mktemp("bombs")
    for name, members in BOMBS.items():
        zip_file(folder / f"{name}.npz", members)
    options = ("--epochs", 4, "--out", folder, "--checkpoint", folder / "run")
    assert run("train", "conv_linear", "--data", "side", *options).code == 0
    nn.lenet(rng=np.random.default_rng(0)).save(folder / "model.npz")
    before, newest = sorted((folder / "run").glob("checkpoint-*.npz"))
    (folder / "all").mkdir()
    for how in WAYS:
        spoilt(folder / f"{how}.npz", folder / "parameters.npz", how)
        spoilt(folder / f"model of {how}.npz", folder / "model.npz", how)
        (folder / how).mkdir()
        (folder / how / before.name).write_bytes(before.read_bytes())
        spoilt(folder / how / newest.name, newest, how)
    for path in (before, newest):
        spoilt(folder / "all" / path.name, path, "an array")
    for name, shape in IMAGES.items():
        gzip_file(folder / f"{name}-images-idx3-ubyte.gz", idx_header(*shape), HUGE)
        gzip_file(folder / f"{name}-labels-idx1-ubyte.gz", idx_header(shape[0]), HUGE)
    for name, head in TABLES.items():
        gzip_file(folder / f"{name}.csv.gz", head, HUGE)
    return bounded(folder, COMMANDS)


@pytest.mark.slow
def test_little_memory_is_taken_and_a_sentence_is_said(outcomes: dict[str, Outcome]) -> None:
    """A bomb is bad input; where it is the newest checkpoint, the one before is taken."""
    wrong = {}
    for command, done in outcomes.items():
        goes_on = command.startswith("resume") and command != "resume all"
        told = one_sentence(done.err) and (not goes_on or "checkpoint-00000004.npz" in done.err)
        if done.peak >= PEAK or done.code != (0 if goes_on else 2) or not told:
            wrong[command] = done
    assert wrong == {}


FOR_THEIR_SIZES = [
    *(name for name in COMMANDS if name.split(": ")[-1] in BOMBS.keys() - {*MALFORMED}),
    *(f"{what} {how}" for what in ("predict with", "export", "load", "resume") for how in SAYING_SO),
    "resume all",
]


@pytest.mark.slow
def test_the_size_is_the_reason(outcomes: dict[str, Outcome]) -> None:
    named = re.compile("|".join(re.escape(name) for name in (*BOMBS, *WAYS)))
    said = {command: named.sub("", outcomes[command].err) for command in FOR_THEIR_SIZES}
    assert {command: err for command, err in said.items() if not re.search(REASON, err)} == {}


# What is no bomb


def test_files_that_pack_well_are_read(tmp_path: Path) -> None:
    """A ratio of a thousand says nothing: images may be dark."""
    x: Any = np.zeros((3000, 28, 28))
    x[::2, :14], x[1::2, 14:] = 1.0, 1.0
    np.savez_compressed(tmp_path / "t.npz", x=x, y=np.arange(3000) % 2)
    assert (tmp_path / "t.npz").stat().st_size < x.nbytes / 200
    options = ("--epochs", "2", "--shrink", "4", "--out", tmp_path)
    done = run("train", "conv_average", "--data", tmp_path / "t.npz", *options)
    assert done.code == 0, done.err
    with np.load(tmp_path / "parameters.npz") as whole:
        assert whole["shift"].shape == (16,)
