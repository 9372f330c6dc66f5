"""Attention: every place of a sequence takes a mean of all places, with weights that queries and keys give."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn.engine.arguments import check_integers
from microgradcnn.engine.arrays import bare_array
from microgradcnn.engine.value import Value
from microgradcnn.nn.layers.dropout import Dropout
from microgradcnn.nn.layers.linear import INITIALISATIONS, Generator, Linear, check_dtype, check_generator
from microgradcnn.nn.module import Module

FORBIDDEN = float(np.finfo(np.float32).min)  # a score whose exp is 0; an infinity would be mistaken for divergence


class MultiheadAttention(Module):
    """softmax(Q Kᵀ/√d) V in each of `num_heads` heads of d = embed_dim/num_heads numbers, side by side, then a Linear.

    Q, K and V are query, key and value times the three parts of `in_proj_weight`, (3·embed_dim, embed_dim), plus those
    of `in_proj_bias`; `out_proj` is the Linear. `dropout` is the probability of a 0 among the weights in train() mode.
    Sequences are (length, n, embed_dim), with `batch_first` (n, length, embed_dim), or one (length, embed_dim). A
    program of mg.compile for any number of rows takes `batch_first`. (Vaswani et al. 2017, section 3.2.) Raises
    TypeError or ValueError for arguments that fit no layer.
    """

    embed_dim: int
    num_heads: int
    dropout: float = 0.0
    batch_first: bool = False

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        *,
        batch_first: bool = False,  # PyTorch's ninth argument
        rng: Generator | None = None,
        dtype: Any = np.float64,
    ) -> None:
        rng = check_generator(rng)
        check_dtype(dtype)
        check_integers(embed_dim=embed_dim, num_heads=num_heads)
        if min(embed_dim, num_heads) < 1 or embed_dim % num_heads:
            raise ValueError(f"embed_dim is a multiple of num_heads, both at least 1, not {embed_dim} of {num_heads}")
        self.embed_dim, self.num_heads, self.batch_first = embed_dim, num_heads, batch_first
        shape = 3 * embed_dim, embed_dim
        self.in_proj_weight = Value(INITIALISATIONS["glorot"](rng, shape, embed_dim, 3 * embed_dim).astype(dtype))
        self.in_proj_bias = Value(np.zeros(3 * embed_dim, dtype)) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias, rng=rng, dtype=dtype)
        if self.out_proj.bias is not None:
            self.out_proj.bias.data = np.zeros(embed_dim)
        self.dropout = dropout
        dropping = Dropout(dropout, rng=rng)
        self.dropping = dropping if dropout > 0.0 else None

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Value, Value | None]:
        """What every query gets, in its axes, and the weights (n, queries, keys), None unless `need_weights`.

        Weights are means over heads, or (n, heads, queries, keys) without `average_attn_weights`; one sequence has no
        n. A mask of booleans is True where a query must not look, one of numbers is added to Q Kᵀ/√d:
        `key_padding_mask` (n, keys), `attn_mask` (queries, keys) or (n·heads, queries, keys); `is_causal` forbids every
        later place. A query that may look nowhere looks everywhere alike.
        """
        one = len(np.shape(query)) == 2
        for x in (query, key, value):
            if len(np.shape(x)) != (2 if one else 3) or np.shape(x)[-1] != self.embed_dim:
                order = "n, length" if self.batch_first else "length, n"
                self.refuse(x, f"sequences ({order}, {self.embed_dim}) or one (length, {self.embed_dim}), all alike")
        q, k, v = [self._heads(self._projected(x, i), one) for i, x in enumerate((query, key, value))]
        if k.shape != v.shape or len(k) != len(q):
            self.refuse(value, f"as many values as keys {np.shape(key)} and as many sequences as queries")
        scores = (q * (1.0 / math.sqrt(q.shape[-1]))) @ mg.transpose(k, (0, 1, 3, 2))
        weights = mg.softmax(self._masked(scores, key_padding_mask, attn_mask, is_causal))
        if self.dropping is not None:
            weights = self.dropping(weights)
        found = self.out_proj(self._joined(weights @ v, one))
        if not need_weights:
            return found, None
        shown = mg.mean(weights, axis=1) if average_attn_weights else weights
        return found, shown[0] if one else shown

    def _projected(self, x: Any, part: int) -> Value:
        """x times part 0, 1 or 2 of the projection."""
        rows = slice(part * self.embed_dim, (part + 1) * self.embed_dim)
        y = x @ self.in_proj_weight[rows].T
        return y if self.in_proj_bias is None else y + self.in_proj_bias[rows]

    def _heads(self, x: Value, one: bool) -> Value:
        """(n, heads, length, d)."""
        d = self.embed_dim // self.num_heads
        if one:
            return mg.transpose(x.reshape(1, -1, self.num_heads, d), (0, 2, 1, 3))
        split = x.reshape(*x.shape[:2], self.num_heads, d)
        return mg.transpose(split, (0, 2, 1, 3) if self.batch_first else (1, 2, 0, 3))

    def _joined(self, x: Value, one: bool) -> Value:
        """The heads side by side again, in the axes of the query."""
        n, _, length, _ = x.shape
        if one or self.batch_first:
            lead = (length,) if one else (n, length)
            return mg.transpose(x, (0, 2, 1, 3)).reshape(*lead, self.embed_dim)
        return mg.transpose(x, (2, 0, 1, 3)).reshape(length, n, self.embed_dim)

    def _masked(self, scores: Value, padding: Any, mask: Any, is_causal: bool) -> Value:
        """Scores (n, heads, queries, keys) under all masks."""
        n, heads, queries, keys = scores.shape
        if padding is not None:
            padding = self._mask(padding, (n, keys), *([(keys,)] if n == 1 else []))
            scores = _under(scores, mg.reshape(padding, (n, 1, 1, keys)))
        if mask is not None:
            mask = self._mask(mask, (queries, keys), (n * heads, queries, keys))
            scores = _under(scores, mask if len(np.shape(mask)) == 2 else mg.reshape(mask, scores.shape))
        return _under(scores, np.triu(np.ones((queries, keys), bool), 1)) if is_causal else scores

    def _mask(self, mask: Any, *shapes: tuple[int, ...]) -> Any:
        """A Value or an array of one of the shapes. Raises ValueError for another shape."""
        if np.shape(mask) not in shapes:
            self.refuse(mask, f"a mask of shape {' or '.join(map(str, shapes))}")
        return mask if isinstance(mask, Value) else bare_array(mask)


def _under(scores: Value, mask: Any) -> Value:
    """Scores under a mask: FORBIDDEN where a boolean says so, or the sum with numbers, in the dtype of the scores."""
    if mask.dtype == np.bool_:
        return mg.where(mask, FORBIDDEN, scores)
    return scores + (mask if isinstance(mask, Value) else mask.astype(scores.dtype))
