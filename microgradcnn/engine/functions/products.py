"""Products that are sums of products: of matrices, of vectors, over any axes."""

from __future__ import annotations

import math
import string
from collections.abc import Container, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from microgradcnn.engine import primitives
from microgradcnn.engine.arguments import Operand, explained, listed, of_one, of_two, shown
from microgradcnn.engine.arrays import dtype_of
from microgradcnn.engine.functions.diagonals import diagonal
from microgradcnn.engine.functions.reductions import sum
from microgradcnn.engine.functions.shapes import moveaxis, places, ravel, reshape, shape, transpose
from microgradcnn.engine.table import layers
from microgradcnn.engine.table.attention import attention_weights
from microgradcnn.engine.value import Value


@of_two
def matmul(a: Operand, b: Operand) -> Any:
    """The matrix product a @ b, for one or more axes each, as in NumPy."""
    return primitives.matmul(a, b)


@of_one
@explained
def linear(x: Operand, weight: Operand, bias: Operand = None) -> Any:
    """x Wᵀ + b for x (..., inputs), a weight W (outputs, inputs) and a bias b (outputs,), without which it is x Wᵀ.

    With a bias it is one node, faster than the product and the sum that nn.Linear records, and its graph shows.
    """
    if bias is None:
        return primitives.matmul(x, transpose(weight))
    return layers.linear(x, weight, bias)


@explained
def scaled_dot_product_attention(
    query: Operand,
    key: Operand,
    value: Operand,
    attn_mask: Operand = None,
    *,
    is_causal: bool = False,
    scale: float | None = None,
) -> Any:
    """softmax(Q Kᵀ·scale + mask) V for queries, keys and values (..., length, features), in two nodes.

    They are the weights, and their product with V. The mask is added, or is boolean, True where a query looks at a key;
    with `is_causal` none looks at what comes later than itself. `scale` is 1/√features unless it is given. (Vaswani et
    al. 2017, equation 1.) nn.MultiheadAttention records the steps one by one, which its graph shows; this is faster.
    Raises ValueError for two masks.
    """
    if min(len(shape(x)) for x in (query, key, value)) < 2:
        raise ValueError(
            "scaled_dot_product_attention takes queries, keys and values (..., length, features), not of shapes "
            f"{shape(query)}, {shape(key)} and {shape(value)}"
        )
    queries, features = shape(query)[-2:]
    mask: Any = 0.0
    if is_causal:
        if attn_mask is not None:
            raise ValueError("scaled_dot_product_attention takes an attn_mask or is_causal=True, not both")
        mask = _causal(queries, shape(key)[-2], dtype_of(query))
    elif attn_mask is not None:
        mask = attn_mask if isinstance(attn_mask, Value) else np.asarray(attn_mask)
        zero = dtype_of(query).type(0.0)
        if mask.dtype == np.bool_:
            mask = primitives.where(mask, zero, zero - np.inf)
        elif not isinstance(mask, Value):
            mask = mask.astype(zero.dtype)
    scale = 1.0 / math.sqrt(features) if scale is None else float(scale)
    return primitives.matmul(attention_weights(query, key, mask, scale=scale), value)


@lru_cache(maxsize=16)
def _causal(queries: int, keys: int, dtype: np.dtype[Any]) -> Any:
    """0 where a query looks, -inf at what comes later."""
    mask = np.where(np.tri(queries, keys, dtype=bool), dtype.type(0.0), dtype.type(-np.inf))
    mask.setflags(write=False)  # so that nodes need not copy it
    return mask


@of_two
@explained
def dot(a: Operand, b: Operand) -> Any:
    """The product of numbers, the scalar product of vectors, the product of matrices.

    Of more axes it adds products over the last one of a and the last but one of b.
    """
    if not shape(a) or not shape(b):
        return primitives.mul(a, b)
    if len(shape(b)) < 2 or len(shape(a)) < 3 > len(shape(b)):
        return primitives.matmul(a, b)
    return tensordot(a, b, ([-1], [-2]))


@of_two
@explained
def inner(a: Operand, b: Operand) -> Any:
    """The sum of products over the last axes of both; the product if one is a number."""
    return tensordot(a, b, ([-1], [-1])) if shape(a) and shape(b) else primitives.mul(a, b)


@of_two
@explained
def vdot(a: Operand, b: Operand) -> Any:
    """The scalar product of all numbers of both."""
    return primitives.matmul(ravel(a), ravel(b))


@of_two
@explained
def outer(a: Operand, b: Operand) -> Any:
    """Every number of a times every number of b: a row for each of a."""
    return reshape(a, -1, 1) * ravel(b)


@of_two
@explained
def kron(a: Operand, b: Operand) -> Any:
    """Every number of a times the whole of b, in the place of that number."""
    n = max(len(shape(a)), len(shape(b)))
    left, right = ((1,) * (n - len(shape(x))) + shape(x) for x in (a, b))
    each = reshape(a, [k for length in left for k in (length, 1)]) * reshape(b, [k for m in right for k in (1, m)])
    return reshape(each, [k * m for k, m in zip(left, right, strict=True)])


@of_two
@explained
def cross(a: Operand, b: Operand, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """The vector product of vectors of three numbers, which lie along these axes; `axis` stands for all three."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = moveaxis(a, axisa, -1), moveaxis(b, axisb, -1)
    if shape(a)[-1:] != (3,) or shape(b)[-1:] != (3,):
        raise ValueError(f"cross takes vectors of three numbers, not of {shape(a)[-1]} and {shape(b)[-1]}")
    after, before = np.array([1, 2, 0]), np.array([2, 0, 1])
    return moveaxis(a[..., after] * b[..., before] - a[..., before] * b[..., after], -1, axisc)


@of_two
@explained
def tensordot(a: Operand, b: Operand, axes: int | Sequence[Any] = 2) -> Any:
    """The sum of products over axes: so many last ones of a and first ones of b, or those in two lists."""
    n, m = len(shape(a)), len(shape(b))
    if isinstance(axes, int | np.integer):
        axes = list(range(n - axes, n)), list(range(axes))
    elif len(listed(axes)) != 2:
        raise ValueError(f"tensordot adds over a number of axes, or those in two lists, not {axes!r}")
    left, right = places("tensordot", axes[0], n), places("tensordot", axes[1], m)
    names = iter(range(n + m))
    of_a = [next(names) for _ in range(n)]
    of_b = [of_a[left[right.index(i)]] if i in right else next(names) for i in range(m)]
    if [shape(a)[i] for i in left] != [shape(b)[i] for i in right]:
        raise ValueError(
            f"tensordot adds over axes of equal length, not over {left} of {shape(a)} and {right} of {shape(b)}"
        )
    summed = {of_a[i] for i in left}
    return _contracted([a, b], [of_a, of_b], [name for name in (*of_a, *of_b) if name not in summed])


@explained
def einsum(subscripts: Any, *operands: Any) -> Any:
    """Sums of products by Einstein's convention: einsum("ij,j->i", a, v), einsum(a, [0, 1], v, [1], [0]).

    What is not behind the arrow is added up; without an arrow that is what appears twice, and the rest is in the order
    of the alphabet. A letter twice in one operand takes its diagonal, "..." stands for axes that broadcast. It
    multiplies from the left to the right. Raises ValueError for subscripts that do not fit the operands.
    """
    if not isinstance(subscripts, str):
        subscripts, operands = _as_text([subscripts, *operands])
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    parts = inputs.split(",")
    if len(parts) != len(operands):
        raise ValueError(f"einsum {subscripts!r} is for {len(parts)} operands, and there are {len(operands)}")
    names = [_named(part, len(shape(x)), subscripts) for part, x in zip(parts, operands, strict=True)]
    every = [name for part in names for name in part]
    hidden = sorted({name for name in every if isinstance(name, int)}, reverse=True)
    if arrow:
        before, dots, after = output.partition("...")
        wanted: list[Any] = [*before, *(hidden if dots else []), *after]
    else:
        wanted = [*hidden, *sorted(name for name in {*every} - {*hidden} if every.count(name) == 1)]
    if len({*wanted}) < len(wanted) or not {*wanted} <= {*every} or (arrow and hidden and "..." not in output):
        raise ValueError(
            f"einsum {subscripts!r} has something behind its arrow twice, or what no operand has, or no ..."
        )
    return _contracted(list(operands), names, wanted)


def _as_text(given: list[Any]) -> tuple[str, tuple[Any, ...]]:
    """einsum's other form, operands each with the list of its axes, in letters."""
    operands, lists = given[: len(given) // 2 * 2 : 2], given[1::2]
    text = ",".join(map(_letters, lists))
    return text + ("->" + _letters(given[-1]) if len(given) % 2 else ""), tuple(operands)


def _letters(names: Any) -> str:
    """The letters of a list of axes. Raises ValueError for what is none."""
    numbers = [name for name in names if name is not Ellipsis] if isinstance(names, list | tuple) else [names]
    if not all(isinstance(name, int | np.integer) and 0 <= name < len(_LETTERS) for name in numbers):
        raise ValueError(
            "einsum takes subscripts, or after every operand a list of its axes, each ... or an integer from 0 to "
            f"{len(_LETTERS) - 1}, not {shown(names)}"
        )
    return "".join("..." if name is Ellipsis else _LETTERS[name] for name in names)


_LETTERS = string.ascii_uppercase + string.ascii_lowercase


def _named(part: str, n: int, subscripts: str) -> list[Any]:
    """A name for each of n axes: its letter, or how many of those in "..." lie behind it."""
    before, dots, after = part.partition("...")
    count = n - len(before + after)
    if count < 0 or (count and not dots) or not (before + after + "a").isalpha():
        raise ValueError(f"einsum {subscripts!r} has {part!r} for an operand of {n} axes")
    return [*before, *range(count - 1, -1, -1), *after]


def _contracted(operands: list[Any], names: list[list[Any]], wanted: list[Any]) -> Any:
    """The sum of the products of operands with named axes over all that are not wanted, which come in their order."""
    named = [_diagonals(x, of_x) for x, of_x in zip(operands, names, strict=True)]
    lengths: dict[Any, int] = {}
    for x, of_x in named:
        for name, length in zip(of_x, shape(x), strict=True):
            if lengths.setdefault(name, length) not in (1, length) and length != 1:
                raise ValueError(f"the axes {name!r} have lengths {lengths[name]} and {length}: a product takes one")
            lengths[name] = length if lengths[name] == 1 else lengths[name]
    first, *others = [_without_ones(x, of_x, lengths) for x, of_x in named]
    for i, other in enumerate(others):
        later = {name for _, of_x in others[i + 1 :] for name in of_x}
        first = _product(first, other, later.union(wanted))
    x, of_x = _summed(*first, wanted)
    return _in_order(x, of_x, wanted)


def _diagonals(x: Any, names: list[Any]) -> tuple[Any, list[Any]]:
    """An operand with every name once: of axes with the same name the diagonal is taken."""
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        while names.count(name) > 1:
            i, j = [at for at, other in enumerate(names) if other == name][:2]
            if shape(x)[i] != shape(x)[j]:
                raise ValueError(f"the diagonal {name!r} is one of axes of {shape(x)[i]} and {shape(x)[j]}")
            x, names = diagonal(x, 0, i, j), [*(other for at, other in enumerate(names) if at not in (i, j)), name]
    return x, names


def _without_ones(x: Any, names: list[Any], lengths: dict[Any, int]) -> tuple[Any, list[Any]]:
    """An operand without the axes along which it is repeated for others."""
    left = [(name, n) for name, n in zip(names, shape(x), strict=True) if n == lengths[name]]
    return _shaped(x, [n for _, n in left]), [name for name, _ in left]


def _product(a: tuple[Any, list[Any]], b: tuple[Any, list[Any]], needed: set[Any]) -> tuple[Any, list[Any]]:
    """Two operands multiplied, and added up over the names that nothing else needs: one matrix product."""
    (x, of_x), (y, of_y) = _summed(*a, needed.union(b[1])), _summed(*b, needed.union(a[1]))
    shared = [name for name in of_x if name in of_y]
    every, over = [name for name in shared if name in needed], [name for name in shared if name not in needed]
    rows, columns = ([name for name in names if name not in shared] for names in (of_x, of_y))
    x, y = _in_order(x, of_x, [*every, *rows, *over]), _in_order(y, of_y, [*every, *over, *columns])
    ahead = shape(x)[: len(every)]
    lengths = shape(x)[len(every) : len(every) + len(rows)], shape(y)[len(every) + len(over) :]
    found = [*every, *rows, *columns]
    if not over:
        right = _shaped(y, (*ahead, *[1] * len(rows), *lengths[1])) if rows else y
        return primitives.mul(_shaped(x, (*ahead, *lengths[0], *[1] * len(columns))), right), found
    terms = math.prod(shape(x)[len(every) + len(rows) :])
    left = [math.prod(lengths[0])] if every or rows else []  # one axis of all rows, none for a vector
    right = [math.prod(lengths[1])] if every or columns else []
    product = primitives.matmul(_shaped(x, (*ahead, *left, terms)), _shaped(y, (*ahead, terms, *right)))
    return _shaped(product, (*ahead, *lengths[0], *lengths[1])), found


def _summed(x: Any, names: list[Any], needed: Container[Any]) -> tuple[Any, list[Any]]:
    """An operand added up over the names that are not needed."""
    axes = [at for at, name in enumerate(names) if name not in needed]
    return (sum(x, axes), [name for name in names if name in needed]) if axes else (x, names)


def _in_order(x: Any, names: list[Any], wanted: list[Any]) -> Any:
    return x if names == wanted else transpose(x, [names.index(name) for name in wanted])


def _shaped(x: Any, lengths: Sequence[int]) -> Any:
    return x if shape(x) == tuple(lengths) else reshape(x, lengths)
