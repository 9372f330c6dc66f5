"""Average pooling and its adjoint as compiled loops over the images, a number at a time."""

from __future__ import annotations

from itertools import product

from microgradcnn.targets.lines import Line, lengths
from microgradcnn.targets.native.llvm import FunctionEmitter


def spread(line: Line) -> Line | None:
    """What a `fold` gives to all pixels of its windows alike, (n, c, rows, columns); None if they differ."""
    each = line.args[0]
    numbers = each.args[0] if each.op == "broadcast_to" else None
    if numbers is None or numbers.op != "reshape" or numbers.shape != (*each.shape[:4], 1, 1):
        return None
    return numbers.args[0] if numbers.args[0].shape == each.shape[:4] else None


class PoolingLoops(FunctionEmitter):
    """Writes the body of a kernel: the operand lies at %a, the result at %out."""

    def average(self, line: Line) -> None:
        """The mean of every window of a."""
        (_, channels, height, width), (*_, rows, columns) = lengths(line.args[0].shape, 1), lengths(line.shape, 1)
        (kh, kw), (down, right) = line.static["size"], line.static["stride"]
        share = self.constant(1.0 / (kh * kw))
        planes = self.make(f"mul i64 %rows, {channels}")
        with self.loop("0", planes) as (n, _), self.loop("0", str(rows)) as (r, _):
            corner = self.offset((n, height * width), (r, down * width))
            place = self.offset((n, rows * columns), (r, columns))
            with self.loop("0", str(columns)) as (s, _):
                at, total = self.offset((corner, 1), (s, right)), ""
                for i, j in product(range(kh), range(kw)):
                    pixel = self.make(f"load {self.kind}, ptr {self.address('%a', at, i * width + j)}")
                    total = self.binary("fadd", total, pixel) if total else pixel
                mean = self.binary("fmul", total, share)
                self.add(f"store {self.kind} {mean}, ptr {self.address('%out', self.offset((place, 1), (s, 1)))}")

    def spread(self, line: Line) -> None:
        """The numbers of a given to all pixels of their windows."""
        (_, channels, height, width), windows = lengths(line.shape, 1), lengths(line.args[0].shape, 1)
        rows, columns, kh, kw = windows[2:]
        down, right = line.static["stride"]
        planes = self.make(f"mul i64 %rows, {channels}")
        with self.loop("0", self.offset((planes, height * width))) as (pixel, _):
            self.add(f"store {self.kind} {self.constant(0.0)}, ptr {self.address('%out', pixel)}")
        with self.loop("0", planes) as (n, _), self.loop("0", str(rows)) as (r, _):
            corner = self.offset((n, height * width), (r, down * width))
            given = self.offset((n, rows * columns), (r, columns))
            with self.loop("0", str(columns)) as (s, _):
                at = self.offset((corner, 1), (s, right))
                number = self.make(f"load {self.kind}, ptr {self.address('%a', self.offset((given, 1), (s, 1)))}")
                for i, j in product(range(kh), range(kw)):
                    place = self.address("%out", at, i * width + j)
                    sent = number
                    if kh > down or kw > right:  # a pixel may be in several windows
                        sent = self.binary("fadd", self.make(f"load {self.kind}, ptr {place}"), number)
                    self.add(f"store {self.kind} {sent}, ptr {place}")
