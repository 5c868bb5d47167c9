"""``WordCounts``: a predictor with a vocabulary in a few lines, so that tokens can be tested without a language model.

Its strings are an awkward lot on purpose: beginnings of each other, two alike, two missing, one that is not
ASCII, and so few single bytes that most bytes are escapes. Golden frames were written with it: a change here
needs a new ``model_id`` and new golden frames.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from lmac import _core
from numpy.typing import NDArray

import reference
from order_zero import LOG2

STRINGS = [
    *(b"", b" a", b" an", b" and", b" the", b" th", b" t", b" pe", b" peck", b" Pe", b" Peter", b" Pi", b" Piper"),
    *(b" pick", b" picked", b" pickle", b" pickled", b" pep", b" pepper", b" peppers", b" of", b"", b" the", b" \xc3\xa9t\xc3\xa9"),
    *(b"Peter", b"Piper", b"pepper", b"pick", b"peck", b"ed", b"led", b"er", b"ers", b"s.", b"s", b".", b". ", b"\n", b", ", b"\xc3"),
]
FINGERPRINT = "runtime=counts 1.0; threads=1"
RATE = 16


class WordCounts:
    """Every number as probable as it was frequent so far after the last one in its lane.

    Args:
        prefix: What a lane spells before its content.
        fingerprint: Conditions to name in frames. It is exact all the same.
    """

    alphabet_size = len(STRINGS)

    def __init__(self, prefix: bytes = b" ", fingerprint: str | None = None) -> None:
        self.vocabulary = _core.Vocabulary(STRINGS, prefix)
        self.plain_vocabulary = reference.Vocabulary(STRINGS, prefix)
        self.fingerprint = fingerprint
        self.model_id = hashlib.sha256(b"lmac test predictor: word counts, version 1, after " + prefix).digest()

    def tokenize(self, content: bytes) -> list[int]:
        """The numbers of strings that spell the prefix and a content."""
        rest = self.vocabulary.prefix + content
        numbers: list[int] = []
        while rest:
            fitting = [number for number, string in enumerate(STRINGS) if string and rest.startswith(string)]
            if rest[:1] not in STRINGS:
                fitting.append(len(STRINGS) + 1 + rest[0])
            numbers.append(self.choose(fitting, len(numbers)))
            rest = rest[self.len_of(numbers[-1]) :]
        return numbers

    def choose(self, fitting: list[int], position: int) -> int:
        """The number of the longest string; those of the same string take turns."""
        longest = max(map(self.len_of, fitting))
        alike = [number for number in fitting if self.len_of(number) == longest]
        return alike[position % len(alike)]

    def len_of(self, number: int) -> int:
        """The length of the string of a number."""
        return len(STRINGS[number]) if number < len(STRINGS) else 1

    def start(self, lanes: int) -> None:
        """Forgets all counts."""
        self.last = np.full(lanes, len(STRINGS))
        self.counts = np.zeros((lanes, len(STRINGS) + 257, len(STRINGS) + 1), np.int64)  # (lanes, last number, number; all escapes are one)

    def advance(self, symbols: NDArray[Any]) -> NDArray[Any]:
        """Counts, and predicts by the counts."""
        lanes = np.arange(len(symbols))
        logits = []
        for column in symbols.T:
            self.counts[lanes, self.last, np.minimum(column, len(STRINGS))] += 1
            self.last = column
            logits.append(LOG2[np.minimum(1 + RATE * self.counts[lanes, column], len(LOG2) - 1)])
        return np.stack(logits, axis=1)[:, :, : len(STRINGS)]
