"""``OrderZero``: a predictor in a few lines, so that the codec can be tested without a language model.

Golden frames were written with it: a change here needs a new ``model_id`` and new golden frames.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

import reference

# 16 log2(n), rounded up: the number of bits of n^16, without floating point.
LOG2 = np.array([(n**16).bit_length() for n in range(4096)])
RATE = 8


class OrderZero:
    """Every byte as probable as it was frequent so far in its lane."""

    alphabet_size = 256
    model_id = hashlib.sha256(b"lmac test predictor: order zero, version 1").digest()

    def start(self, lanes: int) -> None:
        """Forgets all counts."""
        self.counts = np.ones((lanes, 257), np.int64)

    def advance(self, symbols: NDArray[Any]) -> NDArray[Any]:
        """Counts, and predicts by the counts."""
        logits = []
        for column in symbols.T:
            self.counts[np.arange(len(column)), column] += RATE
            logits.append(LOG2[np.minimum(self.counts, len(LOG2) - 1)])
        return np.stack(logits, axis=1)[:, :, :256]


class Lists:
    """A predictor as ``reference.py`` wants it: nested lists in place of arrays."""

    def __init__(self, predictor: Any) -> None:
        self._predictor = predictor
        self.alphabet_size: int = predictor.alphabet_size
        self.model_id: bytes = predictor.model_id
        self.fingerprint: str | None = getattr(predictor, "fingerprint", None)
        self.vocabulary: reference.Vocabulary | None = getattr(predictor, "plain_vocabulary", None)
        self.start = predictor.start

    def advance(self, symbols: list[list[int]]) -> list[list[list[int]]]:
        """As ``Predictor.advance``."""
        logits: list[list[list[int]]] = self._predictor.advance(np.array(symbols, np.int64)).tolist()
        return logits
