"""Rows of the hashed context tables, for whole sequences at once (docs/exact-transformer.md, section 4).

The definition is sequential; here every position is computed in parallel. 32-bit arithmetic is done
in int64 and masked: products wrap modulo 2^64, which leaves the low 32 bits right.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from .architecture import Architecture, Context

MULTIPLIER = 0x2F0B4C47
FINAL_MULTIPLIER = 0x4F1BBCDD
MASK = 0xFFFFFFFF


@torch.compiler.disable  # type: ignore[untyped-decorator]
def context_rows(symbols: Tensor, architecture: Architecture) -> Tensor:
    """Row index of every context at every position, tables laid end to end.

    Args:
        symbols: int64 ``(batch, steps)``, the first of every row being the beginning of context.
        architecture: Gives the contexts and the number of rows.

    Returns:
        int64 ``(batch, steps, contexts)``: ``table * rows + row``.
    """
    words = _word_hashes(symbols, max((c.order for c in architecture.contexts if c.kind == "word"), default=0))
    columns = []
    for table, context in enumerate(architecture.contexts):
        h = _ngram_hash(symbols, architecture.alphabet_size, context) if context.kind == "ngram" else _word_hash(words, context)
        h = ((h ^ (h >> 15)) * FINAL_MULTIPLIER & MASK) >> (32 - architecture.context_rows_log2)
        columns.append(h + (table << architecture.context_rows_log2))
    return torch.stack(columns, -1)


def _ngram_hash(symbols: Tensor, beginning: int, context: Context) -> Tensor:
    h = torch.full_like(symbols, context.order)
    steps = symbols.shape[1]
    padded = torch.nn.functional.pad(symbols, (context.order, 0), value=beginning)
    for j in range(context.order):
        h = (h + padded[:, context.order - j : context.order - j + steps] + 1) * MULTIPLIER & MASK
    return h


def _word_hash(words: list[Tensor], context: Context) -> Tensor:
    h = torch.full_like(words[0], 256 + context.order)
    for j in range(context.order):
        h = (h + words[j] + 1) * MULTIPLIER & MASK
    return h


def _word_hashes(symbols: Tensor, count: int) -> list[Tensor]:
    """The first ``count`` of w[0], w[1], ... at every position, each ``(batch, steps)``."""
    if count == 0:
        return []
    upper = (symbols >= 65) & (symbols <= 90)
    folded = torch.where(upper, symbols + 32, symbols)
    digit = (folded >= 48) & (folded <= 57)
    letter = ((folded >= 97) & (folded <= 122)) | ((folded >= 128) & (folded <= 255))
    in_word = digit | letter
    running = _running_hash(folded, in_word)

    position = torch.arange(symbols.shape[1], device=symbols.device)
    # A word is complete at the first position after it: last_end is where the last complete word ended.
    ended = torch.zeros_like(in_word)
    ended[:, 1:] = in_word[:, :-1] & ~in_word[:, 1:]
    last_end = torch.where(ended, position - 1, -1).cummax(1).values
    completed = [running]  # completed[j] at t: hash of the j-th word before the one running at t
    for _ in range(1, count):
        previous = completed[-1].gather(1, last_end.clamp_min(0))
        completed.append(torch.where(last_end >= 0, previous, 0))
    completed[0] = torch.where(in_word, running, symbols + 1)
    return completed


def _running_hash(folded: Tensor, in_word: Tensor) -> Tensor:
    """Polynomial hash of the word so far, 0 outside words: a difference of prefix sums.

    With the inverse M' of the multiplier M modulo 2^32, the sum of (c[j] + 1) M^(t - j + 1) over the word is
    M^(t + 1) times the sum of (c[j] + 1) M'^j, and that is a difference of two prefix sums.
    """
    steps = folded.shape[1]
    powers = _powers(MULTIPLIER, steps + 1, folded.device)[1:]
    inverse_powers = _powers(pow(MULTIPLIER, -1, 1 << 32), steps, folded.device)
    terms = torch.where(in_word, (folded + 1) * inverse_powers & MASK, 0)
    prefix = terms.cumsum(1)
    position = torch.arange(steps, device=folded.device)
    before = torch.where(in_word, -1, position).cummax(1).values  # last position outside a word
    base = torch.where(before >= 0, prefix.gather(1, before.clamp_min(0)), 0)
    return torch.where(in_word, (prefix - base & MASK) * powers & MASK, 0)


@cache
def _powers(multiplier: int, count: int, device: torch.device) -> Tensor:
    values = [1]
    for _ in range(count - 1):
        values.append(values[-1] * multiplier & MASK)
    return torch.tensor(values, dtype=torch.int64, device=device)
