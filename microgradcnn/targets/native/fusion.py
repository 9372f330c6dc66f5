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

NAMELESS = "nameless"  # what a function is called until it is known whether it is a new one

__all__ = ["FusedGroup", "compiled", "grouped", "module", "written_out"]


def compiled(ir: str, functions: Sequence[str]) -> Sequence[Callable[..., None]]:
    """The function of each group: of the addresses of operands and results, of those of numbers, and of counts."""
    code = MachineCode(ir)
    prototype = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    found = [prototype(code.address(name)) for name in functions]
    for function in found:
        function.code = code  # type: ignore[attr-defined]  # which must live as long as they do
    return found


def module(groups: Sequence[FusedGroup | ImageKernel], vector_bytes: int) -> tuple[str, list[str]]:
    """The LLVM IR of the functions of groups and of kernels over images, and the function of each.

    Groups that do the same, as those of steps in time do, have one function.
    """
    if not groups:
        return "", []
    dtype = groups[0].dtype
    kind = {"float64": "double", "float32": "float"}[str(dtype)]
    lanes = vector_bytes // dtype.itemsize
    names: dict[str, str] = {}  # by the text of a function that has no name yet
    of_groups = []
    for group in groups:
        if isinstance(group, FusedGroup):
            text = PassEmitter(group, kind, lanes, dtype.itemsize).function(NAMELESS)
        else:
            text = group.text(NAMELESS, lanes)
        of_groups.append(names.setdefault(text, f"group{len(names)}"))
    lines = [line for group in groups for line in group.lines]
    passes = [text.replace(NAMELESS, name) for text, name in names.items()]
    return "\n".join([called(lines, kind, (lanes,)), *passes]), of_groups
