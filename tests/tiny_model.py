"""Where the tiny golden model lies, and the symbols its golden logits belong to."""

from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"
TINY_MODEL = GOLDEN / "tiny.onnx"
TINY_LOGITS = GOLDEN / "tiny-logits.npy"
SYMBOLS = (b"Alice was beginning to get very tired of sitting by her sister on the bank, and of\r\n" * 2 + bytes(range(256)))[:400]
