"""Where the tiny golden model lies, the symbols its golden logits belong to, and a text that it predicts."""

import random
from pathlib import Path

import numpy as np
from lmac import _core

GOLDEN = Path(__file__).parent / "golden"
TINY_MODEL = GOLDEN / "tiny.onnx"
TINY_LOGITS = GOLDEN / "tiny-logits.npy"
SYMBOLS = (b"Alice was beginning to get very tired of sitting by her sister on the bank, and of\r\n" * 2 + bytes(range(256)))[:400]


def predictable_text(size: int) -> bytes:
    """Bytes that the tiny model predicts well: three of four are its first choice."""
    executor = _core.Executor(_core.Model(TINY_MODEL.read_bytes()), threads=1)
    executor.start(1)
    chance = random.Random(1)
    text = bytearray()
    symbol = 256
    for _ in range(size):
        logits = executor.advance(np.array([[symbol]]))[0, 0]
        symbol = int(logits.argmax()) if chance.random() < 0.75 else chance.randrange(256)
        text.append(symbol)
    return bytes(text)
