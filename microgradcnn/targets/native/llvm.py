"""What every primitive is in LLVM's instructions: scalars, of one row or of as many as a vector has room for."""

from __future__ import annotations

import ctypes
import math
import os
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from microgradcnn.engine.kernels import MULTIPLIED
from microgradcnn.engine.record import TABLE
from microgradcnn.targets.lines import Line, is_own
from microgradcnn.targets.native.llvm_functions import definitions, symbol
from microgradcnn.targets.notation import rows

# No flag that takes x - x for 0 (reassoc), 1/-0.0 for 1/0.0 (nsz) or 3/3 for 3·(1/3) (arcp): NaN in, NaN out, and kinks
# stay where they are. Rows are added up in lanes by hand, so that nothing has to be reordered.
FAST = "contract afn"


class FunctionEmitter:
    """The text of one function, with `lanes` rows in every value; `names` says where each line's value is."""

    def __init__(self, kind: str, lanes: int) -> None:
        self.kind, self.lanes = kind, lanes
        self.type = f"<{lanes} x {kind}>" if lanes > 1 else kind
        self.mask = f"<{lanes} x i1>" if lanes > 1 else "i1"
        self.names: dict[Line, str] = {}
        self._text: list[str] = []
        self._count = 0
        self._loops = 0

    def add(self, *lines: str) -> None:
        """Lines of text as they are."""
        self._text += lines

    @property
    def length(self) -> int:
        """How many pieces of text there are."""
        return len(self._text)

    def text(self) -> str:
        """All of it."""
        return "\n".join(self._text)

    def make(self, instruction: str) -> str:
        """The name of what an instruction gives."""
        self._count += 1
        name = f"%t{self._count}"
        self._text.append(f"{name} = {instruction}")
        return name

    @contextmanager
    def loop(self, start: str, stop: str, carried: Sequence[str] = ()) -> Iterator[tuple[str, list[str]]]:
        """The text within once for every i from start to below stop: gives i and what is carried from turn to turn.

        The list is to be assigned to within; after the loop it holds what the last turn left, or `carried` if none.
        """
        self._loops += 1
        k = self._loops
        self.add(f"br label %enter{k}", f"enter{k}:", f"br label %loop{k}", f"loop{k}:")
        head, state = len(self._text), [f"%c{k}_{m}" for m in range(len(carried))]
        names = list(state)
        self.add("", f"%more{k} = icmp slt i64 %i{k}, {stop}", f"br i1 %more{k}, label %body{k}, label %end{k}")
        self.add(f"body{k}:")
        yield f"%i{k}", state
        self.add(f"br label %latch{k}", f"latch{k}:", f"%next{k} = add nsw i64 %i{k}, 1", f"br label %loop{k}")
        self.add(f"end{k}:")
        phis = [f"%i{k} = phi i64 [ {start}, %enter{k} ], [ %next{k}, %latch{k} ]"]
        for name, first, last in zip(names, carried, state, strict=True):
            phis.append(f"{name} = phi {self.type} [ {first}, %enter{k} ], [ {last}, %latch{k} ]")
        self._text[head] = "\n".join(phis)
        state[:] = names

    def offset(self, *terms: tuple[str, int], start: int = 0) -> str:
        """start + Σ index·factor, of indices that the program counts and factors that are known."""
        total = str(start)
        for index, factor in terms:
            total = self.make(f"add i64 {total}, {self.make(f'mul i64 {index}, {factor}')}")
        return total

    def address(self, where: str, at: str, further: int = 0) -> str:
        """The address of number `at` + `further` of an array."""
        base = self.make(f"getelementptr {self.kind}, ptr {where}, i64 {at}")
        return self.make(f"getelementptr {self.kind}, ptr {base}, i64 {further}")

    def load(self, where: str, i: int) -> str:
        """Number i of an array."""
        return self.make(f"load {self.kind}, ptr {self.make(f'getelementptr {self.kind}, ptr {where}, i64 {i}')}")

    def store(self, value: str, where: str, i: int) -> None:
        """Write number i of an array."""
        place = self.make(f"getelementptr {self.kind}, ptr {where}, i64 {i}")
        self.add(f"store {self.kind} {value}, ptr {place}")

    def load_vector(self, place: str, size: int, mask: str | None) -> str:
        """The vector at an address, of numbers of `size` bytes; 0, and unread, where the mask does not hold."""
        if mask is None:
            return self.make(f"load {self.type}, ptr {place}, align {size}")
        given = f"ptr {place}, i32 {size}, {self.mask} {mask}, {self.type} zeroinitializer"
        return self.make(f"call {self.type} @llvm.masked.load.v{self.lanes}f{8 * size}.p0({given})")

    def store_vector(self, value: str, place: str, size: int, mask: str | None) -> None:
        """Write a vector to an address, where the mask holds."""
        if mask is None:
            self.add(f"store {self.type} {value}, ptr {place}, align {size}")
            return
        given = f"{self.type} {value}, ptr {place}, i32 {size}, {self.mask} {mask}"
        self.add(f"call void @llvm.masked.store.v{self.lanes}f{8 * size}.p0({given})")

    def splat(self, number: str) -> str:
        """The same number for all rows."""
        if self.lanes == 1:
            return number
        one = self.make(f"insertelement {self.type} poison, {self.kind} {number}, i32 0")
        return self.make(f"shufflevector {self.type} {one}, {self.type} poison, <{self.lanes} x i32> zeroinitializer")

    def value(self, line: Line, as_mask: bool = False) -> str:
        """Where the value of a line is: a name or a constant; booleans as numbers unless asked for as they are."""
        name = self.names.get(line)
        if name is None:
            return self._number(line, as_mask)
        if not as_mask and line.dtype.kind == "b":
            return self.make(f"uitofp {self.mask} {name} to {self.type}")
        return name

    def constant(self, value: float) -> str:
        """A number as a constant for all rows."""
        one = literal(value, self.kind)
        return one if self.lanes == 1 else f"<{', '.join([f'{self.kind} {one}'] * self.lanes)}>"

    def line(self, line: Line) -> None:
        """Compute a line."""
        self.names[line] = self._line(line)

    def call(self, name: str, *args: str) -> str:
        """A function of llvm_functions.py."""
        given = ", ".join(f"{self.type} {arg}" for arg in args)
        return self.make(f"call {self.type} {symbol(name, self.kind, self.lanes)}({given})")

    def library(self, name: str, *args: str) -> str:
        """A function of C's library for mathematics, for one number after the other."""
        if self.lanes == 1:
            return self.make(f"call {self.kind} @{name}({', '.join(f'{self.kind} {arg}' for arg in args)})")
        found = "poison"
        for lane in range(self.lanes):
            one = [self.make(f"extractelement {self.type} {arg}, i32 {lane}") for arg in args]
            number = self.make(f"call {self.kind} @{name}({', '.join(f'{self.kind} {x}' for x in one)})")
            found = self.make(f"insertelement {self.type} {found}, {self.kind} {number}, i32 {lane}")
        return found

    def intrinsic(self, name: str, x: str) -> str:
        """A function of the processor."""
        bits = 64 if self.kind == "double" else 32
        suffix = f"v{self.lanes}f{bits}" if self.lanes > 1 else f"f{bits}"
        return self.make(f"call {FAST} {self.type} @llvm.{name}.{suffix}({self.type} {x})")

    def binary(self, instruction: str, a: str, b: str) -> str:
        """An instruction on two numbers."""
        return self.make(f"{instruction} {FAST} {self.type} {a}, {b}")

    def compare(self, relation: str, a: str, b: str) -> str:
        """A comparison, as a mask; false where an operand is NaN unless the relation begins with u."""
        return self.make(f"fcmp {relation} {self.type} {a}, {b}")

    def select(self, mask: str, a: str, b: str) -> str:
        """a where the mask holds, otherwise b."""
        return self.make(f"select {self.mask} {mask}, {self.type} {a}, {self.type} {b}")

    def _number(self, line: Line, as_mask: bool) -> str:
        if as_mask:
            bit = "true" if line.value else "false"
            return bit if self.lanes == 1 else f"<{', '.join([f'i1 {bit}'] * self.lanes)}>"
        if not line.power:
            return self.constant(float(line.value))
        power = "%nf"
        for _ in range(abs(line.power) - 1):
            power = self.make(f"fmul {self.kind} {power}, %nf")
        return self.binary("fmul" if line.power > 0 else "fdiv", self.constant(line.value), power)

    def _line(self, line: Line) -> str:
        op = line.op
        if op in BINARY:
            first, second = line.args
            return self.binary(BINARY[op], self.value(first), self.value(second))
        if op == "where":
            mask, (a, b) = self.value(line.args[0], as_mask=True), (self.value(arg) for arg in line.args[1:])
            return self.select(mask, a, b)
        args = [self.value(arg) for arg in line.args]
        if op in RELATIONS:
            return self.compare(RELATIONS[op], *args)
        if op in FUNCTIONS:
            return self.call(op, *args)
        if op == "power":
            return self._power(args[0], line.static["exponent"])
        if op in EMITTED:
            return str(EMITTED[op](self, *args))
        return self.library(_library_function(line, self.kind), *args)

    def _power(self, x: str, exponent: float) -> str:
        whole = int(exponent) if float(exponent).is_integer() and abs(exponent) <= MULTIPLIED else 0
        if not whole:
            return self.call("pow", x, self.constant(float(exponent)))
        result = x
        for _ in range(abs(whole) - 1):
            result = self.binary("fmul", result, x)
        return result if whole > 0 else self.binary("fdiv", self.constant(1.0), result)


def has_instructions(line: Line) -> bool:
    """Whether a line on numbers is computed by instructions, or by the C function that a user's primitive names."""
    if is_own(line):
        return "llvm" in TABLE[line.op].targets and not line.static
    tables = (BINARY, RELATIONS, FUNCTIONS, EMITTED, LIBRARY)
    return line.op in ("where", "power") or any(line.op in table for table in tables)


def called(lines: Iterable[Line], kind: str, lanes: Iterable[int]) -> str:
    """LLVM's text of the functions that these lines call, for each of these numbers of lanes."""
    lines = list(lines)
    ops = {line.op for line in lines}
    names = ops & FUNCTIONS | ({"pow"} if any(map(_needs_pow, lines)) else set())
    names |= {"softplus"} if "logaddexp" in ops else set()
    library = {_library_function(line, kind): len(line.args) for line in lines if is_own(line) or line.op in LIBRARY}
    declared = [f"declare {kind} @{name}({', '.join([kind] * count)}) nounwind" for name, count in library.items()]
    return "\n".join([*declared, *(definitions(sorted(names), kind, n) for n in dict.fromkeys(lanes))])


def is_in_the_library(line: Line, kind: str) -> bool:
    """Whether C's library for mathematics has the function that a primitive of the user's own names for LLVM."""
    return os.name != "posix" or hasattr(ctypes.CDLL(None), _c_name(line, kind))


def _c_name(line: Line, kind: str) -> str:
    return TABLE[line.op].targets["llvm"] + ("f" if kind == "float" else "")


def _library_function(line: Line, kind: str) -> str:
    name = _c_name(line, kind)
    if not is_in_the_library(line, kind):
        raise ValueError(
            f"the primitive {line.op!r} is {name} for LLVM, which C's library for mathematics does not have"
        )
    return name


def _needs_pow(line: Line) -> bool:
    """Whether a line calls pow: a power that is no product."""
    if line.op != "power":
        return False
    exponent = line.static["exponent"]
    return not float(exponent).is_integer() or not 0 < abs(exponent) <= MULTIPLIED


def literal(value: float, kind: str) -> str:
    """A number as LLVM writes it exactly: the bits of a double, which for float are those of the rounded number."""
    if kind == "float":
        with np.errstate(over="ignore"):
            value = float(np.float32(value))
    return f"0x{struct.unpack('>Q', struct.pack('>d', value))[0]:016X}"


def _larger(relation: str) -> Any:
    def emit(f: FunctionEmitter, a: str, b: str) -> str:
        first = f.make(f"or {f.mask} {f.compare(relation, a, b)}, {f.compare('uno', a, a)}")
        return f.select(first, a, b)  # NaN from either side: a comparison with a NaN b is false

    return emit


def _relu(f: FunctionEmitter, x: str) -> str:
    return f.select(f.compare("ole", x, f.constant(0.0)), f.constant(0.0), x)


def _sign(f: FunctionEmitter, x: str) -> str:
    zero, one = f.constant(0.0), f.constant(1.0)
    negative = f.select(f.compare("olt", x, zero), f.constant(-1.0), f.binary("fadd", x, zero))  # 0 or NaN
    return f.select(f.compare("ogt", x, zero), one, negative)


def _mod(f: FunctionEmitter, a: str, b: str) -> str:
    """The remainder with the sign of a, and b more where that is not the sign of b."""
    rest, zero = f.make(f"frem {f.type} {a}, {b}"), f.constant(0.0)
    signs = f.make(f"xor {f.mask} {f.compare('olt', rest, zero)}, {f.compare('olt', b, zero)}")
    differ = f.make(f"and {f.mask} {signs}, {f.compare('one', rest, zero)}")
    return f.select(differ, f.binary("fadd", rest, b), rest)


def _logaddexp(f: FunctionEmitter, a: str, b: str) -> str:
    """max(a, b) + softplus(-|a - b|), and a + log 2 where they are equal, both infinite perhaps."""
    apart = f.make(f"fneg {f.type} {f.intrinsic('fabs', f.binary('fsub', a, b))}")
    found = f.binary("fadd", EMITTED["maximum"](f, a, b), f.call("softplus", apart))
    return f.select(f.compare("oeq", a, b), f.binary("fadd", a, f.constant(math.log(2.0))), found)


# Primitives by the instruction that computes them, or by what is emitted for them; the rest call llvm_functions.py.
BINARY = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
RELATIONS = {"less": "olt", "less_equal": "ole", "greater": "ogt", "greater_equal": "oge", "equal": "oeq"}
FUNCTIONS = frozenset({"exp", "expm1", "log", "log1p", "tanh", "sigmoid", "softplus", "pow"})
LIBRARY = rows("llvm")  # a function of C's, for one number after the other
EMITTED: dict[str, Any] = {
    "neg": lambda f, x: f.make(f"fneg {FAST} {f.type} {x}"),
    "square": lambda f, x: f.binary("fmul", x, x),
    "sqrt": lambda f, x: f.intrinsic("sqrt", x),
    "abs": lambda f, x: f.intrinsic("fabs", x),
    "relu": _relu,
    "maximum": _larger("oge"),
    "minimum": _larger("ole"),
    "sign": _sign,
    "floor": lambda f, x: f.intrinsic("floor", x),
    "mod": _mod,
    "logaddexp": _logaddexp,
    "reshape": lambda f, x: x,
    "astype": lambda f, x: x,
}
