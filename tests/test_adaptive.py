"""The adaptive layer, from two sides: what lmac writes, the decoder of docs/adaptive.md reads."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import lmac
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lmac import _core
from numpy.typing import NDArray

import reference
from golden_frames import CONTENTS, Settings, write
from order_zero import Lists, OrderZero

CHANCE = random.Random(5)


class Prompter:
    """Knows a text by heart and is more or less sure of it, whatever it reads."""

    alphabet_size = 256
    model_id = bytes(32)

    def __init__(self, text: bytes) -> None:
        self.text = text

    def start(self, lanes: int) -> None:
        """Goes back to the beginning of the text."""
        self.step = 0

    def advance(self, symbols: NDArray[Any]) -> NDArray[Any]:
        """Prefers the next symbol of the text by 0 to 44 bits."""
        logits = np.zeros((*symbols.shape, 256), np.int16)  # (lanes, steps, alphabet)
        for step in range(symbols.shape[1]):
            logits[:, step, self.text[self.step % len(self.text)]] = 100 * (self.step % 8)
            self.step += 1
        return logits


def lines() -> Iterator[bytes]:
    """Records of variable length."""
    for number in range(28):
        name = CHANCE.choice([b"Anna", b"Bert", b"Charlotte"])
        yield b'{"id": %d, "name": "%s", "score": %d}\n' % (number, name, CHANCE.randrange(1000))


def records() -> Iterator[bytes]:
    """Records of twelve bytes."""
    for number in range(70):
        yield number.to_bytes(4, "little") + CHANCE.randbytes(1) + b"\0\7" + (number * number).to_bytes(5, "big")


TEXT = CONTENTS["good-text"][:184] + b"Where\x92s the peck of PICKLED peppers Peter Piper picked?\r\n\n\tPickled 1842.\n"
CODE = "".join(f"def f{number}(x):\n    return [x, {number}]\n\n\n" for number in range(20)).encode()
LINES, RECORDS = b"".join(lines()), b"".join(records())
SKEWED = bytes(CHANCE.choices(range(256), [0.8**symbol for symbol in range(256)], k=800))
PIECES = SKEWED[:424] + b"".join(SKEWED[start : start + 12] for start in CHANCE.choices(range(412), k=50))
LONG_MATCHES = SKEWED[:300] * 4 + SKEWED[300:400] + SKEWED[:200] + bytes(700)
WORDS = bytes(CHANCE.choices(b"/09:@AZ[`az{\x7f\x80\xff \n", k=300)) + b"<>" * 20 + b"zZ Zz ZZ zz " * 10
CROWDED = bytes(random.Random(0).choices(b"abc \n", k=60)) * 3

CASES: dict[str, tuple[bytes, Any, Settings]] = {
    "text": (TEXT, OrderZero(), {}),
    "code": (CODE, OrderZero(), {}),
    "lines": (LINES, OrderZero(), {}),
    "records": (RECORDS, OrderZero(), {}),
    "skewed": (SKEWED, OrderZero(), {}),
    "words": (WORDS, OrderZero(), {}),
    "pieces": (PIECES, OrderZero(), {}),  # 1024 symbols, and matches that other symbols overwrote
    "crowded": (CROWDED, OrderZero(), {}),  # two contexts use one bucket, and it matters later
    "long matches": (LONG_MATCHES, OrderZero(), {}),
    "lanes": (LINES, OrderZero(), {"lane_len": 100}),
    "many lanes": (RECORDS, OrderZero(), {"lane_len": 5}),
    "blocks": (TEXT + LINES, OrderZero(), {"lane_len": 100, "block_len": 600}),
    "prompted": (CODE, Prompter(CODE), {}),
    "prompted lanes": (LINES, Prompter(LINES[:300]), {"lane_len": 300}),
    "without network": (CODE[:300] * 14, Prompter(b"?"), {}),
}


@pytest.mark.parametrize("name", CASES)
def test_the_reference_decodes_what_lmac_writes(name: str) -> None:
    content, predictor, division = CASES[name]
    frame = lmac.Codec(predictor, **division).compress(content)
    (info,) = lmac.inspect(frame)
    assert info.stored_blocks == 0
    assert info.blocks_without_network == (1 if name == "without network" else 0)
    assert reference.decompress(frame, Lists(predictor)) == content


@given(st.binary(max_size=30) | st.text("ab \n", max_size=60).map(str.encode), st.integers(1, 60), st.integers(1, 60))
@settings(max_examples=40, deadline=None)
def test_the_reference_decodes_short_contents(content: bytes, block_len: int, lane_len: int) -> None:
    frame = lmac.Codec(OrderZero(), block_len=block_len, lane_len=lane_len).compress(content)
    assert reference.decompress(frame, Lists(OrderZero())) == content


@pytest.mark.parametrize("lane_len", [30, None])
def test_the_reference_decodes_what_the_tiny_model_wrote(tiny_model: bytes, tiny_text: bytes, lane_len: int | None) -> None:
    frame = lmac.Codec(tiny_model, lane_len=lane_len).compress(tiny_text[:200])
    executor = _core.Executor(_core.Model(tiny_model), threads=1)
    assert reference.decompress(frame, Lists(executor)) == tiny_text[:200]


def test_the_golden_frames_have_blocks_of_all_kinds() -> None:
    kinds = {
        "good-adaptive-empty": (0, 0, 0),
        "good-adaptive-one-byte": (1, 1, 0),
        "good-adaptive-text": (1, 0, 0),
        "good-adaptive-lanes": (1, 0, 0),
        "good-adaptive-blocks": (4, 1, 0),
        "good-adaptive-without-network": (1, 0, 1),
    }
    for name, kind in kinds.items():
        (info,) = lmac.inspect(write(name))
        assert info.adaptive
        assert (info.blocks, info.stored_blocks, info.blocks_without_network) == kind
