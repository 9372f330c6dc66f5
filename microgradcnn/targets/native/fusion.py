"""Element-by-element operations over arrays, fused: one compiled pass over memory for many lines."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence

from microgradcnn.targets.native.fused.grouping import grouped, written_out
from microgradcnn.targets.native.fused.groups import FusedGroup
from microgradcnn.targets.native.fused.passes import PassEmitter
from microgradcnn.targets.native.images import ImageKernel
from microgradcnn.targets.native.llvm import called
from microgradcnn.targets.native.machine_code import MachineCode

__all__ = ["FusedGroup", "compiled", "grouped", "module", "written_out"]


def compiled(ir: str, count: int) -> Sequence[Callable[..., None]]:
    """A function for each group: of the addresses of operands and results, of those of numbers, and of counts."""
    code = MachineCode(ir)
    prototype = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    functions = [prototype(code.address(f"group{i}")) for i in range(count)]
    for function in functions:
        function.code = code  # type: ignore[attr-defined]  # which must live as long as they do
    return functions


def module(groups: Sequence[FusedGroup | ImageKernel], vector_bytes: int) -> str:
    """The LLVM IR of the functions of groups and of kernels over images."""
    if not groups:
        return ""
    dtype = groups[0].dtype
    kind = {"float64": "double", "float32": "float"}[str(dtype)]
    lanes = vector_bytes // dtype.itemsize
    lines = [line for group in groups for line in group.lines]
    passes = [
        PassEmitter(group, kind, lanes, dtype.itemsize).function(f"group{i}")
        if isinstance(group, FusedGroup)
        else group.text(f"group{i}", lanes)
        for i, group in enumerate(groups)
    ]
    return "\n".join([called(lines, kind, (lanes,)), *passes])
