"""Plain convolutions at stride 1 as compiled loops over the images themselves: no window is ever copied.

A vector holds neighbours of one row of pixels. As many sums as there are registers for are added up at a time, of some
rows of pixels and filters that share what they load. Pixels beyond the edge are masked, not stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TypeAlias

from microgradcnn.targets.lines import Line, lengths
from microgradcnn.targets.native.llvm import FAST, FunctionEmitter, literal

SUMS = 12  # registers for sums, of the sixteen that the least of processors with wide vectors has
TOGETHER = 3  # vectors of a row of pixels that share the weights they are multiplied by
LONGEST = 64  # vectors in a row of pixels: the text has every one of them

Pair: TypeAlias = tuple[int, int]


def has_loops(line: Line, lanes: int) -> bool:
    """Whether a convolution, or an adjoint of one, is at stride 1 with a kernel and images that loops are made for."""
    images = line.args if line.op == "conv2d_kernel" else (line, line.args[0])
    *_, kh, kw = lengths((line if line.op == "conv2d_kernel" else line.args[1]).shape, 1)
    (top, left), widths = line.static["padding"], [lengths(image.shape, 1)[3] for image in images]
    small = kw <= SUMS and top < kh and left < kw and min(widths) > 0 and max(widths) <= LONGEST * lanes
    plain = line.static["stride"] == (1, 1) and line.static.keys().isdisjoint(("dilation", "groups"))
    return plain and small


def lanes_for(line: Line, lanes: int) -> int:
    """How many of a vector's lanes a convolution is to use: no more than a short row of pixels fills."""
    columns = lengths((line.args[1] if line.op == "conv2d_kernel" else line).shape, 1)[3]
    return min(lanes, max(2, 1 << (columns - 1).bit_length()))


class ConvolutionLoops(FunctionEmitter):
    """Writes the body of a kernel: operands lie at %a and %b, the result at %out."""

    def __init__(self, kind: str, lanes: int, size: int) -> None:
        super().__init__(kind, lanes)
        self.size, self.zero = size, self.constant(0.0)

    def convolution(self, line: Line) -> None:
        """The loops of conv2d(a, b), of conv2d_input(a, b), or of conv2d_kernel(a, b)."""
        (top, left), result = line.static["padding"], lengths(line.shape, 1)
        given, (_, *other) = (lengths(arg.shape, 1) for arg in line.args)
        if line.op == "conv2d_kernel":
            self._weights(given[1:], other, result[2:], (top, left))
            return
        channels, kh, kw = other
        plane, whole = kh * kw, channels * kh * kw
        if line.op == "conv2d":
            self._correlate(given[1:], result[1:], (kh, kw), (top, left), (0, whole, plane, kw, 1))
        else:  # with the kernel turned round, and its channels for its filters
            edge = kh - 1 - top, kw - 1 - left
            self._correlate(given[1:], result[1:], (kh, kw), edge, (plane - 1, plane, whole, -kw, -1))

    def _correlate(
        self, given: Sequence[int], wanted: Sequence[int], size: Pair, edge: Pair, strides: Sequence[int]
    ) -> None:
        """out[n, o, p, q] = Σ over k, i, j of a[n, k, p+i-top, q+j-left]·b[start + o·so + k·sk + i·si + j·sj]."""
        (channels, height, width), (count, rows, columns), (kh, kw), (top, left) = given, wanted, size, edge
        start, so, sk, si, sj = strides
        vectors = list(range(0, columns, self.lanes))
        groups = [vectors[i : i + TOGETHER] for i in range(0, len(vectors), TOGETHER)]
        with self.loop("0", "%rows") as (n, _):
            for filters, first, blocks in _shared_out(count, SUMS // len(groups[0])):
                with self.loop("0", str(blocks)) as (block, _):
                    o = self.offset((block, filters), start=first)
                    for group in groups:
                        with self.loop("0", str(rows)) as (p, _):
                            sums = [self.zero] * (filters * len(group))
                            low, high = self._overlap(p, kh, top, height)
                            with self.loop("0", str(channels), sums) as (k, sums):
                                with self.loop(low, high, sums) as (i, inner):
                                    at = self.offset((n, channels * height * width), (k, height * width), (p, width))
                                    row = self.address("%a", self.offset((at, 1), (i, width)), -top * width)
                                    weights = self.offset((o, so), (k, sk), (i, si))
                                    for j in range(kw):
                                        pixels = [self._pixels(row, q + j - left, width) for q in group]
                                        for m in range(filters):
                                            place = self.address("%b", weights, start + m * so + j * sj)
                                            weight = self.splat(self.make(f"load {self.kind}, ptr {place}"))
                                            for v, x in enumerate(pixels):
                                                at_sum = m * len(group) + v
                                                inner[at_sum] = self._added(inner[at_sum], x, weight)
                                sums[:] = inner
                            at = self.offset((n, count * rows * columns), (o, rows * columns), (p, columns))
                            for m, v in product(range(filters), range(len(group))):
                                place = self.address("%out", at, m * rows * columns + group[v])
                                inside = self._mask([group[v] + lane < columns for lane in range(self.lanes)])
                                self.store_vector(sums[m * len(group) + v], place, self.size, inside)

    def _weights(self, images: Sequence[int], sent: Sequence[int], size: Pair, edge: Pair) -> None:
        """out[f, c, i, j] = Σ over n, r, s of a[n, c, r+i-top, s+j-left]·b[n, f, r, s]."""
        (channels, height, width), (count, rows, columns), (kh, kw), (top, left) = images, sent, size, edge
        for filters, first, blocks in _shared_out(count, SUMS // kw):
            with self.loop("0", str(blocks)) as (block, _), self.loop("0", str(channels)) as (c, _):
                o = self.offset((block, filters), start=first)
                with self.loop("0", str(kh)) as (i, _):
                    low, high = self._overlap(i, rows, top, height)
                    with self.loop("0", "%rows", [self.zero] * (filters * kw)) as (n, sums):
                        with self.loop(low, high, sums) as (r, inner):
                            at = self.offset(
                                (n, channels * height * width), (c, height * width), (r, width), (i, width)
                            )
                            row = self.address("%a", at, -top * width)
                            of_filter = self.offset((n, count * rows * columns), (o, rows * columns), (r, columns))
                            for s in range(0, columns, self.lanes):
                                some = [
                                    self._pixels(self.address("%b", of_filter, m * rows * columns), s, columns)
                                    for m in range(filters)
                                ]
                                for j in range(kw):
                                    x = self._pixels(row, s + j - left, width, columns - s)
                                    for m, g in enumerate(some):
                                        inner[m * kw + j] = self._added(inner[m * kw + j], x, g)
                        sums[:] = inner
                    at = self.offset((o, channels * kh * kw), (c, kh * kw), (i, kw))
                    for m, j in product(range(filters), range(kw)):
                        place = self.address("%out", at, m * channels * kh * kw + j)
                        self.add(f"store {self.kind} {self._total(sums[m * kw + j])}, ptr {place}")

    def _overlap(self, at: str, length: str | int, top: int, height: int) -> tuple[str, str]:
        """From where to where i goes, within 0 and `length`, for at + i - top to be a row of pixels."""
        low = self.make(f"call i64 @llvm.smax.i64(i64 0, i64 {self.make(f'sub i64 {top}, {at}')})")
        last = self.make(f"sub i64 {top + height}, {at}")
        return low, self.make(f"call i64 @llvm.smin.i64(i64 {length}, i64 {last})")

    def _mask(self, inside: Sequence[bool]) -> str | None:
        return None if all(inside) else f"<{', '.join(f'i1 {str(bit).lower()}' for bit in inside)}>"

    def _pixels(self, row: str, start: int, width: int, wanted: int | None = None) -> str:
        """A vector of a row from `start` on, with 0 beyond its edges; no more than are wanted."""
        end = self.lanes if wanted is None else min(wanted, self.lanes)
        inside = [lane < end and 0 <= start + lane < width for lane in range(self.lanes)]
        return self.load_vector(self.address(row, "0", start), self.size, self._mask(inside))

    def _added(self, total: str, a: str, b: str) -> str:
        """total + a·b, in one instruction where the processor has it."""
        given = f"{self.type} {a}, {self.type} {b}, {self.type} {total}"
        return self.make(f"call {FAST} {self.type} @llvm.fmuladd.{self._suffix}({given})")

    def _total(self, vector: str) -> str:
        given = f"{self.kind} {literal(0.0, self.kind)}, {self.type} {vector}"
        return self.make(f"call reassoc {self.kind} @llvm.vector.reduce.fadd.{self._suffix}({given})")

    @property
    def _suffix(self) -> str:
        return f"v{self.lanes}f{8 * self.size}"


def _shared_out(count: int, most: int) -> list[tuple[int, int, int]]:
    """`count` filters in blocks, alike and of no more than `most`, as (filters in each, the first, blocks)."""
    each = -(-count // -(-count // max(1, min(most, count))))
    whole, rest = divmod(count, each)
    return [(each, 0, whole), *([(rest, whole * each, 1)] if rest else [])]
