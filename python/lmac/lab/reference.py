"""The exact Transformer in plain int64 numpy: slow, clear, one context at a time.

Written from docs/exact-transformer.md, section by section. It makes the known answers of model files,
and tests compare every executor with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from .architecture import Architecture, Context

Integers = NDArray[np.int64]
Tensors = Mapping[str, NDArray[np.generic]]

MULTIPLIER, FINAL_MULTIPLIER, MASK = 0x2F0B4C47, 0x4F1BBCDD, 0xFFFFFFFF
WORD_BYTES = frozenset(b"0123456789abcdefghijklmnopqrstuvwxyz") | frozenset(range(128, 256))


def logits(symbols: Sequence[int], tensors: Tensors, architecture: Architecture) -> NDArray[np.int16]:
    """Logits after the beginning of a context and after every one of ``symbols``.

    Args:
        symbols: In ``0..alphabet_size``, without the beginning.
        tensors: By name, as in section 3.
        architecture: Of the model.

    Returns:
        int16 ``(len(symbols) + 1, alphabet_size)``, in 1/16 bit.
    """
    t = {name: np.asarray(array).astype(np.int64) for name, array in tensors.items()}
    x = _embed([architecture.alphabet_size, *symbols], t, architecture)
    for i in range(architecture.layers):
        layer = {name.removeprefix(f"layers.{i}."): array for name, array in t.items() if name.startswith(f"layers.{i}.")}
        x = _residual(x, _attention(_norm(x), layer, t["exp2_table"], architecture))
        x = _residual(x, _feed_forward(_norm(x), layer))
    return np.clip(_linear(_norm(x), t, "logits"), -32768, 32767).astype(np.int16)


def _requant(accumulator: Integers, shift: Integers | int) -> Integers:
    """Section 1."""
    return (accumulator + ((np.int64(1) << shift) >> 1)) >> shift


def _linear(x: Integers, tensors: Mapping[str, Integers], name: str) -> Integers:
    return _requant(x @ tensors[f"{name}_weight"].T, tensors[f"{name}_shift"])


def _residual(x: Integers, update: Integers) -> Integers:
    return np.clip(x + update, -32767, 32767)


def context_row(history: Sequence[int], context: Context, architecture: Architecture) -> int:
    """Section 4: the row that ``context`` selects after ``history``, which begins with the beginning."""
    if context.kind == "ngram":
        beginning = [architecture.alphabet_size] * context.order
        terms, h = [*beginning, *history][: -context.order - 1 : -1], context.order
    else:
        terms, h = _word_hashes(history, context.order), 256 + context.order
    for term in terms:
        h = (h + term + 1) * MULTIPLIER & MASK
    return ((h ^ h >> 15) * FINAL_MULTIPLIER & MASK) >> 32 - architecture.context_rows_log2


def _word_hashes(history: Sequence[int], count: int) -> list[int]:
    words: list[int] = []  # completed, in order
    running: int | None = None
    for symbol in history:
        folded = symbol + 32 if 65 <= symbol <= 90 else symbol
        if folded in WORD_BYTES:
            running = ((running or 0) + folded + 1) * MULTIPLIER & MASK
        elif running is not None:
            words.append(running)
            running = None
    current = running if running is not None else history[-1] + 1
    return [current, *words[::-1], *[0] * count][:count]


def _embed(history: Sequence[int], t: Mapping[str, Integers], a: Architecture) -> Integers:
    """Section 4: (positions, width)."""
    x = t["symbol_embedding"][list(history)] << t["symbol_shift"]
    if not a.contexts:
        return np.clip(x, -32767, 32767)
    features = np.empty((len(history), len(a.contexts), a.context_dim), np.int64)
    for position in range(len(history)):
        for i, context in enumerate(a.contexts):
            packed = t["context_tables"][i, context_row(history[: position + 1], context, a)]
            features[position, i] = np.concatenate([packed & 15, packed >> 4]) - 8
    return _residual(x, _linear(features.reshape(len(history), -1), t, "context"))


def _norm(x: Integers) -> Integers:
    """Section 5; the only float32 steps here and in the division of attention."""
    magnitude = np.maximum(np.abs(x).sum(-1, keepdims=True), 1).astype(np.float32)
    ratio = np.float32(13 * x.shape[-1]) / magnitude
    return np.clip(np.rint(x.astype(np.float32) * ratio), -127, 127).astype(np.int64)


def _attention(y: Integers, layer: Mapping[str, Integers], exp2_table: Integers, a: Architecture) -> Integers:
    """Section 6, position by position."""
    qkv = np.clip(_linear(y, layer, "qkv"), -127, 127)
    q, k, v = np.split(qkv, [a.width, a.width + a.head_dim], axis=-1)
    o = np.empty_like(q)
    for t in range(len(y)):
        first = max(0, t - layer["bias"].shape[1] + 1)
        distance = t - np.arange(first, t + 1)
        scores = _requant(q[t].reshape(a.heads, a.head_dim) @ k[first : t + 1].T, a.score_shift) + layer["bias"][:, distance]
        e = exp2_table[np.minimum(scores.max(-1, keepdims=True) - scores, 255)]  # (heads, positions)
        quotient = (e @ v[first : t + 1]).astype(np.float32) / e.sum(-1, keepdims=True).astype(np.float32)
        o[t] = np.rint(quotient).astype(np.int64).ravel()
    return _linear(o, layer, "out")


def _feed_forward(y: Integers, layer: Mapping[str, Integers]) -> Integers:
    """Section 7."""
    gate = np.clip(_linear(y, layer, "up"), 0, 255)
    return _linear(np.minimum((gate * gate + 64) >> 7, 255), layer, "down")
