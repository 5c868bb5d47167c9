"""Measures a model on files: real frames, decoded again and compared, beside xz.

One row a file: bytes, what ``xz -9e`` and lmac make of it, bits per byte, and the speed both ways.
"""

from __future__ import annotations

import lzma
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from lmac import Codec

HEADER = "| file | bytes | xz -9e | lmac | bits per byte | compress KB/s | decompress KB/s |\n|---|---|---|---|---|---|---|"


@dataclass(frozen=True)
class Row:
    """What was measured on one file; sizes in bytes, times in seconds."""

    name: str
    content_bytes: int
    xz_bytes: int
    compressed_bytes: int
    compress_seconds: float
    decompress_seconds: float

    def __str__(self) -> str:
        bits = 8 * self.compressed_bytes / max(self.content_bytes, 1)
        rates = (self.content_bytes / 1e3 / seconds for seconds in (self.compress_seconds, self.decompress_seconds))
        sizes = f"{self.content_bytes} | {self.xz_bytes} | {self.compressed_bytes} | {bits:.3f}"
        return f"| {self.name} | {sizes} | {' | '.join(f'{rate:.1f}' for rate in rates)} |"


def evaluate(paths: Iterable[Path], codec: Codec) -> Iterable[Row]:
    """Compresses and restores every file.

    Raises:
        ValueError: What was restored is not what was compressed.
    """
    for path in paths:
        content = path.read_bytes()
        compressed, compress_seconds = _timed(codec.compress, content)
        restored, decompress_seconds = _timed(codec.decompress, compressed)
        if restored != content:
            raise ValueError(f"{path} was not restored")
        xz_bytes = len(lzma.compress(content, preset=9 | lzma.PRESET_EXTREME))
        yield Row(path.name, len(content), xz_bytes, len(compressed), compress_seconds, decompress_seconds)


def _timed(transform: Callable[[bytes], bytes], data: bytes) -> tuple[bytes, float]:
    began = time.perf_counter()
    return transform(data), time.perf_counter() - began
