"""LLVM's text to machine code for this processor, kept on disk so that a program is compiled once per machine.

The folder is $MICROGRADCNN_CACHE (where that is empty, nothing is kept), or else `microgradcnn` in the user's folder
for caches. What lies there will be run: it is taken only from files that are the user's, as their folder is, and that
nobody else may write, if a checksum of the program's key and the rest of the file is right. It may be removed any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from microgradcnn.extras import require

VARIABLE = "MICROGRADCNN_CACHE"
SHORT, LONG = 300_000, 600_000  # characters of a text: more than one over arrays has, and some 2,000 lines of scalars
LONGEST = 2_000_000  # some 6,000 lines
FILES = 256  # so many are kept, those used last
_FORMAT = b"microgradcnn machine code 3\n"  # count it up when what a file holds, or how it is made, changes
_FINISHED, _UNFINISHED = ".machinecode", ".unfinished"


class MachineCode:
    """The functions of a program in LLVM's text, compiled for this processor or found where they were kept.

    A folder that cannot be read or written only costs the time to compile. Raises MissingExtra without llvmlite, and
    RuntimeError with LLVM's message for a text that is no program.
    """

    def __init__(self, ir: str) -> None:
        llvm = _llvm()
        key, folder = _key(ir), cache_folder()
        code = _load(folder, key) if folder else None
        if code is None:
            code = _compile(ir)
            if folder:
                _store(folder, key, code)
        # JITLink puts a program into one piece of memory: constants and stubs are within reach of 32 bits, always.
        self._engine = llvm.create_lljit_compiler(_target_machine(), use_jit_link=True, suppress_errors=True)
        self._program = (
            llvm.JITLibraryBuilder().add_object_img(code).add_current_process().link(self._engine, "program")
        )
        self._found: dict[str, Any] = {}

    def address(self, name: str) -> int:
        """Where the function `name` begins, for ctypes; it stays there as long as this object lives.

        Raises KeyError if the program defines no such function.
        """
        if name not in self._found:
            try:
                self._found[name] = self._engine.lookup("program", name)
            except RuntimeError as error:
                raise KeyError(name) from error
        return self._found[name][name]


def vector_bytes() -> int:
    """How many bytes this processor's vectors have: 64 with AVX-512, 32 with AVX, otherwise 16.

    Raises MissingExtra without llvmlite.
    """
    features = _host()[-1].split(",")
    return 64 if "+avx512f" in features else 32 if "+avx" in features else 16


def cache_folder() -> Path | None:
    """The folder for compiled programs, which need not exist; None if nothing is to be kept."""
    chosen = os.environ.get(VARIABLE)
    if chosen is not None:
        return Path(chosen) if chosen else None
    variable, usual = ("LOCALAPPDATA", "AppData/Local") if os.name == "nt" else ("XDG_CACHE_HOME", ".cache")
    try:
        return Path(os.environ.get(variable) or Path.home() / usual) / "microgradcnn"
    except RuntimeError:  # a user without a home
        return None


def _llvm() -> ModuleType:
    llvm = require("llvmlite.binding", "jit", package="llvmlite", needed_by='backend="jit"')
    _initialise(llvm)
    return llvm


@cache
def _initialise(llvm: ModuleType) -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


def _host() -> tuple[str, str, str]:
    """The system, the processor and what that can do, in LLVM's words."""
    return _described(_llvm())


@cache
def _described(llvm: ModuleType) -> tuple[str, str, str]:
    system = llvm.get_process_triple() + ("-elf" if os.name == "nt" else "")  # LLVM can link no other objects there
    return system, llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


def _target_machine(opt: int = 3) -> Any:
    system, cpu, features = _host()
    target = _llvm().Target.from_triple(system)
    return target.create_target_machine(cpu, features, opt=opt, reloc="pic", codemodel="small", jit=True)


def _compile(ir: str) -> bytes:
    """An object file. Few passes, since the programs are long and straight; nothing moves from memory to registers.

    Of hundreds of sums that a loop keeps in memory, each would become a register across its iterations, be spilled and
    be shuffled: almost twice the time. So there is no SROA and no LICM here; the code generator hoists constants.
    The longer a text, the fewer passes: in scalars, where nothing is computed twice, numbering values finds nothing. In
    a long one functions are called, not written out at every call, and nothing is combined: that, and a code generator
    that looks further, took two thirds of the time, for code that ran no faster over a thousand rows. Of the longest
    every instruction is translated by itself, in a time that grows as the text does: the code runs 4 to 8 % longer over
    a hundred rows and more, a quarter over eight.
    """
    llvm, machine = _llvm(), _target_machine(3 if len(ir) < LONG else 1 if len(ir) < LONGEST else 0)
    with llvm.create_context() as context, llvm.parse_assembly(ir, context) as module:
        module.verify()
        passes = llvm.create_new_module_pass_manager()
        if len(ir) < LONG:
            passes.add_always_inliner_pass()
            passes.add_instruction_combine_pass()
        passes.add_global_dead_code_eliminate_pass()
        if len(ir) < SHORT:
            passes.add_new_gvn_pass()
            passes.add_dead_code_elimination_pass()
        passes.run(module, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options()))
        return machine.emit_object(module)


def _key(ir: str) -> str:
    """A name for all that the machine code depends on."""
    version, llvm_version = sys.modules["llvmlite"].__version__, _llvm().llvm_version_info
    parts = (_FORMAT.decode(), version, repr(llvm_version), *_host(), ir)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _checksum(key: str, code: bytes) -> bytes:
    return hashlib.sha256(key.encode() + code).digest()


def _load(folder: Path, key: str) -> bytes | None:
    """The machine code that was kept; None if it is absent, damaged or open to others."""
    path = folder / (key + _FINISHED)
    try:
        with path.open("rb") as file:
            trusted = _is_ours(os.stat(folder), 0) and _is_ours(os.fstat(file.fileno()), stat.S_IWGRP | stat.S_IWOTH)
            content = file.read() if trusted else b""
    except OSError:
        return None
    start = len(_FORMAT)
    checksum, code = content[start : start + 32], content[start + 32 :]
    if not content.startswith(_FORMAT) or checksum != _checksum(key, code):
        return None
    with contextlib.suppress(OSError):  # such as a folder that may only be read
        os.utime(path)
    return code


def _is_ours(status: os.stat_result, forbidden: int) -> bool:
    """Whether it belongs to this user and has none of the `forbidden` permissions; Windows has neither."""
    return sys.platform == "win32" or (status.st_uid == os.geteuid() and not status.st_mode & forbidden)


def _store(folder: Path, key: str, code: bytes) -> None:
    """Keep machine code, whole or not at all; where that fails, it was for nothing but does no harm."""
    unfinished = ""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, unfinished = tempfile.mkstemp(_UNFINISHED, dir=folder)
        with open(handle, "wb") as file:
            file.write(_FORMAT + _checksum(key, code) + code)
        os.replace(unfinished, folder / (key + _FINISHED))
        _drop_the_oldest(folder)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(unfinished)


def _drop_the_oldest(folder: Path) -> None:
    files = [path for path in folder.iterdir() if path.suffix in (_FINISHED, _UNFINISHED)]
    for path in sorted(files, key=lambda path: path.stat().st_mtime)[:-FILES]:
        path.unlink()
