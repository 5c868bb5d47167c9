"""``ContentReader``: the content of a file of frames as a raw file, under the buffer of ``LmacFile``.

``blocks`` finds the block that holds a position, a ``Codec`` restores it, and one restored block is kept.
"""

from __future__ import annotations

import io
from functools import partial
from typing import TYPE_CHECKING

from .blocks import BlockWalk, ReadableFile
from .codec import Codec

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class ContentReader(io.RawIOBase):
    """The content of a file of frames, without a buffer but the block at hand.

    Args:
        file: The file of frames.
        codec: Restores its blocks.
        max_output_size: Refuse content longer than this, in bytes.
    """

    def __init__(self, file: ReadableFile, codec: Codec, max_output_size: int | None) -> None:
        self._walk = BlockWalk(file, max_output_size=max_output_size)
        self._codec = codec
        self._position = 0
        self._content = b""  # of the block that begins at _start
        self._start = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Whether the underlying file can seek."""
        return self._walk.seekable

    def tell(self) -> int:
        """The position in the content."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Goes to a position, at most to the end; headers are read on the way, and nothing is restored."""
        if not self.seekable():
            raise io.UnsupportedOperation("the underlying file cannot seek")
        if whence not in (io.SEEK_SET, io.SEEK_CUR, io.SEEK_END):
            raise ValueError(f"invalid whence {whence}: use 0, 1 or 2")
        if whence == io.SEEK_END:
            while self._walk.next_block():
                pass
        origin = (0, self._position, self._walk.content_offset)[whence]
        if origin + offset < 0:
            raise ValueError(f"negative seek position {origin + offset}")
        is_inside = whence == io.SEEK_END and offset <= 0
        if not is_inside and self._walk.find(origin + offset) is None:
            offset, origin = 0, self._walk.content_offset
        self._position = origin + offset
        return self._position

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Content of one block, as much of it as ``buffer`` holds."""
        with memoryview(buffer) as view, view.cast("B") as target:
            rest = self._rest()[: len(target)]
            target[: len(rest)] = rest
            self._position += len(rest)
            return len(rest)

    def readall(self) -> bytes:
        """Everything from the position on."""
        parts = []
        while rest := self._rest():
            parts.append(bytes(rest))
            self._position += len(rest)
        return b"".join(parts)

    def _rest(self) -> memoryview:
        """What is left of the block at the position; empty at the end of the file."""
        if not self._start <= self._position < self._start + len(self._content):
            self._restore()
        return memoryview(self._content)[self._position - self._start :]

    def _restore(self) -> None:
        block = self._walk.find(self._position)
        self._content = b""  # before the next is made: one at a time
        self._start = self._position
        if block is not None:
            payload = self._walk.read_payload()
            content = self._codec._engine.restore(partial(block.decompress, payload, max_memory=self._codec.max_memory))
            self._content, self._start = content, self._walk.block_start
