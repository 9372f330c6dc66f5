"""exp, log and their relatives in machine code, against mpmath: 2 ulp over the whole domain, and what lies outside."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache

import mpmath
import numpy as np
import pytest
from many_cases import slow_but

from microgradcnn.targets.native.llvm_functions import definitions, symbol
from microgradcnn.targets.native.machine_code import MachineCode, vector_bytes

KINDS = {"double": np.float64, "float": np.float32}
EXACT = {
    "exp": mpmath.exp,
    "expm1": mpmath.expm1,
    "log": mpmath.log,
    "log1p": mpmath.log1p,
    "tanh": mpmath.tanh,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "pow": mpmath.power,
}
UNARY = [name for name in EXACT if name != "pow"]
BOUND = 2.0  # ulp

every_kind = pytest.mark.parametrize("kind", KINDS)
every_width = pytest.mark.parametrize("width", ["one", "full"])


@pytest.fixture(autouse=True)
def no_cache(monkeypatch):
    monkeypatch.setenv("MICROGRADCNN_CACHE", "")


def lanes_of(kind: str, width: str) -> int:
    return 1 if width == "one" else vector_bytes() // np.dtype(KINDS[kind]).itemsize


@cache
def compiled(name: str, kind: str, lanes: int, text: str = "") -> Callable[..., np.ndarray]:
    """The function on arrays: a loop that calls it; `text` in place of its definition."""
    code = MachineCode((text or definitions([name], kind, lanes)) + loop(name, kind, lanes))
    call = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3, ctypes.c_int64)(code.address("run"))

    def run(*arguments):
        size = -(-len(arguments[0]) // lanes) * lanes
        x, y, out = (np.ones(size, KINDS[kind]) for _ in range(3))
        for padded, given in zip((x, y), arguments, strict=False):
            padded[: len(given)] = given
        call(x.ctypes.data, y.ctypes.data, out.ctypes.data, size)
        return out[: len(arguments[0])]

    run.code = code  # which has to live as long
    return run


def loop(name: str, kind: str, lanes: int) -> str:
    numbers = kind if lanes == 1 else f"<{lanes} x {kind}>"
    arguments = f"{numbers} %x, {numbers} %y" if name == "pow" else f"{numbers} %x"
    align = np.dtype(KINDS[kind]).itemsize
    return f"""
define void @run(ptr %a, ptr %b, ptr %c, i64 %n) {{
start:
  br label %loop
loop:
  %i = phi i64 [0, %start], [%next, %loop]
  %pa = getelementptr {kind}, ptr %a, i64 %i
  %pb = getelementptr {kind}, ptr %b, i64 %i
  %pc = getelementptr {kind}, ptr %c, i64 %i
  %x = load {numbers}, ptr %pa, align {align}
  %y = load {numbers}, ptr %pb, align {align}
  %z = call {numbers} {symbol(name, kind, lanes)}({arguments})
  store {numbers} %z, ptr %pc, align {align}
  %next = add i64 %i, {lanes}
  %more = icmp ult i64 %next, %n
  br i1 %more, label %loop, label %end
end:
  ret void
}}
"""


@cache
def domain(name: str, kind: str) -> np.ndarray:
    """Thousands of points: spread evenly and by their exponents, near 0, near 1, and near every multiple of ln 2/2."""
    info, random, n = np.finfo(KINDS[kind]), np.random.default_rng(0), 1200
    low, high = np.log(info.tiny), np.log(info.max)
    if name in ("log", "log1p"):
        exponents = random.uniform(np.log2(info.tiny), info.maxexp - 0.01, n)
        small = random.choice((-1.0, 1.0), n) * 2.0 ** random.uniform(-info.nmant - 3, -1, n)
        parts = [2.0**exponents, random.uniform(0.3, 3.0, n), (name == "log") + small]
        parts += [-1 + 2.0 ** random.uniform(-info.nmant, 0, n), [info.tiny, info.max]] if name == "log1p" else []
    else:
        small = random.choice((-1.0, 1.0), n) * 2.0 ** random.uniform(np.log2(info.tiny) + 1, 0, n)
        parts = [random.uniform(low, high, n), random.uniform(-40, 40, n), random.uniform(-2, 2, n), small]
        halves = np.arange(np.ceil(2 * low / np.log(2)) + 2, 2 * high / np.log(2) - 2) * np.log(2) / 2
        parts += [halves, halves * (1 + 1e-5), halves * (1 - 1e-5)]
        steps = np.arange(1, 40) * info.eps
        parts += [low * (1 - steps), high * (1 - steps), low * (1 - 1e3 * steps), high * (1 - 1e3 * steps)]
    return np.unique(np.concatenate(parts).astype(KINDS[kind]))


@cache
def powers(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Bases of every size and exponents to go with them; the results are spread over all that are finite."""
    info, random, n = np.finfo(KINDS[kind]), np.random.default_rng(1), 2500
    spread = 2.0 ** random.uniform(np.log2(info.tiny), info.maxexp - 0.01, n)
    x = np.concatenate([spread, random.uniform(0.5, 2.0, n), 1 + random.uniform(-1e-3, 1e-3, n)]).astype(KINDS[kind])
    x[x == 1] = 2
    logs = np.log(x.astype(np.float64))
    y = (random.uniform(np.log(info.tiny), np.log(info.max), x.size) * 0.999 / logs).astype(KINDS[kind])
    y[::5] = np.clip(np.round(y[::5]), -30, 30)
    return x, y


@cache
def exact(name: str, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """The function at the points above, as the sum of two arrays."""
    points = powers(kind) if name == "pow" else (domain(name, kind),)
    with mpmath.workprec(160):
        values = [EXACT[name](*map(mpmath.mpf, map(float, row))) for row in zip(*points, strict=True)]
        near = np.array([float(value) for value in values])
        return near, np.array([float(value - mpmath.mpf(float(value))) for value in values])


def worst(name: str, kind: str, run: Callable[..., np.ndarray]) -> float:
    """The largest error where the exact result is normal, in units of its last place."""
    points = powers(kind) if name == "pow" else (domain(name, kind),)
    near, rest = exact(name, kind)
    info = np.finfo(KINDS[kind])
    normal = (abs(near) >= float(info.tiny)) & (abs(near) < float(info.max))
    place = np.spacing(abs(near[normal]).astype(KINDS[kind])).astype(np.float64)
    error = (run(*points)[normal].astype(np.float64) - near[normal]) - rest[normal]
    assert normal.sum() > 1000
    assert np.isfinite(error).all()
    return float(np.max(abs(error) / place))


@every_width
@every_kind
@pytest.mark.parametrize("name", slow_but("exp", "log", among=EXACT))
def test_right_to_two_ulp(name, kind, width):
    assert worst(name, kind, compiled(name, kind, lanes_of(kind, width))) <= BOUND


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "coefficient"),
    [
        ("exp", 0.041666666666),
        ("expm1", 0.166666666),
        ("sigmoid", 0.1666666666),
        ("tanh", 0.0083333333),
        ("log1p", 0.66666666),
    ],
)
def test_a_wrong_coefficient_is_noticed(name, coefficient):
    """One of them, of those that begin like this, is changed by some 1e-12 of itself."""
    text, lanes = definitions([name], "double", 8), 8
    bits = {int(word[2:18], 16) for word in text.split() if word.startswith("0x")}
    numbers = {b: float(np.array(b, np.uint64).view(np.float64)) for b in bits}
    (found,) = [b for b, number in numbers.items() if 0 <= number - coefficient < 1e-7 * coefficient]
    wrong = text.replace(f"0x{found:016X}", f"0x{found + 2**14:016X}")
    assert wrong != text
    assert worst(name, "double", compiled(name, "double", lanes, wrong)) > BOUND


SPECIAL = {
    "exp": [(np.inf, np.inf), (-np.inf, 0), (0.0, 1), (-0.0, 1), (1e4, np.inf), (-1e4, 0)],
    "expm1": [(np.inf, np.inf), (-np.inf, -1), (0.0, 0.0), (-0.0, -0.0), (1e4, np.inf), (-1e4, -1)],
    "log": [(np.inf, np.inf), (0.0, -np.inf), (-0.0, -np.inf), (-1.0, np.nan), (-np.inf, np.nan), (1, 0)],
    "log1p": [(np.inf, np.inf), (-1.0, -np.inf), (-1.5, np.nan), (-np.inf, np.nan), (0.0, 0.0), (-0.0, -0.0)],
    "tanh": [(np.inf, 1), (-np.inf, -1), (0.0, 0.0), (-0.0, -0.0), (1e30, 1), (-1e30, -1)],
    "sigmoid": [(np.inf, 1), (-np.inf, 0), (0.0, 0.5), (-0.0, 0.5), (1e30, 1), (-1e30, 0)],
    "softplus": [(np.inf, np.inf), (-np.inf, 0), (1e30, 1e30), (-1e30, 0)],
}


@every_width
@every_kind
@pytest.mark.parametrize("name", UNARY)
def test_the_ends_of_the_domain(name, kind, width):
    x, expected = np.array([*SPECIAL[name], (np.nan, np.nan)], KINDS[kind]).T
    y = compiled(name, kind, lanes_of(kind, width))(x)
    np.testing.assert_array_equal(y, expected)
    signed = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(y[signed]), np.signbit(expected[signed]))


@every_width
@every_kind
def test_powers_of_special_numbers_are_those_of_numpy(kind, width):
    numbers = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 1e30, np.inf]
    x, y = np.array([(a, b) for a in [*numbers, np.nan] for b in [*numbers, np.nan]], KINDS[kind]).T
    run = compiled("pow", kind, lanes_of(kind, width))
    for signs in [(1, 1), (1, -1), (-1, 1), (-1, -1)]:
        a, b = signs[0] * x, signs[1] * y
        with np.errstate(all="ignore"):
            expected, found = np.power(a, b), run(a, b)
        np.testing.assert_allclose(found, expected, rtol=4 * np.finfo(KINDS[kind]).eps)
        signed = ~np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(found[signed]), np.signbit(expected[signed]))


@every_kind
@pytest.mark.parametrize("name", UNARY)
def test_nothing_jumps_where_results_are_subnormal(name, kind):
    """Such results may be 0, and are no larger than the smallest normal number; a subnormal x counts as 0 at worst."""
    info = np.finfo(KINDS[kind])
    low = np.log(np.longdouble(info.tiny))
    edge = np.linspace(float(low) * 1.08, float(low), 997).astype(KINDS[kind])
    x = np.concatenate([edge, info.tiny * np.linspace(0, 1, 100).astype(KINDS[kind])])
    y = compiled(name, kind, lanes_of(kind, "full"))(x)
    if name in ("exp", "sigmoid", "softplus"):
        assert np.all((y[:997] >= 0) & (y[:997] <= info.tiny * (1 + 1e-3)))
    if name in ("expm1", "log1p", "tanh"):
        assert np.all(abs(y[997:] - x[997:]) <= info.tiny)
    if name == "log":
        inside = y[998:].astype(np.float64)
        np.testing.assert_allclose(inside, np.log(x[998:].astype(np.longdouble)).astype(np.float64), rtol=1e-6)


@every_kind
def test_widths_agree_to_the_last_bit(kind):
    for name in UNARY:
        one, full = (compiled(name, kind, lanes_of(kind, width))(domain(name, kind)) for width in ("one", "full"))
        np.testing.assert_array_equal(one, full)


def test_names_are_defined_once():
    text = definitions(["softplus", "exp", "softplus", "log1p"], "float", 4)
    assert text.count("define internal <4 x float>") == 3
    assert symbol("exp", "float", 4) == "@exp.v4f32"
    assert symbol("exp", "double", 1) == "@exp.f64"
    assert definitions([], "double", 8) == ""


def test_names_that_do_not_exist():
    with pytest.raises(KeyError, match="sinc"):
        definitions(["sinc"], "double", 1)
    with pytest.raises(KeyError, match="half"):
        definitions(["exp"], "half", 1)
