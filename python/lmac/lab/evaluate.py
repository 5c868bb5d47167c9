"""Measures a model on files and on messages: real frames, decoded again and compared, beside other compressors.

Files: one row each, with the bytes that every compressor makes of it, and lmac's speed; then totals, with the rates
of "Language Modeling Is Compression" (Delétang et al. 2023, section 3): raw is compressed / original bytes, adjusted
counts the model's bytes as well. Messages: every one is compressed on its own.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import TextIO

from lmac import Codec

from . import texts
from .compressors import Compress, zstd_with_dictionary

ADAPTIVE, STATIC = "lmac", "lmac static"


@dataclass(frozen=True)
class Row:
    """What was measured on one file; sizes in bytes, times in seconds.

    Attributes:
        name: Of the file.
        content_bytes: Its length.
        compressed_bytes: By name of the compressor.
        compress_seconds: Of lmac, in the last of its modes.
        decompress_seconds: Likewise.
    """

    name: str
    content_bytes: int
    compressed_bytes: dict[str, int]
    compress_seconds: float
    decompress_seconds: float

    def bits_per_byte(self, compressor: str) -> float:
        """Of the content."""
        return 8 * self.compressed_bytes[compressor] / max(self.content_bytes, 1)


def evaluate(paths: Iterable[Path], codecs: Mapping[str, Codec], others: Mapping[str, Compress]) -> Iterator[Row]:
    """Compresses every file below the paths with everything, and restores it with lmac.

    Raises:
        ValueError: What was restored is not what was compressed.
    """
    for path in paths:
        for file in texts.files(path):
            name = str(file.relative_to(path)) if path.is_dir() else file.name
            yield measure(name, file.read_bytes(), codecs, others)


def measure(name: str, content: bytes, codecs: Mapping[str, Codec], others: Mapping[str, Compress]) -> Row:
    """One row."""
    compressed_bytes = {other: len(compress(content)) for other, compress in others.items()}
    seconds = (0.0, 0.0)
    for mode, codec in codecs.items():
        frame, compress_seconds = _timed(codec.compress, content)
        restored, decompress_seconds = _timed(codec.decompress, frame)
        if restored != content:
            raise ValueError(f"{name} was not restored")
        compressed_bytes[mode], seconds = len(frame), (compress_seconds, decompress_seconds)
    return Row(name, len(content), compressed_bytes, *seconds)


def _timed(transform: Compress, data: bytes) -> tuple[bytes, float]:
    began = time.perf_counter()
    return transform(data), time.perf_counter() - began


def total(rows: Sequence[Row]) -> Row:
    """All files as one."""
    compressors = rows[0].compressed_bytes if rows else {}
    sums = {name: sum(row.compressed_bytes[name] for row in rows) for name in compressors}
    compress_seconds, decompress_seconds = sum(row.compress_seconds for row in rows), sum(row.decompress_seconds for row in rows)
    return Row("total", sum(row.content_bytes for row in rows), sums, compress_seconds, decompress_seconds)


def header(compressors: Sequence[str]) -> str:
    """The head of the table of files; the last compressor is the one whose bits per byte and speeds are shown."""
    columns = ["file", "bytes", *compressors, "bits per byte", "compress KB/s", "decompress KB/s"]
    return f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|"


def line(row: Row, compressors: Sequence[str]) -> str:
    """A row of the table of files."""
    sizes = [str(row.compressed_bytes[name]) for name in compressors]
    speeds = [f"{row.content_bytes / 1e3 / seconds:.1f}" for seconds in (row.compress_seconds, row.decompress_seconds)]
    return f"| {' | '.join([row.name, str(row.content_bytes), *sizes, f'{row.bits_per_byte(compressors[-1]):.3f}', *speeds])} |"


def rates(row: Row, model_bytes: int) -> str:
    """The table of compressors over all files: bytes, bits per byte, raw and adjusted rate."""
    lines = ["| compressor | bytes | bits per byte | raw rate | adjusted rate |\n|---|---|---|---|---|"]
    for name, size in sorted(row.compressed_bytes.items(), key=lambda item: -item[1]):
        raw, adjusted = (100 * count / max(row.content_bytes, 1) for count in (size, size + (model_bytes if name in (ADAPTIVE, STATIC) else 0)))
        lines.append(f"| {name} | {size} | {row.bits_per_byte(name):.3f} | {raw:.2f} % | {adjusted:.2f} % |")
    return "\n".join(lines)


def write_csv(rows: Iterable[Row], model_bytes: int, output: TextIO) -> None:
    """One record for each file and compressor."""
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(["file", "bytes", "compressor", "compressed_bytes", "bits_per_byte", "model_bytes"])
    for row in rows:
        for name, size in row.compressed_bytes.items():
            model = model_bytes if name in (ADAPTIVE, STATIC) else 0
            writer.writerow([row.name, row.content_bytes, name, size, f"{row.bits_per_byte(name):.4f}", model])


@dataclass(frozen=True)
class MessageSizes:
    """What became of messages that were compressed one by one.

    Attributes:
        total_bytes: Of all compressed messages together.
        mean_share: Mean of compressed / original bytes of a message.
        seconds: Of compressing.
    """

    total_bytes: int
    mean_share: float
    seconds: float


def evaluate_messages(messages: Sequence[bytes], codecs: Mapping[str, Codec], others: Mapping[str, Compress]) -> Iterator[tuple[str, MessageSizes]]:
    """Compresses every message on its own with everything; zstd also with a dictionary of 64 KB of the other half's messages.

    The halves are every second message, so that the dictionary is as good as it can be.

    Raises:
        ValueError: What was restored is not what was compressed.
    """
    for name, compress in others.items():
        yield name, _message_sizes(messages, lambda: list(map(compress, messages)))  # noqa: B023, called at once
    if len(messages) > 1 and (by_odd := zstd_with_dictionary(messages[1::2])) and (by_even := zstd_with_dictionary(messages[::2])):
        alternating = list(zip(cycle((by_odd, by_even)), messages, strict=False))
        yield "zstd -19 with dictionary", _message_sizes(messages, lambda: [compress(message) for compress, message in alternating])
    for mode, codec in codecs.items():
        for bare in (False, True):
            compress_all = partial(codec.compress_many, messages, bare=bare)
            decompress_all = partial(codec.decompress_many, bare=bare)
            yield f"{mode} bare" if bare else mode, _message_sizes(messages, compress_all, decompress_all)


def _message_sizes(
    messages: Sequence[bytes], compress_all: Callable[[], list[bytes]], decompress_all: Callable[[list[bytes]], list[bytes]] | None = None
) -> MessageSizes:
    began = time.perf_counter()
    compressed = compress_all()
    seconds = time.perf_counter() - began
    if decompress_all and decompress_all(compressed) != list(messages):
        raise ValueError("a message was not restored")
    shares = [len(blob) / len(message) for blob, message in zip(compressed, messages, strict=True)]
    return MessageSizes(sum(map(len, compressed)), sum(shares) / len(shares), seconds)


MESSAGES_HEADER = "| compressor | bytes | share of all bytes | mean share of a message | bits per byte | messages a second |\n|---|---|---|---|---|---|"


def messages_line(name: str, sizes: MessageSizes, messages: Sequence[bytes]) -> str:
    """A row of the table of messages."""
    share = sizes.total_bytes / sum(map(len, messages))
    speed = len(messages) / max(sizes.seconds, 1e-9)
    return f"| {name} | {sizes.total_bytes} | {100 * share:.1f} % | {100 * sizes.mean_share:.1f} % | {8 * share:.3f} | {speed:.0f} |"
