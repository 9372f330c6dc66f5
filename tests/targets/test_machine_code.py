"""Programs compiled and kept on disk: found again, mended when damaged, and never in the way."""

from __future__ import annotations

import ctypes
import os
import re
import stat
import subprocess
import sys

import llvmlite.binding as llvm
import pytest

from microgradcnn.extras import MissingExtra
from microgradcnn.targets.native import machine_code
from microgradcnn.targets.native.machine_code import MachineCode, cache_folder, vector_bytes

TRIPLE = "define i64 @triple(i64 %x) {\n  %y = mul i64 %x, 3\n  ret i64 %y\n}\n"
on_posix = pytest.mark.skipif(os.name == "nt", reason="owners and permissions of POSIX")


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("MICROGRADCNN_CACHE", str(tmp_path / "a" / "cache"))
    return tmp_path / "a" / "cache"


@pytest.fixture
def no_compiler(monkeypatch):
    def refuse(*_):
        raise AssertionError("compiled again")

    monkeypatch.setattr(llvm, "parse_assembly", refuse)


def works(ir: str = TRIPLE, factor: int = 3) -> bool:
    code = MachineCode(ir)
    return ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(code.address("triple"))(14) == factor * 14


def kept(folder) -> list:
    return sorted(folder.iterdir())


def test_a_program_runs():
    assert works()


def test_a_function_that_does_not_exist():
    with pytest.raises(KeyError, match="quadruple"):
        MachineCode(TRIPLE).address("quadruple")


def test_a_text_that_is_no_program(folder):
    with pytest.raises(RuntimeError, match="expected"):
        MachineCode("define i64 @triple(")
    assert not folder.exists()


def test_several_programs_with_functions_of_the_same_name():
    codes = [MachineCode(TRIPLE.replace("3", str(n))) for n in range(2, 7)]
    functions = [ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(code.address("triple")) for code in codes]
    assert [f(10) for f in functions] == [20, 30, 40, 50, 60]


def test_a_program_may_use_the_library_for_mathematics(folder, monkeypatch):
    ir = "define double @f(double %x, double %y) {\n  %z = call double @llvm.pow.f64(double %x, double %y)\n"
    ir += "  %w = fadd double %z, 0.1\n  ret double %w\n}\ndeclare double @llvm.pow.f64(double, double)\n"
    for _ in range(2):  # compiled, and from the folder
        code = MachineCode(ir)
        f = ctypes.CFUNCTYPE(*[ctypes.c_double] * 3)(code.address("f"))
        assert f(1.5, 2.5) == 1.5**2.5 + 0.1
        monkeypatch.setattr(machine_code, "_compile", None)
    assert len(kept(folder)) == 1


def test_the_second_time_nothing_is_compiled(folder, request):
    assert works()
    (path,) = kept(folder)
    assert re.fullmatch(r"[0-9a-f]{64}\.machinecode", path.name)
    request.getfixturevalue("no_compiler")
    assert works()
    with pytest.raises(AssertionError, match="compiled again"):
        works(TRIPLE.replace("3", "4"))


def test_every_program_has_its_file(folder):
    assert works()
    assert works(TRIPLE.replace("3", "4"), 4)
    assert len(kept(folder)) == 2


@pytest.mark.parametrize("what", ["get_host_cpu_name", "llvm_version_info"])
def test_another_processor_or_version_has_other_files(folder, monkeypatch, what):
    before = machine_code._key(TRIPLE)
    monkeypatch.setattr(llvm, what, (0, 0, 0) if what == "llvm_version_info" else lambda: "generic")
    machine_code._described.cache_clear()
    try:
        assert machine_code._key(TRIPLE) != before
    finally:
        machine_code._described.cache_clear()


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :]


DAMAGE = {
    "a bit of the magic": lambda content: flipped(content, 3),
    "a bit of the checksum": lambda content: flipped(content, len(machine_code._FORMAT) + 7),
    "a bit of the code": lambda content: flipped(content, len(content) // 2),
    "the last bit": lambda content: flipped(content, len(content) - 1),
    "cut off": lambda content: content[:-1],
    "cut off in the checksum": lambda content: content[: len(machine_code._FORMAT) + 9],
    "cut off in the magic": lambda content: content[:5],
    "empty": lambda content: b"",
    "more": lambda content: content + b"\0",
    "no code": lambda content: content[: len(machine_code._FORMAT)],
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_mended(folder, damage):
    assert works()
    (path,) = kept(folder)
    whole = path.read_bytes()
    path.write_bytes(DAMAGE[damage](whole))
    assert works()
    assert path.read_bytes() == whole


def test_the_file_of_another_program_is_not_run(folder):
    assert works()
    (path,) = kept(folder)
    assert works(TRIPLE.replace("3", "4"), 4)
    (other,) = [p for p in kept(folder) if p != path]
    path.write_bytes(other.read_bytes())
    assert works()


@on_posix
def test_only_the_user_can_write_there(folder):
    assert works()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(kept(folder)[0].stat().st_mode) == 0o600


@on_posix
@pytest.mark.parametrize("whose", ["the file", "the folder"])
def test_what_belongs_to_others_is_not_loaded(folder, monkeypatch, whose):
    assert works()
    (path,) = kept(folder)
    inode, me = (path if whose == "the file" else folder).stat().st_ino, os.geteuid()

    def is_ours(status, forbidden):
        parts = list(status[:10])
        parts[4] = me + (status.st_ino == inode)
        return original(os.stat_result(parts), forbidden)

    original = machine_code._is_ours
    monkeypatch.setattr(machine_code, "_is_ours", is_ours)
    assert machine_code._load(folder, path.stem) is None
    assert works()


@on_posix
def test_what_others_may_write_is_not_loaded(folder):
    assert works()
    (path,) = kept(folder)
    assert machine_code._load(folder, path.stem)
    path.chmod(0o620)
    assert machine_code._load(folder, path.stem) is None
    assert works()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@on_posix
def test_a_folder_that_may_only_be_read(folder, monkeypatch, request):
    """As root it may be written all the same, so the system is made to refuse."""

    def refuse(*_, **__):
        raise PermissionError("read-only")

    assert works()
    monkeypatch.setattr(os, "utime", refuse)
    monkeypatch.setattr(machine_code.tempfile, "mkstemp", refuse)
    assert works(TRIPLE.replace("3", "4"), 4)
    assert len(kept(folder)) == 1
    request.getfixturevalue("no_compiler")
    assert works()


def test_a_full_disk(folder, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    assert works()
    assert kept(folder) == []


@pytest.mark.parametrize("where", [".", "below"])
def test_a_file_in_place_of_the_folder(monkeypatch, tmp_path, where):
    (tmp_path / "file").write_text("mine")
    monkeypatch.setenv("MICROGRADCNN_CACHE", str(tmp_path / "file" / where))
    assert works()
    assert (tmp_path / "file").read_text() == "mine"


def test_nothing_is_kept_if_so_wished(monkeypatch, tmp_path):
    monkeypatch.setenv("MICROGRADCNN_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "xdg"))
    monkeypatch.chdir(tmp_path)
    assert cache_folder() is None
    assert works()
    assert list(tmp_path.iterdir()) == []


def test_where_programs_are_kept(monkeypatch, tmp_path):
    monkeypatch.delenv("MICROGRADCNN_CACHE")
    for variable in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(tmp_path))
    assert cache_folder() == tmp_path / "microgradcnn"
    for variable in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(variable)
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    usual = "AppData/Local" if os.name == "nt" else ".cache"
    assert cache_folder() == tmp_path / usual / "microgradcnn"


def test_the_oldest_are_dropped(folder, monkeypatch):
    monkeypatch.setattr(machine_code, "FILES", 3)
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    (folder / "x.unfinished").write_text("left behind by a process that died")
    os.utime(folder / "x.unfinished", (1, 1))
    for n in range(2, 5):
        assert works(TRIPLE.replace("3", str(n)), n)
        os.utime(folder / f"{machine_code._key(TRIPLE.replace('3', str(n)))}.machinecode", (n, n))
    assert works(TRIPLE.replace("3", "2"), 2)  # used again, so no longer the oldest
    assert works(TRIPLE.replace("3", "5"), 5)
    names = {machine_code._key(TRIPLE.replace("3", str(n))) + ".machinecode" for n in (2, 4, 5)}
    assert {path.name for path in kept(folder)} == {*names, "notes.txt"}


@pytest.mark.slow
def test_two_processes_at_once(folder):
    script = f"""
import ctypes
from microgradcnn.targets.native.machine_code import MachineCode
for n in range(2, 40):
    code = MachineCode({TRIPLE!r}.replace("3", str(n)))
    assert ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(code.address("triple"))(14) == 14 * n
"""
    processes = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert len(kept(folder)) == 38
    assert all(machine_code._load(folder, path.stem) for path in kept(folder))


def test_without_llvmlite(monkeypatch):
    monkeypatch.setitem(sys.modules, "llvmlite.binding", None)
    sentence = re.escape("backend=\"jit\" needs llvmlite, which is not installed: pip install 'microgradcnn[jit]'")
    for needing in (lambda: MachineCode(TRIPLE), vector_bytes):
        with pytest.raises(MissingExtra, match=f"^{sentence}$"):
            needing()


@pytest.mark.parametrize(("features", "size"), [("+avx,+avx2,+avx512f", 64), ("+avx,-avx512f", 32), ("+sse2", 16)])
def test_how_wide_vectors_are(monkeypatch, features, size):
    monkeypatch.setattr(machine_code, "_host", lambda: ("", "", features))
    assert vector_bytes() == size


def test_the_widest_vectors_can_be_used():
    lanes = vector_bytes() // 8
    ir = f"define void @triple(ptr %p) {{\n  %x = load <{lanes} x double>, ptr %p, align 8\n"
    ir += f"  %y = fadd <{lanes} x double> %x, %x\n  store <{lanes} x double> %y, ptr %p, align 8\n  ret void\n}}\n"
    code, numbers = MachineCode(ir), (ctypes.c_double * lanes)(*range(lanes))
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(code.address("triple"))(ctypes.addressof(numbers))
    assert list(numbers) == [2.0 * i for i in range(lanes)]
